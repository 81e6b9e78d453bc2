/* kdf.c - key derivation and key wrap; see crypto.h. */
#include "common/crypto/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

static int derive(struct cmn_env *env, const char *name, const OSSL_PARAM *params, uint8_t *out,
                  size_t len, struct cmn_err *err)
{
    EVP_KDF *kdf = EVP_KDF_fetch(cmn_env_libctx(env), name, NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int ok = ctx && EVP_KDF_derive(ctx, out, len, params) == 1;

    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    return ok ? 0 : cmn_err_set(err, EIO, "%s failed", name);
}

int cmn_hkdf(struct cmn_env *env, struct cmn_bytes key, const char *salt, struct cmn_bytes info,
             uint8_t *out, size_t len, struct cmn_err *err)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA384", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key.data, key.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, strlen(salt)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info.data, info.len),
        OSSL_PARAM_construct_end(),
    };

    return derive(env, "HKDF", params, out, len, err);
}

/*
 * RFC 7518 4.6.2: "AlgorithmID ... the Data is set to the octets of the ASCII representation of the
 * "alg" Header Parameter value" in key-wrap mode; each field has its length in front, big-endian.
 */
int cmn_concat_kdf(struct cmn_env *env, struct cmn_bytes z, const char *alg, uint8_t out[32],
                   struct cmn_err *err)
{
    auto_buf struct cmn_buf info = {0};
    size_t n = strlen(alg);

    if (cmn_buf_resize(&info, 4 + n + 12) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    cmn_put_u32be(info.data, (uint32_t)n);
    memcpy(info.data + 4, alg, n);
    cmn_put_u32be(info.data + 4 + n + 8, 256); /* behind two empty fields */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)z.data, z.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data, info.len),
        OSSL_PARAM_construct_end(),
    };
    return derive(env, "SSKDF", params, out, 32, err);
}

static int wrap(struct cmn_env *env, const uint8_t kek[32], bool seal, struct cmn_bytes in,
                uint8_t *out, size_t out_len, struct cmn_err *err)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(cmn_env_libctx(env), "AES-256-WRAP", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t block[48]; /* OpenSSL may write a whole block more than it announces */
    int n = 0, tail = 0;
    bool ready = cipher && ctx;

    if (ready)
        EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    ready = ready && EVP_CipherInit_ex2(ctx, cipher, kek, NULL, seal, NULL) == 1;
    bool ok = ready && EVP_CipherUpdate(ctx, block, &n, in.data, (int)in.len) == 1 &&
              EVP_CipherFinal_ex(ctx, block + n, &tail) == 1 && (size_t)n + (size_t)tail == out_len;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    if (ok)
        memcpy(out, block, out_len);
    explicit_bzero(block, sizeof(block));
    if (ok)
        return 0;
    return ready && !seal ? cmn_err_set(err, EKEYREJECTED, "the key cannot be unwrapped")
                          : cmn_err_set(err, EIO, "AES key wrap failed");
}

int cmn_key_wrap(struct cmn_env *env, const uint8_t kek[32], const uint8_t key[32], uint8_t out[40],
                 struct cmn_err *err)
{
    return wrap(env, kek, true, cmn_bytes(key, 32), out, 40, err);
}

int cmn_key_unwrap(struct cmn_env *env, const uint8_t kek[32], const uint8_t wrapped[40],
                   uint8_t out[32], struct cmn_err *err)
{
    return wrap(env, kek, false, cmn_bytes(wrapped, 40), out, 32, err);
}
