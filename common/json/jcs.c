/* jcs.c - JSON Canonicalization Scheme, RFC 8785; see json.h. */
#include "common/json/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The first UTF-16 code unit of the UTF-8 character at s (jansson strings are valid UTF-8). */
static unsigned utf16_unit(const unsigned char *s)
{
    if (s[0] < 0x80)
        return s[0];
    if (s[0] < 0xe0)
        return (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
    if (s[0] < 0xf0)
        return (s[0] & 0xfu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    unsigned cp = (s[0] & 7u) << 18 | (s[1] & 0x3fu) << 12 | (s[2] & 0x3fu) << 6 | (s[3] & 0x3fu);
    return 0xd800 + ((cp - 0x10000) >> 10);
}

/* RFC 8785 3.2.3: "sorted based on their UTF-16 code units". */
static int key_compare(const void *pa, const void *pb)
{
    const unsigned char *a = *(const unsigned char *const *)pa;
    const unsigned char *b = *(const unsigned char *const *)pb;
    const unsigned char *a0 = a;

    while (*a && *a == *b)
        a++, b++;
    /* back to the start of the character in which they differ */
    while (a > a0 && (*a & 0xc0) == 0x80)
        a--, b--;
    unsigned ua = *a ? utf16_unit(a) : 0, ub = *b ? utf16_unit(b) : 0;
    if (ua != ub)
        return ua < ub ? -1 : 1;
    return strcmp((const char *)a, (const char *)b);
}

static int put_string(const char *s, size_t len, struct cmn_buf *ret)
{
    int r = cmn_buf_put(ret, "\"", 1);

    for (size_t i = 0; i < len && r == 0; i++) {
        unsigned char c = (unsigned char)s[i];
        const char *short_form = NULL;
        switch (c) {
        case '"':
            short_form = "\\\"";
            break;
        case '\\':
            short_form = "\\\\";
            break;
        case '\b':
            short_form = "\\b";
            break;
        case '\f':
            short_form = "\\f";
            break;
        case '\n':
            short_form = "\\n";
            break;
        case '\r':
            short_form = "\\r";
            break;
        case '\t':
            short_form = "\\t";
            break;
        default:
            break;
        }
        if (short_form)
            r = cmn_buf_puts(ret, short_form);
        else if (c < 0x20)
            r = cmn_buf_printf(ret, "\\u%04x", c);
        else
            r = cmn_buf_put(ret, &c, 1);
    }
    return r == 0 ? cmn_buf_put(ret, "\"", 1) : r;
}

static int put(const json_t *json, unsigned depth, struct cmn_buf *ret, struct cmn_err *err);

static int put_object(const json_t *json, unsigned depth, struct cmn_buf *ret, struct cmn_err *err)
{
    size_t n = json_object_size(json), i = 0;
    auto_free const char **keys = calloc(n + 1, sizeof(*keys));
    const char *key;
    json_t *value;

    if (!keys)
        return -ENOMEM;
    json_object_foreach((json_t *)json, key, value)
        keys[i++] = key;
    qsort(keys, n, sizeof(*keys), key_compare);
    int r = cmn_buf_put(ret, "{", 1);
    for (i = 0; i < n && r == 0; i++) {
        if (i)
            r = cmn_buf_put(ret, ",", 1);
        if (r == 0)
            r = put_string(keys[i], strlen(keys[i]), ret);
        if (r == 0)
            r = cmn_buf_put(ret, ":", 1);
        if (r == 0)
            r = put(json_object_get(json, keys[i]), depth + 1, ret, err);
    }
    return r == 0 ? cmn_buf_put(ret, "}", 1) : r;
}

static int put_array(const json_t *json, unsigned depth, struct cmn_buf *ret, struct cmn_err *err)
{
    int r = cmn_buf_put(ret, "[", 1);

    for (size_t i = 0; i < json_array_size(json) && r == 0; i++) {
        if (i)
            r = cmn_buf_put(ret, ",", 1);
        if (r == 0)
            r = put(json_array_get(json, i), depth + 1, ret, err);
    }
    return r == 0 ? cmn_buf_put(ret, "]", 1) : r;
}

static int put(const json_t *json, unsigned depth, struct cmn_buf *ret, struct cmn_err *err)
{
    if (depth > CMN_JSON_MAX_DEPTH)
        return cmn_err_set(err, EBADMSG, "JSON is nested more than %d deep", CMN_JSON_MAX_DEPTH);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return put_object(json, depth, ret, err);
    case JSON_ARRAY:
        return put_array(json, depth, ret, err);
    case JSON_STRING:
        return put_string(json_string_value(json), json_string_length(json), ret);
    case JSON_INTEGER:
        return cmn_buf_printf(ret, "%" PRId64, (int64_t)json_integer_value(json));
    case JSON_TRUE:
        return cmn_buf_puts(ret, "true");
    case JSON_FALSE:
        return cmn_buf_puts(ret, "false");
    case JSON_NULL:
        return cmn_buf_puts(ret, "null");
    default:
        return cmn_err_set(err, ENOTSUP, "a real number has no canonical form here");
    }
}

int cmn_json_jcs(const json_t *json, struct cmn_buf *ret, struct cmn_err *err)
{
    int r = put(json, 0, ret, err);
    return r == -ENOMEM ? cmn_err_set(err, ENOMEM, "no memory") : r;
}
