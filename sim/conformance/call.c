/* call.c - one request of the suite, what is noted of it, and the verdicts. */
#include "sim/conformance/conf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SHOWN = 900, MAX_ANSWER = 16 << 20 };

/* A JWT's signature makes it a credential: what is shown ends before it. */
static void hide_tokens(char *text)
{
    for (char *p = text; (p = strstr(p, "eyJ")); p++) {
        static const char set[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        char *a = p + strspn(p, set), *b = *a == '.' ? a + 1 + strspn(a + 1, set) : a;
        if (*b != '.')
            continue;
        size_t n = strspn(b + 1, set);
        if (n < 3)
            continue;
        memcpy(b + 1, "***", 3);
        memmove(b + 4, b + 1 + n, strlen(b + 1 + n) + 1);
        p = b;
    }
}

/* At most SHOWN bytes, printable. Malloc'ed. */
static char *shown(const void *data, size_t len)
{
    const uint8_t *in = data;
    auto_buf struct cmn_buf whole = {0};
    char *out = NULL;

    for (size_t i = 0; i < len; i++) {
        char c = in[i] < 0x20 && in[i] != '\n' ? ' ' : in[i] < 0x7F ? (char)in[i] : '?';
        if (cmn_buf_put(&whole, &c, 1) < 0)
            return NULL;
        if (i > 16 * SHOWN)
            break;
    }
    if (whole.data)
        hide_tokens((char *)whole.data);
    const char *text = whole.data ? (const char *)whole.data : "";
    size_t n = strlen(text);
    if (asprintf(&out, "%.*s%s", SHOWN, text, n > SHOWN || len > 16 * SHOWN ? "..." : "") < 0)
        return NULL;
    return out;
}

/* Name and scheme of a header of credentials; others as they are. Malloc'ed. */
static char *header_shown(const char *header)
{
    bool secret =
        strncasecmp(header, "Authorization:", 14) == 0 || strncasecmp(header, "Cookie:", 7) == 0;
    const char *blank = secret ? strchr(header, ' ') : NULL;
    const char *end = blank ? strchr(blank + 1, ' ') : NULL;
    char *out = NULL;

    if (!secret)
        return shown(header, strlen(header));
    return asprintf(&out, "%.*s ***",
                    (int)((end     ? end
                           : blank ? blank
                                   : header) -
                          header),
                    header) < 0
               ? NULL
               : out;
}

static void note_sent(struct conf *c, const struct conf_req *req, size_t len)
{
    auto_free char *body = shown(req->body ? req->body : "", len),
                   *path = shown(req->path, strlen(req->path)),
                   *header = req->headers && req->headers[0] ? header_shown(req->headers[0]) : NULL;
    char *text = NULL;

    if (asprintf(&text, "%s %s%s%s%s%s%s%s", req->method, path ? path : "?",
                 req->cookie ? " [Cookie: kbs-session-id=***]" : "",
                 req->bearer ? " [Authorization: Bearer ***]" : "", header ? " [" : "",
                 header ? header : "", header ? "] " : " ", body ? body : "") < 0)
        return;
    free(c->now->sent);
    c->now->sent = text;
}

static void note_received(struct conf *c)
{
    auto_free char *body = shown(c->answer.body.data, c->answer.body.len);
    char *text = NULL;

    if (asprintf(&text, "%d %s%s%s", c->answer.status, c->answer.content_type,
                 *c->answer.content_type ? " " : "", body ? body : "") < 0)
        return;
    free(c->now->received);
    c->now->received = text;
}

int conf_try(struct conf *c, const struct conf_req *req)
{
    auto_free char *url = NULL, *cookie = NULL;
    const char *headers[8] = {NULL};
    size_t n = 0, len = req->len ? req->len : req->body ? strlen(req->body) : 0;
    struct cmn_err err = {0};

    if (asprintf(&url, "%s%s", c->base, req->path) < 0 ||
        asprintf(&cookie, "Cookie: kbs-session-id=%s", req->cookie ? req->cookie : "") < 0)
        return -1;
    if (req->cookie)
        headers[n++] = cookie;
    for (size_t i = 0; req->headers && req->headers[i] && n < CMN_ARRAY_SIZE(headers) - 1; i++)
        headers[n++] = req->headers[i];
    if (!c->frozen)
        note_sent(c, req, len);
    int r = cmn_http_do(c->http,
                        &(struct cmn_http_call){
                            .method = req->method,
                            .url = url,
                            .content_type = req->content_type ? req->content_type
                                            : len             ? "application/json"
                                                              : NULL,
                            .bearer = req->bearer,
                            .headers = headers,
                            .body = cmn_bytes(req->body, len),
                            .max_body = MAX_ANSWER,
                        },
                        &c->answer, &err);
    if (r < 0) {
        (void)snprintf(c->transport, sizeof(c->transport), "%.250s", err.msg);
        if (!c->frozen) {
            free(c->now->received);
            c->now->received = strdup(c->transport);
        }
        return -1;
    }
    if (!c->frozen)
        note_received(c);
    return c->answer.status;
}

int conf_send(struct conf *c, const struct conf_req *req)
{
    int status = conf_try(c, req);

    if (status < 0)
        (void)conf_expect(c, false, "an answer");
    return status;
}

const char *conf_admin(const struct conf *c)
{
    return c->admin_open ? NULL : c->opts->admin_bearer;
}

bool conf_expect(struct conf *c, bool ok, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    if (c->frozen) /* only the first miss is told */
        return ok;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) >= 0) {
        free(c->now->expected);
        c->now->expected = text;
    }
    va_end(ap);
    if (!ok)
        c->missed = c->frozen = true;
    return ok;
}

bool conf_status(struct conf *c, int status)
{
    return conf_expect(c, c->answer.status == status, "status %d", status);
}

static bool text_is(const char *got, const char *want)
{
    size_t n = want ? strlen(want) : 0;

    if (!got || !want)
        return got && !want;
    return n && want[n - 1] == '*' ? strncmp(got, want, n - 1) == 0 : strcmp(got, want) == 0;
}

static json_t *answer_json(struct conf *c)
{
    json_t *json = NULL;

    CMN_IGNORE(cmn_json_load(cmn_buf_bytes(&c->answer.body), CMN_JSON_MAX_DEPTH, &json, NULL));
    return json; /* the caller tells what is missing */
}

bool conf_error(struct conf *c, int status, const char *type, const char *detail)
{
    static const char prefix[] = "https://github.com/confidential-containers/kbs/errors/";
    auto_json json_t *body = answer_json(c);
    const char *got_type = cmn_json_str(body, "type"), *got = cmn_json_str(body, "detail");

    conf_era_error(c->era, &type, &detail);
    bool ok = c->answer.status == status && json_object_size(body) == 2 && got_type &&
              strncmp(got_type, prefix, sizeof(prefix) - 1) == 0 &&
              strcmp(got_type + sizeof(prefix) - 1, type) == 0 && text_is(got, detail);
    return conf_expect(c, ok, "status %d and exactly {\"type\":\"%s%s\",\"detail\":\"%s\"}", status,
                       prefix, type, detail ? detail : "*");
}

bool conf_refused(struct conf *c)
{
    auto_json json_t *body = answer_json(c);

    return conf_expect(
        c, c->answer.status == 401 && cmn_json_str(body, "type") && cmn_json_str(body, "detail"),
        "status 401 with a JSON error (type, detail)");
}

json_t *conf_json(struct conf *c)
{
    json_t *body = answer_json(c);

    (void)conf_expect(c, body, "a body of JSON");
    return body;
}

void conf_remark(struct conf *c, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) >= 0) {
        free(c->now->remark);
        c->now->remark = text;
    }
    va_end(ap);
}

void conf_skip(struct conf *c, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    if (c->missed)
        return;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) >= 0) {
        free(c->now->expected);
        c->now->expected = text;
    }
    va_end(ap);
    c->now->outcome = SIM_CONF_SKIP;
}

/* What several rows of the tables share. */
static void exchange(struct conf *c, const struct conf_check *check, const char *bearer)
{
    struct conf_req req = check->send;

    if (bearer)
        req.bearer = bearer;
    if (conf_send(c, &req) < 0)
        return;
    if (check->type)
        (void)conf_error(c, check->status, check->type, check->detail);
    else
        (void)conf_status(c, check->status);
}

void conf_run_exchange(struct conf *c, const struct conf_check *check)
{
    exchange(c, check, NULL);
}

void conf_run_admin(struct conf *c, const struct conf_check *check)
{
    exchange(c, check, conf_admin(c));
}
