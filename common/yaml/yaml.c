/* yaml.c - libyaml documents as jansson trees; see yaml.h. */
#include "common/yaml/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct mark {
    const json_t *node;   /* the value; shared for null, true and false */
    const json_t *parent; /* the object it is a member of, or NULL */
    const char *key;      /* borrowed from the parent */
    unsigned line;
};

struct cmn_yaml {
    char *name;
    json_t *root;
    struct mark *marks;
    size_t n_marks;
};

struct loader { /* one conversion */
    struct cmn_yaml *doc;
    yaml_document_t *yaml;
    struct cmn_err *err;
};

void cmn_yaml_free(struct cmn_yaml *doc)
{
    if (!doc)
        return;
    json_decref(doc->root);
    free(doc->marks);
    free(doc->name);
    free(doc);
}

void cmn_yaml_cleanup(struct cmn_yaml **doc)
{
    cmn_yaml_free(*doc);
}

json_t *cmn_yaml_root(const struct cmn_yaml *doc)
{
    return doc->root;
}

const char *cmn_yaml_name(const struct cmn_yaml *doc)
{
    return doc->name;
}

static int refuse_at(const struct cmn_yaml *doc, const yaml_mark_t *at, const char *what,
                     const char *text, struct cmn_err *err)
{
    return cmn_err_set(err, EINVAL, "%s:%zu: %s%s%.64s%s", doc->name, at->line + 1, what,
                       text ? " '" : "", text ? text : "", text ? "'" : "");
}

static int refuse(struct loader *l, const yaml_node_t *node, const char *what, const char *text)
{
    return refuse_at(l->doc, &node->start_mark, what, text, l->err);
}

static bool is_integer(const char *s)
{
    if (*s == '-' || *s == '+')
        s++;
    size_t n = strspn(s, "0123456789");
    return n > 0 && !s[n];
}

static bool is_decimal(const char *s)
{
    bool digits = false, mark = false;

    if (*s == '-' || *s == '+')
        s++;
    for (; *s >= '0' && *s <= '9'; s++)
        digits = true;
    if (*s == '.')
        for (s++, mark = true; *s >= '0' && *s <= '9'; s++)
            digits = true;
    if (digits && (*s == 'e' || *s == 'E')) {
        s++;
        if (*s == '-' || *s == '+')
            s++;
        size_t n = strspn(s, "0123456789");
        return n > 0 && !s[n];
    }
    return digits && mark && !*s;
}

static bool one_of(const char *s, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, names[i]) == 0)
            return true;
    return false;
}

/* A plain scalar by the core schema. *ret stays NULL when it is text. */
static int plain(struct loader *l, const yaml_node_t *node, json_t **ret)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    static const char *const unclear[] = {"yes", "Yes", "YES", "no",  "No",  "NO",
                                          "on",  "On",  "ON",  "off", "Off", "OFF"};
    const char *s = (const char *)node->data.scalar.value;

    if (one_of(s, nulls, CMN_ARRAY_SIZE(nulls)))
        *ret = json_null();
    else if (one_of(s, trues, CMN_ARRAY_SIZE(trues)))
        *ret = json_true();
    else if (one_of(s, falses, CMN_ARRAY_SIZE(falses)))
        *ret = json_false();
    else if (one_of(s, unclear, CMN_ARRAY_SIZE(unclear)))
        return refuse(l, node, "write true or false, or put it in quotes:", s);
    else if (is_integer(s)) {
        errno = 0;
        long long v = strtoll(s, NULL, 10);
        if (errno)
            return refuse(l, node, "this number is too large:", s);
        *ret = json_integer(v);
    } else if (is_decimal(s)) {
        *ret = json_real(strtod(s, NULL));
        if (!*ret)
            return refuse(l, node, "this number is too large:", s);
    }
    return 0;
}

static int scalar(struct loader *l, const yaml_node_t *node, json_t **ret)
{
    const char *s = (const char *)node->data.scalar.value;
    size_t len = node->data.scalar.length;
    json_t *v = NULL;

    if (memchr(s, '\0', len))
        return refuse(l, node, "text must not hold a NUL character", NULL);
    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        int r = plain(l, node, &v);
        if (r < 0)
            return r;
    }
    if (!v)
        v = json_stringn(s, len);
    if (!v)
        return refuse(l, node, "this is no valid text", NULL);
    *ret = v;
    return 0;
}

static int convert(struct loader *l, int index, json_t **ret);

static void remember(struct loader *l, const json_t *node, const json_t *parent, const char *key,
                     size_t line)
{
    l->doc->marks[l->doc->n_marks++] = (struct mark){node, parent, key, (unsigned)line + 1};
}

static int sequence(struct loader *l, const yaml_node_t *node, json_t *arr)
{
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        json_t *v = NULL;
        int r = convert(l, *i, &v);
        if (r < 0)
            return r;
        if (json_array_append_new(arr, v) < 0)
            return cmn_err_set(l->err, ENOMEM, "no memory");
    }
    return 0;
}

static int member(struct loader *l, const yaml_node_pair_t *pair, json_t *obj)
{
    const yaml_node_t *k = yaml_document_get_node(l->yaml, pair->key);
    json_t *v = NULL;

    if (k->type != YAML_SCALAR_NODE)
        return refuse(l, k, "a key must be text", NULL);
    const char *key = (const char *)k->data.scalar.value;
    if (memchr(key, '\0', k->data.scalar.length))
        return refuse(l, k, "a key must not hold a NUL character", NULL);
    if (json_object_get(obj, key))
        return refuse(l, k, "this key is there twice:", key);
    int r = convert(l, pair->value, &v);
    if (r < 0)
        return r;
    if (json_object_set_new(obj, key, v) < 0)
        return refuse(l, k, "this key is no valid text", NULL);
    const char *kept = json_object_iter_key(json_object_iter_at(obj, key));
    remember(l, v, obj, kept, k->start_mark.line);
    return 0;
}

static int mapping(struct loader *l, const yaml_node_t *node, json_t *obj)
{
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        int r = member(l, p, obj);
        if (r < 0)
            return r;
    }
    return 0;
}

static int convert(struct loader *l, int index, json_t **ret)
{
    const yaml_node_t *node = yaml_document_get_node(l->yaml, index);
    json_t *v = NULL;
    int r = 0;

    if (node->type == YAML_SCALAR_NODE) {
        r = scalar(l, node, &v);
    } else {
        v = node->type == YAML_SEQUENCE_NODE ? json_array() : json_object();
        if (!v)
            return cmn_err_set(l->err, ENOMEM, "no memory");
        r = node->type == YAML_SEQUENCE_NODE ? sequence(l, node, v) : mapping(l, node, v);
    }
    if (r < 0) {
        json_decref(v);
        return r;
    }
    if (!json_is_null(v) && !json_is_boolean(v))
        remember(l, v, NULL, NULL, node->start_mark.line);
    *ret = v;
    return 0;
}

static int parser_error(const char *name, const yaml_parser_t *p, struct cmn_err *err)
{
    size_t line = (p->error == YAML_READER_ERROR) ? 0 : p->problem_mark.line;

    if (p->error == YAML_MEMORY_ERROR)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_err_set(err, EINVAL, "%s:%zu: invalid YAML: %s", name, line + 1,
                       p->problem ? p->problem : "cannot be read");
}

/* ---- the first pass: what a document may hold at all ---- */

struct checker {
    const struct cmn_yaml *doc;
    unsigned depth, nodes, documents;
    struct cmn_err *err;
};

static int check_node(struct checker *c, const yaml_event_t *e, const yaml_char_t *tag)
{
    if (tag)
        return refuse_at(c->doc, &e->start_mark, "tags are not allowed:", (const char *)tag,
                         c->err);
    if (++c->nodes > CMN_YAML_MAX_NODES)
        return cmn_err_set(c->err, EFBIG, "%s:%zu: more than %u values", c->doc->name,
                           e->start_mark.line + 1, CMN_YAML_MAX_NODES);
    if (c->depth >= CMN_YAML_MAX_DEPTH)
        return refuse_at(c->doc, &e->start_mark, "nested too deeply", NULL, c->err);
    return 0;
}

static int check_event(struct checker *c, const yaml_event_t *e)
{
    int r = 0;

    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        return ++c->documents > 1
                   ? refuse_at(c->doc, &e->start_mark, "only one document is allowed", NULL, c->err)
                   : 0;
    case YAML_ALIAS_EVENT:
        return refuse_at(c->doc, &e->start_mark, "aliases are not allowed", NULL, c->err);
    case YAML_SCALAR_EVENT:
        return check_node(c, e, e->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
        r = check_node(c, e, e->data.sequence_start.tag);
        c->depth++;
        return r;
    case YAML_MAPPING_START_EVENT:
        r = check_node(c, e, e->data.mapping_start.tag);
        c->depth++;
        return r;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        c->depth--;
        return 0;
    default:
        return 0;
    }
}

/*
 * Event by event, so that it ends at the first thing that is too much: libyaml's own loader reads
 * on, and takes minutes for 100,000 open brackets.
 */
static int check(const struct cmn_yaml *doc, struct cmn_bytes text, struct cmn_err *err)
{
    struct checker c = {.doc = doc, .err = err};
    yaml_parser_t parser;
    bool end = false;
    int r = 0;

    if (!yaml_parser_initialize(&parser))
        return cmn_err_set(err, ENOMEM, "no memory");
    yaml_parser_set_input_string(&parser, text.data, text.len);
    while (r == 0 && !end) {
        yaml_event_t e;
        if (!yaml_parser_parse(&parser, &e)) {
            r = parser_error(doc->name, &parser, err);
            break;
        }
        end = e.type == YAML_STREAM_END_EVENT;
        r = check_event(&c, &e);
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&parser);
    return r;
}

/* The document in `yaml` becomes doc->root. */
static int build(struct cmn_yaml *doc, yaml_document_t *yaml, struct cmn_err *err)
{
    size_t n = (size_t)(yaml->nodes.top - yaml->nodes.start);
    struct loader l = {doc, yaml, err};

    if (n == 0) {
        doc->root = json_null();
        return 0;
    }
    doc->marks = calloc(2 * n, sizeof(*doc->marks));
    if (!doc->marks)
        return cmn_err_set(err, ENOMEM, "no memory");
    return convert(&l, 1, &doc->root);
}

static int parse(struct cmn_yaml *doc, struct cmn_bytes text, struct cmn_err *err)
{
    yaml_parser_t parser;
    yaml_document_t yaml;
    int r = check(doc, text, err);

    if (r < 0)
        return r;
    if (!yaml_parser_initialize(&parser))
        return cmn_err_set(err, ENOMEM, "no memory");
    yaml_parser_set_input_string(&parser, text.data, text.len);
    if (!yaml_parser_load(&parser, &yaml)) {
        r = parser_error(doc->name, &parser, err);
    } else {
        r = build(doc, &yaml, err);
        yaml_document_delete(&yaml);
    }
    yaml_parser_delete(&parser);
    return r;
}

int cmn_yaml_load(const char *name, struct cmn_bytes text, struct cmn_yaml **ret,
                  struct cmn_err *err)
{
    auto_yaml struct cmn_yaml *doc = NULL;

    if (text.len > CMN_YAML_MAX_BYTES)
        return cmn_err_set(err, EFBIG, "%s: %zu bytes, at most %u are allowed", name, text.len,
                           CMN_YAML_MAX_BYTES);
    doc = calloc(1, sizeof(*doc));
    if (!doc || !(doc->name = strdup(name)))
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = parse(doc, text, err);
    if (r < 0)
        return r;
    *ret = cmn_take(doc);
    return 0;
}

int cmn_yaml_load_file(const char *path, struct cmn_yaml **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf b = {0};
    int r = cmn_file_read(path, CMN_YAML_MAX_BYTES, &b, err);

    if (r < 0)
        return r;
    return cmn_yaml_load(path, cmn_buf_bytes(&b), ret, err);
}

unsigned cmn_yaml_line(const struct cmn_yaml *doc, const json_t *node, const char *key)
{
    bool shared = json_is_null(node) || json_is_boolean(node); /* one node for all of them */
    unsigned own = 0;

    for (size_t i = 0; i < doc->n_marks; i++) {
        const struct mark *m = &doc->marks[i];
        if (key && m->parent == node && strcmp(m->key, key) == 0)
            return m->line;
        if (m->node == node && !own && !shared)
            own = m->line;
    }
    return own;
}

int cmn_yaml_fail(const struct cmn_yaml *doc, const json_t *node, const char *key,
                  struct cmn_err *err, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    unsigned line = cmn_yaml_line(doc, node, key);
    return cmn_err_set(err, EINVAL, "%s:%u: %s", doc->name, line ? line : 1, text);
}

const char *cmn_yaml_type_name(const json_t *node)
{
    if (!node)
        return "nothing";
    switch (json_typeof(node)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "a number";
    case JSON_REAL:
        return "a decimal number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "nothing";
}

/* Levenshtein distance of short names; longer ones are far apart. */
static size_t distance(const char *a, const char *b)
{
    enum { MAX = 96 };
    size_t row[MAX + 1], la = strlen(a), lb = strlen(b);

    if (la > MAX || lb > MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t d = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < d)
                d = row[j] + 1;
            if (row[j - 1] + 1 < d)
                d = row[j - 1] + 1;
            row[j] = d;
        }
    }
    return row[lb];
}

const char *cmn_yaml_nearest(const char *name, const char *const *names, size_t n_names)
{
    const char *best = NULL;
    size_t best_distance = 1 + strlen(name) / 3;

    for (size_t i = 0; i < n_names; i++) {
        size_t d = distance(name, names[i]);
        if (d <= best_distance && (!best || d < best_distance)) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

int cmn_yaml_check_keys(const struct cmn_yaml *doc, const json_t *obj, const char *const *keys,
                        size_t n_keys, struct cmn_err *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object(obj))
        return cmn_yaml_fail(doc, obj, NULL, err, "an object is wanted here, this is %s",
                             cmn_yaml_type_name(obj));
    json_object_foreach((json_t *)(uintptr_t)obj, key, value) {
        if (one_of(key, keys, n_keys))
            continue;
        const char *near = cmn_yaml_nearest(key, keys, n_keys);
        if (near)
            return cmn_yaml_fail(doc, obj, key, err, "unknown key '%.64s'; did you mean '%s'?", key,
                                 near);
        return cmn_yaml_fail(doc, obj, key, err, "unknown key '%.64s'", key);
    }
    return 0;
}
