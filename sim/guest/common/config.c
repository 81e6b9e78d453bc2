/* config.c - see config.h. */
#include "sim/guest/common/config.h"

#include "common/rs/cmn-rs.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONFIG_MAX (8u << 20)

int guest_toml_load(struct cmn_bytes text, json_t **ret, struct cmn_err *err)
{
    char *error = NULL;

    char *json = cmn_rs_toml_to_json((const char *)text.data, text.len, &error);
    if (!json) {
        int r = cmn_err_set(err, EBADMSG, "%.900s", error ? error : "no memory");
        cmn_rs_free(error);
        return r;
    }
    int r = cmn_json_load(cmn_bytes(json, strlen(json)), CMN_JSON_MAX_DEPTH, ret, err);
    cmn_rs_free(json);
    return r;
}

int guest_config_load(const char *path, json_t **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *json = NULL;
    const char *dot = strrchr(path, '.');

    int r = cmn_file_read(path, CONFIG_MAX, &text, err);
    if (r < 0)
        return r;
    if (dot && strcasecmp(dot, ".json") == 0)
        r = cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, &json, err);
    else if (dot && strcasecmp(dot, ".toml") == 0)
        r = guest_toml_load(cmn_buf_bytes(&text), &json, err);
    else
        r = cmn_err_set(err, EINVAL,
                        "configuration file \"%.256s\" is not of a registered file format", path);
    if (r == 0 && !json_is_object(json))
        r = cmn_err_set(err, EBADMSG, "configuration is no table");
    if (r < 0)
        return cmn_err_wrap(err, r, "%.256s", path);
    *ret = cmn_take(json);
    return 0;
}

/* The value of agent.aa_kbc_params in the kernel's command line; malloc'ed or NULL. */
static char *cmdline_params(void)
{
    static const char key[] = "agent.aa_kbc_params=";
    auto_buf struct cmn_buf text = {0};
    char *save = NULL;

    if (cmn_file_read("/proc/cmdline", 65536, &text, NULL) < 0)
        return NULL;
    for (char *w = strtok_r((char *)text.data, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
        if (strncmp(w, key, sizeof(key) - 1) == 0)
            return strdup(w + sizeof(key) - 1);
    return NULL;
}

int guest_kbc_params(char **ret_kbc, char **ret_uri, struct cmn_err *err)
{
    const char *env = getenv("AA_KBC_PARAMS");
    auto_free char *params = env ? strdup(env) : cmdline_params();
    auto_free char *kbc = NULL;

    if (!params)
        params = strdup("offline_fs_kbc::");
    char *sep = params ? strstr(params, "::") : NULL;
    if (params && (!sep || strstr(sep + 2, "::")))
        return cmn_err_set(err, EINVAL, "illegal aa_kbc_params format: %.256s", params);
    if (sep)
        kbc = strndup(params, (size_t)(sep - params));
    char *uri = kbc ? strdup(sep + 2) : NULL;
    if (!uri)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret_kbc = cmn_take(kbc);
    *ret_uri = uri;
    return 0;
}
