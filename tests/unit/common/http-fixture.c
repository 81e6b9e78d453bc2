/* http-fixture.c - see http-fixture.h. */
#include "tests/unit/common/http-fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

sem_t hf_release_slow;
atomic_int hf_handled;

void hf_must(int r)
{
    if (r < 0)
        abort();
}

static void put_large(struct cmn_http_response *resp)
{
    hf_must(cmn_buf_resize(&resp->body, LARGE));
    memset(resp->body.data, 'L', LARGE);
}

static void echo(const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    const char *x = req->header(req, "x-TEST");

    hf_must(cmn_buf_printf(&resp->body, "%s %s ? %s local=%d x=%s auth=%s\n", req->method,
                           req->path, req->query, req->peer_is_loopback, x ? x : "-",
                           req->header(req, "Authorization") ? req->header(req, "Authorization")
                                                             : "-"));
    hf_must(cmn_buf_put(&resp->body, req->body.data, req->body.len));
    hf_must(cmn_http_response_header(resp, "Content-Type", "text/plain"));
    hf_must(cmn_http_response_header(resp, "X-Answer", "  two words "));
}

static void handle(void *ctx, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    const char *cookie = req->header(req, "Cookie");

    atomic_fetch_add(&hf_handled, 1);
    hf_must(ctx == &hf_handled ? 0 : -1);
    resp->status = 200;
    if (strcmp(req->path, "/cookie") == 0) {
        hf_must(cmn_http_response_header(resp, "Set-Cookie", "kbs-session-id=7; Path=/"));
        hf_must(cmn_buf_puts(&resp->body, cookie ? cookie : "none"));
    } else if (strcmp(req->path, "/large") == 0) {
        put_large(resp);
    } else if (strcmp(req->path, "/slow") == 0) {
        (void)sem_wait(&hf_release_slow);
    } else if (strcmp(req->path, "/drop") == 0) {
        resp->drop = true;
    } else if (strcmp(req->path, "/redirect") == 0) {
        resp->status = 302;
        hf_must(cmn_http_response_header(resp, "Location", "/echo"));
    } else {
        resp->status = strncmp(req->path, "/echo", 5) == 0 ? 200 : 404;
        echo(req, resp);
    }
}

struct cmn_http_server_opts hf_server_opts(void)
{
    return (struct cmn_http_server_opts){.listen_fd = -1,
                                         .address = "127.0.0.1",
                                         .body_limit = BODY_LIMIT,
                                         .handle = handle,
                                         .ctx = &hf_handled};
}

void hf_setup(struct http_fixture *f, struct cmn_http_server_opts server,
              struct cmn_http_client_opts client)
{
    *f = (struct http_fixture){0};
    T_OK(cmn_http_server_new(&server, &f->server, &f->err), &f->err);
    T_OK(cmn_http_client_new(&client, &f->client, &f->err), &f->err);
}

void hf_start(struct http_fixture *f)
{
    hf_setup(f, hf_server_opts(), (struct cmn_http_client_opts){.timeout_ms = 20000});
}

void hf_stop(struct http_fixture *f)
{
    cmn_http_answer_done(&f->a);
    cmn_http_client_free(f->client);
    cmn_http_server_free(f->server);
}

const char *hf_url(struct http_fixture *f, const char *path)
{
    (void)snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%u%s", cmn_http_server_port(f->server),
                   path);
    return f->url;
}

int hf_get(struct http_fixture *f, const char *path, size_t max_body)
{
    return cmn_http_get(f->client, hf_url(f, path), NULL, max_body, &f->a, &f->err);
}

int hf_connect(struct http_fixture *f)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(cmn_http_server_port(f->server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {20, 0};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    T_TRUE(fd >= 0);
    T_EQ_INT(connect(fd, (void *)&in, sizeof(in)), 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    return fd;
}

/* Sends bytes as they are, stops sending, reads what comes. */
struct cmn_buf hf_raw(struct http_fixture *f, const char *text)
{
    struct cmn_buf out = {0};
    auto_close int fd = hf_connect(f);
    char chunk[4096];
    ssize_t n;

    T_EQ_INT(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    (void)shutdown(fd, SHUT_WR);
    while ((n = read(fd, chunk, sizeof(chunk))) > 0)
        T_OK(cmn_buf_put(&out, chunk, (size_t)n), NULL);
    T_OK(cmn_buf_puts(&out, ""), NULL);
    return out;
}
