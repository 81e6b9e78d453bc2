/* supervisor-exec.c - fork and exec inside the supervisor: fds in place, signals as new. */
#include "common/proc/proc-internal.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HIGH_FD = 128, STRINGS_MAX = 1024 };

struct failure {
    int e;
    char step[64];
};

static void give_up(int report, const char *step)
{
    struct failure f = {.e = errno};

    (void)snprintf(f.step, sizeof(f.step), "%s", step);
    if (write(report, &f, sizeof(f)) < 0)
        _exit(126); /* the parent sees a short read */
    _exit(127);
}

/* Cuts text into NUL-ended strings; false if there are fewer than n. */
static bool split(char **text, const char *end, char **ret, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (*text >= end)
            return false;
        ret[i] = *text;
        *text += strlen(*text) + 1;
    }
    ret[n] = NULL;
    return true;
}

/* First away from the low numbers, then down to 0, 1, 2, ...: no fd is overwritten before its turn.
 */
static void place_fds(int report, const struct sup_request *req, const int *fds,
                      const int *path_fds)
{
    int high[CMN_SPAWN_FDS_MAX + 3 + CMN_SUPERVISOR_PATHS_MAX];
    int n = 0;

    for (uint32_t i = 0; i < req->n_fds; i++)
        high[n++] = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH_FD);
    for (uint32_t i = 0; i < req->n_paths; i++)
        high[n++] = fcntl(path_fds[req->path[i]], F_DUPFD_CLOEXEC, HIGH_FD);
    for (int i = 0; i < n; i++)
        if (high[i] < 0 || dup2(high[i], i) < 0)
            give_up(report, "place file descriptors");
    (void)syscall(SYS_close_range, (unsigned)n, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */);
}

static void run_child(int report, const struct sup_request *req, char **argv, char **envp,
                      const char *cwd, const int *fds, const int *path_fds)
{
    sigset_t none;

    (void)setsid();
    int exe = -1;
    report = fcntl(report, F_DUPFD_CLOEXEC, HIGH_FD);
    if (req->exe_path != SUP_NONE)
        exe = fcntl(path_fds[req->exe_path], F_DUPFD_CLOEXEC, HIGH_FD);
    place_fds(report, req, fds, path_fds);
    if (req->unshare_flags && unshare((int)req->unshare_flags) < 0)
        give_up(report, "unshare namespaces");
    if (chdir(*cwd ? cwd : "/") < 0)
        give_up(report, "change to the working directory");
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (req->exe_path != SUP_NONE)
        (void)execveat(exe, argv[0], argv, envp, 0);
    else
        (void)execve(argv[0], argv, envp);
    give_up(report, "execute the program");
}

static bool sane(const struct sup_request *req)
{
    bool ok = req->n_argv >= 1 && req->n_argv < STRINGS_MAX && req->n_env < STRINGS_MAX &&
              req->n_argv + req->n_env < STRINGS_MAX && req->n_fds >= 3 &&
              req->n_fds <= CMN_SPAWN_FDS_MAX + 3 && req->n_paths <= CMN_SUPERVISOR_PATHS_MAX &&
              req->text_len <= CMN_SPAWN_TEXT_MAX;

    for (uint32_t i = 0; ok && i < req->n_paths; i++)
        ok = req->path[i] < CMN_SUPERVISOR_PATHS_MAX;
    return ok && (req->exe_path == SUP_NONE || req->exe_path < CMN_SUPERVISOR_PATHS_MAX);
}

pid_t cmn_sup_init_exec(const struct sup_request *req, char *text, const int *fds,
                        const int *path_fds, char step[static 64])
{
    static char *strings[STRINGS_MAX + 4];
    struct failure f = {0};
    int report[2];
    char *cwd[2];

    if (!sane(req))
        return -EINVAL;
    char **argv = strings, **envp = strings + req->n_argv + 1;
    const char *end = text + req->text_len;
    if (!split(&text, end, argv, req->n_argv) || !split(&text, end, envp, req->n_env) ||
        !split(&text, end, cwd, 1))
        return -EINVAL;
    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        run_child(report[1], req, argv, envp, cwd[0], fds, path_fds);
    (void)close(report[1]);
    ssize_t n = pid < 0 ? 0 : read(report[0], &f, sizeof(f)); /* ends with the exec */
    (void)close(report[0]);
    if (pid < 0)
        return -EAGAIN;
    if (n == 0)
        return pid;
    (void)waitpid(pid, NULL, 0);
    memcpy(step, f.step, sizeof(f.step));
    return f.e ? -f.e : -EIO;
}
