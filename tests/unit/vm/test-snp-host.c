/*
 * test-snp-host.c - what `cocobox host check` says of hosts that are not this one. The Genoa host
 * and the laptop are written down here from what such hosts show (kernel documentation, snphost,
 * AMD 24594), not recorded.
 */
#include "tests/testlib/testlib.h"

#include "sim/cmd/snp-host.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct host {
    const char *vendor; /* "AuthenticAMD" */
    uint32_t sev[4];    /* CPUID 8000001F */
    int psp_result;
    struct sim_psp_status psp;
    const char *qemu, *libvirt;
    char root[256];
};

static const struct host genoa = {
    .vendor = "AuthenticAMD",
    .sev = {0x0101FD3F, 0x0000416F, 0x000003EE, 0x00000001},
    .psp = {.api_major = 1,
            .api_minor = 55,
            .state = 1,
            .rmp_initialized = true,
            .current_tcb = {9, 0, 0, 0, 0, 0, 23, 72},
            .reported_tcb = {9, 0, 0, 0, 0, 0, 23, 72}},
    .qemu = "QEMU emulator version 9.2.0 (qemu-9.2.0-1.fc42)",
    .libvirt = "libvirt 11.0.0",
};

static int fake_cpuid(void *ctx, uint32_t leaf, uint32_t ret[4])
{
    const struct host *h = ctx;

    if (leaf == 0) {
        ret[0] = 16;
        memcpy(&ret[1], h->vendor, 4);
        memcpy(&ret[3], h->vendor + 4, 4);
        memcpy(&ret[2], h->vendor + 8, 4);
        return 0;
    }
    memcpy(ret, h->sev, sizeof(h->sev));
    return h->sev[0] ? 0 : -ENOTSUP;
}

static int fake_psp(void *ctx, struct sim_psp_status *ret)
{
    const struct host *h = ctx;

    *ret = h->psp;
    return h->psp_result;
}

static int fake_version(void *ctx, const char *program, char *ret, size_t cap)
{
    const struct host *h = ctx;
    const char *text = strcmp(program, "libvirtd") == 0 ? h->libvirt : h->qemu;

    if (!text)
        return -ENOENT;
    (void)snprintf(ret, cap, "%s", text);
    return 0;
}

static void put(const struct host *h, const char *path, const char *text)
{
    char full[512], dir[512];
    struct cmn_err err = {0};

    (void)snprintf(full, sizeof(full), "%s%s", h->root, path);
    (void)snprintf(dir, sizeof(dir), "%s", full);
    *strrchr(dir, '/') = '\0';
    T_OK(cmn_mkdir_p(dir, 0755, &err), &err);
    T_OK(cmn_file_write(full, text, strlen(text), 0644, &err), &err);
}

static void remove_file(const struct host *h, const char *path)
{
    char full[512];

    (void)snprintf(full, sizeof(full), "%s%s", h->root, path);
    T_EQ_INT(unlink(full), 0);
}

/* A tree of a working Genoa host. */
static struct host new_host(void)
{
    static int count;
    struct host h = genoa;

    (void)snprintf(h.root, sizeof(h.root), "%s/host%d", t_tmpdir(), count++);
    put(&h, "/sys/module/kvm_amd/parameters/sev", "Y\n");
    put(&h, "/sys/module/kvm_amd/parameters/sev_es", "Y\n");
    put(&h, "/sys/module/kvm_amd/parameters/sev_snp", "Y\n");
    put(&h, "/sys/class/iommu/ivhd0/name", "ivhd0\n");
    put(&h, "/dev/sev", "");
    put(&h, "/proc/cmdline", "root=UUID=1 ro mem_encrypt=on kvm_amd.sev=1\n");
    put(&h, "/proc/sys/kernel/osrelease", "6.16.4-200.fc42.x86_64\n");
    put(&h, "/usr/share/edk2/ovmf/OVMF.amdsev.fd", "firmware");
    return h;
}

static void check(struct host *h, struct sim_host_check rows[SIM_SNP_ROWS])
{
    const struct sim_host_view view = {
        .root = h->root, .cpuid = fake_cpuid, .psp = fake_psp, .version = fake_version, .ctx = h};

    T_EQ_INT(sim_snp_host_check(&view, rows), SIM_SNP_ROWS);
    for (size_t i = 0; i < SIM_SNP_ROWS; i++) {
        T_TRUE(rows[i].name && rows[i].found[0] && rows[i].for_what);
        T_TRUE(rows[i].ok || rows[i].hint[0]); /* whatever fails says what to do */
    }
}

/* Exactly this row fails, and it names `found`. */
static void only_fails(struct host *h, size_t row, const char *found)
{
    struct sim_host_check rows[SIM_SNP_ROWS];

    check(h, rows);
    for (size_t i = 0; i < SIM_SNP_ROWS; i++)
        if (i != row && !rows[i].ok)
            T_EQ_STR(rows[i].name, "a row that passes");
    T_TRUE(!rows[row].ok);
    if (!strstr(rows[row].found, found))
        T_EQ_STR(rows[row].found, found);
    T_TRUE(sim_snp_host_missing(rows, SIM_SNP_ROWS) == &rows[row] || rows[row].warn);
}

static void a_host_with_all_of_it_passes(void)
{
    struct sim_host_check rows[SIM_SNP_ROWS];
    struct host h = new_host();

    check(&h, rows);
    for (size_t i = 0; i < SIM_SNP_ROWS; i++)
        if (!rows[i].ok || rows[i].warn)
            T_EQ_STR(rows[i].found, rows[i].name);
    T_TRUE(sim_snp_host_missing(rows, SIM_SNP_ROWS) == NULL);
    T_TRUE(strstr(rows[SIM_SNP_CPU].found, "C-bit 47") != NULL);
}

static void a_laptop_fails_at_its_processor(void)
{
    struct sim_host_check rows[SIM_SNP_ROWS];
    struct host h = {.vendor = "GenuineIntel", .psp_result = -ENOENT};

    (void)snprintf(h.root, sizeof(h.root), "%s/laptop", t_tmpdir());
    put(&h, "/proc/sys/kernel/osrelease", "6.1.0-28-amd64\n");
    check(&h, rows);
    for (size_t i = 0; i < SIM_SNP_ROWS; i++)
        T_TRUE(!rows[i].ok);
    T_EQ_STR(sim_snp_host_missing(rows, SIM_SNP_ROWS)->name, "snp-cpu");
}

static void each_missing_piece_is_named(void)
{
    struct host h = new_host();
    h.sev[0] &= ~(1u << 4);
    only_fails(&h, SIM_SNP_CPU, "SEV-SNP no");

    h = new_host();
    put(&h, "/sys/module/kvm_amd/parameters/sev_snp", "N\n");
    only_fails(&h, SIM_SNP_KVM_AMD, "sev_snp N");

    h = new_host();
    remove_file(&h, "/dev/sev");
    only_fails(&h, SIM_SNP_DEV_SEV, "No such file");

    h = new_host();
    h.psp.api_minor = 50;
    only_fails(&h, SIM_SNP_PSP, "SEV firmware 1.50");

    h = new_host();
    h.psp.rmp_initialized = false;
    only_fails(&h, SIM_SNP_PSP, "RMP not initialised");

    h = new_host();
    h.psp.state = 0;
    only_fails(&h, SIM_SNP_PSP, "not initialised");

    h = new_host();
    put(&h, "/proc/cmdline", "root=UUID=1 iommu=pt\n");
    only_fails(&h, SIM_SNP_IOMMU, "iommu=pt");

    h = new_host();
    put(&h, "/proc/sys/kernel/osrelease", "6.10.14-200.fc40.x86_64\n");
    only_fails(&h, SIM_SNP_KERNEL, "6.10.14");

    h = new_host();
    h.qemu = "QEMU emulator version 9.0.2 (Debian 1:9.0.2)";
    only_fails(&h, SIM_SNP_QEMU, "9.0.2");

    h = new_host();
    h.libvirt = NULL;
    only_fails(&h, SIM_SNP_LIBVIRT, "not found");

    h = new_host();
    remove_file(&h, "/usr/share/edk2/ovmf/OVMF.amdsev.fd");
    only_fails(&h, SIM_SNP_FIRMWARE, "no OVMF");
}

static void what_works_but_should_be_seen_to_is_a_warning(void)
{
    struct sim_host_check rows[SIM_SNP_ROWS];
    struct host h = new_host();

    h.psp.api_minor = 52; /* SNP, but reports of version 2 */
    h.psp.reported_tcb[7] = 71;
    check(&h, rows);
    T_TRUE(rows[SIM_SNP_PSP].ok && rows[SIM_SNP_PSP].warn);
    T_TRUE(rows[SIM_SNP_TCB].warn);
    T_TRUE(sim_snp_host_missing(rows, SIM_SNP_ROWS) == NULL);
}

static void old_kernels_write_1_for_y(void)
{
    struct sim_host_check rows[SIM_SNP_ROWS];
    struct host h = new_host();

    put(&h, "/sys/module/kvm_amd/parameters/sev", "1\n");
    put(&h, "/sys/module/kvm_amd/parameters/sev_es", "1\n");
    put(&h, "/sys/module/kvm_amd/parameters/sev_snp", "1\n");
    check(&h, rows);
    T_TRUE(rows[SIM_SNP_KVM_AMD].ok);
}

static void versions_are_found_in_what_programs_print(void)
{
    static const struct {
        const char *text;
        bool ok;
        unsigned want[3];
    } cases[] = {{"QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", true, {7, 2, 22}},
                 {"6.12.117+deb12-cloud-amd64", true, {6, 12, 117}},
                 {"libvirt 10.5.0", true, {10, 5, 0}},
                 {"9.1", true, {9, 1, 0}},
                 {"x86_64", false, {0}},
                 {"", false, {0}},
                 {"version 9", false, {0}}};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        unsigned v[3] = {0};
        T_EQ_INT(sim_version_parse(cases[i].text, v), cases[i].ok);
        T_EQ_MEM(v, cases[i].want, sizeof(v));
    }
    T_TRUE(sim_version_at_least((unsigned[]){10, 0, 0}, 9, 1));
    T_TRUE(!sim_version_at_least((unsigned[]){9, 0, 9}, 9, 1));
}

TEST_MAIN("snp-host", {"a host with all of it passes", a_host_with_all_of_it_passes},
          {"a laptop fails at its processor", a_laptop_fails_at_its_processor},
          {"each missing piece is named", each_missing_piece_is_named},
          {"what works but should be seen to is a warning",
           what_works_but_should_be_seen_to_is_a_warning},
          {"old kernels write 1 for Y", old_kernels_write_1_for_y},
          {"versions are found in what programs print", versions_are_found_in_what_programs_print})
