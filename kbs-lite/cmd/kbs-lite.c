/*
 * kbs-lite.c - the key broker as a daemon: kbs-lite --config-file kbs.toml.
 * Prints "listening on URL" on stdout once it serves; ends on SIGINT and SIGTERM.
 * Exit codes: 0 stopped by signal, 2 usage or configuration, 3 anything else.
 */
#include "config.h"

#include "common/log/log.h"
#include "kbs-lite/era.h"

#include <argp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define CERT_MAX (1 << 20)

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };
#elif defined(__has_feature) /* clang */
enum { SANITIZED = __has_feature(address_sanitizer) };
#else
enum { SANITIZED = 0 };
#endif

struct args {
    const char *config_file;
    const char *capture;
    bool allow_network, strict_config, eras;
};

enum { OPT_ALLOW_NETWORK = 256, OPT_STRICT_CONFIG, OPT_ERAS, OPT_CAPTURE };

static const struct argp_option options[] = {
    {"config-file", 'c', "FILE", 0,
     "Configuration: TOML, or JSON or YAML by the file's name (default: $KBS_CONFIG_FILE)", 0},
    {"allow-test-roots-on-network", OPT_ALLOW_NETWORK, NULL, 0,
     "Listen beyond loopback although a test root is trusted", 0},
    {"eras", OPT_ERAS, NULL, 0,
     "Show the Trustee releases it can be, and what of each is proven or derived", 0},
    {"strict-config", OPT_STRICT_CONFIG, NULL, 0, "A key without effect is an error, not a warning",
     0},
    {"capture", OPT_CAPTURE, "DIR", 0,
     "Write each attestation into DIR, without secrets, for cocobox replay", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    if (key == 'c')
        a->config_file = arg;
    else if (key == OPT_ALLOW_NETWORK)
        a->allow_network = true;
    else if (key == OPT_ERAS)
        a->eras = true;
    else if (key == OPT_STRICT_CONFIG)
        a->strict_config = true;
    else if (key == OPT_CAPTURE)
        a->capture = arg;
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

/* One line per refusal or advisory, with the reason that the wire hides. */
static void observe(void *ctx, const struct kbs_event *e)
{
    enum cmn_log_level level = strcmp(e->outcome, "refused") == 0 ? CMN_LOG_ERROR
                               : strcmp(e->outcome, "warn") == 0  ? CMN_LOG_WARN
                                                                  : CMN_LOG_INFO;

    const char *check = cmn_json_str(e->details, "check");
    const char *want = cmn_json_str(e->details, "expected");
    const char *got = cmn_json_str(e->details, "actual");

    (void)ctx;
    if (check)
        cmn_log(level, "kbs", "%s %s %s: %s [check %s, expected %s, found %s]", e->name, e->outcome,
                cmn_reason_name(e->reason), e->message, check, want ? want : "-", got ? got : "-");
    else
        cmn_log(level, "kbs", "%s %s%s%s: %s", e->name, e->outcome, e->reason ? " " : "",
                cmn_reason_name(e->reason), e->message ? e->message : "");
}

static bool is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}

static int open_kbs(struct cmn_env *env, const struct kbs_daemon_config *c, struct kbs **ret,
                    struct cmn_err *err)
{
    auto_buf struct cmn_buf chain = {0};
    struct kbs_config config = {.trust_amd = c->trust_amd,
                                .policy_set = c->policy_set,
                                .era = c->era,
                                .strict = c->strict,
                                .admin = c->admin.mode,
                                .admin_issuers = c->admin.issuers,
                                .n_admin_issuers = c->admin.n,
                                .admin_acls = c->admin.acls,
                                .n_admin_acls = c->admin.n_acls,
                                .vcek_sources = c->snp.sources,
                                .n_vcek_sources = c->snp.n,
                                .kds_cache_dir = c->snp.kds_cache_dir,
                                .offline = c->snp.offline,
                                .crls = c->snp.crls,
                                .n_crls = c->snp.n_crls,
                                .crl_from_kds = c->snp.crl_from_kds,
                                .crl_required = c->snp.crl_required,
                                .verify_at = c->snp.verify_at,
                                .store_dir = c->store_dir,
                                .session_minutes = c->session_minutes,
                                .token_minutes = c->token_minutes,
                                .no_resource_plugin = !c->resource_plugin,
                                .insecure_header_jwk = c->insecure_header_jwk};
    int r = c->test_roots ? cmn_file_read(c->test_roots, CERT_MAX, &chain, err) : 0;

    config.test_chain_pem = cmn_buf_bytes(&chain);
    return r < 0 ? cmn_err_wrap(err, r, "cocobox.test_roots") : kbs_new(env, &config, ret, err);
}

static int serve(const struct kbs_daemon_config *c, struct kbs *kbs, const sigset_t *stop,
                 struct cmn_err *err)
{
    struct cmn_http_server *server = NULL;
    auto_buf struct cmn_buf cert = {0};
    auto_buf_secret struct cmn_buf key = {0};
    int r = 0, sig;

    if (!c->insecure_http && ((r = cmn_file_read(c->certificate, CERT_MAX, &cert, err)) < 0 ||
                              (r = cmn_file_read(c->private_key, CERT_MAX, &key, err)) < 0))
        return r;
    r = cmn_http_server_new(&(struct cmn_http_server_opts){.listen_fd = -1,
                                                           .address = c->address,
                                                           .port = c->port,
                                                           .body_limit = c->body_limit,
                                                           .tls_cert_pem = (char *)cert.data,
                                                           .tls_key_pem = (char *)key.data,
                                                           .handle = kbs_http_handler,
                                                           .ctx = kbs},
                            &server, err);
    if (r < 0)
        return r;
    bool v6 = strchr(c->address, ':');
    (void)printf("listening on %s://%s%s%s:%u\n", c->insecure_http ? "http" : "https",
                 v6 ? "[" : "", c->address, v6 ? "]" : "", cmn_http_server_port(server));
    (void)fflush(stdout);
    (void)sigwait(stop, &sig);
    cmn_http_server_free(server);
    return 0;
}

/* Memory of this process holds secrets: nobody gets to see it, not in a core dump either. */
static void keep_memory_private(void)
{
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (!SANITIZED) /* the leak check attaches to its own process */
        (void)prctl(PR_SET_DUMPABLE, 0);
}

static void print_eras(void)
{
    size_t n = 0;
    const struct kbs_era *eras = kbs_era_list(&n);

    for (size_t i = 0; i < n; i++)
        (void)printf("%-5s KBS %s  %-8s %s\n", eras[i].name, eras[i].protocol,
                     eras[i].proven ? "proven" : "derived", eras[i].note);
}

static void tell_warnings(const struct cmn_buf *warnings)
{
    const char *p = (const char *)warnings->data;

    while (p && *p) {
        size_t n = strcspn(p, "\n");
        cmn_log(CMN_LOG_WARN, "kbs::config", "%.*s", (int)n, p);
        p += n + (p[n] == '\n');
    }
}

static int start_capture(const char *dir, const struct kbs_daemon_config *c, struct kbs *kbs,
                         struct cmn_err *err)
{
    auto_buf struct cmn_buf roots = {0};
    int r = cmn_mkdir_p(dir, 0700, err);

    if (r == 0 && c->test_roots)
        r = cmn_file_read(c->test_roots, CERT_MAX, &roots, err);
    return r < 0 ? cmn_err_wrap(err, r, "--capture")
                 : kbs_capture_to_dir(kbs, dir, cmn_buf_bytes(&roots), err);
}

static int run(const struct args *a, const struct kbs_daemon_config *c, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    struct kbs *kbs = NULL;
    sigset_t stop;
    int r = cmn_env_new_system(&env, err);

    tell_warnings(&c->warnings);
    if (r == 0)
        r = open_kbs(env, c, &kbs, err);
    const struct kbs_era *era = kbs_era_find(c->era);
    if (r == 0 && c->era)
        cmn_log(CMN_LOG_INFO, "kbs", "as Trustee %s (%s)%s%s", era->name,
                era->proven ? "proven" : "derived", *era->note ? ": " : "", era->note);
    if (r == 0 && kbs_trusts_test_roots(kbs)) {
        cmn_log(CMN_LOG_WARN, "kbs", "a test root is trusted: this broker protects nothing");
        if (!is_loopback(c->address) && !a->allow_network)
            r = cmn_err_set(err, EINVAL,
                            "with a test root it listens on loopback only, not on %s "
                            "(--allow-test-roots-on-network)",
                            c->address);
    }
    if (r == 0) {
        kbs_set_observer(kbs, observe, NULL);
        if (a->capture)
            r = start_capture(a->capture, c, kbs, err);
        (void)sigemptyset(&stop);
        (void)sigaddset(&stop, SIGINT);
        (void)sigaddset(&stop, SIGTERM);
        (void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
        if (r == 0)
            r = serve(c, kbs, &stop, err);
    }
    kbs_free(kbs);
    return r;
}

int main(int argc, char **argv)
{
    struct args a = {.config_file = getenv("KBS_CONFIG_FILE")};
    const struct argp argp = {
        options, parse,
        NULL,    "A key broker that speaks Trustee's protocol, for tests and diagnosis.",
        NULL,    NULL,
        NULL};
    struct kbs_daemon_config config = {0};
    struct cmn_err err = {0};

    keep_memory_private();
    argp_err_exit_status = 2;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &a);
    if (a.eras) {
        print_eras();
        return 0;
    }
    if (!a.config_file) {
        (void)fprintf(stderr, "kbs-lite: say --config-file FILE (see --help)\n");
        return 2;
    }
    int r = kbs_daemon_config_load(a.config_file, &config, &err);
    if (r == 0) {
        r = a.strict_config && config.warnings.len
                ? cmn_err_set(&err, EINVAL, "--strict-config: %.900s", (char *)config.warnings.data)
                : run(&a, &config, &err);
        kbs_daemon_config_done(&config);
    }
    if (r < 0)
        (void)fprintf(stderr, "kbs-lite: %s\n", err.msg);
    return r == 0 ? 0 : r == -EINVAL || r == -EBADMSG || r == -ENOENT ? 2 : 3;
}
