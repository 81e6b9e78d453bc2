/* era.c - the table of releases; see era.h. */
#include "kbs-lite/era.h"

#include <string.h>

#define OLD_ERRORS                                                                                 \
    "details hide the cause that the release showed (\"Attestation failed: ...\"); the claims of " \
    "a "                                                                                           \
    "cookie's session are verified like any token; JWE to RSA1_5 keys is not there"

static const struct kbs_era eras[KBS_ERAS] = {
    {"0.9", KBS_ERA_0_9, "0.1.0", "<=0.1.0", .evidence_is_text = true, .simple_token = true,
     .reference_data = true, .claims_are_text = true, .report_min = 2, .report_max = 2,
     .note = OLD_ERRORS "; the token's policy-hash is a SHA-384 of our own text"},
    {"0.10", KBS_ERA_0_10, "0.1.1", "=0.1.1", .simple_token = true, .reference_data = true,
     .claims_are_text = true, .report_min = 2, .report_max = 2,
     .note = OLD_ERRORS "; the token's policy-hash is a SHA-384 of our own text"},
    {"0.11", KBS_ERA_0_11, "0.1.1", "=0.1.1", .submod = "cpu", .reference_data = true,
     .claims_by_rule = true, .claims_are_text = true, .report_min = 2, .report_max = 3,
     .note = "JWE has the corrected form of 0.12; Rego of version 0 is refused"},
    {"0.12", KBS_ERA_0_12, "0.2.0", "=0.2.0", .submod = "cpu", .reference_data = true,
     .claims_by_rule = true, .claims_are_text = true, .report_min = 2, .report_max = 3,
     .proven = true, .note = "Rego of version 0 is refused"},
    {"0.13", KBS_ERA_0_13, "0.2.0", "=0.2.0", .submod = "cpu", .reference_data = true,
     .claims_by_rule = true, .claims_are_text = true, .report_min = 2, .report_max = 3,
     .proven = true, .note = "Rego of version 0 is refused"},
    {"0.14", KBS_ERA_0_14, "0.4.0", "=0.4.0", .composite = true, .submod = "cpu0",
     .reference_data = true, .claims_by_rule = true, .report_min = 3, .report_max = 4,
     .proven = true, .note = "Rego of version 0 is refused"},
    {"0.15", KBS_ERA_0_15, "0.4.0", "=0.4.0", .composite = true, .submod = "cpu0",
     .reference_data = true, .claims_by_rule = true, .report_min = 3, .report_max = 5,
     .proven = true, .note = "Rego of version 0 is refused"},
    {"0.16", KBS_ERA_0_16, "0.4.0", "=0.4.0", .composite = true, .submod = "cpu0",
     .claims_by_rule = true, .report_min = 3, .report_max = 5, .proven = true,
     .note = "Rego of version 0 is refused"},
    {"0.17", KBS_ERA_0_17, "0.4.0", "=0.4.0", .composite = true, .submod = "cpu0",
     .policy_data = true, .report_min = 3, .report_max = 5, .proven = true, .note = ""},
    {"0.18", KBS_ERA_0_18, "0.4.0", "=0.4.0", .composite = true, .submod = "cpu0",
     .policy_data = true, .hex_claims = true, .report_min = 3, .report_max = 5, .proven = true,
     .note = ""},
    {"0.19", KBS_ERA_0_19, "0.4.0", "=0.4.0", .composite = true, .submod = "cpu0",
     .policy_data = true, .hex_claims = true, .report_min = 3, .report_max = 5, .proven = true,
     .note = ""},
    {"0.20", KBS_ERA_0_20, "0.4.0", "=0.4.0", .composite = true, .submod = "cpu0",
     .policy_data = true, .hex_claims = true, .report_min = 3, .report_max = 5, .proven = true,
     .note = ""},
    {"0.21", KBS_ERA_0_21, "0.4.0", "=0.4.0", .composite = true, .submod = "cpu0",
     .policy_data = true, .hex_claims = true, .report_min = 3, .report_max = 5, .proven = true,
     .note = ""},
};

const struct kbs_era *kbs_era_find(const char *name)
{
    if (!name)
        return &eras[KBS_ERA_0_21];
    for (size_t i = 0; i < KBS_ERAS; i++)
        if (strcmp(eras[i].name, name) == 0)
            return &eras[i];
    return NULL;
}

const struct kbs_era *kbs_era_list(size_t *ret_count)
{
    *ret_count = KBS_ERAS;
    return eras;
}
