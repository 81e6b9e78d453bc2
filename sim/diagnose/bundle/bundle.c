/* bundle.c - which files go in, and in what shape; see bundle.h. */
#include "sim/diagnose/bundle/bundle.h"

#include "common/crypto/crypto.h"
#include "common/enc/enc.h"
#include "sim/diagnose/inspect/inspect.h"
#include "sim/diagnose/redact.h"
#include "sim/diagnose/why/why.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { MAX_FILES = 2000 };

struct sim_bundle {
    struct cmn_env *env;
    char *names[MAX_FILES];
    struct cmn_buf files[MAX_FILES];
    size_t n;
    json_t *info, *list, *skipped;
};

int sim_bundle_new(struct cmn_env *env, struct sim_bundle **ret, struct cmn_err *err)
{
    struct sim_bundle *b = calloc(1, sizeof(*b));

    if (b) {
        b->env = cmn_env_ref(env);
        b->list = json_array();
        b->skipped = json_array();
        b->info = json_pack("{s:i, s:I, s:O, s:O}", "cocobox-bundle", 1, "clock",
                            (json_int_t)cmn_env_now(env), "files", b->list, "skipped", b->skipped);
    }
    if (!b || !b->info) {
        sim_bundle_free(b);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    *ret = b;
    return 0;
}

void sim_bundle_free(struct sim_bundle *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n; i++) {
        free(b->names[i]);
        cmn_buf_done(&b->files[i]);
    }
    json_decref(b->info);
    json_decref(b->list);
    json_decref(b->skipped);
    cmn_env_unref(b->env);
    free(b);
}

const json_t *sim_bundle_info(const struct sim_bundle *b)
{
    return b->info;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static void skip(struct sim_bundle *b, const char *name, const char *why)
{
    CMN_IGNORE(json_array_append_new(
        b->skipped, json_pack("{s:s*, s:s}", "name", base_name(name), "why", why)));
}

/* Folders and files whose content is secret by their nature. */
static bool is_secret_place(const char *name)
{
    static const char *const names[] = {"repository", ".ssh",        "private",
                                        "kds-cache",  "admin-token", "id_rsa",
                                        "id_ed25519", "kubeconfig",  ".kube"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

/* A text that nothing recognises goes in only if it looks like a log or configuration. */
static bool is_plain_kind(const char *name)
{
    static const char *const endings[] = {".log",  ".txt",  ".yaml", ".yml",  ".json",
                                          ".toml", ".rego", ".md",   ".conf", ".events"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; dot && i < CMN_ARRAY_SIZE(endings); i++)
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    return false;
}

static bool is_text(struct cmn_bytes data)
{
    return data.len && !memchr(data.data, 0, data.len);
}

static void count_kind(void *ctx, const char *kind, struct cmn_bytes bytes)
{
    json_t *kinds = ctx, *each;
    size_t i;

    (void)bytes;
    json_array_foreach(kinds, i, each)
        if (strcmp(json_string_value(each), kind) == 0)
            return;
    CMN_IGNORE(json_array_append_new(kinds, json_string(kind)));
}

/* Does any line speak for a reason code? Then it is a log worth having. */
static bool speaks(struct cmn_bytes text)
{
    struct sim_why_finding found[1];
    struct sim_why *w = NULL;

    if (sim_why_new(&w, NULL) < 0)
        return false;
    sim_why_feed(w, text.data, text.len);
    size_t n = sim_why_finish(w, found, 1);
    sim_why_free(w);
    return n > 0;
}

static bool public_binary(const json_t *kinds)
{
    static const char *const names[] = {"snp-report", "certificate", "certificate-table",
                                        "crl",        "hcl-report",  "tpm-quote"};
    const char *kind = json_string_value(json_array_get(kinds, 0));

    for (size_t i = 0; kind && json_array_size(kinds) == 1 && i < CMN_ARRAY_SIZE(names); i++)
        if (strcmp(kind, names[i]) == 0)
            return true;
    return false;
}

static void keep(struct sim_bundle *b, const char *name, struct cmn_buf *content, json_t *kinds,
                 size_t removed)
{
    uint8_t digest[32];
    char *own = NULL;

    if (cmn_hash(b->env, "SHA256", content->data, content->len, digest, NULL) < 0 ||
        asprintf(&own, "%03zu-%s", b->n + 1, base_name(name)) < 0)
        return;
    auto_free char *hex = cmn_hex(digest, 32);
    CMN_IGNORE(json_array_append_new(b->list, json_pack("{s:s*, s:O, s:I, s:s*}", "name", own,
                                                        "kinds", kinds, "removed",
                                                        (json_int_t)removed, "sha256", hex)));
    b->names[b->n] = own;
    b->files[b->n++] = *content;
    *content = (struct cmn_buf){0};
}

void sim_bundle_add(struct sim_bundle *b, const char *name, struct cmn_bytes bytes)
{
    auto_json json_t *kinds = json_array();
    auto_buf struct cmn_buf content = {0};
    size_t removed = 0;

    if (b->n == MAX_FILES || !kinds) {
        skip(b, name, "too many files");
        return;
    }
    (void)sim_extract(b->env, bytes, count_kind, kinds);
    if (!is_text(bytes)) {
        if (!public_binary(kinds))
            skip(b, name, "binary, and of no kind that is known to be public");
        else if (cmn_buf_put(&content, bytes.data, bytes.len) == 0)
            keep(b, name, &content, kinds, 0);
        return;
    }
    if (!json_array_size(kinds) && !is_plain_kind(name) && !speaks(bytes)) {
        skip(b, name, "of no known kind: it might be a secret");
        return;
    }
    if (sim_redact_text(bytes, &content, &removed, NULL) == 0)
        keep(b, name, &content, kinds, removed);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_dots(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static void add_from_archive(void *ctx, const char *name, struct cmn_bytes bytes)
{
    auto_free char *copy = strdup(name);
    bool secret = false;

    for (char *p = copy, *part; (part = strsep(&p, "/"));)
        secret = secret || is_secret_place(part);
    if (secret)
        skip(ctx, name, "a place of secrets");
    else
        sim_bundle_add(ctx, name, bytes);
}

static int add_file(struct sim_bundle *b, const char *path, struct cmn_err *err)
{
    auto_buf struct cmn_buf data = {0};

    if (sim_archive_name(path))
        return sim_archive_read(path, SIM_INSPECT_MAX_BYTES, add_from_archive, b, err);
    int r = cmn_file_read(path, SIM_INSPECT_MAX_BYTES, &data, err);
    if (r == -EFBIG) {
        skip(b, path, "larger than 64 MiB: cut the log around the failure");
        return 0;
    }
    if (r >= 0)
        sim_bundle_add(b, path, cmn_buf_bytes(&data));
    return r < 0 ? r : 0;
}

static int add_tree(struct sim_bundle *b, const char *path, unsigned depth, struct cmn_err *err)
{
    struct dirent **list = NULL;
    struct stat st;
    int r = 0;

    if ((depth ? lstat(path, &st) : stat(path, &st)) < 0)
        return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
    if (is_secret_place(base_name(path))) {
        skip(b, path, "a place of secrets");
        return 0;
    }
    if (S_ISREG(st.st_mode))
        return add_file(b, path, err);
    int n = !S_ISDIR(st.st_mode) || depth > 12 ? 0 : scandir(path, &list, not_dots, by_name);
    if (n < 0)
        return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        auto_free char *child = NULL;
        if (r >= 0 && asprintf(&child, "%s/%s", path, list[i]->d_name) >= 0)
            r = add_tree(b, child, depth + 1, err);
        free(list[i]);
    }
    free(list);
    return r;
}

int sim_bundle_add_path(struct sim_bundle *b, const char *path, struct cmn_err *err)
{
    auto_free char *clean = strdup(path);
    size_t n = clean ? strlen(clean) : 0;

    if (!clean)
        return cmn_err_set(err, ENOMEM, "no memory");
    while (n > 1 && clean[n - 1] == '/')
        clean[--n] = '\0';
    return add_tree(b, clean, 0, err);
}

static int write_dir(const struct sim_bundle *b, const char *path, const char *info,
                     struct cmn_err *err)
{
    if (mkdir(path, 0700) < 0)
        return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
    for (size_t i = 0; i <= b->n; i++) {
        auto_free char *file = NULL;
        bool own = i == b->n;
        if (asprintf(&file, "%s/%s", path, own ? "bundle.json" : b->names[i]) < 0)
            return cmn_err_set(err, ENOMEM, "no memory");
        int r = own ? cmn_file_write(file, info, strlen(info), 0600, err)
                    : cmn_file_write(file, b->files[i].data, b->files[i].len, 0600, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int sim_bundle_write(struct sim_bundle *b, const char *path, struct cmn_err *err)
{
    auto_free char *info = json_dumps(b->info, JSON_INDENT(1));
    struct stat st;

    if (!info)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (lstat(path, &st) == 0)
        return cmn_err_set(err, EEXIST, "%.256s is there already", path);
    if (!sim_archive_name(path))
        return write_dir(b, path, info, err);
    auto_free const char **names = calloc(b->n + 1, sizeof(*names));
    auto_free struct cmn_buf *files = calloc(b->n + 1, sizeof(*files));
    if (!names || !files)
        return cmn_err_set(err, ENOMEM, "no memory");
    names[0] = "bundle.json";
    files[0] = (struct cmn_buf){(uint8_t *)info, strlen(info), 0};
    for (size_t i = 0; i < b->n; i++) {
        names[i + 1] = b->names[i];
        files[i + 1] = b->files[i];
    }
    return sim_archive_write(path, names, files, b->n + 1, cmn_json_int(b->info, "clock", 0), err);
}
