/* group-admin.c - 10xx: who may act as admin, and how the others are told (kbs-protocol 1.5). */
#include "sim/conformance/admin-token.h"
#include "sim/conformance/conf.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define NO_BEARER "Failed to parse HTTP Auth Bearer header"
#define NO_ISSUER "Admin access denied: Cannot verify token with any of the issuers"
#define NO_ROLE   "Admin access denied: Failed to parse claims from token: AdminAccessDenied { "
#define BAD_ROLE  "Admin access denied: Role conformance-nobody not allowed for path /kbs/v0/"
#define DENY_ALL  "DenyAll authorization_mode is enabled"

static const struct endpoint {
    const char *method, *path, *name; /* name NULL: a plugin, which has its own error type */
} endpoints[] = {
    {"POST", "/kbs/v0/resource/conformance/admin/x", NULL},
    {"DELETE", "/kbs/v0/resource/conformance/admin/x", NULL},
    {"POST", "/kbs/v0/resource-policy", "resource-policy"},
    {"GET", "/kbs/v0/resource-policy", "resource-policy"},
    {"POST", "/kbs/v0/attestation-policy", "attestation-policy"},
    {"GET", "/kbs/v0/reference-value/conformance", "reference-value"},
    {"POST", "/kbs/v0/reference-value", "reference-value"},
};

/* The refusal of section 1.5; what the era says of the cause is not compared before 0.21. */
static void want_denied(struct conf *c, const struct endpoint *e, const char *cause)
{
    auto_json json_t *body = conf_json(c);
    const char *type = cmn_json_str(body, "type"), *detail = cmn_json_str(body, "detail");
    const char *slash = type ? strrchr(type, '/') : NULL;

    if (c->era->id < CONF_ERA_0_21) {
        (void)conf_error(c, 401, "AdminAuthAccess", NULL);
        return;
    }
    bool plugin_type = slash && !e->name && strcmp(slash, "/AdminAuthInitialization") == 0;
    (void)conf_expect(
        c,
        c->answer.status == 401 && slash && (plugin_type || strcmp(slash, "/AdminAuthAccess") == 0),
        "status 401 of type AdminAuthAccess%s", e->name ? "" : " or AdminAuthInitialization");
    if (detail && strstr(detail, DENY_ALL))
        conf_remark(c, "this KBS denies every admin call");
    else
        (void)conf_expect(c, detail && strstr(detail, cause), "a detail with '%s'", cause);
    if (e->name)
        (void)conf_expect(c, detail && strstr(detail, "admin access denied for endpoint "),
                          "a detail that names the endpoint");
}

static void call(struct conf *c, const struct endpoint *e, const char *authorization,
                 const char *cause)
{
    auto_free char *header = NULL;
    const char *headers[2] = {NULL, NULL};

    if (c->era->id < CONF_ERA_0_14 && e->name && strcmp(e->name, "reference-value") == 0) {
        conf_skip(c, "there are no reference values over HTTP before 0.14");
        return;
    }
    if (c->era->id < CONF_ERA_0_15 && e->name && strcmp(e->name, "attestation-policy") == 0) {
        conf_skip(c, "upstream forgot to ask for an admin here before 0.15");
        return;
    }
    if (authorization) {
        if (asprintf(&header, "Authorization: %s", authorization) < 0)
            return;
        headers[0] = header;
    }
    if (conf_send(c, &(struct conf_req){.method = e->method,
                                        .path = e->path,
                                        .body = strcmp(e->method, "POST") == 0 ? "{}" : NULL,
                                        .headers = headers}) > 0)
        want_denied(c, e, cause);
}

static void run_none(struct conf *c, const struct conf_check *check)
{
    call(c, &endpoints[check->number_arg], NULL, NO_BEARER);
}

static void run_basic(struct conf *c, const struct conf_check *check)
{
    call(c, &endpoints[check->number_arg], "Basic YTpi", NO_BEARER);
}

static void run_garbage(struct conf *c, const struct conf_check *check)
{
    call(c, &endpoints[check->number_arg], "Bearer a.b.c", NO_ISSUER);
}

/* A well-formed admin token, signed by a key that nobody configured. */
static void run_stranger(struct conf *c, const struct conf_check *check)
{
    auto_free char *token = NULL, *header = NULL;
    EVP_PKEY *key = conf_key(c, CONF_P256);

    if (key &&
        conf_admin_token(c->opts->env, key,
                         &(struct conf_admin_claims){.role = "admin", .lives_s = 600}, &token,
                         NULL) == 0 &&
        asprintf(&header, "Bearer %s", token) >= 0)
        call(c, &endpoints[check->number_arg], header, NO_ISSUER);
}

/* A token of the true key with other claims. */
static void claim(struct conf *c, const struct endpoint *e, const struct conf_admin_claims *claims,
                  const char *cause)
{
    auto_free char *token = NULL, *header = NULL;

    if (!c->opts->admin_key) {
        conf_skip(c, "needs --admin-key with a private key, not a token");
        return;
    }
    if (conf_admin_token(c->opts->env, c->opts->admin_key, claims, &token, NULL) < 0 ||
        asprintf(&header, "Bearer %s", token) < 0)
        return;
    call(c, e, header, cause);
}

static void run_expired(struct conf *c, const struct conf_check *check)
{
    struct conf_admin_claims claims = c->opts->admin_claims;

    claims.lives_s = -3600;
    claim(c, &endpoints[check->number_arg], &claims, NO_ISSUER);
}

static void run_endless(struct conf *c, const struct conf_check *check)
{
    struct conf_admin_claims claims = c->opts->admin_claims;

    claims.lives_s = 0;
    claim(c, &endpoints[check->number_arg], &claims, NO_ISSUER);
}

static void run_no_role(struct conf *c, const struct conf_check *check)
{
    struct conf_admin_claims claims = c->opts->admin_claims;

    claims.role = NULL;
    claim(c, &endpoints[check->number_arg], &claims, NO_ROLE);
}

static void run_nobody(struct conf *c, const struct conf_check *check)
{
    struct conf_admin_claims claims = c->opts->admin_claims;

    claims.role = "conformance-nobody";
    claim(c, &endpoints[check->number_arg], &claims, BAD_ROLE);
}

static void run_list(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (conf_send(c, &(struct conf_req){.method = "GET",
                                        .path = "/kbs/v0/resource-policy",
                                        .bearer = conf_admin(c)}) < 0 ||
        !conf_status(c, 200))
        return;
    auto_json json_t *ids = conf_json(c);
    const char *first = json_string_value(json_array_get(ids, 0));
    (void)conf_expect(c, json_array_size(ids) >= 1 && first, "a list of policy ids");
    (void)conf_expect(c, first && strcmp(first, "resource-policy") == 0,
                      "[\"resource-policy\"]: ids, not texts");
}

#define EACH(base, text_, fn)                                                                      \
    {base,                                                                                         \
     "1.5",                                                                                        \
     text_ " cannot store a resource",                                                             \
     .needs = CONF_CLOSED,                                                                         \
     .since = CONF_ERA_0_11,                                                                       \
     .run = fn,                                                                                    \
     .number_arg = 0},                                                                             \
        {base + 1,                                                                                 \
         "1.5",                                                                                    \
         text_ " cannot delete a resource",                                                        \
         .needs = CONF_CLOSED,                                                                     \
         .since = CONF_ERA_0_11,                                                                   \
         .run = fn,                                                                                \
         .number_arg = 1},                                                                         \
        {base + 2,                                                                                 \
         "1.5",                                                                                    \
         text_ " cannot set the resource policy",                                                  \
         .needs = CONF_CLOSED,                                                                     \
         .since = CONF_ERA_0_11,                                                                   \
         .run = fn,                                                                                \
         .number_arg = 2},                                                                         \
        {base + 3,                                                                                 \
         "1.5",                                                                                    \
         text_ " cannot list resource policies",                                                   \
         .needs = CONF_CLOSED,                                                                     \
         .since = CONF_ERA_0_11,                                                                   \
         .run = fn,                                                                                \
         .number_arg = 3},                                                                         \
        {base + 4,                                                                                 \
         "1.5",                                                                                    \
         text_ " cannot set an attestation policy",                                                \
         .needs = CONF_CLOSED,                                                                     \
         .since = CONF_ERA_0_11,                                                                   \
         .run = fn,                                                                                \
         .number_arg = 4},                                                                         \
        {base + 5,                                                                                 \
         "1.5",                                                                                    \
         text_ " cannot read a reference value",                                                   \
         .needs = CONF_CLOSED,                                                                     \
         .since = CONF_ERA_0_11,                                                                   \
         .run = fn,                                                                                \
         .number_arg = 5},                                                                         \
    {                                                                                              \
        base + 6, "1.5", text_ " cannot register a reference value",                               \
            .needs = CONF_CLOSED, .since = CONF_ERA_0_11, .run = fn, .number_arg = 6               \
    }
#define CLAIM(n, text_, fn, e, from)                                                               \
    {                                                                                              \
        n, "8.2#59", text_, .needs = CONF_CLOSED | CONF_KEY, .since = from, .run = fn,             \
                            .number_arg = e                                                        \
    }

static const struct conf_check checks[] = {
    EACH(1001, "nobody in particular", run_none),
    EACH(1011, "the scheme Basic", run_basic),
    EACH(1021, "a bearer that is no token", run_garbage),
    EACH(1031, "a token of an unknown key", run_stranger),
    CLAIM(1041, "an expired admin token is refused by a plugin", run_expired, 0, CONF_ERA_0_11),
    CLAIM(1042, "an expired admin token is refused by an endpoint", run_expired, 3, CONF_ERA_0_11),
    CLAIM(1043, "an admin token without exp is refused", run_endless, 3, CONF_ERA_0_21),
    CLAIM(1044, "an admin token without a role is refused by a plugin", run_no_role, 0,
          CONF_ERA_0_21),
    CLAIM(1045, "an admin token without a role is refused by an endpoint", run_no_role, 3,
          CONF_ERA_0_21),
    CLAIM(1046, "a role that may not is refused by a plugin", run_nobody, 0, CONF_ERA_0_21),
    CLAIM(1047, "a role that may not is refused by an endpoint", run_nobody, 3, CONF_ERA_0_21),
    {1050, "1.1", "an admin gets the ids of the resource policies", .needs = CONF_ADMIN,
     .since = CONF_ERA_0_19, .run = run_list},
};

const struct conf_group conf_group_admin = {"admin", checks, CMN_ARRAY_SIZE(checks)};
