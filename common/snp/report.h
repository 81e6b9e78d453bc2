/*
 * report.h - codec of the SEV-SNP ATTESTATION_REPORT: bytes <-> struct <-> Trustee's evidence JSON.
 *
 * Pure: no keys, no I/O. All integers little-endian on the wire. Layout: AMD 56860 table
 * "ATTESTATION_REPORT", versions 2 to 5; JSON members: virtee/sev serde as in trustee 78962cd.
 */
#ifndef SNP_REPORT_H
#define SNP_REPORT_H

#include "common/buf/buf.h"
#include "common/json/json.h"

#define SNP_REPORT_BYTES 1184
#define SNP_SIGNED_BYTES 0x2A0 /* the signature covers 000..29F */

enum snp_product { SNP_MILAN, SNP_GENOA, SNP_TURIN, SNP_PRODUCT_COUNT };

/* Every component for every product; fmc only exists on Turin. */
struct snp_tcb {
    uint8_t fmc;
    uint8_t bootloader;
    uint8_t tee;
    uint8_t snp;
    uint8_t microcode;
};

struct snp_version {
    uint8_t major, minor, build;
};

struct snp_report {
    uint32_t version;
    uint32_t guest_svn;
    uint64_t policy;
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t vmpl;
    uint32_t sig_algo;
    struct snp_tcb current_tcb;
    uint64_t plat_info;
    uint32_t key_info;
    uint8_t report_data[64];
    uint8_t measurement[48];
    uint8_t host_data[32];
    uint8_t id_key_digest[48];
    uint8_t author_key_digest[48];
    uint8_t report_id[32];
    uint8_t report_id_ma[32];
    struct snp_tcb reported_tcb;
    bool has_cpuid; /* version >= 3 */
    uint8_t cpuid_fam_id, cpuid_mod_id, cpuid_step;
    uint8_t chip_id[64];
    struct snp_tcb committed_tcb;
    struct snp_version current, committed;
    struct snp_tcb launch_tcb;
    bool has_mit; /* version >= 5 */
    uint64_t launch_mit_vector, current_mit_vector;
    uint8_t sig_r[72], sig_s[72]; /* little-endian */
    bool turin_tcb;               /* the TCB bytes are laid out as on Turin */
};

/* POLICY. A set bit allows something (SMT, MIGRATE_MA, DEBUG, CXL) or demands it (the others). */
#define SNP_POLICY_ABI_MINOR         0x00FFull /* least firmware ABI */
#define SNP_POLICY_ABI_MAJOR         0xFF00ull
#define SNP_POLICY_SMT               (1ull << 16)
#define SNP_POLICY_ONE               (1ull << 17) /* reserved, one */
#define SNP_POLICY_MIGRATE_MA        (1ull << 18)
#define SNP_POLICY_DEBUG             (1ull << 19)
#define SNP_POLICY_SINGLE_SOCKET     (1ull << 20)
#define SNP_POLICY_CXL               (1ull << 21)
#define SNP_POLICY_AES_256_XTS       (1ull << 22)
#define SNP_POLICY_RAPL_DIS          (1ull << 23)
#define SNP_POLICY_CIPHERTEXT_HIDING (1ull << 24)
#define SNP_POLICY_PAGE_SWAP_DISABLE (1ull << 25)
#define SNP_POLICY_RESERVED          (~0ull << 26)

/* PLATFORM_INFO */
#define SNP_PLAT_SMT               (1ull << 0)
#define SNP_PLAT_TSME              (1ull << 1)
#define SNP_PLAT_ECC               (1ull << 2)
#define SNP_PLAT_RAPL_DIS          (1ull << 3)
#define SNP_PLAT_CIPHERTEXT_HIDING (1ull << 4)
#define SNP_PLAT_ALIAS_CHECK       (1ull << 5)
#define SNP_PLAT_TIO               (1ull << 7)

/* KEY_INFO */
#define SNP_KEY_INFO_AUTHOR_KEY_EN 1u
#define SNP_KEY_INFO_MASK_CHIP_KEY 2u
enum snp_signing_key { SNP_SIGNING_VCEK = 0, SNP_SIGNING_VLEK = 1, SNP_SIGNING_NONE = 7 };
/* KEY_INFO is AUTHOR_KEY_EN | MASK_CHIP_KEY | signing key << SNP_KEY_INFO_SIGNING_SHIFT. */
#define SNP_KEY_INFO_SIGNING_SHIFT 2

/* "Milan", "Genoa", "Turin": KDS names. -EINVAL for another name (any case is taken). */
const char *snp_product_name(enum snp_product product);
int snp_product_by_name(const char *name, enum snp_product *ret) CMN_MUST_USE;
/* Combined family and model (as in the report) to product; -ENOENT when unknown. */
int snp_product_from_cpuid(uint8_t family, uint8_t model, enum snp_product *ret) CMN_MUST_USE;
/* Family, model, stepping of a typical part. */
void snp_product_cpuid(enum snp_product product, uint8_t *family, uint8_t *model, uint8_t *step);

/* 8 TCB bytes. Decoding drops the reserved ones. */
void snp_tcb_encode(const struct snp_tcb *tcb, bool turin, uint8_t out[8]);
void snp_tcb_decode(const uint8_t in[8], bool turin, struct snp_tcb *ret);

/*
 * Exactly 1184 bytes; every reserved byte must be zero for its version (the reserved TCB bytes too,
 * since dropping them would change what was signed). -EBADMSG, reason snp.report-malformed or
 * snp.reserved-nonzero. The version itself is not judged (0 and 1 are -EBADMSG: no layout is
 * known).
 */
int snp_report_decode(const void *data, size_t len, struct snp_report *ret,
                      struct cmn_err *err) CMN_MUST_USE;
/* Reserved bytes are zero. */
void snp_report_encode(const struct snp_report *report, uint8_t out[SNP_REPORT_BYTES]);

/*
 * The attestation_report member of the evidence, in upstream's member order. NULL without memory,
 * or when one of the 64-bit members has its top bit set: reading such a number is refused, too.
 */
json_t *snp_report_to_json(const struct snp_report *report);
/* Unknown members are ignored, optional ones may be null or absent. -EBADMSG,
 * snp.evidence-malformed. */
int snp_report_from_json(const json_t *json, struct snp_report *ret,
                         struct cmn_err *err) CMN_MUST_USE;

/* Array of byte numbers <-> bytes (exactly len; 0: any length up to 1 MiB). */
json_t *snp_bytes_to_json(const void *data, size_t len);
int snp_bytes_from_json(const json_t *json, const char *what, size_t len, struct cmn_buf *ret,
                        struct cmn_err *err) CMN_MUST_USE;

#endif
