/* run.c - from a case and options to the verdict. */
#include "kbs-lite/policy-set.h"
#include "sim/diagnose/reference-values.h"
#include "sim/diagnose/replay/replay-internal.h"
#include "sim/diagnose/why/why.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What differed between releases of Trustee, as far as it decides here. */
static const struct era {
    const char *name;
    unsigned min_version, max_version;
} eras[] = {
    {"0.21", 3, 5}, {"0.20", 3, 5}, {"0.19", 3, 5}, {"0.18", 3, 5}, {"0.17", 3, 5},
    {"0.16", 3, 5}, {"0.15", 3, 5}, {"0.14", 3, 4}, {"0.13", 2, 3},
};

struct replay {
    struct sim_case *c;
    const struct sim_replay_opts *o;
    const struct era *era;
    bool strict;
    const char *root;
    int64_t at;
    struct kbs_roots *roots;
    struct kbs_crls *crls;
    struct kbs_offline_session session;
    json_t *references;
    char *attestation_policy, *resource_policy;
    json_t *verdict, *notes;
};

static void note(struct replay *p, const char *text)
{
    CMN_IGNORE(json_array_append_new(p->notes, json_string(text)));
}

static void set(json_t *obj, const char *key, json_t *value)
{
    CMN_IGNORE(json_object_set_new(obj, key, value));
}

static int choose(struct replay *p, struct cmn_err *err)
{
    const struct sim_replay_opts *o = p->o;
    const char *verifier = o->verifier ? o->verifier : cmn_json_str(p->c->info, "verifier");
    const char *root = o->root ? o->root : cmn_json_str(p->c->info, "root");

    for (size_t i = 0; i < CMN_ARRAY_SIZE(eras); i++)
        if (!o->era || strcmp(o->era, eras[i].name) == 0) {
            p->era = &eras[i];
            break;
        }
    if (!p->era)
        return cmn_err_set(err, EINVAL, "era '%.32s' is not known (0.13 to 0.21)", o->era);
    if (verifier && strcmp(verifier, "trustee") != 0 && strcmp(verifier, "strict") != 0)
        return cmn_err_set(err, EINVAL, "verifier '%.32s' is neither trustee nor strict", verifier);
    p->strict = verifier && strcmp(verifier, "strict") == 0;
    p->root = root ? root : "amd";
    p->at = o->at ? o->at : p->c->clock ? p->c->clock : cmn_env_now(p->c->env);
    if (!o->at && !p->c->clock)
        note(p, "no time is known: dates are judged as of now (--at TIME)");
    return 0;
}

static int open_roots(struct replay *p, struct cmn_err *err)
{
    bool amd = strcmp(p->root, "amd") == 0, test = strcmp(p->root, "test") == 0;
    auto_buf struct cmn_buf file = {0};
    struct cmn_bytes pem = {0};
    int r = 0;

    if (test)
        pem = cmn_buf_bytes(&p->c->roots_pem);
    else if (!amd) {
        r = cmn_file_read(p->root, 1 << 20, &file, err);
        pem = cmn_buf_bytes(&file);
    }
    if (r >= 0 && !amd && !pem.len)
        r = cmn_err_set(err, EINVAL, "--root %.64s: no ARK and ASK are among the files", p->root);
    if (r >= 0 && (!amd || !p->c->amd))
        r = kbs_roots_new(p->c->env, amd, pem, amd ? &p->c->amd : &p->roots, err);
    if (r >= 0)
        r = kbs_crls_new(p->c->env, &p->crls, err);
    for (size_t i = 0; r >= 0 && i < p->c->n_crls; i++)
        if (kbs_crls_add(p->crls, cmn_buf_bytes(&p->c->crls[i]), NULL) < 0)
            note(p, "a revocation list cannot be read and is left aside");
    return r < 0 ? r : 0;
}

static int take_text(char **at, const char *text, struct cmn_err *err)
{
    free(*at);
    *at = strdup(text);
    return *at ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

/* Policies: those at hand, over them the set's, over them the file's. */
static int open_policies(struct replay *p, struct cmn_err *err)
{
    const struct sim_case *c = p->c;
    int r = 0;

    if (c->attestation_policy)
        r = take_text(&p->attestation_policy, c->attestation_policy, err);
    if (r == 0 && c->resource_policy)
        r = take_text(&p->resource_policy, c->resource_policy, err);
    if (r == 0 && p->o->policy_set) {
        const struct kbs_policy_set *s = kbs_policy_set_find(p->o->policy_set);
        if (!s)
            return cmn_err_set(err, EINVAL, "policy set '%.64s' is not known", p->o->policy_set);
        r = take_text(&p->attestation_policy, s->attestation_cpu, err);
        if (r == 0)
            r = take_text(&p->resource_policy, s->resource, err);
    }
    if (r == 0 && p->o->policy) {
        auto_buf struct cmn_buf text = {0};
        r = cmn_file_read(p->o->policy, 1 << 20, &text, err);
        if (r >= 0)
            r = take_text(sim_policy_is_attestation((const char *)text.data)
                              ? &p->attestation_policy
                              : &p->resource_policy,
                          (const char *)text.data, err);
    }
    /* a resource policy alone needs an appraisal to look at */
    if (r >= 0 && p->resource_policy && !p->attestation_policy && !c->token) {
        r = take_text(&p->attestation_policy, kbs_policy_set_find("upstream")->attestation_cpu,
                      err);
        note(p, "no attestation policy is at hand: upstream's default is used");
    }
    return r < 0 ? r : 0;
}

static int open_references(struct replay *p, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *json = NULL;

    if (!p->o->reference_values) {
        p->references = p->c->references ? json_incref(p->c->references) : NULL;
        if (p->attestation_policy && !p->references)
            note(p, "no reference values are at hand: every one counts as missing");
        return 0;
    }
    int r = cmn_file_read(p->o->reference_values, 4 << 20, &text, err);
    if (r >= 0)
        r = cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, &json, err);
    if (r >= 0 && !(p->references = sim_reference_values_plain(json)))
        r = cmn_err_set(err, EBADMSG, "they are no JSON object or list");
    return r < 0 ? cmn_err_wrap(err, r, "%.256s", p->o->reference_values) : 0;
}

/* Nonce and initdata; a mismatch of nonces refuses before the evidence is looked at. */
static int open_session(struct replay *p, bool *ret_refused, struct cmn_err *err)
{
    const json_t *runtime = json_object_get(p->c->request, "runtime-data");
    const char *nonce = cmn_json_str(runtime, "nonce");
    struct cmn_err why = {0};

    *ret_refused = false;
    if (!p->c->request) {
        note(p, "no session is known: report data is not checked");
        if (!p->c->initdata || strcmp(p->c->tee, "sample") == 0)
            return 0;
        if (kbs_offline_initdata(p->c->env, p->c->initdata, p->session.init_data,
                                 &p->session.init_data_len, &why) < 0)
            note(p, "the initdata cannot be read and is not checked");
        return 0;
    }
    int r = kbs_offline_session_read(p->c->env, p->c->request, &p->session, &why);
    if (r == -ENOMEM)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (r >= 0 && p->c->session_nonce[0] && nonce && strcmp(nonce, p->c->session_nonce) != 0) {
        why.reason = CMN_REASON_RCAR_NONCE_MISMATCH;
        (void)snprintf(why.msg, sizeof(why.msg), "the request has nonce %.60s, the session %.60s",
                       nonce, p->c->session_nonce);
        r = -EKEYREJECTED;
    }
    set(p->verdict, "session",
        json_pack("{s:s*, s:b}", "nonce", nonce, "initdata", p->session.init_data_len > 0));
    if (r < 0) {
        *ret_refused = true;
        set(p->verdict, "code", json_string(cmn_reason_name(why.reason)));
        set(p->verdict, "message", json_string(why.msg));
    }
    return 0;
}

static json_t *claim_value(const json_t *queried, const char *name)
{
    json_t *v = json_object_get(queried, name);

    return v ? json_incref(v) : json_null();
}

static void tell_appraisal(struct replay *p, const struct kbs_offline_result *res)
{
    json_t *a = json_pack("{s:s, s:O, s:o}", "status", res->status, "vector", res->vector, "lines",
                          sim_explain(p->attestation_policy, res->annotated, res->queried));
    auto_json json_t *missing = json_array();
    const char *name;
    json_t *value;

    json_object_foreach(res->queried, name, value) {
        auto_json json_t *v = claim_value(res->queried, name);
        if (json_is_null(v))
            CMN_IGNORE(json_array_append_new(missing, json_string(name)));
    }
    if (a)
        CMN_IGNORE(json_object_set(a, "missing", missing));
    set(p->verdict, "appraisal", a);
    if (!res->decided)
        return;
    set(p->verdict, "resource",
        json_pack("{s:s, s:b, s:o}", "path", p->o->resource ? p->o->resource : "default/key/1",
                  "allow", res->allow, "lines",
                  res->allow ? json_array() : sim_explain(p->resource_policy, res->payload, NULL)));
}

static void tell_verdict(struct replay *p, bool accepted, enum cmn_reason reason,
                         const char *message)
{
    set(p->verdict, "verdict", json_string(accepted ? "accepted" : "refused"));
    if (accepted)
        return;
    const struct cmn_reason_info *info = cmn_reason_info(reason);
    set(p->verdict, "code", json_string(info->name));
    json_t *text = json_string(message);
    set(p->verdict, "message", text ? text : json_string("(not UTF-8)"));
    set(p->verdict, "hint", json_string(info->hint));
}

static int judge(struct replay *p, struct cmn_err *err)
{
    struct kbs_offline_result *res = calloc(1, sizeof(*res));
    const bool bound = p->session.runtime_data != NULL;
    const struct kbs_offline_input in = {
        .tee = p->c->tee,
        .evidence = p->c->evidence,
        .report = cmn_buf_bytes(&p->c->report),
        .certs = p->c->certs.n ? &p->c->certs : NULL,
        .roots = p->roots ? p->roots : p->c->amd,
        .crls = p->crls,
        .cache = p->c->cache,
        .now = p->at,
        .strict = p->strict,
        .min_version = p->strict ? 0 : p->era->min_version,
        .max_version = p->strict ? 0 : p->era->max_version,
        .report_data = bound ? p->session.report_data : NULL,
        .report_data_len = bound ? sizeof(p->session.report_data) : 0,
        .init_data = p->session.init_data_len ? p->session.init_data : NULL,
        .init_data_len = p->session.init_data_len,
        .runtime_data = p->session.runtime_data,
        .init_data_claims = p->session.init_data_claims,
        .attestation_policy = p->attestation_policy,
        .reference_values = p->references,
        .resource_policy = p->resource_policy,
        .resource_path = p->o->resource,
    };

    if (!res)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = kbs_offline_run(p->c->env, &in, res, err);
    if (r >= 0) {
        set(p->verdict, "rests-on", json_string(res->root));
        set(p->verdict, "checks", kbs_checks_to_json(&res->checks));
        if (res->vector)
            tell_appraisal(p, res);
        tell_verdict(p, res->accepted, res->reason, res->message);
    }
    kbs_offline_done(res);
    free(res);
    return r < 0 ? r : 0;
}

/* What was refused before any evidence was looked at, as the KBS answered it then. */
static bool refused_before(const struct sim_case *c, enum cmn_reason *ret_reason,
                           struct sim_why_finding *ret_line)
{
    const json_t *x = c->exchange, *answer = json_object_get(x, "answer");
    const char *detail = cmn_json_str(answer, "detail"), *path = cmn_json_str(x, "path");
    struct sim_why *w = NULL;

    if (!x || !path || cmn_json_int(x, "status", 200) < 400)
        return false;
    if (strcmp(path, "attest") == 0) {
        bool cookie = json_is_true(json_object_get(x, "cookie"));
        if (json_is_true(json_object_get(x, "session")))
            return false;
        *ret_reason = cookie ? CMN_REASON_RCAR_SESSION_UNKNOWN : CMN_REASON_RCAR_COOKIE_MISSING;
        (void)strcpy(ret_line->text, cookie ? "session not found" : "cookie not found");
        return json_object_get(x, "session") != NULL;
    }
    if (!detail || sim_why_new(&w, NULL) < 0)
        return false;
    sim_why_feed(w, detail, strlen(detail));
    bool found = sim_why_finish(w, ret_line, 1) > 0;
    sim_why_free(w);
    *ret_reason = ret_line->reason;
    /* the request itself tells these two apart: the answer does not */
    const char *tee = cmn_json_str(json_object_get(x, "request"), "tee");
    if (found && *ret_reason == CMN_REASON_RCAR_REQUEST_MALFORMED && tee)
        *ret_reason = CMN_REASON_RCAR_TEE_UNKNOWN;
    return found;
}

/* No evidence, but a case that can be judged otherwise? */
static int check_case(const struct sim_case *c, struct cmn_err *err)
{
    if (c->request && !c->evidence)
        return 0; /* malformed, which the session says */
    if (!c->evidence && !c->report.len)
        return cmn_err_set(err, ENODATA,
                           "no evidence and no report in %zu known thing(s): nothing to judge (see "
                           "docs/collect.md)",
                           c->things);
    if (strcmp(c->tee, "snp") != 0 && strcmp(c->tee, "sample") != 0 &&
        strcmp(c->tee, "az-snp-vtpm") != 0)
        return cmn_err_set(err, ENOTSUP, "evidence of TEE '%.32s' cannot be judged here",
                           c->tee[0] ? c->tee : "(unknown)");
    return 0;
}

static void about(struct replay *p)
{
    struct tm tm;
    char when[32] = "?";
    time_t t = (time_t)p->at;

    if (gmtime_r(&t, &tm))
        (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
    set(p->verdict, "tee", json_string(p->c->tee));
    set(p->verdict, "era", json_string(p->era->name));
    set(p->verdict, "verifier", json_string(p->strict ? "strict" : "trustee"));
    set(p->verdict, "root", json_string(p->root));
    set(p->verdict, "at", json_string(when));
}

static void replay_done(struct replay *p)
{
    kbs_roots_free(p->roots);
    kbs_crls_free(p->crls);
    kbs_offline_session_done(&p->session);
    json_decref(p->references);
    json_decref(p->verdict);
    json_decref(p->notes);
    free(p->attestation_policy);
    free(p->resource_policy);
}

int sim_replay(struct sim_case *c, const struct sim_replay_opts *opts, json_t **ret,
               struct cmn_err *err)
{
    struct replay p = {.c = c, .o = opts, .verdict = json_object(), .notes = json_array()};
    struct sim_why_finding line = {0};
    enum cmn_reason before = CMN_REASON_NONE;
    bool early = refused_before(c, &before, &line), refused = false;
    int r = !p.verdict || !p.notes ? cmn_err_set(err, ENOMEM, "no memory")
            : early                ? 0
                                   : check_case(c, err);

    if (r == 0)
        r = choose(&p, err);
    if (r == 0)
        about(&p);
    if (r == 0 && early) {
        note(&p, "refused before any evidence was looked at");
        tell_verdict(&p, false, before, line.text);
        CMN_IGNORE(json_object_set(p.verdict, "notes", p.notes));
        *ret = cmn_take(p.verdict);
        replay_done(&p);
        return 0;
    }
    if (r == 0)
        r = open_roots(&p, err);
    if (r == 0)
        r = open_policies(&p, err);
    if (r == 0)
        r = open_references(&p, err);
    if (r == 0)
        r = open_session(&p, &refused, err);
    if (r == 0 && refused)
        set(p.verdict, "verdict", json_string("refused"));
    else if (r == 0)
        r = judge(&p, err);
    if (r == 0) {
        CMN_IGNORE(json_object_set(p.verdict, "notes", p.notes));
        *ret = cmn_take(p.verdict);
    }
    replay_done(&p);
    return r;
}
