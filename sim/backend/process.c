/* process.c - backend "process": the guest is processes in namespaces of their own. */
#include "sim/backend/backend-internal.h"

#include "common/proc/fdpass.h"
#include "sim/backend/machine/machine.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_TIMEOUT_MS = 10000, CONSOLE_PIPE_BYTES = 1 << 18 };

/* ---- the configuration as records ---- */

static int put(struct cmn_buf *b, char tag, const void *data, size_t len)
{
    uint32_t n = (uint32_t)len;

    if (len > MACHINE_CONFIG_MAX)
        return -EFBIG;
    int r = cmn_buf_put(b, &tag, 1);
    if (r == 0)
        r = cmn_buf_put(b, &n, sizeof(n));
    return r == 0 && len ? cmn_buf_put(b, data, len) : r;
}

static bool is_host_name(const char *s)
{
    size_t n = s ? strlen(s) : 0;

    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("-._", s[i]))
            return false;
    return n > 0 && n <= 253;
}

static bool is_ip(const char *s)
{
    struct in_addr addr;

    return s && inet_pton(AF_INET, s, &addr) == 1;
}

static int put_hosts(struct cmn_buf *b, const struct sim_machine_config *config,
                     struct cmn_err *err)
{
    char line[300];
    int r = 0;

    if (config->n_hosts > SIM_HOSTS_MAX)
        return cmn_err_set(err, E2BIG, "%zu host names, limit %d", config->n_hosts, SIM_HOSTS_MAX);
    for (size_t i = 0; r == 0 && i < config->n_hosts; i++) {
        const struct sim_host *h = &config->hosts[i];
        if (!is_ip(h->ip) || !is_host_name(h->name))
            return cmn_err_set(err, EINVAL, "'%.64s %.64s' is no IPv4 address and host name",
                               h->ip ? h->ip : "", h->name ? h->name : "");
        int n = snprintf(line, sizeof(line), "%s %s", h->ip, h->name);
        r = put(b, MACHINE_HOST, line, (size_t)n);
    }
    return r < 0 ? cmn_err_set(err, -r, "no memory") : 0;
}

static int put_listeners(struct cmn_buf *b, const struct sim_machine_config *config,
                         struct cmn_err *err)
{
    char line[64];
    int r = 0;

    if (config->n_listeners > SIM_LISTENERS_MAX)
        return cmn_err_set(err, E2BIG, "%zu listeners, limit %d", config->n_listeners,
                           SIM_LISTENERS_MAX);
    for (size_t i = 0; r == 0 && i < config->n_listeners; i++) {
        const struct sim_listener *l = &config->listeners[i];
        if (!l->name || strlen(l->name) >= sizeof(((struct sim_machine *)NULL)->listeners[0].name))
            return cmn_err_set(err, EINVAL, "a listener has no name, or one of 64 letters or more");
        if (l->unix_path && l->unix_path[0] == '/') {
            r = put(b, MACHINE_UNIX, l->unix_path, strlen(l->unix_path));
        } else if (is_ip(l->ip) && l->port) {
            int n = snprintf(line, sizeof(line), "%s %u", l->ip, (unsigned)l->port);
            r = put(b, MACHINE_INET, line, (size_t)n);
        } else {
            return cmn_err_set(err, EINVAL,
                               "listener '%.64s' has neither IPv4 address and port nor an "
                               "absolute path",
                               l->name);
        }
    }
    return r < 0 ? cmn_err_set(err, -r, "no memory") : 0;
}

static int put_env(struct cmn_buf *b, const struct sim_machine_config *config)
{
    char seed[128];
    int r = 0;

    if (config->seed) {
        int n = snprintf(seed, sizeof(seed), "COCOBOX_SEED=%.100s", config->seed);
        r = put(b, MACHINE_ENV, seed, (size_t)n);
    }
    for (size_t i = 0; r == 0 && config->env && config->env[i]; i++)
        r = put(b, MACHINE_ENV, config->env[i], strlen(config->env[i]));
    return r;
}

static int pack(struct cmn_buf *b, const struct sim_machine_config *config, struct cmn_err *err)
{
    const char *hostname = config->hostname ? config->hostname : "podvm";

    if (!is_host_name(hostname) || strlen(hostname) > 63)
        return cmn_err_set(err, EINVAL, "'%.80s' is no host name of up to 63 letters", hostname);
    int r = put_hosts(b, config, err);
    if (r == 0)
        r = put_listeners(b, config, err);
    if (r < 0)
        return r;
    if (put(b, MACHINE_HOSTNAME, hostname, strlen(hostname)) < 0 || put_env(b, config) < 0 ||
        put(b, MACHINE_INITDATA, config->initdata.data, config->initdata.len) < 0 ||
        put(b, MACHINE_TOML, config->initdata_toml.data, config->initdata_toml.len) < 0 ||
        b->len > MACHINE_CONFIG_MAX)
        return cmn_err_set(err, EFBIG, "the machine's configuration is larger than %u bytes",
                           MACHINE_CONFIG_MAX);
    return 0;
}

static int config_file(const struct sim_machine_config *config, struct cmn_err *err)
{
    auto_buf struct cmn_buf b = {0};

    int r = pack(&b, config, err);
    if (r < 0)
        return r;
    int fd = memfd_create("machine", MFD_CLOEXEC);
    if (fd < 0)
        return cmn_err_set(err, errno, "cannot make a memfd: %s", strerror(errno));
    r = cmn_fd_write_all(fd, b.data, b.len);
    if (r < 0) {
        (void)close(fd);
        return cmn_err_set(err, -r, "cannot write a memfd: %s", strerror(-r));
    }
    return fd;
}

/* ---- start ---- */

struct wiring { /* pairs of ends: [0] ours, [1] the machine's */
    int answer[2];
    int agent[2];
    int console[2];
    int config;
};

static void close_once(int *fd)
{
    cmn_auto_close(fd);
    *fd = -1;
}

static void wiring_close(struct wiring *w, size_t side)
{
    close_once(&w->answer[side]);
    close_once(&w->agent[side]);
    close_once(&w->console[side]);
}

static void wiring_done(struct wiring *w)
{
    wiring_close(w, 0);
    wiring_close(w, 1);
    close_once(&w->config);
}

static int wire(struct wiring *w, struct cmn_err *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, w->answer) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->agent) < 0 ||
        pipe2(w->console, O_CLOEXEC) < 0)
        return cmn_err_set(err, errno, "cannot make sockets: %s", strerror(errno));
    (void)fcntl(w->console[1], F_SETPIPE_SZ, CONSOLE_PIPE_BYTES); /* more room helps, less works */
    return 0;
}

static int spawn(struct sim_machine *m, struct cmn_supervisor *sup, const struct wiring *w,
                 const char *bin_dir, struct cmn_err *err)
{
    const char *argv[] = {"cocobox-machine", NULL};
    const char *paths[] = {bin_dir, NULL};
    const int fds[] = {w->answer[1], w->config, w->agent[1]};

    return cmn_supervisor_spawn(sup,
                                &(struct cmn_spawn){.argv = argv,
                                                    .exe_dir = bin_dir,
                                                    .stdin_fd = -1,
                                                    .stdout_fd = w->console[1],
                                                    .stderr_fd = w->console[1],
                                                    .fds = fds,
                                                    .n_fds = CMN_ARRAY_SIZE(fds),
                                                    .paths = paths},
                                &m->process, err);
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
    if (n_fds != config->n_listeners)
        return cmn_err_set(err, EBADMSG, "the machine gave %zu listeners, want %zu", n_fds,
                           config->n_listeners);
    return 0;
}

static int process_start(const struct sim_backend *backend, struct cmn_supervisor *sup,
                         const struct sim_machine_config *config, struct sim_machine **ret,
                         struct cmn_err *err)
{
    __attribute__((cleanup(wiring_done))) struct wiring w = {{-1, -1}, {-1, -1}, {-1, -1}, -1};

    struct sim_machine *m = calloc(1, sizeof(*m));
    if (!m)
        return cmn_err_set(err, ENOMEM, "no memory");
    m->backend = backend;
    m->agent_fd = m->console_fd = -1;
    int r = config_file(config, err);
    if (r >= 0) {
        w.config = r;
        r = wire(&w, err);
    }
    if (r == 0)
        r = spawn(m, sup, &w, config->guest_bin_dir, err);
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

static int process_stop(struct sim_machine *m, unsigned timeout_ms, int *ret_status,
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

const struct sim_backend sim_backend_process = {
    .name = "process", .start = process_start, .stop = process_stop};
