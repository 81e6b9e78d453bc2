/* report-internal.h - shared by the two voices of a report; private to sim/report. */
#ifndef SIM_REPORT_INTERNAL_H
#define SIM_REPORT_INTERNAL_H

#include "sim/report/report.h"

#include <pthread.h>

enum { LOG_KEPT = 20, OUTPUT_STREAMS = 64, OUTPUT_LINE = 1024 };

struct sim_report {
    struct sim_report_opts opts;
    pthread_mutex_t lock; /* of out and of all below */

    /* JSON in canonical order */
    struct sim_event **held;
    size_t n_held, cap_held;

    /* text */
    int64_t start_ms;
    int64_t phase_start_ms[SIM_PHASE_COUNT];
    unsigned layers, layers_encrypted; /* of the image that is being pulled */
    unsigned told[CMN_REASON_COUNT];   /* lines with this code so far */
    enum sim_phase open;               /* what the spinner shows */
    unsigned frame;
    bool spinner_runs, spinner_stop;
    bool spinner_shown;
    pthread_t spinner;
    pthread_cond_t wake;
    struct { /* a stream's unfinished line */
        char who[80];
        enum sim_stream stream;
        char line[OUTPUT_LINE];
        size_t len;
    } partial[OUTPUT_STREAMS];
    char *log[LOG_KEPT]; /* the guest's last words */
    size_t log_at;
};

/* text.c */
int64_t sim_report_now_ms(void);
void sim_text_begin(struct sim_report *rep, const struct sim_plan *plan);
void sim_text_event(struct sim_report *rep, const struct sim_event *event);
void sim_text_output(struct sim_report *rep, const char *container, enum sim_stream stream,
                     struct cmn_bytes bytes);
void sim_text_log(struct sim_report *rep, const char *actor, const char *text);
void sim_text_end(struct sim_report *rep, const struct sim_plan *plan,
                  const struct sim_verdict *verdict);
/*
 * clean.c: outside text for a terminal. Control characters become blanks, what is no UTF-8 becomes
 * '?'.
 */
void sim_text_put(FILE *out, const char *text);
/* Length of the text, at most max and not inside a character. */
size_t sim_text_cut(const char *text, size_t max);
/* A milestone's meaning; false when the event is none. */
bool sim_text_phrase(const struct sim_report *rep, const struct sim_event *event, char *out,
                     size_t cap);
void sim_text_spinner_stop(struct sim_report *rep); /* without the lock */

#endif
