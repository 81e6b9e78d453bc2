/* fuse.c - /sys/kernel/config/tsm/report in user space; see tee.h. */
#define FUSE_USE_VERSION 31
#include "sim/guest/tee/tee.h"

#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Inode: the root is 1; else serial of the entry in the upper bits, attribute in the lower 8. */
#define INO(serial, attr) ((fuse_ino_t)(serial) << 8 | (fuse_ino_t)(attr))

struct handle { /* of an open attribute */
    struct cmn_buf data;
    bool read;    /* data is what this handle reads */
    bool written; /* data waits for the close */
};

static struct tsm *tsm_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

static struct tsm_entry *entry_of(fuse_req_t req, fuse_ino_t ino, enum tsm_attr *ret_attr)
{
    if (ino == FUSE_ROOT_ID || (ino & 0xFF) >= TSM_ATTRS || ino >> 8 > UINT32_MAX)
        return NULL;
    *ret_attr = (enum tsm_attr)(ino & 0xFF);
    return tsm_by_serial(tsm_of(req), (uint32_t)(ino >> 8));
}

static struct stat stat_of(fuse_ino_t ino, enum tsm_attr attr)
{
    bool dir = ino == FUSE_ROOT_ID || attr == TSM_DIR;

    return (struct stat){.st_ino = ino,
                         .st_mode = (dir ? S_IFDIR : S_IFREG) | tsm_attr_mode(attr),
                         .st_nlink = dir ? 2 : 1,
                         .st_size = dir ? 0 : 4096};
}

static void reply_entry(fuse_req_t req, fuse_ino_t ino, enum tsm_attr attr)
{
    struct fuse_entry_param e = {.ino = ino, .attr = stat_of(ino, attr)};

    (void)fuse_reply_entry(req, &e);
}

static void on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    enum tsm_attr attr = TSM_DIR;
    struct tsm_entry *e;

    if (parent == FUSE_ROOT_ID) {
        e = tsm_by_name(tsm_of(req), name);
        if (e)
            reply_entry(req, INO(e->serial, TSM_DIR), TSM_DIR);
        else
            (void)fuse_reply_err(req, ENOENT);
        return;
    }
    e = entry_of(req, parent, &attr);
    for (int a = TSM_INBLOB; e && attr == TSM_DIR && a < TSM_ATTRS; a++)
        if (strcmp(tsm_attr_name((enum tsm_attr)a), name) == 0) {
            reply_entry(req, INO(e->serial, a), (enum tsm_attr)a);
            return;
        }
    (void)fuse_reply_err(req, ENOENT);
}

static void on_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    enum tsm_attr attr = TSM_DIR;

    (void)fi;
    if (ino != FUSE_ROOT_ID && !entry_of(req, ino, &attr)) {
        (void)fuse_reply_err(req, ENOENT);
        return;
    }
    struct stat st = stat_of(ino, attr);
    (void)fuse_reply_attr(req, &st, 0);
}

/* A shell's `>` cuts the file first: that is not a write. */
static void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *to, int what,
                       struct fuse_file_info *fi)
{
    (void)to;
    (void)what;
    on_getattr(req, ino, fi);
}

static void on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct tsm_entry *e = NULL;

    (void)mode;
    int r = parent == FUSE_ROOT_ID ? tsm_make(tsm_of(req), name, &e) : -EPERM;
    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else
        reply_entry(req, INO(e->serial, TSM_DIR), TSM_DIR);
}

static void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct tsm_entry *e = parent == FUSE_ROOT_ID ? tsm_by_name(tsm_of(req), name) : NULL;

    if (e)
        tsm_remove(e);
    (void)fuse_reply_err(req, e ? 0 : parent == FUSE_ROOT_ID ? ENOENT : EPERM);
}

/* One name of a listing into `out`, at the offset `next`. false: it does not fit. */
static bool list(fuse_req_t req, struct cmn_buf *out, size_t cap, const char *name, fuse_ino_t ino,
                 enum tsm_attr attr, off_t next)
{
    struct stat st = stat_of(ino, attr);
    size_t at = out->len, n = fuse_add_direntry(req, NULL, 0, name, NULL, 0);

    if (at + n > cap || cmn_buf_resize(out, at + n) < 0)
        return false;
    (void)fuse_add_direntry(req, (char *)out->data + at, n, name, &st, next);
    return true;
}

static void on_readdir(fuse_req_t req, fuse_ino_t ino, size_t cap, off_t off,
                       struct fuse_file_info *fi)
{
    auto_buf struct cmn_buf out = {0};
    enum tsm_attr attr = TSM_DIR;
    struct tsm *t = tsm_of(req);
    struct tsm_entry *e = ino == FUSE_ROOT_ID ? NULL : entry_of(req, ino, &attr);
    off_t end = ino == FUSE_ROOT_ID ? TSM_ENTRIES_MAX : e ? TSM_ATTRS - 1 : 0;

    (void)fi;
    for (off_t i = off; i >= 0 && i < end; i++) {
        const struct tsm_entry *dir = e ? e : &t->entries[i];
        enum tsm_attr a = e ? (enum tsm_attr)(i + 1) : TSM_DIR;
        if (dir->serial &&
            !list(req, &out, cap, e ? tsm_attr_name(a) : dir->name, INO(dir->serial, a), a, i + 1))
            break;
    }
    (void)fuse_reply_buf(req, (const char *)out.data, out.len);
}

/* ---- open attributes ---- */

static struct handle *handle_of(const struct fuse_file_info *fi)
{
    return (struct handle *)(uintptr_t)fi->fh;
}

static void on_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    enum tsm_attr attr = TSM_DIR;
    bool wants_write = (fi->flags & O_ACCMODE) != O_RDONLY;
    struct tsm_entry *e = entry_of(req, ino, &attr);
    struct handle *h = e && attr != TSM_DIR ? calloc(1, sizeof(*h)) : NULL;

    /* root may open anything elsewhere; configfs looks at the attribute's own functions */
    if (h && (fi->flags & O_ACCMODE) != (tsm_attr_mode(attr) & 0200 ? O_WRONLY : O_RDONLY)) {
        free(h);
        (void)fuse_reply_err(req, wants_write || tsm_attr_mode(attr) == 0200 ? EACCES : EINVAL);
        return;
    }
    if (!h) {
        (void)fuse_reply_err(req, e ? ENOMEM : ENOENT);
        return;
    }
    fi->fh = (uint64_t)(uintptr_t)h;
    fi->direct_io = 1;
    if (fuse_reply_open(req, fi) == -ENOENT) /* the caller is gone */
        free(h);
}

static void on_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                    struct fuse_file_info *fi)
{
    enum tsm_attr attr = TSM_DIR;
    struct tsm_entry *e = entry_of(req, ino, &attr);
    struct handle *h = handle_of(fi);
    int r = e ? 0 : -ENOENT;

    if (r == 0 && !h->read)
        r = tsm_read(tsm_of(req), e, attr, &h->data);
    if (r < 0) {
        cmn_buf_done(&h->data);
        (void)fuse_reply_err(req, -r);
        return;
    }
    h->read = true;
    size_t at = off >= 0 && (uint64_t)off < h->data.len ? (size_t)off : h->data.len;
    size_t n = h->data.len - at < size ? h->data.len - at : size;
    (void)fuse_reply_buf(req, n ? (const char *)h->data.data + at : NULL, n);
}

/* inblob is collected until its close, privlevel takes effect at once. */
static int write_part(struct tsm_entry *e, enum tsm_attr attr, struct handle *h, const char *data,
                      size_t size, off_t off)
{
    if (attr != TSM_INBLOB)
        return tsm_write(e, attr, cmn_bytes(data, size));
    if (off < 0 || size > TSM_INBLOB_MAX || off > (off_t)(TSM_INBLOB_MAX - size))
        return -EFBIG;
    size_t end = (size_t)off + size;
    if (end > h->data.len && cmn_buf_resize(&h->data, end) < 0)
        return -ENOMEM;
    memcpy(h->data.data + off, data, size);
    h->written = true;
    return 0;
}

static void on_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t off,
                     struct fuse_file_info *fi)
{
    enum tsm_attr attr = TSM_DIR;
    struct tsm_entry *e = entry_of(req, ino, &attr);
    int r = e ? write_part(e, attr, handle_of(fi), data, size, off) : -ENOENT;

    if (r < 0)
        (void)fuse_reply_err(req, -r);
    else
        (void)fuse_reply_write(req, size);
}

static void on_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    enum tsm_attr attr = TSM_DIR;
    struct tsm_entry *e = entry_of(req, ino, &attr);
    struct handle *h = handle_of(fi);
    int r = e && h->written ? tsm_write(e, attr, cmn_buf_bytes(&h->data)) : 0;

    h->written = false;
    (void)fuse_reply_err(req, -r);
}

static void on_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct handle *h = handle_of(fi);

    (void)ino;
    cmn_buf_done(&h->data);
    free(h);
    (void)fuse_reply_err(req, 0);
}

int tee_fuse_run(struct tsm *t, const char *mountpoint, void (*ready)(void))
{
    static const struct fuse_lowlevel_ops ops = {
        .lookup = on_lookup,
        .getattr = on_getattr,
        .setattr = on_setattr,
        .mkdir = on_mkdir,
        .rmdir = on_rmdir,
        .readdir = on_readdir,
        .open = on_open,
        .read = on_read,
        .write = on_write,
        .flush = on_flush,
        .release = on_release,
    };
    char name[] = "cocobox-tee", o[] = "-o", what[] = "fsname=tsm,default_permissions,allow_other";
    char *argv[] = {name, o, what, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    struct fuse_session *s = fuse_session_new(&args, &ops, sizeof(ops), t);

    if (!s || fuse_session_mount(s, mountpoint) < 0) {
        if (s)
            fuse_session_destroy(s);
        return -EIO;
    }
    ready();
    int r = fuse_session_loop(s);
    fuse_session_unmount(s);
    fuse_session_destroy(s);
    return r < 0 ? r : 0;
}
