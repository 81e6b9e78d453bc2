/* userns.c - why this host forbids user namespaces; see supervisor.h. */
#include "common/proc/supervisor.h"

#include "common/buf/buf.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -1: there is no such sysctl */
static long read_sysctl(const char *path)
{
    auto_buf struct cmn_buf text = {0};

    if (cmn_file_read(path, 64, &text, NULL) < 0 || text.len == 0)
        return -1;
    return strtol((const char *)text.data, NULL, 10);
}

static int refuse(struct cmn_err *err, const char *why, const char *fix)
{
    return cmn_err_reason(err, EPERM, CMN_REASON_HOST_USERNS_FORBIDDEN,
                          "this host forbids user namespaces: %s%s%s", why, *fix ? "; " : "", fix);
}

int cmn_userns_explain(int cause, struct cmn_err *err)
{
    if (read_sysctl("/proc/sys/user/max_user_namespaces") == 0)
        return refuse(err, "sysctl user.max_user_namespaces is 0",
                      "set it: sysctl -w user.max_user_namespaces=15000");
    if (geteuid() != 0 && read_sysctl("/proc/sys/kernel/unprivileged_userns_clone") == 0)
        return refuse(err, "sysctl kernel.unprivileged_userns_clone is 0",
                      "set it: sysctl -w kernel.unprivileged_userns_clone=1, or run as root");
    if (geteuid() != 0 &&
        read_sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
        return refuse(err, "sysctl kernel.apparmor_restrict_unprivileged_userns is 1",
                      "set it: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, give "
                      "cocobox an AppArmor profile with 'userns,', or run as root");
    if (cause == ENOSPC || cause == EUSERS)
        return refuse(err,
                      "all that sysctl user.max_user_namespaces allows are in use (or "
                      "namespaces are nested too deep)",
                      "raise it");
    if (cause == ENOSYS || cause == EINVAL)
        return refuse(err, "the kernel is built without CONFIG_USER_NS", "");
    return refuse(err, strerror(cause),
                  "a container's seccomp profile, a chroot or a security module may be the cause "
                  "(sysctls kernel.unprivileged_userns_clone, user.max_user_namespaces and "
                  "kernel.apparmor_restrict_unprivileged_userns do not forbid it)");
}
