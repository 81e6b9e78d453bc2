/* main.c - attestation-agent: upstream's options, one ttrpc socket. */
#include "common/enc/enc.h"
#include "common/http/client.h"
#include "sim/guest/aa/aa.h"
#include "sim/guest/common/guest.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_TARGET "ttrpc_aa"

struct options {
    const char *socket, *config, *digest, *toml;
};

const char *argp_program_version = "attestation-agent (cocobox) 0.1.0\n"
                                   "supported attesters: snp, sample\n"
                                   "token plugins: kbs, coco_as";

static const struct argp_option rows[] = {
    {"attestation_sock", 'a', "ADDRESS", 0, "ttrpc socket, unix://PATH", 0},
    {"config-file", 'c', "PATH", 0, "configuration file, .toml or .json", 0},
    {"initdata-digest", 'i', "BASE64", 0, "digest of the initdata", 0},
    {"initdata-toml", 't', "PATH", 0, "plaintext initdata; wins over the digest", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case 'a':
        o->socket = arg;
        return 0;
    case 'c':
        o->config = arg;
        return 0;
    case 'i':
        o->digest = arg;
        return 0;
    case 't':
        o->toml = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int bind_initdata(struct aa *aa, const struct options *o, struct cmn_err *err)
{
    auto_buf struct cmn_buf digest = {0};
    int r;

    if (o->toml)
        r = aa_initdata_load(aa->env, o->toml, &aa->initdata_toml, &digest, err);
    else if (o->digest)
        r = cmn_unb64(CMN_B64_STD, o->digest, strlen(o->digest), &digest, err);
    else
        return 0;
    if (r < 0)
        return r;
    r = aa_attester_check_initdata(&aa->attester, cmn_buf_bytes(&digest), err);
    return r < 0 ? cmn_err_wrap(err, r,
                                "The initdata supplied by the parameter is inconsistent with that "
                                "of the current platform")
                 : 0;
}

static int prepare(struct aa *aa, const struct options *o, struct cmn_err *err)
{
    int r = aa_config_load(o->config, &aa->config, err);
    if (r == 0)
        r = guest_log_setup(aa->config.log_level, err);
    if (r == 0)
        r = guest_env_open("attestation-agent", &aa->env, err);
    if (r < 0)
        return r;
    if (strncmp(o->socket, "unix://", 7) != 0)
        return cmn_err_set(err, EINVAL, "socket address scheme is not expected");
    aa->retry_delay_ms = guest_env_ms("COCOBOX_RCAR_RETRY_DELAY_MS", 1000);
    aa_attester_detect(&aa->attester, aa->env);
    cmn_log(CMN_LOG_INFO, LOG_TARGET, "Detected TEE type: %s", aa->attester.tee);
    if (aa->config.enable_eventlog) /* upstream panics: these attesters have no event log hash */
        return cmn_err_reason(err, ENOTSUP, CMN_REASON_AA_CONFIG_INVALID,
                              "enable_eventlog with %s: Unimplemented", aa->attester.tee);
    return bind_initdata(aa, o, err);
}

static int serve(struct aa *aa, const struct options *o, struct cmn_err *err)
{
    struct cmn_ttrpc_server *server = NULL;

    int r = cmn_mkdir_p("/run/confidential-containers/attestation-agent", 0755, err);
    if (r < 0)
        return r;
    int fd = guest_listen(o->socket, err);
    if (fd < 0)
        return fd;
    r = cmn_ttrpc_server_new(&(struct cmn_ttrpc_server_opts){.listen_fd = fd,
                                                             .conn_fd = -1,
                                                             .methods = aa_methods,
                                                             .n_methods = aa_n_methods,
                                                             .ctx = aa},
                             &server, err);
    if (r < 0)
        return r;
    cmn_log(CMN_LOG_INFO, LOG_TARGET, "Attestation-Agent (ttRPC) is listening on %s", o->socket);
    cmn_http_client_warm(); /* the first request need not wait for it */
    (void)guest_signals_wait();
    cmn_ttrpc_server_free(server);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .options = rows, .parser = parse, .doc = "Attestation agent of the simulated guest."};
    struct options o = {.socket = "unix://" GUEST_AA_SOCKET};
    struct aa aa = {0};
    struct cmn_err err = {0};

    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return 2;
    guest_signals_block();
    int r = prepare(&aa, &o, &err);
    if (r == 0)
        r = serve(&aa, &o, &err);
    if (r < 0) {
        (void)fprintf(stderr, "Error: %s\n", err.msg);
        guest_event("aa.start", "boot", "failed", err.reason, err.msg, NULL);
    }
    cmn_buf_done(&aa.initdata_toml);
    aa_config_done(&aa.config);
    cmn_env_unref(aa.env);
    return r < 0 ? 1 : 0;
}
