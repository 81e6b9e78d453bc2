/* test-kbs.c - the whole handshake against the broker, in process: refusals first, then release. */
#include "tests/testlib/testlib.h"

#include "common/crypto/jose.h"
#include "common/snp/psp-msg.h"
#include "fake-tee/psp.h"
#include "kbs-lite/kbs.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECRET "the colour of the sea"

static struct cmn_env *env;
static struct ftee_ca *ca;
static struct ftee_psp *psp;
static struct kbs *kbs;
static EVP_PKEY *tee_key;
static char seen[4096]; /* observer: "name outcome reason; ..." */

static void observe(void *ctx, const struct kbs_event *e)
{
    size_t n = strlen(seen);

    (void)ctx;
    (void)snprintf(seen + n, sizeof(seen) - n, "%s %s %s; ", e->name, e->outcome,
                   cmn_reason_name(e->reason));
    T_TRUE(!e->message || !strstr(e->message, SECRET));
}

static const char *no_header(const struct cmn_http_request *req, const char *name)
{
    const char *const *pair = req->impl;
    return pair && strcasecmp(pair[0], name) == 0 ? pair[1] : NULL;
}

/* One request; header is {name, value} or NULL. The caller ends resp. */
static int call(const char *method, const char *path, const char *body, const char *const header[2],
                struct cmn_http_response *resp)
{
    struct cmn_http_request req = {.method = method,
                                   .path = path,
                                   .query = "",
                                   .body = cmn_bytes(body ? body : "", body ? strlen(body) : 0),
                                   .header = no_header,
                                   .impl = (void *)header};

    *resp = (struct cmn_http_response){.status = 500};
    seen[0] = 0;
    kbs_handle(kbs, &req, resp);
    return resp->status;
}

static void expect(const char *method, const char *path, const char *body,
                   const char *const header[2], int status, const char *part)
{
    struct cmn_http_response resp;

    T_EQ_INT(call(method, path, body, header, &resp), status);
    if (part && !(resp.body.data && strstr((char *)resp.body.data, part)))
        T_EQ_STR((char *)resp.body.data, part);
    cmn_http_response_done(&resp);
}

static void start(const char *policy_set)
{
    struct cmn_err err = {0};
    struct kbs_config config = {.policy_set = policy_set,
                                .test_chain_pem = ftee_ca_chain_pem(ca),
                                .admin = KBS_ADMIN_ALLOW_ALL};

    kbs_free(kbs);
    kbs = NULL;
    T_OK(kbs_new(env, &config, &kbs, &err), &err);
    T_OK(kbs_resource_put(kbs, "default/demo/secret", cmn_bytes(SECRET, strlen(SECRET)), &err),
         &err);
    kbs_set_observer(kbs, observe, NULL);
}

static int set_up(void)
{
    struct cmn_err err = {0};
    uint8_t page[4096] = {1};

    if (env)
        return 0;
    T_OK(cmn_env_new_seeded("kbs", 3, &env, &err), &err);
    T_OK(ftee_ca_open(env, t_tmpdir(), SNP_GENOA, &ca, &err), &err);
    T_OK(ftee_psp_launch_start(env, ca, &(struct ftee_launch){0}, &psp, &err), &err);
    T_OK(ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, 0, page, &err), &err);
    T_OK(ftee_psp_launch_finish(psp, NULL, &err), &err);
    T_OK(cmn_ec_generate(env, "P-256", &tee_key, &err), &err);
    return psp && tee_key ? 0 : -1;
}

/* POST /auth; cookie "kbs-session-id=..." and nonce of the challenge. */
static void challenge(const char *tee, char cookie[64], char nonce[64])
{
    struct cmn_http_response resp;
    auto_json json_t *body = NULL;
    char req[256];

    (void)snprintf(req, sizeof(req), "{\"version\":\"0.4.0\",\"tee\":\"%s\",\"extra-params\":\"\"}",
                   tee);
    T_EQ_INT(call("POST", "/kbs/v0/auth", req, NULL, &resp), 200);
    T_OK(cmn_json_load(cmn_buf_bytes(&resp.body), 8, &body, NULL), NULL);
    (void)snprintf(nonce, 64, "%s", cmn_json_str(body, "nonce"));
    (void)snprintf(cookie, 64, "%.47s", resp.headers[0].value);
    T_EQ_INT(strlen(nonce), 44);
    T_TRUE(strncmp(resp.headers[0].value, "kbs-session-id=", 15) == 0);
    T_TRUE(strstr(resp.headers[0].value, "; Expires=") != NULL);
    cmn_http_response_done(&resp);
}

/* report_data: SHA-384 over the canonical runtime data, zero-padded to 64. */
static void bind_data(const char *nonce, uint8_t out[64])
{
    auto_json json_t *jwk = NULL, *doc = NULL;
    auto_buf struct cmn_buf jcs = {0};

    T_OK(cmn_jwk_from_key(tee_key, &jwk, NULL), NULL);
    doc =
        json_pack("{s:s, s:s, s:O}", "additional-evidence", "", "nonce", nonce, "tee-pubkey", jwk);
    T_OK(cmn_json_jcs(doc, &jcs, NULL), NULL);
    memset(out, 0, 64);
    T_OK(cmn_hash(env, "SHA384", jcs.data, jcs.len, out, NULL), NULL);
}

/* The body of /attest with evidence for `nonce`, but runtime data naming `claimed`. */
static char *attestation(const char *nonce, const char *claimed, size_t flip)
{
    uint8_t data[64], raw[SNP_REPORT_BYTES];
    auto_buf struct cmn_buf table = {0};
    struct snp_certs certs = {0};
    struct snp_report report;
    uint32_t status;
    auto_json json_t *jwk = NULL;

    bind_data(nonce, data);
    T_OK(ftee_psp_report(psp, data, 0, raw, &status, NULL), NULL);
    if (flip)
        raw[flip] ^= 1;
    T_OK(snp_report_decode(raw, sizeof(raw), &report, NULL), NULL);
    T_OK(ftee_psp_certs(psp, &table), NULL);
    T_OK(snp_certs_decode(table.data, table.len, &certs, NULL), NULL);
    T_OK(cmn_jwk_from_key(tee_key, &jwk, NULL), NULL);
    auto_json json_t *body =
        json_pack("{s:n, s:{s:s, s:O}, s:{s:{s:o, s:o}, s:s}}", "init-data", "runtime-data",
                  "nonce", claimed, "tee-pubkey", jwk, "tee-evidence", "primary_evidence",
                  "attestation_report", snp_report_to_json(&report), "cert_chain",
                  snp_certs_to_json(&certs), "additional_evidence", "");
    snp_certs_done(&certs);
    return cmn_json_dump(body);
}

static int attest(const char *cookie, const char *body)
{
    const char *const header[2] = {"Cookie", cookie};
    struct cmn_http_response resp;
    int status = call("POST", "/kbs/v0/attest", body, header, &resp);

    if (status != 200)
        T_TRUE(strstr((char *)resp.body.data, "Attestation error: RCAR handshake Attest failed") !=
               NULL);
    cmn_http_response_done(&resp);
    return status;
}

/* GET of the secret by cookie; opens the JWE and compares. */
static int fetch(const char *cookie, const char *path)
{
    const char *const header[2] = {"Cookie", cookie};
    auto_buf_secret struct cmn_buf plain = {0};
    struct cmn_http_response resp;
    int status = call("GET", path, NULL, header, &resp);

    if (status == 200) {
        T_OK(cmn_jwe_open(env, tee_key, cmn_buf_bytes(&resp.body), &plain, NULL), NULL);
        T_EQ_STR((char *)plain.data, SECRET);
    }
    cmn_http_response_done(&resp);
    return status;
}

static void routes_and_errors_are_upstreams(void)
{
    if (set_up() < 0)
        return;
    start("upstream");
    expect("GET", "/", NULL, NULL, 404, NULL);
    expect("GET", "/kbs/v0", NULL, NULL, 404, NULL);
    expect("PATCH", "/kbs/v0/auth", NULL, NULL, 405, NULL);
    expect("GET", "/kbs/v0/auth", NULL, NULL, 404,
           "{\"type\":\"https://github.com/confidential-containers/kbs/errors/PluginNotFound\","
           "\"detail\":\"Plugin auth not found\"}");
    expect("GET", "/kbs/v0/", NULL, NULL, 404, "Plugin  not found");
    expect("GET", "/kbs/v0/resource/a/b/c", NULL, NULL, 401, "Attestation Token not found");
    expect("POST", "/kbs/v0/auth", "{", NULL, 401,
           "RCAR handshake Auth failed: deserialize Request");
    expect("POST", "/kbs/v0/auth", "{\"version\":\"x\",\"tee\":\"snp\",\"extra-params\":\"\"}",
           NULL, 401, "failed to parse KBS version");
    expect("POST", "/kbs/v0/auth", "{\"version\":\"0.2.0\",\"tee\":\"snp\",\"extra-params\":\"\"}",
           NULL, 401, "expect =0.4.0 while the request is 0.2.0");
    T_TRUE(strstr(seen, "rcar.version-mismatch") != NULL);
    expect("POST", "/kbs/v0/attest", "{}", NULL, 401, "RCAR handshake Attest failed");
    T_TRUE(strstr(seen, "rcar.cookie-missing") != NULL);
    expect("GET", "/healthz", NULL, NULL, 200, "test roots");
}

static void evidence_of_another_session_is_refused(void)
{
    char cookie_a[64], nonce_a[64], cookie_b[64], nonce_b[64];

    if (set_up() < 0)
        return;
    start("upstream");
    challenge("snp", cookie_a, nonce_a);
    challenge("snp", cookie_b, nonce_b);
    auto_free char *honest = attestation(nonce_a, nonce_a, 0);
    auto_free char *lied = attestation(nonce_a, nonce_b, 0);
    T_EQ_INT(attest(cookie_b, honest), 401);
    T_TRUE(strstr(seen, "rcar.nonce-mismatch") != NULL);
    T_EQ_INT(attest(cookie_b, lied), 401);
    T_TRUE(strstr(seen, "snp.report-data-mismatch") != NULL);
    T_EQ_INT(fetch(cookie_b, "/kbs/v0/resource/default/demo/secret"), 401);
    T_EQ_INT(attest(cookie_a, honest), 200);
}

static void every_flipped_byte_of_the_signed_part_is_refused(void)
{
    /* one byte per field that leaves the report readable */
    static const size_t fields[] = {0x04,  0x08,  0x10,  0x20,  0x38,  0x40,  0x50,  0x90,
                                    0xC0,  0xE0,  0x110, 0x140, 0x160, 0x187, 0x18A, 0x1A0,
                                    0x1E0, 0x1E8, 0x1EC, 0x1F0, 0x2A0, 0x2E8};
    char cookie[64], nonce[64];

    if (set_up() < 0)
        return;
    start("upstream");
    challenge("snp", cookie, nonce);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(fields); i++) {
        auto_free char *body = attestation(nonce, nonce, fields[i]);
        T_EQ_INT(attest(cookie, body), 401);
        if (!strstr(seen, "snp.signature-invalid"))
            T_EQ_STR(seen, "snp.signature-invalid");
    }
}

static void root_that_is_not_trusted_is_refused(void)
{
    struct cmn_err err = {0};
    struct kbs_config config = {.trust_amd = true};
    char cookie[64], nonce[64];

    if (set_up() < 0)
        return;
    kbs_free(kbs);
    kbs = NULL;
    T_OK(kbs_new(env, &config, &kbs, &err), &err);
    kbs_set_observer(kbs, observe, NULL);
    challenge("snp", cookie, nonce);
    auto_free char *body = attestation(nonce, nonce, 0);
    T_EQ_INT(attest(cookie, body), 401);
    T_TRUE(strstr(seen, "snp.root-untrusted") != NULL);
}

static void upstream_policy_releases_whatever_the_status(void)
{
    char cookie[64], nonce[64];

    if (set_up() < 0)
        return;
    start("upstream");
    challenge("snp", cookie, nonce);
    T_EQ_INT(fetch(cookie, "/kbs/v0/resource/default/demo/secret"), 401);
    auto_free char *body = attestation(nonce, nonce, 0);
    T_EQ_INT(attest(cookie, body), 200);
    T_EQ_INT(fetch(cookie, "/kbs/v0/resource/default/demo/secret"), 200);
    T_TRUE(strstr(seen, "policy.status-ignored") != NULL);
    T_EQ_INT(fetch(cookie, "/kbs/v0/resource/default/demo/other"), 401);
    T_TRUE(strstr(seen, "resource.not-found") != NULL);
    T_EQ_INT(fetch(cookie, "/kbs/v0/resource/default/demo"), 401);
    T_TRUE(strstr(seen, "resource.path-invalid") != NULL);
    /* a session that is attested answers with its token and does not look at the evidence */
    auto_free char *tampered = attestation(nonce, nonce, 0x90);
    T_EQ_INT(attest(cookie, tampered), 200);
}

static void put_reference_values(bool right)
{
    uint8_t digest[48];
    struct cmn_err err = {0};
    struct snp_tcb tcb = ftee_default_tcb(SNP_GENOA);

    ftee_psp_measurement(psp, digest);
    if (!right)
        digest[0] ^= 1;
    auto_buf struct cmn_buf hex = {0};
    for (size_t i = 0; i < 48; i++)
        T_OK(cmn_buf_printf(&hex, "%02x", digest[i]), NULL);
    auto_json json_t *values =
        json_pack("{s:[s], s:[i], s:[i], s:[i], s:[i]}", "snp_launch_measurement", (char *)hex.data,
                  "snp_bootloader", tcb.bootloader, "snp_microcode", tcb.microcode, "snp_snp_svn",
                  tcb.snp, "snp_tee_svn", tcb.tee);
    T_OK(kbs_reference_values_put(kbs, values, &err), &err);
}

static int attested_fetch(void)
{
    char cookie[64], nonce[64];

    challenge("snp", cookie, nonce);
    auto_free char *body = attestation(nonce, nonce, 0);
    T_EQ_INT(attest(cookie, body), 200); /* the vector never refuses the attestation itself */
    return fetch(cookie, "/kbs/v0/resource/default/demo/secret");
}

static void affirming_policy_looks_at_the_measurement(void)
{
    if (set_up() < 0)
        return;
    start("affirming");
    T_EQ_INT(attested_fetch(), 401);
    T_TRUE(strstr(seen, "policy.reference-value-missing") != NULL);
    put_reference_values(false);
    T_EQ_INT(attested_fetch(), 401);
    T_TRUE(strstr(seen, "policy.measurement-mismatch") != NULL);
    put_reference_values(true);
    T_EQ_INT(attested_fetch(), 200);
    T_TRUE(strstr(seen, "policy.status-ignored") == NULL);
}

static void sessions_end_after_five_minutes(void)
{
    char cookie[64], nonce[64];

    if (set_up() < 0)
        return;
    start("upstream");
    challenge("snp", cookie, nonce);
    cmn_env_sleep_ms(env, 5 * 60 * 1000);
    auto_free char *body = attestation(nonce, nonce, 0);
    T_EQ_INT(attest(cookie, body), 401);
    T_TRUE(strstr(seen, "rcar.session-unknown") != NULL);
}

static void policies_that_do_not_parse_are_refused_at_set_time(void)
{
    if (set_up() < 0)
        return;
    start("upstream");
    expect("POST", "/kbs/v0/resource-policy", "{", NULL, 401, "Illegal SetPolicy Request Json");
    expect("POST", "/kbs/v0/resource-policy", "{}", NULL, 401, "No `policy` field");
    expect("POST", "/kbs/v0/resource-policy", "{\"policy\":\"YQ==\"}", NULL, 401,
           "Failed to decode policy");
    expect("POST", "/kbs/v0/resource-policy", "{\"policy\":\"e3t7\"}", NULL, 401,
           "Failed to load policy");
    expect("GET", "/kbs/v0/resource-policy", NULL, NULL, 200, "[\"resource-policy\"]");
    expect("GET", "/kbs/v0/reference-value/nope", NULL, NULL, 401,
           "No reference value found for the given id: nope");
}

static void all_is_freed(void)
{
    kbs_free(kbs);
    ftee_psp_free(psp);
    ftee_ca_free(ca);
    EVP_PKEY_free(tee_key);
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("kbs", {"routes and errors are upstream's", routes_and_errors_are_upstreams},
          {"evidence of another session is refused", evidence_of_another_session_is_refused},
          {"a flipped byte in any field is refused",
           every_flipped_byte_of_the_signed_part_is_refused},
          {"a root that is not trusted is refused", root_that_is_not_trusted_is_refused},
          {"the upstream policy releases whatever the status",
           upstream_policy_releases_whatever_the_status},
          {"the affirming policy looks at the measurement",
           affirming_policy_looks_at_the_measurement},
          {"a session ends after five minutes", sessions_end_after_five_minutes},
          {"policies that do not parse are refused when set",
           policies_that_do_not_parse_are_refused_at_set_time},
          {"all is freed", all_is_freed})
