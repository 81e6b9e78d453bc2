/*
 * offline.h - the way of an attestation without a session: evidence, policies and reference values
 * in; every check, the appraisal and the resource decision out. The very code the broker runs.
 *
 *     struct kbs_offline_result res;
 *     r = kbs_offline_run(env, &(struct kbs_offline_input){.tee = "snp", .evidence = json,
 *                              .roots = roots, .now = t, .attestation_policy = text}, &res, &err);
 *     if (r == 0 && !res.accepted) ...        // res.reason, res.message, res.checks
 *     kbs_offline_done(&res);
 */
#ifndef KBS_OFFLINE_H
#define KBS_OFFLINE_H

#include "kbs-lite/snp-verify.h"

struct kbs_offline_input {
    const char *tee;         /* "snp" or "sample" */
    const json_t *evidence;  /* or, for snp, a raw report: */
    struct cmn_bytes report; /* 1184 bytes */
    const struct snp_certs
        *certs; /* beside it; with evidence: where a missing VCEK is looked for */

    const struct kbs_roots *roots;
    struct kbs_crls *crls;   /* NULL: none */
    struct kbs_cache *cache; /* NULL: none */
    int64_t now;
    bool strict;
    unsigned min_version, max_version; /* see kbs_snp_input */

    const uint8_t *report_data; /* expected; NULL: not checked */
    size_t report_data_len;
    const uint8_t *init_data; /* expected digest; NULL: not checked */
    size_t init_data_len;

    const json_t *runtime_data;     /* {nonce, tee-pubkey, ...}; NULL: unknown */
    const json_t *init_data_claims; /* NULL: none */
    const char *attestation_policy; /* Rego text; NULL: no appraisal */
    const json_t *reference_values; /* object, name to value; NULL: none */
    const char *resource_policy;    /* Rego text; NULL: no decision */
    const char *resource_path;      /* "default/key/1"; NULL: that */
};

struct kbs_offline_result {
    bool accepted; /* evidence verified and, where policies were given, a resource allowed */
    bool verified; /* evidence alone */
    enum cmn_reason reason;
    char message[512];
    const char *root; /* "amd", "test", "none" */
    struct kbs_checks checks;
    json_t *annotated;   /* what the attestation policy saw; NULL: not verified */
    json_t *vector;      /* trustworthiness vector; NULL: no appraisal */
    json_t *queried;     /* reference values asked for: name to value, null = missing */
    const char *status;  /* "affirming" ...; NULL: no appraisal */
    json_t *payload;     /* what the resource policy saw */
    bool decided, allow; /* by the resource policy */
    char warning[192];   /* of the policies, "" if none */
};

/* What binds evidence to a session and to initdata, from the body of an attest request. */
struct kbs_offline_session {
    json_t *runtime_data;     /* {additional-evidence, nonce, tee-pubkey} */
    uint8_t report_data[48];  /* SHA-384 of its canonical form */
    json_t *init_data_claims; /* NULL: no init-data */
    uint8_t init_data[64];    /* digest */
    size_t init_data_len;     /* 0: no init-data */
};

/* ret starts as {0}; free with kbs_offline_session_done. -EBADMSG with the reason the broker has.
 */
int kbs_offline_session_read(struct cmn_env *env, const json_t *attest_request,
                             struct kbs_offline_session *ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_offline_session_done(struct kbs_offline_session *session);
/* Digest of an initdata TOML by the algorithm it names. -EBADMSG. */
int kbs_offline_initdata(struct cmn_env *env, const char *toml, uint8_t digest[64], size_t *ret_len,
                         struct cmn_err *err) CMN_MUST_USE;

/* 0: decided. Negative: could not decide. ret is to be freed with kbs_offline_done in both cases.
 */
int kbs_offline_run(struct cmn_env *env, const struct kbs_offline_input *in,
                    struct kbs_offline_result *ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_offline_done(struct kbs_offline_result *res);

#endif
