/* face.c - see face.h. */
#include "face.h"

#include "common/crypto/jose.h"
#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void observe(void *ctx, const struct kbs_event *e)
{
    struct face *f = ctx;
    size_t n = strlen(f->seen);

    (void)snprintf(f->seen + n, sizeof(f->seen) - n, "%s %s %s; ", e->name, e->outcome,
                   cmn_reason_name(e->reason));
}

void face_observe(struct face *f)
{
    if (f->kbs)
        kbs_set_observer(f->kbs, observe, f);
}

void face_done(struct face *f)
{
    kbs_free(f->kbs);
    cmn_buf_done(&f->body);
    *f = (struct face){0};
}

static const char *header(const struct cmn_http_request *req, const char *name)
{
    const struct face *f = req->impl;

    if (strcasecmp(name, "Cookie") == 0 && *f->cookie)
        return f->cookie;
    return strcasecmp(name, "Authorization") == 0 && *f->authorization ? f->authorization : NULL;
}

int face_call(struct face *f, const char *method, const char *path, const char *body)
{
    auto_free char *uri = strdup(path);
    char *query = strchr(uri, '?');
    struct cmn_http_response resp = {.status = 500};

    if (query)
        *query++ = 0;
    struct cmn_http_request req = {.method = method,
                                   .path = uri,
                                   .query = query ? query : "",
                                   .body = cmn_bytes(body ? body : "", body ? strlen(body) : 0),
                                   .header = header,
                                   .impl = f};
    f->seen[0] = f->set_cookie[0] = 0;
    kbs_handle(f->kbs, &req, &resp);
    int status = resp.status;
    cmn_buf_done(&f->body);
    T_OK(cmn_buf_put(&f->body, resp.body.data, resp.body.len), NULL);
    for (size_t i = 0; i < resp.n_headers; i++)
        if (strcmp(resp.headers[i].name, "Set-Cookie") == 0)
            (void)snprintf(f->set_cookie, sizeof(f->set_cookie), "%s", resp.headers[i].value);
    cmn_http_response_done(&resp);
    return status;
}

void face_expect(struct face *f, const char *method, const char *path, const char *body, int status,
                 const char *part)
{
    T_EQ_INT(face_call(f, method, path, body), status);
    if (part && !strstr((char *)f->body.data, part))
        T_EQ_STR((char *)f->body.data, part);
}

bool face_saw(const struct face *f, const char *part)
{
    if (!strstr(f->seen, part))
        (void)printf("seen: %s\n", f->seen);
    return strstr(f->seen, part) != NULL;
}

void face_challenge(struct face *f, const char *tee, char nonce[64])
{
    auto_json json_t *answer = NULL;
    char req[128];

    (void)snprintf(req, sizeof(req), "{\"version\":\"0.4.0\",\"tee\":\"%s\",\"extra-params\":{}}",
                   tee);
    T_EQ_INT(face_call(f, "POST", "/kbs/v0/auth", req), 200);
    T_OK(cmn_json_load(cmn_buf_bytes(&f->body), 8, &answer, NULL), NULL);
    const char *text = cmn_json_str(answer, "nonce");
    (void)snprintf(nonce, 64, "%s", text ? text : "");
    (void)snprintf(f->cookie, sizeof(f->cookie), "%.47s", f->set_cookie);
}

const char *face_tee_alg;

json_t *face_runtime(struct cmn_env *env, EVP_PKEY *key, const char *nonce, const char *additional,
                     uint8_t digest[48])
{
    auto_json json_t *jwk = NULL;
    auto_buf struct cmn_buf jcs = {0};

    T_OK(cmn_jwk_from_key(key, &jwk, NULL), NULL);
    if (face_tee_alg)
        (void)json_object_set_new(jwk, "alg", json_string(face_tee_alg));
    json_t *doc = json_pack("{s:s, s:s, s:O}", "additional-evidence", additional, "nonce", nonce,
                            "tee-pubkey", jwk);
    T_OK(cmn_json_jcs(doc, &jcs, NULL), NULL);
    T_OK(cmn_hash(env, "SHA384", jcs.data, jcs.len, digest, NULL), NULL);
    return doc;
}

char *face_sample(struct cmn_env *env, EVP_PKEY *key, const char *nonce, const char *additional,
                  const json_t *init_data)
{
    uint8_t digest[48];
    auto_json json_t *runtime = face_runtime(env, key, nonce, additional, digest);
    auto_free char *b64 = cmn_b64(CMN_B64_STD, digest, sizeof(digest));
    auto_json json_t *body = json_pack(
        "{s:O?, s:{s:s, s:O}, s:{s:{s:s, s:s}, s:s}}", "init-data", init_data, "runtime-data",
        "nonce", nonce, "tee-pubkey", json_object_get(runtime, "tee-pubkey"), "tee-evidence",
        "primary_evidence", "svn", "1", "report_data", b64, "additional_evidence", additional);

    return cmn_json_dump(body);
}

char *face_sample_token(struct face *f, struct cmn_env *env, EVP_PKEY *key)
{
    char nonce[64];
    auto_json json_t *answer = NULL;

    face_challenge(f, "sample", nonce);
    auto_free char *body = face_sample(env, key, nonce, "", NULL);
    if (face_call(f, "POST", "/kbs/v0/attest", body) != 200 ||
        cmn_json_load(cmn_buf_bytes(&f->body), 8, &answer, NULL) < 0 ||
        !cmn_json_str(answer, "token"))
        return NULL;
    return strdup(cmn_json_str(answer, "token"));
}
