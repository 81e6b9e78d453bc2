/*
 * fake-tee.c - the software PSP as a program: fake-tee ca | report | psp.
 * Exit codes: 0 done, 2 usage, 3 anything else.
 */
#include "common/enc/enc.h"
#include "common/snp/psp-msg.h"
#include "fake-tee/psp.h"

#include <argp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    OPT_SEED = 256,
    OPT_DIR,
    OPT_REPORT_DATA,
    OPT_HOST_DATA,
    OPT_VMPL,
    OPT_OUT,
    OPT_CERTS,
    OPT_SOCKET,
    OPT_POLICY,
    OPT_VERSION,
    OPT_CHIP
};

struct args {
    const char *command, *seed, *dir, *product, *report_data, *host_data, *out, *certs, *socket;
    uint64_t policy;
    uint32_t vmpl, version, chip;
};

static const struct argp_option options[] = {
    {"dir", OPT_DIR, "DIR", 0, "Folder that keeps the test chain (default: fake-tee-ca)", 0},
    {"product", 'p', "NAME", 0, "milan, genoa or turin (default: genoa)", 0},
    {"seed", OPT_SEED, "TEXT", 0, "Same seed, same chain, same reports (default: random)", 0},
    {"report-data", OPT_REPORT_DATA, "HEX", 0, "report: up to 64 bytes, padded with zeroes", 0},
    {"host-data", OPT_HOST_DATA, "HEX", 0, "report, psp: 32 bytes of HOST_DATA", 0},
    {"vmpl", OPT_VMPL, "N", 0, "report: 0 to 3 (default: 0)", 0},
    {"policy", OPT_POLICY, "N", 0, "report, psp: guest policy (default: 0x30000)", 0},
    {"report-version", OPT_VERSION, "N", 0, "report, psp: 2 to 5 (default: 3)", 0},
    {"chip", OPT_CHIP, "N", 0, "report, psp: number of the emulated chip (default: 0)", 0},
    {"out", OPT_OUT, "FILE", 0, "report: where the 1184 bytes go (default: report.bin)", 0},
    {"certs", OPT_CERTS, "FILE", 0, "report: also write the certificate table there", 0},
    {"socket", OPT_SOCKET, "PATH", 0, "psp: unix socket to serve", 0},
    {0},
};

/* Decimal or 0x; ends the program with 2 when it is not a number up to max. */
static uint64_t number(struct argp_state *state, const char *text, uint64_t max)
{
    char *end;

    errno = 0;
    unsigned long long v = strtoull(text, &end, 0);
    if (errno || *text < '0' || *text > '9' || *end || v > max)
        argp_error(state, "'%s' is not a number from 0 to %llu", text, (unsigned long long)max);
    return v;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    switch (key) {
    case OPT_DIR:
        a->dir = arg;
        break;
    case 'p':
        a->product = arg;
        break;
    case OPT_SEED:
        a->seed = arg;
        break;
    case OPT_REPORT_DATA:
        a->report_data = arg;
        break;
    case OPT_HOST_DATA:
        a->host_data = arg;
        break;
    case OPT_VMPL:
        a->vmpl = (uint32_t)number(state, arg, UINT32_MAX);
        break;
    case OPT_POLICY:
        a->policy = number(state, arg, UINT64_MAX);
        break;
    case OPT_VERSION:
        a->version = (uint32_t)number(state, arg, 5);
        break;
    case OPT_CHIP:
        a->chip = (uint32_t)number(state, arg, UINT32_MAX);
        break;
    case OPT_OUT:
        a->out = arg;
        break;
    case OPT_CERTS:
        a->certs = arg;
        break;
    case OPT_SOCKET:
        a->socket = arg;
        break;
    case ARGP_KEY_ARG:
        if (a->command)
            return ARGP_ERR_UNKNOWN;
        a->command = arg;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* Hex text into a zero-padded field of len bytes. */
static int field(const char *hex, const char *what, uint8_t *out, size_t len, struct cmn_err *err)
{
    auto_buf struct cmn_buf b = {0};

    memset(out, 0, len);
    if (!hex)
        return 0;
    int r = cmn_unhex(hex, strlen(hex), &b, err);
    if (r == -EBADMSG)
        r = -EINVAL; /* wrong use */
    if (r < 0)
        return cmn_err_wrap(err, r, "%s", what);
    if (b.len > len)
        return cmn_err_set(err, EINVAL, "%s is %zu bytes, at most %zu fit", what, b.len, len);
    if (b.len)
        memcpy(out, b.data, b.len);
    return 0;
}

static int do_ca(struct ftee_ca *ca)
{
    struct cmn_bytes pem = ftee_ca_chain_pem(ca);

    (void)fwrite(pem.data, 1, pem.len, stdout);
    (void)fprintf(stderr, "fake-tee: test chain of %s (ASK, ARK). It proves nothing.\n",
                  snp_product_name(ftee_ca_product(ca)));
    return fflush(stdout) ? -EIO : 0;
}

static int launch(struct cmn_env *env, struct ftee_ca *ca, const struct args *a,
                  struct ftee_psp **ret, struct cmn_err *err)
{
    struct ftee_psp *psp = NULL;
    uint8_t host_data[32];
    int r = field(a->host_data, "--host-data", host_data, sizeof(host_data), err);

    if (r == 0)
        r = ftee_psp_launch_start(env, ca,
                                  &(struct ftee_launch){.policy = a->policy,
                                                        .report_version = a->version,
                                                        .chip = a->chip},
                                  &psp, err);
    if (r == 0)
        r = ftee_psp_launch_finish(psp, host_data, err);
    if (r < 0) {
        ftee_psp_free(psp);
        return r;
    }
    *ret = psp;
    return 0;
}

static int do_report(struct ftee_psp *psp, const struct args *a, struct cmn_err *err)
{
    uint8_t data[64], report[SNP_REPORT_BYTES];
    auto_buf struct cmn_buf certs = {0};
    uint32_t status;
    int r = field(a->report_data, "--report-data", data, sizeof(data), err);

    if (r == 0)
        r = ftee_psp_report(psp, data, a->vmpl, report, &status, err);
    if (r == 0 && status)
        return cmn_err_set(err, EINVAL, "the PSP refuses vmpl %u with status 0x%x", a->vmpl,
                           status);
    if (r == 0)
        r = cmn_file_write(a->out, report, sizeof(report), 0644, err);
    if (r == 0 && a->certs) {
        if (ftee_psp_certs(psp, &certs) < 0)
            return cmn_err_set(err, ENOMEM, "no memory");
        r = cmn_file_write(a->certs, certs.data, certs.len, 0644, err);
    }
    return r;
}

static int listen_on(const char *path, struct cmn_err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(addr.sun_path))
        return cmn_err_set(err, ENAMETOOLONG, "--socket %s", path);
    (void)strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (void *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0) {
        int e = errno;
        if (fd >= 0)
            (void)close(fd);
        return cmn_err_set(err, e, "%s: %s", path, strerror(e));
    }
    return fd;
}

/* Serves until SIGINT or SIGTERM. */
static int do_psp(struct ftee_psp *psp, const struct args *a, struct cmn_err *err)
{
    struct ftee_psp_server *server = NULL;
    sigset_t set;
    int sig;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    int fd = listen_on(a->socket, err);
    if (fd < 0)
        return fd;
    int r = ftee_psp_server_new(psp, &(struct ftee_psp_server_opts){.listen_fd = fd}, &server, err);
    if (r == 0) {
        (void)printf("serving on %s\n", a->socket);
        (void)fflush(stdout);
        (void)sigwait(&set, &sig);
    } else {
        (void)close(fd);
    }
    ftee_psp_server_free(server);
    (void)unlink(a->socket);
    return r;
}

static int run(const struct args *a, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    struct ftee_ca *ca = NULL;
    struct ftee_psp *psp = NULL;
    enum snp_product product;
    int r;

    if (snp_product_by_name(a->product, &product) < 0)
        return cmn_err_set(err, EINVAL, "product '%s' is not known: milan, genoa or turin",
                           a->product);
    r = a->seed ? cmn_env_new_seeded(a->seed, strlen(a->seed), &env, err)
                : cmn_env_new_system(&env, err);
    if (r == 0)
        r = ftee_ca_open(env, a->dir, product, &ca, err);
    if (r == 0 && strcmp(a->command, "ca") != 0)
        r = launch(env, ca, a, &psp, err);
    if (r == 0)
        r = strcmp(a->command, "ca") == 0       ? do_ca(ca)
            : strcmp(a->command, "report") == 0 ? do_report(psp, a, err)
                                                : do_psp(psp, a, err);
    ftee_psp_free(psp);
    ftee_ca_free(ca);
    return r;
}

int main(int argc, char **argv)
{
    struct args a = {.dir = "fake-tee-ca", .product = "genoa", .out = "report.bin"};
    const struct argp argp = {
        options,
        parse,
        "ca|report|psp",
        "A software SEV-SNP PSP with a test key chain. It protects nothing.\v"
        "ca prints the chain (ASK, ARK) as PEM; report writes one signed attestation "
        "report; psp serves reports on a unix socket.",
        NULL,
        NULL,
        NULL};
    struct cmn_err err = {0};

    argp_err_exit_status = 2;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (!a.command ||
        (strcmp(a.command, "ca") && strcmp(a.command, "report") && strcmp(a.command, "psp"))) {
        (void)fprintf(stderr, "fake-tee: say ca, report or psp (see --help)\n");
        return 2;
    }
    if (strcmp(a.command, "psp") == 0 && !a.socket) {
        (void)fprintf(stderr, "fake-tee: psp needs --socket PATH\n");
        return 2;
    }
    int r = run(&a, &err);
    if (r < 0)
        (void)fprintf(stderr, "fake-tee: %s\n", err.msg);
    return r == 0 ? 0 : r == -EINVAL ? 2 : 3;
}
