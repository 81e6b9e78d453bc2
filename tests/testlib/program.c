/* program.c - see program.h. Output goes to files, so that neither stream can block the other. */
#include "tests/testlib/program.h"
#include "tests/testlib/testlib.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

struct t_ran t_program(const char *const argv[])
{
    posix_spawn_file_actions_t actions;
    struct t_ran ran = {.status = -1};
    char out[256], err[256];
    int status = 0;
    pid_t pid = -1;

    (void)snprintf(out, sizeof(out), "%s/program.out", t_tmpdir());
    (void)snprintf(err, sizeof(err), "%s/program.err", t_tmpdir());
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    (void)posix_spawn_file_actions_addopen(&actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int r = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    T_EQ_INT(r, 0);
    if (r)
        return ran;
    T_EQ_INT(waitpid(pid, &status, 0), pid);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    T_OK(cmn_file_read(out, 16u << 20, &ran.out, NULL), NULL);
    T_OK(cmn_file_read(err, 16u << 20, &ran.err, NULL), NULL);
    return ran;
}

void t_ran_done(struct t_ran *ran)
{
    cmn_buf_done(&ran->out);
    cmn_buf_done(&ran->err);
}
