/* group-token.c - 6xx: the attestation token (kbs-protocol 3). */
#include "sim/conformance/conf.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVIDENCE "ear.veraison.annotated-evidence"
#define VECTOR   "ear.trustworthiness-vector"

/* The token of one handshake with what was sent for it, for one check. */
struct subject {
    struct conf_token token;
    struct conf_session session;
};

static bool open_subject(struct conf *c, struct subject *s)
{
    auto_free char *text = conf_handshake(c, CONF_P256, &s->session);

    *s = (struct subject){.session = s->session};
    return text && conf_token_parse(c, text, &s->token);
}

static json_t *submod(const struct conf *c, const struct subject *s)
{
    return json_object_get(json_object_get(s->token.payload, "submods"), c->era->submod);
}

static json_t *evidence(const struct conf *c, const struct subject *s)
{
    return json_object_get(submod(c, s), EVIDENCE);
}

/* Each check is a question about a fresh subject. */
typedef void question(struct conf *c, const struct conf_check *check, struct subject *s);

static void ask(struct conf *c, const struct conf_check *check, question *q)
{
    struct subject s = {0};

    if (open_subject(c, &s))
        q(c, check, &s);
    conf_token_done(&s.token);
}

#define QUESTION(name)                                                                             \
    static void name(struct conf *c, const struct conf_check *check)                               \
    {                                                                                              \
        ask(c, check, name##_q);                                                                   \
    }

static void run_header_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const char *typ = cmn_json_str(s->token.header, "typ"),
               *alg = cmn_json_str(s->token.header, "alg");

    (void)check;
    (void)conf_expect(c, typ && strcmp(typ, "JWT") == 0, "typ JWT in the header");
    (void)conf_expect(c, alg && strcmp(alg, "ES256") == 0, "alg ES256 in the header");
}
QUESTION(run_header)

static void run_jwk_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    static const char *const members[] = {"alg", "kty", "crv", "x", "y"};
    const json_t *jwk = json_object_get(s->token.header, "jwk");

    (void)check;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(members); i++)
        (void)conf_expect(c, cmn_json_str(jwk, members[i]), "a jwk with %s in the header",
                          members[i]);
    (void)conf_expect(c, !json_object_get(s->token.header, "kid"), "no kid in the header");
    if (json_object_get(s->token.header, "x5c"))
        conf_remark(c, "x5c is in the header; upstream puts it into the jwk");
}
QUESTION(run_jwk)

static void run_signature_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    (void)check;
    (void)conf_expect(c, s->token.signature_ok, "a signature by the key in the header");
}
QUESTION(run_signature)

static void run_claims_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const json_t *p = s->token.payload;
    const char *profile = cmn_json_str(p, "eat_profile"), *iss = cmn_json_str(p, "iss");
    const json_t *verifier = json_object_get(p, "ear.verifier-id");

    (void)check;
    (void)conf_expect(c, profile && *profile, "eat_profile");
    (void)conf_expect(c, cmn_json_str(verifier, "developer") && cmn_json_str(verifier, "build"),
                      "ear.verifier-id with developer and build");
    (void)conf_expect(c, json_is_object(json_object_get(p, "submods")), "submods");
    if (!iss && c->era->id >= CONF_ERA_0_19)
        conf_remark(c, "no iss");
}
QUESTION(run_claims)

static void run_times_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const json_t *iat = json_object_get(s->token.payload, "iat");
    const json_t *exp = json_object_get(s->token.payload, "exp");

    (void)check;
    if (!conf_expect(c, json_is_integer(iat) && json_is_integer(exp), "iat and exp in seconds"))
        return;
    json_int_t life = json_integer_value(exp) - json_integer_value(iat);
    (void)conf_expect(c, life > 0, "exp behind iat");
    if (life != 300)
        conf_remark(c, "the token lives %lld s; the default is 300", (long long)life);
}
QUESTION(run_times)

static void run_absent_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    static const char *const never[] = {"nbf", "eat_nonce", "jti", "sub", "aud", "tee-pubkey"};

    (void)check;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(never); i++)
        (void)conf_expect(c, !json_object_get(s->token.payload, never[i]),
                          "no claim %s: clients and policies of today do not know it", never[i]);
}
QUESTION(run_absent)

static void run_submod_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    (void)check;
    (void)conf_expect(c, json_is_object(submod(c, s)), "the CPU's submod under the name %s",
                      c->era->submod);
    (void)conf_expect(c, json_object_size(json_object_get(s->token.payload, "submods")) == 1,
                      "no other submod for a guest without devices");
}
QUESTION(run_submod)

static const char *const vector_names[] = {"instance-identity", "configuration", "executables",
                                           "file-system",       "hardware",      "runtime-opaque",
                                           "storage-opaque",    "sourced-data"};

static void run_vector_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    json_t *vector = json_object_get(submod(c, s), VECTOR), *value;
    const char *name;

    (void)check;
    if (!conf_expect(c, json_object_size(vector), "a trustworthiness vector that is not empty"))
        return;
    json_object_foreach(vector, name, value) {
        bool known = false;
        for (size_t i = 0; i < CMN_ARRAY_SIZE(vector_names); i++)
            known = known || strcmp(name, vector_names[i]) == 0;
        (void)conf_expect(c, known, "only AR4SI's eight names in the vector");
        (void)conf_expect(c,
                          json_is_integer(value) && json_integer_value(value) >= -128 &&
                              json_integer_value(value) <= 127,
                          "integers of one byte in the vector");
    }
}
QUESTION(run_vector)

/* AR4SI's tiers as rust-ear reads them. */
static const char *tier(const json_t *vector)
{
    static const char *const names[] = {"none", "affirming", "warning", "contraindicated"};
    int worst = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(vector_names); i++) {
        json_int_t v = cmn_json_int(vector, vector_names[i], 0);
        int t = v >= -1 && v <= 1 ? 0 : v >= -32 && v <= 31 ? 1 : v >= -96 && v <= 95 ? 2 : 3;
        worst = t > worst ? t : worst;
    }
    return names[worst];
}

static void run_status_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const char *status = cmn_json_str(submod(c, s), "ear.status");
    const char *want = tier(json_object_get(submod(c, s), VECTOR));

    (void)check;
    (void)conf_expect(c, status && strcmp(status, want) == 0,
                      "ear.status %s, the worst tier of the vector", want);
}
QUESTION(run_status)

static void run_policy_id_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const char *id = cmn_json_str(submod(c, s), "ear.appraisal-policy-id");

    (void)check;
    (void)conf_expect(c, id && strncmp(id, "default", 7) == 0, "ear.appraisal-policy-id default");
}
QUESTION(run_policy_id)

static void run_evidence_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    (void)check;
    (void)conf_expect(c, json_is_object(json_object_get(evidence(c, s), c->tee)),
                      "the claims under the name of the TEE in " EVIDENCE);
    (void)conf_expect(c, cmn_json_str(evidence(c, s), "report_data"),
                      "report_data beside them, as a string");
}
QUESTION(run_evidence)

static void run_runtime_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const json_t *runtime = json_object_get(evidence(c, s), "runtime_data_claims");
    const char *nonce = cmn_json_str(runtime, "nonce");
    auto_json json_t *jwk = conf_jwk(c, CONF_P256);

    (void)check;
    (void)conf_expect(c, nonce && strcmp(nonce, s->session.nonce) == 0,
                      "the session's nonce in runtime_data_claims");
    (void)conf_expect(c, json_equal(json_object_get(runtime, "tee-pubkey"), jwk),
                      "the TEE key that was sent, member for member, in runtime_data_claims");
}
QUESTION(run_runtime)

static void run_additional_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const json_t *runtime = json_object_get(evidence(c, s), "runtime_data_claims");
    const char *text = cmn_json_str(runtime, "additional-evidence");

    (void)check;
    if (!text)
        conf_remark(c, "no additional-evidence in runtime_data_claims (verbose_token = false?)");
    else
        (void)conf_expect(c, !*text, "additional-evidence to be the empty string that was sent");
}
QUESTION(run_additional)

static void run_sample_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const json_t *claims = json_object_get(evidence(c, s), "sample");
    const char *svn = cmn_json_str(claims, "svn");

    (void)check;
    (void)conf_expect(c, svn && strcmp(svn, "1") == 0, "svn \"1\" as it was sent");
    if (c->era->id >= CONF_ERA_0_16)
        (void)conf_expect(c, cmn_json_str(claims, "launch_digest"), "a launch_digest");
    (void)conf_expect(c, !json_object_get(claims, "report_data"),
                      "report_data moved out of the claims");
}
QUESTION(run_sample)

static void run_snp_types_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    static const char *const numbers[] = {"policy_abi_major",       "policy_abi_minor",
                                          "reported_tcb_tee",       "reported_tcb_snp",
                                          "reported_tcb_microcode", "reported_tcb_bootloader"};
    static const char *const flags[] = {"policy_smt_allowed",    "policy_migrate_ma",
                                        "policy_debug_allowed",  "policy_single_socket",
                                        "platform_tsme_enabled", "platform_smt_enabled"};
    const json_t *claims = json_object_get(evidence(c, s), "snp");

    (void)check;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(numbers); i++)
        (void)conf_expect(c, json_is_integer(json_object_get(claims, numbers[i])), "%s as a number",
                          numbers[i]);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(flags); i++)
        (void)conf_expect(c, json_is_boolean(json_object_get(claims, flags[i])), "%s as a boolean",
                          flags[i]);
}
QUESTION(run_snp_types)

static void run_snp_encoding_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const char *measurement = cmn_json_str(json_object_get(evidence(c, s), "snp"), "measurement");
    const char *data = cmn_json_str(evidence(c, s), "report_data");
    bool hex = c->era->hex_claims;

    (void)check;
    (void)conf_expect(c, measurement && strlen(measurement) == (hex ? 96 : 64), "measurement as %s",
                      hex ? "96 hex digits" : "base64 of 48 bytes");
    (void)conf_expect(c, data && strlen(data) == (hex ? 128 : 88), "report_data as %s",
                      hex ? "128 hex digits" : "base64 of 64 bytes");
}
QUESTION(run_snp_encoding)

static void run_simple_q(struct conf *c, const struct conf_check *check, struct subject *s)
{
    const json_t *p = s->token.payload;
    const json_t *runtime =
        json_object_get(json_object_get(p, "customized_claims"), "runtime_data");
    const char *tee = cmn_json_str(p, "tee");

    (void)check;
    (void)conf_expect(c, tee && strcmp(tee, c->tee) == 0, "the name of the TEE as tee");
    (void)conf_expect(c, json_is_object(json_object_get(p, "tcb-status")), "tcb-status");
    (void)conf_expect(c, json_object_get(p, "evaluation-reports"), "evaluation-reports");
    (void)conf_expect(c, json_is_object(json_object_get(runtime, "tee-pubkey")),
                      "the TEE key in customized_claims.runtime_data");
}
QUESTION(run_simple)

#define EAR(n, sec, text_, fn)                                                                     \
    {                                                                                              \
        .number = n, .section = sec, .rule = text_, .needs = CONF_TOKEN, .since = CONF_ERA_0_11,   \
        .run = fn                                                                                  \
    }

static const struct conf_check checks[] = {
    EAR(601, "3.1", "the header says JWT and ES256", run_header),
    EAR(602, "3.1", "the header carries the key, without kid", run_jwk),
    EAR(603, "3.1", "the token is signed by the key in its header", run_signature),
    EAR(604, "3.2", "the payload has upstream's claims", run_claims),
    EAR(605, "3.2", "the token has a beginning and an end", run_times),
    EAR(606, "3.2", "the payload has no claim that upstream's has not", run_absent),
    EAR(607, "3.3", "the CPU's submod has the era's name and is alone", run_submod),
    EAR(608, "3.3", "the trustworthiness vector has AR4SI's names and small integers", run_vector),
    EAR(609, "3.3", "ear.status is the worst tier of the vector", run_status),
    EAR(610, "3.3", "the appraisal policy is named by its id", run_policy_id),
    EAR(611, "3.3", "the claims of the evidence are in the token", run_evidence),
    EAR(612, "3.3", "nonce and TEE key of the session are in the token", run_runtime),
    {613, "3.3", "the additional evidence is in the runtime data", .needs = CONF_TOKEN,
     .since = CONF_ERA_0_14, .run = run_additional},
    {614, "4.1", "the sample verifier's claims", .needs = CONF_TOKEN | CONF_SAMPLE,
     .since = CONF_ERA_0_14, .run = run_sample},
    {615, "4.2", "numbers and booleans of snp are such", .needs = CONF_TOKEN | CONF_SNP,
     .since = CONF_ERA_0_16, .run = run_snp_types},
    {616, "4.2", "measurement and report data of snp in the era's encoding",
     .needs = CONF_TOKEN | CONF_SNP, .since = CONF_ERA_0_14, .run = run_snp_encoding},
    {617, "3.4", "the simple token has TEE, TCB status and the TEE key", .needs = CONF_TOKEN,
     .until = CONF_ERA_0_10, .run = run_simple},
};

const struct conf_group conf_group_token = {"token", checks, CMN_ARRAY_SIZE(checks)};
