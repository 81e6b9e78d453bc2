/* era.c - see era.h. Read in the sources of the releases (trustee, tags v0.9.0 to v0.21.0). */
#include "sim/conformance/era.h"

#include <string.h>

#define OLD  "0.1.0"
#define HALF "0.1.1"

static const struct conf_era_facts eras[] = {
    {"0.9", CONF_ERA_0_9, OLD, "<=0.1.0", CONF_EVIDENCE_TEXT, CONF_SIMPLE, NULL, false},
    {"0.10", CONF_ERA_0_10, HALF, "=0.1.1", CONF_EVIDENCE_VALUE, CONF_SIMPLE, NULL, false},
    {"0.11", CONF_ERA_0_11, HALF, "=0.1.1", CONF_EVIDENCE_VALUE, CONF_EAR, "cpu", false},
    {"0.12", CONF_ERA_0_12, "0.2.0", "=0.2.0", CONF_EVIDENCE_VALUE, CONF_EAR, "cpu", false},
    {"0.13", CONF_ERA_0_13, "0.2.0", "=0.2.0", CONF_EVIDENCE_VALUE, CONF_EAR, "cpu", false},
    {"0.14", CONF_ERA_0_14, "0.4.0", "=0.4.0", CONF_COMPOSITE, CONF_EAR, "cpu0", false},
    {"0.15", CONF_ERA_0_15, "0.4.0", "=0.4.0", CONF_COMPOSITE, CONF_EAR, "cpu0", false},
    {"0.16", CONF_ERA_0_16, "0.4.0", "=0.4.0", CONF_COMPOSITE, CONF_EAR, "cpu0", false},
    {"0.17", CONF_ERA_0_17, "0.4.0", "=0.4.0", CONF_COMPOSITE, CONF_EAR, "cpu0", false},
    {"0.18", CONF_ERA_0_18, "0.4.0", "=0.4.0", CONF_COMPOSITE, CONF_EAR, "cpu0", true},
    {"0.19", CONF_ERA_0_19, "0.4.0", "=0.4.0", CONF_COMPOSITE, CONF_EAR, "cpu0", true},
    {"0.20", CONF_ERA_0_20, "0.4.0", "=0.4.0", CONF_COMPOSITE, CONF_EAR, "cpu0", true},
    {"0.21", CONF_ERA_0_21, "0.4.0", "=0.4.0", CONF_COMPOSITE, CONF_EAR, "cpu0", true},
};

#define N (sizeof(eras) / sizeof(eras[0]))

const struct conf_era_facts *conf_era_find(const char *name)
{
    for (size_t i = 0; i < N; i++)
        if (strcmp(eras[i].name, name) == 0)
            return &eras[i];
    return NULL;
}

const struct conf_era_facts *conf_era_newest(void)
{
    return &eras[N - 1];
}

const char *conf_era_name(enum conf_era era)
{
    return era == CONF_ERA_ANY || era > CONF_ERA_0_21 ? "any" : eras[era - CONF_ERA_0_9].name;
}

/* How earlier releases called what the newest one says. Lines are tried in order. */
static const struct {
    enum conf_era until;
    const char *type, *old_type, *old_detail;
} old_words[] = {
    {CONF_ERA_0_20, "AdminAuthAccess", "AdminAuth", "Admin auth error: *"},
    {CONF_ERA_0_20, "AdminAuthInitialization", "AdminAuth", "Admin auth error: *"},
    {CONF_ERA_0_18, "ParsePolicyError", "PolicyEngine", "Policy engine error"},
    {CONF_ERA_0_18, "PolicyEngineError", "PolicyEngine", "Policy engine error"},
};

void conf_era_error(const struct conf_era_facts *era, const char **type, const char **detail)
{
    for (size_t i = 0; i < sizeof(old_words) / sizeof(old_words[0]); i++)
        if (era->id <= old_words[i].until && strcmp(*type, old_words[i].type) == 0) {
            *type = old_words[i].old_type;
            *detail = old_words[i].old_detail;
            return;
        }
}
