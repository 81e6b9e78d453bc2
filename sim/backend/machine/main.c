/* main.c - cocobox-machine; see machine.h. */
#include "sim/backend/machine/machine.h"

#include "common/proc/fdpass.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* glibc's sys/mount.h and linux/mount.h cannot be had together in every version */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);

enum {
    GUEST_NAMESPACES =
        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC
};

const char machine_root[] = MACHINE_NEW_ROOT;

void machine_die(int e, const char *fmt, ...)
{
    struct machine_answer answer = {.r = -e};
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(answer.step, sizeof(answer.step), fmt, ap);
    va_end(ap);
    if (cmn_fdpass_send(MACHINE_ANSWER_FD, &answer, sizeof(answer), NULL, 0) < 0)
        (void)fprintf(stderr, "cocobox-machine: %s: %s\n", answer.step, strerror(e));
    _exit(1);
}

static void write_proc(pid_t pid, const char *file, const char *text)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        machine_die(errno, "write the guest's %s", file);
    (void)close(fd);
}

/* The guest gets every id that we have, under the same number. Returns how many. */
static unsigned long copy_map(pid_t pid, const char *file)
{
    unsigned long first, outside, count, total = 0;
    char path[32], line[128], map[1024];
    size_t n = 0;

    (void)snprintf(path, sizeof(path), "/proc/self/%s", file);
    FILE *f = fopen(path, "re");
    if (!f)
        machine_die(errno, "read our %s", file);
    map[0] = '\0';
    while (fgets(line, sizeof(line), f) && n + 64 < sizeof(map))
        if (sscanf(line, "%lu %lu %lu", &first, &outside, &count) == 3) {
            n += (size_t)snprintf(map + n, sizeof(map) - n, "%lu %lu %lu\n", first, first, count);
            total += count;
        }
    (void)fclose(f);
    write_proc(pid, file, map);
    return total;
}

static void become_guest(const struct machine_config *config, int go)
{
    char many = 0;

    if (read(go, &many, 1) != 1)
        _exit(1); /* the machine has told why */
    (void)close(go);
    if (many && syscall(SYS_setgroups, 0, NULL) < 0)
        machine_die(errno, "drop groups");
    if (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0)
        machine_die(errno, "become root of the guest");
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        machine_die(errno, "tie the guest to its machine");
    machine_guest_run(config);
}

static pid_t start_guest(const struct machine_config *config)
{
    int go[2];

    if (pipe2(go, O_CLOEXEC) < 0)
        machine_die(errno, "make a pipe");
    pid_t pid = (pid_t)syscall(SYS_clone, GUEST_NAMESPACES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        (void)close(go[1]);
        become_guest(config, go[0]);
    }
    if (pid < 0)
        machine_die(errno,
                    "make the guest's namespaces (sysctl user.max_user_namespaces and its like)");
    (void)close(go[0]);
    char many = copy_map(pid, "gid_map") > 1 ? 1 : 0;
    (void)copy_map(pid, "uid_map");
    if (write(go[1], &many, 1) != 1)
        machine_die(errno, "start the guest");
    (void)close(go[1]);
    return pid;
}

/* SIGTERM is the power button. Ends as the guest's init ends. */
static int wait_for_guest(pid_t pid, const sigset_t *set)
{
    int status = 0;

    for (;;) {
        int sig = sigwaitinfo(set, NULL);
        if (sig == SIGTERM)
            (void)kill(pid, SIGTERM);
        else if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
}

int main(void)
{
    static struct machine_config config;
    sigset_t set;

    machine_config_read(&config);
    (void)umask(022);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    /* the folder of programs belongs to the mount namespace that we leave */
    int bin = (int)syscall(SYS_open_tree, MACHINE_BIN_FD, "",
                           AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (bin < 0)
        machine_die(errno, "bind the guest's programs");
    if (unshare(CLONE_NEWNS) < 0)
        machine_die(errno, "make a mount namespace");
    if (mount("tmpfs", MACHINE_NEW_ROOT, "tmpfs", 2 /* NOSUID */, "mode=0755") < 0)
        machine_die(errno, "mount the guest's root");
    machine_root_build(&config, bin);
    pid_t pid = start_guest(&config);
    for (int fd = 0; fd < 3; fd++)
        (void)close(fd); /* the console ends with the guest */
    (void)syscall(SYS_close_range, 3u, ~0u, 0u);
    return wait_for_guest(pid, &set);
}
