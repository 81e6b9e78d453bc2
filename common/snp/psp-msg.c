/* psp-msg.c - the frame and the guest's side of it; see psp-msg.h. */
#include "common/snp/psp-msg.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_SECONDS 30

static const uint8_t magic[4] = {'P', 'S', 'P', '1'};

void snp_psp_frame_encode(const struct snp_psp_frame *frame, uint8_t out[SNP_PSP_HEADER_BYTES])
{
    memset(out, 0, SNP_PSP_HEADER_BYTES);
    memcpy(out, magic, sizeof(magic));
    out[4] = frame->type;
    out[5] = frame->flags;
    cmn_put_u32le(out + 8, frame->body_len);
    cmn_put_u32le(out + 12, frame->certs_len);
}

int snp_psp_frame_decode(const uint8_t in[SNP_PSP_HEADER_BYTES], struct snp_psp_frame *ret,
                         struct cmn_err *err)
{
    struct cmn_rd c = cmn_rd_init(in + 8, 8);
    struct snp_psp_frame f = {.type = in[4], .flags = in[5]};

    if (memcmp(in, magic, sizeof(magic)) != 0 || in[6] || in[7] || cmn_rd_u32le(&c, &f.body_len) ||
        cmn_rd_u32le(&c, &f.certs_len))
        return cmn_err_set(err, EBADMSG, "not a PSP message");
    if (f.body_len > SNP_REPORT_RSP_BYTES || f.certs_len > SNP_PSP_CERTS_MAX)
        return cmn_err_set(err, EBADMSG,
                           "PSP message of %u + %u bytes, at most %d + %d are allowed", f.body_len,
                           f.certs_len, SNP_REPORT_RSP_BYTES, SNP_PSP_CERTS_MAX);
    *ret = f;
    return 0;
}

int snp_psp_read(int fd, void *out, size_t len)
{
    uint8_t *p = out;

    while (len) {
        ssize_t n = read(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int dial(const char *path, struct cmn_err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t n = strlen(path);

    if (n >= sizeof(addr.sun_path))
        return cmn_err_set(err, ENAMETOOLONG, "socket path of %zu bytes", n);
    memcpy(addr.sun_path, path, n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval limit = {.tv_sec = ANSWER_SECONDS};
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
        connect(fd, (void *)&addr, sizeof(addr)) < 0) {
        int e = errno;
        if (fd >= 0)
            (void)close(fd);
        return cmn_err_reason(err, e, CMN_REASON_PSP_UNREACHABLE, "PSP socket %s: %s", path,
                              strerror(e));
    }
    return fd;
}

/* Reads the response to a report request. */
static int receive(int fd, uint8_t ret_report[SNP_REPORT_BYTES], struct snp_certs *ret_certs,
                   struct cmn_err *err)
{
    uint8_t head[SNP_PSP_HEADER_BYTES], body[SNP_REPORT_RSP_BYTES];
    struct snp_psp_frame f;
    auto_buf struct cmn_buf table = {0};
    uint32_t status = 0, size = 0;
    int r = snp_psp_read(fd, head, sizeof(head));

    if (r == -EAGAIN)
        return cmn_err_reason(err, ETIMEDOUT, CMN_REASON_PSP_UNREACHABLE,
                              "the PSP does not answer within %d seconds", ANSWER_SECONDS);
    if (r < 0)
        return cmn_err_reason(err, -r, CMN_REASON_PSP_UNREACHABLE, "the PSP closed the connection");
    if ((r = snp_psp_frame_decode(head, &f, err)) < 0)
        return r;
    if (f.type != SNP_MSG_REPORT_RSP || f.body_len != sizeof(body))
        return cmn_err_set(err, EBADMSG, "PSP answer has type %u and %u bytes, want %d and %zu",
                           f.type, f.body_len, SNP_MSG_REPORT_RSP, sizeof(body));
    if (cmn_buf_resize(&table, f.certs_len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (snp_psp_read(fd, body, sizeof(body)) < 0 ||
        (f.certs_len && snp_psp_read(fd, table.data, f.certs_len) < 0))
        return cmn_err_set(err, EPIPE, "the PSP's answer is not whole");
    struct cmn_rd c = cmn_rd_init(body, sizeof(body));
    if (cmn_rd_u32le(&c, &status) || cmn_rd_u32le(&c, &size))
        return cmn_err_set(err, EBADMSG, "the PSP's answer is not whole");
    if (status != SNP_STATUS_OK)
        return cmn_err_reason(err, EINVAL, CMN_REASON_PSP_REQUEST_INVALID,
                              "the PSP refused the request with status 0x%x", status);
    if (size != SNP_REPORT_BYTES)
        return cmn_err_set(err, EBADMSG, "PSP report of %u bytes, want 1184", size);
    if (ret_certs && (r = snp_certs_decode(table.data, table.len, ret_certs, err)) < 0)
        return r;
    memcpy(ret_report, body + 32, SNP_REPORT_BYTES);
    return 0;
}

int snp_psp_get_report(const char *path, const uint8_t report_data[64], uint32_t vmpl,
                       uint8_t ret_report[SNP_REPORT_BYTES], struct snp_certs *ret_certs,
                       struct cmn_err *err)
{
    uint8_t msg[SNP_PSP_HEADER_BYTES + SNP_REPORT_REQ_BYTES] = {0};
    auto_close int fd = dial(path, err);

    if (fd < 0)
        return fd;
    snp_psp_frame_encode(&(struct snp_psp_frame){.type = SNP_MSG_REPORT_REQ,
                                                 .flags = ret_certs ? SNP_PSP_FLAG_CERTS : 0,
                                                 .body_len = SNP_REPORT_REQ_BYTES},
                         msg);
    memcpy(msg + SNP_PSP_HEADER_BYTES, report_data, 64);
    cmn_put_u32le(msg + SNP_PSP_HEADER_BYTES + 64, vmpl);
    if (send(fd, msg, sizeof(msg), MSG_NOSIGNAL) != (ssize_t)sizeof(msg))
        return cmn_err_reason(err, EPIPE, CMN_REASON_PSP_UNREACHABLE,
                              "the PSP does not take the request");
    return receive(fd, ret_report, ret_certs, err);
}
