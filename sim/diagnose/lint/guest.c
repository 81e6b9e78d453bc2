/* guest.c - what the guest reads: initdata, aa.toml, cdh.toml. Facts: guest-components 8246e5e,
 * CAA. */
#include "common/enc/enc.h"
#include "sim/diagnose/lint/lint-internal.h"
#include "sim/image/gunzip.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INITDATA_MAX = 1 << 20, USERDATA_MAX = 64 << 10 };

void lint_kbs_url(const struct lint_doc *d, const char *what, const char *given)
{
    const char *url = given ? given : ""; /* [kbc] without url is an empty one */
    unsigned line = lint_line(d, *url ? url : "url");
    const char *host = strstr(url, "://");

    if (!*url) {
        lint_error(d, line, CMN_REASON_KBS_URL_INVALID, "write the URL of the Trustee route",
                   "%s: the URL is empty", what);
        return;
    }
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        lint_error(d, line, CMN_REASON_KBS_URL_INVALID, "begin it with https:// or http://",
                   "%s: '%.128s' has no scheme", what, url);
        return;
    }
    if (strchr(url, ' ') || strchr(url, '<'))
        lint_error(d, line, CMN_REASON_KBS_URL_INVALID, "put the real host in",
                   "%s: '%.128s' still holds a blank or a placeholder", what, url);
    if (strstr(url, "/kbs/v0"))
        lint_error(d, line, CMN_REASON_KBS_HTTP_NOT_FOUND, "end it after host and port",
                   "%s: '%.128s' holds a path; the client adds /kbs/v0 itself", what, url);
    if (host)
        lint_fact(d, line, "kbs-url", url, json_pack("{s:s}", "what", what));
}

void lint_resource_uri(const struct lint_doc *d, const char *what, const char *uri)
{
    unsigned parts = 0;
    const char *p = uri;
    bool bad = strncmp(uri, "kbs://", 6) != 0;

    if (!bad) {
        p = strchr(uri + 6, '/');
        for (bad = !p; p && *p == '/'; parts++) {
            size_t n = strcspn(++p, "/?#");
            bad = bad || !n || *p == '.';
            for (size_t i = 0; i < n; i++)
                bad = bad || !(isalnum((unsigned char)p[i]) || strchr("_-.", p[i]));
            p += n;
        }
    }
    if (bad || parts != 3)
        lint_error(d, lint_line(d, uri), CMN_REASON_RESOURCE_PATH_INVALID,
                   "write kbs:///repository/type/tag", "%s: '%.128s' is no resource URI", what,
                   uri);
    else
        lint_fact(d, lint_line(d, uri), "resource", strchr(uri + 6, '/') + 1,
                  json_pack("{s:s}", "what", what));
}

static void lint_aa_kbs(const struct lint_doc *d, const json_t *kbs)
{
    static const char *const keys[] = {"url", "cert", "tee_key_algorithm"};
    const char *url = cmn_json_str(kbs, "url"), *cert = cmn_json_str(kbs, "cert");
    const char *algorithm = cmn_json_str(kbs, "tee_key_algorithm");

    lint_keys(d, kbs, "[token_configs.kbs]", keys, CMN_ARRAY_SIZE(keys));
    if (!url)
        lint_error(d, lint_line(d, "token_configs"), CMN_REASON_AA_CONFIG_INVALID,
                   "add url = '...'", "[token_configs.kbs] has no url");
    else
        lint_kbs_url(d, "aa.toml", url);
    lint_fact(d, lint_line(d, "cert"), "aa-cert", cert ? cert : "", NULL);
    if (cert)
        lint_cert_text(d, "aa.toml cert", cert);
    if (cert && url && strncmp(url, "http://", 7) == 0)
        lint_warn(d, lint_line(d, url), CMN_REASON_NONE, "write https://",
                  "a certificate is given, but the URL is plain HTTP");
    if (algorithm && strcmp(algorithm, "ECDH-ES+A256KW-P256") != 0 &&
        strcmp(algorithm, "ECDH-ES+A256KW-P521") != 0 && strcmp(algorithm, "RSA-OAEP-256") != 0)
        lint_error(d, lint_line(d, algorithm), CMN_REASON_RESOURCE_TEE_KEY_UNSUPPORTED,
                   "use ECDH-ES+A256KW-P256", "tee_key_algorithm '%.64s' is not known", algorithm);
}

bool lint_aa(const struct lint_doc *d, const json_t *toml)
{
    static const char *const keys[] = {"token_configs", "eventlog_config", "log"};
    static const char *const tokens[] = {"coco_as", "kbs"};
    const json_t *configs = json_object_get(toml, "token_configs");

    if (!configs)
        return false;
    lint_keys(d, toml, "aa.toml", keys, CMN_ARRAY_SIZE(keys));
    lint_keys(d, configs, "[token_configs]", tokens, CMN_ARRAY_SIZE(tokens));
    const json_t *kbs = json_object_get(configs, "kbs");
    if (!kbs)
        lint_error(d, lint_line(d, "token_configs"), CMN_REASON_AA_TOKEN_CONFIG,
                   "add [token_configs.kbs] with url",
                   "no [token_configs.kbs]: no token, so no secret");
    else
        lint_aa_kbs(d, kbs);
    const json_t *as = json_object_get(configs, "coco_as");
    if (as && !cmn_json_str(as, "url"))
        lint_error(d, lint_line(d, "coco_as"), CMN_REASON_AA_CONFIG_INVALID,
                   "add url, or remove the table", "[token_configs.coco_as] has no url");
    return true;
}

static void lint_credentials(const struct lint_doc *d, const json_t *list)
{
    static const char allowed[] = "/run/confidential-containers/cdh/kbs/";
    size_t i;
    json_t *each;

    json_array_foreach(list, i, each) {
        const char *uri = cmn_json_str(each, "resource_uri"), *path = cmn_json_str(each, "path");
        if (uri)
            lint_resource_uri(d, "credentials", uri);
        if (!uri || !path)
            lint_error(d, lint_line(d, "credentials"), CMN_REASON_CDH_CONFIG_INVALID, "give both",
                       "a credential lacks resource_uri or path");
        else if (strncmp(path, allowed, strlen(allowed)) != 0 || strstr(path, "/.."))
            lint_error(d, lint_line(d, path), CMN_REASON_CDH_CREDENTIAL_PATH,
                       "use a path below /run/confidential-containers/cdh/kbs/",
                       "the data hub ends at its start: '%.128s' is outside the allowed folder",
                       path);
    }
}

static void lint_cdh_image(const struct lint_doc *d, const json_t *image)
{
    static const char *const keys[] = {"work_dir",
                                       "max_concurrent_layer_downloads_per_image",
                                       "image_security_policy_uri",
                                       "image_security_policy",
                                       "sigstore_config_uri",
                                       "sigstore_config",
                                       "authenticated_registry_credentials_uri",
                                       "registry_configuration_uri",
                                       "registry_config",
                                       "extra_root_certificates",
                                       "image_pull_proxy"};
    static const char *const uris[] = {"image_security_policy_uri", "sigstore_config_uri",
                                       "authenticated_registry_credentials_uri",
                                       "registry_configuration_uri"};
    const char *inline_policy = cmn_json_str(image, "image_security_policy");

    lint_keys(d, image, "[image]", keys, CMN_ARRAY_SIZE(keys));
    for (size_t i = 0; i < CMN_ARRAY_SIZE(uris); i++) {
        const char *uri = cmn_json_str(image, uris[i]);
        if (uri && strncmp(uri, "kbs://", 6) == 0)
            lint_resource_uri(d, uris[i], uri);
        else if (uri && strncmp(uri, "file://", 7) != 0 && *uri != '/')
            lint_error(d, lint_line(d, uri), CMN_REASON_IMAGE_POLICY_UNAVAILABLE,
                       "use kbs:/// or file://", "%s: scheme of '%.128s' is not supported", uris[i],
                       uri);
    }
    if (inline_policy) {
        auto_json json_t *policy = NULL;
        struct cmn_err err = {0};
        if (cmn_json_load(cmn_bytes(inline_policy, strlen(inline_policy)), 32, &policy, &err) < 0)
            lint_error(d, lint_line(d, "image_security_policy"), CMN_REASON_IMAGE_POLICY_INVALID,
                       "write JSON as in containers-policy.json", "image_security_policy: %s",
                       err.msg);
        else if (!json_object_get(policy, "default") || !json_object_get(policy, "transports"))
            lint_error(d, lint_line(d, "image_security_policy"), CMN_REASON_IMAGE_POLICY_INVALID,
                       "give both default and transports",
                       "image_security_policy lacks default or transports");
    }
}

bool lint_cdh(const struct lint_doc *d, const json_t *toml)
{
    static const char *const keys[] = {
        "socket", "skip_sealed_secret_verification", "aa", "kbc", "credentials", "log", "image"};
    static const char *const kbc_keys[] = {"name", "url", "kbs_cert"};
    const json_t *kbc = json_object_get(toml, "kbc");
    const char *name = cmn_json_str(kbc, "name"), *url = cmn_json_str(kbc, "url");
    const char *cert = cmn_json_str(kbc, "kbs_cert"), *socket = cmn_json_str(toml, "socket");

    if (!kbc && !json_object_get(toml, "image") && !json_object_get(toml, "credentials"))
        return false;
    lint_keys(d, toml, "cdh.toml", keys, CMN_ARRAY_SIZE(keys));
    lint_keys(d, kbc, "[kbc]", kbc_keys, CMN_ARRAY_SIZE(kbc_keys));
    if (!name)
        lint_error(d, lint_line(d, "[kbc]"), CMN_REASON_CDH_CONFIG_INVALID,
                   "add [kbc] name = 'cc_kbc'", "the data hub does not start: [kbc] has no name");
    else if (strcmp(name, "cc_kbc") != 0 && strcmp(name, "offline_fs_kbc") != 0)
        lint_error(d, lint_line(d, name), CMN_REASON_CDH_CONFIG_INVALID, "write cc_kbc",
                   "[kbc] name '%.64s' is neither cc_kbc nor offline_fs_kbc", name);
    else if (strcmp(name, "cc_kbc") == 0)
        lint_kbs_url(d, "cdh.toml", url);
    lint_fact(d, lint_line(d, "[kbc]"), "cdh-cert", cert ? cert : "", NULL);
    if (cert)
        lint_cert_text(d, "cdh.toml kbs_cert", cert);
    if (socket && strcmp(socket, "unix:///run/confidential-containers/cdh.sock") != 0)
        lint_warn(d, lint_line(d, "socket"), CMN_REASON_IMAGE_POLICY_UNAVAILABLE,
                  "leave socket at its default",
                  "image pulls reach the data hub only at its default socket");
    if (json_is_true(json_object_get(toml, "skip_sealed_secret_verification")))
        lint_warn(d, lint_line(d, "skip_sealed"), CMN_REASON_SEALED_SIGNATURE, "remove it",
                  "signatures of sealed secrets are not verified");
    lint_credentials(d, json_object_get(toml, "credentials"));
    if (json_object_get(toml, "image"))
        lint_cdh_image(d, json_object_get(toml, "image"));
    return true;
}

/* A text of the initdata as a document of its own, its lines counted in the outer file. */
static void lint_member(const struct lint_doc *d, const char *key, const char *text,
                        enum cmn_reason reason)
{
    char first[64];
    size_t skip = strspn(text, "\r\n"), n = strcspn(text + skip, "\r\n");
    struct lint_doc inner = {.l = d->l, .file = d->file, .text = cmn_bytes(text, strlen(text))};

    (void)snprintf(first, sizeof(first), "%.*s", (int)(n < 60 ? n : 60), text + skip);
    inner.first_line = lint_line(d, first[0] ? first : key);
    for (size_t i = 0; i < skip; i++) /* TOML drops only one newline after ''' */
        inner.first_line -= text[i] == '\n';
    if (strcmp(key, "policy.rego") == 0) {
        (void)lint_policy(&inner);
        return;
    }
    auto_json json_t *toml = lint_toml(&inner, reason);
    bool known =
        !toml || (strcmp(key, "aa.toml") == 0 ? lint_aa(&inner, toml) : lint_cdh(&inner, toml));
    if (!known)
        lint_error(d, lint_line(d, key), reason,
                   strcmp(key, "aa.toml") == 0 ? "add [token_configs.kbs] with url"
                                               : "add [kbc] with name and url",
                   "%s has none of the tables the guest reads", key);
}

static void lint_initdata_data(const struct lint_doc *d, json_t *data)
{
    const char *key;
    json_t *value;
    bool aa = false;

    json_object_foreach(data, key, value) {
        const char *text = json_string_value(value);
        enum cmn_reason reason = strcmp(key, "aa.toml") == 0 ? CMN_REASON_AA_CONFIG_INVALID
                                                             : CMN_REASON_CDH_CONFIG_INVALID;
        aa = aa || strcmp(key, "aa.toml") == 0;
        if (!text)
            lint_error(d, lint_line(d, key), CMN_REASON_INITDATA_INVALID,
                       "put the file's text in quotes; write \"aa.toml\" with quotes",
                       "[data] '%.64s' is not a text", key);
        else if (strcmp(key, "aa.toml") != 0 && strcmp(key, "cdh.toml") != 0 &&
                 strcmp(key, "policy.rego") != 0)
            lint_warn(d, lint_line(d, key), CMN_REASON_NONE,
                      "use aa.toml, cdh.toml or policy.rego; or leave it if only the digest counts",
                      "[data] '%.64s' is not written into the guest", key);
        else
            lint_member(d, key, text, reason);
    }
    if (!aa)
        lint_warn(d, lint_line(d, "[data]"), CMN_REASON_AA_TOKEN_CONFIG, "add \"aa.toml\"",
                  "no aa.toml: the attestation agent does not start without it");
}

bool lint_initdata(const struct lint_doc *d, const json_t *toml)
{
    json_t *data = json_object_get(toml, "data");
    const char *algorithm = cmn_json_str(toml, "algorithm"),
               *version = cmn_json_str(toml, "version");

    if (!data && !algorithm)
        return false;
    if (!json_is_object(data)) {
        lint_error(d, d->first_line, CMN_REASON_INITDATA_INVALID, "add [data]", "no table [data]");
        return true;
    }
    if (!version || strcmp(version, "0.1.0") != 0)
        lint_error(d, lint_line(d, "version"), CMN_REASON_INITDATA_INVALID,
                   "write version = \"0.1.0\"", "version is %s", version ? version : "missing");
    if (!algorithm)
        lint_error(d, d->first_line, CMN_REASON_INITDATA_INVALID, "write algorithm = \"sha256\"",
                   "algorithm is missing");
    else if (strcmp(algorithm, "sha384") == 0 || strcmp(algorithm, "sha512") == 0)
        lint_warn(d, lint_line(d, algorithm), CMN_REASON_KBS_WORKER_PANIC,
                  "write sha256; the others are cut to 32 bytes on SNP",
                  "algorithm %s ends the worker of Trustee's Azure verifier", algorithm);
    else if (strcmp(algorithm, "sha256") != 0)
        lint_error(d, lint_line(d, algorithm), CMN_REASON_INITDATA_INVALID,
                   "write sha256, sha384 or sha512", "algorithm '%.32s' is not known", algorithm);
    if (memchr(d->text.data, '\r', d->text.len))
        lint_warn(d, lint_line(d, "\r"), CMN_REASON_SNP_HOST_DATA_MISMATCH,
                  "save with plain newlines before the digest is taken",
                  "line ends are CR LF: an editor that changes them changes the digest");
    if (d->text.len > USERDATA_MAX)
        lint_warn(d, d->first_line, CMN_REASON_INITDATA_INVALID, "shorten policy.rego",
                  "%zu bytes: clouds take about 64 KiB of user data", d->text.len);
    lint_initdata_data(d, data);
    return true;
}

void lint_encoded_initdata(const struct lint_doc *d, unsigned line, const char *text)
{
    auto_buf struct cmn_buf packed = {0}, toml = {0};
    auto_free char *squeezed = strdup(text);
    struct cmn_err err = {0};
    size_t n = 0;

    for (const char *p = text; squeezed && *p; p++)
        if (!isspace((unsigned char)*p))
            squeezed[n++] = *p;
    int r = squeezed ? cmn_unb64(CMN_B64_STD, squeezed, n, &packed, &err) : -ENOMEM;
    if (r < 0) {
        lint_error(d, line, CMN_REASON_INITDATA_INVALID, "gzip the TOML, then base64 -w0",
                   "initdata is not base64: %s", err.msg);
        return;
    }
    if (n != strlen(text))
        lint_error(d, line, CMN_REASON_INITDATA_INVALID, "use base64 -w0",
                   "the base64 of the initdata holds white space");
    if (sim_gunzip(cmn_buf_bytes(&packed), INITDATA_MAX, &toml, &err) < 0) {
        lint_error(d, line, CMN_REASON_INITDATA_INVALID, "gzip the TOML, then base64 -w0",
                   "initdata: %s", err.msg);
        return;
    }
    auto_free char *name = NULL;
    if (asprintf(&name, "%s:%u(initdata)", d->file, line) < 0)
        return;
    struct lint_doc inner = {
        .l = d->l, .file = name, .text = cmn_buf_bytes(&toml), .first_line = 1};
    auto_json json_t *json = lint_toml(&inner, CMN_REASON_INITDATA_INVALID);
    if (json && !lint_initdata(&inner, json))
        lint_error(&inner, 1, CMN_REASON_INITDATA_INVALID, "write version, algorithm and [data]",
                   "it is not initdata");
}
