/*
 * rcar.c - Request, Challenge, Attestation, Response: a token from the KBS; see aa.h.
 *
 * Sources: guest-components 8246e5e attestation-agent/kbs_protocol/src/client/rcar_client.rs;
 * kbs-types.
 */
#include "common/crypto/jose.h"
#include "common/enc/enc.h"
#include "common/http/client.h"
#include "sim/guest/aa/aa.h"
#include "sim/guest/common/guest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOG_TARGET       "kbs_protocol::client::rcar_client"
#define PROTOCOL_VERSION "0.4.0"
#define USER_AGENT       "attestation-agent-kbs-client/0.1.0"
#define MAX_ATTEMPTS     5
#define MAX_ANSWER       (1u << 20)

struct session { /* one client object: its key and cookies last for all its attempts */
    const struct aa *aa;
    struct cmn_http_client *http;
    EVP_PKEY *key;
    json_t *jwk;
    char *base; /* URL without trailing slashes */
};

static int make_key(struct session *s, struct cmn_err *err)
{
    const char *algorithm = s->aa->config.key_algorithm;
    int r;

    if (strcmp(algorithm, "RSA-OAEP-256") == 0)
        r = cmn_rsa_generate(s->aa->env, 2048, &s->key, err);
    else
        r = cmn_ec_generate(s->aa->env,
                            strcmp(algorithm, "ECDH-ES+A256KW-P521") == 0 ? "P-521" : "P-256",
                            &s->key, err);
    return r < 0 ? r : cmn_jwk_from_key(s->key, &s->jwk, err);
}

static int session_open(const struct aa *aa, struct session *s, struct cmn_err *err)
{
    s->aa = aa;
    s->base = strdup(aa->config.kbs_url);
    if (!s->base)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (size_t n = strlen(s->base); n > 0 && s->base[n - 1] == '/'; n--)
        s->base[n - 1] = '\0';
    int r = cmn_http_client_new(&(struct cmn_http_client_opts){.timeout_ms = 60000,
                                                               .user_agent = USER_AGENT,
                                                               .ca_pem = aa->config.kbs_cert,
                                                               .cookies = true},
                                &s->http, err);
    return r < 0 ? r : make_key(s, err);
}

static void session_close(struct session *s)
{
    cmn_http_client_free(s->http);
    EVP_PKEY_free(s->key);
    json_decref(s->jwk);
    free(s->base);
}

/* ErrorInformation as Rust's Debug prints it; another body: what reqwest says of it. */
static int describe_refusal(const char *lead, const struct cmn_http_answer *answer,
                            struct cmn_err *err)
{
    auto_json json_t *body = NULL;
    auto_buf struct cmn_buf text = {0};

    if (cmn_json_load(cmn_buf_bytes(&answer->body), CMN_JSON_MAX_DEPTH, &body, NULL) < 0 ||
        !cmn_json_str(body, "type") || !cmn_json_str(body, "detail"))
        return cmn_err_reason(err, EBADMSG, CMN_REASON_KBS_ANSWER_MALFORMED,
                              "error decoding response body");
    int r = cmn_buf_printf(&text, "%s: ErrorInformation { error_type: ", lead);
    if (r >= 0)
        r = cmn_ttrpc_quote(&text, cmn_json_str(body, "type"));
    if (r >= 0)
        r = cmn_buf_puts(&text, ", detail: ");
    if (r >= 0)
        r = cmn_ttrpc_quote(&text, cmn_json_str(body, "detail"));
    if (r < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_err_set(err, EACCES, "%.900s }", (const char *)text.data);
}

static int post(struct session *s, const char *path, const json_t *body, const char *lead,
                json_t **ret, struct cmn_err *err)
{
    auto_free char *text = cmn_json_dump(body), *url = NULL;
    struct cmn_http_answer answer = {0};
    struct cmn_err cause = {0};

    if (!text || asprintf(&url, "%s%s", s->base, path) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return cmn_err_reason(err, EINVAL, CMN_REASON_KBS_UNREACHABLE,
                              "builder error for url (%.512s)", url);
    int r = cmn_http_post_json(s->http, url, text, MAX_ANSWER, &answer, &cause);
    if (r < 0) {
        cmn_log(CMN_LOG_DEBUG, LOG_TARGET, "%s", cause.msg);
        r = cmn_err_reason(err, -r, CMN_REASON_KBS_UNREACHABLE,
                           "error sending request for url (%.512s)", url);
    } else if (answer.status == 401) {
        r = describe_refusal(lead, &answer, err);
    } else if (answer.status != 200) {
        r = cmn_err_reason(err, EPROTO, CMN_REASON_KBS_ANSWER_MALFORMED,
                           "KBS Server Internal Failed, Response: %.512s",
                           answer.body.data ? (const char *)answer.body.data : "");
    } else if (cmn_json_load(cmn_buf_bytes(&answer.body), CMN_JSON_MAX_DEPTH, ret, NULL) < 0) {
        r = cmn_err_reason(err, EBADMSG, CMN_REASON_KBS_ANSWER_MALFORMED,
                           "error decoding response body");
    }
    cmn_http_answer_done(&answer);
    return r;
}

static int request_challenge(struct session *s, json_t **ret, struct cmn_err *err)
{
    auto_json json_t *body = json_pack(
        "{s:s, s:s, s:{s:[s,s,s,s]}}", "version", PROTOCOL_VERSION, "tee", s->aa->attester.tee,
        "extra-params", "supported-hash-algorithms", "sha256", "sha384", "sha512", "sm3");
    auto_json json_t *challenge = NULL;

    if (!body)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = post(s, "/kbs/v0/auth", body, "KBS request unauthorized, ErrorInformation", &challenge,
                 err);
    if (r < 0)
        return r;
    if (!cmn_json_str(challenge, "nonce"))
        return cmn_err_reason(err, EBADMSG, CMN_REASON_KBS_ANSWER_MALFORMED,
                              "error decoding response body");
    *ret = cmn_take(challenge);
    return 0;
}

/* extra-params["selected-hash-algorithm"] if there, else sha384. */
static int select_hash(const json_t *challenge, const char **ret_md, size_t *ret_len,
                       struct cmn_err *err)
{
    static const struct {
        const char *name, *md;
        size_t len;
    } known[] = {
        {"sha384", "SHA384", 48},
        {"sha256", "SHA256", 32},
        {"sha512", "SHA512", 64},
        {"sm3", "SM3", 32},
    };
    const json_t *chosen =
        json_object_get(json_object_get(challenge, "extra-params"), "selected-hash-algorithm");
    const char *name = chosen ? json_string_value(chosen) : known[0].name;

    if (!name)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_KBS_ANSWER_MALFORMED,
                              "unexpected JSON data type: expected string");
    for (size_t i = 0; i < CMN_ARRAY_SIZE(known); i++)
        if (strcasecmp(known[i].name, name) == 0) {
            *ret_md = known[i].md;
            *ret_len = known[i].len;
            return 0;
        }
    return cmn_err_reason(err, EBADMSG, CMN_REASON_KBS_ANSWER_MALFORMED,
                          "invalid hash algorithm: %.32s", name);
}

/* H(JCS(doc)); doc is taken over. */
static int hash_doc(const struct session *s, const json_t *challenge, json_t *doc,
                    struct cmn_buf *ret, struct cmn_err *err)
{
    auto_json json_t *own = doc;
    auto_buf struct cmn_buf text = {0};
    const char *md = NULL;
    size_t len = 0;

    if (!doc)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = select_hash(challenge, &md, &len, err);
    if (r == 0)
        r = cmn_json_jcs(own, &text, err);
    if (r < 0)
        return r;
    r = cmn_buf_resize(ret, len);
    return r < 0 ? cmn_err_set(err, -r, "no memory")
                 : cmn_hash(s->aa->env, md, text.data, text.len, ret->data, err);
}

/* {"primary_evidence":..., "additional_evidence":"..."} bound to the nonce and the key. */
static int composite_evidence(const struct session *s, const json_t *challenge, json_t **ret,
                              struct cmn_err *err)
{
    const char *nonce = cmn_json_str(challenge, "nonce");
    auto_buf struct cmn_buf digest = {0}, devices = {0};
    auto_json json_t *primary = NULL;
    const char *additional = "";

    int r = hash_doc(s, challenge, json_pack("{s:s, s:O}", "nonce", nonce, "tee-pubkey", s->jwk),
                     &digest, err);
    if (r == 0)
        r = aa_attester_additional(&s->aa->attester, cmn_buf_bytes(&digest), &devices, err);
    if (r < 0)
        return r;
    if (devices.len > 0)
        additional = (const char *)devices.data;
    r = hash_doc(s, challenge,
                 json_pack("{s:s, s:s, s:O}", "additional-evidence", additional, "nonce", nonce,
                           "tee-pubkey", s->jwk),
                 &digest, err);
    if (r == 0)
        r = aa_attester_evidence(&s->aa->attester, cmn_buf_bytes(&digest), &primary, err);
    if (r < 0)
        return r;
    *ret = json_pack("{s:O, s:s}", "primary_evidence", primary, "additional_evidence", additional);
    return *ret ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

static json_t *init_data_member(const struct aa *aa)
{
    if (aa->initdata_toml.len == 0)
        return json_null();
    return json_pack("{s:s, s:s%}", "format", "toml", "body", aa->initdata_toml.data,
                     aa->initdata_toml.len);
}

static int handshake(struct session *s, json_t **ret_token, struct cmn_err *err)
{
    auto_json json_t *challenge = NULL, *evidence = NULL, *body = NULL, *answer = NULL;
    struct cmn_err cause = {0};

    int r = request_challenge(s, &challenge, err);
    if (r < 0)
        return r;
    r = composite_evidence(s, challenge, &evidence, &cause);
    if (r < 0) {
        cmn_log(CMN_LOG_ERROR, LOG_TARGET, "get evidence failed: %s", cause.msg);
        return cmn_err_reason(
            err, -r, cause.reason != CMN_REASON_NONE ? cause.reason : CMN_REASON_AA_EVIDENCE_FAILED,
            "get composite evidence failed");
    }
    body = json_pack("{s:o, s:{s:s, s:O}, s:O}", "init-data", init_data_member(s->aa),
                     "runtime-data", "nonce", cmn_json_str(challenge, "nonce"), "tee-pubkey",
                     s->jwk, "tee-evidence", evidence);
    if (!body)
        return cmn_err_set(err, ENOMEM, "no memory");
    r = post(s, "/kbs/v0/attest", body, "KBS attest unauthorized, Error Info", &answer, err);
    if (r < 0)
        return r;
    if (!cmn_json_str(answer, "token"))
        return cmn_err_reason(err, EBADMSG, CMN_REASON_KBS_ANSWER_MALFORMED,
                              "error decoding response body");
    *ret_token = json_incref(json_object_get(answer, "token"));
    return 0;
}

/* RcarHandshake("<text>"), in place. */
static void as_handshake_error(struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};

    if (cmn_buf_puts(&text, "RcarHandshake(") < 0 || cmn_ttrpc_quote(&text, err->msg) < 0)
        return;
    (void)snprintf(err->msg, sizeof(err->msg), "%s)", (const char *)text.data);
}

static int handshakes(struct session *s, json_t **ret_token, struct cmn_err *err)
{
    for (unsigned attempt = 1;; attempt++) {
        cmn_err_clear(err);
        int r = handshake(s, ret_token, err);
        if (r == 0)
            return 0;
        as_handshake_error(err);
        if (attempt == MAX_ATTEMPTS)
            return cmn_err_wrap(
                err, r,
                "RCAR handshake failed: Unable to get token. RCAR handshake retried "
                "%d times. Final attempt failed with",
                MAX_ATTEMPTS);
        cmn_log(CMN_LOG_WARN, LOG_TARGET, "RCAR handshake failed: %s, retry %u...", err->msg,
                attempt);
        cmn_env_sleep_ms(s->aa->env, s->aa->retry_delay_ms);
    }
}

/* "EC keys are PKCS#8 PEM, RSA keys PKCS#1 PEM" */
static int key_pem(EVP_PKEY *key, struct cmn_buf *ret, struct cmn_err *err)
{
    char *text = NULL;
    int r = 0;

    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return cmn_pkey_to_pem(key, ret, err);
    BIO *bio = BIO_new(BIO_s_secmem());
    if (!bio || PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
        r = cmn_err_set(err, EIO, "get key pair failed: cannot write the RSA key");
    if (r == 0) {
        long len = BIO_get_mem_data(bio, &text);
        if (cmn_buf_put(ret, text, (size_t)len) < 0)
            r = cmn_err_set(err, ENOMEM, "no memory");
    }
    BIO_free(bio);
    return r;
}

/* Built by hand, so that no copy of the key is left in a JSON tree. PEM has nothing to escape but
 * '\n'. */
static int token_text(const json_t *token, EVP_PKEY *key, struct cmn_buf *ret, struct cmn_err *err)
{
    auto_buf_secret struct cmn_buf pem = {0};
    auto_free char *quoted = json_dumps(token, JSON_ENCODE_ANY | JSON_COMPACT);

    int r = key_pem(key, &pem, err);
    if (r < 0)
        return r;
    if (!quoted || cmn_buf_reserve(ret, strlen(quoted) + 2 * pem.len + 64) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    r = cmn_buf_printf(ret, "{\"token\":%s,\"tee_keypair\":\"", quoted);
    for (size_t i = 0; r >= 0 && i < pem.len; i++)
        r = pem.data[i] == '\n' ? cmn_buf_puts(ret, "\\n") : cmn_buf_put(ret, &pem.data[i], 1);
    if (r >= 0)
        r = cmn_buf_puts(ret, "\"}");
    return r < 0 ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}

int aa_rcar_token(const struct aa *aa, struct cmn_buf *ret, struct cmn_err *err)
{
    auto_json json_t *token = NULL;
    struct session s = {0};

    if (!aa->config.kbs_url)
        return cmn_err_reason(err, EINVAL, CMN_REASON_AA_CONFIG_INVALID,
                              "kbs token config not configured in config file");
    int r = session_open(aa, &s, err);
    if (r == 0)
        r = handshakes(&s, &token, err);
    if (r == 0)
        r = token_text(token, s.key, ret, err);
    session_close(&s);
    return r;
}

static int as_request(const struct aa *aa, char **ret, struct cmn_err *err)
{
    auto_json json_t *evidence = NULL, *body = NULL;

    int r = aa_attester_evidence(&aa->attester, cmn_bytes(NULL, 0), &evidence, err);
    if (r < 0)
        return r;
    auto_free char *text = cmn_json_dump(evidence);
    auto_free char *b64 = text ? cmn_b64(CMN_B64_URL, text, strlen(text)) : NULL;
    body = b64 ? json_pack("{s:[{s:s, s:s}], s:[]}", "verification_requests", "tee",
                           aa->attester.tee, "evidence", b64, "policy_ids")
               : NULL;
    *ret = body ? cmn_json_dump(body) : NULL;
    return *ret ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

int aa_coco_as_token(const struct aa *aa, struct cmn_buf *ret, struct cmn_err *err)
{
    struct cmn_http_client *http = NULL;
    struct cmn_http_answer answer = {0};
    auto_free char *text = NULL, *url = NULL;

    if (!aa->config.as_url)
        return cmn_err_reason(err, EINVAL, CMN_REASON_AA_CONFIG_INVALID,
                              "coco_as token config not configured in config file");
    int r = as_request(aa, &text, err);
    if (r < 0)
        return r;
    if (asprintf(&url, "%s/attestation", aa->config.as_url) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    r = cmn_http_client_new(&(struct cmn_http_client_opts){.timeout_ms = 60000}, &http, err);
    if (r == 0)
        r = cmn_http_post_json(http, url, text, MAX_ANSWER, &answer, err);
    if (r == 0 && answer.status != 200)
        r = cmn_err_set(err, EACCES, "Remote Attestation Failed, AS Response: \"%.512s\"",
                        answer.body.data ? (const char *)answer.body.data : "");
    if (r == 0)
        r = cmn_buf_put(ret, answer.body.data, answer.body.len);
    cmn_http_answer_done(&answer);
    cmn_http_client_free(http);
    return r;
}
