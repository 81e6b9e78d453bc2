/* group-limits.c - 12xx: sizes, hostile input and staying alive (kbs-protocol 1.1). */
#include "sim/conformance/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A KBS that still answers auth as it should is alive. */
static void still_alive(struct conf *c)
{
    struct conf_session s;

    (void)conf_challenge(c, &s);
}

static bool fill(struct cmn_buf *b, size_t len, char byte)
{
    if (cmn_buf_resize(b, len) < 0)
        return false;
    memset(b->data, byte, len);
    return true;
}

static void run_below(struct conf *c, const struct conf_check *check)
{
    auto_buf struct cmn_buf body = {0};

    if (fill(&body, (size_t)check->number_arg, 'x'))
        (void)conf_put_resource(c, "conformance/limits/large", cmn_buf_bytes(&body));
}

/* Above the default limit of 2 MiB: refused, or taken where the limit was raised. */
static void run_above(struct conf *c, const struct conf_check *check)
{
    auto_buf struct cmn_buf body = {0};

    if (!fill(&body, (size_t)check->number_arg, ' '))
        return;
    int status = conf_try(c, &(struct conf_req){.method = "POST",
                                                .path = "/kbs/v0/auth",
                                                .body = (char *)body.data,
                                                .len = body.len});
    if (status == 401) {
        conf_remark(c, "a body of %zu bytes is read (payload_request_size is raised?)", body.len);
    } else if (status > 0) {
        (void)conf_status(c, 413);
        (void)conf_expect(c, !c->answer.body.data || c->answer.body.data[0] != '{',
                          "413 from the framework: text, not the JSON error");
    } else {
        conf_remark(c, "the connection was closed instead of 413");
    }
    still_alive(c);
}

static void run_long_token(struct conf *c, const struct conf_check *check)
{
    auto_buf struct cmn_buf token = {0};

    if (!fill(&token, (size_t)check->number_arg, 'A'))
        return;
    int status = conf_try(c, &(struct conf_req){.method = "GET",
                                                .path = "/kbs/v0/resource/a/b/c",
                                                .bearer = (char *)token.data});
    if (check->number_arg < 128 * 1024) {
        (void)conf_expect(c, status == 401, "status 401: such a token is below the limit");
        if (status == 401)
            (void)conf_error(c, 401, "TokenVerifierError", "Token Verifier error");
    } else {
        (void)conf_expect(c, status < 0 || status >= 400, "a refusal, or the connection closed");
    }
    still_alive(c);
}

static void run_deep(struct conf *c, const struct conf_check *check)
{
    size_t n = (size_t)check->number_arg;
    auto_buf struct cmn_buf body = {0};
    char head[128];

    (void)snprintf(head, sizeof(head),
                   "{\"version\":\"%s\",\"tee\":\"sample\",\"extra-params\":", c->era->protocol);
    if (cmn_buf_puts(&body, head) < 0)
        return;
    for (size_t i = 0; i < n; i++)
        CMN_IGNORE(cmn_buf_puts(&body, "["));
    for (size_t i = 0; i < n; i++)
        CMN_IGNORE(cmn_buf_puts(&body, "]"));
    if (cmn_buf_puts(&body, "}") < 0)
        return;
    if (conf_send(c, &(struct conf_req){.method = "POST",
                                        .path = "/kbs/v0/auth",
                                        .body = (char *)body.data,
                                        .len = body.len}) > 0)
        (void)conf_status(c, 401);
    still_alive(c);
}

static void run_zero_bytes(struct conf *c, const struct conf_check *check)
{
    static const char body[] = "{\"version\":\"0.4.0\0\",\"tee\":\"sample\",\"extra-params\":\"\"}";

    (void)check;
    if (conf_send(c, &(struct conf_req){.method = "POST",
                                        .path = "/kbs/v0/auth",
                                        .body = body,
                                        .len = sizeof(body) - 1}) > 0)
        (void)conf_refused(c);
    still_alive(c);
}

static void run_many_headers(struct conf *c, const struct conf_check *check)
{
    auto_buf struct cmn_buf value = {0};
    const char *headers[2] = {NULL, NULL};

    if (cmn_buf_puts(&value, "X-Conformance: ") < 0)
        return;
    for (long i = 0; i < check->number_arg; i++)
        CMN_IGNORE(cmn_buf_puts(&value, "y"));
    headers[0] = (char *)value.data;
    if (conf_send(
            c, &(struct conf_req){
                   .method = "POST", .path = "/kbs/v0/auth", .body = "{}", .headers = headers}) > 0)
        (void)conf_refused(c);
}

static void run_long_path(struct conf *c, const struct conf_check *check)
{
    auto_buf struct cmn_buf path = {0};

    if (cmn_buf_puts(&path, "/kbs/v0/resource/a/b/") < 0)
        return;
    for (long i = 0; i < check->number_arg; i++)
        CMN_IGNORE(cmn_buf_puts(&path, "c"));
    if (conf_send(c, &(struct conf_req){.method = "GET", .path = (char *)path.data}) > 0)
        (void)conf_error(c, 401, "TokenNotFound", "Attestation Token not found");
}

static void run_many_sessions(struct conf *c, const struct conf_check *check)
{
    struct conf_session first, s;

    if (!conf_challenge(c, &first))
        return;
    for (long i = 0; i < check->number_arg; i++)
        if (!conf_challenge(c, &s))
            return;
    auto_json json_t *body = conf_attest_body(c, &first, CONF_P256, NULL, NULL);
    if (conf_attest(c, &first, body) > 0)
        (void)conf_status(c, 200);
}

static void run_chunked(struct conf *c, const struct conf_check *check)
{
    static const char *const headers[] = {"Transfer-Encoding: chunked", NULL};

    (void)check;
    if (conf_send(
            c, &(struct conf_req){
                   .method = "POST", .path = "/kbs/v0/auth", .body = "{", .headers = headers}) > 0)
        (void)conf_refused(c);
}

static const struct conf_check checks[] = {
    {1201, "1.1", "a body just below 2 MiB is taken", .needs = CONF_DESTRUCTIVE, .run = run_below,
     .number_arg = (2 << 20) - 1},
    {1202, "8.2#69", "a body above 2 MiB is 413", .run = run_above, .since = CONF_ERA_0_11,
     .number_arg = (2 << 20) + 4096},
    {1203, "8.2#69", "a body of 12 MiB is refused and the KBS lives on", .since = CONF_ERA_0_11,
     .run = run_above, .number_arg = 12 << 20},
    {1204, "1.1", "a bearer of 60 KiB is looked at", .since = CONF_ERA_0_11, .run = run_long_token,
     .number_arg = 60 * 1024},
    {1205, "8.2#71", "a bearer of 400 KiB is refused and the KBS lives on", .since = CONF_ERA_0_11,
     .run = run_long_token, .number_arg = 400 * 1024},
    {1206, "2.1", "JSON nested 200 deep is refused", .since = CONF_ERA_0_11, .run = run_deep,
     .number_arg = 200},
    {1207, "2.1", "JSON nested 100,000 deep is refused and the KBS lives on",
     .since = CONF_ERA_0_11, .run = run_deep, .number_arg = 100000},
    {1208, "2.1", "a zero byte in the JSON is refused", .since = CONF_ERA_0_11,
     .run = run_zero_bytes},
    {1209, "1.1", "a foreign header of 16 KiB does not matter", .since = CONF_ERA_0_11,
     .run = run_many_headers, .number_arg = 16 * 1024},
    {1210, "1.4", "a path of 4 KiB is judged as any other", .since = CONF_ERA_0_11,
     .run = run_long_path, .number_arg = 4096},
    {1211, "1.3", "200 sessions do not push out the first", .needs = CONF_TOKEN,
     .run = run_many_sessions, .number_arg = 200},
    {1212, "1.1", "a chunked body is read", .since = CONF_ERA_0_11, .run = run_chunked},
};

const struct conf_group conf_group_limits = {"limits", checks, CMN_ARRAY_SIZE(checks)};
