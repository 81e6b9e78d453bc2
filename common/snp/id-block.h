/*
 * id-block.h - ID_BLOCK and ID_AUTH: what a guest's owner signs so that only this image launches
 * under this identity (AMD 56860, SNP_LAUNCH_FINISH; layouts in "ID Block" and "ID Authentication
 * Information").
 *
 *     struct snp_id_block id = {.version = 1, .guest_svn = 3, .policy = 0x30000};
 *     memcpy(id.digest, measurement, 48);
 *     snp_id_block_encode(&id, block);
 *     r = snp_id_auth_make(env, block, id_key, author_key, auth, &err);
 *
 * Integers little-endian. The keys are EC P-384.
 */
#ifndef SNP_ID_BLOCK_H
#define SNP_ID_BLOCK_H

#include "common/crypto/crypto.h"

#define SNP_ID_BLOCK_BYTES 96
#define SNP_ID_AUTH_BYTES  4096
#define SNP_ID_KEY_BYTES   1028 /* public key structure, 0x404 */

struct snp_id_block {
    uint8_t digest[48]; /* launch digest */
    uint8_t family_id[16];
    uint8_t image_id[16];
    uint32_t version; /* 1 */
    uint32_t guest_svn;
    uint64_t policy;
};

void snp_id_block_encode(const struct snp_id_block *block, uint8_t out[SNP_ID_BLOCK_BYTES]);
void snp_id_block_decode(const uint8_t in[SNP_ID_BLOCK_BYTES], struct snp_id_block *ret);

/* The public key structure: curve 2 (P-384), QX, QY, little-endian. -EINVAL for another curve. */
int snp_id_key_encode(EVP_PKEY *key, uint8_t out[SNP_ID_KEY_BYTES],
                      struct cmn_err *err) CMN_MUST_USE;

/* Signs the block with the ID key and, unless author_key is NULL, the ID key with the author key.
 */
int snp_id_auth_make(struct cmn_env *env, const uint8_t block[SNP_ID_BLOCK_BYTES], EVP_PKEY *id_key,
                     EVP_PKEY *author_key, uint8_t ret_auth[SNP_ID_AUTH_BYTES],
                     struct cmn_err *err) CMN_MUST_USE;

struct snp_id_digests { /* SHA-384 over the 1028 bytes, as the report carries them */
    uint8_t id_key[48];
    uint8_t author_key[48]; /* zero without author key */
};

/*
 * -EBADMSG: an algorithm other than 1, a key that is no P-384 key, reserved bytes set;
 * -EKEYREJECTED: a signature does not verify. The author key's part is only read with `author`.
 */
int snp_id_auth_check(struct cmn_env *env, const uint8_t block[SNP_ID_BLOCK_BYTES],
                      const uint8_t auth[SNP_ID_AUTH_BYTES], bool author,
                      struct snp_id_digests *ret, struct cmn_err *err) CMN_MUST_USE;

#endif
