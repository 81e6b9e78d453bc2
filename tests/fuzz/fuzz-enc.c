/* Aims at: cmn_unhex, cmn_hex, cmn_unb64, cmn_b64. */
#include "fuzz.h"

#include "common/enc/enc.h"

static void check_text(const char *again, const uint8_t *data, size_t size)
{
    FUZZ_CHECK(again != NULL && strlen(again) == size && memcmp(again, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum cmn_b64_kind kinds[] = {CMN_B64_STD, CMN_B64_URL, CMN_B64_URL_PAD};
    auto_buf struct cmn_buf hex = {0};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++) {
        auto_buf struct cmn_buf bytes = {0}, back = {0};
        auto_free char *text = cmn_b64(kinds[i], data, size);
        FUZZ_CHECK(text && cmn_unb64(kinds[i], text, strlen(text), &back, NULL) == 0);
        FUZZ_CHECK(back.len == size && (!size || memcmp(back.data, data, size) == 0));
        if (cmn_unb64(kinds[i], (const char *)data, size, &bytes, NULL) < 0)
            continue;
        auto_free char *again = cmn_b64(kinds[i], bytes.data, bytes.len);
        check_text(again, data, size); /* strict: one text per value */
    }
    if (cmn_unhex((const char *)data, size, &hex, NULL) == 0) {
        auto_buf struct cmn_buf twice = {0};
        auto_free char *again = cmn_hex(hex.data, hex.len); /* lower case */
        FUZZ_CHECK(again && strlen(again) == size);
        FUZZ_CHECK(cmn_unhex(again, size, &twice, NULL) == 0);
        FUZZ_CHECK(twice.len == hex.len && (!hex.len || !memcmp(twice.data, hex.data, hex.len)));
    }
    return 0;
}
