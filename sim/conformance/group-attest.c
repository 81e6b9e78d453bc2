/* group-attest.c - 4xx: the attestation and what it is bound to (kbs-protocol 2.3 to 2.5). */
#include "sim/conformance/conf.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEST_FAILED "Attestation error: RCAR handshake Attest failed"

static void want_refusal(struct conf *c)
{
    if (c->era->id < CONF_ERA_0_11)
        (void)conf_refused(c);
    else
        (void)conf_error(c, 401, "AttestationError", ATTEST_FAILED);
}

static void run_handshake(struct conf *c, const struct conf_check *check)
{
    auto_free char *token = conf_handshake(c, (enum conf_key)check->number_arg, NULL);

    if (token)
        (void)conf_expect(c, strncmp(c->answer.content_type, "application/json", 16) == 0,
                          "status 200, application/json, {\"token\": JWT}");
}

static void run_only_token(struct conf *c, const struct conf_check *check)
{
    auto_free char *token = conf_handshake(c, CONF_P256, NULL);

    (void)check;
    if (!token)
        return;
    auto_json json_t *body = conf_json(c);
    (void)conf_expect(c, json_object_size(body) == 1, "token to be the only member");
}

/* A fixed body in a live session: only its shape is wrong. */
static void run_fixed(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    if (conf_challenge(c, &s) && conf_send(c, &(struct conf_req){.method = "POST",
                                                                 .path = "/kbs/v0/attest",
                                                                 .cookie = s.id,
                                                                 .body = check->text}) > 0)
        want_refusal(c);
}

/* Deletes or sets the member at a path "a/b" of a genuine body. value NULL: deletes. */
static bool change(json_t *body, const char *path, json_t *value)
{
    char part[64];
    json_t *at = body;

    for (;;) {
        size_t n = strcspn(path, "/");
        (void)snprintf(part, sizeof(part), "%.*s", (int)n, path);
        if (!path[n])
            break;
        at = json_object_get(at, part);
        path += n + 1;
    }
    return value ? json_object_set_new(at, part, value) == 0 : json_object_del(at, part) == 0;
}

static void changed(struct conf *c, enum conf_key key, const char *path, json_t *value,
                    bool refused)
{
    struct conf_session s;

    if (!conf_challenge(c, &s)) {
        json_decref(value);
        return;
    }
    auto_json json_t *body = conf_attest_body(c, &s, key, NULL, NULL);
    if (!conf_expect(c, body && change(body, path, value), "a body that this suite can build") ||
        conf_attest(c, &s, body) < 0)
        return;
    if (refused)
        want_refusal(c);
    else
        (void)conf_status(c, 200);
}

static void run_without(struct conf *c, const struct conf_check *check)
{
    changed(c, (enum conf_key)check->number_arg, check->text, NULL, true);
}

/* text: path=JSON */
static void with(struct conf *c, const struct conf_check *check, bool refused)
{
    const char *eq = strchr(check->text, '=');
    char path[128];
    json_t *value = json_loads(eq + 1, JSON_DECODE_ANY, NULL);

    (void)snprintf(path, sizeof(path), "%.*s", (int)(eq - check->text), check->text);
    changed(c, CONF_P256, path, value, refused);
}

static void run_with(struct conf *c, const struct conf_check *check)
{
    with(c, check, true);
}

static void run_still_good(struct conf *c, const struct conf_check *check)
{
    with(c, check, false);
}

/* The key's members the other way round, and white space: neither is hashed. */
static void run_reordered(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    (void)check;
    if (!conf_challenge(c, &s))
        return;
    auto_json json_t *body = conf_attest_body(c, &s, CONF_P256, NULL, NULL);
    json_t *jwk = json_object_get(json_object_get(body, "runtime-data"), "tee-pubkey");
    auto_json json_t *turned =
        json_pack("{s:O, s:O, s:O, s:O, s:O}", "y", json_object_get(jwk, "y"), "alg",
                  json_object_get(jwk, "alg"), "x", json_object_get(jwk, "x"), "crv",
                  json_object_get(jwk, "crv"), "kty", json_object_get(jwk, "kty"));
    CMN_IGNORE(json_object_set(json_object_get(body, "runtime-data"), "tee-pubkey", turned));
    auto_free char *text = body ? json_dumps(body, JSON_INDENT(4)) : NULL;
    if (conf_send(c, &(struct conf_req){.method = "POST",
                                        .path = "/kbs/v0/attest",
                                        .cookie = s.id,
                                        .body = text ? text : ""}) > 0)
        (void)conf_status(c, 200);
}

static void bound(struct conf *c, const struct conf_evidence *how, const struct conf_binding *bind,
                  bool refused)
{
    struct conf_session s;

    if (!conf_challenge(c, &s))
        return;
    auto_json json_t *body = conf_attest_body(c, &s, CONF_P256, how, bind);
    if (conf_attest(c, &s, body) < 0)
        return;
    if (refused)
        want_refusal(c);
    else
        (void)conf_status(c, 200);
}

static void run_evidence(struct conf *c, const struct conf_check *check)
{
    bound(c, check->how, NULL, true);
}

static void run_other_nonce(struct conf *c, const struct conf_check *check)
{
    bound(c, NULL, &(struct conf_binding){.nonce = check->text}, true);
}

static void run_other_key(struct conf *c, const struct conf_check *check)
{
    (void)check;
    bound(c, NULL, &(struct conf_binding){.other_key = true, .key = CONF_P521}, true);
}

static void run_as_device(struct conf *c, const struct conf_check *check)
{
    (void)check;
    bound(c, NULL, &(struct conf_binding){.without_additional = true}, true);
}

/* Evidence bound to other additional evidence than is sent. */
static void run_other_additional(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    struct conf_binding bind = {.additional = "{}"};

    (void)check;
    if (!conf_challenge(c, &s))
        return;
    auto_json json_t *body = conf_attest_body(c, &s, CONF_P256, NULL, &bind);
    if (conf_expect(c, body && change(body, "tee-evidence/additional_evidence", json_string("")),
                    "a body that this suite can build") &&
        conf_attest(c, &s, body) > 0)
        want_refusal(c);
}

static void run_additional(struct conf *c, const struct conf_check *check)
{
    bound(c, NULL, &(struct conf_binding){.additional = check->text}, !check->number_arg);
}

/* Evidence of the sample device, bound to nonce and key; or, if asked for, to something else. */
static char *device_text(struct conf *c, const struct conf_session *s, bool wrong)
{
    auto_json json_t *jwk = conf_jwk(c, CONF_P256);
    auto_json json_t *bound = json_pack("{s:s, s:O}", "nonce", s->nonce, "tee-pubkey", jwk);
    uint8_t digest[48];

    if (wrong)
        CMN_IGNORE(json_object_set_new(bound, "additional-evidence", json_string("")));
    if (!bound || conf_digest(c, bound, digest) < 0)
        return NULL;
    auto_free char *b64 = cmn_b64(CMN_B64_STD, digest, sizeof(digest));
    auto_json json_t *devices =
        json_pack("{s:{s:s, s:s}}", "sampledevice", "svn", "2", "report_data", b64);
    return devices ? json_dumps(devices, JSON_COMPACT) : NULL;
}

static int attest_with_device(struct conf *c, bool wrong)
{
    struct conf_session s;

    if (!conf_challenge(c, &s))
        return -1;
    auto_free char *text = device_text(c, &s, wrong);
    auto_json json_t *body =
        conf_attest_body(c, &s, CONF_P256, NULL, &(struct conf_binding){.additional = text});
    return conf_attest(c, &s, body);
}

static void run_device(struct conf *c, const struct conf_check *check)
{
    struct conf_token token = {0};

    (void)check;
    if (attest_with_device(c, false) < 0 || !conf_status(c, 200))
        return;
    auto_json json_t *answer = conf_json(c);
    if (conf_token_parse(c, cmn_json_str(answer, "token"), &token)) {
        const json_t *submods = json_object_get(token.payload, "submods");
        const json_t *gpu = json_object_get(submods, "gpu0");
        const json_t *claims = json_object_get(
            json_object_get(gpu, "ear.veraison.annotated-evidence"), "sampledevice");
        const char *svn = cmn_json_str(claims, "svn");
        (void)conf_expect(c,
                          json_object_get(submods, "cpu0") && gpu && json_object_size(submods) == 2,
                          "the submods cpu0 and gpu0");
        (void)conf_expect(c, svn && strcmp(svn, "2") == 0, "the device's claims in gpu0");
    }
    conf_token_done(&token);
}

static void run_device_wrong(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (attest_with_device(c, true) > 0)
        want_refusal(c);
}

static void run_init_data(struct conf *c, const struct conf_check *check)
{
    auto_json json_t *init = json_pack("{s:s, s:s}", "format",
                                       check->detail ? check->detail : "toml", "body", check->text);

    bound(c, NULL, &(struct conf_binding){.init_data = init}, !check->number_arg);
}

static void run_old_layout(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    if (!conf_challenge(c, &s))
        return;
    auto_json json_t *now = conf_attest_body(c, &s, CONF_P256, NULL, NULL);
    json_t *jwk = json_object_get(json_object_get(now, "runtime-data"), "tee-pubkey");
    json_t *evidence = json_object_get(json_object_get(now, "tee-evidence"), "primary_evidence");
    auto_free char *text = evidence ? json_dumps(evidence, JSON_COMPACT) : NULL;
    auto_json json_t *old =
        check->number_arg
            ? json_pack("{s:O, s:O}", "tee-pubkey", jwk, "tee-evidence", evidence)
            : json_pack("{s:O, s:s}", "tee-pubkey", jwk, "tee-evidence", text ? text : "");
    if (conf_attest(c, &s, old) > 0)
        want_refusal(c);
}

#define ERA  CONF_ERA_0_14 /* of the composite layout */
#define TOML "version = \"0.1.0\"\n"
#define DATA "[data]\n\"a\" = \"b\"\n"

#define FIXED(n, text_, json)                                                                      \
    {                                                                                              \
        .number = n, .section = "8.2#7", .rule = text_, .since = CONF_ERA_0_11, .run = run_fixed,  \
        .text = json                                                                               \
    }
#define WITHOUT(n, path)                                                                           \
    {                                                                                              \
        .number = n, .section = "2.3", .rule = "attest without " path " is refused", .since = ERA, \
        .run = run_without, .text = path                                                           \
    }
#define WITH(n, text_, change_)                                                                    \
    {                                                                                              \
        .number = n, .section = "2.3", .rule = text_, .since = ERA, .run = run_with,               \
        .text = change_                                                                            \
    }
#define INIT(n, text_, toml_)                                                                      \
    {                                                                                              \
        .number = n, .section = "8.2#12", .rule = text_, .since = ERA, .run = run_init_data,       \
        .text = toml_                                                                              \
    }

static const struct conf_evidence unpadded_is_wrong = {.pad_64 = true, .family = -1, .model = -1};
static const struct conf_evidence short_digest = {.sha256 = true, .family = -1, .model = -1};
static const struct conf_evidence no_data = {.no_report_data = true, .family = -1, .model = -1};
static const struct conf_evidence no_svn = {.no_svn = true, .family = -1, .model = -1};

static const struct conf_check checks[] = {
    {401, "2.3", "genuine evidence gets a token", .run = run_handshake},
    {402, "2.3", "the answer has just the token", .run = run_only_token},
    {403, "2.4", "an EC P-521 key attests", .since = CONF_ERA_0_12, .run = run_handshake,
     .number_arg = CONF_P521},
    {404, "2.4", "an RSA key attests", .run = run_handshake, .number_arg = CONF_RSA2048},
    FIXED(410, "attest with an empty body is refused", NULL),
    FIXED(411, "attest with a body that is no JSON is refused", "{\"runtime-data\":"),
    FIXED(412, "attest with an array is refused", "[]"),
    FIXED(413, "attest with null is refused", "null"),
    FIXED(414, "attest with an empty object is refused", "{}"),
    WITHOUT(420, "runtime-data"),
    WITHOUT(421, "runtime-data/nonce"),
    WITHOUT(422, "runtime-data/tee-pubkey"),
    WITHOUT(423, "runtime-data/tee-pubkey/kty"),
    WITHOUT(424, "runtime-data/tee-pubkey/alg"),
    WITHOUT(425, "runtime-data/tee-pubkey/x"),
    WITHOUT(426, "runtime-data/tee-pubkey/y"),
    WITHOUT(427, "runtime-data/tee-pubkey/crv"),
    WITHOUT(428, "tee-evidence"),
    WITHOUT(429, "tee-evidence/primary_evidence"),
    WITHOUT(430, "tee-evidence/additional_evidence"),
    {431, "2.4", "an RSA key without its modulus is refused", .since = ERA, .run = run_without,
     .text = "runtime-data/tee-pubkey/n", .number_arg = CONF_RSA2048},
    WITH(432, "a key of unknown kind is refused", "runtime-data/tee-pubkey/kty=\"oct\""),
    WITH(433, "a coordinate that is a number is refused", "runtime-data/tee-pubkey/x=1"),
    WITH(434, "additional evidence that is an object, not its text, is refused",
         "tee-evidence/additional_evidence={}"),
    WITH(435, "additional evidence that is null is refused",
         "tee-evidence/additional_evidence=null"),
    WITH(436, "a nonce that is a number is refused", "runtime-data/nonce=1"),
    WITH(437, "another nonce than the session's is refused", "runtime-data/nonce=\"AAAA\""),
    WITH(438, "an empty nonce is refused", "runtime-data/nonce=\"\""),
    WITH(439, "evidence that is null is refused", "tee-evidence/primary_evidence=null"),
    WITH(440, "evidence that is a string is refused", "tee-evidence/primary_evidence=\"x\""),
    WITH(441, "init-data that is a string is refused", "init-data=\"x\""),
    {442, "8.2#7", "the layout of protocol 0.1.0 is refused", .since = ERA, .run = run_old_layout},
    {443, "8.2#7", "the layout of protocol 0.2.0 is refused", .since = ERA, .run = run_old_layout,
     .number_arg = 1},
    {450, "2.5", "members of the key that nobody knows are dropped before hashing", .since = ERA,
     .run = run_still_good, .text = "runtime-data/tee-pubkey/kid=\"conformance\""},
    {451, "2.3", "members of the body that nobody knows are ignored", .since = ERA,
     .run = run_still_good, .text = "conformance={\"x\":[1]}"},
    {452, "2.5", "order and white space of the key's members do not matter", .since = ERA,
     .run = run_reordered},
    {453, "2.3", "init-data may be null", .since = ERA, .run = run_still_good,
     .text = "init-data=null"},
    {454, "2.3", "init-data may be absent", .since = ERA, .run = run_additional, .text = "",
     .number_arg = 1},
    {460, "2.5", "evidence for another nonce is refused", .run = run_other_nonce,
     .text = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    {461, "2.5", "evidence for another key is refused", .run = run_other_key},
    {462, "2.5", "primary evidence bound as device evidence is refused", .since = ERA,
     .run = run_as_device},
    {463, "2.5", "evidence for other additional evidence is refused", .since = ERA,
     .run = run_other_additional},
    {464, "4.1", "sample report data padded to 64 bytes is refused", .needs = CONF_SAMPLE,
     .since = CONF_ERA_0_11, .run = run_evidence, .how = &unpadded_is_wrong},
    {465, "2.5", "a digest by SHA-256 is refused", .needs = CONF_SAMPLE, .run = run_evidence,
     .how = &short_digest},
    {466, "4.1", "sample evidence without report data is refused", .needs = CONF_SAMPLE,
     .run = run_evidence, .how = &no_data},
    {467, "4.1", "sample evidence without svn is refused", .needs = CONF_SAMPLE,
     .run = run_evidence, .how = &no_svn},
    {470, "8.2#10", "additional evidence that is no JSON is refused", .since = ERA,
     .run = run_additional, .text = "x"},
    {471, "8.2#10", "additional evidence that is an array is refused", .since = ERA,
     .run = run_additional, .text = "[]"},
    {472, "8.2#10", "additional evidence of an unknown TEE is refused", .since = ERA,
     .run = run_additional, .text = "{\"nonesuch\":{}}"},
    {473, "2.5", "additional evidence of no device is as good as none", .since = ERA,
     .run = run_additional, .text = "{}", .number_arg = 1},
    {474, "2.5", "a device that attests has a submod of its class", .since = ERA,
     .run = run_device},
    {475, "2.5", "device evidence bound as primary evidence is refused", .since = ERA,
     .run = run_device_wrong},
    {480, "8.2#11", "init-data of format json is refused", .since = ERA, .run = run_init_data,
     .text = "{}", .detail = "json"},
    INIT(481, "init-data that is no TOML is refused", "= ["),
    INIT(482, "init-data without a version is refused", "algorithm = \"sha256\"\n" DATA),
    INIT(483, "init-data without an algorithm is refused", TOML DATA),
    INIT(484, "init-data without data is refused", TOML "algorithm = \"sha256\"\n"),
    INIT(485, "init-data with an unknown algorithm is refused", TOML "algorithm = \"md5\"\n" DATA),
    INIT(486, "init-data whose data are not strings is refused",
         TOML "algorithm = \"sha256\"\n[data]\n\"a\" = 1\n"),
    {487, "2.3", "init-data hashed with SHA-256 is taken", .needs = CONF_SAMPLE, .since = ERA,
     .run = run_init_data, .text = TOML "algorithm = \"sha256\"\n" DATA, .number_arg = 1},
    {488, "2.3", "init-data hashed with SHA-384 is taken", .needs = CONF_SAMPLE, .since = ERA,
     .run = run_init_data, .text = TOML "algorithm = \"sha384\"\n" DATA, .number_arg = 1},
    {489, "2.3", "init-data hashed with SHA-512 is taken", .needs = CONF_SAMPLE, .since = ERA,
     .run = run_init_data, .text = TOML "algorithm = \"sha512\"\n" DATA, .number_arg = 1},
};

const struct conf_group conf_group_attest = {"attest", checks, CMN_ARRAY_SIZE(checks)};
