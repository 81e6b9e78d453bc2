/* store-dir.c - a folder in the layout of upstream's LocalFs backend; see store.h. */
#include "store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define VALUE_MAX (64u << 20)

struct dir {
    struct kbs_store base;
    char *path;
    int lock; /* of the folder: shared while it is open */
};

/* Upstream takes [A-Za-z0-9._/-] and writes '/' as \x2F, so a key never leaves its namespace. */
static int path_of(struct dir *d, const char *ns, const char *key, char **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf name = {0};
    int r = cmn_buf_printf(&name, "%s/%s/", d->path, ns);

    if (!*key || key[0] == '.')
        return cmn_err_set(err, EINVAL, "key contains invalid characters");
    for (const char *p = key; *p && r == 0; p++) {
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-", *p))
            return cmn_err_set(err, EINVAL, "key contains invalid characters");
        r = *p == '/' ? cmn_buf_puts(&name, "\\x2F") : cmn_buf_put(&name, p, 1);
    }
    if (r < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret = (char *)cmn_take(name.data);
    return 0;
}

static int get(struct kbs_store *s, const char *ns, const char *key, struct cmn_buf *ret,
               struct cmn_err *err)
{
    auto_free char *path = NULL;
    auto_buf_secret struct cmn_buf value = {0};
    int r = path_of((struct dir *)s, ns, key, &path, err);

    if (r == 0)
        r = cmn_file_read(path, VALUE_MAX, &value, err);
    if (r == 0 && cmn_buf_put(ret, value.data, value.len) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    return r;
}

static int put(struct kbs_store *s, const char *ns, const char *key, struct cmn_bytes value,
               struct cmn_err *err)
{
    struct dir *d = (struct dir *)s;
    auto_free char *path = NULL, *folder = NULL;
    int r = path_of(d, ns, key, &path, err);

    if (r == 0 && asprintf(&folder, "%s/%s", d->path, ns) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        r = cmn_mkdir_p(folder, 0700, err);
    return r < 0 ? r : cmn_file_write(path, value.data, value.len, 0600, err);
}

static int del(struct kbs_store *s, const char *ns, const char *key, struct cmn_err *err)
{
    auto_free char *path = NULL;
    int r = path_of((struct dir *)s, ns, key, &path, err);

    if (r == 0 && unlink(path) < 0)
        r = cmn_err_set(err, errno, "%s/%s: %s", ns, key, strerror(errno));
    return r;
}

/* The key of a file name; \x2F stands for '/'. false: a file of ours on its way (see put). */
static bool key_of(const char *name, char *out, size_t cap)
{
    size_t n = 0;

    if (*name == '.')
        return false;
    while (*name && n + 1 < cap) {
        bool slash = strncmp(name, "\\x2F", 4) == 0;
        out[n++] = slash ? '/' : *name;
        name += slash ? 4 : 1;
    }
    out[n] = '\0';
    return !*name;
}

static int list(struct kbs_store *s, const char *ns, int (*each)(void *, const char *), void *ctx,
                struct cmn_err *err)
{
    auto_free char *folder = NULL;
    char key[1024];
    int r = 0;

    if (asprintf(&folder, "%s/%s", ((struct dir *)s)->path, ns) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    DIR *d = opendir(folder);
    if (!d)
        return errno == ENOENT ? 0 : cmn_err_set(err, errno, "%s: %s", folder, strerror(errno));
    for (struct dirent *e; r >= 0 && (e = readdir(d));)
        if (key_of(e->d_name, key, sizeof(key)))
            r = each(ctx, key);
    (void)closedir(d);
    return r < 0 ? r : 0;
}

/* What a writer left that was killed in the middle of a put. */
static void sweep_namespace(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (!d) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (strncmp(e->d_name, ".new.", 5) == 0)
            (void)unlinkat(fd, e->d_name, 0);
    (void)closedir(d);
}

/* Sweeps if nobody else has the folder open: the temporary files of a live writer are its own. */
static int open_folder(struct dir *d, struct cmn_err *err)
{
    static const char *const spaces[] = {KBS_NS_KBS, KBS_NS_POLICY, KBS_NS_RESOURCE,
                                         KBS_NS_REFERENCE};

    d->lock = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->lock < 0)
        return cmn_err_set(err, errno, "%s: %s", d->path, strerror(errno));
    if (flock(d->lock, LOCK_EX | LOCK_NB) == 0)
        for (size_t i = 0; i < CMN_ARRAY_SIZE(spaces); i++)
            sweep_namespace(d->lock, spaces[i]);
    (void)flock(d->lock, LOCK_SH);
    return 0;
}

static void free_all(struct kbs_store *s)
{
    if (((struct dir *)s)->lock >= 0)
        (void)close(((struct dir *)s)->lock);
    free(((struct dir *)s)->path);
    free(s);
}

int kbs_store_dir(const char *path, struct kbs_store **ret, struct cmn_err *err)
{
    struct dir *d = calloc(1, sizeof(*d));

    if (!d || !(d->path = strdup(path))) {
        free(d);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    d->lock = -1;
    int r = cmn_mkdir_p(path, 0700, err);
    if (r == 0)
        r = open_folder(d, err);
    if (r < 0) {
        free_all(&d->base);
        return r;
    }
    d->base = (struct kbs_store){get, put, del, list, free_all};
    *ret = &d->base;
    return 0;
}
