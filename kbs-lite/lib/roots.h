/*
 * roots.h - families of SNP signing keys (ARK, ASK, ASVK of one product), each named amd or test,
 * with what the certificates around the keys say, so that dates and revocation can be judged
 * without them.
 */
#ifndef KBS_ROOTS_H
#define KBS_ROOTS_H

#include "common/snp/cert-profile.h"
#include "common/snp/report.h"
#include "kbs-lite/snp-verify.h"

#include <openssl/types.h>

#define KBS_MAX_FAMILIES 6

enum kbs_root_kind { KBS_ROOT_ARK, KBS_ROOT_ASK, KBS_ROOT_ASVK, KBS_ROOT_KINDS };

struct kbs_root_key {
    EVP_PKEY *key;                   /* NULL: a test chain without ASVK */
    struct snp_cert_profile profile; /* of the certificate around it */
    uint8_t *spki;                   /* DER of the key's SubjectPublicKeyInfo */
    size_t spki_len;
    /* The certificate around it, known to be signed by the family's ARK: SHA-256 of its DER. */
    uint8_t cert_sha256[32];
    bool cert_known;
};

struct kbs_root_family {
    const char *name; /* "amd" or "test" */
    enum snp_product product;
    struct kbs_root_key keys[KBS_ROOT_KINDS];
};

/* The key whose known certificate has this SHA-256, NULL if there is none. */
const struct kbs_root_key *kbs_roots_by_cert(const struct kbs_roots *roots,
                                             const uint8_t sha256[32]);
/* Families of a product, one after the other; NULL at the end. */
const struct kbs_root_family *kbs_roots_next(const struct kbs_roots *roots,
                                             enum snp_product product,
                                             const struct kbs_root_family *after);

#endif
