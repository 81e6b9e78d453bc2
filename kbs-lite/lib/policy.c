/* policy.c - attestation and resource policies through regorus; see policy.h. */
#include "kbs-lite/lib/policy.h"

#include "common/json/json.h"
#include "common/rs/cmn-rs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define TRUST_CLAIMS_RULE "data.policy.trust_claims"
#define EXTENSIONS_RULE   "data.policy.extensions"
#define ALLOW_RULE        "data.policy.allow"

const char *const kbs_trust_claim_names[KBS_TRUST_CLAIMS] = {
    "instance-identity", "configuration",  "executables",    "file-system",
    "hardware",          "runtime-opaque", "storage-opaque", "sourced-data",
};

static void free_text(char **text)
{
    cmn_rs_free(*text);
}
static void free_rego(struct cmn_rs_rego **rego)
{
    cmn_rs_rego_free(*rego);
}
#define auto_text __attribute__((cleanup(free_text)))
#define auto_rego __attribute__((cleanup(free_rego)))

static int fail(struct cmn_err *err, int code, const char *what, const char *text)
{
    return cmn_err_reason(err, code, CMN_REASON_POLICY_ERROR, "%s%s%.800s", what, text ? ": " : "",
                          text ? text : "");
}

static int new_engine(const char *text, size_t len, struct cmn_rs_rego **ret, struct cmn_err *err)
{
    auto_text char *error = NULL;

    if (len > KBS_POLICY_MAX_TEXT)
        return cmn_err_reason(err, EINVAL, CMN_REASON_POLICY_ERROR,
                              "Failed to load policy: it is %zu bytes long, more than %u", len,
                              KBS_POLICY_MAX_TEXT);
    auto_rego struct cmn_rs_rego *rego = cmn_rs_rego_new();
    if (!rego)
        return fail(err, ENOMEM, "no memory for a policy engine", NULL);
    if (cmn_rs_rego_add_policy(rego, "", text, len, &error) < 0)
        return fail(err, EINVAL, "Failed to load policy", error);
    *ret = cmn_take(rego);
    return 0;
}

int kbs_policy_check(const char *text, size_t len, struct cmn_err *err)
{
    auto_rego struct cmn_rs_rego *rego = NULL;

    return new_engine(text, len, &rego, err);
}

typedef int (*set_fn)(struct cmn_rs_rego *, const char *, size_t, char **);

static int set_document(struct cmn_rs_rego *rego, set_fn set, const json_t *json, const char *what,
                        struct cmn_err *err)
{
    auto_text char *error = NULL;
    auto_free char *text = cmn_json_dump(json);

    if (!text)
        return fail(err, ENOMEM, what, "no memory");
    if (set(rego, text, strlen(text), &error) < 0)
        return fail(err, EBADMSG, what, error);
    return 0;
}

/* Evaluates one rule; *ret stays NULL unless there is a value. */
static int eval(struct cmn_rs_rego *rego, const char *rule, enum cmn_rs_rego_result *ret_result,
                json_t **ret, struct cmn_err *err)
{
    auto_text char *error = NULL;
    auto_text char *text = NULL;

    *ret_result = cmn_rs_rego_eval_rule(rego, rule, &text, &error);
    if (*ret_result == CMN_RS_REGO_ERROR)
        return fail(err, EBADMSG, "Failed to eval policy", error);
    if (*ret_result != CMN_RS_REGO_VALUE)
        return 0;
    int r = cmn_json_load(cmn_bytes(text, strlen(text)), CMN_JSON_MAX_DEPTH, ret, err);
    if (r < 0) {
        if (err)
            err->reason = CMN_REASON_POLICY_ERROR;
        return cmn_err_wrap(err, r, "value of %s", rule);
    }
    return 0;
}

/* The builtin query_reference_value: asks refs, notes what was asked. */
struct query {
    const struct kbs_policy_refs *refs;
    json_t *seen;       /* name -> value or null */
    struct cmn_err err; /* of the first lookup that failed */
};

static int query_reference_value(void *ctx, const char *name, size_t name_len, char **ret_json)
{
    struct query *q = ctx;
    auto_json json_t *value = NULL;

    if (strlen(name) != name_len)
        return -EINVAL;
    if (q->refs && q->refs->find) {
        int r = q->refs->find(q->refs->ctx, name, &value, &q->err);
        if (r < 0)
            return r;
    }
    if (json_object_set(q->seen, name, value ? value : json_null()) < 0)
        return -ENOMEM;
    if (!value)
        return 0;
    *ret_json = cmn_json_dump(value);
    return *ret_json ? 0 : -ENOMEM;
}

static bool known_claim(const char *name)
{
    for (size_t i = 0; i < KBS_TRUST_CLAIMS; i++)
        if (strcmp(kbs_trust_claim_names[i], name) == 0)
            return true;
    return false;
}

/* What the policy gave -> the vector: known names, in order, as int8. */
static int take_claims(const json_t *given, json_t *vector, struct cmn_err *err)
{
    const char *name;
    json_t *value;

    if (!json_is_object(given))
        return fail(err, EBADMSG, "Trust claims is not an object", NULL);
    json_object_foreach((json_t *)given, name, value) {
        if (!json_is_integer(value))
            return fail(err, EBADMSG, "Trust claim value not number", NULL);
        if (!known_claim(name))
            return cmn_err_reason(err, EBADMSG, CMN_REASON_POLICY_ERROR,
                                  "Trust claim '%.64s' is none of the trustworthiness vector",
                                  name);
    }
    if (json_object_size(given) == 0)
        return fail(err, EBADMSG, "At least one policy claim must be set.", NULL);
    for (size_t i = 0; i < KBS_TRUST_CLAIMS; i++) {
        value = json_object_get(given, kbs_trust_claim_names[i]);
        if (value && json_object_set_new(vector, kbs_trust_claim_names[i],
                                         json_integer((int8_t)json_integer_value(value))) < 0)
            return fail(err, ENOMEM, "no memory", NULL);
    }
    return 0;
}

static int set_all_zero(json_t *vector, struct cmn_err *err)
{
    for (size_t i = 0; i < KBS_TRUST_CLAIMS; i++)
        if (json_object_set_new(vector, kbs_trust_claim_names[i], json_integer(0)) < 0)
            return fail(err, ENOMEM, "no memory", NULL);
    return 0;
}

/* Up to 0.16 each claim was a rule of its own, with '_' for '-'. */
static int eval_rules(struct cmn_rs_rego *rego, struct kbs_policy_appraisal *a, struct cmn_err *err)
{
    auto_json json_t *given = json_object();

    for (size_t i = 0; given && i < KBS_TRUST_CLAIMS; i++) {
        enum cmn_rs_rego_result result;
        auto_json json_t *value = NULL;
        char rule[64];
        (void)snprintf(rule, sizeof(rule), "data.policy.%s", kbs_trust_claim_names[i]);
        for (char *p = rule; (p = strchr(p, '-'));)
            *p = '_';
        int r = eval(rego, rule, &result, &value, err);
        if (r < 0)
            return r;
        if (value && json_object_set(given, kbs_trust_claim_names[i], value) < 0)
            return fail(err, ENOMEM, "no memory", NULL);
    }
    a->trust_claims = json_object();
    a->defined = true;
    return given && a->trust_claims ? take_claims(given, a->trust_claims, err)
                                    : fail(err, ENOMEM, "no memory", NULL);
}

static int eval_claims(struct cmn_rs_rego *rego, struct kbs_policy_appraisal *a,
                       struct cmn_err *err)
{
    enum cmn_rs_rego_result result;
    auto_json json_t *given = NULL;

    int r = eval(rego, TRUST_CLAIMS_RULE, &result, &given, err);
    if (r < 0)
        return r;
    a->trust_claims = json_object();
    if (!a->trust_claims)
        return fail(err, ENOMEM, "no memory", NULL);
    a->defined = result != CMN_RS_REGO_ABSENT;
    if (a->defined)
        return take_claims(given, a->trust_claims, err); /* a rule without a value is no object */
    (void)snprintf(a->warning, sizeof(a->warning),
                   "No trust claims found by enforcing policy, set all TrustVector claims to 0");
    return set_all_zero(a->trust_claims, err);
}

static bool extension_ok(const json_t *e)
{
    const json_t *key = json_object_get(e, "key");

    return json_is_string(json_object_get(e, "name")) && json_is_integer(key) &&
           json_integer_value(key) >= INT32_MIN && json_integer_value(key) <= INT32_MAX &&
           json_object_get(e, "value");
}

static int eval_extensions(struct cmn_rs_rego *rego, struct kbs_policy_appraisal *a,
                           struct cmn_err *err)
{
    enum cmn_rs_rego_result result;
    auto_json json_t *list = NULL;
    size_t i;
    json_t *e;

    int r = eval(rego, EXTENSIONS_RULE, &result, &list, err);
    if (r < 0 || result == CMN_RS_REGO_ABSENT)
        return r;
    if (!json_is_array(list))
        return fail(err, EBADMSG, "Extensions is not an array", NULL);
    json_array_foreach(list, i, e)
        if (!extension_ok(e))
            return cmn_err_reason(err, EBADMSG, CMN_REASON_POLICY_ERROR,
                                  "extension %zu: want name (string), key (32 bits) and value", i);
    a->extensions = cmn_take(list);
    return 0;
}

void kbs_policy_appraisal_done(struct kbs_policy_appraisal *a)
{
    if (!a)
        return;
    json_decref(a->trust_claims);
    json_decref(a->extensions);
    json_decref(a->queried);
    *a = (struct kbs_policy_appraisal){0};
}

static int appraise(struct cmn_rs_rego *rego, const json_t *input, struct query *q,
                    struct kbs_policy_appraisal *a, struct cmn_err *err)
{
    auto_text char *error = NULL;

    int r = set_document(rego, cmn_rs_rego_set_input, input, "Failed to set input data", err);
    if (r < 0)
        return r;
    if (q->refs && q->refs->data)
        r = set_document(rego, cmn_rs_rego_set_data, q->refs->data, "Failed to load reference data",
                         err);
    else if (cmn_rs_rego_set_lookup(rego, query_reference_value, q, &error) < 0)
        return fail(err, EBADMSG, "Failed to add regorus extension", error);
    if (r == 0)
        r = q->refs && q->refs->by_rule ? eval_rules(rego, a, err) : eval_claims(rego, a, err);
    if (r == 0 && !(q->refs && q->refs->by_rule))
        r = eval_extensions(rego, a, err);
    if (r < 0 && q->err.code)
        return fail(err, EBADMSG, "Failed to eval policy: query_reference_value", q->err.msg);
    return r;
}

int kbs_policy_appraise(const char *text, size_t len, const json_t *input,
                        const struct kbs_policy_refs *refs, struct kbs_policy_appraisal *ret,
                        struct cmn_err *err)
{
    struct kbs_policy_appraisal a = {.queried = json_object()};
    struct query q = {.refs = refs, .seen = a.queried};
    auto_rego struct cmn_rs_rego *rego = NULL; /* freed before q, which it points to */

    int r = a.queried ? new_engine(text, len, &rego, err) : fail(err, ENOMEM, "no memory", NULL);
    if (r == 0)
        r = appraise(rego, input, &q, &a, err);
    if (r < 0) {
        kbs_policy_appraisal_done(&a);
        return r;
    }
    *ret = a;
    return 0;
}

int kbs_policy_decide(const char *text, size_t len, const json_t *payload, const json_t *data,
                      struct kbs_policy_verdict *ret, struct cmn_err *err)
{
    struct kbs_policy_verdict v = {0};
    enum cmn_rs_rego_result result;
    auto_rego struct cmn_rs_rego *rego = NULL;
    auto_json json_t *allow = NULL;

    int r = new_engine(text, len, &rego, err);
    if (r == 0 && data)
        r = set_document(rego, cmn_rs_rego_set_data, data, "Failed to load reference data", err);
    if (r == 0)
        r = set_document(rego, cmn_rs_rego_set_input, payload, "Failed to set input data", err);
    if (r == 0)
        r = eval(rego, ALLOW_RULE, &result, &allow, err);
    if (r < 0)
        return r;
    v.allow = json_is_true(allow);
    if (result == CMN_RS_REGO_ABSENT)
        (void)snprintf(v.warning, sizeof(v.warning),
                       "The KBS Resource Policy does not define the `" ALLOW_RULE
                       "` rule, use false as default");
    else if (!json_is_boolean(allow))
        (void)snprintf(v.warning, sizeof(v.warning),
                       "`" ALLOW_RULE "` rule result is not a boolean, use false as default");
    *ret = v;
    return 0;
}
