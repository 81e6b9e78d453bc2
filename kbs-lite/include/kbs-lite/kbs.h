/*
 * kbs.h - a key broker that speaks Trustee's protocol (KBS 0.4.0, and older releases as eras):
 * request in, answer out.
 *
 *     struct kbs *kbs = NULL;
 *     struct kbs_config config = {.policy_set = "upstream", .test_chain_pem = pem};
 *     r = kbs_new(env, &config, &kbs, &err);
 *     r = kbs_resource_put(kbs, "default/demo/secret", bytes, &err);
 *     kbs_handle(kbs, &request, &response);         // from any thread, any transport
 *     kbs_free(kbs);
 *
 * Wire behaviour is Trustee's, quirks included (trustee 78962cd). What the wire hides (which check
 * refused, expected and actual value) goes to the observer.
 */
#ifndef KBS_KBS_H
#define KBS_KBS_H

#include "common/env/env.h"
#include "common/http/server.h"
#include "common/json/json.h"

struct kbs;

enum kbs_admin_mode { KBS_ADMIN_DENY_ALL, KBS_ADMIN_ALLOW_ALL, KBS_ADMIN_AUTHENTICATED };

/* Who signs admin tokens (JWT: EdDSA, ES256, ES384, RS256). issuer, audience: NULL = not looked at.
 */
struct kbs_admin_issuer {
    const char *issuer, *audience;
    struct cmn_bytes public_key_pem;
};
/* What a role may call: a regular expression over the URI with its query, "^/kbs...$". */
struct kbs_admin_acl {
    const char *role, *allowed_endpoints;
};

/* Where a VCEK comes from that the evidence does not bring. */
struct kbs_vcek_source {
    const char *dir;     /* a folder in upstream's OfflineStore layout; NULL: KDS */
    const char *kds_url; /* NULL: AMD's */
};

struct kbs_config {
    bool trust_amd;                  /* AMD's keys, built in as numbers */
    struct cmn_bytes test_chain_pem; /* ASK and ARK of a test chain to trust as well; empty: none */
    const char *policy_set;          /* "upstream" (default), "affirming", ... (policy-set.h) */
    bool strict;                     /* advisories refuse */
    enum kbs_admin_mode admin;
    const struct kbs_admin_issuer *admin_issuers; /* for KBS_ADMIN_AUTHENTICATED: at least one */
    size_t n_admin_issuers;
    const struct kbs_admin_acl *admin_acls;
    size_t n_admin_acls;
    const struct kbs_vcek_source *vcek_sources; /* asked in this order */
    size_t n_vcek_sources;
    const char *kds_cache_dir;    /* what KDS answered is kept there too; NULL: in memory only */
    bool offline;                 /* KDS is not asked */
    const struct cmn_bytes *crls; /* revocation lists, DER or PEM */
    size_t n_crls;
    bool crl_from_kds;        /* current ones are fetched from the KDS of vcek_sources */
    bool crl_required;        /* a chain without one: an advisory */
    int64_t verify_at;        /* the time for dates of certificates, seconds since 1970; 0: now */
    const char *store_dir;    /* LocalFs layout of upstream; NULL: memory */
    unsigned session_minutes; /* 0: 5 */
    unsigned token_minutes;   /* 0: 5 */
    bool no_resource_plugin;  /* as a configuration without [[plugins]] name="resource" */
    bool insecure_header_jwk; /* a token's own key is taken for good, as upstream's option of this
                                 name */
    const char *era;          /* the Trustee release to be, "0.9" to "0.21"; NULL: the newest */
};

/* Opens the store; the policies of the set are installed where none is stored. */
int kbs_new(struct cmn_env *env, const struct kbs_config *config, struct kbs **ret,
            struct cmn_err *err) CMN_MUST_USE;
void kbs_free(struct kbs *kbs); /* NULL ok */

/* The HTTP face: every route of section 1 of the protocol. Thread safe. */
void kbs_handle(struct kbs *kbs, const struct cmn_http_request *req,
                struct cmn_http_response *resp);
cmn_http_handler kbs_http_handler; /* the same with ctx = struct kbs */

/* What an admin does over the wire, for programs that embed the broker. */
int kbs_resource_put(struct kbs *kbs, const char *path, struct cmn_bytes bytes,
                     struct cmn_err *err) CMN_MUST_USE;
int kbs_reference_values_put(struct kbs *kbs, const json_t *values,
                             struct cmn_err *err) CMN_MUST_USE;
int kbs_policy_set_use(struct kbs *kbs, const char *name, struct cmn_err *err) CMN_MUST_USE;
bool kbs_trusts_test_roots(const struct kbs *kbs);

struct kbs_event {
    const char *phase;   /* "attest" or "release-key" */
    const char *name;    /* "kbs.auth", "kbs.attest", "kbs.resource", "kbs.advisory", "kbs.admin" */
    const char *outcome; /* "ok", "refused", "warn" */
    enum cmn_reason reason;
    int status;            /* of the answer; 0 for an advisory */
    const char *message;   /* one sentence; never holds a secret */
    const json_t *details; /* object or NULL: expected, actual, ... Borrowed for the call */
};

/* Called on the thread that handles the request, with no lock of the broker held. Set before
 * serving. */
void kbs_set_observer(struct kbs *kbs, void (*observe)(void *ctx, const struct kbs_event *event),
                      void *ctx);

/*
 * What support needs to judge an attestation again, as named files: each auth and attest exchange
 * ("0001-auth.json"), and with each attest the policies and the reference values they name. Never
 * a resource, an admin's token, a session id or a usable attestation token. Called on the thread
 * that handles the request; must be thread safe. Set before serving.
 */
void kbs_set_capture(struct kbs *kbs,
                     void (*capture)(void *ctx, const char *name, struct cmn_bytes bytes),
                     void *ctx);
/*
 * The same with files written into dir, which must exist; the text dir must outlive the broker.
 * Also bundle.json (the time, how this broker verifies) and the certificates of its test roots, if
 * any.
 */
int kbs_capture_to_dir(struct kbs *kbs, const char *dir, struct cmn_bytes test_roots_pem,
                       struct cmn_err *err) CMN_MUST_USE;

#endif
