/* kvm-probe.c - a guest of one instruction with a deadline; see kvm-probe.h. Source: Linux
 * virt/kvm/api.rst. */
#include "sim/cmd/kvm-probe.h"
#include "common/buf/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_OK = 0, CHILD_OPEN = 10, CHILD_VM, CHILD_VCPU, CHILD_RUN, CHILD_EXIT };

#if defined(__x86_64__)

/* In the child: real mode, one page at 0 with "hlt" in it. Returns a CHILD_ status. */
static int run_guest(void)
{
    auto_close int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        return CHILD_OPEN;
    auto_close int vm = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm < 0)
        return CHILD_VM;
    uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return CHILD_VM;
    page[0] = 0xf4;
    struct kvm_userspace_memory_region region = {
        .guest_phys_addr = 0x1000, .memory_size = 4096, .userspace_addr = (uintptr_t)page};
    auto_close int vcpu = -1;
    if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0 ||
        (vcpu = ioctl(vm, KVM_CREATE_VCPU, 0)) < 0)
        return CHILD_VCPU;
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *run =
        size < (int)sizeof(*run)
            ? MAP_FAILED
            : mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    struct kvm_sregs sregs;
    struct kvm_regs regs = {.rip = 0x1000, .rflags = 2};
    if (run == MAP_FAILED || ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
        return CHILD_VCPU;
    sregs.cs.base = 0;
    sregs.cs.selector = 0;
    if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
        return CHILD_VCPU;
    if (ioctl(vcpu, KVM_RUN, 0) < 0)
        return CHILD_RUN;
    return run->exit_reason == KVM_EXIT_HLT ? CHILD_OK : CHILD_EXIT;
}

static const char *status_text(int status)
{
    switch (status) {
    case CHILD_OK:
        return "a guest ran and halted";
    case CHILD_OPEN:
        return "/dev/kvm cannot be opened";
    case CHILD_VM:
        return "/dev/kvm makes no virtual machine";
    case CHILD_VCPU:
        return "/dev/kvm makes no virtual processor";
    case CHILD_RUN:
        return "KVM_RUN fails";
    default:
        return "the guest did not halt";
    }
}

/* Waits for the child without ever hanging on one that cannot be killed. */
static int wait_child(pid_t pid, unsigned timeout_ms, int *ret_status)
{
    auto_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {pidfd, POLLIN, 0};
    int n;

    do
        n = poll(&p, 1, (int)timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        return waitpid(pid, ret_status, 0) == pid ? 0 : -errno;
    (void)kill(pid, SIGKILL);
    (void)poll(&p, 1, 1000);
    (void)waitpid(pid, ret_status, WNOHANG);
    return -ETIMEDOUT;
}

bool sim_kvm_works(unsigned timeout_ms, char *found, size_t cap)
{
    int status = 0;

    if (access("/dev/kvm", F_OK) < 0) {
        (void)snprintf(found, cap, "no /dev/kvm");
        return false;
    }
    pid_t pid = fork();
    if (pid < 0) {
        (void)snprintf(found, cap, "fork: %s", strerror(errno));
        return false;
    }
    if (pid == 0)
        _exit(run_guest());
    int r = wait_child(pid, timeout_ms, &status);
    if (r < 0)
        (void)snprintf(found, cap, "a guest of one instruction hangs (no end after %u ms)",
                       timeout_ms);
    else if (!WIFEXITED(status))
        (void)snprintf(found, cap, "the probe was killed by signal %d", WTERMSIG(status));
    else
        (void)snprintf(found, cap, "%s", status_text(WEXITSTATUS(status)));
    return r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == CHILD_OK;
}

#else

bool sim_kvm_works(unsigned timeout_ms, char *found, size_t cap)
{
    (void)timeout_ms;
    (void)snprintf(found, cap, "not probed on this processor");
    return false;
}

#endif

/* ---- with QEMU ---- */

enum { SECTOR_BYTES = 512, EXIT_CODE = 0x10, SECTOR_FD = 3 };

/* A floppy's boot sector: mov dx, 0xf4; mov al, EXIT_CODE; out dx, al; hlt. */
static int boot_sector(void)
{
    uint8_t sector[SECTOR_BYTES] = {0xba, 0xf4, 0x00, 0xb0, EXIT_CODE, 0xee, 0xf4};
    int fd = memfd_create("sector", 0);

    sector[SECTOR_BYTES - 2] = 0x55;
    sector[SECTOR_BYTES - 1] = 0xaa;
    if (fd >= 0 && cmn_fd_write_all(fd, sector, sizeof(sector)) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void exec_qemu(const char *emulator, int sector)
{
    const char *const argv[] = {emulator,
                                "-machine",
                                "pc,accel=kvm",
                                "-cpu",
                                "host",
                                "-m",
                                "16",
                                "-nodefaults",
                                "-no-user-config",
                                "-display",
                                "none",
                                "-no-reboot",
                                "-device",
                                "isa-debug-exit,iobase=0xf4,iosize=1",
                                "-drive",
                                "file=/proc/self/fd/3,format=raw,if=floppy,readonly=on",
                                NULL};
    char *const env[] = {NULL};
    int null = open("/dev/null", O_RDWR);

    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
        _exit(126);
    if (sector != SECTOR_FD && dup2(sector, SECTOR_FD) < 0)
        _exit(126);
    (void)execve(emulator, (char *const *)(uintptr_t)argv, env);
    _exit(127);
}

bool sim_kvm_works_in_qemu(const char *emulator, unsigned timeout_ms, char *found, size_t cap)
{
    int status = 0;
    auto_close int sector = boot_sector();

    pid_t pid = sector < 0 ? -1 : fork();
    if (pid < 0) {
        (void)snprintf(found, cap, "no process for the probe: %s", strerror(errno));
        return false;
    }
    if (pid == 0)
        exec_qemu(emulator, sector);
    int r = wait_child(pid, timeout_ms, &status);
    bool works = r == 0 && WIFEXITED(status) && WEXITSTATUS(status) == (EXIT_CODE << 1 | 1);
    if (works)
        (void)snprintf(found, cap, "a guest in QEMU ran and ended itself");
    else if (r < 0)
        (void)snprintf(found, cap, "QEMU with KVM hangs (no end after %u ms)", timeout_ms);
    else if (WIFSIGNALED(status))
        (void)snprintf(found, cap, "QEMU with KVM is killed by signal %d", WTERMSIG(status));
    else
        (void)snprintf(found, cap, "QEMU with KVM ends with %d", WEXITSTATUS(status));
    return works;
}
