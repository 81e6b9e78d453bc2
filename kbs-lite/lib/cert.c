/* cert.c - certificates read and verified once; see cert.h. */
#include "cert.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
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
    OPENSSL_free(cert->spki);
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

/*
 * OpenSSL 3.0 decodes the key whenever it reads a certificate, which takes longer than verifying
 * its signature; here most keys are known already. In a library context without providers the key
 * stays undecoded. Made once for the process, and constant from then on.
 */
static OSSL_LIB_CTX *keyless;
static pthread_once_t keyless_once = PTHREAD_ONCE_INIT;

static void keyless_start(void)
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();

    if (ctx && OSSL_PROVIDER_load(ctx, "null"))
        keyless = ctx; /* else the default one, only slower */
    else
        OSSL_LIB_CTX_free(ctx);
}

/* DER or PEM, as cmn_x509_load. */
static X509 *read_x509(struct cmn_bytes bytes)
{
    static const char marker[] = "-----BEGIN CERTIFICATE-----";
    X509 *cert = X509_new_ex(keyless, NULL);
    const unsigned char *p = bytes.data;
    bool ok = cert && bytes.len <= 1 << 20;

    if (ok && bytes.len >= sizeof(marker) - 1 && memcmp(p, marker, sizeof(marker) - 1) == 0) {
        BIO *bio = BIO_new_mem_buf(p, (int)bytes.len);
        ok = bio && PEM_read_bio_X509(bio, &cert, NULL, NULL);
        BIO_free(bio);
    } else if (ok) {
        ok = d2i_X509(&cert, &p, (long)bytes.len) && p == bytes.data + bytes.len;
    }
    if (ok)
        return cert;
    X509_free(cert);
    return NULL;
}

static int read_spki(struct kbs_cert *c)
{
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x509), &c->spki);

    c->spki_len = n > 0 ? (size_t)n : 0;
    return n > 0 ? 0 : -EBADMSG;
}

/* A known certificate: what it says is known too, and need not be read from it. */
static bool take_known(struct cmn_env *env, const struct kbs_roots *roots, struct kbs_cert *c)
{
    c->has_sha256 = cmn_hash(env, "SHA256", c->bytes.data, c->bytes.len, c->sha256, NULL) == 0;
    const struct kbs_root_key *known = c->has_sha256 ? kbs_roots_by_cert(roots, c->sha256) : NULL;
    if (!known || !(c->spki = OPENSSL_memdup(known->spki, known->spki_len)))
        return false;
    c->spki_len = known->spki_len;
    c->profile = known->profile;
    return true;
}

static int cert_read(struct cmn_env *env, const struct kbs_roots *roots, struct cmn_bytes bytes,
                     struct kbs_cert **ret, struct cmn_err *err)
{
    struct kbs_cert *c = calloc(1, sizeof(*c));

    (void)pthread_once(&keyless_once, keyless_start);
    if (!c || cmn_buf_put(&c->bytes, bytes.data, bytes.len) < 0) {
        free(c);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    if (!roots || !take_known(env, roots, c)) {
        if (!(c->x509 = read_x509(bytes)) || read_spki(c) < 0) {
            cert_free(c);
            return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_CERT_MALFORMED,
                                  "not a certificate in DER or PEM form (%zu bytes)", bytes.len);
        }
        snp_cert_profile_read(c->x509, &c->profile);
    }
    c->refs = 1;
    *ret = c;
    return 0;
}

/* The X509 of a known certificate is read when somebody needs it after all. */
static X509 *x509_of(struct kbs_cache *cache, struct kbs_cert *cert)
{
    lock(cache);
    if (!cert->x509)
        cert->x509 = read_x509(cmn_buf_bytes(&cert->bytes));
    unlock(cache);
    return cert->x509;
}

int kbs_cert_get(struct cmn_env *env, struct kbs_cache *cache, const struct kbs_roots *roots,
                 struct cmn_bytes bytes, struct kbs_cert **ret, struct cmn_err *err)
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
    int r = cert_read(env, roots, bytes, &c, err);
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

/* A point on P-384 directly; other keys by OpenSSL's decoders. */
static EVP_PKEY *read_key(struct cmn_env *env, const struct kbs_cert *cert)
{
    const unsigned char *point = NULL, *p = cert->spki;
    int len = 0;
    EVP_PKEY *key = NULL;

    if (cert->profile.p384 && cert->x509 &&
        X509_PUBKEY_get0_param(NULL, &point, &len, NULL, X509_get_X509_PUBKEY(cert->x509)) == 1 &&
        len == 97 && point[0] == 4)
        return cmn_ec_from_public(env, "P-384", cmn_bytes(point + 1, 48), cmn_bytes(point + 49, 48),
                                  &key, NULL) == 0
                   ? key
                   : NULL;
    return d2i_PUBKEY_ex(NULL, &p, (long)cert->spki_len, cmn_env_libctx(env), NULL);
}

EVP_PKEY *kbs_cert_key(struct cmn_env *env, struct kbs_cache *cache, struct kbs_cert *cert)
{
    lock(cache);
    if (!cert->key_read) {
        cert->key = read_key(env, cert);
        cert->key_read = true;
    }
    unlock(cache);
    return cert->key;
}

/* The TBSCertificate as it came, inside the DER of the whole. */
static bool find_tbs(const uint8_t *der, size_t der_len, struct cmn_bytes *ret)
{
    const unsigned char *p = der;
    long len = 0;
    int tag, class;

    if (ASN1_get_object(&p, &len, &tag, &class, (long)der_len) & 0x80 || tag != V_ASN1_SEQUENCE)
        return false;
    const unsigned char *tbs = p;
    if (ASN1_get_object(&p, &len, &tag, &class, len) & 0x80 || tag != V_ASN1_SEQUENCE)
        return false;
    *ret = cmn_bytes(tbs, (size_t)(p - tbs) + (size_t)len);
    return true;
}

/* RSASSA-PSS as AMD uses it. X509_verify does the same and fetches everything anew. */
static bool verify_pss(struct cmn_env *env, const struct kbs_cert *c, X509 *cert, EVP_PKEY *key)
{
    const ASN1_BIT_STRING *sig = NULL;
    const X509_ALGOR *alg = NULL;
    uint8_t *from_pem = NULL;
    struct cmn_bytes der = cmn_buf_bytes(&c->bytes), tbs;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;

    X509_get0_signature(&sig, &alg, cert);
    if (der.data[0] != 0x30) { /* what was read inside the PEM keeps its encoding */
        int n = i2d_X509(cert, &from_pem);
        der = cmn_bytes(from_pem, n > 0 ? (size_t)n : 0);
    }
    bool ok =
        ctx && der.len && find_tbs(der.data, der.len, &tbs) &&
        X509_ALGOR_cmp(alg, X509_get0_tbs_sigalg(cert)) == 0 && !(sig->flags & 7) &&
        EVP_DigestVerifyInit_ex(ctx, &pctx, "SHA384", cmn_env_libctx(env), NULL, key, NULL) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 48) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, "SHA384", NULL) == 1 &&
        EVP_DigestVerify(ctx, ASN1_STRING_get0_data(sig), (size_t)ASN1_STRING_length(sig), tbs.data,
                         tbs.len) == 1;
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(from_pem);
    return ok;
}

/* Any other algorithm that OpenSSL takes, as upstream: chain.algorithm tells of it. */
static bool verify_any(struct cmn_env *env, const struct kbs_cert *cert, EVP_PKEY *key)
{
    auto_x509 X509 *whole = NULL;

    return cmn_x509_load(env, cmn_buf_bytes(&cert->bytes), &whole, NULL) == 0 &&
           X509_verify(whole, key) == 1;
}

static bool verify(struct cmn_env *env, const struct kbs_cert *cert, X509 *x509, EVP_PKEY *key)
{
    if (!x509)
        return false;
    return cert->profile.pss_sha384 && EVP_PKEY_is_a(key, "RSA") ? verify_pss(env, cert, x509, key)
                                                                 : verify_any(env, cert, key);
}

bool kbs_cert_signed_by(struct cmn_env *env, struct kbs_cache *cache, struct kbs_cert *cert,
                        EVP_PKEY *key, const struct kbs_root_key *place)
{
    if (!key)
        return false;
    lock(cache);
    bool known = cert->verified_by == key;
    unlock(cache);
    if (known)
        return true;
    bool same = place && place->cert_known && cert->has_sha256 &&
                memcmp(place->cert_sha256, cert->sha256, sizeof(cert->sha256)) == 0;
    if (!same && !verify(env, cert, x509_of(cache, cert), key))
        return false;
    lock(cache);
    if (EVP_PKEY_up_ref(key) == 1) {
        EVP_PKEY_free(cert->verified_by);
        cert->verified_by = key;
    }
    unlock(cache);
    return true;
}
