/* watch.c - two threads of a run: what the guest says, and when it is enough (deadline, signal). */
#include "sim/run/run-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- console ---- */

struct console {
    struct sim_run *run;
    char line[SIM_GUEST_LINE_MAX];
    size_t len;
    bool cut; /* the rest of a line that was too long is being skipped */
    unsigned events;
    bool told_limit, told_bad;
};

static void handle_line(struct console *c)
{
    struct sim_run *run = c->run;
    struct cmn_err err = {0};
    const char *actor, *text;

    c->line[c->len] = '\0';
    if (strlen(c->line) != c->len) /* a NUL inside */
        return;
    if (c->events >= SIM_GUEST_EVENTS_MAX) {
        if (!c->told_limit)
            sim_run_emit(run, SIM_PHASE_BOOT, "cocobox", "guest.console", SIM_WARN, CMN_REASON_NONE,
                         "the guest sent too many lines; the rest is dropped", NULL);
        c->told_limit = true;
        return;
    }
    int r = sim_event_from_console(run->bus, c->line, &actor, &text, &err);
    if (r == 0 && run->opts->on_log)
        run->opts->on_log(run->opts->ctx, actor, text);
    if (r < 0 && !c->told_bad) {
        sim_run_emit(run, SIM_PHASE_BOOT, "cocobox", "guest.console", SIM_WARN, CMN_REASON_NONE,
                     err.msg, NULL);
        c->told_bad = true;
    }
    c->events++;
}

static void feed(struct console *c, const char *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] == '\n') {
            if (c->len)
                handle_line(c);
            c->len = 0;
            c->cut = false;
        } else if (c->len < sizeof(c->line) - 1) {
            c->line[c->len++] = data[i];
        } else if (!c->cut) {
            c->cut =
                true; /* what is there is handled at the line's end: too long JSON is refused */
        }
    }
}

static void *read_console(void *arg)
{
    struct console *c = arg;
    char block[8192];
    ssize_t n;

    for (;;) {
        n = read(c->run->machine->console_fd, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            struct pollfd p = {c->run->machine->console_fd, POLLIN, 0};
            (void)poll(&p, 1, -1);
            continue;
        }
        if (n <= 0)
            break;
        feed(c, block, (size_t)n);
    }
    if (c->len)
        handle_line(c);
    free(c);
    return NULL;
}

int sim_run_console_start(struct sim_run *run, struct cmn_err *err)
{
    struct console *c = calloc(1, sizeof(*c));

    if (!c)
        return cmn_err_set(err, ENOMEM, "no memory");
    c->run = run;
    int r = -pthread_create(&run->console, NULL, read_console, c);
    if (r < 0) {
        free(c);
        return cmn_err_set(err, -r, "no thread for the guest's console");
    }
    run->console_runs = true;
    return 0;
}

/* After the machine ended: the console is at its end then. */
void sim_run_console_join(struct sim_run *run)
{
    if (run->console_runs)
        (void)pthread_join(run->console, NULL);
    run->console_runs = false;
}

/* ---- deadline and signals ---- */

/* The event comes first, so that it is the root cause of what then fails; killing frees every
 * waiter. */
static void stop(struct sim_run *run, bool interrupted)
{
    char message[96];

    (void)pthread_mutex_lock(&run->lock);
    run->stopped = true;
    run->interrupted = interrupted;
    (void)pthread_mutex_unlock(&run->lock);
    (void)snprintf(message, sizeof(message), "the run did not end within %u ms",
                   run->plan->timeout_ms);
    sim_run_emit(run, SIM_PHASE_TEARDOWN, "cocobox",
                 interrupted ? "run.interrupted" : "run.timeout", SIM_FAILED,
                 interrupted ? CMN_REASON_RUN_INTERRUPTED : CMN_REASON_RUN_TIMEOUT,
                 interrupted ? "stopped by a signal" : message, NULL);
    CMN_IGNORE(
        cmn_process_kill(run->machine->process, SIGKILL, NULL)); /* teardown stops it anyway */
}

static int64_t now_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void *watch(void *arg)
{
    struct sim_run *run = arg;
    int64_t end = now_ms() + run->plan->timeout_ms;

    for (;;) {
        struct pollfd fds[2] = {{run->watch_pipe[0], POLLIN, 0}, {run->opts->stop_fd, POLLIN, 0}};
        int64_t left = end - now_ms();
        int n = poll(fds, 2, left > 0 ? (int)left : 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (fds[0].revents)
            return NULL;
        if (n > 0 && fds[1].revents) {
            stop(run, true);
            return NULL;
        }
        if (end <= now_ms()) {
            stop(run, false);
            return NULL;
        }
    }
}

int sim_run_watch_start(struct sim_run *run, struct cmn_err *err)
{
    if (pipe2(run->watch_pipe, O_CLOEXEC) < 0)
        return cmn_err_set(err, errno, "no pipe for the deadline");
    int r = -pthread_create(&run->watcher, NULL, watch, run);
    if (r < 0) {
        (void)close(run->watch_pipe[0]);
        (void)close(run->watch_pipe[1]);
        return cmn_err_set(err, -r, "no thread for the deadline");
    }
    run->watcher_runs = true;
    return 0;
}

void sim_run_watch_stop(struct sim_run *run)
{
    if (!run->watcher_runs)
        return;
    (void)close(run->watch_pipe[1]);
    (void)pthread_join(run->watcher, NULL);
    (void)close(run->watch_pipe[0]);
    run->watcher_runs = false;
}
