/* token.c - EAR tokens (trustee attestation-service/src/ear_token, kbs/src/token). */
#include "internal.h"

#include "policy.h"

#include "common/crypto/jose.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEEWAY_S 60

/* rust-ear: the tier of one claim. */
static int tier(json_int_t v)
{
    if (v >= -1 && v <= 1)
        return 0;
    if (v >= -32 && v <= 31)
        return 1;
    return v >= -96 && v <= 95 ? 2 : 3;
}

static const char *const tiers[] = {"none", "affirming", "warning", "contraindicated"};

static const char *status_of(const json_t *vector)
{
    int worst = 0;

    for (size_t i = 0; i < KBS_TRUST_CLAIMS; i++) {
        const json_t *v = json_object_get(vector, kbs_trust_claim_names[i]);
        if (v && tier(json_integer_value(v)) > worst)
            worst = tier(json_integer_value(v));
    }
    return tiers[worst];
}

const char *kbs_token_status(const json_t *payload)
{
    const char *key;
    json_t *submod;
    int worst = 0;

    json_object_foreach(json_object_get(payload, "submods"), key, submod) {
        const char *status = cmn_json_str(submod, "ear.status");
        for (int i = 0; i < 4; i++)
            if (status && strcmp(status, tiers[i]) == 0 && i > worst)
                worst = i;
    }
    return tiers[worst];
}

/* Members in the order of the alphabet, as upstream's sorted map prints them. */
json_t *kbs_ear_evidence(const struct kbs_claims *c, const char *tee, const json_t *runtime,
                         const json_t *init_claims)
{
    json_t *e = json_object();
    int bad = 0;

    if (c->init_data) {
        bad |= json_object_set_new(e, "init_data", json_string(c->init_data));
        bad |= json_object_set_new(e, "init_data_claims",
                                   init_claims ? json_incref((json_t *)init_claims) : json_null());
    }
    if (c->report_data) {
        bad |= json_object_set_new(e, "report_data", json_string(c->report_data));
        bad |= runtime && json_object_set(e, "runtime_data_claims", (json_t *)runtime);
    }
    bad |= json_object_set(e, tee, c->claims);
    if (bad) {
        json_decref(e);
        return NULL;
    }
    return e;
}

static int add_reference(void *ctx, const char *name)
{
    json_t *names = ctx;

    return json_array_append_new(names, json_string(name)) < 0 ? -ENOMEM : 0;
}

int kbs_reference_values(struct kbs *kbs, json_t **ret, struct cmn_err *err)
{
    auto_json json_t *names = json_array(), *all = json_object();
    size_t i;
    json_t *name;
    int r = kbs_store_list(kbs, KBS_NS_REFERENCE, add_reference, names, err);

    json_array_foreach(names, i, name) {
        json_t *value = NULL;
        if (r == 0)
            r = kbs_reference_value(kbs, json_string_value(name), &value, err);
        if (r == 0 && value && json_object_set_new(all, json_string_value(name), value) < 0)
            r = cmn_err_set(err, ENOMEM, "no memory");
    }
    if (r == 0)
        *ret = cmn_take(all);
    return r;
}

int kbs_find_reference(void *ctx, const char *name, json_t **ret, struct cmn_err *err)
{
    return kbs_reference_value(ctx, name, ret, err);
}

static int appraise(struct kbs *kbs, const char *class, const json_t *evidence,
                    struct kbs_policy_appraisal *ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    char key[64];

    (void)snprintf(key, sizeof(key), "default_%s.rego", class);
    if (kbs_store_get(kbs, KBS_NS_POLICY, key, &text, NULL) < 0)
        return cmn_err_reason(err, ENOENT, CMN_REASON_POLICY_MISSING, "Policy `%s` not found", key);
    auto_json json_t *data = NULL;
    if (kbs->era->reference_data) {
        json_t *all = NULL;
        int r = kbs_reference_values(kbs, &all, err);
        if (r < 0)
            return r;
        data = json_pack("{s:o}", "reference", all);
    }
    return kbs_policy_appraise(
        (const char *)text.data, text.len, evidence,
        &(struct kbs_policy_refs){kbs_find_reference, kbs, data, kbs->era->claims_by_rule}, ret,
        err);
}

/* The policy's extensions become members of their names (ear.trustee.identifiers, by the default).
 */
json_t *kbs_ear_submod(const struct kbs_policy_appraisal *a, json_t *evidence)
{
    size_t i;
    json_t *e, *submod = json_pack("{s:s, s:O, s:s, s:O}", "ear.status", status_of(a->trust_claims),
                                   "ear.trustworthiness-vector", a->trust_claims,
                                   "ear.appraisal-policy-id", "default",
                                   "ear.veraison.annotated-evidence", evidence);

    json_array_foreach(a->extensions, i, e) {
        const char *name = cmn_json_str(e, "name");
        /* the EAR's own members are not the policy's to set */
        if (submod && name && !json_object_get(submod, name) &&
            json_object_set(submod, name, json_object_get(e, "value")) < 0) {
            json_decref(submod);
            return NULL;
        }
    }
    return submod;
}

static int sign(struct kbs *kbs, json_t *submods, char **ret, struct cmn_err *err)
{
    auto_json json_t *jwk = NULL;
    int64_t now = cmn_env_now(kbs->env);
    int r = cmn_jwk_from_key(kbs->token_key, &jwk, err);

    if (r < 0)
        return r;
    auto_json json_t *header =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:O, s:O}}", "typ", "JWT", "alg", "ES256", "jwk",
                  "alg", "ES256", "kty", "EC", "crv", "P-256", "x", json_object_get(jwk, "x"), "y",
                  json_object_get(jwk, "y"));
    auto_json json_t *payload = json_pack(
        "{s:s, s:I, s:{s:s, s:s}, s:O, s:I, s:s}", "eat_profile",
        "tag:github.com,2024:confidential-containers/Trustee", "iat", (json_int_t)now,
        "ear.verifier-id", "developer", "https://confidentialcontainers.org", "build",
        "attestation-service 0.1.0", "submods", submods, "exp",
        (json_int_t)now + kbs->config.token_minutes * 60, "iss", "CoCo-Attestation-Service");
    if (!header || !payload)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_jws_sign(kbs->env, kbs->token_key, header, payload, ret, err);
}

/* Adds the submod of one subject: <class><n>, counted per class; old eras had one, without number.
 */
static int add_submod(struct kbs *kbs, const struct kbs_subject *s, json_t *submods,
                      struct cmn_err *err)
{
    struct kbs_policy_appraisal a = {0};
    auto_json json_t *evidence = kbs_ear_evidence(&s->claims, s->tee, s->runtime, s->init_claims);
    int r = evidence ? appraise(kbs, s->class, evidence, &a, err)
                     : cmn_err_set(err, ENOMEM, "no memory");
    json_t *submod = r == 0 ? kbs_ear_submod(&a, evidence) : NULL;
    char name[64];
    unsigned n = 0;

    kbs_policy_appraisal_done(&a);
    if (r < 0)
        return r;
    do
        (void)snprintf(name, sizeof(name), "%s%u", s->class, n++);
    while (json_object_get(submods, name));
    if (!submod ||
        json_object_set_new(submods, kbs->era->composite ? name : kbs->era->submod, submod) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return 0;
}

int kbs_token_issue(struct kbs *kbs, const struct kbs_subjects *subjects, char **ret,
                    struct cmn_err *err)
{
    auto_json json_t *submods = json_object();
    int r = submods ? 0 : cmn_err_set(err, ENOMEM, "no memory");

    if (kbs->era->simple_token)
        return kbs_simple_token_issue(kbs, &subjects->list[0], ret, err);
    for (size_t i = 0; i < subjects->n && r == 0; i++)
        r = add_submod(kbs, &subjects->list[i], submods, err);
    return r < 0 ? r : sign(kbs, submods, ret, err);
}

/* By our own key; with insecure_header_jwk by whatever key the token brings. */
static int verify_signature(struct kbs *kbs, const json_t *header, const char *token,
                            struct cmn_err *err)
{
    auto_pkey EVP_PKEY *own = NULL;

    if (!kbs->config.insecure_header_jwk)
        return cmn_jws_verify(kbs->env, kbs->token_key, token, err);
    int r = cmn_jwk_to_key(kbs->env, json_object_get(header, "jwk"), &own, err);
    return r < 0 ? r : cmn_jws_verify(kbs->env, own, token, err);
}

int kbs_token_verify(struct kbs *kbs, const char *token, json_t **ret_payload, struct cmn_err *err)
{
    auto_json json_t *header = NULL, *payload = NULL;

    if (kbs->era->simple_token)
        return kbs_simple_token_verify(kbs, token, ret_payload, err);
    int r = cmn_jws_parse(token, &header, &payload, err);

    if (r == 0)
        r = verify_signature(kbs, header, token, err);
    if (r < 0)
        return cmn_err_reason(
            err, EKEYREJECTED, CMN_REASON_TOKEN_INVALID,
            "Cannot verify token: neither trusted jwk set nor trusted pem public key works");
    const json_t *exp = json_object_get(payload, "exp");
    if (!json_is_integer(exp) || json_integer_value(exp) + LEEWAY_S < cmn_env_now(kbs->env))
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_TOKEN_INVALID,
                              "Failed to decode token: ExpiredSignature");
    *ret_payload = cmn_take(payload);
    return 0;
}
