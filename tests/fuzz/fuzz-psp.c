/* Aims at: snp_psp_frame_decode; the PSP server's reading of guest messages (fake-tee/lib/
 * psp-server.c). */
#include "chain.h"

#include "common/snp/psp-msg.h"
#include "fake-tee/psp.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_len;

/* A served PSP on a socket of the abstract namespace, for the life of the program. */
static void set_up(void)
{
    static struct ftee_psp_server *server;
    static struct ftee_psp *psp;
    static struct ftee_ca *ca;
    static struct cmn_env *env;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ca = fuzz_chain(&env);
    FUZZ_CHECK(ftee_psp_launch_start(env, ca, &(struct ftee_launch){0}, &psp, NULL) == 0);
    FUZZ_CHECK(ftee_psp_launch_finish(psp, NULL, NULL) == 0);
    (void)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "cocobox-fuzz-psp-%d",
                   (int)getpid());
    address_len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(address.sun_path + 1));
    FUZZ_CHECK(bind(fd, (void *)&address, address_len) == 0 && listen(fd, 64) == 0);
    FUZZ_CHECK(ftee_psp_server_new(psp, &(struct ftee_psp_server_opts){.listen_fd = fd}, &server,
                                   NULL) == 0);
}

/* Every answer is a whole response frame that its own length describes. */
static void check_answers(const struct cmn_buf *all)
{
    struct snp_psp_frame f;

    for (size_t at = 0; at < all->len; at += SNP_PSP_HEADER_BYTES + f.body_len + f.certs_len) {
        FUZZ_CHECK(all->len - at >= SNP_PSP_HEADER_BYTES);
        FUZZ_CHECK(snp_psp_frame_decode(all->data + at, &f, NULL) == 0);
        FUZZ_CHECK(f.type == SNP_MSG_KEY_RSP
                       ? f.body_len == SNP_KEY_RSP_BYTES
                       : f.type == SNP_MSG_REPORT_RSP && f.body_len == SNP_REPORT_RSP_BYTES);
        FUZZ_CHECK(all->len - at - SNP_PSP_HEADER_BYTES >= (size_t)f.body_len + f.certs_len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct cmn_buf answers = {0};
    struct snp_psp_frame frame;
    uint8_t again[SNP_PSP_HEADER_BYTES];

    if (!address_len)
        set_up();
    if (size >= SNP_PSP_HEADER_BYTES && snp_psp_frame_decode(data, &frame, NULL) == 0) {
        snp_psp_frame_encode(&frame, again);
        FUZZ_CHECK(memcmp(again, data, sizeof(again)) == 0);
    }
    /* few enough requests that all answers fit the socket's buffer before they are read */
    if (size > 4 * (SNP_PSP_HEADER_BYTES + SNP_REPORT_REQ_BYTES))
        return 0;
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FUZZ_CHECK(connect(fd, (void *)&address, address_len) == 0);
    if (size && send(fd, data, size, MSG_NOSIGNAL) < 0)
        return 0; /* refused before all was sent */
    (void)shutdown(fd, SHUT_WR);
    if (cmn_fd_read_all(fd, 1 << 20, &answers, NULL) == 0) /* else: reset, with bytes unread */
        check_answers(&answers);
    return 0;
}
