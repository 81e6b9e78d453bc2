/*
 * buf.h - bytes: borrowed ({ptr, len}), owned (growable), secret (cleansed), and a bounds-checked
 * cursor for reading binary formats.
 *
 *     auto_buf struct cmn_buf b = {0};
 *     int r = cmn_buf_put(&b, data, len);           // -ENOMEM
 *     struct cmn_rd c = cmn_rd_init(b.data, b.len);
 *     uint32_t v;
 *     if (cmn_rd_u32le(&c, &v) < 0) ...              // -EBADMSG: past the end
 */
#ifndef CMN_BUF_H
#define CMN_BUF_H

#include "common/err/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cmn_bytes { /* borrowed */
    const uint8_t *data;
    size_t len;
};

struct cmn_buf { /* owned; data[len] is always a NUL that is not counted, so text is a C string */
    uint8_t *data;
    size_t len;
    size_t cap;
};

void cmn_buf_done(struct cmn_buf *b);        /* frees, resets; NULL ok */
void cmn_buf_done_secret(struct cmn_buf *b); /* cleanses first */
int cmn_buf_put(struct cmn_buf *b, const void *data, size_t len) CMN_MUST_USE;
int cmn_buf_puts(struct cmn_buf *b, const char *s) CMN_MUST_USE;
int cmn_buf_printf(struct cmn_buf *b, const char *fmt, ...) CMN_MUST_USE
    __attribute__((format(printf, 2, 3)));
int cmn_buf_reserve(struct cmn_buf *b, size_t more) CMN_MUST_USE; /* room for `more` bytes + NUL */
/* Makes b exactly len bytes long (new ones zero). */
int cmn_buf_resize(struct cmn_buf *b, size_t len) CMN_MUST_USE;

static inline struct cmn_bytes cmn_bytes(const void *data, size_t len)
{
    return (struct cmn_bytes){(const uint8_t *)data, len};
}
static inline struct cmn_bytes cmn_buf_bytes(const struct cmn_buf *b)
{
    return (struct cmn_bytes){b->data, b->len};
}

#define auto_buf        __attribute__((cleanup(cmn_buf_done)))
#define auto_buf_secret __attribute__((cleanup(cmn_buf_done_secret)))

/* Frees a malloc'ed pointer / closes an fd at end of scope. */
void cmn_auto_free(void *pp);
void cmn_auto_close(int *fd);
#define auto_free  __attribute__((cleanup(cmn_auto_free)))
#define auto_close __attribute__((cleanup(cmn_auto_close)))

/* Reads a file whole; more than max bytes is -EFBIG. err names the file. */
int cmn_file_read(const char *path, size_t max, struct cmn_buf *ret,
                  struct cmn_err *err) CMN_MUST_USE;
/* Reads an fd to its end, same limit. */
int cmn_fd_read_all(int fd, size_t max, struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
/* Writes all bytes, restarting on EINTR and short writes. -errno. */
int cmn_fd_write_all(int fd, const void *data, size_t len) CMN_MUST_USE;
/* Atomic replace: temp file (.new.*) beside it, fsync, rename, fsync of the folder. mode as given.
 */
int cmn_file_write(const char *path, const void *data, size_t len, unsigned mode,
                   struct cmn_err *err) CMN_MUST_USE;
/* mkdir -p with this mode for what it makes. */
int cmn_mkdir_p(const char *path, unsigned mode, struct cmn_err *err) CMN_MUST_USE;

/* Cursor. Every call returns 0 or -EBADMSG (past the end, cursor unchanged). */
struct cmn_rd {
    const uint8_t *p;
    const uint8_t *end;
};
static inline struct cmn_rd cmn_rd_init(const void *data, size_t len)
{
    return (struct cmn_rd){(const uint8_t *)data, (const uint8_t *)data + len};
}
static inline size_t cmn_rd_left(const struct cmn_rd *c)
{
    return (size_t)(c->end - c->p);
}
int cmn_rd_bytes(struct cmn_rd *c, void *out, size_t len) CMN_MUST_USE;
int cmn_rd_skip(struct cmn_rd *c, size_t len) CMN_MUST_USE;
int cmn_rd_u8(struct cmn_rd *c, uint8_t *ret) CMN_MUST_USE;
int cmn_rd_u16le(struct cmn_rd *c, uint16_t *ret) CMN_MUST_USE;
int cmn_rd_u32le(struct cmn_rd *c, uint32_t *ret) CMN_MUST_USE;
int cmn_rd_u64le(struct cmn_rd *c, uint64_t *ret) CMN_MUST_USE;
int cmn_rd_u32be(struct cmn_rd *c, uint32_t *ret) CMN_MUST_USE;

/* Stores into p, unaligned ok. */
void cmn_put_u16le(uint8_t *p, uint16_t v);
void cmn_put_u32le(uint8_t *p, uint32_t v);
void cmn_put_u64le(uint8_t *p, uint64_t v);
void cmn_put_u32be(uint8_t *p, uint32_t v);

bool cmn_all_zero(const void *data, size_t len);

#endif
