/* group-appraisal.c - 9xx: attestation policies and what they make of evidence (kbs-protocol 1.6,
 * 6.2). Last of all: these replace the default policy of a throw-away KBS. */
#include "sim/conformance/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD   "package policy\nimport rego.v1\n"
#define URL    "/kbs/v0/attestation-policy"
#define FAILED "Attestation error: Set Attestation Policy failed"
#define VECTOR "ear.trustworthiness-vector"

/* The CPU's submod of a fresh handshake. New reference; NULL: a miss was told. */
static json_t *fresh_submod(struct conf *c)
{
    struct conf_token token = {0};
    auto_free char *text = conf_handshake(c, CONF_P256, NULL);

    if (!text || !conf_token_parse(c, text, &token))
        return NULL;
    json_t *submod = json_object_get(json_object_get(token.payload, "submods"), c->era->submod);
    json_incref(submod);
    conf_token_done(&token);
    (void)conf_expect(c, submod, "a submod %s", c->era->submod);
    return submod;
}

static json_int_t claim(const json_t *submod, const char *name)
{
    return cmn_json_int(json_object_get(submod, VECTOR), name, -999);
}

/* Without reference values: a default policy recognises nothing. */
static void run_nothing_known(struct conf *c, const struct conf_check *check)
{
    auto_json json_t *submod = fresh_submod(c);
    bool sample = strcmp(c->tee, "sample") == 0;

    (void)check;
    if (!submod)
        return;
    if (claim(submod, "executables") != 33 || claim(submod, "hardware") != 97)
        conf_remark(c,
                    "executables are %lld and hardware %lld; a fresh KBS with the default policy "
                    "says 33 and 97",
                    (long long)claim(submod, "executables"), (long long)claim(submod, "hardware"));
    else
        (void)conf_expect(c, claim(submod, "configuration") == (sample ? 2 : 3),
                          "configuration %d in the vector", sample ? 2 : 3);
}

/* Is the default policy still the one that is asked? */
static bool is_default(struct conf *c)
{
    auto_json json_t *submod = fresh_submod(c);

    if (!submod)
        return false;
    if (json_object_size(json_object_get(submod, VECTOR)) == 8)
        return true;
    conf_skip(c, "another attestation policy than the default is in force");
    return false;
}

static void want_claim(struct conf *c, const char *name, json_int_t value)
{
    auto_json json_t *submod = fresh_submod(c);

    if (submod)
        (void)conf_expect(c, claim(submod, name) == value, "%s %lld in the vector, not %lld", name,
                          (long long)value, (long long)claim(submod, name));
}

static void run_digest_known(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (is_default(c) && conf_put_reference(c, "launch_digest", json_pack("[s]", "abcde")))
        want_claim(c, "executables", 3);
}

static void run_digest_unknown(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (is_default(c) && conf_put_reference(c, "launch_digest", json_pack("[s]", "fghij")))
        want_claim(c, "executables", 33);
}

static void run_hardware_known(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (is_default(c) && conf_put_reference(c, "svn", json_pack("[s]", "1")) &&
        conf_put_reference(c, "major_version", json_integer(1)) &&
        conf_put_reference(c, "minimum_minor_version", json_integer(4)))
        want_claim(c, "hardware", 2);
}

static void run_minor_too_low(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (is_default(c) && conf_put_reference(c, "minimum_minor_version", json_integer(5)))
        want_claim(c, "hardware", 97);
}

/* A scalar where the policy wants one, not a list of it. */
static void run_list_for_scalar(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (is_default(c) && conf_put_reference(c, "minimum_minor_version", json_integer(4)) &&
        conf_put_reference(c, "major_version", json_pack("[i]", 1)))
        want_claim(c, "hardware", 97);
}

static void run_all_known(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (!is_default(c) || !conf_put_reference(c, "launch_digest", json_pack("[s]", "abcde")) ||
        !conf_put_reference(c, "svn", json_pack("[s]", "1")) ||
        !conf_put_reference(c, "major_version", json_integer(1)) ||
        !conf_put_reference(c, "minimum_minor_version", json_integer(4)))
        return;
    auto_json json_t *submod = fresh_submod(c);
    const char *status = cmn_json_str(submod, "ear.status");
    (void)conf_expect(c, status && strcmp(status, "affirming") == 0, "ear.status affirming");
}

/* snp: the measurement that the token itself names. */
static void run_measurement_known(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (!is_default(c))
        return;
    auto_json json_t *submod = fresh_submod(c);
    const char *measurement = cmn_json_str(
        json_object_get(json_object_get(submod, "ear.veraison.annotated-evidence"), "snp"),
        "measurement");
    if (conf_expect(c, measurement, "a measurement") &&
        conf_put_reference(c, "snp_launch_measurement", json_pack("[s]", measurement)))
        want_claim(c, "executables", 3);
}

/* Sets default_cpu and looks at executables of the next token. */
static void run_executables(struct conf *c, const struct conf_check *check)
{
    if (conf_set_attestation_policy(c, check->detail ? check->detail : "default_cpu", check->text))
        want_claim(c, "executables", check->number_arg);
}

static void run_undefined(struct conf *c, const struct conf_check *check)
{
    if (!conf_set_attestation_policy(c, "default_cpu", check->text))
        return;
    auto_json json_t *submod = fresh_submod(c);
    const char *status = cmn_json_str(submod, "ear.status");
    (void)conf_expect(c, status && strcmp(status, "none") == 0, "ear.status none");
    (void)conf_expect(c, json_object_size(json_object_get(submod, VECTOR)) == 8,
                      "all eight claims of the vector, as 0");
}

/* The policy is set; then nobody attests. */
static void run_attest_fails(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    if (!conf_set_attestation_policy(c, "default_cpu", check->text) || !conf_challenge(c, &s))
        return;
    auto_json json_t *body = conf_attest_body(c, &s, CONF_P256, NULL, NULL);
    if (conf_attest(c, &s, body) > 0)
        (void)conf_error(c, 401, "AttestationError",
                         "Attestation error: RCAR handshake Attest failed");
}

static void run_reference(struct conf *c, const struct conf_check *check)
{
    char policy[512];

    (void)snprintf(policy, sizeof(policy),
                   HEAD "default executables := 33\nexecutables := 3 if { %s }\n"
                        "trust_claims := {\"executables\": executables}\n",
                   check->text);
    if (conf_put_reference(c, "conformance-appraisal", json_pack("[s, s]", "one", "two")) &&
        conf_set_attestation_policy(c, "default_cpu", policy))
        want_claim(c, "executables", check->number_arg);
}

static void run_extension(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (!conf_set_attestation_policy(
            c, "default_cpu",
            HEAD "trust_claims := {\"executables\": 3}\nextensions := [{\"name\": "
                 "\"ear.trustee.identifiers\", \"key\": -18, \"value\": {\"validated\": {\"x\": "
                 "[1]}}}]\n"))
        return;
    auto_json json_t *submod = fresh_submod(c);
    const json_t *validated =
        json_object_get(json_object_get(submod, "ear.trustee.identifiers"), "validated");
    (void)conf_expect(c, json_array_size(json_object_get(validated, "x")) == 1,
                      "ear.trustee.identifiers as the policy's extensions say");
}

static void run_still_before(struct conf *c, const struct conf_check *check)
{
    auto_free char *body = conf_policy_body("default_cpu", check->text);

    if (!conf_set_attestation_policy(c, "default_cpu",
                                     HEAD "trust_claims := {\"executables\": 7}\n") ||
        conf_send(c, &(struct conf_req){
                         .method = "POST", .path = URL, .body = body, .bearer = conf_admin(c)}) < 0)
        return;
    if (conf_error(c, 401, "AttestationError", FAILED))
        want_claim(c, "executables", 7);
}

#define CLAIM(n, text_, policy, value)                                                             \
    {                                                                                              \
        n, "6.2", text_, .needs = CONF_DESTRUCTIVE | CONF_TOKEN, .since = CONF_ERA_0_17,           \
                         .run = run_executables, .text = policy, .number_arg = value               \
    }
#define DEFAULT(n, text_, fn)                                                                      \
    {                                                                                              \
        n, "6.2", text_, .needs = CONF_DESTRUCTIVE | CONF_TOKEN | CONF_SAMPLE,                     \
                         .since = CONF_ERA_0_17, .run = fn                                         \
    }
#define REFERENCE(n, text_, rego, value)                                                           \
    {                                                                                              \
        n, "6.2", text_, .needs = CONF_DESTRUCTIVE | CONF_TOKEN, .since = CONF_ERA_0_17,           \
                         .run = run_reference, .text = rego, .number_arg = value                   \
    }
#define FAILS(n, text_, policy)                                                                    \
    {                                                                                              \
        n, "8.2#40", text_, .needs = CONF_DESTRUCTIVE | CONF_TOKEN, .since = CONF_ERA_0_17,        \
                            .run = run_attest_fails, .text = policy                                \
    }
#define MALFORMED(n, text_, json)                                                                  \
    {                                                                                              \
        n, "8.2#66", text_, .needs = CONF_DESTRUCTIVE, .since = CONF_ERA_0_11,                     \
                            .run = conf_run_admin,                                                 \
                            .send = {.method = "POST", .path = URL, .body = json}, .status = 401,  \
                            .type = "AttestationError", .detail = FAILED                           \
    }

static const struct conf_check checks[] = {
    {901, "6.2", "without reference values nothing is recognised", .needs = CONF_TOKEN,
     .since = CONF_ERA_0_17, .run = run_nothing_known},
    DEFAULT(902, "a known launch digest affirms the executables", run_digest_known),
    DEFAULT(903, "another launch digest does not", run_digest_unknown),
    DEFAULT(904, "known version numbers affirm the hardware", run_hardware_known),
    DEFAULT(905, "a minor version below the least does not", run_minor_too_low),
    DEFAULT(906, "a list does not stand for a scalar", run_list_for_scalar),
    DEFAULT(907, "all known: ear.status is affirming", run_all_known),
    {908, "6.2", "a known measurement affirms the executables of snp",
     .needs = CONF_DESTRUCTIVE | CONF_TOKEN | CONF_SNP, .since = CONF_ERA_0_17,
     .run = run_measurement_known},
    MALFORMED(910, "a request that is no JSON is refused", "{"),
    MALFORMED(911, "a request without an id is refused", "{\"policy\":\"cGFja2FnZSBwb2xpY3k\"}"),
    MALFORMED(912, "a request without a policy is refused", "{\"policy_id\":\"default_cpu\"}"),
    MALFORMED(913, "an id that is a number is refused",
              "{\"policy_id\":1,\"policy\":\"cGFja2FnZSBwb2xpY3k\"}"),
    MALFORMED(914, "a policy with padding of base64 is refused",
              "{\"policy_id\":\"default_cpu\",\"policy\":\"cGFja2FnZSBwb2xpY3k=\"}"),
    MALFORMED(915, "a policy that is not UTF-8 is refused",
              "{\"policy_id\":\"default_cpu\",\"policy\":\"__79\"}"),
    {916, "1.6", "a policy that does not parse is refused and the one before stays",
     .needs = CONF_DESTRUCTIVE | CONF_TOKEN, .since = CONF_ERA_0_17, .run = run_still_before,
     .text = "package policy\ntrust_claims := {"},
    CLAIM(920, "a policy set under default_cpu is the one that is asked",
          HEAD "trust_claims := {\"executables\": 5}\n", 5),
    {921, "1.6", "a policy set under the id default has no effect",
     .needs = CONF_DESTRUCTIVE | CONF_TOKEN, .since = CONF_ERA_0_17, .run = run_executables,
     .text = HEAD "trust_claims := {\"executables\": 6}\n", .detail = "default", .number_arg = 5},
    CLAIM(922, "a claim that contradicts the guest still gives a token",
          HEAD "trust_claims := {\"executables\": 96}\n", 96),
    CLAIM(923, "negative claims are taken", HEAD "trust_claims := {\"executables\": -1}\n", -1),
    {924, "6.2", "without trust_claims the status is none", .needs = CONF_DESTRUCTIVE | CONF_TOKEN,
     .since = CONF_ERA_0_17, .run = run_undefined, .text = HEAD "x := 1\n"},
    FAILS(925, "trust_claims that is no object fails the attestation", HEAD "trust_claims := 1\n"),
    FAILS(926, "an empty trust_claims fails the attestation", HEAD "trust_claims := {}\n"),
    FAILS(927, "a claim that is no number fails the attestation",
          HEAD "trust_claims := {\"executables\": \"x\"}\n"),
    REFERENCE(930, "query_reference_value gives the value",
              "query_reference_value(\"conformance-appraisal\") == [\"one\", \"two\"]", 3),
    REFERENCE(931, "a value is found in a list",
              "\"two\" in query_reference_value(\"conformance-appraisal\")", 3),
    REFERENCE(932, "a missing reference value matches nothing",
              "\"two\" in query_reference_value(\"conformance-missing\")", 33),
    REFERENCE(933, "a policy sees the nonce", "input.runtime_data_claims.nonce", 3),
    {934, "3.3", "extensions become members of the submod", .needs = CONF_DESTRUCTIVE | CONF_TOKEN,
     .since = CONF_ERA_0_21, .run = run_extension},
};

const struct conf_group conf_group_appraisal = {"appraisal", checks, CMN_ARRAY_SIZE(checks)};
