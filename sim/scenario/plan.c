/* plan.c - names and the end of a plan; see plan.h. */
#include "sim/scenario/read.h"

#include <openssl/crypto.h>
#include <stdlib.h>

void sim_strings_done(struct sim_strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i]);
    free(s->items);
    *s = (struct sim_strings){0};
}

static void container_done(struct sim_container *c)
{
    free(c->name);
    free(c->image);
    free(c->working_dir);
    sim_strings_done(&c->command);
    sim_strings_done(&c->args);
    for (size_t i = 0; i < c->n_env; i++) {
        free(c->env[i].name);
        free(c->env[i].value);
    }
    free(c->env);
}

static void pod_done(struct sim_pod *pod)
{
    free(pod->name);
    free(pod->ns);
    free(pod->init_data);
    for (size_t i = 0; i < pod->n_containers; i++)
        container_done(&pod->containers[i]);
    free(pod->containers);
}

static void images_done(struct sim_plan *plan)
{
    for (size_t i = 0; i < plan->n_images; i++) {
        struct sim_image *m = &plan->images[i];
        free(m->reference);
        free(m->from);
        free(m->from_dir);
        free(m->key_uri);
        OPENSSL_cleanse(m->key, sizeof(m->key));
    }
    free(plan->images);
}

void sim_plan_free(struct sim_plan *plan)
{
    if (!plan)
        return;
    free(plan->file);
    free(plan->name);
    free(plan->summary);
    free(plan->stands_for);
    sim_strings_done(&plan->tags);
    sim_strings_done(&plan->needs);
    free(plan->guest.cmdline);
    free(plan->reference_guest.cmdline);
    pod_done(&plan->pod);
    images_done(plan);
    free(plan->policy_set);
    json_decref(plan->reference_values);
    for (size_t i = 0; i < plan->n_resources; i++) {
        free(plan->resources[i].path);
        cmn_buf_done_secret(&plan->resources[i].bytes);
    }
    free(plan->resources);
    for (size_t i = 0; i < plan->n_faults; i++) {
        free(plan->faults[i].at);
        free(plan->faults[i].what);
        cmn_buf_done(&plan->faults[i].bytes);
        json_decref(plan->faults[i].value);
        free(plan->faults[i].reissue.not_before);
        free(plan->faults[i].reissue.not_after);
        free(plan->faults[i].reissue.subject);
        free(plan->faults[i].reissue.drop);
    }
    free(plan->faults);
    sim_strings_done(&plan->expect.stdout_contains);
    free(plan->expect.warns);
    free(plan);
}

void sim_plan_cleanup(struct sim_plan **plan)
{
    sim_plan_free(*plan);
}

const char *sim_result_name(enum sim_result result)
{
    static const char *const names[] = {"completed", "refused", "failed"};

    return (size_t)result < CMN_ARRAY_SIZE(names) ? names[result] : "";
}

const char *sim_fault_kind_name(enum sim_fault_kind kind)
{
    static const char *const names[] = {"flip", "set", "truncate", "replay", "drop", "reissue"};

    return names[kind];
}
