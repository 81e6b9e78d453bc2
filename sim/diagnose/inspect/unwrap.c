/* unwrap.c - takes encodings off: hex, base64, numbers, gzip, and finds things in log text. */
#include "common/enc/enc.h"
#include "sim/diagnose/inspect/inspect-internal.h"
#include "sim/image/gunzip.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    GUNZIP_MAX = 8 << 20, /* of what gzip gives */
    LOG_PARTS = 16,
    PEM_MAX = 64 << 10,
    RUN_MIN = 128, /* shorter runs of hex or base64 in a log are nothing */
};

static json_t *note_encoding(json_t *found, const char *encoding)
{
    json_t *list = json_object_get(found, "encodings");

    if (found && !list) {
        (void)json_object_set_new(found, "encodings", json_array());
        list = json_object_get(found, "encodings");
    }
    if (found)
        (void)json_array_insert_new(list, 0, json_string(encoding));
    return found;
}

/* The text without white space (and without what hex dumps and C arrays put between bytes). */
static int squeeze(struct cmn_bytes text, struct cmn_buf *ret)
{
    int r = cmn_buf_reserve(ret, text.len);

    for (size_t i = 0; r >= 0 && i < text.len; i++)
        if (!isspace(text.data[i]) && text.data[i] != '"')
            ret->data[ret->len++] = text.data[i];
    return r;
}

static size_t span(struct cmn_bytes s, const char *set)
{
    size_t n = 0;

    while (n < s.len && s.data[n] && strchr(set, s.data[n]))
        n++;
    return n;
}

#define HEX "0123456789abcdefABCDEF"
#define B64 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static json_t *try_hex(struct insp *in, struct cmn_bytes s)
{
    auto_buf struct cmn_buf raw = {0};

    if (s.len > 2 && s.data[0] == '0' && s.data[1] == 'x')
        s = cmn_bytes(s.data + 2, s.len - 2);
    if (s.len < 32 || s.len % 2 || span(s, HEX) != s.len ||
        cmn_unhex((const char *)s.data, s.len, &raw, NULL) < 0)
        return NULL;
    return note_encoding(insp_bytes(in, cmn_buf_bytes(&raw)), "hex");
}

static json_t *try_b64(struct insp *in, struct cmn_bytes s)
{
    static const struct {
        enum cmn_b64_kind kind;
        const char *name;
    } kinds[] = {{CMN_B64_STD, "base64"},
                 {CMN_B64_URL, "base64url"},
                 {CMN_B64_URL_PAD, "base64url (padded)"}};

    if (s.len < 16 || span(s, B64 "+/-_=") != s.len)
        return NULL;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++) {
        auto_buf struct cmn_buf raw = {0};
        if (cmn_unb64(kinds[i].kind, (const char *)s.data, s.len, &raw, NULL) < 0)
            continue;
        json_t *found = insp_bytes(in, cmn_buf_bytes(&raw));
        if (found)
            return note_encoding(found, kinds[i].name);
    }
    return NULL;
}

/* [3, 0, 0, ...]: numbers, also with 0x and without brackets. */
static json_t *try_numbers(struct insp *in, struct cmn_bytes s)
{
    auto_buf struct cmn_buf raw = {0};
    const char *p = (const char *)s.data, *end = p + s.len;

    if (s.len < 64 || span(s, HEX "xX,[]{} \t\r\n") != s.len || !memchr(p, ',', s.len))
        return NULL;
    while (p < end) {
        if (!isdigit((unsigned char)*p)) {
            p++;
            continue;
        }
        char digits[8] = "";
        size_t n = 0;
        while (p < end && isxdigit((unsigned char)*p) && n < sizeof(digits) - 1)
            digits[n++] = *p++;
        if (n == 1 && digits[0] == '0' && p < end && (*p == 'x' || *p == 'X')) {
            for (n = 0, p++; p < end && isxdigit((unsigned char)*p) && n < 7;)
                digits[n++] = *p++;
            digits[n] = '\0';
            n = strtoul(digits, NULL, 16);
        } else {
            char *stop;
            n = strtoul(digits, &stop, 10);
            if (*stop)
                return NULL;
        }
        uint8_t byte = (uint8_t)n;
        if (n > 255 || cmn_buf_put(&raw, &byte, 1) < 0)
            return NULL;
    }
    return note_encoding(insp_bytes(in, cmn_buf_bytes(&raw)), "numbers");
}

json_t *insp_encoded(struct insp *in, struct cmn_bytes text)
{
    auto_buf struct cmn_buf s = {0};
    json_t *found = try_numbers(in, text);

    if (!found && squeeze(text, &s) >= 0) {
        found = try_hex(in, cmn_buf_bytes(&s));
        if (!found)
            found = try_b64(in, cmn_buf_bytes(&s));
    }
    return found;
}

json_t *insp_gzip(struct insp *in, struct cmn_bytes data)
{
    auto_buf struct cmn_buf plain = {0};

    if (data.len < 18 || data.data[0] != 0x1f || data.data[1] != 0x8b ||
        sim_gunzip(data, GUNZIP_MAX, &plain, NULL) < 0)
        return NULL;
    return note_encoding(insp_bytes(in, cmn_buf_bytes(&plain)), "gzip");
}

/* ---- log text: one after the other, what is known and begins here ---- */

/* A JSON value that begins at s: its end, by brackets and quotes; 0: none. */
static size_t json_extent(struct insp *in, struct cmn_bytes s)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < s.len && in->work; i++, in->work--) {
        uint8_t c = s.data[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

static json_t *json_here(struct insp *in, struct cmn_bytes rest, size_t *used)
{
    auto_json json_t *json = NULL;
    size_t n = json_extent(in, rest);
    json_t *found = NULL;

    if (n && cmn_json_load(cmn_bytes(rest.data, n), CMN_JSON_MAX_DEPTH, &json, NULL) == 0) {
        found = insp_json(in, json);
        if (!found && rest.data[0] == '[')
            found = try_numbers(in, cmn_bytes(rest.data, n));
        if (found)
            *used = n;
    }
    return found;
}

static json_t *run_here(struct insp *in, struct cmn_bytes rest, size_t *used)
{
    size_t n = span(rest, B64 "+/-_.");
    json_t *found = NULL;

    n += span(cmn_bytes(rest.data + n, rest.len - n < 2 ? rest.len - n : 2), "=");
    struct cmn_bytes s = cmn_bytes(rest.data, n);

    if (n < RUN_MIN)
        return NULL;
    found = insp_emit(in, insp_jws(in, s), s);
    if (!found)
        found = try_hex(in, s);
    if (!found)
        found = try_b64(in, s);
    *used = n; /* nothing can begin inside of it */
    return found;
}

static json_t *pem_here(struct insp *in, struct cmn_bytes rest, size_t *used)
{
    struct cmn_bytes near = cmn_bytes(rest.data, rest.len < PEM_MAX ? rest.len : PEM_MAX);
    const void *end = in->work > near.len ? memmem(near.data, near.len, "-----END ", 9) : NULL;

    in->work -= end || in->work < near.len ? 0 : near.len;
    if (!end)
        return NULL;
    size_t n = (size_t)((const uint8_t *)end - rest.data) + 9;
    while (n < rest.len && rest.data[n] != '\n' && rest.data[n] != '\\')
        n++;
    *used = n;
    return insp_pem(in, cmn_bytes(rest.data, n));
}

static json_t *thing_here(struct insp *in, struct cmn_bytes s, size_t at, size_t *used)
{
    struct cmn_bytes rest = cmn_bytes(s.data + at, s.len - at);
    uint8_t c = s.data[at];

    if (c == '{' || c == '[')
        return json_here(in, rest, used);
    if (c == '-' && rest.len > 11 && memcmp(rest.data, "-----BEGIN ", 11) == 0)
        return pem_here(in, rest, used);
    if (isalnum(c) && (at == 0 || !isalnum(s.data[at - 1])))
        return run_here(in, rest, used);
    return NULL;
}

/* A text that was put into a string (escaped quotes and newlines) is looked at unescaped. */
static int unescape(struct cmn_bytes text, struct cmn_buf *ret)
{
    int r = cmn_buf_reserve(ret, text.len);

    for (size_t i = 0; r >= 0 && i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '\\' && i + 1 < text.len && strchr("\"n\\/", text.data[i + 1]))
            c = text.data[++i] == 'n' ? '\n' : text.data[i];
        ret->data[ret->len++] = c;
    }
    return r;
}

static size_t scan_log(struct insp *in, struct cmn_bytes text, json_t *log)
{
    size_t parts = 0, tries = 0;

    for (size_t at = 0; at < text.len && parts < LOG_PARTS && tries < 4096 && in->budget;) {
        size_t used = 0;
        json_t *found = thing_here(in, text, at, &used);
        tries += text.data[at] == '{' || text.data[at] == '[';
        if (found) {
            sim_view_part(log, found);
            parts++;
        }
        at += used ? used : 1;
    }
    return parts;
}

json_t *insp_log(struct insp *in, struct cmn_bytes text)
{
    json_t *log = sim_view_new("log", "text with known things in it");
    size_t parts = scan_log(in, text, log);

    if (!parts && memmem(text.data, text.len, "\\\"", 2)) {
        auto_buf struct cmn_buf plain = {0};
        if (unescape(text, &plain) >= 0)
            parts = scan_log(in, cmn_buf_bytes(&plain), log);
    }
    if (parts == 0) {
        json_decref(log);
        return NULL;
    }
    if (parts == 1) {
        json_t *only = json_incref(json_array_get(json_object_get(log, "parts"), 0));
        json_decref(log);
        return note_encoding(only, "log text");
    }
    return log;
}
