/* test-program.c - the fake-tee program as a user meets it: wrong use first, then its commands. */
#include "tests/testlib/testlib.h"
#include "tests/unit/fake-tee/chain.h"

#include "common/crypto/crypto.h"
#include "common/snp/psp-msg.h"
#include "common/snp/vek.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>
#include <openssl/x509.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts the program in the test's folder with words split at blanks; stdout to `out`, stderr to
 * `err`. */
static pid_t start(const char *words, int out)
{
    static const char setup[] = "cd \"$0\" && exec \"$FAKE_TEE\" $1 2>stderr";
    char *argv[] = {(char *)"sh",       (char *)"-c",  (char *)setup,
                    (char *)t_tmpdir(), (char *)words, NULL};
    posix_spawn_file_actions_t actions;
    char link[512];
    pid_t pid = -1;

    (void)snprintf(link, sizeof(link), "%s/d", t_tmpdir());
    if (getenv("COCOBOX_TEST_CA") && symlink(test_chain_dir(), link) < 0)
        T_EQ_INT(errno, EEXIST);
    (void)posix_spawn_file_actions_init(&actions);
    if (out >= 0)
        (void)posix_spawn_file_actions_adddup2(&actions, out, 1);
    else
        (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    T_EQ_INT(posix_spawnp(&pid, "sh", &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int finish(pid_t pid)
{
    int status = 0;

    T_EQ_INT(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run(const char *words)
{
    return finish(start(words, -1));
}

static void slurp(const char *name, struct cmn_buf *ret)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", t_tmpdir(), name);
    cmn_buf_done(ret);
    T_OK(cmn_file_read(path, 1 << 20, ret, NULL), NULL);
}

static void wrong_use_ends_with_2_and_says_why(void)
{
    static const struct {
        const char *words, *says;
    } cases[] = {
        {"", "say ca, report, psp or kds"},
        {"certify", "say ca, report, psp or kds"},
        {"ca report", "Too many arguments"},
        {"ca --product naples", "'naples' is not known"},
        {"ca --no-such-option", "unrecognized option"},
        {"report --vmpl x", "'x' is not a number"},
        {"report --vmpl -1", "'-1' is not a number"},
        {"report --vmpl 4294967296", "from 0 to 4294967295"},
        {"report --report-version 6", "from 0 to 5"},
        {"report --policy 0x10000000000000000", "is not a number"},
        {"psp", "psp needs --socket"},
        {"kds --listen nowhere", "not ADDRESS:PORT"},
        {"kds --listen 127.0.0.1:65536", "not ADDRESS:PORT"},
        {"kds --listen 127.0.0.1:80x", "not ADDRESS:PORT"},
        {"kds --tls-cert x.pem", "go together"},
        {"kds --chips 4097", "from 0 to 4096"},
        {"kds --revoke ask", "'ask' is not a number"},
        {"kds --newest blSPL=1", "--newest: parameter teeSPL is missing"},
        {"report --seed " TEST_CHAIN_SEED " --dir d --policy 0x100030000", "status 0x16"},
        {"report --seed " TEST_CHAIN_SEED " --dir d --policy 0x20000", "forbids SMT"},
        {"report --seed " TEST_CHAIN_SEED " --dir d --report-data xyz", "--report-data"},
        {"report --seed " TEST_CHAIN_SEED " --dir d --host-data 0", "--host-data"},
        {"report --seed " TEST_CHAIN_SEED " --dir d --vmpl 4", "status 0x16"},
        {"report --seed " TEST_CHAIN_SEED " --dir d --report-version 1", "version 1, want 2 to 5"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_buf struct cmn_buf err = {0};
        T_EQ_INT(run(cases[i].words), 2);
        slurp("stderr", &err);
        if (!strstr((char *)err.data, cases[i].says))
            T_EQ_STR((char *)err.data, cases[i].says);
    }
    T_EQ_INT(run("report --seed s --dir /dev/null/x"), 3);
    T_EQ_INT(run("report --seed " TEST_CHAIN_SEED " --dir d --out /nowhere/r.bin"), 3);
}

/* The certificates of chip 77, which no other test uses. */
static void forget_chip(void)
{
    char pattern[512];
    glob_t found = {0};

    (void)snprintf(pattern, sizeof(pattern), "%s/d/*/vcek-77-*", t_tmpdir());
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            (void)unlink(found.gl_pathv[i]);
    globfree(&found);
}

/* The same bytes whether the VCEK's certificate is made for it or was kept. */
static void report_is_repeatable_and_verifies(void)
{
    static const char *const products[] = {"milan", "genoa", "turin"};
    auto_env struct cmn_env *env = NULL;

    T_OK(cmn_env_new_system(&env, NULL), NULL);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(products); i++) {
        auto_buf struct cmn_buf one = {0}, two = {0}, table = {0};
        auto_certs struct snp_certs certs = {0};
        auto_x509 X509 *vcek = NULL;
        struct snp_report report;
        struct cmn_err err = {0};
        char words[256];
        forget_chip();
        for (int k = 1; k <= 2; k++) {
            (void)snprintf(words, sizeof(words),
                           "report -p %s --seed " TEST_CHAIN_SEED
                           " --dir d --report-data 0102 --host-data ff --vmpl 3 --chip 77 "
                           "--policy 0xb0000 --report-version 5 --out r%d.bin --certs c.bin",
                           products[i], k);
            T_EQ_INT(run(words), 0);
        }
        slurp("r1.bin", &one);
        slurp("r2.bin", &two);
        slurp("c.bin", &table);
        T_EQ_INT(one.len, SNP_REPORT_BYTES);
        T_EQ_MEM(one.data, two.data, SNP_REPORT_BYTES);
        T_OK(snp_report_decode(one.data, one.len, &report, &err), &err);
        T_TRUE(report.version == 5 && report.vmpl == 3 && report.policy == 0xB0000);
        T_EQ_MEM(report.report_data, "\1\2\0\0", 4);
        T_EQ_MEM(report.host_data, "\xff\0", 2);
        T_OK(snp_certs_decode(table.data, table.len, &certs, &err), &err);
        T_OK(cmn_x509_load(env, cmn_buf_bytes(&snp_certs_find(&certs, SNP_CERT_VCEK)->bytes), &vcek,
                           &err),
             &err);
        T_OK(snp_report_verify(env, one.data, X509_get0_pubkey(vcek), &err), &err);
    }
}

static void report_knows_vlek_masks_and_pem(void)
{
    auto_buf struct cmn_buf raw = {0}, table = {0};
    auto_certs struct snp_certs certs = {0};
    struct cmn_err err = {0};

    T_EQ_INT(run("report --seed " TEST_CHAIN_SEED
                 " --dir d --vlek --csp-id CN=x --mask-chip-id --pem --platform-info 0x27 "
                 "--certs c.bin"),
             0);
    slurp("report.bin", &raw);
    slurp("c.bin", &table);
    T_EQ_INT(raw.data[0x48], 4);
    T_EQ_INT(raw.data[0x40], 0x27);
    T_TRUE(cmn_all_zero(raw.data + 0x1A0, 64));
    T_OK(snp_certs_decode(table.data, table.len, &certs, &err), &err);
    const struct snp_cert *vlek = snp_certs_find(&certs, SNP_CERT_VLEK);
    T_TRUE(vlek && memcmp(vlek->bytes.data, "-----BEGIN", 10) == 0);
    T_EQ_INT(run("report --seed " TEST_CHAIN_SEED " --dir d --mask-chip-key"), 0);
    slurp("report.bin", &raw);
    T_TRUE(cmn_all_zero(raw.data + 0x2A0, 512));
}

/* The program's own view of one answer: the first line is "HTTP/1.1 200 OK". */
static void kds_serves_until_it_is_told_to_stop(void)
{
    char line[64] = "", answer[256] = "";
    static const char get[] = "GET /vcek/v1/Genoa/cert_chain HTTP/1.0\r\n\r\n";
    int fd[2];

    T_EQ_INT(pipe2(fd, O_CLOEXEC), 0);
    pid_t pid = start("kds --seed " TEST_CHAIN_SEED " --dir d", fd[1]);
    (void)close(fd[1]);
    T_TRUE(read(fd[0], line, sizeof(line) - 1) > 0); /* the readiness line */
    T_TRUE(strncmp(line, "serving on http://127.0.0.1:", 28) == 0);
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)atoi(line + 28)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    T_EQ_INT(connect(s, (void *)&addr, sizeof(addr)), 0);
    T_EQ_INT(send(s, get, sizeof(get) - 1, MSG_NOSIGNAL), sizeof(get) - 1);
    T_TRUE(recv(s, answer, sizeof(answer) - 1, 0) > 0);
    T_TRUE(strncmp(answer, "HTTP/1.", 7) == 0 && strncmp(answer + 9, "200", 3) == 0);
    (void)close(s);
    T_EQ_INT(kill(pid, SIGTERM), 0);
    T_EQ_INT(finish(pid), 0);
    (void)close(fd[0]);
}

static void ca_prints_the_chain(void)
{
    auto_buf struct cmn_buf text = {0}, note = {0};
    int fd[2];

    T_EQ_INT(pipe2(fd, O_CLOEXEC), 0);
    pid_t pid = start("ca --seed " TEST_CHAIN_SEED " --dir d", fd[1]);
    (void)close(fd[1]);
    T_OK(cmn_fd_read_all(fd[0], 1 << 20, &text, NULL), NULL);
    (void)close(fd[0]);
    T_EQ_INT(finish(pid), 0);
    const char *first = strstr((char *)text.data, "-----BEGIN CERTIFICATE-----");
    T_TRUE(first == (char *)text.data && strstr(first + 1, "-----BEGIN CERTIFICATE-----") != NULL);
    T_TRUE(strstr((char *)text.data, "PRIVATE") == NULL);
    slurp("stderr", &note);
    T_TRUE(strstr((char *)note.data, "proves nothing") != NULL);
}

static void psp_serves_until_it_is_told_to_stop(void)
{
    char path[256], line[64] = "";
    uint8_t data[64] = {0x42}, raw[SNP_REPORT_BYTES] = {0};
    auto_certs struct snp_certs certs = {0};
    struct cmn_err err = {0};
    int fd[2];

    T_EQ_INT(pipe2(fd, O_CLOEXEC), 0);
    pid_t pid = start("psp --seed " TEST_CHAIN_SEED " --dir d --socket p.sock", fd[1]);
    (void)close(fd[1]);
    T_TRUE(read(fd[0], line, sizeof(line) - 1) > 0); /* the readiness line */
    T_EQ_STR(line, "serving on p.sock\n");
    (void)snprintf(path, sizeof(path), "%s/p.sock", t_tmpdir());
    T_OK(snp_psp_get_report(path, data, 0, raw, &certs, &err), &err);
    T_EQ_INT(raw[0x50], 0x42);
    T_EQ_INT(certs.n, 3);
    T_EQ_INT(run("psp --seed " TEST_CHAIN_SEED " --dir d --socket p.sock"),
             3); /* the place is taken */
    T_EQ_INT(kill(pid, SIGTERM), 0);
    T_EQ_INT(finish(pid), 0);
    T_TRUE(access(path, F_OK) < 0);
    (void)close(fd[0]);
}

TEST_MAIN("fake-tee", {"wrong use ends with 2 and says why", wrong_use_ends_with_2_and_says_why},
          {"a report is repeatable and verifies", report_is_repeatable_and_verifies},
          {"report knows VLEK, masks and PEM", report_knows_vlek_masks_and_pem},
          {"kds serves until it is told to stop", kds_serves_until_it_is_told_to_stop},
          {"ca prints the chain", ca_prints_the_chain},
          {"psp serves until it is told to stop", psp_serves_until_it_is_told_to_stop})
