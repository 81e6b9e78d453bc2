/* jws.c - tokens: compact JWS with ES256 (RFC 7515, 7518 section 3.4); see jose.h. */
#include "common/crypto/jose.h"

#include "common/enc/enc.h"

#include <stdlib.h>
#include <string.h>

#define JWS_MAX (128 * 1024) /* upstream's header block limit */

static int put_b64(struct cmn_buf *out, const void *data, size_t len)
{
    auto_free char *text = cmn_b64(CMN_B64_URL, data, len);
    return text ? cmn_buf_puts(out, text) : -ENOMEM;
}

int cmn_jws_sign(struct cmn_env *env, EVP_PKEY *key, const json_t *header, const json_t *payload,
                 char **ret, struct cmn_err *err)
{
    auto_free char *head = cmn_json_dump(header), *body = cmn_json_dump(payload);
    auto_buf struct cmn_buf out = {0}, sig = {0};

    if (!head || !body || put_b64(&out, head, strlen(head)) < 0 || cmn_buf_puts(&out, ".") < 0 ||
        put_b64(&out, body, strlen(body)) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_ecdsa_sign(env, key, "SHA256", cmn_buf_bytes(&out), &sig, err);
    if (r < 0)
        return r;
    if (cmn_buf_puts(&out, ".") < 0 || put_b64(&out, sig.data, sig.len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret = (char *)cmn_take(out.data);
    return 0;
}

/* The three parts of a JWS; -EBADMSG when there are not exactly three. */
static int split(const char *jws, struct cmn_bytes part[3], struct cmn_err *err)
{
    size_t len = strnlen(jws, JWS_MAX + 1);
    const char *a = strchr(jws, '.'), *b = a ? strchr(a + 1, '.') : NULL;

    if (len > JWS_MAX)
        return cmn_err_set(err, EBADMSG, "token is larger than %d bytes", JWS_MAX);
    if (!b || strchr(b + 1, '.'))
        return cmn_err_set(err, EBADMSG, "token does not have three parts");
    part[0] = cmn_bytes(jws, (size_t)(a - jws));
    part[1] = cmn_bytes(a + 1, (size_t)(b - a - 1));
    part[2] = cmn_bytes(b + 1, len - (size_t)(b + 1 - jws));
    return 0;
}

static int part_json(struct cmn_bytes part, const char *what, json_t **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    int r = cmn_unb64(CMN_B64_URL, (const char *)part.data, part.len, &text, err);

    if (r == 0)
        r = cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, ret, err);
    return r < 0 ? cmn_err_wrap(err, r, "%s of the token", what) : 0;
}

int cmn_jws_parse(const char *jws, json_t **ret_header, json_t **ret_payload, struct cmn_err *err)
{
    struct cmn_bytes part[3];
    auto_json json_t *header = NULL;
    int r = split(jws, part, err);

    if (r == 0)
        r = part_json(part[0], "header", &header, err);
    if (r == 0)
        r = part_json(part[1], "payload", ret_payload, err);
    if (r == 0)
        *ret_header = cmn_take(header);
    return r;
}

int cmn_jws_verify(struct cmn_env *env, EVP_PKEY *key, const char *jws, struct cmn_err *err)
{
    struct cmn_bytes part[3];
    auto_buf struct cmn_buf sig = {0};
    int r = split(jws, part, err);

    if (r == 0)
        r = cmn_unb64(CMN_B64_URL, (const char *)part[2].data, part[2].len, &sig, err);
    if (r < 0)
        return r;
    struct cmn_bytes input = cmn_bytes(jws, part[0].len + 1 + part[1].len);
    return cmn_ecdsa_verify(env, key, "SHA256", input, cmn_buf_bytes(&sig), err);
}
