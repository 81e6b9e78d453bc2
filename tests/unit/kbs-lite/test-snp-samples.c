/*
 * test-snp-samples.c - the SNP verifier on evidence of real hardware, offline, against AMD's
 * built-in keys. Nobody knows the nonces any more, so report data is not compared.
 */
#include "sample.h"

#include "common/snp/cert-profile.h"
#include "kbs-lite/lib/roots.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <string.h>

/*
 * The columns of the samples' README, and the advisories in Trustee's mode. Where the README has
 * Genoa v5 and Turin v5 accepted by strict mode at 2025-06-01 it errs: their VCEKs begin on
 * 2025-08-07 and 2025-07-17.
 */
static const struct {
    const char *folder, *cert;
    enum cmn_reason trustee, strict_now, strict_2025; /* NONE: accepted */
    const char *advisories_now, *advisories_2025;     /* in Trustee's mode */
} samples[] = {
    {"milan-v2-vcek-a", "vcek.der", CMN_REASON_SNP_VERSION_TOO_OLD, 0, 0, "", ""},
    {"milan-v2-vcek-b-debug", "vcek.der", CMN_REASON_SNP_VERSION_TOO_OLD,
     CMN_REASON_SNP_DEBUG_ALLOWED, CMN_REASON_SNP_DEBUG_ALLOWED, "", ""},
    {"milan-v3-vlek-aws", "vlek.der", 0, CMN_REASON_SNP_CERT_EXPIRED, 0,
     "snp.cert-expired snp.tcb-provisional", "snp.tcb-provisional"},
    {"genoa-v3-vcek-certtable", "vcek.der", 0, 0, 0, "", ""},
    {"genoa-v5-vcek", "vcek.der", 0, 0, CMN_REASON_SNP_CERT_NOT_YET_VALID, "",
     "snp.cert-not-yet-valid"},
    {"turin-v5-vcek", "vcek.der", 0, 0, CMN_REASON_SNP_CERT_NOT_YET_VALID, "",
     "snp.cert-not-yet-valid"},
};

static void check(size_t i, int64_t now, enum kbs_snp_mode mode, enum cmn_reason want,
                  const char *advisories)
{
    struct sample s;
    struct kbs_snp_result res;

    if (!sample_load(samples[i].folder, samples[i].cert, &s))
        return;
    auto_json json_t *evidence = sample_evidence(&s, true);
    struct kbs_snp_input raw = {.mode = mode,
                                .report = cmn_buf_bytes(&s.raw),
                                .certs = &s.certs,
                                .now = now},
                         json = {.mode = mode, .evidence = evidence, .now = now};
    T_EQ_STR(cmn_reason_name(sample_verify(&raw, &res)), cmn_reason_name(want));
    if (advisories)
        T_EQ_STR(sample_advisories(&res), advisories);
    if (!want)
        T_EQ_STR(res.root, "amd");
    T_EQ_STR(cmn_reason_name(sample_verify(&json, &res)), cmn_reason_name(want));
    if (advisories)
        T_EQ_STR(sample_advisories(&res), advisories);
    sample_done(&s);
}

static void trustees_mode_gives_trustees_verdict_and_advises(void)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(samples); i++) {
        check(i, LATE_2026, KBS_SNP_TRUSTEE, samples[i].trustee, samples[i].advisories_now);
        check(i, JUNE_2025, KBS_SNP_TRUSTEE, samples[i].trustee, samples[i].advisories_2025);
    }
}

static void strict_mode_refuses_what_trustee_overlooks(void)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(samples); i++) {
        check(i, LATE_2026, KBS_SNP_STRICT, samples[i].strict_now, NULL);
        check(i, JUNE_2025, KBS_SNP_STRICT, samples[i].strict_2025, NULL);
    }
}

static void a_flipped_bit_of_the_signed_region_is_refused_in_every_mode(void)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(samples); i++)
        for (size_t at = 0x50; at < 0x180; at += 0x30) { /* report data to the report's ids */
            struct sample s;
            struct kbs_snp_result res;
            if (!sample_load(samples[i].folder, samples[i].cert, &s))
                return;
            s.raw.data[at] ^= 1;
            struct kbs_snp_input in = {.mode = KBS_SNP_STRICT,
                                       .report = cmn_buf_bytes(&s.raw),
                                       .certs = &s.certs,
                                       .now = JANUARY_2026};
            if (samples[i].cert[1] == 'l')
                in.now = JUNE_2025; /* the VLEK lived a year */
            T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "snp.signature-invalid");
            in.mode = KBS_SNP_TRUSTEE;
            T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)),
                     samples[i].trustee ? "snp.version-too-old" : "snp.signature-invalid");
            sample_done(&s);
        }
}

static void a_certificate_of_another_product_is_refused(void)
{
    struct sample genoa, milan;
    struct kbs_snp_result res;

    if (!sample_load("genoa-v5-vcek", "vcek.der", &genoa) ||
        !sample_load("milan-v2-vcek-a", "vcek.der", &milan))
        return;
    struct kbs_snp_input in = {.report = cmn_buf_bytes(&genoa.raw), .certs = &milan.certs};
    T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "snp.product-mismatch");
    T_TRUE(strstr(res.message, "Certificate chain provided by user failed to verify") != NULL);
    /* a version 2 report takes the product from its certificate */
    in = (struct kbs_snp_input){.mode = KBS_SNP_STRICT,
                                .report = cmn_buf_bytes(&milan.raw),
                                .certs = &genoa.certs,
                                .now = JANUARY_2026};
    T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "snp.signature-invalid");
    T_EQ_INT(res.product, SNP_GENOA);
    sample_done(&genoa);
    sample_done(&milan);
}

static void a_hosts_certificate_table_is_taken_as_it_is(void)
{
    struct sample s;
    struct kbs_snp_result res;
    auto_buf struct cmn_buf table = {0};

    if (!sample_load("genoa-v3-vcek-certtable", "vcek.der", &s) ||
        !sample_file("genoa-v3-vcek-certtable/auxblob.bin", &table))
        return;
    struct kbs_snp_input in = {.mode = KBS_SNP_STRICT,
                               .report = cmn_buf_bytes(&s.raw),
                               .cert_table = cmn_buf_bytes(&table),
                               .now = JANUARY_2026};
    T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "");
    T_EQ_INT(kbs_checks_find(&res.checks, "chain.intermediate")->result, KBS_CHECK_PASS);
    in.cert_table.len = 48; /* its entries without their end mark */
    T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "snp.cert-table-malformed");
    sample_done(&s);
}

/* roots/ has the chains as KDS serves them: with them nothing changes, Turin's CRLF included. */
static void chains_of_kds_agree_with_the_built_in_keys(void)
{
    static const struct {
        const char *folder, *cert, *chain;
        int64_t now;
    } cases[] = {
        {"milan-v3-vlek-aws", "vlek.der", "roots/milan_vlek_cert_chain.pem", JUNE_2025},
        {"genoa-v5-vcek", "vcek.der", "roots/genoa_vcek_cert_chain.pem", JANUARY_2026},
        {"turin-v5-vcek", "vcek.der", "roots/turin_vcek_cert_chain.pem", JANUARY_2026},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sample s;
        struct kbs_snp_result res;
        auto_buf struct cmn_buf pem = {0};
        if (!sample_load(cases[i].folder, cases[i].cert, &s) || !sample_file(cases[i].chain, &pem))
            return;
        const char *second = strstr((char *)pem.data + 1, "-----BEGIN");
        size_t first_len = (size_t)(second - (char *)pem.data);
        T_OK(snp_certs_add(&s.certs, SNP_CERT_ASK, cmn_bytes(pem.data, first_len), NULL), NULL);
        T_OK(snp_certs_add(&s.certs, SNP_CERT_ARK, cmn_bytes(second, pem.len - first_len), NULL),
             NULL);
        struct kbs_snp_input in = {.mode = KBS_SNP_STRICT,
                                   .report = cmn_buf_bytes(&s.raw),
                                   .certs = &s.certs,
                                   .now = cases[i].now};
        T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "");
        T_EQ_INT(kbs_checks_find(&res.checks, "chain.intermediate")->result, KBS_CHECK_PASS);
        sample_done(&s);
    }
}

/* KDS' lists of 2026-08-19; Genoa's revokes its first ASK, 0x020001, and not the present one. */
static void real_revocation_lists_are_judged(void)
{
    struct sample s;
    struct kbs_snp_result res;
    struct kbs_crls *crls = NULL;
    auto_buf struct cmn_buf genoa = {0}, milan = {0};
    static const struct kbs_snp_expect required = {.crl_required = true};

    if (!sample_load("genoa-v5-vcek", "vcek.der", &s) ||
        !sample_file("crl/genoa_vcek.crl", &genoa) || !sample_file("crl/milan_vcek.crl", &milan))
        return;
    T_OK(kbs_crls_new(sample_env(), &crls, NULL), NULL);
    T_OK(kbs_crls_add(crls, cmn_buf_bytes(&milan), NULL), NULL);
    struct kbs_snp_input in = {.mode = KBS_SNP_STRICT,
                               .report = cmn_buf_bytes(&s.raw),
                               .certs = &s.certs,
                               .crls = crls,
                               .now = 1788220800};           /* 2026-09-01 */
    T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), ""); /* none of this product: not asked */
    in.expect = &required;
    T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "snp.crl-missing");
    T_OK(kbs_crls_add(crls, cmn_buf_bytes(&genoa), NULL), NULL);
    T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "");
    T_EQ_INT(kbs_checks_find(&res.checks, "crl.revoked")->result, KBS_CHECK_PASS);
    in.now = LATE_2026; /* after its nextUpdate */
    T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "snp.crl-stale");
    in.mode = KBS_SNP_TRUSTEE;
    T_EQ_STR(cmn_reason_name(sample_verify(&in, &res)), "");
    T_EQ_STR(sample_advisories(&res), "snp.crl-stale");
    T_EQ_INT(kbs_checks_find(&res.checks, "crl.revoked")->result, KBS_CHECK_NOT_ASKED);
    kbs_crls_free(crls);
    sample_done(&s);
}

/* What is known by its fingerprint is not verified again: here it is, once. */
static void the_known_certificates_are_signed_by_their_ark(void)
{
    static const struct {
        const char *file;
        enum snp_product product;
        enum kbs_root_kind first; /* the ARK stands second */
    } chains[] = {
        {"roots/milan_vcek_cert_chain.pem", SNP_MILAN, KBS_ROOT_ASK},
        {"roots/milan_vlek_cert_chain.pem", SNP_MILAN, KBS_ROOT_ASVK},
        {"roots/genoa_vcek_cert_chain.pem", SNP_GENOA, KBS_ROOT_ASK},
        {"roots/genoa_vlek_cert_chain.pem", SNP_GENOA, KBS_ROOT_ASVK},
        {"roots/turin_vcek_cert_chain.pem", SNP_TURIN, KBS_ROOT_ASK},
        {"roots/turin_vlek_cert_chain.pem", SNP_TURIN, KBS_ROOT_ASVK},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(chains); i++) {
        auto_buf struct cmn_buf pem = {0};
        if (!sample_file(chains[i].file, &pem))
            return;
        const struct kbs_root_family *f = kbs_roots_next(sample_roots(), chains[i].product, NULL);
        BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
        for (int at = 0; at < 2; at++) {
            auto_x509 X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
            uint8_t *der = NULL;
            int n = i2d_X509(cert, &der);
            struct cmn_bytes bytes = cmn_bytes(der, n > 0 ? (size_t)n : 0);
            enum kbs_root_kind kind = at ? KBS_ROOT_ARK : chains[i].first;
            struct snp_cert_profile p;
            uint8_t sha256[32];
            T_EQ_INT(X509_verify(cert, f->keys[KBS_ROOT_ARK].key), 1);
            T_OK(cmn_hash(sample_env(), "SHA256", bytes.data, bytes.len, sha256, NULL), NULL);
            T_TRUE(kbs_roots_by_cert(sample_roots(), sha256) == &f->keys[kind]);
            const struct snp_cert_profile *known = &f->keys[kind].profile;
            snp_cert_profile_read(cert, &p);
            T_EQ_MEM(known, &p, sizeof(p));
            OPENSSL_free(der);
        }
        BIO_free(bio);
    }
}

static void all_is_freed(void)
{
    sample_world_done();
    T_TRUE(true);
}

TEST_MAIN(
    "snp-samples",
    {"Trustee's mode gives Trustee's verdict, and advises",
     trustees_mode_gives_trustees_verdict_and_advises},
    {"strict mode refuses what Trustee overlooks", strict_mode_refuses_what_trustee_overlooks},
    {"a flipped bit of the signed region is refused in every mode",
     a_flipped_bit_of_the_signed_region_is_refused_in_every_mode},
    {"a certificate of another product is refused", a_certificate_of_another_product_is_refused},
    {"a host's certificate table is taken as it is", a_hosts_certificate_table_is_taken_as_it_is},
    {"chains of KDS agree with the built-in keys", chains_of_kds_agree_with_the_built_in_keys},
    {"the known certificates are signed by their ARK",
     the_known_certificates_are_signed_by_their_ark},
    {"real revocation lists are judged", real_revocation_lists_are_judged},
    {"all is freed", all_is_freed})
