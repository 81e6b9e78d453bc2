/*
 * why.h - logs, event lists and descriptions in, likely reason codes out, ranked, each with the
 * line that speaks for it. Constant memory whatever the length of the text.
 *
 *     struct sim_why *w = NULL;
 *     int r = sim_why_new(&w, &err);
 *     sim_why_feed(w, bytes, len);                       // as often as wanted
 *     n = sim_why_finish(w, found, CMN_ARRAY_SIZE(found));
 *     sim_why_free(w);
 *
 * The patterns are those of patterns.def and the names of the reason codes themselves (cocobox's
 * own events). Without a line that speaks for it no code is ever named.
 */
#ifndef SIM_WHY_H
#define SIM_WHY_H

#include "common/buf/buf.h"

enum { SIM_WHY_TEXT = 320 };

struct sim_why_finding {
    enum cmn_reason reason;
    unsigned weight;          /* of the best pattern: 90 the cause itself ... 30 a consequence */
    unsigned long long line;  /* from 1, of the text below */
    unsigned long long lines; /* how many lines speak for it */
    char text[SIM_WHY_TEXT];  /* the line, cut around the match; control bytes are '?' */
};

struct sim_why;

int sim_why_new(struct sim_why **ret, struct cmn_err *err) CMN_MUST_USE;
void sim_why_free(struct sim_why *w);
void sim_why_feed(struct sim_why *w, const void *data, size_t len);
/* Best first: weight, then the earlier line. To be called once. Returns how many (<= cap). */
size_t sim_why_finish(struct sim_why *w, struct sim_why_finding *out, size_t cap);

#endif
