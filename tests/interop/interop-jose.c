/*
 * interop-jose.c - our JOSE on the command line, for test-jose.sh:
 *
 *     seal JWK-FILE TEXT     a JWE of TEXT for the key, on stdout
 *     sign PUBLIC-JWK-FILE   a JWS of {"hello":"world"} by a fresh key, whose public half goes
 * there verify JWK-FILE JWS    exit code 0 when the key signed it
 */
#include "common/crypto/jose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int load(const char *path, json_t **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    int r = cmn_file_read(path, 65536, &text, err);

    return r < 0 ? r : cmn_json_load(cmn_buf_bytes(&text), 8, ret, err);
}

static int seal(struct cmn_env *env, const char *jwk_path, const char *text, struct cmn_err *err)
{
    auto_json json_t *jwk = NULL;
    auto_free char *jwe = NULL;
    int r = load(jwk_path, &jwk, err);

    if (r == 0)
        r = cmn_jwe_seal(env, jwk, cmn_bytes(text, strlen(text)), &jwe, err);
    if (r == 0)
        (void)fputs(jwe, stdout); /* libjose takes no line break behind it */
    return r;
}

static int sign(struct cmn_env *env, const char *jwk_path, struct cmn_err *err)
{
    auto_json json_t *jwk = NULL, *header = json_pack("{s:s, s:s}", "typ", "JWT", "alg", "ES256"),
                     *payload = json_pack("{s:s}", "hello", "world");
    auto_pkey EVP_PKEY *key = NULL;
    auto_free char *jws = NULL;
    int r = cmn_ec_generate(env, "P-256", &key, err);

    if (r == 0)
        r = cmn_jwk_from_key(key, &jwk, err);
    if (r == 0)
        r = cmn_jws_sign(env, key, header, payload, &jws, err);
    if (r < 0)
        return r;
    (void)json_object_del(jwk, "alg"); /* it is for sealing */
    auto_free char *text = cmn_json_dump(jwk);
    r = text ? cmn_file_write(jwk_path, text, strlen(text), 0600, err)
             : cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        (void)fputs(jws, stdout);
    return r;
}

static int verify(struct cmn_env *env, const char *jwk_path, const char *jws, struct cmn_err *err)
{
    auto_json json_t *jwk = NULL;
    auto_pkey EVP_PKEY *key = NULL;
    int r = load(jwk_path, &jwk, err);

    if (r == 0)
        r = cmn_jwk_to_key(env, jwk, &key, err);
    return r < 0 ? r : cmn_jws_verify(env, key, jws, err);
}

int main(int argc, char **argv)
{
    auto_env struct cmn_env *env = NULL;
    struct cmn_err err = {0};
    int r = cmn_env_new_system(&env, &err);

    if (r == 0)
        r = argc == 4 && strcmp(argv[1], "seal") == 0     ? seal(env, argv[2], argv[3], &err)
            : argc == 3 && strcmp(argv[1], "sign") == 0   ? sign(env, argv[2], &err)
            : argc == 4 && strcmp(argv[1], "verify") == 0 ? verify(env, argv[2], argv[3], &err)
                                                          : cmn_err_set(&err, EINVAL, "usage");
    if (r < 0)
        (void)fprintf(stderr, "interop-jose: %s\n", err.msg);
    return r < 0 ? 1 : 0;
}
