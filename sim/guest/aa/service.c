/* service.c - attestation_agent.AttestationAgentService over ttrpc; see aa.h. */
#include "common/ttrpc/proto/attestation_agent.pb-c.h"
#include "sim/guest/aa/aa.h"
#include "sim/guest/common/guest.h"

#include <openssl/crypto.h>
#include <string.h>

#define SERVICE    "attestation_agent.AttestationAgentService"
#define LOG_TARGET "ttrpc_aa::server"

/* Details go to the log only; the caller gets the one fixed text. */
static int failed(struct cmn_ttrpc_status *status, const char *log, const char *text,
                  const struct cmn_err *err)
{
    cmn_log(CMN_LOG_ERROR, LOG_TARGET, "AA (ttrpc): %s failed %s", log, err->msg);
    return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL, "[ERROR:attestation-agent] %s failed", text);
}

static int token_of_type(const struct aa *aa, const char *type, struct cmn_buf *ret,
                         struct cmn_err *err)
{
    if (strcmp(type, "coco_as") == 0)
        return aa_coco_as_token(aa, ret, err);
    if (strcmp(type, "kbs") != 0)
        return cmn_err_set(err, EINVAL, "Unsupported token type");
    guest_event("aa.attest", "attest", "begin", CMN_REASON_NONE, NULL,
                json_pack("{s:s}", "tee", aa->attester.tee));
    int r = aa_rcar_token(aa, ret, err);
    guest_event("aa.attest", "attest", r < 0 ? "refused" : "ok",
                r < 0 ? err->reason : CMN_REASON_NONE, r < 0 ? err->msg : NULL,
                json_pack("{s:s}", "tee", aa->attester.tee));
    return r;
}

static int get_token(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                     struct cmn_ttrpc_status *status)
{
    AttestationAgent__GetTokenResponse resp = ATTESTATION_AGENT__GET_TOKEN_RESPONSE__INIT;
    auto_buf_secret struct cmn_buf token = {0};
    struct cmn_err err = {0};
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&attestation_agent__get_token_request__descriptor, request, status);

    if (!msg)
        return -EBADMSG;
    int r = token_of_type(ctx, ((AttestationAgent__GetTokenRequest *)msg)->tokentype, &token, &err);
    if (r < 0)
        return failed(status, "get token", "AA-KBC get token", &err);
    resp.token = (ProtobufCBinaryData){token.len, token.data};
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int pack_evidence(struct cmn_bytes evidence, struct cmn_buf *reply)
{
    AttestationAgent__GetEvidenceResponse resp = ATTESTATION_AGENT__GET_EVIDENCE_RESPONSE__INIT;

    resp.evidence = (ProtobufCBinaryData){evidence.len, (uint8_t *)(uintptr_t)evidence.data};
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int get_evidence(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                        struct cmn_ttrpc_status *status)
{
    const struct aa *aa = ctx;
    struct cmn_err err = {0};
    auto_json json_t *evidence = NULL;
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&attestation_agent__get_evidence_request__descriptor, request, status);

    if (!msg)
        return -EBADMSG;
    const ProtobufCBinaryData *data = &((AttestationAgent__GetEvidenceRequest *)msg)->runtimedata;
    int r = aa_attester_evidence(&aa->attester, cmn_bytes(data->data, data->len), &evidence, &err);
    if (r < 0)
        return failed(status, "get evidence", "AA-KBC get evidence", &err);
    auto_free char *text = cmn_json_dump(evidence);
    return text ? pack_evidence(cmn_bytes(text, strlen(text)), reply) : -ENOMEM;
}

static int get_additional_evidence(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                                   struct cmn_ttrpc_status *status)
{
    const struct aa *aa = ctx;
    struct cmn_err err = {0};
    auto_buf struct cmn_buf text = {0};
    auto_msg ProtobufCMessage *msg = cmn_ttrpc_unpack(
        &attestation_agent__get_additional_evidence_request__descriptor, request, status);

    if (!msg)
        return -EBADMSG;
    const ProtobufCBinaryData *data =
        &((AttestationAgent__GetAdditionalEvidenceRequest *)msg)->runtimedata;
    int r = aa_attester_additional(&aa->attester, cmn_bytes(data->data, data->len), &text, &err);
    if (r < 0)
        return failed(status, "get additional evidence", "AA-KBC get evidence", &err);
    return pack_evidence(cmn_buf_bytes(&text), reply);
}

/* The event log cannot be on here: neither snp nor sample has a register for it (see main.c). */
static int extend_runtime_measurement(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                                      struct cmn_ttrpc_status *status)
{
    AttestationAgent__ExtendRuntimeMeasurementResponse resp =
        ATTESTATION_AGENT__EXTEND_RUNTIME_MEASUREMENT_RESPONSE__INIT;
    auto_msg ProtobufCMessage *msg = cmn_ttrpc_unpack(
        &attestation_agent__extend_runtime_measurement_request__descriptor, request, status);

    (void)ctx;
    if (!msg)
        return -EBADMSG;
    resp.result = ATTESTATION_AGENT__RUNTIME_MEASUREMENT_RESULT__NOT_ENABLED;
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int get_tee_type(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                        struct cmn_ttrpc_status *status)
{
    const struct aa *aa = ctx;
    AttestationAgent__GetTeeTypeResponse resp = ATTESTATION_AGENT__GET_TEE_TYPE_RESPONSE__INIT;

    (void)request;
    (void)status;
    resp.tee = (char *)(uintptr_t)aa->attester.tee;
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int get_additional_tees(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                               struct cmn_ttrpc_status *status)
{
    const struct aa *aa = ctx;
    AttestationAgent__GetAdditionalTeesResponse resp =
        ATTESTATION_AGENT__GET_ADDITIONAL_TEES_RESPONSE__INIT;
    char name[] = "sampledevice", *names[] = {name};

    (void)request;
    (void)status;
    resp.additional_tees = names;
    resp.n_additional_tees = aa->attester.sample_device ? 1 : 0;
    return cmn_ttrpc_pack(&resp.base, reply);
}

/* BindInitData is not here: only upstream's gRPC agent has it, the ttrpc one answers NOT_FOUND. */
const struct cmn_ttrpc_method aa_methods[] = {
    {SERVICE, "GetToken", get_token},
    {SERVICE, "GetEvidence", get_evidence},
    {SERVICE, "GetAdditionalEvidence", get_additional_evidence},
    {SERVICE, "ExtendRuntimeMeasurement", extend_runtime_measurement},
    {SERVICE, "GetTeeType", get_tee_type},
    {SERVICE, "GetAdditionalTees", get_additional_tees},
};
const size_t aa_n_methods = CMN_ARRAY_SIZE(aa_methods);
