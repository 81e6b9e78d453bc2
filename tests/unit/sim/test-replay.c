/* test-replay.c - attestations judged again: real samples in every mode, captures, options, hostile
 * input. */
#include "tests/testlib/testlib.h"
#include "tests/unit/kbs-lite/face.h"

#include "sim/diagnose/replay/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct cmn_env *env;

/* The verdict on these paths together, or the error (then *ret is NULL). Caller owns *ret. */
static int judge(const char *const *paths, size_t n, const struct sim_replay_opts *opts,
                 json_t **ret, struct cmn_err *err)
{
    struct sim_case *c = NULL;
    int r = sim_case_new(env, &c, err);

    *ret = NULL;
    for (size_t i = 0; r >= 0 && i < n; i++)
        r = sim_case_path(c, paths[i], err);
    if (r >= 0)
        r = sim_replay(c, opts, ret, err);
    sim_case_free(c);
    return r;
}

/* "accepted", or the code of the refusal. */
static const char *outcome(const json_t *verdict)
{
    const char *code = cmn_json_str(verdict, "code"), *v = cmn_json_str(verdict, "verdict");

    return code ? code : v ? v : "(none)";
}

static const char *sample(const char *name)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "samples/snp/%s", name);
    return t_shared(path);
}

/*
 * The table of the samples' README. Genoa v5 and Turin: their VCEKs begin in July and August 2025,
 * so at 2025-06-01 a strict verifier refuses (the table says accept).
 */
static const struct {
    const char *folder, *trustee, *old, *strict_now, *strict_2025;
} samples[] = {
    {"milan-v2-vcek-a", "snp.version-too-old", "accepted", "accepted", "accepted"},
    {"milan-v2-vcek-b-debug", "snp.version-too-old", "accepted", "snp.debug-allowed",
     "snp.debug-allowed"},
    {"milan-v3-vlek-aws", "accepted", "accepted", "snp.cert-expired", "accepted"},
    {"genoa-v3-vcek-certtable", "accepted", "accepted", "accepted", "accepted"},
    {"genoa-v5-vcek", "accepted", "snp.version-unknown", "accepted", "snp.cert-not-yet-valid"},
    {"turin-v5-vcek", "accepted", "snp.version-unknown", "accepted", "snp.cert-not-yet-valid"},
};

static void real_samples_have_their_outcomes(void)
{
    const struct sim_replay_opts modes[] = {
        {.at = 1795478400},
        {.at = 1795478400, .era = "0.13"},
        {.at = 1795478400, .verifier = "strict"},
        {.at = 1748736000, .verifier = "strict"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(samples); i++) {
        const char *want[] = {samples[i].trustee, samples[i].old, samples[i].strict_now,
                              samples[i].strict_2025};
        const char *path = sample(samples[i].folder);
        if (!path)
            return;
        auto_free char *copy = strdup(path);
        for (size_t m = 0; m < CMN_ARRAY_SIZE(modes); m++) {
            auto_json json_t *v = NULL, *again = NULL;
            struct cmn_err err = {0};
            const char *paths[] = {copy};
            T_OK(judge(paths, 1, &modes[m], &v, &err), &err);
            T_EQ_STR(outcome(v), want[m]);
            T_OK(judge(paths, 1, &modes[m], &again, &err), &err);
            auto_free char *one = cmn_json_dump(v), *two = cmn_json_dump(again);
            T_EQ_STR(one, two);
        }
    }
}

static void a_flipped_bit_refuses_in_every_mode(void)
{
    const struct sim_replay_opts modes[] = {{.at = 1748736000},
                                            {.at = 1748736000, .era = "0.13"},
                                            {.at = 1748736000, .verifier = "strict"}};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(samples); i++) {
        char name[128];
        auto_buf struct cmn_buf report = {0}, cert = {0};
        const char *path;
        (void)snprintf(name, sizeof(name), "%s/report.bin", samples[i].folder);
        if (!(path = sample(name)))
            return;
        T_OK(cmn_file_read(path, 4096, &report, NULL), NULL);
        (void)snprintf(name, sizeof(name), "%s/%s", samples[i].folder,
                       strstr(samples[i].folder, "vlek") ? "vlek.der" : "vcek.der");
        path = sample(name);
        T_OK(cmn_file_read(path, 4096, &cert, NULL), NULL);
        report.data[0x90] ^= 1;
        for (size_t m = 0; m < CMN_ARRAY_SIZE(modes); m++) {
            struct sim_case *c = NULL;
            auto_json json_t *v = NULL;
            struct cmn_err err = {0};
            T_OK(sim_case_new(env, &c, NULL), NULL);
            sim_case_bytes(c, cmn_buf_bytes(&report));
            sim_case_bytes(c, cmn_buf_bytes(&cert));
            T_OK(sim_replay(c, &modes[m], &v, &err), &err);
            T_EQ_STR(cmn_json_str(v, "verdict"), "refused");
            sim_case_free(c);
        }
    }
}

/* Evidence of a real Azure VM, the text at `key` of `object` (at `index` of a list) changed in one
 * letter. */
static void azure(const char *object, const char *key, int index, size_t at, int64_t when,
                  const char *want)
{
    const char *path = t_shared("samples/az-snp-vtpm/milan-v3-userdata/evidence.json");
    struct sim_case *c = NULL;
    auto_buf struct cmn_buf file = {0};
    auto_json json_t *json = NULL, *v = NULL;
    struct cmn_err err = {0};

    if (!path)
        return;
    T_OK(cmn_file_read(path, 1 << 20, &file, NULL), NULL);
    T_OK(cmn_json_load(cmn_buf_bytes(&file), 16, &json, &err), &err);
    json_t *obj = object ? json_object_get(json, object) : json;
    if (key) {
        json_t *list = json_object_get(obj, key);
        const char *text =
            json_string_value(index < 0 ? list : json_array_get(list, (size_t)index));
        auto_free char *copy = strdup(text ? text : "");
        T_TRUE(at < strlen(copy));
        copy[at] = copy[at] == '1' ? '2' : '1';
        if (index < 0)
            (void)json_object_set_new(obj, key, json_string(copy));
        else
            (void)json_array_set_new(list, (size_t)index, json_string(copy));
    }
    auto_free char *dump = cmn_json_dump(json);
    T_OK(sim_case_new(env, &c, NULL), NULL);
    sim_case_bytes(c, cmn_bytes(dump, strlen(dump)));
    T_OK(sim_replay(c, &(struct sim_replay_opts){.at = when}, &v, &err), &err);
    T_EQ_STR(outcome(v), want);
    sim_case_free(c);
}

static void evidence_of_azure_is_judged_as_upstream_does(void)
{
    const int64_t then = 1795478400; /* 2026-11-24 */

    azure(NULL, NULL, 0, 0, then, "accepted");
    azure("tpm_quote", "message", -1, 100, then, "az.quote-signature");
    azure("tpm_quote", "signature", -1, 100, then, "az.quote-signature");
    azure("tpm_quote", "pcrs", 8, 3, then, "az.pcr-digest");
    azure(NULL, "hcl_report", -1, 2210, then, "az.hcl-digest");
    azure(NULL, "hcl_report", -1, 1638, then, "az.hcl-malformed"); /* hash type, at 4CC */
    azure(NULL, "hcl_report", -1, 1645, then, "az.hcl-malformed"); /* variable_data_size, at 4D0 */
    azure(NULL, "hcl_report", -1, 400, then, "snp.signature-invalid");
    azure(NULL, "vcek", -1, 1500, then, "snp.chain-invalid");
    azure(NULL, NULL, 0, 0, 1990000000, "az.vcek-invalid"); /* 2033 */
    azure(NULL, NULL, 0, 0, 1700000000, "az.vcek-invalid"); /* 2023 */
}

static void what_cannot_be_decided_is_said(void)
{
    struct sim_case *c = NULL;
    json_t *v = NULL;
    struct cmn_err err = {0};
    static const char sample_evidence[] = "{\"svn\":\"1\",\"report_data\":\"\"}";

    T_OK(sim_case_new(env, &c, NULL), NULL);
    T_ERR(sim_replay(c, &(struct sim_replay_opts){0}, &v, &err), -ENODATA, &err, "no evidence");
    sim_case_bytes(c, cmn_bytes("\x30\x82 garbage", 10));
    T_ERR(sim_replay(c, &(struct sim_replay_opts){0}, &v, &err), -ENODATA, &err, "no evidence");
    sim_case_bytes(c, cmn_bytes(sample_evidence, strlen(sample_evidence)));
    T_ERR(sim_replay(c, &(struct sim_replay_opts){.era = "9"}, &v, &err), -EINVAL, &err, "era '9'");
    T_ERR(sim_replay(c, &(struct sim_replay_opts){.verifier = "x"}, &v, &err), -EINVAL, &err,
          "strict");
    T_ERR(sim_replay(c, &(struct sim_replay_opts){.root = "test"}, &v, &err), -EINVAL, &err, "ARK");
    T_ERR(sim_replay(c, &(struct sim_replay_opts){.policy_set = "x"}, &v, &err), -EINVAL, &err,
          "set 'x'");
    T_ERR(sim_replay(c, &(struct sim_replay_opts){.policy = "/nonexistent"}, &v, &err), -ENOENT,
          &err, NULL);
    sim_case_free(c);
    T_ERR(judge((const char *const[]){"/nonexistent"}, 1, &(struct sim_replay_opts){0}, &v, &err),
          -ENOENT, &err, "nonexistent");
}

static char *write_text(const char *name, const char *text)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", t_tmpdir(), name);
    T_OK(cmn_file_write(path, text, strlen(text), 0600, NULL), NULL);
    return path;
}

/* A session of the sample TEE with a real broker, captured into a folder. */
static void capture(const char *dir, EVP_PKEY *key)
{
    struct face f = {0};
    struct kbs_config config = {.policy_set = "upstream", .admin = KBS_ADMIN_ALLOW_ALL};
    struct cmn_err err = {0};

    T_OK(kbs_new(env, &config, &f.kbs, &err), &err);
    T_OK(cmn_mkdir_p(dir, 0700, NULL), NULL);
    T_OK(kbs_capture_to_dir(f.kbs, dir, cmn_bytes(NULL, 0), &err), &err);
    T_OK(kbs_resource_put(f.kbs, "default/key/1", cmn_bytes("S33d-resource", 13), &err), &err);
    auto_json json_t *values = json_pack("{s:[s]}", "launch_digest", "abcde");
    T_OK(kbs_reference_values_put(f.kbs, values, &err), &err);
    auto_free char *token = face_sample_token(&f, env, key);
    T_TRUE(token != NULL);
    (void)face_call(&f, "GET", "/kbs/v0/resource/default/key/1", NULL);
    (void)face_call(&f, "POST", "/kbs/v0/resource/default/key/2", "S33d-posted");
    char path[512];
    auto_buf struct cmn_buf text = {0};
    (void)snprintf(path, sizeof(path), "%s/0002-attest.json", dir);
    T_OK(cmn_file_read(path, 1 << 20, &text, &err), &err);
    T_TRUE(token && !strstr((char *)text.data, strrchr(token, '.'))); /* its signature */
    T_TRUE(!strstr((char *)text.data, f.cookie + strlen("kbs-session-id=")));
    (void)snprintf(path, sizeof(path), "%s/0003-resource.json", dir);
    struct stat st;
    T_TRUE(stat(path, &st) < 0);
    face_done(&f);
}

static void a_captured_session_replays_to_the_customers_verdict(void)
{
    char dir[256];
    const char *paths[] = {dir};
    struct cmn_err err = {0};
    auto_pkey EVP_PKEY *key = NULL;
    auto_json json_t *v = NULL, *other = NULL, *allowed = NULL;

    (void)snprintf(dir, sizeof(dir), "%s/capture", t_tmpdir());
    T_OK(cmn_ec_generate(env, "P-256", &key, NULL), NULL);
    capture(dir, key);
    T_OK(judge(paths, 1, &(struct sim_replay_opts){0}, &v, &err), &err);
    T_EQ_STR(cmn_json_str(v, "tee"), "sample");
    T_EQ_STR(outcome(v), "policy.sample-evidence");
    T_EQ_STR(cmn_json_str(v, "at"), "2026-01-01T00:00:00Z"); /* the capture's clock */
    /* executables are affirmed by the captured reference value */
    const json_t *vector = json_object_get(json_object_get(v, "appraisal"), "vector");
    T_EQ_INT(cmn_json_int(vector, "executables", 0), 3);
    /* would it pass if everything were allowed? */
    T_OK(judge(paths, 1, &(struct sim_replay_opts){.policy_set = "allow-all"}, &allowed, &err),
         &err);
    T_EQ_STR(outcome(allowed), "accepted");
    /* and with other reference values the claim falls, and the line is shown */
    auto_free char *file = strdup(write_text("values.json", "{\"launch_digest\": [\"other\"]}"));
    T_OK(judge(paths, 1, &(struct sim_replay_opts){.reference_values = file}, &other, &err), &err);
    const json_t *appraisal = json_object_get(other, "appraisal");
    T_EQ_INT(cmn_json_int(json_object_get(appraisal, "vector"), "executables", 0), 33);
    const json_t *line = json_array_get(json_object_get(appraisal, "lines"), 0);
    T_EQ_STR(cmn_json_str(line, "reference"), "launch_digest");
    T_EQ_STR(cmn_json_str(line, "actual"), "abcde");
    T_TRUE(cmn_json_int(line, "line", 0) > 1);
}

static void evidence_of_another_session_is_refused(void)
{
    char dir[256], path[512];
    const char *paths[] = {dir};
    struct cmn_err err = {0};
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *file = NULL, *v = NULL, *nonce = NULL;

    (void)snprintf(dir, sizeof(dir), "%s/capture", t_tmpdir());
    (void)snprintf(path, sizeof(path), "%s/0002-attest.json", dir);
    T_OK(cmn_file_read(path, 1 << 20, &text, &err), &err);
    T_OK(cmn_json_load(cmn_buf_bytes(&text), 32, &file, &err), &err);
    json_t *runtime = json_object_get(json_object_get(file, "request"), "runtime-data");
    (void)json_object_set_new(runtime, "nonce", json_string("b3RoZXI="));
    auto_free char *dump = cmn_json_dump(file);
    T_OK(cmn_file_write(path, dump, strlen(dump), 0600, &err), &err);
    T_OK(judge(paths, 1, &(struct sim_replay_opts){0}, &nonce, &err), &err);
    T_EQ_STR(outcome(nonce), "rcar.nonce-mismatch");
    (void)json_object_set_new(file, "session-nonce", json_string("b3RoZXI="));
    auto_free char *both = cmn_json_dump(file);
    T_OK(cmn_file_write(path, both, strlen(both), 0600, &err), &err);
    T_OK(judge(paths, 1, &(struct sim_replay_opts){0}, &v, &err), &err);
    T_EQ_STR(outcome(v), "sample.report-data-mismatch");
}

static void texts_say_what_and_why(void)
{
    struct sim_case *c = NULL;
    auto_json json_t *v = NULL;
    auto_buf struct cmn_buf text = {0};
    static const char evidence[] = "{\"svn\":\"1\",\"report_data\":\"AAAA\"}";
    static const char policy[] =
        "package policy\ndefault allow = false\nallow if {\n"
        "  input[\"submods\"][\"cpu0\"][\"ear.status\"] == \"affirming\"\n}\n";

    T_OK(sim_case_new(env, &c, NULL), NULL);
    sim_case_bytes(c, cmn_bytes(evidence, strlen(evidence)));
    sim_case_bytes(c, cmn_bytes(policy, strlen(policy)));
    T_OK(sim_replay(c, &(struct sim_replay_opts){0}, &v, NULL), NULL);
    T_OK(sim_replay_text(v, &text), NULL);
    T_TRUE(strstr((char *)text.data, "resource default/key/1: denied") != NULL);
    T_TRUE(strstr((char *)text.data, "resource policy line 4 does not hold") != NULL);
    T_TRUE(strstr((char *)text.data, "input \"contraindicated\", want") != NULL);
    T_TRUE(strstr((char *)text.data, "hint: ") != NULL);
    sim_case_free(c);
}

static void products_are_known(void)
{
    size_t n;
    const struct sim_product *list = sim_product_list(&n);

    T_TRUE(n > 0 && sim_product_find(list[0].name) == list);
    T_TRUE(!sim_product_find("x") && !sim_product_find(NULL));
    for (size_t i = 0; i < n; i++)
        T_TRUE(*list[i].source);
}

static void the_world_begins(void)
{
    T_OK(cmn_env_new_seeded("replay", 6, &env, NULL), NULL);
}

static void the_world_ends(void)
{
    cmn_env_unref(env);
}

TEST_MAIN("replay", {"the world begins", the_world_begins},
          {"what cannot be decided is said", what_cannot_be_decided_is_said},
          {"real samples have their outcomes", real_samples_have_their_outcomes},
          {"a flipped bit refuses in every mode", a_flipped_bit_refuses_in_every_mode},
          {"evidence of Azure is judged as upstream does",
           evidence_of_azure_is_judged_as_upstream_does},
          {"a captured session replays to the customer's verdict",
           a_captured_session_replays_to_the_customers_verdict},
          {"evidence of another session is refused", evidence_of_another_session_is_refused},
          {"texts say what and why", texts_say_what_and_why},
          {"products are known", products_are_known}, {"the world ends", the_world_ends})
