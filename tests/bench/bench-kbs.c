/*
 * bench-kbs.c FOLDER - what the key broker itself costs: handshakes and resource fetches through
 * its request face (no socket), beside the ceiling that the public-key operations they need would
 * give, and what 10,000 open sessions hold. Prints figures, asserts none. FOLDER keeps the test
 * chain.
 *
 * Time of a handshake is the broker's (auth and attest); making the evidence is the guest's work
 * and not in it.
 */
#include "common/crypto/jose.h"
#include "common/enc/enc.h"
#include "fake-tee/psp.h"
#include "kbs-lite/kbs.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HANDSHAKES = 400, FETCHES = 1500, SESSIONS = 10000, THREADS_MAX = 2, SPEED_US = 400000 };
#define SECRET_PATH "/kbs/v0/resource/default/bench/key"

static struct cmn_env *env;
static struct kbs *kbs;
static struct ftee_psp *psp;
static struct cmn_buf certs_table;

struct client {
    EVP_PKEY *key;
    char cookie[80], set_cookie[128], authorization[8192];
    struct cmn_buf body;
    bool snp;
    size_t n;       /* operations to do */
    uint64_t *took; /* microseconds each */
    uint64_t busy;  /* their sum */
    bool failed;
};

static const char *header(const struct cmn_http_request *req, const char *name)
{
    const struct client *c = req->impl;

    if (strcasecmp(name, "Cookie") == 0 && *c->cookie)
        return c->cookie;
    return strcasecmp(name, "Authorization") == 0 && *c->authorization ? c->authorization : NULL;
}

/* Status; the time goes to *took. */
static int call(struct client *c, const char *method, const char *path, const char *body,
                uint64_t *took)
{
    struct cmn_http_response resp = {.status = 500};
    struct cmn_http_request req = {.method = method,
                                   .path = path,
                                   .query = "",
                                   .body = cmn_bytes(body ? body : "", body ? strlen(body) : 0),
                                   .header = header,
                                   .impl = c};
    uint64_t start = cmn_env_mono_us(env);

    kbs_handle(kbs, &req, &resp);
    *took += cmn_env_mono_us(env) - start;
    cmn_buf_done(&c->body);
    CMN_IGNORE(cmn_buf_put(&c->body, resp.body.data, resp.body.len)); /* the status tells */
    for (size_t i = 0; i < resp.n_headers; i++)
        if (strcmp(resp.headers[i].name, "Set-Cookie") == 0)
            (void)snprintf(c->set_cookie, sizeof(c->set_cookie), "%s", resp.headers[i].value);
    int status = resp.status;
    cmn_http_response_done(&resp);
    return status;
}

static json_t *evidence(const struct client *c, const uint8_t digest[48])
{
    uint8_t data[64] = {0}, raw[SNP_REPORT_BYTES];
    struct snp_report report;
    auto_certs struct snp_certs certs = {0};
    uint32_t status;

    if (!c->snp) {
        auto_free char *b64 = cmn_b64(CMN_B64_STD, digest, 48);
        return json_pack("{s:s, s:s}", "svn", "1", "report_data", b64);
    }
    memcpy(data, digest, 48);
    if (ftee_psp_report(psp, data, 0, raw, &status, NULL) < 0 ||
        snp_report_decode(raw, sizeof(raw), &report, NULL) < 0 ||
        snp_certs_decode(certs_table.data, certs_table.len, &certs, NULL) < 0)
        return NULL;
    return json_pack("{s:o, s:o}", "attestation_report", snp_report_to_json(&report), "cert_chain",
                     snp_certs_to_json(&certs));
}

/* One handshake; the broker's time is added to *took. */
static bool handshake(struct client *c, uint64_t *took)
{
    auto_json json_t *challenge = NULL, *jwk = NULL, *bound = NULL, *body = NULL;
    auto_buf struct cmn_buf jcs = {0};
    char request[128];
    uint8_t digest[48];

    (void)snprintf(request, sizeof(request),
                   "{\"version\":\"0.4.0\",\"tee\":\"%s\",\"extra-params\":{}}",
                   c->snp ? "snp" : "sample");
    *c->cookie = *c->authorization = '\0';
    if (call(c, "POST", "/kbs/v0/auth", request, took) != 200 ||
        cmn_json_load(cmn_buf_bytes(&c->body), 8, &challenge, NULL) < 0 ||
        cmn_jwk_from_key(c->key, &jwk, NULL) < 0)
        return false;
    (void)snprintf(c->cookie, sizeof(c->cookie), "%.47s", c->set_cookie);
    const char *nonce = cmn_json_str(challenge, "nonce");
    bound =
        json_pack("{s:s, s:s, s:O}", "additional-evidence", "", "nonce", nonce, "tee-pubkey", jwk);
    if (cmn_json_jcs(bound, &jcs, NULL) < 0 ||
        cmn_hash(env, "SHA384", jcs.data, jcs.len, digest, NULL) < 0)
        return false;
    body = json_pack("{s:n, s:{s:s, s:O}, s:{s:o, s:s}}", "init-data", "runtime-data", "nonce",
                     nonce, "tee-pubkey", jwk, "tee-evidence", "primary_evidence",
                     evidence(c, digest), "additional_evidence", "");
    auto_free char *text = body ? cmn_json_dump(body) : NULL;
    return text && call(c, "POST", "/kbs/v0/attest", text, took) == 200;
}

static void *handshakes(void *arg)
{
    struct client *c = arg;

    for (size_t i = 0; i < c->n && !c->failed; i++)
        c->failed = !handshake(c, &c->took[i]);
    return NULL;
}

static void *fetches(void *arg)
{
    struct client *c = arg;

    for (size_t i = 0; i < c->n && !c->failed; i++)
        c->failed = call(c, "GET", SECRET_PATH, NULL, &c->took[i]) != 200;
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Runs work on n threads; per second over the broker's own time of the busiest thread. */
static double run(const char *what, void *(*work)(void *), struct client *clients, unsigned n,
                  size_t each, double ceiling)
{
    pthread_t threads[THREADS_MAX];
    uint64_t *all = calloc(n * each, sizeof(*all)), busiest = 0;

    for (unsigned i = 0; i < n; i++) {
        clients[i].n = each;
        clients[i].took = all + i * each;
        if (pthread_create(&threads[i], NULL, work, &clients[i]) != 0)
            exit(3);
    }
    for (unsigned i = 0; i < n; i++) {
        (void)pthread_join(threads[i], NULL);
        uint64_t busy = 0;
        for (size_t j = 0; j < each; j++)
            busy += clients[i].took[j];
        busiest = busy > busiest ? busy : busiest;
        if (clients[i].failed) {
            (void)fprintf(stderr, "bench-kbs: %s: a request was refused: %s\n", what,
                          (char *)clients[i].body.data);
            exit(1);
        }
    }
    double rate = (double)(n * each) * 1e6 / (double)busiest;
    qsort(all, n * each, sizeof(*all), by_size);
    const size_t middle = n * each / 2, late = n * each * 99 / 100;
    const double p50 = (double)all[middle], p99 = (double)all[late];
    (void)printf(
        "bench: kbs %s, %u thread%s: %.0f/s, p50 %.2f ms, p99 %.2f ms; ceiling %.0f/s (%.0f %%)\n",
        what, n, n > 1 ? "s" : "", rate, p50 / 1000, p99 / 1000, ceiling * n,
        100 * rate / (ceiling * n));
    free(all);
    return rate;
}

/* ---- the ceiling: the public-key operations alone, as openssl speed counts them ---- */

static double seconds_of(bool (*op)(void *), void *arg)
{
    uint64_t start = cmn_env_mono_us(env), end;
    size_t n = 0;

    do {
        if (!op(arg))
            exit(3);
        n++;
        end = cmn_env_mono_us(env);
    } while (end - start < SPEED_US);
    return (double)(end - start) / 1e6 / (double)n;
}

struct curve {
    EVP_PKEY *key;
    const char *name, *md;
    struct cmn_buf sig;
};

static bool op_sign(void *arg)
{
    struct curve *c = arg;

    c->sig.len = 0;
    return cmn_ecdsa_sign(env, c->key, c->md, cmn_bytes("x", 1), &c->sig, NULL) == 0;
}

static bool op_verify(void *arg)
{
    struct curve *c = arg;

    return cmn_ecdsa_verify(env, c->key, c->md, cmn_bytes("x", 1), cmn_buf_bytes(&c->sig), NULL) ==
           0;
}

static bool op_agree(void *arg)
{
    struct curve *c = arg;
    auto_pkey EVP_PKEY *own = NULL;
    uint8_t z[66];
    size_t len = sizeof(z);
    bool ok = cmn_ec_generate(env, c->name, &own, NULL) == 0;
    EVP_PKEY_CTX *ctx = ok ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;

    ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, c->key) == 1 &&
         EVP_PKEY_derive(ctx, z, &len) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static void ceilings(double *ret_sample, double *ret_snp, double *ret_fetch)
{
    struct curve p256 = {.name = "P-256", .md = "SHA256"}, p384 = {.name = "P-384", .md = "SHA384"};

    if (cmn_ec_generate(env, "P-256", &p256.key, NULL) < 0 ||
        cmn_ec_generate(env, "P-384", &p384.key, NULL) < 0)
        exit(3);
    double sign = seconds_of(op_sign, &p256), verify = seconds_of(op_verify, &p256);
    double agree = seconds_of(op_agree, &p256);
    (void)op_sign(&p384);
    double verify384 = seconds_of(op_verify, &p384);
    (void)printf(
        "bench: P-256 sign %.0f/s, verify %.0f/s, keygen and ECDH %.0f/s; P-384 verify %.0f/s\n",
        1 / sign, 1 / verify, 1 / agree, 1 / verify384);
    *ret_sample = 1 / sign;            /* the token */
    *ret_snp = 1 / (verify384 + sign); /* the report; the chain is known after the first */
    *ret_fetch = 1 / (verify + agree); /* the token; the key agreed on for the JWE */
    EVP_PKEY_free(p256.key);
    EVP_PKEY_free(p384.key);
    cmn_buf_done(&p256.sig);
    cmn_buf_done(&p384.sig);
}

static long rss_anon_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f && fgets(line, sizeof(line), f))
        if (sscanf(line, "RssAnon: %ld kB", &kib) == 1)
            break;
    if (f)
        (void)fclose(f);
    return kib;
}

static int make_guest(const char *folder, struct ftee_ca **ret_ca, struct cmn_err *err)
{
    auto_env struct cmn_env *seeded = NULL;
    int r = cmn_env_new_seeded("bench", 5, &seeded, err);

    if (r == 0)
        r = ftee_ca_open(seeded, folder, SNP_GENOA, ret_ca, err);
    if (r == 0)
        r = ftee_psp_launch_start(env, *ret_ca, &(struct ftee_launch){0}, &psp, err);
    if (r == 0)
        r = ftee_psp_launch_finish(psp, NULL, err);
    return r < 0 ? r : ftee_psp_certs(psp, &certs_table);
}

static void fetch_benches(struct client *clients, double ceiling)
{
    for (unsigned n = 1; n <= THREADS_MAX; n++) {
        for (unsigned i = 0; i < n; i++) {
            uint64_t ignored = 0;
            clients[i].snp = false;
            if (!handshake(&clients[i], &ignored))
                exit(1);
        }
        (void)run("resource fetch by session", fetches, clients, n, FETCHES, ceiling);
    }
}

int main(int argc, char **argv)
{
    struct cmn_err err = {0};
    struct ftee_ca *ca = NULL;
    struct client clients[THREADS_MAX] = {0};
    double sample, snp, fetch;
    uint64_t ignored = 0;
    int r = argc == 2 ? cmn_env_new_system(&env, &err) : -EINVAL;

    if (r == 0)
        r = make_guest(argv[1], &ca, &err);
    if (r == 0)
        r = kbs_new(env,
                    &(struct kbs_config){.policy_set = "allow-all",
                                         .test_chain_pem = ftee_ca_chain_pem(ca)},
                    &kbs, &err);
    if (r == 0)
        r = kbs_resource_put(kbs, "default/bench/key", cmn_bytes("0123456789abcdef", 16), &err);
    for (unsigned i = 0; i < THREADS_MAX && r == 0; i++)
        r = cmn_ec_generate(env, "P-256", &clients[i].key, &err);
    if (r < 0) {
        (void)fprintf(stderr, "bench-kbs: %s\n", err.msg);
        return 3;
    }
    ceilings(&sample, &snp, &fetch);
    for (unsigned n = 1; n <= THREADS_MAX; n++)
        (void)run("handshake, sample", handshakes, clients, n, HANDSHAKES, sample);
    for (unsigned n = 1; n <= THREADS_MAX; n++) {
        clients[0].snp = clients[1].snp = true;
        (void)run("handshake, snp", handshakes, clients, n, HANDSHAKES, snp);
    }
    fetch_benches(clients, fetch);
    long before = rss_anon_kib();
    clients[0].snp = false;
    for (size_t i = 0; i < SESSIONS; i++)
        if (!handshake(&clients[0], &ignored))
            break;
    (void)printf(
        "bench: kbs: %d attested sessions hold %.1f MB RssAnon (the whole process %.1f MB)\n",
        SESSIONS, (double)(rss_anon_kib() - before) / 1024, (double)rss_anon_kib() / 1024);
    for (unsigned i = 0; i < THREADS_MAX; i++) {
        EVP_PKEY_free(clients[i].key);
        cmn_buf_done(&clients[i].body);
    }
    kbs_free(kbs);
    ftee_psp_free(psp);
    ftee_ca_free(ca);
    cmn_buf_done(&certs_table);
    cmn_env_unref(env);
    return 0;
}
