/* link.c - what goes between the guest and the run: streams, configuration, console; see vm.h. */
#include "sim/backend/vm/vm.h"
#include "sim/mux/mux.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 16 << 10, /* of one console line; what is longer is cut */
    KEPT_LINES = 5,            /* of the kernel's console, for the message when it dies */
    KEPT_BYTES = 200,
    KERNEL_LINES_MAX = 5000, /* a guest that prints without end is not passed on without end */
};

struct console { /* whole lines only: two streams share our stdout */
    int fd;
    const char *prefix;
    char line[LINE_MAX_BYTES];
    size_t len;
};

struct session {
    const struct vm_link *link;
    struct mux *mux;
    struct console kernel, guest;
    char kept[KEPT_LINES][KEPT_BYTES];
    unsigned n_kept;
    unsigned n_lines;
    bool ready, ended, panicked;
    int status;
};

/* ---- console ---- */

static void put(const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(STDOUT_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody listens any more */
        data += n;
        len -= (size_t)n;
    }
}

static void keep(struct session *s, const char *line)
{
    if (strstr(line, "Kernel panic"))
        s->panicked = true;
    (void)snprintf(s->kept[s->n_kept++ % KEPT_LINES], KEPT_BYTES, "%.*s", KEPT_BYTES - 1, line);
}

static void end_line(struct session *s, struct console *c)
{
    char out[LINE_MAX_BYTES + 32];

    while (c->len && (c->line[c->len - 1] == '\r' || c->line[c->len - 1] == '\0'))
        c->len--;
    c->line[c->len] = '\0';
    if (c->len && *c->prefix)
        keep(s, c->line);
    if (c->len && (!*c->prefix || s->n_lines++ < KERNEL_LINES_MAX)) {
        int n = snprintf(out, sizeof(out), "%s%s\n", c->prefix, c->line);
        put(out, (size_t)n);
    }
    c->len = 0;
}

/* false: the stream is at its end */
static bool read_console(struct session *s, struct console *c, bool wait)
{
    char block[8192];
    ssize_t n = recv(c->fd, block, sizeof(block), wait ? 0 : MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n <= 0)
        return false;
    for (ssize_t i = 0; i < n; i++) {
        if (block[i] == '\n')
            end_line(s, c);
        else if (c->len < sizeof(c->line) - 1)
            c->line[c->len++] = block[i] ? block[i] : '?';
    }
    return true;
}

/* What is there, without waiting for more. */
static void drain_console(struct session *s, struct console *c)
{
    struct pollfd p = {c->fd, POLLIN, 0};

    for (int i = 0; i < 64 && poll(&p, 1, 0) > 0; i++)
        if (!read_console(s, c, false))
            break;
    if (c->len)
        end_line(s, c);
}

/* ---- the guest's frames ---- */

void vm_socket_path(size_t listener, char *out, size_t cap)
{
    (void)snprintf(out, cap, VM_DIR "/listener%zu.sock", listener);
}

static int on_connect(void *ctx, unsigned service)
{
    const struct session *s = ctx;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (service >= s->link->n_listeners)
        return -EBADMSG;
    vm_socket_path(service, addr.sun_path, sizeof(addr.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
        int r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

static int on_control(void *ctx, enum mux_type type, const uint8_t *data, size_t len)
{
    struct session *s = ctx;

    if (type == MUX_READY) {
        s->ready = true;
        return 0;
    }
    if (len != 4)
        return -EBADMSG;
    s->ended = true;
    s->status = data[0];
    return 0;
}

static int send_config(struct session *s)
{
    int r = s->link->config.len
                ? mux_send(s->mux, MUX_CONFIG, s->link->config.data, s->link->config.len)
                : 0;

    return r < 0 ? r : mux_send(s->mux, MUX_CONFIG, NULL, 0);
}

/* ---- the end ---- */

static void put_json_text(struct cmn_buf *b, const char *s)
{
    for (; *s; s++) {
        char c = (unsigned char)*s < 0x20 || *s == '"' || *s == '\\' || (*s & 0x80) ? '\'' : *s;
        CMN_IGNORE(cmn_buf_put(b, &c, 1)); /* a message cut short is better than none */
    }
}

static void tell_death(const struct session *s, const char *what)
{
    auto_buf struct cmn_buf b = {0};
    unsigned first = s->n_kept > KEPT_LINES ? s->n_kept - KEPT_LINES : 0;

    CMN_IGNORE(cmn_buf_puts(&b,
                            "cocobox-vm: \x1e{\"name\":\"guest.crashed\",\"phase\":\"boot\","
                            "\"outcome\":\"failed\",\"code\":\"guest.crashed\",\"message\":\""));
    put_json_text(&b, what);
    if (s->n_kept)
        CMN_IGNORE(cmn_buf_puts(&b, "; last lines of its console: "));
    for (unsigned i = first; i < s->n_kept; i++) {
        put_json_text(&b, s->kept[i % KEPT_LINES]);
        if (i + 1 < s->n_kept)
            CMN_IGNORE(cmn_buf_puts(&b, " | "));
    }
    CMN_IGNORE(cmn_buf_puts(&b, "\"}\n"));
    if (b.data)
        put((const char *)b.data, b.len);
}

static int finish(struct session *s, int mux_result, bool asked)
{
    drain_console(s, &s->guest);
    drain_console(s, &s->kernel);
    if (s->ended)
        return s->status;
    if (mux_result < 0 && mux_result != -EPIPE && mux_result != -ECONNRESET)
        tell_death(s, "the guest broke the rules of its port");
    else if (s->panicked)
        tell_death(s, "the guest's kernel panicked");
    else if (!asked)
        tell_death(s, s->ready ? "the guest's machine went off while it ran"
                               : "the guest's machine went off while it booted");
    return 128;
}

/* ---- the loop ---- */

static void power_button(struct session *s, bool *asked)
{
    struct signalfd_siginfo info;

    if (read(s->link->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    *asked = true;
    CMN_IGNORE(mux_send(s->mux, MUX_POWER, NULL, 0)); /* a stuck guest is killed later */
}

static int loop(struct session *s, bool *asked)
{
    static struct pollfd fds[MUX_POLL_MAX + 3];

    while (!s->ended) {
        size_t n = mux_prepare(s->mux, fds);
        fds[n] = (struct pollfd){s->kernel.fd, POLLIN, 0};
        fds[n + 1] = (struct pollfd){s->guest.fd, POLLIN, 0};
        fds[n + 2] = (struct pollfd){s->link->signals, POLLIN, 0};
        if (poll(fds, n + 3, -1) < 0)
            continue;
        if (fds[n].revents && !read_console(s, &s->kernel, false))
            s->kernel.fd = -1;
        if (fds[n + 1].revents && !read_console(s, &s->guest, false))
            s->guest.fd = -1;
        if (fds[n + 2].revents)
            power_button(s, asked);
        int r = mux_step(s->mux, fds, n);
        if (r <= 0)
            return r;
    }
    return 0;
}

int vm_link_run(struct vm_link *link)
{
    static struct session s; /* too large for a stack */
    static const struct mux_ops ops = {on_connect, on_control};
    bool asked = false;
    int r = -ENOMEM;

    s = (struct session){.link = link,
                         .mux = mux_new(link->mux, MUX_HOST, &ops, &s),
                         .kernel = {.fd = link->serial, .prefix = "kernel: "},
                         .guest = {.fd = link->console, .prefix = ""}};
    if (s.mux && mux_attach(s.mux, MUX_AGENT, link->agent) == 0)
        r = send_config(&s);
    if (r == 0)
        r = loop(&s, &asked);
    int status = finish(&s, r, asked);
    mux_free(s.mux);
    return status;
}
