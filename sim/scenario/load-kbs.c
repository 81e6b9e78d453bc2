/* load-kbs.c - the images: and kbs: blocks of a scenario. */
#include "common/enc/enc.h"
#include "kbs-lite/era.h"
#include "kbs-lite/policy-set.h"
#include "sim/image/encrypt.h"
#include "sim/scenario/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_IMAGES = 32, MAX_RESOURCES = 256, MAX_RESOURCE_BYTES = 1 << 20 };

/* The 32 bytes of an image key given as hex. */
static int load_key(struct sim_reader *r, const json_t *obj, struct sim_image *image)
{
    const char *hex = cmn_json_str(obj, "secret");
    auto_buf_secret struct cmn_buf key = {0};

    if (!json_object_get(obj, "secret"))
        return 0;
    if (!hex || strlen(hex) != 64 || cmn_unhex(hex, 64, &key, NULL) < 0)
        return cmn_yaml_fail(r->doc, obj, "secret", r->err,
                             "'secret' wants the 32 bytes of the key as 64 hex digits");
    memcpy(image->key, key.data, sizeof(image->key));
    image->has_key = true;
    return 0;
}

static int load_encrypt(struct sim_reader *r, const json_t *owner, struct sim_image *image)
{
    char path[256];
    struct cmn_err inner = {0};
    const json_t *obj = NULL;
    int x = sim_read_object(r, owner, "encrypt", &obj);

    if (x < 0 || !obj)
        return x;
    x = SIM_KEYS(r, obj, "key", "secret");
    if (x == 0)
        x = sim_read_needed(r, obj, "key", &image->key_uri);
    if (x == 0 && sim_kbs_uri_path(image->key_uri, path, sizeof(path), &inner) < 0)
        return cmn_yaml_fail(r->doc, obj, "key", r->err, "'key': %s", inner.msg);
    return x ? x : load_key(r, obj, image);
}

/* A path (it has a slash) is a layout folder that must be there; a bare name is a fixture. */
static int load_from(struct sim_reader *r, const json_t *obj, struct sim_image *image)
{
    struct stat st;
    int x = sim_read_needed(r, obj, "from", &image->from);

    if (x < 0)
        return x;
    if (!strchr(image->from, '/')) {
        if (image->from[0] == '.' ||
            strspn(image->from, "abcdefghijklmnopqrstuvwxyz0123456789._-") != strlen(image->from))
            return cmn_yaml_fail(r->doc, obj, "from", r->err, "'%.64s' is no name of a fixture",
                                 image->from);
        return 0;
    }
    image->from_dir = sim_read_path(r, image->from);
    if (!image->from_dir)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    if (stat(image->from_dir, &st) < 0 || !S_ISDIR(st.st_mode))
        return cmn_yaml_fail(r->doc, obj, "from", r->err, "'%.200s' is no folder", image->from_dir);
    return 0;
}

int sim_load_images(struct sim_reader *r, const json_t *root, struct sim_plan *plan)
{
    const json_t *obj = json_object_get(root, "images"), *o = NULL;
    const char *reference;
    json_t *value;

    if (!obj)
        return sim_read_missing(r, root, "images");
    if (!json_is_object(obj) || !json_object_size(obj) || json_object_size(obj) > MAX_IMAGES)
        return cmn_yaml_fail(r->doc, root, "images", r->err,
                             "'images' wants an object of 1 to %d image references", MAX_IMAGES);
    plan->images = calloc(json_object_size(obj), sizeof(*plan->images));
    if (!plan->images)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    json_object_foreach((json_t *)(uintptr_t)obj, reference, value) {
        struct sim_image *image = &plan->images[plan->n_images++];
        struct sim_reference parsed;
        struct cmn_err inner = {0};
        if (sim_reference_parse(reference, &parsed, &inner) < 0)
            return cmn_yaml_fail(r->doc, obj, reference, r->err, "%s", inner.msg);
        image->reference = strdup(reference);
        if (!image->reference)
            return cmn_err_set(r->err, ENOMEM, "no memory");
        int x = sim_read_object(r, obj, reference, &o);
        if (x == 0)
            x = SIM_KEYS(r, value, "from", "encrypt");
        if (x == 0)
            x = load_from(r, value, image);
        if (x == 0)
            x = load_encrypt(r, value, image);
        if (x < 0)
            return x;
    }
    return 0;
}

static int resource_file(struct sim_reader *r, const json_t *obj, struct sim_resource *res)
{
    auto_free char *path = sim_read_path(r, cmn_json_str(obj, "file"));
    struct cmn_err inner = {0};

    if (!path)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    if (cmn_file_read(path, MAX_RESOURCE_BYTES, &res->bytes, &inner) < 0)
        return cmn_yaml_fail(r->doc, obj, "file", r->err, "%s", inner.msg);
    return 0;
}

static int load_resource(struct sim_reader *r, const json_t *obj, struct sim_resource *res)
{
    int64_t random = 0;
    int x = SIM_KEYS(r, obj, "text", "file", "base64", "random");

    if (x < 0)
        return x;
    if (json_object_size(obj) != 1)
        return cmn_yaml_fail(r->doc, obj, NULL, r->err,
                             "a resource has exactly one of text, file, base64 and random");
    if (json_object_get(obj, "random")) {
        x = sim_read_int(r, obj, "random", 1, MAX_RESOURCE_BYTES, &random);
        res->random = (size_t)random;
        return x;
    }
    const char *key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)obj));
    const char *text = cmn_json_str(obj, key);
    if (!text)
        return cmn_yaml_fail(r->doc, obj, key, r->err, "'%s' wants text, this is %s", key,
                             cmn_yaml_type_name(json_object_get(obj, key)));
    if (strcmp(key, "file") == 0)
        return resource_file(r, obj, res);
    if (strcmp(key, "text") == 0)
        return cmn_buf_puts(&res->bytes, text) < 0 ? cmn_err_set(r->err, ENOMEM, "no memory") : 0;
    if (cmn_unb64(CMN_B64_STD, text, strlen(text), &res->bytes, NULL) < 0)
        return cmn_yaml_fail(r->doc, obj, key, r->err, "'base64' is no base64 text");
    return 0;
}

static int load_resources(struct sim_reader *r, const json_t *kbs, struct sim_plan *plan)
{
    const json_t *obj = json_object_get(kbs, "resources"), *o = NULL;
    const char *path;
    json_t *value;

    if (!obj)
        return 0;
    if (!json_is_object(obj) || json_object_size(obj) > MAX_RESOURCES)
        return cmn_yaml_fail(r->doc, kbs, "resources", r->err,
                             "'resources' wants an object of at most %d", MAX_RESOURCES);
    plan->resources = calloc(json_object_size(obj) + 1, sizeof(*plan->resources));
    if (!plan->resources)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    json_object_foreach((json_t *)(uintptr_t)obj, path, value) {
        struct sim_resource *res = &plan->resources[plan->n_resources++];
        char uri[512], parts[256];
        if ((size_t)snprintf(uri, sizeof(uri), "kbs:///%s", path) >= sizeof(uri) ||
            sim_kbs_uri_path(uri, parts, sizeof(parts), NULL) < 0)
            return cmn_yaml_fail(r->doc, obj, path, r->err,
                                 "'%.100s' is no resource path such as default/demo/secret", path);
        res->path = strdup(path);
        if (!res->path)
            return cmn_err_set(r->err, ENOMEM, "no memory");
        int x = sim_read_object(r, obj, path, &o);
        if (x == 0)
            x = load_resource(r, value, res);
        if (x < 0)
            return x;
    }
    return 0;
}

static int reference_file(struct sim_reader *r, const json_t *obj, struct sim_plan *plan)
{
    auto_buf struct cmn_buf text = {0};
    auto_free char *path = NULL;
    struct cmn_err inner = {0};
    const char *name = cmn_json_str(obj, "file");

    if (!name)
        return cmn_yaml_fail(r->doc, obj, "file", r->err, "'file' wants a path");
    path = sim_read_path(r, name);
    if (!path)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    int x = cmn_file_read(path, MAX_RESOURCE_BYTES, &text, &inner);
    if (x == 0)
        x = cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, &plan->reference_values,
                          &inner);
    if (x < 0)
        return cmn_yaml_fail(r->doc, obj, "file", r->err, "%.200s: %s", path, inner.msg);
    if (!json_is_object(plan->reference_values))
        return cmn_yaml_fail(r->doc, obj, "file", r->err, "%.200s: no JSON object", path);
    return 0;
}

/* { from-guest: {...} } | { file: path } | { inline: {...} } */
static int reference_object(struct sim_reader *r, const json_t *obj, struct sim_plan *plan)
{
    int x = SIM_KEYS(r, obj, "from-guest", "file", "inline");

    if (x < 0)
        return x;
    if (json_object_size(obj) != 1)
        return cmn_yaml_fail(r->doc, obj, NULL, r->err,
                             "'reference_values' has exactly one of from-guest, file and inline");
    const json_t *guest = NULL;
    x = sim_read_object(r, obj, "from-guest", &guest);
    if (x < 0)
        return x;
    if (guest) {
        plan->reference_mode = SIM_REFERENCE_GUEST;
        return sim_load_guest(r, guest, &plan->reference_guest);
    }
    plan->reference_mode = SIM_REFERENCE_VALUES;
    const json_t *values = json_object_get(obj, "inline");
    if (!values)
        return reference_file(r, obj, plan);
    if (!json_is_object(values))
        return cmn_yaml_fail(r->doc, obj, "inline", r->err, "'inline' wants an object");
    plan->reference_values = json_deep_copy(values);
    return plan->reference_values ? 0 : cmn_err_set(r->err, ENOMEM, "no memory");
}

/* Starts from this guest, so that from-guest only names what differs. */
static int load_reference(struct sim_reader *r, const json_t *kbs, struct sim_plan *plan)
{
    const json_t *v = json_object_get(kbs, "reference_values");

    if (sim_guest_spec_copy(&plan->guest, &plan->reference_guest) < 0)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    if (!v)
        return 0;
    if (json_is_object(v))
        return reference_object(r, v, plan);
    if (!json_is_string(v) || strcmp(json_string_value(v), "auto") != 0)
        return cmn_yaml_fail(
            r->doc, kbs, "reference_values", r->err,
            "'reference_values' wants auto or an object with from-guest, file or inline");
    plan->reference_mode = SIM_REFERENCE_GUEST;
    return 0;
}

static int load_policy_set(struct sim_reader *r, const json_t *kbs, struct sim_plan *plan)
{
    const char *names[32];
    size_t n = 0, chosen = 0;
    const struct kbs_policy_set *sets = kbs_policy_set_list(&n);

    if (n > CMN_ARRAY_SIZE(names))
        n = CMN_ARRAY_SIZE(names);
    for (size_t i = 0; i < n; i++)
        names[i] = sets[i].name;
    int x = sim_read_word(r, kbs, "policy_set", names, n, &chosen);
    if (x < 0)
        return x;
    plan->policy_set = strdup(names[chosen]);
    return plan->policy_set ? 0 : cmn_err_set(r->err, ENOMEM, "no memory");
}

/* Every release the key broker knows; the newest is the default. */
static int load_era(struct sim_reader *r, const json_t *kbs, struct sim_plan *plan)
{
    const char *names[32];
    size_t n = 0, chosen = 0;
    const struct kbs_era *eras = kbs_era_list(&n);

    if (n > CMN_ARRAY_SIZE(names))
        n = CMN_ARRAY_SIZE(names);
    for (size_t i = 0; i < n; i++)
        names[i] = eras[n - 1 - i].name;
    int x = sim_read_word(r, kbs, "era", names, n, &chosen);
    if (x == 0)
        plan->era = names[chosen];
    return x;
}

int sim_load_kbs(struct sim_reader *r, const json_t *root, struct sim_plan *plan)
{
    auto_json json_t *none = NULL;
    const json_t *obj = NULL;
    int x = sim_read_object(r, root, "kbs", &obj);

    if (x < 0)
        return x;
    if (!obj && !(obj = none = json_object()))
        return cmn_err_set(r->err, ENOMEM, "no memory");
    x = SIM_KEYS(r, obj, "era", "policy_set", "reference_values", "resources", "strict", "trust",
                 "kds", "crl", "crl_required", "verify_at");
    if (x == 0)
        x = load_era(r, obj, plan);
    if (x == 0)
        x = load_policy_set(r, obj, plan);
    if (x == 0)
        x = sim_read_bool(r, obj, "strict", &plan->strict);
    if (x == 0)
        x = sim_load_verifier(r, obj, &plan->verifier);
    if (x == 0)
        x = load_reference(r, obj, plan);
    if (x == 0)
        x = load_resources(r, obj, plan);
    return x;
}
