/*
 * test-verifier-snp.c - the order of the snp verifier's checks, certificates that do not fit, and
 * the offline store, on evidence of real processors (test-snp-samples.c has their verdicts).
 */
#include "kbs-lite/lib/verifier.h"
#include "tests/testlib/testlib.h"

#include "common/enc/enc.h"
#include "common/snp/certs.h"
#include "common/snp/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JANUARY_2026 1767225600 /* within the validity of all VCEKs here */

static struct cmn_env *env;
static struct kbs_roots *roots;

struct sample {
    struct cmn_buf report, cert;
    struct snp_report fields;
};

static bool load(const char *folder, struct sample *s)
{
    char name[128];

    if (!env) {
        T_OK(cmn_env_new_system(&env, NULL), NULL);
        T_OK(kbs_roots_new(env, true, cmn_bytes(NULL, 0), &roots, NULL), NULL);
    }
    *s = (struct sample){0};
    (void)snprintf(name, sizeof(name), "samples/snp/%s/report.bin", folder);
    const char *path = t_shared(name);
    if (!path) {
        t_skip_all("no reference data");
        return false;
    }
    T_OK(cmn_file_read(path, 4096, &s->report, NULL), NULL);
    (void)snprintf(name, sizeof(name), "samples/snp/%s/vcek.der", folder);
    path = t_shared(name);
    T_TRUE(path && cmn_file_read(path, 65536, &s->cert, NULL) == 0);
    T_OK(snp_report_decode(s->report.data, s->report.len, &s->fields, NULL), NULL);
    return true;
}

static void done(struct sample *s)
{
    cmn_buf_done(&s->report);
    cmn_buf_done(&s->cert);
}

/* The evidence; with_chain: its VCEK or VLEK beside the report. */
static json_t *evidence(const struct sample *s, bool with_chain)
{
    struct snp_certs certs = {0};

    if (with_chain)
        T_OK(snp_certs_add(&certs, SNP_CERT_VCEK, cmn_buf_bytes(&s->cert), NULL), NULL);
    json_t *out = json_pack("{s:o, s:o}", "attestation_report", snp_report_to_json(&s->fields),
                            "cert_chain", snp_certs_to_json(&certs));
    snp_certs_done(&certs);
    return out;
}

static int verify_with(const struct sample *s, const json_t *ev, const char *dir,
                       struct kbs_claims *claims, struct cmn_err *err)
{
    return kbs_verifier_snp.verify(env,
                                   &(struct kbs_verify_input){.evidence = ev,
                                                              .report_data = s->fields.report_data,
                                                              .report_data_len = 64,
                                                              .roots = roots,
                                                              .vcek_dir = dir,
                                                              .now = JANUARY_2026},
                                   claims, err);
}

static int verify(const struct sample *s, struct kbs_claims *claims, struct cmn_err *err)
{
    auto_json json_t *ev = evidence(s, true);

    *claims = (struct kbs_claims){0};
    *err = (struct cmn_err){0};
    return verify_with(s, ev, NULL, claims, err);
}

static void expect_refusal(const struct sample *s, const char *reason, const char *part)
{
    struct kbs_claims claims;
    struct cmn_err err;

    T_ERR(verify(s, &claims, &err), -EKEYREJECTED, &err, part);
    T_EQ_STR(cmn_reason_name(err.reason), reason);
}

static void tampered_reports_are_refused_in_upstreams_order(void)
{
    struct sample s;

    if (!load("genoa-v3-vcek-certtable", &s))
        return;
    const struct snp_report good = s.fields;
    s.fields.version = 6;
    expect_refusal(&s, "snp.version-unknown", "Unexpected attestation report version");
    s.fields = good;
    s.fields.has_cpuid = false;
    expect_refusal(&s, "snp.product-unknown", "missing CPU family ID");
    s.fields = good;
    s.fields.cpuid_fam_id = 0x17;
    expect_refusal(&s, "snp.product-unknown", "Processor family not supported");
    s.fields.cpuid_fam_id = 0x19;
    s.fields.cpuid_mod_id = 0x50;
    expect_refusal(&s, "snp.product-unknown", "Processor model not supported");
    s.fields.cpuid_mod_id = 0x01; /* Milan: another ASK */
    expect_refusal(&s, "snp.chain-invalid", "Certificate chain provided by user failed to verify");
    s.fields = good;
    s.fields.measurement[0] ^= 1;
    expect_refusal(&s, "snp.signature-invalid",
                   "Report signature verification against VEK signature failed");
    s.fields = good;
    s.fields.reported_tcb.microcode++; /* the signature is looked at before the TCB */
    expect_refusal(&s, "snp.signature-invalid", NULL);
    s.fields = good;
    memset(s.fields.sig_r, 0, sizeof(s.fields.sig_r));
    expect_refusal(&s, "snp.signature-invalid", NULL);
    done(&s);
}

static void certificates_that_do_not_fit_are_refused(void)
{
    struct sample s, other;

    if (!load("genoa-v3-vcek-certtable", &s) || !load("genoa-v5-vcek", &other))
        return;
    struct cmn_buf own = s.cert;
    s.cert = other.cert; /* another chip of the same family */
    expect_refusal(&s, "snp.signature-invalid", NULL);
    s.cert = own;
    s.cert.len--;
    expect_refusal(&s, "snp.cert-malformed", NULL);
    s.cert.len++;
    s.cert.data[s.cert.len - 1] ^= 1; /* its signature */
    expect_refusal(&s, "snp.chain-invalid", NULL);
    s.cert.data[s.cert.len - 1] ^= 1;
    auto_json json_t *ev = evidence(&s, true);
    struct kbs_claims claims = {0};
    struct cmn_err err = {0};
    (void)json_object_set_new(ev, "cert_chain", json_array());
    T_ERR(verify_with(&s, ev, NULL, &claims, &err), -EKEYREJECTED, &err,
          "it must include a VCEK/VLEK");
    done(&s);
    done(&other);
}

static void report_data_and_host_data_are_compared(void)
{
    struct sample s;
    struct kbs_claims claims = {0};
    struct cmn_err err = {0};
    uint8_t wrong[48] = {1};

    if (!load("genoa-v5-vcek", &s))
        return;
    auto_json json_t *ev = evidence(&s, true);
    struct kbs_verify_input in = {.evidence = ev,
                                  .report_data = wrong,
                                  .report_data_len = 48,
                                  .roots = roots,
                                  .now = JANUARY_2026};
    T_ERR(kbs_verifier_snp.verify(env, &in, &claims, &err), -EKEYREJECTED, &err,
          "Report Data Mismatch. Given: ");
    in.report_data = s.fields.report_data;
    in.report_data_len = 64;
    in.init_data = wrong;
    in.init_data_len = 48;
    T_ERR(kbs_verifier_snp.verify(env, &in, &claims, &err), -EKEYREJECTED, &err,
          "Host Data Mismatch. Given: ");
    T_EQ_STR(cmn_reason_name(err.reason), "snp.host-data-mismatch");
    done(&s);
}

/* vcek/<hwid>/<name> under dir */
static void store(const struct sample *s, const char *dir, size_t hwid_len, const char *name)
{
    auto_free char *hwid = cmn_hex(s->fields.chip_id, hwid_len);
    char path[1024];

    (void)snprintf(path, sizeof(path), "%s/vcek/%s", dir, hwid);
    T_OK(cmn_mkdir_p(path, 0700, NULL), NULL);
    (void)snprintf(path, sizeof(path), "%s/vcek/%s/%s", dir, hwid, name);
    T_OK(cmn_file_write(path, s->cert.data, s->cert.len, 0600, NULL), NULL);
}

static void evidence_without_chain_takes_the_vcek_of_the_store(void)
{
    struct sample s, turin;
    struct kbs_claims claims = {0};
    struct cmn_err err = {0};
    const char *dir = t_tmpdir();
    char name[128];

    if (!load("genoa-v5-vcek", &s) || !load("turin-v5-vcek", &turin))
        return;
    auto_json json_t *ev = evidence(&s, false), *turin_ev = evidence(&turin, false);
    T_ERR(verify_with(&s, ev, NULL, &claims, &err), -EKEYREJECTED, &err,
          "Failed to fetch VCEK from any configured source");
    T_EQ_STR(cmn_reason_name(err.reason), "snp.vcek-unavailable");
    T_ERR(verify_with(&s, ev, dir, &claims, &err), -EKEYREJECTED, &err, "vcek.der");
    store(&s, dir, 64, "vcek.der");
    T_OK(verify_with(&s, ev, dir, &claims, &err), &err);
    kbs_claims_done(&claims);
    const struct snp_tcb *t = &turin.fields.reported_tcb;
    (void)snprintf(name, sizeof(name), "bl%02u_tee%02u_snp%02u_ucode%02u_fmc%02u_vcek.der",
                   t->bootloader, t->tee, t->snp, t->microcode, t->fmc);
    store(&turin, dir, 8, name);
    T_OK(verify_with(&turin, turin_ev, dir, &claims, &err), &err);
    kbs_claims_done(&claims);
    store(&turin, dir, 8, "vcek.der");
    memset(s.fields.chip_id, 0, 64);
    auto_json json_t *masked = evidence(&s, false);
    T_ERR(verify_with(&s, masked, dir, &claims, &err), -EKEYREJECTED, &err, "MASK_CHIP_ID");
    done(&s);
    done(&turin);
}

static void all_is_freed(void)
{
    kbs_roots_free(roots);
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("kbs-verifier-snp",
          {"tampered reports are refused in upstream's order",
           tampered_reports_are_refused_in_upstreams_order},
          {"certificates that do not fit are refused", certificates_that_do_not_fit_are_refused},
          {"report data and host data are compared", report_data_and_host_data_are_compared},
          {"evidence without chain takes the store's VCEK",
           evidence_without_chain_takes_the_vcek_of_the_store},
          {"all is freed", all_is_freed})
