/*
 * unseal.c - sealed secrets of kind vault: sealed.<header>.<payload>.<signature>.
 * Source: guest-components 8246e5e confidential-data-hub/hub/src/secret.
 */
#include "common/crypto/jose.h"
#include "common/enc/enc.h"
#include "sim/guest/cdh/cdh.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECRET_MAX_BYTES (1u << 20)
#define LOCAL_KEYS       "/run/confidential-containers/cdh/sealed-secret/"

static int malformed(struct cmn_err *err, const char *what)
{
    return cmn_err_set(err, EBADMSG, "parse SealedSecret failed: %s", what);
}

/* The verification key: a resource, or a file of the credential folder. */
static int load_key(struct cdh *cdh, const char *kid, EVP_PKEY **ret, struct cmn_err *err)
{
    auto_buf_secret struct cmn_buf text = {0};
    auto_json json_t *jwk = NULL;
    int r;

    if (strncmp(kid, "kbs", 3) == 0 && strstr(kid, "://")) {
        r = cdh_resource_get(cdh, kid, &text, err);
        if (r < 0)
            return cmn_err_wrap(err, r, "Failed to get key from KMS");
    } else {
        auto_buf struct cmn_buf path = {0};
        if (!*kid || strchr(kid, '/') || strcmp(kid, "..") == 0 || strlen(kid) > 255)
            return malformed(err, "Invalid KID Key Path");
        if (cmn_buf_printf(&path, LOCAL_KEYS "%s", kid) < 0)
            return cmn_err_set(err, ENOMEM, "no memory");
        if (cmn_file_read((const char *)path.data, 65536, &text, err) < 0)
            return malformed(err, "KID is invalid. Must be a KBS URI or a credential path.");
    }
    if (cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, &jwk, err) < 0)
        return cmn_err_set(err, EBADMSG, "Signing key error: Could not parse verification key.");
    const char *crv = cmn_json_str(jwk, "crv");
    if (!crv || strcmp(crv, "P-256") != 0)
        return cmn_err_set(err, EBADMSG, "Signing key error: Key must be P256");
    r = cmn_jwk_to_key(cdh->env, jwk, ret, err);
    return r < 0 ? cmn_err_set(err, EBADMSG, "Signing key error: Could not parse verification key.")
                 : 0;
}

static int verify(struct cdh *cdh, const char *jws, struct cmn_err *err)
{
    auto_json json_t *header = NULL, *payload = NULL;
    auto_pkey EVP_PKEY *key = NULL;

    if (cmn_jws_parse(jws, &header, &payload, NULL) < 0)
        return malformed(err, "Failed to parse JWS");
    const char *kid = cmn_json_str(header, "kid"), *alg = cmn_json_str(header, "alg");
    if (!kid)
        return malformed(err, "Could not find kid");
    if (!alg)
        return malformed(err, "Could not get algorithm");
    if (strcmp(alg, "ES256") != 0)
        return cmn_err_set(err, EBADMSG, "Signing key error: JWS algorithm must be ES256");
    int r = load_key(cdh, kid, &key, err);
    if (r == 0 && cmn_jws_verify(cdh->env, key, jws, NULL) < 0)
        r = cmn_err_set(err, EKEYREJECTED, "Signature Error: signature error");
    return r;
}

/* The payload part of sealed.<header>.<payload>.<signature>, decoded. */
static int payload_of(const char *text, struct cmn_buf *ret, struct cmn_err *err)
{
    const char *part[4] = {text};
    unsigned n = 1;

    for (const char *p = text; *p; p++) {
        if (*p != '.')
            continue;
        if (n == 4)
            return malformed(err, "malformed input sealed secret");
        part[n++] = p + 1;
    }
    if (n != 4 || strncmp(text, "sealed.", 7) != 0)
        return malformed(err, "malformed input sealed secret");
    size_t len = (size_t)(part[3] - part[2]) - 1;
    if (cmn_unb64(CMN_B64_URL, part[2], len, ret, NULL) < 0)
        return malformed(err, "failed to decode secret body as base64 (URL-safe without padding)");
    return 0;
}

static int unseal_vault(struct cdh *cdh, const json_t *body, struct cmn_buf *ret,
                        struct cmn_err *err)
{
    const char *name = cmn_json_str(body, "name"), *provider = cmn_json_str(body, "provider");

    if (!name || !provider || !json_is_object(json_object_get(body, "provider_settings")) ||
        !json_is_object(json_object_get(body, "annotations")))
        return malformed(err, "malformed input sealed secret format (json deserialization failed)");
    if (strcasecmp(provider, "kbs") != 0)
        return cmn_err_set(err, ENOTSUP, "unseal vault secret failed: Unsupported provider: %.64s",
                           provider);
    int r = cdh_resource_get(cdh, name, ret, err);
    return r < 0 ? cmn_err_wrap(err, r, "unseal vault secret failed") : 0;
}

int cdh_unseal(struct cdh *cdh, struct cmn_bytes text, struct cmn_buf *ret, struct cmn_err *err)
{
    auto_buf_secret struct cmn_buf copy = {0}, payload = {0};
    auto_json json_t *body = NULL;

    if (text.len > SECRET_MAX_BYTES)
        return cmn_err_set(err, EFBIG, "the sealed secret is larger than %u bytes",
                           SECRET_MAX_BYTES);
    if (memchr(text.data, 0, text.len))
        return malformed(err, "malformed input sealed secret");
    if (cmn_buf_put(&copy, text.data, text.len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    const char *sealed = (const char *)copy.data;
    int r = payload_of(sealed, &payload, err);
    if (r == 0 && !cdh->config.skip_sealed_secret_verification)
        r = verify(cdh, sealed + strlen("sealed."), err);
    if (r < 0)
        return r;
    if (cmn_json_load(cmn_buf_bytes(&payload), CMN_JSON_MAX_DEPTH, &body, NULL) < 0)
        return malformed(err, "malformed input sealed secret format (json deserialization failed)");
    const char *version = cmn_json_str(body, "version"), *type = cmn_json_str(body, "type");
    if (version && strcmp(version, "0.1.0") != 0)
        return cmn_err_set(err, ENOTSUP, "version not supported, only 0.1.0 supported");
    if (version && type && strcmp(type, "vault") == 0)
        return unseal_vault(cdh, body, ret, err);
    if (version && type && strcmp(type, "envelope") == 0)
        return cmn_err_set(err, ENOTSUP,
                           "unseal envelope secret failed: Unsupported provider: %.64s",
                           cmn_json_str(body, "provider") ? cmn_json_str(body, "provider") : "");
    return malformed(err, "malformed input sealed secret format (json deserialization failed)");
}
