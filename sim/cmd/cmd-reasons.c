/* cmd-reasons.c - cocobox reasons [--json] [CODE...]: what the reason codes mean. */
#include "common/yaml/yaml.h"
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static bool wanted(const struct sim_cmd_args *a, const char *name)
{
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->items[i], name) == 0)
            return true;
    return a->n == 0;
}

static int print_json(const struct sim_cmd_args *a)
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

static int unknown(const char *code)
{
    const char *names[CMN_REASON_COUNT];
    size_t n = 0;

    for (int i = CMN_REASON_NONE + 1; i < CMN_REASON_COUNT; i++)
        names[n++] = cmn_reason_name((enum cmn_reason)i);
    const char *near = cmn_yaml_nearest(code, names, n);
    return sim_cmd_usage("reasons", "there is no reason code '%.64s'%s%s%s", code,
                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

int sim_cmd_reasons(int argc, char **argv)
{
    struct sim_cmd_args a = {0};
    int status = sim_cmd_args(argc, argv, "[CODE...]",
                              "Tells what reason codes mean and what to change.", &a);

    if (status != SIM_EXIT_OK)
        return status;
    for (int i = 0; i < a.n; i++)
        if (cmn_reason_by_name(a.items[i]) == CMN_REASON_NONE)
            return unknown(a.items[i]);
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
