/* unpack.c - entries of a layer onto the root; see unpack.h. */
#include "sim/image/unpack-fs.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WHITEOUT        ".wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define XATTR_MAX_BYTES 65536
#define CHUNK           (128u << 10)

enum warned { WARN_OWNER = 1, WARN_DEVICE = 2, WARN_XATTR = 4, WARN_SOCKET = 8 };

struct late_dir { /* mode and times of folders are set when nothing more goes into them */
    char *path;
    mode_t mode;
    struct timespec mtime;
};

struct sim_unpack {
    int root_fd;
    struct sim_unpack_opts opts;
    uint64_t bytes, entries;
    unsigned warned;
    /* of the layer at work */
    void *paths; /* tsearch tree of what this layer put there */
    struct late_dir *late;
    size_t n_late;
    char parent_path[UNPACK_PATH_MAX]; /* cache: the folder last written to */
    int parent_fd;
    sim_read_fn *read;
    void *read_ctx;
    struct cmn_err read_err;
    uint8_t chunk[CHUNK];
};

struct item { /* one entry of the archive, with its place in the root */
    struct archive_entry *entry;
    char path[UNPACK_PATH_MAX];
    const char *base;
    int parent_fd; /* borrowed */
};

int sim_unpack_new(const char *root, const struct sim_unpack_opts *opts, struct sim_unpack **ret,
                   struct cmn_err *err)
{
    struct sim_unpack *u = calloc(1, sizeof(*u));

    if (!u)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (opts)
        u->opts = *opts;
    if (!u->opts.max_bytes)
        u->opts.max_bytes = 64ull << 30;
    if (!u->opts.max_entries)
        u->opts.max_entries = 4u << 20;
    u->parent_fd = -1;
    u->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (u->root_fd < 0) {
        int e = errno;
        free(u);
        return cmn_err_set(err, e, "root folder '%.300s': %s", root, strerror(e));
    }
    *ret = u;
    return 0;
}

static void layer_done(struct sim_unpack *u)
{
    tdestroy(u->paths, free);
    u->paths = NULL;
    for (size_t i = 0; i < u->n_late; i++)
        free(u->late[i].path);
    free(u->late);
    u->late = NULL;
    u->n_late = 0;
    if (u->parent_fd >= 0)
        (void)close(u->parent_fd);
    u->parent_fd = -1;
}

void sim_unpack_free(struct sim_unpack *u)
{
    if (!u)
        return;
    layer_done(u);
    (void)close(u->root_fd);
    free(u);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static int path_add(struct sim_unpack *u, const char *path)
{
    char *copy = strdup(path);
    char **node = copy ? tsearch(copy, &u->paths, compare) : NULL;

    if (!node || *node != copy)
        free(copy);
    return node ? 0 : -ENOMEM;
}

static bool path_is_of_layer(void *ctx, const char *path)
{
    return tfind(path, &((struct sim_unpack *)ctx)->paths, compare) != NULL;
}

static void warn_once(struct sim_unpack *u, enum warned kind, const char *path, const char *what)
{
    auto_buf struct cmn_buf text = {0};

    if ((u->warned & kind) || !u->opts.warn)
        return;
    u->warned |= kind;
    if (cmn_buf_printf(&text, "'%.200s': %s (said once)", path, what) == 0)
        u->opts.warn(u->opts.warn_ctx, (const char *)text.data);
}

static int fail(struct cmn_err *err, int e, const char *path, const char *what)
{
    return cmn_err_reason(err, e, CMN_REASON_IMAGE_UNPACK_FAILED, "'%.300s': %s: %s", path, what,
                          strerror(e));
}

/* The folder an entry goes to, made if it is missing, in u->parent_fd. */
static int enter_parent(struct sim_unpack *u, const char *path, size_t len, struct cmn_err *err)
{
    if (u->parent_fd >= 0 && strlen(u->parent_path) == len &&
        memcmp(u->parent_path, path, len) == 0)
        return 0;
    if (u->parent_fd >= 0)
        (void)close(u->parent_fd);
    u->parent_fd = unpack_open_dir(u->root_fd, path, len, true);
    if (u->parent_fd < 0) {
        int e = -u->parent_fd;
        u->parent_fd = -1;
        return fail(err, e, path, "its folder");
    }
    memcpy(u->parent_path, path, len);
    u->parent_path[len] = 0;
    return 0;
}

static int whiteout(struct sim_unpack *u, struct item *it, struct cmn_err *err)
{
    const struct unpack_remove keep_own = {path_is_of_layer, u};
    char path[UNPACK_PATH_MAX];
    size_t dir_len = (size_t)(it->base - it->path);
    int r;

    memcpy(path, it->path, dir_len);
    path[dir_len ? dir_len - 1 : 0] = 0;
    if (strcmp(it->base, WHITEOUT_OPAQUE) == 0) {
        r = unpack_remove_inside(it->parent_fd, path, &keep_own, 0);
    } else {
        const char *name = it->base + strlen(WHITEOUT);
        if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            return fail(err, EBADMSG, it->path, "whiteout");
        memcpy(path, it->path, dir_len);
        strcpy(path + dir_len, name);
        r = unpack_remove_at(it->parent_fd, name, path, &keep_own, 0);
    }
    return r < 0 && r != -ENOENT ? fail(err, -r, it->path, "whiteout") : 0;
}

/* Makes room for an entry: only a folder may meet a folder. Returns 1 when the folder is there
 * already. */
static int make_room(const struct item *it, struct cmn_err *err)
{
    struct stat st;

    if (fstatat(it->parent_fd, it->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail(err, errno, it->path, "looking it up");
    if (S_ISDIR(st.st_mode) && archive_entry_filetype(it->entry) == AE_IFDIR)
        return 1;
    int r = unpack_remove_at(it->parent_fd, it->base, it->path, NULL, 0);
    return r < 0 ? fail(err, -r, it->path, "replacing it") : 0;
}

static struct timespec mtime_of(struct archive_entry *entry)
{
    return (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
}

/* Gives the entry to its owner. Returns the mode to set: without set-id bits when that may not be
 * done. */
static mode_t set_owner(struct sim_unpack *u, const struct item *it)
{
    la_int64_t uid = archive_entry_uid(it->entry), gid = archive_entry_gid(it->entry);
    mode_t mode = archive_entry_perm(it->entry) & 07777;
    struct stat st;

    if (fstatat(it->parent_fd, it->base, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == uid &&
        st.st_gid == gid)
        return mode;
    if (uid >= 0 && gid >= 0 && uid < UINT32_MAX && gid < UINT32_MAX &&
        fchownat(it->parent_fd, it->base, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW) == 0)
        return mode;
    warn_once(u, WARN_OWNER, it->path, "its owner cannot be set here, files stay ours");
    return mode & 01777;
}

static void set_xattrs(struct sim_unpack *u, const struct item *it, int fd)
{
    const char *name;
    const void *value;
    size_t len;

    (void)archive_entry_xattr_reset(it->entry);
    while (archive_entry_xattr_next(it->entry, &name, &value, &len) == ARCHIVE_OK)
        if (len > XATTR_MAX_BYTES || fsetxattr(fd, name, value, len, 0) < 0)
            warn_once(u, WARN_XATTR, it->path, "an extended attribute cannot be set");
}

static int copy_data(struct sim_unpack *u, struct archive *a, const struct item *it, int fd,
                     struct cmn_err *err)
{
    const void *block;
    size_t len;
    la_int64_t offset;

    for (;;) {
        int r = archive_read_data_block(a, &block, &len, &offset);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r != ARCHIVE_OK)
            return u->read_err.code ? -u->read_err.code
                                    : fail(err, EBADMSG, it->path, archive_error_string(a));
        u->bytes += len;
        if (u->bytes > u->opts.max_bytes)
            return cmn_err_reason(err, EFBIG, CMN_REASON_IMAGE_TOO_LARGE,
                                  "'%.300s': the image unpacks to more than %llu bytes", it->path,
                                  (unsigned long long)u->opts.max_bytes);
        for (const uint8_t *p = block; len > 0;) {
            ssize_t n = pwrite(fd, p, len, offset);
            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return fail(err, errno, it->path, "writing");
            p += n;
            offset += n;
            len -= (size_t)n;
        }
    }
}

static int make_file(struct sim_unpack *u, struct archive *a, const struct item *it,
                     struct cmn_err *err)
{
    const struct timespec times[2] = {mtime_of(it->entry), mtime_of(it->entry)};
    la_int64_t size = archive_entry_size(it->entry);

    if (size < 0 || (uint64_t)size > u->opts.max_bytes)
        return cmn_err_reason(err, EFBIG, CMN_REASON_IMAGE_TOO_LARGE,
                              "'%.300s': has more than %llu bytes", it->path,
                              (unsigned long long)u->opts.max_bytes);
    auto_close int fd =
        openat(it->parent_fd, it->base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, errno, it->path, "making the file");
    int r = copy_data(u, a, it, fd, err);
    if (r < 0)
        return r;
    if (ftruncate(fd, size) < 0) /* a hole at the end */
        return fail(err, errno, it->path, "setting its size");
    mode_t mode = set_owner(u, it);
    set_xattrs(u, it, fd);
    if (fchmod(fd, mode) < 0 || futimens(fd, times) < 0)
        return fail(err, errno, it->path, "setting mode and time");
    return 0;
}

static int add_late(struct sim_unpack *u, const struct item *it, mode_t mode)
{
    if ((u->n_late & (u->n_late - 1)) == 0) { /* grow at powers of two */
        struct late_dir *late = reallocarray(u->late, u->n_late ? u->n_late * 2 : 1, sizeof(*late));
        if (!late)
            return -ENOMEM;
        u->late = late;
    }
    char *path = strdup(it->path);
    if (!path)
        return -ENOMEM;
    u->late[u->n_late++] = (struct late_dir){path, mode, mtime_of(it->entry)};
    return 0;
}

static int make_dir(struct sim_unpack *u, const struct item *it, bool exists, struct cmn_err *err)
{
    if (!exists && mkdirat(it->parent_fd, it->base, 0700) < 0)
        return fail(err, errno, it->path, "making the folder");
    mode_t mode = set_owner(u, it);
    auto_close int fd =
        openat(it->parent_fd, it->base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        set_xattrs(u, it, fd);
    if (fd >= 0 && exists && fchmod(fd, (mode | 0700) & 07777) < 0)
        return fail(err, errno, it->path, "setting the folder's mode");
    return add_late(u, it, mode) < 0 ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}

static int make_symlink(struct sim_unpack *u, const struct item *it, struct cmn_err *err)
{
    const struct timespec times[2] = {mtime_of(it->entry), mtime_of(it->entry)};
    const char *target = archive_entry_symlink(it->entry);

    if (!target)
        target = archive_entry_symlink_utf8(it->entry);
    if (!target || !*target)
        return fail(err, EBADMSG, it->path, "symlink without a target");
    if (symlinkat(target, it->parent_fd, it->base) < 0)
        return fail(err, errno, it->path, "making the symlink");
    (void)set_owner(u, it);
    (void)utimensat(it->parent_fd, it->base, times, AT_SYMLINK_NOFOLLOW); /* cosmetic */
    return 0;
}

static int make_hardlink(struct sim_unpack *u, const struct item *it, const char *name,
                         struct cmn_err *err)
{
    char target[UNPACK_PATH_MAX];
    size_t parent_len;
    int r = unpack_path_clean(name, target, err);

    if (r < 0)
        return cmn_err_wrap(err, r, "hard link '%.200s'", it->path);
    const char *base = unpack_path_base(target, &parent_len);
    if (!*base)
        return fail(err, EBADMSG, it->path, "hard link to the root");
    if (strcmp(target, it->path) == 0)
        return fail(err, EBADMSG, it->path, "hard link to itself");
    auto_close int dir = unpack_open_dir(u->root_fd, target, parent_len, false);
    if (dir < 0)
        return fail(err, -dir, it->path, "the hard link's target");
    if (linkat(dir, base, it->parent_fd, it->base, 0) < 0)
        return fail(err, errno, it->path, "making the hard link");
    return 0;
}

static int make_node(struct sim_unpack *u, const struct item *it, struct cmn_err *err)
{
    mode_t type = archive_entry_filetype(it->entry);

    if (mknodat(it->parent_fd, it->base, type | 0600, archive_entry_rdev(it->entry)) < 0) {
        if (errno != EPERM || type == AE_IFIFO)
            return fail(err, errno, it->path, "making the node");
        warn_once(u, WARN_DEVICE, it->path, "device nodes cannot be made here");
        return 0;
    }
    if (fchmodat(it->parent_fd, it->base, set_owner(u, it), 0) < 0)
        return fail(err, errno, it->path, "setting its mode");
    return 0;
}

static int make_entry(struct sim_unpack *u, struct archive *a, const struct item *it,
                      struct cmn_err *err)
{
    const char *link = archive_entry_hardlink(it->entry);
    int r = make_room(it, err);

    if (r < 0)
        return r;
    if (link)
        return make_hardlink(u, it, link, err);
    switch (archive_entry_filetype(it->entry)) {
    case AE_IFREG:
        return make_file(u, a, it, err);
    case AE_IFDIR:
        return make_dir(u, it, r == 1, err);
    case AE_IFLNK:
        return make_symlink(u, it, err);
    case AE_IFCHR:
    case AE_IFBLK:
    case AE_IFIFO:
        return make_node(u, it, err);
    default:
        warn_once(u, WARN_SOCKET, it->path, "sockets are not unpacked");
        return 0;
    }
}

static int apply(struct sim_unpack *u, struct archive *a, struct archive_entry *entry,
                 struct cmn_err *err)
{
    struct item it = {.entry = entry};
    const char *name = archive_entry_pathname(entry);
    size_t parent_len;

    if (!name)
        name = archive_entry_pathname_utf8(entry);
    if (!name)
        return fail(err, EILSEQ, "?", "a name of the archive");
    if (++u->entries > u->opts.max_entries)
        return cmn_err_reason(err, EFBIG, CMN_REASON_IMAGE_TOO_LARGE,
                              "the image has more than %llu files",
                              (unsigned long long)u->opts.max_entries);
    int r = unpack_path_clean(name, it.path, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "'%.200s'", name);
    if (!it.path[0]) /* "./": mode and times of the root itself */
        return archive_entry_filetype(entry) != AE_IFDIR ? fail(err, EBADMSG, "/", "the root")
               : add_late(u, &it, archive_entry_perm(entry) & 07777) < 0
                   ? cmn_err_set(err, ENOMEM, "no memory")
                   : 0;
    it.base = unpack_path_base(it.path, &parent_len);
    r = enter_parent(u, it.path, parent_len, err);
    if (r < 0)
        return r;
    it.parent_fd = u->parent_fd;
    if (strncmp(it.base, WHITEOUT, strlen(WHITEOUT)) == 0)
        return whiteout(u, &it, err);
    r = make_entry(u, a, &it, err);
    if (r == 0 && path_add(u, it.path) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    return r;
}

/* Modes and times of this layer's folders, inner ones first. One that is a folder no more is left.
 */
static int finish_dirs(struct sim_unpack *u, struct cmn_err *err)
{
    for (size_t i = u->n_late; i-- > 0;) {
        const struct late_dir *d = &u->late[i];
        const struct timespec times[2] = {d->mtime, d->mtime};
        size_t parent_len;
        const char *base = unpack_path_base(d->path, &parent_len);
        auto_close int parent = unpack_open_dir(u->root_fd, d->path, parent_len, false);
        auto_close int fd = parent < 0 ? -1
                                       : openat(parent, *base ? base : ".",
                                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && (fchmod(fd, d->mode) < 0 || futimens(fd, times) < 0))
            return fail(err, errno, d->path, "setting mode and time");
    }
    return 0;
}

static ssize_t on_read(struct archive *a, void *ctx, const void **ret)
{
    struct sim_unpack *u = ctx;
    ssize_t n = u->read(u->read_ctx, u->chunk, CHUNK, &u->read_err);

    *ret = u->chunk;
    if (n < 0)
        archive_set_error(a, (int)-n, "%s", u->read_err.msg);
    return n < 0 ? -1 : n;
}

static int archive_failed(struct sim_unpack *u, struct archive *a, struct cmn_err *err)
{
    const char *text = archive_error_string(a);

    if (u->read_err.code)
        return -u->read_err.code; /* the reader's own words are taken over below */
    return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_UNPACK_FAILED,
                          "the layer is no tar archive: %.200s", text ? text : "unknown");
}

static int apply_all(struct sim_unpack *u, struct archive *a, struct cmn_err *err)
{
    struct archive_entry *entry;

    for (;;) {
        int r = archive_read_next_header(a, &entry);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r != ARCHIVE_OK && r != ARCHIVE_WARN) /* WARN: a name that is no text in this locale */
            return archive_failed(u, a, err);
        r = apply(u, a, entry, err);
        if (r < 0)
            return r;
    }
}

int sim_unpack_layer(struct sim_unpack *u, sim_read_fn *read, void *ctx, struct cmn_err *err)
{
    struct archive *a = archive_read_new();
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0); /* names in pax headers */
    locale_t before = utf8 ? uselocale(utf8) : (locale_t)0;
    int r;

    u->read = read;
    u->read_ctx = ctx;
    u->read_err = (struct cmn_err){0};
    if (!a || archive_read_support_format_tar(a) != ARCHIVE_OK)
        r = cmn_err_set(err, ENOMEM, "no memory");
    else if (archive_read_open(a, u, NULL, on_read, NULL) != ARCHIVE_OK)
        r = archive_failed(u, a, err);
    else
        r = apply_all(u, a, err);
    if (r == 0)
        r = finish_dirs(u, err);
    if (r < 0 && u->read_err.code && err)
        *err = u->read_err;
    if (a)
        (void)archive_read_free(a);
    layer_done(u);
    if (utf8) {
        (void)uselocale(before);
        freelocale(utf8);
    }
    return r;
}
