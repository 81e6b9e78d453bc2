/* test-http-client.c - what it refuses, what it says, what it keeps; TLS. */
#include "tests/unit/common/http-fixture.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void only_http_urls_are_taken(void)
{
    static const char *const bad[] = {
        "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://h/", "", "http://", "http://h:99999/"};
    struct http_fixture f;

    hf_start(&f);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++)
        T_ERR(cmn_http_get(f.client, bad[i], NULL, 100, &f.a, &f.err), -EINVAL, &f.err,
              "builder error for url (");
    T_EQ_INT(f.a.status, 0);
    hf_stop(&f);
}

static void line_breaks_in_headers_are_refused(void)
{
    struct http_fixture f;

    hf_start(&f);
    struct cmn_http_call call = {.method = "GET", .url = hf_url(&f, "/echo"), .max_body = 4096};
    call.bearer = "x\r\nHost: evil";
    T_ERR(cmn_http_do(f.client, &call, &f.a, &f.err), -EINVAL, &f.err, "builder error");
    call.bearer = NULL;
    call.headers = (const char *const[]){"X-Test: a\nb", NULL};
    T_ERR(cmn_http_do(f.client, &call, &f.a, &f.err), -EINVAL, &f.err, "builder error");
    call.headers = NULL;
    call.method = "GET /x HTTP/1.1\r\n";
    T_ERR(cmn_http_do(f.client, &call, &f.a, &f.err), -EINVAL, &f.err, "builder error");
    hf_stop(&f);
}

static void refused_connection_names_the_url(void)
{
    struct http_fixture f;
    char part[256], *where;

    hf_start(&f);
    where = strdup(hf_url(&f, "/kbs/v0/auth"));
    cmn_http_server_free(f.server);
    f.server = NULL;
    (void)snprintf(part, sizeof(part), "error sending request for url (%s)", where);
    T_ERR(cmn_http_get(f.client, where, NULL, 100, &f.a, &f.err), -ECONNREFUSED, &f.err, part);
    free(where);
    hf_stop(&f);
}

static void silent_server_times_out(void)
{
    struct http_fixture f;

    T_EQ_INT(sem_init(&hf_release_slow, 0, 0), 0);
    hf_setup(&f, hf_server_opts(), (struct cmn_http_client_opts){.timeout_ms = 150});
    T_ERR(hf_get(&f, "/slow", 100), -ETIMEDOUT, &f.err,
          "error sending request for url (http://127");
    (void)sem_post(&hf_release_slow);
    hf_stop(&f);
}

static void dropped_connection_is_an_error(void)
{
    struct http_fixture f;

    hf_start(&f);
    T_TRUE(hf_get(&f, "/drop", 100) < 0);
    T_EQ_INT(f.a.status, 0);
    T_OK(hf_get(&f, "/echo", 4096), &f.err); /* the client goes on with a new connection */
    hf_stop(&f);
}

static void large_answer_is_refused(void)
{
    struct http_fixture f;

    hf_start(&f);
    T_ERR(hf_get(&f, "/large", LARGE - 1), -EFBIG, &f.err, "larger than 299999 bytes");
    T_EQ_INT(f.a.body.len, 0);
    T_OK(hf_get(&f, "/large", LARGE), &f.err);
    T_EQ_INT(f.a.body.len, LARGE);
    hf_stop(&f);
}

struct sunk {
    size_t len;
    size_t stop_at;
};

static int sink(void *ctx, const void *data, size_t len)
{
    struct sunk *s = ctx;

    T_TRUE(data && len);
    s->len += len;
    return s->len >= s->stop_at ? -EBADMSG : 0;
}

static void sink_gets_the_body_in_pieces(void)
{
    struct sunk s = {.stop_at = SIZE_MAX};
    struct http_fixture f;

    hf_start(&f);
    struct cmn_http_call call = {.method = "GET",
                                 .url = hf_url(&f, "/large"),
                                 .max_body = LARGE,
                                 .sink = sink,
                                 .sink_ctx = &s};
    T_OK(cmn_http_do(f.client, &call, &f.a, &f.err), &f.err);
    T_EQ_INT(s.len, LARGE);
    T_EQ_INT(f.a.body.len, 0);
    s = (struct sunk){.stop_at = 1};
    T_ERR(cmn_http_do(f.client, &call, &f.a, &f.err), -EBADMSG, &f.err, "/large");
    T_TRUE(s.len < LARGE);
    s = (struct sunk){.stop_at = SIZE_MAX};
    call.url = hf_url(&f, "/nothing"); /* a refusal's body is for the caller, not for the sink */
    T_OK(cmn_http_do(f.client, &call, &f.a, &f.err), &f.err);
    T_EQ_INT(f.a.status, 404);
    T_TRUE(s.len == 0 && f.a.body.len > 0);
    hf_stop(&f);
}

static void request_arrives_whole(void)
{
    struct http_fixture f;

    hf_start(&f);
    T_OK(cmn_http_post_json(f.client, hf_url(&f, "/echo?a=1"), "{\"k\":1}", 4096, &f.a, &f.err),
         &f.err);
    T_EQ_INT(f.a.status, 200);
    T_EQ_STR((char *)f.a.body.data, "POST /echo ? a=1 local=1 x=- auth=-\n{\"k\":1}");
    T_EQ_STR(f.a.content_type, "text/plain");
    T_EQ_STR(f.a.digest, "");
    T_EQ_STR(cmn_http_answer_header(&f.a, "x-answer"), "two words");
    T_EQ_STR(cmn_http_answer_header(&f.a, "x-none"), NULL);
    struct cmn_http_call call = {.method = "GET",
                                 .url = hf_url(&f, "/echo"),
                                 .bearer = "tok",
                                 .headers = (const char *const[]){"X-Test: v", NULL},
                                 .max_body = 4096};
    T_OK(cmn_http_do(f.client, &call, &f.a, &f.err), &f.err);
    T_EQ_STR((char *)f.a.body.data, "GET /echo ?  local=1 x=v auth=Bearer tok\n");
    call = (struct cmn_http_call){.method = "HEAD", .url = hf_url(&f, "/echo"), .max_body = 4096};
    T_OK(cmn_http_do(f.client, &call, &f.a, &f.err), &f.err);
    T_TRUE(f.a.status == 200 && f.a.body.len == 0);
    call.method = "DELETE"; /* nothing of the calls before it is left */
    T_OK(cmn_http_do(f.client, &call, &f.a, &f.err), &f.err);
    T_EQ_STR((char *)f.a.body.data, "DELETE /echo ?  local=1 x=- auth=-\n");
    hf_stop(&f);
}

static void redirect_is_not_followed(void)
{
    struct http_fixture f;

    hf_start(&f);
    T_OK(hf_get(&f, "/redirect", 100), &f.err);
    T_EQ_INT(f.a.status, 302);
    T_EQ_STR(cmn_http_answer_header(&f.a, "Location"), "/echo");
    hf_stop(&f);
}

static void cookies_are_kept_on_request_only(void)
{
    struct http_fixture f;

    hf_setup(&f, hf_server_opts(), (struct cmn_http_client_opts){.cookies = true});
    T_OK(hf_get(&f, "/cookie", 100), &f.err);
    T_EQ_STR((char *)f.a.body.data, "none");
    T_OK(hf_get(&f, "/cookie", 100), &f.err);
    T_EQ_STR((char *)f.a.body.data, "kbs-session-id=7");
    hf_stop(&f);
    hf_start(&f);
    T_OK(hf_get(&f, "/cookie", 100), &f.err);
    T_OK(hf_get(&f, "/cookie", 100), &f.err);
    T_EQ_STR((char *)f.a.body.data, "none");
    hf_stop(&f);
}

static void proxy_of_the_environment_is_ignored(void)
{
    struct http_fixture f;

    T_EQ_INT(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    hf_start(&f);
    T_OK(hf_get(&f, "/echo", 4096), &f.err);
    hf_stop(&f);
    hf_setup(&f, hf_server_opts(), (struct cmn_http_client_opts){.proxy = "http://127.0.0.1:1"});
    T_ERR(hf_get(&f, "/echo", 4096), -ECONNREFUSED, &f.err, "error sending request");
    hf_stop(&f);
    (void)unsetenv("http_proxy");
}

/* ---------------------------------------------------------------- TLS */

static char *pem_of(BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    char *text = strndup(data, (size_t)len);

    BIO_free(bio);
    return text;
}

/* A self-signed certificate for 127.0.0.1 and its key; caller frees both. */
static void self_signed(char **cert_pem, char **key_pem)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());

    T_EQ_INT(X509_set_version(cert, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    T_EQ_INT(X509_add_ext(cert, san, -1), 1);
    T_TRUE(X509_sign(cert, key, EVP_sha256()) > 0);
    T_EQ_INT(PEM_write_bio_X509(c, cert), 1);
    T_EQ_INT(PEM_write_bio_PKCS8PrivateKey(k, key, NULL, NULL, 0, NULL, NULL), 1);
    *cert_pem = pem_of(c);
    *key_pem = pem_of(k);
    X509_EXTENSION_free(san);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void https_needs_a_trusted_certificate(void)
{
    auto_free char *cert = NULL, *key = NULL;
    struct cmn_http_server_opts o = hf_server_opts();
    struct cmn_http_client *plain = NULL;
    struct http_fixture f;
    char where[64];

    self_signed(&cert, &key);
    o.tls_cert_pem = cert;
    o.tls_key_pem = key;
    hf_setup(&f, o, (struct cmn_http_client_opts){.ca_pem = cert});
    (void)snprintf(where, sizeof(where), "https://127.0.0.1:%u/echo",
                   cmn_http_server_port(f.server));
    T_OK(cmn_http_get(f.client, where, NULL, 4096, &f.a, &f.err), &f.err);
    T_EQ_INT(f.a.status, 200);
    T_OK(cmn_http_client_new(&(struct cmn_http_client_opts){0}, &plain, NULL), NULL);
    T_ERR(cmn_http_get(plain, where, NULL, 4096, &f.a, &f.err), -ECONNREFUSED, &f.err,
          "error sending request for url (https://127");
    cmn_http_client_free(plain);
    hf_stop(&f);
}

TEST_MAIN("http-client", {"only http URLs are taken", only_http_urls_are_taken},
          {"line breaks in headers are refused", line_breaks_in_headers_are_refused},
          {"refused connection names the URL", refused_connection_names_the_url},
          {"silent server times out", silent_server_times_out},
          {"dropped connection is an error", dropped_connection_is_an_error},
          {"large answer is refused", large_answer_is_refused},
          {"sink gets the body in pieces", sink_gets_the_body_in_pieces},
          {"request arrives whole", request_arrives_whole},
          {"redirect is not followed", redirect_is_not_followed},
          {"cookies are kept on request only", cookies_are_kept_on_request_only},
          {"proxy of the environment is ignored", proxy_of_the_environment_is_ignored},
          {"https needs a trusted certificate", https_needs_a_trusted_certificate})
