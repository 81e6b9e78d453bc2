/* kds-throttle.h - who asked for what when: the same request again within a time is too soon. */
#ifndef FTEE_KDS_THROTTLE_H
#define FTEE_KDS_THROTTLE_H

#include "common/env/env.h"

#define FTEE_KDS_REMEMBERED 1024 /* more different requests within the time: the oldest goes */

struct ftee_kds_throttle {
    struct {
        uint8_t digest[32]; /* of the request */
        int64_t at_ms;
        bool used;
    } slots[FTEE_KDS_REMEMBERED];
};

/* 1: too soon (and the time does not begin anew); 0: go on, and it is remembered. */
int ftee_kds_too_soon(struct ftee_kds_throttle *throttle, struct cmn_env *env, const char *request,
                      unsigned within_ms, struct cmn_err *err) CMN_MUST_USE;

#endif
