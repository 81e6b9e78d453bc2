/* crypto.c - digests, AES-GCM and PEM; see crypto.h. */
#include "common/crypto/crypto.h"

#include <openssl/bio.h>
#include <openssl/decoder.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

void cmn_pkey_cleanup(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

void cmn_x509_cleanup(X509 **cert)
{
    X509_free(*cert);
}

int cmn_hash(struct cmn_env *env, const char *md, const void *data, size_t len, uint8_t *out,
             struct cmn_err *err)
{
    if (!EVP_Q_digest(cmn_env_libctx(env), md, NULL, data, len, out, NULL))
        return cmn_err_set(err, EIO, "%s failed", md);
    return 0;
}

int cmn_hmac_sha256(struct cmn_env *env, struct cmn_bytes key, const void *data, size_t len,
                    uint8_t out[32], struct cmn_err *err)
{
    size_t n = 0;

    if (!EVP_Q_mac(cmn_env_libctx(env), "HMAC", NULL, "SHA256", NULL, key.data, key.len, data, len,
                   out, 32, &n) ||
        n != 32)
        return cmn_err_set(err, EIO, "HMAC-SHA-256 failed");
    return 0;
}

int cmn_pkey_to_pem(EVP_PKEY *key, struct cmn_buf *ret, struct cmn_err *err)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    int r = -EIO;

    if (bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        long len = BIO_get_mem_data(bio, &text);
        r = len > 0 ? cmn_buf_put(ret, text, (size_t)len) : -EIO;
    }
    BIO_free(bio);
    return r < 0 ? cmn_err_set(err, -r, "the key cannot be written as PEM") : 0;
}

int cmn_pkey_from_pem(struct cmn_env *env, struct cmn_bytes pem, EVP_PKEY **ret,
                      struct cmn_err *err)
{
    const unsigned char *p = pem.data;
    size_t len = pem.len;
    EVP_PKEY *key = NULL;
    OSSL_DECODER_CTX *ctx =
        OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, NULL, 0, cmn_env_libctx(env), NULL);
    int ok = ctx && OSSL_DECODER_from_data(ctx, &p, &len) == 1 && key;

    OSSL_DECODER_CTX_free(ctx);
    if (!ok) {
        EVP_PKEY_free(key);
        return cmn_err_set(err, EBADMSG, "not a key in PEM form");
    }
    *ret = key;
    return 0;
}

int cmn_x509_load(struct cmn_env *env, struct cmn_bytes bytes, X509 **ret, struct cmn_err *err)
{
    static const char marker[] = "-----BEGIN CERTIFICATE-----";
    X509 *cert = X509_new_ex(cmn_env_libctx(env), NULL);
    const unsigned char *p = bytes.data;
    bool ok;

    if (!cert || bytes.len > 1 << 20) {
        X509_free(cert);
        return cmn_err_set(err, EBADMSG, "certificate of %zu bytes is too large", bytes.len);
    }
    if (bytes.len >= sizeof(marker) - 1 && memcmp(bytes.data, marker, sizeof(marker) - 1) == 0) {
        BIO *bio = BIO_new_mem_buf(bytes.data, (int)bytes.len);
        ok = bio && PEM_read_bio_X509(bio, &cert, NULL, NULL);
        BIO_free(bio);
    } else {
        ok = d2i_X509(&cert, &p, (long)bytes.len) && p == bytes.data + bytes.len;
    }
    if (!ok) {
        X509_free(cert); /* d2i leaves what it was given; PEM_read frees and clears it */
        return cmn_err_set(err, EBADMSG, "not a certificate in DER or PEM form (%zu bytes)",
                           bytes.len);
    }
    *ret = cert;
    return 0;
}

int cmn_gcm_seal(struct cmn_env *env, const uint8_t key[32], const uint8_t iv[12],
                 struct cmn_bytes aad, struct cmn_bytes plain, struct cmn_buf *ret,
                 struct cmn_err *err)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(cmn_env_libctx(env), "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    size_t at = ret->len;
    int n = 0;
    bool ok = cipher && ctx && plain.len < INT32_MAX && aad.len < INT32_MAX &&
              cmn_buf_resize(ret, at + plain.len + 16) == 0 &&
              EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) == 1 &&
              (!aad.len || EVP_EncryptUpdate(ctx, NULL, &n, aad.data, (int)aad.len) == 1) &&
              (!plain.len ||
               EVP_EncryptUpdate(ctx, ret->data + at, &n, plain.data, (int)plain.len) == 1) &&
              EVP_EncryptFinal_ex(ctx, ret->data + at + plain.len, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, ret->data + at + plain.len) == 1;

    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok ? 0 : cmn_err_set(err, EIO, "AES-256-GCM failed");
}

int cmn_gcm_open(struct cmn_env *env, const uint8_t key[32], const uint8_t iv[12],
                 struct cmn_bytes aad, struct cmn_bytes sealed, struct cmn_buf *ret,
                 struct cmn_err *err)
{
    if (sealed.len < 16 || sealed.len >= INT32_MAX || aad.len >= INT32_MAX)
        return cmn_err_set(err, EBADMSG, "sealed text of %zu bytes has no place for a tag",
                           sealed.len);
    size_t len = sealed.len - 16, at = ret->len;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(cmn_env_libctx(env), "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok =
        cipher && ctx && cmn_buf_resize(ret, at + len) == 0 &&
        EVP_DecryptInit_ex2(ctx, cipher, key, iv, NULL) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, (void *)(sealed.data + len)) == 1 &&
        (!aad.len || EVP_DecryptUpdate(ctx, NULL, &n, aad.data, (int)aad.len) == 1) &&
        (!len || EVP_DecryptUpdate(ctx, ret->data + at, &n, sealed.data, (int)len) == 1);
    bool fits = ok && EVP_DecryptFinal_ex(ctx, ret->data + at + len, &n) == 1;

    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    if (!fits) {
        if (ret->data && ret->len > at) {
            explicit_bzero(ret->data + at, ret->len - at); /* never hand out unverified text */
            ret->len = at;
            ret->data[at] = 0;
        }
        return ok ? cmn_err_set(err, EKEYREJECTED, "AES-256-GCM tag does not fit")
                  : cmn_err_set(err, EIO, "AES-256-GCM failed");
    }
    return 0;
}
