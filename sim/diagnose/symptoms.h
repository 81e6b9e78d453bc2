/*
 * symptoms.h - what users of upstream see of a reason code (symptoms.def): the second table beside
 * common/err/reason.h, keyed by the code.
 */
#ifndef SIM_SYMPTOMS_H
#define SIM_SYMPTOMS_H

#include "common/buf/buf.h"

struct sim_symptom {       /* "" = nothing is seen there */
    const char *client;    /* kbs-client, attestation agent, data hub */
    const char *kbs_log;   /* the log of the KBS */
    const char *pod_event; /* kubectl describe pod */
    const char *causes;    /* usual ones */
    const char *prove;     /* the one command that proves it */
};

/* NULL when the code has no row (a test forbids that), or for NONE. */
const struct sim_symptom *sim_symptom_of(enum cmn_reason reason);

/* docs/reasons.md: both tables as Markdown. Appends to ret. -ENOMEM. */
int sim_symptom_markdown(struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;

#endif
