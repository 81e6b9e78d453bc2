/* rcar.c - the handshake as a guest makes it (kbs_attestation_protocol.md; older layouts: 2.7). */
#include "sim/conformance/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * RFC 8785 for the documents of the handshake: their names are ASCII and hold no numbers, so that
 * jansson's sorted compact form is the canonical one.
 */
int conf_digest(struct conf *c, const json_t *runtime, uint8_t out[48])
{
    auto_free char *text = json_dumps(runtime, JSON_COMPACT | JSON_SORT_KEYS);

    return text ? cmn_hash(c->opts->env, "SHA384", text, strlen(text), out, NULL) : -ENOMEM;
}

/* The id in a Set-Cookie header, "" when it is not there. */
static void cookie_id(const char *set_cookie, char *out, size_t cap)
{
    const char *p = set_cookie ? strstr(set_cookie, "kbs-session-id=") : NULL;

    *out = '\0';
    if (p) {
        p += strlen("kbs-session-id=");
        (void)snprintf(out, cap, "%.*s", (int)strcspn(p, "; "), p);
    }
}

bool conf_challenge_for(struct conf *c, const char *tee, struct conf_session *ret)
{
    char body[256];

    *ret = (struct conf_session){0};
    (void)snprintf(body, sizeof(body), "{\"version\":\"%s\",\"tee\":\"%s\",\"extra-params\":%s}",
                   c->era->protocol, tee,
                   c->era->layout == CONF_COMPOSITE ? "{\"supported-hash-algorithms\":[\"sha256\","
                                                      "\"sha384\",\"sha512\"]}"
                                                    : "\"\"");
    if (conf_send(c, &(struct conf_req){.method = "POST", .path = "/kbs/v0/auth", .body = body}) <
        0)
        return false;
    auto_json json_t *answer = conf_json(c);
    const char *nonce = cmn_json_str(answer, "nonce");
    const char *set = cmn_http_answer_header(&c->answer, "Set-Cookie");
    cookie_id(set, ret->id, sizeof(ret->id));
    (void)snprintf(ret->nonce, sizeof(ret->nonce), "%s", nonce ? nonce : "");
    (void)snprintf(ret->set_cookie, sizeof(ret->set_cookie), "%s", set ? set : "");
    return conf_expect(c, c->answer.status == 200 && nonce && ret->id[0],
                       "status 200, a nonce and the cookie kbs-session-id");
}

bool conf_challenge(struct conf *c, struct conf_session *ret)
{
    return conf_challenge_for(c, c->tee, ret);
}

/* What the primary evidence is bound to. */
static json_t *bound_document(struct conf *c, const struct conf_session *s, enum conf_key key,
                              const struct conf_binding *bind)
{
    const char *nonce = bind->nonce ? bind->nonce : s->nonce;
    auto_json json_t *jwk = conf_jwk(c, bind->other_key ? bind->key : key);

    if (c->era->layout != CONF_COMPOSITE || bind->without_additional)
        return json_pack("{s:s, s:O}", "nonce", nonce, "tee-pubkey", jwk);
    return json_pack("{s:s, s:s, s:O}", "additional-evidence",
                     bind->additional ? bind->additional : "", "nonce", nonce, "tee-pubkey", jwk);
}

static json_t *old_body(struct conf *c, enum conf_key key, const json_t *evidence)
{
    auto_json json_t *jwk = conf_jwk(c, key);

    if (c->era->layout == CONF_EVIDENCE_VALUE)
        return json_pack("{s:O, s:O}", "tee-pubkey", jwk, "tee-evidence", evidence);
    auto_free char *text = json_dumps(evidence, JSON_COMPACT);
    return json_pack("{s:O, s:s}", "tee-pubkey", jwk, "tee-evidence", text);
}

json_t *conf_attest_body(struct conf *c, const struct conf_session *s, enum conf_key key,
                         const struct conf_evidence *how, const struct conf_binding *bind)
{
    static const struct conf_binding genuine = {0};
    const struct conf_evidence plain = CONF_GENUINE;
    uint8_t digest[48];

    bind = bind ? bind : &genuine;
    auto_json json_t *bound = bound_document(c, s, key, bind), *jwk = conf_jwk(c, key);
    if (!bound || !jwk || conf_digest(c, bound, digest) < 0)
        return NULL;
    auto_json json_t *evidence = conf_tee_evidence(c, how ? how : &plain, digest);
    if (!evidence)
        return NULL;
    if (c->era->layout != CONF_COMPOSITE)
        return old_body(c, key, evidence);
    json_t *init =
        bind->init_data ? json_incref((json_t *)(uintptr_t)bind->init_data) : json_null();
    return json_pack("{s:o, s:{s:s, s:O}, s:{s:O, s:s}}", "init-data", init, "runtime-data",
                     "nonce", s->nonce, "tee-pubkey", jwk, "tee-evidence", "primary_evidence",
                     evidence, "additional_evidence", bind->additional ? bind->additional : "");
}

int conf_attest(struct conf *c, const struct conf_session *s, const json_t *body)
{
    auto_free char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

    if (!text) {
        (void)conf_expect(c, false, "a body that this suite can build");
        return -1;
    }
    return conf_send(
        c, &(struct conf_req){
               .method = "POST", .path = "/kbs/v0/attest", .cookie = s->id, .body = text});
}

char *conf_handshake(struct conf *c, enum conf_key key, struct conf_session *ret)
{
    struct conf_session own;

    ret = ret ? ret : &own;
    if (!conf_challenge(c, ret))
        return NULL;
    auto_json json_t *body = conf_attest_body(c, ret, key, NULL, NULL);
    if (conf_attest(c, ret, body) < 0 || !conf_status(c, 200))
        return NULL;
    auto_json json_t *answer = conf_json(c);
    const char *token = cmn_json_str(answer, "token");
    return conf_expect(c, token, "{\"token\": text}") ? strdup(token) : NULL;
}

const char *conf_good_token(struct conf *c)
{
    if (!c->token && !c->token_tried) {
        c->token_tried = true;
        c->token = conf_handshake(c, CONF_P256, NULL);
    }
    if (!c->token) {
        c->missed = c->frozen = false; /* it is another check that tells of it */
        conf_skip(c, "needs a token, and the genuine handshake gave none");
    }
    return c->token;
}
