/* scenario.c - a scenario file as a plan; see scenario.h. */
#include "sim/scenario/scenario.h"
#include "sim/scenario/read.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_TIMEOUT_MS = 60000 };

/* Every need that a scenario may declare; the command that runs it probes them (host check). */
static const char *const needs[] = {"many-ids", "kvm", "tpm", "snp", "fuse", "root"};

static int load_needs(struct sim_reader *r, const json_t *root, struct sim_plan *plan)
{
    int x = sim_read_list(r, root, "needs", &plan->needs);

    for (size_t i = 0; x == 0 && i < plan->needs.n; i++) {
        bool known = false;
        for (size_t j = 0; j < CMN_ARRAY_SIZE(needs); j++)
            known |= strcmp(needs[j], plan->needs.items[i]) == 0;
        if (!known) {
            const char *near = cmn_yaml_nearest(plan->needs.items[i], needs, CMN_ARRAY_SIZE(needs));
            return cmn_yaml_fail(r->doc, root, "needs", r->err, "unknown need '%.64s'%s%s%s",
                                 plan->needs.items[i], near ? "; did you mean '" : "",
                                 near ? near : "", near ? "'?" : "");
        }
    }
    return x;
}

static int load_head(struct sim_reader *r, const json_t *root, struct sim_plan *plan)
{
    static const char *const modes[] = {"lazy", "eager"};
    size_t mode = 0;
    int x = sim_read_needed(r, root, "name", &plan->name);

    if (x == 0)
        x = sim_read_needed(r, root, "summary", &plan->summary);
    if (x == 0)
        x = sim_read_text(r, root, "stands-for", &plan->stands_for);
    if (x == 0)
        x = sim_read_list(r, root, "tags", &plan->tags);
    if (x == 0)
        x = load_needs(r, root, plan);
    if (x == 0)
        x = sim_read_duration_ms(r, root, "timeout", &plan->timeout_ms);
    if (x == 0)
        x = sim_read_word(r, root, "attest", modes, CMN_ARRAY_SIZE(modes), &mode);
    plan->attest_eager = mode == 1;
    return x;
}

/* Every image that the pod names is served. */
static int check_images(struct sim_reader *r, const json_t *root, const struct sim_plan *plan)
{
    const char *names[64];
    size_t n = 0;

    for (size_t i = 0; i < plan->n_images && n < CMN_ARRAY_SIZE(names); i++)
        names[n++] = plan->images[i].reference;
    for (size_t i = 0; i < plan->pod.n_containers; i++) {
        const char *want = plan->pod.containers[i].image;
        bool found = false;
        for (size_t j = 0; j < n; j++)
            found |= strcmp(names[j], want) == 0;
        if (found || plan->expect.code == CMN_REASON_IMAGE_NOT_FOUND)
            continue;
        const char *near = cmn_yaml_nearest(want, names, n);
        return cmn_yaml_fail(r->doc, root, "images", r->err,
                             "the pod's image '%.128s' is not among 'images'%s%s%s", want,
                             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return 0;
}

static int load(struct sim_reader *r, struct sim_plan *plan)
{
    const json_t *root = cmn_yaml_root(r->doc);
    int x = SIM_KEYS(r, root, "name", "summary", "stands-for", "tags", "needs", "timeout", "attest",
                     "guest", "pod", "images", "kbs", "faults", "expect");

    if (x == 0)
        x = load_head(r, root, plan);
    const json_t *guest = NULL;
    if (x == 0)
        x = sim_read_object(r, root, "guest", &guest);
    if (x == 0)
        x = sim_load_guest(r, guest, &plan->guest);
    if (x == 0)
        x = sim_load_pod(r, root, &plan->pod);
    if (x == 0)
        x = sim_load_images(r, root, plan);
    if (x == 0)
        x = sim_load_kbs(r, root, plan);
    if (x == 0)
        x = sim_load_faults(r, root, plan);
    if (x == 0)
        x = sim_load_expect(r, root, &plan->expect);
    return x ? x : check_images(r, root, plan);
}

static int plan_of(const struct cmn_yaml *doc, const char *dir, struct sim_plan **ret,
                   struct cmn_err *err)
{
    auto_plan struct sim_plan *plan = calloc(1, sizeof(*plan));
    struct sim_reader r = {doc, dir, err};

    if (!plan || sim_guest_spec_default(&plan->guest) < 0 ||
        !(plan->file = strdup(cmn_yaml_name(doc))))
        return cmn_err_set(err, ENOMEM, "no memory");
    plan->timeout_ms = DEFAULT_TIMEOUT_MS;
    plan->expect.phase = SIM_PHASE_NONE;
    int x = load(&r, plan);
    if (x < 0)
        return x;
    *ret = cmn_take(plan);
    return 0;
}

int sim_scenario_parse(const char *name, const char *dir, struct cmn_bytes text,
                       struct sim_plan **ret, struct cmn_err *err)
{
    auto_yaml struct cmn_yaml *doc = NULL;
    int r = cmn_yaml_load(name, text, &doc, err);

    return r < 0 ? r : plan_of(doc, dir, ret, err);
}

int sim_scenario_load(const char *path, struct sim_plan **ret, struct cmn_err *err)
{
    auto_yaml struct cmn_yaml *doc = NULL;
    auto_free char *dir = strdup(path);
    int r;

    if (!dir)
        return cmn_err_set(err, ENOMEM, "no memory");
    char *slash = strrchr(dir, '/');
    if (slash == dir)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    else
        dir[0] = '\0';
    r = cmn_yaml_load_file(path, &doc, err);
    return r < 0 ? r : plan_of(doc, dir, ret, err);
}
