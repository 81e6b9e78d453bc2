/* Aims at: cmn_yaml_load, sim_scenario_parse and every sim_load_* below it. */
#include "fuzz.h"

#include "sim/scenario/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_plan struct sim_plan *plan = NULL;
    struct cmn_err err = {0};

    /* a folder that is not there: files named by the input are never opened */
    int r = sim_scenario_parse("in.yaml", "/nonexistent", cmn_bytes(data, size), &plan, &err);
    if (r < 0) {
        FUZZ_CHECK(err.msg[0] != 0);
        return 0;
    }
    FUZZ_CHECK(plan->name && plan->pod.n_containers > 0);
    return 0;
}
