/* find-program.c - where a program is; see cmd.h. */
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool sim_host_find_program(const char *name, char *out, size_t cap)
{
    const char *path = getenv("PATH");
    auto_free char *all = NULL;
    char *save = NULL;

    if (asprintf(&all, "%s:/usr/sbin:/sbin:/usr/libexec", path ? path : "/usr/bin:/bin") < 0)
        return false;
    for (char *dir = strtok_r(all, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
        (void)snprintf(out, cap, "%s/%s", dir, name);
        if (access(out, X_OK) == 0)
            return true;
    }
    (void)snprintf(out, cap, "not found");
    return false;
}
