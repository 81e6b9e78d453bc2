/* test-testlib.c - the exit status of a test program says what happened in it. */
#include "tests/testlib/testlib.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[256]; /* made before the inner program that removes it */

static void passes(void)
{
    struct cmn_err err = {0};

    (void)cmn_err_set(&err, ENOENT, "no such thing");
    T_TRUE(true);
    T_EQ_INT(2, 2);
    T_EQ_STR("a", "a");
    T_EQ_STR(NULL, NULL);
    T_EQ_MEM("ab", "ac", 1);
    T_OK(0, NULL);
    T_ERR(-ENOENT, -ENOENT, &err, "such");
}

static void not_true(void)
{
    T_TRUE(false);
}

static void other_int(void)
{
    T_EQ_INT(1, 2);
}

static void other_string(void)
{
    T_EQ_STR("a", NULL);
}

static void other_bytes(void)
{
    T_EQ_MEM("ab", "ac", 2);
}

static void no_success(void)
{
    T_OK(-EIO, NULL);
}

static void other_errno(void)
{
    T_ERR(-EIO, -ENOENT, NULL, NULL);
}

static void other_message(void)
{
    struct cmn_err err = {.msg = "abc"};

    T_ERR(-EIO, -EIO, &err, "xyz");
}

static void skips(void)
{
    t_skip_all("nothing to do here");
}

static void uses_a_folder(void)
{
    char path[300];

    (void)snprintf(path, sizeof(path), "%s/file", t_tmpdir());
    T_OK(cmn_file_write(path, "x", 1, 0600, NULL), NULL);
}

/*
 * Exit status of a test program with these cases: a process of its own before CUnit is started in
 * this one, because CUnit has one registry per process.
 */
static int status_of(const struct t_case *cases, size_t n)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
            _exit(99);
        _exit(t_main("inner", cases, n, 0, NULL));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static const struct {
    const char *name;
    int want;
    size_t n;
    struct t_case cases[2];
} programs[] = {
    {"folder", 0, 1, {{"folder", uses_a_folder}}}, /* first: it uses the folder that is there */
    {"none", 1, 0, {{0}}},
    {"pass", 0, 1, {{"pass", passes}}},
    {"not true", 1, 1, {{"x", not_true}}},
    {"other int", 1, 1, {{"x", other_int}}},
    {"other string", 1, 1, {{"x", other_string}}},
    {"other bytes", 1, 1, {{"x", other_bytes}}},
    {"no success", 1, 1, {{"x", no_success}}},
    {"other errno", 1, 1, {{"x", other_errno}}},
    {"other message", 1, 1, {{"x", other_message}}},
    {"skip", 77, 2, {{"pass", passes}, {"skip", skips}}},
    {"a failure counts more than a skip", 1, 2, {{"x", other_int}, {"skip", skips}}},
};

static int statuses[CMN_ARRAY_SIZE(programs)];

static void exit_status_says_what_happened(void)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(programs); i++)
        t_eq_int(statuses[i], programs[i].want, programs[i].name, __FILE__, __LINE__);
}

/* The inner program is a fork that inherits this one's folder, and removes it as its own. */
static void folder_is_removed_at_the_end(void)
{
    T_TRUE(*folder);
    T_TRUE(access(folder, F_OK) < 0);
}

int main(int argc, char **argv)
{
    static const struct t_case cases[] = {
        {"exit status says what happened", exit_status_says_what_happened},
        {"folder is removed at the end", folder_is_removed_at_the_end},
    };

    (void)snprintf(folder, sizeof(folder), "%s", t_tmpdir());
    for (size_t i = 0; i < CMN_ARRAY_SIZE(programs); i++)
        statuses[i] = status_of(programs[i].cases, programs[i].n);
    return t_main("testlib", cases, CMN_ARRAY_SIZE(cases), argc, argv);
}
