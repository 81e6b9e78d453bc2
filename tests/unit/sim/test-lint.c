/* test-lint.c - each mistake is found with its line; correct files give nothing; hostile ones end.
 */
#include "tests/testlib/testlib.h"

#include "sim/diagnose/lint/lint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cmn_env *env;

struct file {
    const char *name, *text;
};

/* Findings of the files together; freed by the next call. */
static const json_t *lint(const struct file *files, size_t n)
{
    static struct sim_lint *l;

    sim_lint_free(l);
    l = NULL;
    if (!files)
        return NULL;
    T_OK(sim_lint_new(env, &l, NULL), NULL);
    for (size_t i = 0; i < n; i++)
        sim_lint_text(l, files[i].name, cmn_bytes(files[i].text, strlen(files[i].text)));
    return sim_lint_finish(l);
}

static const json_t *lint_one(const char *name, const char *text)
{
    return lint(&(struct file){name, text}, 1);
}

/* Is there a finding with this code (NULL: any), line (0: any) and part of message? */
static bool has(const json_t *found, const char *code, unsigned line, const char *part)
{
    size_t i;
    json_t *f;

    json_array_foreach(found, i, f) {
        const char *c = cmn_json_str(f, "code");
        if (code && (!c || strcmp(c, code) != 0))
            continue;
        if (line && cmn_json_int(f, "line", 0) != line)
            continue;
        if (!part || strstr(cmn_json_str(f, "message"), part))
            return cmn_json_str(f, "fix") && *cmn_json_str(f, "fix");
    }
    auto_free char *dump = cmn_json_dump(found);
    (void)fprintf(stderr, "want %s line %u '%s' in %s\n", code ? code : "-", line, part ? part : "",
                  dump);
    return false;
}

#define GOOD_AA                                                                                    \
    "\"aa.toml\" = '''\n[token_configs]\n[token_configs.kbs]\nurl = 'https://kbs.example'\n'''\n"
#define GOOD_CDH "\"cdh.toml\" = '''\n[kbc]\nname = 'cc_kbc'\nurl = 'https://kbs.example'\n'''\n"
#define HEAD     "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n"

static void correct_files_give_nothing(void)
{
    static const struct file good[] = {
        {"initdata.toml", HEAD GOOD_AA GOOD_CDH},
        {"kbs-config.toml", "[http_server]\nsockets = [\"0.0.0.0:8080\"]\nprivate_key = \"/k\"\n"
                            "certificate = \"/c\"\n[admin]\nauthorization_mode = \"DenyAll\"\n"
                            "[attestation_token]\ninsecure_header_jwk = true\n[storage_backend]\n"
                            "storage_type = \"LocalFs\"\n[[plugins]]\nname = \"resource\"\n"
                            "storage_backend_type = \"kvstorage\"\n"},
        {"resource-policy.rego",
         "package policy\n\ndefault allow = false\n\nallow if {\n  every s in input.submods {\n    "
         "s[\"ear.status\"] == \"affirming\"\n  }\n}\n"},
        {"auth.json", "{\"auths\":{\"quay.io\":{\"auth\":\"dXNlcjpwYXNz\"}}}"},
        {"reference.json", "{\"svn\":"
                           "\"eyJuYW1lIjoic3ZuIiwiZXhwaXJhdGlvbiI6IjIwMzAtMDEtMDFUMDA6MDA6MDBaIiwid"
                           "mFsdWUiOlsxXX0=\"}"},
    };
    const json_t *found = lint(good, CMN_ARRAY_SIZE(good));
    auto_free char *dump = cmn_json_dump(found);

    T_EQ_STR(dump, "[]");
}

static void mistakes_in_initdata_are_found(void)
{
    static const struct {
        const char *text, *code;
        unsigned line;
        const char *part;
    } cases[] = {
        {"version = \"0.1.0\"\nalgorithm = sha256\n[data]\n", "initdata.invalid", 2, "not TOML"},
        {"version = \"0.2.0\"\nalgorithm = \"sha256\"\n[data]\n" GOOD_AA, "initdata.invalid", 1,
         "0.2.0"},
        {"algorithm = \"sha256\"\n[data]\n" GOOD_AA, "initdata.invalid", 0, "missing"},
        {"version = \"0.1.0\"\n[data]\n" GOOD_AA, "initdata.invalid", 0, "algorithm is missing"},
        {"version = \"0.1.0\"\nalgorithm = \"md5\"\n[data]\n" GOOD_AA, "initdata.invalid", 2,
         "md5"},
        {"version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n" GOOD_AA, "kbs.worker-panic", 2,
         NULL},
        {HEAD GOOD_CDH, "aa.token-config", 3, "aa.toml"},
        {HEAD "aa.toml = 'x'\n", "initdata.invalid", 0, "not a text"},
        {HEAD GOOD_AA "\"other\" = 'x'\n", NULL, 9, "not written"},
        {HEAD
         "\"aa.toml\" = '''\n[token_configs]\n[token_configs.kbs]\nurl = 'kbs.example:8080'\n'''\n",
         "kbs.url-invalid", 7, "no scheme"},
        {HEAD "\"aa.toml\" = '''\n[token_configs]\n[token_configs.kbs]\nurl = ''\n'''\n",
         "kbs.url-invalid", 0, "empty"},
        {HEAD
         "\"aa.toml\" = '''\n[token_configs]\n[token_configs.kbs]\nurl = 'http://h/kbs/v0'\n'''\n",
         "kbs.http-not-found", 7, NULL},
        {HEAD "\"aa.toml\" = '''\n[token_configs]\n'''\n", "aa.token-config", 5, NULL},
        {HEAD "\"aa.toml\" = '''\n[token_configs.kbs]\nurl = 'http://h'\ncert = 'nonsense'\n'''\n",
         "kbs.tls-untrusted", 7, "PEM"},
        {HEAD
         "\"aa.toml\" = '''\n[token_configs.kbs]\nurl = 'http://h'\ncert = '/etc/ca.pem'\n'''\n",
         "kbs.tls-untrusted", 0, "path"},
        {HEAD "\"aa.toml\" = '''\n[token_configs.kbs]\nurll = 'http://h'\n'''\n", NULL, 6,
         "'urll'"},
        {HEAD "\"aa.toml\" = '''\n[token_configs.kbs\n'''\n", "aa.config-invalid", 5, "not TOML"},
        {HEAD GOOD_AA "\"cdh.toml\" = '''\n[kbc]\nurl = 'http://h'\n'''\n", "cdh.config-invalid", 0,
         "no name"},
        {HEAD GOOD_AA "\"cdh.toml\" = '''\n[kbc]\nname = 'x_kbc'\n'''\n", "cdh.config-invalid", 11,
         NULL},
        {HEAD GOOD_AA
         "\"cdh.toml\" = '''\n[kbc]\nname = 'cc_kbc'\nurl = 'https://kbs.example'\n[image]\n"
         "image_security_policy_uri = 'kbs:///default/policy'\n'''\n",
         "resource.path-invalid", 14, NULL},
        {HEAD GOOD_AA "\"cdh.toml\" = '''\n[kbc]\nname = 'cc_kbc'\nurl = 'https://kbs.example'\n"
                      "[[credentials]]\nresource_uri = 'kbs:///a/b/c'\npath = '/etc/x'\n'''\n",
         "cdh.credential-path", 15, NULL},
        {HEAD GOOD_AA
         "\"cdh.toml\" = '''\n[kbc]\nname = 'cc_kbc'\nurl = 'https://other.example'\n'''\n",
         "kbs.unreachable", 0, "other.example"},
        {HEAD GOOD_AA GOOD_CDH "\"policy.rego\" = '''\npackage agent_policy\ndefault X :=\n'''\n",
         "policy.upload-invalid", 0, NULL},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++)
        T_TRUE(has(lint_one("initdata.toml", cases[i].text), cases[i].code, cases[i].line,
                   cases[i].part));
}

#define KBS_REST                                                                                   \
    "[admin]\nauthorization_mode = \"DenyAll\"\n[attestation_token]\ninsecure_header_jwk = true\n" \
    "[storage_backend]\nstorage_type = \"LocalFs\"\n[[plugins]]\nname = \"resource\"\n"            \
    "storage_backend_type = \"kvstorage\"\n"

static void mistakes_of_the_key_broker_are_found(void)
{
    static const struct {
        const char *text, *code, *part;
    } cases[] = {
        {"[http_server]\n" KBS_REST, "kbs.config-invalid", "private_key"},
        {KBS_REST, "kbs.config-invalid", "no [http_server]"},
        {"[http_server]\ninsecure_http = true\n[[plugins]]\nname = \"x\"\n", "kbs.config-invalid",
         "no [admin]"},
        {"[http_server]\ninsecure_http = true\n[[plugins]]\nname = \"x\"\n", "plugin.not-found",
         NULL},
        {"[http_server]\ninsecure_http = true\n[[plugins]]\nname = \"resource\"\ntype = "
         "\"LocalFs\"\n",
         "plugin.not-found", "storage_backend_type"},
        {"[http_server]\ninsecure_http = true\n", "token.signer-untrusted", "nothing is trusted"},
        {"[http_server]\ninsecure_http = true\n[attestation_token]\ninsecure_key = true\n",
         "token.signer-untrusted", "renamed"},
        {"[http_server]\ninsecure_htp = true\n" KBS_REST, NULL, "insecure_htp"},
        {"sockets = [\"x\"]\n[http_server]\ninsecure_http = true\n" KBS_REST, "kbs.config-invalid",
         "older release"},
        {"[http_server]\ninsecure_http = true\n[admin]\nauthorization_mode = \"Yes\"\n",
         "kbs.config-invalid", "'Yes'"},
        {"[http_server]\ninsecure_http = true\n[admin]\nauthorization_mode = "
         "\"AuthenticatedAuthorization\"\n",
         "kbs.config-invalid", "identity provider"},
        {"[http_server]\ninsecure_http = true\n[admin\n", "kbs.config-invalid", "not TOML"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++)
        T_TRUE(has(lint_one("kbs-config.toml", cases[i].text), cases[i].code, 0, cases[i].part));
}

static void mistakes_in_policies_and_values_are_found(void)
{
    static const struct {
        const char *name, *text, *code;
        unsigned line;
    } cases[] = {
        {"p.rego", "package policy\ndefault allow = false\nallow {\n  true\n}\n",
         "policy.upload-invalid", 3},
        {"p.rego", "package kbs\ndefault allow = false\n", "policy.rule-missing", 1},
        {"p.rego", "package policy\nx = 1\n", "policy.rule-missing", 1},
        {"p.rego", "package policy\ndefault allow = true\n", "policy.status-ignored", 2},
        {"p.rego", "package policy\nallow if {\n input.submods.cpu.x == \"ear.status\"\n}\n",
         "policy.denied", 3},
        {"p.rego", "package policy\ntrust_claims := {\"executables\": 3}\nx if data.reference.y\n",
         "policy.reference-value-missing", 3},
        {"p.rego", "package policy\ntrust_claims := {\"executables\": 3}\nx if input.azsnpvtpm\n",
         "policy.measurement-mismatch", 3},
        {"p.rego",
         "package agent_policy\ndefault CreateContainerRequest := true\ndefault ReadStreamRequest "
         ":= false\n",
         "agent.policy-denied", 3},
        {"reference.json", "{\n\"svn\": [1]\n}", "rvps.file-ignored", 2},
        {"reference.json", "{\n\"svn\": \"!!\"\n}", "rvps.file-ignored", 2},
        {"reference.json", "[{\"name\":\"svn\",\"value\":[],\"expiration\":\"x\"}]",
         "rvps.file-ignored", 1},
        {"auth.json", "{\"auths\":{\n\"quay.io\":{\"username\":\"u\"}}}", "image.unauthorized", 2},
        {"auth.json", "{\"auths\":{\n\"quay.io\":{\"auth\":\"bm9jb2xvbg==\"}}}",
         "image.auth-invalid", 2},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++)
        T_TRUE(has(lint_one(cases[i].name, cases[i].text), cases[i].code, cases[i].line, NULL));
}

#define CM(name) "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " name "\ndata:\n"

static void mistakes_in_manifests_are_found(void)
{
    static const struct {
        const char *text, *code;
        unsigned line;
        const char *part;
    } cases[] = {
        {CM("peer-pods-cm") "  CLOUD_PROVIDER: \"azur\"\n", "peerpod.provider-unsupported", 6,
         NULL},
        {CM("peer-pods-cm") "  CLOUD_PROVIDER: azure\n", "peerpod.config-missing", 0,
         "AZURE_REGION"},
        {CM("peer-pods-cm") "  CLOUD_PROVIDER: libvirt\n  ROOT_VOLUME_SIZE: \"4\"\n",
         "guest.no-space", 7, NULL},
        {CM("peer-pods-cm") "  CLOUD_PROVIDER: libvirt\n  ROOT_VOLUME_SIZE: 20\n",
         "peerpod.config-missing", 7, "not a text"},
        {CM("peer-pods-cm") "  CLOUD_PROVIDER: libvirt\n  TAGS: \"a=b, c=d\"\n", NULL, 7, "blanks"},
        {CM("peer-pods-cm") "  CLOUD_PROVIDER: azure\n  AZURE_INSTANCE_SIZE: Standard_D2as_v5\n",
         "aa.tee-missing", 7, "no confidential size"},
        {CM("peer-pods-cm") "  CLOUD_PROVIDER: azure\n  DISABLECVM: \"true\"\n", "aa.tee-missing",
         7, NULL},
        {CM("peer-pods-cm") "  CLOUD_PROVIDER: libvirt\n  INITDATA: \"%%%\"\n", "initdata.invalid",
         7, "base64"},
        {CM("peer-pods-cm") "  CLOUD_PROVIDER: libvirt\n  INITDATA: \"aGVsbG8=\"\n",
         "initdata.invalid", 7, "gzip"},
        {CM("osc-feature-gates") "  confidential: \"false\"\n", "aa.tee-missing", 6, NULL},
        {CM("rvps") "  reference-values.json: |\n    []\n", "rvps.file-ignored", 6, NULL},
        {CM("kbs") "  kbs-config.toml: |\n    [http_server]\n    [admin]\n    authorization_mode = "
                   "\"x\"\n",
         "kbs.config-invalid", 9, "'x'"},
        {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ok\ndata:\n  a: b\n---\napiVersion: "
         "x/v1\nkind: "
         "KbsConfig\nmetadata:\n  name: k\nspec:\n  kbsConfigMapNam: c\n",
         NULL, 13, "kbsConfigMapNam"},
        {"apiVersion: x/v1\nkind: KbsConfig\nmetadata:\n  name: k\nspec:\n  kbsConfigMapName: c\n  "
         "KbsDeploymentSpec:\n    replicas: 3\n",
         "rcar.session-unknown", 7, NULL},
        {"apiVersion: x/v1\nkind: TrusteeConfig\nmetadata:\n  name: k\nspec:\n  profileType: "
         "Restrict\n",
         "kbs.config-invalid", 6, NULL},
        {"apiVersion: x/v1\nkind: TrusteeConfig\nmetadata:\n  name: k\nspec:\n  profileType: "
         "Restricted\n",
         "kbs.config-invalid", 0, "tlsSecretName"},
        {"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  key: \"not base64!\"\n",
         "resource.not-found", 6, NULL},
        {"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  key: "
         "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYK\n",
         "image.key-wrong", 6, "newline"},
        {"apiVersion: v1\nkind: Secret\nmetadata:\n  name: peer-pods-secret\ndata:\n  "
         "AZURE_CLIENT_ID: eA==\n",
         "peerpod.config-missing", 0, "AZURE_TENANT_ID"},
        {"apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations:\n    "
         "io.katacontainers.config.hypervisor.cc_init_data: \"x\"\nspec:\n  containers: []\n",
         "initdata.invalid", 6, NULL},
        {"apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  runtimeClassName: "
         "kata-remote\n  containers:\n  - "
         "name: c\n    image: x\n",
         "image.host-store", 9, NULL},
        {"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: \"x\n", NULL, 0, "cannot be read"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++)
        T_TRUE(has(lint_one("m.yaml", cases[i].text), cases[i].code, cases[i].line, cases[i].part));
}

/* A self-signed certificate for the names kbs.example. */
static const char *const cert_pem =
#include "tests/unit/sim/lint-cert.inc"
    ;

static void mistakes_across_files_are_found(void)
{
    char one_sided[4096], url[512];

    (void)snprintf(one_sided, sizeof(one_sided),
                   HEAD
                   "\"aa.toml\" = '''\n[token_configs.kbs]\nurl = 'https://kbs.example'\ncert = "
                   "\"\"\"\n%s\"\"\"\n'''\n" GOOD_CDH,
                   cert_pem);
    T_TRUE(has(lint_one("i.toml", one_sided), "kbs.tls-cert-one-sided", 0, "aa.toml"));
    (void)snprintf(url, sizeof(url), "%s",
                   HEAD
                   "\"aa.toml\" = '''\n[token_configs.kbs]\nurl = 'https://other.example'\n'''\n");
    const struct file names[] = {{"i.toml", url}, {"tls.crt", cert_pem}};
    T_TRUE(has(lint(names, 2), "kbs.tls-name", 6, "other.example"));
    const struct file fits[] = {{"i.toml", HEAD GOOD_AA GOOD_CDH}, {"tls.crt", cert_pem}};
    T_EQ_INT(json_array_size(lint(fits, 2)), 0);
    const struct file missing[] = {
        {"i.toml", HEAD GOOD_AA
         "\"cdh.toml\" = '''\n[kbc]\nname = 'cc_kbc'\nurl = 'https://kbs.example'\n[image]\n"
         "image_security_policy_uri = 'kbs:///default/sig/policy'\n'''\n"},
        {"kbs.yaml",
         "apiVersion: x/v1\nkind: KbsConfig\nmetadata:\n  name: k\nspec:\n  kbsConfigMapName: "
         "c\n  kbsSecretResources: [other]\n"},
    };
    T_TRUE(has(lint(missing, 2), "resource.not-found", 14, "'sig'"));
    const struct file values[] = {
        {"p.rego", "package policy\ntrust_claims := {\"executables\": 3}\nx if 1 in "
                   "query_reference_value(\"snp_pcr11\")\n"},
        {"reference.json", "{\"svn\":"
                           "\"eyJuYW1lIjoic3ZuIiwiZXhwaXJhdGlvbiI6IjIwMzAtMDEtMDFUMDA6MDA6MDBaIiwid"
                           "mFsdWUiOlsxXX0=\"}"},
    };
    T_TRUE(has(lint(values, 2), "policy.reference-value-missing", 3, "snp_pcr11"));
    T_TRUE(has(lint(values, 2), "rvps.value-unknown", 0, "'svn'"));
}

static void hostile_files_end_quickly(void)
{
    auto_buf struct cmn_buf big = {0};
    static const char *const fills[] = {
        "---\nkind: apiVersion\n",       "package x\n", "[data]\n[kbc]\n", "{\"auths\":",
        "-----BEGIN CERTIFICATE-----\n", "\x00\xff"};

    for (size_t f = 0; f < CMN_ARRAY_SIZE(fills); f++) {
        struct sim_lint *l = NULL;
        size_t n = strlen(fills[f]) ? strlen(fills[f]) : 2;
        T_OK(cmn_buf_resize(&big, 200000), NULL);
        for (size_t i = 0; i < big.len; i++)
            big.data[i] = (uint8_t)fills[f][i % n];
        T_OK(sim_lint_new(env, &l, NULL), NULL);
        sim_lint_text(l, "hostile", cmn_buf_bytes(&big));
        (void)sim_lint_finish(l);
        T_EQ_INT(sim_lint_files(l) + sim_lint_skipped(l), 1);
        sim_lint_free(l);
    }
}

static void the_world_begins(void)
{
    T_OK(cmn_env_new_system(&env, NULL), NULL);
}

static void the_world_ends(void)
{
    (void)lint(NULL, 0);
    cmn_env_unref(env);
}

TEST_MAIN("lint", {"the world begins", the_world_begins},
          {"correct files give nothing", correct_files_give_nothing},
          {"mistakes in initdata are found", mistakes_in_initdata_are_found},
          {"mistakes of the key broker are found", mistakes_of_the_key_broker_are_found},
          {"mistakes in policies and values are found", mistakes_in_policies_and_values_are_found},
          {"mistakes in manifests are found", mistakes_in_manifests_are_found},
          {"mistakes across files are found", mistakes_across_files_are_found},
          {"hostile files end quickly", hostile_files_end_quickly},
          {"the world ends", the_world_ends})
