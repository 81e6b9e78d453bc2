/*
 * capture.c - exchanges as files for later, see kbs-lite/kbs.h. Only what is listed here is
 * written: a resource, an admin request or a cookie has no way into a capture.
 */
#include "internal.h"

#include "common/enc/enc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAME_MAX_BYTES = 128 };

void kbs_set_capture(struct kbs *kbs,
                     void (*capture)(void *ctx, const char *name, struct cmn_bytes bytes),
                     void *ctx)
{
    kbs->capture = capture;
    kbs->capture_ctx = ctx;
}

/* The time this broker judges dates by. */
static int64_t clock_of(struct kbs *kbs)
{
    return kbs->config.verify_at ? kbs->config.verify_at : cmn_env_now(kbs->env);
}

static void give(struct kbs *kbs, const char *name, const json_t *json)
{
    auto_free char *text = json_dumps(json, JSON_INDENT(1));

    if (text)
        kbs->capture(kbs->capture_ctx, name, cmn_bytes(text, strlen(text)));
}

/* A copy of obj with just these members. */
static json_t *pick(const json_t *obj, const char *const *members, size_t n)
{
    json_t *out = json_object();

    for (size_t i = 0; i < n; i++) {
        json_t *value = json_object_get(obj, members[i]);
        if (value)
            CMN_IGNORE(json_object_set(out, members[i], value));
    }
    return out;
}

static json_t *clean_request(const char *path, const json_t *body)
{
    static const char *const auth[] = {"version", "tee", "extra-params"};
    static const char *const attest[] = {"init-data", "tee-evidence"};
    static const char *const key[] = {"kty", "crv", "alg", "x", "y", "n", "e"};

    if (!json_is_object(body))
        return json_null();
    if (strcmp(path, "auth") == 0)
        return pick(body, auth, CMN_ARRAY_SIZE(auth));
    json_t *out = pick(body, attest, CMN_ARRAY_SIZE(attest));
    const json_t *runtime = json_object_get(body, "runtime-data");
    const json_t *jwk = json_object_get(runtime, "tee-pubkey");
    if (out && runtime) {
        json_t *nonce = json_object_get(runtime, "nonce");
        json_t *clean = json_pack("{s:O?, s:o}", "nonce", nonce, "tee-pubkey",
                                  pick(jwk, key, CMN_ARRAY_SIZE(key)));
        CMN_IGNORE(json_object_set_new(out, "runtime-data", clean));
    }
    return out;
}

/* The token loses its signature: readable, and of no use to anybody. */
static json_t *clean_answer(const json_t *body)
{
    static const char *const members[] = {"type", "detail", "nonce", "extra-params"};
    json_t *out = pick(body, members, CMN_ARRAY_SIZE(members));
    const char *token = cmn_json_str(body, "token");
    const char *dot = token ? strrchr(token, '.') : NULL;

    if (dot)
        CMN_IGNORE(json_object_set_new(out, "token",
                                       json_sprintf("%.*s.removed", (int)(dot - token), token)));
    return out;
}

static void capture_policy(struct kbs *kbs, const char *ns, const char *key, const char *name)
{
    auto_buf struct cmn_buf text = {0};

    if (kbs_store_get(kbs, ns, key, &text, NULL) == 0)
        kbs->capture(kbs->capture_ctx, name, cmn_buf_bytes(&text));
}

/* Reference values cannot be listed; those that matter stand in quotes in the policy. */
static void capture_references(struct kbs *kbs)
{
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *values = json_object();

    if (kbs_store_get(kbs, KBS_NS_POLICY, "default_cpu.rego", &text, NULL) < 0)
        return;
    for (const char *p = strchr((const char *)text.data, '"'); p; p = strchr(p + 1, '"')) {
        char name[NAME_MAX_BYTES];
        size_t n = strcspn(p + 1, "\"\n");
        auto_json json_t *value = NULL;
        if (p[1 + n] != '"' || !n || n >= sizeof(name))
            continue;
        memcpy(name, p + 1, n);
        name[n] = '\0';
        if (kbs_reference_value(kbs, name, &value, NULL) == 0 && value)
            CMN_IGNORE(json_object_set(values, name, value));
        p += n;
    }
    auto_json json_t *file = json_pack("{s:O}", "reference-values", values);
    give(kbs, "reference-values.json", file);
}

void kbs_capture(struct kbs *kbs, const char *path, const struct cmn_http_request *req,
                 const struct cmn_http_response *resp)
{
    bool attest = strcmp(path, "attest") == 0;
    auto_json json_t *request = NULL, *answer = NULL;
    auto_free char *token = NULL;
    struct kbs_session session = {0};
    bool cookie = false, live = false;
    char id[64], name[64];

    if (!kbs->capture || (!attest && strcmp(path, "auth") != 0))
        return;
    CMN_IGNORE(cmn_json_load(req->body, CMN_JSON_MAX_DEPTH, &request, NULL));
    CMN_IGNORE(cmn_json_load(cmn_buf_bytes(&resp->body), CMN_JSON_MAX_DEPTH, &answer, NULL));
    if (attest && (cookie = kbs_session_cookie(req, id)))
        live = kbs_session_find(kbs, id, &session, &token) >= 0;
    auto_json json_t *file =
        json_pack("{s:i, s:I, s:s, s:i, s:b, s:b, s:s, s:s, s:o, s:o}", "cocobox-exchange", 1,
                  "time", (json_int_t)clock_of(kbs), "path", path, "status", resp->status, "cookie",
                  cookie, "session", live, "tee", session.tee, "session-nonce", session.nonce,
                  "request", clean_request(path, request), "answer", clean_answer(answer));
    (void)snprintf(name, sizeof(name), "%04u-%s.json", atomic_fetch_add(&kbs->captured, 1) + 1,
                   path);
    if (file)
        give(kbs, name, file);
    if (!attest)
        return;
    capture_policy(kbs, KBS_NS_POLICY, "default_cpu.rego", "attestation-policy.rego");
    capture_policy(kbs, KBS_NS_KBS, "resource-policy.rego", "resource-policy.rego");
    capture_references(kbs);
}

static void write_file(void *ctx, const char *name, struct cmn_bytes bytes)
{
    auto_free char *path = NULL;

    if (asprintf(&path, "%s/%s", (const char *)ctx, name) >= 0)
        CMN_IGNORE(cmn_file_write(path, bytes.data, bytes.len, 0600,
                                  NULL)); /* never a request's failure */
}

int kbs_capture_to_dir(struct kbs *kbs, const char *dir, struct cmn_bytes test_roots_pem,
                       struct cmn_err *err)
{
    auto_json json_t *about =
        json_pack("{s:i, s:I, s:s, s:s}", "cocobox-bundle", 1, "clock", (json_int_t)clock_of(kbs),
                  "verifier", kbs->config.strict ? "strict" : "trustee", "root",
                  kbs_trusts_test_roots(kbs) ? "test" : "amd");
    auto_free char *text = about ? json_dumps(about, JSON_INDENT(1)) : NULL, *path = NULL;

    if (!text || asprintf(&path, "%s/bundle.json", dir) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_file_write(path, text, strlen(text), 0600, err);
    if (r < 0)
        return r;
    kbs_set_capture(kbs, write_file, (void *)dir);
    if (test_roots_pem.len)
        write_file((void *)dir, "test-roots.pem", test_roots_pem);
    return 0;
}
