/* config.c - cdh.toml; see cdh.h and guest-components hub/src/config. */
#include "sim/guest/common/config.h"
#include "sim/guest/cdh/cdh.h"
#include "sim/guest/common/guest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int invalid(struct cmn_err *err, const char *text)
{
    return cmn_err_reason(err, EINVAL, CMN_REASON_CDH_CONFIG_INVALID, "%s", text);
}

/* Copies a string member, or def when it is absent (NULL stays NULL). */
static int take(const json_t *table, const char *key, const char *def, char **ret,
                struct cmn_err *err)
{
    const json_t *value = json_object_get(table, key);

    if (value && !json_is_string(value))
        return cmn_err_reason(err, EINVAL, CMN_REASON_CDH_CONFIG_INVALID,
                              "invalid type of key `%s`, expected a string", key);
    const char *text = value ? json_string_value(value) : def;
    if (text && !(*ret = strdup(text)))
        return cmn_err_set(err, ENOMEM, "no memory");
    return 0;
}

static int check_kbc(const struct cdh_config *c, struct cmn_err *err)
{
    if (strcmp(c->kbc_name, "cc_kbc") == 0 || strcmp(c->kbc_name, "offline_fs_kbc") == 0)
        return 0;
    return cmn_err_reason(err, EINVAL, CMN_REASON_CDH_CONFIG_INVALID,
                          "unknown kbc name %.64s, only support `cc_kbc`(feature `kbs`) and "
                          "`offline_fs_kbc`.",
                          c->kbc_name);
}

/* A list of {resource_uri, path}; serde's words for what is missing. */
static int take_credentials(const json_t *table, json_t **ret, struct cmn_err *err)
{
    json_t *list = json_object_get(table, "credentials"), *row;
    size_t i;

    if (list && !json_is_array(list))
        return invalid(err, "invalid type of key `credentials`, expected a sequence");
    json_array_foreach(list, i, row) {
        if (!cmn_json_str(row, "resource_uri"))
            return invalid(err, "missing field `resource_uri`");
        if (!cmn_json_str(row, "path"))
            return invalid(err, "missing field `path`");
    }
    *ret = json_incref(list);
    return 0;
}

static int from_table(const json_t *table, struct cdh_config *c, struct cmn_err *err)
{
    const json_t *kbc = json_object_get(table, "kbc"), *log = json_object_get(table, "log");
    int r = take(kbc, "name", NULL, &c->kbc_name, err);

    if (r == 0 && !c->kbc_name)
        return invalid(err, "missing configuration field \"kbc.name\"");
    if (r == 0)
        r = take(kbc, "url", "", &c->kbs_url, err);
    if (r == 0)
        r = take(kbc, "kbs_cert", NULL, &c->kbs_cert, err);
    if (r == 0)
        r = take(table, "socket", "unix://" GUEST_CDH_SOCKET, &c->socket, err);
    if (r == 0)
        r = take(json_object_get(table, "aa"), "aa_socket", "unix://" GUEST_AA_SOCKET,
                 &c->aa_socket, err);
    if (r == 0)
        r = take(log, "level", NULL, &c->log_level, err);
    c->skip_sealed_secret_verification =
        json_is_true(json_object_get(table, "skip_sealed_secret_verification"));
    json_t *image = json_object_get(table, "image");
    if (r == 0 && image && !json_is_object(image))
        return invalid(err, "invalid type of key `image`, expected a table");
    c->image = json_incref(image);
    return r < 0 ? r : take_credentials(table, &c->credentials, err);
}

static int from_environment(struct cdh_config *c, struct cmn_err *err)
{
    c->socket = strdup("unix://" GUEST_CDH_SOCKET);
    c->aa_socket = strdup("unix://" GUEST_AA_SOCKET);
    if (!c->socket || !c->aa_socket)
        return cmn_err_set(err, ENOMEM, "no memory");
    return guest_kbc_params(&c->kbc_name, &c->kbs_url, err);
}

int cdh_config_load(const char *path, struct cdh_config *ret, struct cmn_err *err)
{
    auto_json json_t *table = NULL;
    struct cdh_config c = {0};
    int r = path ? guest_config_load(path, &table, err) : from_environment(&c, err);

    if (r == 0 && path)
        r = from_table(table, &c, err);
    if (r == 0)
        r = check_kbc(&c, err);
    if (r < 0) {
        cdh_config_done(&c);
        if (err && err->reason == CMN_REASON_NONE)
            err->reason = CMN_REASON_CDH_CONFIG_INVALID;
        return r;
    }
    assert(c.kbs_url);
    size_t n = strlen(c.kbs_url);
    while (n > 0 && c.kbs_url[n - 1] == '/')
        c.kbs_url[--n] = 0;
    *ret = c;
    return 0;
}

void cdh_config_done(struct cdh_config *config)
{
    free(config->socket);
    free(config->aa_socket);
    free(config->kbc_name);
    free(config->kbs_url);
    free(config->kbs_cert);
    free(config->log_level);
    json_decref(config->image);
    json_decref(config->credentials);
    *config = (struct cdh_config){0};
}
