/* vm.c - the machine of the vm backend: what it boots, and what of it the launch measures. */
#include "common/enc/enc.h"
#include "sim/run/run-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANIFEST_MAX = 64 << 10, MANIFEST_DEPTH = 4 };

/* Before the scenario's: a console, and an end instead of a hang when the kernel panics. */
#define CMDLINE_BASE "console=ttyS0 panic=-1 "

bool sim_run_is_vm(const struct sim_run *run)
{
    return run->opts->backend && strcmp(run->opts->backend, "process") != 0;
}

bool sim_run_is_snp(const struct sim_run *run)
{
    return run->opts->backend && strcmp(run->opts->backend, "snp") == 0;
}

int sim_run_vm_boot(struct sim_run *run, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *manifest = NULL;
    auto_free char *path = NULL;

    if (!run->opts->vm || (sim_run_is_snp(run) && !run->opts->vm->snp_firmware))
        return cmn_err_set(err, EINVAL, "the backend was given no guest image, or no firmware");
    if (sim_run_is_snp(run) && sim_run_has_fault(run, "psp."))
        return cmn_err_set(err, ENOTSUP,
                           "a real processor's reports cannot be changed: faults at psp.* need the "
                           "software PSP");
    if (asprintf(&path, "%s/manifest.json", run->opts->vm->image_dir) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_file_read(path, MANIFEST_MAX, &text, err);
    if (r == 0)
        r = cmn_json_load(cmn_buf_bytes(&text), MANIFEST_DEPTH, &manifest, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "guest image");
    const char *kernel = cmn_json_str(manifest, "vmlinuz_sha256"),
               *initramfs = cmn_json_str(manifest, "initramfs_sha256");
    if (!kernel || !initramfs || strlen(kernel) != 64 || strlen(initramfs) != 64)
        return cmn_err_set(err, EBADMSG, "%s has no digests of kernel and initramfs", path);
    if (asprintf(&run->vm_boot, "kernel=%s\ninitramfs=%s\n", kernel, initramfs) < 0) {
        run->vm_boot = NULL;
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    return 0;
}

int sim_run_vm_parts(const struct sim_run *run, struct sim_run_vm_parts *ret, struct cmn_err *err)
{
    const struct sim_run_vm *vm = run->opts->vm;
    const struct sim_guest_spec *g = &run->plan->guest;
    struct sim_run_vm_parts p = {.config = {.image_dir = vm->image_dir,
                                            .emulator = vm->emulator,
                                            .shell = run->opts->keep,
                                            .memory_bytes = g->memory_bytes,
                                            .vcpus = g->vcpus,
                                            .kvm = vm->kvm || sim_run_is_snp(run)}};

    if (asprintf(&p.cmdline, CMDLINE_BASE "%s", g->cmdline) < 0)
        p.cmdline = NULL;
    if (asprintf(&p.caps_file, "%s/libvirt-capabilities.xml", run->opts->cache_dir) < 0)
        p.caps_file = NULL;
    if (sim_run_is_snp(run)) {
        p.host_data = cmn_b64(CMN_B64_STD, run->initdata.host_data, 32);
        p.config.snp_firmware = vm->snp_firmware;
        p.config.snp_host_data = p.host_data;
        p.config.snp_policy = g->policy;
    }
    p.config.cmdline = p.cmdline;
    p.config.caps_file = p.caps_file;
    *ret = p;
    return p.cmdline && p.caps_file ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

void sim_run_vm_parts_done(struct sim_run_vm_parts *parts)
{
    free(parts->cmdline);
    free(parts->caps_file);
    free(parts->host_data);
}
