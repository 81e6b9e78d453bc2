/* snp-host.c - the requirements of SEV-SNP guests; see snp-host.h. */
#include "sim/cmd/snp-host.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CPUID_SEV = 0x8000001F };

static void path_of(const struct sim_host_view *v, const char *path, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s%s", v->root, path);
}

/* First line of a small file; "" when it is not there. */
static void first_line(const struct sim_host_view *v, const char *file, char *out, size_t cap)
{
    auto_buf struct cmn_buf b = {0};
    char path[4096];

    out[0] = '\0';
    path_of(v, file, path, sizeof(path));
    if (cmn_file_read(path, 65536, &b, NULL) == 0 && b.len)
        (void)snprintf(out, cap, "%.*s", (int)strcspn((const char *)b.data, "\n"),
                       (const char *)b.data);
}

static bool exists(const struct sim_host_view *v, const char *file)
{
    char path[4096];

    path_of(v, file, path, sizeof(path));
    return access(path, F_OK) == 0;
}

/* ---- versions ---- */

bool sim_version_parse(const char *text, unsigned ret[3])
{
    for (const char *p = text; *p; p++) {
        if (!isdigit((unsigned char)*p) ||
            (p > text && (isalnum((unsigned char)p[-1]) || p[-1] == '.')))
            continue;
        unsigned v[3] = {0};
        int n = sscanf(p, "%6u.%6u.%6u", &v[0], &v[1], &v[2]);
        if (n < 2)
            continue;
        memcpy(ret, v, sizeof(v));
        return true;
    }
    return false;
}

bool sim_version_at_least(const unsigned have[3], unsigned major, unsigned minor)
{
    return have[0] > major || (have[0] == major && have[1] >= minor);
}

static struct sim_host_check check_version(const char *name, const char *text, unsigned major,
                                           unsigned minor, const char *hint)
{
    struct sim_host_check c = {.name = name, .for_what = "the snp backend"};
    unsigned have[3];

    c.ok = sim_version_parse(text, have) && sim_version_at_least(have, major, minor);
    (void)snprintf(c.found, sizeof(c.found), "%.200s, want %u.%u", *text ? text : "not found",
                   major, minor);
    if (!c.ok)
        (void)snprintf(c.hint, sizeof(c.hint), "%s", hint);
    return c;
}

static struct sim_host_check check_program(const struct sim_host_view *v, const char *name,
                                           const char *program, unsigned major, unsigned minor,
                                           const char *hint)
{
    char text[256] = "";

    if (v->version(v->ctx, program, text, sizeof(text)) < 0)
        text[0] = '\0';
    return check_version(name, text, major, minor, hint);
}

/* ---- processor, firmware ---- */

static struct sim_host_check check_cpu(const struct sim_host_view *v)
{
    static const struct {
        unsigned bit;
        const char *name;
    } want[] = {{1, "SEV"}, {3, "SEV-ES"}, {4, "SEV-SNP"}};
    struct sim_host_check c = {.name = "snp-cpu", .for_what = "the snp backend"};
    uint32_t vendor[4] = {0}, sev[4] = {0};
    size_t n = 0;

    bool amd = v->cpuid(v->ctx, 0, vendor) == 0 && memcmp(&vendor[1], "Auth", 4) == 0 &&
               memcmp(&vendor[3], "enti", 4) == 0 && memcmp(&vendor[2], "cAMD", 4) == 0;
    if (!amd) {
        (void)snprintf(c.found, sizeof(c.found), "no AMD processor");
        (void)snprintf(c.hint, sizeof(c.hint),
                       "SEV-SNP needs an AMD EPYC of the third generation or later");
        return c;
    }
    if (v->cpuid(v->ctx, CPUID_SEV, sev) < 0)
        memset(sev, 0, sizeof(sev));
    c.ok = true;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(want); i++) {
        bool has = sev[0] >> want[i].bit & 1;
        c.ok = c.ok && has;
        n += (size_t)snprintf(c.found + n, sizeof(c.found) - n, "%s%s %s",
                              i ? ", " : "AMD: ", want[i].name, has ? "yes" : "no");
    }
    if (c.ok)
        (void)snprintf(c.found + n, sizeof(c.found) - n, "; C-bit %u, %u guests", sev[1] & 0x3F,
                       sev[2]);
    else
        (void)snprintf(c.hint, sizeof(c.hint),
                       "enable SMEE, SEV-SNP Support and SNP Memory Coverage in the firmware's "
                       "set-up; in a guest the hypervisor hides them");
    return c;
}

static struct sim_host_check check_kvm_amd(const struct sim_host_view *v)
{
    static const char *const names[] = {"sev", "sev_es", "sev_snp"};
    struct sim_host_check c = {.name = "snp-kvm-amd", .ok = true, .for_what = "the snp backend"};
    char path[128], line[32];
    size_t n = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        (void)snprintf(path, sizeof(path), "/sys/module/kvm_amd/parameters/%s", names[i]);
        first_line(v, path, line, sizeof(line));
        c.ok = c.ok && (strcmp(line, "Y") == 0 || strcmp(line, "1") == 0);
        n += (size_t)snprintf(c.found + n, sizeof(c.found) - n, "%s%s %.20s", i ? ", " : "",
                              names[i], line[0] ? line : "absent");
    }
    if (!c.ok)
        (void)snprintf(c.hint, sizeof(c.hint),
                       "modprobe kvm_amd sev=1 sev_es=1 sev_snp=1; if sev_snp stays N the kernel's "
                       "log says why (RMP, IOMMU, PSP firmware)");
    return c;
}

static struct sim_host_check check_dev_sev(const struct sim_host_view *v)
{
    struct sim_host_check c = {.name = "snp-dev-sev", .for_what = "the snp backend"};
    char path[4096];

    path_of(v, "/dev/sev", path, sizeof(path));
    c.ok = access(path, R_OK | W_OK) == 0;
    (void)snprintf(c.found, sizeof(c.found), "/dev/sev: %s",
                   c.ok ? "read and write" : strerror(errno));
    if (!c.ok)
        (void)snprintf(c.hint, sizeof(c.hint), "%s",
                       exists(v, "/dev/sev") ? "let this user read and write /dev/sev"
                                             : "modprobe ccp; look for 'SEV-SNP API' in dmesg");
    return c;
}

static void check_psp(const struct sim_host_view *v, struct sim_host_check *fw,
                      struct sim_host_check *tcb)
{
    struct sim_psp_status s = {0};
    int r = v->psp(v->ctx, &s);

    *fw = (struct sim_host_check){.name = "snp-psp", .for_what = "the snp backend"};
    *tcb = (struct sim_host_check){.name = "snp-tcb", .for_what = "attesting with the newest TCB"};
    if (r < 0) {
        (void)snprintf(fw->found, sizeof(fw->found), "PSP: %s", strerror(-r));
        (void)snprintf(fw->hint, sizeof(fw->hint), "the PSP answers only where /dev/sev works");
        (void)snprintf(tcb->found, sizeof(tcb->found), "unknown");
        (void)snprintf(tcb->hint, sizeof(tcb->hint), "see snp-psp");
        return;
    }
    const unsigned have[3] = {s.api_major, s.api_minor, 0};
    bool new_enough = sim_version_at_least(have, 1, 51);
    fw->ok = new_enough && s.state == 1 && s.rmp_initialized;
    fw->warn = fw->ok && !sim_version_at_least(have, 1, 55);
    (void)snprintf(fw->found, sizeof(fw->found), "SEV firmware %u.%u, %s, RMP %s", s.api_major,
                   s.api_minor, s.state == 1 ? "initialised" : "not initialised",
                   s.rmp_initialized ? "initialised" : "not initialised");
    if (!new_enough)
        (void)snprintf(fw->hint, sizeof(fw->hint), "update the SEV firmware to 1.51 or later");
    else if (!fw->ok)
        (void)snprintf(
            fw->hint, sizeof(fw->hint),
            "load kvm_amd with sev_snp=1; check that the firmware's set-up covers memory "
            "with the RMP");
    else if (fw->warn)
        (void)snprintf(fw->hint, sizeof(fw->hint),
                       "reports of version 3 and later need firmware 1.55");
    tcb->ok = memcmp(s.current_tcb, s.reported_tcb, 8) == 0;
    tcb->warn = !tcb->ok;
    (void)snprintf(tcb->found, sizeof(tcb->found), "reported TCB is %sthe current one",
                   tcb->ok ? "" : "not ");
    if (!tcb->ok)
        (void)snprintf(tcb->hint, sizeof(tcb->hint),
                       "snphost commit (or config set): the VCEK is that of the reported TCB");
}

/* ---- the rest of the host ---- */

static bool has_entries(const struct sim_host_view *v, const char *dir)
{
    struct stat st;
    char path[4096];

    path_of(v, dir, path, sizeof(path));
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_nlink != 0 &&
           sim_dir_has_entries(path);
}

static struct sim_host_check check_iommu(const struct sim_host_view *v)
{
    struct sim_host_check c = {.name = "snp-iommu", .for_what = "the snp backend"};
    char cmdline[4096];

    first_line(v, "/proc/cmdline", cmdline, sizeof(cmdline));
    bool off = strstr(cmdline, "iommu=pt") || strstr(cmdline, "iommu=off");
    c.ok = has_entries(v, "/sys/class/iommu") && !off;
    (void)snprintf(c.found, sizeof(c.found), "%s%s",
                   has_entries(v, "/sys/class/iommu") ? "an IOMMU" : "no IOMMU",
                   off ? ", kernel started with iommu=pt or iommu=off" : "");
    if (!c.ok)
        (void)snprintf(c.hint, sizeof(c.hint),
                       "enable the IOMMU in the firmware's set-up, and start the kernel without "
                       "iommu=pt and amd_iommu=off");
    return c;
}

static struct sim_host_check check_firmware(const struct sim_host_view *v)
{
    static const char *const places[] = {
        "/usr/share/edk2/ovmf/OVMF.amdsev.fd", "/usr/share/ovmf/OVMF.amdsev.fd",
        "/usr/share/OVMF/OVMF.amdsev.fd", "/usr/share/qemu/OVMF.amdsev.fd"};
    struct sim_host_check c = {.name = "snp-firmware", .for_what = "measured direct boot"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(places) && !c.ok; i++) {
        c.ok = exists(v, places[i]);
        if (c.ok)
            (void)snprintf(c.found, sizeof(c.found), "%s", places[i]);
    }
    if (!c.ok) {
        (void)snprintf(c.found, sizeof(c.found), "no OVMF.amdsev.fd");
        (void)snprintf(c.hint, sizeof(c.hint),
                       "install edk2-ovmf (Fedora), or build OvmfPkg/AmdSev/AmdSevX64.dsc of edk2: "
                       "other builds have no place for kernel hashes");
    }
    return c;
}

size_t sim_snp_host_check(const struct sim_host_view *v, struct sim_host_check out[SIM_SNP_ROWS])
{
    char kernel[128];

    out[SIM_SNP_CPU] = check_cpu(v);
    out[SIM_SNP_KVM_AMD] = check_kvm_amd(v);
    out[SIM_SNP_DEV_SEV] = check_dev_sev(v);
    check_psp(v, &out[SIM_SNP_PSP], &out[SIM_SNP_TCB]);
    out[SIM_SNP_IOMMU] = check_iommu(v);
    first_line(v, "/proc/sys/kernel/osrelease", kernel, sizeof(kernel));
    out[SIM_SNP_KERNEL] = check_version("snp-kernel", kernel, 6, 11,
                                        "Linux 6.11 is the first that runs SNP guests; 6.16 or "
                                        "later is advised");
    out[SIM_SNP_QEMU] = check_program(v, "snp-qemu", "qemu-system-x86_64", 9, 1,
                                      "QEMU 9.1 is the first with sev-snp-guest");
    out[SIM_SNP_LIBVIRT] = check_program(v, "snp-libvirt", "libvirtd", 10, 5,
                                         "libvirt 10.5 is the first with launchSecurity sev-snp");
    out[SIM_SNP_FIRMWARE] = check_firmware(v);
    return SIM_SNP_ROWS;
}

const struct sim_host_check *sim_snp_host_missing(const struct sim_host_check *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!rows[i].ok && !rows[i].warn)
            return &rows[i];
    return NULL;
}
