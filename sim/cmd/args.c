/* args.c - the command line of subcommands that only know --json and a list of things; see cmd.h.
 */
#include "sim/cmd/cmd.h"

#include <argp.h>
#include <stdio.h>

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print JSON", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct sim_cmd_args *a = state->input;

    (void)arg;
    switch (key) {
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->items = state->argv + state->next;
        a->n = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int sim_cmd_args(int argc, char **argv, const char *items_doc, const char *doc,
                 struct sim_cmd_args *ret)
{
    const struct argp argp = {options, parse, items_doc, doc, NULL, NULL, NULL};
    char name[64];

    (void)snprintf(name, sizeof(name), "cocobox %s", argv[0]);
    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    return argp_parse(&argp, argc, argv, 0, NULL, ret) ? SIM_EXIT_USAGE : SIM_EXIT_OK;
}
