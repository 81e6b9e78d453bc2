/*
 * test-kds.c - the client of AMD's Key Distribution Service against a server on loopback that
 * answers badly, slowly and well: what is asked, how often, what is kept, and that no failure
 * becomes less than a failure. The clock is the seeded one: waiting takes no time.
 */
#include "guest.h"

#include "common/http/server.h"
#include "kbs-lite/lib/kds.h"
#include "kbs-lite/lib/vcek-sources.h"
#include "kbs-lite/lib/vcek-store.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>

static struct guest g;
static struct cmn_http_server *server;
static char url[64];

/* What the server does and saw. Read between requests only. */
static struct {
    int statuses[8]; /* one after the other, the last for good */
    const char *retry_after;
    struct cmn_bytes body;
    unsigned requests;
    char uri[512];
} script;

static void handle(void *ctx, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    size_t i = 0;

    (void)ctx;
    while (i < script.requests && i < 7 && script.statuses[i + 1])
        i++;
    script.requests++;
    (void)snprintf(script.uri, sizeof(script.uri), "%s%s%s", req->path, *req->query ? "?" : "",
                   req->query);
    resp->status = script.statuses[i];
    if (script.retry_after)
        CMN_IGNORE(cmn_http_response_header(resp, "Retry-After", script.retry_after));
    CMN_IGNORE(cmn_buf_put(&resp->body, script.body.data, script.body.len));
}

static void play(int first, int second, struct cmn_bytes body)
{
    memset(&script, 0, sizeof(script));
    script.statuses[0] = first;
    script.statuses[1] = second;
    script.body = body;
}

static struct kbs_kds *client(const struct kbs_kds_opts *more)
{
    struct kbs_kds_opts opts = more ? *more : (struct kbs_kds_opts){0};
    struct kbs_kds *kds = NULL;
    struct cmn_err err = {0};

    if (!server) {
        g = guest_new(SNP_GENOA, 3, false);
        T_OK(cmn_http_server_new(
                 &(struct cmn_http_server_opts){
                     .listen_fd = -1, .address = "127.0.0.1", .body_limit = 4096, .handle = handle},
                 &server, &err),
             &err);
        (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", cmn_http_server_port(server));
    }
    if (!opts.base_url)
        opts.base_url = url;
    T_OK(kbs_kds_new(env, &opts, &kds, &err), &err);
    return kds;
}

static struct cmn_bytes vcek(void)
{
    return cmn_buf_bytes(&snp_certs_find(&g.certs, SNP_CERT_VCEK)->bytes);
}

static void expect_failure(struct kbs_kds *kds, int r, const char *reason, const char *part)
{
    auto_buf struct cmn_buf got = {0};
    struct cmn_err err = {0};

    T_ERR(kbs_kds_vcek(kds, &g.fields, SNP_GENOA, &got, &err), r, &err, part);
    T_EQ_STR(cmn_reason_name(err.reason), reason);
    T_EQ_INT(got.len, 0);
}

static void expect_vcek(struct kbs_kds *kds)
{
    auto_buf struct cmn_buf got = {0};
    struct cmn_err err = {0};

    T_OK(kbs_kds_vcek(kds, &g.fields, SNP_GENOA, &got, &err), &err);
    T_EQ_INT(got.len, script.body.len);
    if (got.len == script.body.len)
        T_EQ_MEM(got.data, script.body.data, got.len);
}

static void answers_that_are_no_vcek_are_failures(void)
{
    static const char html[] = "<html>welcome to the captive portal</html>";
    struct kbs_kds *kds = client(NULL);
    auto_buf struct cmn_buf other = {0};
    EVP_PKEY *key = NULL;
    struct snp_tcb tcb = g.fields.reported_tcb;
    const struct {
        int status, r;
        struct cmn_bytes body;
        const char *reason, *part;
    } cases[] = {
        {404, -ENOENT, {0}, "snp.kds-not-found", "404"},
        {500, -ECONNREFUSED, {0}, "snp.kds-unreachable", "500"},
        {301, -ECONNREFUSED, {0}, "snp.kds-unreachable", "301"},
        {200, -EBADMSG, {(const uint8_t *)html, sizeof(html) - 1}, "snp.kds-answer", "certificate"},
        {200, -EBADMSG, {vcek().data, vcek().len - 1}, "snp.kds-answer", "certificate"},
        {200, -EBADMSG, {vcek().data, 0}, "snp.kds-answer", "certificate"},
    };

    kbs_kds_free(kds);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        kds = client(NULL);
        play(cases[i].status, 0, cases[i].body);
        expect_failure(kds, cases[i].r, cases[i].reason, cases[i].part);
        T_EQ_INT(script.requests, 1);
        kbs_kds_free(kds);
    }
    /* a certificate, but of another TCB */
    tcb.microcode++;
    T_OK(ftee_ca_vcek(ca_of(SNP_GENOA), 0, &tcb, &key, &other, NULL), NULL);
    EVP_PKEY_free(key);
    kds = client(NULL);
    play(200, 0, cmn_buf_bytes(&other));
    expect_failure(kds, -EBADMSG, "snp.kds-answer", "another chip or TCB");
    kbs_kds_free(kds);
    /* more than a certificate can be */
    other.len = 0;
    T_OK(cmn_buf_resize(&other, 70000), NULL);
    kds = client(NULL);
    play(200, 0, cmn_buf_bytes(&other));
    expect_failure(kds, -EBADMSG, "snp.kds-answer", "larger than");
    kbs_kds_free(kds);
    T_ERR(kbs_kds_new(env, &(struct kbs_kds_opts){.base_url = "ftp://x"}, &kds, NULL), -EINVAL,
          NULL, NULL);
}

static void a_kds_that_is_not_there_is_a_failure(void)
{
    struct kbs_kds *kds = client(&(struct kbs_kds_opts){.base_url = "http://127.0.0.1:1"});

    expect_failure(kds, -ECONNREFUSED, "snp.kds-unreachable", "127.0.0.1:1");
    kbs_kds_free(kds);
}

static void requests_are_kds_own_and_a_vcek_is_asked_for_once(void)
{
    struct kbs_kds *kds = client(NULL);
    char want[512], hwid[136] = "";

    for (size_t i = 0; i < 64; i++)
        (void)snprintf(hwid + 2 * i, 3, "%02x", g.fields.chip_id[i]);
    (void)snprintf(want, sizeof(want), "/vcek/v1/Genoa/%s?blSPL=10&teeSPL=00&snpSPL=23&ucodeSPL=84",
                   hwid);
    play(200, 0, vcek());
    for (int i = 0; i < 3; i++)
        expect_vcek(kds);
    T_EQ_INT(script.requests, 1);
    T_EQ_STR(script.uri, want);
    cmn_env_sleep_ms(env, 1000u * 3600 * 24); /* a VCEK does not age */
    expect_vcek(kds);
    T_EQ_INT(script.requests, 1);
    kbs_kds_free(kds);
}

static void turin_is_asked_for_with_its_short_id_and_fmc(void)
{
    struct guest turin = guest_new(SNP_TURIN, 5, false);
    struct kbs_kds *kds = client(NULL);
    auto_buf struct cmn_buf got = {0};
    struct cmn_err err = {0};
    char want[128];
    const uint8_t *id = turin.fields.chip_id;

    play(200, 0, cmn_buf_bytes(&snp_certs_find(&turin.certs, SNP_CERT_VCEK)->bytes));
    T_OK(kbs_kds_vcek(kds, &turin.fields, SNP_TURIN, &got, &err), &err);
    (void)snprintf(want, sizeof(want),
                   "/vcek/v1/Turin/%02x%02x%02x%02x%02x%02x%02x%02x"
                   "?fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=72",
                   id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]);
    T_EQ_STR(script.uri, want);
    memset(turin.fields.chip_id, 0, 64);
    T_ERR(kbs_kds_vcek(kds, &turin.fields, SNP_TURIN, &got, &err), -ENOENT, &err, "MASK_CHIP_ID");
    T_EQ_STR(cmn_reason_name(err.reason), "snp.chip-id-masked");
    kbs_kds_free(kds);
    guest_done(&turin);
}

static void pem_is_taken_as_upstream_takes_it(void)
{
    struct kbs_kds *kds = client(NULL);
    auto_x509 X509 *cert = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    T_OK(cmn_x509_load(env, vcek(), &cert, NULL), NULL);
    T_EQ_INT(PEM_write_bio_X509(bio, cert), 1);
    long len = BIO_get_mem_data(bio, &text);
    play(200, 0, cmn_bytes(text, (size_t)len));
    expect_vcek(kds);
    kbs_kds_free(kds);
    BIO_free(bio);
}

/* AMD: the same request at most once per ten seconds. */
static void a_failure_is_not_asked_for_again_at_once(void)
{
    struct kbs_kds *kds = client(NULL);

    play(404, 200, vcek());
    expect_failure(kds, -ENOENT, "snp.kds-not-found", "404");
    expect_failure(kds, -ENOENT, "snp.kds-not-found", "404");
    T_EQ_INT(script.requests, 1);
    cmn_env_sleep_ms(env, 10000);
    expect_vcek(kds);
    T_EQ_INT(script.requests, 2);
    kbs_kds_free(kds);
}

static void status_429_is_waited_for_once_when_the_wait_is_short(void)
{
    struct kbs_kds *kds = client(NULL);
    int64_t start = cmn_env_now_ms(env);

    play(429, 200, vcek());
    expect_vcek(kds);
    T_EQ_INT(script.requests, 2);
    T_EQ_INT(cmn_env_now_ms(env) - start, 10000);
    kbs_kds_free(kds);

    kds = client(NULL);
    play(429, 200, vcek());
    script.retry_after = "3";
    start = cmn_env_now_ms(env);
    expect_vcek(kds);
    T_EQ_INT(cmn_env_now_ms(env) - start, 3000);
    kbs_kds_free(kds);
}

static void a_long_wait_refuses_at_once_and_keeps_quiet(void)
{
    struct kbs_kds *kds = client(NULL);

    play(429, 200, vcek());
    script.retry_after = "60";
    expect_failure(kds, -EAGAIN, "snp.kds-throttled", "60 s");
    expect_failure(kds, -EAGAIN, "snp.kds-throttled", "60 s");
    T_EQ_INT(script.requests, 1); /* nothing goes out while KDS wants quiet */
    cmn_env_sleep_ms(env, 60000);
    expect_vcek(kds);
    T_EQ_INT(script.requests, 2);
    kbs_kds_free(kds);
}

static void without_retry_after_the_back_off_doubles(void)
{
    struct kbs_kds *kds = client(NULL);

    play(429, 0, cmn_bytes(NULL, 0));
    expect_failure(kds, -EAGAIN, "snp.kds-throttled", "20 s"); /* after one wait of ten */
    T_EQ_INT(script.requests, 2);
    cmn_env_sleep_ms(env, 20000);
    expect_failure(kds, -EAGAIN, "snp.kds-throttled", "40 s");
    T_EQ_INT(script.requests, 3);
    kbs_kds_free(kds);
}

static void offline_answers_from_the_folder_only(void)
{
    const char *dir = t_tmpdir();
    struct kbs_kds *kds = client(&(struct kbs_kds_opts){.cache_dir = dir, .offline = true});
    auto_buf struct cmn_buf got = {0};

    play(200, 0, vcek());
    expect_failure(kds, -ECONNREFUSED, "snp.kds-unreachable", "offline");
    T_EQ_INT(script.requests, 0);
    kbs_kds_free(kds);
    kds = client(&(struct kbs_kds_opts){.cache_dir = dir});
    expect_vcek(kds); /* and puts it into the folder */
    T_EQ_INT(script.requests, 1);
    kbs_kds_free(kds);
    kds = client(&(struct kbs_kds_opts){.cache_dir = dir, .offline = true});
    expect_vcek(kds);
    T_EQ_INT(script.requests, 1);
    kbs_kds_free(kds);
    /* what is kept is an OfflineStore */
    T_OK(kbs_vcek_find(dir, &g.fields, SNP_GENOA, &got, NULL), NULL);
}

static void a_list_is_kept_for_an_hour(void)
{
    struct kbs_kds *kds = client(NULL);
    auto_buf struct cmn_buf crl = {0}, got = {0};
    struct cmn_err err = {0};

    T_OK(ftee_ca_crl(ca_of(SNP_GENOA), NULL, &crl, &err), &err);
    play(200, 0, cmn_buf_bytes(&crl));
    for (int i = 0; i < 2; i++)
        T_OK(kbs_kds_crl(kds, SNP_GENOA, &got, &err), &err);
    T_EQ_INT(script.requests, 1);
    T_EQ_STR(script.uri, "/vcek/v1/Genoa/crl");
    cmn_env_sleep_ms(env, 3600 * 1000);
    T_OK(kbs_kds_crl(kds, SNP_GENOA, &got, &err), &err);
    T_EQ_INT(script.requests, 2);
    cmn_env_sleep_ms(env, 3600 * 1000);
    play(200, 0, cmn_bytes("nothing", 7));
    T_ERR(kbs_kds_crl(kds, SNP_GENOA, &got, &err), -EBADMSG, &err, "revocation list");
    kbs_kds_free(kds);
}

/* Evidence without chain, in the verifier: sources in order, the first that has it. */
static void the_verifier_asks_the_sources_in_order(void)
{
    static struct kbs_snp_result res;
    struct kbs_vcek_sources *sources = NULL;
    struct cmn_err err = {0};
    kbs_kds_free(client(NULL));
    const struct kbs_vcek_source list[] = {{.dir = t_tmpdir()}, {.kds_url = url}};
    const struct kbs_config config = {.vcek_sources = list, .n_vcek_sources = 2};
    struct kbs_crls *crls = NULL;
    static const struct kbs_snp_expect crl = {.crl_required = true};

    T_OK(kbs_vcek_sources_new(env, &config, &sources, &err), &err);
    T_OK(kbs_crls_new(env, &crls, NULL), NULL);
    g.fields.report_data[5] ^= 1;
    guest_sign(&g);
    struct kbs_snp_input in = {.report = cmn_bytes(g.raw, SNP_REPORT_BYTES),
                               .roots = g.roots,
                               .now = CMN_ENV_SEEDED_EPOCH,
                               .mode = KBS_SNP_STRICT,
                               .fetch = kbs_vcek_sources_fetch,
                               .fetch_ctx = sources};
    play(404, 200, vcek());
    T_OK(kbs_snp_verify(env, &in, &res, &err), &err);
    /* the folder of the test before has it: KDS is not asked */
    T_EQ_STR(cmn_reason_name(res.reason), "");
    T_EQ_INT(script.requests, 0);
    kbs_vcek_sources_free(sources);
    const struct kbs_config only_kds = {.vcek_sources = list + 1, .n_vcek_sources = 1};
    T_OK(kbs_vcek_sources_new(env, &only_kds, &sources, &err), &err);
    in.fetch_ctx = sources;
    T_OK(kbs_snp_verify(env, &in, &res, &err), &err);
    T_EQ_STR(cmn_reason_name(res.reason), "snp.kds-not-found");
    T_TRUE(strncmp(res.message, "Failed to fetch VCEK from any configured source", 47) == 0);
    cmn_env_sleep_ms(env, 10000);
    T_OK(kbs_snp_verify(env, &in, &res, &err), &err);
    T_EQ_STR(cmn_reason_name(res.reason), "");
    /* the list is fetched when the caller wants one and has none */
    in.crls = crls;
    in.fetch_crl = kbs_vcek_sources_crl;
    in.expect = &crl;
    auto_buf struct cmn_buf list_der = {0};
    T_OK(ftee_ca_crl(ca_of(SNP_GENOA),
                     &(struct ftee_crl_opts){.this_update = CMN_ENV_SEEDED_EPOCH - 60}, &list_der,
                     &err),
         &err);
    play(200, 0, cmn_buf_bytes(&list_der));
    T_OK(kbs_snp_verify(env, &in, &res, &err), &err);
    T_EQ_STR(cmn_reason_name(res.reason), "");
    T_EQ_INT(kbs_checks_find(&res.checks, "crl.revoked")->result, KBS_CHECK_PASS);
    kbs_crls_free(crls);
    kbs_vcek_sources_free(sources);
}

static void all_is_freed(void)
{
    cmn_http_server_free(server);
    guest_done(&g);
    world_end();
}

TEST_MAIN("kds", {"answers that are no VCEK are failures", answers_that_are_no_vcek_are_failures},
          {"a KDS that is not there is a failure", a_kds_that_is_not_there_is_a_failure},
          {"requests are KDS' own, and a VCEK is asked for once",
           requests_are_kds_own_and_a_vcek_is_asked_for_once},
          {"Turin is asked for with its short id and fmc",
           turin_is_asked_for_with_its_short_id_and_fmc},
          {"PEM is taken as upstream takes it", pem_is_taken_as_upstream_takes_it},
          {"a failure is not asked for again at once", a_failure_is_not_asked_for_again_at_once},
          {"status 429 is waited for once when the wait is short",
           status_429_is_waited_for_once_when_the_wait_is_short},
          {"a long wait refuses at once and keeps quiet",
           a_long_wait_refuses_at_once_and_keeps_quiet},
          {"without Retry-After the back-off doubles", without_retry_after_the_back_off_doubles},
          {"offline answers from the folder only", offline_answers_from_the_folder_only},
          {"a list is kept for an hour", a_list_is_kept_for_an_hour},
          {"the verifier asks the sources in order", the_verifier_asks_the_sources_in_order},
          {"all is freed", all_is_freed})
