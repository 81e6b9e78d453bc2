/* json.c - bounded loading and plain dumping; see json.h. */
#include "common/json/json.h"

#include <stdlib.h>
#include <string.h>

void cmn_json_cleanup(json_t **json)
{
    json_decref(*json);
}

/* Depth of the text, counted before parsing: cheap, and parsing itself can then not recurse deeper.
 */
static unsigned text_depth(struct cmn_bytes text)
{
    unsigned depth = 0, deepest = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > deepest)
                deepest = depth;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return deepest;
}

int cmn_json_load(struct cmn_bytes text, unsigned max_depth, json_t **ret, struct cmn_err *err)
{
    json_error_t e;
    unsigned depth = text_depth(text);

    if (depth > max_depth)
        return cmn_err_set(err, EBADMSG, "JSON is nested %u deep, at most %u is allowed", depth,
                           max_depth);
    json_t *json =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!json)
        return cmn_err_set(err, EBADMSG, "invalid JSON at line %d column %d: %s", e.line, e.column,
                           e.text);
    *ret = json;
    return 0;
}

char *cmn_json_dump(const json_t *json)
{
    return json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
}

json_t *cmn_json_text(const char *s)
{
    json_t *v = json_string(s);

    if (v)
        return v;
    char *copy = strdup(s);
    if (!copy)
        return NULL;
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    v = json_string(copy);
    free(copy);
    return v;
}

const char *cmn_json_str(const json_t *obj, const char *key)
{
    return json_string_value(json_object_get(obj, key));
}

json_int_t cmn_json_int(const json_t *obj, const char *key, json_int_t def)
{
    const json_t *v = json_object_get(obj, key);
    return json_is_integer(v) ? json_integer_value(v) : def;
}
