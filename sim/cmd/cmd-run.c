/* cmd-run.c - cocobox run FILE...: runs scenarios one after the other. */
#include "sim/cmd/cmd.h"
#include "sim/report/report.h"
#include "sim/run/run.h"
#include "sim/scenario/scenario.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { OPT_SEED = 256, OPT_CHECK };

struct args {
    bool json, keep_going, verbose, check;
    const char *seed;
    char **files;
    int n_files;
};

struct session { /* what all files of one command share */
    const struct args *args;
    char *cache_dir, *guest_dir, *script;
    int stop_fd;
    struct sim_report *report;
    int failed, errors, skipped, passed;
    bool interrupted;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print one JSON event per line, and the verdict", 0},
    {"seed", OPT_SEED, "TEXT", 0, "Same seed, same bytes: keys, nonces, clock, output", 0},
    {"keep-going", 'k', NULL, 0, "Go on with the next file after one that did not pass", 0},
    {"verbose", 'v', NULL, 0, "Show every event and the guest's log", 0},
    {"check", OPT_CHECK, NULL, 0, "Only validate the files", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    switch (key) {
    case 'j':
        a->json = true;
        return 0;
    case 'k':
        a->keep_going = true;
        return 0;
    case 'v':
        a->verbose = true;
        return 0;
    case OPT_SEED:
        a->seed = arg;
        return 0;
    case OPT_CHECK:
        a->check = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->files = state->argv + state->next;
        a->n_files = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name at least one scenario file");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* A need that the host lacks; "" when all are met. */
static void missing_need(const struct sim_plan *plan, char *why, size_t cap)
{
    why[0] = '\0';
    for (size_t i = 0; i < plan->needs.n; i++)
        if (!sim_host_has(plan->needs.items[i], why, cap))
            return;
}

static void could_not(struct session *s, const struct sim_plan *plan, const struct cmn_err *err)
{
    const struct cmn_reason_info *info = cmn_reason_info(err->reason);

    sim_report_no_run(s->report, plan->name, "error", err->msg);
    (void)fprintf(stderr, "cocobox run: %s: %s%s%s%s\n", plan->name, err->msg,
                  err->reason ? " [" : "", info->name, err->reason ? "]" : "");
    if (err->reason)
        (void)fprintf(stderr, "  hint: %s\n", info->hint);
    if (err->reason == CMN_REASON_RUN_INTERRUPTED)
        s->interrupted = true;
    s->errors++;
}

static int new_env(const struct args *a, struct cmn_env **ret, struct cmn_err *err)
{
    return a->seed ? cmn_env_new_seeded(a->seed, strlen(a->seed), ret, err)
                   : cmn_env_new_system(ret, err);
}

static void run_plan(struct session *s, const struct sim_plan *plan)
{
    auto_env struct cmn_env *env = NULL;
    struct sim_verdict v = {0};
    struct cmn_err err = {0};
    int r = new_env(s->args, &env, &err);
    struct sim_run_opts opts = {
        .env = env,
        .cache_dir = s->cache_dir,
        .guest_bin_dir = s->guest_dir,
        .fixture_script = s->script,
        .stop_fd = s->stop_fd,
        .on_event = sim_report_event,
        .on_output = sim_report_output,
        .on_log = sim_report_log,
        .ctx = s->report,
    };

    if (r == 0) {
        sim_report_begin(s->report, plan);
        r = sim_run(plan, &opts, &v, &err);
    }
    if (r < 0) {
        could_not(s, plan, &err);
        return;
    }
    sim_report_end(s->report, plan, &v);
    s->interrupted = v.interrupted;
    if (v.passed)
        s->passed++;
    else
        s->failed++;
    sim_verdict_done(&v);
}

/* One file; false: nothing more is to be run. */
static bool run_file(struct session *s, const char *path)
{
    auto_plan struct sim_plan *plan = NULL;
    struct cmn_err err = {0};
    char why[384];

    if (sim_scenario_load(path, &plan, &err) < 0) { /* was fine when all were checked */
        (void)fprintf(stderr, "cocobox run: %s\n", err.msg);
        s->errors++;
        return s->args->keep_going;
    }
    missing_need(plan, why, sizeof(why));
    if (why[0]) {
        sim_report_no_run(s->report, plan->name, "skipped", why);
        s->skipped++;
        return true;
    }
    int before = s->passed;
    run_plan(s, plan);
    return !s->interrupted && (s->passed > before || s->args->keep_going);
}

/* Every file is read before the first one runs: a typo in the last one costs nothing. */
static bool check_files(const struct args *a)
{
    bool good = true;

    for (int i = 0; i < a->n_files; i++) {
        auto_plan struct sim_plan *plan = NULL;
        struct cmn_err err = {0};
        if (sim_scenario_load(a->files[i], &plan, &err) < 0) {
            (void)fprintf(stderr, "cocobox run: %s\n", err.msg);
            good = false;
        } else if (a->check) {
            (void)printf("%s: fine\n", a->files[i]);
        }
    }
    return good;
}

static int open_session(struct session *s, struct cmn_err *err)
{
    sigset_t stop;

    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGINT);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    s->stop_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->stop_fd < 0)
        return cmn_err_set(err, errno, "no signalfd");
    int r = sim_path_cache(&s->cache_dir, err);
    if (r == 0)
        r = sim_path_guest(&s->guest_dir, err);
    s->script = sim_path_fixture_script();
    if (r == 0)
        r = sim_report_new(&(struct sim_report_opts){.out = stdout,
                                                     .json = s->args->json,
                                                     .ordered = s->args->seed != NULL,
                                                     .live = !s->args->json && isatty(1) == 1,
                                                     .verbose = s->args->verbose},
                           &s->report, err);
    return r;
}

static void close_session(struct session *s)
{
    sim_report_free(s->report);
    free(s->cache_dir);
    free(s->guest_dir);
    free(s->script);
    if (s->stop_fd >= 0)
        (void)close(s->stop_fd);
}

static int run_files(const struct args *a)
{
    struct session s = {.args = a, .stop_fd = -1};
    struct cmn_err err = {0};
    int status = SIM_EXIT_OK;

    if (open_session(&s, &err) < 0) {
        (void)fprintf(stderr, "cocobox run: %s\n", err.msg);
        close_session(&s);
        return SIM_EXIT_HOST;
    }
    for (int i = 0; i < a->n_files; i++)
        if (!run_file(&s, a->files[i]))
            break;
    if (a->n_files > 1 && !a->json)
        (void)printf("%d passed, %d failed, %d skipped%s\n", s.passed, s.failed + s.errors,
                     s.skipped, s.interrupted ? ", interrupted" : "");
    if (s.failed)
        status = SIM_EXIT_FAILED;
    else if (s.errors)
        status = SIM_EXIT_HOST;
    else if (s.skipped && !s.passed)
        status = SIM_EXIT_SKIPPED;
    close_session(&s);
    return status;
}

int sim_cmd_run(int argc, char **argv)
{
    static const struct argp argp = {
        options,   parse,
        "FILE...", "Runs scenarios and compares what happens with what they expect.",
        NULL,      NULL,
        NULL};
    struct args a = {0};
    char name[] = "cocobox run";

    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return SIM_EXIT_USAGE;
    if (!check_files(&a))
        return SIM_EXIT_USAGE;
    return a.check ? SIM_EXIT_OK : run_files(&a);
}
