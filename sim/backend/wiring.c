/* wiring.c - what a backend has between itself and its machine's process; see backend-internal.h.
 */
#include "common/proc/fdpass.h"
#include "sim/backend/backend-internal.h"
#include "sim/backend/machine/machine.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define auto_wiring __attribute__((cleanup(wiring_done)))

enum { START_TIMEOUT_MS = 10000, CONSOLE_PIPE_BYTES = 1 << 18 };

static void close_once(int *fd)
{
    cmn_auto_close(fd);
    *fd = -1;
}

static void wiring_close(struct sim_wiring *w, size_t side)
{
    close_once(&w->answer[side]);
    close_once(&w->agent[side]);
    close_once(&w->console[side]);
}

static void wiring_done(struct sim_wiring *w)
{
    wiring_close(w, 0);
    wiring_close(w, 1);
    close_once(&w->config);
}

static int wire(struct sim_wiring *w, struct cmn_err *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->answer) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->agent) < 0 ||
        pipe2(w->console, O_CLOEXEC) < 0)
        return cmn_err_set(err, errno, "cannot make sockets: %s", strerror(errno));
    (void)fcntl(w->console[1], F_SETPIPE_SZ, CONSOLE_PIPE_BYTES); /* more room helps, less works */
    return 0;
}

static int await_answer(struct sim_machine *m, int sock, const struct sim_machine_config *config,
                        struct cmn_err *err)
{
    int timeout = config->start_timeout_ms ? (int)config->start_timeout_ms : START_TIMEOUT_MS;
    struct pollfd p = {.fd = sock, .events = POLLIN};
    struct machine_answer answer;
    int fds[SIM_LISTENERS_MAX], n;
    size_t n_fds = 0;

    do
        n = poll(&p, 1, timeout);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return cmn_err_reason(err, ETIMEDOUT, CMN_REASON_GUEST_TIMEOUT,
                              "the machine is not ready after %d ms", timeout);
    ssize_t len = cmn_fdpass_recv(sock, &answer, sizeof(answer), fds, SIM_LISTENERS_MAX, &n_fds);
    for (size_t i = 0; i < n_fds; i++) {
        m->listeners[i].fd = fds[i];
        (void)snprintf(m->listeners[i].name, sizeof(m->listeners[i].name), "%s",
                       i < config->n_listeners ? config->listeners[i].name : "");
    }
    m->n_listeners = n_fds;
    if (len != (ssize_t)sizeof(answer))
        return cmn_err_reason(err, EPIPE, CMN_REASON_GUEST_CRASHED,
                              "the machine ended while it started");
    answer.step[sizeof(answer.step) - 1] = '\0';
    if (answer.r < 0)
        return cmn_err_set(err, -answer.r, "machine: %s: %s", answer.step, strerror(-answer.r));
    (void)snprintf(m->accelerator, sizeof(m->accelerator), "%.7s", answer.step);
    if (n_fds != config->n_listeners)
        return cmn_err_set(err, EBADMSG, "the machine gave %zu listeners, want %zu", n_fds,
                           config->n_listeners);
    return 0;
}

int sim_machine_stop_process(struct sim_machine *m, unsigned timeout_ms, int *ret_status,
                             struct cmn_err *err)
{
    enum { KILL_TIMEOUT_MS = 5000 };

    int r = cmn_process_wait(m->process, 0, ret_status, NULL);
    if (r == -ETIMEDOUT && timeout_ms > 0) {
        r = cmn_process_kill(m->process, SIGTERM, err);
        if (r == 0)
            r = cmn_process_wait(m->process, (int)timeout_ms, ret_status, NULL);
    }
    if (r == -ETIMEDOUT) {
        r = cmn_process_kill(m->process, SIGKILL, err);
        if (r == 0)
            r = cmn_process_wait(m->process, KILL_TIMEOUT_MS, ret_status, err);
    }
    return r;
}

int sim_machine_start_process(const struct sim_backend *backend, struct cmn_supervisor *sup,
                              const struct sim_machine_config *config, sim_machine_spawn *spawn,
                              void *ctx, struct sim_machine **ret, struct cmn_err *err)
{
    auto_wiring struct sim_wiring w = {{-1, -1}, {-1, -1}, {-1, -1}, -1};

    struct sim_machine *m = calloc(1, sizeof(*m));
    if (!m)
        return cmn_err_set(err, ENOMEM, "no memory");
    m->backend = backend;
    m->agent_fd = m->console_fd = -1;
    int r = sim_machine_config_file(config, err);
    if (r >= 0) {
        w.config = r;
        r = wire(&w, err);
    }
    if (r == 0)
        r = spawn(sup, config, &w, ctx, &m->process, err);
    wiring_close(&w, 1); /* so that we see the end when the machine ends */
    if (r == 0)
        r = await_answer(m, w.answer[0], config, err);
    if (r < 0) {
        sim_machine_free(m);
        return r;
    }
    m->agent_fd = w.agent[0];
    m->console_fd = w.console[0];
    w.agent[0] = w.console[0] = -1;
    *ret = m;
    return 0;
}
