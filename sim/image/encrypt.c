/* encrypt.c - see encrypt.h. */
#include "sim/image/encrypt.h"
#include "common/enc/enc.h"
#include "sim/image/manifest.h"
#include "sim/image/ocicrypt.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (256u << 10)

int sim_kbs_uri_path(const char *uri, char *ret, size_t cap, struct cmn_err *err)
{
    static const char scheme[] = "kbs:///";
    const char *path = uri + sizeof(scheme) - 1;
    unsigned parts = 1;

    if (strncmp(uri, scheme, sizeof(scheme) - 1) != 0)
        return cmn_err_set(err, EINVAL, "key '%.200s' is not of the form kbs:///a/b/c", uri);
    for (const char *p = path; *p; p++) {
        bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                    (*p >= '0' && *p <= '9') || strchr("_-.", *p);
        bool begins = p == path || p[-1] == '/';
        if ((!word && *p != '/') || (begins && !word) || (begins && *p == '.'))
            return cmn_err_set(err, EINVAL, "key '%.200s' has a part that is not legal", uri);
        parts += *p == '/';
    }
    if (parts != 3 || path[0] == 0 || path[strlen(path) - 1] == '/' || strlen(path) >= cap)
        return cmn_err_set(err, EINVAL, "key '%.200s' has not exactly three parts", uri);
    strcpy(ret, path);
    return 0;
}

/* Pumps a blob through a cipher (NULL: none) into a writer. */
static int pump(int fd, struct sim_layer_cipher *cipher, struct sim_oci_writer *w,
                struct cmn_err *err)
{
    auto_free uint8_t *chunk = malloc(CHUNK);

    if (!chunk)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cmn_err_set(err, errno, "reading a blob: %s", strerror(errno));
        if (n == 0)
            return 0;
        int r = cipher ? sim_layer_cipher_update(cipher, chunk, (size_t)n, chunk, err) : 0;
        if (r == 0)
            r = sim_oci_writer_put(w, chunk, (size_t)n, err);
        if (r < 0)
            return r;
    }
}

static int transfer(struct sim_oci_store *src, const struct sim_oci_desc *from,
                    struct sim_layer_cipher *cipher, struct sim_oci_store *dst,
                    const char *media_type, struct sim_oci_desc *ret, struct cmn_err *err)
{
    struct sim_oci_writer *w = NULL;
    auto_close int fd = -1;
    uint64_t size;
    int r = sim_oci_store_blob(src, from->digest, &fd, &size, err);

    if (r == 0 && size != from->size)
        r = cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_TRUNCATED,
                           "blob %s has %llu bytes, the manifest says %llu", from->digest,
                           (unsigned long long)size, (unsigned long long)from->size);
    if (r == 0)
        r = sim_oci_writer_new(dst, &w, err);
    if (r < 0)
        return r;
    r = pump(fd, cipher, w, err);
    if (r < 0) {
        sim_oci_writer_free(w);
        return r;
    }
    return sim_oci_writer_commit(w, media_type, ret, err);
}

static int copy_blob(struct sim_oci_store *src, const struct sim_oci_desc *desc,
                     struct sim_oci_store *dst, struct cmn_err *err)
{
    struct sim_oci_desc got;
    int r = transfer(src, desc, NULL, dst, desc->media_type, &got, err);

    if (r == 0 && strcmp(got.digest, desc->digest) != 0)
        r = cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_BLOB_DIGEST_MISMATCH,
                           "blob %s has digest %s", desc->digest, got.digest);
    return r;
}

static char *b64_of(const struct cmn_buf *b)
{
    return cmn_b64(CMN_B64_STD, b->data, b->len);
}

/* The layer's descriptor as JSON, with the two annotations beside those it had. */
static int describe(const struct sim_layer *layer, const struct sim_oci_desc *desc,
                    const struct cmn_buf *packet, const struct cmn_buf *pubopts, json_t **ret,
                    struct cmn_err *err)
{
    auto_free char *packet64 = b64_of(packet), *pub64 = b64_of(pubopts);
    json_t *obj = json_pack("{s:s,s:s,s:I}", "mediaType", desc->media_type, "digest", desc->digest,
                            "size", (json_int_t)desc->size);
    json_t *notes = layer->annotations ? json_copy((json_t *)layer->annotations) : json_object();

    if (!packet64 || !pub64 || !obj || !notes ||
        json_object_set_new(notes, SIM_OCICRYPT_KEYS_PREFIX SIM_OCICRYPT_PROVIDER,
                            json_string(packet64)) < 0 ||
        json_object_set_new(notes, SIM_OCICRYPT_PUBOPTS, json_string(pub64)) < 0 ||
        json_object_set(obj, "annotations", notes) < 0) {
        json_decref(obj);
        json_decref(notes);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    json_decref(notes);
    *ret = obj;
    return 0;
}

struct encryption {
    struct cmn_env *env;
    struct sim_oci_store *src, *dst;
    const char *kid;
    const uint8_t *key;
};

static int encrypt_layer_with(const struct encryption *e, const struct sim_layer *layer,
                              const struct sim_ocicrypt_private *opts, json_t **ret,
                              struct cmn_err *err)
{
    struct sim_layer_cipher *cipher = NULL;
    auto_buf_secret struct cmn_buf plain = {0};
    auto_buf struct cmn_buf packet = {0}, pubopts = {0};
    char type[sizeof(layer->desc.media_type) + 16];
    struct sim_oci_desc desc;
    uint8_t hmac[32];

    int r = sim_layer_cipher_new(e->env, opts, true, &cipher, err);
    if (r < 0)
        return r;
    (void)snprintf(type, sizeof(type), "%s+encrypted", layer->desc.media_type);
    r = transfer(e->src, &layer->desc, cipher, e->dst, type, &desc, err);
    if (r == 0)
        r = sim_layer_cipher_hmac(cipher, hmac, err);
    sim_layer_cipher_free(cipher);
    if (r == 0 && (sim_ocicrypt_private_print(opts, &plain) < 0 ||
                   sim_ocicrypt_public_print(hmac, &pubopts) < 0))
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        r = sim_ocicrypt_packet_seal(e->env, e->kid, e->key, NULL, cmn_buf_bytes(&plain), &packet,
                                     err);
    return r < 0 ? r : describe(layer, &desc, &packet, &pubopts, ret, err);
}

static int encrypt_layer(const struct encryption *e, const struct sim_layer *layer, json_t **ret,
                         struct cmn_err *err)
{
    struct sim_ocicrypt_private opts = {0};
    enum sim_compression compression;
    bool encrypted = false;
    char type[sizeof(layer->desc.media_type) + 16];

    (void)snprintf(type, sizeof(type), "%s+encrypted", layer->desc.media_type);
    if (layer->encrypted)
        return cmn_err_reason(err, ENOTSUP, CMN_REASON_IMAGE_MEDIA_TYPE,
                              "the layer is encrypted already");
    if (sim_layer_media_type(type, &compression, &encrypted, NULL) < 0)
        return cmn_err_reason(err, ENOTSUP, CMN_REASON_IMAGE_MEDIA_TYPE,
                              "guests cannot open '%s': make it an OCI tar or tar+gzip layer first",
                              type);
    strcpy(opts.digest, layer->desc.digest);
    int r = cmn_env_random(e->env, opts.key, sizeof(opts.key), err);
    if (r == 0)
        r = cmn_env_random(e->env, opts.nonce, sizeof(opts.nonce), err);
    if (r == 0)
        r = encrypt_layer_with(e, layer, &opts, ret, err);
    OPENSSL_cleanse(&opts, sizeof(opts));
    return r;
}

/* Reads the manifest of a tag and copies its config. */
static int begin(struct sim_oci_store *src, const char *tag, struct sim_oci_store *dst,
                 struct sim_oci_desc *ret_desc, struct cmn_buf *text, struct sim_manifest *ret,
                 struct cmn_err *err)
{
    int r = sim_oci_store_find_manifest(src, tag, ret_desc, err);

    if (r == 0)
        r = sim_oci_store_get(src, ret_desc->digest, SIM_MANIFEST_MAX_BYTES, text, err);
    if (r == 0)
        r = sim_manifest_parse(cmn_buf_bytes(text), ret, err);
    if (r == 0)
        r = copy_blob(src, &ret->config, dst, err);
    return r;
}

int sim_image_encrypt(struct cmn_env *env, struct sim_oci_store *src, const char *src_tag,
                      struct sim_oci_store *dst, const char *dst_tag, const char *kid,
                      const uint8_t key[32], struct cmn_err *err)
{
    const struct encryption e = {env, src, dst, kid, key};
    auto_buf struct cmn_buf text = {0};
    auto_manifest struct sim_manifest m = {0};
    struct sim_oci_desc desc;
    int r = begin(src, src_tag, dst, &desc, &text, &m, err);

    for (size_t i = 0; r == 0 && i < m.n_layers; i++) {
        json_t *layer = NULL;
        r = encrypt_layer(&e, &m.layers[i], &layer, err);
        if (r < 0)
            return cmn_err_wrap(err, r, "layer %zu", i);
        m.layers[i].annotations = NULL; /* the old descriptor goes away now */
        if (json_array_set_new(json_object_get(m.json, "layers"), i, layer) < 0)
            return cmn_err_set(err, ENOMEM, "no memory");
    }
    if (r < 0)
        return r;
    auto_free char *manifest = cmn_json_dump(m.json);
    if (!manifest)
        return cmn_err_set(err, ENOMEM, "no memory");
    r = sim_oci_store_put(dst, SIM_OCI_MANIFEST_TYPE, cmn_bytes(manifest, strlen(manifest)), &desc,
                          err);
    return r < 0 ? r : sim_oci_store_tag(dst, dst_tag, &desc, err);
}

int sim_image_copy(struct sim_oci_store *src, const char *src_tag, struct sim_oci_store *dst,
                   const char *dst_tag, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    auto_manifest struct sim_manifest m = {0};
    struct sim_oci_desc desc;
    int r = begin(src, src_tag, dst, &desc, &text, &m, err);

    for (size_t i = 0; r == 0 && i < m.n_layers; i++)
        r = copy_blob(src, &m.layers[i].desc, dst, err);
    if (r == 0)
        r = sim_oci_store_put(dst, desc.media_type, cmn_buf_bytes(&text), &desc, err);
    return r < 0 ? r : sim_oci_store_tag(dst, dst_tag, &desc, err);
}
