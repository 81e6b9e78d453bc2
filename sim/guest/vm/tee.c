/* tee.c - the TEE's devices in the guest; see vm.h. */
#include "sim/guest/vm/vm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FRONT_TIMEOUT_MS = 10000 };

/* The fronts say on fd 3 that both devices are there. */
static void start_fronts(void)
{
    char program[] = MACHINE_BIN_DIR "/cocobox-tee", ready = 0;
    char *argv[] = {program, NULL}, *env[] = {NULL};
    int p[2];

    if (pipe(p) < 0)
        machine_die(errno, "make a pipe");
    pid_t pid = fork();
    if (pid == 0) {
        (void)setsid();
        (void)close(p[0]);
        if (p[1] != 3 && (dup2(p[1], 3) < 0 || close(p[1]) < 0))
            _exit(126);
        (void)syscall(SYS_close_range, 4u, ~0u, 0u);
        (void)execve(program, argv, env);
        _exit(127);
    }
    (void)close(p[1]);
    struct pollfd wait = {p[0], POLLIN, 0};
    if (pid < 0 || poll(&wait, 1, FRONT_TIMEOUT_MS) <= 0 || read(p[0], &ready, 1) != 1)
        machine_die(EIO, "start the TEE's devices");
    (void)close(p[0]);
}

/* Upstream looks for the platform device that the kernel makes on SNP hosts. sysfs cannot be added
 * to: a tmpfs over its folder can. */
static void make_platform_device(void)
{
    if (mount("tmpfs", "/sys/devices/platform", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "size=64k,mode=0755") < 0 ||
        mkdir(VM_SNP_DIR, 0755) < 0)
        machine_die(errno, "make " VM_SNP_DIR);
}

void vm_tee_start(bool has_psp)
{
    (void)vm_modules_load("tee.list"); /* sev-guest says ENODEV where there is no SNP */
    if (mount("configfs", "/sys/kernel/config", "configfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              NULL) < 0 &&
        errno != EBUSY)
        vm_say("no configfs: %s", strerror(errno));
    if (access("/dev/sev-guest", F_OK) == 0 || !has_psp)
        return;
    (void)vm_modules_load("front.list");
    make_platform_device();
    start_fronts();
}
