/* psp-internal.h - one guest, shared by psp.c (launch), psp-report.c and psp-key.c. */
#ifndef FTEE_PSP_INTERNAL_H
#define FTEE_PSP_INTERNAL_H

#include "fake-tee/psp.h"

#include <pthread.h>

struct ftee_vek { /* the endorsement key that was used last, and its certificate */
    EVP_PKEY *key;
    struct cmn_buf der;
    bool is_vlek;
    struct snp_tcb tcb;
};

struct ftee_psp {
    struct cmn_env *env;
    struct ftee_platform *platform;
    struct ftee_certs_opts certs;
    bool finished;
    uint8_t digest[48];     /* launch digest so far */
    struct snp_report base; /* what stays the same in every report of this guest */
    uint8_t vmrk[32];       /* root key of the guest itself */
    pthread_mutex_t lock;   /* over vek */
    struct ftee_vek vek;
};

/* Does the policy fit the platform? -EPERM. */
int ftee_check_policy(uint64_t policy, enum snp_product product,
                      const struct ftee_platform_status *platform,
                      struct cmn_err *err) CMN_MUST_USE;

#endif
