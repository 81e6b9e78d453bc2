/* Aims at: kbs_auth, kbs_attest, read_attestation, kbs_verifier_snp, kbs_verifier_sample,
 * kbs_initdata_read, kbs_token_issue: the JSON bodies of the handshake. First line of the input:
 * "auth", or the TEE of a challenge whose answer follows. In the answer @N stands for the
 * challenge's nonce and @D for the report data (base64) it asks for. */
#include "fuzz.h"

#include "common/crypto/crypto.h"
#include "common/enc/enc.h"
#include "kbs-lite/kbs.h"

static struct cmn_env *env;

static const char *header(const struct cmn_http_request *req, const char *name)
{
    return strcmp(name, "Cookie") == 0 ? req->impl : NULL;
}

/* Answers into resp; the cookie is cut to "kbs-session-id=...". */
static void call(struct kbs *kbs, const char *path, char *cookie, struct cmn_bytes body,
                 struct cmn_http_response *resp)
{
    struct cmn_http_request req = {.method = "POST",
                                   .path = path,
                                   .query = "",
                                   .body = body,
                                   .header = header,
                                   .impl = cookie};

    *resp = (struct cmn_http_response){.status = 500};
    kbs_handle(kbs, &req, resp);
    FUZZ_CHECK(resp->status == 200 || resp->status == 401);
}

/* A challenge for the TEE; its nonce, or false when the broker does not know the TEE. */
static bool challenge(struct kbs *kbs, const char *tee, char nonce[64], char cookie[128])
{
    auto_json json_t *ask =
        json_pack("{s:s, s:s, s:{}}", "version", "0.4.0", "tee", tee, "extra-params");
    auto_json json_t *answer = NULL;
    auto_free char *text = ask ? cmn_json_dump(ask) : NULL;
    struct cmn_http_response resp;

    if (!text)
        return false;
    call(kbs, "/kbs/v0/auth", NULL, cmn_bytes(text, strlen(text)), &resp);
    bool ok = resp.status == 200 &&
              cmn_json_load(cmn_buf_bytes(&resp.body), 4, &answer, NULL) == 0 &&
              cmn_json_str(answer, "nonce");
    if (ok)
        (void)snprintf(nonce, 64, "%s", cmn_json_str(answer, "nonce"));
    for (size_t i = 0; i < resp.n_headers; i++)
        if (strcmp(resp.headers[i].name, "Set-Cookie") == 0)
            (void)snprintf(cookie, 128, "%.47s", resp.headers[i].value);
    cmn_http_response_done(&resp);
    return ok;
}

/* base64(SHA-384(JCS(runtime data))) of the answer, as an honest attester makes it. */
static char *report_data(const struct cmn_buf *body)
{
    auto_json json_t *doc = NULL, *runtime = NULL;
    auto_buf struct cmn_buf jcs = {0};
    uint8_t digest[48];

    if (cmn_json_load(cmn_buf_bytes(body), CMN_JSON_MAX_DEPTH, &doc, NULL) < 0)
        return NULL;
    const json_t *data = json_object_get(doc, "runtime-data");
    runtime = json_pack(
        "{s:O*, s:O*, s:O*}", "additional-evidence",
        json_object_get(json_object_get(doc, "tee-evidence"), "additional_evidence"), "nonce",
        json_object_get(data, "nonce"), "tee-pubkey", json_object_get(data, "tee-pubkey"));
    if (!runtime || cmn_json_jcs(runtime, &jcs, NULL) < 0 ||
        cmn_hash(env, "SHA384", jcs.data, jcs.len, digest, NULL) < 0)
        return NULL;
    return cmn_b64(CMN_B64_STD, digest, sizeof(digest));
}

static void fill_in(struct cmn_buf *body, const char *mark, const char *text)
{
    struct cmn_buf out = {0};
    const uint8_t *p = body->data, *end = p + body->len, *at;

    while (p < end && (at = memmem(p, (size_t)(end - p), mark, strlen(mark)))) {
        FUZZ_CHECK(cmn_buf_put(&out, p, (size_t)(at - p)) == 0 && cmn_buf_puts(&out, text) == 0);
        p = at + strlen(mark);
    }
    FUZZ_CHECK(cmn_buf_put(&out, p, (size_t)(end - p)) == 0);
    cmn_buf_done(body);
    *body = out;
}

static void attest(struct kbs *kbs, const char *tee, struct cmn_bytes data)
{
    auto_buf struct cmn_buf body = {0};
    struct cmn_http_response resp;
    char nonce[64] = "", cookie[128] = "";

    if (!challenge(kbs, tee, nonce, cookie) || !data.len)
        return;
    FUZZ_CHECK(cmn_buf_put(&body, data.data, data.len) == 0);
    fill_in(&body, "@N", nonce);
    auto_free char *digest = report_data(&body);
    if (digest)
        fill_in(&body, "@D", digest);
    call(kbs, "/kbs/v0/attest", cookie, cmn_buf_bytes(&body), &resp);
    /* nobody here can sign for a chip: only the sample TEE gets a token */
    FUZZ_CHECK(resp.status == 401 || strcmp(tee, "sample") == 0);
    cmn_http_response_done(&resp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kbs_config config = {.trust_amd = true};
    auto_free char *tee = fuzz_line(&data, &size);
    struct cmn_http_response resp;
    struct kbs *kbs = NULL;

    if (!env)
        FUZZ_CHECK(cmn_env_new_seeded("fuzz", 4, &env, NULL) == 0);
    FUZZ_CHECK(kbs_new(env, &config, &kbs, NULL) == 0);
    if (strcmp(tee, "auth") == 0) {
        call(kbs, "/kbs/v0/auth", NULL, cmn_bytes(data, size), &resp);
        cmn_http_response_done(&resp);
    } else {
        attest(kbs, tee, cmn_bytes(data, size));
    }
    kbs_free(kbs);
    return 0;
}
