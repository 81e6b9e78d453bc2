/* cmd-reasons.c - cocobox reasons [--json] [CODE...]: what the reason codes mean. */
#include "sim/cmd/cmd.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

struct args {
    bool json;
    char **codes;
    int n_codes;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print JSON", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    (void)arg;
    switch (key) {
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->codes = state->argv + state->next;
        a->n_codes = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool wanted(const struct args *a, const char *name)
{
    for (int i = 0; i < a->n_codes; i++)
        if (strcmp(a->codes[i], name) == 0)
            return true;
    return a->n_codes == 0;
}

static int print_json(const struct args *a)
{
    auto_json json_t *list = json_array();

    for (int i = CMN_REASON_NONE + 1; i < CMN_REASON_COUNT; i++) {
        const struct cmn_reason_info *info = cmn_reason_info((enum cmn_reason)i);
        if (wanted(a, info->name) &&
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "code", info->name,
                                                  "phase", info->phase, "meaning", info->meaning,
                                                  "hint", info->hint)) < 0)
            return SIM_EXIT_HOST;
    }
    auto_free char *text = cmn_json_dump(list);
    if (!text)
        return SIM_EXIT_HOST;
    (void)puts(text);
    return SIM_EXIT_OK;
}

int sim_cmd_reasons(int argc, char **argv)
{
    static const struct argp argp = {
        options, parse, "[CODE...]", "Tells what reason codes mean and what to change.",
        NULL,    NULL,  NULL};
    struct args a = {0};
    char name[] = "cocobox reasons";

    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return SIM_EXIT_USAGE;
    for (int i = 0; i < a.n_codes; i++)
        if (cmn_reason_by_name(a.codes[i]) == CMN_REASON_NONE)
            return sim_cmd_usage("reasons", "there is no reason code '%s'", a.codes[i]);
    if (a.json)
        return print_json(&a);
    for (int i = CMN_REASON_NONE + 1; i < CMN_REASON_COUNT; i++) {
        const struct cmn_reason_info *info = cmn_reason_info((enum cmn_reason)i);
        if (wanted(&a, info->name))
            (void)printf("%s (%s)\n    %s\n    %s\n", info->name, info->phase, info->meaning,
                         info->hint);
    }
    return SIM_EXIT_OK;
}
