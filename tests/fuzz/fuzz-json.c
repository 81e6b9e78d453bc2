/* Aims at: cmn_json_load, cmn_json_dump, cmn_json_jcs. */
#include "fuzz.h"

#include "common/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_json json_t *json = NULL, *again = NULL, *sorted = NULL;
    auto_buf struct cmn_buf jcs = {0}, twice = {0};

    if (cmn_json_load(cmn_bytes(data, size), CMN_JSON_MAX_DEPTH, &json, NULL) < 0)
        return 0;
    auto_free char *text = cmn_json_dump(json);
    FUZZ_CHECK(text != NULL);
    FUZZ_CHECK(cmn_json_load(cmn_bytes(text, strlen(text)), CMN_JSON_MAX_DEPTH, &again, NULL) == 0);
    FUZZ_CHECK(json_equal(json, again));
    if (cmn_json_jcs(json, &jcs, NULL) < 0) /* real numbers */
        return 0;
    FUZZ_CHECK(cmn_json_load(cmn_buf_bytes(&jcs), CMN_JSON_MAX_DEPTH, &sorted, NULL) == 0);
    FUZZ_CHECK(json_equal(json, sorted));
    FUZZ_CHECK(cmn_json_jcs(sorted, &twice, NULL) == 0);
    FUZZ_CHECK(twice.len == jcs.len && memcmp(twice.data, jcs.data, jcs.len) == 0);
    return 0;
}
