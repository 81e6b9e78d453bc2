/* load-expect.c - the faults: and expect: blocks of a scenario. */
#include "sim/scenario/read.h"
#include "sim/scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FAULTS = 32, MAX_WARNS = 32 };

/* Fields of the ATTESTATION_REPORT by offset (AMD 56860, table "ATTESTATION_REPORT Structure"). */
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"version", 0x000},    {"guest_svn", 0x004},     {"policy", 0x008},
    {"family_id", 0x010},  {"image_id", 0x020},      {"vmpl", 0x030},
    {"sig_algo", 0x034},   {"current_tcb", 0x038},   {"plat_info", 0x040},
    {"key_info", 0x048},   {"report_data", 0x050},   {"measurement", 0x090},
    {"host_data", 0x0C0},  {"id_key_digest", 0x0E0}, {"author_key_digest", 0x110},
    {"report_id", 0x140},  {"report_id_ma", 0x160},  {"reported_tcb", 0x180},
    {"cpuid", 0x188},      {"chip_id", 0x1A0},       {"committed_tcb", 0x1E0},
    {"launch_tcb", 0x1F0}, {"signature", 0x2A0},
};

int sim_fault_field(const char *name, size_t *ret_offset)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(fields); i++)
        if (strcmp(fields[i].name, name) == 0) {
            *ret_offset = fields[i].offset;
            return 0;
        }
    return -ENOENT;
}

static int load_flip(struct sim_reader *r, const json_t *obj, struct sim_fault *f)
{
    const json_t *v = json_object_get(obj, "flip");
    const char *names[CMN_ARRAY_SIZE(fields)];
    int64_t offset = 0;

    f->kind = SIM_FAULT_FLIP;
    if (json_is_integer(v)) {
        int64_t max = strcmp(f->at, "psp.report") == 0 ? SNP_REPORT_BYTES - 1 : 1 << 30;
        int x = sim_read_int(r, obj, "flip", 0, max, &offset);
        f->offset = (size_t)offset;
        return x;
    }
    int x = sim_read_text(r, obj, "flip", &f->what);
    if (x < 0)
        return x;
    if (strcmp(f->at, "psp.report") != 0)
        return cmn_yaml_fail(r->doc, obj, "flip", r->err, "'flip' wants the offset of a byte here");
    if (sim_fault_field(f->what, &f->offset) == 0)
        return 0;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(fields); i++)
        names[i] = fields[i].name;
    const char *near = cmn_yaml_nearest(f->what, names, CMN_ARRAY_SIZE(names));
    return cmn_yaml_fail(r->doc, obj, "flip", r->err, "the report has no field '%.64s'%s%s%s",
                         f->what, near ? "; did you mean '" : "", near ? near : "",
                         near ? "'?" : "");
}

static int load_fault(struct sim_reader *r, const json_t *obj, struct sim_fault *f)
{
    static const char *const points[] = {"psp.report", "registry.blob", "registry.manifest",
                                         "registry.config", "wire.attest"};
    static const char *const members[] = {"tee-evidence"};
    size_t point = 0, ignored = 0;
    int64_t length = 0;
    int x = SIM_KEYS(r, obj, "at", "flip", "truncate", "replay");

    if (x == 0)
        x = sim_read_needed(r, obj, "at", &f->at);
    if (x == 0)
        x = sim_read_word(r, obj, "at", points, CMN_ARRAY_SIZE(points), &point);
    if (x < 0)
        return x;
    if (json_object_size(obj) != 2)
        return cmn_yaml_fail(r->doc, obj, NULL, r->err,
                             "a fault has 'at' and exactly one of flip, truncate and replay");
    bool wire = strcmp(f->at, "wire.attest") == 0, report = strcmp(f->at, "psp.report") == 0;
    if (json_object_get(obj, "replay") && wire) {
        f->kind = SIM_FAULT_REPLAY;
        x = sim_read_word(r, obj, "replay", members, CMN_ARRAY_SIZE(members), &ignored);
        return x ? x : sim_read_text(r, obj, "replay", &f->what);
    }
    if (json_object_get(obj, "truncate") && !wire && !report) {
        f->kind = SIM_FAULT_TRUNCATE;
        x = sim_read_int(r, obj, "truncate", 0, 1 << 30, &length);
        f->length = (size_t)length;
        return x;
    }
    if (json_object_get(obj, "flip") && !wire)
        return load_flip(r, obj, f);
    return cmn_yaml_fail(r->doc, obj, "at", r->err, "'%s' cannot do this", f->at);
}

int sim_load_faults(struct sim_reader *r, const json_t *root, struct sim_plan *plan)
{
    const json_t *arr = NULL;
    int x = sim_read_objects(r, root, "faults", 0, MAX_FAULTS, &arr);

    if (x < 0 || !arr)
        return x;
    plan->faults = calloc(json_array_size(arr) + 1, sizeof(*plan->faults));
    if (!plan->faults)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    for (size_t i = 0; i < json_array_size(arr); i++) {
        x = load_fault(r, json_array_get(arr, i), &plan->faults[plan->n_faults++]);
        if (x < 0)
            return x;
    }
    return 0;
}

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
