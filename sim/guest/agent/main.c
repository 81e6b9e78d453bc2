/* main.c - kata-agent: serves one connected stream (--agent-fd) or a unix socket. */
#include "sim/guest/agent/agent.h"
#include "sim/guest/common/guest.h"

#include <argp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define LOG_TARGET "agent"

enum { OPT_FD = 1000, OPT_CDH, OPT_BUNDLES };

struct options {
    const char *socket, *cdh, *bundles;
    int fd;
};

const char *argp_program_version = "kata-agent (cocobox) 0.1.0";

static const struct argp_option rows[] = {
    {"agent-fd", OPT_FD, "N", 0, "serve this connected stream instead of a socket", 0},
    {"socket", 's', "PATH", 0, "ttrpc socket (" GUEST_AGENT_SOCKET ")", 0},
    {"cdh", OPT_CDH, "ADDRESS", 0, "ttrpc socket of the confidential data hub", 0},
    {"bundles", OPT_BUNDLES, "PATH", 0, "folder of container bundles (" AGENT_BUNDLES ")", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;
    char *end = NULL;

    switch (key) {
    case OPT_FD:
        o->fd = (int)strtol(arg, &end, 10);
        if (end == arg || *end || o->fd < 0 || fcntl(o->fd, F_SETFD, FD_CLOEXEC) < 0)
            argp_error(state, "agent-fd '%.32s': want the number of an open descriptor", arg);
        return 0;
    case 's':
        o->socket = arg;
        return 0;
    case OPT_CDH:
        o->cdh = arg;
        return 0;
    case OPT_BUNDLES:
        o->bundles = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int run(const struct options *o, struct agent *agent, struct cmn_err *err)
{
    struct cmn_ttrpc_server *server = NULL;
    int listen_fd = -1;

    int r = guest_log_setup(NULL, err);
    if (r < 0)
        return r;
    if (o->fd < 0) {
        listen_fd = guest_listen(o->socket, err);
        if (listen_fd < 0)
            return listen_fd;
    }
    r = cmn_ttrpc_server_new(&(struct cmn_ttrpc_server_opts){.listen_fd = listen_fd,
                                                             .conn_fd = o->fd,
                                                             .methods = agent_methods,
                                                             .n_methods = agent_n_methods,
                                                             .ctx = agent,
                                                             .go_errors = true},
                             &server, err);
    if (r < 0)
        return r;
    cmn_log(CMN_LOG_INFO, LOG_TARGET, "ttRPC server started");
    cmn_ttrpc_server_wait(server); /* ends with the host's connection; on a socket by a signal */
    agent_container_remove_all(agent);
    cmn_ttrpc_server_free(server);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .options = rows, .parser = parse, .doc = "Stand-in for kata-agent in the simulated guest."};
    struct options o = {GUEST_AGENT_SOCKET, "unix://" GUEST_CDH_SOCKET, AGENT_BUNDLES, -1};
    struct cmn_err err = {0};
    struct agent agent;

    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0)
        return 2;
    (void)signal(SIGPIPE, SIG_IGN);
    agent_init(&agent, o.bundles, o.cdh);
    int r = run(&o, &agent, &err);
    if (r < 0)
        (void)fprintf(stderr, "Error: %s\n", err.msg);
    return r < 0 ? 1 : 0;
}
