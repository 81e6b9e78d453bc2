/*
 * verifier.h - kbs_verifier: from evidence to claims. A new TEE is one file and one table line.
 */
#ifndef KBS_VERIFIER_H
#define KBS_VERIFIER_H

#include "common/env/env.h"
#include "common/json/json.h"
#include "kbs-lite/check.h"
#include "kbs-lite/snp-verify.h"

struct kbs_claims {
    json_t *claims;    /* object under the TEE's name; owned */
    char *report_data; /* moved up one level, or NULL; owned */
    char *init_data;   /* the same */
    const char *root;  /* "amd", "test" or "none" */
};
void kbs_claims_done(struct kbs_claims *claims);

struct kbs_verify_input {
    const json_t *evidence;
    const uint8_t *report_data; /* expected digest, 48 bytes */
    size_t report_data_len;
    const uint8_t *init_data; /* digest of the init-data, NULL if none was sent */
    size_t init_data_len;
    bool strict;                     /* advisories refuse */
    int64_t now;                     /* for dates */
    const struct kbs_snp_input *snp; /* roots, CRLs, cache, fetch of an SNP verifier */
};

struct kbs_verifier {
    const char *tee;   /* "snp" */
    const char *class; /* "cpu", "gpu": names the policy and the submod */
    /*
     * -EKEYREJECTED with a reason: refused. Anything else negative: could not decide. ret_checks
     * tells in every case what was checked; ret only on success.
     */
    int (*verify)(struct cmn_env *env, const struct kbs_verify_input *in,
                  struct kbs_checks *ret_checks, struct kbs_claims *ret, struct cmn_err *err);
};

/* NULL: no verifier for this TEE. */
const struct kbs_verifier *kbs_verifier_find(const char *tee);
/* Is it one of the protocol's TEE names (whether or not it can be verified here)? */
bool kbs_tee_known(const char *tee);
/* Evidence of Azure's vTPM: used offline; the broker does not offer it yet. in->snp as for SNP. */
extern const struct kbs_verifier kbs_verifier_az;
/* What policies see of an accepted SNP report. ret starts as {0}. -ENOMEM. */
int kbs_snp_claims(const struct kbs_snp_result *res, struct kbs_claims *ret,
                   struct cmn_err *err) CMN_MUST_USE;
extern const struct kbs_verifier kbs_verifier_snp, kbs_verifier_sample, kbs_verifier_sampledevice;

#endif
