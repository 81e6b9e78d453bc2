/* console.c - what the guest's init and the parts say; see init.h. */
#include "sim/guest/init/init.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void put(const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(STDERR_FILENO, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody listens any more */
        data += n;
        len -= (size_t)n;
    }
}

void init_console(const char *who, const char *text, size_t len)
{
    static char line[INIT_LINE_MAX + 80];

    if (len > INIT_LINE_MAX)
        len = INIT_LINE_MAX;
    size_t n = (size_t)snprintf(line, 70, "%.64s: ", who);
    memcpy(line + n, text, len);
    line[n + len] = '\n';
    put(line, n + len + 1);
}

void init_say(const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n > 0)
        init_console("init", text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

void init_event_ended(const struct part *p, int wait_status)
{
    char how[64];

    if (WIFEXITED(wait_status))
        (void)snprintf(how, sizeof(how), "ended with exit status %d", WEXITSTATUS(wait_status));
    else
        (void)snprintf(how, sizeof(how), "was killed by signal %d", WTERMSIG(wait_status));
    init_say(
        "\x1e{\"name\":\"guest.crashed\",\"phase\":\"boot\",\"outcome\":\"failed\","
        "\"code\":\"guest.crashed\",\"message\":\"%s %s\",\"details\":{\"part\":\"%s\",\"%s\":%d}}",
        p->name, how, p->name, WIFEXITED(wait_status) ? "exit_status" : "signal",
        WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : WTERMSIG(wait_status));
}

void init_event_waiting(const struct part *p)
{
    init_say("\x1e{\"name\":\"guest.waiting\",\"phase\":\"boot\",\"outcome\":\"warn\","
             "\"message\":\"%s does not start: it waits for %s, which nothing will make\"}",
             p->name, p->waits_for);
}
