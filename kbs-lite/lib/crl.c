/* crl.c - revocation lists; see crl.h and kbs-lite/snp-verify.h. */
#include "crl.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CRLS_MAX  16
#define CRL_BYTES (1 << 20)

struct entry {
    X509_CRL *crl;
    char issuer[64];
    EVP_PKEY *verified_by; /* owned */
};

struct kbs_crls {
    struct cmn_env *env;
    pthread_mutex_t lock;
    struct entry list[CRLS_MAX];
    size_t n;
};

int kbs_crls_new(struct cmn_env *env, struct kbs_crls **ret, struct cmn_err *err)
{
    struct kbs_crls *crls = calloc(1, sizeof(*crls));

    if (!crls)
        return cmn_err_set(err, ENOMEM, "no memory");
    crls->env = cmn_env_ref(env);
    (void)pthread_mutex_init(&crls->lock, NULL);
    *ret = crls;
    return 0;
}

static void entry_done(struct entry *e)
{
    X509_CRL_free(e->crl);
    EVP_PKEY_free(e->verified_by);
    *e = (struct entry){0};
}

void kbs_crls_free(struct kbs_crls *crls)
{
    if (!crls)
        return;
    for (size_t i = 0; i < crls->n; i++)
        entry_done(&crls->list[i]);
    (void)pthread_mutex_destroy(&crls->lock);
    cmn_env_unref(crls->env);
    free(crls);
}

static X509_CRL *parse(struct cmn_env *env, struct cmn_bytes bytes)
{
    static const char marker[] = "-----BEGIN X509 CRL-----";
    X509_CRL *crl = X509_CRL_new_ex(cmn_env_libctx(env), NULL);
    const unsigned char *p = bytes.data;
    bool ok = crl && bytes.len && bytes.len <= CRL_BYTES;

    if (ok && bytes.len >= sizeof(marker) - 1 && memcmp(p, marker, sizeof(marker) - 1) == 0) {
        BIO *bio = BIO_new_mem_buf(p, (int)bytes.len);
        ok = bio && PEM_read_bio_X509_CRL(bio, &crl, NULL, NULL);
        BIO_free(bio);
    } else if (ok) {
        ok = d2i_X509_CRL(&crl, &p, (long)bytes.len) && p == bytes.data + bytes.len;
    }
    if (ok)
        return crl;
    X509_CRL_free(crl);
    return NULL;
}

int kbs_crls_add(struct kbs_crls *crls, struct cmn_bytes bytes, struct cmn_err *err)
{
    struct entry e = {.crl = parse(crls->env, bytes)};
    int r = 0;

    if (!e.crl)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_CRL_INVALID,
                              "not a revocation list in DER or PEM form (%zu bytes)", bytes.len);
    (void)X509_NAME_get_text_by_NID(X509_CRL_get_issuer(e.crl), NID_commonName, e.issuer,
                                    sizeof(e.issuer));
    (void)pthread_mutex_lock(&crls->lock);
    size_t at = 0;
    while (at < crls->n && strcmp(crls->list[at].issuer, e.issuer) != 0)
        at++;
    if (at == CRLS_MAX) {
        r = cmn_err_set(err, ENOSPC, "more than %d revocation lists", CRLS_MAX);
        entry_done(&e);
    } else {
        if (at == crls->n)
            crls->n++;
        else
            entry_done(&crls->list[at]);
        crls->list[at] = e;
    }
    (void)pthread_mutex_unlock(&crls->lock);
    return r;
}

static int64_t epoch(const ASN1_TIME *t, int64_t if_none)
{
    struct tm tm = {0};

    return t && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : if_none;
}

static bool signed_by(struct entry *e, EVP_PKEY *key)
{
    if (!key)
        return false;
    if (e->verified_by == key)
        return true;
    if (X509_CRL_get_signature_nid(e->crl) != NID_rsassaPss || X509_CRL_verify(e->crl, key) != 1)
        return false;
    if (EVP_PKEY_up_ref(key) == 1) {
        EVP_PKEY_free(e->verified_by);
        e->verified_by = key;
    }
    return true;
}

static bool lists(struct entry *e, uint64_t serial)
{
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    X509_REVOKED *revoked = NULL;
    /* without memory: better called revoked than not */
    bool yes = !number || ASN1_INTEGER_set_uint64(number, serial) != 1 ||
               X509_CRL_get0_by_serial(e->crl, &revoked, number) != 0;

    ASN1_INTEGER_free(number);
    return yes;
}

void kbs_crls_ask(struct kbs_crls *crls, const char *issuer, EVP_PKEY *key, uint64_t serial,
                  struct kbs_crl_facts *ret)
{
    *ret = (struct kbs_crl_facts){0};
    if (!crls)
        return;
    (void)pthread_mutex_lock(&crls->lock);
    for (size_t i = 0; i < crls->n && !ret->found; i++) {
        struct entry *e = &crls->list[i];
        if (strcmp(e->issuer, issuer) != 0)
            continue;
        ret->found = true;
        ret->signed_by_it = signed_by(e, key);
        ret->this_update = epoch(X509_CRL_get0_lastUpdate(e->crl), INT64_MAX);
        ret->next_update = epoch(X509_CRL_get0_nextUpdate(e->crl), INT64_MIN);
        ret->revoked = lists(e, serial);
    }
    (void)pthread_mutex_unlock(&crls->lock);
}
