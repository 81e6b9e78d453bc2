/*
 * crypto.h - thin wrappers over EVP, always in the library context of an env.
 *
 * Big-endian, fixed-width integers everywhere (ECDSA as r || s, coordinates padded to the field).
 * Failures of OpenSSL are -EIO; a check that says no (tag, padding, signature) is -EKEYREJECTED.
 */
#ifndef CMN_CRYPTO_H
#define CMN_CRYPTO_H

#include "common/buf/buf.h"
#include "common/env/env.h"

#include <openssl/types.h>

void cmn_pkey_cleanup(EVP_PKEY **key);
#define auto_pkey __attribute__((cleanup(cmn_pkey_cleanup)))
void cmn_x509_cleanup(X509 **cert);
#define auto_x509 __attribute__((cleanup(cmn_x509_cleanup)))

/* md: "SHA256", "SHA384", "SHA512"; out takes the digest (32, 48, 64 bytes). */
int cmn_hash(struct cmn_env *env, const char *md, const void *data, size_t len, uint8_t *out,
             struct cmn_err *err) CMN_MUST_USE;
int cmn_hmac_sha256(struct cmn_env *env, struct cmn_bytes key, const void *data, size_t len,
                    uint8_t out[32], struct cmn_err *err) CMN_MUST_USE;
/* HKDF-SHA-384 (RFC 5869). */
int cmn_hkdf(struct cmn_env *env, struct cmn_bytes key, const char *salt, struct cmn_bytes info,
             uint8_t *out, size_t len, struct cmn_err *err) CMN_MUST_USE;
/*
 * Concat KDF of RFC 7518 4.6.2 with SHA-256: AlgorithmID alg, PartyUInfo and PartyVInfo empty, 256
 * bits.
 */
int cmn_concat_kdf(struct cmn_env *env, struct cmn_bytes z, const char *alg, uint8_t out[32],
                   struct cmn_err *err) CMN_MUST_USE;

/* AES-256 key wrap (RFC 3394) of a 32-byte key. Opening with another kek is -EKEYREJECTED. */
int cmn_key_wrap(struct cmn_env *env, const uint8_t kek[32], const uint8_t key[32], uint8_t out[40],
                 struct cmn_err *err) CMN_MUST_USE;
int cmn_key_unwrap(struct cmn_env *env, const uint8_t kek[32], const uint8_t wrapped[40],
                   uint8_t out[32], struct cmn_err *err) CMN_MUST_USE;

/* curve: "P-256", "P-384", "P-521". Caller frees with EVP_PKEY_free. */
int cmn_ec_generate(struct cmn_env *env, const char *curve, EVP_PKEY **ret,
                    struct cmn_err *err) CMN_MUST_USE;
int cmn_rsa_generate(struct cmn_env *env, unsigned bits, EVP_PKEY **ret,
                     struct cmn_err *err) CMN_MUST_USE;
/* From a private scalar (big-endian) or from coordinates; -EINVAL when it is not on the curve. */
int cmn_ec_from_private(struct cmn_env *env, const char *curve, const uint8_t *d, size_t len,
                        EVP_PKEY **ret, struct cmn_err *err) CMN_MUST_USE;
int cmn_ec_from_public(struct cmn_env *env, const char *curve, struct cmn_bytes x,
                       struct cmn_bytes y, EVP_PKEY **ret, struct cmn_err *err) CMN_MUST_USE;
/* Bytes of a field element: 32, 48, 66; 0 for an unknown curve. */
size_t cmn_ec_field_bytes(const char *curve);
/* The curve's name ("P-256"...) or NULL; coordinates padded to the field width. */
const char *cmn_ec_curve(EVP_PKEY *key);
int cmn_ec_coordinates(EVP_PKEY *key, struct cmn_buf *x, struct cmn_buf *y,
                       struct cmn_err *err) CMN_MUST_USE;

/* Private keys as unencrypted PKCS#8 PEM; reading also takes PKCS#1 and SEC1. */
int cmn_pkey_to_pem(EVP_PKEY *key, struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
int cmn_pkey_from_pem(struct cmn_env *env, struct cmn_bytes pem, EVP_PKEY **ret,
                      struct cmn_err *err) CMN_MUST_USE;
/* DER or, when it begins with the PEM marker, PEM (the first certificate). */
int cmn_x509_load(struct cmn_env *env, struct cmn_bytes bytes, X509 **ret,
                  struct cmn_err *err) CMN_MUST_USE;

/* ECDSA over data with md; sig is r || s, each as wide as the field. */
int cmn_ecdsa_sign(struct cmn_env *env, EVP_PKEY *key, const char *md, struct cmn_bytes data,
                   struct cmn_buf *sig, struct cmn_err *err) CMN_MUST_USE;
int cmn_ecdsa_verify(struct cmn_env *env, EVP_PKEY *key, const char *md, struct cmn_bytes data,
                     struct cmn_bytes sig, struct cmn_err *err) CMN_MUST_USE;

/* AES-256-GCM, 12-byte iv, 16-byte tag behind the ciphertext (in and out). */
int cmn_gcm_seal(struct cmn_env *env, const uint8_t key[32], const uint8_t iv[12],
                 struct cmn_bytes aad, struct cmn_bytes plain, struct cmn_buf *ret,
                 struct cmn_err *err) CMN_MUST_USE;
int cmn_gcm_open(struct cmn_env *env, const uint8_t key[32], const uint8_t iv[12],
                 struct cmn_bytes aad, struct cmn_bytes sealed, struct cmn_buf *ret,
                 struct cmn_err *err) CMN_MUST_USE;

#endif
