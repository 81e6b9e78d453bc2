/* cmd-inspect.c - cocobox inspect [--json] FILE|-...: what a file holds. */
#include "sim/cmd/cmd.h"
#include "sim/diagnose/inspect/inspect.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_whole(const char *path, struct cmn_buf *ret, struct cmn_err *err)
{
    if (strcmp(path, "-") == 0)
        return cmn_fd_read_all(STDIN_FILENO, SIM_INSPECT_MAX_BYTES, ret, err);
    return cmn_file_read(path, SIM_INSPECT_MAX_BYTES, ret, err);
}

static int print(const struct sim_cmd_args *a, const char *path, const json_t *found)
{
    auto_buf struct cmn_buf text = {0};
    size_t doubts = sim_view_doubts(found);

    if (a->json) {
        auto_json json_t *line = json_pack("{s:s, s:I, s:O}", "file", path, "doubts",
                                           (json_int_t)doubts, "found", (json_t *)found);
        auto_free char *dump = line ? cmn_json_dump(line) : NULL;
        return dump ? puts(dump) : -ENOMEM;
    }
    if (sim_view_text(found, &text) < 0)
        return -ENOMEM;
    if (a->n > 1)
        (void)printf("== %s\n", path);
    (void)fputs((const char *)text.data, stdout);
    (void)printf("%zu point%s marked '!'\n", doubts, doubts == 1 ? "" : "s");
    return 0;
}

static int inspect_one(const struct sim_cmd_args *a, struct cmn_env *env, const char *path,
                       struct cmn_err *err)
{
    auto_buf struct cmn_buf data = {0};
    auto_json json_t *found = NULL;
    int r = read_whole(path, &data, err);

    if (r >= 0)
        r = sim_inspect(env, path, cmn_buf_bytes(&data), &found, err);
    return r < 0 ? r : print(a, path, found);
}

int sim_cmd_inspect(int argc, char **argv)
{
    struct sim_cmd_args a = {0};
    struct cmn_err err = {0};
    auto_env struct cmn_env *env = NULL;
    char dash[] = "-", *standard_input[] = {dash};
    int status = sim_cmd_args(
        argc, argv, "[FILE|-...]",
        "Recognises what a file holds (report, evidence, certificates, token, initdata, manifest, "
        "firmware, policy ...) and tells every field; what is suspicious is marked '!'.\vExit "
        "codes: 0 "
        "recognised, 1 not recognised, 2 usage, 3 a file cannot be read.",
        &a);

    if (status != SIM_EXIT_OK)
        return status;
    if (!a.n) {
        a.items = standard_input;
        a.n = 1;
    }
    if (cmn_env_new_system(&env, &err) < 0)
        return SIM_EXIT_HOST;
    for (int i = 0; i < a.n; i++) {
        int r = inspect_one(&a, env, a.items[i], &err);
        if (r >= 0)
            continue;
        (void)fprintf(stderr, "cocobox inspect: %s\n", err.msg);
        status = r == -ENODATA && status != SIM_EXIT_HOST ? SIM_EXIT_FAILED : SIM_EXIT_HOST;
    }
    return status;
}
