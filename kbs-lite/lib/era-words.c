/*
 * era-words.c - the answers of earlier releases. The broker speaks as the newest one; this says the
 * same in an older one's words. See era.h.
 */
#include "kbs-lite/era.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "https://github.com/confidential-containers/kbs/errors/"

/* A type of the newest release in an era's words. detail_from: what the newest one's detail begins
 * with, which to replaces; NULL: the whole detail becomes to. */
static const struct words {
    enum kbs_era_id since, until;
    const char *type, *detail_from, *old_type, *to;
    int status; /* 0: stays */
} words[] = {
    /* 0.11 to 0.20 */
    {KBS_ERA_0_11, KBS_ERA_0_20, "AdminAuthAccess",
     "admin access denied for endpoint *: ", "AdminAuth", "Admin auth error: ", 0},
    {KBS_ERA_0_11, KBS_ERA_0_20, "AdminAuthInitialization",
     "failed to initialize [admin] configuration: ", "AdminAuth", "Admin auth error: ", 0},
    {KBS_ERA_0_11, KBS_ERA_0_18, "ParsePolicyError", NULL, "PolicyEngine", "Policy engine error",
     0},
    {KBS_ERA_0_11, KBS_ERA_0_18, "PolicyEngineError", NULL, "PolicyEngine", "Policy engine error",
     0},
    /* 0.9 and 0.10 */
    {KBS_ERA_0_9, KBS_ERA_0_9, "AttestationError",
     "Attestation error: RCAR handshake Auth failed: KBS Client Protocol Version Mismatch: * while "
     "the request is ",
     "FailedAuthentication", "Authentication failed: Session: Invalid Request version ", 0},
    {KBS_ERA_0_10, KBS_ERA_0_10, "AttestationError",
     "Attestation error: RCAR handshake Auth failed: KBS Client Protocol Version Mismatch: * while "
     "the request is ",
     "ProtocolVersion",
     "KBS Client Protocol Version Mismatch: expected version: =0.1.1, requested version: ", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "AttestationError",
     "Attestation error: RCAR handshake Auth failed: ", "FailedAuthentication",
     "Authentication failed: ", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "AttestationError", NULL, "AttestationFailed",
     "Attestation failed: verify TEE evidence failed", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "TokenNotFound", NULL, "InvalidRequest",
     "The request is invalid: parse Authorization header failed: Invalid Header provided", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "TokenVerifierError", NULL, "TokenParseFailed",
     "Received an illegal token: verify token failed", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "PolicyDeny", NULL, "PolicyReject", "Resource not permitted.", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "PluginInternalError", NULL, "ReadSecretFailed",
     "Read secret failed: not found", 404},
    {KBS_ERA_0_9, KBS_ERA_0_10, "JweError", NULL, "JWEFailed",
     "Json Web Encryption failed: algorithm is not supported", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "ParsePolicyError", "Failed to parse policy: ", "PolicyEndpoint",
     "Policy error: ", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "PolicyEngineError", "Policy engine error: ", "PolicyEngineFailed",
     "Resource policy engine evaluate failed: ", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "AdminAuthAccess",
     "admin access denied for endpoint *: ", "FailedAuthentication", "Authentication failed: ", 0},
    {KBS_ERA_0_9, KBS_ERA_0_10, "AdminAuthInitialization",
     "failed to initialize [admin] configuration: ", "FailedAuthentication",
     "Authentication failed: ", 0},
};

/* What detail begins with, one '*' standing for anything. The rest of detail, or NULL. */
static const char *after(const char *detail, const char *begins)
{
    const char *star = strchr(begins, '*');
    size_t n = star ? (size_t)(star - begins) : strlen(begins);

    if (strncmp(detail, begins, n) != 0)
        return NULL;
    if (!star)
        return detail + n;
    const char *tail = strstr(detail + n, star + 1);
    return tail ? tail + strlen(star + 1) : NULL;
}

static bool say(const struct words *w, const char *detail, struct cmn_http_response *resp)
{
    const char *rest = w->detail_from ? after(detail, w->detail_from) : "";
    char type[160], text[2048];

    if (!rest)
        return false;
    (void)snprintf(type, sizeof(type), PREFIX "%s", w->old_type);
    (void)snprintf(text, sizeof(text), "%s%.1900s", w->to, rest);
    auto_json json_t *body = json_pack("{s:s, s:s}", "type", type, "detail", text);
    auto_free char *dump = body ? cmn_json_dump(body) : NULL;
    cmn_buf_done(&resp->body);
    if (!dump || cmn_buf_puts(&resp->body, dump) < 0)
        resp->status = 503;
    else if (w->status)
        resp->status = w->status;
    return true;
}

/* How admin refusals were told before 0.21, in the words of the newest release's causes. */
static const char *old_cause(const struct kbs_era *era, const char *cause)
{
    static const char denied[] = "Admin access denied: ";

    if (strncmp(cause, denied, sizeof(denied) - 1) != 0)
        return cause;
    if (strstr(cause, "DenyAll"))
        return "Admin endpoints disabled.";
    return era->id < KBS_ERA_0_16 ? "Admin Token verification failed"
                                  : "Admin Token could not be verified for any admin persona";
}

void kbs_era_answer(const struct kbs_era *era, struct cmn_http_response *resp)
{
    auto_json json_t *body = NULL;
    char old[2048];

    if (era->id == KBS_ERA_0_21 || resp->status < 400 || !resp->body.len ||
        cmn_json_load(cmn_buf_bytes(&resp->body), 4, &body, NULL) < 0)
        return;
    const char *type = cmn_json_str(body, "type"), *detail = cmn_json_str(body, "detail");
    if (!type || !detail || strncmp(type, PREFIX, sizeof(PREFIX) - 1) != 0)
        return;
    type += sizeof(PREFIX) - 1;
    if (era->simple_token && strcmp(type, "PluginNotFound") == 0) { /* there were no plugins */
        cmn_buf_done(&resp->body);
        resp->status = 404;
        return;
    }
    for (size_t i = 0; i < CMN_ARRAY_SIZE(words); i++) {
        const struct words *w = &words[i];
        if (era->id < w->since || era->id > w->until || strcmp(type, w->type) != 0)
            continue;
        if (strncmp(type, "AdminAuth", 9) == 0) {
            const char *cause = after(detail, w->detail_from);
            (void)snprintf(old, sizeof(old), "%.*s%s",
                           cause ? (int)(cause - detail) : (int)strlen(detail), detail,
                           cause ? old_cause(era, cause) : "");
            detail = old;
        }
        if (say(w, detail, resp))
            return;
    }
}
