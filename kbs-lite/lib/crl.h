/* crl.h - what a revocation list says about one certificate; see kbs-lite/snp-verify.h. */
#ifndef KBS_CRL_H
#define KBS_CRL_H

#include "kbs-lite/snp-verify.h"

#include <openssl/types.h>

struct kbs_crl_facts {
    bool found;        /* there is a list of this issuer */
    bool signed_by_it; /* with RSASSA-PSS and SHA-384, and by the key that was asked for */
    int64_t this_update, next_update; /* next_update: INT64_MIN when the list names none */
    bool revoked;
};

/* Of the list whose issuer has this common name: signature under key, dates, and is serial in it?
 */
void kbs_crls_ask(struct kbs_crls *crls, const char *issuer, EVP_PKEY *key, uint64_t serial,
                  struct kbs_crl_facts *ret);

#endif
