/* credentials.c - the files that cdh.toml's [[credentials]] ask for, fetched before the hub serves;
 * see cdh.h. */
#include "sim/guest/cdh/cdh.h"

#include <stdlib.h>
#include <string.h>

#define CREDENTIALS_DIR "/run/confidential-containers/cdh/kbs"

static bool has_dot_part(const char *path)
{
    while (*path) {
        size_t n = strcspn(path, "/");
        if ((n == 1 && path[0] == '.') || (n == 2 && path[0] == '.' && path[1] == '.'))
            return true;
        path += n + (path[n] == '/');
    }
    return false;
}

bool cdh_credential_path_ok(const char *path)
{
    size_t n = strlen(CREDENTIALS_DIR);

    return strncmp(path, CREDENTIALS_DIR, n) == 0 && path[n] == '/' && path[n + 1] &&
           !has_dot_part(path);
}

static int put(const char *path, const struct cmn_buf *bytes, struct cmn_err *err)
{
    auto_free char *folder = strdup(path);

    if (!folder)
        return cmn_err_set(err, ENOMEM, "no memory");
    *strrchr(folder, '/') = '\0';
    int r = cmn_mkdir_p(folder, 0755, err);
    return r < 0 ? r : cmn_file_write(path, bytes->data, bytes->len, 0644, err);
}

static int fetch(struct cdh *cdh, const json_t *row, struct cmn_err *err)
{
    auto_buf_secret struct cmn_buf bytes = {0};
    const char *uri = cmn_json_str(row, "resource_uri"), *path = cmn_json_str(row, "path");

    if (!cdh_credential_path_ok(path))
        return cmn_err_reason(err, EINVAL, CMN_REASON_CDH_CONFIG_INVALID,
                              "illegal path to put credential : %.256s", path);
    int r = cdh_resource_get(cdh, uri, &bytes, err);
    return r < 0 ? r : put(path, &bytes, err);
}

int cdh_credentials_fetch(struct cdh *cdh, struct cmn_err *err)
{
    const json_t *row;
    size_t i;

    json_array_foreach(cdh->config.credentials, i, row) {
        int r = fetch(cdh, row, err);
        if (r < 0)
            return cmn_err_wrap(err, r, "init Hub failed");
    }
    return 0;
}
