/*
 * cocobox.c - Confidential Containers in a box: the program. A table of subcommands, each with a
 * file of its own. Exit codes: 0 pass, 1 a scenario failed, 2 usage, 3 environment, 77 skipped.
 */
#include "common/yaml/yaml.h"
#include "sim/cmd/cmd-image.h"
#include "sim/cmd/cmd.h"

#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "run scenarios and compare with what they expect", sim_cmd_run},
    {"list", "validate and show scenarios", sim_cmd_list},
    {"shell", "attach to a guest that was kept (run --backend vm --keep)", sim_cmd_shell},
    {"host", "check what this host can run (host check)", sim_cmd_host},
    {"image", "encrypt a container image (image encrypt)", sim_cmd_image},
    {"conformance", "compare a KBS with the protocol (conformance kbs)", sim_cmd_conformance},
    {"reasons", "explain the reason codes", sim_cmd_reasons},
    {"why", "name the likely causes in a log", sim_cmd_why},
    {"inspect", "tell what a file holds, field by field", sim_cmd_inspect},
    {"lint", "find mistakes in configuration", sim_cmd_lint},
    {"replay", "judge an attestation again, offline", sim_cmd_replay},
    {"bundle", "put a case into one folder, without secrets (bundle from)", sim_cmd_bundle},
};

static void help(FILE *out)
{
    (void)fputs("Usage: cocobox COMMAND [OPTION...] [ARGUMENT...]\n"
                "Confidential Containers in a box: the whole peer-pod flow on one machine.\n"
                "The TEE is software and protects nothing.\n\n",
                out);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(commands); i++)
        (void)fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("\n'cocobox COMMAND --help' tells a command's options.\n"
                "Exit codes: 0 pass, 1 a scenario failed, 2 usage, 3 environment, 77 skipped.\n",
                out);
}

int sim_cmd_usage(const char *command, const char *fmt, ...)
{
    va_list ap;

    (void)fprintf(stderr, "cocobox %s: ", command);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "\nTry 'cocobox %s --help'.\n", command);
    return SIM_EXIT_USAGE;
}

static int unknown(const char *command)
{
    const char *names[CMN_ARRAY_SIZE(commands)];

    for (size_t i = 0; i < CMN_ARRAY_SIZE(commands); i++)
        names[i] = commands[i].name;
    const char *near = cmn_yaml_nearest(command, names, CMN_ARRAY_SIZE(commands));
    (void)fprintf(stderr, "cocobox: unknown command '%.64s'%s%s%s (see cocobox --help)\n", command,
                  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return SIM_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)mallopt(M_ARENA_MAX,
                  2); /* threads come and go with every run: one run's memory serves the next */
    if (argc < 2) {
        help(stderr);
        return SIM_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "-?") == 0) {
        help(stdout);
        return SIM_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)puts("cocobox " COCOBOX_VERSION);
        return SIM_EXIT_OK;
    }
    for (size_t i = 0; i < CMN_ARRAY_SIZE(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return unknown(argv[1]);
}
