/* redact.c - finds secrets in text by their form and by the names before them; see redact.h. */
#include "sim/diagnose/redact.h"

#include "common/enc/enc.h"
#include "sim/image/gunzip.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { ENCODED_MIN = 32, ENCODED_MAX = 4 << 20 };

struct range {
    size_t start, end;
};

struct text {
    const char *s;
    size_t len;
};

/* Does `word` stand at `at`, in any case? */
static bool at_word(struct text t, size_t at, const char *word)
{
    size_t n = strlen(word);

    return t.len - at >= n && strncasecmp(t.s + at, word, n) == 0;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-';
}

static bool is_token(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("._~+/=-", c));
}

static size_t run_of(struct text t, size_t at, bool (*want)(char))
{
    size_t n = 0;

    while (at + n < t.len && want(t.s[at + n]))
        n++;
    return n;
}

static bool is_b64(char c)
{
    return isalnum((unsigned char)c) || c == '+' || c == '/' || c == '=';
}

static bool is_b64url(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '=';
}

/* "Bearer TOKEN": a JWT keeps its readable parts (the next rule takes its signature). */
static bool bearer(struct text t, size_t at, struct range *ret)
{
    if (!at_word(t, at, "bearer "))
        return false;
    size_t start = at + 7, n = run_of(t, start, is_token);
    if (n < 8 || at_word(t, start, "eyJ"))
        return false;
    *ret = (struct range){start, start + n};
    return true;
}

/* header.payload.signature: without its signature nobody can use it, and claims stay readable. */
static bool jwt(struct text t, size_t at, struct range *ret)
{
    if (!at_word(t, at, "eyJ") || (at && is_word(t.s[at - 1])))
        return false;
    size_t one = run_of(t, at, is_b64url), dot = at + one;
    if (dot >= t.len || t.s[dot] != '.')
        return false;
    size_t two = run_of(t, dot + 1, is_b64url), dot2 = dot + 1 + two;
    if (dot2 >= t.len || t.s[dot2] != '.')
        return false;
    size_t start = dot2 + 1, n = run_of(t, start, is_token);
    bool sealed = at >= 7 && strncmp(t.s + at - 7, "sealed.", 7) == 0;
    if (!n && !sealed)
        return false;
    *ret = (struct range){sealed ? at : start, start + n};
    return true;
}

/* Sealed secrets that are no three parts. */
static bool sealed(struct text t, size_t at, struct range *ret)
{
    if (!at_word(t, at, "sealed.") || (at && is_word(t.s[at - 1])))
        return false;
    size_t n = run_of(t, at + 7, is_token);
    if (n < 16)
        return false;
    *ret = (struct range){at + 7, at + 7 + n};
    return true;
}

static bool private_pem(struct text t, size_t at, struct range *ret)
{
    if (!at_word(t, at, "-----BEGIN "))
        return false;
    const char *dashes = memmem(t.s + at + 11, t.len - at - 11, "-----", 5);
    if (!dashes || !memmem(t.s + at, (size_t)(dashes - t.s) - at, "PRIVATE KEY", 11))
        return false;
    size_t start = (size_t)(dashes - t.s) + 5;
    const char *end = memmem(t.s + start, t.len - start, "-----END", 8);
    *ret = (struct range){start, end ? (size_t)(end - t.s) : t.len};
    return true;
}

/* user:password@ in a URL. */
static bool url_password(struct text t, size_t at, struct range *ret)
{
    if (!at_word(t, at, "://"))
        return false;
    size_t i = at + 3, colon = 0;
    for (; i < t.len && !isspace((unsigned char)t.s[i]) && !strchr("/\"'<>", t.s[i]); i++) {
        if (t.s[i] == ':' && !colon)
            colon = i;
        if (t.s[i] == '@' && colon) {
            *ret = (struct range){colon + 1, i};
            return i > colon + 1;
        }
    }
    return false;
}

/* Names whose value is a secret: `whole` ones must not have letters before them. */
static const struct {
    const char *name;
    bool whole;
} names[] = {
    {"password", false},      {"passwd", false},        {"passphrase", false},
    {"client_secret", false}, {"clientsecret", false},  {"secret_key", false},
    {"access_key", false},    {"secretkey", false},     {"api_key", false},
    {"apikey", false},        {"identitytoken", false}, {"registrytoken", false},
    {"access_token", false},  {"refresh_token", false}, {"id_token", false},
    {"admin_token", false},   {"vault_token", false},   {"token", true},
    {"auth", true},           {"authorization", true},  {"kbs-session-id", false},
    {"set-cookie", true},     {"credential", true},     {"client-key-data", true},
};

static size_t skip_blank(struct text t, size_t at)
{
    while (at < t.len && (t.s[at] == ' ' || t.s[at] == '\t'))
        at++;
    return at;
}

static size_t indent_of(struct text t, size_t line)
{
    return skip_blank(t, line) - line;
}

static size_t line_start(struct text t, size_t at)
{
    while (at && t.s[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_end(struct text t, size_t at)
{
    const char *nl = memchr(t.s + at, '\n', t.len - at);

    return nl ? (size_t)(nl - t.s) : t.len;
}

/* The deeper indented lines after the line that holds `at` (a YAML block scalar). */
static struct range block_after(struct text t, size_t at)
{
    size_t own = indent_of(t, line_start(t, at)), start = line_end(t, at), end = start;

    while (end < t.len) {
        size_t line = end + 1, stop = line_end(t, line);
        if (line >= t.len ||
            (stop > line && indent_of(t, line) <= own && stop != skip_blank(t, line)))
            break;
        end = stop;
    }
    return (struct range){start < t.len ? start + 1 : start, end > start ? end : start};
}

/* The value that begins at `at`: quoted, a block scalar, or up to the end of the word or header. */
static struct range value_at(struct text t, size_t at, bool whole_line)
{
    static const char *const quotes[] = {"\"\"\"", "'''", "\\\"", "\"", "'"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(quotes); i++) {
        size_t n = strlen(quotes[i]);
        if (t.len - at < n || memcmp(t.s + at, quotes[i], n) != 0)
            continue;
        size_t end = at + n;
        while (end < t.len && (t.len - end < n || memcmp(t.s + end, quotes[i], n) != 0))
            end += t.s[end] == '\\' && n == 1 && end + 1 < t.len ? 2 : 1;
        return (struct range){at + n, end < t.len ? end : t.len};
    }
    if (at < t.len && (t.s[at] == '|' || t.s[at] == '>'))
        return block_after(t, at);
    size_t end = at;
    while (end < t.len && t.s[end] != '\n' && t.s[end] != '\r' &&
           (whole_line || !strchr(" \t,;}])\"'", t.s[end])))
        end++;
    return (struct range){at, end};
}

static bool named(struct text t, size_t at, struct range *ret)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        if (!at_word(t, at, names[i].name))
            continue;
        if (names[i].whole && at && is_word(t.s[at - 1]))
            continue;
        size_t p = at + strlen(names[i].name);
        while (p < t.len && (t.s[p] == '"' || t.s[p] == '\'' || t.s[p] == '\\'))
            p++;
        p = skip_blank(t, p);
        if (p >= t.len || (t.s[p] != ':' && t.s[p] != '='))
            continue;
        p = skip_blank(t, p + 1);
        if (p >= t.len)
            continue;
        struct range value =
            value_at(t, p, strcmp(names[i].name, "authorization") == 0 && t.s[p] != '"');
        bool path = value.end > value.start && t.s[value.start] == '/';
        bool nested = value.end > value.start && strchr("{[", t.s[value.start]);
        bool is_jwt = at_word(t, value.start, "eyJ");
        if (value.end <= value.start || path || nested || is_jwt)
            continue;
        *ret = value;
        return true;
    }
    return false;
}

static bool any_secret(struct text t);

/* Base64 (also of gzip) of a text that holds a secret: nothing of it can stay. */
static bool encoded(struct text t, size_t at, struct range *ret)
{
    auto_buf struct cmn_buf raw = {0}, plain = {0};

    if (!isalnum((unsigned char)t.s[at]) || (at && (is_b64(t.s[at - 1]) || t.s[at - 1] == '.')))
        return false;
    size_t n = run_of(t, at, is_b64);
    if (n < ENCODED_MIN || n > ENCODED_MAX || n % 4 ||
        cmn_unb64(CMN_B64_STD, t.s + at, n, &raw, NULL) < 0)
        return false;
    struct text inner = {(const char *)raw.data, raw.len};
    if (raw.len > 2 && raw.data[0] == 0x1f && raw.data[1] == 0x8b) {
        if (sim_gunzip(cmn_buf_bytes(&raw), ENCODED_MAX, &plain, NULL) < 0)
            return false;
        inner = (struct text){(const char *)plain.data, plain.len};
    }
    if (memchr(inner.s, 0, inner.len) || !any_secret(inner))
        return false;
    *ret = (struct range){at, at + n};
    return true;
}

static bool secret_at(struct text t, size_t at, struct range *ret)
{
    static bool (*const rules[])(struct text, size_t, struct range *) = {
        private_pem, jwt, sealed, bearer, named, url_password, encoded,
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(rules); i++)
        if (rules[i](t, at, ret))
            return true;
    return false;
}

static bool any_secret(struct text t)
{
    static _Thread_local unsigned depth; /* of encodings in each other */
    struct range r;
    bool found = false;

    if (depth >= 3)
        return false;
    depth++;
    for (size_t at = 0; at < t.len && !found; at++)
        found = secret_at(t, at, &r);
    depth--;
    return found;
}

void sim_redact_in_place(char *text)
{
    struct text t = {text, strlen(text)};
    struct range r;

    for (size_t at = 0; at < t.len; at++) {
        if (!secret_at(t, at, &r))
            continue;
        memset(text + r.start, 'x', r.end - r.start);
        at = r.end > at ? r.end - 1 : at;
    }
}

static bool is_removed(struct text t, struct range r)
{
    return (r.end - r.start >= 9 && memcmp(t.s + r.start, "[removed]", 9) == 0) ||
           (r.end - r.start == 7 && memcmp(t.s + r.start, "removed", 7) == 0);
}

/* What stands for a secret; for a token's signature in the letters of base64url. */
static const char *substitute(struct text t, struct range r)
{
    return r.start && t.s[r.start - 1] == '.' ? "removed" : "[removed]";
}

/* One pass over plain text. */
static int redact_plain(struct text t, struct cmn_buf *ret, size_t *removed)
{
    size_t done = 0;
    struct range r;

    for (size_t at = 0; at < t.len; at++) {
        if (!secret_at(t, at, &r) || r.start < done || is_removed(t, r))
            continue;
        if (cmn_buf_put(ret, t.s + done, r.start - done) < 0 ||
            cmn_buf_puts(ret, substitute(t, r)) < 0)
            return -ENOMEM;
        (*removed)++;
        done = r.end;
        at = r.end > at ? r.end - 1 : at;
    }
    return t.len ? cmn_buf_put(ret, t.s + done, t.len - done) : 0;
}

/* Lines `key: value` below data: or stringData: of a Secret manifest: only certificates stay. */
static int redact_secret_manifest(struct text doc, struct cmn_buf *ret, size_t *removed)
{
    bool inside = false;

    for (size_t line = 0; line < doc.len;) {
        size_t end = line_end(doc, line), key = skip_blank(doc, line), next = end + 1;
        size_t indent = key - line;
        const char *colon = memchr(doc.s + key, ':', end - key);
        if (end > key && indent == 0)
            inside = at_word(doc, key, "data:") || at_word(doc, key, "stringData:");
        if (inside && indent > 0 && colon && doc.s[key] != '#') {
            size_t value = skip_blank(doc, (size_t)(colon - doc.s) + 1);
            bool block = value < end && (doc.s[value] == '|' || doc.s[value] == '>');
            if (cmn_buf_put(ret, doc.s + line, (size_t)(colon - doc.s) + 1 - line) < 0 ||
                cmn_buf_puts(ret, value < end ? " \"[removed]\"\n" : "\n") < 0)
                return -ENOMEM;
            *removed += value < end;
            if (block)
                next = block_after(doc, value).end + 1;
        } else if (cmn_buf_put(ret, doc.s + line, (end < doc.len ? end + 1 : end) - line) < 0) {
            return -ENOMEM;
        }
        line = next;
    }
    return 0;
}

static bool is_secret_manifest(struct text doc)
{
    for (size_t line = 0; line < doc.len; line = line_end(doc, line) + 1) {
        size_t end = line_end(doc, line);
        if (!at_word(doc, line, "kind:"))
            continue;
        size_t value = skip_blank(doc, line + 5);
        value += value < end && (doc.s[value] == '"' || doc.s[value] == '\'');
        if (at_word(doc, value, "Secret") && (value + 6 >= doc.len || !is_word(doc.s[value + 6])))
            return true;
    }
    return false;
}

static const char *const private_jwk[] = {"d", "p", "q", "dp", "dq", "qi", "k"};

static void remove_member(json_t *obj, const char *key, size_t *removed)
{
    json_t *value = json_object_get(obj, key);

    if (!value || json_is_null(value))
        return;
    if (json_is_string(value) && strcmp(json_string_value(value), "[removed]") == 0)
        return;
    (void)json_object_set_new(obj, key, json_string("[removed]"));
    (*removed)++;
}

/* Structured secrets: Secret manifests (lists, too), private JWKs, sealed JWE content. */
static void redact_json(json_t *node, unsigned depth, size_t *removed)
{
    const char *key;
    json_t *value;
    size_t i;
    void *tmp;

    if (depth > CMN_JSON_MAX_DEPTH)
        return;
    json_array_foreach(node, i, value)
        redact_json(value, depth + 1, removed);
    if (!json_is_object(node))
        return;
    const char *kind = cmn_json_str(node, "kind");
    static const char *const parts[] = {"data", "stringData"};
    for (size_t p = 0; kind && strcmp(kind, "Secret") == 0 && p < CMN_ARRAY_SIZE(parts); p++) {
        json_t *data = json_object_get(node, parts[p]);
        json_object_foreach_safe(data, tmp, key, value)
            remove_member(data, key, removed);
    }
    for (size_t p = 0; json_object_get(node, "kty") && p < CMN_ARRAY_SIZE(private_jwk); p++)
        remove_member(node, private_jwk[p], removed);
    if (json_object_get(node, "protected") && json_object_get(node, "encrypted_key"))
        remove_member(node, "ciphertext", removed);
    json_object_foreach_safe(node, tmp, key, value)
        redact_json(value, depth + 1, removed);
}

static int redact_documents(struct text t, struct cmn_buf *ret, size_t *removed)
{
    for (size_t start = 0; start < t.len;) {
        const char *sep = memmem(t.s + start, t.len - start, "\n---", 4);
        size_t end = sep ? (size_t)(sep - t.s) + 1 : t.len;
        struct text doc = {t.s + start, end - start};
        int r = is_secret_manifest(doc) ? redact_secret_manifest(doc, ret, removed)
                                        : cmn_buf_put(ret, doc.s, doc.len);
        if (r < 0)
            return r;
        start = end;
        if (sep) { /* past the dashes, so that they are found once */
            if (cmn_buf_put(ret, t.s + end, 3) < 0)
                return -ENOMEM;
            start = end + 3;
        }
    }
    return 0;
}

int sim_redact_text(struct cmn_bytes text, struct cmn_buf *ret, size_t *ret_removed,
                    struct cmn_err *err)
{
    auto_buf struct cmn_buf first = {0};
    auto_json json_t *json = NULL;
    size_t removed = 0;
    int r;

    if (cmn_json_load(text, CMN_JSON_MAX_DEPTH, &json, NULL) == 0) {
        redact_json(json, 0, &removed);
        auto_free char *dump = removed ? json_dumps(json, JSON_INDENT(2)) : NULL;
        r = dump ? cmn_buf_puts(&first, dump) : cmn_buf_put(&first, text.data, text.len);
    } else {
        r = redact_documents((struct text){(const char *)text.data, text.len}, &first, &removed);
    }
    if (r >= 0)
        r = redact_plain((struct text){(const char *)first.data, first.len}, ret, &removed);
    if (r < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (ret_removed)
        *ret_removed = removed;
    return 0;
}
