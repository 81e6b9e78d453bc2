/* status.h - status codes of the firmware (AMD 56860, "Status Codes"; linux/psp-sev.h). */
#ifndef FTEE_STATUS_H
#define FTEE_STATUS_H

#include "common/err/err.h"

#include <stdint.h>

enum ftee_status {
    FTEE_STATUS_OK = 0,
    FTEE_STATUS_POLICY_FAILURE = 0x07,
    FTEE_STATUS_BAD_SIGNATURE = 0x0A,
    FTEE_STATUS_BAD_MEASUREMENT = 0x0B,
    FTEE_STATUS_INVALID_PARAM = 0x16,
    FTEE_STATUS_BAD_SVN = 0x21,
    FTEE_STATUS_BAD_VERSION = 0x22,
    FTEE_STATUS_INVALID_KEY = 0x27,
};

/* "COMMAND: status 0x7 (policy failure): ..."; -EPERM, reason psp.command-refused. */
int ftee_refuse(struct cmn_err *err, const char *command, enum ftee_status status, const char *fmt,
                ...) __attribute__((format(printf, 4, 5)));

#endif
