/*
 * http-fixture.h - one server and one client on loopback for the HTTP tests.
 *
 * The server's paths: /echo.. tells what it was asked, /cookie sets one, /large is LARGE bytes,
 * /slow waits for hf_release_slow, /drop hangs up, /redirect is a 302, all others are a 404.
 */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include "common/http/client.h"
#include "common/http/server.h"
#include "tests/testlib/testlib.h"

#include <semaphore.h>
#include <stdatomic.h>

#define BODY_LIMIT 1000
#define LARGE      300000

extern sem_t hf_release_slow; /* sem_init before use */
extern atomic_int hf_handled; /* calls of the handler */

/* What every case needs: a server, a client, an answer and the error. */
struct http_fixture {
    struct cmn_http_server *server;
    struct cmn_http_client *client;
    struct cmn_http_answer a;
    struct cmn_err err;
    char url[128];
};

/* Ends the program when r is negative: CUnit counts on one thread only, handlers run on others. */
void hf_must(int r);
struct cmn_http_server_opts hf_server_opts(void);
void hf_setup(struct http_fixture *f, struct cmn_http_server_opts server,
              struct cmn_http_client_opts client);
void hf_start(struct http_fixture *f); /* with the usual options */
void hf_stop(struct http_fixture *f);
const char *hf_url(struct http_fixture *f, const char *path); /* in f->url */
int hf_get(struct http_fixture *f, const char *path, size_t max_body) CMN_MUST_USE;
int hf_connect(struct http_fixture *f); /* a socket to the server, calls on it end after 20 s */
/* Sends text as it is, stops sending, reads to the end; caller: cmn_buf_done. */
struct cmn_buf hf_raw(struct http_fixture *f, const char *text);

#endif
