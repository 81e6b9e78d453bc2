/* jose.c - tokens (JWS), resource answers (JWE), keys (JWK), sealed secrets. */
#include "common/crypto/jose.h"
#include "common/enc/enc.h"
#include "sim/diagnose/inspect/inspect-internal.h"

#include <string.h>

enum { TOKEN_MAX = 256 << 10 };

static void view_member(json_t *doc, const json_t *obj, const char *key)
{
    const json_t *value = json_object_get(obj, key);
    auto_free char *dump = value && !json_is_string(value) ? cmn_json_dump(value) : NULL;

    if (value)
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, key, "%.1000s",
                             dump ? dump : json_string_value(value));
}

static json_t *view_time(json_t *doc, const json_t *payload, const char *key, const char *name)
{
    json_int_t t = cmn_json_int(payload, key, -1);
    char text[32];

    if (t < 0)
        return NULL;
    insp_time(t, text);
    json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, key, "%lld", (long long)t);
    sim_view_meaning(f, "%s %s", name, text);
    return f;
}

/* The worst tier of a trustworthiness claim's value, as EAR counts them. */
static const char *tier(json_int_t v)
{
    return v >= -1 && v <= 1     ? "none"
           : v >= -32 && v <= 31 ? "affirming"
           : v >= -96 && v <= 95 ? "warning"
                                 : "contraindicated";
}

static void view_vector(json_t *doc, const json_t *vector)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)vector, key, value) {
        json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, key, "%lld",
                                   (long long)json_integer_value(value));
        const char *t = tier(json_integer_value(value));
        sim_view_meaning(f, "%s", t);
        if (strcmp(t, "warning") == 0 || strcmp(t, "contraindicated") == 0)
            sim_view_doubt(f,
                           strcmp(key, "executables") == 0 ? CMN_REASON_POLICY_MEASUREMENT_MISMATCH
                           : strcmp(key, "hardware") == 0  ? CMN_REASON_POLICY_TCB_MISMATCH
                                                           : CMN_REASON_POLICY_CONFIGURATION,
                           "not affirmed by the attestation policy");
    }
}

static json_t *view_submod(const char *name, const json_t *submod)
{
    json_t *doc = sim_view_new("submod", name), *f, *value;
    const char *status = cmn_json_str(submod, "ear.status"), *key;
    const json_t *evidence = json_object_get(submod, "ear.veraison.annotated-evidence");
    const json_t *runtime = json_object_get(evidence, "runtime_data_claims");

    f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "ear.status", "%s", status ? status : "(none)");
    if (!status || strcmp(status, "affirming") != 0)
        sim_view_doubt(f, CMN_REASON_POLICY_STATUS_IGNORED,
                       "upstream's default resource policy does not look at it");
    view_member(doc, submod, "ear.appraisal-policy-id");
    view_vector(doc, json_object_get(submod, "ear.trustworthiness-vector"));
    view_member(doc, evidence, "init_data");
    view_member(doc, evidence, "report_data");
    view_member(doc, runtime, "nonce");
    if (runtime && !json_object_get(runtime, "tee-pubkey"))
        sim_view_doubt(doc, CMN_REASON_TOKEN_TEE_KEY_MISSING, "no tee-pubkey in the runtime data");
    json_object_foreach((json_t *)evidence, key, value) {
        if (!json_is_object(value) || strstr(key, "_claims"))
            continue;
        auto_free char *dump = cmn_json_dump(value);
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "claims", "%s %.2000s", key,
                             dump ? dump : "");
        if (strcmp(key, "sample") == 0)
            sim_view_doubt(
                doc, CMN_REASON_POLICY_SAMPLE_EVIDENCE,
                "sample evidence proves nothing; the default resource policy refuses it");
    }
    return doc;
}

static json_t *view_payload(struct insp *in, json_t *doc, const json_t *payload)
{
    int64_t now = cmn_env_now(in->env);
    const char *key;
    json_t *submod, *f;

    view_member(doc, payload, "iss");
    view_member(doc, payload, "sub");
    view_member(doc, payload, "aud");
    view_member(doc, payload, "role");
    view_member(doc, payload, "eat_profile");
    f = view_time(doc, payload, "iat", "issued");
    if (cmn_json_int(payload, "iat", 0) > now + 60)
        sim_view_doubt(f, CMN_REASON_TOKEN_INVALID, "issued in the future: clocks differ");
    f = view_time(doc, payload, "exp", "until");
    if (f && cmn_json_int(payload, "exp", 0) + 60 < now)
        sim_view_doubt(f, CMN_REASON_TOKEN_EXPIRED, "expired (more than 60 seconds ago)");
    if (!f)
        sim_view_doubt(doc, CMN_REASON_TOKEN_INVALID, "no exp");
    json_object_foreach(json_object_get(payload, "submods"), key, submod)
        sim_view_part(doc, view_submod(key, submod));
    return doc;
}

static void check_signature(struct insp *in, json_t *doc, const char *jws, const json_t *jwk)
{
    auto_pkey EVP_PKEY *key = NULL;
    size_t n = strlen(jws);

    if (!n || jws[n - 1] == '.' || (n > 8 && strcmp(jws + n - 8, ".removed") == 0) || !jwk)
        return;
    if (cmn_jwk_to_key(in->env, jwk, &key, NULL) < 0)
        return;
    bool fits = cmn_jws_verify(in->env, key, jws, NULL) >= 0;
    json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "signature",
                               fits ? "fits the key in the header" : "does not fit");
    sim_view_meaning(f, "says nothing about who signed: the KBS must trust that key");
    if (!fits)
        sim_view_doubt(f, CMN_REASON_TOKEN_INVALID, "the token was changed");
}

json_t *insp_jws(struct insp *in, struct cmn_bytes text)
{
    auto_json json_t *header = NULL, *payload = NULL;
    static const char mark[] = "sealed.";
    bool sealed = text.len > 8 && memcmp(text.data, mark, 7) == 0;
    struct cmn_bytes body = sealed ? cmn_bytes(text.data + 7, text.len - 7) : text;

    if (body.len < 16 || body.len > TOKEN_MAX || memcmp(body.data, "eyJ", 3) != 0 ||
        memchr(body.data, '\n', body.len))
        return NULL;
    auto_free char *jws = strndup((const char *)body.data, body.len);
    if (!jws || cmn_jws_parse(jws, &header, &payload, NULL) < 0)
        return NULL;
    json_t *doc = sim_view_new(sealed ? "sealed-secret" : "token",
                               sealed ? "a sealed secret" : "a signed token (JWS)");
    view_member(doc, header, "alg");
    view_member(doc, header, "kid");
    view_member(doc, header, "typ");
    if (sealed) {
        static const char *const members[] = {"version", "type", "name", "provider", "key_id"};
        for (size_t i = 0; i < CMN_ARRAY_SIZE(members); i++)
            view_member(doc, payload, members[i]);
        const char *type = cmn_json_str(payload, "type"),
                   *provider = cmn_json_str(payload, "provider");
        if (type && provider && strcmp(type, "envelope") == 0 && strcmp(provider, "kbs") == 0)
            sim_view_doubt(doc, CMN_REASON_SEALED_PROVIDER, "kbs cannot open envelopes: use vault");
        return doc;
    }
    const json_t *jwk = json_object_get(header, "jwk");
    if (jwk) {
        json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "jwk", "%s %s",
                                   cmn_json_str(jwk, "kty") ? cmn_json_str(jwk, "kty") : "?",
                                   cmn_json_str(jwk, "crv") ? cmn_json_str(jwk, "crv") : "");
        if (!json_object_get(jwk, "x5c"))
            sim_view_meaning(f, "no certificate (x5c): an ephemeral key, trusted only with "
                                "insecure_header_jwk");
    }
    check_signature(in, doc, jws, jwk);
    return view_payload(in, doc, payload);
}

static json_t *view_jwe(const json_t *json)
{
    json_t *doc = sim_view_new("jwe", "a resource encrypted to a TEE key (JWE)"), *epk;
    const char *text = cmn_json_str(json, "protected");
    auto_buf struct cmn_buf raw = {0};
    auto_json json_t *header = NULL;

    if (!text || cmn_unb64(CMN_B64_URL, text, strlen(text), &raw, NULL) < 0 ||
        cmn_json_load(cmn_buf_bytes(&raw), 8, &header, NULL) < 0) {
        sim_view_doubt(doc, CMN_REASON_RESOURCE_DECRYPT_FAILED,
                       "the protected header cannot be read");
        return doc;
    }
    view_member(doc, header, "alg");
    view_member(doc, header, "enc");
    epk = json_object_get(header, "epk");
    view_member(doc, epk, "crv");
    const char *alg = cmn_json_str(header, "alg"), *enc = cmn_json_str(header, "enc");
    if (!enc || strcmp(enc, "A256GCM") != 0)
        sim_view_doubt(doc, CMN_REASON_RESOURCE_DECRYPT_FAILED, "the guest wants enc A256GCM");
    if (alg && strcmp(alg, "ECDH-ES+A256KW") == 0 && !epk)
        sim_view_doubt(doc, CMN_REASON_RESOURCE_DECRYPT_FAILED, "no epk in the protected header");
    if (alg && strcmp(alg, "RSA1_5") == 0)
        sim_view_meaning(json_array_get(json_object_get(doc, "fields"), 0),
                         "of releases before 0.14");
    const char *ct = cmn_json_str(json, "ciphertext");
    if (ct)
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "ciphertext", "about %zu bytes",
                             strlen(ct) / 4 * 3);
    return doc;
}

static json_t *view_jwk(struct insp *in, const json_t *json)
{
    json_t *doc = sim_view_new("jwk", "a key (JWK)");
    auto_pkey EVP_PKEY *key = NULL;
    struct cmn_err err = {0};

    view_member(doc, json, "kty");
    view_member(doc, json, "crv");
    view_member(doc, json, "alg");
    view_member(doc, json, "kid");
    if (json_object_get(json, "d") || json_object_get(json, "k"))
        sim_view_doubt(doc, CMN_REASON_NONE, "a private key: keep it out of tickets");
    else if (cmn_jwk_to_key(in->env, json, &key, &err) < 0)
        sim_view_doubt(doc, CMN_REASON_RESOURCE_TEE_KEY_UNSUPPORTED, "%s", err.msg);
    return doc;
}

json_t *insp_json_jose(struct insp *in, const json_t *json)
{
    const char *token = cmn_json_str(json, "token");

    if (json_object_get(json, "protected") && json_object_get(json, "ciphertext"))
        return view_jwe(json);
    if (cmn_json_str(json, "kty"))
        return view_jwk(in, json);
    if (token)
        return insp_jws(in, cmn_bytes(token, strlen(token)));
    if (json_object_get(json, "submods"))
        return view_payload(in, sim_view_new("token-payload", "payload of an attestation token"),
                            json);
    return NULL;
}
