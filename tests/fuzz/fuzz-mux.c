/* Aims at: mux_feed (sim/mux/mux.c) on both sides of the port: whatever the peer sends, the streams
 * of the other side stay within their windows and nothing is written past a buffer. First byte:
 * whose side, how to cut. */
#include "fuzz.h"

#include "sim/mux/mux.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static int on_connect(void *ctx, unsigned service)
{
    int pair[2];

    (void)ctx;
    if (service & 1)
        return -ECONNREFUSED;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    (void)close(pair[1]); /* what is delivered fails, and resets the stream */
    return pair[0];
}

static int on_control(void *ctx, enum mux_type type, const uint8_t *data, size_t len)
{
    (void)ctx;
    (void)data;
    FUZZ_CHECK(type == MUX_CONFIG || type == MUX_POWER || type == MUX_READY || type == MUX_EXIT);
    FUZZ_CHECK(len <= MUX_PAYLOAD_MAX);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct mux_ops ops = {on_connect, on_control};
    int port[2], agent[2];

    if (!size)
        return 0;
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, port) == 0);
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, agent) == 0);
    struct mux *m = mux_new(port[0], data[0] & 1 ? MUX_HOST : MUX_GUEST, &ops, NULL);
    FUZZ_CHECK(m && mux_attach(m, MUX_AGENT, agent[0]) == 0);
    size_t cut = 1 + (data[0] >> 1), at = 1;
    int r = 0;
    for (; r == 0 && at < size; at += cut)
        r = mux_feed(m, data + at, size - at < cut ? size - at : cut);
    FUZZ_CHECK(r == 0 || r == -EBADMSG || r == -ENOBUFS);
    mux_free(m);
    (void)close(port[1]);
    (void)close(agent[1]);
    return 0;
}
