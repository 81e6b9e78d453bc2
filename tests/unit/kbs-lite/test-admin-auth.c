/* test-admin-auth.c - who may act as admin, with upstream's texts. */
#include "face.h"

#include "common/crypto/jose.h"
#include "common/enc/enc.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_PREFIX                                                                              \
    "errors/AdminAuthAccess\",\"detail\":\"admin access denied for endpoint resource-policy: "

static struct cmn_env *env;

static void pem_of(EVP_PKEY *key, struct cmn_buf *ret)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;

    T_EQ_INT(PEM_write_bio_PUBKEY(bio, key), 1);
    long n = BIO_get_mem_data(bio, &data);
    T_OK(cmn_buf_put(ret, data, (size_t)n), NULL);
    BIO_free(bio);
}

static EVP_PKEY *make_key(const char *kind)
{
    EVP_PKEY *key = NULL;

    if (!env)
        T_OK(cmn_env_new_seeded("admin", 5, &env, NULL), NULL);
    if (strcmp(kind, "EdDSA") == 0)
        return EVP_PKEY_Q_keygen(cmn_env_libctx(env), NULL, "ED25519");
    if (strcmp(kind, "RS256") == 0)
        T_OK(cmn_rsa_generate(env, 2048, &key, NULL), NULL);
    else
        T_OK(cmn_ec_generate(env, strcmp(kind, "ES384") == 0 ? "P-384" : "P-256", &key, NULL),
             NULL);
    return key;
}

/* A JWT with this alg in the header, signed as sign_as says ("none": with nothing). */
static char *jwt(EVP_PKEY *key, const char *alg, const char *sign_as, const char *payload)
{
    char head[64];
    auto_buf struct cmn_buf out = {0}, sig = {0};
    uint8_t raw[512];
    size_t n = sizeof(raw);

    (void)snprintf(head, sizeof(head), "{\"alg\":\"%s\",\"typ\":\"JWT\"}", alg);
    auto_free char *h = cmn_b64(CMN_B64_URL, head, strlen(head));
    auto_free char *p = cmn_b64(CMN_B64_URL, payload, strlen(payload));
    T_OK(cmn_buf_printf(&out, "%s.%s", h, p), NULL);
    if (strncmp(sign_as, "ES", 2) == 0) {
        T_OK(cmn_ecdsa_sign(env, key, strcmp(sign_as, "ES256") == 0 ? "SHA256" : "SHA384",
                            cmn_buf_bytes(&out), &sig, NULL),
             NULL);
    } else if (strcmp(sign_as, "none") != 0) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        const char *md = strcmp(sign_as, "RS256") == 0 ? "SHA256" : NULL;
        T_EQ_INT(EVP_DigestSignInit_ex(ctx, NULL, md, cmn_env_libctx(env), NULL, key, NULL), 1);
        T_EQ_INT(EVP_DigestSign(ctx, raw, &n, out.data, out.len), 1);
        EVP_MD_CTX_free(ctx);
        T_OK(cmn_buf_put(&sig, raw, n), NULL);
    }
    auto_free char *s = cmn_b64(CMN_B64_URL, sig.data ? sig.data : (uint8_t *)"", sig.len);
    T_OK(cmn_buf_printf(&out, ".%s", s), NULL);
    return (char *)cmn_take(out.data);
}

static void start(struct face *f, EVP_PKEY *key)
{
    auto_buf struct cmn_buf pem = {0};
    struct cmn_err err = {0};
    pem_of(key, &pem);
    struct kbs_admin_issuer issuer = {"me", "KBS", cmn_buf_bytes(&pem)};
    static const struct kbs_admin_acl acls[] = {
        {"admin", "^/kbs/v0/.*$"}, {"writer", "^/kbs/v0/resource/team-[a-z]+/[^/]+/[a-z]+$"}};
    struct kbs_config config = {.admin = KBS_ADMIN_AUTHENTICATED,
                                .admin_issuers = &issuer,
                                .n_admin_issuers = 1,
                                .admin_acls = acls,
                                .n_admin_acls = 2};
    T_OK(kbs_new(env, &config, &f->kbs, &err), &err);
    face_observe(f);
}

static void bearer(struct face *f, char *token)
{
    (void)snprintf(f->authorization, sizeof(f->authorization), "Bearer %s", token);
    free(token);
}

#define PAYLOAD(exp, rest) "{\"iss\":\"me\",\"aud\":[\"x\",\"KBS\"],\"exp\":" exp rest "}"
#define GOOD               PAYLOAD("1767229200", ",\"role\":\"admin\"")

static void requests_without_a_good_token_are_refused(void)
{
    static const struct {
        const char *alg, *sign_as, *payload;
    } cases[] = {
        {"none", "none", GOOD},
        {"ES256", "none", GOOD},
        {"HS256", "ES256", GOOD},
        {"ES384", "ES256", GOOD},
        {"ES256", "ES256", PAYLOAD("1767225539", ",\"role\":\"admin\"")}, /* 61 s ago */
        {"ES256", "ES256", "{\"iss\":\"me\",\"aud\":\"KBS\",\"role\":\"admin\"}"},
        {"ES256", "ES256",
         "{\"iss\":\"you\",\"aud\":\"KBS\",\"role\":\"admin\",\"exp\":1767229200}"},
        {"ES256", "ES256",
         "{\"iss\":\"me\",\"aud\":\"other\",\"role\":\"admin\",\"exp\":1767229200}"},
        {"ES256", "ES256", "{\"aud\":\"KBS\",\"role\":\"admin\",\"exp\":1767229200}"},
        {"ES256", "ES256", "[]"},
    };
    struct face f = {0};
    auto_pkey EVP_PKEY *key = make_key("ES256"), *other = make_key("ES256");

    start(&f, key);
    face_expect(&f, "GET", "/kbs/v0/resource-policy", NULL, 401,
                POLICY_PREFIX "Failed to parse HTTP Auth Bearer header\"}");
    T_TRUE(face_saw(&f, "kbs.admin refused admin.denied"));
    (void)snprintf(f.authorization, sizeof(f.authorization), "Basic abc");
    face_expect(&f, "GET", "/kbs/v0/resource-policy", NULL, 401,
                "Failed to parse HTTP Auth Bearer header");
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        bearer(&f, jwt(key, cases[i].alg, cases[i].sign_as, cases[i].payload));
        face_expect(&f, "GET", "/kbs/v0/resource-policy", NULL, 401,
                    POLICY_PREFIX
                    "Admin access denied: Cannot verify token with any of the issuers\"}");
    }
    bearer(&f, jwt(other, "ES256", "ES256", GOOD));
    face_expect(&f, "POST", "/kbs/v0/resource/a/b/c", "x", 401,
                "errors/AdminAuthInitialization\",\"detail\":\"failed to initialize [admin] "
                "configuration: Admin "
                "access denied: Cannot verify token with any of the issuers\"}");
    face_done(&f);
}

static void roles_are_held_to_their_endpoints(void)
{
    struct face f = {0};
    auto_pkey EVP_PKEY *key = make_key("ES256");

    start(&f, key);
    bearer(&f, jwt(key, "ES256", "ES256", PAYLOAD("1767229200", "")));
    face_expect(
        &f, "GET", "/kbs/v0/resource-policy", NULL, 401,
        POLICY_PREFIX
        "Admin access denied: Failed to parse claims from token: AdminAccessDenied { reason: "
        "\\\"Missing required `role` claim in JWT\\\" }\"}");
    bearer(&f, jwt(key, "ES256", "ES256", PAYLOAD("1767229200", ",\"role\":\"writer\"")));
    face_expect(&f, "GET", "/kbs/v0/resource-policy", NULL, 401,
                "Admin access denied: Role writer not allowed for path /kbs/v0/resource-policy\"}");
    face_expect(&f, "POST", "/kbs/v0/resource/team-a/b/c?x=1", "x", 401,
                "Role writer not allowed for path /kbs/v0/resource/team-a/b/c?x=1");
    face_expect(&f, "POST", "/kbs/v0/resource/team-1/b/c", "x", 401, "Role writer not allowed");
    face_expect(&f, "POST", "/kbs/v0/resource/team-a/b/c", "x", 200, "");
    bearer(&f, jwt(key, "ES256", "ES256", PAYLOAD("1767229200", ",\"role\":\"guest\"")));
    face_expect(&f, "GET", "/kbs/v0/resource-policy", NULL, 401, "Role guest not allowed");
    face_done(&f);
}

static void every_kind_of_key_is_taken(void)
{
    static const char *const kinds[] = {"EdDSA", "ES256", "ES384", "RS256"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++) {
        struct face f = {0};
        auto_pkey EVP_PKEY *key = make_key(kinds[i]);
        T_TRUE(key != NULL);
        start(&f, key);
        bearer(&f, jwt(key, kinds[i], kinds[i], GOOD));
        face_expect(&f, "GET", "/kbs/v0/resource-policy", NULL, 200, "[\"resource-policy\"]");
        face_done(&f);
    }
}

static void configurations_that_would_not_restrict_are_refused(void)
{
    auto_buf struct cmn_buf pem = {0};
    auto_pkey EVP_PKEY *key = make_key("ES256");
    pem_of(key, &pem);
    const struct kbs_admin_issuer issuer = {.public_key_pem = cmn_buf_bytes(&pem)};
    const struct kbs_admin_issuer no_key = {.public_key_pem = cmn_bytes("x", 1)};
    static const struct kbs_admin_acl acls[] = {{"admin", "/kbs/v0/.*$"},
                                                {"admin", "^/kbs/v0/.*"},
                                                {"admin", "^/kbs/(v0$"},
                                                {NULL, "^/kbs/v0$"}};
    struct kbs_config config = {.admin = KBS_ADMIN_AUTHENTICATED};
    struct cmn_err err = {0};
    struct kbs *kbs = NULL;

    T_ERR(kbs_new(env, &config, &kbs, &err), -EINVAL, &err, "at least one identity provider");
    config.n_admin_issuers = 1;
    config.admin_issuers = &no_key;
    T_ERR(kbs_new(env, &config, &kbs, &err), -EBADMSG, &err, "public key of the admin tokens");
    config.admin_issuers = &issuer;
    config.n_admin_acls = 1;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(acls); i++) {
        config.admin_acls = &acls[i];
        T_ERR(kbs_new(env, &config, &kbs, &err), -EINVAL, &err, "allowed_endpoints");
    }
}

static void deny_all_denies(void)
{
    struct face f = {0};
    struct kbs_config config = {.admin = KBS_ADMIN_DENY_ALL};

    T_OK(kbs_new(env, &config, &f.kbs, NULL), NULL);
    face_observe(&f);
    face_expect(
        &f, "GET", "/kbs/v0/resource-policy", NULL, 401,
        POLICY_PREFIX
        "Admin access denied: Admin access denied as DenyAll authorization_mode is enabled\"}");
    face_done(&f);
    cmn_env_unref(env);
}

TEST_MAIN("kbs-admin-auth",
          {"requests without a good token are refused", requests_without_a_good_token_are_refused},
          {"configurations that would not restrict are refused",
           configurations_that_would_not_restrict_are_refused},
          {"roles are held to their endpoints", roles_are_held_to_their_endpoints},
          {"every kind of key is taken", every_kind_of_key_is_taken},
          {"DenyAll denies", deny_all_denies})
