/*
 * unpack.h - applies tar layers, in order, to one root folder.
 *
 * libarchive only reads; every file system call goes through a parent folder opened with
 * openat2(RESOLVE_IN_ROOT), so neither "..", absolute names, symlinks nor hard links of a hostile
 * archive reach anything outside the root. Whiteouts (.wh.x, .wh..wh..opq) delete what lower layers
 * put there. Owners are numeric; where the user namespace does not have an id, the file stays ours
 * and one warning is given (set-id bits are dropped then). Device nodes and xattrs that may not be
 * made give one warning each. Source: OCI image spec 1.1 layer.md.
 */
#ifndef SIM_UNPACK_H
#define SIM_UNPACK_H

#include "common/buf/buf.h"

#include <sys/types.h>

struct sim_unpack_opts {
    uint64_t max_bytes;                        /* of all regular files, 0: 64 GiB */
    uint64_t max_entries;                      /* 0: 4 million */
    void (*warn)(void *ctx, const char *text); /* may be NULL */
    void *warn_ctx;
};

struct sim_unpack;

/* root: an existing folder. opts may be NULL. */
int sim_unpack_new(const char *root, const struct sim_unpack_opts *opts, struct sim_unpack **ret,
                   struct cmn_err *err) CMN_MUST_USE;
void sim_unpack_free(struct sim_unpack *u); /* NULL ok */

/* A tar stream: fills buf, returns the number of bytes, 0 at the end, -errno with err set. */
typedef ssize_t sim_read_fn(void *ctx, void *buf, size_t cap, struct cmn_err *err);

/*
 * Applies one layer. The stream is read until the archive's end marker, not necessarily to its last
 * byte. -EBADMSG (not a tar, hostile path), -EFBIG and others, reason image.unpack-failed or
 * image.too-large (or what the reader set).
 */
int sim_unpack_layer(struct sim_unpack *u, sim_read_fn *read, void *ctx,
                     struct cmn_err *err) CMN_MUST_USE;

/* Deletes what `name` in the folder dir_fd is, with all below it; symlinks are not followed.
 * -ENOENT. */
int sim_remove_tree_at(int dir_fd, const char *name, struct cmn_err *err) CMN_MUST_USE;

#endif
