/* service.c - the hub's services on its ttrpc socket; see cdh.h and guest-components hub/src/bin.
 */
#include "common/http/client.h"
#include "common/ttrpc/proto/api.pb-c.h"
#include "common/ttrpc/proto/keyprovider.pb-c.h"
#include "common/ttrpc/ttrpc.h"
#include "sim/guest/cdh/cdh.h"
#include "sim/guest/common/guest.h"

#include <string.h>

/* The client gets the outermost text; the whole chain goes to the log. */
static int refuse(struct cmn_ttrpc_status *status, const char *call, const char *outermost,
                  const struct cmn_err *err)
{
    cmn_log(CMN_LOG_ERROR, "ttrpc_cdh", "[ttRPC CDH] %s : %s Caused by: %s", call, outermost,
            err->msg);
    return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL, "[CDH] [ERROR]: %s", outermost);
}

static int get_resource(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                        struct cmn_ttrpc_status *status)
{
    auto_msg Api__GetResourceRequest *req =
        (void *)cmn_ttrpc_unpack(&api__get_resource_request__descriptor, request, status);
    auto_buf_secret struct cmn_buf bytes = {0};
    struct cmn_err err = {0};

    if (!req)
        return -EBADMSG;
    int r = cdh_resource_get(ctx, req->resourcepath, &bytes, &err);
    if (r < 0)
        return refuse(status, "GetResource", "Get Resource failed", &err);
    Api__GetResourceResponse resp = API__GET_RESOURCE_RESPONSE__INIT;
    resp.resource = (ProtobufCBinaryData){bytes.len, bytes.data};
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int unseal_secret(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                         struct cmn_ttrpc_status *status)
{
    auto_msg Api__UnsealSecretInput *req =
        (void *)cmn_ttrpc_unpack(&api__unseal_secret_input__descriptor, request, status);
    auto_buf_secret struct cmn_buf bytes = {0};
    struct cmn_err err = {0};

    if (!req)
        return -EBADMSG;
    int r = cdh_unseal(ctx, cmn_bytes(req->secret.data, req->secret.len), &bytes, &err);
    if (r < 0)
        return refuse(status, "UnsealSecret", "Unseal Secret failed", &err);
    Api__UnsealSecretOutput resp = API__UNSEAL_SECRET_OUTPUT__INIT;
    resp.plaintext = (ProtobufCBinaryData){bytes.len, bytes.data};
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int unwrap_key(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                      struct cmn_ttrpc_status *status)
{
    auto_msg Keyprovider__KeyProviderKeyWrapProtocolInput *req = (void *)cmn_ttrpc_unpack(
        &keyprovider__key_provider_key_wrap_protocol_input__descriptor, request, status);
    auto_buf_secret struct cmn_buf bytes = {0};
    struct cmn_err err = {0};

    if (!req)
        return -EBADMSG;
    const ProtobufCBinaryData *in = &req->keyproviderkeywrapprotocolinput;
    int r = cdh_unwrap_key(ctx, cmn_bytes(in->data, in->len), &bytes, &err);
    if (r < 0 && err.reason != CMN_REASON_NONE)
        guest_event("cdh.unwrap-key", "pull-image", "refused", err.reason, err.msg, NULL);
    if (r < 0)
        return refuse(status, "UnWrapKey", "Decrypt Image (UnwrapKey) failed", &err);
    Keyprovider__KeyProviderKeyWrapProtocolOutput resp =
        KEYPROVIDER__KEY_PROVIDER_KEY_WRAP_PROTOCOL_OUTPUT__INIT;
    resp.keyproviderkeywrapprotocoloutput = (ProtobufCBinaryData){bytes.len, bytes.data};
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int pull_image(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                      struct cmn_ttrpc_status *status)
{
    auto_msg Api__ImagePullRequest *req =
        (void *)cmn_ttrpc_unpack(&api__image_pull_request__descriptor, request, status);
    char digest[SIM_DIGEST_CAP];
    struct cmn_err err = {0};

    if (!req)
        return -EBADMSG;
    if (cdh_pull_image(ctx, req->image_url, req->bundle_path, digest, &err) < 0) {
        auto_buf struct cmn_buf text = {0};
        if (cmn_buf_printf(&text, "Image Pull error: %s", err.msg) < 0)
            return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL, "[CDH] [ERROR]: Image Pull error");
        return refuse(status, "PullImage", (const char *)text.data, &err);
    }
    Api__ImagePullResponse resp = API__IMAGE_PULL_RESPONSE__INIT;
    resp.manifest_digest = digest;
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int secure_mount(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                        struct cmn_ttrpc_status *status)
{
    const struct cmn_err err = {.msg = "no volume type is supported in this guest"};

    (void)ctx;
    (void)request;
    (void)reply;
    return refuse(status, "SecureMount", "Secure Mount failed", &err);
}

static const struct cmn_ttrpc_method methods[] = {
    {"api.GetResourceService", "GetResource", get_resource},
    {"api.SealedSecretService", "UnsealSecret", unseal_secret},
    {"api.SecureMountService", "SecureMount", secure_mount},
    {"api.ImagePullService", "PullImage", pull_image},
    {"keyprovider.KeyProviderService", "UnWrapKey", unwrap_key},
};

int cdh_serve(struct cdh *cdh, struct cmn_err *err)
{
    struct cmn_ttrpc_server *server = NULL;
    int fd = guest_listen(cdh->config.socket, err);

    if (fd < 0)
        return fd;
    const struct cmn_ttrpc_server_opts opts = {
        .listen_fd = fd,
        .conn_fd = -1,
        .methods = methods,
        .n_methods = CMN_ARRAY_SIZE(methods),
        .ctx = cdh,
    };
    int r = cmn_ttrpc_server_new(&opts, &server, err);
    if (r < 0)
        return r;
    cmn_http_client_warm(); /* the first request need not wait for it */
    (void)guest_signals_wait();
    cmn_ttrpc_server_free(server);
    return 0;
}
