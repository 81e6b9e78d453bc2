/* report.c - JSON lines, and the choice between them and text; see report.h. */
#include "sim/report/report-internal.h"

#include <stdlib.h>
#include <string.h>

int sim_report_new(const struct sim_report_opts *opts, struct sim_report **ret, struct cmn_err *err)
{
    struct sim_report *rep = calloc(1, sizeof(*rep));

    if (!rep)
        return cmn_err_set(err, ENOMEM, "no memory");
    rep->opts = *opts;
    rep->open = SIM_PHASE_NONE;
    (void)pthread_mutex_init(&rep->lock, NULL);
    (void)pthread_cond_init(&rep->wake, NULL);
    *ret = rep;
    return 0;
}

static void drop_held(struct sim_report *rep)
{
    for (size_t i = 0; i < rep->n_held; i++)
        sim_event_free(rep->held[i]);
    rep->n_held = 0;
}

void sim_report_free(struct sim_report *rep)
{
    if (!rep)
        return;
    sim_text_spinner_stop(rep);
    drop_held(rep);
    free(rep->held);
    for (size_t i = 0; i < LOG_KEPT; i++)
        free(rep->log[i]);
    (void)pthread_cond_destroy(&rep->wake);
    (void)pthread_mutex_destroy(&rep->lock);
    free(rep);
}

static void print_event(struct sim_report *rep, const struct sim_event *e)
{
    auto_free char *line = sim_event_line(e);

    if (line)
        (void)fprintf(rep->opts.out, "%s\n", line);
    (void)fflush(rep->opts.out);
}

static void hold(struct sim_report *rep, const struct sim_event *e)
{
    struct sim_event *copy = sim_event_copy(e);

    if (rep->n_held == rep->cap_held) {
        size_t cap = rep->cap_held ? 2 * rep->cap_held : 64;
        struct sim_event **more = realloc(rep->held, cap * sizeof(*more));
        if (!more) {
            sim_event_free(copy);
            return;
        }
        rep->held = more;
        rep->cap_held = cap;
    }
    if (copy)
        rep->held[rep->n_held++] = copy;
}

static int canonical(const void *pa, const void *pb)
{
    const struct sim_event *a = *(const struct sim_event *const *)pa;
    const struct sim_event *b = *(const struct sim_event *const *)pb;
    int by_actor = strcmp(a->actor, b->actor);

    if (a->phase != b->phase)
        return a->phase < b->phase ? -1 : 1;
    if (by_actor)
        return by_actor;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static void print_held(struct sim_report *rep)
{
    if (rep->n_held)
        qsort(rep->held, rep->n_held, sizeof(struct sim_event *), canonical);
    for (size_t i = 0; i < rep->n_held; i++)
        print_event(rep, rep->held[i]);
    drop_held(rep);
}

void sim_report_begin(struct sim_report *rep, const struct sim_plan *plan)
{
    if (!rep->opts.json)
        sim_text_begin(rep, plan);
}

void sim_report_event(void *ctx, const struct sim_event *e)
{
    struct sim_report *rep = ctx;

    (void)pthread_mutex_lock(&rep->lock);
    if (!rep->opts.json)
        sim_text_event(rep, e);
    else if (rep->opts.ordered)
        hold(rep, e);
    else
        print_event(rep, e);
    (void)pthread_mutex_unlock(&rep->lock);
}

void sim_report_output(void *ctx, const char *container, enum sim_stream stream,
                       struct cmn_bytes bytes)
{
    struct sim_report *rep = ctx;

    if (rep->opts.json)
        return; /* told by the event container.output */
    (void)pthread_mutex_lock(&rep->lock);
    sim_text_output(rep, container, stream, bytes);
    (void)pthread_mutex_unlock(&rep->lock);
}

void sim_report_log(void *ctx, const char *actor, const char *text)
{
    struct sim_report *rep = ctx;

    (void)pthread_mutex_lock(&rep->lock);
    sim_text_log(rep, actor, text);
    (void)pthread_mutex_unlock(&rep->lock);
}

static void print_verdict(struct sim_report *rep, const char *scenario, const char *verdict,
                          const char *expected, const char *actual, const char *why)
{
    auto_json json_t *o = json_pack(
        "{s:o, s:s, s:s*, s:s*, s:o*}", "scenario", cmn_json_text(scenario), "verdict", verdict,
        "expected", expected, "actual", actual, "why", why ? cmn_json_text(why) : NULL);
    auto_free char *line = o ? cmn_json_dump(o) : NULL;

    if (line)
        (void)fprintf(rep->opts.out, "%s\n", line);
    (void)fflush(rep->opts.out);
}

void sim_report_end(struct sim_report *rep, const struct sim_plan *plan,
                    const struct sim_verdict *verdict)
{
    char expected[512], actual[512];

    if (!rep->opts.json) {
        sim_text_end(rep, plan, verdict);
        return;
    }
    print_held(rep);
    sim_verdict_expected(plan, expected, sizeof(expected));
    sim_verdict_actual(verdict, actual, sizeof(actual));
    print_verdict(rep, plan->name, verdict->passed ? "passed" : "failed", expected, actual,
                  verdict->why[0] ? verdict->why : NULL);
}

void sim_report_no_run(struct sim_report *rep, const char *scenario, const char *verdict,
                       const char *why)
{
    sim_text_spinner_stop(rep);
    if (rep->opts.json) {
        print_held(rep);
        print_verdict(rep, scenario, verdict, NULL, NULL, why);
    } else if (strcmp(verdict, "skipped") == 0) {
        (void)fputs("SKIP ", rep->opts.out);
        sim_text_put(rep->opts.out, scenario);
        (void)fputs(": ", rep->opts.out);
        sim_text_put(rep->opts.out, why);
        (void)fputc('\n', rep->opts.out);
    }
}
