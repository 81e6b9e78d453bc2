/*
 * test-platform.c - firmware and configuration: every move that hardware refuses, that a refusal
 * changes nothing, and what a running guest's reports show of the moves that happen.
 */
#include "tests/unit/fake-tee/world.h"

#include "common/snp/vek.h"

#include <openssl/x509.h>
#include <string.h>

#define TCB(bl, t, s, u)                                                                           \
    ((struct snp_tcb){.bootloader = (bl), .tee = (t), .snp = (s), .microcode = (u)})

static void impossible_platforms_are_refused(void)
{
    const struct snp_tcb low = TCB(9, 0, 20, 80), high = TCB(10, 0, 23, 84),
                         fmc = {.fmc = 1, .bootloader = 10, .snp = 23, .microcode = 84};
    const uint8_t milan[3] = {0x19, 0x01, 0x01}, unknown[3] = {0x17, 0x31, 0};
    const struct {
        struct ftee_platform_opts opts;
        int want;
        const char *part;
    } cases[] = {
        {{.current = &low, .committed = &high}, -EPERM, "bootloader of COMMITTED_TCB"},
        {{.current = &high, .committed = &low, .reported = &high}, -EPERM, "REPORTED_TCB is above"},
        {{.version = {1, 55, 21}, .committed_version = {1, 55, 22}}, -EPERM, "status 0x22"},
        {{.current = &fmc}, -EINVAL, "no fmc"},
        {{.cpuid = milan}, -EINVAL, "not of Genoa"},
        {{.cpuid = unknown}, -EINVAL, "family 0x17"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct ftee_platform *p = NULL;
        struct cmn_err err = {0};
        T_ERR(ftee_platform_new(ca_of(SNP_GENOA), &cases[i].opts, &p, &err), cases[i].want, &err,
              cases[i].part);
        T_EQ_INT(err.reason,
                 cases[i].want == -EPERM ? CMN_REASON_PSP_COMMAND_REFUSED : CMN_REASON_NONE);
        T_TRUE(p == NULL);
    }
}

static void firmware_never_goes_below_what_is_committed(void)
{
    const struct snp_tcb committed = TCB(9, 0, 20, 80), current = TCB(10, 0, 23, 84);
    struct ftee_platform *p =
        platform_of(SNP_GENOA, &(struct ftee_platform_opts){.current = &current,
                                                            .committed = &committed,
                                                            .version = {1, 55, 40},
                                                            .committed_version = {1, 55, 30}});
    const struct ftee_firmware cases[] = {
        {{1, 55, 41}, TCB(8, 0, 23, 84), 0},   {{1, 55, 41}, TCB(9, 0, 19, 255), 0},
        {{1, 55, 41}, TCB(9, 0, 20, 79), 0},   {{1, 55, 29}, TCB(9, 0, 20, 80), 0},
        {{0, 255, 255}, TCB(9, 0, 20, 80), 0},
    };
    struct ftee_platform_status before, after;
    struct cmn_err err = {0};

    ftee_platform_status(p, &before);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++)
        T_ERR(ftee_platform_update(p, &cases[i], &err), -EPERM, &err,
              i < 3 ? "status 0x21" : "status 0x22");
    T_ERR(ftee_platform_config(p, &current, true, true, &err), -EPERM, &err, "status 0x16");
    ftee_platform_status(p, &after);
    T_EQ_MEM(&before, &after, sizeof(before));
    /* a provisional firmware may be taken back, to what is committed */
    T_OK(ftee_platform_update(p, &(struct ftee_firmware){.version = {1, 55, 30}, .tcb = committed},
                              &err),
         &err);
    ftee_platform_status(p, &after);
    T_EQ_MEM(&after.current_tcb, &committed, sizeof(committed));
    T_EQ_INT(after.current.build, 30);
    ftee_platform_unref(p);
}

static void a_second_vlek_is_refused(void)
{
    struct ftee_platform *p = platform_of(SNP_GENOA, &(struct ftee_platform_opts){0});
    struct cmn_err err = {0};

    T_EQ_STR(ftee_platform_csp_id(p), "");
    T_OK(ftee_platform_load_vlek(p, NULL, &err), &err);
    T_EQ_STR(ftee_platform_csp_id(p), FTEE_CSP_ID);
    T_ERR(ftee_platform_load_vlek(p, "CN=other", &err), -EPERM, &err, "SNP_VLEK_LOAD");
    T_EQ_STR(ftee_platform_csp_id(p), FTEE_CSP_ID);
    ftee_platform_unref(p);
}

static void check_tcbs(struct ftee_psp *psp, const struct snp_tcb want[4])
{
    uint8_t raw[SNP_REPORT_BYTES];
    struct snp_report r = report_of(psp, raw);

    T_EQ_MEM(&r.launch_tcb, &want[0], sizeof(want[0]));
    T_EQ_MEM(&r.current_tcb, &want[1], sizeof(want[0]));
    T_EQ_MEM(&r.committed_tcb, &want[2], sizeof(want[0]));
    T_EQ_MEM(&r.reported_tcb, &want[3], sizeof(want[0]));
}

/* The table's VCEK signs the report and is for the TCB that is reported now. */
static void check_vcek_follows(struct ftee_psp *psp)
{
    uint8_t raw[SNP_REPORT_BYTES];
    struct snp_report r = report_of(psp, raw);
    auto_buf struct cmn_buf table = {0};
    auto_certs struct snp_certs certs = {0};
    auto_x509 X509 *vcek = NULL;
    struct snp_vek_info info;

    T_OK(ftee_psp_certs(psp, &table), NULL);
    T_OK(snp_certs_decode(table.data, table.len, &certs, NULL), NULL);
    T_OK(cmn_x509_load(env, cmn_buf_bytes(&snp_certs_find(&certs, SNP_CERT_VCEK)->bytes), &vcek,
                       NULL),
         NULL);
    T_OK(snp_vek_info(vcek, &info, NULL), NULL);
    T_EQ_MEM(&info.tcb, &r.reported_tcb, sizeof(info.tcb));
    auto_pkey EVP_PKEY *key = X509_get_pubkey(vcek);
    T_OK(snp_report_verify(env, raw, key, NULL), NULL);
}

static void an_update_moves_current_and_a_commit_the_rest(void)
{
    const struct snp_tcb old = TCB(9, 0, 20, 80), mid = TCB(9, 0, 21, 80),
                         newer = TCB(10, 0, 23, 84);
    struct ftee_platform *p =
        platform_of(SNP_GENOA, &(struct ftee_platform_opts){.current = &old, .mit_vector = 1});
    struct ftee_psp *psp =
        launched(SNP_GENOA, &(struct ftee_launch){.platform = p, .report_version = 5});
    uint8_t raw[SNP_REPORT_BYTES];
    struct cmn_err err = {0};

    check_tcbs(psp, (const struct snp_tcb[]){old, old, old, old});
    T_OK(ftee_platform_update(
             p, &(struct ftee_firmware){.version = {1, 55, 54}, .tcb = newer, .mit_vector = 0xB},
             &err),
         &err);
    check_tcbs(psp, (const struct snp_tcb[]){old, newer, old, old});
    struct snp_report r = report_of(psp, raw);
    T_EQ_INT(r.current.build, 54);
    T_EQ_INT(r.committed.build, 40);
    T_EQ_INT(r.launch_mit_vector, 1);
    T_EQ_INT(r.current_mit_vector, 0xB);
    check_vcek_follows(psp);
    ftee_platform_commit(p);
    check_tcbs(psp, (const struct snp_tcb[]){old, newer, newer, newer});
    check_vcek_follows(psp);
    T_OK(ftee_platform_config(p, &mid, false, false, &err), &err);
    check_tcbs(psp, (const struct snp_tcb[]){old, newer, newer, mid});
    check_vcek_follows(psp);
    /* a guest launched now sees the new firmware */
    struct ftee_psp *second = launched(SNP_GENOA, &(struct ftee_launch){.platform = p});
    check_tcbs(second, (const struct snp_tcb[]){newer, newer, newer, mid});
    ftee_psp_free(second);
    ftee_psp_free(psp);
    ftee_platform_unref(p);
}

static void a_part_of_the_product_can_be_chosen(void)
{
    const uint8_t siena[3] = {0x19, 0xA0, 0x02};
    const uint64_t info = SNP_PLAT_SMT | SNP_PLAT_ECC | SNP_PLAT_ALIAS_CHECK | SNP_PLAT_TSME;
    struct ftee_platform *p = platform_of(
        SNP_GENOA, &(struct ftee_platform_opts){.cpuid = siena, .plat_info = &info, .chip = 4});
    struct ftee_psp *psp = launched(SNP_GENOA, &(struct ftee_launch){.platform = p});
    uint8_t raw[SNP_REPORT_BYTES], id[64];
    struct snp_report r = report_of(psp, raw);

    T_EQ_MEM(raw + 0x188, siena, 3);
    T_EQ_INT(raw[0x40], 0x27);
    T_OK(ftee_ca_chip_id(ca_of(SNP_GENOA), 4, id, NULL), NULL);
    T_EQ_MEM(r.chip_id, id, 64);
    ftee_psp_free(psp);
    ftee_platform_unref(p);
}

TEST_MAIN("platform", {"impossible platforms are refused", impossible_platforms_are_refused},
          {"firmware never goes below what is committed",
           firmware_never_goes_below_what_is_committed},
          {"a second VLEK is refused", a_second_vlek_is_refused},
          {"an update moves current and a commit the rest",
           an_update_moves_current_and_a_commit_the_rest},
          {"a part of the product can be chosen", a_part_of_the_product_can_be_chosen},
          {"all is freed", world_end})
