/* registry.c - see registry.h. */
#include "sim/registry/registry.h"
#include "common/json/json.h"
#include "sim/image/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_MAX_BYTES (1ull << 30) /* an answer is built in memory */

struct image {
    struct sim_reference ref;
    struct sim_oci_store *store;
    struct sim_oci_desc desc; /* manifest or index */
};

struct known { /* what a digest is: told from the manifests */
    char digest[SIM_DIGEST_CAP];
    char media_type[128];
    const char *kind;
    struct sim_oci_store *store;
};

struct sim_registry {
    struct image *images;
    size_t n_images;
    struct known *known;
    size_t n_known;
    void (*tap)(void *ctx, const char *point, struct cmn_buf *bytes);
    void *tap_ctx;
    void (*observe)(void *ctx, const struct sim_registry_event *event);
    void *observe_ctx;
};

int sim_registry_new(struct sim_registry **ret, struct cmn_err *err)
{
    struct sim_registry *reg = calloc(1, sizeof(*reg));

    if (!reg)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret = reg;
    return 0;
}

void sim_registry_free(struct sim_registry *reg)
{
    if (!reg)
        return;
    free(reg->images);
    free(reg->known);
    free(reg);
}

void sim_registry_set_tap(struct sim_registry *reg,
                          void (*tap)(void *ctx, const char *point, struct cmn_buf *bytes),
                          void *ctx)
{
    reg->tap = tap;
    reg->tap_ctx = ctx;
}

void sim_registry_set_observer(struct sim_registry *reg,
                               void (*observe)(void *ctx, const struct sim_registry_event *event),
                               void *ctx)
{
    reg->observe = observe;
    reg->observe_ctx = ctx;
}

static int know(struct sim_registry *reg, const struct sim_oci_desc *desc, const char *kind,
                struct sim_oci_store *store)
{
    struct known *known = reallocarray(reg->known, reg->n_known + 1, sizeof(*known));

    if (!known)
        return -ENOMEM;
    reg->known = known;
    struct known *k = &known[reg->n_known++];
    strcpy(k->digest, desc->digest);
    strcpy(k->media_type, desc->media_type);
    k->kind = kind;
    k->store = store;
    return 0;
}

/* Notes a manifest, its config and layers; of an index, all its manifests. A bad one is served as
 * it is. */
static int learn(struct sim_registry *reg, const struct sim_oci_desc *desc,
                 struct sim_oci_store *store, unsigned depth, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *json = NULL;
    const json_t *entry;
    size_t i;
    int r = know(reg, desc, "manifest", store);

    if (r < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (depth > 2 ||
        sim_oci_store_get_raw(store, desc->digest, SIM_MANIFEST_MAX_BYTES, &text, NULL) < 0 ||
        cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, &json, NULL) < 0)
        return 0;
    const char *const keys[] = {"manifests", "layers", "config"};
    for (size_t k = 0; k < CMN_ARRAY_SIZE(keys); k++) {
        json_t *member = json_object_get(json, keys[k]);
        auto_json json_t *list = json_is_array(member)
                                     ? json_incref(member)
                                     : json_pack("[O]", member ? member : json_null());
        json_array_foreach(list, i, entry) {
            const char *digest = cmn_json_str(entry, "digest"),
                       *type = cmn_json_str(entry, "mediaType");
            struct sim_oci_desc d = {0};
            if (!digest || !sim_digest_valid(digest) || !type ||
                strlen(type) >= sizeof(d.media_type))
                continue;
            strcpy(d.digest, digest);
            strcpy(d.media_type, type);
            r = k == 0 ? learn(reg, &d, store, depth + 1, err)
                       : know(reg, &d, k == 1 ? "blob" : "config", store);
            if (r < 0)
                return cmn_err_set(err, ENOMEM, "no memory");
        }
    }
    return 0;
}

int sim_registry_add(struct sim_registry *reg, const char *reference, struct sim_oci_store *store,
                     const char *tag, struct cmn_err *err)
{
    struct image image = {.store = store};
    int r = sim_reference_parse(reference, &image.ref, err);

    if (r == 0)
        r = sim_oci_store_find(store, tag, &image.desc, err);
    if (r == 0)
        r = learn(reg, &image.desc, store, 0, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "image '%.200s'", reference);
    for (size_t i = 0; i < reg->n_images; i++) {
        const struct sim_reference *ref = &reg->images[i].ref;
        if (strcmp(ref->registry, image.ref.registry) == 0 &&
            strcmp(ref->repository, image.ref.repository) == 0 &&
            strcmp(ref->tag, image.ref.tag) == 0) {
            reg->images[i] = image;
            return 0;
        }
    }
    struct image *images = reallocarray(reg->images, reg->n_images + 1, sizeof(*images));
    if (!images)
        return cmn_err_set(err, ENOMEM, "no memory");
    reg->images = images;
    reg->images[reg->n_images++] = image;
    return 0;
}

/* The image of a tag; one whose registry is the Host wins over others of the same repository. */
static const struct image *find_image(const struct sim_registry *reg, const char *host,
                                      const char *repository, const char *tag)
{
    const struct image *found = NULL;

    for (size_t i = 0; i < reg->n_images; i++) {
        const struct image *im = &reg->images[i];
        if (strcmp(im->ref.repository, repository) != 0 || (tag && strcmp(im->ref.tag, tag) != 0))
            continue;
        if (host && strcmp(im->ref.registry, host) == 0)
            return im;
        if (!found)
            found = im;
    }
    return found;
}

static const struct known *find_known(const struct sim_registry *reg, const char *digest,
                                      bool manifests)
{
    for (size_t i = 0; i < reg->n_known; i++)
        if (strcmp(reg->known[i].digest, digest) == 0 &&
            manifests == (strcmp(reg->known[i].kind, "manifest") == 0))
            return &reg->known[i];
    return NULL;
}

static void refuse(struct cmn_http_response *resp, int status, const char *code, const char *text)
{
    resp->status = status;
    resp->body.len = 0;
    if (cmn_buf_printf(&resp->body, "{\"errors\":[{\"code\":\"%s\",\"message\":\"%s\"}]}", code,
                       text) < 0 ||
        cmn_http_response_header(resp, "Content-Type", "application/json") < 0)
        resp->status = 500;
}

static void serve(struct sim_registry *reg, struct sim_oci_store *store, const char *digest,
                  const char *media_type, const char *kind, struct cmn_http_response *resp)
{
    char point[32];

    if (sim_oci_store_get_raw(store, digest, BLOB_MAX_BYTES, &resp->body, NULL) < 0) {
        refuse(resp, 404, strcmp(kind, "manifest") == 0 ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN",
               "not in this registry");
        return;
    }
    (void)snprintf(point, sizeof(point), "registry.%s", kind);
    if (reg->tap)
        reg->tap(reg->tap_ctx, point, &resp->body);
    resp->status = 200;
    if (cmn_http_response_header(resp, "Content-Type", media_type) < 0 ||
        cmn_http_response_header(resp, "Docker-Content-Digest", digest) < 0)
        resp->status = 500;
}

/* Splits /v2/<name>/<kind>/<target> (kind "manifests" or "blobs") in place. */
static bool split_path(char *path, char **ret_name, char **ret_kind, char **ret_target)
{
    char *target = strrchr(path, '/');

    if (strncmp(path, "/v2/", 4) != 0 || !target || target <= path + 4)
        return false;
    *target++ = 0;
    char *kind = strrchr(path + 4, '/');
    if (!kind)
        return false;
    *kind++ = 0;
    *ret_name = path + 4;
    *ret_kind = kind;
    *ret_target = target;
    return true;
}

static void handle_manifest(struct sim_registry *reg, const char *host, const char *name,
                            const char *target, struct cmn_http_response *resp)
{
    bool by_digest = sim_digest_valid(target);
    const struct image *image = find_image(reg, host, name, by_digest ? NULL : target);
    const struct known *known = image && by_digest ? find_known(reg, target, true) : NULL;

    if (!image || (by_digest && !known))
        refuse(resp, 404, find_image(reg, host, name, NULL) ? "MANIFEST_UNKNOWN" : "NAME_UNKNOWN",
               "not in this registry");
    else if (by_digest)
        serve(reg, known->store, target, known->media_type, "manifest", resp);
    else
        serve(reg, image->store, image->desc.digest, image->desc.media_type, "manifest", resp);
}

static const char *handle_blob(struct sim_registry *reg, const char *host, const char *name,
                               const char *target, struct cmn_http_response *resp)
{
    const struct known *known = sim_digest_valid(target) ? find_known(reg, target, false) : NULL;

    if (!find_image(reg, host, name, NULL))
        refuse(resp, 404, "NAME_UNKNOWN", "not in this registry");
    else if (!known)
        refuse(resp, 404, "BLOB_UNKNOWN", "not in this registry");
    else
        serve(reg, known->store, target, "application/octet-stream", known->kind, resp);
    return known ? known->kind : "blob";
}

void sim_registry_handle(void *ctx, const struct cmn_http_request *req,
                         struct cmn_http_response *resp)
{
    struct sim_registry *reg = ctx;
    struct sim_registry_event event = {
        .method = req->method, .repository = "", .kind = "api", .target = ""};
    const char *host = req->header ? req->header(req, "Host") : NULL;
    char *name = NULL, *kind = NULL, *target = NULL;
    auto_free char *path = strdup(req->path);

    if (!path) {
        resp->status = 500;
    } else if (strcmp(req->method, "GET") != 0 && strcmp(req->method, "HEAD") != 0) {
        refuse(resp, 405, "UNSUPPORTED", "this registry is read-only");
    } else if (strcmp(path, "/v2/") == 0 || strcmp(path, "/v2") == 0) {
        resp->status = 200;
        if (cmn_buf_puts(&resp->body, "{}") < 0 ||
            cmn_http_response_header(resp, "Content-Type", "application/json") < 0)
            resp->status = 500;
    } else if (!split_path(path, &name, &kind, &target)) {
        refuse(resp, 404, "NAME_UNKNOWN", "no such endpoint");
    } else if (strcmp(kind, "manifests") == 0) {
        event.kind = "manifest";
        handle_manifest(reg, host, name, target, resp);
    } else if (strcmp(kind, "blobs") == 0) {
        event.kind = handle_blob(reg, host, name, target, resp);
    } else {
        refuse(resp, 404, "UNSUPPORTED", "no such endpoint");
    }
    if (!reg->observe)
        return;
    event.repository = name ? name : "";
    event.target = target ? target : "";
    event.status = resp->status;
    event.bytes = resp->body.len;
    reg->observe(reg->observe_ctx, &event);
}
