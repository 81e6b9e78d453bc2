/* profile.h - AMD's certificate profiles (AMD 57230; sizes and orders as seen on real
 * certificates).
 */
#ifndef FTEE_PROFILE_H
#define FTEE_PROFILE_H

#include "x509.h"

/* fixed, so that the same seed gives the same bytes on every day; a VLEK brings its own */
#define FTEE_NOT_BEFORE "20250101000000Z"

struct ftee_profile_in {
    enum snp_product product;
    const struct ftee_issue *what; /* kind and deliberate oddities; its tcb and chip are not read */
    const struct snp_tcb *tcb;     /* VCEK, VLEK */
    const uint8_t *chip_id;        /* VCEK: 64 bytes */
    EVP_PKEY *key;                 /* public half is certified */
    X509 *issuer;                  /* NULL: self-signed */
    EVP_PKEY *signer;
};

/* The serial number AMD's certificate of this kind has, behind our prefix; 0 for VCEK and VLEK. */
uint64_t ftee_profile_serial(enum snp_product product, enum ftee_cert_kind kind);
/* Caller frees with X509_free. */
int ftee_profile_make(struct cmn_env *env, const struct ftee_profile_in *in, X509 **ret,
                      struct cmn_err *err) CMN_MUST_USE;

#endif
