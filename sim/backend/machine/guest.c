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
    machine_exec_init(config);
}
