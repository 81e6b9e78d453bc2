/* attester.c - evidence of the guest's TEE: snp through the kernel's device or the PSP's
 * socket, or sample. See aa.h. */
#include "sim/guest/aa/aa.h"

#include "common/enc/enc.h"
#include "common/snp/psp-msg.h"
#include "sim/guest/common/guest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOG_TARGET      "attester"
#define PLATFORM_DEVICE "/sys/devices/platform/sev-guest"
#define DEVICE          "/dev/sev-guest"

void aa_attester_detect(struct aa_attester *attester, struct cmn_env *env)
{
    const char *path = getenv("COCOBOX_PSP");

    attester->env = env;
    attester->psp_path = path && *path ? path : GUEST_PSP_SOCKET;
    attester->sample_device = getenv("ENABLE_SAMPLE_DEVICE") != NULL;
    /* upstream looks for the platform device, and then uses the character device */
    attester->device = !(path && *path) && access(PLATFORM_DEVICE, F_OK) == 0 ? DEVICE : NULL;
    attester->tee = attester->device || access(attester->psp_path, F_OK) == 0 ? "snp" : "sample";
    if (strcmp(attester->tee, "sample") == 0)
        cmn_log(CMN_LOG_WARN, LOG_TARGET,
                "No TEE platform detected. Sample Attester will be used. If you are expecting to "
                "collect evidence from inside a confidential guest, either your guest is not "
                "configured correctly, or your attestation agent was not built with support for "
                "the platform.");
}

static int get_report(const struct aa_attester *attester, const uint8_t report_data[64],
                      struct snp_report *ret, struct snp_certs *ret_certs, struct cmn_err *err)
{
    uint8_t raw[SNP_REPORT_BYTES];

    int r = attester->device
                ? aa_sev_guest_report(attester->device, report_data, raw, ret_certs, err)
                : snp_psp_get_report(attester->psp_path, report_data, 0, raw, ret_certs, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "Failed to get attestation report");
    r = snp_report_decode(raw, sizeof(raw), ret, err);
    return r < 0 ? cmn_err_wrap(err, r, "Failed to parse attestation report") : 0;
}

static int snp_evidence(const struct aa_attester *attester, struct cmn_bytes report_data,
                        json_t **ret, struct cmn_err *err)
{
    auto_certs struct snp_certs certs = {0};
    struct snp_report report;
    uint8_t padded[64] = {0};

    if (report_data.len > sizeof(padded))
        return cmn_err_reason(err, EINVAL, CMN_REASON_AA_EVIDENCE_FAILED,
                              "SNP Attester: Report data must be no more than 64 bytes");
    if (report_data.len > 0)
        memcpy(padded, report_data.data, report_data.len);
    int r = get_report(attester, padded, &report, &certs, err);
    if (r < 0)
        return r;
    *ret = json_pack("{s:o, s:o}", "attestation_report", snp_report_to_json(&report), "cert_chain",
                     snp_certs_to_json(&certs));
    return *ret ? 0
                : cmn_err_set(err, ENOMEM, "the evidence of this report cannot be written as JSON");
}

static int sample_evidence(const char *svn, struct cmn_bytes report_data, json_t **ret,
                           struct cmn_err *err)
{
    auto_free char *text = cmn_b64(CMN_B64_STD, report_data.data, report_data.len);

    *ret = text ? json_pack("{s:s, s:s}", "svn", svn, "report_data", text) : NULL;
    return *ret ? 0 : cmn_err_set(err, ENOMEM, "no memory for evidence");
}

int aa_attester_evidence(const struct aa_attester *attester, struct cmn_bytes report_data,
                         json_t **ret, struct cmn_err *err)
{
    if (strcmp(attester->tee, "snp") == 0)
        return snp_evidence(attester, report_data, ret, err);
    return sample_evidence("1", report_data, ret, err);
}

int aa_attester_additional(const struct aa_attester *attester, struct cmn_bytes report_data,
                           struct cmn_buf *ret, struct cmn_err *err)
{
    auto_json json_t *device = NULL, *all = NULL;

    if (!attester->sample_device)
        return 0;
    int r = sample_evidence("2", report_data, &device, err);
    if (r < 0)
        return r;
    all = json_pack("{s:O}", "sampledevice", device);
    auto_free char *text = all ? cmn_json_dump(all) : NULL;
    if (!text || cmn_buf_puts(ret, text) < 0)
        return cmn_err_set(err, ENOMEM, "no memory for evidence");
    return 0;
}

int aa_attester_check_initdata(const struct aa_attester *attester, struct cmn_bytes digest,
                               struct cmn_err *err)
{
    auto_free char *want = NULL, *got = NULL;
    uint8_t expected[32] = {0};
    const uint8_t zeros[64] = {0};
    struct snp_report report;

    if (strcmp(attester->tee, "snp") != 0) {
        cmn_log(CMN_LOG_WARN, LOG_TARGET, "Platform does not support initdata checking. Jumping.");
        return 0;
    }
    /* "digest truncated or zero-padded to 32" */
    memcpy(expected, digest.data, digest.len < sizeof(expected) ? digest.len : sizeof(expected));
    int r = get_report(attester, zeros, &report, NULL, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "Get HOSTDATA failed");
    if (memcmp(expected, report.host_data, sizeof(expected)) == 0)
        return 0;
    want = cmn_hex(expected, sizeof(expected));
    got = cmn_hex(report.host_data, sizeof(report.host_data));
    guest_event("aa.initdata", "boot", "refused", CMN_REASON_AA_INITDATA_MISMATCH,
                "HOSTDATA does not match.",
                json_pack("{s:s?, s:s?}", "expected", want, "actual", got));
    return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_AA_INITDATA_MISMATCH,
                          "HOSTDATA does not match.");
}
