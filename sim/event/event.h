/*
 * event.h - everything that happens in a run is an event; display, JSON and expect: read nothing
 * else.
 *
 *     struct sim_bus *bus = NULL;
 *     r = sim_bus_new(env, &bus, &err);
 *     sim_bus_subscribe(bus, print_line, NULL);
 *     sim_bus_emit(bus, &(struct sim_event){.phase = SIM_PHASE_ATTEST, .actor = "kbs", .name =
 * "kbs.attest", .outcome = SIM_REFUSED, .code = CMN_REASON_SNP_TCB_MISMATCH, .message = "..."});
 *
 * As JSON, one line: {"t_ms","phase","actor","name","outcome","code","message","details"}; code,
 * message and details only where there are any.
 */
#ifndef SIM_EVENT_H
#define SIM_EVENT_H

#include "common/env/env.h"
#include "common/json/json.h"

enum sim_phase {
    SIM_PHASE_NONE = -1,
    SIM_PHASE_CREATE_PEER_POD,
    SIM_PHASE_BOOT,
    SIM_PHASE_ATTEST,
    SIM_PHASE_RELEASE_KEY,
    SIM_PHASE_PULL_IMAGE,
    SIM_PHASE_START_CONTAINER,
    SIM_PHASE_TEARDOWN,
    SIM_PHASE_COUNT
};

enum sim_outcome {
    SIM_BEGIN,
    SIM_OK,
    SIM_REFUSED,
    SIM_FAILED,
    SIM_WARN,
    SIM_INFO,
    SIM_OUTCOME_COUNT
};

/* "create-peer-pod", ...; NULL outside the range. By name: -ENOENT. */
const char *sim_phase_name(enum sim_phase phase);
int sim_phase_by_name(const char *name, enum sim_phase *ret) CMN_MUST_USE;
const char *sim_outcome_name(enum sim_outcome outcome);
int sim_outcome_by_name(const char *name, enum sim_outcome *ret) CMN_MUST_USE;

struct sim_event { /* all borrowed for the call */
    uint64_t seq;  /* from 1, given by the bus */
    uint64_t t_ms; /* since the bus was made, given by the bus */
    enum sim_phase phase;
    const char
        *actor;       /* "cocobox", "adaptor", "kbs", "psp", "registry", "attestation-agent", ... */
    const char *name; /* "kbs.attest" */
    enum sim_outcome outcome;
    enum cmn_reason code;
    const char *message;   /* NULL: none */
    const json_t *details; /* object, NULL: none */
};

/* One line without its line break, malloc'ed; NULL without memory. Invalid UTF-8 becomes '?'. */
char *sim_event_line(const struct sim_event *event);
/* A copy that owns its parts; free with sim_event_free. NULL without memory. */
struct sim_event *sim_event_copy(const struct sim_event *event);
void sim_event_free(struct sim_event *event);

/* ---- the bus ---- */

struct sim_bus;
typedef void sim_bus_subscriber(void *ctx, const struct sim_event *event);

int sim_bus_new(struct cmn_env *env, struct sim_bus **ret, struct cmn_err *err) CMN_MUST_USE;
void sim_bus_free(struct sim_bus *bus); /* NULL ok */
/* Before the first event; at most 8. Called one event at a time, in order; must not emit. */
int sim_bus_subscribe(struct sim_bus *bus, sim_bus_subscriber *call, void *ctx) CMN_MUST_USE;
/* From any thread. seq and t_ms of `event` are not read. */
void sim_bus_emit(struct sim_bus *bus, const struct sim_event *event);

/* ---- what the guest says ---- */

#define SIM_GUEST_LINE_MAX   (16u << 10) /* longer lines are cut by who reads the console */
#define SIM_GUEST_EVENTS_MAX 10000       /* per run; the rest is dropped and told once */

/*
 * One console line, without its line break: "actor: text" or "actor: \x1e{json}". Hostile input: an
 * event must have a known phase and outcome, names of [a-z0-9._-] up to 64 characters, a code of
 * the table, message up to 2000 bytes, details up to 8 deep. Actors are a fixed list; another one
 * is "guest". Returns 1 and emits when it was an event, 0 when it is text (*ret_text points into
 * line), -EBADMSG for an event that breaks a rule (nothing is emitted).
 */
int sim_event_from_console(struct sim_bus *bus, char *line, const char **ret_actor,
                           const char **ret_text, struct cmn_err *err) CMN_MUST_USE;

#endif
