/*
 * policy-set.h - the policies built into the broker, as named sets: one attestation policy per
 * class and one resource policy.
 *
 *     const struct kbs_policy_set *set = kbs_policy_set_find("affirming");
 *     put("default_cpu", set->attestation_cpu);
 *     put("resource-policy", set->resource);
 *
 * All memory is static. The texts are the .rego files of kbs-lite/policies, written for this
 * project to the behaviour of the policies that Trustee and its operator ship.
 */
#ifndef KBS_POLICY_SET_H
#define KBS_POLICY_SET_H

#include <stddef.h>

struct kbs_policy_set {
    const char *name;
    const char *summary;         /* one line */
    const char *attestation_cpu; /* NUL terminated Rego texts */
    const char *attestation_gpu;
    const char *resource;
};

/* NULL: no set of this name. */
const struct kbs_policy_set *kbs_policy_set_find(const char *name);

/* All sets, the default ("upstream") first. */
const struct kbs_policy_set *kbs_policy_set_list(size_t *ret_count);

#endif
