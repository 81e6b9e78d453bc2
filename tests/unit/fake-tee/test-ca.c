/*
 * test-ca.c - the test chain: a damaged store, the profile of the certificates byte by byte where
 * AMD's is known, the marks that tell it from AMD's, and that the same seed gives the same bytes.
 */
#include "tests/testlib/testlib.h"
#include "tests/unit/fake-tee/chain.h"

#include "common/snp/vek.h"
#include "fake-tee/psp.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct cmn_env *env;
static struct ftee_ca *cas[SNP_PRODUCT_COUNT], *fresh_ca;
static char fresh_dir[128];

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

static X509 *vcek_of(enum snp_product product, unsigned chip, const struct snp_tcb *tcb,
                     EVP_PKEY **key)
{
    auto_buf struct cmn_buf der = {0};
    struct cmn_err err = {0};

    T_OK(ftee_ca_vcek(ca_of(product), chip, tcb, key, &der, &err), &err);
    return cert_of(cmn_buf_bytes(&der));
}

/* A second folder, made anew in this run: what these tests damage. */
static struct ftee_ca *fresh(void)
{
    static struct cmn_env *world;
    uint8_t drawn[16];
    struct cmn_err err = {0};

    if (fresh_ca)
        return fresh_ca;
    T_OK(cmn_env_new_seeded(TEST_CHAIN_SEED, sizeof(TEST_CHAIN_SEED) - 1, &world, &err), &err);
    T_OK(cmn_env_random(world, drawn, sizeof(drawn), &err), &err); /* must not shift anything */
    (void)snprintf(fresh_dir, sizeof(fresh_dir), "%s/fresh", t_tmpdir());
    T_OK(ftee_ca_open(world, fresh_dir, SNP_GENOA, &fresh_ca, &err), &err);
    cmn_env_unref(world);
    return fresh_ca;
}

/* The folder of the chain below it. */
static void folder_of_fresh(char *out, size_t cap)
{
    (void)fresh();
    DIR *dir = opendir(fresh_dir);
    const struct dirent *e;

    *out = 0;
    while (dir && (e = readdir(dir)))
        if (strstr(e->d_name, "-Genoa"))
            (void)snprintf(out, cap, "%s/%s", fresh_dir, e->d_name);
    if (dir)
        (void)closedir(dir);
}

static void a_folder_that_cannot_be_is_refused(void)
{
    struct ftee_ca *ca = NULL;
    struct cmn_err err = {0};

    (void)ca_of(SNP_GENOA);
    T_TRUE(ftee_ca_open(env, "/dev/null/x", SNP_GENOA, &ca, &err) < 0);
    T_TRUE(strstr(err.msg, "/dev/null/x") != NULL);
    T_TRUE(ca == NULL);
}

static void files_are_for_the_owner_only(void)
{
    char dir[512], path[1024];
    struct stat st;

    folder_of_fresh(dir, sizeof(dir));
    T_EQ_INT(stat(dir, &st), 0);
    T_EQ_INT(st.st_mode & 0777, 0700);
    DIR *d = opendir(dir);
    const struct dirent *e;
    int files = 0;
    while (d && (e = readdir(d))) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            T_EQ_INT(st.st_mode & 0777, 0600);
            files++;
        }
    }
    if (d)
        (void)closedir(d);
    T_TRUE(files >= 5);
}

static void damaged_files_are_noticed(void)
{
    static const char *const names[] = {"ask.key", "ask.der", "ark.der", "chip-secret"};
    char dir[512], path[1024];

    folder_of_fresh(dir, sizeof(dir));
    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        auto_buf_secret struct cmn_buf kept = {0};
        struct ftee_ca *ca = NULL;
        struct cmn_err err = {0};
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        T_OK(cmn_file_read(path, 1 << 20, &kept, &err), &err);
        T_OK(cmn_file_write(path, kept.data, kept.len / 2, 0600, &err), &err);
        T_TRUE(ftee_ca_open(env, fresh_dir, SNP_GENOA, &ca, &err) < 0);
        T_TRUE(strstr(err.msg, "test CA in") != NULL);
        T_OK(cmn_file_write(path, kept.data, kept.len, 0600, &err), &err);
    }
}

/* A kept VCEK that is broken or of another key is made again, with the same bytes. */
static void a_damaged_vcek_is_made_again(void)
{
    const struct snp_tcb tcb = {.bootloader = 9, .snp = 21, .microcode = 80};
    auto_pkey EVP_PKEY *a = NULL, *b = NULL, *c = NULL;
    auto_buf struct cmn_buf one = {0}, two = {0}, three = {0};
    char dir[512], path[1024];

    struct ftee_ca *ca = fresh();
    T_OK(ftee_ca_vcek(ca, 7, &tcb, &a, &one, NULL), NULL);
    T_OK(ftee_ca_vcek(ca, 8, &tcb, &b, &two, NULL), NULL);
    folder_of_fresh(dir, sizeof(dir));
    (void)snprintf(path, sizeof(path), "%s/vcek-7-0900000000001550.der", dir);
    T_EQ_INT(access(path, R_OK), 0);
    T_OK(cmn_file_write(path, "x", 1, 0600, NULL), NULL);
    T_OK(ftee_ca_vcek(ca, 7, &tcb, &c, &three, NULL), NULL);
    T_EQ_INT(three.len, one.len);
    T_EQ_MEM(three.data, one.data, one.len);
    cmn_buf_done(&three);
    EVP_PKEY_free(cmn_take(c));
    T_OK(cmn_file_write(path, two.data, two.len, 0600, NULL), NULL);
    T_OK(ftee_ca_vcek(ca, 7, &tcb, &c, &three, NULL), NULL);
    T_EQ_MEM(three.data, one.data, one.len);
    T_EQ_INT(EVP_PKEY_eq(a, c), 1);
}

/* ---- the profile ---- */

static void check_name(const X509_NAME *name, const char *cn)
{
    const struct {
        int nid, type;
        const char *value;
    } want[] = {
        {NID_organizationalUnitName, V_ASN1_UTF8STRING, "Engineering"},
        {NID_countryName, V_ASN1_PRINTABLESTRING, "US"},
        {NID_localityName, V_ASN1_UTF8STRING, "Santa Clara"},
        {NID_stateOrProvinceName, V_ASN1_UTF8STRING, "CA"},
        {NID_organizationName, V_ASN1_UTF8STRING, "Advanced Micro Devices"},
        {NID_commonName, V_ASN1_UTF8STRING, cn},
    };

    T_EQ_INT(X509_NAME_entry_count(name), 6);
    for (int i = 0; i < 6; i++) {
        X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
        const ASN1_STRING *s = X509_NAME_ENTRY_get_data(e);
        T_EQ_INT(OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)), want[i].nid);
        T_EQ_INT(ASN1_STRING_type(s), want[i].type);
        T_EQ_STR((const char *)ASN1_STRING_get0_data(s), want[i].value);
    }
}

/* RSASSA-PSS with SHA-384, MGF1 with SHA-384, salt 48. */
static void check_pss(X509 *cert)
{
    const X509_ALGOR *alg;
    const ASN1_OBJECT *oid;
    const void *param;
    int type, md = 0, pkey = 0;

    X509_get0_signature(NULL, &alg, cert);
    X509_ALGOR_get0(&oid, &type, &param, alg);
    T_EQ_INT(OBJ_obj2nid(oid), NID_rsassaPss);
    T_EQ_INT(X509_get_signature_info(cert, &md, &pkey, NULL, NULL), 1);
    T_EQ_INT(md, NID_sha384);
    T_EQ_INT(pkey, NID_rsassaPss);
    const ASN1_STRING *seq = param;
    const uint8_t *p = ASN1_STRING_get0_data(seq);
    RSA_PSS_PARAMS *pss = d2i_RSA_PSS_PARAMS(NULL, &p, ASN1_STRING_length(seq));
    T_TRUE(pss && pss->hashAlgorithm && pss->maskGenAlgorithm && pss->saltLength);
    if (pss) {
        X509_ALGOR_get0(&oid, NULL, NULL, pss->hashAlgorithm);
        T_EQ_INT(OBJ_obj2nid(oid), NID_sha384);
        X509_ALGOR_get0(&oid, NULL, NULL, pss->maskGenAlgorithm);
        T_EQ_INT(OBJ_obj2nid(oid), NID_mgf1);
        T_EQ_INT(ASN1_INTEGER_get(pss->saltLength), 48);
    }
    RSA_PSS_PARAMS_free(pss);
}

static void check_dates(X509 *cert, int years)
{
    struct tm from, to;

    T_EQ_INT(ASN1_TIME_to_tm(X509_get0_notBefore(cert), &from), 1);
    T_EQ_INT(ASN1_TIME_to_tm(X509_get0_notAfter(cert), &to), 1);
    T_EQ_INT(to.tm_year - from.tm_year, years);
    T_TRUE(to.tm_mon == from.tm_mon && to.tm_mday == from.tm_mday && to.tm_hour == from.tm_hour);
}

static void check_extensions(X509 *cert, const char *const *oids, const bool *critical, int n)
{
    char text[64];

    T_EQ_INT(X509_get_ext_count(cert), n);
    for (int i = 0; i < n && i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *ext = X509_get_ext(cert, i);
        (void)OBJ_obj2txt(text, sizeof(text), X509_EXTENSION_get_object(ext), 1);
        T_EQ_STR(text, oids[i]);
        T_EQ_INT(X509_EXTENSION_get_critical(ext) != 0, critical && critical[i]);
    }
}

static uint64_t serial_of(X509 *cert)
{
    uint64_t v = 0;

    T_EQ_INT(ASN1_INTEGER_get_uint64(&v, X509_get_serialNumber(cert)), 1);
    return v;
}

static void ca_certificates_have_amds_profile_and_our_marks(void)
{
    static const char *const ark_oids[] = {"2.5.29.15", "2.5.29.14", "2.5.29.19", "2.5.29.31",
                                           FTEE_MARKER_OID};
    static const char *const ask_oids[] = {"2.5.29.14", "2.5.29.35", "2.5.29.19",
                                           "2.5.29.15", "2.5.29.31", FTEE_MARKER_OID};
    static const bool ark_critical[] = {true, false, true, false, false};
    static const bool ask_critical[] = {false, false, true, true, false, false};
    static const unsigned ask_number[] = {0x010001, 0x020002, 0x030001};

    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++) {
        char ark_cn[32], ask_cn[32];
        struct ftee_ca *ca = ca_of((enum snp_product)p);
        auto_x509 X509 *ark = cert_of(ftee_ca_ark_der(ca)), *ask = cert_of(ftee_ca_ask_der(ca));
        (void)snprintf(ark_cn, sizeof(ark_cn), "ARK-%s", snp_product_name((enum snp_product)p));
        (void)snprintf(ask_cn, sizeof(ask_cn), "SEV-%s", snp_product_name((enum snp_product)p));
        check_name(X509_get_subject_name(ark), ark_cn);
        check_name(X509_get_issuer_name(ark), ark_cn);
        check_name(X509_get_subject_name(ask), ask_cn);
        check_name(X509_get_issuer_name(ask), ark_cn);
        check_extensions(ark, ark_oids, ark_critical, 5);
        check_extensions(ask, ask_oids, ask_critical, 6);
        check_pss(ark);
        check_pss(ask);
        check_dates(ark, 25);
        check_dates(ask, 25);
        T_TRUE(serial_of(ark) == ((uint64_t)FTEE_SERIAL_PREFIX << 24 | (p + 1) << 16));
        T_TRUE(serial_of(ask) == ((uint64_t)FTEE_SERIAL_PREFIX << 24 | ask_number[p]));
        T_EQ_INT(EVP_PKEY_get_bits(X509_get0_pubkey(ark)), 4096);
        T_EQ_INT(EVP_PKEY_get_base_id(X509_get0_pubkey(ask)), EVP_PKEY_RSA);
        T_EQ_INT(X509_get_extension_flags(ark) & EXFLAG_CA, EXFLAG_CA);
        T_EQ_INT(X509_get_pathlen(ask), 0);
        T_EQ_INT(X509_get_key_usage(ark), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
        T_EQ_INT(X509_get_key_usage(ask), KU_KEY_CERT_SIGN);
        T_EQ_INT(X509_verify(ark, X509_get0_pubkey(ark)), 1);
        T_EQ_INT(X509_verify(ask, X509_get0_pubkey(ark)), 1);
        T_TRUE(X509_verify(ask, X509_get0_pubkey(ask)) != 1);
    }
}

/* Extension contents in hex, in the order of real certificates. */
static void check_vcek(enum snp_product product, const struct snp_tcb *tcb,
                       const char *const want[10][2], size_t id_len)
{
    char oid[64], issuer[32];
    uint8_t chip_id[64];
    auto_pkey EVP_PKEY *key = NULL;
    auto_x509 X509 *vcek = vcek_of(product, 1, tcb, &key),
                   *ask = cert_of(ftee_ca_ask_der(ca_of(product)));

    (void)snprintf(issuer, sizeof(issuer), "SEV-%s", snp_product_name(product));
    check_name(X509_get_subject_name(vcek), "SEV-VCEK");
    check_name(X509_get_issuer_name(vcek), issuer);
    check_pss(vcek);
    check_dates(vcek, 7);
    T_EQ_INT(serial_of(vcek), 0);
    T_EQ_STR(cmn_ec_curve(X509_get0_pubkey(vcek)), "P-384");
    T_EQ_INT(EVP_PKEY_eq(X509_get0_pubkey(vcek), key), 1);
    T_EQ_INT(X509_verify(vcek, X509_get0_pubkey(ask)), 1);
    T_EQ_INT(X509_get_ext_count(vcek), 11);
    for (int i = 0; i < 11; i++) {
        X509_EXTENSION *ext = X509_get_ext(vcek, i);
        const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(ext);
        (void)OBJ_obj2txt(oid, sizeof(oid), X509_EXTENSION_get_object(ext), 1);
        T_EQ_INT(X509_EXTENSION_get_critical(ext), 0);
        T_TRUE(strncmp(oid, SNP_OID_ARC ".", sizeof(SNP_OID_ARC)) == 0);
        if (i < 10) {
            struct cmn_buf bytes = t_unhex(want[i][1]);
            T_EQ_STR(oid + sizeof(SNP_OID_ARC), want[i][0]);
            T_EQ_INT(ASN1_STRING_length(data), bytes.len);
            T_EQ_MEM(ASN1_STRING_get0_data(data), bytes.data, bytes.len);
            cmn_buf_done(&bytes);
        } else { /* hwID: the bytes themselves, no inner tag */
            T_OK(ftee_ca_chip_id(ca_of(product), 1, chip_id, NULL), NULL);
            T_EQ_STR(oid + sizeof(SNP_OID_ARC), "4");
            T_EQ_INT(ASN1_STRING_length(data), id_len);
            T_EQ_MEM(ASN1_STRING_get0_data(data), chip_id, id_len);
            T_TRUE(!cmn_all_zero(chip_id, 8));
            T_TRUE(id_len == 64 || cmn_all_zero(chip_id + 8, 56));
        }
    }
}

static void vcek_carries_exactly_amds_extensions(void)
{
    static const char *const milan[10][2] = {{"1", "020100"},   {"2", "16084d696c616e2d4230"},
                                             {"3.1", "020104"}, {"3.2", "020100"},
                                             {"3.4", "020100"}, {"3.5", "020100"},
                                             {"3.6", "020100"}, {"3.7", "020100"},
                                             {"3.3", "020118"}, {"3.8", "020200db"}};
    static const char *const genoa[10][2] = {
        {"1", "020100"},   {"2", "160547656e6f61"}, {"3.1", "02010a"}, {"3.2", "02017f"},
        {"3.4", "020100"}, {"3.5", "020100"},       {"3.6", "020100"}, {"3.7", "020100"},
        {"3.3", "020117"}, {"3.8", "020119"}};
    static const char *const turin[10][2] = {
        {"1", "020101"},   {"2", "1605547572696e"}, {"3.9", "020102"}, {"3.1", "020101"},
        {"3.2", "020100"}, {"3.3", "020103"},       {"3.5", "020100"}, {"3.6", "020100"},
        {"3.7", "020100"}, {"3.8", "02020080"}};

    check_vcek(SNP_MILAN, &(struct snp_tcb){.bootloader = 4, .snp = 24, .microcode = 219}, milan,
               64);
    check_vcek(SNP_GENOA,
               &(struct snp_tcb){.bootloader = 10, .tee = 127, .snp = 23, .microcode = 25}, genoa,
               64);
    check_vcek(SNP_TURIN, &(struct snp_tcb){.fmc = 2, .bootloader = 1, .snp = 3, .microcode = 128},
               turin, 8);
}

/* ---- keys ---- */

static void vcek_key_is_of_chip_and_tcb(void)
{
    const struct snp_tcb tcb = {.bootloader = 1, .snp = 2, .microcode = 3},
                         newer = {.bootloader = 1, .snp = 2, .microcode = 4};
    auto_pkey EVP_PKEY *a = NULL, *same = NULL, *chip = NULL, *level = NULL, *other = NULL;
    auto_x509 X509 *c1 = vcek_of(SNP_MILAN, 0, &tcb, &a), *c2 = vcek_of(SNP_MILAN, 0, &tcb, &same),
                   *c3 = vcek_of(SNP_MILAN, 1, &tcb, &chip),
                   *c4 = vcek_of(SNP_MILAN, 0, &newer, &level),
                   *c5 = vcek_of(SNP_GENOA, 0, &tcb, &other);
    uint8_t one[64], two[64];

    T_EQ_INT(X509_cmp(c1, c2), 0);
    T_EQ_INT(EVP_PKEY_eq(a, same), 1);
    T_TRUE(EVP_PKEY_eq(a, chip) != 1 && EVP_PKEY_eq(a, level) != 1 && EVP_PKEY_eq(a, other) != 1);
    T_TRUE(X509_cmp(c1, c3) && X509_cmp(c1, c4) && X509_cmp(c1, c5));
    T_OK(ftee_ca_chip_id(ca_of(SNP_MILAN), 0, one, NULL), NULL);
    T_OK(ftee_ca_chip_id(ca_of(SNP_MILAN), 1, two, NULL), NULL);
    T_TRUE(memcmp(one, two, 64) != 0);
}

static void same_seed_same_chain_in_another_folder(void)
{
    const struct snp_tcb tcb = ftee_default_tcb(SNP_GENOA);
    struct ftee_ca *again = fresh(), *mine = ca_of(SNP_GENOA);
    auto_pkey EVP_PKEY *k1 = NULL, *k2 = NULL;
    auto_buf struct cmn_buf v1 = {0}, v2 = {0};
    struct cmn_err err = {0};

    struct cmn_bytes a = ftee_ca_chain_pem(mine), b = ftee_ca_chain_pem(again);
    T_EQ_INT(a.len, b.len);
    T_EQ_MEM(a.data, b.data, a.len);
    T_OK(ftee_ca_vcek(mine, 5, &tcb, &k1, &v1, &err), &err);
    T_OK(ftee_ca_vcek(again, 5, &tcb, &k2, &v2, &err), &err);
    T_EQ_INT(v1.len, v2.len);
    T_EQ_MEM(v1.data, v2.data, v1.len);
    T_EQ_INT(EVP_PKEY_eq(k1, k2), 1);
}

static void all_is_freed(void)
{
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++)
        ftee_ca_free(cas[p]);
    ftee_ca_free(fresh_ca);
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("ca", {"a folder that cannot be is refused", a_folder_that_cannot_be_is_refused},
          {"files are for the owner only", files_are_for_the_owner_only},
          {"damaged files are noticed", damaged_files_are_noticed},
          {"a damaged VCEK is made again", a_damaged_vcek_is_made_again},
          {"CA certificates have AMD's profile and our marks",
           ca_certificates_have_amds_profile_and_our_marks},
          {"a VCEK carries exactly AMD's extensions", vcek_carries_exactly_amds_extensions},
          {"a VCEK key is of chip and TCB", vcek_key_is_of_chip_and_tcb},
          {"same seed, same chain in another folder", same_seed_same_chain_in_another_folder},
          {"all is freed", all_is_freed})
