/*
 * test-snp-samples.c - the snp verifier on evidence of real hardware, offline, against AMD's
 * built-in keys. The expected report data is the report's own: nobody knows the nonce any more.
 */
#include "tests/testlib/testlib.h"

#include "common/snp/certs.h"
#include "common/snp/report.h"
#include "kbs-lite/lib/verifier.h"

#include <stdio.h>
#include <string.h>

static const int64_t june_2025 = 1748736000; /* 2025-06-01T00:00:00Z */
static const int64_t late_2026 = 1795478400; /* 2026-11-24T00:00:00Z */

static int load(const char *folder, const char *file, struct cmn_buf *ret)
{
    char name[256];

    (void)snprintf(name, sizeof(name), "samples/snp/%s/%s", folder, file);
    const char *path = t_shared(name);
    return path ? cmn_file_read(path, 1 << 20, ret, NULL) : -ENOENT;
}

/* Verifies one sample; flip: byte of the report to change, 0 for none. -ENOENT: no such data. */
static int verify(const char *folder, const char *cert, size_t flip, int64_t now,
                  struct kbs_claims *ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf raw = {0}, der = {0};
    auto_certs struct snp_certs certs = {0};
    struct kbs_roots *roots = NULL;
    struct snp_report report;
    auto_env struct cmn_env *env = NULL;
    bool vlek = strncmp(cert, "vlek", 4) == 0;

    if (load(folder, "report.bin", &raw) < 0 || load(folder, cert, &der) < 0)
        return -ENOENT;
    T_OK(cmn_env_new_system(&env, NULL), NULL);
    T_OK(kbs_roots_new(env, true, cmn_bytes(NULL, 0), &roots, NULL), NULL);
    raw.data[flip] ^= flip ? 1 : 0;
    T_OK(snp_report_decode(raw.data, raw.len, &report, NULL), NULL);
    T_OK(snp_certs_add(&certs, vlek ? SNP_CERT_VLEK : SNP_CERT_VCEK, cmn_buf_bytes(&der), NULL),
         NULL);
    auto_json json_t *evidence =
        json_pack("{s:o, s:o}", "attestation_report", snp_report_to_json(&report), "cert_chain",
                  snp_certs_to_json(&certs));
    int r = kbs_verifier_snp.verify(env,
                                    &(struct kbs_verify_input){.evidence = evidence,
                                                               .report_data = report.report_data,
                                                               .report_data_len = 64,
                                                               .roots = roots,
                                                               .now = now},
                                    ret, err);
    kbs_roots_free(roots);
    return r;
}

/*
 * The trustee column of the samples' README, and what strict mode would refuse. Two VCEKs (Genoa
 * v5, Turin v5) were issued in July and August 2025: before that they are not valid yet.
 */
static const struct {
    const char *folder, *cert;
    enum cmn_reason trustee;                 /* NONE: accepted */
    enum cmn_reason strict_now, strict_2025; /* first advisory that refuses */
} samples[] = {
    {"milan-v2-vcek-a", "vcek.der", CMN_REASON_SNP_VERSION_TOO_OLD, 0, 0},
    {"milan-v2-vcek-b-debug", "vcek.der", CMN_REASON_SNP_VERSION_TOO_OLD, 0, 0},
    {"milan-v3-vlek-aws", "vlek.der", CMN_REASON_NONE, CMN_REASON_SNP_CERT_EXPIRED,
     CMN_REASON_NONE},
    {"genoa-v3-vcek-certtable", "vcek.der", CMN_REASON_NONE, CMN_REASON_NONE, CMN_REASON_NONE},
    {"genoa-v5-vcek", "vcek.der", CMN_REASON_NONE, CMN_REASON_NONE, CMN_REASON_SNP_CERT_EXPIRED},
    {"turin-v5-vcek", "vcek.der", CMN_REASON_NONE, CMN_REASON_NONE, CMN_REASON_SNP_CERT_EXPIRED},
};

static void check(size_t i, int64_t now, enum cmn_reason advisory)
{
    struct kbs_claims claims = {0};
    struct cmn_err err = {0};
    int r = verify(samples[i].folder, samples[i].cert, 0, now, &claims, &err);

    if (r == -ENOENT)
        return;
    if (samples[i].trustee) {
        T_ERR(r, -EKEYREJECTED, &err, "version is too old");
        T_EQ_STR(cmn_reason_name(err.reason), cmn_reason_name(samples[i].trustee));
        return;
    }
    T_OK(r, &err);
    T_EQ_STR(claims.root, "amd");
    T_EQ_STR(cmn_reason_name(claims.n_advisories ? claims.advisories[0].reason : CMN_REASON_NONE),
             cmn_reason_name(advisory));
    kbs_claims_done(&claims);
}

static void real_evidence_gets_trustees_verdict(void)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(samples); i++) {
        check(i, late_2026, samples[i].strict_now);
        check(i, june_2025, samples[i].strict_2025);
    }
}

static void a_flipped_bit_is_refused(void)
{
    for (size_t i = 2; i < CMN_ARRAY_SIZE(samples); i++) {
        struct kbs_claims claims = {0};
        struct cmn_err err = {0};
        int r = verify(samples[i].folder, samples[i].cert, 0x90, june_2025, &claims, &err);
        if (r == -ENOENT)
            return;
        T_ERR(r, -EKEYREJECTED, &err, "VEK does not sign");
    }
}

static void a_certificate_of_another_product_is_refused(void)
{
    auto_buf struct cmn_buf raw = {0}, der = {0};
    auto_certs struct snp_certs certs = {0};
    struct kbs_roots *roots = NULL;
    struct snp_report report;
    struct kbs_claims claims = {0};
    struct cmn_err err = {0};
    auto_env struct cmn_env *env = NULL;

    if (load("genoa-v5-vcek", "report.bin", &raw) < 0 ||
        load("milan-v2-vcek-a", "vcek.der", &der) < 0)
        return;
    T_OK(cmn_env_new_system(&env, NULL), NULL);
    T_OK(kbs_roots_new(env, true, cmn_bytes(NULL, 0), &roots, NULL), NULL);
    T_OK(snp_report_decode(raw.data, raw.len, &report, NULL), NULL);
    T_OK(snp_certs_add(&certs, SNP_CERT_VCEK, cmn_buf_bytes(&der), NULL), NULL);
    auto_json json_t *evidence =
        json_pack("{s:o, s:o}", "attestation_report", snp_report_to_json(&report), "cert_chain",
                  snp_certs_to_json(&certs));
    T_ERR(kbs_verifier_snp.verify(env,
                                  &(struct kbs_verify_input){.evidence = evidence,
                                                             .report_data = raw.data,
                                                             .report_data_len = 48,
                                                             .roots = roots},
                                  &claims, &err),
          -EKEYREJECTED, &err, "failed to verify");
    T_EQ_INT(err.reason, CMN_REASON_SNP_CHAIN_INVALID);
    kbs_roots_free(roots);
}

TEST_MAIN("snp-samples",
          {"real evidence gets Trustee's verdict", real_evidence_gets_trustees_verdict},
          {"a flipped bit is refused", a_flipped_bit_is_refused},
          {"a certificate of another product is refused",
           a_certificate_of_another_product_is_refused})
