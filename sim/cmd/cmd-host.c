/* cmd-host.c - cocobox host check [--json]: what this host can run, and what to do about the rest.
 */
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <string.h>

static const char *result(const struct sim_host_check *c)
{
    return c->warn ? "warn" : c->ok ? "pass" : "fail";
}

/* The pieces of "snp" one by one: not on a host whose processor has none of it. */
static bool is_snp_noise(const struct sim_host_check *checks, size_t n, size_t i)
{
    for (size_t k = 0; strncmp(checks[i].name, "snp-", 4) == 0 && k < n; k++)
        if (strcmp(checks[k].name, "snp-cpu") == 0)
            return !checks[k].ok;
    return false;
}

static void print_text(const struct sim_host_check *checks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct sim_host_check *c = &checks[i];
        if (is_snp_noise(checks, n, i))
            continue;
        (void)printf("%-5s %-16s %s\n",
                     c->warn     ? "warn"
                     : c->ok     ? "ok"
                     : c->needed ? "NO"
                                 : "-",
                     c->name, c->found);
        if (!c->ok || c->warn)
            (void)printf("      %-16s for %s; %s\n", "", c->for_what, c->hint);
    }
}

static void print_json(const struct sim_host_check *checks, size_t n)
{
    auto_json json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        const struct sim_host_check *c = &checks[i];
        CMN_IGNORE(json_array_append_new(
            list, json_pack("{s:s, s:s, s:b, s:b, s:s, s:s, s:s}", "name", c->name, "result",
                            result(c), "ok", c->ok, "needed", c->needed, "for", c->for_what,
                            "found", c->found, "hint", c->hint)));
    }
    auto_free char *text = cmn_json_dump(list);
    if (text)
        (void)puts(text);
}

int sim_cmd_host(int argc, char **argv)
{
    struct sim_host_check checks[SIM_HOST_CHECKS];
    struct sim_cmd_args a = {0};
    int status =
        sim_cmd_args(argc, argv, "check", "Tells what this host can run, by trying it.", &a);

    if (status != SIM_EXIT_OK)
        return status;
    if (a.n != 1 || strcmp(a.items[0], "check") != 0)
        return sim_cmd_usage("host", "say what to do: check");
    size_t n = sim_host_check_all(checks);
    if (a.json)
        print_json(checks, n);
    else
        print_text(checks, n);
    for (size_t i = 0; i < n; i++)
        if (checks[i].needed && !checks[i].ok)
            status = SIM_EXIT_HOST;
    return status;
}
