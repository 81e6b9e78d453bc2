/*
 * server.c - serves unary calls, each on a thread of its own; see ttrpc.h.
 *
 * One thread accepts, one per connection reads frames in order, one per call runs the handler and
 * writes the answer, so that a blocked call (WaitProcess, ReadStdout) holds up nothing else.
 */
#include "common/ttrpc/proto/ttrpc.pb-c.h"
#include "common/ttrpc/ttrpc-internal.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
    struct conn *next;
    struct cmn_ttrpc_server *server;
    int fd;
    unsigned refs; /* reader and calls, under the server's lock */
    uint32_t last_stream;
    pthread_mutex_t write_lock;
};

struct cmn_ttrpc_server {
    struct cmn_ttrpc_server_opts opts;
    int wake_fd;
    bool has_acceptor;
    pthread_t acceptor;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t changed;
    struct conn *conns;
    unsigned n_conns, n_calls, n_threads;
    bool stopping;
};

struct request {
    struct conn *conn;
    uint32_t stream;
    Ttrpc__Request *msg;
};

static void conn_unref(struct conn *conn)
{
    struct cmn_ttrpc_server *server = conn->server;

    if (--conn->refs > 0)
        return;
    for (struct conn **p = &server->conns; *p; p = &(*p)->next)
        if (*p == conn) {
            *p = conn->next;
            break;
        }
    server->n_conns--;
    (void)close(conn->fd);
    (void)pthread_mutex_destroy(&conn->write_lock);
    free(conn);
}

static void thread_done(struct conn *conn, bool was_call)
{
    struct cmn_ttrpc_server *server = conn->server;

    (void)pthread_mutex_lock(&server->lock);
    if (was_call)
        server->n_calls--;
    server->n_threads--;
    conn_unref(conn);
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
}

static void answer(struct conn *conn, uint32_t stream, const struct cmn_ttrpc_status *status,
                   struct cmn_bytes payload)
{
    Ttrpc__Response resp = TTRPC__RESPONSE__INIT;
    Ttrpc__Status st = TTRPC__STATUS__INIT;
    auto_buf struct cmn_buf frame = {0};

    st.code = status->code;
    st.message = (char *)(uintptr_t)status->message;
    if (status->code != CMN_TTRPC_OK)
        resp.status = &st;
    else
        resp.payload = (ProtobufCBinaryData){payload.len, (uint8_t *)(uintptr_t)payload.data};
    if (cmn_ttrpc_pack(&resp.base, &frame) < 0)
        return; /* no memory even for a refusal: the caller's deadline ends the call */
    (void)pthread_mutex_lock(&conn->write_lock);
    int r = cmn_ttrpc_write_frame(conn->fd, stream, CMN_TTRPC_RESPONSE, cmn_buf_bytes(&frame));
    (void)pthread_mutex_unlock(&conn->write_lock);
    if (r == -EMSGSIZE) {
        struct cmn_ttrpc_status too_big = {0};
        (void)cmn_ttrpc_fail(&too_big, CMN_TTRPC_RESOURCE_EXHAUSTED,
                             "reply of %zu bytes is above %u", payload.len, CMN_TTRPC_MAX_DATA);
        answer(conn, stream, &too_big, cmn_bytes(NULL, 0));
    }
}

static void refuse(struct conn *conn, uint32_t stream, enum cmn_ttrpc_code code, const char *text)
{
    struct cmn_ttrpc_status status = {0};

    (void)cmn_ttrpc_fail(&status, code, "%s", text);
    answer(conn, stream, &status, cmn_bytes(NULL, 0));
}

static const struct cmn_ttrpc_method *find_method(const struct cmn_ttrpc_server_opts *opts,
                                                  const Ttrpc__Request *msg,
                                                  struct cmn_ttrpc_status *status)
{
    bool known_service = false;

    for (size_t i = 0; i < opts->n_methods; i++) {
        const struct cmn_ttrpc_method *m = &opts->methods[i];
        if (strcmp(m->service, msg->service) != 0)
            continue;
        known_service = true;
        if (strcmp(m->method, msg->method) == 0)
            return m;
    }
    if (!opts->go_errors)
        (void)cmn_ttrpc_fail(status, CMN_TTRPC_NOT_FOUND, "/%.256s/%.256s is not supported",
                             msg->service, msg->method);
    else if (known_service)
        (void)cmn_ttrpc_fail(status, CMN_TTRPC_UNIMPLEMENTED, "method %.256s", msg->method);
    else
        (void)cmn_ttrpc_fail(status, CMN_TTRPC_UNIMPLEMENTED, "service %.256s", msg->service);
    return NULL;
}

static void *run_call(void *arg)
{
    struct request *req = arg;
    const struct cmn_ttrpc_server_opts *opts = &req->conn->server->opts;
    struct cmn_ttrpc_status status = {0};
    auto_buf struct cmn_buf reply = {0};

    const struct cmn_ttrpc_method *m = find_method(opts, req->msg, &status);
    if (m) {
        int r = m->handle(opts->ctx, cmn_bytes(req->msg->payload.data, req->msg->payload.len),
                          &reply, &status);
        if (r < 0 && status.code == CMN_TTRPC_OK)
            (void)cmn_ttrpc_fail(&status, CMN_TTRPC_UNKNOWN, "%s", strerror(-r));
    }
    answer(req->conn, req->stream, &status, cmn_buf_bytes(&reply));
    ttrpc__request__free_unpacked(req->msg, NULL);
    thread_done(req->conn, true);
    free(req);
    return NULL;
}

static int start_thread(void *(*run)(void *), void *arg)
{
    pthread_attr_t attr;
    pthread_t thread;

    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = pthread_create(&thread, &attr, run, arg);
    (void)pthread_attr_destroy(&attr);
    return -r;
}

/* Counts the call in; false when there are too many. */
static bool admit(struct conn *conn)
{
    struct cmn_ttrpc_server *server = conn->server;

    (void)pthread_mutex_lock(&server->lock);
    bool ok = server->n_calls < server->opts.max_calls && !server->stopping;
    if (ok) {
        server->n_calls++;
        server->n_threads++;
        conn->refs++;
    }
    (void)pthread_mutex_unlock(&server->lock);
    return ok;
}

static void start_call(struct conn *conn, uint32_t stream, struct cmn_bytes data)
{
    Ttrpc__Request *msg = ttrpc__request__unpack(NULL, data.len, data.data);
    struct request *req = NULL;

    if (!msg) {
        refuse(conn, stream, CMN_TTRPC_INVALID_ARGUMENT, "unmarshal request error");
        return;
    }
    if (!admit(conn)) {
        ttrpc__request__free_unpacked(msg, NULL);
        refuse(conn, stream, CMN_TTRPC_RESOURCE_EXHAUSTED, "too many calls at once");
        return;
    }
    req = malloc(sizeof(*req));
    if (req) {
        *req = (struct request){conn, stream, msg};
        if (start_thread(run_call, req) == 0)
            return;
    }
    free(req);
    ttrpc__request__free_unpacked(msg, NULL);
    refuse(conn, stream, CMN_TTRPC_RESOURCE_EXHAUSTED, "no thread for the call");
    thread_done(conn, true);
}

/* "Client stream ids are odd and strictly increasing" (PROTOCOL.md). */
static bool stream_ok(struct conn *conn, uint32_t stream)
{
    if (stream % 2 == 0) {
        refuse(conn, stream, CMN_TTRPC_INVALID_ARGUMENT,
               "StreamID must be odd for client initiated streams");
        return false;
    }
    if (stream <= conn->last_stream) {
        refuse(conn, stream, CMN_TTRPC_INVALID_ARGUMENT,
               "StreamID cannot be re-used and must increment");
        return false;
    }
    conn->last_stream = stream;
    return true;
}

static void *read_requests(void *arg)
{
    struct conn *conn = arg;

    for (;;) {
        auto_buf struct cmn_buf data = {0};
        struct cmn_ttrpc_frame frame;
        int r = cmn_ttrpc_read_frame(conn->fd, &frame, &data);
        if (r < 0 && r != -EMSGSIZE)
            break;
        if (frame.type != CMN_TTRPC_REQUEST)
            continue; /* "Ignore unknown frame types" */
        if (!stream_ok(conn, frame.stream))
            continue;
        if (r == -EMSGSIZE) {
            char text[128];
            (void)snprintf(text, sizeof(text),
                           "message length %u exceed maximum message size of %u", frame.length,
                           CMN_TTRPC_MAX_DATA);
            refuse(conn, frame.stream, CMN_TTRPC_RESOURCE_EXHAUSTED, text);
            continue;
        }
        start_call(conn, frame.stream, cmn_buf_bytes(&data));
    }
    thread_done(conn, false);
    return NULL;
}

/* Takes the fd over. */
static int add_conn(struct cmn_ttrpc_server *server, int fd)
{
    struct conn *conn = calloc(1, sizeof(*conn));

    if (!conn) {
        (void)close(fd);
        return -ENOMEM;
    }
    *conn = (struct conn){.server = server, .fd = fd, .refs = 1};
    (void)pthread_mutex_init(&conn->write_lock, NULL);
    (void)pthread_mutex_lock(&server->lock);
    conn->next = server->conns;
    server->conns = conn;
    server->n_conns++;
    server->n_threads++;
    int r = server->n_conns > server->opts.max_connections ? -EBUSY : 0;
    (void)pthread_mutex_unlock(&server->lock);
    if (r == 0)
        r = start_thread(read_requests, conn);
    if (r < 0)
        thread_done(conn, false);
    return r;
}

static void *accept_loop(void *arg)
{
    struct cmn_ttrpc_server *server = arg;
    struct pollfd fds[2] = {{server->opts.listen_fd, POLLIN, 0}, {server->wake_fd, POLLIN, 0}};

    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            break;
        if (!fds[0].revents)
            continue;
        int fd = accept4(server->opts.listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            CMN_IGNORE(add_conn(server, fd)); /* the peer sees its connection closed */
        else if (errno != EINTR && errno != EAGAIN && errno != ECONNABORTED)
            (void)poll(&fds[1], 1, 50); /* out of descriptors: let others finish */
    }
    return NULL;
}

static int start(struct cmn_ttrpc_server *server, struct cmn_err *err)
{
    int r = 0;

    server->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (server->wake_fd < 0)
        return cmn_err_set(err, errno, "cannot make an eventfd: %s", strerror(errno));
    if (server->opts.conn_fd >= 0) {
        int fd = server->opts.conn_fd;
        server->opts.conn_fd = -1;
        r = add_conn(server, fd);
        if (r < 0)
            return cmn_err_set(err, -r, "cannot serve the connection: %s", strerror(-r));
    }
    if (server->opts.listen_fd >= 0) {
        r = pthread_create(&server->acceptor, NULL, accept_loop, server);
        if (r != 0)
            return cmn_err_set(err, r, "cannot start a thread: %s", strerror(r));
        server->has_acceptor = true;
    }
    return 0;
}

int cmn_ttrpc_server_new(const struct cmn_ttrpc_server_opts *opts, struct cmn_ttrpc_server **ret,
                         struct cmn_err *err)
{
    struct cmn_ttrpc_server *server = calloc(1, sizeof(*server));

    if (!server) {
        (void)close(opts->listen_fd >= 0 ? opts->listen_fd : opts->conn_fd);
        return cmn_err_set(err, ENOMEM, "no memory for a ttrpc server");
    }
    server->opts = *opts;
    server->wake_fd = -1;
    if (server->opts.max_calls == 0)
        server->opts.max_calls = 256;
    if (server->opts.max_connections == 0)
        server->opts.max_connections = 64;
    (void)pthread_mutex_init(&server->lock, NULL);
    (void)pthread_cond_init(&server->changed, NULL);
    int r = start(server, err);
    if (r < 0) {
        cmn_ttrpc_server_free(server);
        return r;
    }
    *ret = server;
    return 0;
}

void cmn_ttrpc_server_wait(struct cmn_ttrpc_server *server)
{
    (void)pthread_mutex_lock(&server->lock);
    while (!server->stopping && (server->has_acceptor || server->n_conns > 0))
        (void)pthread_cond_wait(&server->changed, &server->lock);
    (void)pthread_mutex_unlock(&server->lock);
}

void cmn_ttrpc_server_free(struct cmn_ttrpc_server *server)
{
    if (!server)
        return;
    (void)pthread_mutex_lock(&server->lock);
    server->stopping = true;
    for (struct conn *c = server->conns; c; c = c->next)
        (void)shutdown(c->fd, SHUT_RDWR);
    (void)pthread_cond_broadcast(&server->changed);
    (void)pthread_mutex_unlock(&server->lock);
    if (server->has_acceptor) {
        (void)eventfd_write(server->wake_fd, 1);
        (void)pthread_join(server->acceptor, NULL);
    }
    (void)pthread_mutex_lock(&server->lock);
    for (struct conn *c = server->conns; c; c = c->next) /* accepted meanwhile */
        (void)shutdown(c->fd, SHUT_RDWR);
    while (server->n_threads > 0)
        (void)pthread_cond_wait(&server->changed, &server->lock);
    (void)pthread_mutex_unlock(&server->lock);
    if (server->opts.listen_fd >= 0)
        (void)close(server->opts.listen_fd);
    if (server->wake_fd >= 0)
        (void)close(server->wake_fd);
    (void)pthread_cond_destroy(&server->changed);
    (void)pthread_mutex_destroy(&server->lock);
    free(server);
}
