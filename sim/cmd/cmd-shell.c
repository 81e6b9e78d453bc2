/*
 * cmd-shell.c - cocobox shell [PID]: attaches this terminal to a guest that was kept. The console's
 * socket lies in the mount namespace of the guest's cocobox-vm, which /proc shows.
 */
#include "sim/backend/backend.h"
#include "sim/cmd/cmd.h"

#include <argp.h>
#include <ctype.h>
#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

enum {
    DETACH = 0x1d,   /* ^] */
    QUIET_MS = 3000, /* after the end of a script's input: how long the guest may be silent */
};

static bool socket_of(const char *pid, char *path, size_t cap)
{
    auto_buf struct cmn_buf comm = {0};
    char file[64];

    (void)snprintf(file, sizeof(file), "/proc/%.10s/comm", pid);
    (void)snprintf(path, cap, "/proc/%.10s/root" SIM_VM_SHELL_SOCKET, pid);
    return cmn_file_read(file, 64, &comm, NULL) == 0 &&
           strcmp((const char *)comm.data, "cocobox-vm\n") == 0 && access(path, F_OK) == 0;
}

/* The process ids of all kept guests that this user may attach to, a blank before each. Returns how
 * many; path is the socket of the last one. */
static size_t list_kept(struct cmn_buf *pids, char *path, size_t cap)
{
    const struct dirent *e;
    char candidate[96];
    size_t n = 0;

    DIR *d = opendir("/proc");
    while (d && (e = readdir(d)))
        if (isdigit((unsigned char)e->d_name[0]) &&
            socket_of(e->d_name, candidate, sizeof(candidate)) &&
            cmn_buf_printf(pids, " %s", e->d_name) == 0) {
            (void)snprintf(path, cap, "%s", candidate);
            n++;
        }
    if (d)
        (void)closedir(d);
    return n;
}

static int find(char *path, size_t cap, struct cmn_err *err)
{
    auto_buf struct cmn_buf pids = {0};
    size_t n = list_kept(&pids, path, cap);

    if (n == 1)
        return 0;
    return n ? cmn_err_set(err, EINVAL, "several guests were kept, name one:%s",
                           (const char *)pids.data)
             : cmn_err_set(err, ENOENT, "no guest was kept (cocobox run --backend vm --keep FILE)");
}

static int print_list(void)
{
    auto_buf struct cmn_buf pids = {0};
    char path[96], *save = NULL;

    if (list_kept(&pids, path, sizeof(path)) == 0)
        return SIM_EXIT_OK;
    for (char *pid = strtok_r((char *)pids.data, " ", &save); pid; pid = strtok_r(NULL, " ", &save))
        (void)puts(pid);
    return SIM_EXIT_OK;
}

static int dial(const char *path, struct cmn_err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        return cmn_err_set(err, errno, "cannot attach to %s: %s", path, strerror(errno));
    return fd;
}

/* Copies both ways until one side ends, or ^] is typed. */
static void relay(int guest)
{
    struct pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {guest, POLLIN, 0}};
    char block[4096];

    for (;;) {
        int n_ready = poll(fds, 2, fds[0].fd < 0 ? QUIET_MS : -1);
        if (n_ready == 0 || (n_ready < 0 && errno != EINTR))
            return;
        if (fds[1].revents) {
            ssize_t n = read(guest, block, sizeof(block));
            if (n <= 0 || cmn_fd_write_all(STDOUT_FILENO, block, (size_t)n) < 0)
                return;
        }
        if (fds[0].revents) {
            ssize_t n = read(STDIN_FILENO, block, sizeof(block));
            if (n < 0 || (n > 0 && memchr(block, DETACH, (size_t)n)))
                return;
            if (n == 0) {
                fds[0].fd = -1; /* a script's input is at its end: what it asked for still comes */
                continue;
            }
            if (cmn_fd_write_all(guest, block, (size_t)n) < 0)
                return;
        }
    }
}

struct args {
    bool list;
    const char *pid; /* NULL: the only one */
};

static const struct argp_option options[] = {
    {"list", 'l', NULL, 0, "Only print the process ids of the guests that were kept", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    switch (key) {
    case 'l':
        a->list = true;
        return 0;
    case ARGP_KEY_ARG:
        if (a->pid)
            argp_error(state, "one guest at a time");
        a->pid = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int attach(const char *path, struct cmn_err *err)
{
    auto_close int guest = dial(path, err);
    struct termios before, raw;

    if (guest < 0)
        return guest;
    bool tty = tcgetattr(STDIN_FILENO, &before) == 0;
    if (tty) {
        raw = before;
        cfmakeraw(&raw);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        CMN_IGNORE(cmn_fd_write_all(guest, "\n", 1)); /* a prompt */
    }
    relay(guest);
    if (tty)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return 0;
}

int sim_cmd_shell(int argc, char **argv)
{
    static const struct argp argp = {
        options, parse, "[PID]", "Attaches to a guest that was kept; ^] lets it go again.",
        NULL,    NULL,  NULL};
    char name[] = "cocobox shell", path[96];
    struct args a = {0};
    struct cmn_err err = {0};
    int r = 0;

    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return SIM_EXIT_USAGE;
    if (a.list)
        return print_list();
    if (!a.pid)
        r = find(path, sizeof(path), &err);
    else if (!socket_of(a.pid, path, sizeof(path)))
        r = cmn_err_set(&err, ENOENT, "%.20s is no guest that was kept", a.pid);
    if (r == 0)
        r = attach(path, &err);
    if (r < 0)
        (void)fprintf(stderr, "cocobox shell: %s\n", err.msg);
    return r < 0 ? SIM_EXIT_HOST : SIM_EXIT_OK;
}
