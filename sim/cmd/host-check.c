/* host-check.c - what this host can run, found by trying; see cmd.h. */
#include "common/proc/supervisor.h"
#include "sim/cmd/cmd.h"
#include "sim/cmd/kvm-probe.h"
#include "sim/cmd/snp-host.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KVM_PROBE_MS = 3000 };

/* First line of a small file; "" when it is not there. */
static void first_line(const char *path, char *out, size_t cap)
{
    auto_buf struct cmn_buf b = {0};

    out[0] = '\0';
    if (cmn_file_read(path, 4096, &b, NULL) == 0 && b.len)
        (void)snprintf(out, cap, "%.*s", (int)strcspn((const char *)b.data, "\n"),
                       (const char *)b.data);
}

/* The real thing: a supervisor in namespaces of its own, started and ended. */
static void check_userns(struct sim_host_check *c, struct sim_host_check *ids)
{
    struct cmn_supervisor *sup = NULL;
    struct cmn_err err = {0};
    char sysctl[64];

    *c = (struct sim_host_check){.name = "user-namespaces",
                                 .needed = true,
                                 .for_what = "every guest of the process backend"};
    *ids = (struct sim_host_check){.name = "many-ids",
                                   .for_what = "images with files of several users"};
    first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", sysctl, sizeof(sysctl));
    if (cmn_supervisor_start(NULL, &sup, &err) < 0) {
        (void)snprintf(c->found, sizeof(c->found), "%.255s", err.msg);
        (void)snprintf(
            c->hint, sizeof(c->hint), "%s",
            strcmp(sysctl, "1") == 0
                ? "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or run as root"
                : cmn_reason_info(CMN_REASON_HOST_USERNS_FORBIDDEN)->hint);
        (void)snprintf(ids->found, sizeof(ids->found), "no user namespaces");
        return;
    }
    enum cmn_id_mode mode = cmn_supervisor_id_mode(sup);
    unsigned n = cmn_supervisor_id_count(sup);
    int r = cmn_supervisor_stop(sup, &err);
    c->ok = r == 0;
    (void)snprintf(c->found, sizeof(c->found), "%.255s",
                   r == 0 ? "a supervisor started and ended" : err.msg);
    ids->ok = n > 1;
    (void)snprintf(ids->found, sizeof(ids->found), "id mode %s, %u ids", cmn_id_mode_name(mode), n);
    if (!ids->ok)
        (void)snprintf(ids->hint, sizeof(ids->hint),
                       "install newuidmap (package uidmap, shadow-utils) and give this user a line "
                       "in /etc/subuid and /etc/subgid");
}

static struct sim_host_check program(const char *name, const char *file, bool needed,
                                     const char *for_what, const char *hint)
{
    struct sim_host_check c = {.name = name, .needed = needed, .for_what = for_what};

    c.ok = sim_host_find_program(file, c.found, sizeof(c.found));
    if (!c.ok)
        (void)snprintf(c.hint, sizeof(c.hint), "%s", hint);
    return c;
}

static struct sim_host_check check_kvm(void)
{
    struct sim_host_check c = {.name = "kvm", .for_what = "fast guests of the vm backend"};
    char emulator[4096];

    c.ok = sim_kvm_works(KVM_PROBE_MS, c.found, sizeof(c.found));
    if (c.ok && sim_host_find_program("qemu-system-x86_64", emulator, sizeof(emulator)))
        c.ok = sim_kvm_works_in_qemu(emulator, KVM_PROBE_MS, c.found, sizeof(c.found));
    if (!c.ok)
        (void)snprintf(
            c.hint, sizeof(c.hint),
            "QEMU's TCG is used instead; for KVM: enable (nested) virtualisation, and let "
            "this user into the group kvm");
    return c;
}

static struct sim_host_check check_fuse(void)
{
    struct sim_host_check c = {.name = "fuse", .for_what = "the TEE's devices in the vm backend"};
    auto_close int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    c.ok = fd >= 0;
    (void)snprintf(c.found, sizeof(c.found), "/dev/fuse: %s", c.ok ? "opens" : strerror(errno));
    if (!c.ok)
        (void)snprintf(c.hint, sizeof(c.hint), "modprobe fuse; check the rights of /dev/fuse");
    return c;
}

static struct sim_host_check check_libvirt(void)
{
    struct sim_host_check c = {.name = "libvirt", .for_what = "the vm and snp backends"};
    void *lib = dlopen("libvirt.so.0", RTLD_LAZY | RTLD_LOCAL);

    c.ok = lib != NULL;
    (void)snprintf(c.found, sizeof(c.found), "%s", c.ok ? "libvirt.so.0" : "no libvirt.so.0");
    if (lib)
        (void)dlclose(lib);
    else
        (void)snprintf(c.hint, sizeof(c.hint), "install libvirt0 and libvirt-daemon-driver-qemu");
    return c;
}

/* All rows in one, as a scenario's need. */
static struct sim_host_check check_snp(void)
{
    struct sim_host_check rows[SIM_SNP_ROWS],
        c = {.name = "snp", .for_what = "the snp backend: real hardware"};
    const struct sim_host_check *missing =
        sim_snp_host_missing(rows, sim_snp_host_check(&sim_snp_this_host, rows));

    c.ok = !missing;
    (void)snprintf(c.found, sizeof(c.found), "%.200s",
                   missing ? missing->found : "all that SNP guests need");
    if (missing)
        (void)snprintf(c.hint, sizeof(c.hint), "%.380s", missing->hint);
    return c;
}

size_t sim_host_check_all(struct sim_host_check out[SIM_HOST_CHECKS])
{
    size_t n = 0;

    check_userns(&out[0], &out[1]);
    n = 2;
    out[n++] = program("newuidmap", "newuidmap", false, "many ids without root",
                       "install uidmap (Fedora: shadow-utils)");
    out[n++] = program("crun", "crun", true, "starting containers", "run ./scripts/setup");
    out[n++] = program("umoci", "umoci", false, "making image fixtures", "run ./scripts/setup");
    out[n++] = check_fuse();
    out[n++] = check_kvm();
    out[n++] = program("qemu", "qemu-system-x86_64", false, "the vm backend",
                       "install qemu-system-x86 (Fedora: qemu-kvm)");
    out[n++] = check_libvirt();
    out[n++] = program("tpm", "swtpm", false, "scenarios with a vTPM", "install swtpm");
    out[n++] = check_snp();
    return n + sim_snp_host_check(&sim_snp_this_host, out + n);
}

bool sim_host_has(const char *need, char *why, size_t cap)
{
    struct sim_host_check c = {0}, ignored;

    if (strcmp(need, "many-ids") == 0)
        check_userns(&ignored, &c);
    else if (strcmp(need, "kvm") == 0)
        c = check_kvm();
    else if (strcmp(need, "tpm") == 0)
        c = program("tpm", "swtpm", false, "", "install swtpm");
    else if (strcmp(need, "fuse") == 0)
        c = check_fuse();
    else if (strcmp(need, "snp") == 0)
        c = check_snp();
    else if (strcmp(need, "root") == 0)
        c.ok = geteuid() == 0;
    if (!c.ok)
        (void)snprintf(why, cap, "needs %s: %.160s%s%.160s", need, c.found, c.hint[0] ? "; " : "",
                       c.hint);
    return c.ok;
}
