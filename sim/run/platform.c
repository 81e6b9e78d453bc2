/*
 * platform.c - the machine of a scenario's guest: as it is when the guest starts, then moved by the
 * host's own commands to what the scenario says, so that nothing can be reached that hardware
 * cannot reach. Also the owner's ID block.
 */
#include "sim/run/run-internal.h"

#include <openssl/evp.h>
#include <string.h>

static uint8_t least(uint8_t a, uint8_t b)
{
    return a < b ? a : b;
}

static struct snp_tcb tcb_least(const struct snp_tcb *a, const struct snp_tcb *b)
{
    return (struct snp_tcb){.fmc = least(a->fmc, b->fmc),
                            .bootloader = least(a->bootloader, b->bootloader),
                            .tee = least(a->tee, b->tee),
                            .snp = least(a->snp, b->snp),
                            .microcode = least(a->microcode, b->microcode)};
}

static bool tcb_same(const struct snp_tcb *a, const struct snp_tcb *b)
{
    return ftee_tcb_le(a, b) && ftee_tcb_le(b, a);
}

int sim_run_platform_new(struct ftee_ca *ca, const struct sim_guest_spec *g,
                         struct ftee_platform **ret, struct cmn_err *err)
{
    const struct sim_platform_spec *s = &g->platform;
    const struct snp_tcb committed = tcb_least(&s->launch, &s->committed),
                         reported = tcb_least(&committed, &s->reported);
    const struct ftee_platform_opts opts = {.chip = g->chip,
                                            .current = &s->launch,
                                            .committed = &committed,
                                            .reported = &reported,
                                            .version = s->abi,
                                            .plat_info = &s->info,
                                            .cpuid = s->cpuid,
                                            .mit_vector = s->mit_vector};
    struct ftee_platform *p = NULL;
    int r = ftee_platform_new(ca, &opts, &p, err);

    if (r == 0 && s->vek == SIM_VEK_VLEK)
        r = ftee_platform_load_vlek(p, NULL, err);
    if (r < 0) {
        ftee_platform_unref(p);
        return r;
    }
    *ret = p;
    return 0;
}

int sim_run_platform_settle(struct ftee_platform *p, const struct sim_platform_spec *s,
                            struct cmn_err *err)
{
    struct ftee_firmware fw = {.version = s->abi, .tcb = s->committed, .mit_vector = s->mit_vector};
    struct ftee_platform_status now;
    int r = 0;

    ftee_platform_status(p, &now);
    if (!tcb_same(&now.committed_tcb, &s->committed)) {
        r = ftee_platform_update(p, &fw, err);
        if (r == 0)
            ftee_platform_commit(p);
    }
    fw.tcb = s->current;
    if (r == 0)
        r = ftee_platform_update(p, &fw, err);
    return r < 0 ? r
                 : ftee_platform_config(p, &s->reported, s->mask_chip_id, s->mask_chip_key, err);
}

static int finish_with_id(struct sim_run *run, struct ftee_psp *psp, const struct sim_guest_spec *g,
                          struct cmn_err *err)
{
    const struct sim_id_block *s = &g->platform.id_block;
    struct snp_id_block id = {
        .version = 1, .guest_svn = s->guest_svn, .policy = g->policy | SNP_POLICY_ONE};
    uint8_t block[SNP_ID_BLOCK_BYTES], auth[SNP_ID_AUTH_BYTES];
    auto_env struct cmn_env *owner = NULL;
    auto_pkey EVP_PKEY *id_key = NULL, *author_key = NULL;
    int r = cmn_env_derive(run->opts->env, "guest owner", &owner, err);

    if (r == 0)
        r = cmn_ec_generate(owner, "P-384", &id_key, err);
    if (r == 0 && s->author_key)
        r = cmn_ec_generate(owner, "P-384", &author_key, err);
    if (r < 0)
        return r;
    ftee_psp_measurement(psp, id.digest);
    if (s->has_measurement)
        memcpy(id.digest, s->measurement, sizeof(id.digest));
    memcpy(id.family_id, s->family_id, sizeof(id.family_id));
    memcpy(id.image_id, s->image_id, sizeof(id.image_id));
    snp_id_block_encode(&id, block);
    r = snp_id_auth_make(owner, block, id_key, author_key, auth, err);
    return r < 0 ? r
                 : ftee_psp_launch_finish_id(psp, run->initdata.host_data, block, auth,
                                             s->author_key, err);
}

int sim_run_finish_launch(struct sim_run *run, struct ftee_psp *psp, const struct sim_guest_spec *g,
                          struct cmn_err *err)
{
    return g->platform.id_block.present ? finish_with_id(run, psp, g, err)
                                        : ftee_psp_launch_finish(psp, run->initdata.host_data, err);
}
