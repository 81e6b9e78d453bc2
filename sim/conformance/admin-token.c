/* admin-token.c - see admin-token.h. */
#include "sim/conformance/admin-token.h"

#include "common/enc/enc.h"
#include "common/json/json.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *alg_of(EVP_PKEY *key)
{
    const char *curve = cmn_ec_curve(key);

    if (EVP_PKEY_is_a(key, "ED25519"))
        return "EdDSA";
    if (EVP_PKEY_is_a(key, "RSA"))
        return "RS256";
    return !curve                        ? NULL
           : strcmp(curve, "P-256") == 0 ? "ES256"
           : strcmp(curve, "P-384") == 0 ? "ES384"
                                         : NULL;
}

static int sign(struct cmn_env *env, EVP_PKEY *key, const char *alg, const char *text,
                struct cmn_buf *ret, struct cmn_err *err)
{
    struct cmn_bytes data = cmn_bytes(text, strlen(text));
    uint8_t sig[1024];
    size_t len = sizeof(sig);

    if (alg[0] == 'E' && alg[1] == 'S')
        return cmn_ecdsa_sign(env, key, strcmp(alg, "ES256") == 0 ? "SHA256" : "SHA384", data, ret,
                              err);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx &&
              EVP_DigestSignInit_ex(ctx, NULL, alg[0] == 'R' ? "SHA256" : NULL, cmn_env_libctx(env),
                                    NULL, key, NULL) == 1 &&
              EVP_DigestSign(ctx, sig, &len, data.data, data.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok && cmn_buf_put(ret, sig, len) == 0 ? 0 : cmn_err_set(err, EIO, "cannot sign");
}

/* {"iss"?,"sub":"admin","aud"?:[..],"role"?,"iat","exp"?} */
static json_t *payload_of(struct cmn_env *env, const struct conf_admin_claims *claims)
{
    int64_t now = cmn_env_now(env);
    json_t *p = json_pack("{s:s, s:I, s:s*, s:s*}", "sub", "admin", "iat", (json_int_t)now, "iss",
                          claims->issuer, "role", claims->role);

    if (p && claims->audience)
        CMN_IGNORE(json_object_set_new(p, "aud", json_pack("[s]", claims->audience)));
    if (p && claims->lives_s)
        CMN_IGNORE(json_object_set_new(p, "exp", json_integer(now + claims->lives_s)));
    return p;
}

int conf_admin_token(struct cmn_env *env, EVP_PKEY *key, const struct conf_admin_claims *claims,
                     char **ret, struct cmn_err *err)
{
    const char *alg = alg_of(key);
    auto_json json_t *payload = payload_of(env, claims);
    auto_json json_t *header = json_pack("{s:s, s:s}", "alg", alg ? alg : "", "typ", "JWT");
    auto_free char *h = cmn_json_dump(header), *p = cmn_json_dump(payload), *text = NULL;
    auto_buf struct cmn_buf sig = {0};

    if (!alg)
        return cmn_err_set(err, ENOTSUP, "an admin key is Ed25519, EC P-256, EC P-384 or RSA");
    auto_free char *bh = h ? cmn_b64(CMN_B64_URL, h, strlen(h)) : NULL;
    auto_free char *bp = p ? cmn_b64(CMN_B64_URL, p, strlen(p)) : NULL;
    if (!bh || !bp || asprintf(&text, "%s.%s", bh, bp) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = sign(env, key, alg, text, &sig, err);
    if (r < 0)
        return r;
    auto_free char *bs = cmn_b64(CMN_B64_URL, sig.data, sig.len);
    if (!bs || asprintf(ret, "%s.%s", text, bs) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return 0;
}
