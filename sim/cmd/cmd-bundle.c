/* cmd-bundle.c - cocobox bundle from FILE|DIR... --out BUNDLE: a case in one folder, without
 * secrets. */
#include "sim/cmd/cmd.h"
#include "sim/diagnose/bundle/bundle.h"

#include <argp.h>
#include <stdio.h>
#include <string.h>

struct args {
    bool json;
    const char *out;
    char **files;
    int n_files;
};

static const struct argp_option options[] = {
    {"out", 'o', "BUNDLE", 0, "A new folder, or a new file *.tar.zst, *.tar.gz, *.tar", 0},
    {"json", 'j', NULL, 0, "Print JSON", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    switch (key) {
    case 'o':
        a->out = arg;
        return 0;
    case 'j':
        a->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->files = state->argv + state->next;
        a->n_files = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print(const struct args *a, const json_t *info)
{
    size_t i, k;
    json_t *f, *kind;
    json_int_t removed = 0;

    if (a->json) {
        auto_free char *text = cmn_json_dump(info);
        (void)puts(text ? text : "{}");
        return;
    }
    json_array_foreach(json_object_get(info, "files"), i, f) {
        removed += cmn_json_int(f, "removed", 0);
        (void)printf("%s:", cmn_json_str(f, "name"));
        json_array_foreach(json_object_get(f, "kinds"), k, kind)
            (void)printf(" %s", json_string_value(kind));
        (void)printf("%s, %lld secret(s) removed\n",
                     json_array_size(json_object_get(f, "kinds")) ? "" : " text",
                     (long long)cmn_json_int(f, "removed", 0));
    }
    json_array_foreach(json_object_get(info, "skipped"), i, f)
        (void)printf("left out %s: %s\n", cmn_json_str(f, "name"), cmn_json_str(f, "why"));
    (void)printf("%s: %zu files, %lld secrets removed. Look it through before you send it.\n",
                 a->out, json_array_size(json_object_get(info, "files")), (long long)removed);
}

int sim_cmd_bundle(int argc, char **argv)
{
    static const struct argp argp = {options,
                                     parse,
                                     "from FILE|DIR... --out BUNDLE",
                                     "Puts what a support case needs into one folder or archive: "
                                     "logs, evidence, tokens, policies, "
                                     "manifests; each recognised by its content, without "
                                     "secrets.\vExit codes: 0 written, 1 nothing "
                                     "was recognised, 2 usage, 3 a file cannot be read or written.",
                                     NULL,
                                     NULL,
                                     NULL};
    struct args a = {0};
    struct cmn_err err = {0};
    auto_env struct cmn_env *env = NULL;
    struct sim_bundle *b = NULL;
    char name[] = "cocobox bundle";

    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return SIM_EXIT_USAGE;
    if (a.n_files < 2 || strcmp(a.files[0], "from") != 0 || !a.out)
        return sim_cmd_usage("bundle", "say: bundle from FILE|DIR... --out BUNDLE");
    int r = cmn_env_new_system(&env, &err);
    if (r >= 0)
        r = sim_bundle_new(env, &b, &err);
    for (int i = 1; r >= 0 && i < a.n_files; i++)
        r = sim_bundle_add_path(b, a.files[i], &err);
    size_t files = r < 0 ? 0 : json_array_size(json_object_get(sim_bundle_info(b), "files"));
    if (r >= 0 && files)
        r = sim_bundle_write(b, a.out, &err);
    int status = r < 0 ? SIM_EXIT_HOST : files ? SIM_EXIT_OK : SIM_EXIT_FAILED;
    if (r < 0)
        (void)fprintf(stderr, "cocobox bundle: %s\n", err.msg);
    else if (!files)
        (void)fprintf(stderr, "cocobox bundle: nothing in these files is of a known kind\n");
    else
        print(&a, sim_bundle_info(b));
    sim_bundle_free(b);
    return status;
}
