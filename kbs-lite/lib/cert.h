/*
 * cert.h - certificates of a chain, read once: X509, profile, key when it is needed, and under
 * which key the signature was verified. Shared by reference count; the cache behind them is
 * kbs-lite/snp-verify.h's.
 */
#ifndef KBS_CERT_H
#define KBS_CERT_H

#include "common/snp/cert-profile.h"
#include "roots.h"

#include <openssl/types.h>

struct kbs_cert {
    struct cmn_buf bytes; /* as given, DER or PEM */
    X509 *x509;           /* without its key; NULL: a known certificate that was not read yet */
    struct snp_cert_profile profile;
    uint8_t sha256[32]; /* of bytes, for CA certificates */
    bool has_sha256;
    uint8_t *spki; /* DER of its SubjectPublicKeyInfo */
    size_t spki_len;
    unsigned refs; /* this and what follows: under the cache's lock, or one owner's */
    uint64_t used; /* of the cache: when it was last asked for */
    EVP_PKEY *key;
    bool key_read;
    EVP_PKEY *verified_by; /* owned reference, so no other key can come to have its address */
};

/*
 * Reads a certificate, or takes it from the cache (NULL: none). roots: for the certificate of a CA,
 * which may be one of the known ones; else NULL. -EBADMSG (snp.cert-malformed).
 */
int kbs_cert_get(struct cmn_env *env, struct kbs_cache *cache, const struct kbs_roots *roots,
                 struct cmn_bytes bytes, struct kbs_cert **ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_cert_put(struct kbs_cache *cache, struct kbs_cert *cert); /* NULL cert ok */
/* Its public key, borrowed; NULL: OpenSSL cannot use it. */
EVP_PKEY *kbs_cert_key(struct cmn_env *env, struct kbs_cache *cache, struct kbs_cert *cert);
/*
 * Did key sign the certificate? Remembered when it did. place: where key is the ARK of a family,
 * the family's key in the certificate's place: when it is the known certificate around that key, it
 * was verified before. NULL: verify.
 */
bool kbs_cert_signed_by(struct cmn_env *env, struct kbs_cache *cache, struct kbs_cert *cert,
                        EVP_PKEY *key, const struct kbs_root_key *place);

#endif
