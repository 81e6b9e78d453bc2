/* group-resource.c - 7xx: who gets a resource, and in which order it is judged (kbs-protocol 1.4,
 * 1.7, 3.4). */
#include "sim/conformance/conf.h"

#include "common/enc/enc.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE     "/kbs/v0/resource/conformance/none/none"
#define NO_TOKEN "Attestation Token not found"
#define BAD      "Token Verifier error"

/* GET with a genuine token: what the wire says when the policy allows. */
static void run_with_token(struct conf *c, const struct conf_check *check)
{
    struct conf_req req = check->send;

    (void)conf_open_policy(c); /* without it the policy may be the one to refuse */
    req.bearer = conf_good_token(c);
    if (conf_send(c, &req) < 0)
        return;
    auto_json json_t *body = NULL;
    CMN_IGNORE(cmn_json_load(cmn_buf_bytes(&c->answer.body), 8, &body, NULL));
    const char *type = cmn_json_str(body, "type");
    if (type && strstr(type, "/PolicyDeny")) {
        (void)conf_status(c, 401);
        conf_remark(c, "the policy denies before the plugin is asked");
        return;
    }
    (void)conf_error(c, check->status, check->type, check->detail);
}

static void run_allowed(struct conf *c, const struct conf_check *check)
{
    (void)check;
    if (conf_get_resource(c, conf_readable(c), NULL, conf_good_token(c)) > 0 && conf_status(c, 200))
        (void)conf_expect(c, strncmp(c->answer.content_type, "application/json", 16) == 0,
                          "content type application/json");
}

static void run_cookie(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;
    auto_free char *token = conf_handshake(c, CONF_P256, &s);

    if (token && conf_get_resource(c, conf_readable(c), s.id, check->text) > 0)
        (void)conf_status(c, 200);
}

static void run_unattested_with_bearer(struct conf *c, const struct conf_check *check)
{
    struct conf_session s;

    (void)check;
    if (conf_challenge(c, &s) &&
        conf_get_resource(c, conf_readable(c), s.id, conf_good_token(c)) > 0)
        (void)conf_status(c, 200);
}

static void run_scheme(struct conf *c, const struct conf_check *check)
{
    auto_free char *header = NULL;
    const char *headers[2] = {NULL, NULL};

    if (asprintf(&header, "Authorization: %s%s", check->text, conf_good_token(c)) < 0)
        return;
    headers[0] = header;
    if (conf_send(c, &(struct conf_req){.method = "GET", .path = NONE, .headers = headers}) > 0)
        (void)conf_error(c, 401, "TokenNotFound", NO_TOKEN);
}

static void send_token(struct conf *c, const char *token)
{
    if (conf_send(c, &(struct conf_req){.method = "GET", .path = NONE, .bearer = token}) > 0)
        (void)conf_error(c, 401, "TokenVerifierError", BAD);
}

static void run_bad_token(struct conf *c, const struct conf_check *check)
{
    send_token(c, check->text);
}

/* One character of one part changed. number_arg: 0 header, 1 payload, 2 signature. */
static void run_altered(struct conf *c, const struct conf_check *check)
{
    auto_free char *token = strdup(conf_good_token(c));
    char *at = token;

    for (long i = 0; i < check->number_arg && at; i++)
        at = strchr(at, '.') ? strchr(at, '.') + 1 : NULL;
    if (!at)
        return;
    at += 12;
    *at = *at == 'A' ? 'B' : 'A';
    send_token(c, token);
}

/* header.payload.signature from a header and the payload of the good token with some changes. */
static char *forge(struct conf *c, const json_t *header, const json_t *payload, EVP_PKEY *key)
{
    auto_free char *h = json_dumps(header, JSON_COMPACT), *p = json_dumps(payload, JSON_COMPACT);
    auto_free char *bh = h ? cmn_b64(CMN_B64_URL, h, strlen(h)) : NULL;
    auto_free char *bp = p ? cmn_b64(CMN_B64_URL, p, strlen(p)) : NULL;
    auto_free char *input = NULL;
    auto_buf struct cmn_buf sig = {0};
    char *token = NULL;

    if (!bh || !bp || asprintf(&input, "%s.%s", bh, bp) < 0)
        return NULL;
    if (key && cmn_ecdsa_sign(c->opts->env, key, "SHA256", cmn_bytes(input, strlen(input)), &sig,
                              NULL) < 0)
        return NULL;
    auto_free char *bs = cmn_b64(CMN_B64_URL, sig.data ? sig.data : (uint8_t *)"", sig.len);
    return bs && asprintf(&token, "%s.%s", input, bs) >= 0 ? token : NULL;
}

/* A token of our own making: same claims, our key in its header. */
static void run_self_made(struct conf *c, const struct conf_check *check)
{
    struct conf_token good;
    auto_json json_t *jwk = conf_jwk(c, CONF_P256);

    if (!conf_token_parse(c, conf_good_token(c), &good))
        return;
    CMN_IGNORE(json_object_set_new(jwk, "alg", json_string("ES256")));
    auto_json json_t *header =
        json_pack("{s:s, s:s, s:O}", "typ", "JWT", "alg", "ES256", "jwk", jwk);
    if (check->text && strcmp(check->text, "none") == 0) {
        CMN_IGNORE(json_object_set_new(header, "alg", json_string("none")));
        CMN_IGNORE(json_object_set(header, "jwk", json_object_get(good.header, "jwk")));
    }
    if (check->number_arg) /* the true key in the header, signed by ours */
        CMN_IGNORE(json_object_set(header, "jwk", json_object_get(good.header, "jwk")));
    auto_free char *token =
        forge(c, header, good.payload, check->text ? NULL : conf_key(c, CONF_P256));
    conf_token_done(&good);
    if (!conf_expect(c, token, "a token that this suite can make") ||
        conf_send(c, &(struct conf_req){.method = "GET", .path = NONE, .bearer = token}) < 0)
        return;
    auto_json json_t *body = conf_json(c);
    const char *type = cmn_json_str(body, "type");
    if (!check->text && !check->number_arg && type && !strstr(type, "TokenVerifierError"))
        conf_remark(c, "a key that only the token itself vouches for is taken "
                       "(insecure_header_jwk = true?)");
    else
        (void)conf_error(c, 401, "TokenVerifierError", BAD);
}

#define PLUGIN(n, m, p, text_)                                                                     \
    {                                                                                              \
        .number = n, .section = "8.2#52", .rule = text_, .needs = CONF_TOKEN,                      \
        .since = CONF_ERA_0_11, .run = run_with_token,                                             \
        .send = {.method = m, .path = "/kbs/v0/resource/" p}, .status = 401,                       \
        .type = "PluginInternalError", .detail = "Plugin internal error"                           \
    }
#define TOKENLESS(n, p, text_)                                                                     \
    {                                                                                              \
        .number = n, .section = "8.2#43", .rule = text_, .since = CONF_ERA_0_11,                   \
        .run = conf_run_exchange, .send = {.method = "GET", .path = p}, .status = 401,             \
        .type = "TokenNotFound", .detail = NO_TOKEN                                                \
    }
#define SCHEME(n, text_, scheme)                                                                   \
    {                                                                                              \
        .number = n, .section = "1.7", .rule = text_, .needs = CONF_TOKEN, .since = CONF_ERA_0_11, \
        .run = run_scheme, .text = scheme                                                          \
    }
#define BAD_TOKEN(n, text_, token)                                                                 \
    {                                                                                              \
        .number = n, .section = "8.2#46", .rule = text_, .since = CONF_ERA_0_11,                   \
        .run = run_bad_token, .text = token                                                        \
    }
#define ALTERED(n, text_, part)                                                                    \
    {                                                                                              \
        .number = n, .section = "8.2#46", .rule = text_, .needs = CONF_TOKEN,                      \
        .since = CONF_ERA_0_11, .run = run_altered, .number_arg = part                             \
    }

static const struct conf_check checks[] = {
    TOKENLESS(701, NONE, "without cookie and token a resource is refused"),
    TOKENLESS(702, "/kbs/v0/resource/a", "the token is asked for before the path is looked at"),
    TOKENLESS(703, "/kbs/v0/resource/.a/b/c", "a path that cannot be tells nothing either"),
    TOKENLESS(704, NONE "?x=y", "a query changes nothing of that"),
    {705, "1.4", "PUT goes the way of a token", .since = CONF_ERA_0_11, .run = conf_run_exchange,
     .send = {.method = "PUT", .path = NONE, .body = "x"}, .status = 401, .type = "TokenNotFound",
     .detail = NO_TOKEN},
    BAD_TOKEN(710, "a bearer that is no token is refused", "x"),
    BAD_TOKEN(711, "a bearer of three dots is refused", "..."),
    BAD_TOKEN(712, "a bearer of three parts of nothing is refused", "e30.e30.e30"),
    BAD_TOKEN(713, "a token without a key in its header is refused",
              "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjk5OTk5OTk5OTl9.AAAA"),
    ALTERED(714, "a token with a changed header is refused", 0),
    ALTERED(715, "a token with a changed payload is refused", 1),
    ALTERED(716, "a token with a changed signature is refused", 2),
    {717, "3.4", "a token that says alg none is refused", .needs = CONF_TOKEN,
     .since = CONF_ERA_0_11, .run = run_self_made, .text = "none"},
    {718, "3.4", "a token signed by another key than its header's is refused", .needs = CONF_TOKEN,
     .since = CONF_ERA_0_11, .run = run_self_made, .number_arg = 1},
    {719, "3.4", "a token that vouches for its own key is refused", .needs = CONF_TOKEN,
     .since = CONF_ERA_0_11, .run = run_self_made},
    SCHEME(720, "the scheme Attestation is not known", "Attestation "),
    SCHEME(721, "the scheme Basic is no token", "Basic "),
    SCHEME(722, "the scheme's name is case sensitive", "bearer "),
    SCHEME(723, "a token without a scheme is no token", ""),
    PLUGIN(730, "GET", "conformance/none/none", "a resource that is not there is 401, not 404"),
    PLUGIN(731, "GET", "conformance/none", "a path of two parts is refused"),
    PLUGIN(732, "GET", "conformance", "a path of one part is refused"),
    PLUGIN(733, "GET", "conformance/a/b/c", "a path of four parts is refused"),
    PLUGIN(734, "GET", ".conformance/a/b", "a part that begins with a dot is refused"),
    PLUGIN(735, "GET", "conformance//b", "an empty part is refused"),
    PLUGIN(736, "GET", "conformance/a/b%20c", "a part with a blank is refused"),
    PLUGIN(737, "GET", "conformance/a/b%00c", "a part with a zero byte is refused"),
    PLUGIN(738, "GET", "conformance/a/%2e%2e", "a part that climbs is refused"),
    PLUGIN(739, "GET", "conformance/a/b+c", "a part with other characters is refused"),
    PLUGIN(740, "PUT", "conformance/none/none", "PUT is refused by the plugin"),
    {750, "1.4", "a resource that policy allows is given", .needs = CONF_TOKEN | CONF_READABLE,
     .run = run_allowed},
    {751, "1.7", "the cookie of an attested session is a token",
     .needs = CONF_TOKEN | CONF_READABLE, .run = run_cookie},
    {752, "1.7", "the cookie wins over a bad bearer", .needs = CONF_TOKEN | CONF_READABLE,
     .run = run_cookie, .text = "not-a-token"},
    {753, "1.7", "a bearer helps where the session did not attest",
     .needs = CONF_TOKEN | CONF_READABLE, .since = CONF_ERA_0_11,
     .run = run_unattested_with_bearer},
};

const struct conf_group conf_group_resource = {"resource", checks, CMN_ARRAY_SIZE(checks)};
