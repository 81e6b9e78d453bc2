/*
 * ocicrypt.h - the encrypted-layer format of ocicrypt's keyprovider scheme.
 *
 * A layer is AES-256-CTR with an HMAC-SHA-256 over the ciphertext, both under one random key; the
 * key, the digest of the clear layer and the nonce ("private options") are JSON, sealed with the
 * image key (KEK) into a packet that names the KEK's resource URI. Packet and HMAC ride in layer
 * annotations. Sources: ocicrypt spec/ and blockcipher_aes_ctr.go; guest-components 8246e5e
 * coco_keyprovider, confidential-data-hub/hub/src/image/annotation_packet, ocicrypt-rs.
 */
#ifndef SIM_OCICRYPT_H
#define SIM_OCICRYPT_H

#include "common/crypto/crypto.h"
#include "common/json/json.h"
#include "sim/image/reference.h"

#define SIM_OCICRYPT_KEYS_PREFIX "org.opencontainers.image.enc.keys.provider."
#define SIM_OCICRYPT_PUBOPTS     "org.opencontainers.image.enc.pubopts"
#define SIM_OCICRYPT_PROVIDER    "attestation-agent"
#define SIM_OCICRYPT_CIPHER      "AES_256_CTR_HMAC_SHA256"
#define SIM_OCICRYPT_KEY_BYTES   32

enum sim_wrap_type { SIM_WRAP_A256GCM, SIM_WRAP_A256CTR };

struct sim_ocicrypt_packet {
    char *kid;              /* "kbs:///default/image/hello" */
    struct cmn_buf wrapped; /* GCM: ciphertext || tag */
    struct cmn_buf iv;      /* GCM 12, CTR 16 bytes */
    enum sim_wrap_type wrap_type;
};

/* v1 or v2 JSON. -EBADMSG, reason image.key-packet-invalid. Free with sim_ocicrypt_packet_done. */
int sim_ocicrypt_packet_parse(struct cmn_bytes json, struct sim_ocicrypt_packet *ret,
                              struct cmn_err *err) CMN_MUST_USE;
void sim_ocicrypt_packet_done(struct sim_ocicrypt_packet *packet);
/* Appends the private options' JSON. -EKEYREJECTED, reason image.key-wrong; -EINVAL: kek is not 32
 * bytes. */
int sim_ocicrypt_packet_open(struct cmn_env *env, const struct sim_ocicrypt_packet *packet,
                             struct cmn_bytes kek, struct cmn_buf *ret,
                             struct cmn_err *err) CMN_MUST_USE;
/* Appends a v1 packet (A256GCM). iv: 12 bytes, or NULL for random ones of env. */
int sim_ocicrypt_packet_seal(struct cmn_env *env, const char *kid, const uint8_t kek[32],
                             const uint8_t *iv, struct cmn_bytes plain, struct cmn_buf *ret,
                             struct cmn_err *err) CMN_MUST_USE;

struct sim_ocicrypt_private { /* secret: cleanse after use */
    uint8_t key[SIM_OCICRYPT_KEY_BYTES];
    uint8_t nonce[16];
    char digest[SIM_DIGEST_CAP]; /* of the layer before encryption */
};

int sim_ocicrypt_private_parse(struct cmn_bytes json, struct sim_ocicrypt_private *ret,
                               struct cmn_err *err) CMN_MUST_USE;
/* Appends the JSON in ocicrypt's member order. */
int sim_ocicrypt_private_print(const struct sim_ocicrypt_private *opts,
                               struct cmn_buf *ret) CMN_MUST_USE;

/* Public options: JSON with cipher and HMAC. */
int sim_ocicrypt_public_parse(struct cmn_bytes json, uint8_t ret_hmac[32],
                              struct cmn_err *err) CMN_MUST_USE;
int sim_ocicrypt_public_print(const uint8_t hmac[32], struct cmn_buf *ret) CMN_MUST_USE;

/*
 * What a layer's annotations say: the first packet list under the prefix (each packet's JSON
 * decoded, into a JSON array of strings of base64 text as given) and the public options. -ENODATA
 * when there is none.
 */
int sim_ocicrypt_annotations(const json_t *annotations, json_t **ret_packets, uint8_t ret_hmac[32],
                             struct cmn_err *err) CMN_MUST_USE;

/* The layer cipher as a stream. */
struct sim_layer_cipher;
int sim_layer_cipher_new(struct cmn_env *env, const struct sim_ocicrypt_private *opts, bool encrypt,
                         struct sim_layer_cipher **ret, struct cmn_err *err) CMN_MUST_USE;
/* out holds len bytes and may be in. */
int sim_layer_cipher_update(struct sim_layer_cipher *c, const void *in, size_t len, void *out,
                            struct cmn_err *err) CMN_MUST_USE;
/* The HMAC over all ciphertext. */
int sim_layer_cipher_hmac(struct sim_layer_cipher *c, uint8_t ret[32],
                          struct cmn_err *err) CMN_MUST_USE;
/* -EKEYREJECTED, reason image.hmac-mismatch. */
int sim_layer_cipher_verify(struct sim_layer_cipher *c, const uint8_t want[32],
                            struct cmn_err *err) CMN_MUST_USE;
void sim_layer_cipher_free(struct sim_layer_cipher *c); /* cleanses; NULL ok */

#endif
