/*
 * test-verifier-snp.c - the order of the snp verifier's checks, certificates that do not fit, and
 * the offline store, on evidence of real processors (test-snp-samples.c has their verdicts).
 */
#include "sample.h"

#include "common/enc/enc.h"
#include "kbs-lite/lib/vcek-sources.h"
#include "kbs-lite/lib/verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool load(const char *folder, struct sample *s)
{
    return sample_load(folder, "vcek.der", s);
}

static int verify_with(const struct sample *s, const json_t *ev, struct kbs_vcek_sources *sources,
                       struct kbs_claims *claims, struct cmn_err *err)
{
    const struct kbs_snp_input snp = {.roots = sample_roots(),
                                      .fetch = sources ? kbs_vcek_sources_fetch : NULL,
                                      .fetch_ctx = sources};
    struct kbs_checks checks;

    return kbs_verifier_snp.verify(sample_env(),
                                   &(struct kbs_verify_input){.evidence = ev,
                                                              .report_data = s->fields.report_data,
                                                              .report_data_len = 64,
                                                              .snp = &snp,
                                                              .now = JANUARY_2026},
                                   &checks, claims, err);
}

static int verify(const struct sample *s, struct kbs_claims *claims, struct cmn_err *err)
{
    auto_json json_t *ev = sample_evidence(s, true);

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
    expect_refusal(&s, "snp.product-mismatch",
                   "Certificate chain provided by user failed to verify");
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
    sample_done(&s);
}

static void certificates_that_do_not_fit_are_refused(void)
{
    struct sample s, other;

    if (!load("genoa-v3-vcek-certtable", &s) || !load("genoa-v5-vcek", &other))
        return;
    struct snp_certs own = s.certs;
    struct cmn_buf *vcek = &s.certs.list[0].bytes;
    s.certs = other.certs; /* another chip of the same family */
    expect_refusal(&s, "snp.signature-invalid", NULL);
    s.certs = own;
    vcek->len--;
    expect_refusal(&s, "snp.cert-malformed", NULL);
    vcek->len++;
    vcek->data[vcek->len - 1] ^= 1; /* its signature */
    expect_refusal(&s, "snp.chain-invalid", NULL);
    vcek->data[vcek->len - 1] ^= 1;
    auto_json json_t *ev = sample_evidence(&s, true);
    struct kbs_claims claims = {0};
    struct cmn_err err = {0};
    (void)json_object_set_new(ev, "cert_chain", json_array());
    T_ERR(verify_with(&s, ev, NULL, &claims, &err), -EKEYREJECTED, &err,
          "it must include a VCEK/VLEK");
    (void)json_object_set_new(ev, "cert_chain",
                              json_pack("[{s:s, s:[]}]", "cert_type", "VCEKS", "data"));
    T_ERR(verify_with(&s, ev, NULL, &claims, &err), -EKEYREJECTED, &err,
          "Deserialize SNP Evidence failed");
    sample_done(&s);
    sample_done(&other);
}

static void report_data_and_host_data_are_compared(void)
{
    struct sample s;
    struct kbs_claims claims = {0};
    struct kbs_checks checks;
    struct cmn_err err = {0};
    uint8_t wrong[48] = {1};
    const struct kbs_snp_input snp = {.roots = sample_roots()};

    if (!load("genoa-v5-vcek", &s))
        return;
    auto_json json_t *ev = sample_evidence(&s, true);
    struct kbs_verify_input in = {.evidence = ev,
                                  .report_data = wrong,
                                  .report_data_len = 48,
                                  .snp = &snp,
                                  .now = JANUARY_2026};
    T_ERR(kbs_verifier_snp.verify(sample_env(), &in, &checks, &claims, &err), -EKEYREJECTED, &err,
          "Report Data Mismatch. Given: ");
    const struct kbs_check *c = kbs_checks_refusal(&checks);
    T_EQ_STR(c ? c->name : "", "report.report-data");
    T_EQ_STR(c ? c->expected : "",
             "01000000000000000000000000000000000000000000000000000000000000000000000000000000"
             "000000000000000000000000000000000000000000000000");
    T_EQ_INT(kbs_checks_find(&checks, "policy.debug")->result, KBS_CHECK_NOT_REACHED);
    in.report_data = s.fields.report_data;
    in.report_data_len = 64;
    in.init_data = wrong;
    in.init_data_len = 48;
    T_ERR(kbs_verifier_snp.verify(sample_env(), &in, &checks, &claims, &err), -EKEYREJECTED, &err,
          "Host Data Mismatch. Given: ");
    T_EQ_STR(cmn_reason_name(err.reason), "snp.host-data-mismatch");
    sample_done(&s);
}

/* As upstream chooses the layout: by version and CPU ids, whatever optional members say. */
static void optional_members_do_not_choose_the_layout(void)
{
    struct sample s;
    struct kbs_claims claims = {0};
    struct cmn_err err = {0};

    if (!load("genoa-v5-vcek", &s))
        return;
    auto_json json_t *ev = sample_evidence(&s, true);
    json_t *report = json_object_get(ev, "attestation_report");
    (void)json_object_set_new(json_object_get(report, "reported_tcb"), "fmc", json_integer(7));
    T_OK(verify_with(&s, ev, NULL, &claims, &err), &err);
    kbs_claims_done(&claims);
    (void)json_object_del(report, "launch_mit_vector"); /* read as zero, which it is not */
    T_ERR(verify_with(&s, ev, NULL, &claims, &err), -EKEYREJECTED, &err, "VEK does not sign");
    sample_done(&s);
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

static struct kbs_vcek_sources *offline_store(const char *dir)
{
    const struct kbs_vcek_source source = {.dir = dir};
    const struct kbs_config config = {.vcek_sources = &source, .n_vcek_sources = 1};
    struct kbs_vcek_sources *sources = NULL;

    T_OK(kbs_vcek_sources_new(sample_env(), &config, &sources, NULL), NULL);
    return sources;
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
    auto_json json_t *ev = sample_evidence(&s, false), *turin_ev = sample_evidence(&turin, false);
    struct kbs_vcek_sources *sources = offline_store(dir);
    T_ERR(verify_with(&s, ev, NULL, &claims, &err), -EKEYREJECTED, &err,
          "Failed to fetch VCEK from any configured source");
    T_EQ_STR(cmn_reason_name(err.reason), "snp.vcek-unavailable");
    T_ERR(verify_with(&s, ev, sources, &claims, &err), -EKEYREJECTED, &err, "vcek.der");
    T_EQ_STR(cmn_reason_name(err.reason), "snp.vcek-unavailable");
    store(&s, dir, 64, "vcek.der");
    T_OK(verify_with(&s, ev, sources, &claims, &err), &err);
    kbs_claims_done(&claims);
    const struct snp_tcb *t = &turin.fields.reported_tcb;
    (void)snprintf(name, sizeof(name), "bl%02u_tee%02u_snp%02u_ucode%02u_fmc%02u_vcek.der",
                   t->bootloader, t->tee, t->snp, t->microcode, t->fmc);
    store(&turin, dir, 8, name);
    T_OK(verify_with(&turin, turin_ev, sources, &claims, &err), &err);
    kbs_claims_done(&claims);
    /* the name of the TCB goes before vcek.der */
    turin.cert.data[turin.cert.len - 1] ^= 1;
    store(&turin, dir, 8, "vcek.der");
    T_OK(verify_with(&turin, turin_ev, sources, &claims, &err), &err);
    kbs_claims_done(&claims);
    store(&turin, dir, 8, name);
    T_ERR(verify_with(&turin, turin_ev, sources, &claims, &err), -EKEYREJECTED, &err,
          "Certificate chain from KDS failed verification");
    memset(s.fields.chip_id, 0, 64);
    auto_json json_t *masked = sample_evidence(&s, false);
    T_ERR(verify_with(&s, masked, sources, &claims, &err), -EKEYREJECTED, &err, "MASK_CHIP_ID");
    kbs_vcek_sources_free(sources);
    sample_done(&s);
    sample_done(&turin);
}

static void all_is_freed(void)
{
    sample_world_done();
    T_TRUE(true);
}

TEST_MAIN("kbs-verifier-snp",
          {"tampered reports are refused in upstream's order",
           tampered_reports_are_refused_in_upstreams_order},
          {"certificates that do not fit are refused", certificates_that_do_not_fit_are_refused},
          {"report data and host data are compared", report_data_and_host_data_are_compared},
          {"optional members do not choose the layout", optional_members_do_not_choose_the_layout},
          {"evidence without chain takes the store's VCEK",
           evidence_without_chain_takes_the_vcek_of_the_store},
          {"all is freed", all_is_freed})
