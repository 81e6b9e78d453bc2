/*
 * server.h - an HTTP face over libmicrohttpd: whole requests in, whole answers out.
 *
 *     static void handle(void *ctx, const struct cmn_http_request *req,
 *                        struct cmn_http_response *resp)
 *     {
 *         resp->status = 200;
 *         (void)cmn_buf_puts(&resp->body, "hello");
 *     }
 *     struct cmn_http_server_opts opts = {
 *         .listen_fd = -1, .address = "127.0.0.1", .body_limit = 1 << 20, .handle = handle};
 *     r = cmn_http_server_new(&opts, &server, &err);
 *
 * The handler runs on the server's thread(s); several at once if threads > 1. A body above the
 * limit is answered with 413 and never reaches the handler. Method, path and header values are
 * outside bytes.
 */
#ifndef CMN_HTTP_SERVER_H
#define CMN_HTTP_SERVER_H

#include "common/buf/buf.h"

struct cmn_http_request {
    const char *method;
    const char *path;  /* as sent, not percent-decoded, without the query */
    const char *query; /* after '?', "" if none */
    struct cmn_bytes body;
    bool peer_is_loopback;
    /* Value of a request header (name is case-insensitive), NULL if absent. */
    const char *(*header)(const struct cmn_http_request *req, const char *name);
    void *impl;
};

struct cmn_http_header {
    char *name;
    char *value;
};

struct cmn_http_response {
    int status;
    struct cmn_buf body;
    struct cmn_http_header headers[8];
    size_t n_headers;
    bool drop; /* close the connection without an answer */
};

/* Adds a header (both texts are copied); -ENOSPC above 8, -EINVAL for a line break in the value. */
int cmn_http_response_header(struct cmn_http_response *resp, const char *name,
                             const char *value) CMN_MUST_USE;
void cmn_http_response_done(struct cmn_http_response *resp);

typedef void cmn_http_handler(void *ctx, const struct cmn_http_request *req,
                              struct cmn_http_response *resp);

struct cmn_http_server_opts {
    int listen_fd;       /* adopted (closed by the server); -1: listen on address:port */
    const char *address; /* "127.0.0.1" */
    uint16_t port;       /* 0: any */
    size_t body_limit;
    unsigned threads;         /* 0 and 1: one */
    unsigned max_connections; /* 0: 256 */
    const char *tls_cert_pem; /* both or none */
    const char *tls_key_pem;
    cmn_http_handler *handle;
    void *ctx;
};

struct cmn_http_server;

/*
 * Starts the thread(s). listen_fd belongs to the server from here on, also when this fails. -EINVAL
 * (address, TLS halves), -EIO (libmicrohttpd refused: often the PEM), errno of socket, bind and
 * listen.
 */
int cmn_http_server_new(const struct cmn_http_server_opts *opts, struct cmn_http_server **ret,
                        struct cmn_err *err) CMN_MUST_USE;
uint16_t cmn_http_server_port(const struct cmn_http_server *server);
void cmn_http_server_free(struct cmn_http_server *server); /* waits for running handlers; NULL ok */

#endif
