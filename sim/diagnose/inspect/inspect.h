/*
 * inspect.h - recognises what a file holds and tells every field of it: attestation reports,
 * evidence, certificates and tables of them, CRLs, tokens, JWEs, initdata, HCL reports, image
 * manifests, guest firmware, policies; as raw bytes, hex, base64, base64url, JSON arrays of
 * numbers, PEM, gzip, and inside log text.
 *
 *     json_t *found = NULL;
 *     int r = sim_inspect(env, "evidence.json", cmn_buf_bytes(&file), &found, &err);   // view.h
 *     json_decref(found);
 */
#ifndef SIM_INSPECT_H
#define SIM_INSPECT_H

#include "common/crypto/crypto.h"
#include "sim/diagnose/inspect/view.h"

#define SIM_INSPECT_MAX_BYTES (64u << 20)

/* -ENODATA: nothing in it is known. Caller owns *ret. */
int sim_inspect(struct cmn_env *env, const char *name, struct cmn_bytes data, json_t **ret,
                struct cmn_err *err) CMN_MUST_USE;

#endif
