/* test-json.c - bounded loading and the canonical form (RFC 8785; vectors of the KBS protocol). */
#include "tests/testlib/testlib.h"

#include "common/crypto/crypto.h"
#include "common/enc/enc.h"
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

static void bad_json_is_refused_with_its_place(void)
{
    static const char *const bad[] = {"",         "{",   "{\"a\":1,\"a\":2}", "[1] x",
                                      "\"\xff\"", "nul", "\"a\\u0000b\""};
    struct cmn_err err;
    json_t *out = NULL;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++)
        T_ERR(cmn_json_load(cmn_bytes(bad[i], strlen(bad[i])), 8, &out, &err), -EBADMSG, &err,
              "line 1");
    T_ERR(cmn_json_load(cmn_bytes("[[[[]]]]", 8), 3, &out, &err), -EBADMSG, &err, "nested 4 deep");
    T_TRUE(out == NULL);
}

static void canonical(const char *in, const char *want)
{
    auto_json json_t *json = NULL;
    auto_buf struct cmn_buf out = {0};

    T_OK(cmn_json_load(cmn_bytes(in, strlen(in)), 8, &json, NULL), NULL);
    T_OK(cmn_json_jcs(json, &out, NULL), NULL);
    T_EQ_STR((char *)out.data, want);
}

static void canonical_form(void)
{
    struct cmn_err err;
    auto_json json_t *real = json_real(1.5);
    auto_buf struct cmn_buf out = {0};

    T_ERR(cmn_json_jcs(real, &out, &err), -ENOTSUP, &err, "real number");
    canonical("{ \"b\" : [1, true, null, -7], \"a\" : {\"d\":\"x\",\"c\":\"y\"} }",
              "{\"a\":{\"c\":\"y\",\"d\":\"x\"},\"b\":[1,true,null,-7]}");
    canonical("\"\\u0001\\u001F\\b\\f\\n\\r\\t\\\"\\\\\\/\\u20ac\"",
              "\"\\u0001\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\xe2\x82\xac\"");
    /* RFC 8785 3.2.3: a surrogate pair (U+1F600 begins with D83D) sorts before U+FB33 */
    canonical("{\"\\ufb33\":1,\"\\ud83d\\ude00\":2,\"\\u20ac\":3,\"1\":4}",
              "{\"1\":4,\"\xe2\x82\xac\":3,\"\xf0\x9f\x98\x80\":2,\"\xef\xac\xb3\":1}");
}

static void digest_is(const char *in, const char *want)
{
    auto_json json_t *json = NULL;
    auto_buf struct cmn_buf out = {0};
    struct cmn_env *env = NULL;
    uint8_t digest[48];

    T_OK(cmn_env_new_system(&env, NULL), NULL);
    T_OK(cmn_json_load(cmn_bytes(in, strlen(in)), 8, &json, NULL), NULL);
    T_OK(cmn_json_jcs(json, &out, NULL), NULL);
    T_OK(cmn_hash(env, "SHA384", out.data, out.len, digest, NULL), NULL);
    auto_free char *hex = cmn_hex(digest, 48);
    T_EQ_STR(hex, want);
    cmn_env_unref(env);
}

static void runtime_data_vectors(void)
{
    digest_is("{\"a\":\"test\",\"b\":1,\"c\":{\"d\":\"e\"}}",
              "e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca"
              "941da78870c3");
    digest_is("{\"tee-pubkey\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":"
              "\"eA\",\"y\":\"eQ\"},"
              "\"nonce\":\"AAAA\",\"additional-evidence\":\"\"}",
              "aca41d792be409f882314a9899be68dfb7b5654530ff37babf4e1826d2b45dc085519e18872693c8567b"
              "ce1c010dd6cb");
    digest_is("{\"tee-pubkey\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":"
              "\"eA\",\"y\":\"eQ\"},"
              "\"nonce\":\"AAAA\"}",
              "b747e37721c78ed7350b28d1569c245bc85078d300841be18dcd4c9e31805ff2c08cf24c5548049f2d06"
              "92fa7ea77cd7");
}

TEST_MAIN("json", {"bad JSON is refused with its place", bad_json_is_refused_with_its_place},
          {"canonical form", canonical_form}, {"runtime-data vectors", runtime_data_vectors})
