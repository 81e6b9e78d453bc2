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

static int receive_frame(int fd, struct snp_psp_frame *ret, struct cmn_err *err)
{
    uint8_t head[SNP_PSP_HEADER_BYTES];
    int r = snp_psp_read(fd, head, sizeof(head));

    if (r == -EAGAIN)
        return cmn_err_reason(err, ETIMEDOUT, CMN_REASON_PSP_UNREACHABLE,
                              "the PSP does not answer within %d seconds", ANSWER_SECONDS);
    if (r < 0)
        return cmn_err_reason(err, -r, CMN_REASON_PSP_UNREACHABLE, "the PSP closed the connection");
    return snp_psp_frame_decode(head, ret, err);
}

/* Reads the head of an answer of this type and body size. */
static int receive_head(int fd, uint8_t type, uint32_t body_len, struct snp_psp_frame *ret,
                        struct cmn_err *err)
{
    int r = receive_frame(fd, ret, err);

    if (r < 0)
        return r;
    if (ret->type != type || ret->body_len != body_len)
        return cmn_err_set(err, EBADMSG, "PSP answer has type %u and %u bytes, want %u and %u",
                           ret->type, ret->body_len, type, body_len);
    return 0;
}

/* The status word in front of every answer. */
static int check_status(const uint8_t *body, struct cmn_err *err)
{
    struct cmn_rd c = cmn_rd_init(body, 4);
    uint32_t status = 0;

    if (cmn_rd_u32le(&c, &status) == 0 && status == SNP_STATUS_OK)
        return 0;
    return cmn_err_reason(err, EINVAL, CMN_REASON_PSP_REQUEST_INVALID,
                          "the PSP refused the request with status 0x%x", status);
}

/* Reads the response to a report request. */
static int receive_report(int fd, uint8_t ret_report[SNP_REPORT_BYTES], struct snp_certs *ret_certs,
                          struct cmn_err *err)
{
    uint8_t body[SNP_REPORT_RSP_BYTES];
    struct snp_psp_frame f;
    auto_buf struct cmn_buf table = {0};
    struct cmn_rd c = cmn_rd_init(body + 4, 4);
    uint32_t size = 0;
    int r = receive_head(fd, SNP_MSG_REPORT_RSP, sizeof(body), &f, err);

    if (r < 0)
        return r;
    if (cmn_buf_resize(&table, f.certs_len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (snp_psp_read(fd, body, sizeof(body)) < 0 ||
        (f.certs_len && snp_psp_read(fd, table.data, f.certs_len) < 0))
        return cmn_err_set(err, EPIPE, "the PSP's answer is not whole");
    if ((r = check_status(body, err)) < 0)
        return r;
    if (cmn_rd_u32le(&c, &size) || size != SNP_REPORT_BYTES)
        return cmn_err_set(err, EBADMSG, "PSP report of %u bytes, want 1184", size);
    if (ret_certs && (r = snp_certs_decode(table.data, table.len, ret_certs, err)) < 0)
        return r;
    memcpy(ret_report, body + 32, SNP_REPORT_BYTES);
    return 0;
}

static int send_all(int fd, const uint8_t *msg, size_t len, struct cmn_err *err)
{
    if (send(fd, msg, len, MSG_NOSIGNAL) != (ssize_t)len)
        return cmn_err_reason(err, EPIPE, CMN_REASON_PSP_UNREACHABLE,
                              "the PSP does not take the request");
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
    int r = send_all(fd, msg, sizeof(msg), err);
    return r < 0 ? r : receive_report(fd, ret_report, ret_certs, err);
}

/* Reads an answer of this type, whatever its size. */
static int receive_any(int fd, uint8_t type, struct cmn_buf *body, struct cmn_buf *table,
                       struct cmn_err *err)
{
    struct snp_psp_frame f;
    int r = receive_frame(fd, &f, err);

    if (r < 0)
        return r;
    if (f.type != type || f.body_len < 4)
        return cmn_err_set(err, EBADMSG, "PSP answer has type %u and %u bytes, want type %u",
                           f.type, f.body_len, type);
    if (cmn_buf_resize(body, f.body_len) < 0 || cmn_buf_resize(table, f.certs_len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (snp_psp_read(fd, body->data, body->len) < 0 ||
        (f.certs_len && snp_psp_read(fd, table->data, f.certs_len) < 0))
        return cmn_err_set(err, EPIPE, "the PSP's answer is not whole");
    return 0;
}

int snp_psp_call(const char *path, uint8_t type, struct cmn_bytes body, struct cmn_buf *ret_body,
                 struct cmn_buf *ret_table, struct cmn_err *err)
{
    uint8_t msg[SNP_PSP_HEADER_BYTES + SNP_REPORT_REQ_BYTES] = {0};
    auto_buf_secret struct cmn_buf answer = {0};
    auto_buf struct cmn_buf table = {0};

    if (body.len > SNP_REPORT_REQ_BYTES)
        return cmn_err_set(err, EINVAL, "guest message of %zu bytes, at most %d", body.len,
                           SNP_REPORT_REQ_BYTES);
    auto_close int fd = dial(path, err);
    if (fd < 0)
        return fd;
    snp_psp_frame_encode(&(struct snp_psp_frame){.type = type,
                                                 .flags = ret_table ? SNP_PSP_FLAG_CERTS : 0,
                                                 .body_len = (uint32_t)body.len},
                         msg);
    memcpy(msg + SNP_PSP_HEADER_BYTES, body.data, body.len);
    int r = send_all(fd, msg, SNP_PSP_HEADER_BYTES + body.len, err);
    if (r == 0)
        r = receive_any(fd, (uint8_t)(type + 1), &answer, &table, err);
    if (r < 0)
        return r;
    *ret_body = answer;
    answer = (struct cmn_buf){0};
    if (ret_table) {
        *ret_table = table;
        table = (struct cmn_buf){0};
    }
    return 0;
}

size_t snp_key_req_encode(const struct snp_key_req *req, uint8_t out[SNP_KEY_REQ_V2_BYTES])
{
    memset(out, 0, SNP_KEY_REQ_V2_BYTES);
    cmn_put_u32le(out, req->root_key_select);
    cmn_put_u64le(out + 0x08, req->fields);
    cmn_put_u32le(out + 0x10, req->vmpl);
    cmn_put_u32le(out + 0x14, req->guest_svn);
    memcpy(out + 0x18, req->tcb, sizeof(req->tcb));
    if (req->v2)
        cmn_put_u64le(out + 0x20, req->mit_vector);
    return req->v2 ? SNP_KEY_REQ_V2_BYTES : SNP_KEY_REQ_BYTES;
}

int snp_key_req_decode(const uint8_t *in, size_t len, struct snp_key_req *ret, struct cmn_err *err)
{
    struct cmn_rd c = cmn_rd_init(in, len);
    struct snp_key_req req = {.v2 = len == SNP_KEY_REQ_V2_BYTES};
    uint32_t reserved = 0;

    if (len != SNP_KEY_REQ_BYTES && len != SNP_KEY_REQ_V2_BYTES)
        return cmn_err_set(err, EBADMSG, "key request of %zu bytes, want 32 or 40", len);
    if (cmn_rd_u32le(&c, &req.root_key_select) || cmn_rd_u32le(&c, &reserved) ||
        cmn_rd_u64le(&c, &req.fields) || cmn_rd_u32le(&c, &req.vmpl) ||
        cmn_rd_u32le(&c, &req.guest_svn) || cmn_rd_bytes(&c, req.tcb, sizeof(req.tcb)) ||
        (req.v2 && cmn_rd_u64le(&c, &req.mit_vector)) || reserved)
        return cmn_err_set(err, EBADMSG, "reserved bytes of the key request are not zero");
    *ret = req;
    return 0;
}

int snp_psp_get_key(const char *path, const struct snp_key_req *req, uint8_t ret_key[32],
                    struct cmn_err *err)
{
    uint8_t msg[SNP_PSP_HEADER_BYTES + SNP_KEY_REQ_V2_BYTES], body[SNP_KEY_RSP_BYTES];
    struct snp_psp_frame f;
    size_t len = snp_key_req_encode(req, msg + SNP_PSP_HEADER_BYTES);
    auto_close int fd = dial(path, err);

    if (fd < 0)
        return fd;
    snp_psp_frame_encode(
        &(struct snp_psp_frame){.type = SNP_MSG_KEY_REQ, .body_len = (uint32_t)len}, msg);
    int r = send_all(fd, msg, SNP_PSP_HEADER_BYTES + len, err);
    if (r == 0)
        r = receive_head(fd, SNP_MSG_KEY_RSP, sizeof(body), &f, err);
    if (r == 0 && (f.certs_len || snp_psp_read(fd, body, sizeof(body)) < 0))
        r = cmn_err_set(err, EPIPE, "the PSP's answer is not whole");
    if (r == 0)
        r = check_status(body, err);
    if (r == 0)
        memcpy(ret_key, body + 32, 32);
    explicit_bzero(body, sizeof(body));
    return r;
}
