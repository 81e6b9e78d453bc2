/* cmd-tap.c - cocobox tap --upstream URL --out DIR: records what real clients and a real Trustee
 * say. */
#include "sim/cmd/cmd.h"
#include "sim/diagnose/tap/tap.h"

#include <argp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPT_UPSTREAM = 256,
    OPT_CA,
    OPT_LISTEN,
    OPT_NAME,
    OPT_CERT,
    OPT_KEY,
    OPT_HTTP,
    PEM_MAX = 1 << 20
};

struct args {
    const char *upstream, *ca, *out, *listen, *name, *cert, *key;
    bool plain;
};

static const struct argp_option options[] = {
    {"upstream", OPT_UPSTREAM, "URL", 0, "The real Trustee: https://host[:port]", 0},
    {"upstream-ca", OPT_CA, "FILE", 0, "PEM certificates to trust for it", 0},
    {"out", 'o', "DIR", 0, "Folder of the bundle", 0},
    {"listen", OPT_LISTEN, "ADDRESS:PORT", 0, "Where to listen (127.0.0.1:8443)", 0},
    {"name", OPT_NAME, "HOST", 0, "Host name of the tap's own certificate (localhost)", 0},
    {"cert", OPT_CERT, "FILE", 0, "Use this certificate", 0},
    {"key", OPT_KEY, "FILE", 0, "and this key", 0},
    {"insecure-http", OPT_HTTP, NULL, 0, "Listen with plain HTTP", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    switch (key) {
    case OPT_UPSTREAM:
        a->upstream = arg;
        return 0;
    case OPT_CA:
        a->ca = arg;
        return 0;
    case 'o':
        a->out = arg;
        return 0;
    case OPT_LISTEN:
        a->listen = arg;
        return 0;
    case OPT_NAME:
        a->name = arg;
        return 0;
    case OPT_CERT:
        a->cert = arg;
        return 0;
    case OPT_KEY:
        a->key = arg;
        return 0;
    case OPT_HTTP:
        a->plain = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The tap's certificate: given, or made and left in the folder (the certificate, not the key). */
static int open_tls(const struct args *a, struct cmn_env *env, struct cmn_buf *cert,
                    struct cmn_buf *key, struct cmn_err *err)
{
    auto_free char *path = NULL;
    int r;

    if (a->plain)
        return 0;
    if (a->cert) {
        r = cmn_file_read(a->cert, PEM_MAX, cert, err);
        return r < 0 ? r : cmn_file_read(a->key, PEM_MAX, key, err);
    }
    r = sim_tap_certificate(env, a->name, cert, key, err);
    if (r >= 0 && asprintf(&path, "%s/tap-cert.pem", a->out) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r >= 0)
        r = cmn_file_write(path, cert->data, cert->len, 0644, err);
    if (r >= 0)
        (void)printf("certificate: %s (put it into aa.toml and cdh.toml of the initdata)\n", path);
    return r;
}

static int serve(const struct args *a, struct cmn_env *env, const char *address, uint16_t port,
                 struct cmn_err *err)
{
    auto_buf struct cmn_buf cert = {0}, ca = {0};
    auto_buf_secret struct cmn_buf key = {0};
    struct sim_tap *tap = NULL;
    sigset_t stop;
    int sig, r = cmn_mkdir_p(a->out, 0700, err);

    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGINT);
    (void)sigaddset(&stop, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
    if (r >= 0 && a->ca)
        r = cmn_file_read(a->ca, PEM_MAX, &ca, err);
    if (r >= 0)
        r = open_tls(a, env, &cert, &key, err);
    if (r >= 0)
        r = sim_tap_new(&(struct sim_tap_opts){.env = env,
                                               .upstream = a->upstream,
                                               .upstream_ca = (const char *)ca.data,
                                               .dir = a->out,
                                               .address = address,
                                               .port = port,
                                               .cert_pem = (const char *)cert.data,
                                               .key_pem = (const char *)key.data},
                        &tap, err);
    if (r < 0)
        return r;
    (void)printf("listening on %s://%s:%u\n", a->plain ? "http" : "https", address,
                 sim_tap_port(tap));
    (void)fflush(stdout);
    (void)sigwait(&stop, &sig);
    (void)printf("%u exchanges in %s\n", sim_tap_exchanges(tap), a->out);
    sim_tap_free(tap);
    return 0;
}

/* "127.0.0.1:8443" */
static bool split_listen(const char *text, char address[64], uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

    if (!colon || end == colon + 1 || *end || port > 65535 || colon - text >= 64 || colon == text)
        return false;
    (void)snprintf(address, 64, "%.*s", (int)(colon - text), text);
    *ret_port = (uint16_t)port;
    return true;
}

int sim_cmd_tap(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "--upstream URL --out DIR",
        "Stands between real clients and a real Trustee, passes everything through and keeps the "
        "attestations, without secrets, as a bundle for cocobox replay. Ends on SIGINT and "
        "SIGTERM.\vExit "
        "codes: 0 stopped by a signal, 2 usage, 3 anything else.",
        NULL,
        NULL,
        NULL};
    struct args a = {.listen = "127.0.0.1:8443", .name = "localhost"};
    struct cmn_err err = {0};
    auto_env struct cmn_env *env = NULL;
    char name[] = "cocobox tap", address[64];
    uint16_t port;

    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return SIM_EXIT_USAGE;
    if (!a.upstream || !a.out)
        return sim_cmd_usage("tap", "say: tap --upstream URL --out DIR");
    if (strncmp(a.upstream, "http://", 7) != 0 && strncmp(a.upstream, "https://", 8) != 0)
        return sim_cmd_usage("tap", "--upstream '%.64s' is no http or https URL", a.upstream);
    if (!a.cert != !a.key || (a.cert && a.plain))
        return sim_cmd_usage("tap", "--cert and --key come together, and not with --insecure-http");
    if (!split_listen(a.listen, address, &port))
        return sim_cmd_usage("tap", "--listen '%.64s' is not ADDRESS:PORT", a.listen);
    int r = cmn_env_new_system(&env, &err);
    if (r >= 0)
        r = serve(&a, env, address, port, &err);
    if (r >= 0)
        return SIM_EXIT_OK;
    (void)fprintf(stderr, "cocobox tap: %s\n", err.msg);
    return SIM_EXIT_HOST;
}
