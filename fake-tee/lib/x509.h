/* x509.h - what all certificates and CRLs of the test chain are made with. 0 or a negative errno.
 */
#ifndef FTEE_X509_H
#define FTEE_X509_H

#include "fake-tee/issue.h"

#include <openssl/x509.h>

struct ftee_x509_head {
    uint64_t serial;
    const char *not_before, *not_after; /* "YYYYMMDDHHMMSSZ" */
    const char *subject, *issuer;       /* common names */
};

/* OU, C, L, ST, O, CN in AMD's order and string types. */
int ftee_x509_set_name(X509_NAME *name, const char *cn);
/* Unsigned, without extensions; NULL when a value cannot be taken. */
X509 *ftee_x509_new(struct cmn_env *env, const struct ftee_x509_head *head, EVP_PKEY *key);

/* An extension with these content bytes. */
int ftee_x509_add_raw(X509 *cert, const char *oid, bool critical, struct cmn_bytes content);
/* Below AMD's arc: INTEGER in minimal DER; IA5String of up to 127 bytes. */
int ftee_x509_add_int(X509 *cert, const char *suffix, uint8_t v);
int ftee_x509_add_ia5(X509 *cert, const char *suffix, const char *text);
/* In OpenSSL's configuration language. */
int ftee_x509_add_conf(X509 *cert, X509 *issuer, int nid, const char *value);
/* A change to what the profile put in. -EINVAL. */
int ftee_x509_change(X509 *cert, const struct ftee_ext *ext, struct cmn_err *err);

/* Appends the certificate as PEM. */
int ftee_der_to_pem(struct cmn_env *env, struct cmn_bytes der, struct cmn_buf *ret,
                    struct cmn_err *err) CMN_MUST_USE;

/* Exactly one of cert and crl. */
int ftee_x509_sign(struct cmn_env *env, X509 *cert, X509_CRL *crl, EVP_PKEY *key,
                   enum ftee_sign_alg alg);

#endif
