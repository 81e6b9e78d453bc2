/* process.c - backend "process": the guest is processes in namespaces of their own. */
#include "sim/backend/backend-internal.h"

static int spawn(struct cmn_supervisor *sup, const struct sim_machine_config *config,
                 const struct sim_wiring *w, void *ctx, struct cmn_process **ret,
                 struct cmn_err *err)
{
    const char *argv[] = {"cocobox-machine", NULL};
    const char *paths[] = {config->guest_bin_dir, NULL};
    const int fds[] = {w->answer[1], w->config, w->agent[1]};

    (void)ctx;
    return cmn_supervisor_spawn(sup,
                                &(struct cmn_spawn){.argv = argv,
                                                    .exe_dir = config->guest_bin_dir,
                                                    .stdin_fd = -1,
                                                    .stdout_fd = w->console[1],
                                                    .stderr_fd = w->console[1],
                                                    .fds = fds,
                                                    .n_fds = CMN_ARRAY_SIZE(fds),
                                                    .paths = paths},
                                ret, err);
}

static int process_start(const struct sim_backend *backend, struct cmn_supervisor *sup,
                         const struct sim_machine_config *config, struct sim_machine **ret,
                         struct cmn_err *err)
{
    return sim_machine_start_process(backend, sup, config, spawn, NULL, ret, err);
}

const struct sim_backend sim_backend_process = {
    .name = "process", .start = process_start, .stop = sim_machine_stop_process};
