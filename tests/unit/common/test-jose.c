/* test-jose.c - JWE and JWS: what must not open first, then round trips and the canonical header.
 */
#include "tests/testlib/testlib.h"

#include "common/crypto/jose.h"
#include "common/enc/enc.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static struct cmn_env *env;

static EVP_PKEY *key_of(const char *curve)
{
    EVP_PKEY *key = NULL;

    if (!env)
        T_OK(cmn_env_new_seeded("jose", 4, &env, NULL), NULL);
    if (strcmp(curve, "RSA") == 0)
        T_OK(cmn_rsa_generate(env, 2048, &key, NULL), NULL);
    else
        T_OK(cmn_ec_generate(env, curve, &key, NULL), NULL);
    return key;
}

static char *seal(EVP_PKEY *key, const char *text)
{
    auto_json json_t *jwk = NULL;
    char *jwe = NULL;

    T_OK(cmn_jwk_from_key(key, &jwk, NULL), NULL);
    T_OK(cmn_jwe_seal(env, jwk, cmn_bytes(text, strlen(text)), &jwe, NULL), NULL);
    return jwe;
}

/* For an RSA key that asks for RSA1_5. */
static char *seal_pkcs1(EVP_PKEY *key, const char *text)
{
    auto_json json_t *jwk = NULL;
    char *jwe = NULL;

    T_OK(cmn_jwk_from_key(key, &jwk, NULL), NULL);
    (void)json_object_set_new(jwk, "alg", json_string("RSA1_5"));
    T_OK(cmn_jwe_seal(env, jwk, cmn_bytes(text, strlen(text)), &jwe, NULL), NULL);
    return jwe;
}

static void changed_or_foreign_jwe_does_not_open(void)
{
    static const char *const members[] = {"protected", "encrypted_key", "iv", "ciphertext", "tag"};
    auto_pkey EVP_PKEY *key = key_of("P-256"), *other = key_of("P-256"), *wide = key_of("P-521");
    auto_free char *jwe = seal(key, "secret");
    auto_buf struct cmn_buf out = {0};
    struct cmn_err err;

    T_ERR(cmn_jwe_open(env, other, cmn_bytes(jwe, strlen(jwe)), &out, &err), -EKEYREJECTED, &err,
          "unwrapped");
    T_ERR(cmn_jwe_open(env, wide, cmn_bytes(jwe, strlen(jwe)), &out, &err), -EBADMSG, &err,
          "Unmatched curve");
    T_ERR(cmn_jwe_open(env, key, cmn_bytes("{}", 2), &out, &err), -EBADMSG, &err, "'protected'");
    for (size_t i = 0; i < CMN_ARRAY_SIZE(members); i++) {
        auto_json json_t *json = NULL;
        T_OK(cmn_json_load(cmn_bytes(jwe, strlen(jwe)), 8, &json, NULL), NULL);
        auto_free char *text = strdup(cmn_json_str(json, members[i]));
        text[4] = text[4] == 'A' ? 'B' : 'A';
        (void)json_object_set_new(json, members[i], json_string(text));
        auto_free char *bad = cmn_json_dump(json);
        T_TRUE(cmn_jwe_open(env, key, cmn_bytes(bad, strlen(bad)), &out, &err) < 0);
        T_EQ_INT(out.len, 0);
    }
}

static void unsupported_keys_are_refused(void)
{
    static const struct {
        const char *jwk, *text;
        int code;
    } bad[] = {
        {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"\",\"y\":\"\"}",
         "P-384", -ENOTSUP},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES\",\"x\":\"\",\"y\":\"\"}", "ECDH-ES",
         -ENOTSUP},
        {"{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP\",\"n\":\"\",\"e\":\"\"}",
         "RSA-OAEP is not supported", -ENOTSUP},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":\"eA\",\"y\":\"eQ\"}",
         "1 and 1", -EINVAL},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":"
         "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
         "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
         "not on P-256", -EINVAL},
    };
    struct cmn_err err;
    char *out = NULL;
    auto_pkey EVP_PKEY *warm = key_of("P-256");

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        auto_json json_t *jwk = NULL;
        T_OK(cmn_json_load(cmn_bytes(bad[i].jwk, strlen(bad[i].jwk)), 8, &jwk, NULL), NULL);
        T_ERR(cmn_jwe_seal(env, jwk, cmn_bytes("x", 1), &out, &err), bad[i].code, &err,
              bad[i].text);
    }
    T_TRUE(warm != NULL && out == NULL);
}

static void jwe_round_trips_with_the_canonical_header(void)
{
    static const struct {
        const char *curve, *header;
    } kinds[] = {
        {"P-256", "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"P-256\","
                  "\"kty\":\"EC\",\"x\":\""},
        {"P-521", "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"P-521\","
                  "\"kty\":\"EC\",\"x\":\""},
        {"RSA", "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\"}"},
        {"RSA", "{\"alg\":\"RSA1_5\",\"enc\":\"A256GCM\"}"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++) {
        auto_pkey EVP_PKEY *key = key_of(kinds[i].curve);
        auto_free char *jwe = strstr(kinds[i].header, "RSA1_5") ? seal_pkcs1(key, "some secret")
                                                                : seal(key, "some secret");
        auto_json json_t *json = NULL;
        auto_buf struct cmn_buf out = {0}, header = {0};
        T_OK(cmn_jwe_open(env, key, cmn_bytes(jwe, strlen(jwe)), &out, NULL), NULL);
        T_EQ_STR((char *)out.data, "some secret");
        T_OK(cmn_json_load(cmn_bytes(jwe, strlen(jwe)), 8, &json, NULL), NULL);
        const char *prot = cmn_json_str(json, "protected");
        T_OK(cmn_unb64(CMN_B64_URL, prot, strlen(prot), &header, NULL), NULL);
        T_TRUE(strncmp((char *)header.data, kinds[i].header, strlen(kinds[i].header)) == 0);
    }
}

/* Which of the steps failed never shows: not in the error, not in its text. */
static void wrong_rsa_keys_and_paddings_are_told_alike(void)
{
    auto_pkey EVP_PKEY *key = key_of("RSA"), *other = key_of("RSA"), *ec = key_of("P-256");
    auto_free char *oaep = seal(key, "secret"), *pkcs1 = seal_pkcs1(key, "secret");
    auto_buf struct cmn_buf out = {0};
    auto_json json_t *a = NULL, *b = NULL;
    struct cmn_err err;

    T_TRUE(cmn_jwe_open(env, other, cmn_bytes(oaep, strlen(oaep)), &out, &err) == -EKEYREJECTED);
    T_TRUE(cmn_jwe_open(env, other, cmn_bytes(pkcs1, strlen(pkcs1)), &out, &err) == -EKEYREJECTED);
    T_ERR(cmn_jwe_open(env, ec, cmn_bytes(pkcs1, strlen(pkcs1)), &out, &err), -EBADMSG, &err,
          "Must be RSA key");
    T_OK(cmn_json_load(cmn_bytes(oaep, strlen(oaep)), 8, &a, NULL), NULL);
    T_OK(cmn_json_load(cmn_bytes(pkcs1, strlen(pkcs1)), 8, &b, NULL), NULL);
    (void)json_object_set(a, "encrypted_key", json_object_get(b, "encrypted_key"));
    auto_free char *mixed = cmn_json_dump(a);
    T_ERR(cmn_jwe_open(env, key, cmn_bytes(mixed, strlen(mixed)), &out, &err), -EKEYREJECTED, &err,
          "RSA decryption failed");
    T_EQ_INT(out.len, 0);
}

static void jws_of_another_key_or_changed_is_refused(void)
{
    auto_pkey EVP_PKEY *key = key_of("P-256"), *other = key_of("P-256");
    auto_json json_t *header = json_pack("{s:s}", "alg", "ES256"),
                     *payload = json_pack("{s:i}", "exp", 1);
    auto_json json_t *h = NULL, *p = NULL;
    auto_free char *jws = NULL;
    struct cmn_err err;

    T_OK(cmn_jws_sign(env, key, header, payload, &jws, NULL), NULL);
    T_OK(cmn_jws_verify(env, key, jws, NULL), NULL);
    T_ERR(cmn_jws_verify(env, other, jws, &err), -EKEYREJECTED, &err, "does not verify");
    T_OK(cmn_jws_parse(jws, &h, &p, NULL), NULL);
    T_TRUE(json_equal(payload, p));
    jws[25] = jws[25] == 'A' ? 'B' : 'A';
    T_TRUE(cmn_jws_verify(env, key, jws, &err) < 0);
    T_ERR(cmn_jws_verify(env, key, "a.b", &err), -EBADMSG, &err, "three parts");
}

/* A server whose iv or tag has another length, or moves bytes from one member to the next, is
 * refused. */
static void members_of_other_lengths_are_refused(void)
{
    auto_pkey EVP_PKEY *key = key_of("P-256");
    auto_free char *jwe = seal(key, "");
    auto_buf struct cmn_buf out = {0};
    static const struct {
        const char *name, *value, *says;
    } bad[] = {
        {"tag", "", "tag of 0"},
        {"tag", "AAAA", "tag of 3"},
        {"iv", "", "iv of 0"},
        {"iv", "AAAAAAAAAAAAAAAAAAAAAA", "iv of 16"},
        {"encrypted_key", "", "0 bytes"},
        {"encrypted_key", "AAAA", "3 bytes, want 40"},
        {"tag", "A", "'tag'"},
        {"protected", "AAAA", NULL},
    };
    struct cmn_err err = {0};

    T_OK(cmn_jwe_open(env, key, cmn_bytes(jwe, strlen(jwe)), &out, &err), &err);
    T_EQ_INT(out.len, 0); /* an empty secret is a secret */
    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        auto_json json_t *json = NULL;
        T_OK(cmn_json_load(cmn_bytes(jwe, strlen(jwe)), 8, &json, NULL), NULL);
        (void)json_object_set_new(json, bad[i].name, json_string(bad[i].value));
        auto_free char *text = cmn_json_dump(json);
        T_ERR(cmn_jwe_open(env, key, cmn_bytes(text, strlen(text)), &out, &err), -EBADMSG, &err,
              bad[i].says);
    }
    T_EQ_INT(out.len, 0);
}

/* RFC 7515, A.3 */
static void jws_of_the_rfc_verifies(void)
{
    static const char jwk_text[] =
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
    static const char jws[] =
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p"
        "c19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
        "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
        "Kg6NU1Q";
    auto_json json_t *jwk = NULL, *h = NULL, *p = NULL;
    auto_pkey EVP_PKEY *key = NULL;
    struct cmn_err err = {0};

    T_OK(cmn_json_load(cmn_bytes(jwk_text, strlen(jwk_text)), 8, &jwk, &err), &err);
    T_OK(cmn_jwk_to_key(env, jwk, &key, &err), &err);
    T_OK(cmn_jws_verify(env, key, jws, &err), &err);
    T_OK(cmn_jws_parse(jws, &h, &p, &err), &err);
    T_EQ_STR(cmn_json_str(p, "iss"), "joe");
}

static void all_is_freed(void)
{
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("jose", {"a changed or foreign JWE does not open", changed_or_foreign_jwe_does_not_open},
          {"unsupported keys are refused", unsupported_keys_are_refused},
          {"JWE round trips with the canonical header", jwe_round_trips_with_the_canonical_header},
          {"wrong RSA keys and paddings are told alike",
           wrong_rsa_keys_and_paddings_are_told_alike},
          {"a JWS of another key, or changed, is refused",
           jws_of_another_key_or_changed_is_refused},
          {"members of other lengths are refused", members_of_other_lengths_are_refused},
          {"a JWS of the RFC verifies", jws_of_the_rfc_verifies}, {"all is freed", all_is_freed})
