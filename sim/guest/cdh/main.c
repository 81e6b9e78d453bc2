/* main.c - confidential-data-hub [-c PATH]: the options of upstream's ttrpc-cdh. */
#include "common/ttrpc/ttrpc.h"
#include "sim/guest/cdh/cdh.h"
#include "sim/guest/common/guest.h"

#include <argp.h>
#include <string.h>

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
    const char **path = state->input;

    if (key != 'c')
        return ARGP_ERR_UNKNOWN;
    *path = arg;
    return 0;
}

static int fail(const struct cmn_err *err)
{
    cmn_log(CMN_LOG_ERROR, "ttrpc_cdh", "Error: %s", err->msg);
    guest_event("cdh.start", "boot", "failed", err->reason, err->msg, NULL);
    return 1;
}

/* Upstream makes its KBS client at start, so with cc_kbc the agent has to be there. */
static int check_agent(const struct cdh *cdh, struct cmn_err *err)
{
    struct cmn_ttrpc_client *client = NULL;

    if (strcmp(cdh->config.kbc_name, "cc_kbc") != 0)
        return 0;
    int r = cmn_ttrpc_client_connect(cdh->config.aa_socket, &client, err);
    cmn_ttrpc_client_free(client);
    if (r < 0 && err)
        err->reason = CMN_REASON_AA_UNREACHABLE;
    return r < 0 ? cmn_err_wrap(
                       err, r,
                       "init Hub failed: kbs client creation failed: KbsClientError(\"create "
                       "AA token provider failed: AATokenProvider(\\\"ttrpc connect failed")
                 : 0;
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {NULL, 'c', "PATH", 0, "configuration file (TOML or JSON)", 0}, {0}};
    static const struct argp argp = {options, parse_opt, NULL, "The guest's confidential data hub.",
                                     NULL,    NULL,      NULL};
    const char *path = NULL;
    struct cdh cdh = {0};
    struct cmn_err err = {0};

    if (argp_parse(&argp, argc, argv, 0, NULL, &path) != 0)
        return 2;
    guest_signals_block();
    int r = cdh_config_load(path, &cdh.config, &err);
    if (r == 0)
        r = guest_log_setup(cdh.config.log_level, &err);
    if (r == 0)
        r = guest_env_open("cdh", &cdh.env, &err);
    if (r == 0)
        r = check_agent(&cdh, &err);
    if (r == 0)
        r = cdh_credentials_fetch(&cdh, &err);
    if (r == 0)
        r = cdh_serve(&cdh, &err);
    int status = r < 0 ? fail(&err) : 0;
    cmn_env_unref(cdh.env);
    cdh_config_done(&cdh.config);
    return status;
}
