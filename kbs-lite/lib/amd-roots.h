/*
 * amd-roots.h - AMD's public keys for SEV-SNP: root (ARK) and the two intermediates (ASK for VCEK,
 * ASVK for VLEK) of each product, as modulus and exponent. Enough to verify a chain whose
 * certificates the evidence or a store brings, or to verify a VCEK directly under its intermediate.
 *
 *     EVP_PKEY *ask = NULL;
 *     int r = kbs_amd_root_key(KBS_AMD_MILAN, KBS_AMD_ASK, &ask, &err);
 *     ...
 *     EVP_PKEY_free(ask);
 *
 * Source: the public keys in the certificates at
 * https://kdsintf.amd.com/vcek/v1/<product>/cert_chain (ASK, ARK) and
 * https://kdsintf.amd.com/vlek/v1/<product>/cert_chain (ASVK, ARK), with product Milan, Genoa (also
 * Bergamo and Siena) and Turin.
 */
#ifndef KBS_AMD_ROOTS_H
#define KBS_AMD_ROOTS_H

#include "common/err/err.h"

#include <openssl/evp.h>

enum kbs_amd_product {
    KBS_AMD_MILAN,
    KBS_AMD_GENOA,
    KBS_AMD_TURIN,
    KBS_AMD_PRODUCTS, /* how many */
};

enum kbs_amd_key {
    KBS_AMD_ARK,  /* root: signs itself, ASK, ASVK and the CRL */
    KBS_AMD_ASK,  /* signs the VCEKs */
    KBS_AMD_ASVK, /* signs the VLEKs */
    KBS_AMD_KEYS, /* how many */
};

/* An RSA-4096 public key. Caller frees with EVP_PKEY_free. -EINVAL for an unknown product or key.
 */
int kbs_amd_root_key(enum kbs_amd_product product, enum kbs_amd_key which, EVP_PKEY **ret,
                     struct cmn_err *err) CMN_MUST_USE;

#endif
