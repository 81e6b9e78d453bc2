/* broker.c - the key broker of a run: whom it trusts, what it holds, what it tells. */
#include "fake-tee/kds.h"
#include "sim/run/remote.h"
#include "sim/run/run-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400

/* ---- what it tells ---- */

static void on_kbs(void *ctx, const struct kbs_event *e)
{
    struct sim_run *run = ctx;
    enum sim_phase phase = SIM_PHASE_ATTEST;
    enum sim_outcome outcome = SIM_INFO;
    json_t *details = e->details ? json_deep_copy(e->details) : NULL;

    CMN_IGNORE(sim_phase_by_name(e->phase, &phase)); /* the broker's names are ours */
    CMN_IGNORE(sim_outcome_by_name(e->outcome, &outcome));
    if (e->status) {
        if (!details)
            details = json_object();
        CMN_IGNORE(json_object_set_new(details, "status", json_integer(e->status)));
    }
    sim_run_emit(run, phase, "kbs", e->name, outcome, e->reason, e->message, details);
}

/* ---- what it holds ---- */

static int put_reference_values(struct sim_run *run, struct cmn_err *err)
{
    auto_json json_t *values = NULL;
    int r = 0;

    if (run->plan->reference_mode == SIM_REFERENCE_NONE)
        return 0;
    if (run->plan->reference_mode == SIM_REFERENCE_GUEST)
        r = sim_run_reference_values(run, &values, err);
    else
        values = json_incref(run->plan->reference_values);
    if (r < 0)
        return r;
    return run->opts->kbs_url ? sim_remote_put_references(run, values, err)
                              : kbs_reference_values_put(run->kbs, values, err);
}

int sim_run_put_resource(struct sim_run *run, const char *path, struct cmn_bytes bytes,
                         struct cmn_err *err)
{
    return run->opts->kbs_url ? sim_remote_put_resource(run, path, bytes, err)
                              : kbs_resource_put(run->kbs, path, bytes, err);
}

/* What the scenario names comes last, so it wins over the key that an encrypted image puts. */
static int put_resources(struct sim_run *run, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    int r = cmn_env_derive(run->opts->env, "resources", &env, err);

    for (size_t i = 0; r == 0 && i < run->plan->n_resources; i++) {
        const struct sim_resource *res = &run->plan->resources[i];
        auto_buf_secret struct cmn_buf random = {0};
        if (res->random) {
            if (cmn_buf_resize(&random, res->random) < 0)
                return cmn_err_set(err, ENOMEM, "no memory");
            r = cmn_env_random(env, random.data, random.len, err);
        }
        if (r == 0)
            r = sim_run_put_resource(run, res->path,
                                     cmn_buf_bytes(res->random ? &random : &res->bytes), err);
    }
    return r;
}

/* ---- the verifier's sources ---- */

/* The run's own KDS, for evidence that brings no VCEK; on the host's loopback, which only the
 * broker reaches. */
static int serve_kds(struct sim_run *run, struct cmn_env *env, char url[64], struct cmn_err *err)
{
    struct ftee_kds_opts opts = {
        .env = env, .chips = run->plan->verifier.kds == SIM_KDS_EMPTY ? 0 : FTEE_KDS_CHIPS_MAX};

    opts.cas[ftee_ca_product(run->ca)] = run->ca;
    int r = ftee_kds_new(&opts, &run->kds, err);
    if (r == 0)
        r = ftee_kds_server_new(
            run->kds, &(struct ftee_kds_server_opts){.listen_fd = -1, .address = "127.0.0.1"},
            &run->kds_server, err);
    if (r == 0)
        (void)snprintf(url, 64, "http://127.0.0.1:%u", ftee_kds_server_port(run->kds_server));
    return r < 0 ? cmn_err_wrap(err, r, "the run's KDS") : 0;
}

static int make_crl(struct sim_run *run, struct cmn_env *env, struct cmn_buf *ret,
                    struct cmn_err *err)
{
    const uint64_t ask = ftee_ca_serial(run->ca, FTEE_CERT_ASK);
    struct ftee_crl_opts opts = {0};

    if (run->plan->verifier.crl == SIM_CRL_REVOKED) {
        opts.revoked = &ask;
        opts.n_revoked = 1;
    }
    if (run->plan->verifier.crl == SIM_CRL_STALE) {
        opts.this_update = cmn_env_now(env) - 90 * DAY_S;
        opts.next_update = cmn_env_now(env) - 44 * DAY_S;
    }
    return ftee_ca_crl(run->ca, &opts, ret, err);
}

/* ASK and ARK, and for a VLEK guest its ASVK. */
static int test_roots(struct sim_run *run, struct cmn_buf *ret, struct cmn_err *err)
{
    struct cmn_bytes chain = ftee_ca_chain_pem(run->ca), vlek = {0};
    int r = cmn_buf_put(ret, chain.data, chain.len) < 0 ? cmn_err_set(err, ENOMEM, "no memory") : 0;

    if (r == 0 && run->plan->guest.platform.vek == SIM_VEK_VLEK) {
        r = ftee_ca_vlek_chain_pem(run->ca, &vlek, err);
        if (r == 0 && cmn_buf_put(ret, vlek.data, vlek.len) < 0)
            r = cmn_err_set(err, ENOMEM, "no memory");
    }
    return r;
}

/* cocobox run --bundle: what the broker was asked and what it judged by. */
static int capture(struct sim_run *run, const struct cmn_buf *roots, const struct cmn_buf *crl,
                   struct cmn_err *err)
{
    const char *dir = run->opts->bundle_dir;
    auto_free char *path = NULL;
    int r = cmn_mkdir_p(dir, 0700, err);

    if (r == 0)
        r = kbs_capture_to_dir(run->kbs, dir, cmn_buf_bytes(roots), err);
    if (r == 0 && crl->len && asprintf(&path, "%s/crl.der", dir) >= 0)
        r = cmn_file_write(path, crl->data, crl->len, 0600, err);
    return r < 0 ? cmn_err_wrap(err, r, "--bundle") : 0;
}

static int new_kbs(struct sim_run *run, struct cmn_err *err)
{
    const struct sim_verifier_spec *v = &run->plan->verifier;
    auto_env struct cmn_env *env = NULL;
    auto_buf struct cmn_buf roots = {0}, crl = {0};
    char url[64] = "http://127.0.0.1:1"; /* nobody listens there */
    const struct kbs_vcek_source kds = {.kds_url = url};
    struct cmn_bytes crls[1];
    struct kbs_config config = {.trust_amd = v->trust_amd || sim_run_is_snp(run),
                                .era = run->plan->era,
                                .policy_set = run->plan->policy_set,
                                .strict = run->plan->strict,
                                .admin = KBS_ADMIN_DENY_ALL,
                                .crl_required = v->crl_required,
                                .verify_at = v->at};
    int r = cmn_env_derive(run->opts->env, "kbs", &env, err);

    if (r == 0 && run->ca && v->trust_test)
        r = test_roots(run, &roots, err);
    if (r == 0 && run->ca && (v->kds == SIM_KDS_SERVED || v->kds == SIM_KDS_EMPTY))
        r = serve_kds(run, env, url, err);
    if (r == 0 && run->ca && v->crl != SIM_CRL_NONE)
        r = make_crl(run, env, &crl, err);
    config.test_chain_pem = cmn_buf_bytes(&roots);
    config.vcek_sources = &kds;
    config.n_vcek_sources = v->kds != SIM_KDS_NONE;
    crls[0] = cmn_buf_bytes(&crl);
    config.crls = crls;
    config.n_crls = crl.len > 0;
    if (r == 0)
        r = kbs_new(env, &config, &run->kbs, err);
    if (r == 0)
        kbs_set_observer(run->kbs, on_kbs, run);
    if (r == 0 && run->opts->bundle_dir)
        r = capture(run, &roots, &crl, err);
    return r;
}

int sim_run_kbs(struct sim_run *run, struct cmn_err *err)
{
    int r = run->opts->kbs_url ? sim_remote_put_policy(run, run->plan->policy_set, err)
                               : new_kbs(run, err);

    if (r == 0)
        r = put_reference_values(run, err);
    if (r == 0 && run->plan->attest_eager)
        r = sim_run_put_resource(run, SIM_EAGER_RESOURCE, cmn_bytes("eager", 5), err);
    if (r == 0)
        r = sim_run_images(run, err); /* puts image keys */
    return r < 0 ? r : put_resources(run, err);
}

void sim_run_kbs_done(struct sim_run *run)
{
    kbs_free(run->kbs);
    ftee_kds_server_free(run->kds_server);
    ftee_kds_free(run->kds);
}
