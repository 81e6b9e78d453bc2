/*
 * snp-verify.h - the SEV-SNP verifier as a function: evidence (or a raw report with certificates),
 * roots, time and mode in; an ordered list of checks and the verdict out. It fetches nothing by
 * itself and looks at no clock.
 *
 *     struct kbs_snp_result res;
 *     r = kbs_snp_verify(env, &(struct kbs_snp_input){.report = raw, .certs = &certs,
 *                                                     .roots = roots, .now = 1767225600,
 *                                                     .mode = KBS_SNP_STRICT}, &res, &err);
 *     if (r == 0 && !res.accepted)
 *         printf("%s: %s\n", cmn_reason_name(res.reason), res.message);
 *
 * In mode KBS_SNP_TRUSTEE the verdict is Trustee's (trustee 78962cd deps/verifier/src/snp/mod.rs),
 * and what Trustee leaves out shows as advisories. In mode KBS_SNP_STRICT advisories refuse; and
 * report version 2 and model AFh, which Trustee refuses, are judged.
 */
#ifndef KBS_SNP_VERIFY_H
#define KBS_SNP_VERIFY_H

#include "common/env/env.h"
#include "common/snp/certs.h"
#include "common/snp/report.h"
#include "kbs-lite/check.h"

/* ---- what a verdict rests on; both may be shared by threads ---- */

struct kbs_roots; /* AMD's keys, built in as numbers, and test chains */
struct kbs_crls;  /* revocation lists */
struct kbs_cache; /* certificates that were read and verified before */

/* test_chain_pem: certificates of test chains (ARK and ASK, ASVK), empty for none. -EINVAL. */
int kbs_roots_new(struct cmn_env *env, bool amd, struct cmn_bytes test_chain_pem,
                  struct kbs_roots **ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_roots_free(struct kbs_roots *roots); /* NULL ok */
bool kbs_roots_test(const struct kbs_roots *roots);

int kbs_crls_new(struct cmn_env *env, struct kbs_crls **ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_crls_free(struct kbs_crls *crls); /* NULL ok */
/* DER or PEM; of the same issuer the later one replaces the earlier. Not yet judged: signature and
 * dates are checks of kbs_snp_verify. -EBADMSG (snp.crl-invalid), -ENOSPC. */
int kbs_crls_add(struct kbs_crls *crls, struct cmn_bytes bytes, struct cmn_err *err) CMN_MUST_USE;

/* Keeps the last certificates: byte-identical ones are not read again, and a signature that fits
 * under a key is not verified again under it. */
int kbs_cache_new(struct kbs_cache **ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_cache_free(struct kbs_cache *cache); /* NULL ok */

/* ---- what the caller asks for beyond the verifier's own rules: refuses in every mode ---- */

struct kbs_snp_expect {         /* NULL or zero: not asked */
    const uint8_t *report_data; /* compared zero-padded or cut to 64 bytes, as upstream does */
    size_t report_data_len;
    const uint8_t *host_data; /* the same, 32 bytes */
    size_t host_data_len;
    const uint8_t *measurement;              /* 48 bytes */
    const uint8_t *family_id, *image_id;     /* 16 bytes */
    const uint8_t *report_id, *report_id_ma; /* 32 bytes */
    const uint8_t *chip_id;                  /* 64 bytes */
    const uint8_t *id_keys, *author_keys;    /* n digests of 48 bytes each, one must fit */
    size_t n_id_keys, n_author_keys;
    uint32_t min_guest_svn;
    uint64_t policy_forbidden;   /* permissions: none of these bits may be set */
    uint64_t policy_required;    /* restrictions: all of these bits must be set */
    uint16_t min_policy_abi;     /* major << 8 | minor */
    uint64_t platform_forbidden; /* of PLATFORM_INFO */
    uint64_t platform_required;
    const struct snp_tcb *min_tcb;        /* of REPORTED_TCB, by component */
    const struct snp_tcb *min_launch_tcb; /* of LAUNCH_TCB */
    const struct snp_version *min_firmware;
    uint64_t mitigations;      /* in CURRENT_MIT_VECTOR and LAUNCH_MIT_VECTOR */
    bool allow_masked_chip_id; /* no advisory for a zero CHIP_ID with a VCEK */
    bool forbid_provisional;   /* COMMITTED (TCB or firmware version) below CURRENT refuses */
    bool crl_required;         /* no CRL of the product: an advisory */
};

/* ---- the verifier ---- */

enum kbs_snp_mode { KBS_SNP_TRUSTEE, KBS_SNP_STRICT };

struct kbs_snp_input {
    enum kbs_snp_mode mode;
    unsigned min_version, max_version; /* of reports, as another release has them; 0: the mode's */
    /* Judged is either Trustee's evidence ({attestation_report, cert_chain}) or a raw report. */
    const json_t *evidence;
    struct cmn_bytes report;       /* 1184 bytes */
    const struct snp_certs *certs; /* beside a raw report; NULL and no table: none came along */
    struct cmn_bytes cert_table;   /* the same as the host's table; used when certs is NULL */

    const struct kbs_roots *roots;
    struct kbs_crls *crls;   /* NULL: none. CRLs among the certificates are looked at as well */
    struct kbs_cache *cache; /* NULL: none */
    int64_t now;             /* the time of the check, seconds since 1970 */
    const struct kbs_snp_expect *expect; /* NULL: nothing asked */

    /* Called when no certificates came along: the DER of the VCEK, appended to ret. NULL: none.
     * A failure is a refusal (its reason, else snp.vcek-unavailable). */
    int (*fetch)(void *ctx, const struct snp_report *report, enum snp_product product,
                 struct cmn_buf *ret, struct cmn_err *err);
    /* Called when crls has no current list of the product. NULL: none. A failure is no list. */
    int (*fetch_crl)(void *ctx, enum snp_product product, struct cmn_buf *ret, struct cmn_err *err);
    void *fetch_ctx;
};

struct kbs_snp_result {
    bool accepted;
    enum cmn_reason reason; /* of the refusal */
    char message[512];
    const char *root; /* "amd", "test" or "none" (chain not verified); static */
    bool has_report;  /* report could be read; the rest only once its check passed */
    struct snp_report report;
    enum snp_product product;
    bool is_vlek;
    struct kbs_checks checks;
};

/* 0: decided, see ret->accepted. Negative: could not decide (-ENOMEM, -EIO, -EINVAL: bad input
 * structure). */
int kbs_snp_verify(struct cmn_env *env, const struct kbs_snp_input *in, struct kbs_snp_result *ret,
                   struct cmn_err *err) CMN_MUST_USE;

#endif
