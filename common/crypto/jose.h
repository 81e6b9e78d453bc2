/*
 * jose.h - the JOSE forms of the KBS protocol: TEE keys as JWK, resource answers as JWE, tokens as
 * JWS. Sources: RFC 7515, 7516, 7517, 7518; trustee 78962cd kbs/src/jwe, attestation-service
 * ear_token.
 */
#ifndef CMN_JOSE_H
#define CMN_JOSE_H

#include "common/crypto/crypto.h"
#include "common/json/json.h"

/*
 * Public half as JWK with alg, members kty,crv,alg,x,y (EC: ECDH-ES+A256KW) or kty,alg,n,e (RSA:
 * RSA-OAEP-256). Caller owns *ret.
 */
int cmn_jwk_from_key(EVP_PKEY *key, json_t **ret, struct cmn_err *err) CMN_MUST_USE;
/* Public key of an EC or RSA JWK; -EINVAL for other kinds, wrong widths, points off the curve. */
int cmn_jwk_to_key(struct cmn_env *env, const json_t *jwk, EVP_PKEY **ret,
                   struct cmn_err *err) CMN_MUST_USE;

/*
 * Flattened JWE with enc A256GCM for the TEE key jwk: ECDH-ES+A256KW on P-256 and P-521,
 * RSA-OAEP-256, and RSA1_5, which upstream still takes though it is deprecated. The protected
 * header has the one form the Rust client can open (it prints it again before use): alg, enc, then
 * epk with sorted members. *ret is compact JSON, malloc'ed. -ENOTSUP: alg or curve that Trustee
 * does not take; -EINVAL: not a key.
 */
int cmn_jwe_seal(struct cmn_env *env, const json_t *jwk, struct cmn_bytes plain, char **ret,
                 struct cmn_err *err) CMN_MUST_USE;
/* -EBADMSG: not such a JWE; -EKEYREJECTED: another key, or changed. Appends the plaintext to ret.
 */
int cmn_jwe_open(struct cmn_env *env, EVP_PKEY *key, struct cmn_bytes text, struct cmn_buf *ret,
                 struct cmn_err *err) CMN_MUST_USE;

/* Compact JWS, ES256, key on P-256. header and payload are dumped compactly in their member order.
 */
int cmn_jws_sign(struct cmn_env *env, EVP_PKEY *key, const json_t *header, const json_t *payload,
                 char **ret, struct cmn_err *err) CMN_MUST_USE;
/* Splits header.payload.signature without verifying; caller owns both. -EBADMSG. */
int cmn_jws_parse(const char *jws, json_t **ret_header, json_t **ret_payload,
                  struct cmn_err *err) CMN_MUST_USE;
/* -EKEYREJECTED when key did not sign it. */
int cmn_jws_verify(struct cmn_env *env, EVP_PKEY *key, const char *jws,
                   struct cmn_err *err) CMN_MUST_USE;

#endif
