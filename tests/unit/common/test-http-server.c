/* test-http-server.c - rude peers first, then what a handler sees. */
#include "tests/unit/common/http-fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void bad_options_are_refused(void)
{
    struct cmn_http_server *s = NULL;
    struct cmn_err err = {0};
    struct cmn_http_server_opts o = hf_server_opts();

    o.address = "localhost";
    T_ERR(cmn_http_server_new(&o, &s, &err), -EINVAL, &err, "'localhost' is not an IP address");
    o = hf_server_opts();
    o.tls_cert_pem = "cert";
    T_ERR(cmn_http_server_new(&o, &s, &err), -EINVAL, &err, "both a certificate and a key");
    o.tls_key_pem = "key";
    T_ERR(cmn_http_server_new(&o, &s, &err), -EIO, &err, "PEM");
    struct http_fixture f;
    hf_start(&f);
    o = hf_server_opts();
    o.port = cmn_http_server_port(f.server);
    T_ERR(cmn_http_server_new(&o, &s, &err), -EADDRINUSE, &err, "listen on 127.0.0.1 port");
    T_TRUE(s == NULL);
    hf_stop(&f);
    cmn_http_server_free(NULL);
}

static void body_above_the_limit_is_413(void)
{
    auto_buf struct cmn_buf body = {0};
    struct http_fixture f;
    int before = atomic_load(&hf_handled);

    hf_start(&f);
    T_OK(cmn_buf_resize(&body, 5 << 20), NULL);
    memset(body.data, 'x', body.len);
    struct cmn_http_call call = {.method = "POST",
                                 .url = hf_url(&f, "/echo"),
                                 .body = {body.data, BODY_LIMIT + 1},
                                 .max_body = 4096};
    T_OK(cmn_http_do(f.client, &call, &f.a, &f.err), &f.err);
    T_EQ_INT(f.a.status, 413);
    call.body.len = body.len;
    T_OK(cmn_http_do(f.client, &call, &f.a, &f.err), &f.err);
    T_EQ_INT(f.a.status, 413);
    T_EQ_INT(atomic_load(&hf_handled), before); /* never reaches the handler */
    call.body.len = BODY_LIMIT;
    T_OK(cmn_http_do(f.client, &call, &f.a, &f.err), &f.err);
    T_EQ_INT(f.a.status, 200);
    T_TRUE(f.a.body.len > BODY_LIMIT);
    hf_stop(&f);
}

static void endless_body_is_cut(void)
{
    static const char head[] =
        "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    auto_buf struct cmn_buf chunk = {0};
    struct http_fixture f;
    size_t sent = 0;

    hf_start(&f);
    auto_close int fd = hf_connect(&f);
    T_OK(cmn_buf_printf(&chunk, "10000\r\n%065536d\r\n", 0), NULL);
    T_EQ_INT(send(fd, head, sizeof(head) - 1, MSG_NOSIGNAL), sizeof(head) - 1);
    while (sent < (64u << 20) &&
           send(fd, chunk.data, chunk.len, MSG_NOSIGNAL) == (ssize_t)chunk.len)
        sent += chunk.len;
    T_TRUE(sent < (64u << 20));
    hf_stop(&f);
}

static void malformed_requests_do_not_reach_the_handler(void)
{
    static const char *const cases[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02",
        "GET /echo HTTP/1.1\r\n",
        "",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\nshort",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        "GET /echo HTTP/1.1\r\n\r\n", /* no Host */
    };
    struct http_fixture f;
    int before = atomic_load(&hf_handled);

    hf_start(&f);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_buf struct cmn_buf out = hf_raw(&f, cases[i]);
        T_TRUE(out.len == 0 || strncmp((char *)out.data, "HTTP/1.1 400", 12) == 0);
    }
    T_EQ_INT(atomic_load(&hf_handled), before);
    T_OK(hf_get(&f, "/echo", 4096), &f.err); /* still serves */
    hf_stop(&f);
}

static void header_block_is_bounded(void)
{
    auto_buf struct cmn_buf text = {0};
    struct http_fixture f;

    hf_start(&f);
    T_OK(cmn_buf_printf(&text, "GET /echo HTTP/1.1\r\nHost: h\r\nX-Test: %0400000d\r\n\r\n", 0),
         NULL);
    auto_close int fd = hf_connect(&f);
    char first[16] = "";
    (void)send(fd, text.data, text.len, MSG_NOSIGNAL);
    ssize_t n = read(fd, first, 12); /* an answer, or the connection is gone */
    T_TRUE(n <= 0 || strncmp(first, "HTTP/1.1 4", 10) == 0);
    hf_stop(&f);
}

static void connections_are_limited(void)
{
    struct cmn_http_server_opts o = hf_server_opts();
    struct http_fixture f;
    char byte;

    o.max_connections = 2;
    hf_setup(&f, o, (struct cmn_http_client_opts){.timeout_ms = 300});
    auto_close int one = hf_connect(&f), two = hf_connect(&f);
    T_EQ_INT(send(one, "G", 1, MSG_NOSIGNAL), 1);
    T_EQ_INT(send(two, "G", 1, MSG_NOSIGNAL), 1);
    T_TRUE(hf_get(&f, "/echo", 4096) < 0);
    (void)shutdown(one, SHUT_RDWR);
    (void)shutdown(two, SHUT_RDWR);
    while (read(one, &byte, 1) > 0 || read(two, &byte, 1) > 0)
        ;
    int r = -1;
    for (int i = 0; i < 50 && r < 0; i++)
        r = hf_get(&f, "/echo", 4096);
    T_OK(r, &f.err);
    hf_stop(&f);
}

static void response_headers_are_checked(void)
{
    struct cmn_http_response resp = {0};

    T_EQ_INT(cmn_http_response_header(&resp, "X", "a\r\nSet-Cookie: b"), -EINVAL);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(resp.headers); i++)
        T_OK(cmn_http_response_header(&resp, "X", "y"), NULL);
    T_EQ_INT(cmn_http_response_header(&resp, "X", "y"), -ENOSPC);
    cmn_http_response_done(&resp);
    T_EQ_INT(resp.n_headers, 0);
}

static void path_and_query_come_as_sent(void)
{
    struct http_fixture f;

    hf_start(&f);
    auto_buf struct cmn_buf out =
        hf_raw(&f, "GET /echo/a%2Fb/..%00/c?x=%31&y HTTP/1.1\r\nHost: h\r\n"
                   "x-test: v\r\nConnection: close\r\n\r\n");
    T_TRUE(strstr((char *)out.data, "HTTP/1.1 200"));
    T_TRUE(strstr((char *)out.data, "GET /echo/a%2Fb/..%00/c ? x=%31&y local=1 x=v auth=-\n"));
    hf_stop(&f);
}

static void adopted_socket_is_served(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    struct cmn_http_server_opts o = hf_server_opts();
    struct http_fixture f;

    o.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    T_EQ_INT(bind(o.listen_fd, (void *)&in, len), 0);
    T_EQ_INT(listen(o.listen_fd, 8), 0);
    T_EQ_INT(getsockname(o.listen_fd, (void *)&in, &len), 0);
    o.address = NULL;
    hf_setup(&f, o, (struct cmn_http_client_opts){0});
    T_EQ_INT(cmn_http_server_port(f.server), ntohs(in.sin_port));
    T_OK(hf_get(&f, "/echo", 4096), &f.err);
    T_EQ_INT(f.a.status, 200);
    hf_stop(&f);
}

static void *slow_get(void *ctx)
{
    struct http_fixture *f = ctx;

    hf_must(hf_get(f, "/slow", 4096));
    return NULL;
}

static void threads_serve_side_by_side(void)
{
    struct cmn_http_server_opts o = hf_server_opts();
    struct http_fixture f, fast;
    pthread_t threads[3];
    struct http_fixture slow[3];
    int before = atomic_load(&hf_handled);

    T_EQ_INT(sem_init(&hf_release_slow, 0, 0), 0);
    o.threads = 8;
    hf_setup(&f, o, (struct cmn_http_client_opts){0});
    for (size_t i = 0; i < 3; i++) {
        slow[i] = (struct http_fixture){.server = f.server};
        T_OK(cmn_http_client_new(&(struct cmn_http_client_opts){0}, &slow[i].client, NULL), NULL);
        T_EQ_INT(pthread_create(&threads[i], NULL, slow_get, &slow[i]), 0);
    }
    /* a fresh connection per try: one of 8 threads accepts it, up to three of them are busy */
    fast = (struct http_fixture){.server = f.server};
    int r = -1;
    for (int i = 0; i < 100 && r < 0; i++) {
        T_OK(cmn_http_client_new(&(struct cmn_http_client_opts){.timeout_ms = 500}, &fast.client,
                                 NULL),
             NULL);
        r = hf_get(&fast, "/echo", 4096);
        cmn_http_client_free(fast.client);
    }
    T_OK(r, &fast.err);
    for (size_t i = 0; i < 3; i++)
        (void)sem_post(&hf_release_slow);
    for (size_t i = 0; i < 3; i++) {
        T_EQ_INT(pthread_join(threads[i], NULL), 0);
        T_EQ_INT(slow[i].a.status, 200);
        cmn_http_answer_done(&slow[i].a);
        cmn_http_client_free(slow[i].client);
    }
    T_TRUE(atomic_load(&hf_handled) >= before + 4);
    cmn_http_answer_done(&fast.a);
    hf_stop(&f);
}

TEST_MAIN("http-server", {"bad options are refused", bad_options_are_refused},
          {"body above the limit is 413", body_above_the_limit_is_413},
          {"endless body is cut", endless_body_is_cut},
          {"malformed requests do not reach the handler",
           malformed_requests_do_not_reach_the_handler},
          {"header block is bounded", header_block_is_bounded},
          {"connections are limited", connections_are_limited},
          {"response headers are checked", response_headers_are_checked},
          {"path and query come as sent", path_and_query_come_as_sent},
          {"adopted socket is served", adopted_socket_is_served},
          {"threads serve side by side", threads_serve_side_by_side})
