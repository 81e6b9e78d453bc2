/*
 * vm-machine.c - what a run in the vm backend needs from this host; see cmd.h. The image is made by
 * a script, which takes seconds to find out that nothing has changed: what its inputs look like
 * (inode, size, times) is kept beside the name of the image.
 */
#include "sim/cmd/cmd.h"
#include "sim/cmd/kvm-probe.h"
#include "sim/cmd/snp-host.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KVM_PROBE_MS = 3000, TEXT_MAX = 16 << 10, PATH_BYTES = 4096 };

extern char **environ;

static const char *const programs[] = {
    "api-server-rest", "attestation-agent",     "cocobox-init", "cocobox-tee",
    "cocobox-vm-init", "confidential-data-hub", "kata-agent",   "process-user-data"};

/* ---- KVM ---- */

/* A probe of a KVM that hangs costs seconds: its result holds until the next boot. */
static bool kvm_works(const char *cache_dir, const char *emulator)
{
    auto_buf struct cmn_buf boot = {0}, kept = {0}, now = {0};
    auto_free char *file = NULL;
    char found[256];

    if (access("/dev/kvm", R_OK | W_OK) < 0)
        return false;
    CMN_IGNORE(cmn_file_read("/proc/sys/kernel/random/boot_id", 64, &boot, NULL));
    if (asprintf(&file, "%s/kvm-probe", cache_dir) < 0)
        return false;
    if (boot.len && cmn_file_read(file, 256, &kept, NULL) == 0 && kept.len == boot.len + 1 &&
        memcmp(kept.data, boot.data, boot.len) == 0)
        return kept.data[boot.len] == 'y';
    bool works = sim_kvm_works(KVM_PROBE_MS, found, sizeof(found)) &&
                 sim_kvm_works_in_qemu(emulator, KVM_PROBE_MS, found, sizeof(found));
    if (cmn_buf_put(&now, boot.data, boot.len) == 0 && cmn_buf_puts(&now, works ? "y" : "n") == 0)
        CMN_IGNORE(cmn_file_write(file, now.data, now.len, 0600, NULL));
    return works;
}

/* ---- the image ---- */

static int add_looks(struct cmn_buf *b, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return cmn_buf_printf(b, "%s: %s\n", path, strerror(errno));
    return cmn_buf_printf(b, "%s %llu:%llu %lld %lld.%09ld\n", path, (unsigned long long)st.st_dev,
                          (unsigned long long)st.st_ino, (long long)st.st_size,
                          (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static int looks(struct cmn_buf *b, const char *script, const char *bin_dir,
                 const struct sim_vm_opts *opts)
{
    char path[PATH_BYTES];
    int r = add_looks(b, script);

    for (size_t i = 0; r == 0 && i < CMN_ARRAY_SIZE(programs); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", bin_dir, programs[i]);
        r = add_looks(b, path);
    }
    return r == 0 && opts->kernel ? add_looks(b, opts->kernel) : r;
}

/* The image that was made of inputs that look like these: the last line of the file. */
static char *kept_image(const char *file, const struct cmn_buf *want)
{
    auto_buf struct cmn_buf text = {0};
    auto_free char *manifest = NULL;

    if (cmn_file_read(file, TEXT_MAX, &text, NULL) < 0 || text.len <= want->len ||
        memcmp(text.data, want->data, want->len) != 0)
        return NULL;
    const char *dir = (const char *)text.data + want->len;
    if (*dir != '/' || strchr(dir, '\n') || asprintf(&manifest, "%s/manifest.json", dir) < 0 ||
        access(manifest, R_OK) < 0)
        return NULL;
    return strdup(dir);
}

/* Runs the script; its last words on stdout are the folder. */
static int make_image(const char *script, const char *const *argv, char **ret, struct cmn_err *err)
{
    posix_spawn_file_actions_t actions;
    auto_buf struct cmn_buf out = {0};
    int p[2], status = 0;
    pid_t pid;

    if (pipe2(p, O_CLOEXEC) < 0)
        return cmn_err_set(err, errno, "cannot make a pipe: %s", strerror(errno));
    (void)posix_spawn_file_actions_init(&actions);
    int r = posix_spawn_file_actions_adddup2(&actions, p[1], 1);
    if (r == 0)
        r = posix_spawn(&pid, script, &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(p[1]);
    if (r == 0)
        CMN_IGNORE(cmn_fd_read_all(p[0], TEXT_MAX, &out, NULL)); /* empty is told below */
    (void)close(p[0]);
    if (r != 0)
        return cmn_err_reason(err, r, CMN_REASON_HOST_GUEST_IMAGE, "cannot run %s: %s", script,
                              strerror(r));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    while (out.len && out.data[out.len - 1] == '\n')
        out.data[--out.len] = '\0';
    if (status != 0 || !out.len || out.data[0] != '/')
        return cmn_err_reason(err, EIO, CMN_REASON_HOST_GUEST_IMAGE,
                              "%s made no guest image (status 0x%x)", script, (unsigned)status);
    *ret = strdup((const char *)out.data);
    return *ret ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

static int find_image(const char *cache_dir, const char *bin_dir, const struct sim_vm_opts *opts,
                      char **ret, struct cmn_err *err)
{
    auto_free char *script = sim_path_image_script(), *file = NULL, *out = NULL;
    auto_buf struct cmn_buf want = {0};
    const char *argv[16] = {script, "--programs", bin_dir, "--out"};
    size_t n = 4;

    if (!script)
        return cmn_err_reason(err, ENOENT, CMN_REASON_HOST_GUEST_IMAGE,
                              "scripts/build-guest-image is not there");
    if (asprintf(&file, "%s/guest-image/last", cache_dir) < 0 ||
        asprintf(&out, "%s/guest-image", cache_dir) < 0 || looks(&want, script, bin_dir, opts) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    /* a folder of files may change in its depth: the script looks each time */
    if (!opts->guest_dir && (*ret = kept_image(file, &want)))
        return 0;
    argv[n++] = out;
    if (opts->kernel) {
        argv[n++] = "--kernel";
        argv[n++] = opts->kernel;
    }
    if (opts->guest_dir) {
        argv[n++] = "--guest-dir";
        argv[n++] = opts->guest_dir;
    }
    if (opts->snp)
        argv[n++] = "--for-snp";
    int r = make_image(script, argv, ret, err);
    if (r == 0 && !opts->guest_dir && cmn_buf_puts(&want, *ret) == 0)
        CMN_IGNORE(cmn_file_write(file, want.data, want.len, 0600, NULL)); /* next time then */
    return r;
}

/* Every piece that SNP guests need, before anything is made. */
static int check_snp(char **ret_firmware, struct cmn_err *err)
{
    struct sim_host_check rows[SIM_SNP_ROWS];
    const struct sim_host_check *missing =
        sim_snp_host_missing(rows, sim_snp_host_check(&sim_snp_this_host, rows));

    if (missing)
        return cmn_err_reason(err, ENOTSUP, CMN_REASON_HOST_SNP_MISSING, "%s: %s; %s",
                              missing->name, missing->found, missing->hint);
    *ret_firmware = strdup(rows[SIM_SNP_FIRMWARE].found);
    return *ret_firmware ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

int sim_vm_machine_find(const char *cache_dir, const char *guest_bin_dir,
                        const struct sim_vm_opts *opts, struct sim_vm_machine *ret,
                        struct cmn_err *err)
{
    char emulator[PATH_BYTES], host_program[PATH_BYTES];
    struct sim_vm_machine vm = {0};

    (void)snprintf(host_program, sizeof(host_program), "%s/cocobox-vm", guest_bin_dir);
    if (access(host_program, X_OK) < 0)
        return cmn_err_reason(
            err, ENOENT, CMN_REASON_HOST_TOOL_MISSING,
            "this build has no vm backend: %s is not there (needs libvirt, libxml2 "
            "and libfuse3 when it is built)",
            host_program);
    if (!sim_host_find_program("qemu-system-x86_64", emulator, sizeof(emulator)))
        return cmn_err_reason(err, ENOENT, CMN_REASON_HOST_TOOL_MISSING,
                              "qemu-system-x86_64 is not installed");
    int r = opts->snp ? check_snp(&vm.firmware, err) : 0;
    if (r == 0)
        r = find_image(cache_dir, guest_bin_dir, opts, &vm.image_dir, err);
    vm.emulator = strdup(emulator);
    if (r == 0 && !vm.emulator)
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r < 0) {
        sim_vm_machine_done(&vm);
        return r;
    }
    vm.kvm = kvm_works(cache_dir, emulator);
    *ret = vm;
    return 0;
}

void sim_vm_machine_done(struct sim_vm_machine *vm)
{
    free(vm->image_dir);
    free(vm->emulator);
    free(vm->firmware);
    *vm = (struct sim_vm_machine){0};
}
