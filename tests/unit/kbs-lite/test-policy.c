/*
 * test-policy.c - policy evaluation and the built-in policies. Expected values are those of
 * Trustee's documents: vector values per TEE with and without reference values, texts of failures.
 */
#include "common/json/json.h"
#include "kbs-lite/lib/policy.h"
#include "kbs-lite/policy-set.h"
#include "tests/testlib/testlib.h"

#include <stdlib.h>
#include <string.h>

#define MEASUREMENT "aa11"

static json_t *parse(const char *text)
{
    json_error_t e;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &e);
    if (!json) {
        (void)fprintf(stderr, "test JSON: %s in %s\n", e.text, text);
        abort();
    }
    return json;
}

/* Reference values: ctx is a JSON object. The name "broken" fails. */
static int find(void *ctx, const char *name, json_t **ret, struct cmn_err *err)
{
    if (strcmp(name, "broken") == 0)
        return cmn_err_set(err, EIO, "store of reference values is gone");
    *ret = json_incref(json_object_get(ctx, name));
    return 0;
}

static int appraise(const char *policy, const char *input, const char *refs,
                    struct kbs_policy_appraisal *ret, struct cmn_err *err)
{
    auto_json json_t *in = parse(input);
    auto_json json_t *values = parse(refs);
    struct kbs_policy_refs source = {.find = find, .ctx = values};

    *ret = (struct kbs_policy_appraisal){0};
    *err = (struct cmn_err){0};
    return kbs_policy_appraise(policy, strlen(policy), in, &source, ret, err);
}

/* ---------------------------------------------------------------- wrong policies */

static void policy_that_does_not_parse_is_refused_with_its_place(void)
{
    struct cmn_err err = {0};
    struct kbs_policy_appraisal a;
    const char *bad = "package policy\nallow if {\n  1 ==\n}\n";

    T_ERR(kbs_policy_check(bad, strlen(bad), &err), -EINVAL, &err, "Failed to load policy: ");
    T_ERR(kbs_policy_check(bad, strlen(bad), &err), -EINVAL, &err, "--> :4:1");
    T_EQ_INT(err.reason, CMN_REASON_POLICY_ERROR);
    T_ERR(kbs_policy_check("", 0, &err), -EINVAL, &err, "Failed to load policy: ");
    T_ERR(kbs_policy_check("package p\xff", 10, &err), -EINVAL, &err, "not UTF-8");
    T_ERR(appraise(bad, "{}", "{}", &a, &err), -EINVAL, &err, "Failed to load policy: ");
    T_ERR(appraise("package policy\nallow { true }", "{}", "{}", &a, &err), -EINVAL, &err,
          "`if` keyword is required");
    T_OK(kbs_policy_check("package policy", 14, NULL), NULL);
}

static void policy_that_is_too_long_is_refused(void)
{
    struct cmn_err err = {0};
    size_t len = KBS_POLICY_MAX_TEXT + 1;
    char *text = malloc(len);

    memset(text, '\n', len);
    T_ERR(kbs_policy_check(text, len, &err), -EINVAL, &err, "1048577 bytes long");
    free(text);
}

static void wrong_trust_claims_fail(void)
{
    static const struct {
        const char *body, *want;
    } cases[] = {
        {"trust_claims := 3", "Trust claims is not an object"},
        {"trust_claims := [1]", "Trust claims is not an object"},
        {"trust_claims := {\"hardware\": 2} if false", "Trust claims is not an object"},
        {"trust_claims := {\"hardware\": h}\nh := 2 if input.nothing",
         "Trust claims is not an object"},
        {"trust_claims := {}", "At least one policy claim must be set."},
        {"trust_claims := {\"hardware\": \"2\"}", "Trust claim value not number"},
        {"trust_claims := {\"hardware\": 2.5}", "Trust claim value not number"},
        {"trust_claims := {\"hardware\": null}", "Trust claim value not number"},
        {"trust_claims := {\"hard-ware\": 2}", "'hard-ware'"},
        {"trust_claims := {\"hardware\": 2}\nextensions := {}", "Extensions is not an array"},
        {"trust_claims := {\"hardware\": 2}\nextensions := [] if false",
         "Extensions is not an array"},
        {"trust_claims := {\"hardware\": 2}\nextensions := [{\"name\": \"x\"}]", "extension 0"},
        {"trust_claims := {\"hardware\": 2}\n"
         "extensions := [{\"name\": \"x\", \"key\": 2147483648, \"value\": 1}]",
         "extension 0"},
        {"trust_claims := {\"hardware\": v}\nv := 1\nv := 2", "Failed to eval policy: "},
        {"trust_claims := {\"hardware\": query_reference_value(\"broken\")}",
         "Failed to eval policy: query_reference_value: store of reference values is gone"},
        {"trust_claims := {\"hardware\": query_reference_value(1)}", "must be a string"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_buf struct cmn_buf text = {0};
        struct kbs_policy_appraisal a;
        struct cmn_err err;
        T_OK(cmn_buf_printf(&text, "package policy\n%s\n", cases[i].body), NULL);
        T_ERR(appraise((char *)text.data, "{}", "{}", &a, &err), -EBADMSG, &err, cases[i].want);
        T_EQ_INT(err.reason, CMN_REASON_POLICY_ERROR);
        T_TRUE(a.trust_claims == NULL && a.queried == NULL);
    }
}

/* ---------------------------------------------------------------- reading the result */

static void appraisal_is(const char *policy, const char *input, const char *refs,
                         const char *want_claims, const char *want_extensions)
{
    struct kbs_policy_appraisal a;
    struct cmn_err err;

    T_OK(appraise(policy, input, refs, &a, &err), &err);
    auto_free char *claims = cmn_json_dump(a.trust_claims);
    auto_free char *extensions = a.extensions ? cmn_json_dump(a.extensions) : NULL;
    T_EQ_STR(claims, want_claims);
    T_EQ_STR(extensions, want_extensions);
    kbs_policy_appraisal_done(&a);
}

static void claims_come_in_the_order_of_the_vector(void)
{
    appraisal_is("package policy\ntrust_claims := {\"hardware\": 2, \"configuration\": 3, "
                 "\"sourced-data\": 0, \"instance-identity\": 2}\n",
                 "{}", "{}",
                 "{\"instance-identity\":2,\"configuration\":3,\"hardware\":2,\"sourced-data\":0}",
                 NULL);
}

static void claim_values_are_cut_to_eight_bits(void)
{
    appraisal_is("package policy\ntrust_claims := {\"hardware\": 258, \"executables\": -1, "
                 "\"configuration\": 200}\n",
                 "{}", "{}", "{\"configuration\":-56,\"executables\":-1,\"hardware\":2}", NULL);
}

static void absent_trust_claims_are_all_zero_with_a_warning(void)
{
    struct kbs_policy_appraisal a;
    struct cmn_err err;

    T_OK(appraise("package policy\nother := 1\n", "{}", "{}", &a, &err), &err);
    T_TRUE(!a.defined);
    T_EQ_STR(a.warning,
             "No trust claims found by enforcing policy, set all TrustVector claims to 0");
    T_EQ_INT(json_object_size(a.trust_claims), KBS_TRUST_CLAIMS);
    for (size_t i = 0; i < KBS_TRUST_CLAIMS; i++)
        T_EQ_INT(cmn_json_int(a.trust_claims, kbs_trust_claim_names[i], 99), 0);
    kbs_policy_appraisal_done(&a);
    kbs_policy_appraisal_done(&a);
    kbs_policy_appraisal_done(NULL);
}

static void package_other_than_policy_counts_as_absent(void)
{
    struct kbs_policy_appraisal a;
    struct cmn_err err;

    T_OK(appraise("package polic\ntrust_claims := {\"hardware\": 2}\n", "{}", "{}", &a, &err),
         &err);
    T_TRUE(!a.defined);
    kbs_policy_appraisal_done(&a);
}

static void what_was_asked_is_told(void)
{
    struct kbs_policy_appraisal a;
    struct cmn_err err;
    const char *policy = "package policy\nx := query_reference_value(\"there\")\n"
                         "y := query_reference_value(\"missing\")\n"
                         "trust_claims := {\"hardware\": x}\n"
                         "extensions := [{\"name\": \"y\", \"key\": -1, \"value\": y}]\n";

    T_OK(appraise(policy, "{}", "{\"there\":2}", &a, &err), &err);
    T_TRUE(a.defined);
    T_EQ_STR(a.warning, "");
    T_EQ_INT(cmn_json_int(a.queried, "there", 0), 2);
    T_TRUE(json_is_null(json_object_get(a.queried, "missing")));
    T_EQ_INT(json_object_size(a.queried), 2);
    kbs_policy_appraisal_done(&a);
}

static void no_source_means_no_reference_values(void)
{
    auto_json json_t *in = parse("{}");
    struct kbs_policy_appraisal a = {0};
    struct cmn_err err = {0};
    const char *policy = "package policy\nh := 97 if query_reference_value(\"a\") == null\n"
                         "trust_claims := {\"hardware\": h}\n";

    T_OK(kbs_policy_appraise(policy, strlen(policy), in, NULL, &a, &err), &err);
    T_EQ_INT(cmn_json_int(a.trust_claims, "hardware", 0), 97);
    kbs_policy_appraisal_done(&a);
}

/* ---------------------------------------------------------------- built-in appraisals */

static void vector_is(const char *policy, const char *input, const char *refs, int executables,
                      int hardware, int configuration, unsigned line)
{
    struct kbs_policy_appraisal a;
    struct cmn_err err;
    const char *const zero[] = {"instance-identity", "file-system", "runtime-opaque",
                                "storage-opaque", "sourced-data"};

    T_OK(appraise(policy, input, refs, &a, &err), &err);
    t_eq_int(cmn_json_int(a.trust_claims, "executables", -99), executables, "executables", __FILE__,
             line);
    t_eq_int(cmn_json_int(a.trust_claims, "hardware", -99), hardware, "hardware", __FILE__, line);
    t_eq_int(cmn_json_int(a.trust_claims, "configuration", -99), configuration, "configuration",
             __FILE__, line);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(zero); i++)
        T_EQ_INT(cmn_json_int(a.trust_claims, zero[i], -99), 0);
    T_EQ_INT(json_object_size(a.trust_claims), KBS_TRUST_CLAIMS);
    kbs_policy_appraisal_done(&a);
}

#define VECTOR(policy, input, refs, e, h, c) vector_is(policy, input, refs, e, h, c, __LINE__)

#define SNP(measurement, bootloader, debug, migrate)                                               \
    "{\"snp\":{\"measurement\":\"" measurement "\",\"reported_tcb_bootloader\":" bootloader        \
    ",\"reported_tcb_tee\":0,\"reported_tcb_snp\":8,\"reported_tcb_microcode\":115,"               \
    "\"policy_debug_allowed\":" debug ",\"policy_migrate_ma\":" migrate                            \
    ",\"policy_abi_major\":0,\"policy_abi_minor\":31,\"policy_smt_allowed\":true,"                 \
    "\"policy_single_socket\":false,\"platform_smt_enabled\":true,\"platform_tsme_enabled\":"      \
    "false}}"
#define SNP_TCB                                                                                    \
    "\"snp_bootloader\":[3,4],\"snp_microcode\":[115],\"snp_snp_svn\":[8],\"snp_tee_svn\":[0]"
#define SNP_CONF(smt)                                                                              \
    "\"snp_smt_enabled\":" smt ",\"snp_tsme_enabled\":false,\"snp_guest_abi_major\":0,"            \
    "\"snp_guest_abi_minor\":31,\"snp_single_socket\":false,\"snp_smt_allowed\":true"
#define SNP_LAUNCH "\"snp_launch_measurement\":[\"" MEASUREMENT "\"]"

static void snp_is_appraised(const char *policy)
{
    const char *good = SNP(MEASUREMENT, "4", "false", "false");
    const char *all = "{" SNP_LAUNCH "," SNP_TCB "," SNP_CONF("true") "}";

    VECTOR(policy, good, "{}", 33, 97, 3);
    VECTOR(policy, good, all, 3, 2, 2);
    VECTOR(policy, good, "{" SNP_LAUNCH "}", 3, 97, 3);
    VECTOR(policy, good, "{" SNP_TCB "}", 33, 2, 3);
    VECTOR(policy, good, "{" SNP_CONF("true") "}", 33, 97, 2);
    VECTOR(policy, good, "{" SNP_CONF("[true]") "}", 33, 97, 3); /* a list is not the scalar */
    VECTOR(policy, good, "{\"snp_launch_measurement\":\"" MEASUREMENT "\"}", 33, 97, 3);
    VECTOR(policy, SNP("bb22", "4", "false", "false"), all, 33, 2, 2);
    VECTOR(policy, SNP(MEASUREMENT, "5", "false", "false"), all, 3, 97, 2);
    VECTOR(policy, SNP(MEASUREMENT, "\"4\"", "false", "false"), all, 3, 97, 2);
    VECTOR(policy, SNP(MEASUREMENT, "4", "true", "false"), all, 3, 2, 36);
    VECTOR(policy, SNP(MEASUREMENT, "4", "false", "true"), all, 3, 2, 36);
    VECTOR(policy, "{\"snp\":{}}", all, 33, 97, 36);
}

#define SAMPLE(debug)                                                                              \
    "{\"sample\":{\"svn\":\"1\",\"launch_digest\":\"abcde\",\"debug\":" debug                      \
    ",\"platform_version\":{\"major\":1,\"minor\":4}}}"

static void sample_is_appraised(const char *policy)
{
    const char *all = "{\"svn\":[\"1\"],\"launch_digest\":[\"abcde\"],\"major_version\":1,"
                      "\"minimum_minor_version\":4}";

    VECTOR(policy, SAMPLE("false"), "{}", 33, 97, 2);
    VECTOR(policy, SAMPLE("false"), all, 3, 2, 2);
    VECTOR(policy, SAMPLE("true"), all, 3, 2, 36);
    VECTOR(policy, SAMPLE("false"),
           "{\"svn\":[\"1\"],\"major_version\":1,\"minimum_minor_version\":5}", 33, 97, 2);
    VECTOR(policy, SAMPLE("false"),
           "{\"svn\":[\"1\"],\"major_version\":[1],\"minimum_minor_version\":4}", 33, 97, 2);
}

static void default_policy_appraises_snp_and_sample(void)
{
    snp_is_appraised(kbs_policy_set_find("upstream")->attestation_cpu);
    sample_is_appraised(kbs_policy_set_find("upstream")->attestation_cpu);
    VECTOR(kbs_policy_set_find("upstream")->attestation_cpu, "{}", "{}", 33, 97, 36);
}

static void operator_policy_appraises_snp_and_sample_alike(void)
{
    snp_is_appraised(kbs_policy_set_find("rh-restricted")->attestation_cpu);
    sample_is_appraised(kbs_policy_set_find("rh-restricted")->attestation_cpu);
}

#define AZ                                                                                         \
    "{\"az-snp-vtpm\":{\"measurement\":\"bQ==\",\"tpm\":{\"pcr03\":\"03\",\"pcr08\":\"08\","       \
    "\"pcr09\":\"09\",\"pcr11\":\"11\",\"pcr12\":\"12\"},\"reported_tcb_bootloader\":\"4\","       \
    "\"reported_tcb_tee\":\"0\",\"reported_tcb_snp\":\"8\",\"reported_tcb_microcode\":\"115\","    \
    "\"policy_debug_allowed\":\"true\",\"policy_abi_major\":\"0\",\"policy_abi_minor\":\"31\","    \
    "\"policy_smt_allowed\":\"true\",\"policy_single_socket\":\"false\","                          \
    "\"platform_smt_enabled\":\"true\",\"platform_tsme_enabled\":\"true\"}}"

static void azure_guest_is_appraised(void)
{
    const char *policy = kbs_policy_set_find("upstream")->attestation_cpu;

    VECTOR(policy, AZ, "{}", 33, 97, 36);
    VECTOR(policy, AZ, "{\"measurement\":[\"bQ==\"],\"snp_pcr11\":[\"11\"]}", 3, 97, 36);
    VECTOR(policy, AZ, "{\"measurement\":[\"bQ==\"]}", 33, 97, 36);
    VECTOR(policy, AZ,
           "{\"tcb_bootloader\":[\"4\"],\"tcb_microcode\":[\"115\"],\"tcb_snp\":[\"8\"],"
           "\"tcb_tee\":[\"0\"]}",
           33, 2, 36);
    /* debug is allowed in this evidence, and not looked at */
    VECTOR(policy, AZ,
           "{\"smt_enabled\":[\"true\"],\"tsme_enabled\":[\"true\"],\"abi_major\":[\"0\"],"
           "\"abi_minor\":[\"31\"],\"single_socket\":[\"false\"],\"smt_allowed\":[\"true\"]}",
           33, 97, 2);

    policy = kbs_policy_set_find("rh-permissive")->attestation_cpu;
    VECTOR(policy, AZ, "{}", 33, 2, 2);
    VECTOR(policy, AZ,
           "{\"snp_pcr03\":[\"03\"],\"snp_pcr08\":[\"08\"],\"snp_pcr09\":[\"09\"],"
           "\"snp_pcr11\":[\"11\"],\"snp_pcr12\":[\"12\"]}",
           3, 2, 2);
    VECTOR(policy, AZ,
           "{\"snp_pcr03\":[\"03\"],\"snp_pcr08\":[\"xx\"],\"snp_pcr09\":[\"09\"],"
           "\"snp_pcr11\":[\"11\"],\"snp_pcr12\":[\"12\"]}",
           33, 2, 2);
}

#define TDX(events)                                                                                \
    "{\"tdx\":{\"quote\":{\"header\":{\"tee_type\":\"81000000\","                                  \
    "\"vendor_id\":\"939a7233f79c4ca9940a0db3957f0607\"},\"body\":{\"mr_td\":\"m\","               \
    "\"rtmr_1\":\"r1\",\"rtmr_2\":\"r2\",\"xfam\":\"x\"}},\"tcb_status\":\"UpToDate\","            \
    "\"collateral_expiration_status\":\"0\",\"td_attributes\":{\"debug\":false},"                  \
    "\"uefi_event_logs\":[" events "]}}"
#define TDX_EVENTS                                                                                 \
    "{\"type_name\":\"EV_EFI_BOOT_SERVICES_APPLICATION\",\"details\":{\"device_paths\":"           \
    "[\"File(kernel)\"]},\"digests\":[{\"digest\":\"k\"}]},"                                       \
    "{\"type_name\":\"EV_EVENT_TAG\",\"details\":{\"string\":\"LOADED_IMAGE::LoadOptions\"},"      \
    "\"digests\":[{\"digest\":\"c\"}]}"
#define TDX_RTMR "\"rtmr_1\":[\"r1\"],\"rtmr_2\":[\"r2\"]"

static void other_tees_are_appraised(void)
{
    const char *policy = kbs_policy_set_find("upstream")->attestation_cpu;
    const char *logged = "{" TDX_RTMR ",\"tdvfkernel\":\"k\",\"tdvfkernelparams\":\"c\"}";

    VECTOR(policy, TDX(TDX_EVENTS), "{}", 33, 97, 36);
    VECTOR(policy, TDX(TDX_EVENTS), logged, 3, 97, 36);
    VECTOR(policy, TDX(""), logged, 4, 97, 36);
    VECTOR(policy, TDX(TDX_EVENTS), "{" TDX_RTMR "}", 4, 97, 36);
    VECTOR(policy, TDX(""), "{\"mr_td\":[\"m\"],\"xfam\":[\"x\"]}", 33, 2, 2);
    VECTOR(policy, "{\"az-tdx-vtpm\":{\"tpm\":{\"pcr11\":\"p\"}}}", "{\"tdx_pcr11\":[\"p\"]}", 3,
           97, 36);
    VECTOR(policy, "{\"tpm\":{\"pcr11\":\"p\",\"ak_public\":\"k\"}}", "{}", 33, 2, 0);
    VECTOR(policy, "{\"tpm\":{\"pcr11\":\"p\",\"ak_public\":\"k\"}}",
           "{\"tpm_pcr11\":[\"p\"],\"trusted_aks\":[\"k\"]}", 3, 2, 0);
    VECTOR(policy, "{\"se\":{}}", "{}", 3, 2, 2);
    VECTOR(kbs_policy_set_find("upstream")->attestation_gpu, "{\"sampledevice\":{\"svn\":\"2\"}}",
           "{\"device_svn\":[\"2\"]}", 33, 97, 36);
}

static void workload_is_named_in_the_extensions(void)
{
    static const struct {
        const char *input, *validated;
    } cases[] = {
        {"{\"se\":{}}", "{}"},
        {"{\"se\":{},\"init_data_claims\":null}", "{}"},
        {"{\"se\":{},\"init_data_claims\":{\"agent_policy_claims\":{\"containers\":["
         "{\"OCI\":{\"Annotations\":{\"io.kubernetes.cri.image-name\":\"busybox:1\"}}},"
         "{\"OCI\":{\"Process\":{\"User\":{\"UID\":65534}}}}]}}}",
         "{\"container_images\":[\"busybox:1\"],\"container_uids\":[65534]}"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_buf struct cmn_buf want = {0};
        T_OK(cmn_buf_printf(&want,
                            "[{\"key\":-18,\"name\":\"ear.trustee.identifiers\","
                            "\"value\":{\"validated\":%s}}]",
                            cases[i].validated),
             NULL);
        appraisal_is(kbs_policy_set_find("upstream")->attestation_cpu, cases[i].input, "{}",
                     "{\"instance-identity\":0,\"configuration\":2,\"executables\":3,"
                     "\"file-system\":0,\"hardware\":2,\"runtime-opaque\":0,\"storage-opaque\":0,"
                     "\"sourced-data\":0}",
                     (char *)want.data);
    }
}

/* ---------------------------------------------------------------- resource policies */

static struct kbs_policy_verdict decide(const char *policy, const char *payload, const char *data,
                                        unsigned line)
{
    auto_json json_t *in = parse(payload);
    auto_json json_t *d = parse(data);
    struct kbs_policy_verdict v = {0};
    struct cmn_err err = {0};

    t_ok(kbs_policy_decide(policy, strlen(policy), in, d, &v, &err), &err, "decide", __FILE__,
         line);
    return v;
}

#define RESOURCE "{\"plugin\":\"resource\",\"resource-path\":[\"a\",\"b\",\"c\"],\"query\":{}}"
#define OTHER    "{\"plugin\":\"pkcs11\",\"resource-path\":[],\"query\":{}}"

static void only_a_true_allow_allows(void)
{
    static const struct {
        const char *body;
        bool allow;
        const char *warning;
    } cases[] = {
        {"allow := true", true, ""},
        {"allow := false", false, ""},
        {"default allow := false", false, ""},
        {"allow := 1", false, "not a boolean"},
        {"allow := \"true\"", false, "not a boolean"},
        {"allow if input.nothing", false, "not a boolean"},
        {"alow := true", false, "does not define the `data.policy.allow` rule"},
        {"allow if data[\"resource-path\"][1] == \"b\"", true, ""},
        {"allow if input.iss == \"x\"", true, ""},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_buf struct cmn_buf text = {0};
        T_OK(cmn_buf_printf(&text, "package policy\n%s\n", cases[i].body), NULL);
        struct kbs_policy_verdict v =
            decide((char *)text.data, "{\"iss\":\"x\"}", RESOURCE, __LINE__);
        T_EQ_INT(v.allow, cases[i].allow);
        T_TRUE(*cases[i].warning ? strstr(v.warning, cases[i].warning) != NULL : !*v.warning);
    }
}

static void resource_policy_that_fails_is_an_error(void)
{
    auto_json json_t *payload = parse("{}");
    auto_json json_t *data = parse(RESOURCE);
    struct kbs_policy_verdict v = {.allow = true};
    struct cmn_err err = {0};
    const char *text = "package policy\nallow := a\na := true\na := false\n";
    const char *builtin = "package policy\nallow := query_reference_value(\"a\")\n";

    T_ERR(kbs_policy_decide(text, strlen(text), payload, data, &v, &err), -EBADMSG, &err,
          "Failed to eval policy: ");
    T_ERR(kbs_policy_decide(builtin, strlen(builtin), payload, data, &v, &err), -EBADMSG, &err,
          "query_reference_value");
    T_ERR(kbs_policy_decide("x", 1, payload, data, &v, &err), -EINVAL, &err,
          "Failed to load policy: ");
    T_EQ_INT(err.reason, CMN_REASON_POLICY_ERROR);
    T_TRUE(v.allow); /* untouched on failure */
}

#define SUBMOD(n, status, e, c, h, tee)                                                            \
    "\"" n "\":{\"ear.status\":\"" status "\",\"ear.trustworthiness-vector\":{\"executables\":" e  \
    ",\"configuration\":" c ",\"hardware\":" h "},"                                                \
    "\"ear.veraison.annotated-evidence\":{\"" tee "\":{}}}"
#define TOKEN(submods) "{\"submods\":{" submods "}}"
#define GOOD           SUBMOD("cpu0", "affirming", "3", "2", "2", "snp")
#define BAD            SUBMOD("cpu0", "contraindicated", "33", "2", "2", "snp")
#define BAD_GPU        SUBMOD("gpu0", "contraindicated", "33", "36", "97", "sampledevice")
#define SAMPLED        SUBMOD("cpu0", "affirming", "3", "2", "2", "sample")

static void built_in_resource_policies_decide(void)
{
    static const struct {
        const char *payload, *data;
        bool upstream, affirming, allow_all, permissive, restricted;
    } cases[] = {
        {TOKEN(GOOD), RESOURCE, true, true, true, true, true},
        {TOKEN(BAD), RESOURCE, true, false, true, true, false},
        {TOKEN(GOOD "," BAD_GPU), RESOURCE, true, false, true, true, false},
        {TOKEN(SAMPLED), RESOURCE, false, true, true, true, true},
        {TOKEN(""), RESOURCE, true, false, true, true, false},
        {"{}", RESOURCE, true, false, true, true, false},
        {TOKEN(SUBMOD("cpu0", "warning", "32", "2", "2", "snp")), RESOURCE, true, false, true, true,
         false},
        {TOKEN(SUBMOD("cpu0", "affirming", "31", "2", "1", "snp")), RESOURCE, true, true, true,
         true, false},
        {TOKEN(GOOD), OTHER, false, true, false, false, true},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        const struct {
            const char *set;
            bool want;
        } sets[] = {{"upstream", cases[i].upstream},        {"affirming", cases[i].affirming},
                    {"allow-all", cases[i].allow_all},      {"rh-permissive", cases[i].permissive},
                    {"rh-restricted", cases[i].restricted}, {"deny-all", false}};
        for (size_t j = 0; j < CMN_ARRAY_SIZE(sets); j++) {
            struct kbs_policy_verdict v = decide(kbs_policy_set_find(sets[j].set)->resource,
                                                 cases[i].payload, cases[i].data, __LINE__);
            t_eq_int(v.allow, sets[j].want, sets[j].set, __FILE__, (unsigned)i);
            T_EQ_STR(v.warning, "");
        }
    }
}

/* ---------------------------------------------------------------- sets */

static void sets_are_found_by_name(void)
{
    size_t n = 0;
    const struct kbs_policy_set *sets = kbs_policy_set_list(&n);
    struct cmn_err err = {0};

    T_TRUE(kbs_policy_set_find("nosuch") == NULL);
    T_TRUE(kbs_policy_set_find("") == NULL);
    T_TRUE(kbs_policy_set_find(NULL) == NULL);
    T_EQ_STR(sets[0].name, "upstream");
    for (size_t i = 0; i < n; i++) {
        T_TRUE(kbs_policy_set_find(sets[i].name) == &sets[i]);
        T_OK(kbs_policy_check(sets[i].attestation_cpu, strlen(sets[i].attestation_cpu), &err),
             &err);
        T_OK(kbs_policy_check(sets[i].attestation_gpu, strlen(sets[i].attestation_gpu), &err),
             &err);
        T_OK(kbs_policy_check(sets[i].resource, strlen(sets[i].resource), &err), &err);
    }
}

TEST_MAIN("policy",
          {"policy that does not parse is refused with its place",
           policy_that_does_not_parse_is_refused_with_its_place},
          {"policy that is too long is refused", policy_that_is_too_long_is_refused},
          {"wrong trust claims fail", wrong_trust_claims_fail},
          {"claims come in the order of the vector", claims_come_in_the_order_of_the_vector},
          {"claim values are cut to eight bits", claim_values_are_cut_to_eight_bits},
          {"absent trust claims are all zero", absent_trust_claims_are_all_zero_with_a_warning},
          {"other package counts as absent", package_other_than_policy_counts_as_absent},
          {"what was asked is told", what_was_asked_is_told},
          {"no source, no reference values", no_source_means_no_reference_values},
          {"default policy appraises snp and sample", default_policy_appraises_snp_and_sample},
          {"operator's policy does so alike", operator_policy_appraises_snp_and_sample_alike},
          {"Azure guest is appraised", azure_guest_is_appraised},
          {"other TEEs are appraised", other_tees_are_appraised},
          {"workload is named in the extensions", workload_is_named_in_the_extensions},
          {"only a true allow allows", only_a_true_allow_allows},
          {"failing resource policy is an error", resource_policy_that_fails_is_an_error},
          {"built-in resource policies decide", built_in_resource_policies_decide},
          {"sets are found by name", sets_are_found_by_name})
