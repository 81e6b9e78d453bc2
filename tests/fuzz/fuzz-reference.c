/* Aims at: sim_reference_parse, sim_reference_print, sim_kbs_uri_path, sim_digest_valid. */
#include "fuzz.h"

#include "sim/image/encrypt.h"
#include "sim/image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *text = fuzz_line(&data, &size);
    auto_buf struct cmn_buf printed = {0};
    struct sim_reference ref, again;
    char path[256];

    if (sim_kbs_uri_path(text, path, sizeof(path), NULL) == 0)
        FUZZ_CHECK(strlen(path) < sizeof(path) && path[0] != '.' && !strstr(path, "/."));
    if (sim_reference_parse(text, &ref, NULL) < 0)
        return 0;
    FUZZ_CHECK(!ref.digest[0] || sim_digest_valid(ref.digest));
    FUZZ_CHECK(sim_reference_print(&ref, &printed) == 0);
    FUZZ_CHECK(sim_reference_parse((char *)printed.data, &again, NULL) == 0);
    FUZZ_CHECK(strcmp(ref.registry, again.registry) == 0);
    FUZZ_CHECK(strcmp(ref.repository, again.repository) == 0);
    FUZZ_CHECK(strcmp(sim_reference_target(&ref), sim_reference_target(&again)) == 0);
    return 0;
}
