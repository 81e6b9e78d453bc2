/*
 * stream.h - digests, HMAC and AES-CTR over data that comes in pieces (layers of images).
 *
 *     auto_mac struct cmn_mac *mac = NULL;
 *     r = cmn_mac_new(env, "SHA256", key, &mac, &err);       // key {NULL, 0}: a plain digest
 *     r = cmn_mac_update(mac, piece, len);                   // any number of times
 *     r = cmn_mac_final(mac, out, &err);                     // once
 */
#ifndef CMN_CRYPTO_STREAM_H
#define CMN_CRYPTO_STREAM_H

#include "common/buf/buf.h"
#include "common/env/env.h"

/* Digest, or HMAC when there is a key. md as in cmn_hash. Caller frees. */
struct cmn_mac;
int cmn_mac_new(struct cmn_env *env, const char *md, struct cmn_bytes key, struct cmn_mac **ret,
                struct cmn_err *err) CMN_MUST_USE;
int cmn_mac_update(struct cmn_mac *mac, const void *data, size_t len) CMN_MUST_USE; /* -EIO */
/* out: 32, 48 or 64 bytes. After it only cmn_mac_free may follow. */
int cmn_mac_final(struct cmn_mac *mac, uint8_t *out, struct cmn_err *err) CMN_MUST_USE;
void cmn_mac_free(struct cmn_mac *mac); /* NULL ok */
void cmn_mac_cleanup(struct cmn_mac **mac);
#define auto_mac __attribute__((cleanup(cmn_mac_cleanup)))

/* AES-256-CTR with a 128-bit big-endian counter that begins at iv; sealing and opening are the
 * same. */
struct cmn_ctr;
int cmn_ctr_new(struct cmn_env *env, const uint8_t key[32], const uint8_t iv[16],
                struct cmn_ctr **ret, struct cmn_err *err) CMN_MUST_USE;
/* in and out may be the same. -EIO. */
int cmn_ctr_update(struct cmn_ctr *ctr, const uint8_t *in, size_t len, uint8_t *out) CMN_MUST_USE;
void cmn_ctr_free(struct cmn_ctr *ctr); /* NULL ok */
void cmn_ctr_cleanup(struct cmn_ctr **ctr);
#define auto_ctr __attribute__((cleanup(cmn_ctr_cleanup)))

#endif
