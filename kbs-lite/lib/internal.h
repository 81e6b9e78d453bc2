/* internal.h - what the parts of the key broker share. Who handles a request holds no lock; the
 * store and the session table have one each. */
#ifndef KBS_INTERNAL_H
#define KBS_INTERNAL_H

#include "kbs-lite/era.h"
#include "kbs-lite/kbs.h"
#include "metrics.h"
#include "store.h"
#include "vcek-sources.h"
#include "verifier.h"

#include <openssl/types.h>
#include <pthread.h>
#include <stdatomic.h>

#define KBS_SESSION_ID_CHARS 32
#define KBS_MAX_SESSIONS     20000
#define KBS_SESSION_BUCKETS  4096 /* a power of two */

struct kbs_session {
    struct kbs_session *next;    /* of its bucket */
    struct kbs_session *younger; /* all live as long, so this is the order in which they end */
    char id[KBS_SESSION_ID_CHARS + 1];
    char nonce[45]; /* base64 of 32 bytes */
    char tee[24];
    int64_t expires_ms;
    char *token; /* set once attested */
};

struct kbs_admin_auth; /* admin-auth.c */

struct kbs {
    struct cmn_env *env;
    struct kbs_config config; /* texts inside are not kept: only flags and numbers */
    struct kbs_store *store;
    pthread_mutex_t store_lock;
    struct kbs_session *session_buckets[KBS_SESSION_BUCKETS];
    struct kbs_session *oldest, *youngest;
    size_t n_sessions;
    pthread_mutex_t session_lock;
    EVP_PKEY *token_key; /* P-256 (simple tokens: RSA), made at start: as upstream without a
                            configured signer */
    const struct kbs_era *era;
    struct kbs_metrics *metrics;
    struct kbs_roots *roots;
    struct kbs_crls *crls;
    struct kbs_cache *cache; /* certificates of guests */
    struct kbs_vcek_sources *vcek_sources;
    struct kbs_snp_expect snp_expect;
    struct kbs_admin_auth *admin_auth; /* NULL unless KBS_ADMIN_AUTHENTICATED */
    void (*observe)(void *ctx, const struct kbs_event *event);
    void *observe_ctx;
    void (*capture)(void *ctx, const char *name, struct cmn_bytes bytes);
    void *capture_ctx;
    atomic_uint captured; /* exchanges so far */
};

/* ---- kbs.c ---- */
void kbs_notify(struct kbs *kbs, const char *phase, const char *name, const char *outcome,
                enum cmn_reason reason, int status, const char *message, const json_t *details);
/* Error body of section 1.2. variant: "AttestationError", ... Status 404 for two variants, else
 * 401. */
void kbs_answer_error(struct cmn_http_response *resp, const char *variant, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void kbs_answer_json(struct cmn_http_response *resp, const json_t *body);
int kbs_store_get(struct kbs *kbs, const char *ns, const char *key, struct cmn_buf *ret,
                  struct cmn_err *err) CMN_MUST_USE;
int kbs_store_put(struct kbs *kbs, const char *ns, const char *key, struct cmn_bytes value,
                  struct cmn_err *err) CMN_MUST_USE;
/* Calls each for every key of a namespace, in no order; a negative return ends it. */
int kbs_store_list(struct kbs *kbs, const char *ns, int (*each)(void *ctx, const char *key),
                   void *ctx, struct cmn_err *err) CMN_MUST_USE;
int kbs_store_del(struct kbs *kbs, const char *ns, const char *key,
                  struct cmn_err *err) CMN_MUST_USE;

/* ---- capture.c ---- */
/* Hands an exchange that was answered to the capture, if there is one. path: below /kbs/v0/. */
void kbs_capture(struct kbs *kbs, const char *path, const struct cmn_http_request *req,
                 const struct cmn_http_response *resp);

/* ---- session.c ---- */
/* A fresh session, copied to *ret (token NULL). -ENOSPC: too many live ones. */
int kbs_session_new(struct kbs *kbs, const char *tee, struct kbs_session *ret,
                    struct cmn_err *err) CMN_MUST_USE;
/* A live session by id, copied; *ret_token (malloc'ed) is its token or NULL. -ENOENT. */
int kbs_session_find(struct kbs *kbs, const char *id, struct kbs_session *ret, char **ret_token);
int kbs_session_attested(struct kbs *kbs, const char *id, const char *token);
void kbs_session_free_all(struct kbs *kbs);
/* Value of the session cookie; false if there is none. */
bool kbs_session_cookie(const struct cmn_http_request *req, char out[64]);
void kbs_session_set_cookie(struct cmn_http_response *resp, const struct kbs_session *session);

/* ---- rcar.c ---- */
void kbs_auth(struct kbs *kbs, const struct cmn_http_request *req, struct cmn_http_response *resp);
void kbs_attest(struct kbs *kbs, const struct cmn_http_request *req,
                struct cmn_http_response *resp);

/* The runtime data of an attest request, as it is hashed. Caller owns *ret. -EBADMSG. */
int kbs_rcar_runtime(const json_t *body, json_t **ret, struct cmn_err *err) CMN_MUST_USE;

/* What the evidence of one attester proved. All but the texts, which are static, is owned. */
struct kbs_subject {
    const char *tee, *class;
    struct kbs_claims claims;
    json_t *runtime;     /* {nonce, tee-pubkey}; of the CPU also additional-evidence */
    json_t *init_claims; /* of the CPU, or NULL */
};

#define KBS_SUBJECTS_MAX 9 /* the CPU and eight devices */
struct kbs_subjects {
    struct kbs_subject list[KBS_SUBJECTS_MAX];
    size_t n;
};
void kbs_subjects_done(struct kbs_subjects *subjects);

/* ---- token.c ---- */
/*
 * Appraises what was proved, each with the policy of its class, and signs the token: one submod
 * each. The first is the CPU. *ret is malloc'ed.
 */
int kbs_token_issue(struct kbs *kbs, const struct kbs_subjects *subjects, char **ret,
                    struct cmn_err *err) CMN_MUST_USE;
/* The two pieces of a token's payload: annotated evidence (runtime, init_claims may be NULL), and
 * the submod an appraisal makes of it. NULL without memory. Caller owns them. */
json_t *kbs_ear_evidence(const struct kbs_claims *c, const char *tee, const json_t *runtime,
                         const json_t *init_claims);
struct kbs_policy_appraisal;
json_t *kbs_ear_submod(const struct kbs_policy_appraisal *a, json_t *evidence);
/* kbs_policy_refs.find over the broker's reference values; ctx = struct kbs. */
int kbs_find_reference(void *ctx, const char *name, json_t **ret, struct cmn_err *err);
/* Signature (our key) and exp with 60 s leeway. Caller owns *ret_payload. */
int kbs_token_verify(struct kbs *kbs, const char *token, json_t **ret_payload,
                     struct cmn_err *err) CMN_MUST_USE;

/* ---- token-simple.c: tokens of 0.9 and 0.10 ---- */
int kbs_simple_token_issue(struct kbs *kbs, const struct kbs_subject *subject, char **ret,
                           struct cmn_err *err) CMN_MUST_USE;
int kbs_simple_token_verify(struct kbs *kbs, const char *token, json_t **ret_payload,
                            struct cmn_err *err) CMN_MUST_USE;

/* ---- version.c ---- */
/* Is text a semantic version (2.0.0)? */
bool kbs_version_ok(const char *text);
/* Does the era take a client of this version? Build metadata does not count. */
bool kbs_version_taken(const struct kbs_era *era, const char *text);

/* ---- resource.c, admin.c ---- */
bool kbs_resource_path_ok(const char *path);
void kbs_resource(struct kbs *kbs, const char *path, const struct cmn_http_request *req,
                  struct cmn_http_response *resp);
void kbs_admin(struct kbs *kbs, const char *plugin, const char *rest,
               const struct cmn_http_request *req, struct cmn_http_response *resp);
/* 0: the request may act as admin. -EACCES: err has the text of upstream's admin error. */
int kbs_admin_check(struct kbs *kbs, const struct cmn_http_request *req,
                    struct cmn_err *err) CMN_MUST_USE;
/* Every reference value under its name, as the policies of old eras see them. */
int kbs_reference_values(struct kbs *kbs, json_t **ret, struct cmn_err *err) CMN_MUST_USE;
/* The bare reference value, or NULL in *ret when there is none. */
int kbs_reference_value(struct kbs *kbs, const char *name, json_t **ret,
                        struct cmn_err *err) CMN_MUST_USE;

/* ---- admin-auth.c ---- */
int kbs_admin_auth_new(struct cmn_env *env, const struct kbs_config *config,
                       struct kbs_admin_auth **ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_admin_auth_free(struct kbs_admin_auth *auth); /* NULL ok */
int kbs_admin_auth_check(struct kbs *kbs, const struct cmn_http_request *req,
                         struct cmn_err *err) CMN_MUST_USE;
/* What comes after "Bearer " (in just this spelling, as upstream's framework reads it) in the
 * Authorization header, NULL if nothing. */
const char *kbs_bearer(const struct cmn_http_request *req);

/* ---- query.c ---- */
/* The query as a flat object of strings, as upstream's extractor reads it. -EINVAL: not UTF-8. */
int kbs_query_parse(const char *query, json_t **ret, struct cmn_err *err) CMN_MUST_USE;

/* ---- diagnose.c ---- */
/*
 * Why the resource policy text said no to this token: the likeliest reason with expected and actual
 * values. data: what the policy was given beside the token.
 */
struct kbs_policy_refs;
enum cmn_reason kbs_diagnose_denial(const struct kbs_policy_refs *refs, struct cmn_bytes policy,
                                    const json_t *payload, const json_t *data, char *message,
                                    size_t cap, json_t **ret_details);
/* Worst ear.status over the submods ("none" if there are none). */
const char *kbs_token_status(const json_t *payload);

#endif
