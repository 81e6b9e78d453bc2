/*
 * resource.c - resources of the KBS with a token of the attestation agent; see cdh.h.
 * Source: guest-components 8246e5e attestation-agent/kbs_protocol/src/client/token_client.rs,
 * hub kms/src/plugins/kbs, deps/resource_uri.
 */
#include "common/crypto/jose.h"
#include "common/enc/enc.h"
#include "common/http/client.h"
#include "common/ttrpc/proto/attestation_agent.pb-c.h"
#include "common/ttrpc/ttrpc.h"
#include "sim/guest/cdh/cdh.h"
#include "sim/guest/common/guest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS      3
#define ANSWER_MAX    (10u << 20)
#define OFFLINE_MAX   (1u << 20)
#define OFFLINE_FILES "/etc/aa-offline_fs_kbc-keys.json", "/etc/aa-offline_fs_kbc-resources.json"

struct token {
    char *jwt;
    EVP_PKEY *key;
};

static void token_done(struct token *t)
{
    if (t->jwt)
        OPENSSL_cleanse(t->jwt, strlen(t->jwt));
    free(t->jwt);
    EVP_PKEY_free(t->key);
    *t = (struct token){0};
}
#define auto_token __attribute__((cleanup(token_done)))

int cdh_resource_path(const char *uri, struct cmn_buf *ret, struct cmn_err *err)
{
    const char *colon = strstr(uri, "://");
    size_t scheme = colon ? (size_t)(colon - uri) : 0;
    const char *plugin = "resource";
    size_t plugin_len = strlen(plugin);

    if (!colon || strlen(uri) > 1024)
        goto illegal;
    if (scheme > 4 && strncmp(uri, "kbs+", 4) == 0) {
        plugin = uri + 4;
        plugin_len = scheme - 4;
    } else if (scheme != 3 || strncmp(uri, "kbs", 3) != 0) {
        goto illegal;
    }
    const char *path = strchr(colon + 3, '/');
    if (!path || path[1] == 0 || path[1] == '/' || path[1] == '?' ||
        memchr(plugin, '/', plugin_len))
        goto illegal;
    for (const char *p = uri; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '#' || *p == '\\')
            goto illegal;
    if (strstr(path, "/../") || strstr(path, "/./"))
        goto illegal;
    return cmn_buf_printf(ret, "%.*s%s", (int)plugin_len, plugin, path) < 0
               ? cmn_err_set(err, ENOMEM, "no memory")
               : 0;
illegal:
    return cmn_err_reason(err, EINVAL, CMN_REASON_RESOURCE_PATH_INVALID,
                          "illegal kbs resource uri: %.300s", uri);
}

/* {"token": JWT, "tee_keypair": PEM} */
static int token_parse(struct cdh *cdh, struct cmn_bytes text, struct token *ret,
                       struct cmn_err *err)
{
    auto_json json_t *json = NULL;
    auto_token struct token t = {0};
    int r = cmn_json_load(text, CMN_JSON_MAX_DEPTH, &json, err);

    if (r < 0)
        return cmn_err_wrap(err, r,
                            "Attestation Agent token provider error: deserialize attestation "
                            "agent reponse failed");
    const char *jwt = cmn_json_str(json, "token"), *pem = cmn_json_str(json, "tee_keypair");
    if (!jwt || !pem)
        return cmn_err_set(err, EBADMSG,
                           "Attestation Agent token provider error: no token or tee_keypair");
    r = cmn_pkey_from_pem(cdh->env, cmn_bytes(pem, strlen(pem)), &t.key, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "get key pair failed");
    if (!(t.jwt = strdup(jwt)))
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret = t;
    t = (struct token){0};
    return 0;
}

static int aa_failed(const struct cmn_ttrpc_status *status, int r, struct cmn_err *err)
{
    auto_buf struct cmn_buf debug = {0};
    auto_buf struct cmn_buf text = {0}, quoted = {0};

    if (r == -EREMOTEIO && cmn_ttrpc_status_debug(status, &debug) == 0 &&
        cmn_buf_printf(&text, "Attestation Agent token provider error: cal ttrpc failed: %s",
                       (const char *)debug.data) == 0 &&
        cmn_ttrpc_quote(&quoted, (const char *)text.data) == 0)
        return cmn_err_set(err, EREMOTEIO, "GetTokenFailed(%s)", (const char *)quoted.data);
    if (err)
        err->reason = CMN_REASON_AA_UNREACHABLE;
    return cmn_err_wrap(err, r,
                        "GetTokenFailed: Attestation Agent token provider error: cal ttrpc "
                        "failed");
}

/* Each call is a whole handshake of the agent with the KBS. */
static int token_get(struct cdh *cdh, struct token *ret, struct cmn_err *err)
{
    struct cmn_ttrpc_client *client = NULL;
    struct cmn_ttrpc_status status = {0};
    AttestationAgent__GetTokenRequest req = ATTESTATION_AGENT__GET_TOKEN_REQUEST__INIT;
    ProtobufCMessage *msg = NULL;
    int r = cmn_ttrpc_client_connect(cdh->config.aa_socket, &client, err);

    if (r < 0)
        return aa_failed(&status, r, err);
    req.tokentype = (char *)"kbs";
    r = cmn_ttrpc_call_msg(client, "attestation_agent.AttestationAgentService", "GetToken",
                           &req.base, &attestation_agent__get_token_response__descriptor,
                           CMN_TTRPC_TIMEOUT_MS, &msg, &status, err);
    cmn_ttrpc_client_free(client);
    if (r < 0)
        return aa_failed(&status, r, err);
    const AttestationAgent__GetTokenResponse *reply = (const void *)msg;
    token_done(ret);
    r = token_parse(cdh, cmn_bytes(reply->token.data, reply->token.len), ret, err);
    OPENSSL_cleanse(reply->token.data, reply->token.len);
    protobuf_c_message_free_unpacked(msg, NULL);
    return r;
}

/* The KBS's words as the client prints them. */
static int error_information(const struct cmn_http_answer *answer, struct cmn_buf *ret,
                             struct cmn_err *err)
{
    auto_json json_t *json = NULL;

    if (cmn_json_load(cmn_buf_bytes(&answer->body), CMN_JSON_MAX_DEPTH, &json, NULL) < 0 ||
        !cmn_json_str(json, "type") || !cmn_json_str(json, "detail"))
        return cmn_err_reason(err, EBADMSG, CMN_REASON_KBS_ANSWER_MALFORMED,
                              "deserialize http response failed: error decoding response body");
    return cmn_buf_printf(ret, "ErrorInformation { error_type: \"%.200s\", detail: \"%.400s\" }",
                          cmn_json_str(json, "type"), cmn_json_str(json, "detail"));
}

static int open_answer(struct cdh *cdh, const struct token *token,
                       const struct cmn_http_answer *answer, struct cmn_buf *ret,
                       struct cmn_err *err)
{
    int r = cmn_jwe_open(cdh->env, token->key, cmn_buf_bytes(&answer->body), ret, err);

    if (r < 0 && err)
        err->reason = CMN_REASON_RESOURCE_DECRYPT_FAILED;
    return r < 0 ? cmn_err_wrap(err, r, "decrypt KBS response body failed") : 0;
}

/* One GET and its judgement: 0 done, 1 the token was refused, negative the end. */
static int attempt(struct cdh *cdh, struct cmn_http_client *http, const char *url,
                   const struct token *token, struct cmn_buf *ret, struct cmn_err *err)
{
    struct cmn_http_answer answer = {0};
    auto_buf struct cmn_buf info = {0};
    int r = cmn_http_get(http, url, token->jwt, ANSWER_MAX, &answer, err);

    if (r < 0) {
        if (err)
            err->reason = CMN_REASON_KBS_UNREACHABLE;
        r = cmn_err_wrap(err, r, "http request failed");
    } else if (answer.status == 200) {
        r = open_answer(cdh, token, &answer, ret, err);
    } else if ((r = error_information(&answer, &info, err)) < 0) {
        /* the error says it */
    } else if (answer.status == 401) {
        cmn_log(CMN_LOG_WARN, "kbs_protocol::client::token_client",
                "Authenticating with KBS failed. Get a new token from the token provider: %s",
                (const char *)info.data);
        r = 1;
    } else if (answer.status == 404) {
        r = cmn_err_set(err, ENOENT, "ResourceNotFound(\"KBS resource Not Found (Error 404): %s\")",
                        (const char *)info.data);
    } else {
        r = cmn_err_set(err, EPROTO,
                        "KBSInternalError(\"KBS Server Internal Failed, Response: %s\")",
                        (const char *)info.data);
    }
    cmn_http_answer_done(&answer);
    return r;
}

static int kbs_get(struct cdh *cdh, const char *path, struct cmn_buf *ret, struct cmn_err *err)
{
    struct cmn_http_client *http = NULL;
    auto_token struct token token = {0};
    auto_buf struct cmn_buf url = {0};
    int r = cmn_buf_printf(&url, "%s/kbs/v0/%s", cdh->config.kbs_url, path);

    if (r < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    r = token_get(cdh, &token, err);
    if (r < 0)
        return r;
    r = cmn_http_client_new(
        &(struct cmn_http_client_opts){.user_agent = "attestation-agent-kbs-client/0.1.0",
                                       .ca_pem = cdh->config.kbs_cert},
        &http, err);
    for (int i = 0; r >= 0 && i < ATTEMPTS; i++) {
        r = attempt(cdh, http, (const char *)url.data, &token, ret, err);
        if (r != 1)
            break;
        r = token_get(cdh, &token, err); /* also after the last refusal, as upstream */
        r = r < 0 ? r : 1;
    }
    cmn_http_client_free(http);
    return r == 1 ? cmn_err_set(err, EACCES, "UnAuthorized") : r;
}

/* offline_fs_kbc: {"a/b/c": base64} in files of the guest image. */
static int offline_get(const char *path, struct cmn_buf *ret, struct cmn_err *err)
{
    static const char *const files[] = {OFFLINE_FILES};
    const char *key = strncmp(path, "resource/", 9) == 0 ? path + 9 : path;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(files); i++) {
        auto_buf_secret struct cmn_buf text = {0};
        auto_json json_t *json = NULL;
        if (cmn_file_read(files[i], OFFLINE_MAX, &text, NULL) < 0 ||
            cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, &json, NULL) < 0)
            continue;
        const char *value = cmn_json_str(json, key);
        if (value)
            return cmn_unb64(CMN_B64_STD, value, strlen(value), ret, err);
    }
    return cmn_err_reason(err, ENOENT, CMN_REASON_RESOURCE_NOT_FOUND,
                          "offline-fs-kbc: resource not found %.300s", key);
}

/* An event where the cause is on this side; what the KBS refused, the KBS tells. */
static void report(const char *uri, int r, const struct cmn_err *err)
{
    json_t *details = json_pack("{s:s}", "resource", uri);

    if (r == 0)
        guest_event("cdh.resource", "release-key", "ok", CMN_REASON_NONE, NULL, details);
    else if (err->reason != CMN_REASON_NONE)
        guest_event("cdh.resource", "release-key", "refused", err->reason, err->msg, details);
    else
        json_decref(details);
}

int cdh_resource_get(struct cdh *cdh, const char *uri, struct cmn_buf *ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf path = {0};
    struct cmn_err own = {0};

    err = err ? err : &own;
    int r = cdh_resource_path(uri, &path, err);
    if (r == 0 && strcmp(cdh->config.kbc_name, "cc_kbc") == 0)
        r = kbs_get(cdh, (const char *)path.data, ret, err);
    else if (r == 0)
        r = offline_get((const char *)path.data, ret, err);
    if (r < 0)
        r = cmn_err_wrap(err, r, "get resource failed");
    report(uri, r, err);
    return r;
}
