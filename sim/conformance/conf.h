/* conf.h - what the parts of the conformance suite share; private to sim/conformance. */
#ifndef SIM_CONFORMANCE_CONF_H
#define SIM_CONFORMANCE_CONF_H

#include "common/crypto/crypto.h"
#include "common/http/client.h"
#include "sim/conformance/conformance.h"
#include "sim/conformance/era.h"

struct conf;
struct conf_check;

/* ---- requests (call.c) ---- */

struct conf_req {
    const char *method, *path; /* "/kbs/v0/auth?x=1" */
    const char *body;          /* NULL: empty */
    size_t len;                /* of body; 0: it is a string */
    const char *cookie;        /* session id, NULL: none */
    const char *bearer;
    const char *content_type;
    const char *const *headers; /* more of them, NULL at the end */
};

/* Sends and notes what was sent and received. The status, or -1 when no answer came: the check has
 * then failed. */
int conf_send(struct conf *c, const struct conf_req *req);
/* The same, but no answer is not a failure of the check; the text is in c->transport. */
int conf_try(struct conf *c, const struct conf_req *req);
/* The bearer that makes an admin of us; NULL when the KBS asks for none. */
const char *conf_admin(const struct conf *c);

/* ---- verdicts (call.c): the first miss decides, and freezes what the report shows ---- */

bool conf_expect(struct conf *c, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool conf_status(struct conf *c, int status);
/* The JSON error of section 1.2. detail: whole text, or its beginning when it ends with '*'. Both
 * are as the newest release says them; an older era's own words are taken then. */
bool conf_error(struct conf *c, int status, const char *type, const char *detail);
/* 401 with any JSON error. */
bool conf_refused(struct conf *c);
/* The body of the last answer as JSON, NULL (and a miss) when it is none. New reference. */
json_t *conf_json(struct conf *c);
void conf_remark(struct conf *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void conf_skip(struct conf *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- TEE keys and JWE (jose.c) ---- */

enum conf_key { CONF_P256, CONF_P521, CONF_RSA2048, CONF_RSA3072, CONF_KEYS };
/* Made at first use and kept. NULL: OpenSSL failed (and the check with it). */
EVP_PKEY *conf_key(struct conf *c, enum conf_key kind);
json_t *conf_jwk(struct conf *c, enum conf_key kind);

struct conf_jwe {
    char *protected; /* decoded header text */
    json_t *header;
    struct cmn_buf encrypted_key, iv, tag, plain;
    bool opened;
    const char *why; /* not opened: what was wrong */
};
/* Takes an answer apart and opens it by RFC 7516: AAD is the protected text as received. */
void conf_jwe_open(struct conf *c, enum conf_key kind, struct cmn_bytes text, struct conf_jwe *ret);
void conf_jwe_done(struct conf_jwe *jwe);
/* The one header text that Rust's client can open. Malloc'ed. */
char *conf_jwe_canonical(enum conf_key kind, const json_t *header);

struct conf_token {
    json_t *header, *payload;
    bool signature_ok;
    char *text;
};
/* false (and a miss) unless it is three base64url parts of JSON, JSON and bytes. */
bool conf_token_parse(struct conf *c, const char *text, struct conf_token *ret);
void conf_token_done(struct conf_token *token);

/* ---- evidence (tee.c, snp.c) ---- */

/* How evidence departs from what a genuine guest sends. */
struct conf_evidence {
    const char *tee; /* NULL: the suite's */
    bool no_report_data, no_svn, pad_64, sha256;
    /* snp only */
    uint32_t vmpl, version; /* version 0: 3 */
    int family, model;      /* -1: as the product; else this number */
    bool flip_measurement, flip_signature;
    bool wrong_key;            /* signed by the VCEK of another chip */
    bool other_tcb;            /* reported TCB is not the certificate's */
    bool no_chain, null_chain; /* cert_chain [] or null */
    bool chain_without_vcek, foreign_ark;
    const uint8_t *host_data; /* 32 bytes */
};
#define CONF_GENUINE ((struct conf_evidence){.family = -1, .model = -1})

/* The evidence over a digest of 48 bytes, as the TEE's attester prints it. NULL: the check failed.
 */
json_t *conf_tee_evidence(struct conf *c, const struct conf_evidence *how,
                          const uint8_t digest[48]);
json_t *conf_snp_evidence(struct conf *c, const struct conf_evidence *how,
                          const uint8_t report_data[64]);
int conf_snp_open(struct conf *c, struct cmn_err *err) CMN_MUST_USE;
void conf_snp_close(struct conf *c);

/* ---- handshake (rcar.c) ---- */

struct conf_session {
    char id[80];
    char nonce[4096];
    char set_cookie[256];
};
bool conf_challenge(struct conf *c, struct conf_session *ret); /* POST auth; false: a miss */
bool conf_challenge_for(struct conf *c, const char *tee, struct conf_session *ret);

/* One attest body; members may be changed before conf_attest. */
struct conf_attestation {
    json_t *body;
    uint8_t digest[48];
};
/* What the digest is made of, where it departs from the runtime data that is sent. */
struct conf_binding {
    const char *nonce;      /* NULL: the session's */
    const char *additional; /* NULL: "" */
    enum conf_key key;      /* only when other_key */
    bool other_key;
    bool without_additional; /* as device evidence is bound */
    const json_t *init_data; /* {"format","body"} to send along, NULL: none */
};
json_t *conf_attest_body(struct conf *c, const struct conf_session *s, enum conf_key key,
                         const struct conf_evidence *how, const struct conf_binding *bind);
int conf_attest(struct conf *c, const struct conf_session *s, const json_t *body);
/* A whole handshake. *ret_token is malloc'ed; NULL and a miss when it fails. */
char *conf_handshake(struct conf *c, enum conf_key key, struct conf_session *ret);
/* The token of a genuine handshake with P-256, made once; NULL and a skip when there is none. */
const char *conf_good_token(struct conf *c);
int conf_digest(struct conf *c, const json_t *runtime, uint8_t out[48]);

/* ---- what only a throw-away KBS allows (setup.c) ---- */

/* Each: false and a miss when the KBS refused. text is Rego. */
bool conf_set_resource_policy(struct conf *c, const char *text);
bool conf_set_attestation_policy(struct conf *c, const char *id, const char *text);
bool conf_put_resource(struct conf *c, const char *path, struct cmn_bytes bytes);
bool conf_put_reference(struct conf *c, const char *name, json_t *value); /* takes value over */
int conf_get_resource(struct conf *c, const char *path, const char *cookie, const char *bearer);
char *conf_policy_body(const char *id, const char *text); /* malloc'ed JSON */
char *conf_reference_body(const char *name, const json_t *value);
/* A resource the guest may read: --resource, or one of ours under an open policy. NULL: a skip. */
const char *conf_readable(struct conf *c);
/* true: a policy of ours lets everybody with a token pass. Once set, it stays. */
bool conf_open_policy(struct conf *c);
#define CONF_RESOURCE "conformance/probe/text"
#define CONF_SECRET   "cocobox conformance: nothing secret\n"

/* ---- checks ---- */

enum {                            /* needs */
       CONF_ADMIN = 1 << 0,       /* admin rights */
       CONF_DESTRUCTIVE = 1 << 1, /* a throw-away KBS, and admin rights */
       CONF_CLOSED = 1 << 2,      /* a KBS that asks admins for a token */
       CONF_TOKEN = 1 << 3,       /* a genuine handshake gives a token */
       CONF_READABLE = 1 << 4,    /* a resource that the guest may read */
       CONF_SNP = 1 << 5,
       CONF_SAMPLE = 1 << 6,
       CONF_KEY = 1 << 7, /* admin token given */
};

struct conf_check {
    unsigned number;
    const char *section, *rule;
    unsigned needs;
    enum conf_era since, until; /* eras where the rule holds; 0: from the first, to the last */
    void (*run)(struct conf *c, const struct conf_check *check);
    struct conf_req send; /* for conf_run_exchange */
    int status;
    const char *type, *detail;
    const char *text; /* for other runs, as are these */
    long number_arg;
    const struct conf_evidence *how;
};

/* Sends check->send as it is, or with an admin's bearer, and expects status, type and detail. */
void conf_run_exchange(struct conf *c, const struct conf_check *check);
void conf_run_admin(struct conf *c, const struct conf_check *check);

struct conf_group {
    const char *name;
    const struct conf_check *checks;
    size_t n;
};
extern const struct conf_group conf_group_routing, conf_group_auth, conf_group_session,
    conf_group_attest, conf_group_snp, conf_group_jwe, conf_group_token, conf_group_resource,
    conf_group_admin, conf_group_policy, conf_group_appraisal, conf_group_reference,
    conf_group_limits, conf_group_concurrency;
extern const struct conf_group *const conf_groups[];
extern const size_t conf_n_groups;

struct conf {
    const struct sim_conf_opts *opts;
    const struct conf_era_facts *era;
    char *base; /* URL without a slash at its end */
    struct cmn_http_client *http;
    struct cmn_http_answer answer;
    char transport[256];
    const char *tee;
    bool admin_open, admin_ok; /* without a token; at all */
    EVP_PKEY *keys[CONF_KEYS];
    char *token; /* of the good handshake */
    bool token_tried, readable_tried, readable_ok;
    struct conf_snp *snp;
    /* the check that runs */
    struct sim_conf_result *now;
    bool missed, frozen;
};

#endif
