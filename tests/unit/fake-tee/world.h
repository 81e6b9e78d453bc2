/* world.h - the seeded env and one chain per product that tests of one program share. */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "tests/testlib/testlib.h"
#include "tests/unit/fake-tee/chain.h"

#include "fake-tee/psp.h"

static struct cmn_env *env;
static struct ftee_ca *cas[SNP_PRODUCT_COUNT];

static inline struct cmn_env *env_of(void)
{
    struct cmn_err err = {0};

    if (!env)
        T_OK(cmn_env_new_seeded(TEST_CHAIN_SEED, sizeof(TEST_CHAIN_SEED) - 1, &env, &err), &err);
    return env;
}

static inline struct ftee_ca *ca_of(enum snp_product product)
{
    struct cmn_err err = {0};

    if (!cas[product])
        T_OK(ftee_ca_open(env_of(), test_chain_dir(), product, &cas[product], &err), &err);
    return cas[product];
}

static inline struct ftee_platform *platform_of(enum snp_product product,
                                                const struct ftee_platform_opts *opts)
{
    struct ftee_platform *p = NULL;
    struct cmn_err err = {0};

    T_OK(ftee_platform_new(ca_of(product), opts, &p, &err), &err);
    return p;
}

/* A guest whose launch is finished without ID block. */
static inline struct ftee_psp *launched(enum snp_product product, const struct ftee_launch *launch)
{
    struct ftee_psp *psp = NULL;
    struct cmn_err err = {0};

    T_OK(ftee_psp_launch_start(env_of(), ca_of(product), launch, &psp, &err), &err);
    T_OK(ftee_psp_launch_finish(psp, NULL, &err), &err);
    return psp;
}

static inline struct snp_report report_of(struct ftee_psp *psp, uint8_t raw[SNP_REPORT_BYTES])
{
    const uint8_t data[64] = {1};
    struct snp_report r = {0};
    uint32_t status = 99;
    struct cmn_err err = {0};

    T_OK(ftee_psp_report(psp, data, 0, raw, &status, &err), &err);
    T_EQ_INT(status, 0);
    T_OK(snp_report_decode(raw, SNP_REPORT_BYTES, &r, &err), &err);
    return r;
}

static inline void world_end(void)
{
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++)
        ftee_ca_free(cas[p]);
    cmn_env_unref(env);
    T_TRUE(true);
}

#endif
