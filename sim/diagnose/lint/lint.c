/* lint.c - files, folders, findings; see lint.h. */
#include "sim/diagnose/lint/lint-internal.h"

#include "common/rs/cmn-rs.h"
#include "common/yaml/yaml.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int sim_lint_new(struct cmn_env *env, struct sim_lint **ret, struct cmn_err *err)
{
    struct sim_lint *l = calloc(1, sizeof(*l));

    if (!l || !(l->found = json_array()) || !(l->facts = json_object())) {
        sim_lint_free(l);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    l->env = cmn_env_ref(env);
    l->budget = LINT_MAX_FILES;
    *ret = l;
    return 0;
}

void sim_lint_free(struct sim_lint *l)
{
    if (l) {
        json_decref(l->found);
        json_decref(l->facts);
        cmn_env_unref(l->env);
        free(l);
    }
}

size_t sim_lint_files(const struct sim_lint *l)
{
    return l->files;
}

size_t sim_lint_skipped(const struct sim_lint *l)
{
    return l->skipped;
}

unsigned lint_line(const struct lint_doc *d, const char *needle)
{
    unsigned line = d->first_line;
    const uint8_t *p = d->text.data, *end = p + d->text.len;
    const uint8_t *at = needle && *needle ? memmem(p, d->text.len, needle, strlen(needle)) : NULL;

    for (; at && p < at; p++)
        line += *p == '\n';
    (void)end;
    return line;
}

static void add(const struct lint_doc *d, unsigned line, const char *level, enum cmn_reason reason,
                const char *fix, const char *fmt, va_list ap) __attribute__((format(printf, 6, 0)));
static void add(const struct lint_doc *d, unsigned line, const char *level, enum cmn_reason reason,
                const char *fix, const char *fmt, va_list ap)
{
    char text[1024];

    (void)vsnprintf(text, sizeof(text), fmt, ap);
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            *p = ' ';
    json_t *f = json_pack("{s:s%, s:i, s:s, s:s, s:s}", "file", d->file, strlen(d->file), "line",
                          (int)line, "level", level, "message", text, "fix", fix);
    if (f && reason != CMN_REASON_NONE)
        (void)json_object_set_new(f, "code", json_string(cmn_reason_name(reason)));
    if (f)
        (void)json_array_append_new(d->l->found, f);
}

void lint_error(const struct lint_doc *d, unsigned line, enum cmn_reason reason, const char *fix,
                const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(d, line, "error", reason, fix, fmt, ap);
    va_end(ap);
}

void lint_warn(const struct lint_doc *d, unsigned line, enum cmn_reason reason, const char *fix,
               const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(d, line, "warning", reason, fix, fmt, ap);
    va_end(ap);
}

void lint_fact(const struct lint_doc *d, unsigned line, const char *kind, const char *value,
               json_t *extra)
{
    json_t *list = json_object_get(d->l->facts, kind);
    json_t *fact = extra ? extra : json_object();

    if (!list && json_object_set_new(d->l->facts, kind, json_array()) == 0)
        list = json_object_get(d->l->facts, kind);
    (void)json_object_set_new(fact, "file", json_string(d->file));
    (void)json_object_set_new(fact, "line", json_integer(line));
    (void)json_object_set_new(fact, "value", json_string(value));
    if (!list || json_array_append_new(list, fact) < 0)
        return;
}

void lint_keys(const struct lint_doc *d, const json_t *obj, const char *where,
               const char *const *keys, size_t n)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)obj, key, value) {
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || strcmp(keys[i], key) == 0;
        if (known)
            continue;
        const char *nearest = cmn_yaml_nearest(key, keys, n);
        char fix[160];
        (void)snprintf(fix, sizeof(fix), "%s%s%s",
                       nearest ? "write '" : "remove it, or check the release",
                       nearest ? nearest : "", nearest ? "'" : "");
        lint_warn(d, lint_line(d, key), CMN_REASON_NONE, fix,
                  "%s: key '%.64s' is not known and has no effect", where, key);
    }
}

json_t *lint_toml(const struct lint_doc *d, enum cmn_reason reason)
{
    char *error = NULL,
         *dump = cmn_rs_toml_to_json((const char *)d->text.data, d->text.len, &error);
    json_t *json = NULL;
    unsigned line = 0;

    if (!dump) {
        const char *at = error ? strstr(error, "line ") : NULL;
        line = at ? (unsigned)strtoul(at + 5, NULL, 10) : 0;
        lint_error(d, line ? d->first_line + line - 1 : d->first_line, reason,
                   "correct the TOML; a value of several lines stands in ''' quotes",
                   "it is not TOML: %.400s", error ? error : "?");
    } else {
        CMN_IGNORE(cmn_json_load(cmn_bytes(dump, strlen(dump)), CMN_JSON_MAX_DEPTH, &json, NULL));
    }
    cmn_rs_free(dump);
    cmn_rs_free(error);
    return json;
}

static bool has(const struct lint_doc *d, const char *needle)
{
    return memmem(d->text.data, d->text.len, needle, strlen(needle)) != NULL;
}

static uint8_t first_char(const struct lint_doc *d)
{
    for (size_t i = 0; i < d->text.len; i++)
        if (!strchr(" \t\r\n", d->text.data[i]) || !d->text.data[i])
            return d->text.data[i];
    return 0;
}

static bool lint_json(const struct lint_doc *d)
{
    auto_json json_t *json = NULL;

    if (cmn_json_load(d->text, CMN_JSON_MAX_DEPTH, &json, NULL) < 0)
        return false;
    return lint_auth_json(d, json) || lint_kbs_config(d, json) || lint_reference_values(d, json);
}

/* Does a line begin with this? */
static bool line_begins(const struct lint_doc *d, const char *start)
{
    size_t n = strlen(start);

    for (size_t i = 0; i + n <= d->text.len; i++) {
        if (memcmp(d->text.data + i, start, n) == 0)
            return true;
        const uint8_t *nl = memchr(d->text.data + i, '\n', d->text.len - i);
        if (!nl)
            return false;
        i = (size_t)(nl - d->text.data);
    }
    return false;
}

/* By words that only this kind has, so that a file with a TOML error is still named. */
static bool lint_toml_kinds(const struct lint_doc *d)
{
    bool init = line_begins(d, "[data]") && (has(d, "algorithm") || has(d, "aa.toml"));
    bool aa = line_begins(d, "[token_configs"),
         cdh = line_begins(d, "[kbc]") || line_begins(d, "[image]");
    bool kbs = line_begins(d, "[http_server]") || line_begins(d, "[[plugins]]") ||
               line_begins(d, "[attestation_token]") || line_begins(d, "[attestation_service]");

    if (!init && !aa && !cdh && !kbs)
        return false;
    auto_json json_t *toml = lint_toml(d, init  ? CMN_REASON_INITDATA_INVALID
                                          : kbs ? CMN_REASON_KBS_CONFIG_INVALID
                                          : aa  ? CMN_REASON_AA_CONFIG_INVALID
                                                : CMN_REASON_CDH_CONFIG_INVALID);
    if (!toml)
        return true;
    return lint_initdata(d, toml) || lint_kbs_config(d, toml) || lint_aa(d, toml) ||
           lint_cdh(d, toml);
}

bool lint_any(const struct lint_doc *d)
{
    uint8_t first = first_char(d);
    bool known = false;

    if (d->l->depth >= LINT_MAX_DEPTH)
        return false;
    d->l->depth++;
    if (memchr(d->text.data, 0, d->text.len))
        known = false;
    else if (first == '{' || (first == '[' && !has(d, "=")))
        known = lint_json(d) || lint_manifests(d);
    else if (first == '-' && has(d, "-----BEGIN "))
        known = lint_pem(d);
    else
        known = lint_policy(d) || lint_manifests(d) || lint_toml_kinds(d);
    if (!known && d->text.len > 8 && memcmp(d->text.data, "H4sI", 4) == 0) { /* base64 of gzip */
        auto_free char *text = strndup((const char *)d->text.data, d->text.len);
        if (text) {
            lint_encoded_initdata(d, d->first_line, text);
            known = true;
        }
    }
    d->l->depth--;
    return known;
}

void sim_lint_text(struct sim_lint *l, const char *name, struct cmn_bytes text)
{
    struct lint_doc d = {.l = l, .file = name, .text = text, .first_line = 1};

    if (lint_any(&d))
        l->files++;
    else
        l->skipped++;
}

static int lint_file(struct sim_lint *l, const char *path, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    int r = cmn_file_read(path, LINT_MAX_BYTES, &text, err);

    if (r == -EFBIG) {
        l->skipped++;
        return 0;
    }
    if (r >= 0)
        sim_lint_text(l, path, cmn_buf_bytes(&text));
    return r < 0 ? r : 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int lint_tree(struct sim_lint *l, const char *path, unsigned depth, struct cmn_err *err)
{
    struct dirent **list = NULL;
    struct stat st;
    int r = 0;

    if (lstat(path, &st) < 0)
        return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
    if (depth == 0 && S_ISLNK(st.st_mode) && stat(path, &st) < 0)
        return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
    if (S_ISREG(st.st_mode))
        return l->budget-- ? lint_file(l, path, err)
                           : cmn_err_set(err, E2BIG, "more than %d files", LINT_MAX_FILES);
    if (!S_ISDIR(st.st_mode) || depth > 8)
        return 0;
    int n = scandir(path, &list, visible, by_name);
    if (n < 0)
        return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        auto_free char *child = NULL;
        if (r >= 0 && asprintf(&child, "%s/%s", path, list[i]->d_name) >= 0)
            r = lint_tree(l, child, depth + 1, err);
        free(list[i]);
    }
    free(list);
    return r;
}

int sim_lint_path(struct sim_lint *l, const char *path, struct cmn_err *err)
{
    return lint_tree(l, path, 0, err);
}

static int by_place(const void *va, const void *vb)
{
    const json_t *a = *(json_t *const *)va, *b = *(json_t *const *)vb;
    int r = strcmp(cmn_json_str(a, "file"), cmn_json_str(b, "file"));

    if (r == 0)
        r = (int)(cmn_json_int(a, "line", 0) - cmn_json_int(b, "line", 0));
    return r ? r : strcmp(cmn_json_str(a, "message"), cmn_json_str(b, "message"));
}

const json_t *sim_lint_finish(struct sim_lint *l)
{
    size_t n, i;
    json_t *each;

    lint_cross(l);
    n = json_array_size(l->found);
    json_t **list = calloc(n ? n : 1, sizeof(*list));
    json_t *sorted = json_array();
    if (list && sorted) {
        json_array_foreach(l->found, i, each)
            list[i] = each;
        qsort(list, n, sizeof(*list), by_place);
        for (i = 0; i < n; i++)
            if (i == 0 || !json_equal(list[i], list[i - 1]))
                (void)json_array_append(sorted, list[i]);
        json_decref(l->found);
        l->found = sorted;
    } else {
        json_decref(sorted);
    }
    free(list);
    return l->found;
}
