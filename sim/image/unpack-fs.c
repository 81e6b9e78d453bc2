/* unpack-fs.c - see unpack-fs.h. */
#include "sim/image/unpack-fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REMOVE_DEPTH_MAX 2048

int unpack_path_clean(const char *name, char out[UNPACK_PATH_MAX], struct cmn_err *err)
{
    size_t len = 0;

    while (*name) {
        size_t n = strcspn(name, "/");
        if (n == 2 && name[0] == '.' && name[1] == '.')
            return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_UNPACK_FAILED,
                                  "a name of the archive has a '..' part");
        if (n > 0 && !(n == 1 && name[0] == '.')) {
            if (n > 255 || len + n + 2 > UNPACK_PATH_MAX)
                return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_UNPACK_FAILED,
                                      "a name of the archive is too long");
            if (len)
                out[len++] = '/';
            memcpy(out + len, name, n);
            len += n;
        }
        name += n + (name[n] == '/');
    }
    out[len] = 0;
    return 0;
}

const char *unpack_path_base(const char *path, size_t *ret_parent_len)
{
    const char *slash = strrchr(path, '/');

    *ret_parent_len = slash ? (size_t)(slash - path) : 0;
    return slash ? slash + 1 : path;
}

static int open_in_root(int root_fd, const char *path)
{
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

    return fd < 0 ? -errno : (int)fd;
}

/* Opens "a", "a/b", ... in turn, making what is not there. */
static int make_dirs(int root_fd, char *path)
{
    int parent = open_in_root(root_fd, ".");

    for (char *p = path; parent >= 0 && *p;) {
        size_t n = strcspn(p, "/");
        char after = p[n];
        p[n] = 0;
        int fd = open_in_root(root_fd, path);
        if (fd == -ENOENT) {
            fd = mkdirat(parent, p, 0755) < 0 ? -errno : 0;
            if (fd == 0)
                fd = open_in_root(root_fd, path);
        }
        p[n] = after;
        (void)close(parent);
        parent = fd;
        p += n + (after == '/');
    }
    return parent;
}

int unpack_open_dir(int root_fd, const char *path, size_t len, bool make)
{
    char copy[UNPACK_PATH_MAX];

    if (len >= sizeof(copy))
        return -ENAMETOOLONG;
    memcpy(copy, path, len);
    copy[len] = 0;
    int fd = open_in_root(root_fd, len ? copy : ".");
    return fd == -ENOENT && make ? make_dirs(root_fd, copy) : fd;
}

static bool is_dots(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

int unpack_remove_inside(int dir_fd, const char *path, const struct unpack_remove *opts,
                         unsigned depth)
{
    char child[UNPACK_PATH_MAX];
    struct dirent *e;
    int kept = 0, fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        int r = -errno;
        if (fd >= 0)
            (void)close(fd);
        return r;
    }
    while (kept >= 0 && (e = readdir(dir))) {
        if (is_dots(e->d_name))
            continue;
        int n = snprintf(child, sizeof(child), "%s%s%s", path, *path ? "/" : "", e->d_name);
        if (n < 0 || (size_t)n >= sizeof(child))
            kept = -ENAMETOOLONG;
        else {
            int r = unpack_remove_at(fd, e->d_name, child, opts, depth + 1);
            kept = r < 0 ? r : kept | r;
        }
    }
    (void)closedir(dir);
    return kept;
}

int unpack_remove_at(int dir_fd, const char *name, const char *path,
                     const struct unpack_remove *opts, unsigned depth)
{
    struct stat st;

    if (depth > REMOVE_DEPTH_MAX)
        return -ELOOP;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    bool keep = opts && opts->keep && opts->keep(opts->ctx, path);
    if (!S_ISDIR(st.st_mode)) {
        if (keep)
            return 1;
        return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
    }
    auto_close int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = unpack_remove_inside(fd, path, opts, depth);
    if (r != 0 || keep)
        return r < 0 ? r : 1;
    return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int sim_remove_tree_at(int dir_fd, const char *name, struct cmn_err *err)
{
    int r = unpack_remove_at(dir_fd, name, name, NULL, 0);

    return r < 0 ? cmn_err_set(err, -r, "deleting '%.300s': %s", name, strerror(-r)) : 0;
}
