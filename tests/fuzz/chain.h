/*
 * chain.h - the test chain of targets that need one: RSA-4096 keys take seconds, so it is kept in
 * COCOBOX_TEST_CA (meson and scripts/fuzz set it), under the seed of the unit tests.
 */
#ifndef FUZZ_CHAIN_H
#define FUZZ_CHAIN_H

#include "fake-tee/ca.h"
#include "tests/fuzz/fuzz.h"

static inline const char *fuzz_chain_dir(void)
{
    const char *dir = getenv("COCOBOX_TEST_CA");

    return dir && *dir ? dir : "/tmp/cocobox-fuzz-ca";
}

/* env's seed is "tests"; both live as long as the program. */
static inline struct ftee_ca *fuzz_chain(struct cmn_env **ret_env)
{
    struct ftee_ca *ca = NULL;
    struct cmn_err err = {0};

    FUZZ_CHECK(cmn_env_new_seeded("tests", 5, ret_env, NULL) == 0);
    if (ftee_ca_open(*ret_env, fuzz_chain_dir(), SNP_GENOA, &ca, &err) < 0)
        (void)fprintf(stderr, "%s\n", err.msg);
    FUZZ_CHECK(ca != NULL);
    return ca;
}

#endif
