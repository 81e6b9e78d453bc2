/*
 * policy.h - evaluates the two kinds of policy a key broker has, with Trustee's engine and
 * Trustee's reading of the result: the attestation policy (evidence -> trustworthiness vector) and
 * the resource policy (token -> may this be released).
 *
 *     struct kbs_policy_appraisal a = {0};
 *     int r = kbs_policy_appraise(text, strlen(text), evidence, &refs, &a, &err);
 *     if (r == 0)
 *         use(a.trust_claims);
 *     kbs_policy_appraisal_done(&a);
 *
 * "The policy says no" is not an error: it is a vector or allow == false. A negative return means
 * that no verdict could be reached: -EINVAL the policy does not parse ("Failed to load policy: ..."
 * with line and column), -EBADMSG it fails or yields a wrong type ("Failed to eval policy: ...",
 * "Trust claims is not an object", ...), -ENOMEM. The reason is policy.error.
 * A fresh engine per call; thread safe as far as the callbacks are.
 *
 * Source: Trustee's policy engine and attestation service, as docs tell their behaviour.
 */
#ifndef KBS_POLICY_H
#define KBS_POLICY_H

#include "common/err/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define KBS_POLICY_MAX_TEXT (1u << 20) /* bytes of one policy */

/* Where query_reference_value(name) looks. */
struct kbs_policy_refs {
    /* 0 with *ret = new reference, or left NULL if there is none of this name (Rego: null); a
     * negative return makes the appraisal fail. */
    int (*find)(void *ctx, const char *name, json_t **ret, struct cmn_err *err);
    void *ctx;
    const json_t *data; /* old eras: the data document {"reference": {...}}; NULL: none */
    bool by_rule;       /* old eras: data.policy.executables ... in place of trust_claims */
};

/* Owned by the caller, who starts with {0} and ends with kbs_policy_appraisal_done. */
struct kbs_policy_appraisal {
    json_t *trust_claims; /* object: vector name -> integer in int8, in the order of the vector */
    bool defined;         /* false: the policy gave none; trust_claims then has all eight as 0 */
    json_t *extensions;   /* array of {"name","key","value"}, or NULL */
    json_t *queried;      /* object: each reference value asked for -> its value, null = missing */
    char warning[192];    /* "" or one line for the log */
};

/* The eight names of the trustworthiness vector, in its order. */
#define KBS_TRUST_CLAIMS 8
extern const char *const kbs_trust_claim_names[KBS_TRUST_CLAIMS];

/* Does the policy parse? -EINVAL with "Failed to load policy: ..." (line and column). */
int kbs_policy_check(const char *text, size_t len, struct cmn_err *err) CMN_MUST_USE;

/*
 * Attestation policy: input is the annotated-evidence object. Evaluates data.policy.trust_claims
 * and data.policy.extensions. refs NULL: no reference values at all.
 */
int kbs_policy_appraise(const char *text, size_t len, const json_t *input,
                        const struct kbs_policy_refs *refs, struct kbs_policy_appraisal *ret,
                        struct cmn_err *err) CMN_MUST_USE;
void kbs_policy_appraisal_done(struct kbs_policy_appraisal *a);

struct kbs_policy_verdict {
    bool allow;
    char warning[192]; /* "" or one line for the log: rule missing, not a boolean */
};

/*
 * Resource policy: input is the whole token payload, data is {"plugin","resource-path","query"}.
 * Evaluates data.policy.allow; only a boolean true allows.
 */
int kbs_policy_decide(const char *text, size_t len, const json_t *payload, const json_t *data,
                      struct kbs_policy_verdict *ret, struct cmn_err *err) CMN_MUST_USE;

#endif
