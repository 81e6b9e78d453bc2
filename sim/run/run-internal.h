/* run-internal.h - the parts of one run; private to sim/run. */
#ifndef SIM_RUN_INTERNAL_H
#define SIM_RUN_INTERNAL_H

#include "fake-tee/psp.h"
#include "kbs-lite/kbs.h"
#include "sim/backend/backend.h"
#include "sim/registry/registry.h"
#include "sim/run/run.h"

#include <pthread.h>

enum {
    OUTPUT_KEPT_MAX = 1 << 20, /* per stream, for expect: and --json */
    MAX_REGISTRIES = 12,
    MAX_WARNS_SEEN = CMN_REASON_COUNT,
};

#define SIM_KBS_URL "http://kbs.local:8080"

struct sim_output {
    struct cmn_buf stream[2];
    bool cut[2];
};

struct sim_registry_host { /* one host[:port] that images are pulled from */
    char name[256];        /* without the port */
    char host[256];        /* with it */
    uint16_t port;
    char listener[32];
};

struct sim_run {
    const struct sim_plan *plan;
    const struct sim_run_opts *opts;
    struct sim_bus *bus;

    /* launch */
    struct cmn_supervisor *sup;
    struct ftee_ca *ca;
    struct ftee_psp *psp;
    struct sim_initdata initdata;
    uint8_t programs[32]; /* hash over the guest's programs */
    char *vm_boot;        /* backend vm: what is booted, as text for the launch; else NULL */
    char sandbox_id[65];
    char seed[65]; /* for the guest, "" without one */

    /* images */
    struct sim_oci_store **stores;  /* per image: what is served */
    struct sim_oci_store **sources; /* per image: what it was made from, NULL if the same */
    json_t **configs;
    struct sim_registry *registry;
    struct sim_registry_host hosts[MAX_REGISTRIES];
    size_t n_hosts;

    /* servers */
    struct kbs *kbs;
    struct ftee_kds *kds;
    struct ftee_kds_server *kds_server;
    struct sim_machine *machine;
    struct cmn_http_server *kbs_server;
    struct cmn_http_server *registry_servers[MAX_REGISTRIES];
    struct ftee_psp_server *psp_server;

    /* what the guest says */
    pthread_t console;
    bool console_runs;

    /* deadline and signals */
    pthread_t watcher;
    bool watcher_runs;
    int watch_pipe[2];

    struct sim_adaptor *adaptor;
    struct sim_output *outputs; /* per container */
    pthread_mutex_t lock;       /* of what follows */
    bool stopped;               /* by deadline or signal */
    bool interrupted;
    json_t *first_evidence; /* wire.attest replay */

    /* seen by our subscriber, under the bus's lock */
    struct sim_event *cause;
    bool warned[CMN_REASON_COUNT];
    bool completed;
    int exit_code;
};

/* emit.c */
void sim_run_emit(struct sim_run *run, enum sim_phase phase, const char *actor, const char *name,
                  enum sim_outcome outcome, enum cmn_reason code, const char *message,
                  json_t *details /* taken over */);
/* A failure from err: refused when a check said no (-EACCES, -EKEYREJECTED, -EBADMSG), else failed.
 */
void sim_run_emit_err(struct sim_run *run, enum sim_phase phase, const char *actor,
                      const char *name, const struct cmn_err *err);

/* The machine when the guest starts; then moved to what the scenario says (see platform.c). */
int sim_run_platform_new(struct ftee_ca *ca, const struct sim_guest_spec *guest,
                         struct ftee_platform **ret, struct cmn_err *err) CMN_MUST_USE;
int sim_run_platform_settle(struct ftee_platform *platform, const struct sim_platform_spec *spec,
                            struct cmn_err *err) CMN_MUST_USE;
/* SNP_LAUNCH_FINISH with the initdata's digest and, if there is one, the owner's ID block. */
int sim_run_finish_launch(struct sim_run *run, struct ftee_psp *psp,
                          const struct sim_guest_spec *guest, struct cmn_err *err) CMN_MUST_USE;

/* launch.c: test chain, launch digest, host_data, reference values */
int sim_run_launch(struct sim_run *run, struct cmn_err *err) CMN_MUST_USE;
int sim_run_reference_values(struct sim_run *run, json_t **ret, struct cmn_err *err) CMN_MUST_USE;

/* programs.c: one digest over the guest's programs, which the launch measures */
int sim_run_programs_digest(struct sim_run *run, uint8_t digest[32],
                            struct cmn_err *err) CMN_MUST_USE;

/* vm.c: what only the vm backend needs */
bool sim_run_is_vm(const struct sim_run *run);  /* a virtual machine: backends vm and snp */
bool sim_run_is_snp(const struct sim_run *run); /* on a real processor: no software PSP */
/* run->vm_boot: digests of kernel and initramfs, from the image's manifest. */
int sim_run_vm_boot(struct sim_run *run, struct cmn_err *err) CMN_MUST_USE;
struct sim_run_vm_parts {
    struct sim_vm_config config; /* borrows the texts */
    char *cmdline, *caps_file, *host_data;
};
int sim_run_vm_parts(const struct sim_run *run, struct sim_run_vm_parts *ret,
                     struct cmn_err *err) CMN_MUST_USE;
void sim_run_vm_parts_done(struct sim_run_vm_parts *parts);

/* images.c: fixtures, encrypted variants, registry content; image keys into the broker */
int sim_run_images(struct sim_run *run, struct cmn_err *err) CMN_MUST_USE;
void sim_run_images_done(struct sim_run *run);
/* run->hosts from the references of the plan. */
int sim_run_hosts(struct sim_run *run, struct cmn_err *err) CMN_MUST_USE;
/* The OCI config of the image that a container names; NULL if none is served. */
const json_t *sim_run_image_config(const struct sim_run *run, const char *reference);

/* broker.c: the key broker, and the KDS it may ask */
int sim_run_kbs(struct sim_run *run, struct cmn_err *err) CMN_MUST_USE;
void sim_run_kbs_done(struct sim_run *run);
/* Into the run's broker, or into the KBS that stands in its place. */
int sim_run_put_resource(struct sim_run *run, const char *path, struct cmn_bytes bytes,
                         struct cmn_err *err) CMN_MUST_USE;

/* serve.c: the machine, servers on its listeners */
int sim_run_machine(struct sim_run *run, struct cmn_err *err) CMN_MUST_USE;
int sim_run_serve(struct sim_run *run, struct cmn_err *err) CMN_MUST_USE;
void sim_run_serve_done(struct sim_run *run);

/* faults.c, fault-wire.c */
void sim_run_fault_told(struct sim_run *run, enum sim_phase phase, const struct sim_fault *fault);
void sim_run_fault_report(void *run, uint8_t report[SNP_REPORT_BYTES]);
void sim_run_fault_certs(void *run, struct cmn_buf *table);
void sim_run_fault_registry(void *run, const char *point, struct cmn_buf *bytes);
cmn_http_handler sim_run_kbs_handler; /* kbs_http_handler with the wire.attest faults before it */
bool sim_run_has_fault(const struct sim_run *run, const char *at);

/* watch.c: console, deadline, signals */
int sim_run_console_start(struct sim_run *run, struct cmn_err *err) CMN_MUST_USE;
int sim_run_watch_start(struct sim_run *run, struct cmn_err *err) CMN_MUST_USE;
void sim_run_watch_stop(struct sim_run *run);
void sim_run_console_join(struct sim_run *run);

/* verdict.c */
void sim_run_subscribe(void *run, const struct sim_event *event);
void sim_run_judge(struct sim_run *run, struct sim_verdict *ret);

#endif
