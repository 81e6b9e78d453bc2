/* offline.c - verification, appraisal and decision without a session; see kbs-lite/offline.h. */
#include "kbs-lite/offline.h"

#include "initdata.h"
#include "internal.h"
#include "policy.h"

#include "common/crypto/crypto.h"
#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kbs_offline_done(struct kbs_offline_result *res)
{
    json_decref(res->annotated);
    json_decref(res->vector);
    json_decref(res->queried);
    json_decref(res->payload);
    memset(res, 0, sizeof(*res));
}

static void refuse(struct kbs_offline_result *res, enum cmn_reason reason, const char *message)
{
    res->accepted = false;
    res->reason = reason;
    (void)snprintf(res->message, sizeof(res->message), "%.500s", message);
}

/* A VCEK that the evidence does not bring, among the loose certificates. */
static int fetch_loose(void *ctx, const struct snp_report *report, enum snp_product product,
                       struct cmn_buf *ret, struct cmn_err *err)
{
    const struct kbs_offline_input *in = ctx;
    const struct snp_cert *cert = in->certs ? snp_certs_find(in->certs, SNP_CERT_VCEK) : NULL;

    (void)report;
    (void)product;
    if (!cert)
        return cmn_err_reason(err, ENOENT, CMN_REASON_SNP_VCEK_UNAVAILABLE,
                              "no VCEK came along and none is at hand");
    return cmn_buf_put(ret, cert->bytes.data, cert->bytes.len) < 0
               ? cmn_err_set(err, ENOMEM, "no memory")
               : 0;
}

static int verify_snp(struct cmn_env *env, const struct kbs_offline_input *in,
                      struct kbs_offline_result *ret, struct kbs_claims *claims,
                      struct cmn_err *err)
{
    const struct kbs_snp_expect expect = {.report_data = in->report_data,
                                          .report_data_len = in->report_data_len,
                                          .host_data = in->init_data,
                                          .host_data_len = in->init_data_len};
    const struct kbs_snp_input snp = {.mode = in->strict ? KBS_SNP_STRICT : KBS_SNP_TRUSTEE,
                                      .min_version = in->min_version,
                                      .max_version = in->max_version,
                                      .evidence = in->evidence,
                                      .report = in->report,
                                      .certs = in->evidence ? NULL : in->certs,
                                      .fetch = fetch_loose,
                                      .fetch_ctx = (void *)in,
                                      .roots = in->roots,
                                      .crls = in->crls,
                                      .cache = in->cache,
                                      .now = in->now,
                                      .expect = &expect};
    auto_free struct kbs_snp_result *res = calloc(1, sizeof(*res));

    if (!res)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = kbs_snp_verify(env, &snp, res, err);
    ret->checks = res->checks;
    ret->root = res->root ? res->root : "none";
    if (r < 0)
        return r;
    ret->verified = res->accepted;
    if (!res->accepted) {
        refuse(ret, res->reason, res->message);
        return 0;
    }
    return kbs_snp_claims(res, claims, err);
}

static int verify_az(struct cmn_env *env, const struct kbs_offline_input *in,
                     struct kbs_offline_result *ret, struct kbs_claims *claims, struct cmn_err *err)
{
    const struct kbs_snp_input snp = {.roots = in->roots, .crls = in->crls, .cache = in->cache};
    const struct kbs_verify_input v = {.evidence = in->evidence,
                                       .report_data = in->report_data,
                                       .report_data_len = in->report_data_len,
                                       .init_data = in->init_data,
                                       .init_data_len = in->init_data_len,
                                       .strict = in->strict,
                                       .now = in->now,
                                       .snp = &snp};
    struct cmn_err why = {0};
    int r = kbs_verifier_az.verify(env, &v, &ret->checks, claims, &why);

    ret->verified = r == 0;
    ret->root = claims->root ? claims->root : "none";
    if (r < 0 && why.reason == CMN_REASON_NONE)
        return cmn_err_set(err, -r, "%s", why.msg);
    if (r < 0)
        refuse(ret, why.reason, why.msg);
    return 0;
}

/* Sample evidence without a known session is compared with itself. */
static int verify_sample(struct cmn_env *env, const struct kbs_offline_input *in,
                         struct kbs_offline_result *ret, struct kbs_claims *claims,
                         struct cmn_err *err)
{
    const char *own = cmn_json_str(in->evidence, "report_data");
    auto_buf struct cmn_buf data = {0};
    struct kbs_verify_input v = {.evidence = in->evidence,
                                 .report_data = in->report_data,
                                 .report_data_len = in->report_data_len,
                                 .init_data = in->init_data,
                                 .init_data_len = in->init_data_len,
                                 .strict = in->strict,
                                 .now = in->now};
    struct cmn_err why = {0};

    if (!in->report_data) {
        if (own && cmn_unb64(CMN_B64_STD, own, strlen(own), &data, NULL) < 0)
            data.len = 0;
        v.report_data = data.data ? data.data : (const uint8_t *)"";
        v.report_data_len = data.len;
    }
    int r = kbs_verifier_sample.verify(env, &v, &ret->checks, claims, &why);
    ret->root = "none";
    ret->verified = r == 0;
    if (r < 0 && why.reason == CMN_REASON_NONE)
        return cmn_err_set(err, -r, "%s", why.msg);
    if (r < 0)
        refuse(ret, why.reason, why.msg);
    return 0;
}

static int find_value(void *ctx, const char *name, json_t **ret, struct cmn_err *err)
{
    json_t *value = json_object_get(ctx, name);

    (void)err;
    *ret = value ? json_incref(value) : NULL;
    return 0;
}

static int appraise(const struct kbs_offline_input *in, struct kbs_offline_result *ret,
                    struct cmn_err *err)
{
    struct kbs_policy_appraisal a = {0};
    auto_json json_t *none = json_object();
    json_t *values = in->reference_values ? (json_t *)in->reference_values : none;
    struct cmn_err why = {0};
    int r =
        kbs_policy_appraise(in->attestation_policy, strlen(in->attestation_policy), ret->annotated,
                            &(struct kbs_policy_refs){.find = find_value, .ctx = values}, &a, &why);

    if (r < 0 && r != -ENOMEM) {
        refuse(ret, CMN_REASON_POLICY_ERROR, why.msg);
        r = 0;
    } else if (r == 0) {
        auto_json json_t *submod = kbs_ear_submod(&a, ret->annotated);
        ret->vector = json_incref(a.trust_claims);
        ret->queried = a.queried ? json_incref(a.queried) : NULL;
        ret->payload = json_pack("{s:{s:O}}", "submods", "cpu0", submod);
        ret->status = ret->payload ? kbs_token_status(ret->payload) : NULL;
        (void)snprintf(ret->warning, sizeof(ret->warning), "%s", a.warning);
        r = ret->payload ? 0 : -ENOMEM;
    }
    kbs_policy_appraisal_done(&a);
    return r < 0 ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}

/* data.resource-path has the three parts. */
static json_t *resource_data(const char *path)
{
    json_t *parts = json_array();

    for (const char *p = path; parts && *p;) {
        size_t n = strcspn(p, "/");
        CMN_IGNORE(json_array_append_new(parts, json_stringn(p, n)));
        p += n + (p[n] == '/');
    }
    return json_pack("{s:s, s:o, s:{}}", "plugin", "resource", "resource-path", parts, "query");
}

/* The broker's own reading of a refusal. */
static void refuse_denied(const struct kbs_offline_input *in, struct kbs_offline_result *ret,
                          const json_t *data)
{
    auto_json json_t *none = json_object(), *details = NULL;
    const struct kbs_policy_refs refs = {
        .find = find_value, .ctx = in->reference_values ? (json_t *)in->reference_values : none};
    char message[256] = "";
    enum cmn_reason reason =
        kbs_diagnose_denial(&refs, cmn_bytes(in->resource_policy, strlen(in->resource_policy)),
                            ret->payload, data, message, sizeof(message), &details);

    refuse(ret, reason, message);
}

static int decide(const struct kbs_offline_input *in, struct kbs_offline_result *ret,
                  struct cmn_err *err)
{
    auto_json json_t *data = resource_data(in->resource_path ? in->resource_path : "default/key/1");
    struct kbs_policy_verdict verdict = {0};
    struct cmn_err why = {0};

    if (!data)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = kbs_policy_decide(in->resource_policy, strlen(in->resource_policy), ret->payload, data,
                              &verdict, &why);
    if (r == -ENOMEM)
        return cmn_err_set(err, ENOMEM, "no memory");
    ret->decided = true;
    ret->allow = r == 0 && verdict.allow;
    if (verdict.warning[0])
        (void)snprintf(ret->warning, sizeof(ret->warning), "%s", verdict.warning);
    if (r < 0)
        refuse(ret, CMN_REASON_POLICY_ERROR, why.msg);
    else if (verdict.warning[0])
        refuse(ret, CMN_REASON_POLICY_RULE_MISSING, verdict.warning);
    else if (!verdict.allow)
        refuse_denied(in, ret, data);
    return 0;
}

int kbs_offline_run(struct cmn_env *env, const struct kbs_offline_input *in,
                    struct kbs_offline_result *ret, struct cmn_err *err)
{
    struct kbs_claims claims = {0};
    bool sample = strcmp(in->tee, "sample") == 0, az = strcmp(in->tee, "az-snp-vtpm") == 0;

    memset(ret, 0, sizeof(*ret));
    ret->root = "none";
    int r = sample ? verify_sample(env, in, ret, &claims, err)
            : az   ? verify_az(env, in, ret, &claims, err)
                   : verify_snp(env, in, ret, &claims, err);
    if (r == 0 && ret->verified) {
        ret->accepted = true;
        ret->annotated = kbs_ear_evidence(&claims, in->tee, in->runtime_data, in->init_data_claims);
        if (!ret->annotated)
            r = cmn_err_set(err, ENOMEM, "no memory");
    }
    kbs_claims_done(&claims);
    if (r == 0 && ret->verified && in->attestation_policy)
        r = appraise(in, ret, err);
    if (r == 0 && ret->payload && in->resource_policy)
        r = decide(in, ret, err);
    return r;
}

void kbs_offline_session_done(struct kbs_offline_session *session)
{
    json_decref(session->runtime_data);
    json_decref(session->init_data_claims);
    memset(session, 0, sizeof(*session));
}

int kbs_offline_session_read(struct cmn_env *env, const json_t *attest_request,
                             struct kbs_offline_session *ret, struct cmn_err *err)
{
    const json_t *init = json_object_get(attest_request, "init-data");
    auto_buf struct cmn_buf jcs = {0};
    int r = kbs_rcar_runtime(attest_request, &ret->runtime_data, err);

    if (r == 0)
        r = cmn_json_jcs(ret->runtime_data, &jcs, err);
    if (r == 0)
        r = cmn_hash(env, "SHA384", jcs.data, jcs.len, ret->report_data, err);
    if (r == 0 && init && !json_is_null(init))
        r = kbs_initdata_read(env, init, ret->init_data, &ret->init_data_len,
                              &ret->init_data_claims, err);
    return r;
}

int kbs_offline_initdata(struct cmn_env *env, const char *toml, uint8_t digest[64], size_t *ret_len,
                         struct cmn_err *err)
{
    auto_json json_t *init = json_pack("{s:s, s:s}", "format", "toml", "body", toml);
    auto_json json_t *claims = NULL;

    if (!init)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_RCAR_INITDATA_INVALID,
                              "the initdata is not UTF-8");
    return kbs_initdata_read(env, init, digest, ret_len, &claims, err);
}
