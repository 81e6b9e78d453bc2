/* test-protocol.c - sessions, tokens, init-data and policies over the wire, with the sample TEE. */
#include "face.h"

#include "common/crypto/jose.h"
#include "common/enc/enc.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_PATH "/kbs/v0/resource/default/demo/secret"

static struct cmn_env *env;
static EVP_PKEY *key;

static void start(struct face *f, const char *policy_set)
{
    struct cmn_err err = {0};
    struct kbs_config config = {.policy_set = policy_set, .admin = KBS_ADMIN_ALLOW_ALL};

    if (!env) {
        T_OK(cmn_env_new_seeded("protocol", 8, &env, &err), &err);
        T_OK(cmn_ec_generate(env, "P-256", &key, &err), &err);
    }
    T_OK(kbs_new(env, &config, &f->kbs, &err), &err);
    T_OK(kbs_resource_put(f->kbs, "default/demo/secret", cmn_bytes("sea", 3), &err), &err);
    face_observe(f);
}

/* An attest body that must be refused, with the reason that the wire does not tell. */
static void refused(struct face *f, const char *body, const char *reason)
{
    face_expect(
        f, "POST", "/kbs/v0/attest", body, 401,
        "{\"type\":\"https://github.com/confidential-containers/kbs/errors/AttestationError\","
        "\"detail\":\"Attestation error: RCAR handshake Attest failed\"}");
    T_TRUE(face_saw(f, reason));
}

static void cookies_that_are_no_session_are_refused(void)
{
    static const char *const cookies[] = {
        "kbs-session-id=",
        "kbs-session-id=00000000000040008000000000000000",
        "kbs-session-id",
        "kbs-session-id=00000000000000000000000000000000000000000000000000000000000000000000000000",
        "x-kbs-session-id=1",
        "kbs-session-id=%00"};
    struct face f = {0};
    char nonce[64];

    start(&f, "allow-all");
    face_challenge(&f, "sample", nonce);
    auto_free char *body = face_sample(env, key, nonce, "", NULL);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cookies); i++) {
        (void)snprintf(f.cookie, sizeof(f.cookie), "%s", cookies[i]);
        refused(&f, body, "rcar.");
        face_expect(&f, "GET", SECRET_PATH, NULL, 401, "Attestation Token not found");
    }
    face_done(&f);
}

static void attest_bodies_of_wrong_shape_are_refused(void)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "null",
        "{}",
        "{\"runtime-data\":1,\"tee-evidence\":2}",
        "{\"tee-pubkey\":{},\"tee-evidence\":\"{}\"}", /* 0.1.0 */
        "{\"runtime-data\":{\"nonce\":\"x\",\"tee-pubkey\":{\"kty\":\"OKP\"}},"
        "\"tee-evidence\":{\"primary_evidence\":{},\"additional_evidence\":\"\"}}",
        "{\"runtime-data\":{\"nonce\":\"x\",\"tee-pubkey\":{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"alg\":\"a\","
        "\"x\":1,\"y\":\"\"}},\"tee-evidence\":{\"primary_evidence\":{},\"additional_evidence\":"
        "\"\"}}"};
    struct face f = {0};
    char nonce[64];

    start(&f, "allow-all");
    face_challenge(&f, "sample", nonce);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(bodies); i++)
        refused(&f, bodies[i], "rcar.attestation-malformed");
    face_done(&f);
}

static void sample_evidence_of_another_nonce_or_key_is_refused(void)
{
    struct face f = {0};
    char nonce[64];
    auto_pkey EVP_PKEY *other = NULL;

    start(&f, "allow-all");
    T_OK(cmn_ec_generate(env, "P-256", &other, NULL), NULL);
    face_challenge(&f, "sample", nonce);
    /* evidence over one key, runtime data that names another */
    auto_free char *good = face_sample(env, key, nonce, "", NULL),
                   *theirs = face_sample(env, other, nonce, "", NULL);
    auto_json json_t *a = NULL, *b = NULL;
    T_OK(cmn_json_load(cmn_bytes(good, strlen(good)), 16, &a, NULL), NULL);
    T_OK(cmn_json_load(cmn_bytes(theirs, strlen(theirs)), 16, &b, NULL), NULL);
    (void)json_object_set(a, "runtime-data", json_object_get(b, "runtime-data"));
    auto_free char *mixed = cmn_json_dump(a);
    refused(&f, mixed, "sample.report-data-mismatch");
    auto_free char *wrong_nonce = face_sample(env, key, "AAAA", "", NULL);
    refused(&f, wrong_nonce, "rcar.nonce-mismatch");
    T_EQ_INT(face_call(&f, "POST", "/kbs/v0/attest", good), 200); /* the nonce is not burnt */
    face_done(&f);
}

static void device_evidence_is_judged_by_its_shape(void)
{
    static const struct {
        const char *text, *reason;
    } cases[] = {{"x", "rcar.attestation-malformed"},
                 {"[]", "rcar.attestation-malformed"},
                 {"{\"nvidia\":{}}", "rcar.verifier-missing"}};
    struct face f = {0};
    char nonce[64];

    start(&f, "allow-all");
    face_challenge(&f, "sample", nonce);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_free char *body = face_sample(env, key, nonce, cases[i].text, NULL);
        refused(&f, body, cases[i].reason);
    }
    auto_free char *empty = face_sample(env, key, nonce, "{}", NULL);
    T_EQ_INT(face_call(&f, "POST", "/kbs/v0/attest", empty), 200);
    face_done(&f);
}

static void tee_without_verifier_is_refused_at_attest_only(void)
{
    struct face f = {0};
    char nonce[64];

    start(&f, "allow-all");
    face_challenge(&f, "tdx", nonce);
    auto_free char *body = face_sample(env, key, nonce, "", NULL);
    refused(&f, body, "rcar.verifier-missing");
    face_expect(&f, "POST", "/kbs/v0/auth",
                "{\"version\":\"0.4.0\",\"tee\":\"sev\",\"extra-params\":\"\"}", 401,
                "Auth failed: deserialize Request");
    face_done(&f);
}

static void init_data_that_cannot_be_read_is_refused(void)
{
    static const struct {
        const char *format, *body;
    } cases[] = {{"json", "{}"},
                 {"toml", "not toml"},
                 {"toml", "algorithm='sha256'\n[data]\n"},
                 {"toml", "version='1'\n[data]\n"},
                 {"toml", "version='1'\nalgorithm='sha256'\n"},
                 {"toml", "version='1'\nalgorithm='md5'\n[data]\n"},
                 {"toml", "version='1'\nalgorithm='sha256'\n[data]\na=1\n"}};
    struct face f = {0};
    char nonce[64];

    start(&f, "allow-all");
    face_challenge(&f, "sample", nonce);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_json json_t *init =
            json_pack("{s:s, s:s}", "format", cases[i].format, "body", cases[i].body);
        auto_free char *body = face_sample(env, key, nonce, "", init);
        refused(&f, body, "rcar.initdata-invalid");
    }
    face_done(&f);
}

/* The payload of the token of the last /attest. */
static json_t *payload_of(struct face *f, json_t **header)
{
    auto_json json_t *answer = NULL;
    json_t *payload = NULL;

    T_OK(cmn_json_load(cmn_buf_bytes(&f->body), 8, &answer, NULL), NULL);
    T_OK(cmn_jws_parse(cmn_json_str(answer, "token"), header, &payload, NULL), NULL);
    return payload;
}

static void init_data_becomes_claims(void)
{
    static const char text[] = "version='0.1.0'\nalgorithm='sha384'\n[data]\n"
                               "'aa.toml'='''[a]\nb=1\n'''\n'cdh.toml'='= no toml'\n"
                               "'policy.rego'='''package x\npolicy_data := {\"allowed\":[1]}'''\n";
    struct face f = {0};
    char nonce[64];
    auto_json json_t *init = json_pack("{s:s, s:s}", "format", "toml", "body", text);

    start(&f, "allow-all");
    face_challenge(&f, "sample", nonce);
    auto_free char *body = face_sample(env, key, nonce, "", init);
    T_EQ_INT(face_call(&f, "POST", "/kbs/v0/attest", body), 200);
    auto_json json_t *header = NULL, *payload = payload_of(&f, &header);
    json_t *cpu = json_object_get(json_object_get(payload, "submods"), "cpu0");
    json_t *claims = json_object_get(json_object_get(cpu, "ear.veraison.annotated-evidence"),
                                     "init_data_claims");
    T_EQ_INT(json_integer_value(
                 json_object_get(json_object_get(json_object_get(claims, "aa.toml"), "a"), "b")),
             1);
    T_EQ_STR(cmn_json_str(claims, "cdh.toml"), "= no toml");
    T_TRUE(json_object_get(claims, "agent_policy_claims") != NULL);
    T_TRUE(json_object_get(claims, "policy.rego") == NULL);
    T_EQ_STR(json_string_value(json_object_get(
                 json_object_get(cpu, "ear.veraison.annotated-evidence"), "init_data"))
                 ? "string"
                 : "nothing",
             "string");
    face_done(&f);
}

static void expect_keys(const json_t *obj, const char *want)
{
    auto_buf struct cmn_buf keys = {0};
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)obj, name, value)
        T_OK(cmn_buf_printf(&keys, "%s ", name), NULL);
    T_EQ_STR((char *)keys.data, want);
}

static void token_has_the_members_of_upstreams_in_their_order(void)
{
    struct face f = {0};
    char nonce[64];

    start(&f, "allow-all");
    face_challenge(&f, "sample", nonce);
    auto_free char *body = face_sample(env, key, nonce, "", NULL);
    T_EQ_INT(face_call(&f, "POST", "/kbs/v0/attest", body), 200);
    auto_json json_t *header = NULL, *payload = payload_of(&f, &header);
    json_t *cpu = json_object_get(json_object_get(payload, "submods"), "cpu0");
    expect_keys(header, "typ alg jwk ");
    expect_keys(json_object_get(header, "jwk"), "alg kty crv x y ");
    expect_keys(payload, "eat_profile iat ear.verifier-id submods exp iss ");
    expect_keys(cpu, "ear.status ear.trustworthiness-vector ear.appraisal-policy-id "
                     "ear.veraison.annotated-evidence ear.trustee.identifiers ");
    expect_keys(json_object_get(cpu, "ear.trustworthiness-vector"),
                "instance-identity configuration executables file-system hardware runtime-opaque "
                "storage-opaque sourced-data ");
    expect_keys(json_object_get(cpu, "ear.veraison.annotated-evidence"),
                "report_data runtime_data_claims sample ");
    T_EQ_STR(cmn_json_str(cpu, "ear.status"), "contraindicated"); /* no reference values */
    T_EQ_INT(cmn_json_int(payload, "exp", 0) - cmn_json_int(payload, "iat", 0), 300);
    face_done(&f);
}

static void tokens_that_do_not_verify_are_refused(void)
{
    struct face f = {0}, other = {0};

    start(&f, "allow-all");
    start(&other, "allow-all"); /* another token key: as after a restart */
    auto_free char *token = face_sample_token(&f, env, key),
                   *foreign = face_sample_token(&other, env, key);
    T_TRUE(token && foreign);
    f.cookie[0] = 0;
    (void)snprintf(f.authorization, sizeof(f.authorization), "Attestation %s", token);
    face_expect(&f, "GET", SECRET_PATH, NULL, 401, "Attestation Token not found");
    (void)snprintf(f.authorization, sizeof(f.authorization), "bearer %s",
                   token); /* as is its case */
    face_expect(&f, "GET", SECRET_PATH, NULL, 401, "Attestation Token not found");
    (void)snprintf(f.authorization, sizeof(f.authorization), "Bearer ");
    face_expect(&f, "GET", SECRET_PATH, NULL, 401, "Attestation Token not found");
    (void)snprintf(f.authorization, sizeof(f.authorization), "Bearer %s", foreign);
    face_expect(&f, "GET", SECRET_PATH, NULL, 401, "\"detail\":\"Token Verifier error\"");
    T_TRUE(face_saw(&f, "token.invalid"));
    static const char *const junk[] = {".", "..", "a.b", "a.b.c", "e30.e30.", "e30.e30.e30"};
    for (size_t i = 0; i < CMN_ARRAY_SIZE(junk); i++) {
        (void)snprintf(f.authorization, sizeof(f.authorization), "Bearer %s", junk[i]);
        face_expect(&f, "GET", SECRET_PATH, NULL, 401, "Token Verifier error");
    }
    size_t n = strlen(token);
    for (size_t i = 10; i < n; i += 97) { /* anywhere in header, payload and signature */
        (void)snprintf(f.authorization, sizeof(f.authorization), "Bearer %s", token);
        f.authorization[7 + i] = f.authorization[7 + i] == 'A' ? 'B' : 'A';
        if (f.authorization[7 + i] != token[i])
            face_expect(&f, "GET", SECRET_PATH, NULL, 401, "Token Verifier error");
    }
    (void)snprintf(f.authorization, sizeof(f.authorization), "Bearer %s", token);
    T_EQ_INT(face_call(&f, "GET", SECRET_PATH, NULL), 200);
    cmn_env_sleep_ms(env, (300 + 61) * 1000);
    face_expect(&f, "GET", SECRET_PATH, NULL, 401, "Token Verifier error");
    face_done(&f);
    face_done(&other);
}

static void denials_name_what_would_have_to_change(void)
{
    static const struct {
        const char *set, *reason;
    } cases[] = {{"upstream", "kbs.resource refused policy.sample-evidence"},
                 {"affirming", "kbs.resource refused policy.sample-evidence"},
                 {"deny-all", "kbs.resource refused policy.denied"}};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct face f = {0};
        start(&f, cases[i].set);
        auto_free char *token = face_sample_token(&f, env, key);
        T_TRUE(token != NULL);
        face_expect(&f, "GET", SECRET_PATH, NULL, 401,
                    "errors/PolicyDeny\",\"detail\":\"Access denied by policy\"}");
        T_TRUE(face_saw(&f, cases[i].reason));
        face_done(&f);
    }
}

static void set_policy(struct face *f, const char *rego)
{
    auto_free char *b64 = cmn_b64(CMN_B64_URL, rego, strlen(rego));
    auto_buf struct cmn_buf body = {0};

    T_OK(cmn_buf_printf(&body, "{\"policy\":\"%s\"}", b64), NULL);
    face_expect(f, "POST", "/kbs/v0/resource-policy", (char *)body.data, 200, NULL);
}

static void resource_policy_sees_plugin_path_and_query(void)
{
    struct face f = {0};

    start(&f, "allow-all");
    auto_free char *token = face_sample_token(&f, env, key);
    T_TRUE(token != NULL);
    set_policy(&f, "package policy\ndefault allow := false\n"
                   "allow if {\n data.plugin == \"resource\"\n"
                   " data[\"resource-path\"] == [\"default\", \"demo\", \"secret\"]\n "
                   "data.query.who == \"a b\"\n}\n");
    T_EQ_INT(face_call(&f, "GET", SECRET_PATH "?x&who=a%20b", NULL), 200);
    T_EQ_INT(face_call(&f, "GET", SECRET_PATH "?who=a+b&x=1&", NULL), 200);
    T_EQ_INT(face_call(&f, "GET", "/kbs/v0/resource/default/%64emo/secret?who=a+b", NULL), 200);
    face_expect(&f, "GET", SECRET_PATH "?who=a", NULL, 401, "PolicyDeny");
    face_expect(&f, "GET", SECRET_PATH, NULL, 401, "PolicyDeny");
    T_EQ_INT(face_call(&f, "GET", SECRET_PATH "?who=%ff", NULL), 400);
    face_done(&f);
}

static void policies_that_fail_at_run_time_deny(void)
{
    struct face f = {0};

    start(&f, "allow-all");
    auto_free char *token = face_sample_token(&f, env, key);
    T_TRUE(token != NULL);
    set_policy(&f, "package policy\nallow := \"true\"\n");
    face_expect(&f, "GET", SECRET_PATH, NULL, 401, "PolicyDeny");
    set_policy(&f, "package other\nallow := true\n");
    face_expect(&f, "GET", SECRET_PATH, NULL, 401, "PolicyDeny");
    set_policy(&f, "package policy\nallow := 1\nallow := 2\n");
    face_expect(&f, "GET", SECRET_PATH, NULL, 401, "Policy engine error: ");
    T_TRUE(face_saw(&f, "policy.error"));
    face_done(&f);
}

static void reference_values_come_back_as_they_were_sent(void)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"type\":\"sample\"}",
        "{\"type\":\"swid\",\"payload\":\"e30=\"}",
        "{\"type\":\"sample\",\"payload\":\"e30\"}",
        "{\"type\":\"sample\",\"payload\":\"W10=\"}",
        "{\"version\":\"0.2.0\",\"type\":\"sample\",\"payload\":\"e30=\"}"};
    struct face f = {0};

    start(&f, "allow-all");
    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++)
        face_expect(
            &f, "POST", "/kbs/v0/reference-value", bad[i], 401,
            "\"detail\":\"RVPS configuration failed: Failed to register reference value: register "
            "reference value\"");
    auto_free char *b64 = cmn_b64(CMN_B64_STD, "{\"a/b\":[\"x\"],\"n\":3}", 19);
    auto_buf struct cmn_buf body = {0};
    T_OK(cmn_buf_printf(&body, "{\"type\":\"sample\",\"payload\":\"%s\"}", b64), NULL);
    face_expect(&f, "POST", "/kbs/v0/reference-value", (char *)body.data, 200, "");
    face_expect(&f, "GET", "/kbs/v0/reference-value/a/b", NULL, 200, "[\"x\"]");
    face_expect(&f, "GET", "/kbs/v0/reference-value/n", NULL, 200, "3");
    face_done(&f);
}

static void resources_are_put_and_deleted_by_admins(void)
{
    struct face f = {0};

    start(&f, "allow-all");
    face_expect(&f, "POST", "/kbs/v0/resource/a/b", "x", 401,
                "\"detail\":\"Plugin internal error\"");
    face_expect(&f, "POST", "/kbs/v0/resource/a/.b/c", "x", 401, "PluginInternalError");
    face_expect(&f, "DELETE", "/kbs/v0/resource/a/b/c", NULL, 401, "PluginInternalError");
    T_TRUE(face_saw(&f, "resource.not-found"));
    face_expect(&f, "POST", "/kbs/v0/resource/a/b/c", "x", 200, "");
    face_expect(&f, "POST", "/kbs/v0/resource/a/b/c", "", 200, ""); /* an empty one is one too */
    auto_free char *token = face_sample_token(&f, env, key);
    T_TRUE(token != NULL);
    face_expect(&f, "GET", "/kbs/v0/resource/a/b/c", NULL, 200, "{\"protected\":\"");
    face_expect(&f, "PUT", "/kbs/v0/resource/a/b/c", "x", 401, "PluginInternalError");
    face_expect(&f, "DELETE", "/kbs/v0/resource/a/b/c", NULL, 200, "");
    face_expect(&f, "GET", "/kbs/v0/resource/a/b/c", NULL, 401, "PluginInternalError");
    face_done(&f);
}

/* The three key wraps of upstream; what it does not take surfaces when the resource is fetched. */
static void secrets_are_encrypted_to_every_kind_of_tee_key(void)
{
    static const struct {
        const char *kind, *alg; /* alg NULL: the kind's usual one */
        int status;
        const char *saw;
    } kinds[] = {
        {"P-256", NULL, 200, "kbs.resource ok"},
        {"P-521", NULL, 200, "kbs.resource ok"},
        {"RSA", NULL, 200, "kbs.resource ok"},
        {"RSA", "RSA1_5", 200, "kbs.advisory warn resource.tee-key-deprecated"},
        {"P-384", NULL, 401, "kbs.resource refused resource.tee-key-unsupported"},
        {"P-256", "ECDH-ES", 401, "kbs.resource refused resource.tee-key-unsupported"},
        {"RSA", "RSA-OAEP", 401, "kbs.resource refused resource.tee-key-unsupported"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++) {
        struct face f = {0};
        auto_pkey EVP_PKEY *tee = NULL;
        auto_buf struct cmn_buf plain = {0};
        struct cmn_err err = {0};
        start(&f, "allow-all");
        if (strcmp(kinds[i].kind, "RSA") == 0)
            T_OK(cmn_rsa_generate(env, 2048, &tee, &err), &err);
        else
            T_OK(cmn_ec_generate(env, kinds[i].kind, &tee, &err), &err);
        face_tee_alg = kinds[i].alg;
        auto_free char *token = face_sample_token(&f, env, tee);
        face_tee_alg = NULL;
        T_TRUE(token != NULL);
        face_expect(&f, "GET", SECRET_PATH, NULL, kinds[i].status,
                    kinds[i].status == 200 ? "{\"protected\":\"" : "JweError");
        T_TRUE(face_saw(&f, kinds[i].saw));
        if (kinds[i].status == 200) {
            T_OK(cmn_jwe_open(env, tee, cmn_buf_bytes(&f.body), &plain, &err), &err);
            T_EQ_STR((char *)plain.data, "sea");
        }
        face_done(&f);
    }
}

static void sample_evidence_is_advised_against_and_strict_mode_refuses_it(void)
{
    struct face f = {0}, strict = {0};
    char nonce[64];
    struct cmn_err err = {0};
    const struct kbs_config config = {.policy_set = "allow-all", .strict = true};
    auto_json json_t *init = json_pack("{s:s, s:s}", "format", "toml", "body",
                                       "algorithm = \"sha256\"\nversion = \"0.1.0\"\n[data]\n");

    start(&f, "allow-all");
    face_challenge(&f, "sample", nonce);
    auto_free char *body = face_sample(env, key, nonce, "", init);
    T_EQ_INT(face_call(&f, "POST", "/kbs/v0/attest", body), 200);
    T_TRUE(face_saw(&f, "kbs.advisory warn sample.init-data-unchecked"));
    T_TRUE(face_saw(&f, "kbs.advisory warn sample.no-protection"));
    T_OK(kbs_new(env, &config, &strict.kbs, &err), &err);
    face_observe(&strict);
    face_challenge(&strict, "sample", nonce);
    auto_free char *again = face_sample(env, key, nonce, "", NULL);
    refused(&strict, again, "kbs.attest refused sample.no-protection");
    auto_free char *with_init = face_sample(env, key, nonce, "", init);
    refused(&strict, with_init, "kbs.attest refused sample.init-data-unchecked");
    face_done(&f);
    face_done(&strict);
}

static void all_is_freed(void)
{
    EVP_PKEY_free(key);
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN(
    "kbs-protocol",
    {"cookies that are no session are refused", cookies_that_are_no_session_are_refused},
    {"attest bodies of the wrong shape are refused", attest_bodies_of_wrong_shape_are_refused},
    {"sample evidence of another nonce or key is refused",
     sample_evidence_of_another_nonce_or_key_is_refused},
    {"device evidence is judged by its shape", device_evidence_is_judged_by_its_shape},
    {"a TEE without verifier is refused at attest only",
     tee_without_verifier_is_refused_at_attest_only},
    {"init-data that cannot be read is refused", init_data_that_cannot_be_read_is_refused},
    {"tokens that do not verify are refused", tokens_that_do_not_verify_are_refused},
    {"a denial names what would have to change", denials_name_what_would_have_to_change},
    {"a policy that fails at run time denies", policies_that_fail_at_run_time_deny},
    {"init-data becomes claims", init_data_becomes_claims},
    {"the token has upstream's members in their order",
     token_has_the_members_of_upstreams_in_their_order},
    {"the resource policy sees plugin, path and query", resource_policy_sees_plugin_path_and_query},
    {"reference values come back as they were sent", reference_values_come_back_as_they_were_sent},
    {"resources are put and deleted by admins", resources_are_put_and_deleted_by_admins},
    {"secrets are encrypted to every kind of TEE key",
     secrets_are_encrypted_to_every_kind_of_tee_key},
    {"sample evidence is advised against, and strict mode refuses it",
     sample_evidence_is_advised_against_and_strict_mode_refuses_it},
    {"all is freed", all_is_freed})
