/* guest.c - log level, event lines, sockets and signals of the guest's programs; see guest.h. */
#include "sim/guest/common/guest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void guest_event(const char *name, const char *phase, const char *outcome, enum cmn_reason reason,
                 const char *message, json_t *details)
{
    auto_json json_t *event =
        json_pack("{s:s, s:s, s:s}", "name", name, "phase", phase, "outcome", outcome);
    auto_buf struct cmn_buf line = {0};

    /* a member that cannot be set (no memory, no UTF-8) is left out: the event still counts */
    if (reason != CMN_REASON_NONE)
        CMN_IGNORE(json_object_set_new(event, "code", json_string(cmn_reason_name(reason))));
    if (message)
        CMN_IGNORE(json_object_set_new(event, "message", json_string(message)));
    if (details)
        CMN_IGNORE(json_object_set_new(event, "details", details));
    auto_free char *text = json_dumps(event, JSON_COMPACT);
    if (text && cmn_buf_printf(&line, "\x1e%s\n", text) >= 0)
        CMN_IGNORE(cmn_fd_write_all(STDERR_FILENO, line.data, line.len)); /* nowhere to tell it */
}

int guest_log_setup(const char *level, struct cmn_err *err)
{
    const char *env = getenv("RUST_LOG");
    enum cmn_log_level parsed = CMN_LOG_INFO;

    if (env && *env && cmn_log_level_parse(env, &parsed) < 0)
        return cmn_err_set(err, EINVAL, "RUST_LOG is present but invalid");
    if ((!env || !*env) && level && cmn_log_level_parse(level, &parsed) < 0)
        return cmn_err_set(err, EINVAL, "Invalid log level: %.64s", level);
    cmn_log_threshold(parsed);
    return 0;
}

unsigned guest_env_ms(const char *name, unsigned def)
{
    const char *text = getenv(name);
    char *end = NULL;

    if (!text || *text < '0' || *text > '9')
        return def;
    unsigned long v = strtoul(text, &end, 10);
    return *end || v > 3600000 ? def : (unsigned)v;
}

static int make_parent(const char *path, struct cmn_err *err)
{
    auto_free char *folder = strdup(path);
    char *slash = folder ? strrchr(folder, '/') : NULL;

    if (!folder)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (!slash || slash == folder)
        return 0;
    *slash = '\0';
    return cmn_mkdir_p(folder, 0755, err);
}

/*
 * Bound under another name and linked to its own once it listens: a watcher sees a name that is
 * created and can be connected to at once.
 */
static int publish(int fd, const char *path, struct cmn_err *err)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof(sa.sun_path))
        return cmn_err_set(err, ENAMETOOLONG, "socket path '%.128s' is too long", path);
    (void)unlink(sa.sun_path);
    (void)unlink(path); /* a stale one of an earlier run */
    if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 64) < 0 ||
        link(sa.sun_path, path) < 0) {
        int e = errno;
        (void)unlink(sa.sun_path);
        return cmn_err_set(err, e, "cannot listen on %s: %s", path, strerror(e));
    }
    (void)unlink(sa.sun_path);
    return 0;
}

int guest_listen(const char *address, struct cmn_err *err)
{
    const char *path = strncmp(address, "unix://", 7) == 0 ? address + 7 : address;

    int r = make_parent(path, err);
    if (r < 0)
        return r;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return cmn_err_set(err, errno, "cannot make a socket: %s", strerror(errno));
    r = publish(fd, path, err);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

static sigset_t stop_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGTERM);
    return set;
}

void guest_signals_block(void)
{
    sigset_t set = stop_signals();

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

int guest_signals_wait(void)
{
    sigset_t set = stop_signals();
    int sig = 0;

    while (sigwait(&set, &sig) != 0)
        continue;
    return sig;
}
