/*
 * test-adaptor.c - the shim's calls against an agent that refuses, lies, hangs up or never answers,
 * then against one that behaves.
 */
#include "common/ttrpc/proto/agent.pb-c.h"
#include "common/ttrpc/proto/ttrpc.pb-c.h"
#include "common/ttrpc/ttrpc-internal.h"
#include "sim/adaptor/adaptor.h"
#include "tests/testlib/testlib.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGENT    "grpc.AgentService"
#define SANDBOX  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID       "0123456789abcdef0123456789abcdef-c"
#define SHORT_MS 50

static struct sim_container containers[] = {{.name = (char *)"c",
                                             .image = (char *)"registry.local/hello:1",
                                             .run_as_user = 1000,
                                             .run_as_group = -1,
                                             .working_dir = (char *)"/work"}};
static const struct sim_pod pod = {
    .name = (char *)"my-pod", .ns = (char *)"demo", .containers = containers, .n_containers = 1};

/* ---- the agent's side ---- */

struct script { /* what the agent does with every call */
    int serving;
    int fail_code; /* 0: answers */
    const char *fail_text;
    struct cmn_bytes payload; /* instead of a message, when there is one */
    int exit_code;
    unsigned chunks; /* of output, each 5 bytes, before the end */
    struct cmn_buf created;
    char calls[512];
    pthread_mutex_t lock;
};

static void note(struct script *s, const char *call)
{
    (void)pthread_mutex_lock(&s->lock);
    size_t n = strlen(s->calls);
    (void)snprintf(s->calls + n, sizeof(s->calls) - n, "%s ", call);
    (void)pthread_mutex_unlock(&s->lock);
}

static int answer(struct script *s, const char *call, const ProtobufCMessage *msg,
                  struct cmn_buf *reply, struct cmn_ttrpc_status *status)
{
    note(s, call);
    if (s->fail_code)
        return cmn_ttrpc_fail(status, (enum cmn_ttrpc_code)s->fail_code, "%s", s->fail_text);
    if (s->payload.data)
        return cmn_buf_put(reply, s->payload.data, s->payload.len);
    return msg ? cmn_ttrpc_pack(msg, reply) : 0;
}

static int on_check(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                    struct cmn_ttrpc_status *status)
{
    struct script *s = ctx;
    Grpc__HealthCheckResponse r = GRPC__HEALTH_CHECK_RESPONSE__INIT;

    (void)request;
    r.status = (Grpc__HealthCheckResponse__ServingStatus)s->serving;
    return answer(s, "Check", &r.base, reply, status);
}

static int on_sandbox(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                      struct cmn_ttrpc_status *status)
{
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__create_sandbox_request__descriptor, request, status);
    const Grpc__CreateSandboxRequest *req = (void *)msg;

    T_EQ_STR(req ? req->hostname : NULL, "my-pod");
    T_EQ_STR(req ? req->sandbox_id : NULL, SANDBOX);
    return answer(ctx, "CreateSandbox", NULL, reply, status);
}

static int on_create(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                     struct cmn_ttrpc_status *status)
{
    struct script *s = ctx;

    cmn_buf_done(&s->created);
    T_OK(cmn_buf_put(&s->created, request.data, request.len), NULL);
    return answer(s, "CreateContainer", NULL, reply, status);
}

static int on_start(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                    struct cmn_ttrpc_status *status)
{
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__start_container_request__descriptor, request, status);

    T_EQ_STR(msg ? ((Grpc__StartContainerRequest *)(void *)msg)->container_id : NULL, ID);
    return answer(ctx, "StartContainer", NULL, reply, status);
}

static int on_read(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                   struct cmn_ttrpc_status *status)
{
    struct script *s = ctx;
    Grpc__ReadStreamResponse r = GRPC__READ_STREAM_RESPONSE__INIT;

    (void)request;
    (void)pthread_mutex_lock(&s->lock);
    bool more = s->chunks > 0;
    if (more)
        s->chunks--;
    (void)pthread_mutex_unlock(&s->lock);
    if (more)
        r.data = (ProtobufCBinaryData){5, (uint8_t *)(uintptr_t) "hello"};
    return answer(s, "", &r.base, reply, status);
}

static int on_wait(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                   struct cmn_ttrpc_status *status)
{
    struct script *s = ctx;
    Grpc__WaitProcessResponse r = GRPC__WAIT_PROCESS_RESPONSE__INIT;

    (void)request;
    r.status = s->exit_code;
    return answer(s, "WaitProcess", &r.base, reply, status);
}

static int on_other(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                    struct cmn_ttrpc_status *status)
{
    (void)request;
    return answer(ctx, "Other", NULL, reply, status);
}

static const struct cmn_ttrpc_method methods[] = {
    {"grpc.Health", "Check", on_check},    {AGENT, "CreateSandbox", on_sandbox},
    {AGENT, "CreateContainer", on_create}, {AGENT, "StartContainer", on_start},
    {AGENT, "ReadStdout", on_read},        {AGENT, "ReadStderr", on_read},
    {AGENT, "WaitProcess", on_wait},       {AGENT, "RemoveContainer", on_other},
    {AGENT, "DestroySandbox", on_other},
};

/* ---- our side ---- */

struct pair {
    struct script script;
    struct cmn_ttrpc_server *server;
    struct sim_adaptor *adaptor;
    int fd; /* the agent's end, when there is no server */
    pthread_mutex_t lock;
    struct cmn_buf out[2];
};

static void output(void *ctx, size_t i, enum sim_stream stream, struct cmn_bytes bytes)
{
    struct pair *p = ctx;

    T_EQ_INT(i, 0);
    (void)pthread_mutex_lock(&p->lock);
    T_OK(cmn_buf_put(&p->out[stream], bytes.data, bytes.len), NULL);
    (void)pthread_mutex_unlock(&p->lock);
}

static void open_pair(struct pair *p, bool serve)
{
    struct cmn_err err = {0};
    int sv[2] = {-1, -1};

    *p = (struct pair){.script = {.serving = 1}, .fd = -1};
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_mutex_init(&p->script.lock, NULL);
    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    if (serve)
        T_OK(cmn_ttrpc_server_new(
                 &(struct cmn_ttrpc_server_opts){.listen_fd = -1,
                                                 .conn_fd = sv[0],
                                                 .methods = methods,
                                                 .n_methods = CMN_ARRAY_SIZE(methods),
                                                 .ctx = &p->script},
                 &p->server, &err),
             &err);
    else
        p->fd = sv[0];
    unsigned ms = serve ? 5000 : SHORT_MS;
    T_OK(sim_adaptor_new(&(struct sim_adaptor_opts){.agent_fd = sv[1],
                                                    .pod = &pod,
                                                    .sandbox_id = SANDBOX,
                                                    .boot_timeout_ms = ms,
                                                    .timeout_ms = ms,
                                                    .pull_timeout_ms = ms,
                                                    .output = output,
                                                    .ctx = p},
                         &p->adaptor, &err),
         &err);
}

static void close_pair(struct pair *p)
{
    sim_adaptor_free(p->adaptor);
    cmn_ttrpc_server_free(p->server);
    if (p->fd >= 0)
        (void)close(p->fd);
    cmn_buf_done(&p->script.created);
    cmn_buf_done(&p->out[0]);
    cmn_buf_done(&p->out[1]);
}

/* Every call by its number; 4 waits for the container. */
enum { CHECK, CREATE_SANDBOX, CREATE, START, WAIT, REMOVE, DESTROY, CALLS };

static int call(struct sim_adaptor *a, int which, struct cmn_err *err)
{
    auto_json json_t *config = json_pack("{s:{s:[s]}}", "config", "Cmd", "sh");
    int exit_code = -1;

    cmn_err_clear(err);
    switch (which) {
    case CHECK:
        return sim_adaptor_check(a, err);
    case CREATE_SANDBOX:
        return sim_adaptor_create_sandbox(a, err);
    case CREATE:
        return sim_adaptor_create_container(a, 0, config, err);
    case START:
        return sim_adaptor_start_container(a, 0, err);
    case WAIT:
        return sim_adaptor_wait(a, 0, &exit_code, err);
    case REMOVE:
        return sim_adaptor_remove_container(a, 0, err);
    default:
        return sim_adaptor_destroy_sandbox(a, err);
    }
}

static void a_refusal_says_which_call_and_what_it_means(void)
{
    static const enum cmn_reason reasons[CALLS] = {
        CMN_REASON_AGENT_REFUSED,          CMN_REASON_AGENT_REFUSED,
        CMN_REASON_CONTAINER_START_FAILED, CMN_REASON_CONTAINER_START_FAILED,
        CMN_REASON_AGENT_REFUSED,          CMN_REASON_AGENT_REFUSED,
        CMN_REASON_AGENT_REFUSED};
    static const char *const names[CALLS] = {
        "Check: ",       "CreateSandbox: ",   "CreateContainer: ", "StartContainer: ",
        "WaitProcess: ", "RemoveContainer: ", "DestroySandbox: "};

    for (int i = 0; i < CALLS; i++) {
        struct cmn_err err = {0};
        struct pair p;
        open_pair(&p, true);
        p.script.fail_code = CMN_TTRPC_INTERNAL;
        p.script.fail_text = "no, because";
        T_ERR(call(p.adaptor, i, &err), -EREMOTEIO, &err, names[i]);
        T_TRUE(strstr(err.msg, "no, because") != NULL);
        T_EQ_INT(err.reason, reasons[i]);
        close_pair(&p);
    }
}

static void a_failed_pull_is_told_apart(void)
{
    struct cmn_err err = {0};
    struct pair p;

    open_pair(&p, true);
    p.script.fail_code = CMN_TTRPC_INTERNAL;
    p.script.fail_text = "[CDH] [ERROR]: Image Pull error: Failed to pull image";
    T_ERR(call(p.adaptor, CREATE, &err), -EREMOTEIO, &err, "Failed to pull image");
    T_EQ_INT(err.reason, CMN_REASON_IMAGE_PULL_FAILED);
    close_pair(&p);
}

static void a_status_of_any_length_is_cut(void)
{
    struct cmn_err err = {0};
    char text[5000];
    struct pair p;

    memset(text, '%', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    open_pair(&p, true);
    p.script.fail_code = 4711; /* no code of gRPC */
    p.script.fail_text = text;
    T_ERR(call(p.adaptor, START, &err), -EREMOTEIO, &err, "StartContainer: %%%");
    close_pair(&p);
}

static void an_agent_that_does_not_serve_is_refused(void)
{
    for (int serving = -1; serving <= 3; serving++) {
        struct cmn_err err = {0};
        struct pair p;
        open_pair(&p, true);
        p.script.serving = serving;
        int r = call(p.adaptor, CHECK, &err);
        if (serving == 1) {
            T_OK(r, &err);
        } else {
            T_ERR(r, -EPROTO, &err, "want 1 (SERVING)");
            T_EQ_INT(err.reason, CMN_REASON_AGENT_REFUSED);
        }
        close_pair(&p);
    }
}

static void an_answer_that_is_no_message_is_a_broken_protocol(void)
{
    static const int calls[] = {CHECK, WAIT};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(calls); i++) {
        struct cmn_err err = {0};
        struct pair p;
        open_pair(&p, true);
        p.script.payload = cmn_bytes("\xff\xff\xff\xff\xff", 5);
        T_ERR(call(p.adaptor, calls[i], &err), -EBADMSG, &err, "answer is no grpc.");
        T_EQ_INT(err.reason, CMN_REASON_AGENT_PROTOCOL);
        close_pair(&p);
    }
}

static void an_agent_that_never_answers_runs_into_the_time_out(void)
{
    struct cmn_err err = {0};
    struct pair p;

    open_pair(&p, false);
    for (int i = 0; i < CALLS; i++) {
        if (i == WAIT)
            continue; /* as long as the workload runs: the run's own deadline ends it */
        T_ERR(call(p.adaptor, i, &err), -ETIMEDOUT, &err, "no answer within 50 ms");
        T_EQ_INT(err.reason, CMN_REASON_GUEST_TIMEOUT);
    }
    close_pair(&p);
}

static void an_agent_that_is_gone_is_told_as_gone(void)
{
    struct cmn_err err = {0};
    struct pair p;

    open_pair(&p, false);
    (void)close(p.fd);
    p.fd = -1;
    for (int i = 0; i < CALLS; i++) {
        T_ERR(call(p.adaptor, i, &err), -ECONNRESET, &err, "the agent is gone");
        T_EQ_INT(err.reason, CMN_REASON_GUEST_CRASHED);
    }
    close_pair(&p);
}

/* Reads the request that comes, then does with the stream what the test wants. */
struct hostile {
    int fd;
    const char *bytes; /* NULL: hang up */
    size_t len;
    bool as_response; /* a frame of type Response on the request's stream */
};

static void *be_hostile(void *arg)
{
    const struct hostile *h = arg;
    auto_buf struct cmn_buf data = {0};
    struct cmn_ttrpc_frame f = {0};

    if (cmn_ttrpc_read_frame(h->fd, &f, &data) < 0)
        return NULL;
    if (h->as_response)
        T_OK(
            cmn_ttrpc_write_frame(h->fd, f.stream, CMN_TTRPC_RESPONSE, cmn_bytes(h->bytes, h->len)),
            NULL);
    else if (h->bytes)
        T_OK(cmn_fd_write_all(h->fd, h->bytes, h->len), NULL);
    (void)shutdown(h->fd, SHUT_RDWR);
    return NULL;
}

static void wrong_bytes_on_the_stream_end_in_an_error(void)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool as_response;
        int error;
        enum cmn_reason reason;
    } cases[] = {
        {NULL, 0, false, -ECONNRESET, CMN_REASON_GUEST_CRASHED},
        {"\0\0", 2, false, -ECONNRESET, CMN_REASON_GUEST_CRASHED},
        /* a length of 4 GiB, and nothing */
        {"\xff\xff\xff\xff\0\0\0\1\2\0", 10, false, -ECONNRESET, CMN_REASON_GUEST_CRASHED},
        /* an answer to a call that nobody made */
        {"\0\0\0\0\0\0\0\x63\2\0", 10, false, -ECONNRESET, CMN_REASON_GUEST_CRASHED},
        /* a Request where a Response is due */
        {"\0\0\0\0\0\0\0\1\1\0", 10, false, -ECONNRESET, CMN_REASON_GUEST_CRASHED},
        {"HTTP/1.1 200 OK\r\n\r\n", 19, false, -ECONNRESET, CMN_REASON_GUEST_CRASHED},
        {"\xff\xff\xff", 3, true, -EBADMSG, CMN_REASON_AGENT_PROTOCOL},
        {"\x0a\x7f", 2, true, -EBADMSG, CMN_REASON_AGENT_PROTOCOL},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct cmn_err err = {0};
        pthread_t thread;
        struct hostile h = {-1, cases[i].bytes, cases[i].len, cases[i].as_response};
        int sv[2];
        T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
        h.fd = sv[0];
        T_EQ_INT(pthread_create(&thread, NULL, be_hostile, &h), 0);
        struct sim_adaptor *a = NULL;
        T_OK(sim_adaptor_new(
                 &(struct sim_adaptor_opts){
                     .agent_fd = sv[1], .pod = &pod, .sandbox_id = SANDBOX, .timeout_ms = 5000},
                 &a, &err),
             &err);
        T_ERR(sim_adaptor_create_sandbox(a, &err), cases[i].error, &err, "CreateSandbox: ");
        T_EQ_INT(err.reason, cases[i].reason);
        (void)pthread_join(thread, NULL);
        sim_adaptor_free(a);
        (void)close(sv[0]);
    }
}

static void a_container_without_a_command_never_reaches_the_agent(void)
{
    struct cmn_err err = {0};
    struct pair p;

    open_pair(&p, true);
    T_ERR(sim_adaptor_create_container(p.adaptor, 0, NULL, &err), -EINVAL, &err, "names a command");
    T_EQ_INT(err.reason, CMN_REASON_CONTAINER_START_FAILED);
    T_EQ_STR(p.script.calls, "");
    close_pair(&p);
}

/* ---- an agent that behaves ---- */

static void the_calls_arrive_in_the_shim_s_order(void)
{
    struct cmn_err err = {0};
    struct pair p;

    open_pair(&p, true);
    p.script.exit_code = 7;
    p.script.chunks = 8;
    for (int i = 0; i < WAIT; i++)
        T_OK(call(p.adaptor, i, &err), &err);
    int exit_code = -1;
    T_OK(sim_adaptor_wait(p.adaptor, 0, &exit_code, &err), &err);
    T_EQ_INT(exit_code, 7);
    T_EQ_INT(p.out[0].len + p.out[1].len, 40); /* all of it, before wait returns */
    T_OK(call(p.adaptor, REMOVE, &err), &err);
    T_OK(call(p.adaptor, DESTROY, &err), &err);
    T_TRUE(strncmp(p.script.calls, "Check CreateSandbox CreateContainer StartContainer ", 50) == 0);
    T_TRUE(strstr(p.script.calls, "WaitProcess") && strstr(p.script.calls, "Other Other "));
    close_pair(&p);
}

static const char *mount_type(const Grpc__Spec *spec, const char *destination)
{
    for (size_t i = 0; i < spec->n_mounts; i++)
        if (strcmp(spec->mounts[i]->destination, destination) == 0)
            return spec->mounts[i]->type;
    return NULL;
}

static void a_container_is_asked_for_as_a_guest_pull(void)
{
    struct cmn_err err = {0};
    struct pair p;

    open_pair(&p, true);
    T_OK(call(p.adaptor, CREATE, &err), &err);
    Grpc__CreateContainerRequest *req =
        grpc__create_container_request__unpack(NULL, p.script.created.len, p.script.created.data);
    T_TRUE(req && req->oci && req->n_storages == 1);
    if (req && req->oci && req->n_storages == 1) {
        const Grpc__Storage *s = req->storages[0];
        const Grpc__Process *proc = req->oci->process;
        T_EQ_STR(req->container_id, ID);
        T_EQ_STR(s->driver, "image_guest_pull");
        T_EQ_STR(s->source, "registry.local/hello:1");
        T_EQ_STR(s->mount_point, "/run/kata-containers/" ID "/rootfs");
        T_EQ_STR(req->oci->root->path, s->mount_point);
        const char *option = s->n_driver_options ? s->driver_options[0] : "";
        T_TRUE(strncmp(option, "image_guest_pull={\"metadata\":{", 30) == 0);
        T_TRUE(strstr(option, "\"io.kubernetes.cri.image-name\":\"registry.local/hello:1\""));
        T_TRUE(strstr(option, "\"io.kubernetes.cri.sandbox-namespace\":\"demo\""));
        T_TRUE(proc->n_args == 1 && strcmp(proc->args[0], "sh") == 0);
        T_TRUE(proc->user->uid == 1000 && proc->user->gid == 0);
        T_EQ_STR(proc->cwd, "/work");
        T_EQ_STR(mount_type(req->oci, "/proc"), "proc");
        T_EQ_STR(mount_type(req->oci, "/dev"), "tmpfs");
        T_EQ_INT(req->oci->linuxspec->n_namespaces, 4); /* none for the network: the pod's */
        for (size_t i = 0; i < req->oci->linuxspec->n_namespaces; i++)
            T_TRUE(strcmp(req->oci->linuxspec->namespaces[i]->type, "network") != 0);
    }
    if (req)
        grpc__create_container_request__free_unpacked(req, NULL);
    close_pair(&p);
}

TEST_MAIN("adaptor",
          {"a refusal says which call and what it means",
           a_refusal_says_which_call_and_what_it_means},
          {"a failed pull is told apart", a_failed_pull_is_told_apart},
          {"a status of any length is cut", a_status_of_any_length_is_cut},
          {"an agent that does not serve is refused", an_agent_that_does_not_serve_is_refused},
          {"an answer that is no message is a broken protocol",
           an_answer_that_is_no_message_is_a_broken_protocol},
          {"an agent that never answers runs into the time-out",
           an_agent_that_never_answers_runs_into_the_time_out},
          {"an agent that is gone is told as gone", an_agent_that_is_gone_is_told_as_gone},
          {"wrong bytes on the stream end in an error", wrong_bytes_on_the_stream_end_in_an_error},
          {"a container without a command never reaches the agent",
           a_container_without_a_command_never_reaches_the_agent},
          {"the calls arrive in the shim's order", the_calls_arrive_in_the_shim_s_order},
          {"a container is asked for as a guest pull", a_container_is_asked_for_as_a_guest_pull})
