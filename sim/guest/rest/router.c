/* router.c - paths, methods and answers of api-server-rest; see rest.h. */
#include "common/enc/enc.h"
#include "common/json/json.h"
#include "common/ttrpc/proto/api.pb-c.h"
#include "common/ttrpc/proto/attestation_agent.pb-c.h"
#include "sim/guest/common/guest.h"
#include "sim/guest/rest/rest.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define AA_SERVICE "attestation_agent.AttestationAgentService"
#define LOG_TARGET "api_server_rest::router"
#define VERSION    "0.1.0"

void rest_init(struct rest *rest, const char *feature, const char *cdh_address,
               const char *aa_address)
{
    *rest = (struct rest){.feature = feature,
                          .cdh = {.address = cdh_address, .name = "CDH"},
                          .aa = {.address = aa_address, .name = "Attestation Agent"}};
    (void)pthread_mutex_init(&rest->cdh.lock, NULL);
    (void)pthread_mutex_init(&rest->aa.lock, NULL);
}

void rest_done(struct rest *rest)
{
    rest_peer_done(&rest->cdh);
    rest_peer_done(&rest->aa);
}

bool rest_feature_known(const char *feature)
{
    return strcmp(feature, "resource") == 0 || strcmp(feature, "attestation") == 0 ||
           strcmp(feature, "all") == 0;
}

static bool has(const struct rest *rest, const char *feature)
{
    return strcmp(rest->feature, "all") == 0 || strcmp(rest->feature, feature) == 0;
}

static void text_answer(struct cmn_http_response *resp, int status, const char *text)
{
    resp->status = status;
    resp->body.len = 0;
    CMN_IGNORE(cmn_buf_puts(&resp->body, text)); /* an empty body says the same with its status */
}

static void bytes_answer(struct cmn_http_response *resp, const ProtobufCBinaryData *data)
{
    resp->status = 200;
    if (cmn_buf_put(&resp->body, data->data, data->len) < 0 ||
        cmn_http_response_header(resp, "Content-Type", "application/octet-stream") < 0)
        text_answer(resp, 500, "no memory");
}

static void json_answer(struct cmn_http_response *resp, const char *text)
{
    text_answer(resp, 200, text);
    CMN_IGNORE(cmn_http_response_header(resp, "Content-Type", "application/json"));
}

static void failed(struct cmn_http_response *resp, const char *what, const struct cmn_err *err)
{
    cmn_log(CMN_LOG_ERROR, LOG_TARGET, "Failed to get %s: %s", what, err->msg);
    text_answer(resp, 500, err->msg);
}

/* "kbs://" + "/<path>"; the query is dropped. */
static void resource(struct rest *rest, const char *path, struct cmn_http_response *resp)
{
    Api__GetResourceRequest req = API__GET_RESOURCE_REQUEST__INIT;
    auto_msg ProtobufCMessage *msg = NULL;
    auto_free char *uri = NULL;
    struct cmn_err err = {0};

    if (asprintf(&uri, "kbs://%s", path) < 0) {
        text_answer(resp, 500, "no memory");
        return;
    }
    req.resourcepath = uri;
    int r = rest_call(&rest->cdh, "api.GetResourceService", "GetResource", &req.base,
                      &api__get_resource_response__descriptor, &msg, &err);
    if (r < 0)
        failed(resp, "resource", &err);
    else
        bytes_answer(resp, &((Api__GetResourceResponse *)msg)->resource);
}

static void token(struct rest *rest, const struct cmn_http_request *req,
                  struct cmn_http_response *resp)
{
    AttestationAgent__GetTokenRequest call = ATTESTATION_AGENT__GET_TOKEN_REQUEST__INIT;
    auto_buf struct cmn_buf type = {0};
    auto_msg ProtobufCMessage *msg = NULL;
    struct cmn_err err = {0};

    if (!rest_query(req->query, "token_type", &type)) {
        text_answer(resp, 400, "BAD REQUEST");
        return;
    }
    call.tokentype = (char *)type.data;
    int r = rest_call(&rest->aa, AA_SERVICE, "GetToken", &call.base,
                      &attestation_agent__get_token_response__descriptor, &msg, &err);
    if (r < 0)
        failed(resp, "token", &err);
    else
        bytes_answer(resp, &((AttestationAgent__GetTokenResponse *)msg)->token);
}

/* runtime_data as it is, or as unpadded base64url with encoding=base64. */
static bool runtime_data(const char *query, struct cmn_buf *ret)
{
    auto_buf struct cmn_buf text = {0}, encoding = {0};

    if (!rest_query(query, "runtime_data", &text))
        return false;
    if (!rest_query(query, "encoding", &encoding))
        return cmn_buf_put(ret, text.data, text.len) == 0;
    if (strcmp((const char *)encoding.data, "base64") != 0)
        return false;
    return cmn_unb64(CMN_B64_URL, (const char *)text.data, text.len, ret, NULL) == 0;
}

static void evidence(struct rest *rest, const char *method, const struct cmn_http_request *req,
                     struct cmn_http_response *resp)
{
    AttestationAgent__GetEvidenceRequest call = ATTESTATION_AGENT__GET_EVIDENCE_REQUEST__INIT;
    auto_buf struct cmn_buf data = {0};
    auto_msg ProtobufCMessage *msg = NULL;
    struct cmn_err err = {0};

    if (!runtime_data(req->query, &data)) {
        text_answer(resp, 400, "BAD REQUEST");
        return;
    }
    call.runtimedata = (ProtobufCBinaryData){data.len, data.data};
    int r = rest_call(&rest->aa, AA_SERVICE, method, &call.base,
                      &attestation_agent__get_evidence_response__descriptor, &msg, &err);
    if (r < 0)
        failed(resp, "evidence", &err);
    else
        bytes_answer(resp, &((AttestationAgent__GetEvidenceResponse *)msg)->evidence);
}

static void extend(struct rest *rest, const struct cmn_http_request *req,
                   struct cmn_http_response *resp)
{
    AttestationAgent__ExtendRuntimeMeasurementRequest call =
        ATTESTATION_AGENT__EXTEND_RUNTIME_MEASUREMENT_REQUEST__INIT;
    auto_json json_t *entry = NULL;
    auto_msg ProtobufCMessage *msg = NULL;
    struct cmn_err err = {0};

    int r = cmn_json_load(req->body, CMN_JSON_MAX_DEPTH, &entry, &err);
    call.domain = (char *)(uintptr_t)cmn_json_str(entry, "domain");
    call.operation = (char *)(uintptr_t)cmn_json_str(entry, "operation");
    call.content = (char *)(uintptr_t)cmn_json_str(entry, "content");
    if (r < 0 || !call.domain || !call.operation || !call.content) {
        text_answer(resp, 500, "Illegal AAEL eventry format: ");
        CMN_IGNORE(cmn_buf_puts(&resp->body, r < 0 ? err.msg : "want domain, operation, content"));
        return;
    }
    r = rest_call(&rest->aa, AA_SERVICE, "ExtendRuntimeMeasurement", &call.base,
                  &attestation_agent__extend_runtime_measurement_response__descriptor, &msg, &err);
    if (r < 0) {
        failed(resp, "extend", &err);
        return;
    }
    switch (((AttestationAgent__ExtendRuntimeMeasurementResponse *)msg)->result) {
    case ATTESTATION_AGENT__RUNTIME_MEASUREMENT_RESULT__OK:
        json_answer(resp, "{\"success\":\"true\"}");
        return;
    case ATTESTATION_AGENT__RUNTIME_MEASUREMENT_RESULT__NOT_SUPPORTED:
        json_answer(resp, "{\"success\":\"false\",\"message\": \"The platform does not support "
                          "runtime measurement\"}");
        return;
    default:
        json_answer(resp, "{\"success\":\"false\",\"message\": \"Attestation Agent does not enable "
                          "eventlog recording\"}");
        return;
    }
}

/* tee and additional_tees, only with the attestation feature. */
static int add_tees(struct rest *rest, json_t *info, struct cmn_err *err)
{
    AttestationAgent__GetTeeTypeRequest tee_req = ATTESTATION_AGENT__GET_TEE_TYPE_REQUEST__INIT;
    AttestationAgent__GetAdditionalTeesRequest more_req =
        ATTESTATION_AGENT__GET_ADDITIONAL_TEES_REQUEST__INIT;
    auto_msg ProtobufCMessage *tee = NULL, *more = NULL;

    int r = rest_call(&rest->aa, AA_SERVICE, "GetTeeType", &tee_req.base,
                      &attestation_agent__get_tee_type_response__descriptor, &tee, err);
    if (r == 0)
        r = rest_call(&rest->aa, AA_SERVICE, "GetAdditionalTees", &more_req.base,
                      &attestation_agent__get_additional_tees_response__descriptor, &more, err);
    if (r < 0)
        return r;
    const AttestationAgent__GetAdditionalTeesResponse *list =
        (AttestationAgent__GetAdditionalTeesResponse *)more;
    assert(tee && list);
    r = json_object_set_new(info, "tee",
                            json_string(((AttestationAgent__GetTeeTypeResponse *)tee)->tee));
    if (list->n_additional_tees == 0)
        return r;
    json_t *names = json_array();
    for (size_t i = 0; i < list->n_additional_tees; i++)
        r |= json_array_append_new(names, json_string(list->additional_tees[i]));
    r |= json_object_set_new(info, "additional_tees", names);
    return r ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}

static void info(struct rest *rest, const struct cmn_http_request *req,
                 struct cmn_http_response *resp)
{
    auto_json json_t *body = json_pack("{s:s}", "version", VERSION);
    struct cmn_err err = {0};

    if (strcmp(req->method, "GET") != 0) {
        text_answer(resp, 405, "Method Not Allowed");
        return;
    }
    if (has(rest, "attestation") && add_tees(rest, body, &err) < 0) {
        cmn_log(CMN_LOG_ERROR, LOG_TARGET, "%s", err.msg);
        resp->drop = true; /* as upstream: no answer at all */
        return;
    }
    CMN_IGNORE(json_object_set_new(body, "feature", json_string(rest->feature)));
    auto_free char *text = cmn_json_dump(body);
    json_answer(resp, text ? text : "{}");
}

static void attestation(struct rest *rest, const char *path, const struct cmn_http_request *req,
                        struct cmn_http_response *resp)
{
    bool get = strcmp(req->method, "GET") == 0;

    if (!has(rest, "attestation"))
        text_answer(resp, 404, "Attestation Feature Not Enabled");
    else if (get && strcmp(path, "/token") == 0)
        token(rest, req, resp);
    else if (get && strcmp(path, "/evidence") == 0)
        evidence(rest, "GetEvidence", req, resp);
    else if (get && strcmp(path, "/additional-evidence") == 0)
        evidence(rest, "GetAdditionalEvidence", req, resp);
    else if (strcmp(req->method, "POST") == 0 && strcmp(path, "/aael") == 0)
        extend(rest, req, resp);
    else
        text_answer(resp, 404, "URL NOT FOUND");
}

void rest_handle(void *ctx, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    static const char resources[] = "/cdh/resource";
    size_t n = sizeof(resources) - 1;
    struct rest *rest = ctx;

    if (!req->peer_is_loopback)
        text_answer(resp, 403, "Forbidden");
    else if (strcmp(req->path, "/info") == 0)
        info(rest, req, resp);
    else if (strncmp(req->path, "/aa/", 4) == 0)
        attestation(rest, req->path + 3, req, resp);
    else if (strncmp(req->path, resources, n) == 0 && req->path[n] == '/') {
        if (has(rest, "resource"))
            resource(rest, req->path + n, resp);
        else
            text_answer(resp, 404, "Resource Feature Not Enabled");
    } else {
        text_answer(resp, 404, "URL NOT FOUND");
    }
}
