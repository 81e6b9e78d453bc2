/* test-mux.c - streams over one port, against a peer that follows the rules and one that does not.
 */
#include "tests/testlib/testlib.h"

#include "sim/mux/mux.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct side {
    struct mux *mux;
    int control[16];
    size_t n_control;
    struct cmn_buf config;
    uint32_t exit_status;
    int connected; /* host: the far end of the last connection, -1: none */
    int refuse;    /* host: connect fails with this */
    unsigned service;
};

static int on_connect(void *ctx, unsigned service)
{
    struct side *s = ctx;
    int pair[2];

    s->service = service;
    if (s->refuse)
        return s->refuse;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    s->connected = pair[1];
    return pair[0];
}

static int on_control(void *ctx, enum mux_type type, const uint8_t *data, size_t len)
{
    struct side *s = ctx;

    if (s->n_control < CMN_ARRAY_SIZE(s->control))
        s->control[s->n_control++] = (int)type;
    if (type == MUX_CONFIG)
        return cmn_buf_put(&s->config, data, len);
    if (type == MUX_EXIT && len == 4)
        s->exit_status = data[0];
    return 0;
}

static const struct mux_ops ops = {on_connect, on_control};
static struct side host, guest;

static void open_both(void)
{
    int port[2];

    host = guest = (struct side){.connected = -1};
    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, port), 0);
    host.mux = mux_new(port[0], MUX_HOST, &ops, &host);
    guest.mux = mux_new(port[1], MUX_GUEST, &ops, &guest);
    T_TRUE(host.mux && guest.mux);
}

static void close_both(void)
{
    mux_free(host.mux);
    mux_free(guest.mux);
    cmn_buf_done(&host.config);
    cmn_buf_done(&guest.config);
    if (host.connected >= 0)
        (void)close(host.connected);
}

/* One turn of one side's loop, without waiting. */
static int turn(struct side *s)
{
    static struct pollfd fds[MUX_POLL_MAX];
    size_t n = mux_prepare(s->mux, fds);

    (void)poll(fds, n, 0);
    return mux_step(s->mux, fds, n);
}

static void settle(void)
{
    for (int i = 0; i < 200; i++) {
        T_TRUE(turn(&guest) > 0);
        T_TRUE(turn(&host) > 0);
    }
}

/* A guest's new stream to service; returns the guest's end. */
static int open_stream(unsigned service)
{
    int pair[2];

    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    T_EQ_INT(mux_open(guest.mux, service, pair[0]), 0);
    settle();
    return pair[1];
}

static void frame(uint8_t out[MUX_HEADER_BYTES], unsigned type, unsigned id, uint32_t len)
{
    const uint8_t h[] = {(uint8_t)type, 0, (uint8_t)id, (uint8_t)(id >> 8), 0, 0, 0, 0};

    memcpy(out, h, sizeof(h));
    cmn_put_u32le(out + 4, len);
}

/* ---- bad cases ---- */

static void frames_against_the_rules_are_refused(void)
{
    static const struct {
        enum mux_side side;
        unsigned type, id;
        uint32_t len;
    } cases[] = {
        {MUX_HOST, 0, 0, 0},
        {MUX_HOST, 99, 0, 0},
        {MUX_HOST, MUX_DATA, 5, 1}, /* no such stream */
        {MUX_HOST, MUX_FIN, 5, 0},
        {MUX_HOST, MUX_RESET, 5, 0},
        {MUX_HOST, MUX_OPEN, MUX_AGENT, 0},   /* the agent's stream is not the guest's to open */
        {MUX_HOST, MUX_OPEN, MUX_STREAMS, 0}, /* no such number */
        {MUX_HOST, MUX_OPEN, 0xFFFF, 0},
        {MUX_HOST, MUX_CONFIG, 0, 1}, /* only the host says these */
        {MUX_HOST, MUX_POWER, 0, 0},
        {MUX_GUEST, MUX_OPEN, 1, 0}, /* only the guest says these */
        {MUX_GUEST, MUX_READY, 0, 0},
        {MUX_GUEST, MUX_EXIT, 0, 4},
        {MUX_HOST, MUX_DATA, 0, MUX_PAYLOAD_MAX + 1},
        {MUX_HOST, MUX_DATA, 0, UINT32_MAX},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        uint8_t bytes[MUX_HEADER_BYTES + 4] = {0};
        open_both();
        struct side *s = cases[i].side == MUX_HOST ? &host : &guest;
        frame(bytes, cases[i].type, cases[i].id, cases[i].len);
        T_EQ_INT(mux_feed(s->mux, bytes, sizeof(bytes)), -EBADMSG);
        close_both();
    }
}

static void more_than_the_window_is_refused(void)
{
    static uint8_t bytes[MUX_HEADER_BYTES + MUX_PAYLOAD_MAX];
    int pair[2], r = 0;
    unsigned n = 0;

    open_both();
    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    T_EQ_INT(mux_attach(host.mux, MUX_AGENT, pair[0]), 0);
    frame(bytes, MUX_DATA, MUX_AGENT, MUX_PAYLOAD_MAX);
    while (r == 0 && n++ < 1000) /* nobody reads pair[1] */
        r = mux_feed(host.mux, bytes, sizeof(bytes));
    T_EQ_INT(r, -EBADMSG);
    T_TRUE((size_t)n * MUX_PAYLOAD_MAX >= MUX_WINDOW_BYTES);
    T_TRUE((size_t)n * MUX_PAYLOAD_MAX <
           8 * MUX_WINDOW_BYTES); /* what a socket buffers comes on top */
    (void)close(pair[1]);
    close_both();
}

static void window_beyond_what_was_sent_is_refused(void)
{
    uint8_t bytes[MUX_HEADER_BYTES + 4];
    int pair[2];

    open_both();
    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    T_EQ_INT(mux_attach(host.mux, MUX_AGENT, pair[0]), 0);
    frame(bytes, MUX_WINDOW, MUX_AGENT, 4);
    cmn_put_u32le(bytes + MUX_HEADER_BYTES, 1);
    T_EQ_INT(mux_feed(host.mux, bytes, sizeof(bytes)), -EBADMSG);
    (void)close(pair[1]);
    close_both();
}

static void data_after_fin_is_refused(void)
{
    uint8_t bytes[MUX_HEADER_BYTES + 1] = {0};
    int pair[2];

    open_both();
    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    T_EQ_INT(mux_attach(host.mux, MUX_AGENT, pair[0]), 0);
    frame(bytes, MUX_FIN, MUX_AGENT, 0);
    T_EQ_INT(mux_feed(host.mux, bytes, MUX_HEADER_BYTES), 0);
    frame(bytes, MUX_DATA, MUX_AGENT, 1);
    T_EQ_INT(mux_feed(host.mux, bytes, sizeof(bytes)), -EBADMSG);
    (void)close(pair[1]);
    close_both();
}

static void refused_connection_ends_the_stream_and_frees_its_number(void)
{
    char c;

    open_both();
    host.refuse = -ECONNREFUSED;
    for (int i = 0; i < 3 * MUX_STREAMS; i++) { /* more often than there are numbers */
        int fd = open_stream(3);
        T_EQ_INT(recv(fd, &c, 1, MSG_DONTWAIT), 0);
        (void)close(fd);
    }
    T_EQ_INT(host.service, 3);
    close_both();
}

static void all_streams_in_use_is_said(void)
{
    int fds[MUX_STREAMS], pair[2];

    open_both();
    for (int i = 1; i < MUX_STREAMS; i++) {
        T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        T_EQ_INT(mux_open(guest.mux, 0, pair[0]), 0);
        fds[i] = pair[1];
    }
    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    T_EQ_INT(mux_open(guest.mux, 0, pair[0]), -EAGAIN);
    (void)close(pair[0]);
    (void)close(pair[1]);
    for (int i = 1; i < MUX_STREAMS; i++)
        (void)close(fds[i]);
    close_both();
}

static void end_of_the_port_is_told(void)
{
    int port[2];

    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, port), 0);
    host = (struct side){.connected = -1};
    host.mux = mux_new(port[0], MUX_HOST, &ops, &host);
    (void)close(port[1]);
    T_EQ_INT(turn(&host), 0);
    mux_free(host.mux);
}

/* ---- round trips ---- */

static void bytes_arrive_in_both_directions_and_ends_are_passed_on(void)
{
    char text[16] = {0};

    open_both();
    int fd = open_stream(2);
    T_EQ_INT(host.service, 2);
    T_EQ_INT(send(fd, "question", 8, 0), 8);
    settle();
    T_EQ_INT(recv(host.connected, text, sizeof(text), MSG_DONTWAIT), 8);
    T_EQ_STR(text, "question");
    T_EQ_INT(shutdown(fd, SHUT_WR), 0); /* half-closed: the answer still comes */
    settle();
    T_EQ_INT(recv(host.connected, text, sizeof(text), MSG_DONTWAIT), 0);
    T_EQ_INT(send(host.connected, "answer", 6, 0), 6);
    settle();
    T_EQ_INT(recv(fd, text, sizeof(text), MSG_DONTWAIT), 6);
    (void)close(host.connected);
    host.connected = -1;
    settle();
    T_EQ_INT(recv(fd, text, sizeof(text), MSG_DONTWAIT), 0);
    (void)close(fd);
    close_both();
}

static void numbers_are_used_again(void)
{
    open_both();
    for (int i = 0; i < 3 * MUX_STREAMS; i++) {
        int fd = open_stream(1);
        T_EQ_INT(send(fd, "x", 1, 0), 1);
        settle();
        T_TRUE(host.connected >= 0);
        (void)close(host.connected);
        host.connected = -1;
        (void)close(fd);
        settle();
    }
    close_both();
}

static void megabytes_arrive_whole_past_a_stream_that_nobody_reads(void)
{
    enum { TOTAL = 3 << 20 };
    static uint8_t out[TOTAL], in[TOTAL];
    size_t sent = 0, got = 0;

    for (size_t i = 0; i < TOTAL; i++)
        out[i] = (uint8_t)(i * 7 + i / 251);
    open_both();
    int lazy = open_stream(1), lazy_host = host.connected;
    int fd = open_stream(1);
    for (int i = 0; i < 100000 && got < TOTAL; i++) {
        (void)send(lazy_host, out, sizeof(out), MSG_DONTWAIT); /* never read at its other end */
        ssize_t n = send(host.connected, out + sent, TOTAL - sent, MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 0;
        T_TRUE(turn(&host) > 0);
        T_TRUE(turn(&guest) > 0);
        n = recv(fd, in + got, TOTAL - got, MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
    }
    T_EQ_INT(got, TOTAL);
    T_EQ_MEM(in, out, TOTAL);
    (void)close(lazy);
    (void)close(lazy_host);
    (void)close(fd);
    close_both();
}

static void configuration_and_last_words_arrive(void)
{
    static char config[100000];
    const uint8_t status[4] = {7};

    memset(config, 'c', sizeof(config));
    open_both();
    T_EQ_INT(mux_send(host.mux, MUX_CONFIG, config, sizeof(config)), 0);
    T_EQ_INT(mux_send(host.mux, MUX_CONFIG, NULL, 0), 0);
    T_EQ_INT(mux_send(guest.mux, MUX_EXIT, status, sizeof(status)), 0);
    settle();
    T_EQ_INT(guest.config.len, sizeof(config));
    T_EQ_MEM(guest.config.data, config, sizeof(config));
    T_EQ_INT(guest.control[guest.n_control - 1], MUX_CONFIG);
    T_EQ_INT(host.exit_status, 7);
    T_EQ_INT(mux_pending(host.mux), 0);
    close_both();
}

static void every_cut_of_a_frame_is_the_same_frame(void)
{
    uint8_t bytes[MUX_HEADER_BYTES + 5];

    for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
        open_both();
        frame(bytes, MUX_CONFIG, 0, 5);
        memcpy(bytes + MUX_HEADER_BYTES, "12345", 5);
        T_EQ_INT(mux_feed(guest.mux, bytes, cut), 0);
        T_EQ_INT(mux_feed(guest.mux, bytes + cut, sizeof(bytes) - cut), 0);
        T_EQ_INT(guest.config.len, 5);
        close_both();
    }
}

TEST_MAIN("mux", {"frames against the rules are refused", frames_against_the_rules_are_refused},
          {"more than the window is refused", more_than_the_window_is_refused},
          {"a window beyond what was sent is refused", window_beyond_what_was_sent_is_refused},
          {"data after fin is refused", data_after_fin_is_refused},
          {"a refused connection ends the stream and frees its number",
           refused_connection_ends_the_stream_and_frees_its_number},
          {"all streams in use is said", all_streams_in_use_is_said},
          {"the end of the port is told", end_of_the_port_is_told},
          {"bytes arrive in both directions and ends are passed on",
           bytes_arrive_in_both_directions_and_ends_are_passed_on},
          {"numbers are used again", numbers_are_used_again},
          {"megabytes arrive whole past a stream that nobody reads",
           megabytes_arrive_whole_past_a_stream_that_nobody_reads},
          {"configuration and last words arrive", configuration_and_last_words_arrive},
          {"every cut of a frame is the same frame", every_cut_of_a_frame_is_the_same_frame})
