/* config.c - see config.h. */
#include "config.h"

#include "common/rs/cmn-rs.h"
#include "common/yaml/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys that have an effect; what is not here is a warning. */
static const char *const known[] = {
    "http_server.sockets",
    "http_server.insecure_http",
    "http_server.private_key",
    "http_server.certificate",
    "http_server.payload_request_size",
    "attestation_token.insecure_header_jwk",
    "attestation_service.type",
    "attestation_service.timeout",
    "attestation_service.attestation_token_broker.duration_min",
    "admin.authorization_mode",
    "admin.authentication.bearer_jwt.identity_providers",
    "admin.authorization.regex_acl.acls",
    "attestation_service.verifier_config.snp_verifier.vcek_sources",
    "storage_backend.storage_type",
    "storage_backend.backends.local_fs.dir_path",
    "plugins",
    "cocobox.test_roots",
    "cocobox.trust_amd",
    "cocobox.verifier",
    "cocobox.policy_set",
    "cocobox.offline",
    "cocobox.kds_cache",
    "cocobox.crls",
    "cocobox.crl_from_kds",
    "cocobox.crl_required",
    "cocobox.verify_at",
    "cocobox.era",
};

static void warn_unknown(const json_t *obj, const char *prefix, struct cmn_buf *warnings)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)obj, key, value) {
        char path[256];
        bool found = false;
        (void)snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", key);
        if (json_is_object(value)) {
            warn_unknown(value, path, warnings);
            continue;
        }
        for (size_t i = 0; i < CMN_ARRAY_SIZE(known); i++)
            found = found || strcmp(known[i], path) == 0;
        if (!found)
            CMN_IGNORE(
                cmn_buf_printf(warnings, "key '%s' has no effect\n", path)); /* a warning only */
    }
}

/* Value at a dotted path, NULL if absent. */
static json_t *at(json_t *root, const char *path)
{
    char part[64];

    while (root) {
        size_t n = strcspn(path, ".");
        if (n >= sizeof(part))
            return NULL;
        memcpy(part, path, n);
        part[n] = 0;
        root = json_object_get(root, part);
        if (!path[n])
            return root;
        path += n + 1;
    }
    return NULL;
}

static int get_text(json_t *root, const char *path, char **ret, struct cmn_err *err)
{
    const json_t *v = at(root, path);

    if (!v)
        return 0;
    if (!json_is_string(v))
        return cmn_err_set(err, EINVAL, "'%s' is not a string", path);
    free(*ret);
    *ret = strdup(json_string_value(v));
    return *ret ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

static int get_number(json_t *root, const char *path, unsigned max, unsigned *ret,
                      struct cmn_err *err)
{
    const json_t *v = at(root, path);

    if (!v)
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > max)
        return cmn_err_set(err, EINVAL, "'%s' is not a number from 1 to %u", path, max);
    *ret = (unsigned)json_integer_value(v);
    return 0;
}

/* "127.0.0.1:8080" or "[::1]:8080" */
static int split_socket(const char *text, struct kbs_daemon_config *c, struct cmn_err *err)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

    if (!colon || !colon[1] || *end || port > 65535)
        return cmn_err_set(err, EINVAL, "'%.64s' of http_server.sockets is not address:port", text);
    bool bracket = *text == '[' && colon[-1] == ']';
    c->address = strndup(text + bracket, (size_t)(colon - text) - 2 * bracket);
    c->port = (uint16_t)port;
    return c->address ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

static int read_server(json_t *root, struct kbs_daemon_config *c, struct cmn_err *err)
{
    const json_t *sockets = at(root, "http_server.sockets");
    unsigned mib = 2;
    int r;

    if (!json_is_object(at(root, "http_server")))
        return cmn_err_set(err, EINVAL, "missing field `http_server`");
    if (sockets && json_array_size(sockets) != 1)
        return cmn_err_set(err, EINVAL, "'http_server.sockets' must name one socket here");
    const char *socket = sockets ? json_string_value(json_array_get(sockets, 0)) : "127.0.0.1:8080";
    if (!socket)
        return cmn_err_set(err, EINVAL,
                           "'http_server.sockets' holds something that is not a string");
    if ((r = split_socket(socket, c, err)) < 0 ||
        (r = get_number(root, "http_server.payload_request_size", 64, &mib, err)) < 0 ||
        (r = get_text(root, "http_server.certificate", &c->certificate, err)) < 0 ||
        (r = get_text(root, "http_server.private_key", &c->private_key, err)) < 0)
        return r;
    c->body_limit = (size_t)mib << 20;
    c->insecure_http = json_is_true(at(root, "http_server.insecure_http"));
    if (!c->insecure_http && (!c->certificate || !c->private_key))
        return cmn_err_set(
            err, EINVAL, "http_server needs certificate and private_key, or insecure_http = true");
    return 0;
}

static int read_storage(json_t *root, struct kbs_daemon_config *c, struct cmn_err *err)
{
    const char *type = json_string_value(at(root, "storage_backend.storage_type"));

    if (!type || strcmp(type, "Memory") == 0)
        return 0;
    if (strcmp(type, "LocalFs") != 0)
        return cmn_err_set(
            err, EINVAL,
            "storage_backend.storage_type '%.64s' is not supported here: Memory or LocalFs", type);
    c->store_dir = strdup("/opt/confidential-containers/storage/local_fs");
    return get_text(root, "storage_backend.backends.local_fs.dir_path", &c->store_dir, err);
}

/* [[plugins]]: only the resource plugin over the key-value storage is there. */
static void warn_plugin(const json_t *plugin, bool resource, struct cmn_buf *warnings)
{
    const char *name = cmn_json_str(plugin, "name");
    const char *backend = cmn_json_str(plugin, "storage_backend_type"), *key;
    json_t *value;
    int r = 0;

    if (!resource) {
        CMN_IGNORE(cmn_buf_printf(warnings, "plugin '%.64s' has no effect\n", name ? name : "?"));
        return;
    }
    if (backend && strcmp(backend, "kvstorage") != 0)
        r = cmn_buf_printf(warnings, "plugins.storage_backend_type '%.64s' has no effect\n",
                           backend);
    json_object_foreach((json_t *)(uintptr_t)plugin, key, value)
        if (strcmp(key, "name") != 0 && strcmp(key, "storage_backend_type") != 0 && r == 0)
            r = cmn_buf_printf(warnings, "key 'plugins.%.64s' has no effect\n", key);
}

/* Values that upstream knows and that mean something else here. */
static void warn_service(json_t *root, struct cmn_buf *warnings)
{
    const char *type = json_string_value(at(root, "attestation_service.type"));

    if (type && strcmp(type, "coco_as_builtin") != 0)
        CMN_IGNORE(cmn_buf_printf(
            warnings, "attestation_service.type '%.64s' has no effect: it is built in\n", type));
}

static int read_rest(json_t *root, struct kbs_daemon_config *c, struct cmn_err *err)
{
    const json_t *amd = at(root, "cocobox.trust_amd");
    const char *verifier = json_string_value(at(root, "cocobox.verifier"));
    size_t i;
    json_t *plugin;
    int r;

    json_array_foreach(at(root, "plugins"), i, plugin) {
        const char *name = cmn_json_str(plugin, "name");
        bool resource = name && strcmp(name, "resource") == 0;
        c->resource_plugin = c->resource_plugin || resource;
        warn_plugin(plugin, resource, &c->warnings);
    }
    c->insecure_header_jwk = json_is_true(at(root, "attestation_token.insecure_header_jwk"));
    warn_service(root, &c->warnings);
    c->trust_amd = !amd || json_is_true(amd);
    if (verifier && strcmp(verifier, "trustee") != 0 && strcmp(verifier, "strict") != 0)
        return cmn_err_set(err, EINVAL, "cocobox.verifier '%.32s' is not known: trustee or strict",
                           verifier);
    c->strict = verifier && strcmp(verifier, "strict") == 0;
    if ((r = get_text(root, "cocobox.test_roots", &c->test_roots, err)) < 0 ||
        (r = get_text(root, "cocobox.policy_set", &c->policy_set, err)) < 0 ||
        (r = get_text(root, "cocobox.era", &c->era, err)) < 0 ||
        (r = get_number(root, "attestation_service.timeout", 1440, &c->session_minutes, err)) < 0)
        return r;
    return get_number(root, "attestation_service.attestation_token_broker.duration_min", 1440,
                      &c->token_minutes, err);
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);

    return n >= m && strcmp(path + n - m, suffix) == 0;
}

static int parse_toml(const struct cmn_buf *text, json_t **ret, struct cmn_err *err)
{
    char *error = NULL;
    char *json = cmn_rs_toml_to_json((const char *)text->data, text->len, &error);
    int r = json ? cmn_json_load(cmn_bytes(json, strlen(json)), CMN_JSON_MAX_DEPTH, ret, err)
                 : cmn_err_set(err, EBADMSG, "%.800s", error ? error : "not TOML");

    cmn_rs_free(json);
    cmn_rs_free(error);
    return r;
}

static int parse_yaml(const char *path, const struct cmn_buf *text, json_t **ret,
                      struct cmn_err *err)
{
    auto_yaml struct cmn_yaml *doc = NULL;
    int r = cmn_yaml_load(path, cmn_buf_bytes(text), &doc, err);

    if (r < 0)
        return r;
    *ret = json_deep_copy(cmn_yaml_root(doc));
    return *ret ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

/* By the name of the file, as upstream's configuration library chooses. */
static int parse_file(const char *path, json_t **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    int r = cmn_file_read(path, 1 << 20, &text, err);

    if (r < 0)
        return r;
    if (has_suffix(path, ".json"))
        return cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, ret, err);
    if (has_suffix(path, ".yaml") || has_suffix(path, ".yml"))
        return parse_yaml(path, &text, ret, err);
    return parse_toml(&text, ret, err);
}

int kbs_daemon_config_load(const char *path, struct kbs_daemon_config *ret, struct cmn_err *err)
{
    auto_json json_t *root = NULL;
    struct kbs_daemon_config c = {0};
    int r = parse_file(path, &root, err);

    if (r < 0)
        return cmn_err_wrap(err, r, "failed to load configuration file %s", path);
    if (r == 0)
        r = read_server(root, &c, err);
    if (r == 0)
        r = kbs_daemon_admin_read(at(root, "admin"), &c.admin, err);
    if (r == 0)
        r = kbs_daemon_snp_read(root, &c.snp, err);
    if (r == 0)
        r = read_storage(root, &c, err);
    if (r == 0)
        r = read_rest(root, &c, err);
    if (r < 0) {
        kbs_daemon_config_done(&c);
        return cmn_err_wrap(err, r, "failed to load configuration file %s", path);
    }
    warn_unknown(root, "", &c.warnings);
    *ret = c;
    return 0;
}

void kbs_daemon_config_done(struct kbs_daemon_config *c)
{
    free(c->address);
    free(c->certificate);
    free(c->private_key);
    free(c->store_dir);
    kbs_daemon_snp_done(&c->snp);
    kbs_daemon_admin_done(&c->admin);
    free(c->policy_set);
    free(c->era);
    free(c->test_roots);
    cmn_buf_done(&c->warnings);
}
