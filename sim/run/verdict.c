/* verdict.c - the root cause among the events, and what expect: says to it. */
#include "sim/run/run-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* First refused or failed event: what comes after it is consequence. Called under the bus's lock.
 */
void sim_run_subscribe(void *ctx, const struct sim_event *e)
{
    struct sim_run *run = ctx;

    if ((e->outcome == SIM_REFUSED || e->outcome == SIM_FAILED) && !run->cause)
        run->cause = sim_event_copy(e);
    if (e->outcome == SIM_WARN && e->code != CMN_REASON_NONE)
        run->warned[e->code] = true;
    run->opts->on_event(run->opts->ctx, e);
}

static int cause_status(const struct sim_event *cause)
{
    return (int)cmn_json_int(cause->details, "status", 0);
}

static void differs(struct sim_verdict *v, const char *what, const char *want, const char *got)
{
    if (!v->why[0])
        (void)snprintf(v->why, sizeof(v->why), "%s is %.160s, expected is %.160s", what,
                       got && *got ? got : "none", want);
}

static void judge_cause(const struct sim_run *run, struct sim_verdict *v)
{
    const struct sim_expect *want = &run->plan->expect;
    char got_status[16], want_status[16];
    const struct sim_event *cause = v->cause;

    if (want->phase != SIM_PHASE_NONE && want->phase != cause->phase)
        differs(v, "phase", sim_phase_name(want->phase), sim_phase_name(cause->phase));
    /* another's KBS does not tell why: what is not told is not compared */
    bool hidden = run->opts->kbs_url &&
                  (cause->code == CMN_REASON_NONE || cause->code == CMN_REASON_POLICY_DENIED);
    if (want->code != CMN_REASON_NONE && want->code != cause->code && !hidden)
        differs(v, "code", cmn_reason_name(want->code), cmn_reason_name(cause->code));
    (void)snprintf(got_status, sizeof(got_status), "%d", cause_status(cause));
    (void)snprintf(want_status, sizeof(want_status), "%d", want->status);
    if (want->status && strcmp(got_status, want_status) != 0)
        differs(v, "status", want_status, got_status);
}

static bool in_output(const struct sim_run *run, const char *text)
{
    for (size_t i = 0; i < run->plan->pod.n_containers; i++) {
        const struct cmn_buf *b = &run->outputs[i].stream[SIM_STDOUT];
        if (b->len && memmem(b->data, b->len, text, strlen(text)))
            return true;
    }
    return false;
}

static void judge_rest(const struct sim_run *run, struct sim_verdict *v)
{
    const struct sim_expect *want = &run->plan->expect;

    for (size_t i = 0; i < want->stdout_contains.n; i++)
        if (!v->why[0] && !in_output(run, want->stdout_contains.items[i]))
            (void)snprintf(v->why, sizeof(v->why), "the container's stdout does not hold '%.200s'",
                           want->stdout_contains.items[i]);
    for (size_t i = 0; i < want->n_warns; i++)
        if (!v->why[0] && !run->warned[want->warns[i]] && !run->opts->kbs_url)
            (void)snprintf(v->why, sizeof(v->why), "the warning %s did not come",
                           cmn_reason_name(want->warns[i]));
}

void sim_run_judge(struct sim_run *run, struct sim_verdict *ret)
{
    struct sim_verdict v = {.interrupted = run->interrupted, .exit_code = run->exit_code};

    v.actual = run->completed ? SIM_RESULT_COMPLETED : SIM_RESULT_FAILED;
    if (!run->completed) {
        v.cause = cmn_take(run->cause);
        if (v.cause && v.cause->outcome == SIM_REFUSED)
            v.actual = SIM_RESULT_REFUSED;
    }
    if (v.actual != run->plan->expect.outcome)
        differs(&v, "outcome", sim_result_name(run->plan->expect.outcome),
                sim_result_name(v.actual));
    else if (v.cause)
        judge_cause(run, &v);
    judge_rest(run, &v);
    if (v.interrupted)
        (void)snprintf(v.why, sizeof(v.why), "the run was interrupted");
    v.passed = !v.why[0];
    *ret = v;
}

void sim_verdict_done(struct sim_verdict *v)
{
    sim_event_free(v->cause);
    v->cause = NULL;
}

static void words(char *ret, size_t cap, enum sim_result result, enum sim_phase phase,
                  enum cmn_reason code, int status)
{
    size_t n = (size_t)snprintf(ret, cap, "%s", sim_result_name(result));

    if (phase != SIM_PHASE_NONE && n < cap)
        n += (size_t)snprintf(ret + n, cap - n, " in %s", sim_phase_name(phase));
    if (code != CMN_REASON_NONE && n < cap)
        n += (size_t)snprintf(ret + n, cap - n, " with %s", cmn_reason_name(code));
    if (status && n < cap)
        (void)snprintf(ret + n, cap - n, " (%d)", status);
}

void sim_verdict_expected(const struct sim_plan *plan, char *ret, size_t cap)
{
    const struct sim_expect *e = &plan->expect;

    words(ret, cap, e->outcome, e->phase, e->code, e->status);
    for (size_t i = 0; i < e->n_warns; i++) {
        size_t n = strlen(ret);
        (void)snprintf(ret + n, cap - n, "%s%s", i ? ", " : " with warning ",
                       cmn_reason_name(e->warns[i]));
    }
}

void sim_verdict_actual(const struct sim_verdict *v, char *ret, size_t cap)
{
    if (v->cause)
        words(ret, cap, v->actual, v->cause->phase, v->cause->code, cause_status(v->cause));
    else
        words(ret, cap, v->actual, SIM_PHASE_NONE, CMN_REASON_NONE, 0);
}
