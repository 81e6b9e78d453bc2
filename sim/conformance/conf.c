/* conf.c - the runner: which checks apply, one after the other, and what came of each. */
#include "sim/conformance/conf.h"

#include <fnmatch.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Order matters: what overwrites the policies of a throw-away KBS comes last. */
const struct conf_group *const conf_groups[] = {
    &conf_group_routing, &conf_group_auth,      &conf_group_session, &conf_group_attest,
    &conf_group_snp,     &conf_group_token,     &conf_group_admin,   &conf_group_resource,
    &conf_group_jwe,     &conf_group_reference, &conf_group_limits,  &conf_group_concurrency,
    &conf_group_policy,  &conf_group_appraisal,
};
const size_t conf_n_groups = CMN_ARRAY_SIZE(conf_groups);

static const struct {
    unsigned bit;
    const char *name;
} need_names[] = {{CONF_ADMIN, "admin"},         {CONF_DESTRUCTIVE, "destructive"},
                  {CONF_CLOSED, "closed-admin"}, {CONF_TOKEN, "token"},
                  {CONF_READABLE, "resource"},   {CONF_SNP, "snp"},
                  {CONF_SAMPLE, "sample"},       {CONF_KEY, "admin-key"}};

const char *sim_conf_outcome_name(enum sim_conf_outcome outcome)
{
    static const char *const names[] = {"pass", "fail", "skip"};

    return names[outcome];
}

/* Does one of the patterns, "101,2*", name the number? */
static bool chosen(const char *only, unsigned number)
{
    char text[16], pattern[32];

    (void)snprintf(text, sizeof(text), "%u", number);
    while (only && *only) {
        size_t n = strcspn(only, ",");
        (void)snprintf(pattern, sizeof(pattern), "%.*s", (int)n, only);
        if (fnmatch(pattern, text, 0) == 0)
            return true;
        only += n + (only[n] == ',');
    }
    return false;
}

/* Why the check cannot be made here, NULL when it can. */
static const char *missing_need(const struct conf *c, const struct conf_check *check)
{
    if (check->needs & CONF_SNP && strcmp(c->tee, "snp") != 0)
        return "only for --tee snp";
    if (check->needs & CONF_SAMPLE && strcmp(c->tee, "sample") != 0)
        return "only for --tee sample";
    if (check->needs & CONF_KEY && !c->opts->admin_bearer)
        return "needs --admin-key";
    if (check->needs & CONF_CLOSED && c->admin_open)
        return "this KBS lets anybody act as admin";
    if (check->needs & (CONF_ADMIN | CONF_DESTRUCTIVE) && !c->admin_ok)
        return "needs admin rights: --admin-key, or a KBS that asks for none";
    if (check->needs & CONF_DESTRUCTIVE && !c->opts->destructive)
        return "changes the KBS: only with --allow-destructive";
    return NULL;
}

static void judge(struct conf *c, const struct conf_check *check)
{
    const char *why = missing_need(c, check);

    if (check->since && c->era->id < check->since)
        conf_skip(c, "holds since %s, this is era %s", conf_era_name(check->since), c->era->name);
    else if (check->until && c->era->id > check->until)
        conf_skip(c, "held until %s, this is era %s", conf_era_name(check->until), c->era->name);
    else if (why)
        conf_skip(c, "%s", why);
    else if (check->needs & CONF_TOKEN && !conf_good_token(c))
        c->now->outcome = SIM_CONF_SKIP;
    else if (!(check->needs & CONF_READABLE) || conf_readable(c))
        check->run(c, check);
}

static void run_check(struct conf *c, const struct conf_group *group,
                      const struct conf_check *check, struct sim_conf_result *result)
{
    uint64_t start = cmn_env_mono_us(c->opts->env);

    *result = (struct sim_conf_result){.number = check->number,
                                       .group = group->name,
                                       .section = check->section,
                                       .rule = check->rule};
    c->now = result;
    c->missed = c->frozen = false;
    judge(c, check);
    if (c->missed)
        result->outcome = SIM_CONF_FAIL;
    result->ms = (unsigned)((cmn_env_mono_us(c->opts->env) - start) / 1000);
    if (c->opts->each)
        c->opts->each(c->opts->ctx, result);
    c->now = NULL;
}

static void count(struct sim_conf_report *report, const struct sim_conf_result *result)
{
    report->n_passed += result->outcome == SIM_CONF_PASS;
    report->n_failed += result->outcome == SIM_CONF_FAIL;
    report->n_skipped += result->outcome == SIM_CONF_SKIP;
    report->n_remarks += result->remark != NULL;
}

static size_t count_checks(void)
{
    size_t n = 0;

    for (size_t g = 0; g < conf_n_groups; g++)
        n += conf_groups[g]->n;
    return n;
}

static void run_all(struct conf *c, struct sim_conf_report *report)
{
    for (size_t g = 0; g < conf_n_groups; g++)
        for (size_t i = 0; i < conf_groups[g]->n; i++) {
            const struct conf_check *check = &conf_groups[g]->checks[i];
            if (c->opts->only && !chosen(c->opts->only, check->number))
                continue;
            struct sim_conf_result *result = &report->results[report->n++];
            run_check(c, conf_groups[g], check, result);
            count(report, result);
        }
}

/* Is anybody there, and may we act as admin? Neither is a check. */
static int probe(struct conf *c, struct cmn_err *err)
{
    struct sim_conf_result scratch = {0};
    const char *bearer = c->opts->admin_bearer;

    c->now = &scratch;
    int status =
        conf_try(c, &(struct conf_req){.method = "GET", .path = "/kbs/v0/resource-policy"});
    c->admin_open = c->admin_ok = status == 200;
    if (status > 0 && !c->admin_open && bearer)
        c->admin_ok = conf_try(c, &(struct conf_req){.method = "GET",
                                                     .path = "/kbs/v0/resource-policy",
                                                     .bearer = bearer}) == 200;
    free(scratch.sent);
    free(scratch.received);
    c->now = NULL;
    return status > 0 ? 0 : cmn_err_set(err, ECONNREFUSED, "%s", c->transport);
}

static int open_suite(struct conf *c, struct cmn_err *err)
{
    const struct sim_conf_opts *o = c->opts;
    size_t n = strlen(o->url);

    c->era = o->era ? conf_era_find(o->era) : conf_era_newest();
    if (!c->era)
        return cmn_err_set(err, EINVAL, "era '%.32s' is not known: 0.9 to 0.21", o->era);
    c->tee = o->tee ? o->tee : "sample";
    if (strcmp(c->tee, "sample") != 0 && strcmp(c->tee, "snp") != 0)
        return cmn_err_set(err, EINVAL, "TEE '%.32s' is not known here: sample or snp", c->tee);
    if (strncmp(o->url, "http://", 7) != 0 && strncmp(o->url, "https://", 8) != 0)
        return cmn_err_set(err, EINVAL, "'%.128s' is no http or https URL", o->url);
    while (n && o->url[n - 1] == '/')
        n--;
    c->base = strndup(o->url, n);
    if (!c->base)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_http_client_new(
        &(struct cmn_http_client_opts){.timeout_ms = o->timeout_ms ? o->timeout_ms : 20000,
                                       .user_agent = "cocobox-conformance",
                                       .ca_pem = o->ca_pem},
        &c->http, err);
    if (r == 0 && strcmp(c->tee, "snp") == 0)
        r = conf_snp_open(c, err);
    return r < 0 ? r : probe(c, err);
}

static void close_suite(struct conf *c)
{
    conf_snp_close(c);
    for (size_t i = 0; i < CONF_KEYS; i++)
        EVP_PKEY_free(c->keys[i]);
    cmn_http_answer_done(&c->answer);
    cmn_http_client_free(c->http);
    free(c->token);
    free(c->base);
}

int sim_conf_run(const struct sim_conf_opts *opts, struct sim_conf_report *ret, struct cmn_err *err)
{
    struct conf c = {.opts = opts};
    struct sim_conf_report report = {.url = opts->url, .destructive = opts->destructive};
    int r = open_suite(&c, err);

    if (r == 0) {
        report.results = calloc(count_checks(), sizeof(*report.results));
        r = report.results ? 0 : cmn_err_set(err, ENOMEM, "no memory");
    }
    if (r == 0) {
        report.era = c.era->name;
        report.tee = c.tee;
        report.admin = c.admin_ok;
        run_all(&c, &report);
        *ret = report;
    }
    close_suite(&c);
    return r;
}

void sim_conf_report_done(struct sim_conf_report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        free(report->results[i].sent);
        free(report->results[i].received);
        free(report->results[i].expected);
        free(report->results[i].remark);
    }
    free(report->results);
    *report = (struct sim_conf_report){0};
}

static json_t *needs_json(unsigned needs)
{
    json_t *list = json_array();

    for (size_t i = 0; i < CMN_ARRAY_SIZE(need_names); i++)
        if (needs & need_names[i].bit)
            CMN_IGNORE(json_array_append_new(list, json_string(need_names[i].name)));
    return list;
}

json_t *sim_conf_list(void)
{
    json_t *list = json_array();

    for (size_t g = 0; list && g < conf_n_groups; g++)
        for (size_t i = 0; i < conf_groups[g]->n; i++) {
            const struct conf_check *k = &conf_groups[g]->checks[i];
            CMN_IGNORE(json_array_append_new(
                list, json_pack("{s:i, s:s, s:s, s:s, s:o, s:s, s:s}", "number", (int)k->number,
                                "group", conf_groups[g]->name, "section", k->section, "rule",
                                k->rule, "needs", needs_json(k->needs), "since",
                                conf_era_name(k->since), "until", conf_era_name(k->until))));
        }
    return list;
}
