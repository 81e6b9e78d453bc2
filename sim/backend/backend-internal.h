/* backend-internal.h - the backends there are, and what they share. */
#ifndef SIM_BACKEND_INTERNAL_H
#define SIM_BACKEND_INTERNAL_H

#include "sim/backend/backend.h"

extern const struct sim_backend sim_backend_process; /* namespaces of this host */
extern const struct sim_backend sim_backend_vm;      /* QEMU through libvirt */
extern const struct sim_backend sim_backend_snp;     /* the same, on a SEV-SNP processor */

/* The configuration as a file of machine.h's records; returns its fd. -EINVAL, -E2BIG, -EFBIG. */
int sim_machine_config_file(const struct sim_machine_config *config,
                            struct cmn_err *err) CMN_MUST_USE;

struct sim_wiring { /* pairs of ends: [0] ours, [1] the machine's */
    int answer[2];
    int agent[2];
    int console[2];
    int config; /* file of sim_machine_config_file */
};

/* Starts the machine's process with the ends [1] and the configuration; all stay the caller's. */
typedef int sim_machine_spawn(struct cmn_supervisor *sup, const struct sim_machine_config *config,
                              const struct sim_wiring *w, void *ctx, struct cmn_process **ret,
                              struct cmn_err *err);

/*
 * sim_backend.start for machines that are a process: it answers with struct machine_answer and the
 * listeners, writes the console, and takes SIGTERM for the power button.
 */
int sim_machine_start_process(const struct sim_backend *backend, struct cmn_supervisor *sup,
                              const struct sim_machine_config *config, sim_machine_spawn *spawn,
                              void *ctx, struct sim_machine **ret,
                              struct cmn_err *err) CMN_MUST_USE;
int sim_machine_stop_process(struct sim_machine *m, unsigned timeout_ms, int *ret_status,
                             struct cmn_err *err);

#endif
