/*
 * bench-verify.c - what verifying one SNP report costs beside the signatures it cannot do without:
 * one P-384 verification with the chain known (goal: at most 1.15 times that), and three RSA-4096
 * verifications more with a chain never seen. Everything is measured in turn, so that a busy
 * machine is busy for all. Prints only.
 */
#include "fake-tee/issue.h"
#include "fake-tee/psp.h"
#include "kbs-lite/snp-verify.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 31
#define BATCH  12

static struct cmn_env *env;

static void must(int r, const struct cmn_err *err)
{
    if (r < 0) {
        (void)fprintf(stderr, "bench-verify: %s\n", err->msg);
        exit(1);
    }
}

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- the ceilings, as openssl speed measures them: one prepared context, digests only ---- */

struct ceiling {
    EVP_PKEY_CTX *ctx;
    uint8_t sig[512], digest[48];
    size_t sig_len;
};

static struct ceiling ceiling_new(EVP_PKEY *key, bool pss)
{
    struct ceiling c = {.sig_len = sizeof(c.sig)};
    EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool ok = EVP_PKEY_sign_init(sign) == 1;

    c.ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    ok = ok && EVP_PKEY_verify_init(c.ctx) == 1;
    for (int i = 0; i < 2 && pss && ok; i++) {
        EVP_PKEY_CTX *ctx = i ? c.ctx : sign;
        ok = EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha384()) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, 48) == 1;
    }
    memset(c.digest, 0x5A, sizeof(c.digest));
    ok = ok && EVP_PKEY_sign(sign, c.sig, &c.sig_len, c.digest, sizeof(c.digest)) == 1;
    EVP_PKEY_CTX_free(sign);
    if (!ok) {
        (void)fprintf(stderr, "bench-verify: OpenSSL does not sign\n");
        exit(1);
    }
    return c;
}

static void ceiling_run(void *ctx)
{
    struct ceiling *c = ctx;

    if (EVP_PKEY_verify(c->ctx, c->sig, c->sig_len, c->digest, sizeof(c->digest)) != 1)
        exit(1);
}

/* ---- ours ---- */

struct ours {
    struct kbs_snp_input in;
    bool cold; /* a cache that has seen nothing, every time */
};

static void ours_run(void *ctx)
{
    static struct kbs_snp_result res;
    struct ours *o = ctx;
    struct cmn_err err = {0};
    struct kbs_cache *cache = NULL;

    if (o->cold) {
        must(kbs_cache_new(&cache, &err), &err);
        o->in.cache = cache;
    }
    must(kbs_snp_verify(env, &o->in, &res, &err), &err);
    kbs_cache_free(cache);
    if (!res.accepted) {
        (void)fprintf(stderr, "bench-verify: %s\n", res.message);
        exit(1);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

struct item {
    const char *name;
    void (*run)(void *ctx);
    void *ctx;
    double us[ROUNDS];
    double median;
};

static void measure(struct item *items, size_t n)
{
    for (int round = -1; round < ROUNDS; round++) /* the first warms up */
        for (size_t i = 0; i < n; i++) {
            double start = now_us();
            for (int k = 0; k < BATCH; k++)
                items[i].run(items[i].ctx);
            if (round >= 0)
                items[i].us[round] = (now_us() - start) / BATCH;
        }
    for (size_t i = 0; i < n; i++) {
        qsort(items[i].us, ROUNDS, sizeof(double), by_value);
        items[i].median = items[i].us[ROUNDS / 2];
    }
}

/* ---- the guest ---- */

static void launch(struct ftee_ca *ca, uint8_t raw[SNP_REPORT_BYTES], struct snp_certs *certs)
{
    struct cmn_err err = {0};
    struct ftee_psp *psp = NULL;
    auto_buf struct cmn_buf table = {0};
    const uint8_t data[64] = {1};
    uint32_t status;

    must(ftee_psp_launch_start(env, ca, &(struct ftee_launch){0}, &psp, &err), &err);
    must(ftee_psp_launch_finish(psp, NULL, &err), &err);
    must(ftee_psp_report(psp, data, 0, raw, &status, &err), &err);
    must(ftee_psp_certs(psp, &table), &err);
    must(snp_certs_decode(table.data, table.len, certs, &err), &err);
    ftee_psp_free(psp);
}

/* The same chain, but ARK and ASK are other certificates of the same keys than the known ones. */
static void reissue(struct ftee_ca *ca, const struct snp_certs *from, struct snp_certs *to)
{
    struct cmn_err err = {0};

    for (size_t i = 0; i < from->n; i++) {
        auto_buf struct cmn_buf der = {0};
        enum snp_cert_type type = from->list[i].type;
        const struct ftee_issue what = {.kind =
                                            type == SNP_CERT_ARK ? FTEE_CERT_ARK : FTEE_CERT_ASK};
        if (type == SNP_CERT_VCEK)
            must(cmn_buf_put(&der, from->list[i].bytes.data, from->list[i].bytes.len), &err);
        else
            must(ftee_ca_issue(ca, &what, NULL, &der, &err), &err);
        must(snp_certs_add(to, type, cmn_buf_bytes(&der), &err), &err);
    }
}

int main(void)
{
    struct cmn_err err = {0};
    struct ftee_ca *ca = NULL;
    struct kbs_roots *roots = NULL;
    struct kbs_cache *cache = NULL;
    auto_certs struct snp_certs certs = {0}, others = {0};
    uint8_t raw[SNP_REPORT_BYTES];
    struct snp_report report;
    const char *dir = getenv("COCOBOX_TEST_CA");
    auto_pkey EVP_PKEY *p384 = NULL, *rsa = NULL;

    must(cmn_env_new_system(&env, &err), &err);
    must(ftee_ca_open(env, dir ? dir : "bench-ca", SNP_GENOA, &ca, &err), &err);
    launch(ca, raw, &certs);
    reissue(ca, &certs, &others);
    must(kbs_roots_new(env, false, ftee_ca_chain_pem(ca), &roots, &err), &err);
    must(kbs_cache_new(&cache, &err), &err);
    must(snp_report_decode(raw, sizeof(raw), &report, &err), &err);
    auto_json json_t *evidence =
        json_pack("{s:o, s:o}", "attestation_report", snp_report_to_json(&report), "cert_chain",
                  snp_certs_to_json(&certs));
    must(cmn_ec_generate(env, "P-384", &p384, &err), &err);
    must(cmn_rsa_generate(env, 4096, &rsa, &err), &err);

    struct ceiling ecdsa = ceiling_new(p384, false), pss = ceiling_new(rsa, true);
    const struct kbs_snp_input in = {.report = cmn_bytes(raw, sizeof(raw)),
                                     .certs = &certs,
                                     .roots = roots,
                                     .now = cmn_env_now(env)};
    struct ours warm = {.in = in}, cold = {.in = in, .cold = true}, json = {.in = in};
    struct ours unknown = cold;
    unknown.in.certs = &others;
    warm.in.cache = json.in.cache = cache;
    json.in.report = cmn_bytes(NULL, 0);
    json.in.certs = NULL;
    json.in.evidence = evidence;
    struct item items[] = {{.name = "P-384", .run = ceiling_run, .ctx = &ecdsa},
                           {.name = "RSA-4096", .run = ceiling_run, .ctx = &pss},
                           {.name = "cached", .run = ours_run, .ctx = &warm},
                           {.name = "json", .run = ours_run, .ctx = &json},
                           {.name = "cold", .run = ours_run, .ctx = &cold},
                           {.name = "unknown", .run = ours_run, .ctx = &unknown}};
    measure(items, CMN_ARRAY_SIZE(items));
    double one = items[0].median, chain = items[1].median * 3;
    (void)printf("bench: one P-384 verification %.1f us, one RSA-4096 verification %.1f us\n", one,
                 items[1].median);
    (void)printf(
        "bench: report, chain known: %.1f us = %.3f of one P-384 verification, goal 1.150\n",
        items[2].median, items[2].median / one);
    (void)printf("bench: the same as JSON evidence: %.1f us = %.3f\n", items[3].median,
                 items[3].median / one);
    (void)printf(
        "bench: report, chain never seen: %.1f us, goal %.1f (1.15 P-384 and 3 RSA-4096)\n",
        items[4].median, one * 1.15 + chain);
    (void)printf(
        "bench: the same with an ARK and ASK that are not the known certificates: %.1f us\n",
        items[5].median);
    EVP_PKEY_CTX_free(ecdsa.ctx);
    EVP_PKEY_CTX_free(pss.ctx);
    kbs_cache_free(cache);
    kbs_roots_free(roots);
    ftee_ca_free(ca);
    cmn_env_unref(env);
    return 0;
}
