/*
 * test-launch.c - what SNP_LAUNCH_START and SNP_LAUNCH_FINISH refuse: policies that do not fit the
 * platform and ID blocks of other guests; and what a good ID block leaves in the report.
 */
#include "tests/unit/fake-tee/world.h"

#include <openssl/evp.h>
#include <string.h>

static void policies_that_do_not_fit_are_refused(void)
{
    const uint64_t no_smt = SNP_PLAT_ECC;
    const struct {
        enum snp_product product;
        uint64_t policy;
        const uint64_t *plat_info;
        const char *part;
    } cases[] = {
        {SNP_GENOA, SNP_POLICY_ONE, NULL,
         "status 0x7 (policy failure): policy 0x20000 forbids SMT"},
        {SNP_GENOA, SNP_POLICY_SMT | 0x0138, NULL,
         "wants firmware ABI 1.56, the platform has 1.55"},
        {SNP_GENOA, SNP_POLICY_SMT | 0x0200, NULL, "ABI 2.0"},
        {SNP_GENOA, SNP_POLICY_SMT | SNP_POLICY_RAPL_DIS, NULL, "RAPL"},
        {SNP_GENOA, SNP_POLICY_SMT | SNP_POLICY_CIPHERTEXT_HIDING, &no_smt, "ciphertext hiding"},
        {SNP_MILAN, SNP_POLICY_SMT | SNP_POLICY_AES_256_XTS, NULL, "AES-256-XTS"},
        {SNP_GENOA, SNP_POLICY_SMT | 1ull << 26, NULL, "status 0x16 (invalid parameter)"},
        {SNP_TURIN, SNP_POLICY_SMT | 1ull << 63, NULL, "reserved bits"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct ftee_platform *p = platform_of(
            cases[i].product, &(struct ftee_platform_opts){.plat_info = cases[i].plat_info});
        struct ftee_psp *psp = NULL;
        struct cmn_err err = {0};
        T_ERR(ftee_psp_launch_start(env_of(), ca_of(cases[i].product),
                                    &(struct ftee_launch){.platform = p, .policy = cases[i].policy},
                                    &psp, &err),
              -EACCES, &err, cases[i].part);
        T_EQ_INT(err.reason, CMN_REASON_PSP_COMMAND_REFUSED);
        T_TRUE(psp == NULL);
        ftee_platform_unref(p);
    }
}

static void a_platform_of_another_chain_is_refused(void)
{
    struct ftee_platform *p = platform_of(SNP_MILAN, &(struct ftee_platform_opts){0});
    struct ftee_psp *psp = NULL;
    struct cmn_err err = {0};

    T_ERR(ftee_psp_launch_start(env_of(), ca_of(SNP_GENOA), &(struct ftee_launch){.platform = p},
                                &psp, &err),
          -EINVAL, &err, "another chain");
    ftee_platform_unref(p);
}

static void every_policy_bit_that_fits_is_in_the_report(void)
{
    const uint64_t info = SNP_PLAT_RAPL_DIS | SNP_PLAT_CIPHERTEXT_HIDING | SNP_PLAT_TIO,
                   policy = 0x0137 | (0x3FFull << 16 & ~SNP_POLICY_SMT);
    struct ftee_platform *p =
        platform_of(SNP_TURIN, &(struct ftee_platform_opts){.plat_info = &info});
    struct ftee_psp *psp =
        launched(SNP_TURIN, &(struct ftee_launch){.platform = p, .policy = policy});
    uint8_t raw[SNP_REPORT_BYTES];
    static const uint8_t want[8] = {0x37, 0x01, 0xFE, 0x03};

    (void)report_of(psp, raw);
    T_EQ_MEM(raw + 8, want, 8);
    T_EQ_INT(raw[0x40], 0x98);
    ftee_psp_free(psp);
    ftee_platform_unref(p);
}

/* ---- ID block ---- */

static EVP_PKEY *id_key, *author_key;

static struct ftee_psp *started(void)
{
    uint8_t page[4096] = {1};
    struct ftee_psp *psp = NULL;

    T_OK(ftee_psp_launch_start(env_of(), ca_of(SNP_GENOA), &(struct ftee_launch){0}, &psp, NULL),
         NULL);
    T_OK(ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, 0, page, NULL), NULL);
    return psp;
}

static void make_block(struct ftee_psp *psp, struct snp_id_block *id,
                       uint8_t block[SNP_ID_BLOCK_BYTES], uint8_t auth[SNP_ID_AUTH_BYTES])
{
    struct cmn_err err = {0};

    if (!id_key) {
        T_OK(cmn_ec_generate(env, "P-384", &id_key, &err), &err);
        T_OK(cmn_ec_generate(env, "P-384", &author_key, &err), &err);
    }
    *id = (struct snp_id_block){.version = 1, .guest_svn = 7, .policy = 0x30000};
    ftee_psp_measurement(psp, id->digest);
    memset(id->family_id, 0xFA, 16);
    memset(id->image_id, 0x1A, 16);
    snp_id_block_encode(id, block);
    T_OK(snp_id_auth_make(env, block, id_key, author_key, auth, &err), &err);
}

static void id_blocks_of_other_guests_are_refused(void)
{
    static const struct {
        size_t at; /* in the block */
        const char *part;
    } cases[] = {
        {0x00, "status 0xB (bad measurement)"},
        {0x2F, "status 0xB"},
        {0x50, "status 0x16"},
        {0x5A, "status 0x7 (policy failure): the ID block is for policy"},
    };
    struct ftee_psp *psp = started();
    struct snp_id_block id;
    uint8_t block[SNP_ID_BLOCK_BYTES], auth[SNP_ID_AUTH_BYTES], raw[SNP_REPORT_BYTES];
    uint32_t status;
    struct cmn_err err = {0};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        make_block(psp, &id, block, auth);
        block[cases[i].at] ^= 2;
        T_ERR(ftee_psp_launch_finish_id(psp, NULL, block, auth, true, &err), -EACCES, &err,
              "status 0xA (bad signature): the ID key's");
        T_OK(snp_id_auth_make(env, block, id_key, author_key, auth, &err), &err);
        T_ERR(ftee_psp_launch_finish_id(psp, NULL, block, auth, true, &err), -EACCES, &err,
              cases[i].part);
    }
    make_block(psp, &id, block, auth);
    auth[0x690] ^= 1;
    T_ERR(ftee_psp_launch_finish_id(psp, NULL, block, auth, true, &err), -EACCES, &err,
          "status 0xA (bad signature): the author key's");
    auth[0x690] ^= 1;
    auth[0x644] = 1;
    T_ERR(ftee_psp_launch_finish_id(psp, NULL, block, auth, true, &err), -EACCES, &err,
          "status 0x16");
    T_EQ_INT(ftee_psp_report(psp, raw, 0, raw, &status, NULL), -EBUSY);
    ftee_psp_free(psp);
}

static void a_good_id_block_is_in_the_report(void)
{
    for (int author = 0; author < 2; author++) {
        struct ftee_psp *psp = started();
        struct snp_id_block id;
        struct snp_id_digests digests;
        uint8_t block[SNP_ID_BLOCK_BYTES], auth[SNP_ID_AUTH_BYTES], raw[SNP_REPORT_BYTES];
        const uint8_t host_data[32] = {0xDA};
        struct cmn_err err = {0};
        make_block(psp, &id, block, auth);
        T_OK(snp_id_auth_check(env, block, auth, true, &digests, &err), &err);
        T_OK(ftee_psp_launch_finish_id(psp, host_data, block, auth, author, &err), &err);
        T_EQ_INT(ftee_psp_launch_finish_id(psp, host_data, block, auth, author, &err), -EBUSY);
        struct snp_report r = report_of(psp, raw);
        T_EQ_INT(r.guest_svn, 7);
        T_EQ_MEM(raw + 0x10, id.family_id, 16);
        T_EQ_MEM(raw + 0x20, id.image_id, 16);
        T_EQ_INT(raw[0x48], author);
        T_EQ_MEM(raw + 0x90, id.digest, 48);
        T_EQ_MEM(raw + 0xC0, host_data, 32);
        T_EQ_MEM(raw + 0xE0, digests.id_key, 48);
        if (author)
            T_EQ_MEM(raw + 0x110, digests.author_key, 48);
        else
            T_TRUE(cmn_all_zero(raw + 0x110, 48));
        ftee_psp_free(psp);
    }
}

static void all_is_freed(void)
{
    EVP_PKEY_free(id_key);
    EVP_PKEY_free(author_key);
    world_end();
}

TEST_MAIN("launch", {"policies that do not fit are refused", policies_that_do_not_fit_are_refused},
          {"a platform of another chain is refused", a_platform_of_another_chain_is_refused},
          {"every policy bit that fits is in the report",
           every_policy_bit_that_fits_is_in_the_report},
          {"ID blocks of other guests are refused", id_blocks_of_other_guests_are_refused},
          {"a good ID block is in the report", a_good_id_block_is_in_the_report},
          {"all is freed", all_is_freed})
