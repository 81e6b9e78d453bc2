/* cmd-replay.c - cocobox replay [OPTION...] BUNDLE|FILE...: an attestation judged again, offline.
 */
#include "sim/cmd/cmd.h"
#include "sim/diagnose/replay/replay.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct args {
    struct sim_replay_opts opts;
    bool json, summary;
    char **files;
    int n_files;
};

enum {
    OPT_POLICY = 256,
    OPT_SET,
    OPT_REFERENCES,
    OPT_AT,
    OPT_ROOT,
    OPT_ERA,
    OPT_VERIFIER,
    OPT_PRODUCT,
    OPT_SUMMARY,
    OPT_RESOURCE
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print JSON", 0},
    {"policy", OPT_POLICY, "FILE", 0, "Use this attestation or resource policy", 0},
    {"policy-set", OPT_SET, "NAME", 0, "Use a built-in set of policies", 0},
    {"reference-values", OPT_REFERENCES, "FILE", 0, "Use these reference values", 0},
    {"at", OPT_AT, "TIME", 0, "Judge dates at this time (2026-01-31T12:00:00Z)", 0},
    {"root", OPT_ROOT, "amd|test|FILE", 0, "What chains may rest on", 0},
    {"era", OPT_ERA, "RELEASE", 0, "Judge as this release of Trustee (0.13 to 0.21)", 0},
    {"verifier", OPT_VERIFIER, "trustee|strict", 0, "strict: advisories refuse", 0},
    {"product", OPT_PRODUCT, "NAME", 0, "Era and policy set of a product; 'list' shows them", 0},
    {"resource", OPT_RESOURCE, "PATH", 0, "The resource asked for (default/key/1)", 0},
    {"summary", OPT_SUMMARY, NULL, 0, "Each argument is a case of its own, one line for each", 0},
    {0},
};

/* Seconds of an RFC 3339 time in UTC; a date alone is its beginning. */
static bool read_time(const char *text, int64_t *ret)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

    if (!end || *end) {
        memset(&tm, 0, sizeof(tm));
        end = strptime(text, "%Y-%m-%d", &tm);
    }
    if (!end || *end)
        return false;
    *ret = (int64_t)timegm(&tm);
    return *ret > 0;
}

static void list_products(void)
{
    size_t n;
    const struct sim_product *p = sim_product_list(&n);

    for (size_t i = 0; i < n; i++)
        (void)printf("%-14s era %s, policy set %s  (%s)\n", p[i].name, p[i].era, p[i].policy_set,
                     p[i].source);
}

static void take_product(struct args *a, const char *name, struct argp_state *state)
{
    const struct sim_product *p = sim_product_find(name);

    if (strcmp(name, "list") == 0) {
        list_products();
        exit(SIM_EXIT_OK);
    }
    if (!p) {
        argp_error(state, "product '%.64s' is not known (--product list)", name);
        return;
    }
    a->opts.era = a->opts.era ? a->opts.era : p->era;
    a->opts.policy_set = a->opts.policy_set ? a->opts.policy_set : p->policy_set;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    switch (key) {
    case 'j':
        a->json = true;
        return 0;
    case OPT_POLICY:
        a->opts.policy = arg;
        return 0;
    case OPT_SET:
        a->opts.policy_set = arg;
        return 0;
    case OPT_REFERENCES:
        a->opts.reference_values = arg;
        return 0;
    case OPT_AT:
        if (!read_time(arg, &a->opts.at))
            argp_error(state, "--at '%.64s' is no time like 2026-01-31T12:00:00Z", arg);
        return 0;
    case OPT_ROOT:
        a->opts.root = arg;
        return 0;
    case OPT_ERA:
        a->opts.era = arg;
        return 0;
    case OPT_VERIFIER:
        a->opts.verifier = arg;
        return 0;
    case OPT_PRODUCT:
        take_product(a, arg, state);
        return 0;
    case OPT_RESOURCE:
        a->opts.resource = arg;
        return 0;
    case OPT_SUMMARY:
        a->summary = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->files = state->argv + state->next;
        a->n_files = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool accepted(const json_t *verdict)
{
    const char *v = cmn_json_str(verdict, "verdict");
    return v && strcmp(v, "accepted") == 0;
}

static int print(const struct args *a, const json_t *verdict)
{
    auto_buf struct cmn_buf text = {0};

    if (a->json) {
        auto_free char *dump = cmn_json_dump(verdict);
        if (!dump || puts(dump) < 0)
            return SIM_EXIT_HOST;
    } else {
        if (sim_replay_text(verdict, &text) < 0)
            return SIM_EXIT_HOST;
        (void)fputs((const char *)text.data, stdout);
    }
    return accepted(verdict) ? SIM_EXIT_OK : SIM_EXIT_FAILED;
}

/* Files n together are one case. */
static int judge(const struct args *a, struct sim_case *c, char **files, int n, json_t **ret,
                 struct cmn_err *err)
{
    int r = 0;

    sim_case_reset(c);
    for (int i = 0; r >= 0 && i < n; i++)
        r = sim_case_path(c, files[i], err);
    return r < 0 ? r : sim_replay(c, &a->opts, ret, err);
}

static int summary(const struct args *a, struct sim_case *c)
{
    int count[3] = {0}, status = SIM_EXIT_OK;

    for (int i = 0; i < a->n_files; i++) {
        auto_json json_t *v = NULL;
        struct cmn_err err = {0};
        int r = judge(a, c, a->files + i, 1, &v, &err);
        int kind = r < 0 ? 2 : accepted(v) ? 0 : 1;
        static const char *const names[] = {"accepted", "refused", "undecided"};
        const char *code = cmn_json_str(v, "code");
        count[kind]++;
        (void)printf("%-10s %-30s %s%s\n", names[kind], code ? code : "-", a->files[i],
                     r < 0 ? " (see without --summary)" : "");
        if (kind == 2)
            status = SIM_EXIT_HOST;
        else if (kind == 1 && status == SIM_EXIT_OK)
            status = SIM_EXIT_FAILED;
    }
    (void)printf("%d accepted, %d refused, %d undecided\n", count[0], count[1], count[2]);
    return status;
}

int sim_cmd_replay(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "BUNDLE|FILE...",
        "Judges an attestation again, offline: bundles, or evidence, reports, certificates, "
        "policies and "
        "reference values as loose files, recognised by their content.\vExit codes: 0 accepted, 1 "
        "refused, 2 usage, 3 could not decide.",
        NULL,
        NULL,
        NULL};
    struct args a = {0};
    struct cmn_err err = {0};
    auto_env struct cmn_env *env = NULL;
    auto_json json_t *verdict = NULL;
    struct sim_case *c = NULL;
    char name[] = "cocobox replay";

    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return SIM_EXIT_USAGE;
    if (!a.n_files)
        return sim_cmd_usage("replay", "which bundle or files?");
    int status = SIM_EXIT_HOST, r = cmn_env_new_system(&env, &err);
    if (r >= 0)
        r = sim_case_new(env, &c, &err);
    if (r >= 0 && a.summary) {
        status = summary(&a, c);
    } else if (r >= 0) {
        r = judge(&a, c, a.files, a.n_files, &verdict, &err);
        status = r >= 0 ? print(&a, verdict) : r == -EINVAL ? SIM_EXIT_USAGE : SIM_EXIT_HOST;
    }
    if (r < 0)
        (void)fprintf(stderr, "cocobox replay: %s\n", err.msg);
    sim_case_free(c);
    return status;
}
