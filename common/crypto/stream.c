/* stream.c - see stream.h. */
#include "common/crypto/stream.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

struct cmn_mac { /* one of the two */
    EVP_MD_CTX *digest;
    EVP_MAC_CTX *hmac;
};

static bool digest_start(struct cmn_mac *mac, struct cmn_env *env, const char *md)
{
    EVP_MD *type = EVP_MD_fetch(cmn_env_libctx(env), md, NULL);

    mac->digest = EVP_MD_CTX_new();
    bool ok = type && mac->digest && EVP_DigestInit_ex2(mac->digest, type, NULL) == 1;
    EVP_MD_free(type);
    return ok;
}

static bool hmac_start(struct cmn_mac *mac, struct cmn_env *env, const char *md,
                       struct cmn_bytes key)
{
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)md, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *type = EVP_MAC_fetch(cmn_env_libctx(env), "HMAC", NULL);

    mac->hmac = type ? EVP_MAC_CTX_new(type) : NULL;
    bool ok = mac->hmac && EVP_MAC_init(mac->hmac, key.data, key.len, params) == 1;
    EVP_MAC_free(type);
    return ok;
}

int cmn_mac_new(struct cmn_env *env, const char *md, struct cmn_bytes key, struct cmn_mac **ret,
                struct cmn_err *err)
{
    struct cmn_mac *mac = calloc(1, sizeof(*mac));

    if (!mac)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (!(key.data ? hmac_start(mac, env, md, key) : digest_start(mac, env, md))) {
        cmn_mac_free(mac);
        return cmn_err_set(err, EIO, "%s%s failed", key.data ? "HMAC-" : "", md);
    }
    *ret = mac;
    return 0;
}

int cmn_mac_update(struct cmn_mac *mac, const void *data, size_t len)
{
    int ok =
        mac->hmac ? EVP_MAC_update(mac->hmac, data, len) : EVP_DigestUpdate(mac->digest, data, len);
    return ok == 1 ? 0 : -EIO;
}

int cmn_mac_final(struct cmn_mac *mac, uint8_t *out, struct cmn_err *err)
{
    size_t n = 0;
    int ok = mac->hmac ? EVP_MAC_final(mac->hmac, out, &n, EVP_MAX_MD_SIZE)
                       : EVP_DigestFinal_ex(mac->digest, out, NULL);
    return ok == 1 ? 0 : cmn_err_set(err, EIO, "digest failed");
}

void cmn_mac_free(struct cmn_mac *mac)
{
    if (!mac)
        return;
    EVP_MD_CTX_free(mac->digest);
    EVP_MAC_CTX_free(mac->hmac);
    free(mac);
}

void cmn_mac_cleanup(struct cmn_mac **mac)
{
    cmn_mac_free(*mac);
}

struct cmn_ctr {
    EVP_CIPHER_CTX *ctx;
};

int cmn_ctr_new(struct cmn_env *env, const uint8_t key[32], const uint8_t iv[16],
                struct cmn_ctr **ret, struct cmn_err *err)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(cmn_env_libctx(env), "AES-256-CTR", NULL);
    struct cmn_ctr *ctr = calloc(1, sizeof(*ctr));

    if (ctr)
        ctr->ctx = EVP_CIPHER_CTX_new();
    bool ok =
        cipher && ctr && ctr->ctx && EVP_EncryptInit_ex2(ctr->ctx, cipher, key, iv, NULL) == 1;
    EVP_CIPHER_free(cipher);
    if (!ok) {
        cmn_ctr_free(ctr);
        return cmn_err_set(err, EIO, "AES-256-CTR failed");
    }
    *ret = ctr;
    return 0;
}

int cmn_ctr_update(struct cmn_ctr *ctr, const uint8_t *in, size_t len, uint8_t *out)
{
    while (len) {
        int n = len > 1 << 30 ? 1 << 30 : (int)len, got = 0;
        if (EVP_EncryptUpdate(ctr->ctx, out, &got, in, n) != 1 || got != n)
            return -EIO;
        in += n;
        out += n;
        len -= (size_t)n;
    }
    return 0;
}

void cmn_ctr_free(struct cmn_ctr *ctr)
{
    if (!ctr)
        return;
    EVP_CIPHER_CTX_free(ctr->ctx);
    free(ctr);
}

void cmn_ctr_cleanup(struct cmn_ctr **ctr)
{
    cmn_ctr_free(*ctr);
}
