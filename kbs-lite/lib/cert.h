/*
 * cert.h - certificates of a chain, read once: X509, key, profile, and under which key the
 * signature was verified. Shared by reference count; the cache behind them is
 * kbs-lite/snp-verify.h's.
 */
#ifndef KBS_CERT_H
#define KBS_CERT_H

#include "common/snp/cert-profile.h"
#include "kbs-lite/snp-verify.h"

#include <openssl/types.h>

struct kbs_cert {
    struct cmn_buf bytes; /* as given, DER or PEM */
    X509 *x509;
    EVP_PKEY *key; /* NULL: OpenSSL cannot use it */
    struct snp_cert_profile profile;
    unsigned refs;         /* under the cache's lock, or one owner */
    uint64_t used;         /* of the cache: when it was last asked for */
    EVP_PKEY *verified_by; /* owned reference, so no other key can come to have its address */
};

/* Reads a certificate, or takes it from the cache (NULL: none). -EBADMSG (snp.cert-malformed). */
int kbs_cert_get(struct cmn_env *env, struct kbs_cache *cache, struct cmn_bytes bytes,
                 struct kbs_cert **ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_cert_put(struct kbs_cache *cache, struct kbs_cert *cert); /* NULL cert ok */
/* Did key sign the certificate? Remembered when it did. */
bool kbs_cert_signed_by(struct kbs_cache *cache, struct kbs_cert *cert, EVP_PKEY *key);

#endif
