/* supervisor.c - the owner's side of the supervisor; see supervisor.h. */
#include "common/proc/supervisor.h"

#include "common/buf/buf.h"
#include "common/proc/fdpass.h"
#include "common/proc/proc-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STOP_TIMEOUT_MS = 10000 };

struct cmn_supervisor {
    int ctl;
    int pidfd;
    pid_t pid;
    struct cmn_idmap ids;
    pthread_mutex_t lock; /* one request at a time */
    char *paths[CMN_SUPERVISOR_PATHS_MAX];
    size_t n_paths;
};

struct cmn_process {
    struct cmn_supervisor *sup;
    uint32_t id;
    int fd; /* gets the exit status once, peeked only */
};

const char *cmn_id_mode_name(enum cmn_id_mode mode)
{
    static const char *const names[] = {"auto", "root", "subuid", "single"};

    return mode <= CMN_ID_SINGLE ? names[mode] : "unknown";
}

enum cmn_id_mode cmn_supervisor_id_mode(const struct cmn_supervisor *sup)
{
    return sup->ids.mode;
}

uint32_t cmn_supervisor_id_count(const struct cmn_supervisor *sup)
{
    return sup->ids.count;
}

pid_t cmn_supervisor_pid(const struct cmn_supervisor *sup)
{
    return sup->pid;
}

static int check_single_threaded(struct cmn_err *err)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");

    if (!d)
        return cmn_err_set(err, errno, "cannot read /proc/self/task: %s", strerror(errno));
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    if (n != 1)
        return cmn_err_set(err, EBUSY,
                           "the supervisor must start before any thread does: %d are there", n);
    return 0;
}

static int copy_paths(struct cmn_supervisor *sup, const char *const *paths, struct cmn_err *err)
{
    for (; paths && paths[sup->n_paths]; sup->n_paths++) {
        const char *path = paths[sup->n_paths];
        if (sup->n_paths == CMN_SUPERVISOR_PATHS_MAX)
            return cmn_err_set(err, E2BIG, "supervisor: more than %d paths",
                               CMN_SUPERVISOR_PATHS_MAX);
        if (access(path, F_OK) < 0)
            return cmn_err_set(err, errno, "cannot open '%.256s': %s", path, strerror(errno));
        sup->paths[sup->n_paths] = strdup(path);
        if (!sup->paths[sup->n_paths])
            return cmn_err_set(err, ENOMEM, "no memory");
    }
    return 0;
}

static int fork_init(struct cmn_supervisor *sup, const char *const *paths, struct cmn_err *err)
{
    int ctl[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ctl) < 0)
        return cmn_err_set(err, errno, "cannot make a socket: %s", strerror(errno));
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | SIGCHLD,
                               NULL, NULL, NULL, NULL);
    if (pid == 0)
        cmn_sup_init_main(ctl[1], paths);
    int e = errno;
    (void)close(ctl[1]);
    sup->ctl = ctl[0];
    if (pid < 0)
        return cmn_userns_explain(e, err);
    sup->pid = pid;
    sup->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (sup->pidfd < 0)
        return cmn_err_set(err, errno, "cannot open a pidfd: %s", strerror(errno));
    return 0;
}

static int read_reply(struct cmn_supervisor *sup, struct sup_reply *reply, int *ret_fd,
                      struct cmn_err *err)
{
    size_t n_fds = 0;
    int fd = -1;

    ssize_t n = cmn_fdpass_recv(sup->ctl, reply, sizeof(*reply), &fd, 1, &n_fds);
    if (n != (ssize_t)sizeof(*reply))
        return cmn_err_set(err, EPIPE, "the supervisor is gone");
    reply->step[sizeof(reply->step) - 1] = '\0';
    *ret_fd = n_fds ? fd : -1;
    return 0;
}

static int finish_start(struct cmn_supervisor *sup, struct cmn_err *err)
{
    struct sup_request go = {.op = SUP_GO, .multi = sup->ids.count > 1};
    struct sup_reply reply = {0};
    int fd = -1;

    /* a failure here shows as the reply, or as its absence */
    CMN_IGNORE(cmn_fdpass_send(sup->ctl, &go, sizeof(go), NULL, 0));
    int r = read_reply(sup, &reply, &fd, err);
    if (r < 0)
        return r;
    if (reply.r == -EPERM || reply.r == -EACCES) {
        r = cmn_userns_explain(-reply.r, err);
        return cmn_err_wrap(err, r, "supervisor: %s", reply.step);
    }
    if (reply.r < 0)
        return cmn_err_set(err, -reply.r, "supervisor: %s: %s", reply.step, strerror(-reply.r));
    return 0;
}

int cmn_supervisor_start(const struct cmn_supervisor_opts *opts, struct cmn_supervisor **ret,
                         struct cmn_err *err)
{
    static const struct cmn_supervisor_opts none;

    opts = opts ? opts : &none;
    int r = check_single_threaded(err);
    if (r < 0)
        return r;
    struct cmn_supervisor *sup = calloc(1, sizeof(*sup));
    if (!sup)
        return cmn_err_set(err, ENOMEM, "no memory");
    sup->ctl = sup->pidfd = -1;
    (void)pthread_mutex_init(&sup->lock, NULL);
    r = copy_paths(sup, opts->paths, err);
    if (r == 0)
        r = fork_init(sup, opts->paths, err);
    if (r == 0)
        r = cmn_idmap_write(sup->pid, opts->id_mode, &sup->ids, err);
    if (r == 0)
        r = finish_start(sup, err);
    if (r < 0) {
        CMN_IGNORE(cmn_supervisor_stop(sup, NULL)); /* err tells the first failure */
        return r;
    }
    *ret = sup;
    return 0;
}

/* An init is a zombie only after the kernel has reaped everything in its namespace. */
static int await_end(struct cmn_supervisor *sup, struct cmn_err *err)
{
    struct pollfd p = {.fd = sup->pidfd, .events = POLLIN};
    int n = 1;

    (void)kill(sup->pid, SIGKILL); /* the closed socket alone would do, once it reads it */
    if (sup->pidfd >= 0)
        do
            n = poll(&p, 1, STOP_TIMEOUT_MS);
        while (n < 0 && errno == EINTR);
    if (n == 0)
        return cmn_err_reason(err, ETIMEDOUT, CMN_REASON_RUN_LEFTOVER,
                              "supervisor (pid %d) and what runs in it do not end", (int)sup->pid);
    while (waitpid(sup->pid, NULL, 0) < 0)
        if (errno != EINTR)
            break; /* ECHILD: somebody else has reaped it */
    return 0;
}

int cmn_supervisor_stop(struct cmn_supervisor *sup, struct cmn_err *err)
{
    int r = 0;

    if (!sup)
        return 0;
    if (sup->ctl >= 0)
        (void)close(sup->ctl);
    if (sup->pid > 0)
        r = await_end(sup, err);
    if (sup->pidfd >= 0)
        (void)close(sup->pidfd);
    for (size_t i = 0; i < sup->n_paths; i++)
        free(sup->paths[i]);
    (void)pthread_mutex_destroy(&sup->lock);
    free(sup);
    return r;
}

/* ---- spawn ---- */

static int path_index(const struct cmn_supervisor *sup, const char *path, uint32_t *ret,
                      struct cmn_err *err)
{
    for (size_t i = 0; i < sup->n_paths; i++)
        if (strcmp(sup->paths[i], path) == 0) {
            *ret = (uint32_t)i;
            return 0;
        }
    return cmn_err_set(err, ENOENT, "'%.256s' was not given to the supervisor at its start", path);
}

static int put_strings(struct cmn_buf *msg, const char *const *list, uint32_t *ret_n)
{
    uint32_t n = 0;
    int r = 0;

    for (; r == 0 && list && list[n]; n++)
        r = cmn_buf_put(msg, list[n], strlen(list[n]) + 1);
    *ret_n = n;
    return r;
}

static int pack(const struct cmn_supervisor *sup, const struct cmn_spawn *spawn,
                struct cmn_buf *msg, struct cmn_err *err)
{
    struct sup_request req = {.op = SUP_SPAWN,
                              .exe_path = SUP_NONE,
                              .n_fds = (uint32_t)spawn->n_fds + 3,
                              .unshare_flags = (uint32_t)spawn->unshare_flags};
    const char *cwd[] = {spawn->cwd ? spawn->cwd : "/", NULL};
    uint32_t one;
    int r = 0;

    if (!spawn->argv || !spawn->argv[0] || spawn->n_fds > CMN_SPAWN_FDS_MAX)
        return cmn_err_set(err, EINVAL, "spawn: no argv, or more than %d fds", CMN_SPAWN_FDS_MAX);
    if (spawn->exe_dir)
        r = path_index(sup, spawn->exe_dir, &req.exe_path, err);
    for (; r == 0 && spawn->paths && spawn->paths[req.n_paths]; req.n_paths++) {
        if (req.n_paths == CMN_SUPERVISOR_PATHS_MAX)
            return cmn_err_set(err, E2BIG, "spawn: too many paths");
        r = path_index(sup, spawn->paths[req.n_paths], &req.path[req.n_paths], err);
    }
    if (r < 0)
        return r;
    if (cmn_buf_put(msg, &req, sizeof(req)) < 0 || put_strings(msg, spawn->argv, &req.n_argv) < 0 ||
        put_strings(msg, spawn->envp, &req.n_env) < 0 || put_strings(msg, cwd, &one) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (msg->len - sizeof(req) > CMN_SPAWN_TEXT_MAX)
        return cmn_err_set(err, E2BIG, "spawn: arguments and environment are %zu bytes, limit %u",
                           msg->len - sizeof(req), CMN_SPAWN_TEXT_MAX);
    req.text_len = (uint32_t)(msg->len - sizeof(req));
    memcpy(msg->data, &req, sizeof(req));
    return 0;
}

static int call(struct cmn_supervisor *sup, const void *msg, size_t len, const int *fds,
                size_t n_fds, struct sup_reply *reply, int *ret_fd, struct cmn_err *err)
{
    (void)pthread_mutex_lock(&sup->lock);
    int r = cmn_fdpass_send(sup->ctl, msg, len, fds, n_fds);
    if (r < 0)
        r = cmn_err_set(err, -r, "cannot reach the supervisor: %s", strerror(-r));
    else
        r = read_reply(sup, reply, ret_fd, err);
    (void)pthread_mutex_unlock(&sup->lock);
    return r;
}

static int send_spawn(struct cmn_supervisor *sup, const struct cmn_spawn *spawn,
                      const struct cmn_buf *msg, struct sup_reply *reply, int *ret_fd,
                      struct cmn_err *err)
{
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int std[] = {spawn->stdin_fd, spawn->stdout_fd, spawn->stderr_fd};
    int fds[CMN_SPAWN_FDS_MAX + 3];

    if (null < 0)
        return cmn_err_set(err, errno, "cannot open /dev/null: %s", strerror(errno));
    for (size_t i = 0; i < 3; i++)
        fds[i] = std[i] >= 0 ? std[i] : null;
    for (size_t i = 0; i < spawn->n_fds; i++)
        fds[3 + i] = spawn->fds[i];
    return call(sup, msg->data, msg->len, fds, spawn->n_fds + 3, reply, ret_fd, err);
}

int cmn_supervisor_spawn(struct cmn_supervisor *sup, const struct cmn_spawn *spawn,
                         struct cmn_process **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf msg = {0};
    struct sup_reply reply = {0};
    auto_close int fd = -1;

    int r = pack(sup, spawn, &msg, err);
    if (r == 0)
        r = send_spawn(sup, spawn, &msg, &reply, &fd, err);
    if (r < 0)
        return r;
    if (reply.r < 0 || fd < 0)
        return cmn_err_set(err, reply.r < 0 ? -reply.r : EBADMSG, "cannot start '%.128s': %s: %s",
                           spawn->argv[0], reply.step, strerror(-reply.r));
    struct cmn_process *p = calloc(1, sizeof(*p));
    if (!p)
        return cmn_err_set(err, ENOMEM, "no memory");
    *p = (struct cmn_process){sup, reply.id, fd};
    fd = -1;
    *ret = p;
    return 0;
}

/* ---- processes ---- */

int cmn_process_fd(const struct cmn_process *p)
{
    return p->fd;
}

int cmn_process_wait(struct cmn_process *p, int timeout_ms, int *ret_status, struct cmn_err *err)
{
    struct pollfd poll_fd = {.fd = p->fd, .events = POLLIN};
    int status = SIGKILL; /* the supervisor's end took it along */
    int n;

    do
        n = poll(&poll_fd, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cmn_err_set(err, errno, "cannot wait: %s", strerror(errno));
    if (n == 0)
        return cmn_err_set(err, ETIMEDOUT, "the process still runs after %d ms", timeout_ms);
    if (recv(p->fd, &status, sizeof(status), MSG_PEEK | MSG_DONTWAIT) != (ssize_t)sizeof(status))
        status = SIGKILL;
    if (ret_status)
        *ret_status = status;
    return 0;
}

int cmn_process_kill(struct cmn_process *p, int sig, struct cmn_err *err)
{
    struct sup_request req = {.op = SUP_KILL, .id = p->id, .signal = sig};
    struct sup_reply reply = {0};
    int fd = -1;

    int r = call(p->sup, &req, sizeof(req), NULL, 0, &reply, &fd, err);
    if (r < 0)
        return r;
    if (reply.r < 0)
        return cmn_err_set(err, -reply.r, "cannot signal the process: %s", strerror(-reply.r));
    return 0;
}

void cmn_process_free(struct cmn_process *p)
{
    if (!p)
        return;
    (void)close(p->fd);
    free(p);
}
