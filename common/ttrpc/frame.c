/* frame.c - ttrpc's 10-byte header and whole frames; see ttrpc.h. */
#include "common/ttrpc/ttrpc-internal.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

void cmn_ttrpc_frame_encode(const struct cmn_ttrpc_frame *frame,
                            uint8_t out[CMN_TTRPC_HEADER_BYTES])
{
    cmn_put_u32be(out, frame->length);
    cmn_put_u32be(out + 4, frame->stream);
    out[8] = frame->type;
    out[9] = frame->flags;
}

int cmn_ttrpc_frame_decode(const void *data, size_t len, struct cmn_ttrpc_frame *ret,
                           struct cmn_err *err)
{
    struct cmn_rd c = cmn_rd_init(data, len);
    struct cmn_ttrpc_frame f;

    if (cmn_rd_u32be(&c, &f.length) < 0 || cmn_rd_u32be(&c, &f.stream) < 0 ||
        cmn_rd_u8(&c, &f.type) < 0 || cmn_rd_u8(&c, &f.flags) < 0)
        return cmn_err_set(err, EBADMSG, "ttrpc header is %zu bytes, want %d", len,
                           CMN_TTRPC_HEADER_BYTES);
    *ret = f;
    return 0;
}

static int read_exact(int fd, void *out, size_t len)
{
    uint8_t *p = out;

    while (len > 0) {
        ssize_t n = read(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -ECONNRESET;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int drop(int fd, size_t len)
{
    uint8_t scratch[16384];

    while (len > 0) {
        size_t part = len < sizeof(scratch) ? len : sizeof(scratch);
        int r = read_exact(fd, scratch, part);
        if (r < 0)
            return r;
        len -= part;
    }
    return -EMSGSIZE;
}

int cmn_ttrpc_read_frame(int fd, struct cmn_ttrpc_frame *ret, struct cmn_buf *data)
{
    uint8_t header[CMN_TTRPC_HEADER_BYTES];

    int r = read_exact(fd, header, sizeof(header));
    if (r < 0)
        return r;
    r = cmn_ttrpc_frame_decode(header, sizeof(header), ret, NULL);
    if (r < 0)
        return r;
    if (ret->length > CMN_TTRPC_MAX_DATA)
        return drop(fd, ret->length);
    r = cmn_buf_resize(data, ret->length);
    if (r < 0)
        return r;
    return ret->length == 0 ? 0 : read_exact(fd, data->data, ret->length);
}

int cmn_ttrpc_write_frame(int fd, uint32_t stream, enum cmn_ttrpc_type type, struct cmn_bytes data)
{
    uint8_t header[CMN_TTRPC_HEADER_BYTES];
    struct iovec iov[2] = {{header, sizeof(header)}, {(void *)(uintptr_t)data.data, data.len}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

    if (data.len > CMN_TTRPC_MAX_DATA)
        return -EMSGSIZE;
    cmn_ttrpc_frame_encode(&(struct cmn_ttrpc_frame){(uint32_t)data.len, stream, (uint8_t)type, 0},
                           header);
    while (msg.msg_iovlen > 0) {
        ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -ECONNRESET;
        while (msg.msg_iovlen > 0 && (size_t)n >= msg.msg_iov->iov_len) {
            n -= (ssize_t)msg.msg_iov->iov_len;
            msg.msg_iov++;
            msg.msg_iovlen--;
        }
        if (msg.msg_iovlen > 0) {
            msg.msg_iov->iov_base = (uint8_t *)msg.msg_iov->iov_base + n;
            msg.msg_iov->iov_len -= (size_t)n;
        }
    }
    return 0;
}

const char *cmn_ttrpc_path(const char *address)
{
    static const char scheme[] = "unix://";

    return strncmp(address, scheme, sizeof(scheme) - 1) == 0 ? address + sizeof(scheme) - 1
                                                             : address;
}
