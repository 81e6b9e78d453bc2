/* adaptor.c - the agent's calls in the order of the Kata shim; see adaptor.h. */
#include "sim/adaptor/adaptor.h"
#include "common/ttrpc/ttrpc.h"
#include "sim/adaptor/spec.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGENT  "grpc.AgentService"
#define HEALTH "grpc.Health"

enum { READ_BYTES = 32768, ID_CAP = 96 };

struct sim_adaptor {
    struct sim_adaptor_opts opts;
    struct cmn_ttrpc_client *client;
};

int sim_adaptor_new(const struct sim_adaptor_opts *opts, struct sim_adaptor **ret,
                    struct cmn_err *err)
{
    struct sim_adaptor *a = calloc(1, sizeof(*a));

    if (!a) {
        (void)close(opts->agent_fd);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    a->opts = *opts;
    int r = cmn_ttrpc_client_new(opts->agent_fd, &a->client, err);
    if (r < 0) {
        free(a);
        return r;
    }
    *ret = a;
    return 0;
}

void sim_adaptor_free(struct sim_adaptor *a)
{
    if (!a)
        return;
    cmn_ttrpc_client_free(a->client);
    free(a);
}

static void container_id(const struct sim_adaptor *a, size_t i, char out[ID_CAP])
{
    (void)snprintf(out, ID_CAP, "%.32s-%s", a->opts.sandbox_id, a->opts.pod->containers[i].name);
}

/* Gives a failed call its reason: by what happened to it, else what such a refusal means. */
static int failed(int r, const char *method, const struct cmn_ttrpc_status *status,
                  enum cmn_reason refused, struct cmn_err *err)
{
    char inner[sizeof(err->msg)];

    (void)snprintf(inner, sizeof(inner), "%s", err->msg);
    switch (r) {
    case -EREMOTEIO:
        if (strstr(status->message, "Image Pull error"))
            refused = CMN_REASON_IMAGE_PULL_FAILED;
        return cmn_err_reason(err, EREMOTEIO, refused, "%s: %.900s", method, status->message);
    case -ETIMEDOUT:
        return cmn_err_reason(err, ETIMEDOUT, CMN_REASON_GUEST_TIMEOUT, "%s: %.900s", method,
                              inner);
    case -ECONNRESET:
    case -EPIPE:
        return cmn_err_reason(err, ECONNRESET, CMN_REASON_GUEST_CRASHED,
                              "%s: the agent is gone: %.900s", method, inner);
    default:
        return cmn_err_reason(err, -r, CMN_REASON_AGENT_PROTOCOL, "%s: %.900s", method, inner);
    }
}

static int call(struct sim_adaptor *a, const char *method, const ProtobufCMessage *request,
                unsigned timeout_ms, enum cmn_reason refused, struct cmn_err *err)
{
    struct cmn_ttrpc_status status = {0};
    struct cmn_err own = {0};
    int r = cmn_ttrpc_call_msg(a->client, AGENT, method, request, NULL, timeout_ms, NULL, &status,
                               &own);

    if (r < 0) {
        r = failed(r, method, &status, refused, &own);
        if (err)
            *err = own;
    }
    return r;
}

int sim_adaptor_check(struct sim_adaptor *a, struct cmn_err *err)
{
    Grpc__CheckRequest req = GRPC__CHECK_REQUEST__INIT;
    struct cmn_ttrpc_status status = {0};
    ProtobufCMessage *msg = NULL;
    struct cmn_err own = {0};

    int r = cmn_ttrpc_call_msg(a->client, HEALTH, "Check", &req.base,
                               &grpc__health_check_response__descriptor, a->opts.boot_timeout_ms,
                               &msg, &status, &own);
    if (r < 0) {
        r = failed(r, "Check", &status, CMN_REASON_AGENT_REFUSED, &own);
        if (err)
            *err = own;
        return r;
    }
    int serving = (int)((Grpc__HealthCheckResponse *)(void *)msg)->status;
    protobuf_c_message_free_unpacked(msg, NULL);
    if (serving != GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING)
        return cmn_err_reason(err, EPROTO, CMN_REASON_AGENT_REFUSED,
                              "Check: the agent's status is %d, want 1 (SERVING)", serving);
    return 0;
}

int sim_adaptor_create_sandbox(struct sim_adaptor *a, struct cmn_err *err)
{
    Grpc__CreateSandboxRequest req = GRPC__CREATE_SANDBOX_REQUEST__INIT;

    req.hostname = a->opts.pod->name;
    req.sandbox_id = (char *)(uintptr_t)a->opts.sandbox_id;
    return call(a, "CreateSandbox", &req.base, a->opts.timeout_ms, CMN_REASON_AGENT_REFUSED, err);
}

int sim_adaptor_create_container(struct sim_adaptor *a, size_t i, const json_t *image_config,
                                 struct cmn_err *err)
{
    const struct sim_container *c = &a->opts.pod->containers[i];
    auto_buf struct cmn_buf request = {0};
    struct cmn_ttrpc_status status = {0};
    struct sim_process process = {0};
    struct cmn_err own = {0};
    char id[ID_CAP];

    container_id(a, i, id);
    int r = sim_process_merge(a->opts.pod, c, image_config, &process, err);
    if (r < 0)
        return r;
    r = sim_container_request_pack(a->opts.pod, c, &process, a->opts.sandbox_id, id, &request);
    sim_process_done(&process);
    if (r < 0)
        return cmn_err_set(err, -r, "no memory");
    r = cmn_ttrpc_call(a->client, AGENT, "CreateContainer", cmn_buf_bytes(&request),
                       a->opts.pull_timeout_ms, NULL, &status, &own);
    if (r < 0) {
        r = failed(r, "CreateContainer", &status, CMN_REASON_CONTAINER_START_FAILED, &own);
        if (err)
            *err = own;
    }
    return r;
}

int sim_adaptor_start_container(struct sim_adaptor *a, size_t i, struct cmn_err *err)
{
    Grpc__StartContainerRequest req = GRPC__START_CONTAINER_REQUEST__INIT;
    char id[ID_CAP];

    container_id(a, i, id);
    req.container_id = id;
    return call(a, "StartContainer", &req.base, a->opts.timeout_ms,
                CMN_REASON_CONTAINER_START_FAILED, err);
}

struct reader {
    struct sim_adaptor *a;
    size_t container;
    enum sim_stream stream;
};

/* Reads one stream to its end: OK with empty data, or any failure (the container is gone then). */
static void *read_stream(void *arg)
{
    const struct reader *rd = arg;
    const char *method = rd->stream == SIM_STDOUT ? "ReadStdout" : "ReadStderr";
    Grpc__ReadStreamRequest req = GRPC__READ_STREAM_REQUEST__INIT;
    char id[ID_CAP];

    container_id(rd->a, rd->container, id);
    req.container_id = req.exec_id = id;
    req.len = READ_BYTES;
    for (;;) {
        ProtobufCMessage *msg = NULL;
        int r = cmn_ttrpc_call_msg(rd->a->client, AGENT, method, &req.base,
                                   &grpc__read_stream_response__descriptor, 0, &msg, NULL, NULL);
        if (r < 0)
            return NULL;
        ProtobufCBinaryData data = ((Grpc__ReadStreamResponse *)(void *)msg)->data;
        bool end = data.len == 0;
        if (!end && rd->a->opts.output)
            rd->a->opts.output(rd->a->opts.ctx, rd->container, rd->stream,
                               cmn_bytes(data.data, data.len));
        protobuf_c_message_free_unpacked(msg, NULL);
        if (end)
            return NULL;
    }
}

static int wait_process(struct sim_adaptor *a, size_t i, int *ret_exit, struct cmn_err *err)
{
    Grpc__WaitProcessRequest req = GRPC__WAIT_PROCESS_REQUEST__INIT;
    struct cmn_ttrpc_status status = {0};
    ProtobufCMessage *msg = NULL;
    struct cmn_err own = {0};
    char id[ID_CAP];

    container_id(a, i, id);
    req.container_id = req.exec_id = id;
    int r = cmn_ttrpc_call_msg(a->client, AGENT, "WaitProcess", &req.base,
                               &grpc__wait_process_response__descriptor, 0, &msg, &status, &own);
    if (r < 0) {
        r = failed(r, "WaitProcess", &status, CMN_REASON_AGENT_REFUSED, &own);
        if (err)
            *err = own;
        return r;
    }
    *ret_exit = ((Grpc__WaitProcessResponse *)(void *)msg)->status;
    protobuf_c_message_free_unpacked(msg, NULL);
    return 0;
}

int sim_adaptor_wait(struct sim_adaptor *a, size_t i, int *ret_exit, struct cmn_err *err)
{
    struct reader readers[2] = {{a, i, SIM_STDOUT}, {a, i, SIM_STDERR}};
    pthread_t threads[2];
    int started = 0, r = 0;

    for (; started < 2; started++) {
        r = -pthread_create(&threads[started], NULL, read_stream, &readers[started]);
        if (r < 0)
            break;
    }
    if (r < 0)
        r = cmn_err_set(err, -r, "no thread for the container's output");
    else
        r = wait_process(a, i, ret_exit, err);
    for (int t = 0; t < started; t++)
        (void)pthread_join(threads[t], NULL);
    return r;
}

int sim_adaptor_remove_container(struct sim_adaptor *a, size_t i, struct cmn_err *err)
{
    Grpc__RemoveContainerRequest req = GRPC__REMOVE_CONTAINER_REQUEST__INIT;
    char id[ID_CAP];

    container_id(a, i, id);
    req.container_id = id;
    return call(a, "RemoveContainer", &req.base, a->opts.timeout_ms, CMN_REASON_AGENT_REFUSED, err);
}

int sim_adaptor_destroy_sandbox(struct sim_adaptor *a, struct cmn_err *err)
{
    Grpc__DestroySandboxRequest req = GRPC__DESTROY_SANDBOX_REQUEST__INIT;

    return call(a, "DestroySandbox", &req.base, a->opts.timeout_ms, CMN_REASON_AGENT_REFUSED, err);
}
