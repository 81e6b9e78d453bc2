/*
 * chain.h - where the tests of fake-tee keep their chains: RSA-4096 keys take seconds, so all
 * programs of one build share a folder (COCOBOX_TEST_CA, set by meson and named after the code that
 * makes certificates); alone, a program makes its own.
 */
#ifndef TEST_CHAIN_H
#define TEST_CHAIN_H

#include "tests/testlib/testlib.h"

#include <stdlib.h>

#define TEST_CHAIN_SEED "tests"

static inline const char *test_chain_dir(void)
{
    const char *dir = getenv("COCOBOX_TEST_CA");

    if (!dir || !*dir)
        return t_tmpdir();
    T_OK(cmn_mkdir_p(dir, 0700, NULL), NULL); /* whoever of the programs comes first */
    return dir;
}

#endif
