/* kbs.c - the key broker's side: kbs-config, reference values, registry credentials. Facts: trustee
 * 78962cd. */
#include "common/enc/enc.h"
#include "sim/diagnose/lint/lint-internal.h"
#include "sim/diagnose/reference-values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keys of older releases at the top, with what they became. */
static const struct {
    const char *key, *now;
} old_keys[] = {
    {"sockets", "[http_server] sockets"},
    {"auth_public_key", "[admin]"},
    {"insecure_http", "[http_server] insecure_http"},
    {"insecure_api", "[admin] authorization_mode"},
    {"attestation_token_config", "[attestation_token]"},
    {"repository_config", "[[plugins]] with name = \"resource\""},
    {"policy_engine", "[storage_backend]"},
    {"policy_engine_config", "[storage_backend]"},
    {"as_config_file_path", "[attestation_service]"},
    {"grpc_config", "[attestation_service] type = \"coco_as_grpc\""},
};

static void lint_http(const struct lint_doc *d, const json_t *http)
{
    static const char *const keys[] = {"sockets",     "insecure_http",   "private_key",
                                       "certificate", "worker_count",    "payload_request_size",
                                       "tls_profile", "tls_min_version", "tls_max_version",
                                       "tls_ciphers", "tls_groups"};
    bool plain = json_is_true(json_object_get(http, "insecure_http"));
    unsigned line = lint_line(d, "[http_server]");

    if (!http) {
        lint_error(d, d->first_line, CMN_REASON_KBS_CONFIG_INVALID, "add [http_server]",
                   "the KBS does not start: no [http_server]");
        return;
    }
    lint_keys(d, http, "[http_server]", keys, CMN_ARRAY_SIZE(keys));
    if (!plain && (!cmn_json_str(http, "private_key") || !cmn_json_str(http, "certificate")))
        lint_error(d, line, CMN_REASON_KBS_CONFIG_INVALID,
                   "give private_key and certificate, or insecure_http = true",
                   "HTTPS without private_key and certificate");
    if (plain && cmn_json_str(http, "private_key"))
        lint_warn(d, line, CMN_REASON_NONE, "remove one of them",
                  "private_key is given, but insecure_http = true wins");
    if (json_object_get(http, "sockets") && !json_is_array(json_object_get(http, "sockets")))
        lint_error(d, lint_line(d, "sockets"), CMN_REASON_KBS_CONFIG_INVALID,
                   "write sockets = [\"0.0.0.0:8080\"]", "sockets is not a list");
    lint_fact(d, line, "kbs-http", plain ? "http" : "https", NULL);
}

static void lint_admin(const struct lint_doc *d, const json_t *admin)
{
    static const char *const modes[] = {"InsecureAllowAll", "DenyAll",
                                        "AuthenticatedAuthorization"};
    const char *mode = cmn_json_str(admin, "authorization_mode");
    bool known = false;

    if (!admin) {
        lint_error(d, d->first_line, CMN_REASON_KBS_CONFIG_INVALID,
                   "add [admin] authorization_mode = \"DenyAll\"",
                   "the KBS does not start: no [admin]");
        return;
    }
    for (size_t i = 0; mode && i < CMN_ARRAY_SIZE(modes); i++)
        known = known || strcmp(mode, modes[i]) == 0;
    unsigned line = lint_line(d, mode ? mode : "[admin]");
    if (mode && !known)
        lint_error(d, line, CMN_REASON_KBS_CONFIG_INVALID,
                   "use InsecureAllowAll, DenyAll or AuthenticatedAuthorization",
                   "authorization_mode '%.64s' is not known", mode);
    if (mode && strcmp(mode, "InsecureAllowAll") == 0)
        lint_warn(d, line, CMN_REASON_NONE, "use AuthenticatedAuthorization or DenyAll",
                  "everybody who reaches the KBS may change secrets and policies");
    if (json_object_get(admin, "auth_public_key") || json_object_get(admin, "insecure_api"))
        lint_error(d, lint_line(d, "[admin]"), CMN_REASON_KBS_CONFIG_INVALID,
                   "use authorization_mode (since 0.21)", "[admin] is of a release before 0.16");
    if (mode && strcmp(mode, "AuthenticatedAuthorization") == 0) {
        const json_t *idps =
            json_object_get(json_object_get(json_object_get(admin, "authentication"), "bearer_jwt"),
                            "identity_providers");
        size_t i;
        json_t *acl;
        if (!json_array_size(idps))
            lint_error(d, line, CMN_REASON_KBS_CONFIG_INVALID,
                       "add [admin.authentication.bearer_jwt] identity_providers",
                       "AuthenticatedAuthorization without an identity provider");
        json_array_foreach(
            json_object_get(json_object_get(json_object_get(admin, "authorization"), "regex_acl"),
                            "acls"),
            i, acl) {
            const char *re = cmn_json_str(acl, "allowed_endpoints");
            if (re && (strncmp(re, "^/kbs", 5) != 0 || re[strlen(re) - 1] != '$'))
                lint_error(d, lint_line(d, re), CMN_REASON_ADMIN_DENIED, "write ^/kbs...$",
                           "allowed_endpoints '%.128s' must begin with ^/kbs and end with $", re);
        }
    }
}

static void lint_token(const struct lint_doc *d, const json_t *token, const json_t *service)
{
    static const char *const keys[] = {"trusted_certs_paths", "trusted_jwk_sets",
                                       "extra_teekey_paths", "insecure_header_jwk",
                                       "attestation_token_type"};
    const json_t *signer =
        json_object_get(json_object_get(service, "attestation_token_broker"), "signer");
    bool insecure = json_is_true(json_object_get(token, "insecure_header_jwk")) ||
                    json_is_true(json_object_get(token, "insecure_key"));
    bool trusted = json_array_size(json_object_get(token, "trusted_certs_paths")) ||
                   json_array_size(json_object_get(token, "trusted_jwk_sets"));
    unsigned line = lint_line(d, "[attestation_token]");

    if (json_object_get(token, "insecure_key"))
        lint_error(d, lint_line(d, "insecure_key"), CMN_REASON_TOKEN_SIGNER_UNTRUSTED,
                   "write insecure_header_jwk (since 0.21), or check the release",
                   "insecure_key was renamed: it has no effect any more");
    else
        lint_keys(d, token, "[attestation_token]", keys, CMN_ARRAY_SIZE(keys));
    if (!insecure && !trusted)
        lint_error(d, line, CMN_REASON_TOKEN_SIGNER_UNTRUSTED,
                   "give trusted_certs_paths (and a signer), or insecure_header_jwk = true",
                   "no token will verify: nothing is trusted and insecure_header_jwk is off");
    if (trusted && service && !signer && !cmn_json_str(service, "as_addr"))
        lint_error(
            d, line, CMN_REASON_TOKEN_SIGNER_UNTRUSTED,
            "give [attestation_service.attestation_token_broker.signer] key_path and cert_path",
            "trusted certificates are given, but tokens are signed with an ephemeral key");
}

static void lint_plugins(const struct lint_doc *d, const json_t *plugins)
{
    bool resource = false;
    size_t i;
    json_t *each;

    json_array_foreach(plugins, i, each) {
        const char *name = cmn_json_str(each, "name");
        if (!name || strcmp(name, "resource") != 0)
            continue;
        resource = true;
        if (cmn_json_str(each, "type") && !cmn_json_str(each, "storage_backend_type"))
            lint_error(d, lint_line(d, "[[plugins]]"), CMN_REASON_PLUGIN_NOT_FOUND,
                       "write storage_backend_type (since 0.20)",
                       "plugin resource: type was renamed to storage_backend_type");
        else if (!cmn_json_str(each, "storage_backend_type"))
            lint_error(d, lint_line(d, "[[plugins]]"), CMN_REASON_KBS_CONFIG_INVALID,
                       "add storage_backend_type = \"kvstorage\"",
                       "plugin resource has no storage_backend_type");
    }
    if (!resource)
        lint_error(d, d->first_line, CMN_REASON_PLUGIN_NOT_FOUND,
                   "add [[plugins]] name = \"resource\" with storage_backend_type = \"kvstorage\"",
                   "no plugin resource: every secret is answered with 404");
}

bool lint_kbs_config(const struct lint_doc *d, const json_t *toml)
{
    static const char *const keys[] = {"http_server",       "admin",
                                       "attestation_token", "attestation_service",
                                       "storage_backend",   "session_storage_type",
                                       "plugins",           "cocobox"};
    static const char *const types[] = {"coco_as_builtin", "coco_as_grpc", "intel_ta"};
    const json_t *service = json_object_get(toml, "attestation_service");
    const char *type = cmn_json_str(service, "type");
    bool known = !type, old = false;

    if (!json_is_object(toml) ||
        (!json_object_get(toml, "http_server") && !service && !json_object_get(toml, "plugins") &&
         !json_object_get(toml, "attestation_token") &&
         !json_object_get(toml, "repository_config")))
        return false;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(old_keys); i++)
        if (json_object_get(toml, old_keys[i].key)) {
            char fix[160];
            (void)snprintf(fix, sizeof(fix), "write %s", old_keys[i].now);
            lint_error(d, lint_line(d, old_keys[i].key), CMN_REASON_KBS_CONFIG_INVALID, fix,
                       "'%s' is of an older release", old_keys[i].key);
            old = true;
        }
    if (!old)
        lint_keys(d, toml, "kbs-config", keys, CMN_ARRAY_SIZE(keys));
    lint_http(d, json_object_get(toml, "http_server"));
    lint_admin(d, json_object_get(toml, "admin"));
    lint_token(d, json_object_get(toml, "attestation_token"), service);
    lint_plugins(d, json_object_get(toml, "plugins"));
    for (size_t i = 0; i < CMN_ARRAY_SIZE(types); i++)
        known = known || strcmp(type, types[i]) == 0;
    if (!known)
        lint_error(d, lint_line(d, type), CMN_REASON_KBS_CONFIG_INVALID,
                   "use coco_as_builtin, coco_as_grpc or intel_ta",
                   "[attestation_service] type '%.64s' is not known", type);
    if (!json_object_get(toml, "storage_backend"))
        lint_warn(d, d->first_line, CMN_REASON_RESOURCE_NOT_FOUND,
                  "add [storage_backend] storage_type = \"LocalFs\"",
                  "storage is in memory: policies, values and secrets are gone after a restart");
    return true;
}

/* ---- reference values ---- */

static void lint_value(const struct lint_doc *d, const char *name, const json_t *value)
{
    const char *inner_name = cmn_json_str(value, "name"),
               *until = cmn_json_str(value, "expiration");
    unsigned line = lint_line(d, name);

    if (!inner_name || !until || !json_object_get(value, "value"))
        lint_error(d, line, CMN_REASON_RVPS_FILE_IGNORED, "give name, expiration and value",
                   "reference value '%.64s' lacks name, expiration or value", name);
    else if (strcmp(inner_name, name) != 0)
        lint_error(d, line, CMN_REASON_RVPS_VALUE_UNKNOWN, "use one name",
                   "reference value '%.64s' calls itself '%.64s' inside", name, inner_name);
    if (json_is_array(json_object_get(value, "value")) &&
        json_array_size(json_object_get(value, "value")) == 0)
        lint_warn(d, line, CMN_REASON_POLICY_REFERENCE_VALUE_MISSING, "add the value",
                  "reference value '%.64s' is an empty list", name);
    lint_fact(d, line, "reference-value", name, NULL);
}

static void lint_encoded_value(const struct lint_doc *d, const char *name, const json_t *encoded)
{
    const char *text = json_string_value(encoded);
    auto_json json_t *value = NULL;

    if (!sim_reference_record(encoded, &value)) {
        lint_error(d, lint_line(d, name), CMN_REASON_RVPS_FILE_IGNORED,
                   "write base64 of {\"name\", \"expiration\", \"value\"}",
                   "reference value '%.64s' is not base64 of JSON", name);
        return;
    }
    if (strpbrk(text, "+/"))
        lint_warn(d, lint_line(d, name), CMN_REASON_RVPS_FILE_IGNORED,
                  "use the URL alphabet (- and _)",
                  "reference value '%.64s' holds + or /: the KBS reads the URL alphabet", name);
    lint_value(d, name, value);
}

bool lint_reference_values(const struct lint_doc *d, const json_t *json)
{
    const char *name;
    json_t *value;
    size_t i, records = 0, encoded = 0;

    json_array_foreach(json, i, value)
        records += cmn_json_str(value, "name") && json_object_get(value, "value");
    if (json_is_array(json) && records && records == json_array_size(json)) {
        lint_warn(d, d->first_line, CMN_REASON_RVPS_FILE_IGNORED,
                  "use the map of names with base64 values",
                  "the list form is of older operators; newer ones convert it once");
        json_array_foreach(json, i, value)
            lint_value(d, cmn_json_str(value, "name"), value);
        return true;
    }
    json_object_foreach((json_t *)json, name, value) {
        auto_json json_t *inner = NULL;
        encoded += sim_reference_record(value, &inner);
        records += json_object_get(value, "value") && json_object_get(value, "expiration");
    }
    bool named = strstr(d->file, "reference") || strstr(d->file, "rvps");
    if (!json_is_object(json) || (!encoded && !records && !(named && json_object_size(json))))
        return false;
    json_object_foreach((json_t *)json, name, value) {
        if (json_is_string(value)) {
            lint_encoded_value(d, name, value);
            continue;
        }
        lint_error(d, lint_line(d, name), CMN_REASON_RVPS_FILE_IGNORED,
                   "encode the record as base64",
                   "reference value '%.64s' is not encoded: it is not read", name);
        lint_fact(d, lint_line(d, name), "reference-value", name, NULL);
    }
    return true;
}

bool lint_auth_json(const struct lint_doc *d, const json_t *json)
{
    const char *host;
    json_t *entry;

    if (!json_is_object(json_object_get(json, "auths")))
        return false;
    json_object_foreach(json_object_get(json, "auths"), host, entry) {
        const char *auth = cmn_json_str(entry, "auth");
        auto_buf struct cmn_buf raw = {0};
        if (!auth)
            lint_error(d, lint_line(d, host), CMN_REASON_IMAGE_UNAUTHORIZED,
                       "add auth = base64(user:password)",
                       "'%.128s' has no auth: the guest reads only that", host);
        else if (cmn_unb64(CMN_B64_STD, auth, strlen(auth), &raw, NULL) < 0 ||
                 !memchr(raw.data, ':', raw.len))
            lint_error(d, lint_line(d, host), CMN_REASON_IMAGE_AUTH_INVALID,
                       "write base64(user:password)",
                       "auth of '%.128s' is not base64 of user:password", host);
    }
    if (d->text.len > 12288)
        lint_error(d, d->first_line, CMN_REASON_IMAGE_AUTH_TOO_LARGE,
                   "keep only the registries that are needed",
                   "%zu bytes: more than 12288 are not handed to the guest", d->text.len);
    return true;
}
