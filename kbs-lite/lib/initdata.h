/* initdata.h - the init-data of an attest request: digest for the verifier, claims for the policy.
 */
#ifndef KBS_INITDATA_H
#define KBS_INITDATA_H

#include "common/env/env.h"
#include "common/json/json.h"

/*
 * init_data: {"format":"toml","body":text}. digest gets *ret_len bytes (32, 48 or 64: the algorithm
 * it names). *ret_claims: the [data] table as an object; aa.toml and cdh.toml parsed where they are
 * valid TOML. -EBADMSG, rcar.initdata-invalid.
 */
int kbs_initdata_read(struct cmn_env *env, const json_t *init_data, uint8_t digest[64],
                      size_t *ret_len, json_t **ret_claims, struct cmn_err *err) CMN_MUST_USE;

#endif
