/* config.c - the attestation agent's configuration file and initdata; see aa.h. */
#include "sim/guest/common/config.h"

#include "common/crypto/crypto.h"
#include "sim/guest/aa/aa.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INITDATA_MAX (2u << 20)

static int bad(struct cmn_err *err, const char *fmt, const char *what)
{
    return cmn_err_reason(err, EBADMSG, CMN_REASON_AA_CONFIG_INVALID,
                          strcmp(fmt, "missing") == 0
                              ? "missing configuration field \"%s\""
                              : "invalid type for configuration field \"%s\"",
                          what);
}

/* A text member of a table: absent is NULL unless required. path is the member's full name. */
static int text_member(const json_t *table, const char *key, const char *path, bool required,
                       const char **ret, struct cmn_err *err)
{
    const json_t *v = json_object_get(table, key);

    if (!v)
        return required ? bad(err, "missing", path) : 0;
    if (!json_is_string(v))
        return bad(err, "type", path);
    *ret = json_string_value(v);
    return 0;
}

static int read_kbs(const json_t *kbs, struct aa_config *c, struct cmn_err *err)
{
    static const char *const known[] = {"ECDH-ES+A256KW-P256", "ECDH-ES+A256KW-P521",
                                        "RSA-OAEP-256"};

    c->key_algorithm = known[0];
    int r = text_member(kbs, "url", "token_configs.kbs.url", true, &c->kbs_url, err);
    if (r == 0)
        r = text_member(kbs, "cert", "token_configs.kbs.cert", false, &c->kbs_cert, err);
    if (r == 0)
        r = text_member(kbs, "tee_key_algorithm", "token_configs.kbs.tee_key_algorithm", false,
                        &c->key_algorithm, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(known); i++)
        if (strcmp(known[i], c->key_algorithm) == 0)
            return 0;
    return cmn_err_reason(err, EBADMSG, CMN_REASON_AA_CONFIG_INVALID,
                          "enum TeeKeyAlgorithm does not have variant constructor %.64s for key "
                          "`token_configs.kbs.tee_key_algorithm`",
                          c->key_algorithm);
}

static int read_file(const char *path, struct aa_config *c, struct cmn_err *err)
{
    int r = guest_config_load(path, &c->json, err);
    if (r < 0) {
        if (err)
            err->reason = CMN_REASON_AA_CONFIG_INVALID;
        return r;
    }
    const json_t *tokens = json_object_get(c->json, "token_configs");
    const json_t *kbs = json_object_get(tokens, "kbs"), *as = json_object_get(tokens, "coco_as");
    const json_t *eventlog = json_object_get(c->json, "eventlog_config");
    const json_t *log = json_object_get(c->json, "log");
    if (kbs && !json_is_object(kbs))
        return bad(err, "type", "token_configs.kbs");
    if (kbs)
        r = read_kbs(kbs, c, err);
    if (r == 0 && as)
        r = text_member(as, "url", "token_configs.coco_as.url", true, &c->as_url, err);
    if (r == 0 && log)
        r = text_member(log, "level", "log.level", false, &c->log_level, err);
    c->enable_eventlog = json_is_true(json_object_get(eventlog, "enable_eventlog"));
    return r;
}

int aa_config_load(const char *path, struct aa_config *ret, struct cmn_err *err)
{
    struct aa_config c = {.key_algorithm = "ECDH-ES+A256KW-P256"};
    int r;

    if (path) {
        r = read_file(path, &c, err);
    } else {
        r = guest_kbc_params(&c.params_kbc, &c.params_uri, err);
        if (r == 0 && strcmp(c.params_kbc, "cc_kbc") == 0)
            c.kbs_url = c.params_uri;
    }
    if (r < 0) {
        aa_config_done(&c);
        return r;
    }
    *ret = c;
    return 0;
}

void aa_config_done(struct aa_config *config)
{
    json_decref(config->json);
    free(config->params_kbc);
    free(config->params_uri);
    *config = (struct aa_config){0};
}

static int digest_of(struct cmn_env *env, const char *algorithm, struct cmn_bytes text,
                     struct cmn_buf *ret, struct cmn_err *err)
{
    static const struct {
        const char *name, *md;
        size_t len;
    } known[] = {
        {"sha256", "SHA256", 32},
        {"sha384", "SHA384", 48},
        {"sha512", "SHA512", 64},
        {"sm3", "SM3", 32},
    };
    for (size_t i = 0; i < CMN_ARRAY_SIZE(known); i++) {
        if (strcasecmp(known[i].name, algorithm) != 0)
            continue;
        int r = cmn_buf_resize(ret, known[i].len);
        return r < 0 ? cmn_err_set(err, -r, "no memory")
                     : cmn_hash(env, known[i].md, text.data, text.len, ret->data, err);
    }
    return cmn_err_reason(err, EINVAL, CMN_REASON_INITDATA_INVALID, "invalid hash algorithm: %.32s",
                          algorithm);
}

/* "file must parse as {version, algorithm, data{string:string}}" */
static const char *initdata_algorithm(const json_t *json)
{
    const json_t *data = json_object_get(json, "data"), *v;
    const char *key;

    if (!cmn_json_str(json, "version") || !json_is_object(data))
        return NULL;
    json_object_foreach((json_t *)(uintptr_t)data, key, v)
        if (!json_is_string(v))
            return NULL;
    return cmn_json_str(json, "algorithm");
}

int aa_initdata_load(struct cmn_env *env, const char *path, struct cmn_buf *ret_toml,
                     struct cmn_buf *ret_digest, struct cmn_err *err)
{
    auto_json json_t *json = NULL;

    int r = cmn_file_read(path, INITDATA_MAX, ret_toml, err);
    if (r < 0)
        return r;
    r = guest_toml_load(cmn_buf_bytes(ret_toml), &json, err);
    if (r < 0) {
        if (err)
            err->reason = CMN_REASON_INITDATA_INVALID;
        return cmn_err_wrap(err, r, "initdata '%.256s'", path);
    }
    const char *algorithm = initdata_algorithm(json);
    if (!algorithm)
        return cmn_err_reason(
            err, EBADMSG, CMN_REASON_INITDATA_INVALID,
            "initdata '%.256s': want version, algorithm and a table data of texts", path);
    return digest_of(env, algorithm, cmn_buf_bytes(ret_toml), ret_digest, err);
}
