/* Aims at: kbs_snp_verify over a raw report (the first 1184 bytes) and the host's certificate table
 * (the rest), in both modes, against AMD's roots and a test chain. */
#include "chain.h"

#include "kbs-lite/snp-verify.h"

static struct cmn_env *env;
static struct kbs_roots *roots;

static void set_up(void)
{
    struct ftee_ca *ca = fuzz_chain(&env);

    FUZZ_CHECK(kbs_roots_new(env, true, ftee_ca_chain_pem(ca), &roots, NULL) == 0);
    ftee_ca_free(ca);
}

static bool accepted(struct cmn_bytes report, struct cmn_bytes table, enum kbs_snp_mode mode)
{
    struct kbs_snp_result res = {0};
    const struct kbs_snp_input in = {.mode = mode,
                                     .report = report,
                                     .cert_table = table,
                                     .roots = roots,
                                     .now = CMN_ENV_SEEDED_EPOCH};

    if (kbs_snp_verify(env, &in, &res, NULL) < 0)
        return false;
    FUZZ_CHECK(res.accepted || (res.reason != CMN_REASON_NONE && res.message[0]));
    FUZZ_CHECK(!res.accepted || (res.has_report && strcmp(res.root, "none") != 0));
    return res.accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t changed[SNP_REPORT_BYTES];

    if (!env)
        set_up();
    if (size < SNP_REPORT_BYTES)
        return 0;
    struct cmn_bytes report = cmn_bytes(data, SNP_REPORT_BYTES);
    struct cmn_bytes table = cmn_bytes(data + SNP_REPORT_BYTES, size - SNP_REPORT_BYTES);
    bool trustee = accepted(report, table, KBS_SNP_TRUSTEE);
    bool strict = accepted(report, table, KBS_SNP_STRICT);
    if (!trustee && !strict)
        return 0;
    memcpy(changed, data, sizeof(changed)); /* what is genuine is not after a change */
    changed[0x90] ^= 1;
    FUZZ_CHECK(!accepted(cmn_bytes(changed, sizeof(changed)), table, KBS_SNP_TRUSTEE));
    FUZZ_CHECK(!accepted(cmn_bytes(changed, sizeof(changed)), table, KBS_SNP_STRICT));
    return 0;
}
