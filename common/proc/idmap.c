/* idmap.c - uid and gid maps of the supervisor's user namespace. */
#include "common/proc/proc-internal.h"

#include "common/buf/buf.h"

#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ALL_IDS = 65536, SUBID_FILE_MAX = 1 << 20 };

static int write_proc(pid_t pid, const char *file, const char *text)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t n = write(fd, text, strlen(text)); /* a map must come in one write */
    int r = n < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}

static int map_root(pid_t pid, struct cmn_idmap *ret)
{
    char line[64];

    (void)snprintf(line, sizeof(line), "0 %u %d\n", CMN_SUPERVISOR_ROOT_BASE, ALL_IDS);
    int r = write_proc(pid, "gid_map", line);
    if (r == 0)
        r = write_proc(pid, "uid_map", line);
    if (r == 0)
        *ret = (struct cmn_idmap){CMN_ID_ROOT, ALL_IDS};
    return r;
}

static int map_single(pid_t pid, struct cmn_idmap *ret)
{
    char line[64];

    int r = write_proc(pid, "setgroups", "deny");
    if (r == 0 || r == -ENOENT) {
        (void)snprintf(line, sizeof(line), "0 %u 1\n", (unsigned)getegid());
        r = write_proc(pid, "gid_map", line);
    }
    if (r == 0) {
        (void)snprintf(line, sizeof(line), "0 %u 1\n", (unsigned)geteuid());
        r = write_proc(pid, "uid_map", line);
    }
    if (r == 0)
        *ret = (struct cmn_idmap){CMN_ID_SINGLE, 1};
    return r;
}

static bool parse_u32(const char *s, uint32_t *ret)
{
    char *end = NULL;

    if (*s < '0' || *s > '9')
        return false;
    errno = 0;
    unsigned long v = strtoul(s, &end, 10);
    if (errno || *end || v >= UINT32_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool parse_line(char *line, const char *user, uid_t uid, uint32_t *first, uint32_t *count)
{
    char *save = NULL;
    const char *who = strtok_r(line, ":", &save);
    const char *from = strtok_r(NULL, ":", &save);
    const char *n = strtok_r(NULL, ":", &save);
    uint32_t id;

    if (!who || !from || !n)
        return false;
    bool mine = (user && strcmp(who, user) == 0) || (parse_u32(who, &id) && id == uid);
    return mine && parse_u32(from, first) && parse_u32(n, count) && *count > 0;
}

int cmn_subid_find(const char *file, const char *user, uid_t uid, uint32_t *ret_first,
                   uint32_t *ret_count)
{
    auto_buf struct cmn_buf text = {0};
    char *save = NULL;
    uint32_t first, count;

    int r = cmn_file_read(file, SUBID_FILE_MAX, &text, NULL);
    if (r < 0)
        return r;
    for (char *line = text.len ? strtok_r((char *)text.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save))
        if (parse_line(line, user, uid, &first, &count)) {
            *ret_first = first;
            *ret_count = count;
            return 0;
        }
    return -ENOENT;
}

/* newuidmap and newgidmap are setuid programs: they may write what /etc/subuid grants. */
static int run_newidmap(const char *tool, pid_t pid, unsigned own, uint32_t first, uint32_t count)
{
    char text[4][16];
    posix_spawn_file_actions_t quiet;
    pid_t child;
    int status = 0;

    (void)snprintf(text[0], sizeof(text[0]), "%d", (int)pid);
    (void)snprintf(text[1], sizeof(text[1]), "%u", own);
    (void)snprintf(text[2], sizeof(text[2]), "%u", first);
    (void)snprintf(text[3], sizeof(text[3]), "%u", count);
    char name[16], zero[] = "0", one[] = "1", one_too[] = "1";
    (void)snprintf(name, sizeof(name), "%s", tool);
    char *argv[] = {name, text[0], zero, text[1], one, one_too, text[2], text[3], NULL};
    if (posix_spawn_file_actions_init(&quiet) != 0)
        return -ENOMEM;
    int r = posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawnp(&child, tool, &quiet, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&quiet);
    if (r != 0)
        return -r;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

static int map_subuid(pid_t pid, struct cmn_idmap *ret)
{
    uid_t uid = geteuid();
    const struct passwd *pw = getpwuid(uid);
    auto_free char *user = pw ? strdup(pw->pw_name) : NULL;
    uint32_t first[2], count[2];

    int r = cmn_subid_find("/etc/subuid", user, uid, &first[0], &count[0]);
    if (r == 0)
        r = cmn_subid_find("/etc/subgid", user, uid, &first[1], &count[1]);
    if (r < 0)
        return r;
    uint32_t n = count[0] < count[1] ? count[0] : count[1];
    if (n > ALL_IDS - 1)
        n = ALL_IDS - 1;
    r = run_newidmap("newuidmap", pid, uid, first[0], n);
    if (r == 0)
        r = run_newidmap("newgidmap", pid, getegid(), first[1], n);
    if (r == 0)
        *ret = (struct cmn_idmap){CMN_ID_SUBUID, n + 1};
    return r;
}

int cmn_idmap_write(pid_t pid, enum cmn_id_mode want, struct cmn_idmap *ret, struct cmn_err *err)
{
    static int (*const map[])(pid_t, struct cmn_idmap *) = {
        [CMN_ID_ROOT] = map_root,
        [CMN_ID_SUBUID] = map_subuid,
        [CMN_ID_SINGLE] = map_single,
    };
    int r = -EINVAL;

    if (want != CMN_ID_AUTO) {
        r = map[want](pid, ret);
        if (r < 0)
            return cmn_err_set(err, -r, "id mode '%s' cannot be had here: %s",
                               cmn_id_mode_name(want), strerror(-r));
        return 0;
    }
    if (geteuid() == 0)
        r = map_root(pid, ret);
    if (r < 0)
        r = map_subuid(pid, ret);
    if (r < 0)
        r = map_single(pid, ret);
    if (r == -EPERM || r == -EACCES)
        return cmn_userns_explain(-r, err);
    if (r < 0)
        return cmn_err_set(err, -r, "cannot write an id map: %s", strerror(-r));
    return 0;
}
