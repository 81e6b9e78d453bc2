/*
 * test-psp-report.c - which key signs, what masks hide, the certificate tables hosts deliver, and
 * reports signed anew.
 */
#include "tests/unit/fake-tee/world.h"

#include "common/snp/vek.h"
#include "fake-tee/issue.h"

#include <openssl/x509.h>
#include <string.h>

static const uint8_t data[64] = {5};

static X509 *cert_in(const struct snp_certs *certs, enum snp_cert_type type)
{
    const struct snp_cert *c = snp_certs_find(certs, type);
    X509 *cert = NULL;

    T_TRUE(c != NULL);
    if (c)
        T_OK(cmn_x509_load(env, cmn_buf_bytes(&c->bytes), &cert, NULL), NULL);
    return cert;
}

static struct snp_certs table_of(struct ftee_psp *psp, size_t *bytes)
{
    auto_buf struct cmn_buf table = {0};
    struct snp_certs certs = {0};

    T_OK(ftee_psp_certs(psp, &table), NULL);
    T_OK(snp_certs_decode(table.data, table.len, &certs, NULL), NULL);
    *bytes = table.len;
    return certs;
}

static void keys_that_are_not_there_are_refused(void)
{
    struct ftee_psp *psp = launched(SNP_GENOA, &(struct ftee_launch){0});
    uint8_t raw[SNP_REPORT_BYTES];
    const struct {
        uint32_t vmpl, sel, want;
    } cases[] = {{0, SNP_KEY_SEL_VLEK, 0x27}, {0, 3, 0x16},          {4, 0, 0x16},
                 {0xFFFFFFFF, 0, 0x16},       {0, 0xFFFFFFFF, 0x16}, {3, SNP_KEY_SEL_VCEK, 0}};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        uint32_t status = 99;
        T_OK(ftee_psp_report_with(psp, data, cases[i].vmpl, (enum snp_key_sel)cases[i].sel, raw,
                                  &status, NULL),
             NULL);
        T_EQ_INT(status, cases[i].want);
    }
    ftee_psp_free(psp);
}

/* With a VLEK loaded: it signs, unless the guest asks for the VCEK. */
static void a_loaded_vlek_signs(enum snp_product product)
{
    struct ftee_platform *p = platform_of(product, &(struct ftee_platform_opts){.chip = 2});
    struct cmn_err err = {0};

    T_OK(ftee_platform_load_vlek(p, "CN=csp.test", &err), &err);
    struct ftee_psp *psp = launched(product, &(struct ftee_launch){.platform = p});
    uint8_t raw[SNP_REPORT_BYTES];
    size_t bytes;
    struct snp_vek_info info;
    uint32_t status;
    struct snp_report r = report_of(psp, raw);
    auto_certs struct snp_certs certs = table_of(psp, &bytes);
    T_EQ_INT(certs.n, 3);
    T_TRUE(snp_certs_find(&certs, SNP_CERT_VCEK) == NULL);
    auto_x509 X509 *vlek = cert_in(&certs, SNP_CERT_VLEK), *asvk = cert_in(&certs, SNP_CERT_ASK),
                   *ark = cert_in(&certs, SNP_CERT_ARK);
    auto_pkey EVP_PKEY *key = X509_get_pubkey(vlek);
    T_EQ_INT(r.key_info, 4);
    T_OK(snp_report_verify(env, raw, key, &err), &err);
    T_EQ_INT(X509_verify(vlek, X509_get0_pubkey(asvk)), 1);
    T_EQ_INT(X509_verify(asvk, X509_get0_pubkey(ark)), 1);
    T_OK(snp_vek_info(vlek, &info, &err), &err);
    T_EQ_MEM(&info.tcb, &r.reported_tcb, sizeof(info.tcb));
    T_OK(ftee_psp_report_with(psp, data, 0, SNP_KEY_SEL_VCEK, raw, &status, &err), &err);
    T_EQ_INT(raw[0x48], 0);
    T_ERR(snp_report_verify(env, raw, key, &err), -EKEYREJECTED, &err, NULL);
    ftee_psp_free(psp);
    ftee_platform_unref(p);
}

static void a_loaded_vlek_signs_unless_the_vcek_is_asked_for(void)
{
    for (unsigned product = 0; product < SNP_PRODUCT_COUNT; product++)
        a_loaded_vlek_signs((enum snp_product)product);
}

static void masks_hide_chip_and_signature(void)
{
    struct ftee_platform *p = platform_of(SNP_GENOA, &(struct ftee_platform_opts){0});
    struct ftee_psp *psp = launched(SNP_GENOA, &(struct ftee_launch){.platform = p});
    uint8_t raw[SNP_REPORT_BYTES];
    struct cmn_err err = {0};

    T_OK(ftee_platform_config(p, NULL, true, false, &err), &err);
    (void)report_of(psp, raw);
    T_TRUE(cmn_all_zero(raw + 0x1A0, 64));
    T_TRUE(!cmn_all_zero(raw + 0x2A0, 144));
    T_EQ_INT(raw[0x48], 0);
    T_OK(ftee_platform_config(p, NULL, false, true, &err), &err);
    (void)report_of(psp, raw);
    T_TRUE(!cmn_all_zero(raw + 0x1A0, 64));
    T_TRUE(cmn_all_zero(raw + 0x2A0, 512));
    T_EQ_INT(raw[0x48], 7 << 2 | 2);
    T_EQ_INT(raw[0x34], 1);
    T_OK(ftee_platform_config(p, NULL, false, false, &err), &err);
    (void)report_of(psp, raw);
    T_TRUE(!cmn_all_zero(raw + 0x2A0, 144));
    ftee_psp_free(psp);
    ftee_platform_unref(p);
}

static void tables_can_be_partial_and_empty(void)
{
    for (unsigned omit = 0; omit <= FTEE_OMIT_ALL; omit++) {
        struct ftee_psp *psp = launched(SNP_GENOA, &(struct ftee_launch){.certs = {.omit = omit}});
        size_t bytes;
        auto_certs struct snp_certs certs = table_of(psp, &bytes);
        T_EQ_INT(!snp_certs_find(&certs, SNP_CERT_VCEK), !!(omit & FTEE_OMIT_VEK));
        T_EQ_INT(!snp_certs_find(&certs, SNP_CERT_ASK), !!(omit & FTEE_OMIT_ASK));
        T_EQ_INT(!snp_certs_find(&certs, SNP_CERT_ARK), !!(omit & FTEE_OMIT_ARK));
        T_EQ_INT(bytes % 4096, 0);
        T_EQ_INT(bytes == 0, omit == FTEE_OMIT_ALL);
        ftee_psp_free(psp);
    }
}

static void tables_can_be_pem_and_hold_a_crl(void)
{
    struct ftee_psp *psp =
        launched(SNP_GENOA, &(struct ftee_launch){.certs = {.pem = true, .crl = true}});
    size_t bytes;
    auto_certs struct snp_certs certs = table_of(psp, &bytes);
    uint8_t raw[SNP_REPORT_BYTES];
    struct cmn_err err = {0};

    T_EQ_INT(certs.n, 4);
    T_TRUE(bytes <= SNP_PSP_CERTS_MAX);
    for (size_t i = 0; i < 3; i++)
        T_EQ_MEM(certs.list[i].bytes.data, "-----BEGIN CERTIFICATE-----\n", 28);
    const struct cmn_buf *crl = &snp_certs_find(&certs, SNP_CERT_CRL)->bytes;
    const uint8_t *der = crl->data;
    X509_CRL *list = d2i_X509_CRL(NULL, &der, (long)crl->len);
    T_TRUE(list != NULL);
    X509_CRL_free(list);
    auto_x509 X509 *vcek = cert_in(&certs, SNP_CERT_VCEK);
    auto_pkey EVP_PKEY *key = X509_get_pubkey(vcek);
    (void)report_of(psp, raw);
    T_OK(snp_report_verify(env, raw, key, &err), &err);
    ftee_psp_free(psp);
}

static void a_changed_report_can_be_signed_anew(void)
{
    struct ftee_psp *psp = launched(SNP_GENOA, &(struct ftee_launch){0});
    size_t bytes;
    auto_certs struct snp_certs certs = table_of(psp, &bytes);
    auto_x509 X509 *vcek = cert_in(&certs, SNP_CERT_VCEK);
    auto_pkey EVP_PKEY *key = X509_get_pubkey(vcek);
    uint8_t raw[SNP_REPORT_BYTES];
    struct cmn_err err = {0};

    (void)report_of(psp, raw);
    raw[0x90] ^= 1;
    T_ERR(snp_report_verify(env, raw, key, &err), -EKEYREJECTED, &err, NULL);
    T_OK(ftee_psp_sign_report(psp, raw, &err), &err);
    T_OK(snp_report_verify(env, raw, key, &err), &err);
    ftee_psp_free(psp);
}

TEST_MAIN("psp-report",
          {"keys that are not there are refused", keys_that_are_not_there_are_refused},
          {"a loaded VLEK signs unless the VCEK is asked for",
           a_loaded_vlek_signs_unless_the_vcek_is_asked_for},
          {"masks hide chip and signature", masks_hide_chip_and_signature},
          {"tables can be partial and empty", tables_can_be_partial_and_empty},
          {"tables can be PEM and hold a CRL", tables_can_be_pem_and_hold_a_crl},
          {"a changed report can be signed anew", a_changed_report_can_be_signed_anew},
          {"all is freed", world_end})
