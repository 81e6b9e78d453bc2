/*
 * test-scenario-guest.c - the guest: keys of a scenario: each refused with line and reason, the
 * defaults, and that what is written arrives in the plan.
 */
#include "sim/scenario/scenario.h"
#include "tests/testlib/testlib.h"

#include "fake-tee/platform.h"

#include <stdio.h>
#include <string.h>

/* A whole scenario around these guest keys; guest: is line 2. */
static int load(const char *guest, struct sim_plan **ret, struct cmn_err *err)
{
    char path[256], text[4096];

    (void)snprintf(path, sizeof(path), "%s/s.yaml", t_tmpdir());
    (void)snprintf(text, sizeof(text),
                   "name: s\nguest: %s\nsummary: x\npod:\n  apiVersion: v1\n  kind: Pod\n"
                   "  metadata: { name: p }\n  spec:\n    containers:\n"
                   "      - { name: c, image: \"registry.local/a:1\" }\n"
                   "images: { registry.local/a:1: { from: busybox } }\n"
                   "expect: { outcome: completed }\n",
                   guest);
    T_OK(cmn_file_write(path, text, strlen(text), 0600, NULL), NULL);
    return sim_scenario_load(path, ret, err);
}

static struct sim_platform_spec platform_of(const char *guest)
{
    auto_plan struct sim_plan *plan = NULL;
    struct cmn_err err = {0};

    T_OK(load(guest, &plan, &err), &err);
    return plan ? plan->guest.platform : (struct sim_platform_spec){0};
}

static void wrong_values_are_refused_with_their_line(void)
{
    static const struct {
        const char *guest, *part;
    } cases[] = {
        {"{ veks: vlek }", "did you mean 'vek'"},
        {"{ vek: vcak }", "'vek' is 'vcak', known are: vcek, vlek"},
        {"{ vmpl: 4 }", "'vmpl' is 4, allowed is 0 to 3"},
        {"{ platform: smt }", "'platform'"},
        {"{ platform: { smp: true } }", "did you mean 'smt'"},
        {"{ platform: { ecc: 1 } }", "'ecc'"},
        {"{ policy: { xts: true } }", "unknown key 'xts'"},
        {"{ policy: { abi_major: 256 } }", "0 to 255"},
        {"{ abi: 1.55 }", "'abi'"},
        {"{ abi: \"1\" }", "a version such as"},
        {"{ abi: \"1.256\" }", "a version such as"},
        {"{ abi: \"1.55.40.1\" }", "a version such as"},
        {"{ abi: \"1.+5\" }", "a version such as"},
        {"{ abi: \"-1.5\" }", "a version such as"},
        {"{ cpuid: { model: 1 } }", "model 1 is none of Genoa"},
        {"{ cpuid: { family: 25 } }", "unknown key 'family'"},
        {"{ tcb: 3 }", "'tcb'"},
        {"{ tcb: { now: {} } }", "unknown key 'now'"},
        {"{ tcb: { current: { bootloder: 1 } } }", "did you mean 'bootloader'"},
        {"{ tcb: { current: { snp: 256 } } }", "0 to 255"},
        {"{ tcb: { current: { fmc: 1 } } }", "only Turin has 'fmc'"},
        {"{ tcb: { current: { snp: 20 }, committed: { snp: 21 } } }", "'committed' is above"},
        {"{ tcb: { committed: { snp: 20 }, reported: { snp: 21 } } }", "'reported' is above"},
        {"{ tcb: { current: { snp: 20 }, launch: { snp: 21 } } }", "'launch' is above"},
        {"{ id_block: true }", "'id_block'"},
        {"{ id_block: { family_id: \"00\" } }", "32 hex digits"},
        {"{ id_block: { image_id: \"0011223344556677889900112233445g\" } }", "32 hex digits"},
        {"{ id_block: { measurement: \"00\" } }", "96 hex digits"},
        {"{ id_block: { guest_svn: -1 } }", "'guest_svn'"},
        {"{ id_block: { guest_svn: 4294967296 } }", "'guest_svn'"},
        {"{ certs: { form: p12 } }", "known are: der, pem"},
        {"{ certs: { include: vcek } }", "'include'"},
        {"{ certs: { include: [vcek, root] } }", "'root' is no certificate"},
        {"{ mask_chip_id: 1 }", "'mask_chip_id'"},
        {"{ mit_vector: -1 }", "'mit_vector'"},
        {"{ report_version: 6 }", "2 to 5"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_plan struct sim_plan *plan = NULL;
        struct cmn_err err = {0};
        T_ERR(load(cases[i].guest, &plan, &err), -EINVAL, &err, cases[i].part);
        if (!strstr(err.msg, "s.yaml:2: "))
            T_EQ_STR(err.msg, "s.yaml:2: ...");
        T_TRUE(plan == NULL);
    }
}

static void defaults_are_a_usual_machine(void)
{
    const struct snp_tcb genoa = ftee_default_tcb(SNP_GENOA), turin = ftee_default_tcb(SNP_TURIN);
    struct sim_platform_spec p = platform_of("{}"), t = platform_of("{ product: turin }");

    T_TRUE(p.vek == SIM_VEK_VCEK && p.info == SNP_PLAT_SMT && p.vmpl == 0);
    T_TRUE(!p.mask_chip_id && !p.mask_chip_key && !p.id_block.present && !p.certs_pem &&
           !p.certs_omit && !p.certs_crl);
    T_TRUE(p.abi.major == 1 && p.abi.minor == 55);
    T_EQ_MEM(&p.current, &genoa, sizeof(genoa));
    T_EQ_MEM(&p.launch, &genoa, sizeof(genoa));
    T_EQ_MEM(&t.reported, &turin, sizeof(turin));
    T_EQ_MEM(t.cpuid, "\x1a\x02\x01", 3);
}

static void tcbs_follow_the_one_above(void)
{
    struct sim_platform_spec p = platform_of("{ tcb: { current: { snp: 30, microcode: 90 } } }");

    T_EQ_INT(p.current.bootloader, 10);
    T_EQ_INT(p.committed.snp, 30);
    T_EQ_INT(p.reported.microcode, 90);
    T_EQ_INT(p.launch.snp, 30);
    p = platform_of(
        "{ tcb: { committed: { snp: 20 }, reported: { snp: 19 }, launch: { tee: 0 } } }");
    T_EQ_INT(p.current.snp, 23);
    T_EQ_INT(p.committed.snp, 20);
    T_EQ_INT(p.reported.snp, 19);
    T_EQ_INT(p.launch.snp, 23);
    p = platform_of("{ product: turin, tcb: { current: { fmc: 3 } } }");
    T_EQ_INT(p.reported.fmc, 3);
}

static void every_key_arrives(void)
{
    struct sim_platform_spec p =
        platform_of("{ vek: vlek, mask_chip_id: true, mask_chip_key: true, vmpl: 3, mit_vector: 11,"
                    " abi: \"1.58.7\", cpuid: { model: 160, stepping: 2 },"
                    " platform: { smt: false, tsme: true, ecc: true, rapl_disabled: true,"
                    " ciphertext_hiding: true, alias_check_complete: true, tio: true },"
                    " certs: { form: pem, include: [vlek, crl] },"
                    " id_block: { guest_svn: 4294967295, author_key: true,"
                    " family_id: \"000102030405060708090a0b0c0d0e0f\" } }");

    T_TRUE(p.vek == SIM_VEK_VLEK && p.mask_chip_id && p.mask_chip_key);
    T_EQ_INT(p.vmpl, 3);
    T_EQ_INT(p.mit_vector, 11);
    T_TRUE(p.abi.major == 1 && p.abi.minor == 58 && p.abi.build == 7);
    T_EQ_MEM(p.cpuid, "\x19\xa0\x02", 3);
    T_EQ_INT(p.info, 0xBE);
    T_TRUE(p.certs_pem && p.certs_crl);
    T_EQ_INT(p.certs_omit, SIM_CERTS_OMIT_ASK | SIM_CERTS_OMIT_ARK);
    T_TRUE(p.id_block.present && p.id_block.author_key && !p.id_block.has_measurement);
    T_TRUE(p.id_block.guest_svn == UINT32_MAX && p.id_block.family_id[15] == 15);
    T_EQ_INT(platform_of("{ certs: { include: [] } }").certs_omit, 7);
}

static void every_policy_bit_arrives(void)
{
    auto_plan struct sim_plan *plan = NULL;
    struct cmn_err err = {0};

    T_OK(load("{ policy: { smt: false, migrate_ma: true, debug: true, single_socket: true,"
              " cxl: true, aes_256_xts: true, rapl_disabled: true, ciphertext_hiding: true,"
              " page_swap_disabled: true, abi_major: 1, abi_minor: 55 } }",
              &plan, &err),
         &err);
    if (plan)
        T_EQ_INT(plan->guest.policy, 0x3FE0137);
}

TEST_MAIN("scenario-guest",
          {"wrong values are refused with their line", wrong_values_are_refused_with_their_line},
          {"defaults are a usual machine", defaults_are_a_usual_machine},
          {"TCBs follow the one above", tcbs_follow_the_one_above},
          {"every key arrives", every_key_arrives},
          {"every policy bit arrives", every_policy_bit_arrives})
