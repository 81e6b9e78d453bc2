/* vm.c - backends "vm" and "snp": a guest in QEMU, through libvirt. What it runs in is cocobox-vm.
 */
#include "sim/backend/backend-internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CAPS_MAX = 4 << 20, TEXT = 4096 };

/* ---- what libvirt learnt of QEMU, kept between runs ---- */

static int open_caps(const struct sim_vm_config *vm, struct cmn_buf *ret, struct cmn_err *err)
{
    int fd = memfd_create("capabilities", MFD_CLOEXEC);

    if (fd < 0)
        return cmn_err_set(err, errno, "cannot make a memfd: %s", strerror(errno));
    if (cmn_file_read(vm->caps_file, CAPS_MAX, ret, NULL) == 0 &&
        (cmn_fd_write_all(fd, ret->data, ret->len) < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
        (void)close(fd);
        return cmn_err_set(err, EIO, "cannot write a memfd");
    }
    return fd;
}

/* A cache: what cannot be kept is learnt again. */
static void keep_caps(const struct sim_vm_config *vm, int fd, const struct cmn_buf *before)
{
    auto_buf struct cmn_buf now = {0};

    if (lseek(fd, 0, SEEK_SET) < 0 || cmn_fd_read_all(fd, CAPS_MAX, &now, NULL) < 0 || !now.len)
        return;
    if (now.len == before->len && memcmp(now.data, before->data, now.len) == 0)
        return;
    CMN_IGNORE(cmn_file_write(vm->caps_file, now.data, now.len, 0600, NULL));
}

/* ---- start ---- */

struct start { /* what outlives spawn */
    int caps_fd;
};

static int spawn(struct cmn_supervisor *sup, const struct sim_machine_config *config,
                 const struct sim_wiring *w, void *ctx, struct cmn_process **ret,
                 struct cmn_err *err)
{
    const struct sim_vm_config *vm = config->vm;
    const struct start *s = ctx;
    char memory[32], vcpus[16], listeners[16], policy[24];
    const char *argv[] = {"cocobox-vm",
                          "--emulator",
                          vm->emulator,
                          "--cmdline",
                          vm->cmdline,
                          "--memory",
                          memory,
                          "--vcpus",
                          vcpus,
                          "--listeners",
                          listeners,
                          vm->shell ? "--shell" : "--name=cocobox",
                          vm->kvm ? "--kvm" : NULL,
                          vm->snp_firmware ? "--snp-firmware" : NULL,
                          vm->snp_firmware,
                          "--snp-host-data",
                          vm->snp_host_data,
                          "--snp-policy",
                          policy,
                          NULL};
    const char *env[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/tmp/home", "LC_ALL=C", NULL};
    const char *paths[] = {vm->image_dir, NULL};
    const int fds[] = {w->answer[1], w->config, w->agent[1], s->caps_fd};

    (void)snprintf(memory, sizeof(memory), "%llu", (unsigned long long)(vm->memory_bytes >> 20));
    (void)snprintf(policy, sizeof(policy), "0x%llx", (unsigned long long)vm->snp_policy);
    (void)snprintf(vcpus, sizeof(vcpus), "%u", vm->vcpus);
    (void)snprintf(listeners, sizeof(listeners), "%zu", config->n_listeners);
    return cmn_supervisor_spawn(sup,
                                &(struct cmn_spawn){.argv = argv,
                                                    .envp = env,
                                                    .exe_dir = config->guest_bin_dir,
                                                    .stdin_fd = -1,
                                                    .stdout_fd = w->console[1],
                                                    .stderr_fd = w->console[1],
                                                    .fds = fds,
                                                    .n_fds = CMN_ARRAY_SIZE(fds),
                                                    .paths = paths},
                                ret, err);
}

static int vm_start(const struct sim_backend *backend, struct cmn_supervisor *sup,
                    const struct sim_machine_config *config, struct sim_machine **ret,
                    struct cmn_err *err)
{
    auto_buf struct cmn_buf before = {0};

    if (!config->vm)
        return cmn_err_set(err, EINVAL, "the vm backend was not told which machine to make");
    auto_close int caps = open_caps(config->vm, &before, err);
    if (caps < 0)
        return caps;
    struct start s = {caps};
    int r = sim_machine_start_process(backend, sup, config, spawn, &s, ret, err);
    if (r == 0)
        keep_caps(config->vm, caps, &before);
    return r;
}

const struct sim_backend sim_backend_snp = {
    .name = "snp", .start = vm_start, .stop = sim_machine_stop_process};
const struct sim_backend sim_backend_vm = {
    .name = "vm", .start = vm_start, .stop = sim_machine_stop_process};
