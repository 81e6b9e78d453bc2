/* admin.c - policies and reference values over the wire (trustee kbs/src/api_server.rs, rvps). */
#include "internal.h"

#include "policy.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int kbs_admin_check(struct kbs *kbs, const struct cmn_http_request *req, struct cmn_err *err)
{
    if (kbs->config.admin == KBS_ADMIN_ALLOW_ALL)
        return 0;
    if (kbs->config.admin == KBS_ADMIN_AUTHENTICATED)
        return kbs_admin_auth_check(kbs, req, err);
    return cmn_err_reason(
        err, EACCES, CMN_REASON_ADMIN_DENIED,
        "Admin access denied: Admin access denied as DenyAll authorization_mode is "
        "enabled");
}

/* A refusal of an admin request, told as the wire tells it. */
static void refused(struct kbs *kbs, const struct cmn_http_response *resp, enum cmn_reason reason,
                    const char *message)
{
    kbs_notify(kbs, "release-key", "kbs.admin", "refused", reason, resp->status, message, NULL);
}

int kbs_reference_value(struct kbs *kbs, const char *name, json_t **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *record = NULL;
    int r = kbs_store_get(kbs, KBS_NS_REFERENCE, name, &text, err);

    *ret = NULL;
    if (r == -ENOENT || r == -EINVAL)
        return 0;
    if (r == 0)
        r = cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, &record, err);
    if (r == 0)
        *ret = json_incref(json_object_get(record, "value"));
    return r;
}

int kbs_reference_values_put(struct kbs *kbs, const json_t *values, struct cmn_err *err)
{
    const char *name;
    json_t *value;
    time_t expires = (time_t)cmn_env_now(kbs->env);
    struct tm tm;
    char when[32];

    (void)gmtime_r(&expires, &tm);
    tm.tm_year++; /* twelve months, as upstream; expiry is stored and never enforced */
    if (tm.tm_mon == 1 && tm.tm_mday == 29)
        tm.tm_mday = 28;
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (!json_is_object(values))
        return cmn_err_set(err, EINVAL, "reference values are not a JSON object");
    json_object_foreach((json_t *)values, name, value) {
        auto_json json_t *record = json_pack("{s:s, s:s, s:s, s:O}", "version", "0.1.0", "name",
                                             name, "expiration", when, "value", value);
        auto_free char *text = record ? cmn_json_dump(record) : NULL;
        if (!text)
            return cmn_err_set(err, ENOMEM, "no memory");
        int r = kbs_store_put(kbs, KBS_NS_REFERENCE, name, cmn_bytes(text, strlen(text)), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_utf8(struct cmn_bytes text)
{
    auto_json json_t *string = json_stringn((const char *)text.data, text.len);

    return string != NULL || !text.len; /* jansson takes nothing else */
}

/* The base64url text of a "policy" member; upstream's error texts. */
static int policy_text(const json_t *body, struct cmn_buf *ret, struct cmn_err *err)
{
    const json_t *policy = json_object_get(body, "policy");
    struct cmn_err inner = {0};

    if (!policy)
        return cmn_err_set(err, EINVAL, "No `policy` field inside SetPolicy Request Json");
    if (!json_is_string(policy))
        return cmn_err_set(err, EINVAL, "`policy` field is not a string in SetPolicy Request Json");
    if (cmn_unb64(CMN_B64_URL, json_string_value(policy), json_string_length(policy), ret, &inner) <
        0)
        return cmn_err_set(err, EINVAL, "Failed to decode policy: %.200s", inner.msg);
    if (!is_utf8(cmn_buf_bytes(ret)))
        return cmn_err_set(err, EINVAL, "Failed to decode policy: invalid utf-8 sequence");
    return 0;
}

static void set_resource_policy(struct kbs *kbs, const struct cmn_http_request *req,
                                struct cmn_http_response *resp)
{
    auto_json json_t *body = NULL;
    auto_buf struct cmn_buf text = {0};
    struct cmn_err err = {0};

    if (cmn_json_load(req->body, CMN_JSON_MAX_DEPTH, &body, NULL) < 0) {
        kbs_answer_error(resp, "ParsePolicyError",
                         "Failed to parse policy: Illegal SetPolicy Request Json");
        refused(kbs, resp, CMN_REASON_POLICY_ERROR, "Illegal SetPolicy Request Json");
        return;
    }
    if (policy_text(body, &text, &err) < 0) {
        kbs_answer_error(resp, "ParsePolicyError", "Failed to parse policy: %s", err.msg);
        refused(kbs, resp, CMN_REASON_POLICY_ERROR, err.msg);
        return;
    }
    if (kbs_policy_check((const char *)text.data, text.len, &err) < 0 ||
        kbs_store_put(kbs, KBS_NS_KBS, "resource-policy.rego", cmn_buf_bytes(&text), &err) < 0) {
        kbs_answer_error(resp, "PolicyEngineError", "Policy engine error: %.900s", err.msg);
        refused(kbs, resp, CMN_REASON_POLICY_ERROR, err.msg);
        return;
    }
    resp->status = 200;
}

/* Since 0.19 the ids; before that the text of the one policy. */
static void list_resource_policies(struct kbs *kbs, struct cmn_http_response *resp)
{
    auto_json json_t *ids = json_pack("[s]", "resource-policy");
    struct cmn_err err = {0};

    if (kbs->era->id >= KBS_ERA_0_19) {
        kbs_answer_json(resp, ids);
        return;
    }
    if (kbs_store_get(kbs, KBS_NS_KBS, "resource-policy.rego", &resp->body, &err) < 0) {
        kbs_answer_error(resp, "PolicyEngineError", "Policy engine error: %.900s", err.msg);
        return;
    }
    resp->status = 200;
    CMN_IGNORE(cmn_http_response_header(resp, "Content-Type", "text/xml")); /* there is room */
}

static void set_attestation_policy(struct kbs *kbs, const struct cmn_http_request *req,
                                   struct cmn_http_response *resp)
{
    auto_json json_t *body = NULL;
    auto_buf struct cmn_buf text = {0};
    struct cmn_err err = {0};
    char key[160];
    int r = cmn_json_load(req->body, CMN_JSON_MAX_DEPTH, &body, &err);
    const char *id = cmn_json_str(body, "policy_id");

    if (r == 0 && (!id || strlen(id) > 128))
        r = -EINVAL;
    if (r == 0)
        r = policy_text(body, &text, &err);
    if (r == 0)
        r = kbs_policy_check((const char *)text.data, text.len, &err);
    if (r == 0) {
        (void)snprintf(key, sizeof(key), "%s.rego", id);
        r = kbs_store_put(kbs, KBS_NS_POLICY, key, cmn_buf_bytes(&text), &err);
    }
    if (r < 0) {
        kbs_answer_error(resp, "AttestationError",
                         "Attestation error: Set Attestation Policy failed");
        kbs_notify(kbs, "attest", "kbs.admin", "refused", CMN_REASON_POLICY_ERROR, resp->status,
                   err.msg, NULL);
        return;
    }
    resp->status = 200;
}

/* {"version"?,"type":"sample","payload":base64 of an object name -> value} */
static int register_values(struct kbs *kbs, struct cmn_bytes text, struct cmn_err *err)
{
    auto_json json_t *message = NULL, *values = NULL;
    auto_buf struct cmn_buf payload = {0};
    int r = cmn_json_load(text, CMN_JSON_MAX_DEPTH, &message, err);
    const char *version = cmn_json_str(message, "version"), *type = cmn_json_str(message, "type");
    const char *b64 = cmn_json_str(message, "payload");

    if (r == 0 && version && strcmp(version, "0.1.0") != 0)
        r = cmn_err_set(err, EINVAL, "Version unmatched! Need 0.1.0, given %.32s.", version);
    if (r == 0 && (!type || strcmp(type, "sample") != 0))
        r = cmn_err_set(err, EINVAL, "Could not find extractor for %.32s", type ? type : "(none)");
    if (r == 0 && !b64)
        r = cmn_err_set(err, EINVAL, "missing field `payload`");
    if (r == 0)
        r = cmn_unb64(CMN_B64_STD, b64, strlen(b64), &payload, err);
    if (r == 0)
        r = cmn_json_load(cmn_buf_bytes(&payload), CMN_JSON_MAX_DEPTH, &values, err);
    return r < 0 ? r : kbs_reference_values_put(kbs, values, err);
}

static void reference_value(struct kbs *kbs, const char *rest, const struct cmn_http_request *req,
                            struct cmn_http_response *resp)
{
    auto_json json_t *value = NULL;
    struct cmn_err err = {0};

    if (strcmp(req->method, "POST") == 0) {
        if (!is_utf8(req->body)) {
            kbs_answer_error(resp, "RvpsError",
                             "RVPS configuration failed: Failed to parse reference value message");
            refused(kbs, resp, CMN_REASON_NONE, "the message is not UTF-8");
            return;
        }
        if (register_values(kbs, req->body, &err) < 0) {
            kbs_answer_error(
                resp, "RvpsError",
                "RVPS configuration failed: Failed to register reference value: register "
                "reference value");
            kbs_notify(kbs, "attest", "kbs.admin", "refused", CMN_REASON_NONE, resp->status,
                       err.msg, NULL);
            return;
        }
        resp->status = 200;
        CMN_IGNORE(
            cmn_http_response_header(resp, "Content-Type", "application/json")); /* there is room */
        return;
    }
    if (kbs->era->reference_data) { /* all of them, whatever the path says */
        if (kbs_reference_values(kbs, &value, &err) < 0)
            kbs_answer_error(resp, "RvpsError",
                             "RVPS configuration failed: Failed to get reference_values: %.512s",
                             err.msg);
        else
            kbs_answer_json(resp, value);
        return;
    }
    if (kbs_reference_value(kbs, rest, &value, NULL) < 0 || !value) {
        kbs_answer_error(
            resp, "RvpsError",
            "RVPS configuration failed: Failed to get reference_values: No reference value "
            "found for the given id: %.512s",
            rest);
        refused(kbs, resp, CMN_REASON_POLICY_REFERENCE_VALUE_MISSING, "no such reference value");
        return;
    }
    kbs_answer_json(resp, value);
}

void kbs_admin(struct kbs *kbs, const char *plugin, const char *rest,
               const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    struct cmn_err err = {0};

    /* before 0.15 nobody asked who sets an attestation policy */
    bool open = kbs->era->id < KBS_ERA_0_15 && strcmp(plugin, "attestation-policy") == 0;
    if (!open && kbs_admin_check(kbs, req, &err) < 0) {
        kbs_answer_error(resp, "AdminAuthAccess", "admin access denied for endpoint %s: %s", plugin,
                         err.msg);
        refused(kbs, resp, CMN_REASON_ADMIN_DENIED, err.msg);
        return;
    }
    if (strcmp(plugin, "reference-value") == 0) {
        reference_value(kbs, rest, req, resp);
    } else if (strcmp(plugin, "attestation-policy") == 0) {
        set_attestation_policy(kbs, req, resp);
    } else if (strcmp(req->method, "GET") == 0) {
        list_resource_policies(kbs, resp);
    } else {
        set_resource_policy(kbs, req, resp);
    }
}
