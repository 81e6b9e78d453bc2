/* group-session.c - 3xx: cookie and life of a session (kbs-protocol 1.3, 1.7). */
#include "sim/conformance/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ATTEST_FAILED "Attestation error: RCAR handshake Attest failed"
#define NO_TOKEN      "Attestation Token not found"
#define PROBE_PATH    "/kbs/v0/resource/conformance/session/none"

static void run_cookie_form(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    (void)check;
    if (!conf_challenge(c, &s))
        return;
    (void)conf_expect(c, strlen(s.id) == 32 && strspn(s.id, "0123456789abcdef") == 32,
                      "a session id of 32 lower-case hex digits");
    (void)conf_expect(c, s.id[12] == '4' && strchr("89ab", s.id[16]), "a random UUID (version 4)");
}

/* The time of the Expires attribute, -1 when there is none in the one form there is. */
static time_t expires(const char *set_cookie)
{
    const char *p = strcasestr(set_cookie, "expires=");
    struct tm tm = {0};
    const char *end = p ? strptime(p + 8, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;

    return end && (!*end || *end == ';') ? timegm(&tm) : -1;
}

static void run_expires(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    struct tm tm = {0};

    (void)check;
    if (!conf_challenge(c, &s))
        return;
    time_t at = expires(s.set_cookie);
    const char *date = cmn_http_answer_header(&c->answer, "Date");
    if (!conf_expect(c, at > 0, "Expires=<day>, <date> <time> GMT in the cookie") || !date ||
        !strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm))
        return;
    double life = difftime(at, timegm(&tm));
    if (life < 290 || life > 310) /* a seeded KBS has a clock of its own */
        conf_remark(c, "a session lives %.0f s by the server's own clock; the default is 300",
                    life);
}

static void run_attributes(struct conf *c, const struct conf_check *check)
{
    static const char *const never[] = {"domain", "secure", "samesite", "max-age", "httponly"};
    struct conf_session s;

    (void)check;
    if (!conf_challenge(c, &s))
        return;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(never); i++)
        if (strcasestr(s.set_cookie, never[i]))
            conf_remark(c, "the cookie has the attribute %s, which upstream's has not", never[i]);
    (void)conf_expect(c, !strcasestr(s.set_cookie, "path=") || strcasestr(s.set_cookie, "path=/"),
                      "no Path, or one that covers /kbs/v0");
}

static void run_ids_differ(struct conf *c, const struct conf_check *check)
{
    struct conf_session a, b;

    (void)check;
    if (conf_challenge(c, &a) && conf_challenge(c, &b))
        (void)conf_expect(c, strcmp(a.id, b.id) != 0, "another id for each session");
}

static void run_request_cookie_ignored(struct conf *c, const struct conf_check *check)
{
    struct conf_session a, b;
    char body[160];

    (void)check;
    if (!conf_challenge(c, &a))
        return;
    (void)snprintf(body, sizeof(body),
                   "{\"version\":\"%s\",\"tee\":\"sample\",\"extra-params\":\"\"}",
                   c->era->protocol);
    if (conf_send(c,
                  &(struct conf_req){
                      .method = "POST", .path = "/kbs/v0/auth", .cookie = a.id, .body = body}) < 0)
        return;
    const char *set = cmn_http_answer_header(&c->answer, "Set-Cookie");
    (void)snprintf(b.set_cookie, sizeof(b.set_cookie), "%s", set ? set : "");
    (void)conf_expect(c, c->answer.status == 200 && *b.set_cookie && !strstr(b.set_cookie, a.id),
                      "a new session although the request carried a cookie");
}

/* Attests with this cookie header instead of the session's. */
static int attest_with(struct conf *c, const struct conf_session *s, const char *cookie_header)
{
    auto_json json_t *body = conf_attest_body(c, s, CONF_P256, NULL, NULL);
    auto_free char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    const char *headers[] = {cookie_header, NULL};

    if (!text) {
        (void)conf_expect(c, false, "a body that this suite can build");
        return -1;
    }
    return conf_send(c, &(struct conf_req){.method = "POST",
                                           .path = "/kbs/v0/attest",
                                           .body = text,
                                           .headers = cookie_header ? headers : NULL});
}

static void run_bad_cookie(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    if (conf_challenge(c, &s) && attest_with(c, &s, check->text) > 0)
        (void)conf_error(c, 401, "AttestationError", ATTEST_FAILED);
}

static void run_among_cookies(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    char header[256];

    if (!conf_challenge(c, &s))
        return;
    (void)snprintf(header, sizeof(header),
                   check->number_arg ? "Cookie: a=b; kbs-session-id=%s"
                                     : "Cookie: kbs-session-id=%s; z=1",
                   s.id);
    if (attest_with(c, &s, header) > 0)
        (void)conf_status(c, 200);
}

static void run_mixed_sessions(struct conf *c, const struct conf_check *check)
{
    struct conf_session a, b;

    (void)check;
    if (!conf_challenge(c, &a) || !conf_challenge(c, &b))
        return;
    auto_json json_t *body = conf_attest_body(c, &a, CONF_P256, NULL, NULL);
    if (conf_attest(c, &b, body) > 0)
        (void)conf_error(c, 401, "AttestationError", ATTEST_FAILED);
}

static void run_same_cookie(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    auto_free char *token = conf_handshake(c, CONF_P256, &s);

    (void)check;
    if (!token)
        return;
    const char *set = cmn_http_answer_header(&c->answer, "Set-Cookie");
    (void)conf_expect(c, set && strstr(set, s.id), "attest to send the same session id again");
    (void)conf_expect(c, set && expires(set) == expires(s.set_cookie),
                      "attest not to extend the session's life");
}

static void run_again(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    auto_free char *token = conf_handshake(c, CONF_P256, &s);
    struct conf_evidence wrong = CONF_GENUINE;

    if (!token)
        return;
    wrong.tee = "sample"; /* svn without report data: refused if anybody looked */
    wrong.no_report_data = check->number_arg;
    auto_json json_t *body =
        conf_attest_body(c, &s, CONF_P256, check->number_arg ? &wrong : NULL, NULL);
    if (conf_attest(c, &s, body) < 0 || !conf_status(c, 200))
        return;
    auto_json json_t *answer = conf_json(c);
    const char *again = cmn_json_str(answer, "token");
    (void)conf_expect(c, again && strcmp(again, token) == 0, "the token of the first attest again");
}

static void run_again_malformed(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    auto_free char *token = conf_handshake(c, CONF_P256, &s);

    (void)check;
    if (token &&
        conf_send(c,
                  &(struct conf_req){
                      .method = "POST", .path = "/kbs/v0/attest", .cookie = s.id, .body = "{"}) > 0)
        (void)conf_error(c, 401, "AttestationError", ATTEST_FAILED);
}

static void run_nonce_not_burnt(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    struct conf_binding wrong = {.nonce = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};

    (void)check;
    if (!conf_challenge(c, &s))
        return;
    auto_json json_t *bad = conf_attest_body(c, &s, CONF_P256, NULL, &wrong);
    if (conf_attest(c, &s, bad) < 0 || !conf_status(c, 401))
        return;
    auto_json json_t *good = conf_attest_body(c, &s, CONF_P256, NULL, NULL);
    if (conf_attest(c, &s, good) > 0 && c->answer.status != 200)
        conf_remark(c, "the nonce was burnt by a failed attempt; upstream takes it again");
}

static void run_unattested(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    (void)check;
    if (conf_challenge(c, &s) &&
        conf_send(c, &(struct conf_req){.method = "GET", .path = PROBE_PATH, .cookie = s.id}) > 0)
        (void)conf_error(c, 401, "TokenNotFound", NO_TOKEN);
}

static void run_get_sets_none(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    auto_free char *token = conf_handshake(c, CONF_P256, &s);

    (void)check;
    if (token &&
        conf_send(c, &(struct conf_req){.method = "GET", .path = PROBE_PATH, .cookie = s.id}) > 0)
        (void)conf_expect(c, !cmn_http_answer_header(&c->answer, "Set-Cookie"),
                          "no cookie in the answer to a resource request");
}

#define BAD_COOKIE(n, text_, header)                                                               \
    {                                                                                              \
        .number = n, .section = "8.2#8", .rule = text_, .since = CONF_ERA_0_11,                    \
        .run = run_bad_cookie, .text = header                                                      \
    }

static const struct conf_check checks[] = {
    {301, "1.3", "the session id is a random UUID as 32 hex digits", .run = run_cookie_form},
    {302, "1.3", "the cookie has an Expires of the one form", .run = run_expires},
    {303, "1.3", "the cookie has no attribute that keeps it from attest", .run = run_attributes},
    {304, "1.3", "every request opens a session of its own", .run = run_ids_differ},
    {305, "1.3", "a cookie in the request does not reuse its session",
     .run = run_request_cookie_ignored},
    {310, "8.2#6", "attest without a cookie is refused", .since = CONF_ERA_0_11,
     .run = run_bad_cookie},
    BAD_COOKIE(311, "attest with an unknown session is refused",
               "Cookie: kbs-session-id=00000000000040008000000000000000"),
    BAD_COOKIE(312, "attest with an empty session is refused", "Cookie: kbs-session-id="),
    BAD_COOKIE(313, "attest with a session of another form is refused",
               "Cookie: kbs-session-id=../../etc/passwd"),
    BAD_COOKIE(314, "a cookie of another name is no session",
               "Cookie: xkbs-session-id=00000000000040008000000000000000"),
    {315, "1.3", "the session's cookie is found behind another one", .needs = CONF_TOKEN,
     .run = run_among_cookies, .number_arg = 1},
    {316, "1.3", "the session's cookie is found before another one", .needs = CONF_TOKEN,
     .run = run_among_cookies},
    {317, "2.3", "the nonce of one session does not fit another", .since = CONF_ERA_0_11,
     .run = run_mixed_sessions},
    {320, "1.3", "attest sends the same cookie with the same expiry", .needs = CONF_TOKEN,
     .run = run_same_cookie},
    {321, "1.3", "a second attest gets the token of the first", .needs = CONF_TOKEN,
     .run = run_again},
    {322, "1.3", "a second attest does not look at the evidence", .needs = CONF_TOKEN,
     .run = run_again, .number_arg = 1},
    {323, "1.3", "the body of a second attest must be JSON still", .needs = CONF_TOKEN,
     .since = CONF_ERA_0_11, .run = run_again_malformed},
    {324, "2.3", "a failed attempt leaves the session usable", .needs = CONF_TOKEN,
     .run = run_nonce_not_burnt},
    {330, "8.2#44", "a session that did not attest is no token", .since = CONF_ERA_0_11,
     .run = run_unattested},
    {331, "8.2#44", "an unknown session is no token", .since = CONF_ERA_0_11,
     .run = conf_run_exchange,
     .send = {.method = "GET", .path = PROBE_PATH, .cookie = "00000000000040008000000000000000"},
     .status = 401, .type = "TokenNotFound", .detail = NO_TOKEN},
    {332, "1.3", "resource requests set no cookie", .needs = CONF_TOKEN, .run = run_get_sets_none},
};

const struct conf_group conf_group_session = {"session", checks, CMN_ARRAY_SIZE(checks)};
