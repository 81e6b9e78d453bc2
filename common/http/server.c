/* server.c - libmicrohttpd glue; see server.h. */
#include "common/http/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_TIMEOUT_S    120
#define CONNECTION_MEMORY (160 * 1024) /* header block: upstream's limit is 128 KiB */
#define MAX_CONNECTIONS   256
#define DISCARD_MAX       (16 << 20) /* of a body above the limit, read so that the 413 is heard */

struct cmn_http_server {
    struct MHD_Daemon *daemon;
    cmn_http_handler *handle;
    void *ctx;
    size_t body_limit;
    uint16_t port;
};

struct exchange { /* one request being received; MHD carries it as the request's context */
    char *uri;    /* as sent, with the query */
    struct cmn_buf body;
    size_t discarded;
    bool begun;
    bool too_large;
    bool no_memory;
};

int cmn_http_response_header(struct cmn_http_response *resp, const char *name, const char *value)
{
    if (resp->n_headers == CMN_ARRAY_SIZE(resp->headers))
        return -ENOSPC;
    if (strpbrk(value, "\r\n"))
        return -EINVAL;
    struct cmn_http_header *h = &resp->headers[resp->n_headers];
    h->name = strdup(name);
    h->value = strdup(value);
    if (!h->name || !h->value) {
        free(h->name);
        free(h->value);
        return -ENOMEM;
    }
    resp->n_headers++;
    return 0;
}

void cmn_http_response_done(struct cmn_http_response *resp)
{
    for (size_t i = 0; i < resp->n_headers; i++) {
        free(resp->headers[i].name);
        free(resp->headers[i].value);
    }
    cmn_buf_done_secret(&resp->body);
    *resp = (struct cmn_http_response){0};
}

static const char *request_header(const struct cmn_http_request *req, const char *name)
{
    return MHD_lookup_connection_value(req->impl, MHD_HEADER_KIND, name);
}

static bool peer_is_loopback(struct MHD_Connection *conn)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

    if (!info || !info->client_addr)
        return false;
    if (info->client_addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)info->client_addr;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    if (info->client_addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)info->client_addr;
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return info->client_addr->sa_family == AF_UNIX;
}

/* MHD splits the query off and decodes its arguments; we keep the text as it came. */
static void *note_uri(void *cls, const char *uri, struct MHD_Connection *conn)
{
    (void)cls;
    (void)conn;
    struct exchange *x = calloc(1, sizeof(*x));
    if (x && !(x->uri = strdup(uri))) {
        free(x);
        x = NULL;
    }
    return x;
}

static size_t no_unescape(void *cls, struct MHD_Connection *conn, char *s)
{
    (void)cls;
    (void)conn;
    return strlen(s);
}

static enum MHD_Result answer(struct MHD_Connection *conn, struct cmn_http_response *resp)
{
    if (resp->drop)
        return MHD_NO;
    struct MHD_Response *r =
        MHD_create_response_from_buffer(resp->body.len, resp->body.data, MHD_RESPMEM_MUST_COPY);
    if (!r)
        return MHD_NO;
    for (size_t i = 0; i < resp->n_headers; i++)
        (void)MHD_add_response_header(r, resp->headers[i].name, resp->headers[i].value);
    enum MHD_Result ok = MHD_queue_response(conn, (unsigned)resp->status, r);
    MHD_destroy_response(r);
    return ok;
}

static enum MHD_Result serve(struct cmn_http_server *s, struct MHD_Connection *conn,
                             const char *method, struct exchange *x)
{
    struct cmn_http_response resp = {.status = 500};
    char *query = strchr(x->uri, '?');

    if (query)
        *query++ = 0;
    struct cmn_http_request req = {
        .method = method,
        .path = x->uri,
        .query = query ? query : "",
        .body = cmn_buf_bytes(&x->body),
        .peer_is_loopback = peer_is_loopback(conn),
        .header = request_header,
        .impl = conn,
    };
    if (x->too_large) {
        resp.status = 413;
        CMN_IGNORE(cmn_buf_puts(&resp.body, "A payload reached size limit.")); /* status says it */
    } else if (x->no_memory) {
        resp.status = 503;
    } else {
        s->handle(s->ctx, &req, &resp);
    }
    enum MHD_Result ok = answer(conn, &resp);
    cmn_http_response_done(&resp);
    return ok;
}

/* False: the peer sends without end, close the connection. */
static bool take_body(const struct cmn_http_server *s, struct exchange *x, const char *data,
                      size_t len)
{
    if (x->too_large || len > s->body_limit - x->body.len) {
        x->too_large = true;
        cmn_buf_done_secret(&x->body);
        x->discarded += len;
        return x->discarded <= DISCARD_MAX;
    }
    if (!x->no_memory && cmn_buf_put(&x->body, data, len) < 0)
        x->no_memory = true;
    return true;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **con_cls)
{
    struct cmn_http_server *s = cls;
    struct exchange *x = *con_cls;

    (void)url;
    (void)version;
    if (!x)
        return MHD_NO;
    if (!x->begun) {
        x->begun = true;
        return MHD_YES;
    }
    if (*upload_len) {
        bool go_on = take_body(s, x, upload, *upload_len);
        *upload_len = 0;
        return go_on ? MHD_YES : MHD_NO;
    }
    return serve(s, conn, method, x);
}

static void on_done(void *cls, struct MHD_Connection *conn, void **con_cls,
                    enum MHD_RequestTerminationCode code)
{
    struct exchange *x = *con_cls;

    (void)cls;
    (void)conn;
    (void)code;
    if (!x)
        return;
    cmn_buf_done_secret(&x->body);
    free(x->uri);
    free(x);
    *con_cls = NULL;
}

/* A listening TCP socket on address:port; the fd or -errno. */
static int listen_on(const char *address, uint16_t port, struct cmn_err *err)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool v6 = strchr(address, ':');
    int one = 1;

    if (inet_pton(v6 ? AF_INET6 : AF_INET, address, v6 ? (void *)&in6.sin6_addr : &in.sin_addr) !=
        1)
        return cmn_err_set(err, EINVAL, "'%.64s' is not an IP address", address);
    auto_close int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cmn_err_set(err, errno, "socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, v6 ? (void *)&in6 : (void *)&in, v6 ? sizeof(in6) : sizeof(in)) < 0 ||
        listen(fd, 128) < 0)
        return cmn_err_set(err, errno, "listen on %.64s port %u: %s", address, port,
                           strerror(errno));
    int out = fd;
    fd = -1;
    return out;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage ss = {0};
    socklen_t len = sizeof(ss);

    if (getsockname(fd, (void *)&ss, &len) < 0)
        return 0;
    if (ss.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)(void *)&ss)->sin_port);
    if (ss.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)(void *)&ss)->sin6_port);
    return 0;
}

static struct MHD_Daemon *start_daemon(const struct cmn_http_server_opts *opts,
                                       struct cmn_http_server *s, int fd)
{
    /* not epoll: with it 0.9.75 can miss that a peer hung up and keep its place until the timeout
     */
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_ITC;
    struct MHD_OptionItem more[4] = {{MHD_OPTION_END, 0, NULL}};
    size_t n = 0;
    if (opts->tls_cert_pem) {
        flags |= MHD_USE_TLS;
        more[n++] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)opts->tls_cert_pem};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)opts->tls_key_pem};
    }
    if (opts->threads > 1)
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, opts->threads, NULL};
    more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT,
        opts->max_connections ? opts->max_connections : MAX_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_URI_LOG_CALLBACK, note_uri, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_done, NULL, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

int cmn_http_server_new(const struct cmn_http_server_opts *opts, struct cmn_http_server **ret,
                        struct cmn_err *err)
{
    auto_close int fd = opts->listen_fd;

    if (!opts->tls_cert_pem != !opts->tls_key_pem)
        return cmn_err_set(err, EINVAL, "TLS needs both a certificate and a key");
    if (fd < 0) {
        fd = listen_on(opts->address, opts->port, err);
        if (fd < 0)
            return fd;
    }
    struct cmn_http_server *s = calloc(1, sizeof(*s));
    if (!s)
        return cmn_err_set(err, ENOMEM, "no memory");
    s->handle = opts->handle;
    s->ctx = opts->ctx;
    s->body_limit = opts->body_limit;
    s->port = port_of(fd);
    s->daemon = start_daemon(opts, s, fd);
    fd = -1; /* MHD_stop_daemon() closes it, and so does MHD_start_daemon() when it fails */
    if (!s->daemon) {
        free(s);
        return cmn_err_set(err, EIO, "libmicrohttpd did not start%s",
                           opts->tls_cert_pem ? " (is the certificate and key PEM valid?)" : "");
    }
    *ret = s;
    return 0;
}

uint16_t cmn_http_server_port(const struct cmn_http_server *server)
{
    return server->port;
}

void cmn_http_server_free(struct cmn_http_server *server)
{
    if (!server)
        return;
    MHD_stop_daemon(server->daemon);
    free(server);
}
