/* buf.c - owned buffers, the reading cursor and whole-file I/O; see buf.h. */
#include "common/buf/buf.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void cmn_buf_done(struct cmn_buf *b)
{
    if (!b)
        return;
    free(b->data);
    *b = (struct cmn_buf){0};
}

void cmn_buf_done_secret(struct cmn_buf *b)
{
    if (b && b->data)
        explicit_bzero(b->data, b->cap);
    cmn_buf_done(b);
}

int cmn_buf_reserve(struct cmn_buf *b, size_t more)
{
    size_t need;

    if (__builtin_add_overflow(b->len, more, &need) || __builtin_add_overflow(need, 1, &need))
        return -ENOMEM;
    if (b->data && need <= b->cap)
        return 0;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        if (__builtin_mul_overflow(cap, 2, &cap))
            return -ENOMEM;
    /* not realloc: it would leave a copy of a secret behind */
    uint8_t *data = malloc(cap);
    if (!data)
        return -ENOMEM;
    if (b->data) {
        memcpy(data, b->data, b->len);
        explicit_bzero(b->data, b->len);
        free(b->data);
    }
    data[b->len] = 0;
    b->data = data;
    b->cap = cap;
    return 0;
}

int cmn_buf_put(struct cmn_buf *b, const void *data, size_t len)
{
    int r = cmn_buf_reserve(b, len);
    if (r < 0)
        return r;
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = 0;
    return 0;
}

int cmn_buf_puts(struct cmn_buf *b, const char *s)
{
    return cmn_buf_put(b, s, strlen(s));
}

int cmn_buf_printf(struct cmn_buf *b, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        return -ENOMEM;
    int r = cmn_buf_put(b, text, (size_t)n);
    free(text);
    return r;
}

int cmn_buf_resize(struct cmn_buf *b, size_t len)
{
    if (len > b->len) {
        int r = cmn_buf_reserve(b, len - b->len);
        if (r < 0)
            return r;
        memset(b->data + b->len, 0, len - b->len);
    }
    b->len = len;
    if (b->data)
        b->data[len] = 0;
    return 0;
}

void cmn_auto_free(void *pp)
{
    free(*(void **)pp);
}

void cmn_auto_close(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

int cmn_fd_read_all(int fd, size_t max, struct cmn_buf *ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf b = {0};

    for (;;) {
        if (cmn_buf_reserve(&b, 16384) < 0)
            return cmn_err_set(err, ENOMEM, "no memory");
        ssize_t n = read(fd, b.data + b.len, 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cmn_err_set(err, errno, "read: %s", strerror(errno));
        if (n == 0)
            break;
        b.len += (size_t)n;
        b.data[b.len] = 0;
        if (b.len > max)
            return cmn_err_set(err, EFBIG, "more than %zu bytes", max);
    }
    cmn_buf_done(ret);
    *ret = b;
    b = (struct cmn_buf){0};
    return 0;
}

int cmn_file_read(const char *path, size_t max, struct cmn_buf *ret, struct cmn_err *err)
{
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return cmn_err_set(err, errno, "%s: %s", path, strerror(errno));
    int r = cmn_fd_read_all(fd, max, ret, err);
    return r < 0 ? cmn_err_wrap(err, r, "%s", path) : 0;
}

int cmn_fd_write_all(int fd, const void *data, size_t len)
{
    const uint8_t *p = data;

    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* fsync of the folder that holds path, so that a rename in it survives a crash. */
static int sync_parent(const char *path)
{
    auto_free char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    char *slash = strrchr(copy, '/');
    const char *dir = !slash ? "." : slash == copy ? "/" : (*slash = 0, copy);
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return -errno;
    return 0;
}

int cmn_file_write(const char *path, const void *data, size_t len, unsigned mode,
                   struct cmn_err *err)
{
    auto_free char *tmp = NULL;

    const char *slash = strrchr(path, '/');

    /* a name of its own kind: what a killed writer leaves is nobody's value */
    if (asprintf(&tmp, "%.*s.new.XXXXXX", slash ? (int)(slash + 1 - path) : 0, path) < 0) {
        tmp = NULL;
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    auto_close int fd = mkostemp(tmp, O_CLOEXEC); /* mode 0600 until it is whole */
    if (fd < 0)
        return cmn_err_set(err, errno, "%s: %s", path, strerror(errno));
    int r = cmn_fd_write_all(fd, data, len);
    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(tmp, path) < 0))
        r = -errno;
    if (r < 0) {
        (void)unlink(tmp);
        return cmn_err_set(err, -r, "%s: %s", path, strerror(-r));
    }
    r = sync_parent(path);
    return r < 0 ? cmn_err_set(err, -r, "%s: sync of the folder: %s", path, strerror(-r)) : 0;
}

int cmn_mkdir_p(const char *path, unsigned mode, struct cmn_err *err)
{
    auto_free char *copy = strdup(path);

    if (!copy)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (char *p = copy + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char keep = *p;
        *p = 0;
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return cmn_err_set(err, errno, "mkdir %s: %s", copy, strerror(errno));
        *p = keep;
        if (!keep)
            return 0;
    }
}

int cmn_rd_bytes(struct cmn_rd *c, void *out, size_t len)
{
    if (cmn_rd_left(c) < len)
        return -EBADMSG;
    memcpy(out, c->p, len);
    c->p += len;
    return 0;
}

int cmn_rd_skip(struct cmn_rd *c, size_t len)
{
    if (cmn_rd_left(c) < len)
        return -EBADMSG;
    c->p += len;
    return 0;
}

/* Reads n little-endian bytes (n <= 8). */
static int rd_le(struct cmn_rd *c, size_t n, uint64_t *ret)
{
    uint64_t v = 0;

    if (cmn_rd_left(c) < n)
        return -EBADMSG;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)c->p[i] << (8 * i);
    c->p += n;
    *ret = v;
    return 0;
}

int cmn_rd_u8(struct cmn_rd *c, uint8_t *ret)
{
    return cmn_rd_bytes(c, ret, 1);
}

int cmn_rd_u16le(struct cmn_rd *c, uint16_t *ret)
{
    uint64_t v;
    int r = rd_le(c, 2, &v);
    if (r == 0)
        *ret = (uint16_t)v;
    return r;
}

int cmn_rd_u32le(struct cmn_rd *c, uint32_t *ret)
{
    uint64_t v;
    int r = rd_le(c, 4, &v);
    if (r == 0)
        *ret = (uint32_t)v;
    return r;
}

int cmn_rd_u64le(struct cmn_rd *c, uint64_t *ret)
{
    return rd_le(c, 8, ret);
}

int cmn_rd_u32be(struct cmn_rd *c, uint32_t *ret)
{
    uint64_t v;
    int r = rd_le(c, 4, &v);
    if (r == 0)
        *ret = __builtin_bswap32((uint32_t)v);
    return r;
}

static void put_le(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

void cmn_put_u16le(uint8_t *p, uint16_t v)
{
    put_le(p, v, 2);
}

void cmn_put_u32le(uint8_t *p, uint32_t v)
{
    put_le(p, v, 4);
}

void cmn_put_u64le(uint8_t *p, uint64_t v)
{
    put_le(p, v, 8);
}

void cmn_put_u32be(uint8_t *p, uint32_t v)
{
    put_le(p, __builtin_bswap32(v), 4);
}

bool cmn_all_zero(const void *data, size_t len)
{
    const uint8_t *p = data;
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= p[i];
    return any == 0;
}
