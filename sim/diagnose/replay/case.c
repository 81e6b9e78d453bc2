/* case.c - collects what files hold into a case. */
#include "sim/diagnose/bundle/bundle.h"
#include "sim/diagnose/inspect/inspect.h"
#include "sim/diagnose/reference-values.h"
#include "sim/diagnose/replay/replay-internal.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int sim_case_new(struct cmn_env *env, struct sim_case **ret, struct cmn_err *err)
{
    struct sim_case *c = calloc(1, sizeof(*c));

    if (!c)
        return cmn_err_set(err, ENOMEM, "no memory");
    c->env = cmn_env_ref(env);
    int r = kbs_cache_new(&c->cache, err);
    if (r < 0) {
        sim_case_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

void sim_case_reset(struct sim_case *c)
{
    struct sim_case kept = {.env = c->env, .cache = c->cache, .amd = c->amd};

    json_decref(c->evidence);
    json_decref(c->request);
    json_decref(c->exchange);
    json_decref(c->references);
    json_decref(c->info);
    json_decref(c->token);
    cmn_buf_done(&c->report);
    cmn_buf_done(&c->roots_pem);
    snp_certs_done(&c->certs);
    for (size_t i = 0; i < c->n_crls; i++)
        cmn_buf_done(&c->crls[i]);
    free(c->attestation_policy);
    free(c->resource_policy);
    free(c->initdata);
    *c = kept;
}

void sim_case_free(struct sim_case *c)
{
    if (!c)
        return;
    sim_case_reset(c);
    kbs_cache_free(c->cache);
    kbs_roots_free(c->amd);
    cmn_env_unref(c->env);
    free(c);
}

bool sim_policy_is_attestation(const char *text)
{
    return strstr(text, "trust_claims") || strstr(text, "query_reference_value");
}

static void set_json(json_t **at, json_t *value)
{
    json_decref(*at);
    *at = value;
}

static void set_text(char **at, struct cmn_bytes text)
{
    free(*at);
    *at = strndup((const char *)text.data, text.len);
}

static void keep_evidence(struct sim_case *c, const char *tee, json_t *evidence)
{
    (void)snprintf(c->tee, sizeof(c->tee), "%s", tee);
    set_json(&c->evidence, evidence);
}

/* The TEE by the evidence's shape: loose requests do not name it. */
static const char *tee_of(const json_t *evidence)
{
    return json_object_get(evidence, "attestation_report") ? "snp"
           : json_object_get(evidence, "tpm_quote") || json_object_get(evidence, "quote")
               ? "az-snp-vtpm"
           : json_object_get(evidence, "svn") ? "sample"
                                              : "";
}

static void keep_request(struct sim_case *c, json_t *request, const char *tee)
{
    const json_t *wrapped = json_object_get(request, "tee-evidence");
    json_t *evidence = json_object_get(wrapped, "primary_evidence");

    set_json(&c->request, json_incref(request));
    if (evidence)
        keep_evidence(c, tee && *tee ? tee : tee_of(evidence), json_incref(evidence));
}

static void keep_exchange(struct sim_case *c, const json_t *json)
{
    const char *path = cmn_json_str(json, "path"), *nonce = cmn_json_str(json, "session-nonce");

    set_json(&c->exchange, json_incref((json_t *)json));
    if (!path || strcmp(path, "attest") != 0)
        return;
    keep_request(c, json_object_get(json, "request"), cmn_json_str(json, "tee"));
    (void)snprintf(c->session_nonce, sizeof(c->session_nonce), "%s", nonce ? nonce : "");
    if (cmn_json_int(json, "time", 0) > 0)
        c->clock = cmn_json_int(json, "time", 0);
}

static void put_pem(struct cmn_buf *ret, X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;

    if (bio && PEM_write_bio_X509(bio, cert)) {
        long n = BIO_get_mem_data(bio, &data);
        CMN_IGNORE(cmn_buf_put(ret, data, (size_t)n)); /* then a root is missing, which is told */
    }
    BIO_free(bio);
}

static void keep_cert(struct sim_case *c, struct cmn_bytes der)
{
    auto_x509 X509 *cert = NULL;
    char cn[64] = "";
    enum snp_cert_type type;

    if (cmn_x509_load(c->env, der, &cert, NULL) < 0)
        return;
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
    if (strcmp(cn, "SEV-VCEK") == 0)
        type = SNP_CERT_VCEK;
    else if (strcmp(cn, "SEV-VLEK") == 0)
        type = SNP_CERT_VLEK;
    else if (strncmp(cn, "SEV-", 4) == 0)
        type = SNP_CERT_ASK;
    else if (strncmp(cn, "ARK-", 4) == 0)
        type = SNP_CERT_ARK;
    else
        return;
    if (type == SNP_CERT_ASK || type == SNP_CERT_ARK)
        put_pem(&c->roots_pem, cert);
    else if (!snp_certs_find(&c->certs, type))
        CMN_IGNORE(snp_certs_add(&c->certs, type, der, NULL));
}

static void keep_table(struct sim_case *c, struct cmn_bytes table)
{
    auto_certs struct snp_certs certs = {0};

    if (snp_certs_decode(table.data, table.len, &certs, NULL) < 0)
        return;
    for (size_t i = 0; i < certs.n; i++)
        if (!snp_certs_find(&c->certs, certs.list[i].type))
            CMN_IGNORE(snp_certs_add(&c->certs, certs.list[i].type,
                                     cmn_buf_bytes(&certs.list[i].bytes), NULL));
}

static void keep_json(struct sim_case *c, const char *kind, json_t *json)
{
    if (strcmp(kind, "exchange") == 0)
        keep_exchange(c, json);
    else if (strcmp(kind, "attestation") == 0)
        keep_request(c, json, NULL);
    else if (strcmp(kind, "snp-evidence") == 0)
        keep_evidence(c, "snp", json_incref(json));
    else if (strcmp(kind, "az-snp-vtpm-evidence") == 0)
        keep_evidence(c, "az-snp-vtpm", json_incref(json));
    else if (strcmp(kind, "sample-evidence") == 0)
        keep_evidence(c, "sample", json_incref(json));
    else if (strcmp(kind, "reference-values") == 0)
        set_json(&c->references, sim_reference_values_plain(json));
    else if (strcmp(kind, "bundle-info") == 0) {
        set_json(&c->info, json_incref(json));
        if (!c->clock)
            c->clock = cmn_json_int(json, "clock", 0);
    }
}

static void keep(void *ctx, const char *kind, struct cmn_bytes bytes)
{
    struct sim_case *c = ctx;
    auto_json json_t *json = NULL;

    c->things++;
    if (strcmp(kind, "snp-report") == 0 && bytes.len >= SNP_REPORT_BYTES) {
        c->report.len = 0;
        size_t head = bytes.len >= SNP_REPORT_BYTES + 32 && cmn_all_zero(bytes.data, 4) ? 32 : 0;
        CMN_IGNORE(cmn_buf_put(&c->report, bytes.data + head, SNP_REPORT_BYTES));
        if (!head && bytes.len > SNP_REPORT_BYTES)
            keep_table(c, cmn_bytes(bytes.data + SNP_REPORT_BYTES, bytes.len - SNP_REPORT_BYTES));
        if (!c->tee[0])
            (void)strcpy(c->tee, "snp");
    } else if (strcmp(kind, "certificate") == 0) {
        keep_cert(c, bytes);
    } else if (strcmp(kind, "certificate-table") == 0) {
        keep_table(c, bytes);
    } else if (strcmp(kind, "crl") == 0 && c->n_crls < CASE_CRLS) {
        CMN_IGNORE(cmn_buf_put(&c->crls[c->n_crls++], bytes.data, bytes.len));
    } else if (strcmp(kind, "initdata") == 0) {
        set_text(&c->initdata, bytes);
    } else if (strcmp(kind, "policy") == 0) {
        auto_free char *text = strndup((const char *)bytes.data, bytes.len);
        if (text && !strstr(text, "package agent_policy"))
            set_text(sim_policy_is_attestation(text) ? &c->attestation_policy : &c->resource_policy,
                     bytes);
    } else if (cmn_json_load(bytes, CMN_JSON_MAX_DEPTH, &json, NULL) == 0) {
        keep_json(c, kind, json);
    }
}

void sim_case_bytes(struct sim_case *c, struct cmn_bytes data)
{
    (void)sim_extract(c->env, data, keep, c);
}

static void from_archive(void *ctx, const char *name, struct cmn_bytes bytes)
{
    (void)name;
    sim_case_bytes(ctx, bytes);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static int add_path(struct sim_case *c, const char *path, unsigned depth, struct cmn_err *err)
{
    struct dirent **list = NULL;
    struct stat st;
    int r = 0;

    if (stat(path, &st) < 0)
        return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode)) {
        auto_buf struct cmn_buf data = {0};
        if (++c->files > CASE_FILES)
            return cmn_err_set(err, E2BIG, "more than %d files", CASE_FILES);
        if (sim_archive_name(path))
            return sim_archive_read(path, SIM_INSPECT_MAX_BYTES, from_archive, c, err);
        r = cmn_file_read(path, SIM_INSPECT_MAX_BYTES, &data, err);
        if (r >= 0)
            sim_case_bytes(c, cmn_buf_bytes(&data));
        return r == -EFBIG ? 0 : r < 0 ? r : 0;
    }
    int n = depth > 8 ? 0 : scandir(path, &list, visible, by_name);
    if (n < 0)
        return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        auto_free char *child = NULL;
        if (r >= 0 && asprintf(&child, "%s/%s", path, list[i]->d_name) >= 0)
            r = add_path(c, child, depth + 1, err);
        free(list[i]);
    }
    free(list);
    return r;
}

int sim_case_path(struct sim_case *c, const char *path, struct cmn_err *err)
{
    return add_path(c, path, 0, err);
}
