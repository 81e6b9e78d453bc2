/* ca-internal.h - the kept chain, shared by ca.c (keys and folder), vek.c (what chips have) and
 * issue.c (made to order). */
#ifndef FTEE_CA_INTERNAL_H
#define FTEE_CA_INTERNAL_H

#include "fake-tee/issue.h"

#include <pthread.h>

struct ftee_ca {
    struct cmn_env *env;
    enum snp_product product;
    char *dir;          /* of this seed and product */
    uint8_t secret[32]; /* what chips derive from */
    EVP_PKEY *ask;
    struct cmn_buf ark_der, ask_der, chain_pem;

    pthread_mutex_t lock; /* over what is read or made on first use */
    EVP_PKEY *ark, *asvk;
    struct cmn_buf asvk_der, vlek_chain_pem;
};

int ftee_ca_keep(const struct ftee_ca *ca, const char *name, struct cmn_bytes bytes,
                 struct cmn_err *err) CMN_MUST_USE;
int ftee_ca_load(const struct ftee_ca *ca, const char *name, struct cmn_buf *ret,
                 struct cmn_err *err) CMN_MUST_USE;
int ftee_ca_to_der(X509 *cert, struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;

/* Private keys, borrowed: ARK, ASK or ASVK. */
int ftee_ca_key(struct ftee_ca *ca, enum ftee_cert_kind kind, EVP_PKEY **ret,
                struct cmn_err *err) CMN_MUST_USE;
/* The private key of a chip's VCEK or a provider's VLEK for a TCB; csp_id NULL: FTEE_CSP_ID. */
int ftee_ca_vcek_key(struct ftee_ca *ca, unsigned chip, const struct snp_tcb *tcb, EVP_PKEY **ret,
                     struct cmn_err *err) CMN_MUST_USE;
int ftee_ca_vlek_key(struct ftee_ca *ca, const char *csp_id, const struct snp_tcb *tcb,
                     EVP_PKEY **ret, struct cmn_err *err) CMN_MUST_USE;
/* 32 bytes that only this chip or this provider (csp_id not NULL) knows, for one purpose. */
int ftee_ca_chip_secret(struct ftee_ca *ca, unsigned chip, const char *purpose, uint8_t out[32],
                        struct cmn_err *err) CMN_MUST_USE;
int ftee_ca_csp_secret(struct ftee_ca *ca, const char *csp_id, const char *purpose, uint8_t out[32],
                       struct cmn_err *err) CMN_MUST_USE;
/* As ftee_ca_issue, drawing randomness from env. */
int ftee_ca_issue_from(struct ftee_ca *ca, struct cmn_env *env, const struct ftee_issue *what,
                       EVP_PKEY **ret_key, struct cmn_buf *ret_der,
                       struct cmn_err *err) CMN_MUST_USE;

#endif
