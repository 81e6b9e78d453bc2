/*
 * test-snp-codec.c - every byte of the report counted from the specification's table, not from our
 * struct; endorsement certificates in their odd encodings; certificate tables and chains.
 */
#include "tests/testlib/testlib.h"

#include "common/snp/certs.h"
#include "common/snp/psp-msg.h"
#include "common/snp/vek.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cmn_env *env;

static void ready(void)
{
    if (!env)
        T_OK(cmn_env_new_seeded("codec", 5, &env, NULL), NULL);
}

/* ---- report ---- */

struct range {
    size_t from, to;      /* inclusive */
    unsigned first, last; /* versions it is reserved in */
};

static bool reserved(const struct range *ranges, size_t n, size_t at, unsigned version)
{
    for (size_t i = 0; i < n; i++)
        if (at >= ranges[i].from && at <= ranges[i].to && version >= ranges[i].first &&
            version <= ranges[i].last)
            return true;
    return false;
}

/* Sets every byte of a report in turn: reserved ones are refused, the others come out again. */
static void each_byte_of_the_report_is_known(void)
{
    static const struct range ranges[] = {
        {0x03A, 0x03D, 2, 5}, {0x04C, 0x04F, 2, 5}, {0x182, 0x185, 2, 5}, {0x188, 0x18A, 2, 2},
        {0x18B, 0x19F, 2, 5}, {0x1E2, 0x1E5, 2, 5}, {0x1EB, 0x1EB, 2, 5}, {0x1EF, 0x1EF, 2, 5},
        {0x1F2, 0x1F5, 2, 5}, {0x1F8, 0x207, 2, 4}, {0x208, 0x29F, 2, 5}, {0x330, 0x49F, 2, 5},
    };

    for (unsigned version = 2; version <= 5; version++) {
        uint8_t raw[SNP_REPORT_BYTES] = {(uint8_t)version}, again[SNP_REPORT_BYTES];
        if (version > 2) {
            raw[0x188] = 0x19;
            raw[0x189] = 0x11;
        }
        memset(raw + 0x1A0, 0xC1, 64);
        for (size_t at = 4; at < SNP_REPORT_BYTES; at++) {
            struct snp_report report;
            struct cmn_err err = {0};
            uint8_t kept = raw[at];
            if (version > 2 && (at == 0x188 || at == 0x189))
                continue; /* family and model choose the TCB layout */
            raw[at] = kept ^ 0x81;
            int r = snp_report_decode(raw, sizeof(raw), &report, &err);
            T_EQ_INT(r, reserved(ranges, CMN_ARRAY_SIZE(ranges), at, version) ? -EBADMSG : 0);
            if (r == 0) {
                snp_report_encode(&report, again);
                T_EQ_MEM(again, raw, SNP_REPORT_BYTES);
            } else {
                bool tcb = (at >= 0x38 && at < 0x40) || (at >= 0x180 && at < 0x188) ||
                           (at >= 0x1E0 && at < 0x1E8) || (at >= 0x1F0 && at < 0x1F8);
                T_EQ_INT(err.reason,
                         tcb ? CMN_REASON_SNP_TCB_RESERVED : CMN_REASON_SNP_RESERVED_NONZERO);
            }
            raw[at] = kept;
        }
    }
}

static void tcb_layouts_of_the_generations(void)
{
    static const uint8_t milan[8] = {4, 0, 0, 0, 0, 0, 0x18, 0xdb},
                         turin[8] = {0, 1, 0, 2, 0, 0, 0, 0x47};
    struct snp_tcb tcb;
    uint8_t out[8];

    snp_tcb_decode(milan, false, &tcb);
    T_TRUE(tcb.bootloader == 4 && tcb.tee == 0 && tcb.snp == 24 && tcb.microcode == 219 &&
           tcb.fmc == 0);
    snp_tcb_encode(&tcb, false, out);
    T_EQ_MEM(out, milan, 8);
    snp_tcb_decode(turin, true, &tcb);
    T_TRUE(tcb.fmc == 0 && tcb.bootloader == 1 && tcb.tee == 0 && tcb.snp == 2 &&
           tcb.microcode == 71);
    snp_tcb_encode(&tcb, true, out);
    T_EQ_MEM(out, turin, 8);
}

static void products_by_cpuid(void)
{
    static const struct {
        uint8_t family, model;
        int product; /* -1: unknown */
    } cases[] = {
        {0x19, 0x00, SNP_MILAN}, {0x19, 0x0F, SNP_MILAN}, {0x19, 0x10, SNP_GENOA},
        {0x19, 0x1F, SNP_GENOA}, {0x19, 0x20, -1},        {0x19, 0x9F, -1},
        {0x19, 0xA0, SNP_GENOA}, {0x19, 0xAF, SNP_GENOA}, {0x19, 0xB0, -1},
        {0x1A, 0x00, SNP_TURIN}, {0x1A, 0x11, SNP_TURIN}, {0x1A, 0x12, -1},
        {0x18, 0x01, -1},        {0x00, 0x00, -1},
    };
    enum snp_product product;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        int r = snp_product_from_cpuid(cases[i].family, cases[i].model, &product);
        T_EQ_INT(r, cases[i].product < 0 ? -ENOENT : 0);
        if (r == 0)
            T_EQ_INT(product, cases[i].product);
    }
    T_EQ_INT(snp_product_by_name("genoa", &product), 0);
    T_EQ_STR(snp_product_name(product), "Genoa");
    T_EQ_INT(snp_product_by_name("Naples", &product), -EINVAL);
}

static void evidence_members_come_in_upstreams_order(void)
{
    static const char *const order[] = {"version",
                                        "guest_svn",
                                        "policy",
                                        "family_id",
                                        "image_id",
                                        "vmpl",
                                        "sig_algo",
                                        "current_tcb",
                                        "plat_info",
                                        "key_info",
                                        "report_data",
                                        "measurement",
                                        "host_data",
                                        "id_key_digest",
                                        "author_key_digest",
                                        "report_id",
                                        "report_id_ma",
                                        "reported_tcb",
                                        "cpuid_fam_id",
                                        "cpuid_mod_id",
                                        "cpuid_step",
                                        "chip_id",
                                        "committed_tcb",
                                        "current",
                                        "committed",
                                        "launch_tcb",
                                        "launch_mit_vector",
                                        "current_mit_vector",
                                        "signature"};
    const struct snp_report report = {.version = 2};
    auto_json json_t *json = snp_report_to_json(&report);
    struct snp_report again;
    const char *key;
    json_t *value;
    size_t i = 0;

    T_EQ_INT(json_object_size(json), CMN_ARRAY_SIZE(order));
    json_object_foreach(json, key, value) {
        T_EQ_STR(key, order[i]);
        i++;
    }
    T_TRUE(json_is_null(json_object_get(json, "cpuid_fam_id")));
    T_TRUE(json_is_null(json_object_get(json_object_get(json, "current_tcb"), "fmc")));
    (void)json_object_del(json, "launch_mit_vector"); /* optional ones may be absent */
    (void)json_object_del(json, "cpuid_step");
    T_OK(snp_report_from_json(json, &again, NULL), NULL);
    T_TRUE(!again.has_cpuid && !again.has_mit);
}

static void odd_numbers_in_evidence_are_refused(void)
{
    static const char *const bad[] = {
        "-1", "256", "1.5", "\"1\"", "null", "[]", "18446744073709551616"};
    const struct snp_report report = {.version = 3};
    struct snp_report out;
    struct cmn_err err = {0};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        auto_json json_t *json = snp_report_to_json(&report), *v = NULL;
        int r = cmn_json_load(cmn_bytes(bad[i], strlen(bad[i])), 4, &v, NULL);
        if (r < 0) /* a number beyond 64 bits does not even load */
            continue;
        (void)json_array_set(json_object_get(json, "measurement"), 47, v);
        T_ERR(snp_report_from_json(json, &out, &err), -EBADMSG, &err, "'measurement'");
        T_EQ_INT(err.reason, CMN_REASON_SNP_EVIDENCE_MALFORMED);
    }
}

static void numbers_above_63_bits_are_not_written(void)
{
    const struct snp_report bad[] = {
        {.version = 3, .policy = 1ull << 63},
        {.version = 3, .plat_info = UINT64_MAX},
        {.version = 5, .has_mit = true, .launch_mit_vector = 1ull << 63},
        {.version = 5, .has_mit = true, .current_mit_vector = 1ull << 63}};
    const struct snp_report good = {.version = 3, .policy = INT64_MAX};
    auto_json json_t *json = snp_report_to_json(&good);

    T_EQ_INT(cmn_json_int(json, "policy", 0), INT64_MAX);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        auto_json json_t *none = snp_report_to_json(&bad[i]);
        T_TRUE(none == NULL);
    }
}

/* ---- signature ---- */

static void every_signed_byte_counts(void)
{
    struct snp_report report = {
        .version = 3, .sig_algo = 1, .has_cpuid = true, .cpuid_fam_id = 0x19};
    auto_pkey EVP_PKEY *key = NULL, *p256 = NULL;
    uint8_t raw[SNP_REPORT_BYTES], zero[144] = {0};
    struct cmn_err err = {0};

    ready();
    T_OK(cmn_ec_generate(env, "P-384", &key, NULL), NULL);
    T_OK(cmn_ec_generate(env, "P-256", &p256, NULL), NULL);
    snp_report_encode(&report, raw);
    T_ERR(snp_report_verify(env, raw, key, &err), -EKEYREJECTED, &err,
          NULL); /* all-zero signature */
    T_ERR(snp_report_sign(env, raw, p256, &err), -EINVAL, &err, "P-384");
    T_EQ_MEM(raw + 0x2A0, zero, 144);
    T_OK(snp_report_sign(env, raw, key, &err), &err);
    T_OK(snp_report_verify(env, raw, key, &err), &err);
    T_ERR(snp_report_verify(env, raw, p256, &err), -EKEYREJECTED, &err, "P-384");
    for (size_t at = 0; at < 0x330; at++) {
        raw[at] ^= 1;
        T_EQ_INT(snp_report_verify(env, raw, key, &err), -EKEYREJECTED);
        raw[at] ^= 1;
    }
    raw[0x330] = 1; /* behind the signature: not signed, the decoder refuses it */
    T_OK(snp_report_verify(env, raw, key, &err), &err);
}

/* ---- endorsement certificates ---- */

static X509 *cert_with(const char *suffix, const void *content, size_t len)
{
    char oid[64];
    X509 *cert = X509_new();

    (void)snprintf(oid, sizeof(oid), SNP_OID_ARC ".%s", suffix);
    ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    T_EQ_INT(ASN1_OCTET_STRING_set(value, content, (int)len), 1);
    X509_EXTENSION *ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 0, value);
    T_EQ_INT(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(obj);
    return cert;
}

static void hwid_is_told_by_its_length(void)
{
    static const struct {
        size_t len;
        uint8_t head[2];
        int result;  /* bytes of the id, or an error */
        size_t skip; /* wrapper */
    } cases[] = {
        {64, {4, 62}, 64, 0},        {64, {2, 1}, 64, 0},       {66, {4, 64}, 64, 2},
        {8, {4, 6}, 8, 0},           {10, {4, 8}, 8, 2},        {66, {5, 64}, -EBADMSG, 0},
        {66, {4, 63}, -EBADMSG, 0},  {10, {4, 9}, -EBADMSG, 0}, {63, {0}, -EBADMSG, 0},
        {65, {4, 63}, -EBADMSG, 0},  {1, {4}, -EBADMSG, 0},     {0, {0}, -EBADMSG, 0},
        {200, {4, 64}, -EBADMSG, 0},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        uint8_t content[200];
        struct snp_vek_info info = {0};
        struct cmn_err err = {0};
        memset(content, 0xAB, sizeof(content));
        memcpy(content, cases[i].head, cases[i].len < 2 ? cases[i].len : 2);
        auto_x509 X509 *cert = cert_with("4", content, cases[i].len);
        int r = snp_vek_info(cert, &info, &err);
        T_EQ_INT(r, cases[i].result < 0 ? cases[i].result : 0);
        if (r < 0) {
            T_EQ_INT(err.reason, CMN_REASON_SNP_CERT_MALFORMED);
            continue;
        }
        T_EQ_INT(info.hwid_len, cases[i].result);
        T_EQ_MEM(info.hwid, content + cases[i].skip, info.hwid_len);
        T_TRUE(!info.has_bl && !info.has_ucode);
    }
}

static void levels_are_minimal_integers(void)
{
    static const struct {
        uint8_t der[5];
        size_t len;
        int value; /* or an error */
    } cases[] = {
        {{2, 1, 0}, 3, 0},
        {{2, 1, 0x7F}, 3, 127},
        {{2, 2, 0, 0x80}, 4, 128},
        {{2, 2, 0, 0xDB}, 4, 219},
        {{2, 2, 0, 0xFF}, 4, 255},
        {{2, 1, 0x80}, 3, -EBADMSG},
        {{2, 2, 0, 0x7F}, 4, -EBADMSG},
        {{2, 2, 1, 0}, 4, -EBADMSG},
        {{2, 1}, 2, -EBADMSG},
        {{4, 1, 5}, 3, -EBADMSG},
        {{2, 1, 5, 0}, 4, -EBADMSG},
        {{0}, 0, -EBADMSG},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_x509 X509 *cert = cert_with("3.8", cases[i].der, cases[i].len);
        struct snp_vek_info info;
        struct cmn_err err = {0};
        int r = snp_vek_info(cert, &info, &err);
        T_EQ_INT(r, cases[i].value < 0 ? cases[i].value : 0);
        if (r == 0)
            T_EQ_INT(info.tcb.microcode, cases[i].value);
    }
}

/* ---- certificate tables ---- */

static void tables_without_end_or_too_long_are_refused(void)
{
    uint8_t t[24 * 18 + 1] = {0};
    struct snp_certs certs = {0};
    struct cmn_err err = {0};

    T_OK(snp_certs_decode(NULL, 0, &certs, &err), &err);
    T_EQ_INT(certs.n, 0);
    T_OK(snp_certs_decode(t, 24, &certs, &err), &err); /* only the end mark */
    T_EQ_INT(certs.n, 0);
    T_ERR(snp_certs_decode(t, 23, &certs, &err), -EBADMSG, &err, "end mark");
    for (int i = 0; i < 17; i++) {
        t[24 * i] = 1;
        cmn_put_u32le(t + 24 * i + 16, 24 * 18);
        cmn_put_u32le(t + 24 * i + 20, 1);
    }
    T_ERR(snp_certs_decode(t, sizeof(t), &certs, &err), -EBADMSG, &err, "more than 16");
    T_EQ_INT(certs.n, 0);
    memset(t + 24 * 16, 0, 24);
    T_OK(snp_certs_decode(t, sizeof(t), &certs, &err), &err);
    T_EQ_INT(certs.n, 16);
    snp_certs_done(&certs);
}

static void random_tables_never_read_outside(void)
{
    ready();
    for (int i = 0; i < 20000; i++) {
        uint8_t shape[2];
        T_OK(cmn_env_random(env, shape, 2, NULL), NULL);
        size_t len = shape[0];
        auto_free uint8_t *t = calloc(1, len + 1); /* its own block: a sanitizer sees any overrun */
        auto_certs struct snp_certs certs = {0};
        T_OK(cmn_env_random(env, t, len, NULL), NULL);
        for (size_t at = 17; at < len; at++) /* small offsets and lengths come near the limits */
            if ((at % 24 >= 17 && at % 24 < 20) || at % 24 >= 21 || (shape[1] & 1 && at >= 48))
                t[at] = 0;
        if (snp_certs_decode(t, len, &certs, NULL) < 0)
            certs.n = 0;
    }
}

static void chains_in_evidence(void)
{
    auto_certs struct snp_certs certs = {0}, again = {0};
    auto_buf struct cmn_buf table = {0};
    struct snp_certs out = {0};
    struct cmn_err err = {0};

    auto_json json_t *none = snp_certs_to_json(&certs);
    T_TRUE(json_is_null(none));
    T_OK(snp_certs_add(&certs, SNP_CERT_OTHER, cmn_bytes("o", 1), &err), &err);
    T_OK(snp_certs_add(&certs, SNP_CERT_VCEK, cmn_bytes("vv", 2), &err), &err);
    T_OK(snp_certs_add(&certs, SNP_CERT_ARK, cmn_bytes("rrr", 3), &err), &err);
    memset(certs.list[0].guid, 0x11, 16);
    auto_json json_t *json = snp_certs_to_json(&certs);
    auto_free char *text = cmn_json_dump(json);
    T_EQ_STR(
        text,
        "[{\"cert_type\":\"ARK\",\"data\":[114,114,114]},{\"cert_type\":\"VCEK\",\"data\":[118,118]"
        "},"
        "{\"cert_type\":{\"OTHER\":\"11111111-1111-1111-1111-111111111111\"},\"data\":[111]}]");
    T_OK(snp_certs_from_json(json, &out, &err), &err);
    T_EQ_INT(out.n, 3);
    T_EQ_INT(out.list[2].type, SNP_CERT_OTHER);
    snp_certs_done(&out);
    T_OK(snp_certs_encode(&certs, &table), NULL);
    T_EQ_INT(table.len, 4096);
    T_OK(snp_certs_decode(table.data, table.len, &again, &err), &err);
    T_EQ_INT(again.n, 3);
    T_EQ_STR((char *)snp_certs_find(&again, SNP_CERT_VCEK)->bytes.data, "vv");
    T_TRUE(snp_certs_find(&again, SNP_CERT_VLEK) == NULL);
}

static void malformed_chains_in_evidence_are_refused(void)
{
    static const char *const bad[] = {
        "{}",
        "\"x\"",
        "[1]",
        "[{}]",
        "[{\"cert_type\":\"VCEK\"}]",
        "[{\"data\":[1]}]",
        "[{\"cert_type\":\"VCEK\",\"data\":\"AA\"}]",
        "[{\"cert_type\":\"VCEK\",\"data\":[256]}]",
        "[{\"cert_type\":\"VCEK\",\"data\":[1]},{\"cert_type\":\"ARK\",\"data\":[-1]}]"};
    struct snp_certs certs = {0};
    struct cmn_err err = {0};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        auto_json json_t *json = NULL;
        T_OK(cmn_json_load(cmn_bytes(bad[i], strlen(bad[i])), 8, &json, &err), &err);
        T_ERR(snp_certs_from_json(json, &certs, &err), -EBADMSG, &err, "evidence member");
        T_EQ_INT(certs.n, 0);
    }
}

/* ---- frames ---- */

static void frames_are_bounded(void)
{
    static const struct {
        uint8_t bytes[SNP_PSP_HEADER_BYTES];
        bool ok;
    } cases[] = {
        {"PSP1\x05\x01\x00\x00\x60\x00\x00\x00\x00\x00\x00", true},
        {"PSP2\x05\x00\x00\x00\x60\x00\x00\x00\x00\x00\x00", false},
        {"PSP1\x05\x00\x01\x00\x60\x00\x00\x00\x00\x00\x00", false},
        {"PSP1\x05\x00\x00\x01\x60\x00\x00\x00\x00\x00\x00", false},
        {"PSP1\x05\x00\x00\x00\xC0\x04\x00\x00\x00\x40\x00", true},  /* both at their limits */
        {"PSP1\x05\x00\x00\x00\xC1\x04\x00\x00\x00\x40\x00", false}, /* 1217 bytes of body */
        {"PSP1\x05\x00\x00\x00\xC0\x04\x00\x00\x01\x40\x00",
         false}, /* 16385 bytes of certificates */
        {"PSP1\x05\x00\x00\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF", false},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct snp_psp_frame f;
        struct cmn_err err = {0};
        T_EQ_INT(snp_psp_frame_decode(cases[i].bytes, &f, &err), cases[i].ok ? 0 : -EBADMSG);
    }
}

static void all_is_freed(void)
{
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("snp-codec", {"each byte of the report is known", each_byte_of_the_report_is_known},
          {"TCB layouts of the generations", tcb_layouts_of_the_generations},
          {"products by CPUID", products_by_cpuid},
          {"evidence members come in upstream's order", evidence_members_come_in_upstreams_order},
          {"odd numbers in evidence are refused", odd_numbers_in_evidence_are_refused},
          {"numbers above 63 bits are not written", numbers_above_63_bits_are_not_written},
          {"every signed byte counts", every_signed_byte_counts},
          {"hwID is told by its length", hwid_is_told_by_its_length},
          {"levels are minimal integers", levels_are_minimal_integers},
          {"tables without end or too long are refused",
           tables_without_end_or_too_long_are_refused},
          {"random tables never read outside", random_tables_never_read_outside},
          {"chains in evidence", chains_in_evidence},
          {"malformed chains in evidence are refused", malformed_chains_in_evidence_are_refused},
          {"frames are bounded", frames_are_bounded}, {"all is freed", all_is_freed})
