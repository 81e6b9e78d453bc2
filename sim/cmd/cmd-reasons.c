/* cmd-reasons.c - cocobox reasons [--json|--markdown] [CODE...]: what the reason codes mean. */
#include "common/yaml/yaml.h"
#include "sim/cmd/cmd.h"
#include "sim/diagnose/symptoms.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

struct args {
    bool json;
    bool markdown;
    char **codes;
    int n_codes;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print JSON", 0},
    {"markdown", 'm', NULL, 0, "Print the whole table as docs/reasons.md has it", 0},
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
    case 'm':
        a->markdown = true;
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

static json_t *to_json(enum cmn_reason reason)
{
    const struct cmn_reason_info *info = cmn_reason_info(reason);
    const struct sim_symptom *s = sim_symptom_of(reason);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "code", info->name, "phase", info->phase,
                             "meaning", info->meaning, "hint", info->hint);
    auto_json json_t *seen =
        s ? json_pack("{s:s, s:s, s:s, s:s, s:s}", "client", s->client, "kbs_log", s->kbs_log,
                      "pod_event", s->pod_event, "causes", s->causes, "prove", s->prove)
          : NULL;

    if (seen)
        (void)json_object_update(json, seen);
    return json;
}

static int print_json(const struct args *a)
{
    auto_json json_t *list = json_array();

    for (int i = CMN_REASON_NONE + 1; i < CMN_REASON_COUNT; i++)
        if (wanted(a, cmn_reason_name((enum cmn_reason)i)) &&
            json_array_append_new(list, to_json((enum cmn_reason)i)) < 0)
            return SIM_EXIT_HOST;
    auto_free char *text = cmn_json_dump(list);
    if (!text)
        return SIM_EXIT_HOST;
    (void)puts(text);
    return SIM_EXIT_OK;
}

static int print_markdown(void)
{
    auto_buf struct cmn_buf text = {0};

    if (sim_symptom_markdown(&text, NULL) < 0)
        return SIM_EXIT_HOST;
    (void)fputs((const char *)text.data, stdout);
    return SIM_EXIT_OK;
}

static void print_seen(const char *what, const char *text)
{
    if (*text)
        (void)printf("    %-10s %s\n", what, text);
}

/* All of them in two lines each, a named one with everything. */
static void print_one(enum cmn_reason reason, bool whole)
{
    const struct cmn_reason_info *info = cmn_reason_info(reason);
    const struct sim_symptom *s = sim_symptom_of(reason);

    (void)printf("%s (%s)\n    %s\n", info->name, info->phase, info->meaning);
    if (!whole || !s) {
        (void)printf("    %s\n", info->hint);
        return;
    }
    print_seen("change:", info->hint);
    print_seen("causes:", s->causes);
    print_seen("client:", s->client);
    print_seen("KBS log:", s->kbs_log);
    print_seen("pod event:", s->pod_event);
    print_seen("prove it:", s->prove);
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
            return unknown(a.codes[i]);
    if (a.json)
        return print_json(&a);
    if (a.markdown)
        return print_markdown();
    for (int i = CMN_REASON_NONE + 1; i < CMN_REASON_COUNT; i++) {
        if (wanted(&a, cmn_reason_name((enum cmn_reason)i)))
            print_one((enum cmn_reason)i, a.n_codes > 0);
    }
    return SIM_EXIT_OK;
}
