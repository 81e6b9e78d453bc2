/* replay-internal.h - a case: what is known of one attestation. */
#ifndef SIM_REPLAY_INTERNAL_H
#define SIM_REPLAY_INTERNAL_H

#include "kbs-lite/offline.h"
#include "sim/diagnose/replay/replay.h"

enum { CASE_CRLS = 8, CASE_FILES = 4000 };

struct sim_case {
    struct cmn_env *env;
    struct kbs_cache *cache;  /* of certificates, over all replays of this case */
    char tee[24];             /* "" = not known */
    json_t *evidence;         /* the last that was seen */
    json_t *request;          /* the attest request it came in, or NULL */
    json_t *exchange;         /* the last one with the KBS that was captured, or NULL */
    struct kbs_roots *amd;    /* made when first wanted */
    char session_nonce[64];   /* what the KBS expected; "" = not known */
    struct cmn_buf report;    /* raw, when there is no evidence */
    struct snp_certs certs;   /* loose ones, one of each kind */
    struct cmn_buf roots_pem; /* ARK, ASK, ASVK that were seen, as PEM */
    struct cmn_buf crls[CASE_CRLS];
    size_t n_crls;
    char *attestation_policy, *resource_policy, *initdata;
    json_t *references, *info, *token; /* token: payload */
    int64_t clock;                     /* 0: not known */
    size_t things;                     /* of known kinds */
    size_t files;
};

/* Is a Rego text an attestation policy (not a resource policy)? */
bool sim_policy_is_attestation(const char *text);

/* Lines of a policy that did not hold: [{line, text, actual?, reference?, expected?}]. */
json_t *sim_explain(const char *policy, const json_t *input, const json_t *queried);

#endif
