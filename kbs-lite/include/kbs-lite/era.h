/*
 * era.h - what each Trustee release does on the wire, in one table: a broker with an era behaves as
 * that release, so that guests of another release fail against it as they fail in the field.
 *
 *     const struct kbs_era *era = kbs_era_find("0.13");
 *     ... era->protocol, era->submod ...
 *
 * A row is marked proven when it was read from the sources of that release (tags v0.9.0 to
 * v0.21.0), derived when something of it is inferred; kbs_era.note says what.
 */
#ifndef KBS_ERA_H
#define KBS_ERA_H

#include "common/http/server.h"
#include "common/json/json.h"

struct kbs_claims;

enum kbs_era_id {
    KBS_ERA_0_9,
    KBS_ERA_0_10,
    KBS_ERA_0_11,
    KBS_ERA_0_12,
    KBS_ERA_0_13,
    KBS_ERA_0_14,
    KBS_ERA_0_15,
    KBS_ERA_0_16,
    KBS_ERA_0_17,
    KBS_ERA_0_18,
    KBS_ERA_0_19,
    KBS_ERA_0_20,
    KBS_ERA_0_21,
    KBS_ERAS
};

struct kbs_era {
    const char *name; /* "0.21" */
    enum kbs_era_id id;
    const char *protocol; /* version it speaks */
    const char *wanted;   /* the same as a refusal names it: "=0.4.0"; 0.9 takes older ones too */
    bool composite;       /* attest: runtime-data and composite evidence; else tee-pubkey outside */
    bool evidence_is_text; /* attest: tee-evidence is JSON text in a string */
    bool simple_token;     /* RS384 with tcb-status; else EAR */
    const char *submod;    /* of the CPU in an EAR */
    bool reference_data;   /* policies read data.reference; else query_reference_value() */
    bool claims_by_rule;   /* data.policy.executables ...; else data.policy.trust_claims */
    bool claims_are_text;  /* numbers and booleans of snp as strings */
    bool hex_claims;       /* measurement and report data of snp in hex; else base64 */
    bool policy_data; /* resource policies see plugin, list of segments and query; else a path */
    uint32_t report_min, report_max; /* SNP report versions */
    bool proven;
    const char *note; /* what is inferred or not done; "" for nothing */
};

/* NULL: no such era. NULL name: the newest. */
const struct kbs_era *kbs_era_find(const char *name);
/* All, the oldest first. */
const struct kbs_era *kbs_era_list(size_t *ret_count);

/* ---- translations between the newest release and an older one ---- */

/* Turns the claims of today's verifiers into what the era's said. -ENOMEM. */
int kbs_era_claims(const struct kbs_era *era, const char *tee, struct kbs_claims *claims,
                   struct cmn_err *err) CMN_MUST_USE;
/* An attest body of the era's layout as today's (its nonce is empty). New reference; NULL: it is
 * not of that layout. */
json_t *kbs_era_attest_body(const struct kbs_era *era, const json_t *body);
/* Says an answer of the newest release in the era's words and statuses. */
void kbs_era_answer(const struct kbs_era *era, struct cmn_http_response *resp);
/* The text of a built-in policy as the era's release needs it; malloc'ed, NULL: no memory. */
char *kbs_era_policy(const struct kbs_era *era, const char *key, const char *text);

#endif
