/* group-auth.c - 2xx: the request and the challenge (kbs-protocol 2.1, 2.2). */
#include "sim/conformance/conf.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <string.h>

#define AUTH_FAILED "Attestation error: RCAR handshake Auth failed: "

static void run_challenge(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    (void)check;
    if (conf_challenge(c, &s))
        (void)conf_expect(c, strncmp(c->answer.content_type, "application/json", 16) == 0,
                          "content type application/json");
}

static void run_members(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    (void)check;
    if (!conf_challenge(c, &s))
        return;
    auto_json json_t *body = conf_json(c);
    (void)conf_expect(c,
                      json_object_size(body) == 2 && json_object_get(body, "nonce") &&
                          json_object_get(body, "extra-params"),
                      "exactly the members nonce and extra-params");
}

static void run_nonce_form(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    auto_buf struct cmn_buf bytes = {0};

    (void)check;
    if (conf_challenge(c, &s))
        (void)conf_expect(c,
                          cmn_unb64(CMN_B64_STD, s.nonce, strlen(s.nonce), &bytes, NULL) == 0 &&
                              bytes.len == 32,
                          "a nonce of 32 bytes in padded standard base64 (44 characters)");
}

static void run_extra_params(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    (void)check;
    if (!conf_challenge(c, &s))
        return;
    auto_json json_t *body = conf_json(c);
    const char *extra = cmn_json_str(body, "extra-params");
    (void)conf_expect(c, extra && !*extra, "extra-params to be the empty string");
}

static void run_nonces_differ(struct conf *c, const struct conf_check *check)
{
    struct conf_session a, b;

    (void)check;
    if (conf_challenge(c, &a) && conf_challenge(c, &b))
        (void)conf_expect(c, strcmp(a.nonce, b.nonce) != 0, "another nonce for each session");
}

/* text: JSON of the three members, with %s for the version. */
static int send_request(struct conf *c, const char *version, const char *tee, const char *extra,
                        const char *more)
{
    char body[1024];

    (void)snprintf(body, sizeof(body), "{\"version\":\"%s\",\"tee\":\"%s\",\"extra-params\":%s%s}",
                   version, tee, extra, more);
    return conf_send(c, &(struct conf_req){.method = "POST", .path = "/kbs/v0/auth", .body = body});
}

static void run_tee(struct conf *c, const struct conf_check *check)
{
    if (send_request(c, c->era->protocol, check->text, "\"\"", "") > 0)
        (void)conf_status(c, 200);
}

static void run_tee_unknown(struct conf *c, const struct conf_check *check)
{
    if (send_request(c, c->era->protocol, check->text, "\"\"", "") > 0)
        (void)conf_error(c, 401, "AttestationError", AUTH_FAILED "deserialize Request*");
}

static void run_extra(struct conf *c, const struct conf_check *check)
{
    if (send_request(c, c->era->protocol, "sample", check->text, "") > 0)
        (void)conf_status(c, 200);
}

static void run_unknown_member(struct conf *c, const struct conf_check *check)
{
    if (send_request(c, c->era->protocol, "sample", "\"\"", check->text) > 0)
        (void)conf_status(c, 200);
}

static void run_other_version(struct conf *c, const struct conf_check *check)
{
    char detail[256];

    if (strcmp(check->text, c->era->protocol) == 0) {
        conf_skip(c, "this is the era's own version");
        return;
    }
    (void)snprintf(detail, sizeof(detail),
                   AUTH_FAILED "KBS Client Protocol Version Mismatch: expect %s while the request "
                               "is %s",
                   c->era->wanted, check->text);
    if (send_request(c, check->text, "sample", "\"\"", "") > 0)
        (void)conf_error(c, 401, "AttestationError", detail);
}

static void run_no_version(struct conf *c, const struct conf_check *check)
{
    if (send_request(c, check->text, "sample", "\"\"", "") > 0)
        (void)conf_error(c, 401, "AttestationError", AUTH_FAILED "failed to parse KBS version*");
}

static void run_build_metadata(struct conf *c, const struct conf_check *check)
{
    char version[64];

    (void)snprintf(version, sizeof(version), "%s%s", c->era->protocol, check->text);
    if (send_request(c, version, "sample", "\"\"", "") > 0)
        (void)conf_status(c, 200);
}

static void run_prerelease(struct conf *c, const struct conf_check *check)
{
    char version[64];

    (void)snprintf(version, sizeof(version), "%s%s", c->era->protocol, check->text);
    if (send_request(c, version, "sample", "\"\"", "") > 0)
        (void)conf_error(c, 401, "AttestationError",
                         AUTH_FAILED "KBS Client Protocol Version Mismatch: *");
}

static void run_text_plain(struct conf *c, const struct conf_check *check)
{
    char body[256];

    (void)snprintf(body, sizeof(body),
                   "{\"version\":\"%s\",\"tee\":\"sample\",\"extra-params\":\"\"}",
                   c->era->protocol);
    if (conf_send(c, &(struct conf_req){.method = "POST",
                                        .path = "/kbs/v0/auth",
                                        .body = body,
                                        .content_type = check->text}) > 0)
        (void)conf_status(c, 200);
}

#define MALFORMED(n, text, json)                                                                   \
    {                                                                                              \
        .number = n, .section = "8.2#1", .rule = text, .since = CONF_ERA_0_11,                     \
        .run = conf_run_exchange,                                                                  \
        .send = {.method = "POST", .path = "/kbs/v0/auth", .body = json}, .status = 401,           \
        .type = "AttestationError", .detail = AUTH_FAILED "deserialize Request*"                   \
    }
#define TEE(n, name)                                                                               \
    {                                                                                              \
        .number = n, .section = "2.1",                                                             \
        .rule = "the TEE " name " gets a challenge, verifier or not", .run = run_tee, .text = name \
    }
#define NEW_TEE(n, name, era)                                                                      \
    {                                                                                              \
        .number = n, .section = "2.1",                                                             \
        .rule = "the TEE " name " gets a challenge, verifier or not", .since = era,                \
        .run = run_tee, .text = name                                                               \
    }
#define VERSION(n, v)                                                                              \
    {                                                                                              \
        .number = n, .section = "2.1",                                                             \
        .rule = "version " v " is refused and named unless it is the one spoken here",             \
        .since = CONF_ERA_0_11, .run = run_other_version, .text = v                                \
    }
#define NO_VERSION(n, v)                                                                           \
    {                                                                                              \
        .number = n, .section = "2.1", .rule = "version '" v "' is no semantic version",           \
        .since = CONF_ERA_0_11, .run = run_no_version, .text = v                                   \
    }

static const struct conf_check checks[] = {
    {201, "2.2", "a request gets 200 application/json and a cookie", .run = run_challenge},
    {202, "2.2", "the challenge has exactly nonce and extra-params", .run = run_members},
    {203, "2.2", "the nonce is 32 bytes in standard base64", .run = run_nonce_form},
    {204, "2.2", "extra-params is the empty string", .run = run_extra_params},
    {205, "2.2", "every session has its own nonce", .run = run_nonces_differ},
    MALFORMED(210, "an empty body is refused", NULL),
    MALFORMED(211, "a body that is not JSON is refused", "{"),
    MALFORMED(212, "a number is refused", "1"),
    MALFORMED(213, "null is refused", "null"),
    MALFORMED(214, "an empty object is refused", "{}"),
    MALFORMED(215, "a request without a version is refused",
              "{\"tee\":\"sample\",\"extra-params\":\"\"}"),
    MALFORMED(216, "a request without a TEE is refused",
              "{\"version\":\"0.4.0\",\"extra-params\":\"\"}"),
    {217, "2.1", "a request without extra-params is refused, whatever the API description says",
     .since = CONF_ERA_0_11, .run = conf_run_exchange,
     .send = {.method = "POST",
              .path = "/kbs/v0/auth",
              .body = "{\"version\":\"0.4.0\",\"tee\":\"sample\"}"},
     .status = 401, .type = "AttestationError", .detail = AUTH_FAILED "deserialize Request*"},
    MALFORMED(218, "a version that is a number is refused",
              "{\"version\":4,\"tee\":\"sample\",\"extra-params\":\"\"}"),
    MALFORMED(219, "a TEE that is a number is refused",
              "{\"version\":\"0.4.0\",\"tee\":1,\"extra-params\":\"\"}"),
    MALFORMED(220, "text behind the JSON is refused",
              "{\"version\":\"0.4.0\",\"tee\":\"sample\",\"extra-params\":\"\"} x"),
    MALFORMED(221, "bytes that are not UTF-8 are refused",
              "{\"version\":\"0.4.0\",\"tee\":\"\xff\xfe\",\"extra-params\":\"\"}"),
    MALFORMED(222, "a member given twice is refused",
              "{\"version\":\"0.4.0\",\"tee\":\"sample\",\"tee\":\"snp\",\"extra-params\":\"\"}"),
    MALFORMED(223, "single quotes are no JSON",
              "{'version':'0.4.0','tee':'sample','extra-params':''}"),
    {230, "2.1", "a TEE nobody knows is refused", .since = CONF_ERA_0_11, .run = run_tee_unknown,
     .text = "nonesuch"},
    {231, "2.1", "names of TEEs are case sensitive", .since = CONF_ERA_0_11, .run = run_tee_unknown,
     .text = "SNP"},
    {232, "2.1", "the empty TEE is refused", .since = CONF_ERA_0_11, .run = run_tee_unknown,
     .text = ""},
    {233, "2.1", "blanks do not belong to a TEE's name", .since = CONF_ERA_0_11,
     .run = run_tee_unknown, .text = " sample"},
    TEE(234, "sample"),
    TEE(235, "snp"),
    TEE(236, "tdx"),
    TEE(237, "sgx"),
    TEE(238, "csv"),
    TEE(239, "cca"),
    TEE(240, "az-snp-vtpm"),
    TEE(241, "az-tdx-vtpm"),
    NEW_TEE(242, "tpm", CONF_ERA_0_18),
    NEW_TEE(243, "nvidia", CONF_ERA_0_16),
    NEW_TEE(244, "hygondcu", CONF_ERA_0_16),
    NEW_TEE(245, "sampledevice", CONF_ERA_0_14),
    VERSION(250, "0.1.0"),
    VERSION(251, "0.1.1"),
    VERSION(252, "0.2.0"),
    VERSION(253, "0.3.0"),
    VERSION(254, "0.4.0"),
    VERSION(255, "0.4.1"),
    VERSION(256, "0.5.0"),
    VERSION(257, "1.0.0"),
    VERSION(258, "0.0.0"),
    NO_VERSION(260, ""),
    NO_VERSION(261, "0.4"),
    NO_VERSION(262, "0"),
    NO_VERSION(263, "v0.4.0"),
    NO_VERSION(264, "0.4.0.0"),
    NO_VERSION(265, "00.4.0"),
    NO_VERSION(266, "0.4.0 "),
    NO_VERSION(267, "0.4.x"),
    NO_VERSION(268, "0.4.0-"),
    NO_VERSION(269, "0.4.0-01"),
    NO_VERSION(270, "0.4.0+"),
    NO_VERSION(271, "=0.4.0"),
    {272, "2.1", "build metadata of a version does not count", .since = CONF_ERA_0_11,
     .run = run_build_metadata, .text = "+guest.1"},
    {273, "2.1", "a pre-release is another version", .since = CONF_ERA_0_11, .run = run_prerelease,
     .text = "-rc.1"},
    {280, "2.1", "extra-params may be null", .since = CONF_ERA_0_12, .run = run_extra,
     .text = "null"},
    {281, "2.1", "extra-params may be an object", .since = CONF_ERA_0_12, .run = run_extra,
     .text = "{\"supported-hash-algorithms\":[\"sm3\"],\"x\":{\"y\":[1,2.5]}}"},
    {282, "2.1", "extra-params may be an array", .since = CONF_ERA_0_12, .run = run_extra,
     .text = "[1,true,null]"},
    {283, "2.1", "extra-params may be a number", .since = CONF_ERA_0_12, .run = run_extra,
     .text = "1"},
    {284, "2.1", "members nobody knows are ignored", .run = run_unknown_member,
     .text = ",\"conformance\":{\"x\":1}"},
    {285, "2.1", "the content type of the request does not matter", .since = CONF_ERA_0_11,
     .run = run_text_plain, .text = "text/plain"},
};

const struct conf_group conf_group_auth = {"auth", checks, CMN_ARRAY_SIZE(checks)};
