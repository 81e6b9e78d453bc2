/*
 * client.c - unary calls over one connection, from any number of threads; see ttrpc.h.
 *
 * One thread reads; it hands each response to the call that waits for its stream id.
 */
#include "common/ttrpc/proto/ttrpc.pb-c.h"
#include "common/ttrpc/ttrpc-internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct call {
    struct call *next;
    uint32_t stream;
    bool done;
    int error; /* negative errno instead of an answer */
    struct cmn_buf answer;
};

struct cmn_ttrpc_client {
    int fd;
    pthread_t reader;
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t changed;
    struct call *calls;
    uint32_t next_stream;
    bool closed;
    pthread_mutex_t write_lock;
};

static struct call *find_call(struct cmn_ttrpc_client *client, uint32_t stream)
{
    struct call *c = client->calls;

    while (c && c->stream != stream)
        c = c->next;
    return c;
}

static void finish(struct cmn_ttrpc_client *client, uint32_t stream, int error,
                   struct cmn_buf *data)
{
    (void)pthread_mutex_lock(&client->lock);
    struct call *call = find_call(client, stream);
    if (call && !call->done) {
        call->done = true;
        call->error = error;
        if (error == 0) {
            call->answer = *data;
            *data = (struct cmn_buf){0};
        }
        (void)pthread_cond_broadcast(&client->changed);
    }
    (void)pthread_mutex_unlock(&client->lock);
}

static void *read_answers(void *arg)
{
    struct cmn_ttrpc_client *client = arg;

    for (;;) {
        auto_buf struct cmn_buf data = {0};
        struct cmn_ttrpc_frame frame;
        int r = cmn_ttrpc_read_frame(client->fd, &frame, &data);
        if (r < 0 && r != -EMSGSIZE)
            break;
        if (r < 0 || frame.type == CMN_TTRPC_RESPONSE)
            finish(client, frame.stream, r, &data);
    }
    (void)pthread_mutex_lock(&client->lock);
    client->closed = true;
    for (struct call *c = client->calls; c; c = c->next)
        if (!c->done) {
            c->done = true;
            c->error = -ECONNRESET;
        }
    (void)pthread_cond_broadcast(&client->changed);
    (void)pthread_mutex_unlock(&client->lock);
    return NULL;
}

int cmn_ttrpc_client_new(int fd, struct cmn_ttrpc_client **ret, struct cmn_err *err)
{
    struct cmn_ttrpc_client *client = calloc(1, sizeof(*client));
    pthread_condattr_t attr;

    if (!client) {
        (void)close(fd);
        return cmn_err_set(err, ENOMEM, "no memory for a ttrpc client");
    }
    client->fd = fd;
    client->next_stream = 1;
    (void)pthread_mutex_init(&client->lock, NULL);
    (void)pthread_mutex_init(&client->write_lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&client->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    int r = pthread_create(&client->reader, NULL, read_answers, client);
    if (r != 0) {
        (void)close(fd);
        free(client);
        return cmn_err_set(err, r, "cannot start a thread: %s", strerror(r));
    }
    *ret = client;
    return 0;
}

int cmn_ttrpc_client_connect(const char *address, struct cmn_ttrpc_client **ret,
                             struct cmn_err *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *path = cmn_ttrpc_path(address);
    auto_close int fd = -1;

    if (strlen(path) >= sizeof(sa.sun_path))
        return cmn_err_set(err, ENAMETOOLONG, "socket path '%.128s' is too long", path);
    memcpy(sa.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cmn_err_set(err, errno, "cannot make a socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
        return cmn_err_set(err, errno, "ttrpc connect to %s failed: %s", path, strerror(errno));
    int own = fd;
    fd = -1;
    return cmn_ttrpc_client_new(own, ret, err);
}

void cmn_ttrpc_client_free(struct cmn_ttrpc_client *client)
{
    if (!client)
        return;
    (void)shutdown(client->fd, SHUT_RDWR);
    (void)pthread_join(client->reader, NULL);
    (void)close(client->fd);
    (void)pthread_cond_destroy(&client->changed);
    (void)pthread_mutex_destroy(&client->lock);
    (void)pthread_mutex_destroy(&client->write_lock);
    free(client);
}

bool cmn_ttrpc_client_closed(struct cmn_ttrpc_client *client)
{
    (void)pthread_mutex_lock(&client->lock);
    bool closed = client->closed;
    (void)pthread_mutex_unlock(&client->lock);
    return closed;
}

/* Stream ids go out in the order they are given, so both happen under the write lock. */
static int send_request(struct cmn_ttrpc_client *client, struct call *call, struct cmn_bytes frame)
{
    (void)pthread_mutex_lock(&client->write_lock);
    (void)pthread_mutex_lock(&client->lock);
    bool usable = !client->closed && client->next_stream < UINT32_MAX - 1;
    if (usable) {
        call->stream = client->next_stream;
        client->next_stream += 2;
        call->next = client->calls;
        client->calls = call;
    }
    (void)pthread_mutex_unlock(&client->lock);
    int r = usable ? cmn_ttrpc_write_frame(client->fd, call->stream, CMN_TTRPC_REQUEST, frame)
                   : -ECONNRESET;
    (void)pthread_mutex_unlock(&client->write_lock);
    if (r == -ECONNRESET) { /* told here too: the reader may not have seen it yet */
        (void)pthread_mutex_lock(&client->lock);
        client->closed = true;
        (void)pthread_mutex_unlock(&client->lock);
    }
    return r;
}

static struct timespec deadline_in(unsigned ms)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Waits for the answer and takes the call off the list. */
static int await(struct cmn_ttrpc_client *client, struct call *call, unsigned timeout_ms, int sent)
{
    struct timespec until = deadline_in(timeout_ms);
    int r = sent;

    (void)pthread_mutex_lock(&client->lock);
    while (r == 0 && !call->done) {
        int w = timeout_ms ? pthread_cond_timedwait(&client->changed, &client->lock, &until)
                           : pthread_cond_wait(&client->changed, &client->lock);
        if (w == ETIMEDOUT && !call->done)
            r = -ETIMEDOUT;
    }
    if (r == 0)
        r = call->error;
    for (struct call **p = &client->calls; *p; p = &(*p)->next)
        if (*p == call) {
            *p = call->next;
            break;
        }
    (void)pthread_mutex_unlock(&client->lock);
    return r;
}

static int exchange(struct cmn_ttrpc_client *client, struct cmn_bytes frame, unsigned timeout_ms,
                    struct cmn_buf *answer)
{
    struct call call = {0};

    if (frame.len > CMN_TTRPC_MAX_DATA)
        return -EMSGSIZE;
    int r = send_request(client, &call, frame);
    r = await(client, &call, timeout_ms, r);
    if (r == 0)
        *answer = call.answer;
    else
        cmn_buf_done(&call.answer);
    return r;
}

static int build_request(const char *service, const char *method, struct cmn_bytes payload,
                         unsigned timeout_ms, struct cmn_buf *ret)
{
    Ttrpc__Request req = TTRPC__REQUEST__INIT;

    req.service = (char *)(uintptr_t)service;
    req.method = (char *)(uintptr_t)method;
    req.payload.data = (uint8_t *)(uintptr_t)payload.data;
    req.payload.len = payload.len;
    req.timeout_nano = (int64_t)timeout_ms * 1000000;
    return cmn_ttrpc_pack(&req.base, ret);
}

static int remote_error(const Ttrpc__Status *from, struct cmn_ttrpc_status *status,
                        struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};

    int r = cmn_ttrpc_fail(status, (enum cmn_ttrpc_code)from->code, "%s", from->message);
    if (cmn_ttrpc_status_display(status, &text) < 0)
        return cmn_err_set(err, ENOMEM, "no memory for an answer");
    (void)cmn_err_set(err, EREMOTEIO, "%s", (const char *)text.data);
    return r;
}

static int read_answer(struct cmn_bytes answer, struct cmn_buf *ret_payload,
                       struct cmn_ttrpc_status *status, struct cmn_err *err)
{
    int r = 0;

    Ttrpc__Response *resp = ttrpc__response__unpack(NULL, answer.len, answer.data);
    if (!resp)
        return cmn_err_set(err, EBADMSG, "answer of %zu bytes is no ttrpc Response", answer.len);
    if (resp->status && resp->status->code != 0)
        r = remote_error(resp->status, status, err);
    else if (ret_payload && resp->payload.len > 0)
        r = cmn_buf_put(ret_payload, resp->payload.data, resp->payload.len);
    ttrpc__response__free_unpacked(resp, NULL);
    return r;
}

static int transport_error(int r, const char *service, const char *method, unsigned timeout_ms,
                           struct cmn_err *err)
{
    if (r == -ETIMEDOUT)
        return cmn_err_set(err, ETIMEDOUT, "%s/%s: no answer within %u ms", service, method,
                           timeout_ms);
    if (r == -EMSGSIZE)
        return cmn_err_set(err, EMSGSIZE, "%s/%s: message above %u bytes", service, method,
                           CMN_TTRPC_MAX_DATA);
    return cmn_err_set(err, -r, "%s/%s: connection lost", service, method);
}

int cmn_ttrpc_call(struct cmn_ttrpc_client *client, const char *service, const char *method,
                   struct cmn_bytes request, unsigned timeout_ms, struct cmn_buf *ret_payload,
                   struct cmn_ttrpc_status *ret_status, struct cmn_err *err)
{
    auto_buf struct cmn_buf frame = {0}, answer = {0};
    struct cmn_ttrpc_status status = {0};
    struct cmn_err local = {0};

    if (!err)
        err = &local;
    int r = build_request(service, method, request, timeout_ms, &frame);
    if (r < 0)
        r = cmn_err_set(err, -r, "no memory for a request");
    if (r == 0) {
        r = exchange(client, cmn_buf_bytes(&frame), timeout_ms, &answer);
        r = r < 0 ? transport_error(r, service, method, timeout_ms, err)
                  : read_answer(cmn_buf_bytes(&answer), ret_payload, &status, err);
    }
    if (r < 0 && r != -EREMOTEIO)
        (void)cmn_ttrpc_fail(&status, CMN_TTRPC_UNKNOWN, "%s", err->msg);
    if (ret_status)
        *ret_status = status;
    return r;
}

int cmn_ttrpc_call_msg(struct cmn_ttrpc_client *client, const char *service, const char *method,
                       const ProtobufCMessage *request,
                       const ProtobufCMessageDescriptor *reply_type, unsigned timeout_ms,
                       ProtobufCMessage **ret, struct cmn_ttrpc_status *ret_status,
                       struct cmn_err *err)
{
    auto_buf struct cmn_buf out = {0}, in = {0};

    int r = cmn_ttrpc_pack(request, &out);
    if (r < 0)
        return cmn_err_set(err, -r, "no memory for a request");
    r = cmn_ttrpc_call(client, service, method, cmn_buf_bytes(&out), timeout_ms, &in, ret_status,
                       err);
    if (r < 0 || !reply_type)
        return r;
    ProtobufCMessage *msg = protobuf_c_message_unpack(reply_type, NULL, in.len, in.data);
    if (!msg)
        return cmn_err_set(err, EBADMSG, "%s/%s: answer is no %s", service, method,
                           reply_type->name);
    *ret = msg;
    return 0;
}
