/* The attestation agent: configuration, initdata, and the handshake against a scripted KBS. */
#include "common/crypto/crypto.h"
#include "common/enc/enc.h"
#include "common/http/server.h"
#include "sim/guest/aa/aa.h"

#include "tests/testlib/testlib.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct { /* what the scripted KBS answers and saw */
    int auth_status, attest_status;
    const char *auth_body, *attest_body;
    unsigned auths, attests;
    json_t *seen;
} kbs;

static void handle(void *ctx, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    (void)ctx;
    if (strcmp(req->path, "/kbs/v0/auth") == 0) {
        kbs.auths++;
        resp->status = kbs.auth_status;
        CMN_IGNORE(cmn_buf_puts(&resp->body, kbs.auth_body));
        CMN_IGNORE(cmn_http_response_header(resp, "Set-Cookie", "kbs-session-id=s1; Path=/"));
        return;
    }
    const char *cookie = req->header(req, "Cookie");
    kbs.attests++;
    json_decref(kbs.seen);
    kbs.seen = NULL;
    CMN_IGNORE(cmn_json_load(req->body, CMN_JSON_MAX_DEPTH, &kbs.seen, NULL));
    resp->status = cookie && strstr(cookie, "kbs-session-id=s1") ? kbs.attest_status : 400;
    CMN_IGNORE(cmn_buf_puts(&resp->body, kbs.attest_body));
}

/* An agent with the sample attester and the scripted KBS; token gets what GetToken would return. */
static int get_token(int auth_status, const char *auth_body, int attest_status,
                     const char *attest_body, struct cmn_buf *token, struct cmn_err *err)
{
    struct cmn_http_server *server = NULL;
    struct aa aa = {0};
    char url[64];

    json_decref(kbs.seen);
    kbs.seen = NULL;
    kbs.auths = kbs.attests = 0;
    kbs.auth_status = auth_status;
    kbs.auth_body = auth_body;
    kbs.attest_status = attest_status;
    kbs.attest_body = attest_body;
    T_OK(cmn_http_server_new(
             &(struct cmn_http_server_opts){
                 .listen_fd = -1, .address = "127.0.0.1", .body_limit = 1 << 20, .handle = handle},
             &server, err),
         err);
    T_OK(cmn_env_new_seeded("1", 1, &aa.env, err), err);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u//", cmn_http_server_port(server));
    aa.config.kbs_url = url;
    aa.config.key_algorithm = "ECDH-ES+A256KW-P256";
    aa.retry_delay_ms = 1000;
    aa.attester = (struct aa_attester){.env = aa.env, .tee = "sample"};
    int r = aa_rcar_token(&aa, token, err);
    cmn_http_server_free(server);
    cmn_env_unref(aa.env);
    return r;
}

static const char challenge[] = "{\"nonce\":\"AAAA\",\"extra-params\":\"\"}";

static void refused_auth_is_tried_five_times(void)
{
    struct cmn_buf token = {0};
    struct cmn_err err = {0};

    int r = get_token(401, "{\"type\":\"T\",\"detail\":\"a \\\"b\\\"\"}", 200, "{}", &token, &err);
    T_EQ_INT(r, -EACCES);
    T_EQ_INT(kbs.auths, 5);
    T_EQ_STR(err.msg,
             "RCAR handshake failed: Unable to get token. RCAR handshake retried 5 times. Final "
             "attempt failed with: RcarHandshake(\"KBS request unauthorized, ErrorInformation: "
             "ErrorInformation { error_type: \\\"T\\\", detail: \\\"a \\\\\\\"b\\\\\\\"\\\" }\")");
    T_EQ_INT(token.len, 0);
}

static void refused_attest_says_so(void)
{
    struct cmn_buf token = {0};
    struct cmn_err err = {0};

    int r = get_token(200, challenge, 401, "{\"type\":\"T\",\"detail\":\"d\"}", &token, &err);
    T_ERR(r, -EACCES, &err, "KBS attest unauthorized, Error Info: ErrorInformation {");
    T_EQ_INT(kbs.attests, 5);
}

static void strange_answers_are_refused(void)
{
    static const struct {
        int auth, attest;
        const char *auth_body, *attest_body, *text;
    } cases[] = {
        {500, 200, "oops", "{}", "KBS Server Internal Failed, Response: oops"},
        {200, 200, "<html>", "{}", "error decoding response body"},
        {401, 200, "<html>", "{}", "error decoding response body"},
        {200, 200, "{\"nonce\":1}", "{}", "error decoding response body"},
        {200, 200, challenge, "{\"no\":\"token\"}", "error decoding response body"},
        {200, 200, "{\"nonce\":\"n\",\"extra-params\":{\"selected-hash-algorithm\":\"md5\"}}", "{}",
         "get composite evidence failed"},
    };
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct cmn_buf token = {0};
        struct cmn_err err = {0};
        int r = get_token(cases[i].auth, cases[i].auth_body, cases[i].attest, cases[i].attest_body,
                          &token, &err);
        T_TRUE(r < 0);
        T_TRUE(strstr(err.msg, cases[i].text) != NULL);
        T_EQ_INT(err.reason, CMN_REASON_KBS_ANSWER_MALFORMED);
    }
}

static void unreachable_and_odd_urls_are_named(void)
{
    struct aa aa = {.config = {.key_algorithm = "ECDH-ES+A256KW-P256"}};
    struct cmn_buf token = {0};
    struct cmn_err err = {0};

    T_OK(cmn_env_new_seeded("1", 1, &aa.env, &err), &err);
    aa.attester = (struct aa_attester){.env = aa.env, .tee = "sample"};
    T_ERR(aa_rcar_token(&aa, &token, &err), -EINVAL, &err,
          "kbs token config not configured in config file");
    aa.config.kbs_url = "http://127.0.0.1:1";
    T_TRUE(aa_rcar_token(&aa, &token, &err) < 0);
    T_EQ_STR(err.msg,
             "RCAR handshake failed: Unable to get token. RCAR handshake retried 5 times. Final "
             "attempt failed with: RcarHandshake(\"error sending request for url "
             "(http://127.0.0.1:1/kbs/v0/auth)\")");
    T_EQ_INT(err.reason, CMN_REASON_KBS_UNREACHABLE);
    aa.config.kbs_url = "host:8999";
    T_TRUE(aa_rcar_token(&aa, &token, &err) < 0);
    T_TRUE(strstr(err.msg, "builder error for url (host:8999/kbs/v0/auth)") != NULL);
    cmn_env_unref(aa.env);
}

/* SHA-384 over the canonical text, written out here member by member. */
static void evidence_is_bound_to_nonce_and_key(void)
{
    struct cmn_buf token = {0}, doc = {0};
    struct cmn_err err = {0};
    uint8_t digest[48];
    size_t len = sizeof(digest);
    json_t *out = NULL;

    T_OK(get_token(200, challenge, 200, "{\"token\":\"a.b.c\"}", &token, &err), &err);
    json_t *runtime = json_object_get(kbs.seen, "runtime-data");
    json_t *key = json_object_get(runtime, "tee-pubkey");
    json_t *evidence = json_object_get(kbs.seen, "tee-evidence");
    T_TRUE(json_is_null(json_object_get(kbs.seen, "init-data")));
    T_EQ_STR(cmn_json_str(runtime, "nonce"), "AAAA");
    T_EQ_STR(cmn_json_str(evidence, "additional_evidence"), "");
    T_OK(cmn_buf_printf(&doc,
                        "{\"additional-evidence\":\"\",\"nonce\":\"AAAA\",\"tee-pubkey\":{\"alg\":"
                        "\"ECDH-ES+A256KW\",\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":"
                        "\"%s\"}}",
                        cmn_json_str(key, "x"), cmn_json_str(key, "y")),
         NULL);
    T_EQ_INT(EVP_Q_digest(NULL, "SHA384", NULL, doc.data, doc.len, digest, &len), 1);
    char *want = cmn_b64(CMN_B64_STD, digest, len);
    json_t *primary = json_object_get(evidence, "primary_evidence");
    T_EQ_STR(cmn_json_str(primary, "report_data"), want);
    T_EQ_STR(cmn_json_str(primary, "svn"), "1");
    free(want);

    T_OK(cmn_json_load(cmn_buf_bytes(&token), 8, &out, &err), &err);
    T_EQ_STR(cmn_json_str(out, "token"), "a.b.c");
    const char *pem = cmn_json_str(out, "tee_keypair");
    T_TRUE(pem && strncmp(pem, "-----BEGIN PRIVATE KEY-----\n", 28) == 0);
    json_decref(out);
    json_decref(kbs.seen);
    kbs.seen = NULL;
    cmn_buf_done(&token);
    cmn_buf_done(&doc);
}

static const char *write_file(const char *name, const char *text)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%.120s/%s", t_tmpdir(), name);
    T_OK(cmn_file_write(path, text, strlen(text), 0600, NULL), NULL);
    return path;
}

static void bad_configurations_are_refused(void)
{
    static const struct {
        const char *name, *text, *error;
    } cases[] = {
        {"a.toml", "[token_configs.kbs]\ncert = \"x\"\n",
         "missing configuration field \"token_configs.kbs.url\""},
        {"b.toml", "[token_configs.kbs]\nurl = 7\n", "invalid type"},
        {"c.toml", "[token_configs.kbs\n", "TOML parse error at line 1"},
        {"d.json", "{\"token_configs\":", "d.json"},
        {"e.toml", "[token_configs.kbs]\nurl = \"u\"\ntee_key_algorithm = \"x\"\n",
         "TeeKeyAlgorithm"},
        {"f.ini", "x", "not of a registered file format"},
    };
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct aa_config config = {0};
        struct cmn_err err = {0};
        int r = aa_config_load(write_file(cases[i].name, cases[i].text), &config, &err);
        T_TRUE(r < 0);
        if (!strstr(err.msg, cases[i].error))
            T_EQ_STR(err.msg, cases[i].error);
        T_EQ_INT(err.reason, CMN_REASON_AA_CONFIG_INVALID);
    }
}

static void configurations_are_read(void)
{
    struct aa_config config = {0};
    struct cmn_err err = {0};

    T_OK(aa_config_load(write_file("aa.toml", "odd = 1\n[token_configs.kbs]\nurl = \"http://k\"\n"
                                              "[log]\nlevel = \"debug\"\n"),
                        &config, &err),
         &err);
    T_EQ_STR(config.kbs_url, "http://k");
    T_EQ_STR(config.key_algorithm, "ECDH-ES+A256KW-P256");
    T_EQ_STR(config.log_level, "debug");
    aa_config_done(&config);
    T_EQ_INT(setenv("AA_KBC_PARAMS", "cc_kbc::http://k:8080", 1), 0);
    T_OK(aa_config_load(NULL, &config, &err), &err);
    T_EQ_STR(config.kbs_url, "http://k:8080");
    aa_config_done(&config);
    T_EQ_INT(setenv("AA_KBC_PARAMS", "cc_kbc::http://[::1]:8080", 1), 0);
    T_ERR(aa_config_load(NULL, &config, &err), -EINVAL, &err,
          "illegal aa_kbc_params format: cc_kbc");
    T_EQ_INT(unsetenv("AA_KBC_PARAMS"), 0);
}

static void initdata_is_digested_with_its_own_algorithm(void)
{
    static const char text[] =
        "version = \"0.1.0\"\nalgorithm = \"SHA256\"\n[data]\n\"aa.toml\" = '''x'''\n";
    struct cmn_buf toml = {0}, digest = {0};
    struct cmn_env *env = NULL;
    struct cmn_err err = {0};
    uint8_t want[32];
    size_t len = sizeof(want);

    T_OK(cmn_env_new_system(&env, &err), &err);
    T_OK(aa_initdata_load(env, write_file("i.toml", text), &toml, &digest, &err), &err);
    T_EQ_INT(EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text), want, &len), 1);
    T_EQ_INT(digest.len, 32);
    T_EQ_MEM(digest.data, want, 32);
    cmn_buf_done(&toml);
    cmn_buf_done(&digest);
    T_ERR(aa_initdata_load(env, write_file("j.toml", "version = \"1\"\n"), &toml, &digest, &err),
          -EBADMSG, &err, "want version, algorithm and a table");
    cmn_buf_done(&toml);
    T_ERR(aa_initdata_load(env,
                           write_file("k.toml", "version='1'\nalgorithm='md5'\n[data]\na='b'\n"),
                           &toml, &digest, &err),
          -EINVAL, &err, "invalid hash algorithm: md5");
    T_EQ_INT(err.reason, CMN_REASON_INITDATA_INVALID);
    cmn_buf_done(&toml);
    cmn_buf_done(&digest);
    cmn_env_unref(env);
}

static void snp_report_data_is_bounded(void)
{
    struct aa_attester snp = {.tee = "snp", .psp_path = "/nonexistent/psp.sock"};
    uint8_t data[65] = {0};
    struct cmn_err err = {0};
    json_t *evidence = NULL;

    T_ERR(aa_attester_evidence(&snp, cmn_bytes(data, 65), &evidence, &err), -EINVAL, &err,
          "SNP Attester: Report data must be no more than 64 bytes");
    T_ERR(aa_attester_evidence(&snp, cmn_bytes(data, 64), &evidence, &err), -ENOENT, &err,
          "Failed to get attestation report");
    T_EQ_INT(err.reason, CMN_REASON_PSP_UNREACHABLE);
    T_ERR(aa_attester_check_initdata(&snp, cmn_bytes(data, 48), &err), -ENOENT, &err,
          "Get HOSTDATA failed");
}

TEST_MAIN("aa", {"refused auth is tried five times", refused_auth_is_tried_five_times},
          {"refused attest says so", refused_attest_says_so},
          {"strange answers are refused", strange_answers_are_refused},
          {"unreachable and odd URLs are named", unreachable_and_odd_urls_are_named},
          {"bad configurations are refused", bad_configurations_are_refused},
          {"snp report data is bounded", snp_report_data_is_bounded},
          {"configurations are read", configurations_are_read},
          {"initdata is digested", initdata_is_digested_with_its_own_algorithm},
          {"evidence is bound to nonce and key", evidence_is_bound_to_nonce_and_key})
