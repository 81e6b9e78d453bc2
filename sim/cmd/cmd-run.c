/* cmd-run.c - cocobox run FILE|FOLDER...: runs scenarios, one after the other or side by side. */
#include "sim/backend/backend.h"
#include "sim/cmd/kbs-admin.h"
#include "sim/cmd/run-session.h"
#include "sim/scenario/scenario.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_SEED = 256,
    OPT_CHECK,
    OPT_REPEAT,
    OPT_BACKEND,
    OPT_KERNEL,
    OPT_GUEST_DIR,
    OPT_KEEP,
    OPT_BUNDLE,
    OPT_KBS,
    OPT_KBS_CERT,
    OPT_KBS_ADMIN_KEY,
    MAX_JOBS = 1000,
    MAX_REPEAT = 1000000,
    PEM_MAX = 1 << 20,
    ADMIN_LIFE_S = 24 * 3600,
};

struct args {
    struct run_opts run;
    bool keep_going, check;
    const char *kbs_cert, *kbs_admin_key;
    unsigned jobs, repeat;
    char **paths;
    int n_paths;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print one JSON event per line, and the verdict", 0},
    {"seed", OPT_SEED, "TEXT", 0, "Same seed, same bytes: keys, nonces, clock, output", 0},
    {"keep-going", 'k', NULL, 0, "Go on with the next file after one that did not pass", 0},
    {"jobs", 'J', "N", 0, "Run up to N scenarios at once; each report is printed when it is whole",
     0},
    {"repeat", OPT_REPEAT, "N", 0, "Run the whole list N times", 0},
    {"backend", OPT_BACKEND, "NAME", 0,
     "Where guests live: process (namespaces, the default), vm (QEMU) or snp (QEMU on SEV-SNP "
     "hardware)",
     0},
    {"keep", OPT_KEEP, NULL, 0,
     "vm: after its flow the guest stays, with a shell (cocobox shell), until ^C", 0},
    {"kernel", OPT_KERNEL, "DEB|DIR", 0, "vm: the guests' kernel instead of the distribution's", 0},
    {"guest-dir", OPT_GUEST_DIR, "DIR", 0, "vm: files added to the guests' root, or put over it",
     0},
    {"verbose", 'v', NULL, 0, "Show every event and the guest's log", 0},
    {"bundle", OPT_BUNDLE, "DIR", 0, "Save each run in DIR/NAME, for cocobox replay", 0},
    {"check", OPT_CHECK, NULL, 0, "Only validate the files", 0},
    {"kbs", OPT_KBS, "URL", 0,
     "Somebody else's KBS in place of ours. Its resource policy is overwritten", 0},
    {"kbs-cert", OPT_KBS_CERT, "FILE", 0, "PEM certificate to trust for it", 0},
    {"kbs-admin-key", OPT_KBS_ADMIN_KEY, "FILE", 0,
     "Private key of its admin (PEM), or a file with an admin token", 0},
    {0},
};

static unsigned number(struct argp_state *state, const char *name, const char *arg, unsigned max)
{
    char *end = NULL;
    unsigned long n = strtoul(arg, &end, 10);

    if (*arg < '0' || *arg > '9' || *end || n < 1 || n > max)
        argp_error(state, "--%s wants a number from 1 to %u, this is '%.32s'", name, max, arg);
    return (unsigned)n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    switch (key) {
    case 'j':
        a->run.json = true;
        return 0;
    case 'k':
        a->keep_going = true;
        return 0;
    case 'J':
        a->jobs = number(state, "jobs", arg, MAX_JOBS);
        return 0;
    case 'v':
        a->run.verbose = true;
        return 0;
    case OPT_SEED:
        a->run.seed = arg;
        return 0;
    case OPT_BUNDLE:
        a->run.bundle = arg;
        return 0;
    case OPT_KBS:
        a->run.kbs_url = arg;
        return 0;
    case OPT_KBS_CERT:
        a->kbs_cert = arg;
        return 0;
    case OPT_KBS_ADMIN_KEY:
        a->kbs_admin_key = arg;
        return 0;
    case OPT_REPEAT:
        a->repeat = number(state, "repeat", arg, MAX_REPEAT);
        return 0;
    case OPT_BACKEND:
        if (!sim_backend_find(arg))
            argp_error(state, "there is no backend '%.32s': process, vm or snp", arg);
        a->run.backend = arg;
        a->run.vm.snp = strcmp(arg, "snp") == 0;
        return 0;
    case OPT_KEEP:
        a->run.keep = true;
        return 0;
    case OPT_KERNEL:
        a->run.vm.kernel = arg;
        return 0;
    case OPT_GUEST_DIR:
        a->run.vm.guest_dir = arg;
        return 0;
    case OPT_CHECK:
        a->check = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->paths = state->argv + state->next;
        a->n_paths = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name at least one scenario file or folder");
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Every file is read before the first one runs: a typo in the last one costs nothing. */
static bool check_files(const struct args *a, struct sim_strings *files)
{
    struct cmn_err err = {0};
    bool good = true;

    for (int i = 0; i < a->n_paths; i++)
        if (sim_scenario_files(a->paths[i], files, &err) < 0) {
            (void)fprintf(stderr, "cocobox run: %s\n", err.msg);
            good = false;
        }
    for (size_t i = 0; i < files->n; i++) {
        auto_plan struct sim_plan *plan = NULL;
        if (sim_scenario_load(files->items[i], &plan, &err) < 0) {
            (void)fprintf(stderr, "cocobox run: %s\n", err.msg);
            good = false;
        } else if (a->check) {
            (void)printf("%s: fine\n", files->items[i]);
        }
    }
    return good;
}

static void run_in_turn(const struct run_session *s, const struct sim_strings *files,
                        bool keep_going, unsigned counts[RUN_RESULTS])
{
    for (size_t i = 0; i < files->n; i++) {
        enum run_result got = run_session_file(s, files->items[i], stdout, stderr);
        counts[got]++;
        if (got == RUN_INTERRUPTED || (got != RUN_PASSED && got != RUN_SKIPPED && !keep_going))
            return;
    }
}

static int exit_status(const unsigned counts[RUN_RESULTS])
{
    if (counts[RUN_FAILED] || counts[RUN_INTERRUPTED])
        return SIM_EXIT_FAILED;
    if (counts[RUN_ERROR])
        return SIM_EXIT_HOST;
    return counts[RUN_SKIPPED] && !counts[RUN_PASSED] ? SIM_EXIT_SKIPPED : SIM_EXIT_OK;
}

static bool ended_well(const unsigned counts[RUN_RESULTS])
{
    return !counts[RUN_FAILED] && !counts[RUN_ERROR];
}

static int run_files(const struct args *a, const struct sim_strings *files)
{
    unsigned counts[RUN_RESULTS] = {0};
    struct run_session s;
    struct cmn_err err = {0};
    int r = run_session_open(&a->run, &s, &err);

    for (unsigned i = 0; r == 0 && i < a->repeat; i++) {
        if (a->jobs > 1)
            r = run_jobs(&s, files, a->jobs, a->keep_going, counts, &err);
        else
            run_in_turn(&s, files, a->keep_going, counts);
        if (counts[RUN_INTERRUPTED] || (!ended_well(counts) && !a->keep_going))
            break;
    }
    if (r < 0) {
        (void)fprintf(stderr, "cocobox run: %s\n", err.msg);
        return SIM_EXIT_HOST;
    }
    run_session_close(&s);
    if (files->n * a->repeat > 1 && !a->run.json)
        (void)printf("%u passed, %u failed, %u skipped%s\n", counts[RUN_PASSED],
                     counts[RUN_FAILED] + counts[RUN_ERROR], counts[RUN_SKIPPED],
                     counts[RUN_INTERRUPTED] ? ", interrupted" : "");
    return exit_status(counts);
}

/* What goes with --kbs, read once for all scenarios; then they run. */
static int run_with_kbs(struct args *a, const struct sim_strings *files)
{
    const struct conf_admin_claims claims = {.role = "admin", .lives_s = ADMIN_LIFE_S};
    auto_env struct cmn_env *env = NULL;
    auto_buf struct cmn_buf cert = {0};
    auto_free char *token = NULL;
    struct cmn_err err = {0};

    if (!a->run.kbs_url)
        return a->kbs_cert || a->kbs_admin_key
                   ? sim_cmd_usage("run", "--kbs-cert and --kbs-admin-key go with --kbs")
                   : run_files(a, files);
    if (a->run.seed)
        return sim_cmd_usage("run", "--seed makes a world of its own, in which no other KBS is");
    int r = cmn_env_new_system(&env, &err);
    if (r == 0 && a->kbs_cert)
        r = cmn_file_read(a->kbs_cert, PEM_MAX, &cert, &err);
    if (r == 0 && a->kbs_admin_key)
        r = sim_kbs_admin_read(env, a->kbs_admin_key, &claims, NULL, &token, &err);
    if (r < 0) {
        (void)fprintf(stderr, "cocobox run: %s\n", err.msg);
        return SIM_EXIT_HOST;
    }
    a->run.kbs_ca_pem = (const char *)cert.data;
    a->run.kbs_admin_bearer = token;
    return run_files(a, files);
}

int sim_cmd_run(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "FILE|FOLDER...",
        "Runs scenarios and compares what happens with what they expect.",
        NULL,
        NULL,
        NULL};
    struct args a = {.jobs = 1, .repeat = 1};
    struct sim_strings files = {0};
    char name[] = "cocobox run";
    int status = SIM_EXIT_USAGE;

    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return SIM_EXIT_USAGE;
    if (a.run.keep && (!a.run.backend || strcmp(a.run.backend, "process") == 0))
        return sim_cmd_usage("run", "--keep needs --backend vm");
    if (check_files(&a, &files))
        status = a.check ? SIM_EXIT_OK : run_with_kbs(&a, &files);
    sim_strings_done(&files);
    return status;
}
