/* Aims at: snp_report_decode, snp_report_encode, snp_report_to_json, snp_report_from_json,
 * snp_tcb_decode. */
#include "fuzz.h"

#include "common/snp/report.h"

/* The report as the evidence carries it and back: the same bytes. */
static void through_json(const struct snp_report *report, const uint8_t *want)
{
    uint8_t bytes[SNP_REPORT_BYTES];
    struct snp_report again;
    auto_json json_t *json = snp_report_to_json(report);

    if (((report->policy | report->plat_info | report->launch_mit_vector |
          report->current_mit_vector) >>
         63) != 0) {
        FUZZ_CHECK(json == NULL);
        return;
    }
    FUZZ_CHECK(json != NULL);
    FUZZ_CHECK(snp_report_from_json(json, &again, NULL) == 0);
    snp_report_encode(&again, bytes);
    FUZZ_CHECK(memcmp(bytes, want, sizeof(bytes)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct snp_report report;
    auto_json json_t *json = NULL;
    uint8_t bytes[SNP_REPORT_BYTES];

    if (snp_report_decode(data, size, &report, NULL) == 0) {
        snp_report_encode(&report, bytes);
        FUZZ_CHECK(memcmp(bytes, data, size) == 0);
        through_json(&report, bytes);
    }
    if (cmn_json_load(cmn_bytes(data, size), CMN_JSON_MAX_DEPTH, &json, NULL) == 0 &&
        snp_report_from_json(json, &report, NULL) == 0) {
        snp_report_encode(&report, bytes);
        if (snp_report_decode(bytes, sizeof(bytes), &report, NULL) == 0)
            through_json(&report, bytes);
    }
    return 0;
}
