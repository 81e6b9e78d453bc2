/*
 * test-initdata.c - annotations that are refused (bombs, too), digests against vectors made with
 * other tools, and initdata as it is built for a run.
 */
#include "common/enc/enc.h"
#include "common/rs/cmn-rs.h"
#include "sim/adaptor/adaptor.h"
#include "tests/testlib/testlib.h"
#include "tests/unit/sim/gzip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* base64(gzip) of: the dummy of peer pods' process-user-data (66 bytes), and of variants of it; by
 * Python. */
#define DUMMY                                                                                      \
    "H4sIAAAAAAACA0vMSc8vyizJyFWwVVAqzkg0MjVT4ipLLSrOzM8DCRnoGeoZKHFxRackliTGciklJuqV5OfmKAHl1NXV" \
    "uY"                                                                                           \
    "AYACVzsg5CAAAA"
#define DUMMY_SHA384                                                                               \
    "H4sIAAAAAAACA0vMSc8vyizJyFWwVVAqzkg0tjBR4ipLLSrOzM8DCRnoGeoZKHFxRackliTGciklJuqV5OfmKAHl1NXV" \
    "uY"                                                                                           \
    "AYAO5HrI9CAAAA"
#define DUMMY_SHA512                                                                               \
    "H4sIAAAAAAACA0vMSc8vyizJyFWwVVAqzkg0NTRS4ipLLSrOzM8DCRnoGeoZKHFxRackliTGciklJuqV5OfmKAHl1NXV" \
    "uY"                                                                                           \
    "AYAI8384JCAAAA"
#define TWO_MEMBERS                                                                                \
    "H4sIAAAAAAACA0vMSc8vyizJyFWwVVAqzkg0MjVTAgB0X42bFAAAAB+"                                      \
    "LCAAAAAAAAgPjKkstKs7Mz1OwVVAy0DPUM1Di4o"                                                      \
    "pOSSxJjOVSSkzUK8nPzVECyqmrq3MBMQAgp7vULgAAAA=="
#define TRUNCATED                                                                                  \
    "H4sIAAAAAAACA0vMSc8vyizJyFWwVVAqzkg0MjVT4ipLLSrOzM8DCRnoGeoZKHFxRackliTGciklJuqV5A=="
#define NO_TOML      "H4sIAAAAAAACA6tQsFWIBgAwKTzqBQAAAA=="
#define NO_ALGORITHM "H4sIAAAAAAACAytLLSrOzM9TsFVQMtAz1DNQ4opOSSxJjOUCAOTI0FQZAAAA"
#define MD5                                                                                        \
    "H4sIAAAAAAACA0vMSc8vyizJyFWwVVDKTTFV4ipLLSrOzM8D8Q30DPUMlLi4olMSSxJjuZQSE/"                   \
    "VK8nNzlIBy6urqXEAMAN"                                                                         \
    "s0fMI/AAAA"
#define ALGORITHM_5                                                                                \
    "H4sIAAAAAAACA0vMSc8vyizJyFWwVTDlKkstKs7MzwOylQz0DPUMlLi4olMSSxJjuZQSE/"                       \
    "VK8nNzlIBy6urqXEAMALk3IV"                                                                     \
    "47AAAA"
#define EMPTY "H4sIAAAAAAACAwMAAAAAAAAAAAA="
#define BZIP2                                                                                      \
    "QlpoOTFBWSZTWXlyrSIAABTbgAAQUIFzAgAKJuedACAAVFAAAAHqETEhtNE0PTUHqFaZmsnc0u9aCgCRBbXi6CW+Ek"   \
    "kwz9RWaMRsMMsARYCBRzV5t8XckU4UJB5cq0iA"

static struct cmn_env *env;

static int decode(const char *annotation, struct sim_initdata *ret, struct cmn_err *err)
{
    cmn_err_clear(err);
    if (!env)
        T_OK(cmn_env_new_system(&env, NULL), NULL);
    return sim_initdata_decode(env, annotation, ret, err);
}

static void a_bad_annotation_is_refused_with_its_reason(void)
{
    static const struct {
        const char *annotation, *says;
    } cases[] = {
        {"", "it is not gzip"},
        {"no base64!", "annotation: "},
        {"H4sIAAAAAAACA0vM", "annotation: "},
        {"aGVsbG8=", "it is not gzip"},
        {BZIP2, "it is not gzip"},
        {TRUNCATED, "it is not gzip"},
        {EMPTY, "annotation: "},
        {NO_TOML, "initdata: "},
        {NO_ALGORITHM, "'algorithm' is '', known are sha256, sha384, sha512"},
        {MD5, "'algorithm' is 'md5'"},
        {ALGORITHM_5, "'algorithm' is ''"},
        {"H4sI AAAA", "annotation: "},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sim_initdata d = {0};
        struct cmn_err err = {0};
        T_ERR(decode(cases[i].annotation, &d, &err), -EINVAL, &err, cases[i].says);
        T_EQ_INT(err.reason, CMN_REASON_INITDATA_INVALID);
        T_TRUE(!d.toml.data && !d.encoded.data);
    }
}

static char *packed(const char *text, size_t len)
{
    auto_buf struct cmn_buf z = fx_gzip(text, len);

    return cmn_b64(CMN_B64_STD, z.data, z.len);
}

/* 64 MiB of blanks are 64 KiB packed; it ends at 1 MiB. */
static void a_gzip_bomb_ends_at_the_limit(void)
{
    size_t len = 64u << 20;
    struct sim_initdata d = {0};
    struct cmn_err err = {0};
    char *text = malloc(len);

    T_TRUE(text != NULL);
    if (!text)
        return;
    memset(text, ' ', len);
    auto_free char *bomb = packed(text, len);
    T_ERR(decode(bomb, &d, &err), -EINVAL, &err, "it is more than 1048576 bytes");
    auto_free char *over = packed(text, (1 << 20) + 1);
    T_ERR(decode(over, &d, &err), -EINVAL, &err, "it is more than 1048576 bytes");
    auto_free char *fits = packed(text, 1 << 20);
    T_ERR(decode(fits, &d, &err), -EINVAL, &err, "'algorithm' is ''"); /* read, and no initdata */
    free(text);
}

static void digests_are_those_of_the_vectors(void)
{
    static const struct {
        const char *annotation, *host_data;
    } cases[] = {
        {DUMMY, "adb48cc14fea9403d3d51f3b5f5068fd4d80445a14e94f1b3d5dbabaad66478d"},
        {TWO_MEMBERS, "adb48cc14fea9403d3d51f3b5f5068fd4d80445a14e94f1b3d5dbabaad66478d"},
        /* cut to the 32 bytes of HOST_DATA */
        {DUMMY_SHA384, "e85177e1368a4ec51b4a5cbb0ed2ad199b522f24607044674dca4cc0d7b027ab"},
        {DUMMY_SHA512, "4a5df553c90e0c68a015f8d4cc4d5279aeecb98b1f86adad345b18efb8917c28"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sim_initdata d = {0};
        struct cmn_err err = {0};
        T_OK(decode(cases[i].annotation, &d, &err), &err);
        auto_free char *hex = cmn_hex(d.host_data, 32);
        T_EQ_STR(hex, cases[i].host_data);
        T_EQ_INT(d.toml.len, 66);
        sim_initdata_done(&d);
    }
}

/* As `base64` without -w0 prints it: Go's decoder passes over line breaks, and so do we. */
static void line_breaks_in_the_annotation_are_passed_over(void)
{
    struct sim_initdata d = {0}, plain = {0};
    struct cmn_err err = {0};
    auto_buf struct cmn_buf wrapped = {0};

    for (size_t i = 0; i < strlen(DUMMY); i += 76)
        T_OK(cmn_buf_printf(&wrapped, "%.76s\r\n", &DUMMY[i]), NULL);
    T_OK(decode((char *)wrapped.data, &d, &err), &err);
    T_OK(decode(DUMMY, &plain, &err), &err);
    T_EQ_MEM(d.host_data, plain.host_data, 32);
    T_TRUE(d.encoded.len && !memchr(d.encoded.data, '\n', d.encoded.len));
    T_EQ_STR((char *)d.encoded.data, (char *)plain.encoded.data);
    sim_initdata_done(&d);
    sim_initdata_done(&plain);
}

static void what_was_encoded_decodes_to_the_same(void)
{
    struct sim_initdata d = {0}, again = {0};
    struct cmn_err err = {0};

    T_OK(decode(TWO_MEMBERS, &d, &err), &err);
    T_OK(decode((char *)d.encoded.data, &again, &err), &err);
    T_EQ_STR((char *)again.toml.data, (char *)d.toml.data);
    T_EQ_MEM(again.host_data, d.host_data, 32);
    sim_initdata_done(&d);
    sim_initdata_done(&again);
}

static json_t *file_of(const struct sim_initdata *d, const char *name)
{
    char *why = NULL;
    auto_json json_t *doc = NULL;
    json_t *file = NULL;

    char *json = cmn_rs_toml_to_json((const char *)d->toml.data, d->toml.len, &why);
    T_TRUE(json != NULL);
    if (json)
        T_OK(cmn_json_load(cmn_bytes(json, strlen(json)), 16, &doc, NULL), NULL);
    cmn_rs_free(json);
    const char *text = cmn_json_str(json_object_get(doc, "data"), name);
    json = text ? cmn_rs_toml_to_json(text, strlen(text), &why) : NULL;
    T_TRUE(json != NULL);
    if (json)
        T_OK(cmn_json_load(cmn_bytes(json, strlen(json)), 16, &file, NULL), NULL);
    cmn_rs_free(json);
    return file;
}

static void what_a_run_builds_is_what_a_user_would_write(void)
{
    static const char *const hosts[] = {"registry.local", "other.local:5000"};
    struct sim_initdata_opts opts = {.kbs_url = "http://kbs.local:8080",
                                     .insecure_registries = hosts,
                                     .n_insecure_registries = 2};
    struct sim_initdata d = {0}, again = {0}, eager = {0}, decoded = {0};
    struct cmn_err err = {0};

    if (!env)
        T_OK(cmn_env_new_system(&env, NULL), NULL);
    T_OK(sim_initdata_build(env, &opts, &d, &err), &err);
    T_OK(sim_initdata_build(env, &opts, &again, &err), &err);
    auto_json json_t *aa = file_of(&d, "aa.toml");
    auto_json json_t *cdh = file_of(&d, "cdh.toml");
    const json_t *kbs = json_object_get(json_object_get(aa, "token_configs"), "kbs");
    T_EQ_STR(cmn_json_str(kbs, "url"), "http://kbs.local:8080");
    T_EQ_STR(cmn_json_str(json_object_get(cdh, "kbc"), "name"), "cc_kbc");
    T_EQ_INT(json_array_size(json_object_get(cdh, "credentials")), 0);
    const json_t *registry = json_object_get(
        json_object_get(json_object_get(cdh, "image"), "registry_config"), "registry");
    T_EQ_INT(json_array_size(registry), 2);
    T_EQ_STR(cmn_json_str(json_array_get(registry, 1), "prefix"), "other.local:5000");
    T_EQ_STR((char *)again.encoded.data, (char *)d.encoded.data); /* no time stamp in it */

    T_OK(decode((char *)d.encoded.data, &decoded, &err), &err);
    T_EQ_MEM(decoded.host_data, d.host_data, 32);

    opts.attest_eager = true;
    T_OK(sim_initdata_build(env, &opts, &eager, &err), &err);
    auto_json json_t *cdh_eager = file_of(&eager, "cdh.toml");
    T_EQ_STR(
        cmn_json_str(json_array_get(json_object_get(cdh_eager, "credentials"), 0), "resource_uri"),
        "kbs:///" SIM_EAGER_RESOURCE);
    T_TRUE(memcmp(eager.host_data, d.host_data, 32) != 0);
    sim_initdata_done(&d);
    sim_initdata_done(&again);
    sim_initdata_done(&eager);
    sim_initdata_done(&decoded);
}

static void cut_and_flipped_annotations_never_crash(void)
{
    char text[sizeof(DUMMY)];

    for (size_t i = 0; i < sizeof(DUMMY) - 1; i++) {
        struct sim_initdata d = {0};
        struct cmn_err err = {0};
        memcpy(text, DUMMY, sizeof(text));
        text[i] = '\0';
        T_TRUE(decode(text, &d, &err) == -EINVAL && err.reason == CMN_REASON_INITDATA_INVALID);
        memcpy(text, DUMMY, sizeof(text));
        text[i] = text[i] == 'A' ? 'B' : 'A';
        int r = decode(text, &d, &err);
        T_TRUE(r == 0 || (r == -EINVAL && err.msg[0]));
        sim_initdata_done(&d);
    }
}

TEST_MAIN("initdata",
          {"a bad annotation is refused with its reason",
           a_bad_annotation_is_refused_with_its_reason},
          {"a gzip bomb ends at the limit", a_gzip_bomb_ends_at_the_limit},
          {"cut and flipped annotations never crash", cut_and_flipped_annotations_never_crash},
          {"digests are those of the vectors", digests_are_those_of_the_vectors},
          {"line breaks in the annotation are passed over",
           line_breaks_in_the_annotation_are_passed_over},
          {"what was encoded decodes to the same", what_was_encoded_decodes_to_the_same},
          {"what a run builds is what a user would write",
           what_a_run_builds_is_what_a_user_would_write})
