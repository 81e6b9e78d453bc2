/* client.c - libcurl glue; see client.h. */
#include "common/http/client.h"

#include "common/http/cookies.h"
#include "common/http/curl-load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX (128 * 1024)

struct cmn_http_client {
    CURL *curl;
    char *ca_pem;
    struct cmn_cookies cookies;
};

void cmn_http_client_warm(void)
{
    CMN_IGNORE(cmn_curl_load(NULL)); /* a failure is told by the first client */
}

int cmn_http_client_new(const struct cmn_http_client_opts *opts, struct cmn_http_client **ret,
                        struct cmn_err *err)
{
    int r = cmn_curl_load(err);
    if (r < 0)
        return r;
    struct cmn_http_client *c = calloc(1, sizeof(*c));
    if (!c || !(c->curl = cmn_curl.easy_init())) {
        free(c);
        return cmn_err_set(err, ENOMEM, "libcurl did not start");
    }
    (void)cmn_curl.easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
    (void)cmn_curl.easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)cmn_curl.easy_setopt(c->curl, CURLOPT_FOLLOWLOCATION, 0L);
    long timeout_ms = opts->timeout_ms ? opts->timeout_ms : 60000L;
    (void)cmn_curl.easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    (void)cmn_curl.easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT_MS,
                               opts->connect_timeout_ms ? opts->connect_timeout_ms : timeout_ms);
    (void)cmn_curl.easy_setopt(c->curl, CURLOPT_PROXY, opts->proxy ? opts->proxy : "");
    if (opts->user_agent)
        (void)cmn_curl.easy_setopt(c->curl, CURLOPT_USERAGENT, opts->user_agent);
    c->cookies.on = opts->cookies;
    if (opts->ca_pem && *opts->ca_pem) {
        c->ca_pem = strdup(opts->ca_pem);
        struct curl_blob blob = {c->ca_pem, c->ca_pem ? strlen(c->ca_pem) : 0, CURL_BLOB_COPY};
        if (!c->ca_pem || cmn_curl.easy_setopt(c->curl, CURLOPT_CAINFO_BLOB, &blob) != CURLE_OK) {
            cmn_http_client_free(c);
            return cmn_err_set(err, EINVAL, "the additional certificate is not taken");
        }
    }
    *ret = c;
    return 0;
}

void cmn_http_client_free(struct cmn_http_client *client)
{
    if (!client)
        return;
    cmn_curl.easy_cleanup(client->curl);
    cmn_cookies_done(&client->cookies);
    free(client->ca_pem);
    free(client);
}

void cmn_http_answer_done(struct cmn_http_answer *answer)
{
    cmn_buf_done_secret(&answer->body);
    cmn_buf_done_secret(&answer->headers);
    *answer = (struct cmn_http_answer){0};
}

struct transfer {
    const struct cmn_http_call *call;
    struct cmn_http_answer *answer;
    CURL *curl;
    size_t taken;
    int failed; /* -errno of our side */
};

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t len = size * n;
    long status = 0;

    if (len > t->call->max_body - t->taken) {
        t->failed = -EFBIG;
        return 0;
    }
    t->taken += len;
    (void)cmn_curl.easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (t->call->sink && status >= 200 && status < 300)
        t->failed = t->call->sink(t->call->sink_ctx, data, len);
    else
        t->failed = cmn_buf_put(&t->answer->body, data, len);
    return t->failed < 0 ? 0 : len;
}

/* Keeps one header line as "name\0value\0". */
static int keep_header(struct cmn_buf *headers, const char *line, size_t len)
{
    const char *end = line + len, *colon = memchr(line, ':', len);

    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* a status line: a new answer begins */
        cmn_buf_done(headers);
        return 0;
    }
    if (!colon || memchr(line, 0, len))
        return 0;
    if (headers->len + len > HEADERS_MAX)
        return -EMSGSIZE;
    const char *p = colon + 1;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    int r = cmn_buf_put(headers, line, (size_t)(colon - line));
    if (r == 0)
        r = cmn_buf_put(headers, "", 1);
    if (r == 0)
        r = cmn_buf_put(headers, p, (size_t)(end - p));
    return r == 0 ? cmn_buf_put(headers, "", 1) : r;
}

const char *cmn_http_answer_header(const struct cmn_http_answer *answer, const char *name)
{
    const char *p = (const char *)answer->headers.data, *end = p ? p + answer->headers.len : p;

    while (p < end) {
        const char *value = p + strlen(p) + 1;
        if (strcasecmp(p, name) == 0)
            return value;
        p = value + strlen(value) + 1;
    }
    return NULL;
}

static size_t on_header(char *data, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;

    t->failed = keep_header(&t->answer->headers, data, size * n);
    return t->failed < 0 ? 0 : size * n;
}

static void copy_header(const struct cmn_http_answer *answer, const char *name, char *out,
                        size_t cap)
{
    const char *value = cmn_http_answer_header(answer, name);

    (void)snprintf(out, cap, "%s", value ? value : "");
}

static int add_header(struct curl_slist **list, const char *name, const char *value)
{
    auto_buf_secret struct cmn_buf line = {0};

    if (!value)
        return 0;
    if (strpbrk(value, "\r\n"))
        return -EINVAL;
    if (cmn_buf_printf(&line, "%s: %s", name, value) < 0)
        return -ENOMEM;
    struct curl_slist *next = cmn_curl.slist_append(*list, (const char *)line.data);
    if (!next)
        return -ENOMEM;
    *list = next;
    return 0;
}

static int add_cookies(struct curl_slist **list, const struct cmn_cookies *jar)
{
    auto_buf_secret struct cmn_buf line = {0};

    if (!jar->n)
        return 0;
    int r = cmn_cookies_put(jar, &line);
    return r < 0 ? r : add_header(list, "Cookie", (const char *)line.data);
}

/* Every Set-Cookie header of an answer, by the layout of keep_header. */
static int take_cookies(struct cmn_cookies *jar, const struct cmn_buf *headers)
{
    const char *p = (const char *)headers->data, *end = p ? p + headers->len : p;
    int r = 0;

    while (p < end && r == 0) {
        const char *value = p + strlen(p) + 1;
        if (strcasecmp(p, "Set-Cookie") == 0)
            r = cmn_cookies_take(jar, value);
        p = value + strlen(value) + 1;
    }
    return r;
}

static int add_headers(struct curl_slist **list, const struct cmn_http_call *call, bool has_body)
{
    auto_buf_secret struct cmn_buf bearer = {0};

    if (call->bearer && cmn_buf_printf(&bearer, "Bearer %s", call->bearer) < 0)
        return -ENOMEM;
    int r = add_header(list, "Content-Type", call->content_type);
    if (r == 0)
        r = add_header(list, "Accept", call->accept);
    if (r == 0)
        r = add_header(list, "Authorization", (const char *)bearer.data);
    if (r == 0 && has_body)
        r = add_header(list, "Expect", ""); /* no 100-continue round trip */
    for (const char *const *h = call->headers; h && *h && r == 0; h++) {
        if (strpbrk(*h, "\r\n") || !strchr(*h, ':'))
            return -EINVAL;
        struct curl_slist *next = cmn_curl.slist_append(*list, *h);
        if (!next)
            return -ENOMEM;
        *list = next;
    }
    return r;
}

static int set_request(CURL *curl, const struct cmn_http_call *call, struct curl_slist **headers)
{
    bool has_body = strcmp(call->method, "POST") == 0 || strcmp(call->method, "PUT") == 0;

    if (!*call->method || strpbrk(call->method, " \t\r\n"))
        return -EINVAL;
    int r = add_headers(headers, call, has_body);
    if (r < 0)
        return r;
    (void)cmn_curl.easy_setopt(curl, CURLOPT_HTTPGET,
                               1L); /* also undoes POST and NOBODY of the last call */
    if (has_body) {
        (void)cmn_curl.easy_setopt(curl, CURLOPT_POST, 1L);
        (void)cmn_curl.easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        (void)cmn_curl.easy_setopt(curl, CURLOPT_POSTFIELDS,
                                   call->body.len ? (const char *)call->body.data : "");
    } else if (strcmp(call->method, "HEAD") == 0) {
        (void)cmn_curl.easy_setopt(curl, CURLOPT_NOBODY, 1L);
    }
    (void)cmn_curl.easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    return cmn_curl.easy_setopt(curl, CURLOPT_URL, call->url) == CURLE_OK ? 0 : -EINVAL;
}

/* What went wrong, in upstream's words. */
static int transfer_error(const struct transfer *t, CURLcode code, struct cmn_err *err)
{
    const char *url = t->call->url;

    if (t->failed == -EFBIG)
        return cmn_err_set(err, EFBIG, "answer of %.256s is larger than %zu bytes", url,
                           t->call->max_body);
    if (t->failed < 0)
        return cmn_err_set(err, -t->failed, "reading the answer of %.256s failed: %s", url,
                           strerror(-t->failed));
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return cmn_err_set(err, EINVAL, "builder error for url (%.256s)", url);
    int e = code == CURLE_OPERATION_TIMEDOUT                         ? ETIMEDOUT
            : code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR ? EPIPE
                                                                     : ECONNREFUSED;
    return cmn_err_set(err, e, "error sending request for url (%.256s): %s", url,
                       cmn_curl.easy_strerror(code));
}

int cmn_http_do(struct cmn_http_client *client, const struct cmn_http_call *call,
                struct cmn_http_answer *ret, struct cmn_err *err)
{
    struct transfer t = {.call = call, .answer = ret, .curl = client->curl};
    struct curl_slist *headers = NULL;
    long status = 0;

    cmn_http_answer_done(ret);
    int r = set_request(client->curl, call, &headers);
    if (r == 0)
        r = add_cookies(&headers, &client->cookies);
    if (r < 0) {
        cmn_curl.slist_free_all(headers);
        return cmn_err_set(err, -r, "builder error for url (%.256s)", call->url);
    }
    (void)cmn_curl.easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    (void)cmn_curl.easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)cmn_curl.easy_setopt(client->curl, CURLOPT_WRITEDATA, &t);
    (void)cmn_curl.easy_setopt(client->curl, CURLOPT_HEADERFUNCTION, on_header);
    (void)cmn_curl.easy_setopt(client->curl, CURLOPT_HEADERDATA, &t);
    CURLcode code = cmn_curl.easy_perform(client->curl);
    (void)cmn_curl.easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    cmn_curl.slist_free_all(headers);
    if (t.failed < 0 || code != CURLE_OK) {
        cmn_http_answer_done(ret);
        return transfer_error(&t, code, err);
    }
    (void)cmn_curl.easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    ret->status = (int)status;
    if (client->cookies.on && take_cookies(&client->cookies, &ret->headers) < 0) {
        cmn_http_answer_done(ret);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    copy_header(ret, "Content-Type", ret->content_type, sizeof(ret->content_type));
    copy_header(ret, "Docker-Content-Digest", ret->digest, sizeof(ret->digest));
    return 0;
}

int cmn_http_get(struct cmn_http_client *client, const char *url, const char *bearer,
                 size_t max_body, struct cmn_http_answer *ret, struct cmn_err *err)
{
    return cmn_http_do(client,
                       &(struct cmn_http_call){
                           .method = "GET", .url = url, .bearer = bearer, .max_body = max_body},
                       ret, err);
}

int cmn_http_post_json(struct cmn_http_client *client, const char *url, const char *json,
                       size_t max_body, struct cmn_http_answer *ret, struct cmn_err *err)
{
    return cmn_http_do(client,
                       &(struct cmn_http_call){.method = "POST",
                                               .url = url,
                                               .content_type = "application/json",
                                               .body = cmn_bytes(json, strlen(json)),
                                               .max_body = max_body},
                       ret, err);
}
