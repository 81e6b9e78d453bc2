/* protocol.c - what client and KBS say to each other (RCAR), and its errors. */
#include "sim/diagnose/inspect/inspect-internal.h"
#include "sim/diagnose/reference-values.h"

#include <string.h>

static void view_text(json_t *doc, const json_t *json, const char *key)
{
    const char *s = cmn_json_str(json, key);

    if (s)
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, key, "%s", s);
}

/* Evidence comes as JSON or as a text that holds JSON. */
static void part_json(struct insp *in, json_t *doc, const json_t *value)
{
    const char *s = json_string_value(value);

    if (s)
        sim_view_part(doc, insp_bytes(in, cmn_bytes(s, strlen(s))));
    else if (value)
        sim_view_part(doc, insp_json(in, value));
}

static json_t *view_attestation(struct insp *in, const json_t *json)
{
    json_t *doc = sim_view_new("attestation", "an attest request (POST /kbs/v0/attest)");
    const json_t *runtime = json_object_get(json, "runtime-data");
    const json_t *evidence = json_object_get(json, "tee-evidence");
    const json_t *old = json_object_get(json, "tee-pubkey");

    view_text(doc, runtime, "nonce");
    part_json(in, doc, json_object_get(old ? json : runtime, "tee-pubkey"));
    if (old)
        sim_view_doubt(doc, CMN_REASON_RCAR_ATTESTATION_MALFORMED,
                       "the layout of protocol 0.1 (tee-pubkey at the top): newer KBSs refuse it");
    const json_t *primary = json_object_get(evidence, "primary_evidence");
    part_json(in, doc, primary ? primary : evidence);
    if (evidence && !primary)
        sim_view_doubt(doc, CMN_REASON_RCAR_ATTESTATION_MALFORMED,
                       "no primary_evidence: the layout of protocol 0.2 and before");
    const json_t *init = json_object_get(json, "init-data");
    view_text(doc, init, "format");
    part_json(in, doc, json_object_get(init, "body"));
    return doc;
}

/* What kbs-lite --capture writes. */
static json_t *view_exchange(struct insp *in, const json_t *json)
{
    json_t *doc = sim_view_new("exchange", "a request to the KBS and its answer");

    view_text(doc, json, "path");
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "status", "%lld",
                         (long long)cmn_json_int(json, "status", 0));
    view_text(doc, json, "tee");
    view_text(doc, json, "session-nonce");
    part_json(in, doc, json_object_get(json, "request"));
    part_json(in, doc, json_object_get(json, "answer"));
    return doc;
}

/* A record of the RVPS: name, expiration, value. */
static bool is_record(const json_t *json)
{
    return cmn_json_str(json, "name") && cmn_json_str(json, "expiration") &&
           json_object_get(json, "value");
}

/* Ours, the old list, or the new map of names to base64 records. */
static bool is_reference_values(const json_t *json)
{
    const char *key;
    json_t *value;
    size_t n = 0;

    if (json_is_object(json_object_get(json, "reference-values")))
        return true;
    if (json_is_array(json))
        return json_array_size(json) && is_record(json_array_get(json, 0));
    json_object_foreach((json_t *)json, key, value) {
        auto_json json_t *record = NULL;
        if (!sim_reference_record(value, &record) || n++ > 3)
            break;
    }
    return n > 0 && n >= (json_object_size(json) < 3 ? json_object_size(json) : 3);
}

static json_t *view_reference_values(const json_t *json)
{
    json_t *doc = sim_view_new("reference-values", "reference values"), *value;
    auto_json json_t *plain = sim_reference_values_plain(json);
    const char *name;

    json_object_foreach(plain, name, value) {
        auto_free char *dump = cmn_json_dump(value);
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, name, "%.300s", dump ? dump : "?");
    }
    return doc;
}

static json_t *view_error(const json_t *json)
{
    json_t *doc = sim_view_new("kbs-error", "an error answer of the KBS");

    view_text(doc, json, "type");
    view_text(doc, json, "detail");
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "next",
                         "cocobox why on this text and on the KBS log of that time");
    return doc;
}

json_t *insp_json_protocol(struct insp *in, const json_t *json)
{
    const char *type = cmn_json_str(json, "type");
    json_t *doc;

    if (json_object_get(json, "cocobox-exchange"))
        return view_exchange(in, json);
    if (json_object_get(json, "cocobox-bundle")) {
        doc = sim_view_new("bundle-info", "what a cocobox bundle tells of itself");
        view_text(doc, json, "verifier");
        view_text(doc, json, "root");
        return doc;
    }
    if (is_reference_values(json))
        return view_reference_values(json);
    if (json_object_get(json, "tee-evidence"))
        return view_attestation(in, json);
    if (json_object_get(json, "nonce") && json_object_get(json, "extra-params")) {
        doc = sim_view_new("challenge", "a challenge of the KBS");
        view_text(doc, json, "nonce");
        return doc;
    }
    if (json_object_get(json, "tee") && json_object_get(json, "version") &&
        json_object_get(json, "extra-params")) {
        doc = sim_view_new("auth-request", "an auth request (POST /kbs/v0/auth)");
        view_text(doc, json, "version");
        view_text(doc, json, "tee");
        return doc;
    }
    if (type && json_object_get(json, "detail") && strstr(type, "/errors/"))
        return view_error(json);
    if (json_object_get(json, "primary_evidence")) {
        doc = sim_view_new("composite-evidence", "evidence of all devices");
        part_json(in, doc, json_object_get(json, "primary_evidence"));
        part_json(in, doc, json_object_get(json, "additional_evidence"));
        return doc;
    }
    if (json_object_get(json, "vcekCert")) {
        doc = sim_view_new("thim", "an answer of Azure's metadata service (THIM)");
        view_text(doc, json, "tcbm");
        part_json(in, doc, json_object_get(json, "vcekCert"));
        part_json(in, doc, json_object_get(json, "certificateChain"));
        return doc;
    }
    return NULL;
}
