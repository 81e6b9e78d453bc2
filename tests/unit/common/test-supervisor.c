/* test-supervisor.c - start and stop, spawn, ids, kill -9 of the owner, forbidden user namespaces.
 */
#include "common/proc/proc-internal.h"
#include "common/proc/supervisor.h"
#include "tests/testlib/testlib.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const nothing[] = {NULL};

/* Runs a shell script in it; its output (at most 4 KiB) goes to out. Returns the wait status. */
static int shell(struct cmn_supervisor *sup, const char *script, char *out, size_t cap)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    const char *envp[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
    struct cmn_process *p = NULL;
    struct cmn_err err = {0};
    int pipefd[2], status = -1;
    size_t len = 0;
    ssize_t n;

    if (pipe2(pipefd, O_CLOEXEC) < 0)
        return -1;
    T_OK(cmn_supervisor_spawn(sup,
                              &(struct cmn_spawn){.argv = argv,
                                                  .envp = envp,
                                                  .stdin_fd = -1,
                                                  .stdout_fd = pipefd[1],
                                                  .stderr_fd = pipefd[1]},
                              &p, &err),
         &err);
    (void)close(pipefd[1]);
    while (len + 1 < cap && (n = read(pipefd[0], out + len, cap - 1 - len)) > 0)
        len += (size_t)n;
    out[len] = '\0';
    (void)close(pipefd[0]);
    if (p)
        T_OK(cmn_process_wait(p, 10000, &status, &err), &err);
    cmn_process_free(p);
    return status;
}

static bool has_environ(const char *pid, const char *marker)
{
    auto_buf struct cmn_buf env = {0};
    char path[300];

    (void)snprintf(path, sizeof(path), "/proc/%s/environ", pid);
    return cmn_file_read(path, 1 << 20, &env, NULL) == 0 && env.len &&
           memmem(env.data, env.len, marker, strlen(marker));
}

/* Processes of the whole machine whose environment holds the marker. */
static int count_marked(const char *marker)
{
    DIR *d = opendir("/proc");
    int n = 0;

    for (const struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] >= '0' && e->d_name[0] <= '9' && has_environ(e->d_name, marker);
    if (d)
        (void)closedir(d);
    return n;
}

static void wrong_arguments_are_refused(void)
{
    const char *missing[] = {"/nonexistent/folder", NULL};
    const char *argv[] = {"/nonexistent/program", NULL};
    const char *relative[] = {"prog", NULL};
    struct cmn_supervisor *sup = NULL;
    struct cmn_process *p = NULL;
    struct cmn_err err = {0};

    T_ERR(cmn_supervisor_start(&(struct cmn_supervisor_opts){.paths = missing}, &sup, &err),
          -ENOENT, &err, "/nonexistent/folder");
    T_OK(cmn_supervisor_start(NULL, &sup, &err), &err);
    if (!sup)
        return;
    struct cmn_spawn s = {.argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    T_ERR(cmn_supervisor_spawn(sup, &s, &p, &err), -ENOENT, &err, "/nonexistent/program");
    s.argv = nothing;
    T_ERR(cmn_supervisor_spawn(sup, &s, &p, &err), -EINVAL, &err, "argv");
    s.argv = relative;
    s.exe_dir = "/usr/bin";
    T_ERR(cmn_supervisor_spawn(sup, &s, &p, &err), -ENOENT, &err, "not given");
    s.exe_dir = NULL;
    s.cwd = "/nonexistent";
    T_ERR(cmn_supervisor_spawn(sup, &s, &p, &err), -ENOENT, &err, "working directory");
    auto_free char *big = malloc(200000);
    if (big) {
        memset(big, 'x', 199999);
        big[199999] = '\0';
        const char *long_argv[] = {"/bin/true", big, NULL};
        s = (struct cmn_spawn){.argv = long_argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
        T_ERR(cmn_supervisor_spawn(sup, &s, &p, &err), -E2BIG, &err, "limit");
    }
    T_OK(cmn_supervisor_stop(sup, &err), &err);
    T_OK(cmn_supervisor_stop(NULL, &err), &err);
    cmn_process_free(NULL);
}

static void programs_run_in_their_own_namespaces(void)
{
    struct cmn_supervisor *sup = NULL;
    struct cmn_err err = {0};
    char out[4096];

    T_OK(cmn_supervisor_start(NULL, &sup, &err), &err);
    if (!sup)
        return;
    T_TRUE(cmn_supervisor_pid(sup) > 0);
    T_EQ_INT(
        shell(sup, "id -u; id -g; cat /proc/1/comm; ls /proc/self/fd | wc -l", out, sizeof(out)),
        0);
    T_EQ_STR(out, "0\n0\ncocobox-super\n4\n"); /* 0, 1, 2 and the folder itself */
    T_EQ_INT(shell(sup, "kill -9 1; kill -9 $$", out, sizeof(out)), SIGKILL);
    T_EQ_INT(shell(sup, "exit 7", out, sizeof(out)), 7 << 8);
    if (geteuid() == 0) {
        T_EQ_INT(cmn_supervisor_id_mode(sup), CMN_ID_ROOT);
        T_EQ_INT(
            shell(sup, "cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '", out, sizeof(out)),
            0);
        T_EQ_STR(out, " 0 1879048192 65536\n 0 1879048192 65536\n");
    }
    T_OK(cmn_supervisor_stop(sup, &err), &err);
}

static void fds_are_passed_in_order(void)
{
    const char *argv[] = {"/bin/sh", "-c", "cat <&3; cat <&4 >&5", NULL};
    struct cmn_supervisor *sup = NULL;
    struct cmn_process *p = NULL;
    struct cmn_err err = {0};
    int a[2], b[2], out[2], status = -1;
    char text[16] = {0};

    T_OK(cmn_supervisor_start(NULL, &sup, &err), &err);
    if (!sup || pipe2(a, O_CLOEXEC) < 0 || pipe2(b, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return;
    T_EQ_INT(write(a[1], "A", 1), 1);
    T_EQ_INT(write(b[1], "B", 1), 1);
    (void)close(a[1]);
    (void)close(b[1]);
    int fds[] = {a[0], b[0], out[1]};
    T_OK(cmn_supervisor_spawn(sup,
                              &(struct cmn_spawn){.argv = argv,
                                                  .stdin_fd = -1,
                                                  .stdout_fd = out[1],
                                                  .stderr_fd = -1,
                                                  .fds = fds,
                                                  .n_fds = 3},
                              &p, &err),
         &err);
    T_OK(cmn_process_wait(p, 5000, &status, &err), &err);
    T_OK(cmn_process_wait(p, 0, &status, &err), &err); /* may be asked again */
    T_EQ_INT(status, 0);
    (void)close(out[1]);
    T_EQ_INT(read(out[0], text, sizeof(text) - 1), 2);
    T_EQ_STR(text, "AB");
    T_OK(cmn_process_kill(p, SIGKILL, &err), &err); /* has ended: nothing happens */
    cmn_process_free(p);
    for (size_t i = 0; i < 2; i++)
        (void)close(fds[i]);
    (void)close(out[0]);
    T_OK(cmn_supervisor_stop(sup, &err), &err);
}

static void a_process_can_be_awaited_and_killed(void)
{
    const char *argv[] = {"/bin/sleep", "1000", NULL};
    struct cmn_supervisor *sup = NULL;
    struct cmn_process *p = NULL;
    struct cmn_err err = {0};
    int status = 0;

    T_OK(cmn_supervisor_start(NULL, &sup, &err), &err);
    if (!sup)
        return;
    struct cmn_spawn s = {.argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    T_OK(cmn_supervisor_spawn(sup, &s, &p, &err), &err);
    T_ERR(cmn_process_wait(p, 10, &status, &err), -ETIMEDOUT, &err, "still runs");
    T_OK(cmn_process_kill(p, SIGTERM, &err), &err);
    T_OK(cmn_process_wait(p, 5000, &status, &err), &err);
    T_EQ_INT(status, SIGTERM);
    cmn_process_free(p);
    p = NULL;
    T_OK(cmn_supervisor_spawn(sup, &s, &p, &err), &err);
    T_OK(kill(cmn_supervisor_pid(sup), SIGKILL), NULL); /* its init dies: so does all */
    T_OK(cmn_process_wait(p, 5000, &status, &err), &err);
    T_EQ_INT(status, SIGKILL);
    T_ERR(cmn_process_kill(p, SIGTERM, &err), -EPIPE, &err, "supervisor");
    cmn_process_free(p);
    T_OK(cmn_supervisor_stop(sup, &err), &err);
}

static void stop_leaves_no_process(void)
{
    char marker[64], env[80], out[64];
    struct cmn_supervisor *sup = NULL;
    struct cmn_process *p = NULL;
    struct cmn_err err = {0};
    const char *argv[] = {"/bin/sh", "-c", "setsid sleep 1000 & sleep 1000 & wait", NULL};
    const char *envp[] = {env, NULL};

    (void)snprintf(marker, sizeof(marker), "stop-%d-marker", (int)getpid());
    (void)snprintf(env, sizeof(env), "MARK=%s", marker);
    T_OK(cmn_supervisor_start(NULL, &sup, &err), &err);
    if (!sup)
        return;
    T_OK(cmn_supervisor_spawn(
             sup,
             &(struct cmn_spawn){
                 .argv = argv, .envp = envp, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1},
             &p, &err),
         &err);
    T_EQ_INT(shell(sup, "sleep 0.2", out, sizeof(out)), 0);
    if (geteuid() == 0) /* others may not read the environment of another user namespace */
        T_EQ_INT(count_marked(marker), 3);
    cmn_process_free(p);
    T_OK(cmn_supervisor_stop(sup, &err), &err);
    T_EQ_INT(count_marked(marker), 0);
}

/* In a child: a supervisor with processes and a mount; tells the pids, then waits to be killed. */
static void own_and_wait(int report, const char *env)
{
    const char *argv[] = {"/bin/sh", "-c",
                          "mount -t tmpfs x /mnt; echo x > /mnt/f; sleep 1000 & echo up; wait",
                          NULL};
    const char *envp[] = {env, "PATH=/usr/bin:/bin:/usr/sbin:/sbin", NULL};
    struct cmn_supervisor *sup = NULL;
    struct cmn_process *p = NULL;
    struct cmn_err err = {0};

    int r = cmn_supervisor_start(NULL, &sup, &err);
    if (r == 0)
        r = cmn_supervisor_spawn(sup,
                                 &(struct cmn_spawn){.argv = argv,
                                                     .envp = envp,
                                                     .stdin_fd = -1,
                                                     .stdout_fd = report,
                                                     .stderr_fd = report},
                                 &p, &err);
    if (r < 0)
        _exit(1);
    for (;;)
        (void)pause();
}

static void kill_9_of_the_owner_leaves_nothing(void)
{
    char marker[64], env[80], text[64] = {0};
    int report[2];

    (void)snprintf(marker, sizeof(marker), "kill9-%d-marker", (int)getpid());
    (void)snprintf(env, sizeof(env), "MARK=%s", marker);
    if (pipe2(report, O_CLOEXEC) < 0)
        return;
    pid_t owner = fork();
    if (owner == 0) {
        (void)close(report[0]);
        own_and_wait(report[1], env);
    }
    (void)close(report[1]);
    T_TRUE(read(report[0], text, sizeof(text) - 1) > 0);
    T_EQ_STR(text, "up\n");
    if (geteuid() == 0)
        T_EQ_INT(count_marked(marker), 2);
    T_OK(kill(owner, SIGKILL), NULL);
    T_EQ_INT(waitpid(owner, NULL, 0), owner);
    /* the pipe ends when the last process that holds it is gone: no polling, no sleep */
    struct pollfd p = {.fd = report[0], .events = POLLIN};
    T_EQ_INT(poll(&p, 1, 5000), 1);
    T_EQ_INT(read(report[0], text, sizeof(text)), 0);
    T_EQ_INT(count_marked(marker), 0);
    T_EQ_INT(access("/mnt/f", F_OK), -1);
    (void)close(report[0]);
}

static void *idle(void *ctx)
{
    (void)pause();
    return ctx;
}

static void a_second_thread_is_refused(void)
{
    struct cmn_supervisor *sup = NULL;
    struct cmn_err err = {0};
    pthread_t t;

    pid_t pid = fork();
    if (pid == 0) {
        if (pthread_create(&t, NULL, idle, NULL) != 0)
            _exit(2);
        int r = cmn_supervisor_start(NULL, &sup, &err);
        _exit(r == -EBUSY ? 0 : 1);
    }
    int status = -1;
    T_EQ_INT(waitpid(pid, &status, 0), pid);
    T_EQ_INT(status, 0);
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    if (fd < 0)
        return -1;
    ssize_t n = write(fd, text, strlen(text));
    (void)close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* The limit counts per user namespace, so one of our own can have none without touching the host.
 */
static int forbidden_child(void)
{
    struct cmn_supervisor *sup = NULL;
    struct cmn_err err = {0};
    char map[64];

    (void)snprintf(map, sizeof(map), "0 %d 1\n", (int)geteuid());
    if (unshare(CLONE_NEWUSER) < 0 || write_text("/proc/self/uid_map", map) < 0 ||
        write_text("/proc/sys/user/max_user_namespaces", "0") < 0)
        return 77;
    int r = cmn_supervisor_start(NULL, &sup, &err);
    return r == -EPERM && err.reason == CMN_REASON_HOST_USERNS_FORBIDDEN &&
                   strstr(err.msg, "user.max_user_namespaces is 0")
               ? 0
               : 1;
}

static void forbidden_user_namespaces_name_the_sysctl(void)
{
    struct cmn_err err = {0};
    int status = -1;

    pid_t pid = fork();
    if (pid == 0)
        _exit(forbidden_child());
    T_EQ_INT(waitpid(pid, &status, 0), pid);
    T_EQ_INT(status, 0);
    T_ERR(cmn_userns_explain(EPERM, &err), -EPERM, &err, "user namespaces");
    T_EQ_INT(err.reason, CMN_REASON_HOST_USERNS_FORBIDDEN);
    T_TRUE(strstr(err.msg, "kernel.unprivileged_userns_clone") != NULL);
    T_TRUE(strstr(err.msg, "kernel.apparmor_restrict_unprivileged_userns") != NULL);
}

static void subid_file_is_read(void)
{
    char path[4096];
    uint32_t first = 0, count = 0;

    (void)snprintf(path, sizeof(path), "%s/subuid", t_tmpdir());
    T_OK(write_text(
             path,
             "root:1:2\njunk\nx:y:z\njane:-5:7\njane:100000\njane:100000:65536\n1234:300000:10\n"),
         NULL);
    T_EQ_INT(cmn_subid_find("/nonexistent", "jane", 7, &first, &count), -ENOENT);
    T_EQ_INT(cmn_subid_find(path, "bob", 7, &first, &count), -ENOENT);
    T_OK(cmn_subid_find(path, "jane", 7, &first, &count), NULL);
    T_EQ_INT(first, 100000);
    T_EQ_INT(count, 65536);
    T_OK(cmn_subid_find(path, NULL, 1234, &first, &count), NULL);
    T_EQ_INT(first, 300000);
}

/* As another user with ids of its own in /etc/subuid (bound over it in a private mount namespace).
 */
static int as_user(enum cmn_id_mode want, const char *subid_line)
{
    struct cmn_supervisor *sup = NULL;
    struct cmn_err err = {0};
    char path[4096], out[256];

    (void)snprintf(path, sizeof(path), "%s/subid-%d", t_tmpdir(), (int)want);
    if (write_text(path, subid_line) < 0 || unshare(CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(path, "/etc/subuid", NULL, MS_BIND, NULL) < 0 ||
        mount(path, "/etc/subgid", NULL, MS_BIND, NULL) < 0)
        return 77;
    if (setgroups(0, NULL) < 0 || setresgid(65534, 65534, 65534) < 0 ||
        setresuid(65534, 65534, 65534) < 0)
        return 77;
    (void)prctl(PR_SET_DUMPABLE, 1); /* as a program of this user would be */
    int r = cmn_supervisor_start(NULL, &sup, &err);
    if (r < 0 || cmn_supervisor_id_mode(sup) != want) {
        (void)fprintf(stderr, "id mode: %s\n",
                      sup ? cmn_id_mode_name(cmn_supervisor_id_mode(sup)) : err.msg);
        return 1;
    }
    if (shell(sup, "cat /proc/self/uid_map | tr -s ' ' | tr '\\n' ';'", out, sizeof(out)) != 0)
        return 2;
    const char *map = want == CMN_ID_SUBUID ? " 0 65534 1; 1 100000 65535;" : " 0 65534 1;";
    if (strcmp(out, map) != 0 || cmn_supervisor_stop(sup, &err) < 0)
        return 3;
    return 0;
}

static void ordinary_users_get_subuid_or_single(void)
{
    static const struct {
        enum cmn_id_mode mode;
        const char *line;
    } cases[] = {{CMN_ID_SUBUID, "65534:100000:65536\n"}, {CMN_ID_SINGLE, "root:100000:65536\n"}};

    if (geteuid() != 0 || access("/usr/bin/newuidmap", X_OK) < 0 ||
        access("/etc/subuid", F_OK) < 0) {
        (void)printf("SKIP: changing to another user needs root, newuidmap and /etc/subuid\n");
        return;
    }
    (void)chmod(t_tmpdir(), 0755);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        int status = -1;
        pid_t pid = fork();
        if (pid == 0)
            _exit(as_user(cases[i].mode, cases[i].line));
        T_EQ_INT(waitpid(pid, &status, 0), pid);
        T_EQ_INT(status, 0);
    }
}

/* A program in a folder that the new ids may not enter runs all the same. */
static void a_private_folder_is_reachable_by_its_path(void)
{
    const char *paths[] = {NULL, NULL};
    const char *argv[] = {"prog", "-c", "exit 5", NULL};
    struct cmn_supervisor *sup = NULL;
    struct cmn_process *p = NULL;
    struct cmn_err err = {0};
    char dir[4096], cmd[9000];
    int status = 0;

    (void)snprintf(dir, sizeof(dir), "%s/private/bin", t_tmpdir());
    T_OK(cmn_mkdir_p(dir, 0700, &err), &err);
    (void)chmod(dir, 0755);
    (void)snprintf(cmd, sizeof(cmd), "cp /bin/sh '%s/prog'", dir);
    T_EQ_INT(system(cmd), 0);
    paths[0] = dir;
    T_OK(cmn_supervisor_start(&(struct cmn_supervisor_opts){.paths = paths}, &sup, &err), &err);
    if (!sup)
        return;
    T_OK(cmn_supervisor_spawn(sup,
                              &(struct cmn_spawn){.argv = argv,
                                                  .exe_dir = dir,
                                                  .paths = paths,
                                                  .stdin_fd = -1,
                                                  .stdout_fd = -1,
                                                  .stderr_fd = -1},
                              &p, &err),
         &err);
    if (p)
        T_OK(cmn_process_wait(p, 5000, &status, &err), &err);
    T_EQ_INT(status, 5 << 8);
    cmn_process_free(p);
    T_OK(cmn_supervisor_stop(sup, &err), &err);
}

TEST_MAIN("supervisor", {"wrong arguments are refused", wrong_arguments_are_refused},
          {"a second thread is refused", a_second_thread_is_refused},
          {"forbidden user namespaces name the sysctl", forbidden_user_namespaces_name_the_sysctl},
          {"a subid file is read", subid_file_is_read},
          {"programs run in their own namespaces", programs_run_in_their_own_namespaces},
          {"fds are passed in order", fds_are_passed_in_order},
          {"a process can be awaited and killed", a_process_can_be_awaited_and_killed},
          {"a private folder is reachable by its path", a_private_folder_is_reachable_by_its_path},
          {"stop leaves no process", stop_leaves_no_process},
          {"kill -9 of the owner leaves nothing", kill_9_of_the_owner_leaves_nothing},
          {"ordinary users get subuid or single", ordinary_users_get_subuid_or_single})
