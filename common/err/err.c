/* err.c - formatting of error context; see err.h. */
#include "common/err/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static int set(struct cmn_err *err, int code,
                                                     enum cmn_reason reason, const char *fmt,
                                                     va_list ap)
{
    if (err) {
        err->code = code;
        err->reason = reason;
        (void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    }
    return -code;
}

int(cmn_err_set)(struct cmn_err *err, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)set(err, code, CMN_REASON_NONE, fmt, ap);
    va_end(ap);
    return -code;
}

int(cmn_err_reason)(struct cmn_err *err, int code, enum cmn_reason reason, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)set(err, code, reason, fmt, ap);
    va_end(ap);
    return -code;
}

int(cmn_err_wrap)(struct cmn_err *err, int r, const char *fmt, ...)
{
    char inner[sizeof(err->msg)];
    va_list ap;

    if (!err)
        return r;
    memcpy(inner, err->msg, sizeof(inner));
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(err->msg))
        (void)snprintf(err->msg + n, sizeof(err->msg) - (size_t)n, ": %s", inner);
    if (!err->code)
        err->code = -r;
    return r;
}

void cmn_err_clear(struct cmn_err *err)
{
    if (err) {
        err->code = 0;
        err->reason = CMN_REASON_NONE;
        err->msg[0] = '\0';
    }
}
