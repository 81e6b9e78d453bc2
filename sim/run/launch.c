/*
 * launch.c - the launch as the PSP sees it. No firmware is loaded, so what is measured is what
 * makes this guest this guest: its command line and shape, its programs and, in the vm backend,
 * kernel and initramfs.
 */
#include "common/enc/enc.h"
#include "kbs-lite/era.h"
#include "sim/run/run-internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096 };

#define GPA_SHAPE    0x100000u
#define GPA_PROGRAMS 0x101000u
#define GPA_BOOT     0x102000u

static int measure(struct sim_run *run, const struct sim_guest_spec *g, struct ftee_psp *psp,
                   struct cmn_err *err)
{
    uint8_t page[PAGE] = {0};
    auto_free char *hex = cmn_hex(run->programs, sizeof(run->programs));

    if (!hex)
        return cmn_err_set(err, ENOMEM, "no memory");
    (void)snprintf((char *)page, PAGE, "cmdline=%s\nvcpus=%u\n", g->cmdline, g->vcpus);
    int r = ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, GPA_SHAPE, page, err);
    if (r < 0)
        return r;
    memset(page, 0, sizeof(page));
    (void)snprintf((char *)page, PAGE, "programs=%s\n", hex);
    r = ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, GPA_PROGRAMS, page, err);
    if (r < 0 || !run->vm_boot)
        return r;
    memset(page, 0, sizeof(page));
    (void)snprintf((char *)page, PAGE, "%s", run->vm_boot);
    return ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, GPA_BOOT, page, err);
}

/* The guest on the machine of its scenario, launched but for its finish. */
static int start(struct sim_run *run, struct ftee_ca *ca, const struct sim_guest_spec *g,
                 struct ftee_psp **ret, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    struct ftee_psp *psp = NULL;
    struct ftee_platform *platform = NULL;
    int r = cmn_env_derive(run->opts->env, "psp", &env, err);

    if (r == 0)
        r = sim_run_platform_new(ca, g, &platform, err);
    const struct ftee_launch launch = {.policy = g->policy,
                                       .report_version = g->report_version,
                                       .platform = platform,
                                       .certs = {.pem = g->platform.certs_pem,
                                                 .crl = g->platform.certs_crl,
                                                 .omit = g->platform.certs_omit}};
    if (r == 0)
        r = ftee_psp_launch_start(env, ca, &launch, &psp, err);
    if (r == 0)
        r = sim_run_platform_settle(platform, &g->platform, err);
    if (r == 0)
        r = measure(run, g, psp, err);
    ftee_platform_unref(platform); /* the guest has its own reference */
    if (r < 0) {
        ftee_psp_free(psp);
        return r;
    }
    *ret = psp;
    return 0;
}

/* The measurement another launch would have; policy and platform have no part in it. */
static int predict(struct sim_run *run, struct ftee_ca *ca, const struct sim_guest_spec *g,
                   uint8_t ret[48], struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    struct ftee_psp *psp = NULL;
    int r = cmn_env_derive(run->opts->env, "reference", &env, err);

    if (r == 0)
        r = ftee_psp_launch_start(env, ca, &(struct ftee_launch){0}, &psp, err);
    if (r == 0)
        r = measure(run, g, psp, err);
    if (r == 0)
        ftee_psp_measurement(psp, ret);
    ftee_psp_free(psp);
    return r;
}

static int open_ca(struct sim_run *run, enum snp_product product, struct ftee_ca **ret,
                   struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    auto_free char *dir = NULL;

    if (asprintf(&dir, "%s/ca", run->opts->cache_dir) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_mkdir_p(dir, 0700, err);
    if (r == 0)
        r = cmn_env_derive(run->opts->env, "ca", &env, err);
    return r < 0 ? r : ftee_ca_open(env, dir, product, ret, err);
}

static int make_initdata(struct sim_run *run, struct cmn_err *err)
{
    /* upstream's names; the first is its default and stays unsaid */
    static const char *const keys[] = {[SIM_TEE_KEY_EC_P256] = NULL,
                                       [SIM_TEE_KEY_EC_P521] = "ECDH-ES+A256KW-P521",
                                       [SIM_TEE_KEY_RSA] = "RSA-OAEP-256"};
    const char *insecure[MAX_REGISTRIES];
    struct sim_initdata_opts opts = {.kbs_url = SIM_KBS_URL,
                                     .insecure_registries = insecure,
                                     .n_insecure_registries = run->n_hosts,
                                     .tee_key_algorithm = keys[run->plan->guest.tee_key],
                                     .attest_eager = run->plan->attest_eager};

    if (run->plan->pod.init_data)
        return sim_initdata_decode(run->opts->env, run->plan->pod.init_data, &run->initdata, err);
    for (size_t i = 0; i < run->n_hosts; i++)
        insecure[i] = run->hosts[i].host;
    return sim_initdata_build(run->opts->env, &opts, &run->initdata, err);
}

static int make_ids(struct sim_run *run, struct cmn_err *err)
{
    auto_env struct cmn_env *guest = NULL;
    auto_free char *hex = NULL;
    uint8_t bytes[32];
    int r = cmn_env_random(run->opts->env, bytes, sizeof(bytes), err);

    if (r < 0)
        return r;
    hex = cmn_hex(bytes, sizeof(bytes));
    if (!hex)
        return cmn_err_set(err, ENOMEM, "no memory");
    (void)snprintf(run->sandbox_id, sizeof(run->sandbox_id), "%s", hex);
    if (!cmn_env_is_seeded(run->opts->env))
        return 0;
    auto_free char *seed = NULL;
    r = cmn_env_derive(run->opts->env, "guest", &guest, err);
    if (r == 0 && cmn_env_seed(guest, bytes) == 0)
        seed = cmn_hex(bytes, sizeof(bytes));
    if (r == 0 && !seed)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        (void)snprintf(run->seed, sizeof(run->seed), "%s", seed);
    return r;
}

static void tell(struct sim_run *run)
{
    const struct sim_guest_spec *g = &run->plan->guest;
    uint8_t digest[48];
    auto_free char *host_data = cmn_hex(run->initdata.host_data, 32);
    auto_free char *measurement = NULL;

    if (sim_run_is_snp(run)) {
        sim_run_emit(run, SIM_PHASE_CREATE_PEER_POD, "cocobox", "launch.hardware", SIM_OK,
                     CMN_REASON_NONE, "the processor measures the launch",
                     json_pack("{s:s, s:s, s:s?}", "tee", "snp", "cmdline", g->cmdline, "host_data",
                               host_data));
        return;
    }
    if (!run->psp) {
        sim_run_emit(run, SIM_PHASE_CREATE_PEER_POD, "cocobox", "launch", SIM_OK, CMN_REASON_NONE,
                     "no TEE: the attestation agent falls back to sample evidence",
                     json_pack("{s:s, s:s?}", "tee", "sample", "initdata_digest", host_data));
        return;
    }
    ftee_psp_measurement(run->psp, digest);
    measurement = cmn_hex(digest, sizeof(digest));
    sim_run_emit(run, SIM_PHASE_CREATE_PEER_POD, "psp", "psp.launch", SIM_OK, CMN_REASON_NONE, NULL,
                 json_pack("{s:s, s:s, s:i, s:s, s:s?, s:s?}", "tee", "snp", "product",
                           snp_product_name(g->product), "vcpus", (int)g->vcpus, "cmdline",
                           g->cmdline, "measurement", measurement, "host_data", host_data));
}

int sim_run_launch(struct sim_run *run, struct cmn_err *err)
{
    const struct sim_guest_spec *g = &run->plan->guest;
    int r = make_ids(run, err);

    if (r == 0)
        r = make_initdata(run, err);
    if (r == 0 && sim_run_is_vm(run))
        r = sim_run_vm_boot(run, err);
    if (r == 0 && g->tee == SIM_TEE_SNP && !sim_run_is_snp(run)) {
        r = sim_run_programs_digest(run, run->programs, err);
        if (r == 0)
            r = open_ca(run, g->product, &run->ca, err);
        if (r == 0)
            r = start(run, run->ca, g, &run->psp, err);
        if (r == 0)
            r = sim_run_finish_launch(run, run->psp, g, err);
    }
    if (r == 0)
        tell(run);
    return r;
}

/* What an owner would register for that launch, under the names the default policy asks for. */
int sim_run_reference_values(struct sim_run *run, json_t **ret, struct cmn_err *err)
{
    const struct sim_guest_spec *g = &run->plan->reference_guest;
    const struct snp_tcb *tcb = &g->platform.reported;
    struct ftee_ca *other = NULL;
    uint8_t digest[48];
    int r = 0;

    if (sim_run_is_snp(run))
        return cmn_err_set(
            err, ENOTSUP,
            "reference values for a real processor are not computed here: name them in "
            "a file (kbs.reference_values)");
    if (g->tee != SIM_TEE_SNP || !run->ca)
        return cmn_err_set(err, ENOTSUP, "reference values can be computed for tee snp only");
    if (g->product != run->plan->guest.product)
        r = open_ca(run, g->product, &other, err);
    if (r == 0)
        r = predict(run, other ? other : run->ca, g, digest, err);
    if (r == 0) {
        /* up to 0.17 the claim, and so its reference value, was base64 */
        auto_free char *measurement = kbs_era_find(run->plan->era)->hex_claims
                                          ? cmn_hex(digest, sizeof(digest))
                                          : cmn_b64(CMN_B64_STD, digest, sizeof(digest));
        *ret = json_pack("{s:[s?], s:[i], s:[i], s:[i], s:[i], s:b, s:b, s:i, s:i, s:b, s:b}",
                         "snp_launch_measurement", measurement, "snp_bootloader", tcb->bootloader,
                         "snp_microcode", tcb->microcode, "snp_snp_svn", tcb->snp, "snp_tee_svn",
                         tcb->tee, "snp_smt_enabled", !!(g->platform.info & SNP_PLAT_SMT),
                         "snp_tsme_enabled", !!(g->platform.info & SNP_PLAT_TSME),
                         "snp_guest_abi_major", (int)(g->policy >> 8 & 0xFF), "snp_guest_abi_minor",
                         (int)(g->policy & 0xFF), "snp_single_socket",
                         !!(g->policy & SNP_POLICY_SINGLE_SOCKET), "snp_smt_allowed",
                         !!(g->policy & SNP_POLICY_SMT));
        if (!*ret)
            r = cmn_err_set(err, ENOMEM, "no memory");
    }
    ftee_ca_free(other);
    return r;
}
