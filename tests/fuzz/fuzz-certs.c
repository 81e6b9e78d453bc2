/* Aims at: snp_certs_decode, snp_certs_encode, snp_certs_to_json, snp_certs_from_json. */
#include "fuzz.h"

#include "common/snp/certs.h"

static void check_same(const struct snp_certs *a, const struct snp_certs *b)
{
    FUZZ_CHECK(a->n == b->n);
    for (size_t i = 0; i < a->n; i++) {
        FUZZ_CHECK(a->list[i].type == b->list[i].type);
        FUZZ_CHECK(memcmp(a->list[i].guid, b->list[i].guid, sizeof(a->list[i].guid)) == 0);
        FUZZ_CHECK(a->list[i].bytes.len == b->list[i].bytes.len);
        FUZZ_CHECK(!a->list[i].bytes.len ||
                   memcmp(a->list[i].bytes.data, b->list[i].bytes.data, a->list[i].bytes.len) == 0);
    }
}

static void through_json(const struct snp_certs *certs)
{
    auto_certs struct snp_certs again = {0};
    auto_json json_t *json = snp_certs_to_json(certs);

    FUZZ_CHECK(json != NULL);
    if (json_is_array(json)) {
        FUZZ_CHECK(snp_certs_from_json(json, &again, NULL) == 0);
        FUZZ_CHECK(again.n == certs->n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_certs struct snp_certs table = {0}, again = {0}, listed = {0};
    auto_buf struct cmn_buf bytes = {0};
    auto_json json_t *json = NULL;

    if (snp_certs_decode(data, size, &table, NULL) == 0) {
        FUZZ_CHECK(snp_certs_encode(&table, &bytes) == 0);
        FUZZ_CHECK(snp_certs_decode(bytes.data, bytes.len, &again, NULL) == 0);
        check_same(&table, &again);
        through_json(&table);
    }
    if (cmn_json_load(cmn_bytes(data, size), CMN_JSON_MAX_DEPTH, &json, NULL) == 0 &&
        snp_certs_from_json(json, &listed, NULL) == 0)
        through_json(&listed);
    return 0;
}
