/* rcar.c - Request, Challenge, Attestation, Response (kbs_attestation_protocol.md, version 0.4.0;
 * older layouts by era). */
#include "internal.h"

#include "initdata.h"

#include "common/crypto/crypto.h"
#include "common/crypto/jose.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse_auth(struct kbs *kbs, struct cmn_http_response *resp, enum cmn_reason reason,
                        const char *cause)
{
    kbs_metric_add(kbs->metrics, KBS_METRIC_AUTH_ERRORS);
    kbs_answer_error(resp, "AttestationError", "Attestation error: RCAR handshake Auth failed: %s",
                     cause);
    kbs_notify(kbs, "attest", "kbs.auth", "refused", reason, resp->status, cause, NULL);
}

void kbs_auth(struct kbs *kbs, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    auto_json json_t *body = NULL;
    struct cmn_err err = {0};
    struct kbs_session session;
    char cause[256];
    int r = cmn_json_load(req->body, CMN_JSON_MAX_DEPTH, &body, &err);
    const char *version = cmn_json_str(body, "version"), *tee = cmn_json_str(body, "tee");

    kbs_metric_add(kbs->metrics, KBS_METRIC_AUTH_REQUESTS);
    if (r < 0 || !version || !tee || !json_object_get(body, "extra-params")) {
        refuse_auth(kbs, resp, CMN_REASON_RCAR_REQUEST_MALFORMED, "deserialize Request");
        return;
    }
    if (!kbs_tee_known(tee)) {
        refuse_auth(kbs, resp, CMN_REASON_RCAR_TEE_UNKNOWN, "deserialize Request");
        return;
    }
    if (!kbs_version_ok(version)) {
        refuse_auth(kbs, resp, CMN_REASON_RCAR_VERSION_MISMATCH, "failed to parse KBS version");
        return;
    }
    if (!kbs_version_taken(kbs->era, version)) {
        (void)snprintf(cause, sizeof(cause),
                       "KBS Client Protocol Version Mismatch: expect %s while the request is %.64s",
                       kbs->era->wanted, version);
        refuse_auth(kbs, resp, CMN_REASON_RCAR_VERSION_MISMATCH, cause);
        return;
    }
    r = kbs_session_new(kbs, tee, &session, &err);
    if (r < 0) {
        refuse_auth(kbs, resp, CMN_REASON_NONE, err.msg);
        return;
    }
    auto_json json_t *answer = json_pack("{s:s, s:s}", "nonce", session.nonce, "extra-params", "");
    kbs_session_set_cookie(resp, &session);
    kbs_answer_json(resp, answer);
    kbs_metric_add(kbs->metrics, KBS_METRIC_AUTH_SUCCESSES);
    kbs_notify(kbs, "attest", "kbs.auth", "ok", CMN_REASON_NONE, 200, "challenge sent", NULL);
}

/* The wire never tells why; the observer does. */
static void refuse_attest(struct kbs *kbs, struct cmn_http_response *resp, enum cmn_reason reason,
                          const char *cause)
{
    kbs_answer_error(resp, "AttestationError", "Attestation error: RCAR handshake Attest failed");
    kbs_notify(kbs, "attest", "kbs.attest", "refused", reason, resp->status, cause, NULL);
}

/* The same for evidence that was looked at: which check, with expected and actual value. */
static void refuse_evidence(struct kbs *kbs, struct cmn_http_response *resp,
                            const struct kbs_checks *checks, const struct cmn_err *why)
{
    const struct kbs_check *refusal = kbs_checks_refusal(checks);
    auto_json json_t *details = refusal ? kbs_check_details(refusal) : NULL;

    kbs_answer_error(resp, "AttestationError", "Attestation error: RCAR handshake Attest failed");
    kbs_notify(kbs, "attest", "kbs.attest", "refused", why->reason, resp->status, why->msg,
               details);
}

static void answer_token(struct cmn_http_response *resp, const struct kbs_session *session,
                         const char *token)
{
    auto_json json_t *answer = json_pack("{s:s}", "token", token);

    kbs_session_set_cookie(resp, session);
    kbs_answer_json(resp, answer);
}

/* tee-pubkey with just the members its kind has; NULL when one is missing. */
static json_t *clean_key(const json_t *jwk)
{
    static const char *const ec[] = {"kty", "crv", "alg", "x", "y", NULL};
    static const char *const rsa[] = {"kty", "alg", "n", "e", NULL};
    static const char *const akp[] = {"kty", "alg", "pub", NULL};
    const char *kty = cmn_json_str(jwk, "kty");
    const char *const *names = !kty                      ? NULL
                               : strcmp(kty, "EC") == 0  ? ec
                               : strcmp(kty, "RSA") == 0 ? rsa
                               : strcmp(kty, "AKP") == 0 ? akp
                                                         : NULL;
    auto_json json_t *out = json_object();

    if (!names)
        return NULL;
    for (; *names; names++) {
        json_t *v = json_object_get(jwk, *names);
        if (!json_is_string(v) || json_object_set(out, *names, v) < 0)
            return NULL;
    }
    return cmn_take(out);
}

struct attestation {
    const json_t *init_data; /* object or NULL */
    const json_t *primary;
    const char *additional;
    const char *nonce;
    json_t *runtime; /* {additional-evidence, nonce, tee-pubkey}, owned */
};

static void attestation_done(struct attestation *a)
{
    json_decref(a->runtime);
}

static int read_attestation(const json_t *body, struct attestation *ret, struct cmn_err *err)
{
    const json_t *runtime = json_object_get(body, "runtime-data");
    const json_t *evidence = json_object_get(body, "tee-evidence");
    struct attestation a = {.init_data = json_object_get(body, "init-data")};
    auto_json json_t *key = clean_key(json_object_get(runtime, "tee-pubkey"));

    if (json_is_null(a.init_data))
        a.init_data = NULL;
    a.primary = json_object_get(evidence, "primary_evidence");
    a.additional = cmn_json_str(evidence, "additional_evidence");
    a.nonce = cmn_json_str(runtime, "nonce");
    if (!a.primary || !a.additional || !a.nonce || !key)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_RCAR_ATTESTATION_MALFORMED,
                              "deserialize Attestation");
    a.runtime = json_pack("{s:s, s:s, s:O}", "additional-evidence", a.additional, "nonce", a.nonce,
                          "tee-pubkey", key);
    if (!a.runtime)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret = a;
    return 0;
}

int kbs_rcar_runtime(const json_t *body, json_t **ret, struct cmn_err *err)
{
    struct attestation a = {0};
    int r = read_attestation(body, &a, err);

    if (r == 0)
        *ret = a.runtime;
    return r;
}

/* The body in the era's layout. Of the old ones nothing but nonce and key is hashed. */
static int load_attestation(const struct kbs_era *era, struct cmn_bytes text, json_t **ret_body,
                            struct attestation *ret, struct cmn_err *err)
{
    auto_json json_t *body = NULL, *old = NULL;
    int r = cmn_json_load(text, CMN_JSON_MAX_DEPTH, &body, err);

    if (r == 0 && !era->composite) {
        old = body;
        body = kbs_era_attest_body(era, old);
        if (!body)
            return cmn_err_reason(err, EBADMSG, CMN_REASON_RCAR_ATTESTATION_MALFORMED,
                                  "deserialize Attestation: this is not the layout of %s",
                                  era->protocol);
    }
    if (r == 0)
        r = read_attestation(body, ret, err);
    if (r == 0 && !era->composite)
        CMN_IGNORE(json_object_del(ret->runtime, "additional-evidence")); /* read_ put it there */
    if (r == 0)
        *ret_body = cmn_take(body);
    return r;
}

static void tell_advisories(struct kbs *kbs, const struct kbs_checks *checks)
{
    for (size_t i = 0; i < checks->n; i++) {
        const struct kbs_check *c = &checks->list[i];
        if (c->result != KBS_CHECK_ADVISORY)
            continue;
        auto_json json_t *details = kbs_check_details(c);
        kbs_notify(kbs, "attest", "kbs.advisory", "warn", c->reason, 0, c->message, details);
    }
}

/* What evidence does not bring is part of a capture. */
static int fetch_vcek(void *ctx, const struct snp_report *report, enum snp_product product,
                      struct cmn_buf *ret, struct cmn_err *err)
{
    struct kbs *kbs = ctx;
    int r = kbs_vcek_sources_fetch(kbs->vcek_sources, report, product, ret, err);

    if (r >= 0 && kbs->capture)
        kbs->capture(kbs->capture_ctx, "fetched-vcek.der", cmn_buf_bytes(ret));
    return r;
}

static int fetch_crl(void *ctx, enum snp_product product, struct cmn_buf *ret, struct cmn_err *err)
{
    struct kbs *kbs = ctx;
    int r = kbs_vcek_sources_crl(kbs->vcek_sources, product, ret, err);

    if (r >= 0 && kbs->capture)
        kbs->capture(kbs->capture_ctx, "fetched-crl.der", cmn_buf_bytes(ret));
    return r;
}

static int run_verifier(struct kbs *kbs, const struct kbs_verifier *verifier,
                        const json_t *evidence, struct cmn_bytes digest,
                        struct cmn_bytes init_digest, struct kbs_checks *ret_checks,
                        struct kbs_claims *ret, struct cmn_err *err)
{
    bool newest =
        kbs->era->id == KBS_ERA_0_21; /* of which strict mode knows more than the release */
    const struct kbs_snp_input snp = {.min_version = newest ? 0 : kbs->era->report_min,
                                      .max_version = newest ? 0 : kbs->era->report_max,
                                      .roots = kbs->roots,
                                      .crls = kbs->crls,
                                      .cache = kbs->cache,
                                      .expect = &kbs->snp_expect,
                                      .fetch = fetch_vcek,
                                      .fetch_crl = kbs->config.crl_from_kds ? fetch_crl : NULL,
                                      .fetch_ctx = kbs};
    int64_t at = kbs->config.verify_at;

    return verifier->verify(
        kbs->env,
        &(struct kbs_verify_input){.evidence = evidence,
                                   .report_data = digest.data,
                                   .report_data_len = digest.len,
                                   .init_data = init_digest.len ? init_digest.data : NULL,
                                   .init_data_len = init_digest.len,
                                   .strict = kbs->config.strict,
                                   .now = at ? at : cmn_env_now(kbs->env),
                                   .snp = &snp},
        ret_checks, ret, err);
}

void kbs_subjects_done(struct kbs_subjects *subjects)
{
    for (size_t i = 0; i < subjects->n; i++) {
        kbs_claims_done(&subjects->list[i].claims);
        json_decref(subjects->list[i].runtime);
        json_decref(subjects->list[i].init_claims);
    }
    subjects->n = 0;
}

/* Verifies one attester's evidence and adds what it proved. init: digest of the init-data or empty.
 */
static int add_subject(struct kbs *kbs, const char *tee, const json_t *evidence, json_t *runtime,
                       struct cmn_bytes init, struct kbs_subjects *subjects,
                       struct kbs_checks *ret_checks, struct cmn_err *err)
{
    const struct kbs_verifier *verifier = kbs_verifier_find(tee);
    auto_buf struct cmn_buf jcs = {0};
    uint8_t digest[48];

    if (!verifier)
        return cmn_err_reason(err, ENOTSUP, CMN_REASON_RCAR_VERIFIER_MISSING,
                              "feature `%s-verifier` is not enabled for `verifier` crate.", tee);
    if (subjects->n == KBS_SUBJECTS_MAX)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_RCAR_ATTESTATION_MALFORMED,
                              "evidence of more than %d devices", KBS_SUBJECTS_MAX - 1);
    struct kbs_subject *s = &subjects->list[subjects->n];
    *s = (struct kbs_subject){.tee = verifier->tee, .class = verifier->class};
    int r = cmn_json_jcs(runtime, &jcs, err);
    if (r == 0)
        r = cmn_hash(kbs->env, "SHA384", jcs.data, jcs.len, digest, err);
    if (r == 0) {
        r = run_verifier(kbs, verifier, evidence, cmn_bytes(digest, sizeof(digest)), init,
                         ret_checks, &s->claims, err);
        tell_advisories(kbs, ret_checks);
    }
    if (r < 0)
        return r;
    s->runtime = json_incref(runtime);
    subjects->n++;
    return kbs_era_claims(kbs->era, tee, &s->claims, err);
}

/* Device evidence: the text of a JSON object, TEE name to evidence, each bound to nonce and key. */
static int add_devices(struct kbs *kbs, const struct attestation *a, struct kbs_subjects *subjects,
                       struct kbs_checks *ret_checks, struct cmn_err *err)
{
    auto_json json_t *devices = NULL, *runtime = json_copy(a->runtime);
    const char *tee;
    json_t *evidence;
    int r = 0;

    if (!*a->additional)
        return 0;
    if (cmn_json_load(cmn_bytes(a->additional, strlen(a->additional)), CMN_JSON_MAX_DEPTH, &devices,
                      NULL) < 0 ||
        !json_is_object(devices))
        return cmn_err_reason(err, EBADMSG, CMN_REASON_RCAR_ATTESTATION_MALFORMED,
                              "additional evidence is not a JSON object");
    if (!runtime || json_object_del(runtime, "additional-evidence") < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    json_object_foreach(devices, tee, evidence)
        if (r == 0 && !kbs_tee_known(tee))
            r = cmn_err_reason(err, EBADMSG, CMN_REASON_RCAR_ATTESTATION_MALFORMED,
                               "additional evidence is of an unknown TEE");
        else if (r == 0)
            r = add_subject(kbs, tee, evidence, runtime, cmn_bytes(NULL, 0), subjects, ret_checks,
                            err);
    return r;
}

/* Evidence to token. A negative return is the refusal with its reason. */
static int evaluate(struct kbs *kbs, const struct kbs_session *session, const struct attestation *a,
                    struct kbs_checks *ret_checks, const char **ret_root, char **ret_token,
                    struct cmn_err *err)
{
    auto_json json_t *init_claims = NULL;
    struct kbs_subjects subjects = {.n = 0};
    uint8_t init_digest[64];
    size_t init_len = 0;
    int r = a->init_data ? kbs_initdata_read(kbs->env, a->init_data, init_digest, &init_len,
                                             &init_claims, err)
                         : 0;

    if (r == 0)
        r = add_subject(kbs, session->tee, a->primary, a->runtime, cmn_bytes(init_digest, init_len),
                        &subjects, ret_checks, err);
    if (r == 0)
        subjects.list[0].init_claims = cmn_take(init_claims);
    if (r == 0)
        r = add_devices(kbs, a, &subjects, ret_checks, err);
    if (r == 0)
        r = kbs_token_issue(kbs, &subjects, ret_token, err);
    if (r == 0)
        *ret_root = subjects.list[0].claims.root; /* static text */
    kbs_subjects_done(&subjects);
    return r;
}

void kbs_attest(struct kbs *kbs, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    auto_json json_t *body = NULL;
    auto_free char *old_token = NULL, *token = NULL;
    __attribute__((cleanup(attestation_done))) struct attestation a = {0};
    struct kbs_session session;
    struct cmn_err err = {0};
    char id[64];

    kbs_metric_add(kbs->metrics, KBS_METRIC_ATTESTATION_REQUESTS);
    if (!kbs_session_cookie(req, id)) {
        kbs_metric_add(kbs->metrics, KBS_METRIC_ATTESTATION_ERRORS);
        refuse_attest(kbs, resp, CMN_REASON_RCAR_COOKIE_MISSING, "cookie not found");
        return;
    }
    if (load_attestation(kbs->era, req->body, &body, &a, &err) < 0) {
        kbs_metric_add(kbs->metrics, KBS_METRIC_ATTESTATION_ERRORS);
        refuse_attest(kbs, resp, CMN_REASON_RCAR_ATTESTATION_MALFORMED, err.msg);
        return;
    }
    if (kbs_session_find(kbs, id, &session, &old_token) < 0) {
        kbs_metric_add(kbs->metrics, KBS_METRIC_ATTESTATION_ERRORS);
        refuse_attest(kbs, resp, CMN_REASON_RCAR_SESSION_UNKNOWN, "session not found");
        return;
    }
    if (old_token) { /* as upstream: the new evidence is not looked at */
        answer_token(resp, &session, old_token);
        kbs_notify(kbs, "attest", "kbs.attest", "ok", CMN_REASON_NONE, 200,
                   "session was attested before; its token is sent again", NULL);
        return;
    }
    assert(a.nonce);
    if (!kbs->era->composite) {
        if (json_object_set_new(a.runtime, "nonce", json_string(session.nonce)) < 0)
            return;
    } else if (strcmp(a.nonce, session.nonce) != 0) {
        refuse_attest(kbs, resp, CMN_REASON_RCAR_NONCE_MISMATCH,
                      "the nonce in the handshake session is different from that in the evidence");
        return;
    }
    const char *root = "none";
    auto_free struct kbs_checks *checks = calloc(1, sizeof(*checks));
    if (!checks) {
        resp->status = 503;
        return;
    }
    if (evaluate(kbs, &session, &a, checks, &root, &token, &err) < 0) {
        kbs_metric_add_for(kbs->metrics, KBS_METRIC_ATTESTATION_FAILURES, session.tee);
        refuse_evidence(kbs, resp, checks, &err);
        return;
    }
    kbs_metric_add_for(kbs->metrics, KBS_METRIC_ATTESTATION_SUCCESSES, session.tee);
    CMN_IGNORE(kbs_session_attested(kbs, session.id, token)); /* it may have ended meanwhile */
    answer_token(resp, &session, token);
    auto_json json_t *payload = NULL, *header = NULL, *details = NULL;
    if (cmn_jws_parse(token, &header, &payload, NULL) == 0)
        details = json_pack("{s:s, s:s, s:s}", "tee", session.tee, "root", root, "ear.status",
                            kbs_token_status(payload));
    kbs_notify(kbs, "attest", "kbs.attest", "ok", CMN_REASON_NONE, 200, "evidence verified",
               details);
}
