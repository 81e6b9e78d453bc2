/* token-simple.c - the "simple" token of 0.9 and 0.10: RS384, claims flat and as they came (trustee
 * v0.9.0 attestation-service/src/lib.rs, token/simple.rs). */
#include "internal.h"

#include "policy.h"

#include "common/crypto/jose.h"
#include "common/enc/enc.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEEWAY_S 60

/* {"tee.claim": text, ...}: every leaf under its path, as the policies and the token show it. */
static int flatten(const char *prefix, json_t *value, json_t *out)
{
    const char *key;
    json_t *member;
    char name[256];
    int r = 0;

    if (!json_is_object(value))
        return json_object_set(out, prefix, value);
    json_object_foreach(value, key, member) {
        (void)snprintf(name, sizeof(name), "%s.%s", prefix, key);
        r |= flatten(name, member, out);
    }
    return r;
}

/* The attestation policy must allow: in these releases a wrong measurement refused the guest. */
static int appraise(struct kbs *kbs, const json_t *flat, json_t **ret_references,
                    struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *all = NULL, *data = NULL;
    struct kbs_policy_verdict verdict = {0};
    int r = kbs_store_get(kbs, KBS_NS_POLICY, "default_cpu.rego", &text, NULL);

    if (r < 0)
        return cmn_err_reason(err, ENOENT, CMN_REASON_POLICY_MISSING, "Policy `default` not found");
    r = kbs_reference_values(kbs, &all, err);
    if (r < 0)
        return r;
    data = json_pack("{s:O}", "reference", all);
    r = kbs_policy_decide((const char *)text.data, text.len, flat, data, &verdict, err);
    if (r < 0)
        return r;
    *ret_references = json_incref(all);
    return verdict.allow ? 0
                         : cmn_err_reason(err, EACCES, CMN_REASON_POLICY_DENIED,
                                          "Policy Engine evaluation failed: the evidence differs "
                                          "from the reference values");
}

static char *number(EVP_PKEY *key, const char *name)
{
    uint8_t bytes[512];
    BIGNUM *n = NULL;
    char *text = NULL;

    if (EVP_PKEY_get_bn_param(key, name, &n) == 1 && BN_num_bytes(n) <= (int)sizeof(bytes))
        text = cmn_b64(CMN_B64_URL, bytes, (size_t)BN_bn2bin(n, bytes));
    BN_free(n);
    return text;
}

static int rs384(struct kbs *kbs, const char *text, uint8_t sig[512], size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx &&
              EVP_DigestSignInit_ex(ctx, NULL, "SHA384", cmn_env_libctx(kbs->env), NULL,
                                    kbs->token_key, NULL) == 1 &&
              EVP_DigestSign(ctx, sig, len, (const uint8_t *)text, strlen(text)) == 1;

    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -EIO;
}

static int sign(struct kbs *kbs, const json_t *payload, char **ret, struct cmn_err *err)
{
    static const char header[] = "{\"alg\":\"RS384\",\"typ\":\"JWT\"}";
    uint8_t sig[512];
    size_t len = sizeof(sig);
    auto_free char *p = cmn_json_dump(payload), *input = NULL;
    auto_free char *bh = cmn_b64(CMN_B64_URL, header, sizeof(header) - 1);
    auto_free char *bp = p ? cmn_b64(CMN_B64_URL, p, strlen(p)) : NULL;

    if (!bh || !bp || asprintf(&input, "%s.%s", bh, bp) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (rs384(kbs, input, sig, &len) < 0)
        return cmn_err_set(err, EIO, "signing the token failed");
    auto_free char *bs = cmn_b64(CMN_B64_URL, sig, len);
    return bs && asprintf(ret, "%s.%s", input, bs) >= 0 ? 0 : cmn_err_set(err, ENOMEM, "no memory");
}

int kbs_simple_token_issue(struct kbs *kbs, const struct kbs_subject *subject, char **ret,
                           struct cmn_err *err)
{
    const struct kbs_claims *claims = &subject->claims;
    const char *tee = subject->tee;
    auto_json json_t *flat = json_object(), *references = NULL;
    auto_free char *n = number(kbs->token_key, OSSL_PKEY_PARAM_RSA_N);
    auto_free char *e = number(kbs->token_key, OSSL_PKEY_PARAM_RSA_E);
    int64_t now = cmn_env_now(kbs->env);
    uint8_t id[8];
    int r = flat && !flatten(tee, claims->claims, flat) ? 0 : cmn_err_set(err, ENOMEM, "no memory");

    if (r == 0 && claims->report_data)
        r = json_object_set_new(flat, "report_data", json_string(claims->report_data));
    if (r == 0)
        r = appraise(kbs, flat, &references, err);
    if (r == 0)
        r = cmn_env_random(kbs->env, id, sizeof(id), err);
    if (r < 0)
        return r;
    auto_free char *jti = cmn_hex(id, sizeof(id));
    auto_json json_t *payload = json_pack(
        "{s:s, s:I, s:s, s:{s:s, s:s, s:s, s:s}, s:I, s:I, s:s, s:[{s:s}], s:O, s:O, s:{s:n, s:O}}",
        "iss", "CoCo-Attestation-Service", "iat", (json_int_t)now, "jti", jti, "jwk", "kty", "RSA",
        "alg", "RS384", "n", n, "e", e, "nbf", (json_int_t)now, "exp",
        (json_int_t)now + kbs->config.token_minutes * 60, "tee", tee, "evaluation-reports",
        "policy-id", "default", "tcb-status", flat, "reference-data", references,
        "customized_claims", "init_data", "runtime_data", subject->runtime);
    return payload ? sign(kbs, payload, ret, err) : cmn_err_set(err, ENOMEM, "no memory");
}

int kbs_simple_token_verify(struct kbs *kbs, const char *token, json_t **ret_payload,
                            struct cmn_err *err)
{
    auto_json json_t *header = NULL, *payload = NULL;
    auto_buf struct cmn_buf sig = {0};
    const char *dot = strrchr(token, '.');
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && cmn_jws_parse(token, &header, &payload, NULL) == 0 && dot &&
              cmn_unb64(CMN_B64_URL, dot + 1, strlen(dot + 1), &sig, NULL) == 0 &&
              EVP_DigestVerifyInit_ex(ctx, NULL, "SHA384", cmn_env_libctx(kbs->env), NULL,
                                      kbs->token_key, NULL) == 1 &&
              EVP_DigestVerify(ctx, sig.data, sig.len, (const uint8_t *)token,
                               (size_t)(dot - token)) == 1;

    EVP_MD_CTX_free(ctx);
    if (!ok || cmn_json_int(payload, "exp", 0) + LEEWAY_S < cmn_env_now(kbs->env))
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_TOKEN_INVALID, "verify token failed");
    *ret_payload = cmn_take(payload);
    return 0;
}
