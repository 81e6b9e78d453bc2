/*
 * platform.h - a machine with an SNP processor: chip, firmware and what its host configured. Guests
 * (psp.h) run on it; what it reports about itself moves only as hardware lets it.
 *
 *     struct ftee_platform *p = NULL;
 *     r = ftee_platform_new(ca, &(struct ftee_platform_opts){.chip = 1}, &p, &err);
 *     r = ftee_platform_update(p, &newer, &err);    // current moves, the guest's launch TCB stays
 *     r = ftee_platform_commit(p, &err);            // committed and reported follow, no way back
 *
 * Per component REPORTED <= COMMITTED <= CURRENT at any time (AMD 56860, SNP_CONFIG, SNP_COMMIT,
 * DOWNLOAD_FIRMWARE_EX). A command that would break this is refused with -EPERM, reason
 * psp.command-refused and the firmware's status in the text, and changes nothing. Thread-safe.
 */
#ifndef FTEE_PLATFORM_H
#define FTEE_PLATFORM_H

#include "fake-tee/ca.h"

struct ftee_platform_opts {
    unsigned chip;                        /* number of the emulated chip */
    const struct snp_tcb *current;        /* NULL: the product's usual TCB */
    const struct snp_tcb *committed;      /* NULL: as current */
    const struct snp_tcb *reported;       /* NULL: as committed */
    struct snp_version version;           /* of the firmware; all 0: 1.55.40 */
    struct snp_version committed_version; /* all 0: as version */
    const uint64_t *plat_info;            /* PLATFORM_INFO; NULL: SMT enabled */
    const uint8_t *cpuid; /* family, model, stepping; NULL: the product's typical part */
    uint64_t mit_vector;  /* CURRENT_MIT_VECTOR */
};

struct ftee_platform;

/*
 * ca is borrowed and outlives the platform. -EINVAL: the CPUID is not the product's, or a component
 * exists only on another product (fmc); -EPERM: the TCBs are not in order.
 */
int ftee_platform_new(struct ftee_ca *ca, const struct ftee_platform_opts *opts,
                      struct ftee_platform **ret, struct cmn_err *err) CMN_MUST_USE;
struct ftee_platform *ftee_platform_ref(struct ftee_platform *platform);
void ftee_platform_unref(struct ftee_platform *platform); /* NULL ok */

/*
 * SNP_CONFIG. reported: NULL keeps it; above COMMITTED is status 0x16. Masks are set as given:
 * mask_chip_id zeroes CHIP_ID, mask_chip_key leaves reports unsigned.
 */
int ftee_platform_config(struct ftee_platform *platform, const struct snp_tcb *reported,
                         bool mask_chip_id, bool mask_chip_key, struct cmn_err *err) CMN_MUST_USE;

struct ftee_firmware {
    struct snp_version version;
    struct snp_tcb tcb; /* CURRENT_TCB once it runs */
    uint64_t mit_vector;
};
/*
 * DOWNLOAD_FIRMWARE_EX (and a late-loaded microcode): moves CURRENT, also back, but not below
 * COMMITTED: status 0x21 (bad SVN) or 0x22 (bad version).
 */
int ftee_platform_update(struct ftee_platform *platform, const struct ftee_firmware *firmware,
                         struct cmn_err *err) CMN_MUST_USE;
/* SNP_COMMIT: COMMITTED and REPORTED become CURRENT. */
void ftee_platform_commit(struct ftee_platform *platform);
/*
 * SNP_VLEK_LOAD of a provider's key (csp_id as in ftee_ca_vlek); from then on reports are signed
 * with it unless the guest asks for the VCEK. FAKE: once per platform, and no wrapped key is read.
 */
int ftee_platform_load_vlek(struct ftee_platform *platform, const char *csp_id,
                            struct cmn_err *err) CMN_MUST_USE;

struct ftee_platform_status { /* SNP_PLATFORM_STATUS, and what only reports show */
    struct snp_version current, committed;
    struct snp_tcb current_tcb, committed_tcb, reported_tcb;
    uint64_t plat_info, mit_vector;
    uint8_t cpuid[3];
    bool mask_chip_id, mask_chip_key, vlek_loaded;
};
void ftee_platform_status(struct ftee_platform *platform, struct ftee_platform_status *ret);

enum snp_product ftee_platform_product(const struct ftee_platform *platform);
unsigned ftee_platform_chip(const struct ftee_platform *platform);
struct ftee_ca *ftee_platform_ca(struct ftee_platform *platform);
/* "" while none is loaded; else stays valid as long as the platform. */
const char *ftee_platform_csp_id(struct ftee_platform *platform);

/* a <= b in every component. */
bool ftee_tcb_le(const struct snp_tcb *a, const struct snp_tcb *b);

#endif
