/* ec.c - EC and RSA keys, ECDSA in raw form; see crypto.h. */
#include "common/crypto/crypto.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <string.h>
#include <strings.h>

static const struct curve {
    const char *name;  /* JOSE */
    const char *group; /* OpenSSL */
    size_t bytes;
} curves[] = {
    {"P-256", "prime256v1", 32},
    {"P-384", "secp384r1", 48},
    {"P-521", "secp521r1", 66},
};

static const struct curve *curve_find(const char *name)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(curves); i++)
        if (name && (strcmp(curves[i].name, name) == 0 || strcmp(curves[i].group, name) == 0))
            return &curves[i];
    return NULL;
}

size_t cmn_ec_field_bytes(const char *curve)
{
    const struct curve *c = curve_find(curve);
    return c ? c->bytes : 0;
}

const char *cmn_ec_curve(EVP_PKEY *key)
{
    char group[64];

    if (!EVP_PKEY_is_a(key, "EC") || EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1)
        return NULL;
    const struct curve *c = curve_find(group);
    return c ? c->name : NULL;
}

int cmn_ec_generate(struct cmn_env *env, const char *curve, EVP_PKEY **ret, struct cmn_err *err)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(cmn_env_libctx(env), NULL, "EC", curve);

    if (!key)
        return cmn_err_set(err, EIO, "no EC key on %s could be made", curve);
    *ret = key;
    return 0;
}

int cmn_rsa_generate(struct cmn_env *env, unsigned bits, EVP_PKEY **ret, struct cmn_err *err)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(cmn_env_libctx(env), NULL, "RSA", (size_t)bits);

    if (!key)
        return cmn_err_set(err, EIO, "no RSA key of %u bits could be made", bits);
    *ret = key;
    return 0;
}

/* Makes a key of group from an encoded public point and, if given, its private scalar. */
static int ec_import(struct cmn_env *env, const struct curve *c, const uint8_t *point,
                     size_t point_len, const BIGNUM *d, EVP_PKEY **ret)
{
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(cmn_env_libctx(env), "EC", NULL);
    bool ok = bld && ctx &&
              OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, c->group, 0) &&
              OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, point_len) &&
              (!d || OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d)) &&
              (params = OSSL_PARAM_BLD_to_param(bld)) && EVP_PKEY_fromdata_init(ctx) == 1 &&
              EVP_PKEY_fromdata(ctx, &key, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) == 1;

    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    EVP_PKEY_CTX_free(ctx);
    if (!ok) {
        EVP_PKEY_free(key);
        return -EINVAL;
    }
    *ret = key;
    return 0;
}

int cmn_ec_from_private(struct cmn_env *env, const char *curve, const uint8_t *d, size_t len,
                        EVP_PKEY **ret, struct cmn_err *err)
{
    const struct curve *c = curve_find(curve);
    uint8_t point[1 + 2 * 66];
    size_t n = 0;

    if (!c)
        return cmn_err_set(err, EINVAL, "unknown curve %s", curve);
    EC_GROUP *group = EC_GROUP_new_from_params(
        (OSSL_PARAM[]){
            OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)c->group, 0),
            OSSL_PARAM_construct_end()},
        cmn_env_libctx(env), NULL);
    BN_CTX *bn = BN_CTX_secure_new_ex(cmn_env_libctx(env));
    BIGNUM *scalar = BN_secure_new();
    EC_POINT *q = group ? EC_POINT_new(group) : NULL;
    int r = -EINVAL;
    if (q && bn && scalar && BN_bin2bn(d, (int)len, scalar) && !BN_is_zero(scalar) &&
        BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
        EC_POINT_mul(group, q, scalar, NULL, NULL, bn) == 1)
        n = EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof(point), bn);
    if (n)
        r = ec_import(env, c, point, n, scalar, ret);
    EC_POINT_free(q);
    BN_clear_free(scalar);
    BN_CTX_free(bn);
    EC_GROUP_free(group);
    return r < 0 ? cmn_err_set(err, EINVAL, "not a private key of %s", curve) : 0;
}

int cmn_ec_from_public(struct cmn_env *env, const char *curve, struct cmn_bytes x,
                       struct cmn_bytes y, EVP_PKEY **ret, struct cmn_err *err)
{
    const struct curve *c = curve_find(curve);
    uint8_t point[1 + 2 * 66] = {POINT_CONVERSION_UNCOMPRESSED};

    if (!c)
        return cmn_err_set(err, EINVAL, "unknown curve '%.16s'", curve);
    if (x.len != c->bytes || y.len != c->bytes)
        return cmn_err_set(err, EINVAL, "coordinates of %zu and %zu bytes on %s, want %zu", x.len,
                           y.len, curve, c->bytes);
    memcpy(point + 1, x.data, x.len);
    memcpy(point + 1 + x.len, y.data, y.len);
    if (ec_import(env, c, point, 1 + 2 * c->bytes, NULL, ret) < 0)
        return cmn_err_set(err, EINVAL, "the point is not on %s", curve);
    return 0;
}

int cmn_ec_coordinates(EVP_PKEY *key, struct cmn_buf *x, struct cmn_buf *y, struct cmn_err *err)
{
    uint8_t point[1 + 2 * 66];
    size_t len = 0, n = cmn_ec_field_bytes(cmn_ec_curve(key));

    if (!n ||
        EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) !=
            1 ||
        len != 1 + 2 * n || point[0] != POINT_CONVERSION_UNCOMPRESSED)
        return cmn_err_set(err, EINVAL, "not an EC key on P-256, P-384 or P-521");
    if (cmn_buf_put(x, point + 1, n) < 0 || cmn_buf_put(y, point + 1 + n, n) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return 0;
}

/* DER ECDSA-Sig-Value <-> r || s of n bytes each. */
static int sig_to_raw(const uint8_t *der, size_t der_len, size_t n, struct cmn_buf *ret)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    size_t at = ret->len;
    int r = sig ? cmn_buf_resize(ret, at + 2 * n) : -EIO;

    if (r == 0 && (BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret->data + at, (int)n) < 0 ||
                   BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret->data + at + n, (int)n) < 0))
        r = -EIO;
    ECDSA_SIG_free(sig);
    return r;
}

static int sig_to_der(struct cmn_bytes raw, uint8_t **ret, size_t *ret_len)
{
    size_t n = raw.len / 2;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw.data, (int)n, NULL), *s = BN_bin2bn(raw.data + n, (int)n, NULL);
    int len = -1;

    if (sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1) {
        *ret = NULL;
        len = i2d_ECDSA_SIG(sig, ret);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(sig);
    if (len <= 0)
        return -EIO;
    *ret_len = (size_t)len;
    return 0;
}

int cmn_ecdsa_sign(struct cmn_env *env, EVP_PKEY *key, const char *md, struct cmn_bytes data,
                   struct cmn_buf *sig, struct cmn_err *err)
{
    uint8_t der[160];
    size_t len = sizeof(der), n = cmn_ec_field_bytes(cmn_ec_curve(key));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && n &&
              EVP_DigestSignInit_ex(ctx, NULL, md, cmn_env_libctx(env), NULL, key, NULL) == 1 &&
              EVP_DigestSign(ctx, der, &len, data.data, data.len) == 1 &&
              sig_to_raw(der, len, n, sig) == 0;

    EVP_MD_CTX_free(ctx);
    return ok ? 0 : cmn_err_set(err, EIO, "ECDSA signing failed");
}

int cmn_ecdsa_verify(struct cmn_env *env, EVP_PKEY *key, const char *md, struct cmn_bytes data,
                     struct cmn_bytes sig, struct cmn_err *err)
{
    size_t n = cmn_ec_field_bytes(cmn_ec_curve(key)), der_len = 0;
    uint8_t *der = NULL;

    if (!n || sig.len != 2 * n)
        return cmn_err_set(err, EKEYREJECTED, "signature of %zu bytes, want %zu", sig.len, 2 * n);
    if (sig_to_der(sig, &der, &der_len) < 0)
        return cmn_err_set(err, EIO, "ECDSA signature cannot be encoded");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ready =
        ctx && EVP_DigestVerifyInit_ex(ctx, NULL, md, cmn_env_libctx(env), NULL, key, NULL) == 1;
    bool good = ready && EVP_DigestVerify(ctx, der, der_len, data.data, data.len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    if (!ready)
        return cmn_err_set(err, EIO, "ECDSA verification cannot start");
    return good ? 0 : cmn_err_set(err, EKEYREJECTED, "ECDSA signature does not verify");
}
