/* mux.c - streams over one port; see mux.h. */
#include "sim/mux/mux.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    OUT_HIGH = 256 << 10, /* above this nothing more is read from streams */
    OUT_MAX = 4 << 20,    /* above this the peer does not read at all */
};

struct bytes { /* a queue: taken from `at`, added at `len` */
    uint8_t *data;
    size_t at, len, cap;
};

struct stream {
    int fd;               /* -1: this number is free, or only waits for the peer's last word */
    bool used;            /* the number is in use */
    bool fin_in, fin_out; /* each side's FIN was seen, sent */
    bool shut;            /* fin_in was passed on to fd */
    bool reset_out;       /* we sent RESET and wait for the peer's */
    uint32_t credit;      /* bytes that we may still send */
    uint32_t delivered;   /* bytes not yet told in a WINDOW */
    struct bytes in;      /* for fd */
};

struct mux {
    int port;
    enum mux_side side;
    struct mux_ops ops;
    void *ctx;
    struct bytes out;
    uint8_t frame[MUX_HEADER_BYTES + MUX_PAYLOAD_MAX]; /* being received */
    size_t have;
    struct stream streams[MUX_STREAMS];
    uint16_t poll_id[MUX_POLL_MAX];
};

/* ---- bytes ---- */

static size_t left(const struct bytes *b)
{
    return b->len - b->at;
}

static int add(struct bytes *b, const void *data, size_t len)
{
    if (b->at == b->len)
        b->at = b->len = 0;
    if (b->cap - b->len < len && b->at) {
        memmove(b->data, b->data + b->at, left(b));
        b->len -= b->at;
        b->at = 0;
    }
    if (b->cap - b->len < len) {
        size_t cap = b->cap ? b->cap : 4096;
        while (cap - b->len < len)
            cap *= 2;
        uint8_t *p = realloc(b->data, cap);
        if (!p)
            return -ENOMEM;
        b->data = p;
        b->cap = cap;
    }
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    return 0;
}

static void drop(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* ---- frames out ---- */

static int queue(struct mux *m, enum mux_type type, unsigned service, unsigned id, const void *data,
                 size_t len)
{
    uint8_t head[MUX_HEADER_BYTES] = {(uint8_t)type, (uint8_t)service, (uint8_t)id,
                                      (uint8_t)(id >> 8)};

    if (left(&m->out) + len > OUT_MAX)
        return -ENOBUFS;
    put_u32(head + 4, (uint32_t)len);
    int r = add(&m->out, head, sizeof(head));
    return r < 0 ? r : add(&m->out, data, len);
}

int mux_send(struct mux *m, enum mux_type type, const void *data, size_t len)
{
    const uint8_t *p = data;

    do {
        size_t n = len < MUX_PAYLOAD_MAX ? len : MUX_PAYLOAD_MAX;
        int r = queue(m, type, 0, 0, p, n);
        if (r < 0)
            return r;
        p = p ? p + n : NULL;
        len -= n;
    } while (len);
    return 0;
}

size_t mux_pending(const struct mux *m)
{
    return left(&m->out);
}

static int flush(struct mux *m)
{
    while (left(&m->out)) {
        ssize_t n = write(m->port, m->out.data + m->out.at, left(&m->out));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        m->out.at += (size_t)n;
    }
    return 0;
}

/* ---- streams ---- */

static struct stream *begin(struct mux *m, unsigned id, int fd)
{
    struct stream *s = &m->streams[id];

    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    *s = (struct stream){.fd = fd, .used = true, .credit = MUX_WINDOW_BYTES};
    return s;
}

static void close_fd(struct stream *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    drop(&s->in);
}

static void end(struct stream *s)
{
    close_fd(s);
    *s = (struct stream){.fd = -1};
}

static int reset(struct mux *m, unsigned id)
{
    struct stream *s = &m->streams[id];

    close_fd(s);
    s->reset_out = true;
    return queue(m, MUX_RESET, 0, id, NULL, 0);
}

int mux_attach(struct mux *m, unsigned id, int fd)
{
    if (id >= MUX_STREAMS || m->streams[id].used)
        return -EBUSY;
    (void)begin(m, id, fd);
    return 0;
}

int mux_open(struct mux *m, unsigned service, int fd)
{
    for (unsigned id = 1; id < MUX_STREAMS; id++)
        if (!m->streams[id].used) {
            int r = queue(m, MUX_OPEN, service, id, NULL, 0);
            if (r == 0)
                (void)begin(m, id, fd);
            return r;
        }
    return -EAGAIN;
}

/* Both directions are at their end: the number is free again. */
static void end_if_done(struct stream *s)
{
    if (s->fin_out && s->fin_in && s->shut)
        end(s);
}

/* Gives the fd what came for it. */
static int deliver(struct mux *m, unsigned id)
{
    struct stream *s = &m->streams[id];
    uint8_t told[4];

    while (left(&s->in)) {
        ssize_t n = send(s->fd, s->in.data + s->in.at, left(&s->in), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            return reset(m, id);
        s->in.at += (size_t)n;
        s->delivered += (uint32_t)n;
    }
    if (s->delivered >= MUX_WINDOW_BYTES / 4) {
        put_u32(told, s->delivered);
        s->delivered = 0;
        int r = queue(m, MUX_WINDOW, 0, id, told, sizeof(told));
        if (r < 0)
            return r;
    }
    if (s->fin_in && !left(&s->in) && !s->shut) {
        (void)shutdown(s->fd, SHUT_WR);
        s->shut = true;
        end_if_done(s);
    }
    return 0;
}

/* Takes what the fd has, as far as the peer's window goes. */
static int collect(struct mux *m, unsigned id)
{
    struct stream *s = &m->streams[id];
    uint8_t block[MUX_PAYLOAD_MAX];

    while (s->credit && left(&m->out) < OUT_HIGH) {
        size_t want = s->credit < sizeof(block) ? s->credit : sizeof(block);
        ssize_t n = recv(s->fd, block, want, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            return reset(m, id);
        if (n == 0) {
            int r = queue(m, MUX_FIN, 0, id, NULL, 0);
            s->fin_out = true;
            end_if_done(s);
            return r;
        }
        s->credit -= (uint32_t)n;
        int r = queue(m, MUX_DATA, 0, id, block, (size_t)n);
        if (r < 0 || (size_t)n < want)
            return r;
    }
    return 0;
}

/* ---- frames in ---- */

static int on_open(struct mux *m, unsigned id, unsigned service)
{
    if (m->side != MUX_HOST || !m->ops.connect || id == MUX_AGENT || m->streams[id].used)
        return -EBADMSG;
    int fd = m->ops.connect(m->ctx, service);
    if (fd < 0) {
        m->streams[id] = (struct stream){.fd = -1, .used = true};
        return reset(m, id);
    }
    (void)begin(m, id, fd);
    return 0;
}

static int on_data(struct mux *m, unsigned id, const uint8_t *data, size_t len)
{
    struct stream *s = &m->streams[id];

    if (s->fin_in || left(&s->in) + s->delivered + len > MUX_WINDOW_BYTES)
        return -EBADMSG;
    int r = add(&s->in, data, len);
    return r < 0 ? r : deliver(m, id);
}

static int on_window(struct stream *s, const uint8_t *data, size_t len)
{
    uint32_t n = len == 4 ? get_u32(data) : 0;

    if (len != 4 || n > MUX_WINDOW_BYTES - s->credit)
        return -EBADMSG;
    s->credit += n;
    return 0;
}

static int on_reset(struct mux *m, unsigned id)
{
    bool ours = m->streams[id].reset_out;

    end(&m->streams[id]);
    return ours ? 0 : queue(m, MUX_RESET, 0, id, NULL, 0);
}

static int on_stream(struct mux *m, enum mux_type type, unsigned id, const uint8_t *data,
                     size_t len)
{
    struct stream *s = &m->streams[id];

    if (!s->used)
        return -EBADMSG;
    if (type == MUX_RESET)
        return on_reset(m, id);
    if (s->reset_out) /* sent before the peer saw our reset */
        return 0;
    switch (type) {
    case MUX_DATA:
        return on_data(m, id, data, len);
    case MUX_WINDOW:
        return on_window(s, data, len);
    default: /* FIN */
        if (s->fin_in)
            return -EBADMSG;
        s->fin_in = true;
        return deliver(m, id);
    }
}

static int on_frame(struct mux *m, size_t len)
{
    const uint8_t *h = m->frame, *data = m->frame + MUX_HEADER_BYTES;
    unsigned id = h[2] | (unsigned)h[3] << 8;

    if (id >= MUX_STREAMS)
        return -EBADMSG;
    switch (h[0]) {
    case MUX_OPEN:
        return on_open(m, id, h[1]);
    case MUX_DATA:
    case MUX_FIN:
    case MUX_RESET:
    case MUX_WINDOW:
        return on_stream(m, h[0], id, data, len);
    case MUX_CONFIG:
    case MUX_POWER:
        return m->side == MUX_GUEST ? m->ops.control(m->ctx, h[0], data, len) : -EBADMSG;
    case MUX_READY:
    case MUX_EXIT:
        return m->side == MUX_HOST ? m->ops.control(m->ctx, h[0], data, len) : -EBADMSG;
    default:
        return -EBADMSG;
    }
}

int mux_feed(struct mux *m, const void *data, size_t len)
{
    const uint8_t *p = data;

    while (len) {
        size_t want = MUX_HEADER_BYTES;
        if (m->have >= MUX_HEADER_BYTES) {
            uint32_t body = get_u32(m->frame + 4);
            if (body > MUX_PAYLOAD_MAX)
                return -EBADMSG;
            want += body;
        }
        size_t n = want - m->have < len ? want - m->have : len;
        memcpy(m->frame + m->have, p, n);
        m->have += n;
        p += n;
        len -= n;
        if (m->have < want || (want == MUX_HEADER_BYTES && get_u32(m->frame + 4)))
            continue;
        m->have = 0;
        int r = on_frame(m, want - MUX_HEADER_BYTES);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- the loop ---- */

size_t mux_prepare(struct mux *m, struct pollfd fds[MUX_POLL_MAX])
{
    size_t n = 0;

    fds[n++] =
        (struct pollfd){.fd = m->port, .events = (short)(POLLIN | (left(&m->out) ? POLLOUT : 0))};
    for (unsigned id = 0; id < MUX_STREAMS; id++) {
        struct stream *s = &m->streams[id];
        short events = 0;
        if (s->fd < 0)
            continue;
        if (!s->fin_out && s->credit && left(&m->out) < OUT_HIGH)
            events |= POLLIN;
        if (left(&s->in))
            events |= POLLOUT;
        m->poll_id[n] = (uint16_t)id;
        fds[n++] = (struct pollfd){.fd = events ? s->fd : -1, .events = events};
    }
    return n;
}

static int read_port(struct mux *m)
{
    uint8_t block[32768];

    for (int i = 0; i < 8; i++) { /* bounded, so that streams have their turn */
        ssize_t n = read(m->port, block, sizeof(block));
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return 1;
        if (n < 0)
            return -errno;
        if (n == 0)
            return 0;
        int r = mux_feed(m, block, (size_t)n);
        if (r < 0)
            return r;
        if ((size_t)n < sizeof(block))
            return 1;
    }
    return 1;
}

int mux_step(struct mux *m, const struct pollfd *fds, size_t n)
{
    int r = 0;

    for (size_t i = 1; r == 0 && i < n; i++) {
        unsigned id = m->poll_id[i];
        if (fds[i].fd < 0 || m->streams[id].fd != fds[i].fd)
            continue;
        if (fds[i].revents & POLLOUT)
            r = deliver(m, id);
        if (r == 0 && m->streams[id].fd == fds[i].fd && !m->streams[id].fin_out &&
            fds[i].revents & (POLLIN | POLLHUP | POLLERR))
            r = collect(m, id);
    }
    if (r == 0)
        r = flush(m);
    if (r < 0)
        return r;
    r = fds[0].revents & (POLLIN | POLLHUP | POLLERR) ? read_port(m) : 1;
    if (r > 0) {
        int f = flush(m);
        r = f < 0 ? f : r;
    }
    return r;
}

struct mux *mux_new(int port, enum mux_side side, const struct mux_ops *ops, void *ctx)
{
    struct mux *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->port = port;
    m->side = side;
    m->ops = *ops;
    m->ctx = ctx;
    for (size_t i = 0; i < MUX_STREAMS; i++)
        m->streams[i].fd = -1;
    (void)fcntl(port, F_SETFL, fcntl(port, F_GETFL) | O_NONBLOCK);
    return m;
}

void mux_free(struct mux *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < MUX_STREAMS; i++)
        close_fd(&m->streams[i]);
    drop(&m->out);
    (void)close(m->port);
    free(m);
}
