/*
 * verifier.h - kbs_verifier: from evidence to claims. A new TEE is one file and one table line.
 */
#ifndef KBS_VERIFIER_H
#define KBS_VERIFIER_H

#include "common/env/env.h"
#include "common/json/json.h"

#include <openssl/types.h>

struct kbs_roots; /* what chains may rest on: AMD's keys and, when asked, test chains */

int kbs_roots_new(struct cmn_env *env, bool amd, struct cmn_bytes test_chain_pem,
                  struct kbs_roots **ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_roots_free(struct kbs_roots *roots);
bool kbs_roots_test(const struct kbs_roots *roots);

struct kbs_advisory {
    enum cmn_reason reason;
    bool refuses_if_strict;
    char message[192];
};

struct kbs_claims {
    json_t *claims;    /* object under the TEE's name; owned */
    char *report_data; /* moved up one level, or NULL; owned */
    char *init_data;   /* the same */
    const char *root;  /* "amd", "test" or "none" */
    struct kbs_advisory advisories[12];
    size_t n_advisories;
};
void kbs_claims_done(struct kbs_claims *claims);

struct kbs_verify_input {
    const json_t *evidence;
    const uint8_t *report_data; /* expected digest, 48 bytes */
    size_t report_data_len;
    const uint8_t *init_data; /* digest of the init-data, NULL if none was sent */
    size_t init_data_len;
    const struct kbs_roots *roots;
    const char *vcek_dir; /* where VCEKs lie that the evidence does not bring; NULL: nowhere */
    int64_t now;          /* for advisories on dates */
};

struct kbs_verifier {
    const char *tee; /* "snp" */
    /* -EKEYREJECTED with a reason: refused. Anything else negative: could not decide. */
    int (*verify)(struct cmn_env *env, const struct kbs_verify_input *in, struct kbs_claims *ret,
                  struct cmn_err *err);
};

/* NULL: no verifier for this TEE. */
const struct kbs_verifier *kbs_verifier_find(const char *tee);
/* Is it one of the protocol's TEE names (whether or not it can be verified here)? */
bool kbs_tee_known(const char *tee);
extern const struct kbs_verifier kbs_verifier_snp, kbs_verifier_sample;

/* Adds an advisory that refuses in strict mode. */
void kbs_claims_advise(struct kbs_claims *claims, enum cmn_reason reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds one that never refuses: what it tells of was asked for in the configuration. */
void kbs_claims_remark(struct kbs_claims *claims, enum cmn_reason reason, const char *text);

#endif
