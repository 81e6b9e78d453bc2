/* run-session.c - one scenario from its file to its report; see run-session.h. */
#include "sim/cmd/run-session.h"

#include "sim/run/run.h"
#include "sim/scenario/scenario.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool is_vm(const struct run_opts *opts)
{
    return opts->backend && strcmp(opts->backend, "process") != 0;
}

int run_session_open(const struct run_opts *opts, struct run_session *ret, struct cmn_err *err)
{
    struct run_session s = {.opts = *opts};
    sigset_t stop;

    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGINT);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    s.stop_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s.stop_fd < 0)
        return cmn_err_set(err, errno, "no signalfd: %s", strerror(errno));
    int r = sim_path_cache(&s.cache_dir, err);
    if (r == 0)
        r = sim_path_guest(&s.guest_dir, err);
    s.script = sim_path_fixture_script();
    if (r == 0 && is_vm(opts))
        r = sim_vm_machine_find(s.cache_dir, s.guest_dir, &opts->vm, &s.vm, err);
    if (r < 0)
        run_session_close(&s);
    else
        *ret = s;
    return r;
}

void run_session_close(struct run_session *s)
{
    free(s->cache_dir);
    free(s->guest_dir);
    free(s->script);
    sim_vm_machine_done(&s->vm);
    (void)close(s->stop_fd);
}

/* A need that the host lacks; "" when all are met. A machine of its own has many ids anyway. */
static void missing_need(const struct run_session *s, const struct sim_plan *plan, char *why,
                         size_t cap)
{
    why[0] = '\0';
    for (size_t i = 0; i < plan->needs.n; i++)
        if (is_vm(&s->opts) && strcmp(plan->needs.items[i], "many-ids") == 0)
            continue;
        else if (!sim_host_has(plan->needs.items[i], why, cap))
            return;
}

static enum run_result could_not(struct sim_report *report, const struct sim_plan *plan, FILE *errs,
                                 const struct cmn_err *err)
{
    const struct cmn_reason_info *info = cmn_reason_info(err->reason);

    sim_report_no_run(report, plan->name, "error", err->msg);
    (void)fprintf(errs, "cocobox run: %s: %s%s%s%s\n", plan->name, err->msg,
                  err->reason ? " [" : "", info->name, err->reason ? "]" : "");
    if (err->reason)
        (void)fprintf(errs, "  hint: %s\n", info->hint);
    return err->reason == CMN_REASON_RUN_INTERRUPTED ? RUN_INTERRUPTED : RUN_ERROR;
}

static int new_env(const struct run_opts *opts, struct cmn_env **ret, struct cmn_err *err)
{
    return opts->seed ? cmn_env_new_seeded(opts->seed, strlen(opts->seed), ret, err)
                      : cmn_env_new_system(ret, err);
}

static enum run_result run_plan(const struct run_session *s, const struct sim_plan *plan,
                                struct sim_report *report, FILE *errs)
{
    auto_env struct cmn_env *env = NULL;
    struct sim_verdict v = {0};
    struct cmn_err err = {0};
    auto_free char *bundle = NULL;
    int r = new_env(&s->opts, &env, &err);
    const struct sim_run_vm vm = {s->vm.image_dir, s->vm.emulator, s->vm.kvm, s->vm.firmware};
    if (r == 0 && s->opts.bundle && asprintf(&bundle, "%s/%s", s->opts.bundle, plan->name) < 0)
        r = cmn_err_set(&err, ENOMEM, "no memory");
    struct sim_run_opts opts = {
        .env = env,
        .backend = s->opts.backend,
        .keep = s->opts.keep,
        .vm = is_vm(&s->opts) ? &vm : NULL,
        .cache_dir = s->cache_dir,
        .guest_bin_dir = s->guest_dir,
        .fixture_script = s->script,
        .bundle_dir = bundle,
        .kbs_url = s->opts.kbs_url,
        .kbs_ca_pem = s->opts.kbs_ca_pem,
        .kbs_admin_bearer = s->opts.kbs_admin_bearer,
        .stop_fd = s->stop_fd,
        .on_event = sim_report_event,
        .on_output = sim_report_output,
        .on_log = sim_report_log,
        .ctx = report,
    };

    if (r == 0) {
        sim_report_begin(report, plan);
        r = sim_run(plan, &opts, &v, &err);
    }
    if (r < 0)
        return could_not(report, plan, errs, &err);
    sim_report_end(report, plan, &v);
    enum run_result got = v.interrupted ? RUN_INTERRUPTED : v.passed ? RUN_PASSED : RUN_FAILED;
    sim_verdict_done(&v);
    return got;
}

enum run_result run_session_file(const struct run_session *s, const char *path, FILE *out,
                                 FILE *errs)
{
    auto_plan struct sim_plan *plan = NULL;
    struct sim_report *report = NULL;
    struct cmn_err err = {0};
    enum run_result got = RUN_SKIPPED;
    char why[384];

    int r = sim_scenario_load(path, &plan, &err); /* was fine when all were checked */
    if (r == 0)
        r = sim_report_new(&(struct sim_report_opts){.out = out,
                                                     .json = s->opts.json,
                                                     .ordered = s->opts.seed != NULL,
                                                     .live = !s->opts.json && isatty(fileno(out)),
                                                     .verbose = s->opts.verbose},
                           &report, &err);
    if (r < 0) {
        (void)fprintf(errs, "cocobox run: %s\n", err.msg);
        return RUN_ERROR;
    }
    missing_need(s, plan, why, sizeof(why));
    if (why[0])
        sim_report_no_run(report, plan->name, "skipped", why);
    else
        got = run_plan(s, plan, report, errs);
    sim_report_free(report);
    return got;
}
