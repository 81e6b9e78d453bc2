/*
 * policy-text.h - the built-in policies as C strings, generated from kbs-lite/policies at build
 * time. Private to policy-set.c, which names and groups them.
 */
#ifndef KBS_POLICY_TEXT_H
#define KBS_POLICY_TEXT_H

extern const char kbs_rego_attestation_cpu[];
extern const char kbs_rego_attestation_cpu_rh[];
extern const char kbs_rego_attestation_gpu[];
extern const char kbs_rego_resource_default[];
extern const char kbs_rego_resource_affirming[];
extern const char kbs_rego_resource_allow_all[];
extern const char kbs_rego_resource_deny_all[];
extern const char kbs_rego_resource_rh_restricted[];

#endif
