/*
 * diagnose.c - why a resource policy said no. The wire only says "Access denied by policy"; support
 * needs the claim that was not approved, with what was measured beside what was expected.
 */
#include "internal.h"

#include "policy.h"

#include <stdio.h>
#include <string.h>

struct question {
    const char *claim; /* member of the vector */
    enum cmn_reason reason;
    const char *member;    /* of the snp claims */
    const char *reference; /* name the default policy asks for */
};

/* In the order in which a reader would look: what runs, on what, how configured. */
static const struct question questions[] = {
    {"executables", CMN_REASON_POLICY_MEASUREMENT_MISMATCH, "measurement",
     "snp_launch_measurement"},
    {"hardware", CMN_REASON_POLICY_TCB_MISMATCH, "reported_tcb_bootloader", "snp_bootloader"},
    {"hardware", CMN_REASON_POLICY_TCB_MISMATCH, "reported_tcb_microcode", "snp_microcode"},
    {"hardware", CMN_REASON_POLICY_TCB_MISMATCH, "reported_tcb_snp", "snp_snp_svn"},
    {"hardware", CMN_REASON_POLICY_TCB_MISMATCH, "reported_tcb_tee", "snp_tee_svn"},
    {"configuration", CMN_REASON_POLICY_CONFIGURATION, "policy_debug_allowed", NULL},
    {"configuration", CMN_REASON_POLICY_CONFIGURATION, "policy_migrate_ma", NULL},
};

static bool contains(const json_t *list, const json_t *value)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i, v)
        if (json_equal(v, value))
            return true;
    return false;
}

static bool affirmed(const json_t *vector, const char *claim)
{
    json_int_t v = cmn_json_int(vector, claim, 0);
    return v >= 2 && v <= 31;
}

/* One question of the table: does this claim explain the refusal? */
static bool explains(const struct kbs_policy_refs *refs, const struct question *q,
                     const json_t *vector, const json_t *snp, enum cmn_reason *ret, char *message,
                     size_t cap, json_t **ret_details)
{
    json_t *actual = json_object_get(snp, q->member);
    auto_json json_t *want = NULL;

    if (affirmed(vector, q->claim) || !actual)
        return false;
    if (!q->reference) {
        if (!json_is_true(actual))
            return false;
        want = json_false();
    } else if (refs->find(refs->ctx, q->reference, &want, NULL) < 0 || contains(want, actual)) {
        return false;
    }
    *ret = q->reference && !want ? CMN_REASON_POLICY_REFERENCE_VALUE_MISSING : q->reason;
    auto_free char *got = cmn_json_dump(actual), *expected = want ? cmn_json_dump(want) : NULL;
    (void)snprintf(message, cap, "%s is %s, reference value %s is %s", q->member, got ? got : "?",
                   q->reference ? q->reference : "(policy)",
                   expected ? expected : "not registered");
    *ret_details = json_pack("{s:s, s:O, s:s, s:O?}", "claim", q->member, "actual", actual,
                             "reference", q->reference ? q->reference : "", "expected", want);
    return true;
}

/*
 * Would the policy allow the best token there can be: a real TEE, every claim affirmed? If not,
 * what the guest measured is not the reason, and naming it would send the reader the wrong way.
 */
static bool allows_the_best(struct cmn_bytes policy, const json_t *payload, const json_t *data)
{
    auto_json json_t *best = json_deep_copy(payload);
    struct kbs_policy_verdict verdict = {0};
    const char *name;
    json_t *submod;

    json_object_foreach(json_object_get(best, "submods"), name, submod) {
        json_t *evidence = json_object_get(submod, "ear.veraison.annotated-evidence");
        json_t *sample = json_object_get(evidence, "sample");
        json_t *vector =
            json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "instance-identity", 2,
                      "configuration", 2, "executables", 3, "file-system", 2, "hardware", 2,
                      "runtime-opaque", 2, "storage-opaque", 2, "sourced-data", 2);
        int bad = json_object_set_new(submod, "ear.status", json_string("affirming"));
        bad |= json_object_set_new(submod, "ear.trustworthiness-vector", vector);
        if (sample) {
            bad |= json_object_set(evidence, "snp", sample);
            bad |= json_object_del(evidence, "sample");
        }
        if (bad)
            return true; /* no memory for the question: as if it were not asked */
    }
    return !best ||
           kbs_policy_decide((const char *)policy.data, policy.len, best, data, &verdict, NULL) <
               0 ||
           verdict.allow;
}

enum cmn_reason kbs_diagnose_denial(const struct kbs_policy_refs *refs, struct cmn_bytes policy,
                                    const json_t *payload, const json_t *data, char *message,
                                    size_t cap, json_t **ret_details)
{
    const json_t *cpu = json_object_get(json_object_get(payload, "submods"), "cpu0");
    const json_t *evidence = json_object_get(cpu, "ear.veraison.annotated-evidence");
    const json_t *vector = json_object_get(cpu, "ear.trustworthiness-vector");
    const json_t *snp = json_object_get(evidence, "snp");
    const char *status = kbs_token_status(payload);
    enum cmn_reason reason;

    *ret_details = NULL;
    if (!allows_the_best(policy, payload, data)) {
        (void)snprintf(message, cap,
                       "the resource policy denies this path to an affirmed guest too");
        return CMN_REASON_POLICY_DENIED;
    }
    if (json_object_get(evidence, "sample")) {
        (void)snprintf(message, cap, "the evidence is of the sample TEE");
        return CMN_REASON_POLICY_SAMPLE_EVIDENCE;
    }
    for (size_t i = 0; i < CMN_ARRAY_SIZE(questions) && strcmp(status, "affirming") != 0; i++)
        if (explains(refs, &questions[i], vector, snp, &reason, message, cap, ret_details))
            return reason;
    (void)snprintf(message, cap, "the resource policy denies access; ear.status is %s", status);
    return CMN_REASON_POLICY_DENIED;
}
