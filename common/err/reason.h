/*
 * reason.h - the one table of reason codes (reasons.def): stable name, phase, meaning, hint.
 *
 * Code can only name codes of the table (the enum is made from it), so no program can emit one that
 * is not documented. Names are for users and never change once released.
 */
#ifndef CMN_REASON_H
#define CMN_REASON_H

enum cmn_reason {
    CMN_REASON_NONE = 0,
#define REASON(id, name, phase, meaning, hint) CMN_REASON_##id,
#include "common/err/reasons.def"
#undef REASON
    CMN_REASON_COUNT
};

struct cmn_reason_info {
    const char *name;    /* "snp.report-data-mismatch" */
    const char *phase;   /* the phase it usually belongs to */
    const char *meaning; /* one sentence */
    const char *hint;    /* what to change */
};

/* Never NULL; for NONE and unknown values the name is "". */
const struct cmn_reason_info *cmn_reason_info(enum cmn_reason reason);
const char *cmn_reason_name(enum cmn_reason reason);
/* CMN_REASON_NONE when no code has this name (or name is NULL). */
enum cmn_reason cmn_reason_by_name(const char *name);

#endif
