/* hcl.c - the HCL report of Azure's vTPM, NV index 0x01400001. */
#include "sim/diagnose/inspect/inspect-internal.h"

#include <openssl/evp.h>
#include <string.h>

enum {
    HEADER = 32,
    REPORT_FIELD = 1184,
    DATA_AT = HEADER + REPORT_FIELD,
    VARIABLE_AT = DATA_AT + 20
};

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void view_runtime(struct insp *in, json_t *doc, const uint8_t *data, uint32_t len)
{
    auto_json json_t *runtime = NULL;
    uint8_t digest[32];
    struct cmn_err err = {0};
    bool ak = false;
    size_t i;
    json_t *key;

    if (cmn_hash(in->env, "SHA256", data + VARIABLE_AT, len, digest, NULL) == 0 &&
        memcmp(digest, data + HEADER + 0x50, 32) != 0)
        sim_view_doubt(doc, CMN_REASON_AZ_HCL_DIGEST,
                       "SHA-256 of the runtime data is not the report's REPORT_DATA");
    if (cmn_json_load(cmn_bytes(data + VARIABLE_AT, len), CMN_JSON_MAX_DEPTH, &runtime, &err) < 0) {
        sim_view_doubt(doc, CMN_REASON_AZ_HCL_MALFORMED, "runtime data: %s", err.msg);
        return;
    }
    json_array_foreach(json_object_get(runtime, "keys"), i, key) {
        const char *kid = cmn_json_str(key, "kid"), *kty = cmn_json_str(key, "kty");
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "runtime key", "%s (%s)", kid ? kid : "?",
                             kty ? kty : "?");
        ak = ak || (kid && strcmp(kid, "HCLAkPub") == 0);
    }
    if (!ak)
        sim_view_doubt(doc, CMN_REASON_AZ_AK_MISSING, "no key HCLAkPub");
    const char *user = cmn_json_str(runtime, "user-data");
    if (user)
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "user-data", "%s", user);
    auto_free char *vm = cmn_json_dump(json_object_get(runtime, "vm-configuration"));
    if (vm)
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "vm-configuration", "%s", vm);
}

json_t *insp_hcl(struct insp *in, struct cmn_bytes data)
{
    const uint8_t *p = data.data;
    json_t *doc, *f;

    if (data.len < 8 || memcmp(p, "HCLA", 4) != 0)
        return NULL;
    doc = sim_view_new("hcl-report", "HCL report of Azure's vTPM (NV 0x01400001)");
    if (data.len < VARIABLE_AT) {
        sim_view_doubt(doc, CMN_REASON_AZ_HCL_MALFORMED, "cut: %zu bytes, want at least %d",
                       data.len, VARIABLE_AT);
        return doc;
    }
    (void)sim_view_field(doc, 4, 4, "version", "%u", le32(p + 4));
    (void)sim_view_field(doc, 8, 4, "report size", "%u", le32(p + 8));
    (void)sim_view_field(doc, 12, 4, "request type", "%u", le32(p + 12));
    f = sim_view_field(doc, 16, 4, "status", "%u", le32(p + 16));
    if (le32(p + 16))
        sim_view_doubt(f, CMN_REASON_AZ_HCL_MALFORMED, "not 0");
    f = sim_view_field(doc, DATA_AT + 8, 4, "report type", "%u", le32(p + DATA_AT + 8));
    sim_view_meaning(f, le32(p + DATA_AT + 8) == 2   ? "SNP"
                        : le32(p + DATA_AT + 8) == 4 ? "TDX"
                                                     : "?");
    if (le32(p + DATA_AT + 8) != 2)
        sim_view_doubt(f, CMN_REASON_AZ_HCL_MALFORMED, "the SNP verifier wants 2");
    f = sim_view_field(doc, DATA_AT + 12, 4, "hash type", "%u", le32(p + DATA_AT + 12));
    if (le32(p + DATA_AT + 12) != 1)
        sim_view_doubt(f, CMN_REASON_AZ_HCL_MALFORMED, "only 1 (SHA-256) is understood");
    uint32_t len = le32(p + DATA_AT + 16);
    f = sim_view_field(doc, DATA_AT + 16, 4, "runtime data", "%u bytes", len);
    if (len > data.len - VARIABLE_AT)
        sim_view_doubt(f, CMN_REASON_AZ_HCL_MALFORMED, "more than the %zu that follow",
                       data.len - VARIABLE_AT);
    else
        view_runtime(in, doc, p, len);
    sim_view_part(doc, insp_report(in, cmn_bytes(p + HEADER, REPORT_FIELD)));
    return doc;
}
