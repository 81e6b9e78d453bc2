/*
 * pull.c - PullImage: manifest, config, layers into <bundle>/rootfs.
 * Source: guest-components 8246e5e image-rs/src/image.rs, pull.rs; texts of its errors.
 *
 * FAKE: layers are applied into one folder instead of an overlay of folders; the result is the
 * same.
 */
#include "common/ttrpc/proto/attestation_agent.pb-c.h"
#include "common/ttrpc/ttrpc.h"
#include "sim/guest/cdh/layer.h"
#include "sim/guest/common/guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TARGET "image_rs::pull"

struct pull {
    struct cdh *cdh;
    struct cmn_http_client *http;
    const struct cdh_source *source;
    const char *bundle;
    struct sim_oci_desc manifest_desc;
    struct sim_manifest manifest;
    json_t *config;
    const json_t *diff_ids; /* of config */
};

static void on_warning(void *ctx, const char *text)
{
    (void)ctx;
    cmn_log(CMN_LOG_WARN, TARGET, "%s", text);
    guest_event("cdh.layer", "pull-image", "warn", CMN_REASON_NONE, text, NULL);
}

static int load_manifest(struct pull *p, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0}, config = {0};
    int r = cdh_fetch_manifest(p->http, p->source, &p->manifest_desc, &text, err);

    if (r == 0)
        r = sim_manifest_parse(cmn_buf_bytes(&text), &p->manifest, err);
    if (r == 0)
        r = cdh_fetch_blob(p->http, p->source, &p->manifest.config, SIM_CONFIG_MAX_BYTES, &config,
                           err);
    if (r == 0)
        r = sim_image_config_parse(cmn_buf_bytes(&config), &p->config, &p->diff_ids, err);
    if (r == 0 && json_array_size(p->diff_ids) != p->manifest.n_layers)
        r = cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_MANIFEST_INVALID,
                           "Pulled number of layers mismatch with image config diff_ids");
    return r;
}

/* A fresh <bundle>/rootfs. */
static int make_rootfs(const struct pull *p, char **ret, struct cmn_err *err)
{
    int r = cmn_mkdir_p(p->bundle, 0755, err);

    if (r < 0)
        return r;
    auto_close int fd = open(p->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cmn_err_set(err, errno, "bundle '%.300s': %s", p->bundle, strerror(errno));
    r = sim_remove_tree_at(fd, "rootfs", err);
    if (r < 0 && r != -ENOENT)
        return r;
    cmn_err_clear(err);
    if (mkdirat(fd, "rootfs", 0755) < 0)
        return cmn_err_set(err, errno, "'%.300s/rootfs': %s", p->bundle, strerror(errno));
    if (asprintf(ret, "%s/rootfs", p->bundle) < 0) {
        *ret = NULL;
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    return 0;
}

static void remove_rootfs(const struct pull *p)
{
    auto_close int fd = open(p->bundle, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        CMN_IGNORE(sim_remove_tree_at(fd, "rootfs", NULL)); /* the pull has failed already */
}

static int apply_layers(struct pull *p, const char *rootfs, struct cmn_err *err)
{
    const struct sim_unpack_opts opts = {.warn = on_warning};
    struct sim_unpack *unpack = NULL;
    int r = sim_unpack_new(rootfs, &opts, &unpack, err);

    for (size_t i = 0; r == 0 && i < p->manifest.n_layers; i++) {
        const struct sim_layer *layer = &p->manifest.layers[i];
        const struct cdh_layer_job job = {
            p->cdh, p->http, p->source, layer, json_string_value(json_array_get(p->diff_ids, i)),
            unpack,
        };
        r = cdh_layer_apply(&job, err);
        if (r < 0)
            (void)cmn_err_wrap(err, r, "layer %zu", i);
        else
            guest_event("cdh.layer", "pull-image", "ok", CMN_REASON_NONE, NULL,
                        json_pack("{s:i,s:s,s:I,s:b}", "layer", (int)i, "digest",
                                  layer->desc.digest, "bytes", (json_int_t)layer->desc.size,
                                  "encrypted", layer->encrypted));
    }
    sim_unpack_free(unpack);
    return r;
}

static void append_strings(json_t *to, const json_t *from)
{
    const json_t *s;
    size_t i;

    json_array_foreach(from, i, s)
        if (json_is_string(s))
            (void)json_array_append(to, (json_t *)s);
}

/* The runtime spec image-rs leaves in the bundle: what the image itself says about its process. */
static int write_config(const struct pull *p, struct cmn_err *err)
{
    const json_t *c = json_object_get(p->config, "config");
    const char *cwd = cmn_json_str(c, "WorkingDir"), *user = cmn_json_str(c, "User");
    json_t *args = json_array(), *env = json_array();
    unsigned uid = 0, gid = 0;

    if (user && sscanf(user, "%u:%u", &uid, &gid) < 1)
        uid = gid = 0;
    append_strings(args, json_object_get(c, "Entrypoint"));
    append_strings(args, json_object_get(c, "Cmd"));
    append_strings(env, json_object_get(c, "Env"));
    auto_json json_t *spec =
        json_pack("{s:s,s:{s:o,s:o,s:s,s:{s:i,s:i}},s:{s:s},s:s}", "ociVersion", "1.0.2", "process",
                  "args", args, "env", env, "cwd", cwd && *cwd ? cwd : "/", "user", "uid", (int)uid,
                  "gid", (int)gid, "root", "path", "rootfs", "hostname", "image-rs");
    auto_free char *text = spec ? cmn_json_dump(spec) : NULL;
    auto_free char *path = NULL;
    if (!text || asprintf(&path, "%s/config.json", p->bundle) < 0) {
        path = NULL;
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    return cmn_file_write(path, text, strlen(text), 0644, err);
}

static int pull_from(struct cdh *cdh, const struct cdh_source *source, const char *bundle,
                     char ret_digest[SIM_DIGEST_CAP], struct cmn_err *err)
{
    struct pull p = {.cdh = cdh, .source = source, .bundle = bundle};
    auto_free char *rootfs = NULL;
    const struct cmn_http_client_opts opts = {.timeout_ms = 1200000, .user_agent = "image-rs"};
    int r = cmn_http_client_new(&opts, &p.http, err);

    if (r == 0)
        r = load_manifest(&p, err);
    if (r == 0)
        r = make_rootfs(&p, &rootfs, err);
    if (r == 0) {
        r = apply_layers(&p, rootfs, err);
        if (r == 0)
            r = write_config(&p, err);
        if (r < 0)
            remove_rootfs(&p);
    }
    if (r == 0)
        strcpy(ret_digest, p.manifest_desc.digest);
    cmn_http_client_free(p.http);
    sim_manifest_done(&p.manifest);
    json_decref(p.config);
    return r;
}

/* Tells the attestation agent. It need not be there; but when it is, it has to agree. */
static int report_to_agent(struct cdh *cdh, const char *image, const char *digest,
                           struct cmn_err *err)
{
    AttestationAgent__ExtendRuntimeMeasurementRequest req =
        ATTESTATION_AGENT__EXTEND_RUNTIME_MEASUREMENT_REQUEST__INIT;
    struct cmn_ttrpc_client *client = NULL;
    auto_buf struct cmn_buf content = {0};

    if (cmn_ttrpc_client_connect(cdh->config.aa_socket, &client, NULL) < 0) {
        cmn_log(CMN_LOG_WARN, TARGET, "no attestation agent: the pull is not measured");
        return 0;
    }
    int r = cmn_buf_printf(&content, "{\"image\":\"%s\", \"digest\":\"%s\"}", image, digest);
    req.domain = (char *)"github.com/confidential-containers";
    req.operation = (char *)"PullImage";
    req.content = (char *)content.data;
    if (r == 0)
        r = cmn_ttrpc_call_msg(client, "attestation_agent.AttestationAgentService",
                               "ExtendRuntimeMeasurement", &req.base, NULL, 10000, NULL, NULL, err);
    cmn_ttrpc_client_free(client);
    return r < 0 ? cmn_err_wrap(err, r,
                                "Attestation Agent client error: failed to extend runtime "
                                "measurement")
                 : 0;
}

/* The words upstream's client gets for a refusal: the cause of key trouble is only in the log. */
static void say_as_upstream(struct cmn_err *err)
{
    switch (err->reason) {
    case CMN_REASON_IMAGE_KEY_UNAVAILABLE:
    case CMN_REASON_IMAGE_KEY_WRONG:
    case CMN_REASON_IMAGE_KEY_PACKET_INVALID:
        (void)snprintf(err->msg, sizeof(err->msg),
                       "Failed to decrypt layer: Failed to decrypt the image layer, please ensure "
                       "that the decryption key is placed and correct");
        break;
    case CMN_REASON_IMAGE_HMAC_MISMATCH:
    case CMN_REASON_IMAGE_UNPACK_FAILED:
        (void)cmn_err_wrap(err, -err->code,
                           "Failed to decode layer data stream: Failed to unpack layer");
        break;
    case CMN_REASON_IMAGE_MEDIA_TYPE:
        (void)cmn_err_wrap(err, -err->code, "Failed to decode layer");
        break;
    default:
        break;
    }
}

static int pull_any(struct cdh *cdh, const char *image, const struct cdh_source *sources, size_t n,
                    const char *bundle, char ret_digest[SIM_DIGEST_CAP], struct cmn_err *err)
{
    auto_buf struct cmn_buf all = {0};
    struct cmn_err last = {0};
    int r = -ENOENT;

    for (size_t i = 0; i < n && r < 0; i++) {
        auto_buf struct cmn_buf name = {0};
        struct cmn_err e = {0};
        r = pull_from(cdh, &sources[i], bundle, ret_digest, &e);
        if (r == 0)
            return 0;
        if (e.reason == CMN_REASON_NONE)
            e.reason = CMN_REASON_IMAGE_PULL_FAILED;
        CMN_IGNORE(sim_reference_print(&sources[i].ref, &name)); /* only for the texts */
        cmn_log(CMN_LOG_WARN, TARGET, "pull of %s failed: %s", name.data ? (char *)name.data : "?",
                e.msg);
        guest_event(
            "cdh.pull-image", "pull-image", i + 1 < n ? "warn" : "refused", e.reason, e.msg,
            json_pack("{s:s,s:s}", "image", image, "source", name.data ? (char *)name.data : ""));
        last = e;
        say_as_upstream(&e);
        CMN_IGNORE(cmn_buf_printf(&all,
                                  "%simage: %s, error: Errors happened when pulling image: %s",
                                  i ? "\n" : "", name.data ? (char *)name.data : "?", e.msg));
    }
    return cmn_err_reason(
        err, -r, last.reason,
        "Failed to pull image %.200s from all mirror/mapping locations or original "
        "location: %s",
        image, all.data ? (char *)all.data : "");
}

static void warn_unenforced(struct cdh *cdh)
{
    static const char *const keys[] = {"image_security_policy", "image_security_policy_uri",
                                       "authenticated_registry_credentials_uri"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(keys); i++)
        if (json_object_get(cdh->config.image, keys[i]))
            guest_event("cdh.pull-image", "pull-image", "warn", CMN_REASON_NONE,
                        "a setting of [image] is not supported here and has no effect",
                        json_pack("{s:s}", "key", keys[i]));
}

int cdh_pull_image(struct cdh *cdh, const char *image, const char *bundle,
                   char ret_digest[SIM_DIGEST_CAP], struct cmn_err *err)
{
    auto_free struct cdh_source *sources = NULL;
    struct sim_reference ref;
    struct cmn_err own = {0};
    size_t n = 0;

    err = err ? err : &own;
    guest_event("cdh.pull-image", "pull-image", "begin", CMN_REASON_NONE, NULL,
                json_pack("{s:s}", "image", image));
    warn_unenforced(cdh);
    int r = sim_reference_parse(image, &ref, err);
    if (r == 0)
        r = cdh_sources(cdh, &ref, &sources, &n, err);
    if (r < 0) {
        guest_event("cdh.pull-image", "pull-image", "refused", err->reason, err->msg,
                    json_pack("{s:s}", "image", image));
        return r;
    }
    r = pull_any(cdh, image, sources, n, bundle, ret_digest, err);
    if (r == 0)
        r = report_to_agent(cdh, image, ret_digest, err);
    if (r == 0)
        guest_event("cdh.pull-image", "pull-image", "ok", CMN_REASON_NONE, NULL,
                    json_pack("{s:s,s:s}", "image", image, "digest", ret_digest));
    return r;
}
