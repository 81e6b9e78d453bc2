/* remote.c - see remote.h. */
#include "sim/run/remote.h"

#include "common/enc/enc.h"
#include "common/http/client.h"
#include "kbs-lite/policy-set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ANSWER = 16 << 20, TIMEOUT_MS = 30000 };

/* A client per call: calls come from several threads, and cookies are the guest's, not ours. */
static int call(struct sim_run *run, const struct cmn_http_call *base, const char *path,
                struct cmn_http_answer *ret, struct cmn_err *err)
{
    const struct sim_run_opts *o = run->opts;
    struct cmn_http_client *client = NULL;
    struct cmn_http_call request = *base;
    auto_free char *url = NULL;
    size_t n = strlen(o->kbs_url);

    while (n && o->kbs_url[n - 1] == '/')
        n--;
    if (asprintf(&url, "%.*s%s", (int)n, o->kbs_url, path) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    request.url = url;
    request.max_body = MAX_ANSWER;
    int r = cmn_http_client_new(
        &(struct cmn_http_client_opts){.timeout_ms = TIMEOUT_MS, .ca_pem = o->kbs_ca_pem}, &client,
        err);
    if (r == 0)
        r = cmn_http_do(client, &request, ret, err);
    cmn_http_client_free(client);
    return r;
}

/* ---- what the guest asks ---- */

/* How far the wire tells why. */
static const struct {
    const char *type, *detail; /* detail: part of it; NULL: any */
    enum cmn_reason reason;
} reasons[] = {
    {"AttestationError", "Version Mismatch", CMN_REASON_RCAR_VERSION_MISMATCH},
    {"ProtocolVersion", NULL, CMN_REASON_RCAR_VERSION_MISMATCH},
    {"AttestationError", "Auth failed", CMN_REASON_RCAR_REQUEST_MALFORMED},
    {"TokenNotFound", NULL, CMN_REASON_TOKEN_MISSING},
    {"TokenVerifierError", NULL, CMN_REASON_TOKEN_INVALID},
    {"PolicyDeny", NULL, CMN_REASON_POLICY_DENIED},
    {"PolicyReject", NULL, CMN_REASON_POLICY_DENIED},
    {"PolicyEngineError", NULL, CMN_REASON_POLICY_ERROR},
    {"PluginInternalError", NULL, CMN_REASON_RESOURCE_NOT_FOUND},
    {"ReadSecretFailed", NULL, CMN_REASON_RESOURCE_NOT_FOUND},
    {"PluginNotFound", NULL, CMN_REASON_PLUGIN_NOT_FOUND},
    {"JweError", NULL, CMN_REASON_RESOURCE_TEE_KEY_UNSUPPORTED},
};

static enum cmn_reason reason_of(const char *type, const char *detail)
{
    const char *name = strrchr(type, '/');

    for (size_t i = 0; name && i < CMN_ARRAY_SIZE(reasons); i++)
        if (strcmp(name + 1, reasons[i].type) == 0 &&
            (!reasons[i].detail || strstr(detail, reasons[i].detail)))
            return reasons[i].reason;
    return CMN_REASON_NONE;
}

static void tell(struct sim_run *run, const char *path, int status, struct cmn_bytes body)
{
    bool auth = strcmp(path, "/kbs/v0/auth") == 0, attest = strcmp(path, "/kbs/v0/attest") == 0;
    const char *name = auth ? "kbs.auth" : attest ? "kbs.attest" : "kbs.resource";
    enum sim_phase phase = auth || attest ? SIM_PHASE_ATTEST : SIM_PHASE_RELEASE_KEY;
    auto_json json_t *error = NULL;
    json_t *details = json_pack("{s:i}", "status", status);

    if (status < 400) {
        sim_run_emit(run, phase, "kbs", name, SIM_OK, CMN_REASON_NONE, "answered by the KBS",
                     details);
        return;
    }
    CMN_IGNORE(cmn_json_load(body, 4, &error, NULL)); /* without it there is no detail */
    const char *type = cmn_json_str(error, "type"), *detail = cmn_json_str(error, "detail");
    sim_run_emit(run, phase, "kbs", name, SIM_REFUSED,
                 reason_of(type ? type : "", detail ? detail : ""),
                 detail ? detail : "the KBS refused without a JSON error", details);
}

/* Cookie and Authorization lines of the guest, as it sent them. */
static size_t pass_headers(const struct cmn_http_request *req, char *lines[2])
{
    static const char *const names[] = {"Cookie", "Authorization"};
    size_t n = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        const char *value = req->header(req, names[i]);
        if (value && asprintf(&lines[n], "%s: %s", names[i], value) >= 0)
            n++;
    }
    return n;
}

static void pass_back(const struct cmn_http_answer *answer, struct cmn_http_response *resp)
{
    static const char *const names[] = {"Content-Type", "Set-Cookie"};

    resp->status = answer->status;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        const char *value = cmn_http_answer_header(answer, names[i]);
        if (value)
            CMN_IGNORE(cmn_http_response_header(resp, names[i], value)); /* there is room */
    }
    if (cmn_buf_put(&resp->body, answer->body.data, answer->body.len) < 0)
        resp->status = 503;
}

void sim_remote_handle(struct sim_run *run, const struct cmn_http_request *req,
                       struct cmn_http_response *resp)
{
    struct cmn_http_answer answer = {0};
    struct cmn_err err = {0};
    char *lines[2] = {NULL, NULL};
    auto_free char *path = NULL;
    size_t n = pass_headers(req, lines);
    const char *const headers[] = {n > 0 ? lines[0] : NULL, n > 1 ? lines[1] : NULL, NULL};
    int r =
        asprintf(&path, "%s%s%s", req->path, *req->query ? "?" : "", req->query) < 0 ? -ENOMEM : 0;

    if (r == 0)
        r = call(run,
                 &(struct cmn_http_call){.method = req->method,
                                         .content_type = req->header(req, "Content-Type"),
                                         .headers = headers,
                                         .body = req->body},
                 path, &answer, &err);
    if (r == 0) {
        pass_back(&answer, resp);
        tell(run, req->path, answer.status, cmn_buf_bytes(&answer.body));
    } else {
        resp->status = 502;
        sim_run_emit(run, SIM_PHASE_ATTEST, "kbs", "kbs.unreachable", SIM_FAILED,
                     CMN_REASON_KBS_UNREACHABLE, err.msg, NULL);
    }
    for (size_t i = 0; i < CMN_ARRAY_SIZE(lines); i++) {
        if (lines[i])
            explicit_bzero(lines[i], strlen(lines[i]));
        free(lines[i]);
    }
    cmn_http_answer_done(&answer);
}

/* ---- what the scenario wants it to hold ---- */

static int admin(struct sim_run *run, const char *path, struct cmn_bytes body, const char *type,
                 struct cmn_err *err)
{
    struct cmn_http_answer answer = {0};
    int r = call(run,
                 &(struct cmn_http_call){.method = "POST",
                                         .content_type = type,
                                         .bearer = run->opts->kbs_admin_bearer,
                                         .body = body},
                 path, &answer, err);

    if (r == 0 && answer.status != 200)
        r = cmn_err_reason(err, EACCES, CMN_REASON_ADMIN_DENIED,
                           "the KBS answered %d to POST %s: %.400s", answer.status, path,
                           answer.body.data ? (const char *)answer.body.data : "");
    cmn_http_answer_done(&answer);
    return r;
}

static int admin_json(struct sim_run *run, const char *path, const json_t *body,
                      struct cmn_err *err)
{
    auto_free char *text = body ? cmn_json_dump(body) : NULL;

    return text ? admin(run, path, cmn_bytes(text, strlen(text)), "application/json", err)
                : cmn_err_set(err, ENOMEM, "no memory");
}

int sim_remote_put_resource(struct sim_run *run, const char *path, struct cmn_bytes bytes,
                            struct cmn_err *err)
{
    char url[512];

    (void)snprintf(url, sizeof(url), "/kbs/v0/resource/%s", path);
    return admin(run, url, bytes, "application/octet-stream", err);
}

int sim_remote_put_references(struct sim_run *run, const json_t *values, struct cmn_err *err)
{
    auto_free char *text = cmn_json_dump(values);
    auto_free char *b64 = text ? cmn_b64(CMN_B64_STD, text, strlen(text)) : NULL;
    auto_json json_t *message = json_pack("{s:s, s:s, s:s}", "version", "0.1.0", "type", "sample",
                                          "payload", b64 ? b64 : "");

    return admin_json(run, "/kbs/v0/reference-value", message, err);
}

int sim_remote_put_policy(struct sim_run *run, const char *set, struct cmn_err *err)
{
    const struct kbs_policy_set *found = kbs_policy_set_find(set);
    auto_free char *b64 =
        found ? cmn_b64(CMN_B64_URL, found->resource, strlen(found->resource)) : NULL;
    auto_json json_t *body = b64 ? json_pack("{s:s}", "policy", b64) : NULL;

    return admin_json(run, "/kbs/v0/resource-policy", body, err);
}
