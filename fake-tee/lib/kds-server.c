/* kds-server.c - the KDS over HTTP and HTTPS; see kds.h. */
#include "fake-tee/kds.h"

#include "common/http/server.h"

#include <stdlib.h>

struct ftee_kds_server {
    struct ftee_kds *kds;
    struct cmn_http_server *http;
};

static void handle(void *ctx, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    struct ftee_kds_server *s = ctx;
    struct ftee_kds_answer a = {0};

    ftee_kds_ask(s->kds, req->method, req->path, req->query, &a);
    resp->status = a.status;
    resp->body = a.body; /* handed over */
    if (cmn_http_response_header(resp, "Content-Type", a.content_type) < 0)
        resp->status = 500;
}

int ftee_kds_server_new(struct ftee_kds *kds, const struct ftee_kds_server_opts *opts,
                        struct ftee_kds_server **ret, struct cmn_err *err)
{
    struct ftee_kds_server *s = calloc(1, sizeof(*s));
    const struct cmn_http_server_opts http = {.listen_fd = opts->listen_fd,
                                              .address = opts->address,
                                              .port = opts->port,
                                              .body_limit = 4096,
                                              .tls_cert_pem = opts->tls_cert_pem,
                                              .tls_key_pem = opts->tls_key_pem,
                                              .handle = handle,
                                              .ctx = s};

    if (!s) {
        cmn_auto_close(&(int){opts->listen_fd});
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    s->kds = kds;
    int r = cmn_http_server_new(&http, &s->http, err);
    if (r < 0) {
        free(s);
        return cmn_err_wrap(err, r, "KDS");
    }
    *ret = s;
    return 0;
}

uint16_t ftee_kds_server_port(const struct ftee_kds_server *server)
{
    return cmn_http_server_port(server->http);
}

void ftee_kds_server_free(struct ftee_kds_server *server)
{
    if (!server)
        return;
    cmn_http_server_free(server->http);
    free(server);
}
