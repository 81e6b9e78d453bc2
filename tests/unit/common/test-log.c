/* test-log.c - one call is one line, in upstream's form, on stderr. */
#include "tests/testlib/testlib.h"

#include "common/log/log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int saved = -1;
static int pipe_fd[2];

/* stderr into a pipe; a line is far smaller than the pipe. */
static void capture(void)
{
    T_EQ_INT(pipe2(pipe_fd, O_CLOEXEC), 0);
    saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    T_EQ_INT(dup2(pipe_fd[1], STDERR_FILENO), STDERR_FILENO);
    (void)close(pipe_fd[1]);
}

static void captured(struct cmn_buf *ret)
{
    T_EQ_INT(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(saved);
    T_OK(cmn_fd_read_all(pipe_fd[0], 1 << 20, ret, NULL), NULL);
    (void)close(pipe_fd[0]);
}

static void line_has_upstreams_form(void)
{
    auto_env struct cmn_env *env = NULL;
    auto_buf struct cmn_buf out = {0};

    T_OK(cmn_env_new_seeded("1", 1, &env, NULL), NULL);
    cmn_log_setup(CMN_LOG_DEBUG, env);
    cmn_env_sleep_ms(env, 1500);
    capture();
    cmn_log(CMN_LOG_WARN, "kbs_lite", "%s %d", "text", 7);
    cmn_log(CMN_LOG_ERROR, "kbs_lite::session", "second");
    captured(&out);
    cmn_log_setup(CMN_LOG_INFO, NULL);
    T_EQ_STR((char *)out.data, "2026-01-01T00:00:01.500000Z  WARN kbs_lite: text 7\n"
                               "2026-01-01T00:00:01.500000Z ERROR kbs_lite::session: second\n");
}

static void system_clock_gives_micros(void)
{
    auto_buf struct cmn_buf out = {0};

    capture();
    cmn_log(CMN_LOG_INFO, "t", "x");
    captured(&out);
    /* 2026-01-01T00:00:00.000000Z  INFO t: x */
    T_EQ_INT(out.len, 27 + 12);
    T_TRUE(out.len > 26 && out.data[10] == 'T' && out.data[19] == '.' && out.data[26] == 'Z');
}

static void below_the_threshold_is_silent(void)
{
    auto_buf struct cmn_buf out = {0};

    cmn_log_threshold(CMN_LOG_WARN);
    capture();
    cmn_log(CMN_LOG_INFO, "t", "x");
    cmn_log(CMN_LOG_DEBUG, "t", "x");
    captured(&out);
    cmn_log_threshold(CMN_LOG_INFO);
    T_EQ_INT(out.len, 0);
}

static void outside_text_cannot_forge_a_line(void)
{
    auto_buf struct cmn_buf out = {0};
    char large[10000];

    memset(large, 'A', sizeof(large) - 1);
    large[sizeof(large) - 1] = 0;
    capture();
    cmn_log(CMN_LOG_INFO, "t", "a\nb\r\x1b[2J\x7f%s", "\xc3\xa4");
    cmn_log(CMN_LOG_INFO, "t", "%s", large);
    captured(&out);
    T_TRUE(strstr((char *)out.data, "t: a?b??[2J?\xc3\xa4\n"));
    char *second = strchr((char *)out.data, '\n') + 1;
    T_TRUE(strlen(second) <= 4096); /* cut, and still ended */
    T_TRUE(strchr(second, '\n') == second + strlen(second) - 1);
}

static void level_names(void)
{
    enum cmn_log_level level;

    T_OK(cmn_log_level_parse("warn", &level), NULL);
    T_EQ_INT(level, CMN_LOG_WARN);
    T_OK(cmn_log_level_parse("Trace", &level), NULL);
    T_EQ_INT(level, CMN_LOG_DEBUG);
    T_EQ_INT(cmn_log_level_parse("", &level), -EINVAL);
    T_EQ_INT(cmn_log_level_parse("warning", &level), -EINVAL);
}

TEST_MAIN("log", {"line has upstream's form", line_has_upstreams_form},
          {"system clock gives micros", system_clock_gives_micros},
          {"below the threshold is silent", below_the_threshold_is_silent},
          {"outside text cannot forge a line", outside_text_cannot_forge_a_line},
          {"level names", level_names})
