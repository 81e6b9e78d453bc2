/* launch-policy.c - SNP_LAUNCH_START's look at the guest policy (AMD 56860, "Guest Policy"). */
#include "psp-internal.h"
#include "status.h"

static int refuse(struct cmn_err *err, uint64_t policy, const char *why)
{
    return ftee_refuse(err, "SNP_LAUNCH_START", FTEE_STATUS_POLICY_FAILURE, "policy 0x%llx %s",
                       (unsigned long long)policy, why);
}

int ftee_check_policy(uint64_t policy, enum snp_product product,
                      const struct ftee_platform_status *p, struct cmn_err *err)
{
    const struct {
        uint64_t demanded, needs;
        const char *why;
    } demands[] = {
        {SNP_POLICY_RAPL_DIS, SNP_PLAT_RAPL_DIS, "wants RAPL disabled, the platform has it on"},
        {SNP_POLICY_CIPHERTEXT_HIDING, SNP_PLAT_CIPHERTEXT_HIDING,
         "wants ciphertext hiding, the platform has it off"},
    };
    unsigned want = (unsigned)(policy & (SNP_POLICY_ABI_MAJOR | SNP_POLICY_ABI_MINOR)),
             have = (unsigned)(p->current.major << 8 | p->current.minor);

    if (policy & SNP_POLICY_RESERVED)
        return ftee_refuse(err, "SNP_LAUNCH_START", FTEE_STATUS_INVALID_PARAM,
                           "policy 0x%llx has reserved bits", (unsigned long long)policy);
    if (want > have)
        return ftee_refuse(err, "SNP_LAUNCH_START", FTEE_STATUS_POLICY_FAILURE,
                           "policy wants firmware ABI %u.%u, the platform has %u.%u", want >> 8,
                           want & 0xFF, have >> 8, have & 0xFF);
    if (!(policy & SNP_POLICY_SMT) && p->plat_info & SNP_PLAT_SMT)
        return refuse(err, policy, "forbids SMT, the platform has it on");
    if (policy & SNP_POLICY_AES_256_XTS && product == SNP_MILAN)
        return refuse(err, policy, "wants AES-256-XTS, Milan has AES-128 only");
    for (size_t i = 0; i < CMN_ARRAY_SIZE(demands); i++)
        if (policy & demands[i].demanded && !(p->plat_info & demands[i].needs))
            return refuse(err, policy, demands[i].why);
    return 0;
}
