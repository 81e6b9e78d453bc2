/* guest.c - the last steps of the machine, inside the guest's namespaces; ends in the guest's init.
 */
#include "common/proc/fdpass.h"
#include "sim/backend/machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Everything that came from outside is locked in this namespace, and a locked mount cannot become
 * the root: a bind of it on itself can.
 */
static void switch_root(void)
{
    if (mount(MACHINE_NEW_ROOT, MACHINE_NEW_ROOT, NULL, MS_BIND | MS_REC, NULL) < 0)
        machine_die(errno, "bind the guest's root");
    if (mount("proc", MACHINE_NEW_ROOT "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        machine_die(errno, "mount the guest's /proc");
    if (mount("tmpfs", MACHINE_NEW_ROOT "/sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "size=64k,mode=0755") < 0)
        machine_die(errno, "mount the guest's /sys/fs/cgroup");
    if (chdir(MACHINE_NEW_ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        machine_die(errno, "switch to the guest's root");
}

static void send_listeners(const struct machine_config *config, const int *fds)
{
    struct machine_answer ok = {0};

    int r = cmn_fdpass_send(MACHINE_ANSWER_FD, &ok, sizeof(ok), fds, config->n_listeners);
    if (r < 0)
        machine_die(-r, "hand the listeners out");
}

static void exec_init(const struct machine_config *config)
{
    char path[] = "PATH=" MACHINE_BIN_DIR ":/usr/sbin:/usr/bin:/sbin:/bin", home[] = "HOME=/root";
    char program[] = MACHINE_BIN_DIR "/cocobox-init", option[] = "--agent-fd", fd[] = "3";
    char *argv[] = {program, option, fd, NULL};
    char *env[MACHINE_ENV_MAX + 3];
    size_t n = 0;

    env[n++] = path;
    env[n++] = home;
    for (size_t i = 0; i < config->n_env; i++)
        env[n++] = config->env[i];
    env[n] = NULL;
    (void)execve(program, argv, env);
    (void)fprintf(stderr, "cocobox-machine: cannot execute %s: %s\n", program, strerror(errno));
    _exit(127);
}

void machine_guest_run(const struct machine_config *config)
{
    int fds[MACHINE_LISTENERS_MAX];

    switch_root();
    if (sethostname(config->hostname, strlen(config->hostname)) < 0)
        machine_die(errno, "set the host name");
    machine_net_setup(config, fds);
    send_listeners(config, fds);
    /* of all that is open only the agent's stream stays, as fd 3 */
    if (dup2(MACHINE_AGENT_FD, 3) < 0 || syscall(SYS_close_range, 4u, ~0u, 0u) < 0)
        _exit(1);
    exec_init(config);
    _exit(1);
}
