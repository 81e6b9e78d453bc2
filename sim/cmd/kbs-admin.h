/* kbs-admin.h - the admin of a KBS as a file on the command line: a private key, or a token. */
#ifndef SIM_CMD_KBS_ADMIN_H
#define SIM_CMD_KBS_ADMIN_H

#include "sim/conformance/admin-token.h"

/*
 * PEM: a key that signs a token of these claims (*ret_key, if asked for, is that key). Anything
 * else: the token itself. *ret_token is malloc'ed. -ENOENT and the like name the file.
 */
int sim_kbs_admin_read(struct cmn_env *env, const char *file,
                       const struct conf_admin_claims *claims, EVP_PKEY **ret_key, char **ret_token,
                       struct cmn_err *err) CMN_MUST_USE;

#endif
