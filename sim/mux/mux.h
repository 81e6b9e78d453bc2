/*
 * mux.h - many byte streams over the one port between a guest in a virtual machine and its host.
 *
 *     struct mux *m = mux_new(port_fd, MUX_HOST, &ops, ctx);
 *     r = mux_attach(m, MUX_AGENT, fd);                 // a stream that is open from the start
 *     for (;;) {
 *         size_t n = mux_prepare(m, fds);               // fills up to MUX_POLL_MAX entries
 *         poll(fds, n, -1);
 *         r = mux_step(m, fds, n);                      // 1: goes on, 0: port ended, -errno
 *     }
 *
 * A virtio-serial port and not a network: it needs no route, no address, no driver beyond
 * virtio_console, it works through any libvirt connection, and nothing but what is listed here can
 * be reached over it. Frame, integers little-endian:
 *
 *     0  1  type (enum mux_type)
 *     1  1  OPEN: number of the service; else zero
 *     2  2  stream
 *     4  4  bytes that follow, at most MUX_PAYLOAD_MAX
 *
 * Every stream has a window per direction, so that one that is not read holds up nobody else.
 * The peer is hostile: a frame against the rules is -EBADMSG. libc only: pid 1 of the guest uses
 * it.
 */
#ifndef SIM_MUX_H
#define SIM_MUX_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

enum mux_type {
    MUX_OPEN = 1, /* guest to host: connect to service */
    MUX_DATA,
    MUX_FIN,    /* no more data from this side */
    MUX_RESET,  /* the stream is dead in both directions; answered with a reset */
    MUX_WINDOW, /* u32: bytes of the peer that were delivered */
    MUX_CONFIG, /* host to guest: a piece of the configuration; the empty piece ends it */
    MUX_POWER,  /* host to guest: the power button */
    MUX_READY,  /* guest to host: the services are there */
    MUX_EXIT,   /* guest to host, u32: the guest's init has ended with this exit status */
};

#define MUX_HEADER_BYTES 8
#define MUX_PAYLOAD_MAX  16384
#define MUX_STREAMS      128
#define MUX_WINDOW_BYTES (256u << 10)
#define MUX_AGENT        0 /* the stream of the agent's calls: never opened by a frame */
#define MUX_POLL_MAX     (1 + MUX_STREAMS)

enum mux_side { MUX_HOST, MUX_GUEST };

struct mux_ops {
    /* OPEN from the guest: returns an fd, adopted, or -errno (the stream is reset). NULL: none. */
    int (*connect)(void *ctx, unsigned service);
    /* CONFIG, POWER, READY and EXIT. A negative return ends mux_step with it. */
    int (*control)(void *ctx, enum mux_type type, const uint8_t *data, size_t len);
};

struct mux;

/* port is adopted and made non-blocking. NULL: no memory. */
struct mux *mux_new(int port, enum mux_side side, const struct mux_ops *ops, void *ctx);
void mux_free(struct mux *m); /* closes all; NULL ok */

/* Stream `id` with this fd, adopted. -EBUSY, -ENOMEM. */
int mux_attach(struct mux *m, unsigned id, int fd);
/* Guest: a new stream to service. -EAGAIN when all are in use (fd stays the caller's). */
int mux_open(struct mux *m, unsigned service, int fd);
/* Queues a frame that is none of a stream's. -ENOMEM. */
int mux_send(struct mux *m, enum mux_type type, const void *data, size_t len);
/* Bytes that wait for the port. */
size_t mux_pending(const struct mux *m);

size_t mux_prepare(struct mux *m, struct pollfd fds[MUX_POLL_MAX]);
int mux_step(struct mux *m, const struct pollfd *fds, size_t n);
/* Handles bytes as if the port had given them (mux_step does, and tests). */
int mux_feed(struct mux *m, const void *data, size_t len);

#endif
