/*
 * manifest.c - Kubernetes manifests, from files or from `kubectl get -o yaml`: the operators'
 * objects, secrets, config maps and pods. Facts: openshift/trustee-operator,
 * openshift/sandboxed-containers-operator, CAA.
 */
#include "common/enc/enc.h"
#include "common/yaml/yaml.h"
#include "sim/diagnose/lint/lint-internal.h"
#include "sim/diagnose/yaml-docs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct manifest {
    const struct lint_doc *d; /* of this YAML document */
    const struct cmn_yaml *yaml;
    const json_t *root;
    const char *kind, *name;
};

static unsigned line_of(const struct manifest *m, const json_t *node, const char *key)
{
    unsigned line = m->yaml ? cmn_yaml_line(m->yaml, node, key) : 0;
    return line ? m->d->first_line + line - 1 : m->d->first_line;
}

/* A text value of a ConfigMap or Secret as a file of its own. */
static void lint_inner(const struct manifest *m, const json_t *data, const char *key,
                       struct cmn_bytes text, bool encoded)
{
    auto_free char *name = NULL;
    unsigned line = line_of(m, data, key);
    struct lint_doc inner = {
        .l = m->d->l, .file = m->d->file, .text = text, .first_line = line + 1};

    if (encoded) { /* lines inside of base64 are lines of their own */
        if (asprintf(&name, "%s:%u(%s)", m->d->file, line, key) < 0)
            return;
        inner.file = name;
        inner.first_line = 1;
    }
    (void)lint_any(&inner);
}

/* ---- peer-pods-cm ---- */

static void want_number(const struct manifest *m, const json_t *data, const char *key, long min)
{
    const char *text = cmn_json_str(data, key);
    char *end;

    if (!text || !*text)
        return;
    long v = strtol(text, &end, 10);
    if (*end)
        lint_error(m->d, line_of(m, data, key), CMN_REASON_PEERPOD_CONFIG_MISSING, "write a number",
                   "%s '%.64s' is not a number", key, text);
    else if (v < min)
        lint_error(m->d, line_of(m, data, key), CMN_REASON_GUEST_NO_SPACE, "raise it",
                   "%s %ld is below %ld", key, v, min);
}

static void lint_sizes(const struct manifest *m, const json_t *data)
{
    const char *sizes = cmn_json_str(data, "AZURE_INSTANCE_SIZES");
    const char *size = cmn_json_str(data, "AZURE_INSTANCE_SIZE");
    const char *off = cmn_json_str(data, "DISABLECVM");
    bool cvm = !off || strcmp(off, "false") == 0;

    if (size && *size && sizes && *sizes && !strstr(sizes, size))
        lint_warn(m->d, line_of(m, data, "AZURE_INSTANCE_SIZE"),
                  CMN_REASON_PEERPOD_SIZE_UNAVAILABLE, "add it to AZURE_INSTANCE_SIZES",
                  "the default size %.64s is not among the sizes", size);
    if (cvm && size && *size && !strstr(size, "_DC") && !strstr(size, "_EC"))
        lint_error(m->d, line_of(m, data, "AZURE_INSTANCE_SIZE"), CMN_REASON_AA_TEE_MISSING,
                   "use Standard_DC..as_v5 (or v6)", "%.64s is no confidential size", size);
    if (!cvm)
        lint_warn(m->d, line_of(m, data, "DISABLECVM"), CMN_REASON_AA_TEE_MISSING,
                  "write DISABLECVM: \"false\"",
                  "DISABLECVM is '%.16s': pod VMs are not confidential", off);
}

static void lint_peer_pods_cm(const struct manifest *m, json_t *data)
{
    static const char *const providers[] = {
        "azure",   "aws",          "gcp",    "libvirt", "ibmcloud",
        "vsphere", "alibabacloud", "docker", "byom",    "ibmcloud-powervs"};
    static const char *const azure[] = {"AZURE_RESOURCE_GROUP", "AZURE_REGION", "AZURE_SUBNET_ID",
                                        "AZURE_NSG_ID", "AZURE_INSTANCE_SIZE"};
    const char *provider = cmn_json_str(data, "CLOUD_PROVIDER"), *key;
    json_t *value;
    bool known = false;

    for (size_t i = 0; provider && i < CMN_ARRAY_SIZE(providers); i++)
        known = known || strcmp(provider, providers[i]) == 0;
    if (!known)
        lint_error(m->d, line_of(m, data, "CLOUD_PROVIDER"),
                   CMN_REASON_PEERPOD_PROVIDER_UNSUPPORTED, "write azure, aws, gcp, libvirt ...",
                   "CLOUD_PROVIDER is %s", provider ? provider : "missing");
    for (size_t i = 0; provider && strcmp(provider, "azure") == 0 && i < CMN_ARRAY_SIZE(azure);
         i++) {
        const char *v = cmn_json_str(data, azure[i]);
        if (!v || !*v)
            lint_error(m->d, line_of(m, data, azure[i]), CMN_REASON_PEERPOD_CONFIG_MISSING,
                       "fill it in", "%s is missing", azure[i]);
    }
    json_object_foreach(data, key, value) {
        const char *v = json_string_value(value);
        if (!v)
            lint_error(m->d, line_of(m, data, key), CMN_REASON_PEERPOD_CONFIG_MISSING,
                       "put it in quotes", "%.64s is not a text: a ConfigMap holds only texts",
                       key);
        else if ((strstr(key, "_SIZES") || strcmp(key, "TAGS") == 0) && strchr(v, ' '))
            lint_error(m->d, line_of(m, data, key), CMN_REASON_PEERPOD_SIZE_UNAVAILABLE,
                       "remove the blanks", "%.64s holds blanks between its parts", key);
    }
    want_number(m, data, "ROOT_VOLUME_SIZE", 6);
    want_number(m, data, "PEERPODS_LIMIT_PER_NODE", 1);
    want_number(m, data, "VXLAN_PORT", 1);
    if (provider && strcmp(provider, "azure") == 0)
        lint_sizes(m, data);
    const char *init = cmn_json_str(data, "INITDATA");
    if (init && *init)
        lint_encoded_initdata(m->d, line_of(m, data, "INITDATA"), init);
}

static void lint_feature_gates(const struct manifest *m, const json_t *data)
{
    const char *v = cmn_json_str(data, "confidential");

    if (!v || strcmp(v, "true") != 0)
        lint_error(m->d, line_of(m, data, "confidential"), CMN_REASON_AA_TEE_MISSING,
                   "write confidential: \"true\"", "the feature gate confidential is not on");
}

static void lint_config_map(const struct manifest *m)
{
    json_t *data = json_object_get(m->root, "data"), *value;
    const char *key;

    lint_fact(m->d, line_of(m, m->root, "metadata"), "config-map", m->name, NULL);
    if (strcmp(m->name, "peer-pods-cm") == 0) {
        lint_peer_pods_cm(m, data);
        return;
    }
    if (strcmp(m->name, "osc-feature-gates") == 0) {
        lint_feature_gates(m, data);
        return;
    }
    if (json_object_get(data, "reference-values.json") && !json_object_get(data, "reference_value"))
        lint_warn(
            m->d, line_of(m, data, "reference-values.json"), CMN_REASON_RVPS_FILE_IGNORED,
            "rename it to reference_value and encode the records",
            "key reference-values.json is of older operators: newer ones read reference_value");
    json_object_foreach(data, key, value)
        if (json_is_string(value))
            lint_inner(m, data, key, cmn_bytes(json_string_value(value), json_string_length(value)),
                       false);
}

/* ---- secrets ---- */

static void lint_secret_value(const struct manifest *m, const json_t *data, const char *key,
                              struct cmn_bytes plain, bool encoded)
{
    if (plain.len == 33 && plain.data[32] == '\n')
        lint_error(m->d, line_of(m, data, key), CMN_REASON_IMAGE_KEY_WRONG,
                   "write the key without a newline (printf, base64 -w0)",
                   "'%.64s' is 33 bytes: a 32-byte key with a newline at its end", key);
    if (plain.len)
        lint_inner(m, data, key, plain, encoded);
}

static void lint_secret(const struct manifest *m)
{
    static const char *const azure[] = {"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID",
                                        "AZURE_SUBSCRIPTION_ID"};
    json_t *data = json_object_get(m->root, "data"),
           *plain = json_object_get(m->root, "stringData");
    const char *key;
    json_t *value;

    lint_fact(m->d, line_of(m, m->root, "metadata"), "secret", m->name, NULL);
    json_object_foreach(data, key, value) {
        auto_buf struct cmn_buf raw = {0};
        const char *text = json_string_value(value);
        struct cmn_err err = {0};
        lint_fact(m->d, line_of(m, data, key), "secret-key", key,
                  json_pack("{s:s}", "secret", m->name));
        if (!text || cmn_unb64(CMN_B64_STD, text, strcspn(text, "\n"), &raw, &err) < 0)
            lint_error(m->d, line_of(m, data, key), CMN_REASON_RESOURCE_NOT_FOUND,
                       "encode it, or use stringData", "data.%.64s is not base64", key);
        else
            lint_secret_value(m, data, key, cmn_buf_bytes(&raw), true);
    }
    json_object_foreach(plain, key, value) {
        lint_fact(m->d, line_of(m, plain, key), "secret-key", key,
                  json_pack("{s:s}", "secret", m->name));
        if (json_is_string(value))
            lint_secret_value(m, plain, key,
                              cmn_bytes(json_string_value(value), json_string_length(value)),
                              false);
    }
    if (strcmp(m->name, "peer-pods-secret") != 0)
        return;
    bool aws =
        json_object_get(data, "AWS_ACCESS_KEY_ID") || json_object_get(plain, "AWS_ACCESS_KEY_ID");
    for (size_t i = 0; !aws && i < CMN_ARRAY_SIZE(azure); i++)
        if (!json_object_get(data, azure[i]) && !json_object_get(plain, azure[i]))
            lint_error(m->d, line_of(m, m->root, "data"), CMN_REASON_PEERPOD_CONFIG_MISSING,
                       "add it", "peer-pods-secret lacks %s", azure[i]);
}

/* ---- Trustee operator ---- */

static void want_one_of(const struct manifest *m, const json_t *spec, const char *key,
                        const char *const *names, size_t n, bool needed)
{
    const char *v = cmn_json_str(spec, key);
    bool known = false;
    char fix[160] = "use";

    for (size_t i = 0; i < n; i++) {
        known = known || (v && strcmp(v, names[i]) == 0);
        (void)snprintf(fix + strlen(fix), sizeof(fix) - strlen(fix), "%s %s", i ? " or" : "",
                       names[i]);
    }
    if (!known && (v || needed))
        lint_error(m->d, line_of(m, spec, key), CMN_REASON_KBS_CONFIG_INVALID, fix, "spec.%s is %s",
                   key, v ? v : "missing");
}

static void lint_trustee_config(const struct manifest *m)
{
    static const char *const keys[] = {"profileType", "kbsServiceType",
                                       "httpsSpec",   "attestationTokenVerificationSpec",
                                       "tlsConfig",   "ibmSE"};
    static const char *const profiles[] = {"Permissive", "Restricted"};
    const json_t *spec = json_object_get(m->root, "spec");
    const char *profile = cmn_json_str(spec, "profileType");

    lint_keys(m->d, spec, "TrusteeConfig spec", keys, CMN_ARRAY_SIZE(keys));
    want_one_of(m, spec, "profileType", profiles, 2, true);
    if (profile && strcmp(profile, "Permissive") == 0)
        lint_warn(m->d, line_of(m, spec, "profileType"), CMN_REASON_POLICY_STATUS_IGNORED,
                  "use Restricted in production",
                  "Permissive releases every resource to every guest, over plain HTTP");
    static const char *const needed[] = {"httpsSpec", "attestationTokenVerificationSpec"};
    for (size_t i = 0; profile && strcmp(profile, "Restricted") == 0 && i < 2; i++) {
        const char *secret = cmn_json_str(json_object_get(spec, needed[i]), "tlsSecretName");
        if (!secret)
            lint_error(m->d, line_of(m, spec, needed[i]), CMN_REASON_KBS_CONFIG_INVALID,
                       "give tlsSecretName", "Restricted wants spec.%s.tlsSecretName", needed[i]);
        else
            lint_fact(m->d, line_of(m, spec, needed[i]), "wants-secret", secret, NULL);
    }
}

static void lint_kbs_cr(const struct manifest *m)
{
    static const char *const keys[] = {"kbsConfigMapName",
                                       "kbsAsConfigMapName",
                                       "kbsRvpsConfigMapName",
                                       "kbsRvpsRefValuesConfigMapName",
                                       "kbsAuthSecretName",
                                       "kbsServiceType",
                                       "kbsDeploymentType",
                                       "kbsHttpsKeySecretName",
                                       "kbsHttpsCertSecretName",
                                       "kbsAttestationKeySecretName",
                                       "kbsAttestationCertSecretName",
                                       "kbsSecretResources",
                                       "kbsAttestationPolicyConfigMapName",
                                       "kbsGpuAttestationPolicyConfigMapName",
                                       "kbsResourcePolicyConfigMapName",
                                       "ibmSEConfigSpec",
                                       "KbsEnvVars",
                                       "KbsDeploymentSpec",
                                       "kbsLocalCertCacheSpec"};
    static const char *const types[] = {"AllInOneDeployment", "MicroservicesDeployment"};
    const json_t *spec = json_object_get(m->root, "spec");
    const char *key;
    json_t *value, *each;
    size_t i;

    lint_keys(m->d, spec, "KbsConfig spec", keys, CMN_ARRAY_SIZE(keys));
    want_one_of(m, spec, "kbsDeploymentType", types, 2, false);
    if (!cmn_json_str(spec, "kbsConfigMapName"))
        lint_error(m->d, line_of(m, m->root, "spec"), CMN_REASON_KBS_CONFIG_INVALID, "add it",
                   "spec.kbsConfigMapName is missing");
    json_object_foreach((json_t *)spec, key, value) {
        size_t n = strlen(key);
        if (json_is_string(value) && n > 13 && strcmp(key + n - 13, "ConfigMapName") == 0)
            lint_fact(m->d, line_of(m, spec, key), "wants-config-map", json_string_value(value),
                      NULL);
        if (json_is_string(value) && n > 10 && strcmp(key + n - 10, "SecretName") == 0)
            lint_fact(m->d, line_of(m, spec, key), "wants-secret", json_string_value(value), NULL);
    }
    json_array_foreach(json_object_get(spec, "kbsSecretResources"), i, each) {
        const char *secret = json_string_value(each);
        if (secret)
            lint_fact(m->d, line_of(m, spec, "kbsSecretResources"), "secret-resource", secret,
                      NULL);
    }
    lint_fact(m->d, line_of(m, spec, "kbsSecretResources"), "kbs-cr", m->name, NULL);
    json_int_t replicas = cmn_json_int(json_object_get(spec, "KbsDeploymentSpec"), "replicas", 1);
    if (replicas > 1)
        lint_warn(m->d, line_of(m, spec, "KbsDeploymentSpec"), CMN_REASON_RCAR_SESSION_UNKNOWN,
                  "use one replica or a common session store",
                  "%lld replicas: a session of one is unknown to the others", (long long)replicas);
}

/* ---- pods ---- */

static void lint_pod_spec(const struct manifest *m, const json_t *meta, const json_t *spec)
{
    static const char annotation[] = "io.katacontainers.config.hypervisor.cc_init_data";
    const json_t *annotations = json_object_get(meta, "annotations");
    const char *init = cmn_json_str(annotations, annotation),
               *runtime = cmn_json_str(spec, "runtimeClassName");
    bool kata = runtime && strncmp(runtime, "kata", 4) == 0;
    size_t i;
    json_t *c;

    if (init)
        lint_encoded_initdata(m->d, line_of(m, annotations, annotation), init);
    if (init && !kata)
        lint_error(m->d, line_of(m, spec, "runtimeClassName"), CMN_REASON_AA_TEE_MISSING,
                   "write runtimeClassName: kata-remote",
                   "initdata is given, but runtimeClassName is %s", runtime ? runtime : "missing");
    json_array_foreach(json_object_get(spec, "containers"), i, c) {
        const char *pull = cmn_json_str(c, "imagePullPolicy");
        if (kata && (!pull || strcmp(pull, "Always") != 0))
            lint_warn(m->d, line_of(m, c, "image"), CMN_REASON_IMAGE_HOST_STORE,
                      "write imagePullPolicy: Always",
                      "an image the node already holds is not pulled in the guest");
    }
}

static const json_t *pod_template(const json_t *root)
{
    const json_t *spec = json_object_get(root, "spec");
    const json_t *job = json_object_get(json_object_get(spec, "jobTemplate"), "spec");

    return json_object_get(job ? job : spec, "template");
}

static bool lint_object(const struct lint_doc *d, const struct cmn_yaml *yaml, const json_t *root)
{
    struct manifest m = {.d = d, .yaml = yaml, .root = root};
    const json_t *meta = json_object_get(root, "metadata");
    size_t i;
    json_t *item;

    m.kind = cmn_json_str(root, "kind");
    m.name = cmn_json_str(meta, "name");
    if (!m.kind || !cmn_json_str(root, "apiVersion"))
        return false;
    m.name = m.name ? m.name : "";
    if (json_is_array(json_object_get(root, "items"))) {
        json_array_foreach(json_object_get(root, "items"), i, item)
            (void)lint_object(d, yaml, item);
        return true;
    }
    if (strcmp(m.kind, "ConfigMap") == 0)
        lint_config_map(&m);
    else if (strcmp(m.kind, "Secret") == 0)
        lint_secret(&m);
    else if (strcmp(m.kind, "TrusteeConfig") == 0)
        lint_trustee_config(&m);
    else if (strcmp(m.kind, "KbsConfig") == 0)
        lint_kbs_cr(&m);
    else if (strcmp(m.kind, "Pod") == 0)
        lint_pod_spec(&m, meta, json_object_get(root, "spec"));
    else if (pod_template(root))
        lint_pod_spec(&m, json_object_get(pod_template(root), "metadata"),
                      json_object_get(pod_template(root), "spec"));
    else if (strcmp(m.kind, "Route") == 0 && cmn_json_str(json_object_get(root, "spec"), "host"))
        lint_fact(d, line_of(&m, json_object_get(root, "spec"), "host"), "route",
                  cmn_json_str(json_object_get(root, "spec"), "host"), NULL);
    return true;
}

/* One YAML document; findings carry lines of the file. */
static bool lint_document(const struct lint_doc *d)
{
    auto_yaml struct cmn_yaml *yaml = NULL;
    struct cmn_err err = {0};

    if (!memmem(d->text.data, d->text.len, "kind", 4) ||
        !memmem(d->text.data, d->text.len, "apiVersion", 10))
        return false;
    if (cmn_yaml_load("manifest", d->text, &yaml, &err) < 0) {
        const char *colon = strchr(err.msg, ':');
        unsigned line = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
        lint_warn(d, line ? d->first_line + line - 1 : d->first_line, CMN_REASON_NONE,
                  "correct the YAML, or quote the value", "the manifest cannot be read: %s",
                  err.msg);
        return true;
    }
    return lint_object(d, yaml, cmn_yaml_root(yaml));
}

bool lint_manifests(const struct lint_doc *d)
{
    struct sim_yaml_docs docs = sim_yaml_docs(d->text);
    struct lint_doc part = *d;
    bool known = false;

    while (sim_yaml_docs_next(&docs)) {
        part.text = docs.doc;
        part.first_line = d->first_line + docs.line - 1;
        known |= lint_document(&part);
    }
    return known;
}
