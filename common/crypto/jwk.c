/* jwk.c - TEE keys as JWK (RFC 7517, 7518 section 6); see jose.h. */
#include "common/crypto/jose.h"

#include "common/enc/enc.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>

/* Sets a member to the base64url of bytes. */
static int set_b64(json_t *obj, const char *name, struct cmn_bytes bytes)
{
    auto_free char *text = cmn_b64(CMN_B64_URL, bytes.data, bytes.len);

    return text && json_object_set_new(obj, name, json_string(text)) == 0 ? 0 : -ENOMEM;
}

static int get_b64(const json_t *obj, const char *name, struct cmn_buf *ret, struct cmn_err *err)
{
    const json_t *v = json_object_get(obj, name);

    if (!json_is_string(v))
        return cmn_err_set(err, EINVAL, "JWK has no string member '%s'", name);
    int r = cmn_unb64(CMN_B64_URL, json_string_value(v), json_string_length(v), ret, err);
    if (r < 0) {
        (void)cmn_err_wrap(err, r, "JWK member '%s'", name);
        return -EINVAL;
    }
    return 0;
}

static int rsa_members(EVP_PKEY *key, json_t *jwk)
{
    static const struct {
        const char *member, *param;
    } parts[] = {{"n", OSSL_PKEY_PARAM_RSA_N}, {"e", OSSL_PKEY_PARAM_RSA_E}};
    int r = json_object_set_new(jwk, "kty", json_string("RSA")) ||
                    json_object_set_new(jwk, "alg", json_string("RSA-OAEP-256"))
                ? -ENOMEM
                : 0;

    for (size_t i = 0; i < 2 && r == 0; i++) {
        auto_buf struct cmn_buf bytes = {0};
        BIGNUM *bn = NULL;
        if (EVP_PKEY_get_bn_param(key, parts[i].param, &bn) != 1)
            return -EIO;
        r = cmn_buf_resize(&bytes, (size_t)BN_num_bytes(bn));
        if (r == 0) {
            (void)BN_bn2bin(bn, bytes.data);
            r = set_b64(jwk, parts[i].member, cmn_buf_bytes(&bytes));
        }
        BN_free(bn);
    }
    return r;
}

int cmn_jwk_from_key(EVP_PKEY *key, json_t **ret, struct cmn_err *err)
{
    auto_json json_t *jwk = json_object();
    auto_buf struct cmn_buf x = {0}, y = {0};
    int r;

    if (EVP_PKEY_is_a(key, "RSA")) {
        r = rsa_members(key, jwk);
    } else {
        r = cmn_ec_coordinates(key, &x, &y, err);
        if (r < 0)
            return r;
        r = json_object_set_new(jwk, "kty", json_string("EC")) ||
                    json_object_set_new(jwk, "crv", json_string(cmn_ec_curve(key))) ||
                    json_object_set_new(jwk, "alg", json_string("ECDH-ES+A256KW"))
                ? -ENOMEM
                : 0;
        if (r == 0)
            r = set_b64(jwk, "x", cmn_buf_bytes(&x));
        if (r == 0)
            r = set_b64(jwk, "y", cmn_buf_bytes(&y));
    }
    if (r < 0)
        return cmn_err_set(err, -r, "the key cannot be written as JWK");
    *ret = cmn_take(jwk);
    return 0;
}

static int rsa_import(struct cmn_env *env, const json_t *jwk, EVP_PKEY **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf n = {0}, e = {0};
    int r = get_b64(jwk, "n", &n, err);

    if (r == 0)
        r = get_b64(jwk, "e", &e, err);
    if (r < 0)
        return r;
    if (n.len < 256 || n.len > 1024 || e.len > 8)
        return cmn_err_set(err, EINVAL, "RSA modulus of %zu bytes, want 256 to 1024", n.len);
    BIGNUM *bn_n = BN_bin2bn(n.data, (int)n.len, NULL), *bn_e = BN_bin2bn(e.data, (int)e.len, NULL);
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(cmn_env_libctx(env), "RSA", NULL);
    EVP_PKEY *key = NULL;
    bool ok = bn_n && bn_e && bld && ctx &&
              OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, bn_n) &&
              OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, bn_e) &&
              (params = OSSL_PARAM_BLD_to_param(bld)) && EVP_PKEY_fromdata_init(ctx) == 1 &&
              EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    BN_free(bn_n);
    BN_free(bn_e);
    if (!ok)
        return cmn_err_set(err, EINVAL, "not an RSA public key");
    *ret = key;
    return 0;
}

int cmn_jwk_to_key(struct cmn_env *env, const json_t *jwk, EVP_PKEY **ret, struct cmn_err *err)
{
    const char *kty = cmn_json_str(jwk, "kty"), *crv = cmn_json_str(jwk, "crv");
    auto_buf struct cmn_buf x = {0}, y = {0};

    if (kty && strcmp(kty, "RSA") == 0)
        return rsa_import(env, jwk, ret, err);
    if (!kty || strcmp(kty, "EC") != 0 || !crv)
        return cmn_err_set(err, EINVAL, "JWK is neither EC nor RSA");
    int r = get_b64(jwk, "x", &x, err);
    if (r == 0)
        r = get_b64(jwk, "y", &y, err);
    return r < 0 ? r : cmn_ec_from_public(env, crv, cmn_buf_bytes(&x), cmn_buf_bytes(&y), ret, err);
}
