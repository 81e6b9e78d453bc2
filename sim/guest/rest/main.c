/* main.c - api-server-rest: upstream's options, one HTTP listener. */
#include "sim/guest/common/guest.h"
#include "sim/guest/rest/rest.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_TARGET "api_server_rest"
#define BODY_MAX   (1u << 20)

struct options {
    const char *bind, *features, *cdh, *aa;
};

const char *argp_program_version = "api-server-rest (cocobox) 0.1.0";

static const struct argp_option rows[] = {
    {"bind", 'b', "IP:PORT", 0, "listen here (127.0.0.1:8006)", 0},
    {"features", 'f', "NAME", 0, "resource, attestation or all (resource)", 0},
    {"cdh_addr", 'c', "ADDRESS", 0, "ttrpc socket of the confidential data hub", 0},
    {"aa_addr", 'a', "ADDRESS", 0, "ttrpc socket of the attestation agent", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case 'b':
        o->bind = arg;
        return 0;
    case 'f':
        o->features = arg;
        return 0;
    case 'c':
        o->cdh = arg;
        return 0;
    case 'a':
        o->aa = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int split_bind(const char *text, char *host, size_t size, uint16_t *ret_port,
                      struct cmn_err *err)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;

    unsigned long port = colon && colon[1] ? strtoul(colon + 1, &end, 10) : 65536;
    if (!colon || (size_t)(colon - text) >= size || port > 65535 || *end)
        return cmn_err_set(err, EINVAL, "bind '%.64s': want IP:PORT", text);
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    *ret_port = (uint16_t)port;
    return 0;
}

static int run(const struct options *o, struct rest *rest, struct cmn_err *err)
{
    struct cmn_http_server *server = NULL;
    char host[64];
    uint16_t port = 0;

    int r = guest_log_setup(NULL, err);
    if (r == 0)
        r = split_bind(o->bind, host, sizeof(host), &port, err);
    if (r < 0)
        return r;
    /* a call may block for the whole ttrpc deadline: some threads, so that /info still answers */
    r = cmn_http_server_new(&(struct cmn_http_server_opts){.listen_fd = -1,
                                                           .address = host,
                                                           .port = port,
                                                           .body_limit = BODY_MAX,
                                                           .threads = 4,
                                                           .handle = rest_handle,
                                                           .ctx = rest},
                            &server, err);
    if (r < 0)
        return r;
    cmn_log(CMN_LOG_INFO, LOG_TARGET, "Starting API server on %s:%u with features %s", host,
            cmn_http_server_port(server), o->features);
    (void)guest_signals_wait();
    cmn_http_server_free(server);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .options = rows, .parser = parse, .doc = "HTTP face of the simulated guest's components."};
    struct options o = {"127.0.0.1:8006", "resource", "unix://" GUEST_CDH_SOCKET,
                        "unix://" GUEST_AA_SOCKET};
    struct cmn_err err = {0};
    struct rest rest;

    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return 2;
    if (!rest_feature_known(o.features)) {
        cmn_log(CMN_LOG_ERROR, LOG_TARGET,
                "Unknown features. Supported features are: resource, attestation, all.");
        return 1;
    }
    guest_signals_block();
    rest_init(&rest, o.features, o.cdh, o.aa);
    int r = run(&o, &rest, &err);
    if (r < 0)
        (void)fprintf(stderr, "Error: %s\n", err.msg);
    rest_done(&rest);
    return r < 0 ? 1 : 0;
}
