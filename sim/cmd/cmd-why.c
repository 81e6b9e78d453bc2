/* cmd-why.c - cocobox why [--json] [FILE|-...]: what a log says about why attestation failed. */
#include "sim/cmd/cmd.h"
#include "sim/diagnose/symptoms.h"
#include "sim/diagnose/why/why.h"

#include <argp.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN = 5, READ_BYTES = 1 << 18 };

struct args {
    bool json;
    bool all;
    char **files;
    int n_files;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "Print JSON", 0},
    {"all", 'a', NULL, 0, "Every code that has a line, not only the first five", 0},
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
    case 'a':
        a->all = true;
        return 0;
    case ARGP_KEY_ARGS:
        a->files = state->argv + state->next;
        a->n_files = state->argc - state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int feed_file(struct sim_why *w, const char *path, struct cmn_err *err)
{
    static uint8_t block[READ_BYTES];
    auto_close int opened = strcmp(path, "-") == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : opened;
    ssize_t n;

    if (fd < 0)
        return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
    while ((n = read(fd, block, sizeof(block))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cmn_err_set(err, errno, "%.256s: %s", path, strerror(errno));
        sim_why_feed(w, block, (size_t)n);
    }
    return 0;
}

static json_t *to_json(const struct sim_why_finding *f)
{
    const struct cmn_reason_info *info = cmn_reason_info(f->reason);
    const struct sim_symptom *s = sim_symptom_of(f->reason);

    return json_pack("{s:s, s:i, s:I, s:I, s:s, s:s, s:s, s:s}", "code", info->name, "weight",
                     (int)f->weight, "line", (json_int_t)f->line, "lines", (json_int_t)f->lines,
                     "text", f->text, "meaning", info->meaning, "change", info->hint, "prove",
                     s ? s->prove : "");
}

static int print_json(const struct sim_why_finding *found, size_t n)
{
    auto_json json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, to_json(&found[i])) < 0)
            return SIM_EXIT_HOST;
    auto_free char *text = cmn_json_dump(list);
    if (!text)
        return SIM_EXIT_HOST;
    (void)puts(text);
    return n ? SIM_EXIT_OK : SIM_EXIT_FAILED;
}

static const char *sure(unsigned weight)
{
    return weight >= 80 ? "likely" : weight >= 60 ? "possible" : "weak, or only a consequence";
}

static int print_text(const struct sim_why_finding *found, size_t n, size_t total)
{
    if (!n) {
        (void)puts(
            "No line here speaks for a known failure. The guest is told little: take the log "
            "of the KBS, too (docs/collect.md).");
        return SIM_EXIT_FAILED;
    }
    for (size_t i = 0; i < n; i++) {
        const struct cmn_reason_info *info = cmn_reason_info(found[i].reason);
        const struct sim_symptom *s = sim_symptom_of(found[i].reason);
        (void)printf(
            "%zu. %s (%s; %llu line%s)\n   %s\n   line %llu: %s\n   change: %s\n   prove:  "
            "%s\n",
            i + 1, info->name, sure(found[i].weight), found[i].lines,
            found[i].lines == 1 ? "" : "s", info->meaning, found[i].line, found[i].text, info->hint,
            s ? s->prove : "");
    }
    if (total > n)
        (void)printf("%zu more with --all\n", total - n);
    return SIM_EXIT_OK;
}

static int why(const struct args *a, struct cmn_err *err)
{
    static struct sim_why_finding found[CMN_REASON_COUNT];
    struct sim_why *w = NULL;
    int r = sim_why_new(&w, err);

    for (int i = 0; r >= 0 && i < a->n_files; i++)
        r = feed_file(w, a->files[i], err);
    if (r >= 0 && !a->n_files)
        r = feed_file(w, "-", err);
    size_t n = r < 0 ? 0 : sim_why_finish(w, found, CMN_ARRAY_SIZE(found));
    sim_why_free(w);
    if (r < 0)
        return r;
    size_t shown = a->all || n < SHOWN ? n : SHOWN;
    return a->json ? print_json(found, shown) : print_text(found, shown, n);
}

int sim_cmd_why(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse,
        "[FILE|-...]",
        "Reads logs, event lists or kubectl describe texts and names the likely reason codes, best "
        "first, each with the line that speaks for it.\vExit codes: 0 something was found, 1 "
        "nothing, 2 usage, 3 a file cannot be read.",
        NULL,
        NULL,
        NULL};
    struct args a = {0};
    struct cmn_err err = {0};
    char name[] = "cocobox why";

    argv[0] = name;
    argp_err_exit_status = SIM_EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a))
        return SIM_EXIT_USAGE;
    int r = why(&a, &err);
    if (r >= 0)
        return r;
    (void)fprintf(stderr, "cocobox why: %s\n", err.msg);
    return SIM_EXIT_HOST;
}
