/* part.c - one program of the guest: start it, forward its lines; see init.h. */
#include "sim/guest/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;

static void run(const struct part *p, int out, int keep_fd)
{
    static const char prefix[] = "/opt/cocobox/bin/";
    char path[128];
    sigset_t none;

    (void)setsid();
    int null = open("/dev/null", O_RDONLY);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(126);
    if (keep_fd >= 0 && fcntl(keep_fd, F_SETFD, 0) < 0)
        _exit(126);
    if (null > 2)
        (void)close(null);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    memcpy(path, prefix, sizeof(prefix));
    strncat(path, p->name, sizeof(path) - sizeof(prefix) - 1);
    (void)execve(path, p->argv, environ);
    _exit(127);
}

int init_part_start(struct part *p, int keep_fd)
{
    int out[2];

    if (pipe2(out, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = vfork(); /* the child only sets its own fds and mask, and execs */
    if (pid == 0)
        run(p, out[1], keep_fd);
    (void)close(out[1]);
    if (pid < 0) {
        (void)close(out[0]);
        return -EAGAIN;
    }
    (void)fcntl(out[0], F_SETFL, O_NONBLOCK);
    p->out = out[0];
    p->pid = pid;
    return 0;
}

static void feed(struct part *p, const char *data, size_t len)
{
    struct lines *l = &p->lines;

    while (len) {
        const char *nl = memchr(data, '\n', len);
        size_t n = nl ? (size_t)(nl - data) : len;
        size_t room = sizeof(l->buf) - l->len, take = n < room ? n : room;
        if (!l->skipping) {
            memcpy(l->buf + l->len, data, take);
            l->len += take;
        }
        if (!l->skipping && take < n) { /* full: out with it, drop the rest of the line */
            init_console(p->name, l->buf, l->len);
            l->len = 0;
            l->skipping = true;
        }
        if (nl) {
            if (!l->skipping)
                init_console(p->name, l->buf, l->len);
            l->len = 0;
            l->skipping = false;
            n++;
        }
        data += n;
        len -= n;
    }
}

void init_part_drain(struct part *p)
{
    char chunk[16384];
    ssize_t n = 1;

    if (p->out < 0)
        return;
    /* bounded: a part that never stops must not keep init from the others */
    for (int i = 0; i < 16 && (n = read(p->out, chunk, sizeof(chunk))) > 0; i++)
        feed(p, chunk, (size_t)n);
    if (n > 0)
        return;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (p->lines.len)
        init_console(p->name, p->lines.buf, p->lines.len); /* a last line without its end */
    p->lines.len = 0;
    (void)close(p->out);
    p->out = -1;
}
