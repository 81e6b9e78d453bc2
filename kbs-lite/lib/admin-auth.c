/*
 * admin-auth.c - admins by bearer token and role (trustee kbs/src/admin,
 * AuthenticatedAuthorization). The texts are upstream's: clients print them.
 */
#include "internal.h"

#include "policy.h"

#include "common/crypto/crypto.h"
#include "common/crypto/jose.h"
#include "common/enc/enc.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define LEEWAY_S 60

struct issuer {
    char *issuer, *audience; /* NULL: not looked at */
    EVP_PKEY *key;
    const char *alg; /* the one algorithm this key stands for */
};

struct acl {
    char *role, *endpoints;
};

struct kbs_admin_auth {
    struct issuer *issuers;
    size_t n_issuers;
    struct acl *acls;
    size_t n_acls;
};

/* The same regular expressions as upstream's: the engine of the policies has them. */
static const char match_policy[] = "package policy\n"
                                   "default allow := false\n"
                                   "allow if regex.match(data.pattern, data.uri)\n";

static int matches(const char *pattern, const char *uri, bool *ret, struct cmn_err *err)
{
    auto_json json_t *data = json_pack("{s:s, s:s}", "pattern", pattern, "uri", uri);
    auto_json json_t *input = json_object();
    struct kbs_policy_verdict verdict = {0};

    if (!data || !input) /* outside text that is not UTF-8 matches nothing */
        return cmn_err_set(err, EINVAL, "not UTF-8");
    int r = kbs_policy_decide(match_policy, sizeof(match_policy) - 1, input, data, &verdict, err);
    *ret = r == 0 && verdict.allow;
    return r;
}

static const char *alg_of(EVP_PKEY *key)
{
    const char *curve = cmn_ec_curve(key);

    if (EVP_PKEY_is_a(key, "ED25519"))
        return "EdDSA";
    if (EVP_PKEY_is_a(key, "RSA"))
        return "RS256";
    return !curve                    ? NULL
           : !strcmp(curve, "P-256") ? "ES256"
           : !strcmp(curve, "P-384") ? "ES384"
                                     : NULL;
}

static int copy_text(const char *text, char **ret, struct cmn_err *err)
{
    *ret = text ? strdup(text) : NULL;
    return text && !*ret ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}

static int add_issuer(struct cmn_env *env, struct kbs_admin_auth *auth,
                      const struct kbs_admin_issuer *from, struct cmn_err *err)
{
    struct issuer *to = &auth->issuers[auth->n_issuers++];
    int r = copy_text(from->issuer, &to->issuer, err);

    if (r == 0)
        r = copy_text(from->audience, &to->audience, err);
    if (r == 0)
        r = cmn_pkey_from_pem(env, from->public_key_pem, &to->key, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "public key of the admin tokens");
    to->alg = alg_of(to->key);
    return to->alg ? 0
                   : cmn_err_set(err, ENOTSUP,
                                 "public key of the admin tokens: want Ed25519, EC P-256, "
                                 "EC P-384 or RSA");
}

static int add_acl(struct kbs_admin_auth *auth, const struct kbs_admin_acl *from,
                   struct cmn_err *err)
{
    struct acl *to = &auth->acls[auth->n_acls++];
    size_t n = from->allowed_endpoints ? strlen(from->allowed_endpoints) : 0;
    bool ignored;

    if (!from->role || n < 6 || strncmp(from->allowed_endpoints, "^/kbs", 5) != 0 ||
        from->allowed_endpoints[n - 1] != '$')
        return cmn_err_set(err, EINVAL,
                           "allowed_endpoints '%.64s' of role '%.64s' must begin with ^/kbs "
                           "and end with $",
                           n ? from->allowed_endpoints : "", from->role ? from->role : "");
    int r = copy_text(from->role, &to->role, err);
    if (r == 0)
        r = copy_text(from->allowed_endpoints, &to->endpoints, err);
    if (r < 0)
        return r;
    r = matches(to->endpoints, "", &ignored, err); /* does it parse? */
    return r < 0 ? cmn_err_wrap(err, -EINVAL, "allowed_endpoints '%.64s'", to->endpoints) : 0;
}

int kbs_admin_auth_new(struct cmn_env *env, const struct kbs_config *config,
                       struct kbs_admin_auth **ret, struct cmn_err *err)
{
    struct kbs_admin_auth *auth = calloc(1, sizeof(*auth));
    int r = 0;

    if (auth) {
        auth->issuers = calloc(config->n_admin_issuers + 1, sizeof(*auth->issuers));
        auth->acls = calloc(config->n_admin_acls + 1, sizeof(*auth->acls));
    }
    if (!auth || !auth->issuers || !auth->acls)
        r = cmn_err_set(err, ENOMEM, "no memory");
    else if (!config->n_admin_issuers)
        r = cmn_err_set(err, EINVAL,
                        "AuthenticatedAuthorization needs at least one identity provider");
    for (size_t i = 0; i < config->n_admin_issuers && r == 0; i++)
        r = add_issuer(env, auth, &config->admin_issuers[i], err);
    for (size_t i = 0; i < config->n_admin_acls && r == 0; i++)
        r = add_acl(auth, &config->admin_acls[i], err);
    if (r < 0) {
        kbs_admin_auth_free(auth);
        return r;
    }
    *ret = auth;
    return 0;
}

void kbs_admin_auth_free(struct kbs_admin_auth *auth)
{
    if (!auth)
        return;
    for (size_t i = 0; auth->issuers && i < auth->n_issuers; i++) {
        free(auth->issuers[i].issuer);
        free(auth->issuers[i].audience);
        EVP_PKEY_free(auth->issuers[i].key);
    }
    for (size_t i = 0; auth->acls && i < auth->n_acls; i++) {
        free(auth->acls[i].role);
        free(auth->acls[i].endpoints);
    }
    free(auth->issuers);
    free(auth->acls);
    free(auth);
}

const char *kbs_bearer(const struct cmn_http_request *req)
{
    const char *value = req->header(req, "Authorization");

    return value && strncmp(value, "Bearer ", 7) == 0 && value[7] ? value + 7 : NULL;
}

/* RSA and Ed25519: the signature bytes are what OpenSSL takes. */
static bool digest_verify(struct cmn_env *env, EVP_PKEY *key, const char *md, struct cmn_bytes data,
                          const struct cmn_buf *sig)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx &&
              EVP_DigestVerifyInit_ex(ctx, NULL, md, cmn_env_libctx(env), NULL, key, NULL) == 1 &&
              EVP_DigestVerify(ctx, sig->data, sig->len, data.data, data.len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

/* The token's own alg must be the key's: an algorithm is never taken from the token alone. */
static bool signature_ok(struct cmn_env *env, const struct issuer *issuer, const json_t *header,
                         const char *token)
{
    const char *alg = cmn_json_str(header, "alg"), *dot = strrchr(token, '.');
    auto_buf struct cmn_buf sig = {0};
    struct cmn_bytes signed_part = cmn_bytes(token, (size_t)(dot - token));

    if (!alg || strcmp(alg, issuer->alg) != 0 ||
        cmn_unb64(CMN_B64_URL, dot + 1, strlen(dot + 1), &sig, NULL) < 0 || !sig.len)
        return false;
    if (strcmp(alg, "EdDSA") == 0)
        return digest_verify(env, issuer->key, NULL, signed_part, &sig);
    if (strcmp(alg, "RS256") == 0)
        return digest_verify(env, issuer->key, "SHA256", signed_part, &sig);
    return cmn_ecdsa_verify(env, issuer->key, strcmp(alg, "ES256") == 0 ? "SHA256" : "SHA384",
                            signed_part, cmn_buf_bytes(&sig), NULL) == 0;
}

static bool has_audience(const json_t *aud, const char *want)
{
    size_t i;
    json_t *v;

    if (json_is_string(aud))
        return strcmp(json_string_value(aud), want) == 0;
    json_array_foreach((json_t *)aud, i, v)
        if (json_is_string(v) && strcmp(json_string_value(v), want) == 0)
            return true;
    return false;
}

/* exp is a must, with leeway; iss and aud where the configuration names them; nbf is not looked at.
 */
static bool claims_ok(const struct issuer *issuer, const json_t *payload, int64_t now)
{
    const json_t *exp = json_object_get(payload, "exp");
    const char *iss = cmn_json_str(payload, "iss");

    if (!json_is_number(exp) || json_number_value(exp) + LEEWAY_S < (double)now)
        return false;
    if (issuer->issuer && (!iss || strcmp(iss, issuer->issuer) != 0))
        return false;
    return !issuer->audience || has_audience(json_object_get(payload, "aud"), issuer->audience);
}

static bool any_issuer(struct kbs *kbs, const char *token, json_t **ret_payload)
{
    const struct kbs_admin_auth *auth = kbs->admin_auth;
    auto_json json_t *header = NULL, *payload = NULL;

    if (cmn_jws_parse(token, &header, &payload, NULL) < 0)
        return false;
    for (size_t i = 0; i < auth->n_issuers; i++)
        if (signature_ok(kbs->env, &auth->issuers[i], header, token) &&
            claims_ok(&auth->issuers[i], payload, cmn_env_now(kbs->env))) {
            *ret_payload = cmn_take(payload);
            return true;
        }
    return false;
}

static int deny(struct cmn_err *err, const char *text)
{
    return cmn_err_reason(err, EACCES, CMN_REASON_ADMIN_DENIED, "%s", text);
}

int kbs_admin_auth_check(struct kbs *kbs, const struct cmn_http_request *req, struct cmn_err *err)
{
    const struct kbs_admin_auth *auth = kbs->admin_auth;
    const char *token = kbs_bearer(req);
    auto_json json_t *payload = NULL;
    auto_buf struct cmn_buf uri = {0};
    bool allowed = false;

    if (!token)
        return deny(err, "Failed to parse HTTP Auth Bearer header");
    if (!any_issuer(kbs, token, &payload))
        return deny(err, "Admin access denied: Cannot verify token with any of the issuers");
    const char *role = cmn_json_str(payload, "role");
    if (!role)
        return deny(err,
                    "Admin access denied: Failed to parse claims from token: AdminAccessDenied { "
                    "reason: \"Missing required `role` claim in JWT\" }");
    if (cmn_buf_printf(&uri, "%s%s%s", req->path, *req->query ? "?" : "", req->query) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (size_t i = 0; i < auth->n_acls && !allowed; i++)
        if (strcmp(auth->acls[i].role, role) == 0 &&
            matches(auth->acls[i].endpoints, (const char *)uri.data, &allowed, NULL) < 0)
            allowed = false; /* what cannot be judged is not allowed */
    return allowed ? 0
                   : cmn_err_reason(err, EACCES, CMN_REASON_ADMIN_DENIED,
                                    "Admin access denied: Role %.64s not allowed for path %.512s",
                                    role, (const char *)uri.data);
}
