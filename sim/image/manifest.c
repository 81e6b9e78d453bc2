/* manifest.c - see manifest.h. */
#include "sim/image/manifest.h"

#include <stdlib.h>
#include <string.h>

static int invalid(struct cmn_err *err, const char *what, const char *problem)
{
    return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_MANIFEST_INVALID, "%s: %s", what, problem);
}

static int load(struct cmn_bytes text, size_t max, const char *what, json_t **ret,
                struct cmn_err *err)
{
    if (text.len > max)
        return cmn_err_reason(err, EFBIG, CMN_REASON_IMAGE_TOO_LARGE,
                              "%s has %zu bytes, at most %zu are read", what, text.len, max);
    int r = cmn_json_load(text, CMN_JSON_MAX_DEPTH, ret, err);
    if (r < 0) {
        if (err)
            err->reason = CMN_REASON_IMAGE_MANIFEST_INVALID;
        return cmn_err_wrap(err, r, "%s", what);
    }
    if (!json_is_object(*ret)) {
        json_decref(cmn_take(*ret));
        return invalid(err, what, "is not an object");
    }
    return 0;
}

static int read_desc(const json_t *json, const char *what, struct sim_oci_desc *ret,
                     struct cmn_err *err)
{
    const char *type = cmn_json_str(json, "mediaType");
    const char *digest = cmn_json_str(json, "digest");
    json_int_t size = cmn_json_int(json, "size", -1);

    if (!digest || !sim_digest_valid(digest))
        return invalid(err, what, "has no sha256 digest");
    if (!type || strlen(type) >= sizeof(ret->media_type))
        return invalid(err, what, "has no media type");
    if (size < 0)
        return invalid(err, what, "has no size");
    if ((uint64_t)size > SIM_LAYER_MAX_BYTES)
        return cmn_err_reason(err, EFBIG, CMN_REASON_IMAGE_TOO_LARGE,
                              "%s says it has %lld bytes, at most %llu are taken", what,
                              (long long)size, SIM_LAYER_MAX_BYTES);
    strcpy(ret->media_type, type);
    strcpy(ret->digest, digest);
    ret->size = (uint64_t)size;
    return 0;
}

int sim_layer_media_type(const char *type, enum sim_compression *ret_compression,
                         bool *ret_encrypted, struct cmn_err *err)
{
#define OCI  "application/vnd.oci.image.layer.v1.tar"
#define NDST "application/vnd.oci.image.layer.nondistributable.v1.tar"
    static const struct {
        const char *type;
        enum sim_compression compression;
        bool encrypted;
    } types[] = {
        {OCI, SIM_COMPRESSION_NONE, false},
        {OCI "+gzip", SIM_COMPRESSION_GZIP, false},
        {OCI "+zstd", SIM_COMPRESSION_ZSTD, false},
        {"application/vnd.docker.image.rootfs.diff.tar.gzip", SIM_COMPRESSION_GZIP, false},
        {NDST, SIM_COMPRESSION_NONE, false},
        {NDST "+gzip", SIM_COMPRESSION_GZIP, false},
        {OCI "+encrypted", SIM_COMPRESSION_NONE, true},
        {OCI "+gzip+encrypted", SIM_COMPRESSION_GZIP, true},
        {NDST "+encrypted", SIM_COMPRESSION_NONE, true},
        {NDST "+gzip+encrypted", SIM_COMPRESSION_GZIP, true},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(types); i++) {
        if (strcmp(type, types[i].type) == 0) {
            *ret_compression = types[i].compression;
            *ret_encrypted = types[i].encrypted;
            return 0;
        }
    }
    return cmn_err_reason(err, ENOTSUP, CMN_REASON_IMAGE_MEDIA_TYPE, "unhandled media type: %.127s",
                          type);
}

static int read_layers(const json_t *array, struct sim_manifest *m, struct cmn_err *err)
{
    size_t n = json_array_size(array);

    if (!json_is_array(array))
        return invalid(err, "image manifest", "has no layers");
    if (n > SIM_LAYERS_MAX)
        return cmn_err_reason(err, EFBIG, CMN_REASON_IMAGE_TOO_LARGE,
                              "image manifest has %zu layers, at most %d are taken", n,
                              SIM_LAYERS_MAX);
    m->layers = calloc(n ? n : 1, sizeof(*m->layers));
    if (!m->layers)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (size_t i = 0; i < n; i++) {
        struct sim_layer *l = &m->layers[i];
        const json_t *json = json_array_get(array, i);
        int r = read_desc(json, "layer of the image manifest", &l->desc, err);
        if (r == 0)
            r = sim_layer_media_type(l->desc.media_type, &l->compression, &l->encrypted, err);
        if (r < 0)
            return cmn_err_wrap(err, r, "layer %zu", i);
        l->annotations = json_object_get(json, "annotations");
        m->n_layers = i + 1;
    }
    return 0;
}

int sim_manifest_parse(struct cmn_bytes text, struct sim_manifest *ret, struct cmn_err *err)
{
    auto_manifest struct sim_manifest m = {0};
    int r = load(text, SIM_MANIFEST_MAX_BYTES, "image manifest", &m.json, err);

    if (r < 0)
        return r;
    if (cmn_json_int(m.json, "schemaVersion", 0) != 2)
        return invalid(err, "image manifest", "schemaVersion is not 2");
    r = read_desc(json_object_get(m.json, "config"), "config of the image manifest", &m.config,
                  err);
    if (r == 0)
        r = read_layers(json_object_get(m.json, "layers"), &m, err);
    if (r < 0)
        return r;
    *ret = m;
    m = (struct sim_manifest){0};
    return 0;
}

void sim_manifest_done(struct sim_manifest *manifest)
{
    json_decref(manifest->json);
    free(manifest->layers);
    *manifest = (struct sim_manifest){0};
}

bool sim_is_index_type(const char *media_type)
{
    return strcmp(media_type, SIM_OCI_INDEX_TYPE) == 0 ||
           strcmp(media_type, "application/vnd.docker.distribution.manifest.list.v2+json") == 0;
}

int sim_index_pick(struct cmn_bytes text, struct sim_oci_desc *ret, struct cmn_err *err)
{
    auto_json json_t *json = NULL;
    int r = load(text, SIM_MANIFEST_MAX_BYTES, "image index", &json, err);
    const json_t *entry;
    size_t i;

    if (r < 0)
        return r;
    json_array_foreach(json_object_get(json, "manifests"), i, entry) {
        const json_t *platform = json_object_get(entry, "platform");
        const char *os = cmn_json_str(platform, "os");
        const char *arch = cmn_json_str(platform, "architecture");
        if (os && arch && strcmp(os, "linux") == 0 && strcmp(arch, sim_oci_arch()) == 0)
            return read_desc(entry, "manifest of the image index", ret, err);
    }
    return cmn_err_reason(err, ENOENT, CMN_REASON_IMAGE_NOT_FOUND,
                          "image index has no manifest for linux/%s", sim_oci_arch());
}

int sim_image_config_parse(struct cmn_bytes text, json_t **ret_config, const json_t **ret_diff_ids,
                           struct cmn_err *err)
{
    auto_json json_t *json = NULL;
    int r = load(text, SIM_CONFIG_MAX_BYTES, "image config", &json, err);
    const json_t *id;
    size_t i;

    if (r < 0)
        return r;
    const json_t *ids = json_object_get(json_object_get(json, "rootfs"), "diff_ids");
    if (!json_is_array(ids))
        return invalid(err, "image config", "has no rootfs.diff_ids");
    json_array_foreach(ids, i, id)
        if (!json_is_string(id) || !sim_digest_valid(json_string_value(id)))
            return invalid(err, "image config", "a diff_id is not a sha256 digest");
    *ret_diff_ids = ids;
    *ret_config = cmn_take(json);
    return 0;
}
