/*
 * fake-tee.c - the software PSP as a program: fake-tee ca | report | psp | kds.
 * Exit codes: 0 done, 2 usage, 3 anything else.
 */
#include "cmd.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    OPT_CHIP,
    OPT_PLAT_INFO,
    OPT_VLEK,
    OPT_CSP_ID,
    OPT_MASK_CHIP_ID,
    OPT_MASK_CHIP_KEY,
    OPT_PEM,
    OPT_LISTEN,
    OPT_TLS_CERT,
    OPT_TLS_KEY,
    OPT_CHIPS,
    OPT_THROTTLE,
    OPT_NEWEST,
    OPT_REVOKE,
};

static const struct argp_option options[] = {
    {"dir", OPT_DIR, "DIR", 0, "Folder that keeps the test chain (default: fake-tee-ca)", 0},
    {"product", 'p', "NAME", 0, "milan, genoa or turin (default: genoa)", 0},
    {"seed", OPT_SEED, "TEXT", 0, "Same seed, same chain, same reports (default: random)", 0},
    {"report-data", OPT_REPORT_DATA, "HEX", 0, "report: up to 64 bytes, padded with zeroes", 0},
    {"host-data", OPT_HOST_DATA, "HEX", 0, "report, psp: 32 bytes of HOST_DATA", 0},
    {"vmpl", OPT_VMPL, "N", 0, "report: 0 to 3 (default: 0)", 0},
    {"policy", OPT_POLICY, "N", 0, "report, psp: guest policy (default: 0x30000)", 0},
    {"platform-info", OPT_PLAT_INFO, "N", 0, "report, psp: PLATFORM_INFO (default: 1, SMT on)", 0},
    {"report-version", OPT_VERSION, "N", 0, "report, psp: 2 to 5 (default: 3)", 0},
    {"chip", OPT_CHIP, "N", 0, "report, psp: number of the emulated chip (default: 0)", 0},
    {"vlek", OPT_VLEK, NULL, 0, "report, psp: sign with a VLEK", 0},
    {"csp-id", OPT_CSP_ID, "TEXT", 0, "report, psp: whom the VLEK is given to", 0},
    {"mask-chip-id", OPT_MASK_CHIP_ID, NULL, 0, "report, psp: CHIP_ID is zero", 0},
    {"mask-chip-key", OPT_MASK_CHIP_KEY, NULL, 0, "report, psp: reports are not signed", 0},
    {"pem", OPT_PEM, NULL, 0, "report, psp: the certificate table holds PEM, not DER", 0},
    {"out", OPT_OUT, "FILE", 0, "report: where the 1184 bytes go (default: report.bin)", 0},
    {"certs", OPT_CERTS, "FILE", 0, "report: also write the certificate table there", 0},
    {"socket", OPT_SOCKET, "PATH", 0, "psp: unix socket to serve", 0},
    {"listen", OPT_LISTEN, "ADDR:PORT", 0, "kds: where to serve (default: 127.0.0.1:0)", 0},
    {"tls-cert", OPT_TLS_CERT, "FILE", 0, "kds: certificate chain as PEM, for HTTPS", 0},
    {"tls-key", OPT_TLS_KEY, "FILE", 0, "kds: its key as PEM", 0},
    {"chips", OPT_CHIPS, "N", 0, "kds: chips 0 to N-1 exist (default: 16)", 0},
    {"throttle-ms", OPT_THROTTLE, "N", 0,
     "kds: the same VCEK again within N ms is 429; 0: never (default: 10000, with --seed 0)", 0},
    {"newest", OPT_NEWEST, "SPLS", 0,
     "kds: newest TCB of --product, written as in a request; above is 404 (default: any)", 0},
    {"revoke", OPT_REVOKE, "SERIAL", 0, "kds: serial number in the CRLs; may be repeated", 0},
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

static void add_revoked(struct args *a, struct argp_state *state, const char *text)
{
    if (a->n_revoked == CMN_ARRAY_SIZE(a->revoked))
        argp_error(state, "at most %zu serial numbers", CMN_ARRAY_SIZE(a->revoked));
    else
        a->revoked[a->n_revoked++] = number(state, text, UINT64_MAX);
}

/* Options whose value is a text. */
static const char **text_of(struct args *a, int key)
{
    switch (key) {
    case OPT_DIR:
        return &a->dir;
    case 'p':
        return &a->product;
    case OPT_SEED:
        return &a->seed;
    case OPT_REPORT_DATA:
        return &a->report_data;
    case OPT_HOST_DATA:
        return &a->host_data;
    case OPT_OUT:
        return &a->out;
    case OPT_CERTS:
        return &a->certs;
    case OPT_SOCKET:
        return &a->socket;
    case OPT_CSP_ID:
        return &a->csp_id;
    case OPT_LISTEN:
        return &a->listen;
    case OPT_TLS_CERT:
        return &a->tls_cert;
    case OPT_TLS_KEY:
        return &a->tls_key;
    case OPT_NEWEST:
        return &a->newest;
    default:
        return NULL;
    }
}

static bool *flag_of(struct args *a, int key)
{
    return key == OPT_VLEK            ? &a->vlek
           : key == OPT_MASK_CHIP_ID  ? &a->mask_chip_id
           : key == OPT_MASK_CHIP_KEY ? &a->mask_chip_key
           : key == OPT_PEM           ? &a->pem
                                      : NULL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;
    const char **text = text_of(a, key);
    bool *flag = flag_of(a, key);

    if (text)
        *text = arg;
    if (flag)
        *flag = true;
    if (text || flag)
        return 0;
    switch (key) {
    case OPT_VMPL:
        a->vmpl = (uint32_t)number(state, arg, UINT32_MAX);
        break;
    case OPT_POLICY:
        a->policy = number(state, arg, UINT64_MAX);
        break;
    case OPT_PLAT_INFO:
        a->plat_info = number(state, arg, UINT64_MAX);
        a->has_plat_info = true;
        break;
    case OPT_VERSION:
        a->version = (uint32_t)number(state, arg, 5);
        break;
    case OPT_CHIP:
        a->chip = (uint32_t)number(state, arg, UINT32_MAX);
        break;
    case OPT_CHIPS:
        a->chips = (uint32_t)number(state, arg, 4096);
        break;
    case OPT_THROTTLE:
        a->throttle_ms = (uint32_t)number(state, arg, UINT32_MAX);
        a->has_throttle = true;
        break;
    case OPT_REVOKE:
        add_revoked(a, state, arg);
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

static int run(const struct args *a, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    struct ftee_ca *ca = NULL;
    enum snp_product product;
    int r;

    if (snp_product_by_name(a->product, &product) < 0)
        return cmn_err_set(err, EINVAL, "product '%s' is not known: milan, genoa or turin",
                           a->product);
    r = a->seed ? cmn_env_new_seeded(a->seed, strlen(a->seed), &env, err)
                : cmn_env_new_system(&env, err);
    if (r == 0 && strcmp(a->command, "kds") == 0)
        return cmd_kds(env, a, err);
    if (r == 0)
        r = ftee_ca_open(env, a->dir, product, &ca, err);
    if (r == 0)
        r = strcmp(a->command, "ca") == 0       ? cmd_ca(ca)
            : strcmp(a->command, "report") == 0 ? cmd_report(env, ca, a, err)
                                                : cmd_psp(env, ca, a, err);
    ftee_ca_free(ca);
    return r;
}

static bool is_command(const char *text)
{
    static const char *const commands[] = {"ca", "report", "psp", "kds"};

    for (size_t i = 0; text && i < CMN_ARRAY_SIZE(commands); i++)
        if (strcmp(text, commands[i]) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct args a = {.dir = "fake-tee-ca",
                     .product = "genoa",
                     .out = "report.bin",
                     .listen = "127.0.0.1:0",
                     .chips = 16};
    const struct argp argp = {
        options,
        parse,
        "ca|report|psp|kds",
        "A software SEV-SNP PSP with a test key chain. It protects nothing.\v"
        "ca prints the chain (ASK, ARK) as PEM; report writes one signed attestation "
        "report; psp serves reports on a unix socket; kds serves VCEKs, chains and CRLs over "
        "HTTP as AMD's key distribution service does.",
        NULL,
        NULL,
        NULL};
    struct cmn_err err = {0};

    argp_err_exit_status = 2;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (!is_command(a.command)) {
        (void)fprintf(stderr, "fake-tee: say ca, report, psp or kds (see --help)\n");
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
