/*
 * run.h - the engine: one plan in, events and a verdict out.
 *
 *     struct sim_run_opts opts = {.env = env, .cache_dir = dir, .guest_bin_dir = bin, .stop_fd =
 * -1, .on_event = print, .ctx = me}; struct sim_verdict v = {0}; r = sim_run(plan, &opts, &v,
 * &err);
 *     ... v.passed, v.actual, v.cause ...
 *     sim_verdict_done(&v);
 *
 * Order: supervisor (the caller is single-threaded then, and again when sim_run returns), images,
 * PSP launch, key broker, machine, servers on the machine's listeners, the agent's calls, teardown,
 * verdict. Everything a run starts is gone when sim_run returns. Callbacks come from several
 * threads, events one at a time.
 */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/adaptor/adaptor.h"
#include "sim/event/event.h"
#include "sim/scenario/plan.h"

struct sim_run_vm {           /* for backends "vm" and "snp" */
    const char *image_dir;    /* as scripts/build-guest-image makes it */
    const char *emulator;     /* absolute path of QEMU */
    bool kvm;                 /* known to work */
    const char *snp_firmware; /* of backend "snp": an AmdSev OVMF; else NULL */
};

struct sim_run_opts {
    struct cmn_env *env; /* seeded: the run repeats byte for byte */
    const char *backend; /* NULL: "process" */
    const struct sim_run_vm *vm;
    const char *cache_dir; /* keeps the test chain and image fixtures */
    const char *guest_bin_dir;
    const char *fixture_script; /* makes a missing image fixture: SCRIPT NAME FOLDER; NULL: none */
    const char *kbs_url;    /* somebody else's KBS, in place of the run's own; NULL: the run's */
    const char *kbs_ca_pem; /* trusted for it beside the system's, NULL: none */
    const char *kbs_admin_bearer; /* admin token for it, NULL: it asks for none */
    bool keep; /* backend vm: after the flow the guest stays, with a shell, until stop_fd */
    const char *bundle_dir; /* what cocobox replay needs goes there; NULL: nothing is written */
    int stop_fd;            /* readable: stop the run (signalfd); -1: none. It is not read */
    sim_bus_subscriber *on_event;
    /* The workload's output as it comes. NULL: none. */
    void (*on_output)(void *ctx, const char *container, enum sim_stream stream,
                      struct cmn_bytes bytes);
    /* A log line of the guest. NULL: none. */
    void (*on_log)(void *ctx, const char *actor, const char *text);
    void *ctx;
};

struct sim_verdict {
    bool passed;
    bool interrupted;
    enum sim_result actual;
    struct sim_event *cause; /* the first refused or failed event; NULL when completed */
    int exit_code; /* of the first container that did not end with the expected one, else its */
    char why[512]; /* what differs from expect:, "" when passed */
};

/* Negative: the environment does not let the run happen (exit 3); a reason may be in err. */
int sim_run(const struct sim_plan *plan, const struct sim_run_opts *opts, struct sim_verdict *ret,
            struct cmn_err *err) CMN_MUST_USE;
void sim_verdict_done(struct sim_verdict *verdict);

/* "refused in attest with snp.signature-invalid (401)": the expected and the actual end in words.
 */
void sim_verdict_expected(const struct sim_plan *plan, char *ret, size_t cap);
void sim_verdict_actual(const struct sim_verdict *verdict, char *ret, size_t cap);

#endif
