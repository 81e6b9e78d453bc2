/* ttrpc: frames, client and server against each other and against hand-made bytes. */
#include "common/ttrpc/proto/attestation_agent.pb-c.h"
#include "common/ttrpc/proto/ttrpc.pb-c.h"
#include "common/ttrpc/ttrpc.h"

#include "tests/testlib/testlib.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char version_request[] =
    "00000029000000010100"
    "0a1568797065727669736f722e48797065727669736f72120756657273696f6e1a070a05302e302e30";
static const char version_response[] = "0000000900000001020012070a05302e302e30";

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_changed = PTHREAD_COND_INITIALIZER;
static bool gate_open;

static int echo(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                struct cmn_ttrpc_status *status)
{
    (void)ctx;
    (void)status;
    return cmn_buf_put(reply, request.data, request.len);
}

static int refuse(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                  struct cmn_ttrpc_status *status)
{
    (void)ctx;
    (void)request;
    (void)reply;
    return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL, "[CDH] [ERROR]: say \"no\"");
}

static int plain_error(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                       struct cmn_ttrpc_status *status)
{
    (void)ctx;
    (void)request;
    (void)reply;
    (void)status;
    return -ENOENT;
}

static int wait_gate(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                     struct cmn_ttrpc_status *status)
{
    (void)pthread_mutex_lock(&gate_lock);
    while (!gate_open)
        (void)pthread_cond_wait(&gate_changed, &gate_lock);
    (void)pthread_mutex_unlock(&gate_lock);
    return echo(ctx, request, reply, status);
}

static const struct cmn_ttrpc_method methods[] = {
    {"hypervisor.Hypervisor", "Version", echo},
    {"t.Test", "Echo", echo},
    {"t.Test", "Refuse", refuse},
    {"t.Test", "Plain", plain_error},
    {"t.Test", "Wait", wait_gate},
};

static void set_gate(bool open)
{
    (void)pthread_mutex_lock(&gate_lock);
    gate_open = open;
    (void)pthread_cond_broadcast(&gate_changed);
    (void)pthread_mutex_unlock(&gate_lock);
}

/* A server over one end of a socket pair; the other end is returned. */
static struct cmn_ttrpc_server *serve(struct cmn_ttrpc_server_opts opts, int *ret_fd)
{
    struct cmn_ttrpc_server *server = NULL;
    struct cmn_err err = {0};
    int sv[2] = {-1, -1};

    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    opts.listen_fd = -1;
    opts.conn_fd = sv[0];
    opts.methods = methods;
    opts.n_methods = CMN_ARRAY_SIZE(methods);
    T_OK(cmn_ttrpc_server_new(&opts, &server, &err), &err);
    *ret_fd = sv[1];
    return server;
}

static void send_hex(int fd, const char *hex)
{
    struct cmn_buf b = t_unhex(hex);
    T_OK(cmn_fd_write_all(fd, b.data, b.len), NULL);
    cmn_buf_done(&b);
}

/* Reads one answer frame; its Response is checked against code and text. */
static void expect_answer(int fd, uint32_t stream, int code, const char *text)
{
    uint8_t header[CMN_TTRPC_HEADER_BYTES], body[4096];
    struct cmn_ttrpc_frame f = {0};

    T_EQ_INT(recv(fd, header, sizeof(header), MSG_WAITALL), sizeof(header));
    T_OK(cmn_ttrpc_frame_decode(header, sizeof(header), &f, NULL), NULL);
    T_EQ_INT(f.stream, stream);
    T_EQ_INT(f.type, CMN_TTRPC_RESPONSE);
    T_TRUE(f.length <= sizeof(body));
    T_EQ_INT(recv(fd, body, f.length, MSG_WAITALL), f.length);
    Ttrpc__Response *resp = ttrpc__response__unpack(NULL, f.length, body);
    T_TRUE(resp != NULL);
    if (!resp)
        return;
    T_EQ_INT(resp->status ? resp->status->code : 0, code);
    T_EQ_STR(resp->status ? resp->status->message : "", text);
    ttrpc__response__free_unpacked(resp, NULL);
}

static void short_header_is_refused(void)
{
    struct cmn_ttrpc_frame f = {0};
    struct cmn_err err = {0};

    T_ERR(cmn_ttrpc_frame_decode("123456789", 9, &f, &err), -EBADMSG, &err, "9 bytes, want 10");
    T_ERR(cmn_ttrpc_frame_decode("", 0, &f, &err), -EBADMSG, &err, "0 bytes");
}

static void end_inside_a_frame_ends_the_server(void)
{
    int fd = -1;
    struct cmn_ttrpc_server *server = serve((struct cmn_ttrpc_server_opts){0}, &fd);

    send_hex(fd, "000000290000");
    (void)close(fd);
    cmn_ttrpc_server_wait(server);
    cmn_ttrpc_server_free(server);
}

static void even_and_reused_stream_ids_are_refused(void)
{
    int fd = -1;
    struct cmn_ttrpc_server *server = serve((struct cmn_ttrpc_server_opts){0}, &fd);

    send_hex(fd, "00000000000000020100");
    expect_answer(fd, 2, CMN_TTRPC_INVALID_ARGUMENT,
                  "StreamID must be odd for client initiated streams");
    send_hex(fd, "00000001000000030100"
                 "ff");
    expect_answer(fd, 3, CMN_TTRPC_INVALID_ARGUMENT, "unmarshal request error");
    send_hex(fd, "00000000000000030100");
    expect_answer(fd, 3, CMN_TTRPC_INVALID_ARGUMENT,
                  "StreamID cannot be re-used and must increment");
    (void)close(fd);
    cmn_ttrpc_server_free(server);
}

static void *write_oversize(void *arg)
{
    static const uint8_t zeros[65536];
    int fd = *(int *)arg;

    send_hex(fd, "00400001000000010100");
    for (size_t left = CMN_TTRPC_MAX_DATA + 1; left > 0;) {
        size_t n = left < sizeof(zeros) ? left : sizeof(zeros);
        if (cmn_fd_write_all(fd, zeros, n) < 0)
            break;
        left -= n;
    }
    return NULL;
}

static void oversize_is_dropped_and_the_connection_lives(void)
{
    int fd = -1;
    struct cmn_ttrpc_server *server = serve((struct cmn_ttrpc_server_opts){0}, &fd);
    pthread_t writer;

    T_EQ_INT(pthread_create(&writer, NULL, write_oversize, &fd), 0);
    expect_answer(fd, 1, CMN_TTRPC_RESOURCE_EXHAUSTED,
                  "message length 4194305 exceed maximum message size of 4194304");
    (void)pthread_join(writer, NULL);
    send_hex(fd, "00000000000000050300"); /* a stream frame: ignored */
    send_hex(fd, "00000000000000030100"); /* an empty Request */
    expect_answer(fd, 3, CMN_TTRPC_NOT_FOUND, "// is not supported");
    (void)close(fd);
    cmn_ttrpc_server_free(server);
}

static void unknown_methods_are_refused(void)
{
    static const struct {
        bool go;
        const char *service, *method, *text;
        int code;
    } cases[] = {
        {false, "a.B", "C", "/a.B/C is not supported", CMN_TTRPC_NOT_FOUND},
        {true, "a.B", "C", "service a.B", CMN_TTRPC_UNIMPLEMENTED},
        {true, "t.Test", "C", "method C", CMN_TTRPC_UNIMPLEMENTED},
    };
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct cmn_ttrpc_client *client = NULL;
        struct cmn_ttrpc_status st = {0};
        struct cmn_err err = {0};
        int fd = -1;
        struct cmn_ttrpc_server *server =
            serve((struct cmn_ttrpc_server_opts){.go_errors = cases[i].go}, &fd);
        T_OK(cmn_ttrpc_client_new(fd, &client, &err), &err);
        T_ERR(cmn_ttrpc_call(client, cases[i].service, cases[i].method, cmn_bytes(NULL, 0), 5000,
                             NULL, &st, &err),
              -EREMOTEIO, &err, "rpc status: Status { code: ");
        T_EQ_INT(st.code, cases[i].code);
        T_EQ_STR(st.message, cases[i].text);
        cmn_ttrpc_client_free(client);
        cmn_ttrpc_server_free(server);
    }
}

static void errors_print_as_upstream_prints_them(void)
{
    struct cmn_ttrpc_client *client = NULL;
    struct cmn_ttrpc_status st = {0};
    struct cmn_buf text = {0};
    struct cmn_err err = {0};
    int fd = -1;
    struct cmn_ttrpc_server *server = serve((struct cmn_ttrpc_server_opts){0}, &fd);

    T_OK(cmn_ttrpc_client_new(fd, &client, &err), &err);
    T_ERR(cmn_ttrpc_call(client, "t.Test", "Refuse", cmn_bytes(NULL, 0), 5000, NULL, &st, &err),
          -EREMOTEIO, &err, NULL);
    T_EQ_STR(err.msg,
             "rpc status: Status { code: INTERNAL, message: \"[CDH] [ERROR]: say \\\"no\\\"\", "
             "details: [], special_fields: SpecialFields { unknown_fields: UnknownFields { fields: "
             "None }, cached_size: CachedSize { size: 0 } } }");
    T_OK(cmn_ttrpc_status_debug(&st, &text), NULL);
    T_TRUE(strncmp((char *)text.data, "RpcStatus(Status {", 18) == 0);
    T_ERR(cmn_ttrpc_call(client, "t.Test", "Plain", cmn_bytes(NULL, 0), 5000, NULL, &st, &err),
          -EREMOTEIO, &err, "code: UNKNOWN");
    cmn_buf_done(&text);
    cmn_ttrpc_client_free(client);
    cmn_ttrpc_server_free(server);
}

static void too_large_a_request_is_not_sent(void)
{
    struct cmn_ttrpc_client *client = NULL;
    struct cmn_ttrpc_status st = {0};
    struct cmn_err err = {0};
    struct cmn_buf big = {0}, reply = {0};
    int fd = -1;
    struct cmn_ttrpc_server *server = serve((struct cmn_ttrpc_server_opts){0}, &fd);

    T_OK(cmn_buf_resize(&big, CMN_TTRPC_MAX_DATA), NULL);
    T_OK(cmn_ttrpc_client_new(fd, &client, &err), &err);
    T_ERR(cmn_ttrpc_call(client, "t.Test", "Echo", cmn_buf_bytes(&big), 5000, &reply, &st, &err),
          -EMSGSIZE, &err, "above 4194304 bytes");
    T_EQ_INT(st.code, CMN_TTRPC_UNKNOWN);
    big.len -= 64; /* fits as a request; the answer has a smaller head */
    T_OK(cmn_ttrpc_call(client, "t.Test", "Echo", cmn_buf_bytes(&big), 5000, &reply, &st, &err),
         &err);
    T_EQ_INT(reply.len, big.len);
    cmn_buf_done(&big);
    cmn_buf_done(&reply);
    cmn_ttrpc_client_free(client);
    cmn_ttrpc_server_free(server);
}

static void a_call_ends_at_its_deadline(void)
{
    struct cmn_ttrpc_client *client = NULL;
    struct cmn_ttrpc_status st = {0};
    struct cmn_err err = {0};
    struct cmn_buf reply = {0};
    int fd = -1;
    struct cmn_ttrpc_server *server = serve((struct cmn_ttrpc_server_opts){0}, &fd);

    set_gate(false);
    T_OK(cmn_ttrpc_client_new(fd, &client, &err), &err);
    T_ERR(cmn_ttrpc_call(client, "t.Test", "Wait", cmn_bytes("late", 4), 20, &reply, &st, &err),
          -ETIMEDOUT, &err, "no answer within 20 ms");
    set_gate(true); /* the late answer finds no call and is dropped */
    T_OK(cmn_ttrpc_call(client, "t.Test", "Echo", cmn_bytes("x", 1), 5000, &reply, &st, &err),
         &err);
    T_EQ_STR((char *)reply.data, "x");
    cmn_buf_done(&reply);
    cmn_ttrpc_client_free(client);
    cmn_ttrpc_server_free(server);
}

static void a_lost_server_ends_the_calls(void)
{
    struct cmn_ttrpc_client *client = NULL;
    struct cmn_err err = {0};
    int sv[2];

    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    T_OK(cmn_ttrpc_client_new(sv[0], &client, &err), &err);
    (void)shutdown(sv[1], SHUT_RDWR);
    T_ERR(cmn_ttrpc_call(client, "t.Test", "Echo", cmn_bytes("x", 1), 0, NULL, NULL, &err),
          -ECONNRESET, &err, "connection lost");
    T_TRUE(cmn_ttrpc_client_closed(client));
    (void)close(sv[1]);
    cmn_ttrpc_client_free(client);
    T_ERR(cmn_ttrpc_client_connect("unix:///nonexistent/x.sock", &client, &err), -ENOENT, &err,
          "/nonexistent/x.sock");
}

static void more_calls_than_allowed_are_refused(void)
{
    struct cmn_ttrpc_server_opts opts = {.max_calls = 1};
    struct cmn_ttrpc_client *client = NULL;
    struct cmn_ttrpc_status st = {0};
    struct cmn_err err = {0};
    int fd = -1;
    struct cmn_ttrpc_server *server = serve(opts, &fd);

    set_gate(false);
    T_OK(cmn_ttrpc_client_new(fd, &client, &err), &err);
    T_ERR(cmn_ttrpc_call(client, "t.Test", "Wait", cmn_bytes("x", 1), 1, NULL, &st, &err),
          -ETIMEDOUT, &err, NULL);
    T_ERR(cmn_ttrpc_call(client, "t.Test", "Echo", cmn_bytes("x", 1), 5000, NULL, &st, &err),
          -EREMOTEIO, &err, "too many calls");
    T_EQ_INT(st.code, CMN_TTRPC_RESOURCE_EXHAUSTED);
    set_gate(true);
    cmn_ttrpc_client_free(client);
    cmn_ttrpc_server_free(server);
}

static void version_vector_is_answered_byte_for_byte(void)
{
    int fd = -1;
    struct cmn_ttrpc_server *server = serve((struct cmn_ttrpc_server_opts){0}, &fd);
    struct cmn_buf want = t_unhex(version_response);
    uint8_t got[64];

    send_hex(fd, version_request);
    T_EQ_INT(recv(fd, got, want.len, MSG_WAITALL), want.len);
    T_EQ_MEM(got, want.data, want.len);
    cmn_buf_done(&want);
    (void)close(fd);
    cmn_ttrpc_server_free(server);
}

static void *answer_vector(void *arg)
{
    int fd = *(int *)arg;
    uint8_t got[256];
    struct cmn_buf want = t_unhex(version_request);

    ssize_t n = recv(fd, got, want.len, MSG_WAITALL);
    T_EQ_INT(n, want.len);
    T_EQ_MEM(got, want.data, want.len);
    send_hex(fd, version_response);
    cmn_buf_done(&want);
    return NULL;
}

static void version_vector_is_sent_byte_for_byte(void)
{
    struct cmn_ttrpc_client *client = NULL;
    struct cmn_buf reply = {0};
    struct cmn_err err = {0};
    pthread_t peer;
    int sv[2];

    T_EQ_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
    T_EQ_INT(pthread_create(&peer, NULL, answer_vector, &sv[1]), 0);
    T_OK(cmn_ttrpc_client_new(sv[0], &client, &err), &err);
    T_OK(cmn_ttrpc_call(client, "hypervisor.Hypervisor", "Version",
                        cmn_bytes("\x0a\x05"
                                  "0.0.0",
                                  7),
                        0, &reply, NULL, &err),
         &err);
    T_EQ_INT(reply.len, 7);
    (void)pthread_join(peer, NULL);
    (void)close(sv[1]);
    cmn_buf_done(&reply);
    cmn_ttrpc_client_free(client);
}

struct worker {
    struct cmn_ttrpc_client *client;
    unsigned id;
    unsigned failures;
};

static void *hammer(void *arg)
{
    struct worker *w = arg;

    for (unsigned i = 0; i < 200; i++) {
        AttestationAgent__GetTokenRequest req = ATTESTATION_AGENT__GET_TOKEN_REQUEST__INIT;
        ProtobufCMessage *msg = NULL;
        char text[32];
        (void)snprintf(text, sizeof(text), "%u-%u", w->id, i);
        req.tokentype = text;
        if (cmn_ttrpc_call_msg(w->client, "t.Test", "Echo", &req.base,
                               &attestation_agent__get_token_request__descriptor, 10000, &msg, NULL,
                               NULL) < 0) {
            w->failures++;
            continue;
        }
        if (strcmp(((AttestationAgent__GetTokenRequest *)msg)->tokentype, text) != 0)
            w->failures++;
        protobuf_c_message_free_unpacked(msg, NULL);
    }
    return NULL;
}

static void *wait_call(void *arg)
{
    struct worker *w = arg;
    struct cmn_err err = {0};

    if (cmn_ttrpc_call(w->client, "t.Test", "Wait", cmn_bytes("w", 1), 0, NULL, NULL, &err) < 0)
        w->failures++;
    return NULL;
}

static void calls_run_side_by_side(void)
{
    struct cmn_ttrpc_client *client = NULL;
    struct worker workers[8], blocked;
    struct cmn_err err = {0};
    pthread_t threads[8], blocker;
    int fd = -1;
    struct cmn_ttrpc_server *server = serve((struct cmn_ttrpc_server_opts){0}, &fd);

    set_gate(false);
    T_OK(cmn_ttrpc_client_new(fd, &client, &err), &err);
    blocked = (struct worker){client, 99, 0};
    T_EQ_INT(pthread_create(&blocker, NULL, wait_call, &blocked), 0);
    for (unsigned i = 0; i < CMN_ARRAY_SIZE(workers); i++) {
        workers[i] = (struct worker){client, i, 0};
        T_EQ_INT(pthread_create(&threads[i], NULL, hammer, &workers[i]), 0);
    }
    for (unsigned i = 0; i < CMN_ARRAY_SIZE(workers); i++) {
        (void)pthread_join(threads[i], NULL);
        T_EQ_INT(workers[i].failures, 0);
    }
    set_gate(true);
    (void)pthread_join(blocker, NULL);
    T_EQ_INT(blocked.failures, 0);
    cmn_ttrpc_client_free(client);
    cmn_ttrpc_server_free(server);
}

static void a_listening_server_takes_many_connections(void)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct cmn_ttrpc_server *server = NULL;
    struct cmn_err err = {0};
    char address[128];

    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%.80s/s.sock", t_tmpdir());
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    T_EQ_INT(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    T_EQ_INT(listen(fd, 8), 0);
    T_OK(cmn_ttrpc_server_new(&(struct cmn_ttrpc_server_opts){.listen_fd = fd,
                                                              .conn_fd = -1,
                                                              .methods = methods,
                                                              .n_methods = CMN_ARRAY_SIZE(methods)},
                              &server, &err),
         &err);
    (void)snprintf(address, sizeof(address), "unix://%s", sa.sun_path);
    for (unsigned i = 0; i < 20; i++) {
        struct cmn_ttrpc_client *client = NULL;
        struct cmn_buf reply = {0};
        T_OK(cmn_ttrpc_client_connect(address, &client, &err), &err);
        T_OK(cmn_ttrpc_call(client, "t.Test", "Echo", cmn_bytes("hi", 2), 5000, &reply, NULL, &err),
             &err);
        T_EQ_STR((char *)reply.data, "hi");
        cmn_buf_done(&reply);
        cmn_ttrpc_client_free(client);
    }
    cmn_ttrpc_server_free(server);
}

TEST_MAIN("ttrpc", {"short header is refused", short_header_is_refused},
          {"end inside a frame ends the server", end_inside_a_frame_ends_the_server},
          {"even and reused stream ids are refused", even_and_reused_stream_ids_are_refused},
          {"oversize is dropped, the connection lives",
           oversize_is_dropped_and_the_connection_lives},
          {"unknown methods are refused", unknown_methods_are_refused},
          {"errors print as upstream prints them", errors_print_as_upstream_prints_them},
          {"too large a request is not sent", too_large_a_request_is_not_sent},
          {"a call ends at its deadline", a_call_ends_at_its_deadline},
          {"a lost server ends the calls", a_lost_server_ends_the_calls},
          {"more calls than allowed are refused", more_calls_than_allowed_are_refused},
          {"Version vector is answered", version_vector_is_answered_byte_for_byte},
          {"Version vector is sent", version_vector_is_sent_byte_for_byte},
          {"calls run side by side", calls_run_side_by_side},
          {"a listening server takes many connections", a_listening_server_takes_many_connections})
