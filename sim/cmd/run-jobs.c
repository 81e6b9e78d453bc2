/*
 * run-jobs.c - scenarios side by side; see run-session.h. One process each: a run starts
 * single-threaded, a crash of one is nobody else's, and a process that ends leaves nothing behind.
 */
#include "sim/cmd/run-session.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct job {
    pid_t pid; /* 0: the slot is free */
    int fd;    /* pidfd: readable when it has ended */
    int out, errs;
    const char *path;
};

/* In the child: the run as if it were alone, with its own signalfd, gone when the parent goes. */
static void be_job(const struct run_session *parent, const struct job *j, pid_t parent_pid)
{
    struct run_session s;
    struct cmn_err err = {0};
    FILE *out = fdopen(j->out, "w"), *errs = fdopen(j->errs, "w");

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent_pid || !out || !errs)
        _exit(RUN_ERROR);
    if (run_session_open(&parent->opts, &s, &err) < 0) {
        (void)fprintf(errs, "cocobox run: %s\n", err.msg);
        (void)fclose(errs);
        _exit(RUN_ERROR);
    }
    enum run_result got = run_session_file(&s, j->path, out, errs);
    run_session_close(&s);
    if (fclose(out) != 0 || fclose(errs) != 0)
        got = RUN_ERROR;
    _exit((int)got);
}

static const struct job free_slot = {.fd = -1, .out = -1, .errs = -1};

static void forget(struct job *j)
{
    cmn_auto_close(&j->fd);
    cmn_auto_close(&j->out);
    cmn_auto_close(&j->errs);
    *j = free_slot;
}

static int start(const struct run_session *s, const char *path, struct job *j, struct cmn_err *err)
{
    pid_t me = getpid();

    j->path = path;
    j->out = memfd_create("report", MFD_CLOEXEC);
    j->errs = memfd_create("errors", MFD_CLOEXEC);
    if (j->out < 0 || j->errs < 0)
        return cmn_err_set(err, errno, "cannot make a memfd: %s", strerror(errno));
    (void)fflush(NULL);
    j->pid = fork();
    if (j->pid == 0)
        be_job(s, j, me);
    if (j->pid < 0)
        return cmn_err_set(err, errno, "cannot fork: %s", strerror(errno));
    j->fd = (int)syscall(SYS_pidfd_open, j->pid, 0);
    if (j->fd < 0) {
        int e = errno;
        (void)kill(j->pid, SIGTERM);
        (void)waitpid(j->pid, NULL, 0);
        return cmn_err_set(err, e, "no pidfd: %s", strerror(e));
    }
    return 0;
}

static void print_all(int fd, FILE *to)
{
    char block[8192];
    ssize_t n;

    for (off_t at = 0; (n = pread(fd, block, sizeof(block), at)) > 0; at += n)
        (void)fwrite(block, 1, (size_t)n, to);
    (void)fflush(to);
}

/* Prints what an ended job said and frees its slot. */
static enum run_result finish(struct job *j)
{
    enum run_result got = RUN_ERROR;
    int status = 0;

    while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
        ;
    print_all(j->out, stdout);
    print_all(j->errs, stderr);
    if (WIFEXITED(status) && WEXITSTATUS(status) < RUN_RESULTS)
        got = (enum run_result)WEXITSTATUS(status);
    else
        (void)fprintf(stderr, "cocobox run: %s: the run's process ended with status 0x%x\n",
                      j->path, (unsigned)status);
    forget(j);
    return got;
}

/* Waits for at least one job, or a signal (told to all jobs once). Returns false when poll failed.
 */
static bool wait_any(const struct run_session *s, struct job *jobs, unsigned n, struct pollfd *fds,
                     bool *stopping)
{
    for (unsigned i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = jobs[i].pid ? jobs[i].fd : -1, .events = POLLIN};
    fds[n] = (struct pollfd){.fd = *stopping ? -1 : s->stop_fd, .events = POLLIN};
    if (poll(fds, n + 1, -1) < 0)
        return errno == EINTR;
    if (fds[n].revents) {
        *stopping = true;
        for (unsigned i = 0; i < n; i++)
            if (jobs[i].pid)
                (void)kill(jobs[i].pid, SIGTERM);
    }
    return true;
}

static int loop(const struct run_session *s, const struct sim_strings *files, struct job *jobs,
                unsigned n, struct pollfd *fds, bool keep_going, unsigned counts[RUN_RESULTS],
                struct cmn_err *err)
{
    bool stopping = false;
    size_t next = 0;
    unsigned running = 0;
    int r = 0;

    for (;;) {
        for (unsigned i = 0; i < n && r == 0 && !stopping && next < files->n; i++) {
            if (jobs[i].pid)
                continue;
            r = start(s, files->items[next++], &jobs[i], err);
            if (r < 0)
                forget(&jobs[i]);
            else
                running++;
        }
        if (!running)
            return r;
        if (!wait_any(s, jobs, n, fds, &stopping))
            return cmn_err_set(err, errno, "poll: %s", strerror(errno));
        for (unsigned i = 0; i < n; i++) {
            if (!jobs[i].pid || !fds[i].revents)
                continue;
            enum run_result got = finish(&jobs[i]);
            counts[got]++;
            running--;
            if (got != RUN_PASSED && got != RUN_SKIPPED && !keep_going)
                next = files->n; /* those that run may end */
        }
    }
}

int run_jobs(const struct run_session *s, const struct sim_strings *files, unsigned n_jobs,
             bool keep_going, unsigned counts[RUN_RESULTS], struct cmn_err *err)
{
    unsigned n = n_jobs < files->n ? n_jobs : (unsigned)files->n;
    auto_free struct job *jobs = calloc(n, sizeof(*jobs));
    auto_free struct pollfd *fds = calloc(n + 1, sizeof(*fds));

    if (!jobs || !fds)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (unsigned i = 0; i < n; i++)
        jobs[i] = free_slot;
    return loop(s, files, jobs, n, fds, keep_going, counts, err);
}
