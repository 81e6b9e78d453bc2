/* registry-client.c - manifests and small blobs; see registry-client.h. */
#include "sim/guest/cdh/registry-client.h"

#include <string.h>

static const char accept_manifests[] =
    SIM_OCI_MANIFEST_TYPE ", " SIM_OCI_INDEX_TYPE ", "
                          "application/vnd.docker.distribution.manifest.v2+json, "
                          "application/vnd.docker.distribution.manifest.list.v2+json";

int cdh_source_url(const struct cdh_source *source, const char *kind, const char *target,
                   struct cmn_buf *ret)
{
    const char *host = source->ref.registry;

    if (strcmp(host, "docker.io") == 0)
        host = "registry-1.docker.io";
    return cmn_buf_printf(ret, "http%s://%s/v2/%s/%s/%s", source->insecure ? "" : "s", host,
                          source->ref.repository, kind, target);
}

int cdh_fetch_judge(int r, const struct cmn_http_answer *answer, const char *what, const char *url,
                    struct cmn_err *err)
{
    if (r == -EFBIG) {
        if (err)
            err->reason = CMN_REASON_IMAGE_TOO_LARGE;
        return cmn_err_wrap(err, r, "failed to pull %s", what);
    }
    if (r < 0) {
        if (err)
            err->reason =
                r == -EPIPE ? CMN_REASON_IMAGE_TRUNCATED : CMN_REASON_IMAGE_REGISTRY_UNREACHABLE;
        return cmn_err_wrap(err, r, "failed to pull %s", what);
    }
    if (answer->status == 200)
        return 0;
    if (answer->status == 401 || answer->status == 403)
        return cmn_err_reason(err, EACCES, CMN_REASON_IMAGE_PULL_FAILED,
                              "failed to pull %s: Not authorized: url %.256s", what, url);
    return cmn_err_reason(
        err, answer->status == 404 ? ENOENT : EPROTO,
        answer->status == 404 ? CMN_REASON_IMAGE_NOT_FOUND : CMN_REASON_IMAGE_REGISTRY_UNREACHABLE,
        "failed to pull %s: the registry answers %d for url %.256s", what, answer->status, url);
}

static int fetch(struct cmn_http_client *http, const struct cdh_source *source, const char *kind,
                 const char *target, size_t max, struct cmn_http_answer *ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf url = {0};
    const char *what = strcmp(kind, "blobs") == 0 ? "image config" : "image manifest";

    if (cdh_source_url(source, kind, target, &url) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    const struct cmn_http_call call = {
        .method = "GET",
        .url = (const char *)url.data,
        .accept = strcmp(kind, "blobs") == 0 ? NULL : accept_manifests,
        .max_body = max,
    };
    int r = cmn_http_do(http, &call, ret, err);
    return cdh_fetch_judge(r, ret, what, call.url, err);
}

static int check_digest(const struct cmn_buf *body, const char *want, const char *what,
                        char ret[SIM_DIGEST_CAP], struct cmn_err *err)
{
    int r = sim_digest_of(body->data, body->len, ret, err);

    if (r < 0 || !*want || strcmp(ret, want) == 0)
        return r;
    return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_BLOB_DIGEST_MISMATCH,
                          "%s has digest %s, expected %.80s", what, ret, want);
}

/* The media type the document itself names, else what the registry said. */
static void media_type(const struct cmn_http_answer *answer, struct sim_oci_desc *ret)
{
    auto_json json_t *json = NULL;
    const char *type = NULL;

    if (cmn_json_load(cmn_buf_bytes(&answer->body), CMN_JSON_MAX_DEPTH, &json, NULL) == 0)
        type = cmn_json_str(json, "mediaType");
    if (!type || strlen(type) >= sizeof(ret->media_type))
        type = answer->content_type;
    strcpy(ret->media_type, type);
}

static int fetch_by(struct cmn_http_client *http, const struct cdh_source *source,
                    const char *target, struct sim_oci_desc *ret_desc, struct cmn_buf *ret,
                    struct cmn_err *err)
{
    struct cmn_http_answer answer = {0};
    int r = fetch(http, source, "manifests", target, SIM_MANIFEST_MAX_BYTES, &answer, err);

    if (r == 0)
        r = check_digest(&answer.body, sim_digest_valid(target) ? target : answer.digest,
                         "image manifest", ret_desc->digest, err);
    if (r == 0) {
        media_type(&answer, ret_desc);
        ret_desc->size = answer.body.len;
        ret->len = 0;
        if (cmn_buf_put(ret, answer.body.data, answer.body.len) < 0)
            r = cmn_err_set(err, ENOMEM, "no memory");
    }
    cmn_http_answer_done(&answer);
    return r;
}

int cdh_fetch_manifest(struct cmn_http_client *http, const struct cdh_source *source,
                       struct sim_oci_desc *ret_desc, struct cmn_buf *ret, struct cmn_err *err)
{
    struct sim_oci_desc picked = {0};
    int r = fetch_by(http, source, sim_reference_target(&source->ref), ret_desc, ret, err);

    if (r < 0 || !sim_is_index_type(ret_desc->media_type))
        return r;
    r = sim_index_pick(cmn_buf_bytes(ret), &picked, err);
    return r < 0 ? r : fetch_by(http, source, picked.digest, ret_desc, ret, err);
}

int cdh_fetch_blob(struct cmn_http_client *http, const struct cdh_source *source,
                   const struct sim_oci_desc *desc, size_t max, struct cmn_buf *ret,
                   struct cmn_err *err)
{
    struct cmn_http_answer answer = {0};
    char digest[SIM_DIGEST_CAP];
    int r = fetch(http, source, "blobs", desc->digest, max, &answer, err);

    if (r == 0 && answer.body.len < desc->size)
        r = cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_TRUNCATED,
                           "blob %s has %zu bytes, expected %llu", desc->digest, answer.body.len,
                           (unsigned long long)desc->size);
    if (r == 0)
        r = check_digest(&answer.body, desc->digest, "image config", digest, err);
    if (r == 0 && cmn_buf_put(ret, answer.body.data, answer.body.len) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    cmn_http_answer_done(&answer);
    return r;
}
