/* Aims at: sim_event_from_console, sim_event_line, sim_event_copy. */
#include "fuzz.h"

#include "sim/event/event.h"

static unsigned emitted;

static void on_event(void *ctx, const struct sim_event *event)
{
    auto_json json_t *json = NULL;
    auto_free char *line = sim_event_line(event);
    struct sim_event *copy = sim_event_copy(event);

    (void)ctx;
    emitted++;
    FUZZ_CHECK(line && copy && !strchr(line, '\n'));
    FUZZ_CHECK(cmn_json_load(cmn_bytes(line, strlen(line)), CMN_JSON_MAX_DEPTH, &json, NULL) == 0);
    auto_free char *again = sim_event_line(copy);
    FUZZ_CHECK(again && strcmp(again, line) == 0);
    sim_event_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cmn_env *env;
    struct sim_bus *bus = NULL;
    struct cmn_err err = {0};

    if (!env)
        FUZZ_CHECK(cmn_env_new_seeded("fuzz", 4, &env, NULL) == 0);
    FUZZ_CHECK(sim_bus_new(env, &bus, NULL) == 0);
    FUZZ_CHECK(sim_bus_subscribe(bus, on_event, NULL) == 0);
    while (size) {
        const char *actor = NULL, *text = NULL;
        auto_free char *line = fuzz_line(&data, &size);
        const char *end = line + strlen(line);
        emitted = 0;
        int r = sim_event_from_console(bus, line, &actor, &text, &err);
        FUZZ_CHECK(actor != NULL);
        FUZZ_CHECK(emitted == (r == 1));
        FUZZ_CHECK(r != 0 || (text >= line && text <= end));
        for (const char *p = r == 0 ? text : ""; *p; p++) /* what a terminal may be shown */
            FUZZ_CHECK((unsigned char)*p >= 0x20 || *p == '\t');
    }
    sim_bus_free(bus);
    return 0;
}
