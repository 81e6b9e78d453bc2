/* profile.h - AMD's certificate profile (AMD 57230; sizes and orders as seen on real certificates).
 */
#ifndef FTEE_PROFILE_H
#define FTEE_PROFILE_H

#include "common/crypto/crypto.h"
#include "common/snp/report.h"

/* Self-signed root, intermediate and leaf. Caller frees with X509_free. notBefore is fixed. */
int ftee_make_ark(struct cmn_env *env, enum snp_product product, EVP_PKEY *ark, X509 **ret,
                  struct cmn_err *err) CMN_MUST_USE;
int ftee_make_ask(struct cmn_env *env, enum snp_product product, EVP_PKEY *ask, X509 *ark_cert,
                  EVP_PKEY *ark, X509 **ret, struct cmn_err *err) CMN_MUST_USE;
int ftee_make_vcek(struct cmn_env *env, enum snp_product product, EVP_PKEY *vcek,
                   const struct snp_tcb *tcb, const uint8_t chip_id[64], EVP_PKEY *ask, X509 **ret,
                   struct cmn_err *err) CMN_MUST_USE;

#endif
