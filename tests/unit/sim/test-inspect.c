/* test-inspect.c - hostile bytes, every encoding, every kind, and samples of real hardware. */
#include "tests/testlib/testlib.h"

#include "common/enc/enc.h"
#include "common/snp/certs.h"
#include "common/snp/report.h"
#include "sim/diagnose/inspect/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cmn_env *env;

static int inspect(struct cmn_bytes data, json_t **ret)
{
    struct cmn_err err = {0};

    *ret = NULL;
    return sim_inspect(env, "test", data, ret, &err);
}

static json_t *inspect_text(const char *text)
{
    json_t *found = NULL;

    T_OK(inspect(cmn_bytes(text, strlen(text)), &found), NULL);
    return found;
}

/* A plausible Genoa report, unsigned. */
static void make_report(uint8_t raw[SNP_REPORT_BYTES])
{
    struct snp_report p = {.version = 3,
                           .policy = 0x30000,
                           .sig_algo = 1,
                           .has_cpuid = true,
                           .cpuid_fam_id = 0x19,
                           .cpuid_mod_id = 0x11,
                           .current_tcb = {0, 10, 0, 23, 84},
                           .reported_tcb = {0, 10, 0, 23, 84},
                           .committed_tcb = {0, 10, 0, 23, 84},
                           .launch_tcb = {0, 10, 0, 23, 84},
                           .current = {1, 55, 40},
                           .committed = {1, 55, 40}};

    memset(p.report_data, 0x11, 48);
    memset(p.measurement, 0x22, 48);
    memset(p.chip_id, 0x33, 64);
    memset(p.sig_r, 0x44, 48);
    memset(p.sig_s, 0x55, 48);
    snp_report_encode(&p, raw);
}

/* Is there a doubt with this code anywhere? */
static bool doubted(const json_t *doc, const char *code)
{
    size_t i;
    json_t *each;
    const char *own = cmn_json_str(doc, "code");

    if (own && strcmp(own, code) == 0)
        return true;
    static const char *const lists[] = {"fields", "doubts", "parts"};
    for (size_t l = 0; l < CMN_ARRAY_SIZE(lists); l++)
        json_array_foreach(json_object_get(doc, lists[l]), i, each)
            if (doubted(each, code))
                return true;
    return false;
}

static const char *kind(const json_t *doc)
{
    const char *k = cmn_json_str(doc, "kind");
    return k ? k : "(none)";
}

static void unknown_bytes_are_said_to_be_unknown(void)
{
    json_t *found = NULL;
    uint8_t zero[2000] = {0};

    T_EQ_INT(inspect(cmn_bytes("", 0), &found), -ENODATA);
    T_EQ_INT(inspect(cmn_bytes("hello world", 11), &found), -ENODATA);
    T_EQ_INT(inspect(cmn_bytes("{}", 2), &found), -ENODATA);
    T_EQ_INT(inspect(cmn_bytes("[[[[[[[[", 8), &found), -ENODATA);
    T_EQ_INT(inspect(cmn_bytes(zero, sizeof(zero)), &found), -ENODATA);
    T_EQ_INT(inspect(cmn_bytes(zero, SNP_REPORT_BYTES), &found), -ENODATA);
}

static void every_cut_and_every_flip_is_survived(void)
{
    uint8_t raw[SNP_REPORT_BYTES + 64] = {0};

    make_report(raw);
    for (size_t len = 0; len < sizeof(raw); len += 7) {
        json_t *found;
        CMN_IGNORE(inspect(cmn_bytes(raw, len), &found));
        json_decref(found);
    }
    for (size_t i = 0; i < SNP_REPORT_BYTES; i += 3) {
        json_t *found;
        raw[i] ^= 0x80;
        CMN_IGNORE(inspect(cmn_bytes(raw, SNP_REPORT_BYTES), &found));
        json_decref(found);
        raw[i] ^= 0x80;
    }
}

static void hostile_texts_end_quickly(void)
{
    auto_buf struct cmn_buf deep = {0};
    json_t *found;

    T_OK(cmn_buf_resize(&deep, 1 << 20), NULL);
    static const char *const fills[] = {"[",  "{\"a\":", "-----BEGIN ", "eyJ.",
                                        "1,", "\\\"",    "AAAA"};
    for (size_t f = 0; f < CMN_ARRAY_SIZE(fills); f++) {
        for (size_t i = 0; i < deep.len; i++)
            deep.data[i] = (uint8_t)fills[f][i % strlen(fills[f])];
        CMN_IGNORE(inspect(cmn_buf_bytes(&deep), &found));
        json_decref(found);
    }
}

static void a_report_is_told_field_by_field(void)
{
    uint8_t raw[SNP_REPORT_BYTES];
    auto_buf struct cmn_buf text = {0};
    json_t *found;

    make_report(raw);
    T_OK(inspect(cmn_bytes(raw, sizeof(raw)), &found), NULL);
    T_EQ_STR(kind(found), "snp-report");
    T_EQ_INT(sim_view_doubts(found), 0);
    T_OK(sim_view_text(found, &text), NULL);
    T_TRUE(strstr((char *)text.data, "008+8    POLICY                 0x30000  - SMT allowed") !=
           NULL);
    T_TRUE(strstr((char *)text.data, "REPORTED_TCB") != NULL);
    T_TRUE(strstr((char *)text.data, "bootloader 10, tee 0, snp 23, microcode 84") != NULL);
    T_TRUE(strstr((char *)text.data, "Genoa") != NULL);
    json_decref(found);
}

static void what_is_suspicious_is_marked(void)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *code;
    } cases[] = {
        {0x00, 2, "snp.version-too-old"},
        {0x00, 9, "snp.version-unknown"},
        {0x0A, 0x0B, "snp.debug-allowed"},
        {0x0A, 0x07, "snp.migration-allowed"},
        {0x0A, 0x01, "snp.policy-format"},
        {0x0F, 0x01, "snp.policy-format"},
        {0x30, 1, "snp.vmpl"},
        {0x34, 2, "snp.signature-algo"},
        {0x3A, 1, "snp.tcb-reserved"},
        {0x48, 0x1C, "snp.signing-key-none"},
        {0x48, 0x02, "snp.chip-key-masked"},
        {0x48, 0x08, "snp.key-info"},
        {0x4C, 1, "snp.reserved-nonzero"},
        {0x110, 1, "snp.author-key-stray"},
        {0x180, 11, "snp.tcb-order"},
        {0x1E0, 9, "snp.tcb-provisional"},
        {0x1E7, 85, "snp.tcb-order"},
        {0x18B, 1, "snp.reserved-nonzero"},
        {0x1F8, 1, "snp.reserved-nonzero"},
        {0x208, 1, "snp.reserved-nonzero"},
        {0x2D0, 1, "snp.signature-invalid"},
        {0x330, 1, "snp.reserved-nonzero"},
        {0x1EC, 41, "snp.firmware-order"},
        {0x1F0, 11, "snp.tcb-order"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        uint8_t raw[SNP_REPORT_BYTES];
        json_t *found;
        make_report(raw);
        raw[cases[i].at] = cases[i].value;
        T_OK(inspect(cmn_bytes(raw, sizeof(raw)), &found), NULL);
        if (!doubted(found, cases[i].code))
            (void)fprintf(stderr, "byte %zx: no %s\n", cases[i].at, cases[i].code);
        T_TRUE(doubted(found, cases[i].code));
        json_decref(found);
    }
    uint8_t raw[SNP_REPORT_BYTES];
    json_t *found;
    make_report(raw);
    memset(raw + 0x1A0, 0, 64);
    T_OK(inspect(cmn_bytes(raw, sizeof(raw)), &found), NULL);
    T_TRUE(doubted(found, "snp.chip-id-masked"));
    json_decref(found);
}

/* The report in an encoding is found again, with the same fields. */
static void check_encoded(const char *what, const char *text)
{
    json_t *found = inspect_text(text);

    T_EQ_STR(kind(found), "snp-report");
    if (strcmp(kind(found), "snp-report") != 0)
        (void)fprintf(stderr, "encoding %s\n", what);
    T_TRUE(json_array_size(json_object_get(found, "encodings")) > 0);
    json_decref(found);
}

static void every_encoding_is_taken_off(void)
{
    uint8_t raw[SNP_REPORT_BYTES];
    char text[32768];

    make_report(raw);
    auto_free char *hex = cmn_hex(raw, sizeof(raw));
    auto_free char *b64 = cmn_b64(CMN_B64_STD, raw, sizeof(raw));
    auto_free char *url = cmn_b64(CMN_B64_URL, raw, sizeof(raw));
    auto_json json_t *numbers = snp_bytes_to_json(raw, sizeof(raw));
    auto_free char *array = cmn_json_dump(numbers);
    check_encoded("hex", hex);
    check_encoded("base64", b64);
    check_encoded("base64url", url);
    check_encoded("numbers", array);
    (void)snprintf(text, sizeof(text), "0x%s\n", hex);
    check_encoded("hex with 0x", text);
    (void)snprintf(text, sizeof(text), "%.64s\n%.64s\n%s", b64, b64 + 64, b64 + 128);
    check_encoded("wrapped base64", text);
    (void)snprintf(text, sizeof(text), "10:00 DEBUG report=%s\nnext line\n", b64);
    check_encoded("log with base64", text);
    (void)snprintf(text, sizeof(text), "report: %s end", array);
    check_encoded("log with numbers", text);
    auto_free char *twice = cmn_b64(CMN_B64_STD, b64, strlen(b64));
    check_encoded("base64 of base64", twice);
}

static void evidence_is_found_inside_a_log(void)
{
    uint8_t raw[SNP_REPORT_BYTES];
    struct snp_report p;
    char log[65536];
    json_t *found;

    make_report(raw);
    T_OK(snp_report_decode(raw, sizeof(raw), &p, NULL), NULL);
    auto_json json_t *evidence =
        json_pack("{s:o, s:[]}", "attestation_report", snp_report_to_json(&p), "cert_chain");
    auto_free char *text = cmn_json_dump(evidence);
    (void)snprintf(log, sizeof(log), "DEBUG evidence {%s} x", text);
    found = inspect_text(log);
    T_EQ_STR(kind(found), "snp-evidence");
    T_TRUE(doubted(found, "snp.vek-missing"));
    json_decref(found);
    /* as a text inside of JSON inside of a log line */
    auto_json json_t *line = json_pack("{s:s}", "msg", text);
    auto_free char *escaped = cmn_json_dump(line);
    (void)snprintf(log, sizeof(log), "10:00 %s", escaped);
    found = inspect_text(log);
    T_EQ_STR(kind(found), "snp-evidence");
    json_decref(found);
    (void)json_object_del(json_object_get(evidence, "attestation_report"), "chip_id");
    auto_free char *broken = cmn_json_dump(evidence);
    found = inspect_text(broken);
    T_TRUE(doubted(found, "snp.evidence-malformed"));
    json_decref(found);
}

static void kinds_of_text_are_recognised(void)
{
    static const struct {
        const char *text, *kind, *code;
    } cases[] = {
        {"version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"aa.toml\" = '''\n[token_configs]\n"
         "[token_configs.kbs]\nurl = 'kbs:8080'\n'''\n",
         "initdata", "kbs.url-invalid"},
        {"version = \"0.1.0\"\nalgorithm = \"md5\"\n[data]\nx = \"y\"\n", "initdata",
         "initdata.invalid"},
        {"algorithm = \"sha256\"\n[data]\n\"aa.toml\" = '''\n", "initdata", "initdata.invalid"},
        {"package policy\ndefault allow = false\nallow if {\n data.plugin == \"resource\"\n}\n",
         "policy", "policy.status-ignored"},
        {"# c\npackage other\nallow = true\n", "policy", "policy.rule-missing"},
        {"package policy\nallow {\n", "policy", "policy.upload-invalid"},
        {"{\"svn\":\"1\",\"report_data\":\"AA==\"}", "sample-evidence", "sample.no-protection"},
        {"{\"protected\":\"e30\",\"encrypted_key\":\"\",\"ciphertext\":\"AAAA\"}", "jwe",
         "resource.decrypt-failed"},
        {"{\"type\":\"https://github.com/confidential-containers/kbs/errors/"
         "PolicyDeny\",\"detail\":"
         "\"Access denied by policy\"}",
         "kbs-error", NULL},
        {"{\"nonce\":\"AAAA\",\"extra-params\":{}}", "challenge", NULL},
        {"{\"version\":\"0.1.0\",\"tee\":\"snp\",\"extra-params\":\"\"}", "auth-request", NULL},
        {"{\"schemaVersion\":2,\"layers\":[{\"mediaType\":\"application/"
         "vnd.oci.image.layer.v1.tar+gzip+encrypted\",\"digest\":\"sha256:00\",\"size\":1}]}",
         "image-manifest", "image.key-packet-invalid"},
        {"{\"auths\":{\"quay.io\":{\"username\":\"u\"}}}", "registry-auth", "image.unauthorized"},
        {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}", "jwk",
         "resource.tee-key-unsupported"},
        {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "pem",
         "snp.cert-malformed"},
        {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "private-key", NULL},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        json_t *found = inspect_text(cases[i].text);
        T_EQ_STR(kind(found), cases[i].kind);
        if (cases[i].code && !doubted(found, cases[i].code))
            (void)fprintf(stderr, "%s: no %s\n", cases[i].text, cases[i].code);
        T_TRUE(!cases[i].code || doubted(found, cases[i].code));
        json_decref(found);
    }
}

static void tokens_are_read_and_private_things_are_not_shown(void)
{
    /* header {"alg":"ES256"}, payload
     * {"iss":"x","exp":1,"submods":{"cpu0":{"ear.status":"warning"}}} */
    json_t *found = inspect_text("eyJhbGciOiJFUzI1NiJ9."
                                 "eyJpc3MiOiJ4IiwiZXhwIjoxLCJzdWJtb2RzIjp7ImNwdTAiOnsiZWFyLnN0YXR1c"
                                 "yI6Indhcm5pbmcifX19.AAAA");
    auto_buf struct cmn_buf text = {0};

    T_EQ_STR(kind(found), "token");
    T_TRUE(doubted(found, "token.expired"));
    T_TRUE(doubted(found, "policy.status-ignored"));
    json_decref(found);
    found = inspect_text("{\"auths\":{\"quay.io\":{\"auth\":\"c2VlZGVkOnNlY3JldA==\"}}}");
    T_OK(sim_view_text(found, &text), NULL);
    T_TRUE(!strstr((char *)text.data, "c2VlZGVk"));
    json_decref(found);
}

/* ---- real samples ---- */

static int load(const char *name, struct cmn_buf *ret)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "samples/%s", name);
    const char *full = t_shared(path);
    return full ? cmn_file_read(full, 1 << 24, ret, NULL) : -ENOENT;
}

static void real_samples_are_recognised(void)
{
    static const struct {
        const char *file, *kind, *code;
        size_t doubts; /* at the time of the system's clock 0: not asked */
    } cases[] = {
        {"snp/milan-v2-vcek-a/report.bin", "snp-report", "snp.version-too-old", 1},
        {"snp/milan-v2-vcek-b-debug/report.bin", "snp-report", "snp.debug-allowed", 0},
        {"snp/milan-v3-vlek-aws/report.bin", "snp-report", "snp.tcb-provisional", 0},
        {"snp/milan-v3-vlek-aws/vlek.der", "certificate", "snp.cert-expired", 0},
        {"snp/genoa-v3-vcek-certtable/auxblob.bin", "certificate-table", NULL, 0},
        {"snp/genoa-v5-vcek/report.bin", "snp-report", NULL, 0},
        {"snp/turin-v5-vcek/report.bin", "snp-report", NULL, 0},
        {"snp/turin-v5-vcek/vcek.der", "certificate", NULL, 0},
        {"snp/crl/genoa_vcek.crl", "crl", NULL, 0},
        {"snp/roots/turin_vlek_cert_chain.pem", "pem", NULL, 0},
        {"az-snp-vtpm/milan-v3-userdata/evidence.json", "az-snp-vtpm-evidence", NULL, 0},
        {"az-snp-vtpm/milan-v3-userdata/hcl_report.bin", "hcl-report", NULL, 0},
        {"az-snp-vtpm/milan-v3-userdata/quote_msg.bin", "tpm-quote", NULL, 0},
        {"snp-measure/synthetic_ovmf.bin", "firmware", NULL, 0},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_buf struct cmn_buf data = {0};
        json_t *found = NULL;
        if (load(cases[i].file, &data) < 0)
            return;
        T_OK(inspect(cmn_buf_bytes(&data), &found), NULL);
        T_EQ_STR(kind(found), cases[i].kind);
        T_TRUE(!cases[i].code || doubted(found, cases[i].code));
        T_TRUE(!cases[i].doubts || sim_view_doubts(found) == cases[i].doubts);
        json_decref(found);
        for (size_t at = 0; at < data.len; at += 1 + data.len / 150) { /* hostile neighbours */
            data.data[at] ^= 0xFF;
            CMN_IGNORE(inspect(cmn_buf_bytes(&data), &found));
            json_decref(found);
            CMN_IGNORE(inspect(cmn_bytes(data.data, at), &found));
            json_decref(found);
            data.data[at] ^= 0xFF;
        }
    }
}

static void a_changed_hcl_report_is_marked(void)
{
    auto_buf struct cmn_buf data = {0};
    json_t *found = NULL;

    if (load("az-snp-vtpm/milan-v3-userdata/hcl_report.bin", &data) < 0)
        return;
    data.data[1236 + 10] ^= 1;
    T_OK(inspect(cmn_buf_bytes(&data), &found), NULL);
    T_TRUE(doubted(found, "az.hcl-digest"));
    json_decref(found);
    T_OK(inspect(cmn_bytes(data.data, 100), &found), NULL);
    T_TRUE(doubted(found, "az.hcl-malformed"));
    json_decref(found);
}

static void the_world_begins(void)
{
    T_OK(cmn_env_new_system(&env, NULL), NULL);
}

static void the_world_ends(void)
{
    cmn_env_unref(env);
}

TEST_MAIN("inspect", {"the world begins", the_world_begins},
          {"unknown bytes are said to be unknown", unknown_bytes_are_said_to_be_unknown},
          {"every cut and every flip is survived", every_cut_and_every_flip_is_survived},
          {"hostile texts end quickly", hostile_texts_end_quickly},
          {"a report is told field by field", a_report_is_told_field_by_field},
          {"what is suspicious is marked", what_is_suspicious_is_marked},
          {"every encoding is taken off", every_encoding_is_taken_off},
          {"evidence is found inside a log", evidence_is_found_inside_a_log},
          {"kinds of text are recognised", kinds_of_text_are_recognised},
          {"tokens are read and private things are not shown",
           tokens_are_read_and_private_things_are_not_shown},
          {"real samples are recognised", real_samples_are_recognised},
          {"a changed HCL report is marked", a_changed_hcl_report_is_marked},
          {"the world ends", the_world_ends})
