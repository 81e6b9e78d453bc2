/*
 * replay.h - an attestation judged again, offline: from a bundle or from loose files, with the same
 * verification and policies as the key broker, under options that answer "would it pass if".
 *
 *     struct sim_replay_opts opts = {.era = "0.21", .verifier = "trustee", .root = "amd"};
 *     struct sim_case *c = NULL;
 *     r = sim_case_new(env, &c, &err);
 *     r = sim_case_path(c, "bundle/", &err);                 // files and folders, as often as
 * wanted json_t *verdict = NULL; r = sim_replay(c, &opts, &verdict, &err);              // the same
 * input, the same bytes sim_case_free(c);
 *
 * The verdict: {"tee", "era", "verifier", "root", "at", "checks": [kbs_checks_to_json], "session":
 * {...}, "appraisal": {"status", "vector", "lines": [...]}, "resource": {...}, "verdict":
 * "accepted"|"refused"|"undecided", "code"?, "message"?, "hint"?, "notes": [...]}.
 */
#ifndef SIM_REPLAY_H
#define SIM_REPLAY_H

#include "common/crypto/crypto.h"
#include "common/json/json.h"

struct sim_case;

int sim_case_new(struct cmn_env *env, struct sim_case **ret, struct cmn_err *err) CMN_MUST_USE;
void sim_case_free(struct sim_case *c); /* NULL ok */
/* Forgets the files; keeps what makes the next case of the same processors faster. */
void sim_case_reset(struct sim_case *c);
/* Files of unknown kinds are left aside. -ENOENT ...: cannot be read. */
int sim_case_path(struct sim_case *c, const char *path, struct cmn_err *err) CMN_MUST_USE;
void sim_case_bytes(struct sim_case *c, struct cmn_bytes data);

struct sim_replay_opts {
    const char *era;        /* "0.13" ... "0.21"; NULL: the newest */
    const char *verifier;   /* "trustee", "strict"; NULL: the bundle's, else trustee */
    const char *root;       /* "amd", "test", a PEM file; NULL: the bundle's, else amd */
    const char *policy;     /* file; by its content attestation or resource policy. May be NULL */
    const char *policy_set; /* name; NULL: none unless a policy is at hand */
    const char *reference_values; /* file; NULL: those at hand */
    int64_t at;                   /* 0: the bundle's clock, else now */
    const char *resource;         /* path to ask for; NULL: default/key/1 */
};

/* 0: *ret is the verdict, owned by the caller. -EINVAL: an option is wrong; -ENODATA: no evidence.
 */
int sim_replay(struct sim_case *c, const struct sim_replay_opts *opts, json_t **ret,
               struct cmn_err *err) CMN_MUST_USE;
/* The verdict for people; appends. */
int sim_replay_text(const json_t *verdict, struct cmn_buf *ret) CMN_MUST_USE;

/* Product names (products.def): era and policy set. false: not known. */
struct sim_product {
    const char *name, *era, *policy_set, *source;
};
const struct sim_product *sim_product_list(size_t *ret_n);
const struct sim_product *sim_product_find(const char *name);

#endif
