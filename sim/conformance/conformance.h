/*
 * conformance.h - an independent client-side suite for the KBS protocol, against any KBS.
 *
 *     struct sim_conf_report report = {0};
 *     r = sim_conf_run(&(struct sim_conf_opts){.env = env, .url = "http://127.0.0.1:8080"},
 * &report, &err);
 *     ... report.n_failed ...
 *     sim_conf_report_done(&report);
 *
 * Every check has a number that never changes, the section of the protocol it stands on, and its
 * rule in one sentence. Nothing here is shared with our own key broker but JSON, HTTP and crypto
 * primitives: JOSE, SNP evidence and the facts of each release are written a second time, from the
 * protocol.
 */
#ifndef SIM_CONFORMANCE_H
#define SIM_CONFORMANCE_H

#include "common/env/env.h"
#include "common/json/json.h"
#include "sim/conformance/admin-token.h"

enum sim_conf_outcome { SIM_CONF_PASS, SIM_CONF_FAIL, SIM_CONF_SKIP };

struct sim_conf_result {
    unsigned number; /* 101, ... */
    const char *group, *section, *rule;
    enum sim_conf_outcome outcome;
    char *sent, *received; /* last exchange; credentials are replaced by "***" */
    char *expected;        /* what was looked at last, or what was missed; for a skip: why */
    char *remark;          /* upstream is known to be odd here, and how; NULL: nothing to say */
    unsigned ms;
};

struct sim_conf_report {
    struct sim_conf_result *results;
    size_t n;
    size_t n_passed, n_failed, n_skipped, n_remarks;
    const char *url, *era, *tee;
    bool admin;       /* the suite could act as admin */
    bool destructive; /* it was allowed to change the KBS */
};

struct sim_conf_opts {
    struct cmn_env *env;
    const char *url;          /* "https://kbs:8080", without /kbs/v0 */
    const char *ca_pem;       /* certificate to trust beside the system's, NULL: none */
    const char *era;          /* "0.9" ... "0.21"; NULL: the newest */
    const char *tee;          /* "sample" (NULL) or "snp" */
    const char *admin_bearer; /* admin token as it is sent, NULL: none */
    EVP_PKEY *admin_key;      /* the key that signs such tokens, NULL: only the token is known */
    struct conf_admin_claims admin_claims; /* of the token that this key signs */
    const char *resource; /* a resource that the guest may read, "a/b/c"; NULL: none known */
    const char *only;     /* numbers to run, "101,2*"; NULL: all */
    const char *tee_dir;  /* snp: folder and seed of the test chain (fake-tee ca) */
    const char *tee_seed;
    bool destructive;    /* may set policies, values and resources of a throw-away KBS */
    unsigned timeout_ms; /* of a request, 0: 20 s */
    void (*each)(void *ctx, const struct sim_conf_result *r); /* after each check; NULL: none */
    void *ctx;
};

/* 0 when the suite ran, whatever the verdicts. -EINVAL: options; -ECONNREFUSED: nobody answers. */
int sim_conf_run(const struct sim_conf_opts *opts, struct sim_conf_report *ret,
                 struct cmn_err *err) CMN_MUST_USE;
void sim_conf_report_done(struct sim_conf_report *report);

/* The same checks without a KBS: number, group, section, rule and needs as an array. */
json_t *sim_conf_list(void);
const char *sim_conf_outcome_name(enum sim_conf_outcome outcome); /* "pass", "fail", "skip" */

/* ---- reports ---- */
json_t *sim_conf_report_json(const struct sim_conf_report *report);
/* JUnit's XML: one testsuite per group. -errno. */
int sim_conf_report_junit(const struct sim_conf_report *report, const char *path,
                          struct cmn_err *err) CMN_MUST_USE;

#endif
