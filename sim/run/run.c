/* run.c - one run from plan to verdict, in upstream's order; see run.h. */
#include "sim/run/run-internal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BOOT_TIMEOUT_MS = 30000, CALL_TIMEOUT_MS = 60000, STOP_TIMEOUT_MS = 3000 };

static void begin(struct sim_run *run, enum sim_phase phase, const char *name)
{
    sim_run_emit(run, phase, "adaptor", name, SIM_BEGIN, CMN_REASON_NONE, NULL, NULL);
}

static void done(struct sim_run *run, enum sim_phase phase, const char *name, json_t *details)
{
    sim_run_emit(run, phase, "adaptor", name, SIM_OK, CMN_REASON_NONE, NULL, details);
}

/* ---- the container's output ---- */

static void on_output(void *ctx, size_t i, enum sim_stream stream, struct cmn_bytes bytes)
{
    struct sim_run *run = ctx;
    struct cmn_buf *kept = &run->outputs[i].stream[stream];
    size_t room = OUTPUT_KEPT_MAX - kept->len;
    size_t n = bytes.len < room ? bytes.len : room;

    if (cmn_buf_put(kept, bytes.data, n) < 0 || n < bytes.len)
        run->outputs[i].cut[stream] = true;
    if (run->opts->on_output)
        run->opts->on_output(run->opts->ctx, run->plan->pod.containers[i].name, stream, bytes);
}

/* One event per stream that said anything, with the first part of its text. */
static void tell_output(struct sim_run *run, size_t i)
{
    static const char *const names[] = {"stdout", "stderr"};
    enum { SHOWN = 16384 };

    for (int s = SIM_STDOUT; s <= SIM_STDERR; s++) {
        struct cmn_buf *b = &run->outputs[i].stream[s];
        size_t n = b->len < SHOWN ? b->len : SHOWN;
        if (!n)
            continue;
        json_t *text = json_stringn((const char *)b->data, n);
        if (!text) { /* no UTF-8, or cut inside a character */
            auto_free char *ascii = malloc(n);
            for (size_t j = 0; ascii && j < n; j++)
                ascii[j] = b->data[j] < 0x80 ? (char)b->data[j] : '?';
            text = ascii ? json_stringn(ascii, n) : NULL;
        }
        sim_run_emit(run, SIM_PHASE_START_CONTAINER, "container", "container.output", SIM_INFO,
                     CMN_REASON_NONE, NULL,
                     json_pack("{s:s, s:s, s:o, s:b}", "container",
                               run->plan->pod.containers[i].name, "stream", names[s], "text",
                               text ? text : json_string(""), "cut",
                               run->outputs[i].cut[s] || n < b->len));
    }
}

/* ---- the flow ---- */

/* What failed, kept until the console is read to its end: the guest's own words come before ours.
 */
struct failure {
    bool there;
    const char *actor;
    enum sim_phase phase;
    const char *name;
    struct cmn_err err;
};

static int fail(struct failure *f, enum sim_phase phase, const char *name,
                const struct cmn_err *err)
{
    *f = (struct failure){true, "adaptor", phase, name, *err};
    return -1;
}

static int boot(struct sim_run *run, struct failure *f)
{
    struct sim_adaptor_opts opts = {
        .agent_fd = run->machine->agent_fd,
        .pod = &run->plan->pod,
        .sandbox_id = run->sandbox_id,
        .boot_timeout_ms = BOOT_TIMEOUT_MS,
        .timeout_ms = CALL_TIMEOUT_MS,
        .pull_timeout_ms = run->plan->timeout_ms,
        .output = on_output,
        .ctx = run,
    };
    struct cmn_err err = {0};

    begin(run, SIM_PHASE_BOOT, "agent.check");
    run->machine->agent_fd = -1; /* the adaptor has it now */
    int r = sim_adaptor_new(&opts, &run->adaptor, &err);
    if (r == 0)
        r = sim_adaptor_check(run->adaptor, &err);
    if (r < 0)
        return fail(f, SIM_PHASE_BOOT, "agent.check", &err);
    done(run, SIM_PHASE_BOOT, "agent.check", NULL);
    r = sim_adaptor_create_sandbox(run->adaptor, &err);
    if (r < 0)
        return fail(f, SIM_PHASE_BOOT, "agent.create-sandbox", &err);
    done(run, SIM_PHASE_BOOT, "agent.create-sandbox", NULL);
    return 0;
}

static int create_container(struct sim_run *run, size_t i, struct failure *f)
{
    const struct sim_container *c = &run->plan->pod.containers[i];
    struct cmn_err err = {0};

    begin(run, SIM_PHASE_PULL_IMAGE, "agent.create-container");
    int r =
        sim_adaptor_create_container(run->adaptor, i, sim_run_image_config(run, c->image), &err);
    if (r < 0)
        return fail(f,
                    err.reason == CMN_REASON_CONTAINER_START_FAILED ? SIM_PHASE_START_CONTAINER
                                                                    : SIM_PHASE_PULL_IMAGE,
                    "agent.create-container", &err);
    done(run, SIM_PHASE_PULL_IMAGE, "agent.create-container",
         json_pack("{s:s, s:s}", "container", c->name, "image", c->image));
    return 0;
}

static int run_container(struct sim_run *run, size_t i, struct failure *f)
{
    const struct sim_container *c = &run->plan->pod.containers[i];
    struct cmn_err err = {0};
    int code = -1;

    begin(run, SIM_PHASE_START_CONTAINER, "agent.start-container");
    int r = sim_adaptor_start_container(run->adaptor, i, &err);
    if (r < 0)
        return fail(f, SIM_PHASE_START_CONTAINER, "agent.start-container", &err);
    r = sim_adaptor_wait(run->adaptor, i, &code, &err);
    tell_output(run, i);
    if (r < 0)
        return fail(f, SIM_PHASE_START_CONTAINER, "agent.wait-process", &err);
    run->exit_code = code;
    if (code != run->plan->expect.exit_code) {
        (void)cmn_err_reason(&err, EIO, CMN_REASON_CONTAINER_EXIT_CODE,
                             "container '%s' ended with %d, expected is %d", c->name, code,
                             run->plan->expect.exit_code);
        return fail(f, SIM_PHASE_START_CONTAINER, "container.exit", &err);
    }
    done(run, SIM_PHASE_START_CONTAINER, "container.exit",
         json_pack("{s:s, s:i}", "container", c->name, "exit_code", code));
    r = sim_adaptor_remove_container(run->adaptor, i, &err);
    return r < 0 ? fail(f, SIM_PHASE_START_CONTAINER, "agent.remove-container", &err) : 0;
}

static void flow(struct sim_run *run, struct failure *f)
{
    struct cmn_err err = {0};
    size_t n = run->plan->pod.n_containers;
    int r = boot(run, f);

    for (size_t i = 0; r == 0 && i < n; i++) {
        r = create_container(run, i, f);
        if (r == 0)
            r = run_container(run, i, f);
    }
    if (r == 0) {
        r = sim_adaptor_destroy_sandbox(run->adaptor, &err);
        if (r < 0)
            (void)fail(f, SIM_PHASE_TEARDOWN, "agent.destroy-sandbox", &err);
    }
    run->completed = r == 0;
}

/* ---- create-peer-pod and teardown ---- */

static int prepare(struct sim_run *run, struct cmn_err *err)
{
    int r = sim_run_hosts(run, err);

    if (r == 0)
        r = sim_run_launch(run, err);
    return r < 0 ? r : sim_run_kbs(run, err);
}

static int create_peer_pod(struct sim_run *run, struct cmn_err *err)
{
    begin(run, SIM_PHASE_CREATE_PEER_POD, "machine");
    int r = prepare(run, err);
    if (r == 0)
        r = sim_run_machine(run, err);
    if (r == 0)
        r = sim_run_console_start(run, err);
    if (r == 0)
        r = sim_run_serve(run, err);
    if (r == 0)
        r = sim_run_watch_start(run, err);
    if (r < 0)
        return r;
    done(run, SIM_PHASE_CREATE_PEER_POD, "machine",
         json_pack("{s:s, s:s, s:i, s:s*}", "backend", run->machine->backend->name, "id_mode",
                   cmn_id_mode_name(cmn_supervisor_id_mode(run->sup)), "ids",
                   (int)cmn_supervisor_id_count(run->sup), "accelerator",
                   run->machine->accelerator[0] ? run->machine->accelerator : NULL));
    return 0;
}

/* Everything the run started ends here; the supervisor proves that nothing is left. */
static int teardown(struct sim_run *run, const struct failure *f, struct cmn_err *err)
{
    struct cmn_err stop_err = {0};
    int status = 0;

    if (run->machine) {
        CMN_IGNORE(sim_machine_stop(run->machine, STOP_TIMEOUT_MS, &status, &stop_err));
        sim_run_console_join(run);
    }
    sim_run_watch_stop(run);
    if (f->there)
        sim_run_emit_err(run, f->phase, f->actor, f->name, &f->err);
    sim_adaptor_free(run->adaptor);
    sim_run_serve_done(run);
    sim_machine_free(run->machine);
    begin(run, SIM_PHASE_TEARDOWN, "machine.stop");
    int r = cmn_supervisor_stop(cmn_take(run->sup), err);
    if (r == 0)
        done(run, SIM_PHASE_TEARDOWN, "machine.stop", NULL);
    else
        sim_run_emit_err(run, SIM_PHASE_TEARDOWN, "cocobox", "machine.stop", err);
    return r;
}

static void free_rest(struct sim_run *run)
{
    sim_run_kbs_done(run);
    sim_run_images_done(run);
    ftee_psp_free(run->psp);
    ftee_ca_free(run->ca);
    sim_initdata_done(&run->initdata);
    free(run->vm_boot);
    json_decref(run->first_evidence);
    sim_event_free(run->cause);
    for (size_t i = 0; run->outputs && i < run->plan->pod.n_containers; i++)
        for (int s = SIM_STDOUT; s <= SIM_STDERR; s++)
            cmn_buf_done(&run->outputs[i].stream[s]);
    free(run->outputs);
    sim_bus_free(run->bus);
    (void)pthread_mutex_destroy(&run->lock);
}

/* The guest as the flow left it, until a signal; then the run ends as it would have. */
static void keep(struct sim_run *run)
{
    struct pollfd fds[2] = {{run->opts->stop_fd, POLLIN, 0},
                            {sim_machine_fd(run->machine), POLLIN, 0}};

    sim_run_watch_stop(run); /* no deadline any more */
    sim_run_emit(run, SIM_PHASE_TEARDOWN, "cocobox", "run.kept", SIM_OK, CMN_REASON_NONE,
                 "the guest stays until a signal (^C): cocobox shell", NULL);
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
}

static int run_all(struct sim_run *run, struct sim_verdict *ret, struct cmn_err *err)
{
    const char *const paths[] = {run->opts->guest_bin_dir,
                                 run->opts->vm ? run->opts->vm->image_dir : NULL, NULL};
    struct failure f = {0};
    struct cmn_err left = {0};
    int r = cmn_supervisor_start(&(struct cmn_supervisor_opts){.paths = paths}, &run->sup, err);

    if (r < 0)
        return r;
    r = create_peer_pod(run, err);
    if (r == 0) {
        flow(run, &f);
        if (run->opts->keep && run->opts->stop_fd >= 0)
            keep(run);
    } else if (err && err->reason == CMN_REASON_PSP_COMMAND_REFUSED) {
        /* the firmware's verdict on this guest, and no fault of the host */
        (void)fail(&f, SIM_PHASE_CREATE_PEER_POD, "psp.launch", err);
        f.actor = "psp";
        cmn_err_clear(err);
        r = 0;
    }
    int end = teardown(run, &f, &left);
    if (r < 0)
        return r;
    if (end < 0)
        run->completed = false;
    sim_run_judge(run, ret);
    return 0;
}

int sim_run(const struct sim_plan *plan, const struct sim_run_opts *opts, struct sim_verdict *ret,
            struct cmn_err *err)
{
    struct sim_run run = {.plan = plan, .opts = opts};

    (void)pthread_mutex_init(&run.lock, NULL);
    run.outputs = calloc(plan->pod.n_containers, sizeof(*run.outputs));
    int r = run.outputs ? 0 : cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        r = sim_bus_new(opts->env, &run.bus, err);
    if (r == 0 && sim_bus_subscribe(run.bus, sim_run_subscribe, &run) < 0)
        r = cmn_err_set(err, ENOSPC, "too many subscribers");
    if (r == 0)
        r = run_all(&run, ret, err);
    free_rest(&run);
    return r;
}
