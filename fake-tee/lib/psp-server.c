/* psp-server.c - the PSP on a unix socket; see psp.h. Everything a guest sends is bounded and
 * checked. */
#include "common/snp/psp-msg.h"
#include "fake-tee/psp.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 64

struct ftee_psp_server {
    struct ftee_psp *psp;
    struct ftee_psp_server_opts opts;
    pthread_t thread;
    int stop_fd;
    struct pollfd fds[2 + MAX_CONNECTIONS]; /* stop, listen, connections */
    nfds_t n;
    struct {
        uint8_t bytes[SNP_PSP_HEADER_BYTES + SNP_REPORT_REQ_BYTES];
        size_t have;
    } in[MAX_CONNECTIONS];
};

/* the answer (about 10 KB) fits a socket buffer; who does not read it loses the connection */
static int answer(int fd, uint8_t type, struct cmn_bytes body, struct cmn_bytes certs)
{
    auto_buf_secret struct cmn_buf out = {0};
    uint8_t head[SNP_PSP_HEADER_BYTES];

    snp_psp_frame_encode(&(struct snp_psp_frame){.type = type,
                                                 .body_len = (uint32_t)body.len,
                                                 .certs_len = (uint32_t)certs.len},
                         head);
    if (cmn_buf_put(&out, head, sizeof(head)) < 0 || cmn_buf_put(&out, body.data, body.len) < 0 ||
        cmn_buf_put(&out, certs.data, certs.len) < 0)
        return -ENOMEM;
    ssize_t n = send(fd, out.data, out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n == (ssize_t)out.len ? 0 : -EPIPE;
}

static int respond_report(struct ftee_psp_server *s, int fd, const uint8_t *req, bool want_certs)
{
    auto_buf struct cmn_buf certs = {0};
    uint8_t body[SNP_REPORT_RSP_BYTES] = {0};
    struct cmn_rd c = cmn_rd_init(req + 64, 4);
    uint32_t vmpl = 0, status = SNP_STATUS_INVALID;
    int r = cmn_rd_u32le(&c, &vmpl);

    /* KEY_SEL is at 68; the rest is reserved */
    if (r == 0 && cmn_all_zero(req + 69, 27))
        r = ftee_psp_report_with(s->psp, req, vmpl, (enum snp_key_sel)req[68], body + 32, &status,
                                 NULL);
    if (r < 0)
        return r;
    cmn_put_u32le(body, status);
    if (status == SNP_STATUS_OK) {
        cmn_put_u32le(body + 4, SNP_REPORT_BYTES);
        if (s->opts.tap)
            s->opts.tap(s->opts.ctx, body + 32);
        if (want_certs && (r = ftee_psp_certs(s->psp, &certs)) < 0)
            return r;
    }
    if (s->opts.observe)
        s->opts.observe(s->opts.ctx, vmpl, status);
    return answer(fd, SNP_MSG_REPORT_RSP, cmn_bytes(body, sizeof(body)), cmn_buf_bytes(&certs));
}

static int respond_key(struct ftee_psp_server *s, int fd, const uint8_t *req, size_t len)
{
    uint8_t body[SNP_KEY_RSP_BYTES] = {0};
    struct snp_key_req key_req = {0};
    uint32_t status = SNP_STATUS_INVALID;
    int r = 0;

    if (snp_key_req_decode(req, len, &key_req, NULL) == 0)
        r = ftee_psp_derive_key(s->psp, &key_req, body + 32, &status, NULL);
    cmn_put_u32le(body, status);
    if (r == 0 && s->opts.observe)
        s->opts.observe(s->opts.ctx, key_req.vmpl, status);
    if (r == 0)
        r = answer(fd, SNP_MSG_KEY_RSP, cmn_bytes(body, sizeof(body)), cmn_bytes(NULL, 0));
    explicit_bzero(body, sizeof(body));
    return r;
}

/* Bytes of the body of this request; 0: there is none such. */
static size_t body_of(const struct snp_psp_frame *f)
{
    bool known = f->type == SNP_MSG_REPORT_REQ ? f->body_len == SNP_REPORT_REQ_BYTES
                 : f->type == SNP_MSG_KEY_REQ
                     ? f->body_len == SNP_KEY_REQ_BYTES || f->body_len == SNP_KEY_REQ_V2_BYTES
                     : false;

    return known && !f->certs_len ? f->body_len : 0;
}

/* Reads what is there, but not beyond the request; a whole one is answered. Negative ends the
 * connection. */
static int serve(struct ftee_psp_server *s, size_t i)
{
    int fd = s->fds[2 + i].fd;
    struct snp_psp_frame f;
    uint8_t *in = s->in[i].bytes, *body = in + SNP_PSP_HEADER_BYTES;
    size_t want = SNP_PSP_HEADER_BYTES;

    if (s->in[i].have >= SNP_PSP_HEADER_BYTES) {
        if (snp_psp_frame_decode(in, &f, NULL) < 0)
            return -EBADMSG;
        want += body_of(&f);
    }
    ssize_t n = recv(fd, in + s->in[i].have, want - s->in[i].have, MSG_DONTWAIT);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -EPIPE;
    s->in[i].have += (size_t)n;
    if (s->in[i].have < SNP_PSP_HEADER_BYTES)
        return 0;
    if (snp_psp_frame_decode(in, &f, NULL) < 0 || !body_of(&f))
        return -EBADMSG;
    if (s->in[i].have < SNP_PSP_HEADER_BYTES + body_of(&f))
        return 0;
    s->in[i].have = 0;
    return f.type == SNP_MSG_KEY_REQ ? respond_key(s, fd, body, f.body_len)
                                     : respond_report(s, fd, body, f.flags & SNP_PSP_FLAG_CERTS);
}

static void drop(struct ftee_psp_server *s, size_t i)
{
    size_t last = s->n - 3;

    (void)close(s->fds[2 + i].fd);
    s->fds[1].events = POLLIN;
    s->fds[2 + i] = s->fds[2 + last];
    s->in[i] = s->in[last];
    s->n--;
}

static void take_connection(struct ftee_psp_server *s)
{
    int fd = accept4(s->fds[1].fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE) /* stays readable: wait for a connection to end */
            s->fds[1].events = 0;
        return;
    }
    if (s->n == CMN_ARRAY_SIZE(s->fds)) {
        (void)close(fd);
        return;
    }
    s->in[s->n - 2].have = 0;
    s->fds[s->n++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void *run(void *arg)
{
    struct ftee_psp_server *s = arg;

    for (;;) {
        if (poll(s->fds, s->n, -1) < 0 && errno != EINTR)
            return NULL;
        if (s->fds[0].revents)
            return NULL;
        for (size_t i = s->n - 2; i-- > 0;)
            if (s->fds[2 + i].revents && serve(s, i) < 0)
                drop(s, i);
        if (s->fds[1].revents)
            take_connection(s);
    }
}

int ftee_psp_server_new(struct ftee_psp *psp, const struct ftee_psp_server_opts *opts,
                        struct ftee_psp_server **ret, struct cmn_err *err)
{
    struct ftee_psp_server *s = calloc(1, sizeof(*s));
    int stop = eventfd(0, EFD_CLOEXEC);

    if (!s || stop < 0) {
        free(s);
        return cmn_err_set(err, ENOMEM, "no memory for the PSP server");
    }
    s->psp = psp;
    s->opts = *opts;
    s->stop_fd = stop;
    s->fds[0] = (struct pollfd){.fd = stop, .events = POLLIN};
    s->fds[1] = (struct pollfd){.fd = opts->listen_fd, .events = POLLIN};
    s->n = 2;
    /* a peer that hangs up between poll and accept must not stop the thread */
    int flags = fcntl(opts->listen_fd, F_GETFL);
    int r = flags < 0 || fcntl(opts->listen_fd, F_SETFL, flags | O_NONBLOCK) < 0
                ? errno
                : pthread_create(&s->thread, NULL, run, s);
    if (r) {
        (void)close(stop);
        free(s);
        return cmn_err_set(err, r, "the PSP server did not start: %s", strerror(r));
    }
    *ret = s;
    return 0;
}

void ftee_psp_server_free(struct ftee_psp_server *server)
{
    uint64_t one = 1;

    if (!server)
        return;
    CMN_IGNORE(cmn_fd_write_all(server->stop_fd, &one, sizeof(one))); /* an eventfd takes it */
    (void)pthread_join(server->thread, NULL);
    for (nfds_t i = 0; i < server->n; i++)
        (void)close(server->fds[i].fd);
    free(server);
}
