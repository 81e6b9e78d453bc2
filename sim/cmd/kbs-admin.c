/* kbs-admin.c - see kbs-admin.h. */
#include "sim/cmd/kbs-admin.h"

#include <openssl/evp.h>
#include <string.h>

enum { PEM_MAX = 1 << 20 };

int sim_kbs_admin_read(struct cmn_env *env, const char *file,
                       const struct conf_admin_claims *claims, EVP_PKEY **ret_key, char **ret_token,
                       struct cmn_err *err)
{
    auto_buf_secret struct cmn_buf text = {0};
    auto_pkey EVP_PKEY *key = NULL;
    int r = cmn_file_read(file, PEM_MAX, &text, err);

    if (r < 0)
        return r;
    const char *begin = text.data ? (const char *)text.data : "";
    if (!strstr(begin, "-----BEGIN")) {
        *ret_token = strndup(begin, strcspn(begin, " \r\n\t"));
        return *ret_token ? 0 : cmn_err_set(err, ENOMEM, "no memory");
    }
    r = cmn_pkey_from_pem(env, cmn_buf_bytes(&text), &key, err);
    if (r == 0)
        r = conf_admin_token(env, key, claims, ret_token, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "%s", file);
    if (ret_key)
        *ret_key = cmn_take(key);
    return 0;
}
