/*
 * test-kds.c - the KDS: requests it refuses, what it answers, throttling by the env's clock, CRLs,
 * and the same over real HTTP and HTTPS.
 */
#include "tests/unit/fake-tee/world.h"

#include "common/enc/enc.h"
#include "common/http/client.h"
#include "common/snp/vek.h"
#include "fake-tee/issue.h"
#include "fake-tee/kds.h"
#include "fake-tee/lib/kds-throttle.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GENOA_SPLS "blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=84"
#define TURIN_SPLS "fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=72"

static struct ftee_kds *kds_with(unsigned throttle_ms)
{
    const struct snp_tcb newest = ftee_default_tcb(SNP_GENOA);
    struct ftee_kds *kds = NULL;
    const struct ftee_kds_opts opts = {
        .env = (ca_of(SNP_GENOA), env),
        .cas = {[SNP_GENOA] = ca_of(SNP_GENOA), [SNP_TURIN] = ca_of(SNP_TURIN)},
        .chips = 3,
        .newest = {[SNP_GENOA] = &newest},
        .throttle_ms = throttle_ms};
    struct cmn_err err = {0};

    T_OK(ftee_kds_new(&opts, &kds, &err), &err);
    return kds;
}

static int status_of(struct ftee_kds *kds, const char *path, const char *query)
{
    struct ftee_kds_answer a = {0};

    ftee_kds_ask(kds, "GET", path, query, &a);
    cmn_buf_done(&a.body);
    return a.status;
}

/* "/vcek/v1/Genoa/<hwid>", at most len hex digits. */
static void vcek_path(enum snp_product product, unsigned chip, size_t len, char out[256])
{
    uint8_t id[64];

    T_OK(ftee_ca_chip_id(ca_of(product), chip, id, NULL), NULL);
    auto_free char *hex = cmn_hex(id, 64);
    (void)snprintf(out, 256, "/vcek/v1/%s/%.*s", snp_product_name(product), (int)len, hex);
}

static void unknown_things_are_404(void)
{
    static const char *const paths[] = {
        "/",
        "",
        "/vcek/v1/Genoa",
        "/vcek/v1/Genoa/",
        "/vcek/v1/genoa/cert_chain",
        "/vcek/v1/Milan/cert_chain", /* not served here */
        "/vcek/v1/Bergamo/cert_chain",
        "/vcek/v2/Genoa/cert_chain",
        "/vlek/v1/Genoa/cert_chain/",
        "/vlek/v1/Genoa/00",
        "/vcek/v1/Genoa/../Genoa/crl",
        "/vcek/v1/Genoa/%63rl",
        "/VCEK/v1/Genoa/crl",
    };
    struct ftee_kds *kds = kds_with(0);
    char path[256], long_path[2000];

    for (size_t i = 0; i < CMN_ARRAY_SIZE(paths); i++)
        T_EQ_INT(status_of(kds, paths[i], GENOA_SPLS), 404);
    memset(long_path, 'a', sizeof(long_path) - 1);
    long_path[sizeof(long_path) - 1] = 0;
    memcpy(long_path, "/vcek/v1/Genoa/", 15);
    T_EQ_INT(status_of(kds, long_path, GENOA_SPLS), 404);
    vcek_path(SNP_GENOA, 3, 128, path); /* a chip too far */
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 404);
    vcek_path(SNP_GENOA, 0, 127, path);
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 404);
    vcek_path(SNP_GENOA, 0, 16, path);
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 404);
    vcek_path(SNP_TURIN, 0, 128, path); /* Turin wants the short form */
    T_EQ_INT(status_of(kds, path, TURIN_SPLS), 404);
    vcek_path(SNP_GENOA, 0, 128, path);
    path[20] = 'G';
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 404);
    ftee_kds_free(kds);
}

static void a_tcb_above_the_newest_is_404(void)
{
    struct ftee_kds *kds = kds_with(0);
    char path[256];

    vcek_path(SNP_GENOA, 0, 128, path);
    T_EQ_INT(status_of(kds, path, "blSPL=10&teeSPL=0&snpSPL=24&ucodeSPL=84"), 404);
    T_EQ_INT(status_of(kds, path, "blSPL=11&teeSPL=0&snpSPL=1&ucodeSPL=1"), 404);
    T_EQ_INT(status_of(kds, path, "blSPL=9&teeSPL=0&snpSPL=22&ucodeSPL=84"), 200);
    ftee_kds_free(kds);
}

static void parameters_that_cannot_be_read_are_400(void)
{
    static const char *const queries[] = {
        "",
        "blSPL=10&teeSPL=0&snpSPL=23",
        "blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=",
        "blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=256",
        "blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=0084",
        "blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=-1",
        "blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL=5x",
        "blSPL=10&teeSPL=0&snpSPL=23&ucodeSPL",
        GENOA_SPLS "&blSPL=10",
        GENOA_SPLS "&fmcSPL=0",
        GENOA_SPLS "&x=0",
        GENOA_SPLS "&&",
        "blspl=10&teeSPL=0&snpSPL=23&ucodeSPL=84",
    };
    struct ftee_kds *kds = kds_with(0);
    struct ftee_kds_answer a = {0};
    char path[256];

    vcek_path(SNP_GENOA, 0, 128, path);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(queries); i++)
        T_EQ_INT(status_of(kds, path, queries[i]), 400);
    ftee_kds_ask(kds, "GET", path, GENOA_SPLS "&fmcSPL=0", &a);
    T_EQ_STR((char *)a.body.data, "fmcSPL is for Turin only");
    cmn_buf_done(&a.body);
    vcek_path(SNP_TURIN, 0, 16, path);
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 400); /* fmcSPL is missing */
    ftee_kds_free(kds);
}

static void other_methods_and_the_vlek_itself_are_refused(void)
{
    struct ftee_kds *kds = kds_with(0);
    struct ftee_kds_answer a = {0};

    ftee_kds_ask(kds, "POST", "/vcek/v1/Genoa/cert_chain", "", &a);
    T_EQ_INT(a.status, 405);
    cmn_buf_done(&a.body);
    T_EQ_INT(status_of(kds, "/vlek/v1/Genoa/cert", GENOA_SPLS), 403);
    ftee_kds_free(kds);
}

static void too_many_chips_are_refused(void)
{
    struct ftee_kds *kds = NULL;
    struct cmn_err err = {0};

    T_ERR(ftee_kds_new(&(struct ftee_kds_opts){.env = env, .chips = 4097}, &kds, &err), -EINVAL,
          &err, "4097 chips");
}

/* The same URL within the time is 429, which does not start the time anew. */
static void the_same_request_too_soon_is_429(void)
{
    struct ftee_kds *kds = kds_with(FTEE_KDS_THROTTLE_MS);
    char path[256], other[256];

    vcek_path(SNP_GENOA, 0, 128, path);
    vcek_path(SNP_GENOA, 1, 128, other);
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 200);
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 429);
    T_EQ_INT(status_of(kds, other, GENOA_SPLS), 200);
    T_EQ_INT(status_of(kds, path, "blSPL=10&teeSPL=0&snpSPL=22&ucodeSPL=84"), 200);
    T_EQ_INT(status_of(kds, "/vcek/v1/Genoa/cert_chain", ""), 200);
    T_EQ_INT(status_of(kds, "/vcek/v1/Genoa/cert_chain", ""), 200);
    cmn_env_sleep_ms(env, 9999);
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 429);
    cmn_env_sleep_ms(env, 1);
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 200);
    T_EQ_INT(status_of(kds, path, GENOA_SPLS), 429);
    ftee_kds_free(kds);
}

/* More different requests than are remembered: the oldest is forgotten, the others are not. */
static void remembered_requests_are_bounded(void)
{
    struct ftee_kds_throttle *t = calloc(1, sizeof(*t));
    char request[32];

    T_EQ_INT(ftee_kds_too_soon(t, env, "first", 5000, NULL), 0);
    for (unsigned i = 1; i <= FTEE_KDS_REMEMBERED; i++) {
        cmn_env_sleep_ms(env, 1);
        (void)snprintf(request, sizeof(request), "request %u", i);
        T_EQ_INT(ftee_kds_too_soon(t, env, request, 5000, NULL), 0);
    }
    T_EQ_INT(ftee_kds_too_soon(t, env, "request 2", 5000, NULL), 1);
    T_EQ_INT(ftee_kds_too_soon(t, env, request, 5000, NULL), 1);
    T_EQ_INT(ftee_kds_too_soon(t, env, "first", 5000, NULL), 0);
    T_EQ_INT(ftee_kds_too_soon(t, env, "first", 5000, NULL), 1);
    free(t);
}

/* Who asks chooses the TCB: nothing of it may stay on our disk. */
static void asking_leaves_nothing_on_disk(void)
{
    struct ftee_kds *kds = kds_with(0);
    char path[256], file[1024];

    (void)ca_of(SNP_TURIN);
    vcek_path(SNP_TURIN, 0, 16, path);
    T_EQ_INT(status_of(kds, path, "fmcSPL=250&blSPL=251&teeSPL=252&snpSPL=253&ucodeSPL=254"), 200);
    (void)snprintf(file, sizeof(file), "find '%s' -name 'vcek-0-fafbfcfd000000fe.der' | grep -q .",
                   test_chain_dir());
    T_TRUE(system(file) != 0);
    ftee_kds_free(kds);
}

/* ---- what is answered ---- */

static void vcek_is_that_of_the_reports(void)
{
    static const struct {
        enum snp_product product;
        size_t hwid;
        const char *query;
    } cases[] = {
        {SNP_GENOA, 128, GENOA_SPLS},
        {SNP_GENOA, 128, "ucodeSPL=084&snpSPL=23&teeSPL=00&blSPL=10"},
        {SNP_TURIN, 16, TURIN_SPLS},
        {SNP_TURIN, 16, "fmcSPL=01&blSPL=01&teeSPL=01&snpSPL=04&ucodeSPL=72"},
    };
    struct ftee_kds *kds = kds_with(0);

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct ftee_psp *psp = launched(cases[i].product, &(struct ftee_launch){.chip = 2});
        uint8_t raw[SNP_REPORT_BYTES];
        auto_x509 X509 *vcek = NULL;
        struct ftee_kds_answer a = {0};
        char path[256];
        struct cmn_err err = {0};
        vcek_path(cases[i].product, 2, cases[i].hwid, path);
        ftee_kds_ask(kds, "GET", path, cases[i].query, &a);
        T_EQ_INT(a.status, 200);
        T_EQ_STR(a.content_type, "application/pkix-cert");
        T_EQ_INT(a.body.data[0], 0x30);
        T_OK(cmn_x509_load(env, cmn_buf_bytes(&a.body), &vcek, &err), &err);
        (void)report_of(psp, raw);
        auto_pkey EVP_PKEY *key = X509_get_pubkey(vcek);
        T_OK(snp_report_verify(env, raw, key, &err), &err);
        cmn_buf_done(&a.body);
        ftee_psp_free(psp);
    }
    ftee_kds_free(kds);
}

static void chains_are_pem_and_turins_has_crlf(void)
{
    struct ftee_kds *kds = kds_with(0);
    struct ftee_kds_answer genoa = {0}, turin = {0}, vlek = {0};
    struct cmn_bytes pem = ftee_ca_chain_pem(ca_of(SNP_GENOA)), want_vlek;
    size_t cr = 0, lf = 0;

    ftee_kds_ask(kds, "GET", "/vcek/v1/Genoa/cert_chain", "", &genoa);
    T_EQ_INT(genoa.body.len, pem.len);
    T_EQ_MEM(genoa.body.data, pem.data, pem.len);
    ftee_kds_ask(kds, "GET", "/vlek/v1/Genoa/cert_chain", "", &vlek);
    T_OK(ftee_ca_vlek_chain_pem(ca_of(SNP_GENOA), &want_vlek, NULL), NULL);
    T_EQ_INT(vlek.body.len, want_vlek.len);
    T_EQ_MEM(vlek.body.data, want_vlek.data, want_vlek.len);
    ftee_kds_ask(kds, "GET", "/vcek/v1/Turin/cert_chain", "", &turin);
    for (size_t i = 0; i < turin.body.len; i++) {
        cr += turin.body.data[i] == '\r';
        lf += turin.body.data[i] == '\n';
    }
    T_TRUE(lf > 40 && cr == lf);
    cmn_buf_done(&genoa.body);
    cmn_buf_done(&turin.body);
    cmn_buf_done(&vlek.body);
    ftee_kds_free(kds);
}

static void crl_revokes_what_it_was_told_and_is_renewed_daily(void)
{
    const uint64_t serial = ftee_ca_serial(ca_of(SNP_GENOA), FTEE_CERT_ASK);
    struct ftee_kds *kds = NULL;
    const struct ftee_kds_opts opts = {
        .env = env, .cas = {[SNP_GENOA] = ca_of(SNP_GENOA)}, .revoked = &serial, .n_revoked = 1};
    struct ftee_kds_answer a = {0}, same = {0}, next = {0};
    X509_REVOKED *entry = NULL;

    T_OK(ftee_kds_new(&opts, &kds, NULL), NULL);
    ftee_kds_ask(kds, "GET", "/vcek/v1/Genoa/crl", "", &a);
    ftee_kds_ask(kds, "GET", "/vlek/v1/Genoa/crl", "", &same);
    T_EQ_INT(a.status, 200);
    T_EQ_MEM(a.body.data, same.body.data, a.body.len);
    const uint8_t *p = a.body.data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)a.body.len);
    auto_x509 X509 *ask = NULL, *ark = NULL;
    T_OK(cmn_x509_load(env, ftee_ca_ask_der(ca_of(SNP_GENOA)), &ask, NULL), NULL);
    T_OK(cmn_x509_load(env, ftee_ca_ark_der(ca_of(SNP_GENOA)), &ark, NULL), NULL);
    T_EQ_INT(X509_CRL_get0_by_cert(crl, &entry, ask), 1);
    T_EQ_INT(X509_CRL_get0_by_cert(crl, &entry, ark), 0);
    T_EQ_INT(X509_CRL_verify(crl, X509_get0_pubkey(ark)), 1);
    X509_CRL_free(crl);
    cmn_env_sleep_ms(env, 24 * 3600 * 1000);
    ftee_kds_ask(kds, "GET", "/vcek/v1/Genoa/crl", "", &next);
    T_TRUE(next.body.len != a.body.len || memcmp(next.body.data, a.body.data, a.body.len) != 0);
    cmn_buf_done(&a.body);
    cmn_buf_done(&same.body);
    cmn_buf_done(&next.body);
    ftee_kds_free(kds);
}

static void chains_open_in_a_folder_when_asked_for(void)
{
    struct ftee_kds *kds = NULL;
    const struct ftee_kds_opts opts = {.env = env, .dir = test_chain_dir(), .chips = 1};
    struct ftee_kds_answer a = {0};
    struct cmn_bytes pem = ftee_ca_chain_pem(ca_of(SNP_MILAN));

    T_OK(ftee_kds_new(&opts, &kds, NULL), NULL);
    ftee_kds_ask(kds, "GET", "/vcek/v1/Milan/cert_chain", "", &a);
    T_EQ_INT(a.status, 200);
    T_EQ_MEM(a.body.data, pem.data, pem.len);
    cmn_buf_done(&a.body);
    ftee_kds_free(kds);
}

/* ---- over the wire ---- */

/* A certificate for 127.0.0.1 that signs itself, and its key, as PEM. */
static void make_tls(struct cmn_buf *cert_pem, struct cmn_buf *key_pem)
{
    auto_pkey EVP_PKEY *key = NULL;
    X509 *cert = X509_new();
    X509V3_CTX ctx;
    char *text;

    T_OK(cmn_ec_generate(env, "P-256", &key, NULL), NULL);
    T_OK(cmn_pkey_to_pem(key, key_pem, NULL), NULL);
    T_EQ_INT(X509_set_version(cert, X509_VERSION_3), 1);
    T_EQ_INT(ASN1_INTEGER_set(X509_get_serialNumber(cert), 1), 1);
    T_TRUE(X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL);
    T_TRUE(X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL);
    T_EQ_INT(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                        (const unsigned char *)"kds", -1, -1, 0),
             1);
    T_EQ_INT(X509_set_issuer_name(cert, X509_get_subject_name(cert)), 1);
    T_EQ_INT(X509_set_pubkey(cert, key), 1);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, "IP:127.0.0.1");
    T_EQ_INT(X509_add_ext(cert, san, -1), 1);
    X509_EXTENSION_free(san);
    T_TRUE(X509_sign(cert, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    T_EQ_INT(PEM_write_bio_X509(bio, cert), 1);
    long n = BIO_get_mem_data(bio, &text);
    T_OK(cmn_buf_put(cert_pem, text, (size_t)n), NULL);
    BIO_free(bio);
    X509_free(cert);
}

static void over_the_wire(bool tls)
{
    struct ftee_kds *kds = kds_with(FTEE_KDS_THROTTLE_MS);
    struct ftee_kds_server *server = NULL;
    auto_buf struct cmn_buf cert_pem = {0}, key_pem = {0};
    struct cmn_http_client *client = NULL;
    struct cmn_http_answer a = {0};
    struct ftee_kds_server_opts opts = {.listen_fd = -1, .address = "127.0.0.1"};
    auto_x509 X509 *vcek = NULL;
    char path[256], base[64], url[512];
    struct cmn_err err = {0};

    if (tls) {
        make_tls(&cert_pem, &key_pem);
        opts.tls_cert_pem = (const char *)cert_pem.data;
        opts.tls_key_pem = (const char *)key_pem.data;
    }
    T_OK(ftee_kds_server_new(kds, &opts, &server, &err), &err);
    T_OK(cmn_http_client_new(
             &(struct cmn_http_client_opts){.timeout_ms = 30000, .ca_pem = opts.tls_cert_pem},
             &client, &err),
         &err);
    (void)snprintf(base, sizeof(base), "%s://127.0.0.1:%u", tls ? "https" : "http",
                   ftee_kds_server_port(server));
    (void)snprintf(url, sizeof(url), "%s/nothing", base);
    T_OK(cmn_http_get(client, url, NULL, 65536, &a, &err), &err);
    T_EQ_INT(a.status, 404);
    vcek_path(SNP_GENOA, 1, 128, path);
    (void)snprintf(url, sizeof(url), "%s%s?" GENOA_SPLS, base, path);
    T_OK(cmn_http_get(client, url, NULL, 65536, &a, &err), &err);
    T_EQ_INT(a.status, 200);
    T_EQ_STR(a.content_type, "application/pkix-cert");
    T_OK(cmn_x509_load(env, cmn_buf_bytes(&a.body), &vcek, &err), &err);
    T_OK(cmn_http_get(client, url, NULL, 65536, &a, &err), &err);
    T_EQ_INT(a.status, 429);
    (void)snprintf(url, sizeof(url), "%s/vcek/v1/Genoa/cert_chain", base);
    T_OK(cmn_http_get(client, url, NULL, 65536, &a, &err), &err);
    T_EQ_INT(a.status, 200);
    T_EQ_INT(a.body.len, ftee_ca_chain_pem(ca_of(SNP_GENOA)).len);
    cmn_http_answer_done(&a);
    cmn_http_client_free(client);
    ftee_kds_server_free(server);
    ftee_kds_free(kds);
}

static void it_answers_over_http(void)
{
    over_the_wire(false);
}

static void it_answers_over_https(void)
{
    over_the_wire(true);
}

static void half_of_tls_is_refused(void)
{
    struct ftee_kds *kds = kds_with(0);
    struct ftee_kds_server *server = NULL;
    struct cmn_err err = {0};

    T_ERR(ftee_kds_server_new(kds,
                              &(struct ftee_kds_server_opts){
                                  .listen_fd = -1, .address = "127.0.0.1", .tls_cert_pem = "x"},
                              &server, &err),
          -EINVAL, &err, "KDS");
    ftee_kds_free(kds);
}

TEST_MAIN("kds", {"unknown things are 404", unknown_things_are_404},
          {"a TCB above the newest is 404", a_tcb_above_the_newest_is_404},
          {"parameters that cannot be read are 400", parameters_that_cannot_be_read_are_400},
          {"other methods and the VLEK itself are refused",
           other_methods_and_the_vlek_itself_are_refused},
          {"too many chips are refused", too_many_chips_are_refused},
          {"half of TLS is refused", half_of_tls_is_refused},
          {"the same request too soon is 429", the_same_request_too_soon_is_429},
          {"remembered requests are bounded", remembered_requests_are_bounded},
          {"asking leaves nothing on disk", asking_leaves_nothing_on_disk},
          {"VCEK is that of the reports", vcek_is_that_of_the_reports},
          {"chains are PEM and Turin's has CRLF", chains_are_pem_and_turins_has_crlf},
          {"CRL revokes what it was told and is renewed daily",
           crl_revokes_what_it_was_told_and_is_renewed_daily},
          {"chains open in a folder when asked for", chains_open_in_a_folder_when_asked_for},
          {"it answers over HTTP", it_answers_over_http},
          {"it answers over HTTPS", it_answers_over_https}, {"all is freed", world_end})
