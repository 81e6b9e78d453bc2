/* query.c - parameters of a query string; see rest.h. */
#include "sim/guest/rest/rest.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool decode(const char *p, size_t len, struct cmn_buf *ret)
{
    for (size_t i = 0; i < len; i++) {
        char c = p[i] == '+' ? ' ' : p[i];
        if (c == '%' && i + 2 < len && hex_digit(p[i + 1]) >= 0 && hex_digit(p[i + 2]) >= 0) {
            c = (char)(hex_digit(p[i + 1]) * 16 + hex_digit(p[i + 2]));
            i += 2;
        }
        if (cmn_buf_put(ret, &c, 1) < 0)
            return false;
    }
    return cmn_buf_put(ret, "", 0) == 0;
}

bool rest_query(const char *query, const char *name, struct cmn_buf *ret)
{
    size_t name_len = strlen(name);

    while (*query) {
        size_t len = strcspn(query, "&");
        if (len > name_len && query[name_len] == '=' && strncmp(query, name, name_len) == 0)
            return decode(query + name_len + 1, len - name_len - 1, ret);
        query += len;
        query += *query == '&';
    }
    return false;
}
