/*
 * test-issue.c - certificates and CRLs made to order: what cannot be made, each deliberate fault
 * where a parser must find it, the VLEK's profile byte by byte, and CRLs that OpenSSL understands.
 */
#include "tests/testlib/testlib.h"
#include "tests/unit/fake-tee/chain.h"

#include "common/snp/vek.h"
#include "fake-tee/issue.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

static struct cmn_env *env;
static struct ftee_ca *cas[SNP_PRODUCT_COUNT];

static struct ftee_ca *ca_of(enum snp_product product)
{
    struct cmn_err err = {0};

    if (!env)
        T_OK(cmn_env_new_seeded(TEST_CHAIN_SEED, sizeof(TEST_CHAIN_SEED) - 1, &env, &err), &err);
    if (!cas[product])
        T_OK(ftee_ca_open(env, test_chain_dir(), product, &cas[product], &err), &err);
    return cas[product];
}

static X509 *cert_of(struct cmn_bytes der)
{
    X509 *cert = NULL;

    T_OK(cmn_x509_load(env, der, &cert, NULL), NULL);
    return cert;
}

static X509 *issued(const struct ftee_issue *what, EVP_PKEY **key)
{
    auto_buf struct cmn_buf der = {0};
    struct cmn_err err = {0};

    T_OK(ftee_ca_issue(ca_of(SNP_GENOA), what, key, &der, &err), &err);
    return cert_of(cmn_buf_bytes(&der));
}

static void changes_that_cannot_be_made_are_refused(void)
{
    const struct {
        struct ftee_ext ext;
        const char *part;
    } exts[] = {
        {{"nonsense", FTEE_EXT_ADD, false, {0}}, "not an OID"},
        {{SNP_OID_ARC ".3.9", FTEE_EXT_DROP, false, {0}}, "has no extension"},
        {{SNP_OID_ARC ".5", FTEE_EXT_REPLACE, false, {0}}, "has no extension"},
    };
    auto_buf struct cmn_buf der = {0};
    struct cmn_err err = {0};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(exts); i++) {
        const struct ftee_issue what = {.kind = FTEE_CERT_VCEK, .exts = &exts[i].ext, .n_exts = 1};
        T_ERR(ftee_ca_issue(ca_of(SNP_GENOA), &what, NULL, &der, &err), -EINVAL, &err,
              exts[i].part);
    }
    T_ERR(ftee_ca_issue(ca_of(SNP_GENOA),
                        &(struct ftee_issue){.kind = FTEE_CERT_VCEK, .not_after = "tomorrow"}, NULL,
                        &der, &err),
          -EINVAL, &err, "VCEK");
    char csp[129];
    memset(csp, 'x', 128);
    csp[128] = 0;
    T_ERR(ftee_ca_issue(ca_of(SNP_GENOA),
                        &(struct ftee_issue){.kind = FTEE_CERT_VLEK, .csp_id = csp}, NULL, &der,
                        &err),
          -EINVAL, &err, "VLEK");
    T_EQ_INT(der.len, 0);
}

static void an_issued_vcek_is_the_kept_one_in_all_but_its_signature(void)
{
    const struct snp_tcb tcb = ftee_default_tcb(SNP_GENOA);
    auto_pkey EVP_PKEY *a = NULL, *b = NULL;
    auto_buf struct cmn_buf der = {0};
    struct snp_vek_info one, two;
    auto_x509 X509 *other = issued(&(struct ftee_issue){.kind = FTEE_CERT_VCEK, .chip = 3}, &b);

    T_OK(ftee_ca_vcek(ca_of(SNP_GENOA), 3, &tcb, &a, &der, NULL), NULL);
    auto_x509 X509 *kept = cert_of(cmn_buf_bytes(&der));
    T_EQ_INT(EVP_PKEY_eq(a, b), 1);
    T_OK(snp_vek_info(kept, &one, NULL), NULL);
    T_OK(snp_vek_info(other, &two, NULL), NULL);
    T_EQ_MEM(&one, &two, sizeof(one));
    auto_x509 X509 *ask = cert_of(ftee_ca_ask_der(ca_of(SNP_GENOA)));
    T_EQ_INT(X509_verify(other, X509_get0_pubkey(ask)), 1);
}

static void extensions_can_be_dropped_doubled_and_replaced(void)
{
    const uint8_t octet[] = {4, 1, 23}, wide[] = {2, 2, 1, 0};
    const struct ftee_ext drop = {SNP_OID_ARC ".3.3", FTEE_EXT_DROP, false, {0}},
                          twice = {SNP_OID_ARC ".3.3", FTEE_EXT_ADD, true, {octet, 3}},
                          replace = {SNP_OID_ARC ".3.3", FTEE_EXT_REPLACE, false, {wide, 4}};
    auto_x509 X509
        *without =
            issued(&(struct ftee_issue){.kind = FTEE_CERT_VCEK, .exts = &drop, .n_exts = 1}, NULL),
        *doubled =
            issued(&(struct ftee_issue){.kind = FTEE_CERT_VCEK, .exts = &twice, .n_exts = 1}, NULL),
        *wrong = issued(&(struct ftee_issue){.kind = FTEE_CERT_VCEK, .exts = &replace, .n_exts = 1},
                        NULL);
    struct snp_vek_info info;
    struct cmn_err err = {0};

    T_EQ_INT(X509_get_ext_count(without), 10);
    T_OK(snp_vek_info(without, &info, &err), &err);
    T_TRUE(!info.has_snp && info.has_bl);
    T_EQ_INT(X509_get_ext_count(doubled), 12);
    T_EQ_INT(X509_EXTENSION_get_critical(X509_get_ext(doubled, 11)), 1);
    T_EQ_INT(X509_get_ext_count(wrong), 11);
    T_ERR(snp_vek_info(wrong, &info, &err), -EBADMSG, &err, ".3.3");
}

static void dates_names_and_serials_can_be_wrong(void)
{
    const struct ftee_issue what = {.kind = FTEE_CERT_ASK,
                                    .not_before = "20200101000000Z",
                                    .not_after = "20210101000000Z",
                                    .subject_cn = "SEV-Elsewhere",
                                    .issuer_cn = "ARK-Milan",
                                    .serial = 0x020001};
    auto_x509 X509 *cert = issued(&what, NULL), *ark = cert_of(ftee_ca_ark_der(ca_of(SNP_GENOA))),
                   *ask = cert_of(ftee_ca_ask_der(ca_of(SNP_GENOA)));
    time_t then = CMN_ENV_SEEDED_EPOCH;
    char cn[32];

    T_TRUE(X509_cmp_time(X509_get0_notAfter(cert), &then) < 0);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
    T_EQ_STR(cn, "SEV-Elsewhere");
    (void)X509_NAME_get_text_by_NID(X509_get_issuer_name(cert), NID_commonName, cn, sizeof(cn));
    T_EQ_STR(cn, "ARK-Milan");
    T_EQ_INT(ASN1_INTEGER_get(X509_get0_serialNumber(cert)), 0x020001);
    T_EQ_INT(X509_verify(cert, X509_get0_pubkey(ark)), 1);
    T_EQ_INT(EVP_PKEY_eq(X509_get0_pubkey(cert), X509_get0_pubkey(ask)), 1);
}

/* Kind of the signature: PSS or not, digest, salt. */
static void check_alg(X509 *cert, int pkey_nid, int md_nid, long salt)
{
    const X509_ALGOR *alg;
    const void *param;
    int md = 0, pkey = 0, type;

    X509_get0_signature(NULL, &alg, cert);
    T_EQ_INT(X509_get_signature_info(cert, &md, &pkey, NULL, NULL), 1);
    T_EQ_INT(md, md_nid);
    T_EQ_INT(pkey, pkey_nid);
    if (salt < 0)
        return;
    X509_ALGOR_get0(NULL, &type, &param, alg);
    const ASN1_STRING *seq = param;
    const uint8_t *p = ASN1_STRING_get0_data(seq);
    RSA_PSS_PARAMS *pss = d2i_RSA_PSS_PARAMS(NULL, &p, ASN1_STRING_length(seq));
    T_TRUE(pss && ASN1_INTEGER_get(pss->saltLength) == salt);
    RSA_PSS_PARAMS_free(pss);
}

static void signatures_can_be_of_another_kind(void)
{
    auto_x509 X509
        *sha256 =
            issued(&(struct ftee_issue){.kind = FTEE_CERT_VCEK, .alg = FTEE_SIGN_PSS_SHA256}, NULL),
        *salt =
            issued(&(struct ftee_issue){.kind = FTEE_CERT_VCEK, .alg = FTEE_SIGN_PSS_SALT32}, NULL),
        *v15 = issued(&(struct ftee_issue){.kind = FTEE_CERT_VCEK, .alg = FTEE_SIGN_PKCS1_SHA384},
                      NULL),
        *ask = cert_of(ftee_ca_ask_der(ca_of(SNP_GENOA)));

    check_alg(sha256, NID_rsassaPss, NID_sha256, 32);
    check_alg(salt, NID_rsassaPss, NID_sha384, 32);
    check_alg(v15, NID_rsaEncryption, NID_sha384, -1);
    T_EQ_INT(X509_verify(sha256, X509_get0_pubkey(ask)), 1);
    T_EQ_INT(X509_verify(salt, X509_get0_pubkey(ask)), 1);
    T_EQ_INT(X509_verify(v15, X509_get0_pubkey(ask)), 1);
}

static void another_key_and_another_signer_can_be_used(void)
{
    auto_pkey EVP_PKEY *p256 = NULL, *vcek = NULL, *rsa = NULL;

    (void)ca_of(SNP_GENOA);
    T_OK(cmn_ec_generate(env, "P-256", &p256, NULL), NULL);
    T_OK(cmn_rsa_generate(env, 2048, &rsa, NULL), NULL);
    auto_x509 X509 *small = issued(&(struct ftee_issue){.kind = FTEE_CERT_VCEK, .key = p256}, NULL),
                   *good = issued(&(struct ftee_issue){.kind = FTEE_CERT_VCEK}, &vcek),
                   *by_leaf = issued(
                       &(struct ftee_issue){.kind = FTEE_CERT_VCEK, .chip = 9, .signer = vcek},
                       NULL),
                   *own_root =
                       issued(&(struct ftee_issue){.kind = FTEE_CERT_ARK, .key = rsa}, NULL),
                   *ask_of_it =
                       issued(&(struct ftee_issue){.kind = FTEE_CERT_ASK, .signer = rsa}, NULL),
                   *ark = cert_of(ftee_ca_ark_der(ca_of(SNP_GENOA)));
    T_EQ_STR(cmn_ec_curve(X509_get0_pubkey(small)), "P-256");
    T_EQ_INT(X509_verify(by_leaf, X509_get0_pubkey(good)), 1);
    T_EQ_INT(X509_verify(own_root, rsa), 1);
    T_EQ_INT(X509_verify(ask_of_it, rsa), 1);
    T_TRUE(X509_verify(ask_of_it, X509_get0_pubkey(ark)) != 1);
}

/* ---- VLEK ---- */

static void check_vlek(enum snp_product product, const struct snp_tcb *tcb,
                       const char *const want[11][2])
{
    auto_pkey EVP_PKEY *key = NULL;
    auto_buf struct cmn_buf der = {0};
    struct cmn_bytes asvk_der;
    struct cmn_err err = {0};
    struct snp_vek_info info;
    char oid[64], cn[64];

    T_OK(ftee_ca_vlek(ca_of(product), "CN=csp.test", tcb, &key, &der, &err), &err);
    T_OK(ftee_ca_asvk_der(ca_of(product), &asvk_der, &err), &err);
    auto_x509 X509 *vlek = cert_of(cmn_buf_bytes(&der)), *asvk = cert_of(asvk_der);
    T_EQ_INT(X509_verify(vlek, X509_get0_pubkey(asvk)), 1);
    T_EQ_INT(EVP_PKEY_eq(X509_get0_pubkey(vlek), key), 1);
    T_OK(snp_vek_info(vlek, &info, &err), &err);
    T_TRUE(info.is_vlek && !info.has_hwid);
    T_EQ_INT(ASN1_INTEGER_get(X509_get0_serialNumber(vlek)), 0);
    (void)X509_NAME_get_text_by_NID(X509_get_issuer_name(vlek), NID_commonName, cn, sizeof(cn));
    T_TRUE(strncmp(cn, "SEV-VLEK-", 9) == 0 && strcmp(cn + 9, snp_product_name(product)) == 0);
    T_EQ_INT(X509_get_ext_count(vlek), 11);
    for (int i = 0; i < 11 && i < X509_get_ext_count(vlek); i++) {
        X509_EXTENSION *ext = X509_get_ext(vlek, i);
        const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(ext);
        struct cmn_buf bytes = t_unhex(want[i][1]);
        (void)OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(ext), 1);
        T_EQ_STR(oid + sizeof(SNP_OID_ARC), want[i][0]);
        T_EQ_INT(ASN1_STRING_length(data), bytes.len);
        T_EQ_MEM(ASN1_STRING_get0_data(data), bytes.data, bytes.len);
        cmn_buf_done(&bytes);
    }
}

static void vlek_names_the_provider_and_no_chip(void)
{
    static const char *const milan[11][2] = {{"1", "020100"},
                                             {"2", "16054d696c616e"},
                                             {"3.1", "020104"},
                                             {"3.2", "020100"},
                                             {"3.4", "020100"},
                                             {"3.5", "020100"},
                                             {"3.6", "020100"},
                                             {"3.7", "020100"},
                                             {"3.3", "020118"},
                                             {"3.8", "020200db"},
                                             {"5", "160b434e3d6373702e74657374"}};
    static const char *const turin[11][2] = {{"1", "020101"},
                                             {"2", "1605547572696e"},
                                             {"3.9", "020101"},
                                             {"3.1", "020101"},
                                             {"3.2", "020101"},
                                             {"3.3", "020104"},
                                             {"3.5", "020100"},
                                             {"3.6", "020100"},
                                             {"3.7", "020100"},
                                             {"3.8", "020148"},
                                             {"5", "160b434e3d6373702e74657374"}};
    struct snp_tcb tcb = ftee_default_tcb(SNP_MILAN);

    check_vlek(SNP_MILAN, &tcb, milan);
    tcb = ftee_default_tcb(SNP_TURIN);
    check_vlek(SNP_TURIN, &tcb, turin);
}

static void vlek_key_is_of_provider_and_tcb_and_lives_a_year(void)
{
    struct snp_tcb tcb = ftee_default_tcb(SNP_GENOA), older = tcb;
    auto_pkey EVP_PKEY *a = NULL, *same = NULL, *csp = NULL, *level = NULL;
    auto_buf struct cmn_buf one = {0}, two = {0}, more = {0};
    time_t now = CMN_ENV_SEEDED_EPOCH, later = now + 366 * 86400;

    older.snp--;
    T_OK(ftee_ca_vlek(ca_of(SNP_GENOA), NULL, &tcb, &a, &one, NULL), NULL);
    T_OK(ftee_ca_vlek(ca_of(SNP_GENOA), FTEE_CSP_ID, &tcb, &same, &two, NULL), NULL);
    T_OK(ftee_ca_vlek(ca_of(SNP_GENOA), "CN=other", &tcb, &csp, &more, NULL), NULL);
    T_OK(ftee_ca_vlek(ca_of(SNP_GENOA), NULL, &older, &level, &more, NULL), NULL);
    T_EQ_INT(one.len, two.len);
    T_EQ_MEM(one.data, two.data, one.len);
    T_TRUE(EVP_PKEY_eq(a, csp) != 1 && EVP_PKEY_eq(a, level) != 1);
    auto_x509 X509 *cert = cert_of(cmn_buf_bytes(&one));
    T_TRUE(X509_cmp_time(X509_get0_notBefore(cert), &now) <= 0);
    T_TRUE(X509_cmp_time(X509_get0_notAfter(cert), &now) > 0);
    T_TRUE(X509_cmp_time(X509_get0_notAfter(cert), &later) < 0);
}

static void asvk_has_its_own_crl_url_and_our_marks(void)
{
    struct cmn_bytes der, pem;
    struct cmn_err err = {0};

    T_OK(ftee_ca_asvk_der(ca_of(SNP_GENOA), &der, &err), &err);
    T_OK(ftee_ca_vlek_chain_pem(ca_of(SNP_GENOA), &pem, &err), &err);
    auto_x509 X509 *asvk = cert_of(der), *ark = cert_of(ftee_ca_ark_der(ca_of(SNP_GENOA))),
                   *first = cert_of(pem);
    T_EQ_INT(X509_cmp(first, asvk), 0);
    T_EQ_INT(X509_verify(asvk, X509_get0_pubkey(ark)), 1);
    T_EQ_INT(X509_get_pathlen(asvk), 0);
    uint64_t serial = 0;
    T_EQ_INT(ASN1_INTEGER_get_uint64(&serial, X509_get0_serialNumber(asvk)), 1);
    T_TRUE(serial == ((uint64_t)FTEE_SERIAL_PREFIX << 24 | 0x020101));
    T_TRUE(serial == ftee_ca_serial(ca_of(SNP_GENOA), FTEE_CERT_ASVK));
    int at = X509_get_ext_by_NID(asvk, NID_crl_distribution_points, -1);
    const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(X509_get_ext(asvk, at));
    T_TRUE(memmem(ASN1_STRING_get0_data(data), (size_t)ASN1_STRING_length(data),
                  "/vlek/v1/Genoa/crl", 18) != NULL);
}

/* ---- CRL ---- */

static X509_CRL *crl_of(const struct ftee_crl_opts *opts)
{
    auto_buf struct cmn_buf der = {0};
    struct cmn_err err = {0};

    T_OK(ftee_ca_crl(ca_of(SNP_GENOA), opts, &der, &err), &err);
    const uint8_t *p = der.data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)der.len);
    T_TRUE(crl != NULL && p == der.data + der.len);
    return crl;
}

/* OpenSSL's verdict on the ASK with this CRL, X509_V_OK or an error. */
static int judge(X509_CRL *crl, X509 *leaf)
{
    auto_x509 X509 *ark = cert_of(ftee_ca_ark_der(ca_of(SNP_GENOA)));
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    T_EQ_INT(X509_STORE_add_cert(store, ark), 1);
    T_EQ_INT(X509_STORE_add_crl(store, crl), 1);
    T_EQ_INT(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
    X509_STORE_CTX_set_time(ctx, 0, CMN_ENV_SEEDED_EPOCH + 60);
    X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_CRL_CHECK);
    (void)X509_verify_cert(ctx);
    int verdict = X509_STORE_CTX_get_error(ctx);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return verdict;
}

static void crl_is_the_arks_and_revokes_serials(void)
{
    auto_x509 X509 *ask = cert_of(ftee_ca_ask_der(ca_of(SNP_GENOA)));
    auto_pkey EVP_PKEY *ask_key = NULL;
    const uint64_t serials[] = {0x020001, ftee_ca_serial(ca_of(SNP_GENOA), FTEE_CERT_ASK)};
    auto_buf struct cmn_buf der = {0};

    T_OK(ftee_ca_issue(ca_of(SNP_GENOA), &(struct ftee_issue){.kind = FTEE_CERT_ASK}, &ask_key,
                       &der, NULL),
         NULL);
    X509_CRL *revoked = crl_of(&(struct ftee_crl_opts){.revoked = serials, .n_revoked = 2}),
             *empty = crl_of(NULL),
             *old = crl_of(&(struct ftee_crl_opts){.this_update = CMN_ENV_SEEDED_EPOCH - 86400 * 90,
                                                   .number = 7}),
             *forged = crl_of(&(struct ftee_crl_opts){.signer = ask_key});
    T_EQ_INT(judge(revoked, ask), X509_V_ERR_CERT_REVOKED);
    T_EQ_INT(judge(old, ask), X509_V_ERR_CRL_HAS_EXPIRED);
    T_EQ_INT(judge(forged, ask), X509_V_ERR_CRL_SIGNATURE_FAILURE);
    T_EQ_INT(judge(empty, ask), X509_V_OK);
    T_EQ_INT(X509_CRL_get_version(empty), X509_CRL_VERSION_2);
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(old, NID_crl_number, NULL, NULL);
    T_EQ_INT(ASN1_INTEGER_get(number), 7);
    ASN1_INTEGER_free(number);
    X509_CRL_free(revoked);
    X509_CRL_free(empty);
    X509_CRL_free(old);
    X509_CRL_free(forged);
}

static void all_is_freed(void)
{
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++)
        ftee_ca_free(cas[p]);
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("issue",
          {"changes that cannot be made are refused", changes_that_cannot_be_made_are_refused},
          {"an issued VCEK is the kept one in all but its signature",
           an_issued_vcek_is_the_kept_one_in_all_but_its_signature},
          {"extensions can be dropped, doubled and replaced",
           extensions_can_be_dropped_doubled_and_replaced},
          {"dates, names and serials can be wrong", dates_names_and_serials_can_be_wrong},
          {"signatures can be of another kind", signatures_can_be_of_another_kind},
          {"another key and another signer can be used",
           another_key_and_another_signer_can_be_used},
          {"VLEK names the provider and no chip", vlek_names_the_provider_and_no_chip},
          {"VLEK key is of provider and TCB and lives a year",
           vlek_key_is_of_provider_and_tcb_and_lives_a_year},
          {"ASVK has its own CRL URL and our marks", asvk_has_its_own_crl_url_and_our_marks},
          {"CRL is the ARK's and revokes serials", crl_is_the_arks_and_revokes_serials},
          {"all is freed", all_is_freed})
