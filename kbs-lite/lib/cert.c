/* cert.c - certificates read and verified once; see cert.h. */
#include "cert.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_SLOTS 128

struct kbs_cache {
    pthread_mutex_t lock;
    uint64_t clock;
    struct kbs_cert *slots[CACHE_SLOTS];
};

static void cert_free(struct kbs_cert *cert)
{
    EVP_PKEY_free(cert->verified_by);
    EVP_PKEY_free(cert->key);
    X509_free(cert->x509);
    cmn_buf_done(&cert->bytes);
    free(cert);
}

int kbs_cache_new(struct kbs_cache **ret, struct cmn_err *err)
{
    struct kbs_cache *cache = calloc(1, sizeof(*cache));

    if (!cache)
        return cmn_err_set(err, ENOMEM, "no memory");
    (void)pthread_mutex_init(&cache->lock, NULL);
    *ret = cache;
    return 0;
}

void kbs_cache_free(struct kbs_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < CACHE_SLOTS; i++)
        if (cache->slots[i])
            cert_free(cache->slots[i]);
    (void)pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static void lock(struct kbs_cache *cache)
{
    if (cache)
        (void)pthread_mutex_lock(&cache->lock);
}

static void unlock(struct kbs_cache *cache)
{
    if (cache)
        (void)pthread_mutex_unlock(&cache->lock);
}

static struct kbs_cert *find(struct kbs_cache *cache, struct cmn_bytes bytes)
{
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        struct kbs_cert *c = cache->slots[i];
        if (c && c->bytes.len == bytes.len && memcmp(c->bytes.data, bytes.data, bytes.len) == 0)
            return c;
    }
    return NULL;
}

/* Takes a place: a free one, else that of the certificate that was asked for least recently. */
static void keep(struct kbs_cache *cache, struct kbs_cert *cert)
{
    size_t at = 0;

    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        if (!cache->slots[i]) {
            at = i;
            break;
        }
        if (cache->slots[i]->used < cache->slots[at]->used)
            at = i;
    }
    struct kbs_cert *old = cache->slots[at];
    cache->slots[at] = cert;
    cert->refs++;
    if (old && --old->refs == 0)
        cert_free(old);
}

static int cert_read(struct cmn_env *env, struct cmn_bytes bytes, struct kbs_cert **ret,
                     struct cmn_err *err)
{
    struct kbs_cert *c = calloc(1, sizeof(*c));

    if (!c || cmn_buf_put(&c->bytes, bytes.data, bytes.len) < 0) {
        free(c);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    if (cmn_x509_load(env, bytes, &c->x509, err) < 0) {
        cert_free(c);
        if (err)
            err->reason = CMN_REASON_SNP_CERT_MALFORMED;
        return -EBADMSG;
    }
    c->refs = 1;
    c->key = X509_get_pubkey(c->x509);
    snp_cert_profile_read(c->x509, &c->profile);
    *ret = c;
    return 0;
}

int kbs_cert_get(struct cmn_env *env, struct kbs_cache *cache, struct cmn_bytes bytes,
                 struct kbs_cert **ret, struct cmn_err *err)
{
    struct kbs_cert *c = NULL;

    if (!bytes.len)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_CERT_MALFORMED,
                              "not a certificate in DER or PEM form (0 bytes)");
    if (cache) {
        lock(cache);
        if ((c = find(cache, bytes))) {
            c->refs++;
            c->used = ++cache->clock;
        }
        unlock(cache);
        if (c) {
            *ret = c;
            return 0;
        }
    }
    int r = cert_read(env, bytes, &c, err);
    if (r < 0)
        return r;
    if (cache) {
        lock(cache);
        c->used = ++cache->clock;
        if (!find(cache, bytes)) /* another thread may have been faster */
            keep(cache, c);
        unlock(cache);
    }
    *ret = c;
    return 0;
}

void kbs_cert_put(struct kbs_cache *cache, struct kbs_cert *cert)
{
    if (!cert)
        return;
    lock(cache);
    bool last = --cert->refs == 0;
    unlock(cache);
    if (last)
        cert_free(cert);
}

bool kbs_cert_signed_by(struct kbs_cache *cache, struct kbs_cert *cert, EVP_PKEY *key)
{
    if (!key)
        return false;
    lock(cache);
    bool known = cert->verified_by == key;
    unlock(cache);
    if (known)
        return true;
    if (X509_verify(cert->x509, key) != 1)
        return false;
    lock(cache);
    if (EVP_PKEY_up_ref(key) == 1) {
        EVP_PKEY_free(cert->verified_by);
        cert->verified_by = key;
    }
    unlock(cache);
    return true;
}
