/* query.c - parameters of a query string; see rest.h. */
#include "common/enc/enc.h"
#include "sim/guest/rest/rest.h"

#include <string.h>

bool rest_query(const char *query, const char *name, struct cmn_buf *ret)
{
    size_t name_len = strlen(name);

    while (*query) {
        size_t len = strcspn(query, "&");
        if (len > name_len && query[name_len] == '=' && strncmp(query, name, name_len) == 0)
            return cmn_form_decode(query + name_len + 1, len - name_len - 1, ret) == 0;
        query += len;
        query += *query == '&';
    }
    return false;
}
