/*
 * err.h - errors that carry context and a reason code.
 *
 *     struct cmn_err err = {0};
 *     int r = snp_report_decode(bytes, len, &report, &err);
 *     if (r < 0)
 *         return cmn_err_wrap(&err, r, "evidence of guest '%s'", id);
 *
 * Every fallible function returns 0 (or a count) on success and a negative errno on failure, and
 * fills `err` (which may be NULL). The innermost function says what was found and what was wanted;
 * each layer adds only what it alone knows. A refusal also carries a reason code (reason.h).
 * No secret ever enters a message; outside text is quoted and capped by the caller (%.64s).
 */
#ifndef CMN_ERR_H
#define CMN_ERR_H

#include "common/err/reason.h"

#include <errno.h>

struct cmn_err {
    int code;               /* positive errno, 0 = no error */
    enum cmn_reason reason; /* CMN_REASON_NONE when no check refused */
    char msg[1024];
};

/* Sets code and message; keeps reason at NONE. Returns -code. */
int cmn_err_set(struct cmn_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with a reason code: used by checks that refuse. Returns -code. */
int cmn_err_reason(struct cmn_err *err, int code, enum cmn_reason reason, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "fmt: " before the message that is there, keeps code and reason. Returns r. */
int cmn_err_wrap(struct cmn_err *err, int r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

void cmn_err_clear(struct cmn_err *err);

/* What they return, said to the static analyser, which sees one source file at a time: below zero.
 */
#ifdef __clang_analyzer__
#define cmn_err_neg_(code) (__builtin_constant_p(code) ? -(code) : -1)
#define cmn_err_set(err, code, ...)                                                                \
    ((void)(cmn_err_set)((err), (code), __VA_ARGS__), cmn_err_neg_(code))
#define cmn_err_reason(err, code, reason, ...)                                                     \
    ((void)(cmn_err_reason)((err), (code), (reason), __VA_ARGS__), cmn_err_neg_(code))
#define cmn_err_wrap(err, r, ...) ((void)(cmn_err_wrap)((err), (r), __VA_ARGS__), (r))
#endif

#define CMN_MUST_USE __attribute__((warn_unused_result))

/* For the few places where a failure really changes nothing; say why beside it. */
#define CMN_IGNORE(call)                                                                           \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
        }                                                                                          \
    } while (0)

/* Hands an owned pointer over: the value moves out, the local becomes NULL. */
#define cmn_take(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) cmn_taken_ = (p);                                                            \
        (p) = NULL;                                                                                \
        cmn_taken_;                                                                                \
    })

#define CMN_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
