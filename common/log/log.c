/* log.c - see log.h. */
#include "common/log/log.h"

#include "common/buf/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static enum cmn_log_level threshold = CMN_LOG_INFO;
static cmn_log_clock_fn *clock_ms;
static void *clock_ctx;

static const char *const names[] = {"ERROR", "WARN", "INFO", "DEBUG"};

void cmn_log_threshold(enum cmn_log_level level)
{
    threshold = level;
}

void cmn_log_clock(cmn_log_clock_fn *now_ms, void *ctx)
{
    clock_ms = now_ms;
    clock_ctx = ctx;
}

int cmn_log_level_parse(const char *text, enum cmn_log_level *ret)
{
    if (strcasecmp(text, "trace") == 0) {
        *ret = CMN_LOG_DEBUG;
        return 0;
    }
    for (unsigned i = 0; i < CMN_ARRAY_SIZE(names); i++)
        if (strcasecmp(text, names[i]) == 0) {
            *ret = (enum cmn_log_level)i;
            return 0;
        }
    return -EINVAL;
}

void cmn_log(enum cmn_log_level level, const char *target, const char *fmt, ...)
{
    char line[4096], when[32];
    struct timespec ts = {0};
    struct tm tm;
    va_list ap;

    if (level > threshold)
        return;
    if (clock_ms) {
        int64_t ms = clock_ms(clock_ctx);
        ts = (struct timespec){ms / 1000, (long)(ms % 1000) * 1000000};
    } else {
        (void)clock_gettime(CLOCK_REALTIME, &ts);
    }
    (void)gmtime_r(&ts.tv_sec, &tm);
    (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    int n = snprintf(line, sizeof(line), "%s.%06ldZ %5s %s: ", when, ts.tv_nsec / 1000,
                     names[level], target);
    va_start(ap, fmt);
    (void)vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
    va_end(ap);
    size_t len = strlen(line);
    for (size_t i = (size_t)n; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    CMN_IGNORE(cmn_fd_write_all(STDERR_FILENO, line, len)); /* nowhere to tell it */
}
