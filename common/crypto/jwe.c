/* jwe.c - resource answers of the KBS (RFC 7516, 7518 sections 4.3, 4.6, 5.3); see jose.h. */
#include "common/crypto/jose.h"

#include "common/enc/enc.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define ALG_ECDH  "ECDH-ES+A256KW"
#define ALG_OAEP  "RSA-OAEP-256"
#define ALG_PKCS1 "RSA1_5"

static int ecdh_kek(struct cmn_env *env, EVP_PKEY *mine, EVP_PKEY *peer, uint8_t kek[32])
{
    uint8_t z[66];
    size_t len = sizeof(z);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(cmn_env_libctx(env), mine, NULL);
    bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
              EVP_PKEY_derive(ctx, z, &len) == 1;

    EVP_PKEY_CTX_free(ctx);
    int r = ok ? cmn_concat_kdf(env, cmn_bytes(z, len), ALG_ECDH, kek, NULL) : -EIO;
    OPENSSL_cleanse(z, sizeof(z));
    return r;
}

/* alg: RSA-OAEP-256 or RSA1_5. */
static int rsa(struct cmn_env *env, EVP_PKEY *key, const char *alg, bool encrypt,
               struct cmn_bytes in, struct cmn_buf *out)
{
    OSSL_PARAM pkcs1[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE,
                                         (char *)OSSL_PKEY_RSA_PAD_MODE_PKCSV15, 0),
        OSSL_PARAM_construct_end(),
    };
    OSSL_PARAM oaep[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE,
                                         (char *)OSSL_PKEY_RSA_PAD_MODE_OAEP, 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    const OSSL_PARAM *params = strcmp(alg, ALG_PKCS1) == 0 ? pkcs1 : oaep;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(cmn_env_libctx(env), key, NULL);
    size_t len = (size_t)EVP_PKEY_get_size(key);
    bool ready = ctx && cmn_buf_resize(out, len) == 0 &&
                 (encrypt ? EVP_PKEY_encrypt_init_ex(ctx, params)
                          : EVP_PKEY_decrypt_init_ex(ctx, params)) == 1;
    bool ok = ready && (encrypt ? EVP_PKEY_encrypt(ctx, out->data, &len, in.data, in.len)
                                : EVP_PKEY_decrypt(ctx, out->data, &len, in.data, in.len)) == 1;
    EVP_PKEY_CTX_free(ctx);
    if (!ok)
        return ready ? -EKEYREJECTED : -EIO;
    return cmn_buf_resize(out, len);
}

/* The protected header in the client's own form: alg, enc, then the rest in alphabetical order. */
static json_t *header_new(const char *alg, EVP_PKEY *epk)
{
    auto_json json_t *jwk = NULL;

    if (!epk)
        return json_pack("{s:s, s:s}", "alg", alg, "enc", "A256GCM");
    if (cmn_jwk_from_key(epk, &jwk, NULL) < 0)
        return NULL;
    return json_pack("{s:s, s:s, s:{s:O, s:O, s:O, s:O}}", "alg", alg, "enc", "A256GCM", "epk",
                     "crv", json_object_get(jwk, "crv"), "kty", json_object_get(jwk, "kty"), "x",
                     json_object_get(jwk, "x"), "y", json_object_get(jwk, "y"));
}

/* Encrypts the CEK to the TEE key. ret_header is the protected header of that choice. */
static int wrap_cek(struct cmn_env *env, const json_t *jwk, const uint8_t cek[32],
                    struct cmn_buf *wrapped, json_t **ret_header, struct cmn_err *err)
{
    const char *kty = cmn_json_str(jwk, "kty"), *alg = cmn_json_str(jwk, "alg");
    const char *crv = cmn_json_str(jwk, "crv");
    auto_pkey EVP_PKEY *key = NULL, *epk = NULL;
    uint8_t kek[32];
    int r;

    if (!kty || !alg)
        return cmn_err_set(err, ENOTSUP, "the TEE key has no kty or no alg");
    if (strcmp(kty, "EC") == 0 && (strcmp(alg, ALG_ECDH) != 0 || !crv ||
                                   (strcmp(crv, "P-256") != 0 && strcmp(crv, "P-521") != 0)))
        return cmn_err_set(err, ENOTSUP, "curve %.16s and algorithm %.32s is not supported",
                           crv ? crv : "(none)", alg);
    if (strcmp(kty, "RSA") == 0 && strcmp(alg, ALG_OAEP) != 0 && strcmp(alg, ALG_PKCS1) != 0)
        return cmn_err_set(err, ENOTSUP, "algorithm %.32s is not supported", alg);
    r = cmn_jwk_to_key(env, jwk, &key, err);
    if (r < 0)
        return r;
    if (strcmp(kty, "RSA") == 0) {
        r = rsa(env, key, alg, true, cmn_bytes(cek, 32), wrapped);
    } else {
        r = cmn_ec_generate(env, crv, &epk, err);
        if (r == 0)
            r = ecdh_kek(env, epk, key, kek);
        if (r == 0)
            r = cmn_buf_resize(wrapped, 40);
        if (r == 0)
            r = cmn_key_wrap(env, kek, cek, wrapped->data, NULL);
        OPENSSL_cleanse(kek, sizeof(kek));
    }
    if (r < 0)
        return cmn_err_set(err, -r, "the content key cannot be encrypted to the TEE key");
    *ret_header = header_new(alg, epk);
    return *ret_header ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

static json_t *b64_json(const void *data, size_t len)
{
    auto_free char *text = cmn_b64(CMN_B64_URL, data, len);
    return text ? json_string(text) : NULL;
}

int cmn_jwe_seal(struct cmn_env *env, const json_t *jwk, struct cmn_bytes plain, char **ret,
                 struct cmn_err *err)
{
    uint8_t cek[32], iv[12];
    auto_buf struct cmn_buf wrapped = {0}, sealed = {0};
    auto_json json_t *header = NULL;
    int r = cmn_env_random(env, cek, sizeof(cek), err);

    if (r == 0)
        r = cmn_env_random(env, iv, sizeof(iv), err);
    if (r == 0)
        r = wrap_cek(env, jwk, cek, &wrapped, &header, err);
    auto_free char *text = r == 0 ? cmn_json_dump(header) : NULL;
    auto_free char *prot = text ? cmn_b64(CMN_B64_URL, text, strlen(text)) : NULL;
    if (r == 0 && !prot)
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        r = cmn_gcm_seal(env, cek, iv, cmn_bytes(prot, strlen(prot)), plain, &sealed, err);
    OPENSSL_cleanse(cek, sizeof(cek));
    if (r < 0)
        return r;
    auto_json json_t *jwe = json_pack(
        "{s:s, s:o, s:o, s:o, s:o}", "protected", prot, "encrypted_key",
        b64_json(wrapped.data, wrapped.len), "iv", b64_json(iv, sizeof(iv)), "ciphertext",
        b64_json(sealed.data, sealed.len - 16), "tag", b64_json(sealed.data + sealed.len - 16, 16));
    char *out = jwe ? cmn_json_dump(jwe) : NULL;
    if (!out)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret = out;
    return 0;
}

/* Decodes a base64url member; -EBADMSG. */
static int member(const json_t *jwe, const char *name, struct cmn_buf *ret, struct cmn_err *err)
{
    const json_t *v = json_object_get(jwe, name);

    if (!json_is_string(v))
        return cmn_err_set(err, EBADMSG, "JWE has no string member '%s'", name);
    int r = cmn_unb64(CMN_B64_URL, json_string_value(v), json_string_length(v), ret, err);
    return r < 0 ? cmn_err_wrap(err, r, "JWE member '%s'", name) : 0;
}

static int unwrap_cek(struct cmn_env *env, EVP_PKEY *key, const json_t *header,
                      struct cmn_bytes wrapped, struct cmn_buf *cek, struct cmn_err *err)
{
    const char *alg = cmn_json_str(header, "alg"), *enc = cmn_json_str(header, "enc");
    const json_t *jwk = json_object_get(header, "epk");
    auto_pkey EVP_PKEY *epk = NULL;
    uint8_t kek[32];

    if (!alg || !enc || strcmp(enc, "A256GCM") != 0)
        return cmn_err_set(err, EBADMSG, "Unsupported algorithm: %.32s", enc ? enc : "(none)");
    if (strcmp(alg, ALG_OAEP) == 0 || strcmp(alg, ALG_PKCS1) == 0) {
        if (!EVP_PKEY_is_a(key, "RSA"))
            return cmn_err_set(err, EBADMSG, "Unmatched key. Must be RSA key");
        int r = rsa(env, key, alg, false, wrapped, cek);
        return r < 0 || cek->len != 32 ? cmn_err_set(err, EKEYREJECTED, "RSA decryption failed")
                                       : 0;
    }
    if (strcmp(alg, ALG_ECDH) != 0)
        return cmn_err_set(err, EBADMSG, "Unsupported algorithm: %.32s", alg);
    if (!cmn_ec_curve(key))
        return cmn_err_set(err, EBADMSG, "Unmatched key. Must be EC key");
    if (!jwk)
        return cmn_err_set(err, EBADMSG, "Invalid JWE ProtectedHeader. Without `epk`");
    int r = cmn_jwk_to_key(env, jwk, &epk, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "epk");
    if (!cmn_ec_curve(epk) || strcmp(cmn_ec_curve(epk), cmn_ec_curve(key)) != 0)
        return cmn_err_set(err, EBADMSG, "Unmatched curve: %s", cmn_ec_curve(epk));
    if (wrapped.len != 40)
        return cmn_err_set(err, EBADMSG, "encrypted_key of %zu bytes, want 40", wrapped.len);
    r = ecdh_kek(env, key, epk, kek);
    if (r == 0)
        r = cmn_buf_resize(cek, 32);
    if (r == 0)
        r = cmn_key_unwrap(env, kek, wrapped.data, cek->data, NULL);
    OPENSSL_cleanse(kek, sizeof(kek));
    return r < 0 ? cmn_err_set(err, EKEYREJECTED, "the content key cannot be unwrapped") : 0;
}

int cmn_jwe_open(struct cmn_env *env, EVP_PKEY *key, struct cmn_bytes text, struct cmn_buf *ret,
                 struct cmn_err *err)
{
    auto_json json_t *jwe = NULL, *header = NULL;
    auto_buf struct cmn_buf head = {0}, wrapped = {0}, iv = {0}, sealed = {0};
    auto_buf_secret struct cmn_buf cek = {0};
    int r = cmn_json_load(text, 8, &jwe, err);

    if (r == 0)
        r = member(jwe, "protected", &head, err);
    if (r == 0)
        r = cmn_json_load(cmn_buf_bytes(&head), 8, &header, err);
    if (r == 0)
        r = member(jwe, "encrypted_key", &wrapped, err);
    if (r == 0)
        r = member(jwe, "iv", &iv, err);
    if (r == 0)
        r = member(jwe, "ciphertext", &sealed, err);
    size_t tag_at = sealed.len;
    if (r == 0)
        r = member(jwe, "tag", &sealed, err); /* behind the ciphertext, as cmn_gcm_open wants it */
    if (r == 0 && sealed.len - tag_at != 16)
        r = cmn_err_set(err, EBADMSG, "JWE tag of %zu bytes, want 16", sealed.len - tag_at);
    if (r == 0 && iv.len != 12)
        r = cmn_err_set(err, EBADMSG, "JWE iv of %zu bytes, want 12", iv.len);
    if (r == 0)
        r = unwrap_cek(env, key, header, cmn_buf_bytes(&wrapped), &cek, err);
    if (r < 0)
        return r;
    /* RFC 7516 5.2: the AAD is the protected member as it was received */
    const char *prot = cmn_json_str(jwe, "protected");
    r = cmn_gcm_open(env, cek.data, iv.data, cmn_bytes(prot, strlen(prot)), cmn_buf_bytes(&sealed),
                     ret, err);
    return r < 0 ? cmn_err_set(err, -r, "aes-256-gcm decrypt failed: Error") : 0;
}
