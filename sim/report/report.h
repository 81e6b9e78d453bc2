/*
 * report.h - a run told to people (live on a terminal, plain lines elsewhere) or to programs (JSON
 * lines).
 *
 *     struct sim_report *rep = NULL;
 *     r = sim_report_new(&(struct sim_report_opts){.out = stdout, .json = false}, &rep, &err);
 *     sim_report_begin(rep, plan);
 *     opts.on_event = sim_report_event; opts.on_output = sim_report_output; opts.on_log =
 * sim_report_log; opts.ctx = rep;
 *     ... sim_run ...
 *     sim_report_end(rep, plan, &verdict);
 *     sim_report_free(rep);
 *
 * With `ordered` JSON lines are held until the end and printed in a canonical order (phase, actor,
 * each actor's own order): what several actors do at once has no order of its own, and a seeded run
 * prints the same bytes every time. The last JSON line is the verdict:
 * {"scenario","verdict","expected","actual","why"}.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim/run/run.h"

#include <stdio.h>

struct sim_report_opts {
    FILE *out; /* borrowed */
    bool json;
    bool ordered;
    bool live;    /* out is a terminal */
    bool verbose; /* every event, and the guest's log */
};

struct sim_report;

int sim_report_new(const struct sim_report_opts *opts, struct sim_report **ret,
                   struct cmn_err *err) CMN_MUST_USE;
void sim_report_free(struct sim_report *rep); /* NULL ok */

void sim_report_begin(struct sim_report *rep, const struct sim_plan *plan);
void sim_report_event(void *rep, const struct sim_event *event);
void sim_report_output(void *rep, const char *container, enum sim_stream stream,
                       struct cmn_bytes bytes);
void sim_report_log(void *rep, const char *actor, const char *text);
void sim_report_end(struct sim_report *rep, const struct sim_plan *plan,
                    const struct sim_verdict *verdict);
/* Instead of sim_report_end: the run was skipped or could not happen. verdict: "skipped" or
 * "error". */
void sim_report_no_run(struct sim_report *rep, const char *scenario, const char *verdict,
                       const char *why);

#endif
