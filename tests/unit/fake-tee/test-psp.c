/* test-psp.c - chain and PSP: refusals, the launch digest, repeatability, the socket. */
#include "tests/testlib/testlib.h"
#include "tests/unit/fake-tee/chain.h"

#include "common/enc/enc.h"
#include "common/snp/psp-msg.h"
#include "common/snp/vek.h"
#include "fake-tee/psp.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct cmn_env *env;
static struct ftee_ca *ca[SNP_PRODUCT_COUNT];

static struct cmn_env *env_of(void)
{
    struct cmn_err err = {0};

    if (!env)
        T_OK(cmn_env_new_seeded(TEST_CHAIN_SEED, sizeof(TEST_CHAIN_SEED) - 1, &env, &err), &err);
    return env;
}

static struct ftee_ca *ca_of(enum snp_product product)
{
    struct cmn_err err = {0};

    if (!ca[product])
        T_OK(ftee_ca_open(env_of(), test_chain_dir(), product, &ca[product], &err), &err);
    return ca[product];
}

static struct ftee_psp *launched(enum snp_product product, const struct ftee_launch *launch)
{
    struct ftee_psp *psp = NULL;
    struct cmn_err err = {0};

    T_OK(ftee_psp_launch_start(env_of(), ca_of(product), launch, &psp, &err), &err);
    T_OK(ftee_psp_launch_finish(psp, NULL, &err), &err);
    return psp;
}

static void what_the_firmware_refuses(void)
{
    struct ftee_psp *psp = NULL;
    uint8_t page[4096] = {0}, data[64] = {0}, raw[SNP_REPORT_BYTES];
    uint32_t status = 0;
    struct cmn_err err = {0};

    T_ERR(ftee_psp_launch_start(env_of(), ca_of(SNP_GENOA),
                                &(struct ftee_launch){.report_version = 6}, &psp, &err),
          -EINVAL, &err, "version 6");
    T_OK(ftee_psp_launch_start(env_of(), ca_of(SNP_GENOA), &(struct ftee_launch){0}, &psp, &err),
         &err);
    T_ERR(ftee_psp_report(psp, data, 0, raw, &status, &err), -EBUSY, &err, "not launched");
    T_ERR(ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, 0, NULL, &err), -EINVAL, &err,
          "page type 1");
    T_ERR(ftee_psp_launch_update(psp, FTEE_PAGE_ZERO, 0, page, &err), -EINVAL, &err, "page type 3");
    T_OK(ftee_psp_launch_finish(psp, NULL, &err), &err);
    T_ERR(ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, 0, page, &err), -EBUSY, &err, "already");
    T_OK(ftee_psp_report(psp, data, 4, raw, &status, &err), &err);
    T_EQ_INT(status, SNP_STATUS_INVALID);
    ftee_psp_free(psp);
}

/* Digest of one page by the table of the specification, written here a second time. */
static void digest_step(uint8_t digest[48], uint8_t type, uint64_t gpa, const uint8_t *page)
{
    uint8_t info[112] = {0};

    memcpy(info, digest, 48);
    if (page)
        T_TRUE(EVP_Digest(page, 4096, info + 48, NULL, EVP_sha384(), NULL) == 1);
    info[96] = 112;
    info[98] = type;
    for (int i = 0; i < 8; i++)
        info[104 + i] = (uint8_t)(gpa >> (8 * i));
    T_TRUE(EVP_Digest(info, sizeof(info), digest, NULL, EVP_sha384(), NULL) == 1);
}

static void launch_digest_is_the_chain_over_the_pages(void)
{
    struct ftee_psp *psp = NULL;
    uint8_t page[4096], want[48] = {0}, got[48];
    struct cmn_err err = {0};

    memset(page, 0x5A, sizeof(page));
    T_OK(ftee_psp_launch_start(env_of(), ca_of(SNP_GENOA), &(struct ftee_launch){0}, &psp, &err),
         &err);
    T_OK(ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, 0xFFFFF000, page, &err), &err);
    T_OK(ftee_psp_launch_update(psp, FTEE_PAGE_SECRETS, 0x80D000, NULL, &err), &err);
    T_OK(ftee_psp_launch_update(psp, FTEE_PAGE_VMSA, 0xFFFFFFFFF000, page, &err), &err);
    digest_step(want, 1, 0xFFFFF000, page);
    digest_step(want, 5, 0x80D000, NULL);
    digest_step(want, 2, 0xFFFFFFFFF000, page);
    ftee_psp_measurement(psp, got);
    T_EQ_MEM(got, want, 48);
    ftee_psp_free(psp);
}

static void reports_of_every_product_verify(void)
{
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++)
        for (uint32_t version = 2; version <= 5; version++) {
            struct ftee_psp *psp =
                launched((enum snp_product)p, &(struct ftee_launch){.report_version = version});
            uint8_t data[64] = {7}, raw[SNP_REPORT_BYTES];
            auto_buf struct cmn_buf table = {0};
            auto_certs struct snp_certs certs = {0};
            auto_x509 X509 *vcek = NULL, *ask = NULL, *ark = NULL;
            struct snp_vek_info info;
            struct snp_report r;
            uint32_t status;
            struct cmn_err err = {0};
            T_OK(ftee_psp_report(psp, data, 1, raw, &status, &err), &err);
            T_OK(snp_report_decode(raw, sizeof(raw), &r, &err), &err);
            T_EQ_INT(r.version, version);
            T_EQ_INT(r.vmpl, 1);
            T_OK(ftee_psp_certs(psp, &table), NULL);
            T_EQ_INT(table.len % 4096, 0);
            T_OK(snp_certs_decode(table.data, table.len, &certs, &err), &err);
            T_OK(cmn_x509_load(env, cmn_buf_bytes(&snp_certs_find(&certs, SNP_CERT_VCEK)->bytes),
                               &vcek, &err),
                 &err);
            T_OK(cmn_x509_load(env, cmn_buf_bytes(&snp_certs_find(&certs, SNP_CERT_ASK)->bytes),
                               &ask, &err),
                 &err);
            T_OK(cmn_x509_load(env, cmn_buf_bytes(&snp_certs_find(&certs, SNP_CERT_ARK)->bytes),
                               &ark, &err),
                 &err);
            auto_pkey EVP_PKEY *key = X509_get_pubkey(vcek), *ask_key = X509_get_pubkey(ask),
                               *ark_key = X509_get_pubkey(ark);
            T_EQ_INT(X509_verify(vcek, ask_key), 1);
            T_EQ_INT(X509_verify(ask, ark_key), 1);
            T_EQ_INT(X509_verify(ark, ark_key), 1);
            T_EQ_INT(X509_get_ext_count(vcek), 11);
            T_OK(snp_report_verify(env, raw, key, &err), &err);
            T_OK(snp_vek_info(vcek, &info, &err), &err);
            T_EQ_MEM(&info.tcb, &r.reported_tcb, sizeof(info.tcb));
            T_EQ_INT(info.hwid_len, p == SNP_TURIN ? 8 : 64);
            T_EQ_MEM(info.hwid, r.chip_id, info.hwid_len);
            ftee_psp_free(psp);
        }
}

static void openssl_verifies_the_chain(void)
{
    char cmd[2048], dir[1024];
    auto_pkey EVP_PKEY *key = NULL;
    auto_buf struct cmn_buf der = {0};
    struct snp_tcb tcb = ftee_default_tcb(SNP_MILAN);
    struct ftee_ca *c = ca_of(SNP_MILAN);
    struct cmn_bytes ark = ftee_ca_ark_der(c), ask = ftee_ca_ask_der(c);

    if (system("openssl version >/dev/null 2>&1") != 0) {
        t_skip_all("openssl is not installed");
        return;
    }
    T_OK(ftee_ca_vcek(c, 3, &tcb, &key, &der, NULL), NULL);
    (void)snprintf(dir, sizeof(dir), "%s", t_tmpdir());
    (void)snprintf(cmd, sizeof(cmd), "%s/ark.der", dir);
    T_OK(cmn_file_write(cmd, ark.data, ark.len, 0600, NULL), NULL);
    (void)snprintf(cmd, sizeof(cmd), "%s/ask.der", dir);
    T_OK(cmn_file_write(cmd, ask.data, ask.len, 0600, NULL), NULL);
    (void)snprintf(cmd, sizeof(cmd), "%s/vcek.der", dir);
    T_OK(cmn_file_write(cmd, der.data, der.len, 0600, NULL), NULL);
    (void)snprintf(cmd, sizeof(cmd),
                   "cd %s && for c in ark ask vcek; do openssl x509 -inform der -in $c.der -out "
                   "$c.pem || exit 1; "
                   "done && openssl verify -x509_strict -CAfile ark.pem ask.pem && "
                   "openssl verify -CAfile ark.pem -untrusted ask.pem vcek.pem",
                   dir);
    T_EQ_INT(system(cmd), 0);
}

static void same_seed_same_bytes(void)
{
    uint8_t reports[2][SNP_REPORT_BYTES], data[64] = {9};
    uint32_t status;

    for (int i = 0; i < 2; i++) {
        auto_env struct cmn_env *guest = NULL;
        struct ftee_psp *psp = NULL;
        T_OK(cmn_env_derive((ca_of(SNP_GENOA), env), "guest", &guest, NULL), NULL);
        T_OK(ftee_psp_launch_start(guest, ca_of(SNP_GENOA), &(struct ftee_launch){0}, &psp, NULL),
             NULL);
        T_OK(ftee_psp_launch_finish(psp, NULL, NULL), NULL);
        T_OK(ftee_psp_report(psp, data, 0, reports[i], &status, NULL), NULL);
        ftee_psp_free(psp);
    }
    T_EQ_MEM(reports[0], reports[1], SNP_REPORT_BYTES);
}

static int listen_on(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    T_EQ_INT(bind(fd, (void *)&addr, sizeof(addr)), 0);
    T_EQ_INT(listen(fd, 8), 0);
    return fd;
}

static void flip_measurement(void *ctx, uint8_t report[SNP_REPORT_BYTES])
{
    *(int *)ctx += 1;
    report[0x90] ^= 1;
}

/* A client that sends these bytes is dropped without an answer. */
static void is_dropped(const char *path, const void *bytes, size_t len)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char c;

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    T_EQ_INT(connect(fd, (void *)&addr, sizeof(addr)), 0);
    T_EQ_INT(send(fd, bytes, len, MSG_NOSIGNAL), len);
    T_TRUE(recv(fd, &c, 1, 0) <= 0);
    (void)close(fd);
}

static void the_socket_serves_and_survives_nonsense(void)
{
    struct ftee_psp *psp = launched(SNP_GENOA, &(struct ftee_launch){0});
    struct ftee_psp_server *server = NULL;
    uint8_t data[64] = {5}, raw[SNP_REPORT_BYTES],
            huge[16] = "PSP1\x05\x00\x00\x00\xff\xff\xff\xff";
    auto_certs struct snp_certs certs = {0};
    struct snp_report r;
    struct cmn_err err = {0};
    char path[100];
    int taps = 0;

    (void)snprintf(path, sizeof(path), "%s/psp.sock", t_tmpdir());
    T_ERR(snp_psp_get_report(path, data, 0, raw, &certs, &err), -ENOENT, &err, "psp.sock");
    T_OK(ftee_psp_server_new(psp,
                             &(struct ftee_psp_server_opts){.listen_fd = listen_on(path),
                                                            .tap = flip_measurement,
                                                            .ctx = &taps},
                             &server, &err),
         &err);
    is_dropped(path, "GET / HTTP/1.1\r\n\r\n", 18);
    is_dropped(path, huge, sizeof(huge));
    T_ERR(snp_psp_get_report(path, data, 9, raw, NULL, &err), -EINVAL, &err, "0x16");
    T_EQ_INT(err.reason, CMN_REASON_PSP_REQUEST_INVALID);
    T_OK(snp_psp_get_report(path, data, 0, raw, &certs, &err), &err);
    T_EQ_INT(certs.n, 3);
    T_OK(snp_report_decode(raw, sizeof(raw), &r, &err), &err);
    T_EQ_MEM(r.report_data, data, 64);
    T_EQ_INT(r.measurement[0], 1);
    T_EQ_INT(taps, 1);
    ftee_psp_server_free(server);
    ftee_psp_free(psp);
}

static void all_is_freed(void)
{
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++)
        ftee_ca_free(ca[p]);
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("psp", {"what the firmware refuses", what_the_firmware_refuses},
          {"the launch digest is the chain over the pages",
           launch_digest_is_the_chain_over_the_pages},
          {"reports of every product and version verify", reports_of_every_product_verify},
          {"openssl verifies the chain", openssl_verifies_the_chain},
          {"same seed, same bytes", same_seed_same_bytes},
          {"the socket serves and survives nonsense", the_socket_serves_and_survives_nonsense},
          {"all is freed", all_is_freed})
