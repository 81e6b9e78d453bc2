/*
 * jose.c - TEE keys, resource answers and tokens, read as RFC 7515 to 7518 say, with EVP alone: a
 * second reading beside the one of our own guest and key broker.
 */
#include "sim/conformance/conf.h"

#include "common/enc/enc.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *curve, *alg;
    unsigned bits;
} kinds[CONF_KEYS] = {
    [CONF_P256] = {"P-256", "ECDH-ES+A256KW", 0},
    [CONF_P521] = {"P-521", "ECDH-ES+A256KW", 0},
    [CONF_RSA2048] = {NULL, "RSA-OAEP-256", 2048},
    [CONF_RSA3072] = {NULL, "RSA-OAEP-256", 3072},
};

EVP_PKEY *conf_key(struct conf *c, enum conf_key kind)
{
    struct cmn_err err = {0};

    if (!c->keys[kind]) {
        int r = kinds[kind].curve
                    ? cmn_ec_generate(c->opts->env, kinds[kind].curve, &c->keys[kind], &err)
                    : cmn_rsa_generate(c->opts->env, kinds[kind].bits, &c->keys[kind], &err);
        if (r < 0)
            (void)conf_expect(c, false, "a TEE key (%s)", err.msg);
    }
    return c->keys[kind];
}

static char *big_number(EVP_PKEY *key, const char *name)
{
    uint8_t bytes[1024];
    BIGNUM *n = NULL;
    char *text = NULL;

    if (EVP_PKEY_get_bn_param(key, name, &n) == 1 && BN_num_bytes(n) <= (int)sizeof(bytes))
        text = cmn_b64(CMN_B64_URL, bytes, (size_t)BN_bn2bin(n, bytes));
    BN_free(n);
    return text;
}

json_t *conf_jwk(struct conf *c, enum conf_key kind)
{
    EVP_PKEY *key = conf_key(c, kind);
    auto_buf struct cmn_buf x = {0}, y = {0};

    if (!key)
        return NULL;
    if (!kinds[kind].curve) {
        auto_free char *n = big_number(key, OSSL_PKEY_PARAM_RSA_N);
        auto_free char *e = big_number(key, OSSL_PKEY_PARAM_RSA_E);
        return json_pack("{s:s, s:s, s:s, s:s}", "kty", "RSA", "alg", kinds[kind].alg, "n", n, "e",
                         e);
    }
    if (cmn_ec_coordinates(key, &x, &y, NULL) < 0)
        return NULL;
    auto_free char *bx = cmn_b64(CMN_B64_URL, x.data, x.len);
    auto_free char *by = cmn_b64(CMN_B64_URL, y.data, y.len);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "kty", "EC", "crv", kinds[kind].curve, "alg",
                     kinds[kind].alg, "x", bx, "y", by);
}

/* The bytes of a base64url member; false when it is absent or not of that form. */
static bool member(const json_t *obj, const char *name, struct cmn_buf *ret)
{
    const char *text = cmn_json_str(obj, name);

    return text && cmn_unb64(CMN_B64_URL, text, strlen(text), ret, NULL) == 0;
}

/* RFC 7518 4.6.2 in one round of SHA-256: counter, Z, AlgorithmID, no party infos, 256 bits. */
static bool concat_kdf(struct conf *c, const uint8_t *z, size_t len, const char *alg,
                       uint8_t out[32])
{
    auto_buf_secret struct cmn_buf text = {0};
    uint8_t word[4];

    cmn_put_u32be(word, 1);
    int r = cmn_buf_put(&text, word, 4);
    r |= cmn_buf_put(&text, z, len);
    cmn_put_u32be(word, (uint32_t)strlen(alg));
    r |= cmn_buf_put(&text, word, 4);
    r |= cmn_buf_puts(&text, alg);
    cmn_put_u32be(word, 0);
    r |= cmn_buf_put(&text, word, 4);
    r |= cmn_buf_put(&text, word, 4);
    cmn_put_u32be(word, 256);
    r |= cmn_buf_put(&text, word, 4);
    return r == 0 && cmn_hash(c->opts->env, "SHA256", text.data, text.len, out, NULL) == 0;
}

/* Z: the x coordinate, as wide as the field. */
static bool shared_secret(struct conf *c, EVP_PKEY *own, EVP_PKEY *peer, uint8_t *z, size_t *len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(cmn_env_libctx(c->opts->env), own, NULL);
    bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, z, len) == 1;

    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static const char *ec_cek(struct conf *c, enum conf_key kind, const struct conf_jwe *jwe,
                          uint8_t cek[32])
{
    const json_t *epk = json_object_get(jwe->header, "epk");
    const char *crv = cmn_json_str(epk, "crv"), *kty = cmn_json_str(epk, "kty");
    auto_buf struct cmn_buf x = {0}, y = {0};
    auto_pkey EVP_PKEY *peer = NULL;
    uint8_t z[66], kek[32];
    size_t len = sizeof(z);

    if (!crv || strcmp(crv, kinds[kind].curve) != 0 || !kty || strcmp(kty, "EC") != 0)
        return "epk is not an EC key of the TEE key's curve";
    if (!member(epk, "x", &x) || !member(epk, "y", &y) || x.len != cmn_ec_field_bytes(crv) ||
        y.len != x.len)
        return "coordinates of epk are not base64url of the field's width";
    if (cmn_ec_from_public(c->opts->env, crv, cmn_buf_bytes(&x), cmn_buf_bytes(&y), &peer, NULL) <
        0)
        return "epk is not on its curve";
    if (jwe->encrypted_key.len != 40)
        return "encrypted_key is not 40 bytes long";
    bool ok = shared_secret(c, conf_key(c, kind), peer, z, &len) &&
              concat_kdf(c, z, len, kinds[kind].alg, kek) &&
              cmn_key_unwrap(c->opts->env, kek, jwe->encrypted_key.data, cek, NULL) == 0;
    explicit_bzero(z, sizeof(z));
    return ok ? NULL : "encrypted_key does not unwrap with the key agreed on";
}

static const char *rsa_cek(struct conf *c, enum conf_key kind, const struct conf_jwe *jwe,
                           uint8_t cek[32])
{
    uint8_t plain[512];
    size_t len = sizeof(plain);
    EVP_PKEY *key = conf_key(c, kind);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(cmn_env_libctx(c->opts->env), key, NULL);
    bool ok =
        ctx && EVP_PKEY_decrypt_init(ctx) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, "SHA256", NULL) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, "SHA256", NULL) == 1 &&
        EVP_PKEY_decrypt(ctx, plain, &len, jwe->encrypted_key.data, jwe->encrypted_key.len) == 1 &&
        len == 32;

    EVP_PKEY_CTX_free(ctx);
    if (ok)
        memcpy(cek, plain, 32);
    explicit_bzero(plain, sizeof(plain));
    return ok ? NULL : "encrypted_key does not open with RSA-OAEP (SHA-256) to 32 bytes";
}

static const char *open_parts(struct conf *c, enum conf_key kind, const json_t *outer,
                              struct conf_jwe *jwe)
{
    const char *protected = cmn_json_str(outer, "protected");
    const char *alg, *enc;
    auto_buf struct cmn_buf header = {0}, sealed = {0};
    uint8_t cek[32];

    if (!protected || !member(outer, "protected", &header) ||
        !(jwe->protected = strndup((const char *)header.data, header.len)) ||
        cmn_json_load(cmn_buf_bytes(&header), 8, &jwe->header, NULL) < 0)
        return "protected is not base64url of JSON";
    if (!member(outer, "encrypted_key", &jwe->encrypted_key) || !member(outer, "iv", &jwe->iv) ||
        !member(outer, "tag", &jwe->tag) || !member(outer, "ciphertext", &sealed))
        return "encrypted_key, iv, ciphertext or tag is not base64url without padding";
    alg = cmn_json_str(jwe->header, "alg");
    enc = cmn_json_str(jwe->header, "enc");
    if (!alg || strcmp(alg, kinds[kind].alg) != 0 || !enc || strcmp(enc, "A256GCM") != 0)
        return "alg is not that of the TEE key, or enc is not A256GCM";
    if (jwe->iv.len != 12 || jwe->tag.len != 16)
        return "iv is not 12 or tag not 16 bytes long";
    const char *why = kinds[kind].curve ? ec_cek(c, kind, jwe, cek) : rsa_cek(c, kind, jwe, cek);
    if (why)
        return why;
    if (cmn_buf_put(&sealed, jwe->tag.data, jwe->tag.len) < 0 ||
        cmn_gcm_open(c->opts->env, cek, jwe->iv.data, cmn_bytes(protected, strlen(protected)),
                     cmn_buf_bytes(&sealed), &jwe->plain, NULL) < 0)
        return "the tag does not fit (AAD is the protected text as received)";
    return NULL;
}

void conf_jwe_open(struct conf *c, enum conf_key kind, struct cmn_bytes text, struct conf_jwe *ret)
{
    auto_json json_t *outer = NULL;

    *ret = (struct conf_jwe){0};
    if (cmn_json_load(text, 8, &outer, NULL) < 0 || !json_is_object(outer))
        ret->why = "it is not a JSON object";
    else
        ret->why = open_parts(c, kind, outer, ret);
    ret->opened = !ret->why;
}

void conf_jwe_done(struct conf_jwe *jwe)
{
    free(jwe->protected);
    json_decref(jwe->header);
    cmn_buf_done(&jwe->encrypted_key);
    cmn_buf_done(&jwe->iv);
    cmn_buf_done(&jwe->tag);
    cmn_buf_done_secret(&jwe->plain);
    *jwe = (struct conf_jwe){0};
}

char *conf_jwe_canonical(enum conf_key kind, const json_t *header)
{
    const json_t *epk = json_object_get(header, "epk");
    const char *x = cmn_json_str(epk, "x"), *y = cmn_json_str(epk, "y");
    char *text = NULL;
    int n = kinds[kind].curve
                ? asprintf(&text,
                           "{\"alg\":\"%s\",\"enc\":\"A256GCM\",\"epk\":{\"crv\":\"%s\",\"kty\":"
                           "\"EC\",\"x\":\"%s\",\"y\":\"%s\"}}",
                           kinds[kind].alg, kinds[kind].curve, x ? x : "?", y ? y : "?")
                : asprintf(&text, "{\"alg\":\"%s\",\"enc\":\"A256GCM\"}", kinds[kind].alg);

    return n < 0 ? NULL : text;
}

/* One part of a token: base64url of a JSON object. */
static json_t *part(const char *text, size_t len)
{
    auto_buf struct cmn_buf bytes = {0};
    json_t *json = NULL;

    if (cmn_unb64(CMN_B64_URL, text, len, &bytes, NULL) < 0 ||
        cmn_json_load(cmn_buf_bytes(&bytes), CMN_JSON_MAX_DEPTH, &json, NULL) < 0)
        return NULL;
    return json;
}

/* ES256 by the jwk of the token's own header. */
static bool es256_ok(struct conf *c, const json_t *jwk, struct cmn_bytes signed_part,
                     const struct cmn_buf *sig)
{
    const char *crv = cmn_json_str(jwk, "crv");
    auto_buf struct cmn_buf x = {0}, y = {0};
    auto_pkey EVP_PKEY *key = NULL;

    return crv && strcmp(crv, "P-256") == 0 && member(jwk, "x", &x) && member(jwk, "y", &y) &&
           cmn_ec_from_public(c->opts->env, crv, cmn_buf_bytes(&x), cmn_buf_bytes(&y), &key,
                              NULL) == 0 &&
           cmn_ecdsa_verify(c->opts->env, key, "SHA256", signed_part, cmn_buf_bytes(sig), NULL) ==
               0;
}

bool conf_token_parse(struct conf *c, const char *text, struct conf_token *ret)
{
    const char *a = text ? strchr(text, '.') : NULL, *b = a ? strchr(a + 1, '.') : NULL;
    auto_buf struct cmn_buf sig = {0};

    *ret = (struct conf_token){0};
    if (!b || cmn_unb64(CMN_B64_URL, b + 1, strlen(b + 1), &sig, NULL) < 0 ||
        !(ret->header = part(text, (size_t)(a - text))) ||
        !(ret->payload = part(a + 1, (size_t)(b - a - 1))) || !(ret->text = strdup(text)))
        return conf_expect(c, false, "a JWT: base64url of JSON, of JSON and of bytes");
    ret->signature_ok =
        es256_ok(c, json_object_get(ret->header, "jwk"), cmn_bytes(text, (size_t)(b - text)), &sig);
    return true;
}

void conf_token_done(struct conf_token *token)
{
    json_decref(token->header);
    json_decref(token->payload);
    free(token->text);
    *token = (struct conf_token){0};
}
