/* group-policy.c - 8xx: resource policies, how they are set and what they see (kbs-protocol 1.6,
 * 6.3). Only on a throw-away KBS: the policy that was there cannot be read, so not be put back. */
#include "sim/conformance/conf.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD  "package policy\nimport rego.v1\ndefault allow := false\n"
#define URL   "/kbs/v0/resource-policy"
#define PARSE "Failed to parse policy: "

static void get_with(struct conf *c, const char *policy, const char *query)
{
    char path[128];

    (void)snprintf(path, sizeof(path), CONF_RESOURCE "%s", query);
    if (conf_set_resource_policy(c, policy))
        CMN_IGNORE(conf_get_resource(c, path, NULL, conf_good_token(c))); /* told by what follows */
}

static void run_allows(struct conf *c, const struct conf_check *check)
{
    get_with(c, check->text, check->detail ? check->detail : "");
    (void)conf_status(c, 200);
}

static void run_denies(struct conf *c, const struct conf_check *check)
{
    get_with(c, check->text, check->detail ? check->detail : "");
    (void)conf_error(c, 401, "PolicyDeny", "Access denied by policy");
}

static void run_fails(struct conf *c, const struct conf_check *check)
{
    get_with(c, check->text, "");
    (void)conf_error(c, 401, "PolicyEngineError", "Policy engine error: *");
}

/* What the policy sees of the token. */
static void run_input(struct conf *c, const struct conf_check *check)
{
    char policy[512];

    (void)snprintf(policy, sizeof(policy), HEAD "allow if { input.submods[\"%s\"]%s }",
                   c->era->submod, check->text);
    get_with(c, policy, "");
    (void)conf_status(c, 200);
}

static void run_tee_named(struct conf *c, const struct conf_check *check)
{
    char policy[512];

    (void)check;
    (void)snprintf(policy, sizeof(policy),
                   HEAD "allow if { input.submods[\"%s\"][\"ear.veraison.annotated-evidence\"][\"%s"
                        "\"] }",
                   c->era->submod, c->tee);
    get_with(c, policy, "");
    (void)conf_status(c, 200);
}

static void set_raw(struct conf *c, const char *b64)
{
    auto_json json_t *body = json_pack("{s:s}", "policy", b64);
    auto_free char *text = body ? cmn_json_dump(body) : NULL;

    CMN_IGNORE(
        conf_send(c, &(struct conf_req){.method = "POST",
                                        .path = URL,
                                        .body = text,
                                        .bearer = conf_admin(c)})); /* told by what follows */
}

/* The policy field as it is given, and what must be said of it. */
static void run_bad_text(struct conf *c, const struct conf_check *check)
{
    set_raw(c, check->text);
    (void)conf_error(c, 401, "ParsePolicyError", PARSE "Failed to decode policy: *");
}

static void run_bad_rego(struct conf *c, const struct conf_check *check)
{
    auto_free char *b64 = cmn_b64(CMN_B64_URL, check->text, strlen(check->text));

    set_raw(c, b64);
    (void)conf_error(c, 401, "PolicyEngineError", "Policy engine error: Failed to load policy: *");
}

/* A refused policy leaves the one before it in force. */
static void run_keeps(struct conf *c, const struct conf_check *check)
{
    if (!conf_set_resource_policy(c, HEAD "allow if true"))
        return;
    set_raw(c, check->text);
    if (conf_refused(c) && conf_get_resource(c, CONF_RESOURCE, NULL, conf_good_token(c)) > 0)
        (void)conf_status(c, 200);
}

static void run_hides_missing(struct conf *c, const struct conf_check *check)
{
    if (conf_set_resource_policy(c, HEAD) &&
        conf_get_resource(c, check->text, NULL, conf_good_token(c)) > 0)
        (void)conf_error(c, 401, "PolicyDeny", "Access denied by policy");
}

static void run_empty_answer(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (conf_set_resource_policy(c, HEAD "allow if true"))
        (void)conf_expect(c, !c->answer.body.len, "status 200 with an empty body");
}

#define NEEDS (CONF_DESTRUCTIVE | CONF_TOKEN | CONF_READABLE)
#define RULE(n, text_, fn, policy, from)                                                           \
    {                                                                                              \
        n, "6.3", text_, .needs = NEEDS, .since = from, .run = fn, .text = policy                  \
    }
#define MALFORMED(n, text_, json, detail_)                                                         \
    {                                                                                              \
        n, "1.6", text_, .needs = CONF_DESTRUCTIVE, .since = CONF_ERA_0_11, .run = conf_run_admin, \
                         .send = {.method = "POST", .path = URL, .body = json}, .status = 401,     \
                         .type = "ParsePolicyError", .detail = PARSE detail_                       \
    }
#define BAD(n, text_, fn, policy)                                                                  \
    {                                                                                              \
        n, "1.6", text_, .needs = CONF_DESTRUCTIVE, .since = CONF_ERA_0_11, .run = fn,             \
                         .text = policy                                                            \
    }

static const struct conf_check checks[] = {
    {801, "1.1", "a policy is taken with 200 and an empty body", .needs = CONF_DESTRUCTIVE,
     .since = CONF_ERA_0_11, .run = run_empty_answer},
    RULE(802, "allow true allows", run_allows, HEAD "allow if true", CONF_ERA_0_11),
    RULE(803, "allow false denies", run_denies, HEAD, CONF_ERA_0_11),
    RULE(804, "a policy without allow denies", run_denies, "package policy\nx := 1", CONF_ERA_0_11),
    RULE(805, "allow of another package denies", run_denies,
         "package other\nimport rego.v1\ndefault allow := true", CONF_ERA_0_11),
    RULE(806, "allow that is a string denies", run_denies, "package policy\nallow := \"true\"",
         CONF_ERA_0_19),
    RULE(807, "allow that is a number denies", run_denies, "package policy\nallow := 1",
         CONF_ERA_0_19),
    RULE(808, "a policy that contradicts itself is an error of the engine", run_fails,
         "package policy\nimport rego.v1\nallow := true if input\nallow := false if input.submods",
         CONF_ERA_0_11),
    RULE(810, "data.plugin is the plugin", run_allows, HEAD "allow if data.plugin == \"resource\"",
         CONF_ERA_0_18),
    RULE(811, "data[\"resource-path\"] is the path as a list", run_allows,
         HEAD "allow if data[\"resource-path\"] == [\"conformance\", \"probe\", \"text\"]",
         CONF_ERA_0_18),
    RULE(812, "another path does not match", run_denies,
         HEAD "allow if data[\"resource-path\"] == [\"conformance\", \"probe\", \"other\"]",
         CONF_ERA_0_18),
    {813, "6.3", "data.query is the query as a map of strings", .needs = NEEDS,
     .since = CONF_ERA_0_18, .run = run_allows,
     .text = HEAD "allow if data.query == {\"a\": \"1\", \"b\": \"x y\"}",
     .detail = "?a=1&b=x%20y"},
    {814, "6.3", "without a query it is empty", .needs = NEEDS, .since = CONF_ERA_0_18,
     .run = run_allows, .text = HEAD "allow if data.query == {}"},
    {815, "6.3", "another query does not match", .needs = NEEDS, .since = CONF_ERA_0_18,
     .run = run_denies, .text = HEAD "allow if data.query.a == \"1\"", .detail = "?a=2"},
    RULE(820, "the policy sees ear.status", run_input, "[\"ear.status\"]", CONF_ERA_0_11),
    RULE(821, "the policy sees the trustworthiness vector", run_input,
         "[\"ear.trustworthiness-vector\"]", CONF_ERA_0_11),
    {822, "6.3", "the policy sees which TEE it is", .needs = NEEDS, .since = CONF_ERA_0_11,
     .run = run_tee_named},
    RULE(823, "the policy sees the token's issuer and times", run_allows,
         HEAD "allow if { input.exp > input.iat }", CONF_ERA_0_11),
    RULE(824, "reference values are not there for resource policies", run_fails,
         HEAD "allow if query_reference_value(\"x\") == null", CONF_ERA_0_19),
    RULE(825, "the functions of regex are there", run_allows,
         HEAD "allow if regex.match(\"^a+$\", \"aaa\")", CONF_ERA_0_18),
    RULE(826, "the functions of base64 are there", run_allows,
         HEAD "allow if base64.encode(\"a\") == \"YQ==\"", CONF_ERA_0_18),
    {830, "1.4", "a policy that denies hides whether the resource is there", .needs = NEEDS,
     .since = CONF_ERA_0_11, .run = run_hides_missing, .text = "conformance/none/none"},
    {831, "1.4", "a policy that denies hides that the path cannot be", .needs = NEEDS,
     .since = CONF_ERA_0_11, .run = run_hides_missing, .text = "conformance"},
    MALFORMED(840, "a request that is no JSON is refused", "{", "Illegal SetPolicy Request Json"),
    MALFORMED(841, "an empty request is refused", NULL, "Illegal SetPolicy Request Json"),
    MALFORMED(842, "a request without a policy is refused", "{}",
              "No `policy` field inside SetPolicy Request Json"),
    MALFORMED(843, "a policy that is a number is refused", "{\"policy\":1}",
              "`policy` field is not a string in SetPolicy Request Json"),
    MALFORMED(844, "a policy that is null is refused", "{\"policy\":null}",
              "`policy` field is not a string in SetPolicy Request Json"),
    BAD(850, "padding of base64 is refused", run_bad_text, "cGFja2FnZSBwb2xpY3k="),
    BAD(851, "the standard alphabet of base64 is refused", run_bad_text, "++++"),
    BAD(852, "text that is no base64 is refused", run_bad_text, "package policy"),
    BAD(853, "a policy that is not UTF-8 is refused", run_bad_text, "__79"),
    BAD(854, "Rego that does not parse is refused", run_bad_rego, "package policy\nallow if {"),
    BAD(855, "Rego without a package is refused", run_bad_rego, "allow := true"),
    BAD(856, "an empty policy is refused", run_bad_rego, ""),
    {857, "6.1", "Rego of version 0 is refused", .needs = CONF_DESTRUCTIVE, .since = CONF_ERA_0_18,
     .run = run_bad_rego, .text = "package policy\nallow { input.x }"},
    {858, "1.6", "a refused policy leaves the one before it", .needs = NEEDS,
     .since = CONF_ERA_0_11, .run = run_keeps, .text = "!"},
    {859, "1.6", "unknown members of the request are ignored", .needs = CONF_DESTRUCTIVE,
     .since = CONF_ERA_0_11, .run = conf_run_admin,
     .send = {.method = "POST",
              .path = URL,
              .body = "{\"policy\":\"cGFja2FnZSBwb2xpY3kKZGVmYXVsdCBhbGxvdyA9IHRydWUK\",\"x\":1}"},
     .status = 200},
};

const struct conf_group conf_group_policy = {"policy", checks, CMN_ARRAY_SIZE(checks)};
