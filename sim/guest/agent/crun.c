/*
 * crun.c - crun as a child process; see agent.h.
 *
 * `crun run` ends with the container's exit code, or with 1 when it could not start it. Its JSON
 * log tells the two apart: only crun itself writes there.
 */
#include "sim/guest/agent/agent.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_TIMEOUT_MS 60000
#define LOG_MAX          (64u << 10)

extern char **environ;

static int bundle_path(const struct agent_container *c, const char *name, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/%s", c->bundle, name);

    return n > 0 && n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int spawn(const struct agent_container *c, int out_w, int err_w, pid_t *ret_pid)
{
    char log[PATH_MAX], pid_file[PATH_MAX];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, reset;
    const char *argv[] = {
        "crun",
        "--cgroup-manager=disabled",
        "--root",
        "/run/crun",
        "--log",
        log,
        "--log-format=json",
        "run",
        "--bundle",
        c->bundle,
        "--pid-file",
        pid_file,
        c->id,
        NULL,
    };

    if (bundle_path(c, "crun.log", log) < 0 || bundle_path(c, "pid", pid_file) < 0)
        return -ENAMETOOLONG;
    /* the container gets the usual signal dispositions, not ours */
    (void)sigemptyset(&none);
    (void)sigemptyset(&reset);
    (void)sigaddset(&reset, SIGPIPE);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &reset);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawn_file_actions_init(&actions);
    int r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, out_w, 1);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&actions, err_w, 2);
    if (r == 0)
        r = posix_spawnp(ret_pid, argv[0], &actions, &attr, (char *const *)(uintptr_t)argv,
                         environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attr);
    return -r;
}

int agent_crun_spawn(const struct agent_container *c, pid_t *ret_pid, int *ret_out, int *ret_err,
                     struct cmn_err *err)
{
    auto_close int out_r = -1, out_w = -1, err_r = -1, err_w = -1;
    int out[2], errs[2];

    if (pipe2(out, O_CLOEXEC) < 0)
        return cmn_err_set(err, errno, "cannot make a pipe: %s", strerror(errno));
    out_r = out[0];
    out_w = out[1];
    if (pipe2(errs, O_CLOEXEC) < 0)
        return cmn_err_set(err, errno, "cannot make a pipe: %s", strerror(errno));
    err_r = errs[0];
    err_w = errs[1];
    int r = spawn(c, out_w, err_w, ret_pid);
    if (r < 0)
        return cmn_err_reason(err, -r, CMN_REASON_CONTAINER_START_FAILED, "cannot run crun: %s",
                              strerror(-r));
    *ret_out = out_r;
    *ret_err = err_r;
    out_r = err_r = -1;
    return 0;
}

/* A FIFO and not a file that is watched: closing an inotify waits some 20 ms for the kernel's
 * readers. */
int agent_crun_pid_fifo(const struct agent_container *c, struct cmn_err *err)
{
    char path[PATH_MAX];

    if (bundle_path(c, "pid", path) < 0)
        return cmn_err_set(err, ENAMETOOLONG, "bundle path of container '%.128s'", c->id);
    if (mkfifo(path, 0600) < 0 && errno != EEXIST)
        return cmn_err_set(err, errno, "cannot make %s: %s", path, strerror(errno));
    /* for reading and writing, so that neither side waits for the other to open it */
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? cmn_err_set(err, errno, "cannot open %s: %s", path, strerror(errno)) : fd;
}

/* crun writes the number in one piece. -1 when there is none. */
static pid_t read_pid(int fd)
{
    char text[32], *end = NULL;
    ssize_t n = read(fd, text, sizeof(text) - 1);

    if (n <= 0)
        return -1;
    text[n] = '\0';
    long pid = strtol(text, &end, 10);
    return pid > 1 && pid <= INT_MAX ? (pid_t)pid : -1;
}

int agent_crun_await(const struct agent_container *c, int pid_fd, pid_t crun, pid_t *ret_first,
                     struct cmn_err *err)
{
    auto_close int crun_fd = pidfd_open(crun, 0);
    struct pollfd fds[2] = {{crun_fd, POLLIN, 0}, {pid_fd, POLLIN, 0}};
    int n;

    if (crun_fd < 0)
        return cmn_err_set(err, errno, "pidfd_open: %s", strerror(errno));
    do
        n = poll(fds, 2, START_TIMEOUT_MS);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cmn_err_set(err, errno, "poll: %s", strerror(errno));
    if (n == 0)
        return cmn_err_reason(err, ETIMEDOUT, CMN_REASON_CONTAINER_START_FAILED,
                              "crun did not start container '%.128s' within %d ms", c->id,
                              START_TIMEOUT_MS);
    *ret_first = read_pid(pid_fd);
    return 0;
}

bool agent_crun_error(const struct agent_container *c, char *out, size_t size)
{
    auto_buf struct cmn_buf text = {0};
    char path[PATH_MAX], *save = NULL;
    bool found = false;

    if (bundle_path(c, "crun.log", path) < 0 || cmn_file_read(path, LOG_MAX, &text, NULL) < 0)
        return false;
    for (char *line = strtok_r((char *)text.data, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        auto_json json_t *entry = NULL;
        if (cmn_json_load(cmn_bytes(line, strlen(line)), 8, &entry, NULL) < 0)
            continue;
        const char *level = cmn_json_str(entry, "level"), *msg = cmn_json_str(entry, "msg");
        if (!level || !msg || strcmp(level, "error") != 0)
            continue;
        (void)snprintf(out, size, "%s", msg);
        found = true;
    }
    return found;
}
