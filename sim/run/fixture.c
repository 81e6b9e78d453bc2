/* fixture.c - see fixture.h. */
#include "sim/run/fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { SCRIPT_TIMEOUT_MS = 120000, TERM_TIMEOUT_MS = 3000, LOCK_POLL_MS = 50 };

/* Starts the script in a process group of its own, with signals as a shell would have them. */
static int start(const char *script, const char *name, const char *folder, pid_t *ret,
                 struct cmn_err *err)
{
    char *const argv[] = {(char *)(uintptr_t)script, (char *)(uintptr_t)name,
                          (char *)(uintptr_t)folder, NULL};
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t actions;
    sigset_t none;

    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, 2, 1); /* stdout is for events */
    int r = posix_spawn(ret, script, &actions, &attr, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    return r ? cmn_err_set(err, r, "cannot run '%.200s': %s", script, strerror(r)) : 0;
}

static int wait_for(pid_t pid, int stop_fd, int *ret_status, struct cmn_err *err)
{
    auto_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd fds[2] = {{pidfd, POLLIN, 0}, {stop_fd, POLLIN, 0}};
    int n, r = 0;

    do
        n = poll(fds, 2, pidfd < 0 ? 0 : SCRIPT_TIMEOUT_MS);
    while (n < 0 && errno == EINTR);
    if (pidfd >= 0 && n == 0)
        r = cmn_err_set(err, ETIMEDOUT, "it took more than %d s", SCRIPT_TIMEOUT_MS / 1000);
    else if (n > 0 && !fds[0].revents)
        r = cmn_err_reason(err, EINTR, CMN_REASON_RUN_INTERRUPTED, "interrupted");
    if (r < 0) { /* its own trap cleans up, if it gets the time */
        fds[1].fd = -1;
        (void)kill(-pid, SIGTERM);
        (void)poll(fds, pidfd < 0 ? 0 : 1, TERM_TIMEOUT_MS);
        (void)kill(-pid, SIGKILL); /* and what it started, if that goes on */
    }
    while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
        continue;
    return r;
}

static int make(const char *script, const char *name, const char *folder, int stop_fd,
                struct cmn_err *err)
{
    int status = 0;
    pid_t pid;

    if (!script)
        return cmn_err_set(err, ENOENT, "image fixture '%s' is missing: no folder '%s'", name,
                           folder);
    int r = start(script, name, folder, &pid, err);
    if (r == 0)
        r = wait_for(pid, stop_fd, &status, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "making image fixture '%s'", name);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return cmn_err_reason(err, ENOEXEC, CMN_REASON_HOST_TOOL_MISSING,
                              "'%.200s %s' failed with status %d: see its output", script, name,
                              WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

/* Whole or not at all: made beside it under another name. The caller holds the lock. */
static int make_whole(const char *script, const char *name, const char *folder, int stop_fd,
                      struct cmn_err *err)
{
    char fresh[4400], index[4200];
    struct stat st;

    (void)snprintf(index, sizeof(index), "%s/index.json", folder);
    if (stat(index, &st) == 0)
        return 0; /* somebody else made it while we waited */
    (void)snprintf(fresh, sizeof(fresh), "%s.new", folder); /* the script replaces what is there */
    int r = make(script, name, fresh, stop_fd, err);
    if (r == 0 && rename(fresh, folder) < 0)
        r = cmn_err_set(err, errno, "cannot rename %s: %s", fresh, strerror(errno));
    return r;
}

/* Waits as long as another process makes the fixture; a lock has no fd to wait for, so it is asked.
 */
static int lock(const char *folder, int stop_fd, struct cmn_err *err)
{
    struct pollfd stop = {stop_fd, POLLIN, 0};
    char path[4200];

    (void)snprintf(path, sizeof(path), "%s.lock", folder);
    auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return cmn_err_set(err, errno, "cannot lock %s: %s", path, strerror(errno));
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return cmn_err_set(err, errno, "cannot lock %s: %s", path, strerror(errno));
        if (poll(&stop, 1, LOCK_POLL_MS) > 0)
            return cmn_err_reason(err, EINTR, CMN_REASON_RUN_INTERRUPTED,
                                  "interrupted while another process makes %s", folder);
    }
    int held = fd;
    fd = -1;
    return held;
}

int sim_fixture_open(const char *cache_dir, const char *name, const char *script, int stop_fd,
                     struct sim_oci_store **ret, struct cmn_err *err)
{
    char folder[4096], index[4200];
    struct stat st;

    if ((size_t)snprintf(folder, sizeof(folder), "%s/images", cache_dir) >= sizeof(folder) - 256)
        return cmn_err_set(err, ENAMETOOLONG, "the cache folder's name is too long");
    int r = cmn_mkdir_p(folder, 0700, err);
    if (r < 0)
        return r;
    (void)snprintf(folder + strlen(folder), 256, "/%.200s", name);
    (void)snprintf(index, sizeof(index), "%s/index.json", folder);
    if (stat(index, &st) < 0) {
        auto_close int held = lock(folder, stop_fd, err);
        r = held < 0 ? held : make_whole(script, name, folder, stop_fd, err);
        if (r < 0)
            return r;
    }
    return sim_oci_store_open(folder, ret, err);
}
