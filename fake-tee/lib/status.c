/* status.c - see status.h. */
#include "status.h"

#include <stdarg.h>
#include <stdio.h>

static const char *name_of(enum ftee_status status)
{
    switch (status) {
    case FTEE_STATUS_OK:
        return "ok";
    case FTEE_STATUS_POLICY_FAILURE:
        return "policy failure";
    case FTEE_STATUS_BAD_SIGNATURE:
        return "bad signature";
    case FTEE_STATUS_BAD_MEASUREMENT:
        return "bad measurement";
    case FTEE_STATUS_INVALID_PARAM:
        return "invalid parameter";
    case FTEE_STATUS_BAD_SVN:
        return "bad SVN";
    case FTEE_STATUS_BAD_VERSION:
        return "bad version";
    case FTEE_STATUS_INVALID_KEY:
        return "invalid key";
    }
    return "unknown";
}

int ftee_refuse(struct cmn_err *err, const char *command, enum ftee_status status, const char *fmt,
                ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return cmn_err_reason(err, EPERM, CMN_REASON_PSP_COMMAND_REFUSED, "%s: status 0x%X (%s): %s",
                          command, (unsigned)status, name_of(status), text);
}
