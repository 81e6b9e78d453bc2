/*
 * test-psp-server.c - both ends of the PSP's socket against a hostile other end: the server goes on
 * serving whatever guests send, and the guest's client refuses whatever a broken PSP answers.
 */
#include "tests/testlib/testlib.h"
#include "tests/unit/fake-tee/chain.h"

#include "common/snp/psp-msg.h"
#include "common/snp/vek.h"
#include "fake-tee/psp.h"

#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_BYTES (SNP_PSP_HEADER_BYTES + SNP_REPORT_REQ_BYTES)
#define ANSWER_BYTES  (SNP_PSP_HEADER_BYTES + SNP_REPORT_RSP_BYTES)

static struct cmn_env *env;
static struct ftee_ca *ca;
static struct ftee_psp *psp;
static char path[100];

struct seen {
    pthread_mutex_t lock;
    unsigned ok, refused;
};

static void observe(void *ctx, uint32_t vmpl, uint32_t status)
{
    struct seen *seen = ctx;

    (void)vmpl;
    (void)pthread_mutex_lock(&seen->lock);
    if (status == 0)
        seen->ok++;
    else
        seen->refused++;
    (void)pthread_mutex_unlock(&seen->lock);
}

static struct sockaddr_un address(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    return addr;
}

static int listen_here(void)
{
    static int count;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(path, sizeof(path), "%s/psp-%d.sock", t_tmpdir(), count++);
    struct sockaddr_un addr = address();
    T_EQ_INT(bind(fd, (void *)&addr, sizeof(addr)), 0);
    T_EQ_INT(listen(fd, 64), 0);
    return fd;
}

static int dial(void)
{
    struct sockaddr_un addr = address();
    struct timeval limit = {.tv_sec = 20};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    T_EQ_INT(connect(fd, (void *)&addr, sizeof(addr)), 0);
    return fd;
}

static struct ftee_psp_server *server(struct seen *seen)
{
    struct ftee_psp_server *s = NULL;
    struct cmn_err err = {0};

    if (!env) {
        T_OK(cmn_env_new_seeded(TEST_CHAIN_SEED, sizeof(TEST_CHAIN_SEED) - 1, &env, &err), &err);
        T_OK(ftee_ca_open(env, test_chain_dir(), SNP_GENOA, &ca, &err), &err);
        T_OK(ftee_psp_launch_start(env, ca, &(struct ftee_launch){0}, &psp, &err), &err);
        T_OK(ftee_psp_launch_finish(psp, NULL, &err), &err);
    }
    T_OK(ftee_psp_server_new(psp,
                             &(struct ftee_psp_server_opts){.listen_fd = listen_here(),
                                                            .observe = seen ? observe : NULL,
                                                            .ctx = seen},
                             &s, &err),
         &err);
    return s;
}

static void request(uint8_t out[REQUEST_BYTES], uint8_t data, uint32_t vmpl, uint8_t flags)
{
    memset(out, 0, REQUEST_BYTES);
    snp_psp_frame_encode(&(struct snp_psp_frame){.type = SNP_MSG_REPORT_REQ,
                                                 .flags = flags,
                                                 .body_len = SNP_REPORT_REQ_BYTES},
                         out);
    memset(out + SNP_PSP_HEADER_BYTES, data, 64);
    cmn_put_u32le(out + SNP_PSP_HEADER_BYTES + 64, vmpl);
}

/* Reads one answer without certificates; its status. */
static uint32_t answer(int fd, uint8_t ret[ANSWER_BYTES])
{
    T_OK(snp_psp_read(fd, ret, ANSWER_BYTES), NULL);
    T_EQ_MEM(ret, "PSP1\x06", 5);
    return ret[16] | (uint32_t)ret[17] << 8;
}

static void reserved_fields_and_bad_levels_get_status_0x16(void)
{
    struct seen seen = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct ftee_psp_server *s = server(&seen);
    uint8_t req[REQUEST_BYTES], ans[ANSWER_BYTES];
    static const uint32_t bad_vmpl[] = {4, 5, 0x100, 0x80000000, 0xFFFFFFFF};
    int fd = dial();

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad_vmpl); i++) {
        request(req, 1, bad_vmpl[i], 1);
        T_EQ_INT(send(fd, req, sizeof(req), 0), sizeof(req));
        T_EQ_INT(answer(fd, ans), 0x16);
        T_TRUE(cmn_all_zero(ans + 20, sizeof(ans) - 20)); /* no report, no size */
        T_TRUE(cmn_all_zero(ans + 12, 4));                /* no certificates behind it */
    }
    for (size_t at = 69; at < 96; at++) {
        request(req, 1, 0, 0);
        req[SNP_PSP_HEADER_BYTES + at] = 1;
        T_EQ_INT(send(fd, req, sizeof(req), 0), sizeof(req));
        T_EQ_INT(answer(fd, ans), 0x16);
    }
    request(req, 1, 0, 0);
    req[SNP_PSP_HEADER_BYTES + 68] = 2; /* a VLEK is asked for; none is loaded */
    T_EQ_INT(send(fd, req, sizeof(req), 0), sizeof(req));
    T_TRUE(answer(fd, ans) != 0);
    req[SNP_PSP_HEADER_BYTES + 68] = 1; /* the VCEK by name */
    T_EQ_INT(send(fd, req, sizeof(req), 0), sizeof(req));
    T_EQ_INT(answer(fd, ans), 0);
    (void)close(fd);
    ftee_psp_server_free(s);
    T_EQ_INT(seen.ok, 1);
    T_EQ_INT(seen.refused, CMN_ARRAY_SIZE(bad_vmpl) + 27 + 1);
}

static void pieces_and_pipelines_are_served(void)
{
    struct ftee_psp_server *s = server(NULL);
    uint8_t req[3 * REQUEST_BYTES], ans[ANSWER_BYTES];
    int fd = dial();

    request(req, 1, 0, 0);
    for (size_t i = 0; i < REQUEST_BYTES; i++) /* one byte at a time */
        T_EQ_INT(send(fd, req + i, 1, 0), 1);
    T_EQ_INT(answer(fd, ans), 0);
    T_EQ_INT(ans[48 + 0x50], 1);
    for (uint8_t i = 0; i < 3; i++)
        request(req + i * REQUEST_BYTES, (uint8_t)(10 + i), i, 0);
    T_EQ_INT(send(fd, req, sizeof(req), 0), sizeof(req)); /* three at once */
    for (uint8_t i = 0; i < 3; i++) {
        T_EQ_INT(answer(fd, ans), 0);
        T_EQ_INT(ans[48 + 0x50], 10 + i);
        T_EQ_INT(ans[48 + 0x30], i);
    }
    (void)close(fd);
    ftee_psp_server_free(s);
}

static void nonsense_ends_only_its_own_connection(void)
{
    struct ftee_psp_server *s = server(NULL);
    uint8_t junk[300], raw[SNP_REPORT_BYTES], data[64] = {3}, req[REQUEST_BYTES], ans[ANSWER_BYTES];
    int good = dial();
    struct cmn_err err = {0};

    for (int i = 0; i < 300; i++) {
        int fd = dial();
        T_OK(cmn_env_random(env, junk, sizeof(junk), NULL), NULL);
        if (i % 3)
            request(junk, 0, 0, (uint8_t)i); /* a good start */
        if (i % 3 == 1)
            junk[i % SNP_PSP_HEADER_BYTES] ^= (uint8_t)(1 + i % 255);
        (void)send(fd, junk, (size_t)i, MSG_NOSIGNAL);
        if (i % 2)
            (void)shutdown(fd, SHUT_WR);
        (void)close(fd);
    }
    request(req, 9, 0, 0); /* the one that was open all the time */
    T_EQ_INT(send(good, req, sizeof(req), 0), sizeof(req));
    T_EQ_INT(answer(good, ans), 0);
    T_OK(snp_psp_get_report(path, data, 0, raw, NULL, &err), &err);
    (void)close(good);
    ftee_psp_server_free(s);
}

static void one_connection_too_many_is_closed(void)
{
    struct ftee_psp_server *s = server(NULL);
    int fds[65];
    uint8_t req[REQUEST_BYTES], ans[ANSWER_BYTES], c;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(fds); i++)
        fds[i] = dial();
    T_EQ_INT(recv(fds[64], &c, 1, 0), 0);
    request(req, 1, 0, 0);
    T_EQ_INT(send(fds[63], req, sizeof(req), 0), sizeof(req));
    T_EQ_INT(answer(fds[63], ans), 0);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(fds); i++)
        (void)close(fds[i]);
    ftee_psp_server_free(s);
}

/* Guests that ask and never read lose their connections; who comes after them is served. */
static void guests_that_do_not_read_stop_nobody(void)
{
    struct ftee_psp_server *s = server(NULL);
    int fds[80];
    uint8_t req[REQUEST_BYTES], data[64] = {3}, raw[SNP_REPORT_BYTES];
    struct cmn_err err = {0};

    request(req, 1, 0, 1);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(fds); i++) {
        fds[i] = dial();
        for (int k = 0; k < 40; k++)
            (void)send(fds[i], req, sizeof(req), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    for (size_t i = 0; i < CMN_ARRAY_SIZE(fds); i++)
        (void)close(fds[i]);
    int r = -EPIPE;
    for (int i = 0; i < 500 && r < 0; i++) /* until the server has seen the hang-ups */
        r = snp_psp_get_report(path, data, 0, raw, NULL, &err);
    T_OK(r, &err);
    ftee_psp_server_free(s);
}

static void *ask_many(void *arg)
{
    uint8_t data[64], raw[SNP_REPORT_BYTES];
    uint8_t who = *(uint8_t *)arg;

    for (int i = 0; i < 20; i++) {
        auto_certs struct snp_certs certs = {0};
        memset(data, who, sizeof(data));
        if (snp_psp_get_report(path, data, 0, raw, &certs, NULL) < 0 || certs.n != 3 ||
            memcmp(raw + 0x50, data, 64) != 0)
            return arg;
    }
    return NULL;
}

static void guests_in_parallel_get_their_own_reports(void)
{
    struct ftee_psp_server *s = server(NULL);
    pthread_t threads[8];
    uint8_t who[8];
    void *bad = NULL;

    for (uint8_t i = 0; i < 8; i++) {
        who[i] = i;
        T_EQ_INT(pthread_create(&threads[i], NULL, ask_many, &who[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        T_EQ_INT(pthread_join(threads[i], &bad), 0);
        T_TRUE(bad == NULL);
    }
    ftee_psp_server_free(s);
}

/* ---- the guest's client against a broken PSP ---- */

struct broken {
    int fd;
    const uint8_t *bytes;
    size_t len;
};

static void *answer_with(void *arg)
{
    struct broken *b = arg;
    uint8_t req[REQUEST_BYTES];
    int fd = accept(b->fd, NULL, NULL);

    CMN_IGNORE(snp_psp_read(fd, req, sizeof(req))); /* answered whatever was asked */
    (void)send(fd, b->bytes, b->len, MSG_NOSIGNAL);
    (void)close(fd);
    return NULL;
}

static void client_meets(const uint8_t *bytes, size_t len, int want, const char *part)
{
    struct broken b = {listen_here(), bytes, len};
    uint8_t data[64] = {1}, raw[SNP_REPORT_BYTES] = {0};
    struct snp_certs certs = {0};
    struct cmn_err err = {0};
    pthread_t thread;

    T_EQ_INT(pthread_create(&thread, NULL, answer_with, &b), 0);
    T_ERR(snp_psp_get_report(path, data, 0, raw, &certs, &err), want, &err, part);
    T_EQ_INT(certs.n, 0);
    T_TRUE(cmn_all_zero(raw, sizeof(raw)));
    T_EQ_INT(pthread_join(thread, NULL), 0);
    (void)close(b.fd);
}

static void client_refuses_broken_answers(void)
{
    uint8_t ans[ANSWER_BYTES + 24] = {0};
    struct snp_psp_frame f = {.type = SNP_MSG_REPORT_RSP, .body_len = SNP_REPORT_RSP_BYTES};

    client_meets(ans, 0, -EPIPE, "closed the connection");
    client_meets(ans, ANSWER_BYTES, -EBADMSG, "not a PSP message");
    snp_psp_frame_encode(&f, ans);
    client_meets(ans, 10, -EPIPE, "closed the connection");
    client_meets(ans, ANSWER_BYTES - 1, -EPIPE, "not whole");
    client_meets(ans, ANSWER_BYTES, -EBADMSG, "0 bytes, want 1184"); /* status 0, size 0 */
    cmn_put_u32le(ans + 16, 0x27);
    client_meets(ans, ANSWER_BYTES, -EINVAL, "status 0x27");
    cmn_put_u32le(ans + 16, 0);
    cmn_put_u32le(ans + 20, SNP_REPORT_BYTES);
    f.certs_len = 24;
    snp_psp_frame_encode(&f, ans);
    client_meets(ans, ANSWER_BYTES + 23, -EPIPE, "not whole");
    memset(ans + ANSWER_BYTES, 1, 24); /* a table without an end */
    client_meets(ans, ANSWER_BYTES + 24, -EBADMSG, "outside");
    f.certs_len = 0x4001;
    snp_psp_frame_encode(&f, ans);
    client_meets(ans, ANSWER_BYTES, -EBADMSG, "16385");
    f.certs_len = 0;
    f.type = SNP_MSG_REPORT_REQ;
    snp_psp_frame_encode(&f, ans);
    client_meets(ans, ANSWER_BYTES, -EBADMSG, "has type 5");
}

static void client_names_what_it_cannot_reach(void)
{
    uint8_t data[64] = {1}, raw[SNP_REPORT_BYTES];
    char longer[200];
    struct cmn_err err = {0};

    int fd = listen_here();
    (void)close(fd); /* the file stays, nobody listens */
    T_ERR(snp_psp_get_report(path, data, 0, raw, NULL, &err), -ECONNREFUSED, &err, path);
    T_EQ_INT(err.reason, CMN_REASON_PSP_UNREACHABLE);
    T_ERR(snp_psp_get_report("/nowhere/psp.sock", data, 0, raw, NULL, &err), -ENOENT, &err,
          "/nowhere");
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    T_ERR(snp_psp_get_report(longer, data, 0, raw, NULL, &err), -ENAMETOOLONG, &err, "199");
}

static void all_is_freed(void)
{
    ftee_psp_free(psp);
    ftee_ca_free(ca);
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("psp-server",
          {"reserved fields and bad levels get status 0x16",
           reserved_fields_and_bad_levels_get_status_0x16},
          {"pieces and pipelines are served", pieces_and_pipelines_are_served},
          {"nonsense ends only its own connection", nonsense_ends_only_its_own_connection},
          {"one connection too many is closed", one_connection_too_many_is_closed},
          {"guests that do not read stop nobody", guests_that_do_not_read_stop_nobody},
          {"guests in parallel get their own reports", guests_in_parallel_get_their_own_reports},
          {"the client refuses broken answers", client_refuses_broken_answers},
          {"the client names what it cannot reach", client_names_what_it_cannot_reach},
          {"all is freed", all_is_freed})
