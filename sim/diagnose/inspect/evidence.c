/* evidence.c - evidence as JSON, of every TEE and every encoding the eras had. */
#include "common/enc/enc.h"
#include "common/snp/certs.h"
#include "common/snp/report.h"
#include "sim/diagnose/inspect/inspect-internal.h"

#include <stdlib.h>
#include <string.h>

/* A member that holds bytes: array of numbers, hex, base64, base64url or PEM. 0, or -errno. */
static int member_bytes(const json_t *json, struct cmn_buf *ret)
{
    static const enum cmn_b64_kind kinds[] = {CMN_B64_URL_PAD, CMN_B64_STD, CMN_B64_URL};
    const char *s = json_string_value(json);

    if (json_is_array(json))
        return snp_bytes_from_json(json, "bytes", 0, ret, NULL);
    if (!s)
        return -EBADMSG;
    if (strncmp(s, "-----BEGIN ", 11) == 0)
        return cmn_buf_puts(ret, s);
    if (cmn_unhex(s, strlen(s), ret, NULL) == 0)
        return 0;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++) {
        ret->len = 0;
        if (cmn_unb64(kinds[i], s, strlen(s), ret, NULL) == 0)
            return 0;
    }
    return -EBADMSG;
}

static void part_of_member(struct insp *in, json_t *doc, const json_t *json, const char *key)
{
    auto_buf struct cmn_buf raw = {0};
    const json_t *value = json_object_get(json, key);

    if (!value || json_is_null(value))
        return;
    if (member_bytes(value, &raw) < 0) {
        sim_view_doubt(doc, CMN_REASON_SNP_EVIDENCE_MALFORMED, "member '%s' holds no bytes", key);
        return;
    }
    json_t *part = insp_bytes(in, cmn_buf_bytes(&raw));
    if (!part)
        sim_view_doubt(doc, CMN_REASON_SNP_EVIDENCE_MALFORMED,
                       "member '%s': %zu bytes of a kind that is not known", key, raw.len);
    sim_view_part(doc, part);
}

static void view_chain(struct insp *in, json_t *doc, const json_t *chain)
{
    auto_certs struct snp_certs certs = {0};
    struct cmn_err err = {0};

    if (!chain || json_is_null(chain)) {
        sim_view_meaning(sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "cert_chain", "null"),
                         "the KBS must fetch the VCEK itself");
        return;
    }
    if (snp_certs_from_json(chain, &certs, &err) < 0) {
        sim_view_doubt(doc, CMN_REASON_SNP_EVIDENCE_MALFORMED, "cert_chain: %s", err.msg);
        return;
    }
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "cert_chain", "%zu certificates", certs.n);
    if (!snp_certs_find(&certs, SNP_CERT_VCEK) && !snp_certs_find(&certs, SNP_CERT_VLEK))
        sim_view_doubt(doc, CMN_REASON_SNP_CERT_CHAIN_MISSING_VEK, "neither VCEK nor VLEK");
    for (size_t i = 0; i < certs.n; i++)
        sim_view_part(doc, insp_bytes(in, cmn_buf_bytes(&certs.list[i].bytes)));
}

static json_t *view_snp(struct insp *in, const json_t *json)
{
    json_t *doc = sim_view_new("snp-evidence", "SNP evidence (JSON)"), *part = NULL;
    const json_t *report = json_object_get(json, "attestation_report");
    struct snp_report p;
    struct cmn_err err = {0};
    auto_buf struct cmn_buf raw = {0};

    if (json_is_object(report)) {
        uint8_t bytes[SNP_REPORT_BYTES];
        if (snp_report_from_json(report, &p, &err) < 0) {
            sim_view_doubt(doc, CMN_REASON_SNP_EVIDENCE_MALFORMED, "%s", err.msg);
        } else {
            snp_report_encode(&p, bytes);
            part = insp_report(in, cmn_bytes(bytes, sizeof(bytes)));
        }
    } else if (member_bytes(report, &raw) == 0) {
        part = insp_report(in, cmn_buf_bytes(&raw));
        sim_view_meaning(
            sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "attestation_report", "raw bytes"),
            "Trustee wants the report's members");
    }
    if (!part)
        sim_view_doubt(doc, CMN_REASON_SNP_EVIDENCE_MALFORMED, "no report can be read from it");
    sim_view_part(doc, part);
    view_chain(in, doc, json_object_get(json, "cert_chain"));
    return doc;
}

/* TPMS_ATTEST of a quote; big-endian. Source: TPM 2.0 Library part 2, 10.12. */
static void view_attest(json_t *doc, struct cmn_bytes message)
{
    const uint8_t *p = message.data;
    json_t *f = sim_view_hex(doc, 0, "quote magic, type", p, 6);

    if (memcmp(p, "\xff\x54\x43\x47\x80\x18", 6) != 0)
        sim_view_doubt(f, CMN_REASON_AZ_QUOTE_SIGNATURE, "not a TPM quote (ff544347, 8018)");
    size_t at = 8 + ((size_t)p[6] << 8 | p[7]);
    size_t n = at + 2 <= message.len ? (size_t)p[at] << 8 | p[at + 1] : message.len;
    if (at + 2 > message.len || n > message.len - at - 2) {
        sim_view_doubt(doc, CMN_REASON_AZ_QUOTE_SIGNATURE, "the quote is cut");
        return;
    }
    f = sim_view_hex(doc, (long)at + 2, "quote nonce", p + at + 2, n);
    sim_view_meaning(f, "must be the session's report data (48 bytes)");
    at += 2 + n + 17 + 8; /* clock info, firmware version */
    if (at + 12 <= message.len)
        (void)sim_view_hex(doc, (long)at + 7, "PCR selection", p + at + 7, 3);
    if (message.len >= 34)
        (void)sim_view_hex(doc, (long)message.len - 32, "PCR digest", p + message.len - 32, 32);
}

json_t *insp_quote(struct insp *in, struct cmn_bytes data)
{
    (void)in;
    if (data.len < 44 || data.len > 4096 || memcmp(data.data, "\xff\x54\x43\x47", 4) != 0)
        return NULL;
    json_t *doc = sim_view_new("tpm-quote", "what a TPM signed (TPMS_ATTEST)");
    view_attest(doc, data);
    return doc;
}

static void view_quote(json_t *doc, const json_t *quote)
{
    auto_buf struct cmn_buf message = {0};
    const json_t *pcrs = json_object_get(quote, "pcrs");
    json_t *pcr;
    size_t i;

    if (member_bytes(json_object_get(quote, "message"), &message) == 0 && message.len >= 44)
        view_attest(doc, cmn_buf_bytes(&message));
    else
        sim_view_doubt(doc, CMN_REASON_AZ_QUOTE_SIGNATURE, "the quote's message cannot be read");
    json_array_foreach(pcrs, i, pcr) {
        char name[32];
        auto_buf struct cmn_buf value = {0};
        (void)snprintf(name, sizeof(name), "PCR%zu", i);
        if (member_bytes(pcr, &value) < 0 || value.len != 32)
            sim_view_doubt(doc, CMN_REASON_AZ_PCR_DIGEST, "%s is not 32 bytes", name);
        else if (i < 24 && !cmn_all_zero(value.data, 32))
            (void)sim_view_hex(doc, SIM_VIEW_NO_OFFSET, name, value.data, 32);
    }
    if (json_array_size(pcrs) != 24)
        sim_view_doubt(doc, CMN_REASON_AZ_PCR_DIGEST, "%zu PCRs, want 24", json_array_size(pcrs));
}

static json_t *view_az(struct insp *in, const json_t *json)
{
    json_t *doc = sim_view_new("az-snp-vtpm-evidence", "evidence of Azure's vTPM (JSON)");
    json_int_t version = cmn_json_int(json, "version", 0);
    bool old = !json_object_get(json, "tpm_quote");
    json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "version", "%lld", (long long)version);

    if (version < 0 || version > 2)
        sim_view_doubt(f, CMN_REASON_SNP_EVIDENCE_MALFORMED, "Trustee knows 1 and 2");
    view_quote(doc, json_object_get(json, old ? "quote" : "tpm_quote"));
    part_of_member(in, doc, json, old ? "report" : "hcl_report");
    part_of_member(in, doc, json, "vcek");
    return doc;
}

static json_t *view_sample(const json_t *json)
{
    json_t *doc = sim_view_new("sample-evidence", "sample evidence: no TEE at all");
    const char *svn = cmn_json_str(json, "svn"), *data = cmn_json_str(json, "report_data");
    json_t *f;

    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "svn", "%s", svn ? svn : "(no text)");
    f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "report_data", "%s", data ? data : "");
    sim_view_meaning(f, "base64 of the SHA-384 of the runtime data");
    sim_view_doubt(doc, CMN_REASON_SAMPLE_NO_PROTECTION,
                   "it proves nothing; the default resource policy refuses it");
    return doc;
}

json_t *insp_json_evidence(struct insp *in, const json_t *json)
{
    if (json_object_get(json, "attestation_report"))
        return view_snp(in, json);
    if ((json_object_get(json, "tpm_quote") && json_object_get(json, "hcl_report")) ||
        (json_object_get(json, "quote") && json_object_get(json, "report") &&
         json_object_get(json, "vcek")))
        return view_az(in, json);
    if (json_object_get(json, "svn") && json_object_get(json, "report_data"))
        return view_sample(json);
    if (json_object_get(json, "keys") && json_object_get(json, "vm-configuration")) {
        json_t *doc = sim_view_new("hcl-runtime-data", "runtime data of an HCL report (JSON)");
        const char *user = cmn_json_str(json, "user-data");
        if (user)
            (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "user-data", "%s", user);
        return doc;
    }
    if (json_object_get(json, "reported_tcb") && json_object_get(json, "chip_id") &&
        json_object_get(json, "measurement")) {
        auto_json json_t *whole = json_pack("{s:O}", "attestation_report", (json_t *)json);
        return whole ? view_snp(in, whole) : NULL;
    }
    return NULL;
}
