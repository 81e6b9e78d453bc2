/*
 * test-snp.c - the codec against offsets of the specification and against reports of real hardware
 * (which lie outside the tree).
 */
#include "tests/testlib/testlib.h"

#include "common/snp/certs.h"
#include "common/snp/vek.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void wrong_length_version_and_reserved_bytes_are_refused(void)
{
    static const size_t reserved[] = {0x3A,  0x4C,  0x18B, 0x19F, 0x1EB,
                                      0x1EF, 0x1F8, 0x29F, 0x330, 0x49F};
    uint8_t raw[SNP_REPORT_BYTES + 1] = {3};
    struct snp_report report;
    struct cmn_err err;

    raw[0x188] = 0x19;
    raw[0x189] = 0x11;
    T_ERR(snp_report_decode(raw, 0, &report, &err), -EBADMSG, &err, "0 bytes, want 1184");
    T_ERR(snp_report_decode(raw, 1183, &report, &err), -EBADMSG, &err, "1183 bytes");
    T_ERR(snp_report_decode(raw, 1185, &report, &err), -EBADMSG, &err, "1185 bytes");
    T_OK(snp_report_decode(raw, SNP_REPORT_BYTES, &report, &err), &err);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(reserved); i++) {
        raw[reserved[i]] = 1;
        T_ERR(snp_report_decode(raw, SNP_REPORT_BYTES, &report, &err), -EBADMSG, &err, "zero");
        T_EQ_INT(err.reason, reserved[i] == 0x3A ? CMN_REASON_SNP_TCB_RESERVED
                                                 : CMN_REASON_SNP_RESERVED_NONZERO);
        raw[reserved[i]] = 0;
    }
    raw[0] = 1;
    T_ERR(snp_report_decode(raw, SNP_REPORT_BYTES, &report, &err), -EBADMSG, &err, "version is 1");
}

static void fields_lie_where_the_specification_says(void)
{
    struct snp_report p = {.version = 5,
                           .guest_svn = 0x01020304,
                           .policy = 0x30000,
                           .vmpl = 2,
                           .sig_algo = 1,
                           .plat_info = 0x25,
                           .key_info = 4,
                           .has_cpuid = true,
                           .cpuid_fam_id = 0x1A,
                           .cpuid_mod_id = 2,
                           .cpuid_step = 1,
                           .has_mit = true,
                           .launch_mit_vector = 0xB,
                           .current_mit_vector = 1,
                           .turin_tcb = true,
                           .reported_tcb = {1, 2, 3, 4, 72},
                           .current = {1, 55, 61}};
    uint8_t raw[SNP_REPORT_BYTES];
    struct snp_report again;

    p.measurement[0] = 0xAA;
    p.host_data[31] = 0xBB;
    p.chip_id[0] = 0xCC;
    p.sig_r[0] = 0xDD;
    p.sig_s[0] = 0xEE;
    snp_report_encode(&p, raw);
    T_EQ_MEM(raw + 4, "\x04\x03\x02\x01\x00\x00\x03", 7);
    T_EQ_INT(raw[0x30], 2);
    T_EQ_INT(raw[0x40], 0x25);
    T_EQ_INT(raw[0x90], 0xAA);
    T_EQ_INT(raw[0xDF], 0xBB);
    T_EQ_MEM(raw + 0x180, "\x01\x02\x03\x04\x00\x00\x00\x48\x1A\x02\x01", 11);
    T_EQ_INT(raw[0x1A0], 0xCC);
    T_EQ_MEM(raw + 0x1E8, "\x3d\x37\x01", 3);
    T_EQ_INT(raw[0x1F8], 0xB);
    T_EQ_INT(raw[0x200], 1);
    T_EQ_INT(raw[0x2A0], 0xDD);
    T_EQ_INT(raw[0x2E8], 0xEE);
    T_OK(snp_report_decode(raw, sizeof(raw), &again, NULL), NULL);
    auto_json json_t *a = snp_report_to_json(&p), *b = snp_report_to_json(&again);
    T_TRUE(json_equal(a, b));
    T_OK(snp_report_from_json(a, &again, NULL), NULL);
    auto_json json_t *c = snp_report_to_json(&again);
    T_TRUE(json_equal(a, c));
}

static void evidence_json_is_checked(void)
{
    struct snp_report p = {.version = 3}, out;
    auto_json json_t *json = snp_report_to_json(&p);
    struct cmn_err err;
    const char *key;
    json_t *value;
    void *tmp;

    json_object_foreach_safe(json, tmp, key, value) {
        auto_json json_t *copy = json_deep_copy(json);
        (void)json_object_set_new(copy, key, json_string("x"));
        T_ERR(snp_report_from_json(copy, &out, &err), -EBADMSG, &err, "evidence member");
    }
    (void)json_object_set_new(json, "unknown", json_true());
    T_OK(snp_report_from_json(json, &out, &err), &err);
    T_ERR(snp_report_from_json(NULL, &out, &err), -EBADMSG, &err, "not an object");
}

static void hostile_certificate_tables_are_refused(void)
{
    uint8_t t[64] = {0x63, 0xda};
    struct snp_certs certs = {0};
    struct cmn_err err = {0};

    cmn_put_u32le(t + 16, 48);
    cmn_put_u32le(t + 20, 16);
    T_OK(snp_certs_decode(t, 64, &certs, &err), &err);
    T_EQ_INT(certs.n, 1);
    T_EQ_INT(certs.list[0].type, SNP_CERT_OTHER);
    snp_certs_done(&certs);
    T_ERR(snp_certs_decode(t, 47, &certs, &err), -EBADMSG, &err, "outside");
    cmn_put_u32le(t + 16, 8);
    T_ERR(snp_certs_decode(t, 64, &certs, &err), -EBADMSG, &err, "outside"); /* inside the header */
    cmn_put_u32le(t + 16, 48);
    cmn_put_u32le(t + 20, 17);
    T_ERR(snp_certs_decode(t, 64, &certs, &err), -EBADMSG, &err, "outside");
    cmn_put_u32le(t + 20, 0xFFFFFFF0);
    T_ERR(snp_certs_decode(t, 64, &certs, &err), -EBADMSG, &err, "outside"); /* sum overflows u32 */
    memset(t, 1, sizeof(t));
    cmn_put_u32le(t + 16, 24);
    cmn_put_u32le(t + 20, 1);
    T_ERR(snp_certs_decode(t, 24, &certs, &err), -EBADMSG, &err, "outside");
}

static int load(const char *folder, const char *file, struct cmn_buf *ret)
{
    char name[256];

    (void)snprintf(name, sizeof(name), "samples/snp/%s/%s", folder, file);
    const char *path = t_shared(name);
    return path ? cmn_file_read(path, 1 << 20, ret, NULL) : -ENOENT;
}

static void real_reports_verify(void)
{
    static const struct {
        const char *folder, *cert;
        unsigned version;
        bool vlek;
    } samples[] = {
        {"milan-v2-vcek-a", "vcek.der", 2, false},
        {"milan-v2-vcek-b-debug", "vcek.der", 2, false},
        {"milan-v3-vlek-aws", "vlek.der", 3, true},
        {"genoa-v3-vcek-certtable", "vcek.der", 3, false},
        {"genoa-v5-vcek", "vcek.der", 5, false},
        {"turin-v5-vcek", "vcek.der", 5, false},
    };
    struct cmn_env *env = NULL;

    T_OK(cmn_env_new_system(&env, NULL), NULL);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(samples); i++) {
        auto_buf struct cmn_buf raw = {0}, der = {0};
        auto_x509 X509 *cert = NULL;
        struct snp_vek_info info;
        struct snp_report p;
        struct cmn_err err = {0};
        uint8_t again[SNP_REPORT_BYTES];
        if (load(samples[i].folder, "report.bin", &raw) < 0 ||
            load(samples[i].folder, samples[i].cert, &der) < 0)
            break;
        T_OK(snp_report_decode(raw.data, raw.len, &p, &err), &err);
        T_EQ_INT(p.version, samples[i].version);
        snp_report_encode(&p, again);
        T_EQ_MEM(again, raw.data, SNP_REPORT_BYTES);
        T_OK(cmn_x509_load(env, cmn_buf_bytes(&der), &cert, &err), &err);
        auto_pkey EVP_PKEY *key = X509_get_pubkey(cert);
        T_OK(snp_report_verify(env, raw.data, key, &err), &err);
        T_OK(snp_vek_info(cert, &info, &err), &err);
        T_EQ_INT(info.is_vlek, samples[i].vlek);
        T_EQ_MEM(&info.tcb, &p.reported_tcb, sizeof(info.tcb));
        if (info.has_hwid)
            T_EQ_MEM(info.hwid, p.chip_id, info.hwid_len);
        raw.data[0x90] ^= 1;
        T_ERR(snp_report_verify(env, raw.data, key, &err), -EKEYREJECTED, &err, "does not sign");
    }
    cmn_env_unref(env);
}

static void real_certificate_table_is_read(void)
{
    auto_buf struct cmn_buf table = {0};
    auto_certs struct snp_certs certs = {0};
    struct cmn_err err = {0};

    if (load("genoa-v3-vcek-certtable", "auxblob.bin", &table) < 0)
        return;
    T_OK(snp_certs_decode(table.data, table.len, &certs, &err), &err);
    T_TRUE(snp_certs_find(&certs, SNP_CERT_ARK) && snp_certs_find(&certs, SNP_CERT_ASK) &&
           snp_certs_find(&certs, SNP_CERT_VCEK));
}

TEST_MAIN("snp",
          {"wrong length, version and reserved bytes are refused",
           wrong_length_version_and_reserved_bytes_are_refused},
          {"fields lie where the specification says", fields_lie_where_the_specification_says},
          {"evidence JSON is checked", evidence_json_is_checked},
          {"hostile certificate tables are refused", hostile_certificate_tables_are_refused},
          {"real reports verify", real_reports_verify},
          {"a real certificate table is read", real_certificate_table_is_read})
