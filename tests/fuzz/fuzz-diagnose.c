/* Aims at: sim_inspect, sim_extract, sim_case_bytes, sim_replay, sim_why_feed, sim_lint_text,
 * sim_redact_text. */
#include "fuzz.h"

#include "sim/diagnose/inspect/inspect.h"
#include "sim/diagnose/lint/lint.h"
#include "sim/diagnose/redact.h"
#include "sim/diagnose/replay/replay.h"
#include "sim/diagnose/why/why.h"

static struct cmn_env *env;
static struct sim_case *replayed;

static void inspect(struct cmn_bytes data)
{
    json_t *found = NULL;
    auto_buf struct cmn_buf text = {0};

    if (sim_inspect(env, "input", data, &found, NULL) == 0) {
        FUZZ_CHECK(json_object_get(found, "kind") != NULL);
        FUZZ_CHECK(sim_view_text(found, &text) >= 0);
    }
    json_decref(found);
}

static void replay(struct cmn_bytes data)
{
    static const struct sim_replay_opts opts = {.at = 1795478400, .policy_set = "upstream"};
    auto_json json_t *verdict = NULL;
    auto_buf struct cmn_buf text = {0};

    sim_case_reset(replayed);
    sim_case_bytes(replayed, data);
    if (sim_replay(replayed, &opts, &verdict, NULL) == 0) {
        FUZZ_CHECK(json_object_get(verdict, "verdict") != NULL);
        FUZZ_CHECK(sim_replay_text(verdict, &text) >= 0);
    }
}

static void why(struct cmn_bytes data)
{
    struct sim_why_finding found[8];
    struct sim_why *w = NULL;

    FUZZ_CHECK(sim_why_new(&w, NULL) == 0);
    sim_why_feed(w, data.data, data.len);
    size_t n = sim_why_finish(w, found, 8);
    for (size_t i = 0; i < n; i++)
        FUZZ_CHECK(found[i].line >= 1 && found[i].weight > 0);
    sim_why_free(w);
}

static void lint(struct cmn_bytes data)
{
    struct sim_lint *l = NULL;

    FUZZ_CHECK(sim_lint_new(env, &l, NULL) == 0);
    sim_lint_text(l, "input", data);
    FUZZ_CHECK(json_is_array(sim_lint_finish(l)));
    sim_lint_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cmn_bytes bytes = cmn_bytes(data, size);
    auto_buf struct cmn_buf redacted = {0};

    if (!env) {
        FUZZ_CHECK(cmn_env_new_seeded("fuzz", 4, &env, NULL) == 0);
        FUZZ_CHECK(sim_case_new(env, &replayed, NULL) == 0);
    }
    if (size > 1 << 16)
        return 0;
    inspect(bytes);
    replay(bytes);
    why(bytes);
    lint(bytes);
    FUZZ_CHECK(sim_redact_text(bytes, &redacted, NULL, NULL) == 0);
    return 0;
}
