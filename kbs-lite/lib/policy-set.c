/* policy-set.c - the named sets of built-in policies; see policy-set.h. */
#include "kbs-lite/policy-set.h"

#include "common/err/err.h"
#include "kbs-lite/lib/policy-text.h"

#include <string.h>

static const struct kbs_policy_set sets[] = {
    {
        .name = "upstream",
        .summary = "Trustee's defaults: any verified real TEE gets every resource",
        .attestation_cpu = kbs_rego_attestation_cpu,
        .attestation_gpu = kbs_rego_attestation_gpu,
        .resource = kbs_rego_resource_default,
    },
    {
        .name = "affirming",
        .summary = "only guests whose ear.status is affirming",
        .attestation_cpu = kbs_rego_attestation_cpu,
        .attestation_gpu = kbs_rego_attestation_gpu,
        .resource = kbs_rego_resource_affirming,
    },
    {
        .name = "allow-all",
        .summary = "everybody with a token, sample evidence included",
        .attestation_cpu = kbs_rego_attestation_cpu,
        .attestation_gpu = kbs_rego_attestation_gpu,
        .resource = kbs_rego_resource_allow_all,
    },
    {
        .name = "deny-all",
        .summary = "nobody",
        .attestation_cpu = kbs_rego_attestation_cpu,
        .attestation_gpu = kbs_rego_attestation_gpu,
        .resource = kbs_rego_resource_deny_all,
    },
    {
        .name = "rh-permissive",
        .summary = "the Trustee operator's Permissive profile: the attestation result is ignored",
        .attestation_cpu = kbs_rego_attestation_cpu_rh,
        .attestation_gpu = kbs_rego_attestation_gpu,
        .resource = kbs_rego_resource_allow_all,
    },
    {
        .name = "rh-restricted",
        .summary =
            "the Trustee operator's Restricted profile: software, configuration and hardware "
            "affirmed",
        .attestation_cpu = kbs_rego_attestation_cpu_rh,
        .attestation_gpu = kbs_rego_attestation_gpu,
        .resource = kbs_rego_resource_rh_restricted,
    },
};

const struct kbs_policy_set *kbs_policy_set_find(const char *name)
{
    for (size_t i = 0; name && i < CMN_ARRAY_SIZE(sets); i++)
        if (strcmp(sets[i].name, name) == 0)
            return &sets[i];
    return NULL;
}

const struct kbs_policy_set *kbs_policy_set_list(size_t *ret_count)
{
    *ret_count = CMN_ARRAY_SIZE(sets);
    return sets;
}
