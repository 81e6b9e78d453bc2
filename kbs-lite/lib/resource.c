/* resource.c - the resource plugin (trustee kbs/src/plugins/implementations/resource). */
#include "internal.h"

#include "policy.h"

#include "common/crypto/jose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* [A-Za-z0-9_-]+[A-Za-z0-9_.-]* three times */
bool kbs_resource_path_ok(const char *path)
{
    static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";

    for (int part = 0; part < 3; part++) {
        size_t n = strspn(path, chars);
        if (!n || *path == '.')
            return false;
        path += n;
        if (part < 2 && *path++ != '/')
            return false;
    }
    return !*path;
}

static void refuse(struct kbs *kbs, struct cmn_http_response *resp, const char *variant,
                   const char *detail, enum cmn_reason reason, const char *message,
                   const json_t *more)
{
    kbs_answer_error(resp, variant, "%s", detail);
    kbs_notify(kbs, "release-key", "kbs.resource", "refused", reason, resp->status, message, more);
}

/* Cookie of an attested session first, then the bearer; NULL: neither. */
static char *token_of(struct kbs *kbs, const struct cmn_http_request *req)
{
    const char *bearer = kbs_bearer(req);
    struct kbs_session session;
    char id[64], *token = NULL;

    if (kbs_session_cookie(req, id) && kbs_session_find(kbs, id, &session, &token) == 0 && token)
        return token;
    return bearer ? strdup(bearer) : NULL;
}

static json_t *path_parts(const char *path)
{
    json_t *parts = json_array();

    for (;;) {
        size_t n = strcspn(path, "/");
        (void)json_array_append_new(parts, json_stringn(path, n));
        if (!path[n])
            return parts;
        path += n + 1;
    }
}

/* Asks the resource policy; true: go on. Otherwise the answer is written. */
static bool allowed(struct kbs *kbs, const char *path, const struct cmn_http_request *req,
                    const json_t *payload, struct cmn_http_response *resp)
{
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *query = NULL, *data = NULL, *details = NULL;
    struct kbs_policy_verdict verdict = {0};
    struct cmn_err err = {0};
    char message[1024];
    int r = kbs_query_parse(req->query, &query, &err);

    kbs_metric_add(kbs->metrics, KBS_METRIC_POLICY_EVALUATIONS);
    if (r == 0) {
        (void)snprintf(message, sizeof(message), "resource/%.900s", path);
        data = kbs->era->policy_data ? json_pack("{s:s, s:o, s:O}", "plugin", "resource",
                                                 "resource-path", path_parts(path), "query", query)
                                     : json_pack("{s:s}", "resource-path", message);
        r = data ? kbs_store_get(kbs, KBS_NS_KBS, "resource-policy.rego", &text, &err)
                 : cmn_err_set(&err, EINVAL, "the path is not UTF-8");
    }
    if (r == 0)
        r = kbs_policy_decide((const char *)text.data, text.len, payload, data, &verdict, &err);
    if (r < 0) {
        kbs_metric_add(kbs->metrics, KBS_METRIC_POLICY_ERRORS);
        (void)snprintf(message, sizeof(message), "Policy engine error: %.900s", err.msg);
        refuse(kbs, resp, "PolicyEngineError", message, CMN_REASON_POLICY_ERROR, err.msg, NULL);
        return false;
    }
    if (*verdict.warning) /* allow is not there, or no boolean */
        kbs_metric_add(kbs->metrics, KBS_METRIC_POLICY_ERRORS);
    kbs_metric_add(kbs->metrics,
                   verdict.allow ? KBS_METRIC_POLICY_APPROVALS : KBS_METRIC_POLICY_VIOLATIONS);
    if (!verdict.allow) {
        enum cmn_reason reason = kbs_diagnose_denial(
            &(struct kbs_policy_refs){.find = kbs_find_reference, .ctx = kbs}, cmn_buf_bytes(&text),
            payload, data, message, sizeof(message), &details);
        refuse(kbs, resp, "PolicyDeny", "Access denied by policy", reason, message, details);
        return false;
    }
    return true;
}

/* Where the era's tokens hold the TEE key; NULL: it is not there. */
static const json_t *tee_key(const struct kbs_era *era, const json_t *payload)
{
    const json_t *submod, *runtime;

    if (era->simple_token) {
        runtime = json_object_get(json_object_get(payload, "customized_claims"), "runtime_data");
        return json_object_get(runtime, "tee-pubkey");
    }
    submod = json_object_get(json_object_get(payload, "submods"), era->submod);
    runtime = json_object_get(json_object_get(submod, "ear.veraison.annotated-evidence"),
                              "runtime_data_claims");
    return json_object_get(runtime, "tee-pubkey");
}

static void release(struct kbs *kbs, const char *path, const json_t *payload,
                    struct cmn_http_response *resp)
{
    const json_t *key = tee_key(kbs->era, payload);
    const char *status = kbs_token_status(payload);
    auto_buf_secret struct cmn_buf secret = {0};
    auto_free char *jwe = NULL;
    struct cmn_err err = {0};
    char message[512];

    if (!kbs_resource_path_ok(path)) {
        refuse(kbs, resp, "PluginInternalError", "Plugin internal error",
               CMN_REASON_RESOURCE_PATH_INVALID, "illegal ResourceDesc format.", NULL);
        return;
    }
    (void)snprintf(message, sizeof(message), "resource not found: %.256s", path);
    if (kbs_store_get(kbs, KBS_NS_RESOURCE, path, &secret, NULL) < 0) {
        refuse(kbs, resp, "PluginInternalError", "Plugin internal error",
               CMN_REASON_RESOURCE_NOT_FOUND, message, NULL);
        return;
    }
    if (!key) {
        refuse(kbs, resp, "TokenVerifierError", "Token Verifier error", CMN_REASON_TOKEN_INVALID,
               "NoTeePubKeyClaimFound", NULL);
        return;
    }
    if (cmn_jwe_seal(kbs->env, key, cmn_buf_bytes(&secret), &jwe, &err) < 0) {
        refuse(kbs, resp, "JweError", "JWE failed", CMN_REASON_RESOURCE_TEE_KEY_UNSUPPORTED,
               err.msg, NULL);
        return;
    }
    kbs_metric_add_for(kbs->metrics, KBS_METRIC_RESOURCE_READS, path);
    resp->status = 200;
    CMN_IGNORE(
        cmn_http_response_header(resp, "Content-Type", "application/json")); /* there is room */
    if (cmn_buf_puts(&resp->body, jwe) < 0)
        resp->status = 503;
    auto_json json_t *details = json_pack("{s:s, s:s, s:s*}", "path", path, "ear.status", status,
                                          "tee-key", cmn_json_str(key, "alg"));
    const char *alg = cmn_json_str(key, "alg");
    if (alg && strcmp(alg, "RSA1_5") == 0) /* upstream warns in its log */
        kbs_notify(kbs, "release-key", "kbs.advisory", "warn",
                   CMN_REASON_RESOURCE_TEE_KEY_DEPRECATED, 0,
                   "the TEE key asks for RSA1_5, which is deprecated", details);
    if (strcmp(status, "affirming") != 0)
        kbs_notify(kbs, "release-key", "kbs.advisory", "warn", CMN_REASON_POLICY_STATUS_IGNORED, 0,
                   "the resource policy releases although ear.status is not affirming", details);
    kbs_notify(kbs, "release-key", "kbs.resource", "ok", CMN_REASON_NONE, 200, "resource released",
               details);
}

static void get_resource(struct kbs *kbs, const char *path, const struct cmn_http_request *req,
                         struct cmn_http_response *resp)
{
    auto_free char *token = token_of(kbs, req);
    auto_json json_t *payload = NULL;
    struct cmn_err err = {0};

    if (!token) {
        refuse(kbs, resp, "TokenNotFound", "Attestation Token not found", CMN_REASON_TOKEN_MISSING,
               "neither an attested session nor a bearer token", NULL);
        return;
    }
    if (kbs_token_verify(kbs, token, &payload, &err) < 0) {
        refuse(kbs, resp, "TokenVerifierError", "Token Verifier error", CMN_REASON_TOKEN_INVALID,
               err.msg, NULL);
        return;
    }
    if (!allowed(kbs, path, req, payload, resp))
        return;
    if (strcmp(req->method, "GET") != 0) { /* PUT comes this way too, and fails here */
        refuse(kbs, resp, "PluginInternalError", "Plugin internal error",
               CMN_REASON_RESOURCE_METHOD_INVALID,
               "Illegal HTTP method. Only supports `GET`, `POST` and `DELETE`", NULL);
        return;
    }
    release(kbs, path, payload, resp);
}

void kbs_resource(struct kbs *kbs, const char *path, const struct cmn_http_request *req,
                  struct cmn_http_response *resp)
{
    bool post = strcmp(req->method, "POST") == 0, del = strcmp(req->method, "DELETE") == 0;
    struct cmn_err err = {0};
    int r;

    if (!post && !del) {
        get_resource(kbs, path, req, resp);
        return;
    }
    if (kbs_admin_check(kbs, req, &err) < 0) {
        kbs_answer_error(resp, "AdminAuthInitialization",
                         "failed to initialize [admin] configuration: %s", err.msg);
        kbs_notify(kbs, "release-key", "kbs.admin", "refused", CMN_REASON_ADMIN_DENIED,
                   resp->status, err.msg, NULL);
        return;
    }
    r = !kbs_resource_path_ok(path) ? cmn_err_reason(&err, EINVAL, CMN_REASON_RESOURCE_PATH_INVALID,
                                                     "illegal ResourceDesc format.")
        : post                      ? kbs_store_put(kbs, KBS_NS_RESOURCE, path, req->body, &err)
                                    : kbs_store_del(kbs, KBS_NS_RESOURCE, path, &err);
    if (r < 0) {
        refuse(kbs, resp, "PluginInternalError", "Plugin internal error",
               r == -ENOENT ? CMN_REASON_RESOURCE_NOT_FOUND : err.reason, err.msg, NULL);
        return;
    }
    kbs_metric_add_for(kbs->metrics,
                       post ? KBS_METRIC_RESOURCE_WRITES : KBS_METRIC_RESOURCE_DELETES, path);
    resp->status = 200;
    CMN_IGNORE(cmn_http_response_header(resp, "Content-Type", "text/xml")); /* there is room */
}

int kbs_resource_put(struct kbs *kbs, const char *path, struct cmn_bytes bytes, struct cmn_err *err)
{
    if (!kbs_resource_path_ok(path))
        return cmn_err_reason(err, EINVAL, CMN_REASON_RESOURCE_PATH_INVALID,
                              "'%.128s' is not a resource path: want repository/type/tag", path);
    return kbs_store_put(kbs, KBS_NS_RESOURCE, path, bytes, err);
}
