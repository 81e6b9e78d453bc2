/* cmd-lint.c - cocobox lint [--json] FILE|DIR...: mistakes in configuration. */
#include "sim/cmd/cmd.h"
#include "sim/diagnose/lint/lint.h"

#include <stdio.h>
#include <string.h>

static bool is_error(const json_t *f)
{
    const char *level = cmn_json_str(f, "level");
    return level && strcmp(level, "error") == 0;
}

static void print_one(const json_t *f)
{
    const char *code = cmn_json_str(f, "code");

    (void)printf("%s:%lld: %s: %s%s%s%s\n    fix: %s\n", cmn_json_str(f, "file"),
                 (long long)cmn_json_int(f, "line", 0), cmn_json_str(f, "level"),
                 cmn_json_str(f, "message"), code ? " [" : "", code ? code : "", code ? "]" : "",
                 cmn_json_str(f, "fix"));
}

static int print(const struct sim_cmd_args *a, const struct sim_lint *l, const json_t *found)
{
    size_t i, errors = 0;
    json_t *f;

    json_array_foreach(found, i, f)
        errors += is_error(f);
    if (a->json) {
        auto_free char *text = cmn_json_dump(found);
        (void)puts(text ? text : "[]");
    } else {
        json_array_foreach(found, i, f)
            print_one(f);
        (void)printf("%zu error%s, %zu warning%s in %zu file%s (%zu of an unknown kind)\n", errors,
                     errors == 1 ? "" : "s", json_array_size(found) - errors,
                     json_array_size(found) - errors == 1 ? "" : "s", sim_lint_files(l),
                     sim_lint_files(l) == 1 ? "" : "s", sim_lint_skipped(l));
    }
    return errors ? SIM_EXIT_FAILED : SIM_EXIT_OK;
}

int sim_cmd_lint(int argc, char **argv)
{
    struct sim_cmd_args a = {0};
    struct cmn_err err = {0};
    auto_env struct cmn_env *env = NULL;
    struct sim_lint *l = NULL;
    int status = sim_cmd_args(argc, argv, "FILE|DIR...",
                              "Looks for mistakes in initdata, aa.toml, cdh.toml, kbs-config, "
                              "policies, reference values, "
                              "the operators' manifests, secrets and certificates; each with file, "
                              "line and fix. Files that "
                              "belong together are given together.\vExit codes: 0 no error "
                              "(warnings may be), 1 errors, 2 "
                              "usage, 3 a file cannot be read.",
                              &a);

    if (status != SIM_EXIT_OK)
        return status;
    if (!a.n)
        return sim_cmd_usage("lint", "which file or folder?");
    int r = cmn_env_new_system(&env, &err);
    if (r >= 0)
        r = sim_lint_new(env, &l, &err);
    for (int i = 0; r >= 0 && i < a.n; i++)
        r = sim_lint_path(l, a.items[i], &err);
    status = r < 0 ? SIM_EXIT_HOST : print(&a, l, sim_lint_finish(l));
    if (r < 0)
        (void)fprintf(stderr, "cocobox lint: %s\n", err.msg);
    sim_lint_free(l);
    return status;
}
