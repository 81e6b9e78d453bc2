/* group-jwe.c - 5xx: how a resource is sealed for a TEE key (kbs-protocol 2.4, 2.6). */
#include "sim/conformance/conf.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A resource for a key, opened. false: a miss was told. */
static bool fetch(struct conf *c, enum conf_key kind, const char *path, struct conf_jwe *ret)
{
    struct conf_session s;
    auto_free char *token = conf_handshake(c, kind, &s);

    *ret = (struct conf_jwe){0};
    if (!token || conf_get_resource(c, path, s.id, NULL) < 0 || !conf_status(c, 200))
        return false;
    conf_jwe_open(c, kind, cmn_buf_bytes(&c->answer.body), ret);
    return true;
}

static void run_opens(struct conf *c, const struct conf_check *check)
{
    struct conf_jwe jwe;
    const char *path = conf_readable(c);

    if (fetch(c, (enum conf_key)check->number_arg, path, &jwe)) {
        (void)conf_expect(c, jwe.opened, "a JWE that opens%s%s", jwe.why ? ": " : "",
                          jwe.why ? jwe.why : "");
        if (strcmp(path, CONF_RESOURCE) == 0)
            (void)conf_expect(c,
                              jwe.plain.len == strlen(CONF_SECRET) &&
                                  memcmp(jwe.plain.data, CONF_SECRET, jwe.plain.len) == 0,
                              "the very bytes that were stored");
    }
    conf_jwe_done(&jwe);
}

static void run_canonical(struct conf *c, const struct conf_check *check)
{
    struct conf_jwe jwe;
    enum conf_key kind = (enum conf_key)check->number_arg;

    if (fetch(c, kind, conf_readable(c), &jwe)) {
        auto_free char *want = conf_jwe_canonical(kind, jwe.header);
        (void)conf_expect(c, jwe.protected && want && strcmp(jwe.protected, want) == 0,
                          "the protected header %s, for the client prints it again before use",
                          want ? want : "?");
    }
    conf_jwe_done(&jwe);
}

static void run_members(struct conf *c, const struct conf_check *check)
{
    static const char *const names[] = {"protected", "encrypted_key", "iv", "ciphertext", "tag"};
    struct conf_jwe jwe;

    (void)check;
    if (fetch(c, CONF_P256, conf_readable(c), &jwe)) {
        auto_json json_t *body = conf_json(c);
        for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++)
            (void)conf_expect(c, cmn_json_str(body, names[i]), "the member %s", names[i]);
        (void)conf_expect(c, json_object_size(body) == CMN_ARRAY_SIZE(names), "no other member");
    }
    conf_jwe_done(&jwe);
}

static void run_fresh(struct conf *c, const struct conf_check *check)
{
    struct conf_jwe a, b = {0};
    enum conf_key kind = (enum conf_key)check->number_arg;

    if (fetch(c, kind, conf_readable(c), &a) && fetch(c, kind, conf_readable(c), &b)) {
        (void)conf_expect(c, a.iv.len == b.iv.len && memcmp(a.iv.data, b.iv.data, a.iv.len) != 0,
                          "another iv for each answer");
        (void)conf_expect(
            c,
            a.encrypted_key.len == b.encrypted_key.len &&
                memcmp(a.encrypted_key.data, b.encrypted_key.data, a.encrypted_key.len) != 0,
            "another key for each answer");
        if (json_object_get(a.header, "epk"))
            (void)conf_expect(
                c, !json_equal(json_object_get(a.header, "epk"), json_object_get(b.header, "epk")),
                "another ephemeral key for each answer");
    }
    conf_jwe_done(&a);
    conf_jwe_done(&b);
}

/* A resource of our own of this many bytes, each value among them. */
static void run_size(struct conf *c, const struct conf_check *check)
{
    auto_buf struct cmn_buf bytes = {0};
    size_t len = (size_t)check->number_arg;
    struct conf_jwe jwe;

    if (cmn_buf_resize(&bytes, len) < 0)
        return;
    for (size_t i = 0; i < len; i++)
        bytes.data[i] = (uint8_t)(i * 7 + (i >> 8));
    if (!conf_put_resource(c, "conformance/probe/sized", cmn_buf_bytes(&bytes)))
        return;
    if (fetch(c, CONF_P256, "conformance/probe/sized", &jwe)) {
        (void)conf_expect(c, jwe.opened, "a JWE that opens%s%s", jwe.why ? ": " : "",
                          jwe.why ? jwe.why : "");
        (void)conf_expect(
            c, jwe.plain.len == len && (!len || memcmp(jwe.plain.data, bytes.data, len) == 0),
            "the %zu bytes that were stored", len);
    }
    conf_jwe_done(&jwe);
}

/* Attests with a key that cannot be sealed for: that shows only when a resource is asked for. */
static void run_bad_key(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    auto_json json_t *jwk = json_loads(check->text, 0, NULL);
    uint8_t digest[48];

    if (!jwk || !conf_challenge(c, &s))
        return;
    auto_json json_t *body = conf_attest_body(c, &s, CONF_P256, NULL, NULL);
    auto_json json_t *bound = json_pack("{s:s, s:s, s:O}", "additional-evidence", "", "nonce",
                                        s.nonce, "tee-pubkey", jwk);
    if (!body || conf_digest(c, bound, digest) < 0)
        return;
    const struct conf_evidence how = CONF_GENUINE;
    CMN_IGNORE(json_object_set(json_object_get(body, "runtime-data"), "tee-pubkey", jwk));
    CMN_IGNORE(json_object_set_new(json_object_get(body, "tee-evidence"), "primary_evidence",
                                   conf_tee_evidence(c, &how, digest)));
    if (conf_attest(c, &s, body) < 0 || !conf_status(c, 200) ||
        conf_get_resource(c, conf_readable(c), s.id, NULL) < 0)
        return;
    if (check->number_arg && c->answer.status == 200)
        conf_remark(c, "this build can seal for such a key");
    else
        (void)conf_error(c, 401, "JweError", "JWE failed");
}

#define NEEDS (CONF_TOKEN | CONF_READABLE)
#define KIND(base, name, kind)                                                                     \
    {base + 1,                                                                                     \
     "2.6",                                                                                        \
     "a resource for " name " opens",                                                              \
     .needs = NEEDS,                                                                               \
     .since = CONF_ERA_0_12,                                                                       \
     .run = run_opens,                                                                             \
     .number_arg = kind},                                                                          \
        {base + 2,                                                                                 \
         "2.6",                                                                                    \
         "the protected header for " name " has the one canonical form",                           \
         .needs = NEEDS,                                                                           \
         .since = CONF_ERA_0_12,                                                                   \
         .run = run_canonical,                                                                     \
         .number_arg = kind},                                                                      \
    {                                                                                              \
        base + 3, "2.6", "nothing is used twice for " name,                                        \
            .needs = NEEDS, .since = CONF_ERA_0_12, .run = run_fresh, .number_arg = kind           \
    }
#define SIZE(n, bytes, text_)                                                                      \
    {                                                                                              \
        n, "1.4", text_, .needs = NEEDS | CONF_DESTRUCTIVE, .since = CONF_ERA_0_12,                \
                         .run = run_size, .number_arg = bytes                                      \
    }
#define BAD_KEY(n, text_, jwk)                                                                     \
    {                                                                                              \
        n, "8.2#55", text_, .needs = NEEDS, .since = CONF_ERA_0_14, .run = run_bad_key,            \
                            .text = jwk                                                            \
    }
/* base64url of 32, 48 and 31 bytes that are not zero */
#define B32 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE"
#define B48 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
#define B31 "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ"
#define EC(crv, alg, x, y)                                                                         \
    "{\"kty\":\"EC\",\"crv\":\"" crv "\",\"alg\":\"" alg "\",\"x\":\"" x "\",\"y\":\"" y "\"}"
#define ES "ECDH-ES+A256KW"

static const struct conf_check checks[] = {
    KIND(500, "EC P-256", CONF_P256),
    KIND(510, "EC P-521", CONF_P521),
    KIND(520, "RSA-OAEP-256 with 2048 bits", CONF_RSA2048),
    KIND(530, "RSA-OAEP-256 with 3072 bits", CONF_RSA3072),
    {540, "2.6", "the answer has exactly the five members of a flattened JWE", .needs = NEEDS,
     .since = CONF_ERA_0_12, .run = run_members},
    SIZE(541, 0, "a resource of no bytes arrives"),
    SIZE(542, 1, "a resource of one byte arrives"),
    SIZE(543, 65536, "a resource of 64 KiB arrives, every byte value in it"),
    SIZE(544, 1 << 20, "a resource of 1 MiB arrives"),
    BAD_KEY(550, "no answer for EC P-384", EC("P-384", ES, B48, B48)),
    BAD_KEY(551, "no answer for an unknown curve", EC("P-257", ES, B32, B32)),
    BAD_KEY(552, "no answer for ECDH-ES without key wrap", EC("P-256", "ECDH-ES", B32, B32)),
    BAD_KEY(553, "no answer for a point off the curve", EC("P-256", ES, B32, B32)),
    BAD_KEY(554, "no answer for a coordinate of 31 bytes", EC("P-256", ES, B31, B32)),
    BAD_KEY(555, "no answer for coordinates that are not base64url", EC("P-256", ES, "*", "*")),
    BAD_KEY(556, "no answer for RSA-OAEP with SHA-1",
            "{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP\",\"n\":\"" B48 "\",\"e\":\"AQAB\"}"),
    BAD_KEY(557, "no answer for an RSA key that is none",
            "{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP-256\",\"n\":\"AQ\",\"e\":\"AQAB\"}"),
    {558, "2.4", "no answer for ML-KEM unless the build has it", .needs = NEEDS,
     .since = CONF_ERA_0_21, .run = run_bad_key,
     .text = "{\"kty\":\"AKP\",\"alg\":\"ML-KEM-768+A192KW\",\"pub\":\"AQEB\"}", .number_arg = 1},
};

const struct conf_group conf_group_jwe = {"jwe", checks, CMN_ARRAY_SIZE(checks)};
