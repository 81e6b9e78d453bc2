/* emit.c - events of the engine itself; see run-internal.h. */
#include "sim/run/run-internal.h"

void sim_run_emit(struct sim_run *run, enum sim_phase phase, const char *actor, const char *name,
                  enum sim_outcome outcome, enum cmn_reason code, const char *message,
                  json_t *details)
{
    sim_bus_emit(run->bus, &(struct sim_event){.phase = phase,
                                               .actor = actor,
                                               .name = name,
                                               .outcome = outcome,
                                               .code = code,
                                               .message = message && *message ? message : NULL,
                                               .details = details});
    json_decref(details);
}

void sim_run_emit_err(struct sim_run *run, enum sim_phase phase, const char *actor,
                      const char *name, const struct cmn_err *err)
{
    bool check = err->code == EACCES || err->code == EKEYREJECTED || err->code == EBADMSG;

    sim_run_emit(run, phase, actor, name, check ? SIM_REFUSED : SIM_FAILED, err->reason, err->msg,
                 NULL);
}
