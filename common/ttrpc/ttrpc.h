/*
 * ttrpc.h - ttrpc over stream sockets: frames, statuses, a client and a server for unary calls.
 *
 * Client, any number of threads at once:
 *
 *     struct cmn_ttrpc_client *c = NULL;
 *     struct cmn_ttrpc_status st;
 *     int r = cmn_ttrpc_client_connect("unix:///run/confidential-containers/cdh.sock", &c, &err);
 *     r = cmn_ttrpc_call_msg(c, "api.GetResourceService", "GetResource", &req.base,
 *                            &api__get_resource_response__descriptor, 50000, &msg, &st, &err);
 *     ...
 *     protobuf_c_message_free_unpacked(msg, NULL);
 *     cmn_ttrpc_client_free(c);
 *
 * Server: a table of methods; each request runs on a thread of its own, so a handler may block.
 *
 * Sources: containerd/ttrpc PROTOCOL.md and channel.go, server.go; ttrpc-rust for the texts.
 * Every length that a peer names is bounded by CMN_TTRPC_MAX_DATA.
 */
#ifndef CMN_TTRPC_H
#define CMN_TTRPC_H

#include "common/buf/buf.h"

#include <protobuf-c/protobuf-c.h>

#define CMN_TTRPC_HEADER_BYTES 10
#define CMN_TTRPC_MAX_DATA     (4u << 20)
#define CMN_TTRPC_TIMEOUT_MS   50000 /* every call between upstream's guest components */

enum cmn_ttrpc_type { CMN_TTRPC_REQUEST = 1, CMN_TTRPC_RESPONSE = 2, CMN_TTRPC_STREAM_DATA = 3 };

enum cmn_ttrpc_code { /* gRPC's numbers */
                      CMN_TTRPC_OK = 0,
                      CMN_TTRPC_CANCELLED = 1,
                      CMN_TTRPC_UNKNOWN = 2,
                      CMN_TTRPC_INVALID_ARGUMENT = 3,
                      CMN_TTRPC_DEADLINE_EXCEEDED = 4,
                      CMN_TTRPC_NOT_FOUND = 5,
                      CMN_TTRPC_ALREADY_EXISTS = 6,
                      CMN_TTRPC_PERMISSION_DENIED = 7,
                      CMN_TTRPC_RESOURCE_EXHAUSTED = 8,
                      CMN_TTRPC_FAILED_PRECONDITION = 9,
                      CMN_TTRPC_UNIMPLEMENTED = 12,
                      CMN_TTRPC_INTERNAL = 13,
                      CMN_TTRPC_UNAVAILABLE = 14,
};

struct cmn_ttrpc_status {
    int code;           /* enum cmn_ttrpc_code */
    char message[4096]; /* "" when OK; longer texts are cut */
};

struct cmn_ttrpc_frame { /* header: u32 BE length, u32 BE stream, u8 type, u8 flags */
    uint32_t length;
    uint32_t stream;
    uint8_t type;
    uint8_t flags;
};

void cmn_ttrpc_frame_encode(const struct cmn_ttrpc_frame *frame,
                            uint8_t out[CMN_TTRPC_HEADER_BYTES]);
/* -EBADMSG: len is below 10 bytes. The length field is not judged (see CMN_TTRPC_MAX_DATA). */
int cmn_ttrpc_frame_decode(const void *data, size_t len, struct cmn_ttrpc_frame *ret,
                           struct cmn_err *err) CMN_MUST_USE;

/* "INTERNAL", "NOT_FOUND"; the number as text when there is no name: static storage, "UNKNOWN". */
const char *cmn_ttrpc_code_name(int code);
/* Sets code and message of a status; returns -EREMOTEIO so that a handler can `return` it. */
int cmn_ttrpc_fail(struct cmn_ttrpc_status *status, enum cmn_ttrpc_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends s in quotes with the escapes of Rust's Debug for str. */
int cmn_ttrpc_quote(struct cmn_buf *ret, const char *s) CMN_MUST_USE;
/* Appends `rpc status: Status { code: INTERNAL, message: "...", details: [], ... }`: ttrpc-rust's
 * Display. */
int cmn_ttrpc_status_display(const struct cmn_ttrpc_status *status,
                             struct cmn_buf *ret) CMN_MUST_USE;
/* Appends `RpcStatus(Status { ... })`: ttrpc-rust's Debug. */
int cmn_ttrpc_status_debug(const struct cmn_ttrpc_status *status, struct cmn_buf *ret) CMN_MUST_USE;

/* ---- client ---- */

struct cmn_ttrpc_client;

/* address: a path, or unix://PATH. -ENOENT, -ECONNREFUSED, -ENAMETOOLONG. */
int cmn_ttrpc_client_connect(const char *address, struct cmn_ttrpc_client **ret,
                             struct cmn_err *err) CMN_MUST_USE;
/* Over a connected stream; the fd is adopted, also on failure. */
int cmn_ttrpc_client_new(int fd, struct cmn_ttrpc_client **ret, struct cmn_err *err) CMN_MUST_USE;
/* Calls that still wait end with -ECONNRESET; they must be over before. NULL ok. */
void cmn_ttrpc_client_free(struct cmn_ttrpc_client *client);
/* The connection is gone: every further call fails with -ECONNRESET. */
bool cmn_ttrpc_client_closed(struct cmn_ttrpc_client *client);

/*
 * One unary call. timeout_ms 0 waits forever. ret_payload (may be NULL) gets the reply's bytes
 * appended. -EREMOTEIO: the server answered with a status, in *ret_status, and err prints it as
 * ttrpc-rust does; -ETIMEDOUT; -ECONNRESET: connection lost; -EMSGSIZE: request above 4 MiB;
 * -EBADMSG: no Response. ret_status (may be NULL) is always written: OK, the server's, or UNKNOWN
 * with our own text.
 */
int cmn_ttrpc_call(struct cmn_ttrpc_client *client, const char *service, const char *method,
                   struct cmn_bytes request, unsigned timeout_ms, struct cmn_buf *ret_payload,
                   struct cmn_ttrpc_status *ret_status, struct cmn_err *err) CMN_MUST_USE;
/*
 * The same with messages of protobuf-c. reply_type and ret may both be NULL (an Empty reply); else
 * *ret is freed with protobuf_c_message_free_unpacked(msg, NULL).
 */
int cmn_ttrpc_call_msg(struct cmn_ttrpc_client *client, const char *service, const char *method,
                       const ProtobufCMessage *request,
                       const ProtobufCMessageDescriptor *reply_type, unsigned timeout_ms,
                       ProtobufCMessage **ret, struct cmn_ttrpc_status *ret_status,
                       struct cmn_err *err) CMN_MUST_USE;

/* ---- server ---- */

/*
 * Runs on the request's own thread. Appends the reply message to `reply`, or fails with
 * `return cmn_ttrpc_fail(status, CODE, ...)`. Another negative return without a status is UNKNOWN.
 * Deadlines: the caller's (timeout_nano) is kept by the caller; a handler bounds its own work.
 */
typedef int cmn_ttrpc_handler(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                              struct cmn_ttrpc_status *status);

struct cmn_ttrpc_method {
    const char *service; /* "api.GetResourceService" */
    const char *method;  /* "GetResource" */
    cmn_ttrpc_handler *handle;
};

struct cmn_ttrpc_server_opts {
    int listen_fd; /* adopted; -1: none */
    int conn_fd;   /* one connected stream, adopted; -1: none. One of both is given */
    const struct cmn_ttrpc_method *methods; /* must outlive the server */
    size_t n_methods;
    void *ctx;
    unsigned max_calls; /* running at once over all connections, 0: 256; more: RESOURCE_EXHAUSTED */
    unsigned max_connections; /* 0: 64; more are closed at once */
    /* A method that is not in the table: NOT_FOUND "/S/M is not supported" as ttrpc-rust's servers,
     * or with go_errors UNIMPLEMENTED "service S" / "method M". */
    bool go_errors;
};

struct cmn_ttrpc_server;

int cmn_ttrpc_server_new(const struct cmn_ttrpc_server_opts *opts, struct cmn_ttrpc_server **ret,
                         struct cmn_err *err) CMN_MUST_USE;
/* Waits until the server was stopped, or its conn_fd reached its end. */
void cmn_ttrpc_server_wait(struct cmn_ttrpc_server *server);
/* Closes every connection, waits for running handlers, frees. NULL ok. */
void cmn_ttrpc_server_free(struct cmn_ttrpc_server *server);

/* Packs a reply message (a handler's last line): 0 or -ENOMEM. */
int cmn_ttrpc_pack(const ProtobufCMessage *msg, struct cmn_buf *reply) CMN_MUST_USE;
/* Unpacks a request; on malformed bytes sets INVALID_ARGUMENT and returns NULL. */
ProtobufCMessage *cmn_ttrpc_unpack(const ProtobufCMessageDescriptor *type, struct cmn_bytes request,
                                   struct cmn_ttrpc_status *status);

/* Frees an unpacked message of any type at end of scope. */
void cmn_ttrpc_msg_cleanup(void *msg_pp);
#define auto_msg __attribute__((cleanup(cmn_ttrpc_msg_cleanup)))

#endif
