/* service.c - grpc.AgentService and grpc.Health; see agent.h. */
#include "common/ttrpc/proto/api.pb-c.h"
#include "sim/guest/agent/agent.h"
#include "sim/guest/common/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGENT      "grpc.AgentService"
#define LOG_TARGET "agent"
#define CONFIG_MAX (1u << 20)

/* kata's agent answers INTERNAL for nearly everything; err's text is the message. */
static int failed(struct cmn_ttrpc_status *status, int r, const struct cmn_err *err)
{
    enum cmn_ttrpc_code code = r == -EINVAL   ? CMN_TTRPC_INVALID_ARGUMENT
                               : r == -EEXIST ? CMN_TTRPC_ALREADY_EXISTS
                               : r == -ENOENT ? CMN_TTRPC_NOT_FOUND
                                              : CMN_TTRPC_INTERNAL;
    return cmn_ttrpc_fail(status, code, "%s", err->msg);
}

static int done(struct cmn_buf *reply)
{
    (void)reply; /* google.protobuf.Empty has no bytes */
    return 0;
}

/* ---- sandbox ---- */

static int create_sandbox(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                          struct cmn_ttrpc_status *status)
{
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__create_sandbox_request__descriptor, request, status);
    const Grpc__CreateSandboxRequest *req = (Grpc__CreateSandboxRequest *)msg;

    (void)ctx;
    if (!req)
        return -EBADMSG;
    if (*req->sandbox_id && !agent_id_valid(req->sandbox_id))
        return cmn_ttrpc_fail(status, CMN_TTRPC_INVALID_ARGUMENT, "invalid sandbox ID");
    if (*req->hostname && sethostname(req->hostname, strlen(req->hostname)) < 0)
        cmn_log(CMN_LOG_WARN, LOG_TARGET, "cannot set the hostname: %s", strerror(errno));
    cmn_log(CMN_LOG_INFO, LOG_TARGET, "sandbox %.128s created", req->sandbox_id);
    return done(reply);
}

static int destroy_sandbox(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                           struct cmn_ttrpc_status *status)
{
    (void)request;
    (void)status;
    agent_container_remove_all(ctx);
    return done(reply);
}

/* ---- containers ---- */

/* The CDH pulls into <bundle>; its errors pass as ttrpc-rust prints them. */
static int pull(const struct agent *agent, const char *image, const char *bundle,
                struct cmn_ttrpc_status *status)
{
    Api__ImagePullRequest req = API__IMAGE_PULL_REQUEST__INIT;
    struct cmn_ttrpc_client *client = NULL;
    struct cmn_ttrpc_status remote = {0};
    struct cmn_err err = {0};
    auto_buf struct cmn_buf text = {0};

    req.image_url = (char *)(uintptr_t)image;
    req.bundle_path = (char *)(uintptr_t)bundle;
    int r = cmn_ttrpc_client_connect(agent->cdh_address, &client, &err);
    if (r < 0)
        return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL, "%s", err.msg);
    r = cmn_ttrpc_call_msg(client, "api.ImagePullService", "PullImage", &req.base, NULL,
                           AGENT_PULL_TIMEOUT_MS, NULL, &remote, &err);
    cmn_ttrpc_client_free(client);
    if (r == 0)
        return 0;
    if (r != -EREMOTEIO || cmn_ttrpc_status_display(&remote, &text) < 0)
        return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL, "%s", err.msg);
    return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL, "%s", (const char *)text.data);
}

/* Writes the container's root folder to rootfs (malloc'ed). */
static int prepare_storages(const struct agent *agent, const Grpc__CreateContainerRequest *req,
                            const struct agent_container *c, char **rootfs,
                            struct cmn_ttrpc_status *status)
{
    for (size_t i = 0; i < req->n_storages; i++) {
        const Grpc__Storage *s = req->storages[i];
        if (strcmp(s->driver, "image_guest_pull") != 0)
            return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL,
                                  "Failed to find the storage handler %.64s", s->driver);
        free(*rootfs);
        *rootfs = NULL;
        if (strcmp(s->source, "pause") == 0) {
            if (access("/pause_bundle/rootfs", F_OK) < 0)
                return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL,
                                      "Pause image not present in rootfs");
            *rootfs = strdup("/pause_bundle/rootfs");
            continue;
        }
        int r = pull(agent, s->source, c->bundle, status);
        if (r < 0)
            return r;
        if (asprintf(rootfs, "%s/rootfs", c->bundle) < 0)
            *rootfs = NULL;
    }
    if (!*rootfs && req->oci->root && *req->oci->root->path)
        *rootfs = strdup(req->oci->root->path);
    return *rootfs ? 0
                   : cmn_ttrpc_fail(status, CMN_TTRPC_INVALID_ARGUMENT,
                                    "the container has no root file system");
}

static int write_config(const struct agent_container *c, const Grpc__Spec *spec, const char *rootfs,
                        struct cmn_err *err)
{
    auto_buf struct cmn_buf old = {0}, uids = {0}, gids = {0};
    auto_json json_t *image = NULL, *config = NULL;
    auto_free char *path = NULL;

    if (asprintf(&path, "%s/config.json", c->bundle) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_file_read("/proc/self/uid_map", 4096, &uids, err);
    if (r == 0)
        r = cmn_file_read("/proc/self/gid_map", 4096, &gids, err);
    if (r < 0)
        return r;
    /* the image's own config.json, if it brought one */
    if (cmn_file_read(path, CONFIG_MAX, &old, NULL) == 0)
        CMN_IGNORE(cmn_json_load(cmn_buf_bytes(&old), CMN_JSON_MAX_DEPTH, &image, NULL));
    r = agent_oci_config(spec, image, rootfs, (const char *)uids.data, (const char *)gids.data,
                         &config, err);
    if (r < 0)
        return r;
    auto_free char *text = cmn_json_dump(config);
    if (!text)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_file_write(path, text, strlen(text), 0600, err);
}

static int create_in(struct agent *agent, const Grpc__CreateContainerRequest *req,
                     struct agent_container *c, struct cmn_ttrpc_status *status)
{
    auto_free char *rootfs = NULL;
    struct cmn_err err = {0};

    int r = cmn_mkdir_p(c->bundle, 0755, &err);
    if (r < 0)
        return failed(status, r, &err);
    r = prepare_storages(agent, req, c, &rootfs, status);
    if (r < 0)
        return r;
    r = write_config(c, req->oci, rootfs, &err);
    if (r < 0)
        return failed(status, r, &err);
    agent_container_created(agent, c);
    return 0;
}

static int create_container(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                            struct cmn_ttrpc_status *status)
{
    struct agent *agent = ctx;
    struct agent_container *c = NULL;
    struct cmn_err err = {0};
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__create_container_request__descriptor, request, status);
    const Grpc__CreateContainerRequest *req = (Grpc__CreateContainerRequest *)msg;

    if (!req)
        return -EBADMSG;
    if (!req->oci)
        return cmn_ttrpc_fail(status, CMN_TTRPC_INVALID_ARGUMENT, "the request has no OCI spec");
    int r = agent_container_add(agent, req->container_id, &c, &err);
    if (r < 0)
        return failed(status, r, &err);
    r = create_in(agent, req, c, status);
    if (r < 0) {
        cmn_log(CMN_LOG_ERROR, LOG_TARGET, "create container %s failed: %s", c->id,
                status->message);
        CMN_IGNORE(agent_container_remove(agent, c, 0, NULL)); /* it has no process yet */
    }
    agent_container_put(agent, c);
    return r < 0 ? r : done(reply);
}

/* Finds the container of a request; exec_id must be empty or the container's own (no exec here). */
static struct agent_container *lookup(struct agent *agent, const char *id, const char *exec_id,
                                      struct cmn_ttrpc_status *status)
{
    struct agent_container *c = agent_container_get(agent, id);

    if (!c)
        (void)cmn_ttrpc_fail(status, CMN_TTRPC_NOT_FOUND, "Invalid container id '%.128s'", id);
    else if (*exec_id && strcmp(exec_id, id) != 0) {
        agent_container_put(agent, c);
        c = NULL;
        (void)cmn_ttrpc_fail(status, CMN_TTRPC_NOT_FOUND, "Invalid exec id '%.128s'", exec_id);
    }
    return c;
}

static int start_container(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                           struct cmn_ttrpc_status *status)
{
    struct cmn_err err = {0};
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__start_container_request__descriptor, request, status);
    const Grpc__StartContainerRequest *req = (Grpc__StartContainerRequest *)msg;
    struct agent_container *c = req ? lookup(ctx, req->container_id, "", status) : NULL;

    if (!c)
        return -ENOENT;
    int r = agent_container_start(ctx, c, &err);
    if (r < 0) {
        cmn_log(CMN_LOG_ERROR, LOG_TARGET, "start container %s failed: %s", c->id, err.msg);
        guest_event("agent.start-container", "start-container", "failed", err.reason, err.msg,
                    json_pack("{s:s}", "container", c->id));
    }
    agent_container_put(ctx, c);
    return r < 0 ? failed(status, r, &err) : done(reply);
}

static int wait_process(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                        struct cmn_ttrpc_status *status)
{
    Grpc__WaitProcessResponse resp = GRPC__WAIT_PROCESS_RESPONSE__INIT;
    struct cmn_err err = {0};
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__wait_process_request__descriptor, request, status);
    const Grpc__WaitProcessRequest *req = (Grpc__WaitProcessRequest *)msg;
    struct agent_container *c = req ? lookup(ctx, req->container_id, req->exec_id, status) : NULL;

    if (!c)
        return -ENOENT;
    int r = agent_container_wait(ctx, c, &resp.status, &err);
    agent_container_put(ctx, c);
    return r < 0 ? failed(status, r, &err) : cmn_ttrpc_pack(&resp.base, reply);
}

/* "end of stream = OK with empty data" */
static int read_stream(struct agent *agent, struct cmn_bytes request, struct cmn_buf *reply,
                       struct cmn_ttrpc_status *status, bool is_stderr)
{
    Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;
    auto_buf struct cmn_buf data = {0};
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__read_stream_request__descriptor, request, status);
    const Grpc__ReadStreamRequest *req = (Grpc__ReadStreamRequest *)msg;
    struct agent_container *c = req ? lookup(agent, req->container_id, req->exec_id, status) : NULL;

    if (!c)
        return -ENOENT;
    size_t len = req->len == 0 || req->len > AGENT_MAX_READ ? AGENT_MAX_READ : req->len;
    (void)pthread_mutex_lock(&agent->lock);
    int fd = is_stderr ? c->err_fd : c->out_fd; /* stays open while c has our reference */
    (void)pthread_mutex_unlock(&agent->lock);
    ssize_t n = -1;
    if (fd < 0)
        (void)cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL, "container '%s' was not started", c->id);
    else if (cmn_buf_resize(&data, len) == 0)
        do
            n = read(fd, data.data, len);
        while (n < 0 && errno == EINTR);
    agent_container_put(agent, c);
    if (n < 0)
        return -EIO;
    resp.data = (ProtobufCBinaryData){(size_t)n, data.data};
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int read_stdout(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                       struct cmn_ttrpc_status *status)
{
    return read_stream(ctx, request, reply, status, false);
}

static int read_stderr(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                       struct cmn_ttrpc_status *status)
{
    return read_stream(ctx, request, reply, status, true);
}

static int signal_process(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                          struct cmn_ttrpc_status *status)
{
    struct cmn_err err = {0};
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__signal_process_request__descriptor, request, status);
    const Grpc__SignalProcessRequest *req = (Grpc__SignalProcessRequest *)msg;
    struct agent_container *c = req ? lookup(ctx, req->container_id, req->exec_id, status) : NULL;

    if (!c)
        return -ENOENT;
    int r = req->signal == 0 || req->signal > 64
                ? cmn_err_set(&err, EINVAL, "no such signal: %u", req->signal)
                : agent_container_signal(ctx, c, (int)req->signal, &err);
    agent_container_put(ctx, c);
    return r < 0 ? failed(status, r, &err) : done(reply);
}

static int remove_container(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                            struct cmn_ttrpc_status *status)
{
    struct cmn_err err = {0};
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__remove_container_request__descriptor, request, status);
    const Grpc__RemoveContainerRequest *req = (Grpc__RemoveContainerRequest *)msg;
    struct agent_container *c = req ? lookup(ctx, req->container_id, "", status) : NULL;

    if (!c)
        return -ENOENT;
    unsigned seconds = req->timeout == 0 ? 10 : req->timeout > 600 ? 600 : req->timeout;
    int r = agent_container_remove(ctx, c, seconds * 1000, &err);
    agent_container_put(ctx, c);
    return r < 0 ? failed(status, r, &err) : done(reply);
}

/* ---- facts ---- */

static int get_guest_details(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                             struct cmn_ttrpc_status *status)
{
    Grpc__GuestDetailsResponse resp = GRPC__GUEST_DETAILS_RESPONSE__INIT;
    Grpc__AgentDetails details = GRPC__AGENT_DETAILS__INIT;
    char version[] = "0.1.0-cocobox", handler[] = "image_guest_pull", *handlers[] = {handler};

    (void)ctx;
    (void)request;
    (void)status;
    details.version = version;
    details.storage_handlers = handlers;
    details.n_storage_handlers = 1;
    resp.agent_details = &details;
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int check(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                 struct cmn_ttrpc_status *status)
{
    Grpc__HealthCheckResponse resp = GRPC__HEALTH_CHECK_RESPONSE__INIT;

    (void)ctx;
    (void)request;
    (void)status;
    resp.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    return cmn_ttrpc_pack(&resp.base, reply);
}

static int version(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                   struct cmn_ttrpc_status *status)
{
    Grpc__VersionCheckResponse resp = GRPC__VERSION_CHECK_RESPONSE__INIT;
    char api[] = "0.0.1", agent[] = "0.1.0-cocobox";

    (void)ctx;
    (void)request;
    (void)status;
    resp.grpc_version = api;
    resp.agent_version = agent;
    return cmn_ttrpc_pack(&resp.base, reply);
}

const struct cmn_ttrpc_method agent_methods[] = {
    {AGENT, "CreateSandbox", create_sandbox},
    {AGENT, "DestroySandbox", destroy_sandbox},
    {AGENT, "CreateContainer", create_container},
    {AGENT, "StartContainer", start_container},
    {AGENT, "RemoveContainer", remove_container},
    {AGENT, "WaitProcess", wait_process},
    {AGENT, "ReadStdout", read_stdout},
    {AGENT, "ReadStderr", read_stderr},
    {AGENT, "SignalProcess", signal_process},
    {AGENT, "GetGuestDetails", get_guest_details},
    {"grpc.Health", "Check", check},
    {"grpc.Health", "Version", version},
};
const size_t agent_n_methods = CMN_ARRAY_SIZE(agent_methods);
