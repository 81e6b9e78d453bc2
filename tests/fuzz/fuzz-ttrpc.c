/* Aims at: cmn_ttrpc_frame_decode, cmn_ttrpc_frame_encode, cmn_ttrpc_read_frame, the server's
 * reading of requests, cmn_ttrpc_unpack. */
#include "fuzz.h"

#include "common/ttrpc/proto/agent.pb-c.h"
#include "common/ttrpc/ttrpc.h"

#include <sys/socket.h>
#include <unistd.h>

/* Answers as the guest's services do: unpack, look, pack. */
static int create(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                  struct cmn_ttrpc_status *status)
{
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&grpc__create_container_request__descriptor, request, status);

    (void)ctx;
    if (!msg)
        return -EREMOTEIO;
    return cmn_ttrpc_pack(msg, reply);
}

static void check_answers(const struct cmn_buf *all)
{
    struct cmn_ttrpc_frame f;

    for (size_t at = 0; at < all->len; at += CMN_TTRPC_HEADER_BYTES + f.length) {
        FUZZ_CHECK(cmn_ttrpc_frame_decode(all->data + at, all->len - at, &f, NULL) == 0);
        FUZZ_CHECK(f.type == CMN_TTRPC_RESPONSE);
        FUZZ_CHECK(all->len - at - CMN_TTRPC_HEADER_BYTES >= f.length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cmn_ttrpc_method methods[] = {
        {"grpc.AgentService", "CreateContainer", create}};
    struct cmn_ttrpc_server *server = NULL;
    auto_buf struct cmn_buf answers = {0};
    struct cmn_ttrpc_frame frame;
    uint8_t again[CMN_TTRPC_HEADER_BYTES];
    int sv[2];

    if (cmn_ttrpc_frame_decode(data, size, &frame, NULL) == 0) {
        cmn_ttrpc_frame_encode(&frame, again);
        FUZZ_CHECK(memcmp(again, data, sizeof(again)) == 0);
    }
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) == 0);
    FUZZ_CHECK(cmn_ttrpc_server_new(
                   &(struct cmn_ttrpc_server_opts){
                       .listen_fd = -1, .conn_fd = sv[0], .methods = methods, .n_methods = 1},
                   &server, NULL) == 0);
    CMN_IGNORE(size > 65536 ? 0 : cmn_fd_write_all(sv[1], data, size)); /* it may hang up */
    (void)shutdown(sv[1], SHUT_WR);
    cmn_ttrpc_server_wait(server);
    cmn_ttrpc_server_free(server);
    if (cmn_fd_read_all(sv[1], 1 << 20, &answers, NULL) == 0)
        check_answers(&answers);
    (void)close(sv[1]);
    return 0;
}
