/* cmd-conformance.c - cocobox conformance kbs --url URL: does this KBS speak the protocol? */
#include "sim/cmd/cmd.h"
#include "sim/cmd/kbs-admin.h"
#include "sim/conformance/conformance.h"

#include <argp.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_URL = 256,
    OPT_CERT,
    OPT_ADMIN_KEY,
    OPT_ROLE,
    OPT_ISSUER,
    OPT_AUDIENCE,
    OPT_DESTRUCTIVE,
    OPT_ERA,
    OPT_TEE,
    OPT_JUNIT,
    OPT_RESOURCE,
    OPT_ONLY,
    OPT_LIST,
    OPT_TEE_DIR,
    OPT_TEE_SEED,
    PEM_MAX = 1 << 20,
    TOKEN_LIFE_S = 24 * 3600,
};

struct args {
    struct sim_conf_opts opts;
    const char *what, *cert, *admin_key, *junit;
    bool json, list, verbose;
};

static const struct argp_option options[] = {
    {"url", OPT_URL, "URL", 0, "The KBS, such as http://127.0.0.1:8080", 0},
    {"kbs-cert", OPT_CERT, "FILE", 0, "PEM certificate to trust beside the system's", 0},
    {"admin-key", OPT_ADMIN_KEY, "FILE", 0,
     "Private key that signs admin tokens (PEM), or a file with such a token", 0},
    {"admin-role", OPT_ROLE, "TEXT", 0, "role of the admin token (default: admin)", 0},
    {"admin-issuer", OPT_ISSUER, "TEXT", 0, "iss of the admin token (default: none)", 0},
    {"admin-audience", OPT_AUDIENCE, "TEXT", 0, "aud of the admin token (default: none)", 0},
    {"allow-destructive", OPT_DESTRUCTIVE, NULL, 0,
     "Set policies, reference values and resources. Only for a KBS to throw away: what was there "
     "cannot be put back",
     0},
    {"era", OPT_ERA, "VERSION", 0, "Trustee release to compare with, 0.9 to 0.21 (default: 0.21)",
     0},
    {"tee", OPT_TEE, "NAME", 0, "sample (default) or snp (by fake-tee: the KBS trusts its chain)",
     0},
    {"tee-dir", OPT_TEE_DIR, "DIR", 0, "snp: folder of the chain (default: fake-tee-ca)", 0},
    {"tee-seed", OPT_TEE_SEED, "TEXT", 0, "snp: seed of the chain, as fake-tee ca --seed", 0},
    {"resource", OPT_RESOURCE, "A/B/C", 0, "A resource that the guest may read", 0},
    {"only", OPT_ONLY, "NUMBERS", 0, "Run these checks: 101,2*,45??", 0},
    {"list", OPT_LIST, NULL, 0, "Show the checks and run none", 0},
    {"junit", OPT_JUNIT, "FILE", 0, "Write JUnit's XML there", 0},
    {"json", 'j', NULL, 0, "Print one JSON document", 0},
    {"verbose", 'v', NULL, 0, "Show every check with what was sent and received", 0},
    {0},
};

/* Options that only fill a text. */
static const char **text_of(struct args *a, int key)
{
    switch (key) {
    case OPT_URL:
        return &a->opts.url;
    case OPT_CERT:
        return &a->cert;
    case OPT_ADMIN_KEY:
        return &a->admin_key;
    case OPT_ROLE:
        return &a->opts.admin_claims.role;
    case OPT_ISSUER:
        return &a->opts.admin_claims.issuer;
    case OPT_AUDIENCE:
        return &a->opts.admin_claims.audience;
    case OPT_ERA:
        return &a->opts.era;
    case OPT_TEE:
        return &a->opts.tee;
    case OPT_TEE_DIR:
        return &a->opts.tee_dir;
    case OPT_TEE_SEED:
        return &a->opts.tee_seed;
    case OPT_RESOURCE:
        return &a->opts.resource;
    case OPT_ONLY:
        return &a->opts.only;
    case OPT_JUNIT:
        return &a->junit;
    default:
        return NULL;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    const char **text = text_of(a, key);

    if (text)
        *text = arg;
    else if (key == 'j')
        a->json = true;
    else if (key == 'v')
        a->verbose = true;
    else if (key == OPT_LIST)
        a->list = true;
    else if (key == OPT_DESTRUCTIVE)
        a->opts.destructive = true;
    else if (key == ARGP_KEY_ARG && !a->what)
        a->what = arg;
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

static void print_result(void *ctx, const struct sim_conf_result *r)
{
    const struct args *a = ctx;

    if (r->outcome == SIM_CONF_PASS && !r->remark && !a->verbose)
        return;
    if (r->outcome == SIM_CONF_SKIP && !a->verbose)
        return;
    (void)printf("%-4s %u (%s) %s\n", sim_conf_outcome_name(r->outcome), r->number, r->section,
                 r->rule);
    if (r->outcome == SIM_CONF_SKIP) {
        (void)printf("     because: %s\n", r->expected ? r->expected : "?");
        return;
    }
    if (r->remark)
        (void)printf("     remark: %s\n", r->remark);
    if (r->outcome == SIM_CONF_FAIL || a->verbose)
        (void)printf("     sent: %s\n     received: %s\n     expected: %s\n",
                     r->sent ? r->sent : "", r->received ? r->received : "",
                     r->expected ? r->expected : "");
}

static void print_list(const struct args *a)
{
    auto_json json_t *list = sim_conf_list();
    auto_free char *text = a->json ? cmn_json_dump(list) : NULL;
    size_t i;
    json_t *row;

    if (text)
        (void)puts(text);
    else
        json_array_foreach(list, i, row)
            (void)printf("%-5lld %-12s %-8s %s\n", (long long)cmn_json_int(row, "number", 0),
                         cmn_json_str(row, "group"), cmn_json_str(row, "section"),
                         cmn_json_str(row, "rule"));
    if (!text)
        (void)printf("%zu checks\n", json_array_size(list));
}

static int finish(const struct args *a, struct sim_conf_report *report)
{
    struct cmn_err err = {0};
    int status = report->n_failed ? SIM_EXIT_FAILED : SIM_EXIT_OK;

    if (a->json) {
        auto_json json_t *doc = sim_conf_report_json(report);
        auto_free char *text = cmn_json_dump(doc);
        if (text)
            (void)puts(text);
    } else {
        (void)printf("%s as Trustee %s, TEE %s: %zu passed, %zu failed, %zu skipped, %zu remarks\n",
                     report->url, report->era, report->tee, report->n_passed, report->n_failed,
                     report->n_skipped, report->n_remarks);
        if (report->n_skipped && !a->verbose)
            (void)printf("(--verbose tells why checks were skipped)\n");
    }
    if (a->junit && sim_conf_report_junit(report, a->junit, &err) < 0) {
        (void)fprintf(stderr, "cocobox conformance: %s\n", err.msg);
        status = SIM_EXIT_HOST;
    }
    return status;
}

static int run(struct args *a)
{
    auto_env struct cmn_env *env = NULL;
    auto_buf struct cmn_buf cert = {0};
    auto_free char *token = NULL;
    struct sim_conf_report report = {0};
    struct cmn_err err = {0};
    int status = SIM_EXIT_HOST, r = cmn_env_new_system(&env, &err);

    a->opts.env = env;
    if (r == 0 && a->cert)
        r = cmn_file_read(a->cert, PEM_MAX, &cert, &err);
    if (r == 0 && a->admin_key)
        r = sim_kbs_admin_read(env, a->admin_key, &a->opts.admin_claims, &a->opts.admin_key, &token,
                               &err);
    a->opts.ca_pem = (const char *)cert.data;
    a->opts.admin_bearer = token;
    if (!a->json) {
        a->opts.each = print_result;
        a->opts.ctx = a;
    }
    if (r == 0 && a->opts.destructive)
        (void)fprintf(stderr,
                      "policies, reference values and resources of this KBS are changed and "
                      "cannot be put back\n");
    if (r == 0)
        r = sim_conf_run(&a->opts, &report, &err);
    if (r == 0)
        status = finish(a, &report);
    else
        (void)fprintf(stderr, "cocobox conformance: %s\n", err.msg);
    sim_conf_report_done(&report);
    EVP_PKEY_free(a->opts.admin_key);
    return r == -EINVAL ? SIM_EXIT_USAGE : status;
}

int sim_cmd_conformance(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "kbs --url URL",
        "Compares a KBS with the protocol, check by check. Without --allow-destructive it only "
        "reads.",
        NULL,
        NULL,
        NULL};
    struct args a = {.opts.admin_claims = {.role = "admin", .lives_s = TOKEN_LIFE_S}};
    char name[] = "cocobox conformance";

    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return SIM_EXIT_USAGE;
    if (!a.what || strcmp(a.what, "kbs") != 0)
        return sim_cmd_usage("conformance", "say what: kbs");
    if (a.list) {
        print_list(&a);
        return SIM_EXIT_OK;
    }
    return a.opts.url ? run(&a) : sim_cmd_usage("conformance", "--url is needed");
}
