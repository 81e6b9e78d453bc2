/* cmd-list.c - cocobox list [--json] [FILE|FOLDER...]: validates scenarios and shows what each
 * expects. */
#include "sim/cmd/cmd.h"
#include "sim/run/run.h"
#include "sim/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct list {
    const struct sim_cmd_args *args;
    json_t *rows;
    bool bad;
};

static json_t *strings(const struct sim_strings *s)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < s->n; i++)
        CMN_IGNORE(json_array_append_new(list, json_string(s->items[i])));
    return list;
}

static void one(struct list *l, const char *path)
{
    auto_plan struct sim_plan *plan = NULL;
    struct cmn_err err = {0};
    char expected[512];

    if (sim_scenario_load(path, &plan, &err) < 0) {
        (void)fprintf(stderr, "cocobox list: %s\n", err.msg);
        l->bad = true;
        return;
    }
    sim_verdict_expected(plan, expected, sizeof(expected));
    if (!l->args->json) {
        (void)printf("%-30s %s\n%-30s -> %s\n", plan->name, plan->summary, "", expected);
        return;
    }
    CMN_IGNORE(json_array_append_new(
        l->rows, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "name", plan->name, "file", path,
                           "summary", plan->summary, "expected", expected, "tags",
                           strings(&plan->tags), "needs", strings(&plan->needs))));
}

static void any(struct list *l, const char *path)
{
    struct sim_strings files = {0};
    struct cmn_err err = {0};

    if (sim_scenario_files(path, &files, &err) < 0) {
        (void)fprintf(stderr, "cocobox list: %s\n", err.msg);
        l->bad = true;
    }
    for (size_t i = 0; i < files.n; i++)
        one(l, files.items[i]);
    sim_strings_done(&files);
}

int sim_cmd_list(int argc, char **argv)
{
    auto_json json_t *rows = json_array();
    struct sim_cmd_args a = {0};
    int status =
        sim_cmd_args(argc, argv, "[FILE|FOLDER...]",
                     "Validates scenarios and shows what each expects. Without arguments: those "
                     "that come with cocobox.",
                     &a);

    if (status != SIM_EXIT_OK)
        return status;
    struct list l = {&a, rows, false};
    for (int i = 0; i < a.n; i++)
        any(&l, a.items[i]);
    if (!a.n) {
        auto_free char *dir = sim_path_scenarios();
        if (!dir)
            return sim_cmd_usage("list", "no scenarios folder found; name one");
        any(&l, dir);
    }
    if (a.json) {
        auto_free char *text = cmn_json_dump(rows);
        if (text)
            (void)puts(text);
    }
    return l.bad ? SIM_EXIT_USAGE : SIM_EXIT_OK;
}
