/* cuse.c - /dev/sev-guest in user space; see tee.h. */
#define FUSE_USE_VERSION 31
#include "sim/guest/tee/tee.h"

#include <cuse_lowlevel.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

enum {
    REPORT_RESP = sizeof(struct snp_report_resp),
    KEY_RESP = sizeof(struct snp_derived_key_resp)
};

static struct {
    struct tee_device *device;
    void (*ready)(void);
} cuse;

struct call { /* one ioctl, as far as its memory has been fetched */
    fuse_req_t req;
    uint64_t arg; /* user's pointer to struct snp_guest_request_ioctl */
    struct snp_guest_request_ioctl in;
    const uint8_t *body; /* what req_data points to, after the struct */
    size_t body_len;     /* 0: not fetched */
    size_t out;          /* room for what is written */
};

static struct iovec user(uint64_t address, size_t len)
{
    return (struct iovec){(void *)(uintptr_t)address, len};
}

/* Ends the ioctl without an answer: only exitinfo2 goes back, as the kernel does it. */
static void refuse(const struct call *c, int r, uint64_t exitinfo2)
{
    struct snp_guest_request_ioctl back = c->in;

    if (c->out < sizeof(back)) { /* a plain error: there is no room to write to */
        (void)fuse_reply_err(c->req, -r);
        return;
    }
    back.exitinfo2 = exitinfo2;
    (void)fuse_reply_ioctl(c->req, r, &back, sizeof(back));
}

/* Asks the kernel for the memory of this call: the struct and a body of len bytes in, the struct
 * and `more` out. */
static void fetch(const struct call *c, size_t len, const struct iovec *more, size_t n_more)
{
    struct iovec in[2] = {user(c->arg, sizeof(c->in)), user(c->in.req_data, len)};
    struct iovec out[4] = {user(c->arg, sizeof(c->in))};

    for (size_t i = 0; i < n_more; i++)
        out[1 + i] = more[i];
    (void)fuse_reply_ioctl_retry(c->req, in, len ? 2 : 1, out, 1 + n_more);
}

static void plain(const struct call *c, uint8_t type, size_t body_len, size_t resp_len)
{
    struct iovec resp = user(c->in.resp_data, resp_len);
    uint8_t out[sizeof(c->in) + REPORT_RESP];
    uint64_t exitinfo2 = TEE_EXIT_PRESET;

    if (!c->in.req_data || !c->in.resp_data) {
        refuse(c, -EINVAL, TEE_EXIT_PRESET);
        return;
    }
    if (!c->body_len) {
        fetch(c, body_len, &resp, 1);
        return;
    }
    if (c->body_len != body_len || c->out != sizeof(c->in) + resp_len) {
        (void)fuse_reply_err(c->req, EIO);
        return;
    }
    int r = tee_device_request(cuse.device, type, cmn_bytes(c->body, c->body_len),
                               out + sizeof(c->in), resp_len, &exitinfo2);
    if (r < 0) {
        refuse(c, r, exitinfo2);
        return;
    }
    memcpy(out, &c->in, sizeof(c->in)); /* on success the kernel leaves exitinfo2 alone */
    (void)fuse_reply_ioctl(c->req, 0, out, sizeof(c->in) + resp_len);
}

/* Third round: there is room for the response, for certs_len of the request, and for the table. */
static void ext_answer(const struct call *c, const struct snp_ext_report_req *req, uint32_t len)
{
    static uint8_t
        out[sizeof(struct snp_guest_request_ioctl) + REPORT_RESP + sizeof(*req) + TEE_CERTS_MAX];
    const size_t resp = sizeof(c->in), back = resp + REPORT_RESP, certs = back + sizeof(*req);
    struct snp_ext_report_req told = *req;
    struct snp_guest_request_ioctl in = c->in;
    uint64_t exitinfo2 = TEE_EXIT_PRESET;
    uint32_t need = 0;

    if (c->out != certs + len) { /* the caller changed its request meanwhile */
        (void)fuse_reply_err(c->req, EIO);
        return;
    }
    int r = tee_device_ext_report(cuse.device, (const uint8_t *)&req->data, out + resp, out + certs,
                                  len, &need, &exitinfo2);
    if (r < 0 && exitinfo2 != TEE_EXIT_BAD_LEN) {
        refuse(c, r, exitinfo2);
        return;
    }
    if (r < 0) {
        told.certs_len = need;
        in.exitinfo2 = exitinfo2;
        memset(out + resp, 0, REPORT_RESP); /* FAKE: the kernel leaves the response as it was */
    }
    memcpy(out, &in, sizeof(in));
    memcpy(out + back, &told, sizeof(told));
    (void)fuse_reply_ioctl(c->req, r, out, r < 0 ? certs : certs + len);
}

static void ext(const struct call *c)
{
    struct snp_ext_report_req req;

    if (!c->in.req_data || !c->in.resp_data) {
        refuse(c, -EINVAL, TEE_EXIT_PRESET);
        return;
    }
    if (!c->body_len) {
        fetch(c, sizeof(req), NULL, 0);
        return;
    }
    if (c->body_len != sizeof(req)) {
        (void)fuse_reply_err(c->req, EIO);
        return;
    }
    memcpy(&req, c->body, sizeof(req));
    uint32_t len = req.certs_address ? req.certs_len : 0;
    if (len % TEE_PAGE || len > TEE_CERTS_MAX) {
        refuse(c, -EINVAL, TEE_EXIT_PRESET);
        return;
    }
    if (c->out == sizeof(c->in)) {
        const struct iovec more[] = {user(c->in.resp_data, REPORT_RESP),
                                     user(c->in.req_data, sizeof(req)),
                                     user(req.certs_address, len)};
        fetch(c, sizeof(req), more, len ? 3 : 2);
        return;
    }
    ext_answer(c, &req, len);
}

static void on_ioctl(fuse_req_t req, int cmd, void *arg, struct fuse_file_info *fi, unsigned flags,
                     const void *in_buf, size_t in_len, size_t out_len)
{
    struct call c = {.req = req, .arg = (uint64_t)(uintptr_t)arg, .out = out_len};

    (void)fi;
    if (flags & FUSE_IOCTL_COMPAT) {
        (void)fuse_reply_err(req, ENOSYS);
        return;
    }
    if (in_len < sizeof(c.in)) {
        fetch(&c, 0, NULL, 0);
        return;
    }
    memcpy(&c.in, in_buf, sizeof(c.in));
    c.body = (const uint8_t *)in_buf + sizeof(c.in);
    c.body_len = in_len - sizeof(c.in);
    if (!c.in.msg_version) { /* the kernel returns before it would write exitinfo2 */
        (void)fuse_reply_err(req, EINVAL);
        return;
    }
    if (cuse.device->vmpck_gone) {
        (void)fuse_reply_err(req, ENOTTY);
        return;
    }
    switch ((unsigned)cmd) {
    case SNP_GET_REPORT:
        plain(&c, SNP_MSG_REPORT_REQ, SNP_REPORT_REQ_BYTES, REPORT_RESP);
        return;
    case SNP_GET_DERIVED_KEY:
        plain(&c, SNP_MSG_KEY_REQ, SNP_KEY_REQ_BYTES, KEY_RESP);
        return;
    case SNP_GET_EXT_REPORT:
        ext(&c);
        return;
    default:
        refuse(&c, -ENOTTY, TEE_EXIT_PRESET);
    }
}

static void on_open(fuse_req_t req, struct fuse_file_info *fi)
{
    (void)fuse_reply_open(req, fi);
}

static void on_init_done(void *ctx)
{
    (void)ctx;
    cuse.ready();
}

int tee_cuse_run(struct tee_device *d, void (*ready)(void))
{
    static const struct cuse_lowlevel_ops ops = {
        .init_done = on_init_done, .open = on_open, .ioctl = on_ioctl};
    const char *info_argv[] = {"DEVNAME=sev-guest"};
    char name[] = "cocobox-tee", foreground[] = "-f", single[] = "-s";
    char *argv[] = {name, foreground, single, NULL};
    struct cuse_info info = {
        .dev_info_argc = 1, .dev_info_argv = info_argv, .flags = CUSE_UNRESTRICTED_IOCTL};
    int multithreaded = 0;

    cuse.device = d;
    cuse.ready = ready;
    struct fuse_session *s = cuse_lowlevel_setup(3, argv, &info, &ops, &multithreaded, NULL);
    if (!s)
        return -EIO;
    int r = fuse_session_loop(s);
    cuse_lowlevel_teardown(s);
    return r < 0 ? r : 0;
}
