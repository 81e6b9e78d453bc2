/*
 * encrypt.h - `cocobox image encrypt`: a copy of an image with every layer encrypted for one image
 * key.
 */
#ifndef SIM_ENCRYPT_H
#define SIM_ENCRYPT_H

#include "sim/image/oci-store.h"

/*
 * kid: the key's resource URI, "kbs:///a/b/c". key: 32 bytes, the KEK (putting it into a KBS is the
 * caller's). tag NULL in src: its only image. With a seeded env the result is the same bytes each
 * time. -ENOTSUP reason image.media-type for a layer that guests cannot open (docker types, zstd,
 * already encrypted).
 */
int sim_image_encrypt(struct cmn_env *env, struct sim_oci_store *src, const char *src_tag,
                      struct sim_oci_store *dst, const char *dst_tag, const char *kid,
                      const uint8_t key[32], struct cmn_err *err) CMN_MUST_USE;
/* The same image, not encrypted, into another store. */
int sim_image_copy(struct sim_oci_store *src, const char *src_tag, struct sim_oci_store *dst,
                   const char *dst_tag, struct cmn_err *err) CMN_MUST_USE;

/* The three parts of a kbs:/// URI as "a/b/c" into ret. -EINVAL. */
int sim_kbs_uri_path(const char *uri, char *ret, size_t cap, struct cmn_err *err) CMN_MUST_USE;

#endif
