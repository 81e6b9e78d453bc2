/*
 * log.h - one line per event on stderr, in the form upstream's programs print:
 *
 *     2026-01-01T00:00:00.000000Z  WARN kbs_lite: text
 *
 * For programs only: libraries return errors. No secret is ever given to it. Line breaks and
 * control characters of outside text are printed as '?', so one call is one line.
 */
#ifndef CMN_LOG_H
#define CMN_LOG_H

#include "common/env/env.h"

enum cmn_log_level { CMN_LOG_ERROR, CMN_LOG_WARN, CMN_LOG_INFO, CMN_LOG_DEBUG };

/* Level and clock of the process; the default is INFO and the system's clock. env is not owned. */
void cmn_log_setup(enum cmn_log_level level, struct cmn_env *env);
/* The two halves of it, for programs that load no crypto library: log.o alone needs no env. */
typedef int64_t cmn_log_clock_fn(void *ctx); /* milliseconds since 1970 */
void cmn_log_threshold(enum cmn_log_level level);
void cmn_log_clock(cmn_log_clock_fn *now_ms, void *ctx); /* NULL: the system's */
/* "error", "warn", "info", "debug" ("trace" counts as debug), any case; -EINVAL. */
int cmn_log_level_parse(const char *text, enum cmn_log_level *ret) CMN_MUST_USE;
void cmn_log(enum cmn_log_level level, const char *target, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
