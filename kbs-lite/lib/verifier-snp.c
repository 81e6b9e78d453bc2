/* verifier-snp.c - the SNP verifier as the broker uses it: evidence in, claims for policies out.
 * The checks are in snp-verify.c. */
#include "verifier.h"

#include "common/enc/enc.h"

#include <stdlib.h>

/* Names and kinds of trustee 78962cd parse_tee_evidence. */
int kbs_snp_claims(const struct kbs_snp_result *res, struct kbs_claims *c, struct cmn_err *err)
{
    const struct snp_report *p = &res->report;
    auto_free char *measurement = cmn_hex(p->measurement, 48), *chip = cmn_hex(p->chip_id, 64);

    c->report_data = cmn_hex(p->report_data, 64);
    c->init_data = cmn_hex(p->host_data, 32);
    c->root = res->root;
    c->claims = json_pack(
        "{s:i, s:i, s:b, s:b, s:b, s:b, s:b, s:b, s:i, s:i, s:i, s:i, s:s, s:s}",
        "policy_abi_major", (int)(p->policy >> 8 & 0xFF), "policy_abi_minor",
        (int)(p->policy & 0xFF), "policy_smt_allowed", !!(p->policy & SNP_POLICY_SMT),
        "policy_migrate_ma", !!(p->policy & SNP_POLICY_MIGRATE_MA), "policy_debug_allowed",
        !!(p->policy & SNP_POLICY_DEBUG), "policy_single_socket",
        !!(p->policy & SNP_POLICY_SINGLE_SOCKET), "platform_tsme_enabled",
        !!(p->plat_info & SNP_PLAT_TSME), "platform_smt_enabled", !!(p->plat_info & SNP_PLAT_SMT),
        "reported_tcb_bootloader", p->reported_tcb.bootloader, "reported_tcb_tee",
        p->reported_tcb.tee, "reported_tcb_snp", p->reported_tcb.snp, "reported_tcb_microcode",
        p->reported_tcb.microcode, "measurement", measurement, "chip_id", chip);
    if (!c->claims || !c->report_data || !c->init_data) {
        kbs_claims_done(c);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    return 0;
}

static int verify(struct cmn_env *env, const struct kbs_verify_input *in,
                  struct kbs_checks *ret_checks, struct kbs_claims *ret, struct cmn_err *err)
{
    struct kbs_snp_expect expect = in->snp->expect ? *in->snp->expect : (struct kbs_snp_expect){0};
    struct kbs_snp_input snp = *in->snp;
    struct kbs_snp_result *res = malloc(sizeof(*res)); /* long lists do not belong on the stack */
    struct kbs_claims claims = {0};

    if (!res)
        return cmn_err_set(err, ENOMEM, "no memory");
    expect.report_data = in->report_data;
    expect.report_data_len = in->report_data_len;
    expect.host_data = in->init_data;
    expect.host_data_len = in->init_data_len;
    snp.mode = in->strict ? KBS_SNP_STRICT : KBS_SNP_TRUSTEE;
    snp.evidence = in->evidence;
    snp.now = in->now;
    snp.expect = &expect;
    int r = kbs_snp_verify(env, &snp, res, err);
    if (r == 0 || res->checks.n)
        *ret_checks = res->checks;
    if (r == 0 && !res->accepted)
        r = cmn_err_reason(err, EKEYREJECTED, res->reason, "%s", res->message);
    if (r == 0)
        r = kbs_snp_claims(res, &claims, err);
    free(res);
    if (r == 0)
        *ret = claims;
    return r;
}

const struct kbs_verifier kbs_verifier_snp = {"snp", "cpu", verify};
