/* query.c - the query of a URI as a map of strings (application/x-www-form-urlencoded). */
#include "common/enc/enc.h"
#include "internal.h"

#include <string.h>

int kbs_query_parse(const char *query, json_t **ret, struct cmn_err *err)
{
    auto_json json_t *map = json_object();
    int r = map ? 0 : -ENOMEM;

    while (*query && r == 0) {
        auto_buf struct cmn_buf key = {0}, value = {0};
        size_t len = strcspn(query, "&"), eq = strcspn(query, "=");
        if (eq > len)
            eq = len;
        r = cmn_form_decode(query, eq, &key);
        if (r == 0)
            r = eq < len ? cmn_form_decode(query + eq + 1, len - eq - 1, &value)
                         : cmn_buf_puts(&value, "");
        if (r == 0 && len) {
            if (memchr(key.data, 0, key.len))
                return cmn_err_set(err, EINVAL, "a name in the query holds a zero byte");
            json_t *v = json_stringn((const char *)value.data, value.len);
            if (!v || json_object_set_new(map, (const char *)key.data, v) < 0)
                return cmn_err_set(err, EINVAL, "the query is not UTF-8");
        }
        query += len + (query[len] == '&');
    }
    if (r < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret = cmn_take(map);
    return 0;
}
