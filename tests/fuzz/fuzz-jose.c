/* Aims at: cmn_jws_parse, cmn_jws_verify, cmn_jwe_open, cmn_jwk_to_key, cmn_jwk_from_key,
 * cmn_jwe_seal. */
#include "fuzz.h"

#include "common/crypto/jose.h"

static struct cmn_env *env;
static EVP_PKEY *key; /* P-256, the same in every run */

static void set_up(void)
{
    FUZZ_CHECK(cmn_env_new_seeded("fuzz", 4, &env, NULL) == 0);
    FUZZ_CHECK(cmn_ec_generate(env, "P-256", &key, NULL) == 0);
}

/* A key that is taken can be written again, and what is sealed for it is well formed. */
static void check_key(const json_t *jwk)
{
    auto_pkey EVP_PKEY *theirs = NULL, *twice = NULL;
    auto_json json_t *written = NULL, *rewritten = NULL;
    auto_free char *jwe = NULL;

    if (cmn_jwk_to_key(env, jwk, &theirs, NULL) == 0 &&
        cmn_jwk_from_key(theirs, &written, NULL) == 0) {
        FUZZ_CHECK(cmn_jwk_to_key(env, written, &twice, NULL) == 0);
        FUZZ_CHECK(cmn_jwk_from_key(twice, &rewritten, NULL) == 0);
        FUZZ_CHECK(json_equal(written, rewritten));
    }
    if (cmn_jwe_seal(env, jwk, cmn_bytes("secret", 6), &jwe, NULL) == 0) {
        auto_json json_t *doc = NULL;
        FUZZ_CHECK(cmn_json_load(cmn_bytes(jwe, strlen(jwe)), 4, &doc, NULL) == 0);
        FUZZ_CHECK(cmn_json_str(doc, "protected") && cmn_json_str(doc, "ciphertext"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_json json_t *header = NULL, *payload = NULL, *jwk = NULL;
    auto_buf struct cmn_buf text = {0}, plain = {0};

    if (!env)
        set_up();
    FUZZ_CHECK(cmn_buf_put(&text, data, size) == 0);
    const char *jws = (const char *)text.data;
    if (jws && cmn_jws_parse(jws, &header, &payload, NULL) == 0)
        FUZZ_CHECK(header && payload);
    if (jws)
        CMN_IGNORE(cmn_jws_verify(env, key, jws, NULL)); /* the corpus holds one that is right */
    CMN_IGNORE(cmn_jwe_open(env, key, cmn_bytes(data, size), &plain, NULL)); /* the same */
    if (cmn_json_load(cmn_bytes(data, size), CMN_JSON_MAX_DEPTH, &jwk, NULL) == 0)
        check_key(jwk);
    return 0;
}
