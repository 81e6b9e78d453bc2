/* event.c - event names, lines and copies; see event.h. */
#include "sim/event/event.h"

#include <stdlib.h>
#include <string.h>

static const char *const phases[SIM_PHASE_COUNT] = {
    "create-peer-pod", "boot", "attest", "release-key", "pull-image", "start-container", "teardown",
};
static const char *const outcomes[SIM_OUTCOME_COUNT] = {
    "begin", "ok", "refused", "failed", "warn", "info",
};

static int find(const char *const *names, int n, const char *name)
{
    for (int i = 0; name && i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -ENOENT;
}

const char *sim_phase_name(enum sim_phase phase)
{
    return phase >= 0 && phase < SIM_PHASE_COUNT ? phases[phase] : NULL;
}

int sim_phase_by_name(const char *name, enum sim_phase *ret)
{
    int i = find(phases, SIM_PHASE_COUNT, name);

    if (i < 0)
        return i;
    *ret = (enum sim_phase)i;
    return 0;
}

const char *sim_outcome_name(enum sim_outcome outcome)
{
    return (int)outcome >= 0 && outcome < SIM_OUTCOME_COUNT ? outcomes[outcome] : NULL;
}

int sim_outcome_by_name(const char *name, enum sim_outcome *ret)
{
    int i = find(outcomes, SIM_OUTCOME_COUNT, name);

    if (i < 0)
        return i;
    *ret = (enum sim_outcome)i;
    return 0;
}

static int put(json_t *obj, const char *key, json_t *value)
{
    return value ? json_object_set_new(obj, key, value) : -1;
}

char *sim_event_line(const struct sim_event *e)
{
    auto_json json_t *o = json_object();
    const char *phase = sim_phase_name(e->phase);
    int r = 0;

    if (!o)
        return NULL;
    r |= put(o, "t_ms", json_integer((json_int_t)e->t_ms));
    if (phase)
        r |= put(o, "phase", json_string(phase));
    r |= put(o, "actor", cmn_json_text(e->actor));
    r |= put(o, "name", cmn_json_text(e->name));
    r |= put(o, "outcome", json_string(outcomes[e->outcome]));
    if (e->code != CMN_REASON_NONE)
        r |= put(o, "code", json_string(cmn_reason_name(e->code)));
    if (e->message)
        r |= put(o, "message", cmn_json_text(e->message));
    if (e->details)
        r |= put(o, "details", json_deep_copy(e->details));
    return r ? NULL : cmn_json_dump(o);
}

struct sim_event *sim_event_copy(const struct sim_event *e)
{
    struct sim_event *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    *c = *e;
    c->actor = strdup(e->actor);
    c->name = strdup(e->name);
    c->message = e->message ? strdup(e->message) : NULL;
    c->details = e->details ? json_deep_copy(e->details) : NULL;
    if (!c->actor || !c->name || (e->message && !c->message) || (e->details && !c->details)) {
        sim_event_free(c);
        return NULL;
    }
    return c;
}

void sim_event_free(struct sim_event *e)
{
    if (!e)
        return;
    free((char *)(uintptr_t)e->actor);
    free((char *)(uintptr_t)e->name);
    free((char *)(uintptr_t)e->message);
    json_decref((json_t *)(uintptr_t)e->details);
    free(e);
}
