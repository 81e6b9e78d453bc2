/* serve.c - the machine, and the servers on its listeners. */
#include "sim/run/run-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KBS_BODY_LIMIT = 10 << 20, REGISTRY_BODY_LIMIT = 4096, REGISTRY_THREADS = 4 };

/* ---- what the servers tell ---- */

static void on_psp(void *ctx, uint32_t vmpl, uint32_t status)
{
    char message[64];

    (void)snprintf(message, sizeof(message), "firmware status 0x%x", status);
    sim_run_emit(ctx, SIM_PHASE_ATTEST, "psp", "psp.report", status ? SIM_REFUSED : SIM_OK,
                 status ? CMN_REASON_PSP_REQUEST_INVALID : CMN_REASON_NONE, status ? message : NULL,
                 json_pack("{s:i}", "vmpl", (int)vmpl));
}

static void on_registry(void *ctx, const struct sim_registry_event *e)
{
    auto_free char *name = NULL;
    bool bad = e->status >= 400;

    if (asprintf(&name, "registry.%s", e->kind) < 0)
        return;
    sim_run_emit(ctx, SIM_PHASE_PULL_IMAGE, "registry", name, bad ? SIM_REFUSED : SIM_OK,
                 bad && e->status == 404 ? CMN_REASON_IMAGE_NOT_FOUND : CMN_REASON_NONE, NULL,
                 json_pack("{s:s, s:s, s:s, s:i, s:I}", "method", e->method, "repository",
                           e->repository, "target", e->target, "status", e->status, "bytes",
                           (json_int_t)e->bytes));
}

/* ---- the machine ---- */

static const char *const docker_names[] = {"index.docker.io", "registry-1.docker.io"};

static size_t guest_hosts(const struct sim_run *run, struct sim_host hosts[SIM_HOSTS_MAX])
{
    size_t n = 0;

    hosts[n++] = (struct sim_host){"127.0.0.3", "kbs.local"};
    for (size_t i = 0; i < run->n_hosts; i++) {
        bool docker = strcmp(run->hosts[i].name, "docker.io") == 0;
        hosts[n++] = (struct sim_host){"127.0.0.2", run->hosts[i].name};
        for (size_t j = 0; docker && j < CMN_ARRAY_SIZE(docker_names); j++)
            hosts[n++] = (struct sim_host){"127.0.0.2", docker_names[j]};
    }
    return n;
}

static size_t guest_listeners(const struct sim_run *run, struct sim_listener out[SIM_LISTENERS_MAX])
{
    size_t n = 0;

    out[n++] = (struct sim_listener){.name = "kbs", .ip = "127.0.0.3", .port = 8080};
    if (run->psp)
        out[n++] = (struct sim_listener){.name = "psp", .unix_path = "/run/cocobox/psp.sock"};
    for (size_t i = 0; i < run->n_hosts; i++) {
        bool twice = false;
        for (size_t j = 0; j < i; j++)
            twice |= run->hosts[j].port == run->hosts[i].port;
        if (!twice)
            out[n++] = (struct sim_listener){
                .name = run->hosts[i].listener, .ip = "127.0.0.2", .port = run->hosts[i].port};
    }
    return n;
}

int sim_run_machine(struct sim_run *run, struct cmn_err *err)
{
    const struct sim_backend *backend =
        sim_backend_find(run->opts->backend ? run->opts->backend : "process");
    struct sim_host hosts[SIM_HOSTS_MAX];
    struct sim_listener listeners[SIM_LISTENERS_MAX];
    char delay[64];
    const char *const env[] = {delay, NULL};

    if (!backend)
        return cmn_err_set(err, EINVAL, "there is no backend '%.64s'", run->opts->backend);
    (void)snprintf(delay, sizeof(delay), "COCOBOX_RCAR_RETRY_DELAY_MS=%u",
                   run->plan->guest.retry_delay_ms);
    struct sim_machine_config config = {
        .hostname = run->plan->pod.name,
        .initdata = cmn_buf_bytes(&run->initdata.encoded),
        .initdata_toml = cmn_buf_bytes(&run->initdata.toml),
        .seed = run->seed[0] ? run->seed : NULL,
        .hosts = hosts,
        .n_hosts = guest_hosts(run, hosts),
        .listeners = listeners,
        .n_listeners = guest_listeners(run, listeners),
        .guest_bin_dir = run->opts->guest_bin_dir,
        .env = env,
    };
    if (!sim_run_is_vm(run))
        return backend->start(backend, run->sup, &config, &run->machine, err);
    struct sim_run_vm_parts vm = {0};
    int r = sim_run_vm_parts(run, &vm, err);
    config.vm = &vm.config;
    if (r == 0)
        r = backend->start(backend, run->sup, &config, &run->machine, err);
    sim_run_vm_parts_done(&vm);
    return r;
}

/* ---- servers ---- */

static int serve_http(struct sim_run *run, const char *listener, cmn_http_handler *handle,
                      void *ctx, size_t body_limit, unsigned threads, struct cmn_http_server **ret,
                      struct cmn_err *err)
{
    int fd = sim_machine_take_listener(run->machine, listener);

    if (fd < 0)
        return cmn_err_set(err, ENOENT, "the machine has no listener '%s'", listener);
    return cmn_http_server_new(&(struct cmn_http_server_opts){.listen_fd = fd,
                                                              .body_limit = body_limit,
                                                              .threads = threads,
                                                              .handle = handle,
                                                              .ctx = ctx},
                               ret, err);
}

static int serve_registry(struct sim_run *run, struct cmn_err *err)
{
    int r = 0;

    if (sim_run_has_fault(run, "registry."))
        sim_registry_set_tap(run->registry, sim_run_fault_registry, run);
    sim_registry_set_observer(run->registry, on_registry, run);
    for (size_t i = 0; r == 0 && i < run->n_hosts; i++) {
        bool twice = false;
        for (size_t j = 0; j < i; j++)
            twice |= run->hosts[j].port == run->hosts[i].port;
        if (!twice)
            r = serve_http(run, run->hosts[i].listener, sim_registry_handle, run->registry,
                           REGISTRY_BODY_LIMIT, REGISTRY_THREADS, &run->registry_servers[i], err);
    }
    return r;
}

int sim_run_serve(struct sim_run *run, struct cmn_err *err)
{
    int r =
        serve_http(run, "kbs", sim_run_kbs_handler, run, KBS_BODY_LIMIT, 2, &run->kbs_server, err);

    if (r == 0)
        r = serve_registry(run, err);
    if (r < 0 || !run->psp)
        return r;
    struct ftee_psp_server_opts opts = {
        .listen_fd = sim_machine_take_listener(run->machine, "psp"),
        .vmpl_floor = run->plan->guest.platform.vmpl,
        .tap = sim_run_has_fault(run, "psp.report") ? sim_run_fault_report : NULL,
        .tap_certs = sim_run_has_fault(run, "psp.certs") ? sim_run_fault_certs : NULL,
        .observe = on_psp,
        .ctx = run,
    };
    if (opts.listen_fd < 0)
        return cmn_err_set(err, ENOENT, "the machine has no listener 'psp'");
    return ftee_psp_server_new(run->psp, &opts, &run->psp_server, err);
}

void sim_run_serve_done(struct sim_run *run)
{
    cmn_http_server_free(run->kbs_server);
    for (size_t i = 0; i < run->n_hosts; i++)
        cmn_http_server_free(run->registry_servers[i]);
    ftee_psp_server_free(run->psp_server);
    run->kbs_server = NULL;
    memset(run->registry_servers, 0, sizeof(run->registry_servers));
    run->psp_server = NULL;
}
