/*
 * client.h - an HTTP client over libcurl: one object, one connection cache and cookie jar, one
 * thread.
 *
 *     struct cmn_http_client *c = NULL;
 *     r = cmn_http_client_new(&(struct cmn_http_client_opts){.timeout_ms = 60000}, &c, &err);
 *     struct cmn_http_answer a = {0};
 *     r = cmn_http_get(c, "http://kbs.local:8080/healthz", NULL, 4096, &a, &err);
 *     ... a.status, a.body ...
 *     cmn_http_answer_done(&a);
 *
 * Only http and https; redirects are not followed. A transport failure is negative and names the
 * URL as upstream's client prints it: error sending request for url (URL). A status is never an
 * error here.
 */
#ifndef CMN_HTTP_CLIENT_H
#define CMN_HTTP_CLIENT_H

#include "common/buf/buf.h"

struct cmn_http_client_opts {
    long timeout_ms;         /* whole request; 0: 60 s */
    long connect_timeout_ms; /* 0: as timeout_ms */
    const char *proxy;       /* URL; NULL: none, whatever the environment says */
    const char *user_agent;  /* NULL: none */
    const char *ca_pem;      /* trusted beside the system's folder of certificates, NULL: none */
    bool cookies;            /* keep cookies, send them back; such a client talks to one server */
};

struct cmn_http_client;

struct cmn_http_call {
    const char *method; /* "GET", "POST", ... */
    const char *url;
    const char *content_type;   /* of the body, NULL: none sent */
    const char *bearer;         /* Authorization: Bearer ..., NULL: none */
    const char *accept;         /* NULL: not sent */
    const char *const *headers; /* more of them as "Name: value", NULL at the end; NULL: none */
    struct cmn_bytes body;      /* sent when method is POST or PUT */
    size_t max_body;            /* of the answer; more is -EFBIG */
    /* When set the body of a 2xx answer goes here in pieces; a negative errno stops it. */
    int (*sink)(void *ctx, const void *data, size_t len);
    void *sink_ctx;
};

struct cmn_http_answer {
    int status;
    struct cmn_buf body;
    char content_type[128];
    char digest[128];       /* Docker-Content-Digest, "" if absent */
    struct cmn_buf headers; /* see cmn_http_answer_header */
};

/* Loads libcurl now, from any thread, so that the first client need not wait for it. */
void cmn_http_client_warm(void);

int cmn_http_client_new(const struct cmn_http_client_opts *opts, struct cmn_http_client **ret,
                        struct cmn_err *err) CMN_MUST_USE;
void cmn_http_client_free(struct cmn_http_client *client); /* NULL ok */
/*
 * One request. *ret is emptied first, so one answer can serve many calls. -EINVAL (URL, method or
 * header), -EFBIG (body above max_body), -EMSGSIZE (headers above 128 KiB), -ETIMEDOUT, -EPIPE (cut
 * short), -ECONNREFUSED (any other transport failure), or what the sink returned. On failure *ret
 * holds no status.
 */
int cmn_http_do(struct cmn_http_client *client, const struct cmn_http_call *call,
                struct cmn_http_answer *ret, struct cmn_err *err) CMN_MUST_USE;
int cmn_http_get(struct cmn_http_client *client, const char *url, const char *bearer,
                 size_t max_body, struct cmn_http_answer *ret, struct cmn_err *err) CMN_MUST_USE;
int cmn_http_post_json(struct cmn_http_client *client, const char *url, const char *json,
                       size_t max_body, struct cmn_http_answer *ret,
                       struct cmn_err *err) CMN_MUST_USE;
/* First value of a header of the answer (name is case-insensitive), NULL if absent. */
const char *cmn_http_answer_header(const struct cmn_http_answer *answer, const char *name);
void cmn_http_answer_done(struct cmn_http_answer *answer);

#endif
