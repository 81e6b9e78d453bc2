/*
 * unpack-fs.h - file system calls confined to one root, for unpack.c.
 *
 * Names are those of the archive: relative to the root, '/' between parts, leading "/" and "./"
 * allowed.
 */
#ifndef SIM_UNPACK_FS_H
#define SIM_UNPACK_FS_H

#include "sim/image/unpack.h"

#define UNPACK_PATH_MAX 4096

/*
 * Brings an archive name into the form "a/b/c" ("" for the root itself). -EBADMSG: a ".." part, a
 * part above 255 or a name above 4095 bytes.
 */
int unpack_path_clean(const char *name, char out[UNPACK_PATH_MAX],
                      struct cmn_err *err) CMN_MUST_USE;

/* The part behind the last '/'; *ret_parent_len is the length of what is before it (0: the root).
 */
const char *unpack_path_base(const char *path, size_t *ret_parent_len);

/*
 * Opens a folder inside the root as O_PATH; symlinks on the way are followed as if the root were
 * "/". With make, missing folders are made (0755). The fd or -errno.
 */
int unpack_open_dir(int root_fd, const char *path, size_t len, bool make);

/* Deletes name in dir_fd and all below, but keeps what keep() says, and folders on the way to it.
 */
typedef bool unpack_keep_fn(void *ctx, const char *path);
struct unpack_remove {
    unpack_keep_fn *keep; /* NULL: nothing is kept */
    void *ctx;
};
/* path: of dir_fd/name in the form of unpack_path_clean, for keep(). Returns 1 when something was
 * kept. */
int unpack_remove_at(int dir_fd, const char *name, const char *path,
                     const struct unpack_remove *opts, unsigned depth);
/* The same for everything inside the folder dir_fd (borrowed, may be O_PATH). */
int unpack_remove_inside(int dir_fd, const char *path, const struct unpack_remove *opts,
                         unsigned depth);

#endif
