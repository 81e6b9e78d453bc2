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

/*
 * The same, but hands over each known thing itself, decoded: kind as in view.h, bytes as they are
 * inside of the encodings (JSON: compact). A thing inside of a thing (certificates of evidence) is
 * part of it. Returns how many there were.
 */
typedef void sim_extract_fn(void *ctx, const char *kind, struct cmn_bytes bytes);
size_t sim_extract(struct cmn_env *env, struct cmn_bytes data, sim_extract_fn *fn, void *ctx);

#endif
