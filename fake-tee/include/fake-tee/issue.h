/*
 * issue.h - certificates and CRLs of the test chain made to order, also deliberately wrong ones.
 *
 *     // a VCEK that expired, and one without snpSPL; both signed by the test ASK
 *     r = ftee_ca_issue(ca, &(struct ftee_issue){.kind = FTEE_CERT_VCEK,
 *                       .not_after = "20250601000000Z"}, NULL, &der, &err);
 *     const struct ftee_ext drop = {SNP_OID_ARC ".3.3", FTEE_EXT_DROP, false, {0}};
 *     r = ftee_ca_issue(ca, &(struct ftee_issue){.kind = FTEE_CERT_VCEK, .exts = &drop,
 *                       .n_exts = 1}, &key, &der, &err);
 *
 * Nothing made here is kept beside the chain. Profiles: AMD 57230 and certificates as KDS issues
 * them.
 */
#ifndef FTEE_ISSUE_H
#define FTEE_ISSUE_H

#include "fake-tee/ca.h"

enum ftee_cert_kind {
    FTEE_CERT_ARK,
    FTEE_CERT_ASK,
    FTEE_CERT_ASVK,
    FTEE_CERT_VCEK,
    FTEE_CERT_VLEK,
};

enum ftee_sign_alg {
    FTEE_SIGN_AMD, /* RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt 48 */
    FTEE_SIGN_PSS_SHA256,
    FTEE_SIGN_PSS_SALT32, /* SHA-384, but a salt of 32 */
    FTEE_SIGN_PKCS1_SHA384,
};

enum ftee_ext_change { FTEE_EXT_REPLACE, FTEE_EXT_DROP, FTEE_EXT_ADD };

struct ftee_ext {    /* one change to the profile's extensions */
    const char *oid; /* dotted text, e.g. SNP_OID_ARC ".3.3" */
    enum ftee_ext_change change;
    bool critical;            /* REPLACE and ADD */
    struct cmn_bytes content; /* of the extension's OCTET STRING: REPLACE and ADD */
};

struct ftee_issue {
    enum ftee_cert_kind kind;
    unsigned chip;             /* VCEK */
    const struct snp_tcb *tcb; /* VCEK, VLEK; NULL: the product's usual one */
    const char *csp_id;        /* VLEK; NULL: FTEE_CSP_ID */

    /* What is to be wrong. Left 0 or NULL: as the profile says. */
    const char *not_before, *not_after; /* "YYYYMMDDHHMMSSZ" */
    const char *subject_cn, *issuer_cn;
    uint64_t serial;
    EVP_PKEY *key;    /* what is certified; default: the chain's own key of this kind */
    EVP_PKEY *signer; /* private key; default: the issuer's. RSA, or EC (then ECDSA, SHA-384) */
    enum ftee_sign_alg alg;
    const struct ftee_ext *exts; /* applied in this order */
    size_t n_exts;
};

/*
 * Appends the DER to ret_der. ret_key (NULL ok) is what was certified, with its private half unless
 * it came in by `key`; caller frees with EVP_PKEY_free. Keys are the chain's, so the VCEK of a chip
 * and TCB has the same key as the good certificate: reports verify under it. -EINVAL: a change
 * names an extension that is not there, or a date or OID cannot be read.
 */
int ftee_ca_issue(struct ftee_ca *ca, const struct ftee_issue *what, EVP_PKEY **ret_key,
                  struct cmn_buf *ret_der, struct cmn_err *err) CMN_MUST_USE;

/* Serial number of ARK, ASK or ASVK; 0 for VCEK and VLEK, as AMD's. */
uint64_t ftee_ca_serial(const struct ftee_ca *ca, enum ftee_cert_kind kind);

struct ftee_crl_opts {
    const uint64_t *revoked; /* serial numbers */
    size_t n_revoked;
    int64_t this_update; /* seconds since 1970; 0: now */
    int64_t next_update; /* 0: this_update and 46 days */
    unsigned number;     /* cRLNumber; 0: 1 */
    EVP_PKEY *signer;    /* NULL: the ARK */
};

/* DER of a v2 CRL in the name of the ARK (the only CRL of a product). opts NULL: revokes nothing.
 */
int ftee_ca_crl(struct ftee_ca *ca, const struct ftee_crl_opts *opts, struct cmn_buf *ret_der,
                struct cmn_err *err) CMN_MUST_USE;

#endif
