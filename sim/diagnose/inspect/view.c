/* view.c - building and printing of what inspect found; see view.h. */
#include "sim/diagnose/inspect/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 4096 };

static json_t *clean_text(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static json_t *clean_text(const char *fmt, va_list ap)
{
    char text[TEXT_MAX];

    (void)vsnprintf(text, sizeof(text), fmt, ap);
    for (char *p = text; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\n') || (unsigned char)*p > 0x7e)
            *p = '?';
    return json_string(text);
}

static void set(json_t *obj, const char *key, json_t *value)
{
    if (obj && value)
        (void)json_object_set_new(obj, key, value);
    else
        json_decref(value);
}

static json_t *list(json_t *doc, const char *key)
{
    json_t *found = json_object_get(doc, key);

    if (!found && doc) {
        set(doc, key, json_array());
        found = json_object_get(doc, key);
    }
    return found;
}

json_t *sim_view_new(const char *kind, const char *title)
{
    return json_pack("{s:s, s:s}", "kind", kind, "title", title);
}

json_t *sim_view_field(json_t *doc, long offset, size_t size, const char *name, const char *fmt,
                       ...)
{
    json_t *field = json_object(), *fields = list(doc, "fields");
    va_list ap;

    if (offset >= 0) {
        set(field, "offset", json_integer(offset));
        set(field, "size", json_integer((json_int_t)size));
    }
    set(field, "name", json_string(name));
    va_start(ap, fmt);
    set(field, "value", clean_text(fmt, ap));
    va_end(ap);
    if (!fields || json_array_append_new(fields, field) < 0)
        return NULL;
    return field;
}

json_t *sim_view_hex(json_t *doc, long offset, const char *name, const void *data, size_t len)
{
    char text[2 * 256 + 32] = "";
    const uint8_t *p = data;
    size_t n = 0;

    for (size_t i = 0; i < len && i < 256; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%02x", p[i]);
    if (len > 256)
        (void)snprintf(text + n, sizeof(text) - n, "... (%zu bytes)", len);
    return sim_view_field(doc, offset, len, name, "%s", text);
}

void sim_view_meaning(json_t *field, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set(field, "meaning", clean_text(fmt, ap));
    va_end(ap);
}

void sim_view_doubt(json_t *at, enum cmn_reason reason, const char *fmt, ...)
{
    json_t *to = at, *added = NULL;
    va_list ap;

    if (json_object_get(at, "kind")) { /* a document has a list, a field one text */
        to = added = json_object();
    } else if (json_object_get(at, "doubt")) {
        return; /* the first one stays */
    }
    va_start(ap, fmt);
    set(to, "doubt", clean_text(fmt, ap));
    va_end(ap);
    if (reason != CMN_REASON_NONE)
        set(to, "code", json_string(cmn_reason_name(reason)));
    if (added)
        (void)json_array_append_new(list(at, "doubts"), added);
}

void sim_view_part(json_t *doc, json_t *part)
{
    if (part && doc)
        (void)json_array_append_new(list(doc, "parts"), part);
    else
        json_decref(part);
}

size_t sim_view_doubts(const json_t *doc)
{
    size_t n = json_array_size(json_object_get(doc, "doubts")), i;
    json_t *each;

    json_array_foreach(json_object_get(doc, "fields"), i, each)
        n += json_object_get(each, "doubt") != NULL;
    json_array_foreach(json_object_get(doc, "parts"), i, each)
        n += sim_view_doubts(each);
    return n;
}

/* "! text [code]" */
static int text_doubt(const json_t *at, int indent, struct cmn_buf *ret)
{
    const char *doubt = cmn_json_str(at, "doubt"), *code = cmn_json_str(at, "code");

    if (!doubt)
        return 0;
    return cmn_buf_printf(ret, "%*s! %s%s%s%s\n", indent, "", doubt, code ? " [" : "",
                          code ? code : "", code ? "]" : "");
}

static int text_field(const json_t *field, int indent, struct cmn_buf *ret)
{
    json_t *offset = json_object_get(field, "offset");
    const char *meaning = cmn_json_str(field, "meaning");
    char at[32] = "";

    if (offset)
        (void)snprintf(at, sizeof(at), "%03llx+%-4lld ",
                       (unsigned long long)json_integer_value(offset),
                       (long long)cmn_json_int(field, "size", 0));
    int r =
        cmn_buf_printf(ret, "%*s%s%-22s %s%s%s\n", indent, "", at, cmn_json_str(field, "name"),
                       cmn_json_str(field, "value"), meaning ? "  - " : "", meaning ? meaning : "");
    return r < 0 ? r : text_doubt(field, indent + 4, ret);
}

static int text_doc(const json_t *doc, int indent, struct cmn_buf *ret)
{
    size_t i;
    json_t *each;
    int r = cmn_buf_printf(ret, "%*s%s: %s\n", indent, "", cmn_json_str(doc, "kind"),
                           cmn_json_str(doc, "title"));

    json_array_foreach(json_object_get(doc, "fields"), i, each)
        if (r >= 0)
            r = text_field(each, indent + 2, ret);
    json_array_foreach(json_object_get(doc, "doubts"), i, each)
        if (r >= 0)
            r = text_doubt(each, indent + 2, ret);
    json_array_foreach(json_object_get(doc, "parts"), i, each)
        if (r >= 0)
            r = text_doc(each, indent + 2, ret);
    return r;
}

int sim_view_text(const json_t *doc, struct cmn_buf *ret)
{
    return text_doc(doc, 0, ret);
}
