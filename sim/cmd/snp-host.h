/*
 * snp-host.h - can this host run SEV-SNP guests? One row per requirement, each with what was found
 * and what to do. Everything that is asked goes through a view of the host, so that recorded hosts
 * can be judged as well as this one.
 *
 *     struct sim_host_check rows[SIM_SNP_ROWS];
 *     size_t n = sim_snp_host_check(&sim_snp_this_host, rows);
 *
 * Sources: shared/spec/peer-pods.md 3.4 to 3.7 (libvirt, QEMU, firmware, snphost's checks), AMD
 * 24594 (CPUID 8000001F), Linux include/uapi/linux/psp-sev.h (SNP_PLATFORM_STATUS).
 */
#ifndef SIM_SNP_HOST_H
#define SIM_SNP_HOST_H

#include "sim/cmd/cmd.h"

struct sim_psp_status { /* struct sev_user_data_snp_status, as far as it is looked at */
    uint8_t api_major, api_minor, state;
    bool rmp_initialized;
    uint8_t current_tcb[8], reported_tcb[8];
};

struct sim_host_view {
    const char *root; /* put before every path; "" for this host */
    /* EAX, EBX, ECX, EDX; -ENOTSUP when there is no such leaf. */
    int (*cpuid)(void *ctx, uint32_t leaf, uint32_t ret[4]);
    int (*psp)(void *ctx, struct sim_psp_status *ret);
    /* First line that `program --version` prints; -ENOENT. */
    int (*version)(void *ctx, const char *program, char *ret, size_t cap);
    void *ctx;
};

extern const struct sim_host_view sim_snp_this_host;

enum {
    SIM_SNP_CPU,
    SIM_SNP_KVM_AMD,
    SIM_SNP_DEV_SEV,
    SIM_SNP_PSP,
    SIM_SNP_TCB,
    SIM_SNP_IOMMU,
    SIM_SNP_KERNEL,
    SIM_SNP_QEMU,
    SIM_SNP_LIBVIRT,
    SIM_SNP_FIRMWARE,
    SIM_SNP_ROWS
};

/* Fills all rows; returns SIM_SNP_ROWS. */
size_t sim_snp_host_check(const struct sim_host_view *view,
                          struct sim_host_check out[SIM_SNP_ROWS]);
/* The first row that fails, NULL when SNP guests can run (warnings do not count). */
const struct sim_host_check *sim_snp_host_missing(const struct sim_host_check *rows, size_t n);

/* "QEMU emulator version 9.2.0 (...)" and its like: the first N.N[.N] in it. false: none. */
bool sim_version_parse(const char *text, unsigned ret[3]);
bool sim_version_at_least(const unsigned have[3], unsigned major, unsigned minor);

bool sim_dir_has_entries(const char *path);

#endif
