/* image.c - image manifests, indexes and configs; registry credentials. */
#include "common/enc/enc.h"
#include "sim/diagnose/inspect/inspect-internal.h"
#include "sim/image/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS_SHOWN = 128, AUTH_MAX = 12288 };

#define PROVIDER "org.opencontainers.image.enc.keys.provider."

/* A key packet of an encrypted layer: where its key is, how it is wrapped; never the key. */
static void view_packet(json_t *doc, const char *provider, const char *text)
{
    auto_buf struct cmn_buf raw = {0};
    auto_json json_t *packet = NULL;
    const char *kid = NULL;

    if (cmn_unb64(CMN_B64_STD, text, strcspn(text, ","), &raw, NULL) == 0 &&
        cmn_json_load(cmn_buf_bytes(&raw), 8, &packet, NULL) == 0)
        kid = cmn_json_str(packet, "kid");
    json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "key packet", "%s", kid ? kid : "?");
    sim_view_meaning(f, "provider %s, %s", provider,
                     packet && cmn_json_str(packet, "wrap_type") ? cmn_json_str(packet, "wrap_type")
                                                                 : "wrap type not told");
    if (!kid)
        sim_view_doubt(f, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                       "not base64 of JSON with kid, wrapped_data, iv and wrap_type");
    else if (strncmp(kid, "kbs://", 6) != 0)
        sim_view_doubt(f, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                       "the key id is no kbs:/// URI: no guest can fetch it");
}

static void view_layer(json_t *doc, size_t i, const json_t *layer)
{
    const char *type = cmn_json_str(layer, "mediaType"), *digest = cmn_json_str(layer, "digest"),
               *key;
    enum sim_compression compression;
    bool encrypted = false, packet = false;
    json_t *value;
    char name[32];
    struct cmn_err err = {0};

    (void)snprintf(name, sizeof(name), "layer %zu", i);
    json_t *f =
        sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, name, "%s", digest ? digest : "(no digest)");
    sim_view_meaning(f, "%s, %lld bytes", type ? type : "(no media type)",
                     (long long)cmn_json_int(layer, "size", -1));
    if (sim_layer_media_type(type ? type : "", &compression, &encrypted, &err) < 0)
        sim_view_doubt(f, CMN_REASON_IMAGE_MEDIA_TYPE, "%s", err.msg);
    json_object_foreach(json_object_get(layer, "annotations"), key, value) {
        if (strncmp(key, PROVIDER, strlen(PROVIDER)) != 0 || !json_is_string(value))
            continue;
        packet = true;
        view_packet(doc, key + strlen(PROVIDER), json_string_value(value));
    }
    if (encrypted && !packet)
        sim_view_doubt(f, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                       "encrypted without a key provider's annotation");
}

static json_t *view_manifest(const json_t *json)
{
    json_t *doc = sim_view_new("image-manifest", "an image manifest"), *layer;
    json_t *layers = json_object_get(json, "layers");
    const char *config = cmn_json_str(json_object_get(json, "config"), "digest");
    size_t i;

    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "config", "%s", config ? config : "(missing)");
    if (!config)
        sim_view_doubt(doc, CMN_REASON_IMAGE_MANIFEST_INVALID, "no config");
    json_array_foreach(layers, i, layer)
        if (i < LAYERS_SHOWN)
            view_layer(doc, i, layer);
    if (json_array_size(layers) > 60)
        sim_view_doubt(doc, CMN_REASON_IMAGE_TOO_MANY_LAYERS,
                       "%zu layers: the options of an overlay mount may not hold them",
                       json_array_size(layers));
    return doc;
}

static json_t *view_index(const json_t *json)
{
    json_t *doc = sim_view_new("image-index", "an image index: one manifest for each platform"), *m;
    size_t i;

    json_array_foreach(json_object_get(json, "manifests"), i, m) {
        const json_t *platform = json_object_get(m, "platform");
        json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "manifest", "%s",
                                   cmn_json_str(m, "digest") ? cmn_json_str(m, "digest") : "?");
        sim_view_meaning(
            f, "%s/%s", cmn_json_str(platform, "os") ? cmn_json_str(platform, "os") : "?",
            cmn_json_str(platform, "architecture") ? cmn_json_str(platform, "architecture") : "?");
        if (i > LAYERS_SHOWN)
            break;
    }
    return doc;
}

static json_t *view_auths(const json_t *json)
{
    json_t *doc = sim_view_new("registry-auth", "registry credentials (docker config)"), *entry;
    auto_free char *dump = cmn_json_dump(json);
    const char *host;

    json_object_foreach(json_object_get(json, "auths"), host, entry) {
        json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "registry", "%s", host);
        if (!cmn_json_str(entry, "auth"))
            sim_view_doubt(f, CMN_REASON_IMAGE_UNAUTHORIZED,
                           "no auth member: the guest reads only that");
    }
    sim_view_doubt(doc, CMN_REASON_NONE, "it holds credentials: keep it out of tickets");
    if (dump && strlen(dump) > AUTH_MAX)
        sim_view_doubt(doc, CMN_REASON_IMAGE_AUTH_TOO_LARGE,
                       "%zu bytes: more than %d are not handed to the guest", strlen(dump),
                       AUTH_MAX);
    return doc;
}

json_t *insp_json_image(struct insp *in, const json_t *json)
{
    const json_t *rootfs = json_object_get(json, "rootfs");

    (void)in;
    if (json_is_array(json_object_get(json, "layers")) && json_object_get(json, "schemaVersion"))
        return view_manifest(json);
    if (json_is_array(json_object_get(json, "manifests")) && json_object_get(json, "schemaVersion"))
        return view_index(json);
    if (json_is_object(json_object_get(json, "auths")))
        return view_auths(json);
    if (json_is_array(json_object_get(rootfs, "diff_ids"))) {
        json_t *doc = sim_view_new("image-config", "an image config");
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "diff_ids", "%zu",
                             json_array_size(json_object_get(rootfs, "diff_ids")));
        return doc;
    }
    return NULL;
}
