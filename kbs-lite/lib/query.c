/* query.c - the query of a URI as a map of strings (application/x-www-form-urlencoded). */
#include "internal.h"

#include <string.h>

static int hex(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* '+' is a blank; a '%' that begins no escape stays what it is, as the URL standard says. */
static int decode(const char *s, size_t len, struct cmn_buf *ret)
{
    int r = cmn_buf_puts(ret, "");

    for (size_t i = 0; i < len && r == 0; i++) {
        int hi = s[i] == '%' && i + 2 < len ? hex(s[i + 1]) : -1, lo = hi >= 0 ? hex(s[i + 2]) : -1;
        char c = s[i] == '+' ? ' ' : s[i];
        if (lo >= 0) {
            c = (char)(hi << 4 | lo);
            i += 2;
        }
        r = cmn_buf_put(ret, &c, 1);
    }
    return r;
}

int kbs_query_parse(const char *query, json_t **ret, struct cmn_err *err)
{
    auto_json json_t *map = json_object();
    int r = map ? 0 : -ENOMEM;

    while (*query && r == 0) {
        auto_buf struct cmn_buf key = {0}, value = {0};
        size_t len = strcspn(query, "&"), eq = strcspn(query, "=");
        if (eq > len)
            eq = len;
        r = decode(query, eq, &key);
        if (r == 0)
            r = eq < len ? decode(query + eq + 1, len - eq - 1, &value) : cmn_buf_puts(&value, "");
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
