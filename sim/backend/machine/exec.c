/* exec.c - the last step of every machine: the guest's init. */
#include "sim/backend/machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void machine_exec_init(const struct machine_config *config)
{
    char path[] = "PATH=" MACHINE_BIN_DIR ":/usr/sbin:/usr/bin:/sbin:/bin", home[] = "HOME=/root";
    char program[] = MACHINE_BIN_DIR "/cocobox-init", option[] = "--agent-fd", fd[] = "3";
    char *argv[] = {program, option, fd, NULL};
    char *env[MACHINE_ENV_MAX + 3];
    size_t n = 0;

    env[n++] = path;
    env[n++] = home;
    for (size_t i = 0; i < config->n_env; i++)
        env[n++] = config->env[i];
    env[n] = NULL;
    (void)execve(program, argv, env);
    (void)fprintf(stderr, "cocobox-machine: cannot execute %s: %s\n", program, strerror(errno));
    _exit(127);
}
