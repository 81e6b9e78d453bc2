/*
 * supervisor-init.c - pid 1 of the supervisor's namespaces: starts what its owner asks for, reaps
 * everything, and ends (and with it, by the kernel, the whole namespace) when the owner is gone.
 *
 * It is a fork of its owner that never execs: no library state but plain calls from here on.
 */
#include "common/proc/fdpass.h"
#include "common/proc/proc-internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOP_FD = 200 }; /* where our own fds go, away from 0, 1, 2 */

struct child {
    uint32_t id;
    pid_t pid; /* 0: free */
    int status_fd;
};

static struct {
    int ctl;
    int signals;
    int path_fd[CMN_SUPERVISOR_PATHS_MAX];
    size_t n_paths;
    uint32_t last_id;
    struct child children[SUP_CHILDREN_MAX];
    struct sup_request req;
    char text[CMN_SPAWN_TEXT_MAX + sizeof(struct sup_request)];
} init;

static void answer(int r, uint32_t id, const char *step, int fd)
{
    struct sup_reply reply = {.r = r, .id = id};

    (void)snprintf(reply.step, sizeof(reply.step), "%s", step);
    if (cmn_fdpass_send(init.ctl, &reply, sizeof(reply), &fd, fd >= 0 ? 1 : 0) < 0)
        _exit(0); /* no owner any more */
}

static void fail(const char *step, int e)
{
    answer(-e, 0, step, -1);
    _exit(1);
}

static void reset_signals(void)
{
    struct sigaction dfl = {.sa_handler = SIG_DFL};
    sigset_t all;

    for (int s = 1; s < NSIG; s++)
        (void)sigaction(s, &dfl,
                        NULL); /* SIGKILL, SIGSTOP and unused numbers: refused, as they should */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
}

/* The caller's own rights still count here: its ids are not given up yet. */
static void open_paths(const char *const *paths)
{
    for (; paths && paths[init.n_paths]; init.n_paths++) {
        int fd = open(paths[init.n_paths], O_PATH | O_CLOEXEC);
        if (fd < 0)
            fail("open a path", errno);
        init.path_fd[init.n_paths] = fd;
    }
}

static void drop_fds(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        fail("open /dev/null", errno);
    int top = fcntl(init.ctl, F_DUPFD_CLOEXEC, TOP_FD);
    if (top < 0)
        fail("move the control socket", errno);
    init.ctl = top;
    for (int fd = 0; fd < 3; fd++)
        (void)dup2(null, fd);
    (void)syscall(SYS_close_range, 3u, (unsigned)TOP_FD - 1, 0u);
    (void)syscall(SYS_close_range, (unsigned)top + 1, ~0u, 0u);
}

static void take_ids(void)
{
    struct sup_request go = {0};
    size_t n_fds = 0;

    ssize_t n = cmn_fdpass_recv(init.ctl, &go, sizeof(go), NULL, 0, &n_fds);
    if (n != (ssize_t)sizeof(go) || go.op != SUP_GO)
        _exit(1); /* the owner could not write the maps, or is gone */
    if (go.multi && syscall(SYS_setgroups, 0, NULL) < 0)
        fail("drop groups", errno);
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
        fail("take the new ids", errno);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) /* a change of ids has cleared it */
        fail("tie to the owner", errno);
}

static void make_mounts(void)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        fail("make mounts private", errno);
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        fail("mount /proc (is the host's own /proc partly covered?)", errno);
}

static void reap(void)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(init.signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (size_t i = 0; i < SUP_CHILDREN_MAX; i++) {
            struct child *c = &init.children[i];
            if (c->pid != pid)
                continue;
            (void)send(c->status_fd, &status, sizeof(status), MSG_NOSIGNAL | MSG_DONTWAIT);
            (void)close(c->status_fd);
            *c = (struct child){0};
        }
}

static struct child *free_slot(void)
{
    for (size_t i = 0; i < SUP_CHILDREN_MAX; i++)
        if (!init.children[i].pid)
            return &init.children[i];
    return NULL;
}

static void do_spawn(const int *fds)
{
    struct child *c = free_slot();
    char step[64] = "start";
    int status[2];

    if (!c) {
        answer(-EAGAIN, 0, "too many processes", -1);
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, status) < 0) {
        answer(-errno, 0, "make a socket", -1);
        return;
    }
    pid_t pid = cmn_sup_init_exec(&init.req, init.text, fds, init.path_fd, step);
    if (pid < 0) {
        answer(pid, 0, step, -1);
        (void)close(status[0]);
    } else {
        *c = (struct child){++init.last_id, pid, status[0]};
        answer(0, c->id, "", status[1]);
    }
    (void)close(status[1]);
}

static void do_kill(void)
{
    for (size_t i = 0; i < SUP_CHILDREN_MAX; i++)
        if (init.children[i].pid && init.children[i].id == init.req.id) {
            int r = kill(init.children[i].pid, init.req.signal);
            answer(r < 0 ? -errno : 0, init.req.id, "kill", -1);
            return;
        }
    answer(0, init.req.id, "", -1); /* it has ended already */
}

static void serve(void)
{
    int fds[CMN_FDPASS_MAX];
    size_t n_fds = 0;

    ssize_t n =
        cmn_fdpass_recv(init.ctl, init.text, sizeof(init.text) - 1, fds, CMN_FDPASS_MAX, &n_fds);
    if (n == 0 || (n < 0 && n != -EMSGSIZE))
        _exit(0);
    if (n < (ssize_t)sizeof(init.req)) {
        answer(-EBADMSG, 0, "read a request", -1);
    } else {
        memcpy(&init.req, init.text, sizeof(init.req));
        memmove(init.text, init.text + sizeof(init.req), (size_t)n - sizeof(init.req));
        init.text[(size_t)n - sizeof(init.req)] = '\0';
        if (init.req.op == SUP_SPAWN)
            do_spawn(fds);
        else
            do_kill();
    }
    for (size_t i = 0; i < n_fds; i++)
        (void)close(fds[i]);
}

void cmn_sup_init_main(int ctl, const char *const *paths)
{
    sigset_t chld;

    init.ctl = ctl;
    reset_signals();
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "cocobox-super");
    (void)setsid(); /* the terminal's ^C is the owner's business */
    drop_fds();
    open_paths(paths);
    take_ids();
    make_mounts();
    (void)sigemptyset(&chld);
    (void)sigaddset(&chld, SIGCHLD);
    init.signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
    if (init.signals < 0)
        fail("watch children", errno);
    answer(0, 0, "", -1);
    for (;;) {
        struct pollfd p[] = {{.fd = init.ctl, .events = POLLIN},
                             {.fd = init.signals, .events = POLLIN}};
        if (poll(p, 2, -1) < 0)
            continue;
        if (p[1].revents)
            reap();
        if (p[0].revents)
            serve();
    }
}
