/*
 * admin-token.h - admin tokens as Trustee's admins sign them (kbs-protocol 1.5).
 *
 *     r = conf_admin_token(env, key, &(struct conf_admin_claims){.role = "admin"}, &token, &err);
 */
#ifndef SIM_CONFORMANCE_ADMIN_TOKEN_H
#define SIM_CONFORMANCE_ADMIN_TOKEN_H

#include "common/crypto/crypto.h"

struct conf_admin_claims {
    const char *role, *issuer, *audience; /* NULL: left out */
    int64_t lives_s;                      /* from now on; 0: no exp */
};

/* Ed25519 (EdDSA), EC P-256 (ES256), P-384 (ES384) or RSA (RS256). *ret is malloc'ed. -ENOTSUP. */
int conf_admin_token(struct cmn_env *env, EVP_PKEY *key, const struct conf_admin_claims *claims,
                     char **ret, struct cmn_err *err) CMN_MUST_USE;

#endif
