/*
 * era.h - what each Trustee release says on the wire, as the conformance suite expects it. Written
 * from the sources of the releases, apart from the key broker's own table.
 */
#ifndef SIM_CONFORMANCE_ERA_H
#define SIM_CONFORMANCE_ERA_H

#include <stdbool.h>
#include <stddef.h>

enum conf_era {
    CONF_ERA_ANY = 0, /* in a check: no bound */
    CONF_ERA_0_9,
    CONF_ERA_0_10,
    CONF_ERA_0_11,
    CONF_ERA_0_12,
    CONF_ERA_0_13,
    CONF_ERA_0_14,
    CONF_ERA_0_15,
    CONF_ERA_0_16,
    CONF_ERA_0_17,
    CONF_ERA_0_18,
    CONF_ERA_0_19,
    CONF_ERA_0_20,
    CONF_ERA_0_21,
};

enum conf_layout {                      /* of the attest body */
                   CONF_EVIDENCE_TEXT,  /* {"tee-pubkey","tee-evidence": JSON text} */
                   CONF_EVIDENCE_VALUE, /* {"tee-pubkey","tee-evidence": JSON} */
                   CONF_COMPOSITE       /* init-data, runtime-data, composite evidence */
};

enum conf_token_form { CONF_SIMPLE, CONF_EAR };

struct conf_era_facts {
    const char *name;
    enum conf_era id;
    const char *protocol; /* the one version (0.9: the newest) it speaks */
    const char *wanted;   /* how a refusal names it: "=0.4.0" */
    enum conf_layout layout;
    enum conf_token_form token;
    const char *submod; /* of the CPU */
    bool hex_claims;    /* measurement and report data of snp in hex, else base64 */
};

/* NULL: no such era. */
const struct conf_era_facts *conf_era_find(const char *name);
const struct conf_era_facts *conf_era_newest(void);
const char *conf_era_name(enum conf_era era);

/* The era's own words for an error of the newest release. Both pointers are replaced. */
void conf_era_error(const struct conf_era_facts *era, const char **type, const char **detail);

#endif
