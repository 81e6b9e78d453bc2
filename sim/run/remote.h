/*
 * remote.h - somebody else's KBS in the place of the run's own broker: what the guest sends is
 * passed on, what comes back is told as events, and what the scenario wants it to hold is set as
 * its admin.
 *
 * The guest still speaks HTTP to the run's listener. Reason codes are as far as the wire tells
 * them: why evidence was refused, a KBS does not say.
 */
#ifndef SIM_RUN_REMOTE_H
#define SIM_RUN_REMOTE_H

#include "sim/run/run-internal.h"

/* Passes one request on. No answer from the KBS is 502, and an event. Any thread. */
void sim_remote_handle(struct sim_run *run, const struct cmn_http_request *req,
                       struct cmn_http_response *resp);
/* As its admin. -EACCES with what it answered; what it holds of this name is overwritten. */
int sim_remote_put_resource(struct sim_run *run, const char *path, struct cmn_bytes bytes,
                            struct cmn_err *err) CMN_MUST_USE;
int sim_remote_put_references(struct sim_run *run, const json_t *values,
                              struct cmn_err *err) CMN_MUST_USE;
/* The resource policy of a named set; attestation policies stay what they are. */
int sim_remote_put_policy(struct sim_run *run, const char *set, struct cmn_err *err) CMN_MUST_USE;

#endif
