/* load-expect.c - the expect: block of a scenario. */
#include "sim/scenario/read.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_WARNS = 32 };

static int reason(struct sim_reader *r, const json_t *obj, const char *key, const char *name,
                  enum cmn_reason *ret)
{
    const char *names[CMN_REASON_COUNT];
    size_t n = 0;

    *ret = cmn_reason_by_name(name);
    if (*ret != CMN_REASON_NONE)
        return 0;
    for (int i = CMN_REASON_NONE + 1; i < CMN_REASON_COUNT; i++)
        names[n++] = cmn_reason_name((enum cmn_reason)i);
    const char *near = cmn_yaml_nearest(name, names, n);
    return cmn_yaml_fail(r->doc, obj, key, r->err, "there is no reason code '%.64s'%s%s%s", name,
                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int load_warns(struct sim_reader *r, const json_t *obj, struct sim_expect *e)
{
    struct sim_strings names = {0};
    int x = sim_read_list(r, obj, "warns", &names);

    if (x == 0 && names.n > MAX_WARNS)
        x = cmn_yaml_fail(r->doc, obj, "warns", r->err, "more than %d", MAX_WARNS);
    if (x == 0 && names.n) {
        e->warns = calloc(names.n, sizeof(*e->warns));
        x = e->warns ? 0 : cmn_err_set(r->err, ENOMEM, "no memory");
        for (size_t i = 0; i < names.n && x == 0; i++)
            x = reason(r, obj, "warns", names.items[i], &e->warns[e->n_warns++]);
    }
    sim_strings_done(&names);
    return x;
}

/* Where and why, which only a refusal or a failure has. */
static int load_cause(struct sim_reader *r, const json_t *obj, struct sim_expect *e)
{
    static const char *const keys[] = {"phase", "code", "status"};
    const char *phases[SIM_PHASE_COUNT];
    size_t phase = 0;
    int64_t status = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(keys); i++)
        if (e->outcome == SIM_RESULT_COMPLETED && json_object_get(obj, keys[i]))
            return cmn_yaml_fail(r->doc, obj, keys[i], r->err,
                                 "'%s' goes with outcome refused or failed", keys[i]);
    for (int i = 0; i < SIM_PHASE_COUNT; i++)
        phases[i] = sim_phase_name((enum sim_phase)i);
    int x = sim_read_word(r, obj, "phase", phases, SIM_PHASE_COUNT, &phase);
    e->phase = json_object_get(obj, "phase") ? (enum sim_phase)phase : SIM_PHASE_NONE;
    const json_t *code = json_object_get(obj, "code");
    if (x == 0 && code && !json_is_string(code))
        return cmn_yaml_fail(r->doc, obj, "code", r->err, "'code' wants text");
    if (x == 0 && code)
        x = reason(r, obj, "code", json_string_value(code), &e->code);
    if (x == 0)
        x = sim_read_int(r, obj, "status", 100, 599, &status);
    e->status = (int)status;
    return x;
}

int sim_load_expect(struct sim_reader *r, const json_t *root, struct sim_expect *e)
{
    static const char *const outcomes[] = {"completed", "refused", "failed"};
    size_t outcome = 0;
    int64_t exit_code = 0;
    const json_t *obj = NULL;

    if (!json_object_get(root, "expect"))
        return sim_read_missing(r, root, "expect");
    int x = sim_read_object(r, root, "expect", &obj);
    if (x < 0)
        return x;
    x = SIM_KEYS(r, obj, "outcome", "phase", "code", "status", "exit_code", "stdout_contains",
                 "warns");
    if (x == 0 && !json_object_get(obj, "outcome"))
        x = sim_read_missing(r, obj, "outcome");
    if (x == 0)
        x = sim_read_word(r, obj, "outcome", outcomes, CMN_ARRAY_SIZE(outcomes), &outcome);
    e->outcome = (enum sim_result)outcome;
    if (x == 0)
        x = load_cause(r, obj, e);
    if (x == 0)
        x = sim_read_int(r, obj, "exit_code", 0, 255, &exit_code);
    e->exit_code = (int)exit_code;
    if (x == 0)
        x = sim_read_list(r, obj, "stdout_contains", &e->stdout_contains);
    return x ? x : load_warns(r, obj, e);
}
