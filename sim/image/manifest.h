/*
 * manifest.h - image manifests and configs of the outside world, checked and bounded.
 *
 * Sources: OCI image spec 1.1 manifest.md, config.md; guest-components 8246e5e image-rs for the
 * media types.
 */
#ifndef SIM_MANIFEST_H
#define SIM_MANIFEST_H

#include "common/json/json.h"
#include "sim/image/oci-store.h"

#define SIM_MANIFEST_MAX_BYTES (4u << 20)
#define SIM_CONFIG_MAX_BYTES   (4u << 20)
#define SIM_LAYERS_MAX         127
#define SIM_LAYER_MAX_BYTES    (16ull << 30)

enum sim_compression { SIM_COMPRESSION_NONE, SIM_COMPRESSION_GZIP, SIM_COMPRESSION_ZSTD };

struct sim_layer {
    struct sim_oci_desc desc;
    enum sim_compression compression;
    bool encrypted;
    const json_t *annotations; /* borrowed from the manifest's json; may be NULL */
};

struct sim_manifest {
    json_t *json; /* the whole document */
    struct sim_oci_desc config;
    struct sim_layer *layers;
    size_t n_layers;
};

/*
 * -EBADMSG with reason image.manifest-invalid, image.too-large or image.media-type.
 * Free with sim_manifest_done.
 */
int sim_manifest_parse(struct cmn_bytes text, struct sim_manifest *ret,
                       struct cmn_err *err) CMN_MUST_USE;
void sim_manifest_done(struct sim_manifest *manifest);
#define auto_manifest __attribute__((cleanup(sim_manifest_done)))

/* Layer media type -> how to read it. -ENOTSUP, reason image.media-type: "unhandled media type: X".
 */
int sim_layer_media_type(const char *type, enum sim_compression *ret_compression,
                         bool *ret_encrypted, struct cmn_err *err) CMN_MUST_USE;

/* The manifest for linux on this processor out of an image index or manifest list. -ENOENT. */
int sim_index_pick(struct cmn_bytes text, struct sim_oci_desc *ret,
                   struct cmn_err *err) CMN_MUST_USE;
bool sim_is_index_type(const char *media_type);

/* rootfs.diff_ids of an image config: an array of sha256 digests. Caller owns *ret_config. */
int sim_image_config_parse(struct cmn_bytes text, json_t **ret_config, const json_t **ret_diff_ids,
                           struct cmn_err *err) CMN_MUST_USE;

#endif
