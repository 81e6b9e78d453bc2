/*
 * test-run-seams.c - the engine's edges to the outside: the script that makes image fixtures (it
 * fails, hangs, is interrupted, runs twice at once), the digest of the guest's programs, and a
 * hostile guest's console.
 */
#include "sim/run/fixture.h"
#include "sim/run/run-internal.h"
#include "tests/testlib/testlib.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- fixtures ---- */

#define LAYOUT                                                                                     \
    "mkdir -p \"$2/blobs/sha256\"\n"                                                               \
    "printf '{\"imageLayoutVersion\":\"1.0.0\"}' > \"$2/oci-layout\"\n"                            \
    "printf '{\"schemaVersion\":2,\"manifests\":[]}' > \"$2/index.json\"\n"

static char cache[256];

static void fresh_cache(const char *name)
{
    (void)snprintf(cache, sizeof(cache), "%s/%s", t_tmpdir(), name);
}

static const char *in_cache(const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", cache, name);
    return path;
}

static const char *script(const char *text)
{
    static char path[512];
    auto_buf struct cmn_buf b = {0};

    (void)snprintf(path, sizeof(path), "%s/script", t_tmpdir());
    T_OK(cmn_buf_printf(&b, "#!/bin/sh\nset -e\n%s", text), NULL);
    T_OK(cmn_file_write(path, b.data, b.len, 0700, NULL), NULL);
    return path;
}

static int open_fixture(const char *name, const char *script_path, int stop_fd, struct cmn_err *err)
{
    struct sim_oci_store *store = NULL;

    cmn_err_clear(err);
    int r = sim_fixture_open(cache, name, script_path, stop_fd, &store, err);
    T_TRUE((r == 0) == (store != NULL));
    sim_oci_store_free(store);
    return r;
}

static void a_missing_fixture_without_a_script_is_named(void)
{
    struct cmn_err err = {0};

    fresh_cache("none");
    T_ERR(open_fixture("busybox", NULL, -1, &err), -ENOENT, &err,
          "image fixture 'busybox' is missing");
    T_ERR(open_fixture("busybox", "/nowhere/script", -1, &err), -ENOENT, &err,
          "cannot run '/nowhere/script'");
}

static void a_script_that_fails_leaves_no_fixture(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {{"exit 3\n", "failed with status 3"},
                 {LAYOUT "exit 4\n", "failed with status 4"},
                 {LAYOUT "kill -9 $$\n", "failed with status 137"}};
    struct cmn_err err = {0};

    fresh_cache("fails");
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        T_ERR(open_fixture("f", script(cases[i].text), -1, &err), -ENOEXEC, &err, cases[i].says);
        T_EQ_INT(err.reason, CMN_REASON_HOST_TOOL_MISSING);
        T_TRUE(access(in_cache("images/f"), F_OK) < 0);
    }
    /* what is left of the failed one does not hinder the next */
    T_OK(open_fixture("f", script("rm -rf \"$2\"\n" LAYOUT), -1, &err), &err);
}

static void a_script_that_makes_nothing_is_an_error(void)
{
    struct cmn_err err = {0};

    fresh_cache("nothing");
    T_TRUE(open_fixture("f", script("exit 0\n"), -1, &err) < 0 && err.msg[0]);
    T_TRUE(open_fixture("f", script("mkdir -p \"$2\"\n"), -1, &err) < 0 && err.msg[0]);
}

static void a_fixture_is_made_once_and_by_its_name(void)
{
    struct cmn_err err = {0};
    auto_buf struct cmn_buf said = {0};

    fresh_cache("once");
    const char *s = script("echo \"$1\" >> \"$(dirname \"$2\")/log\"\n" LAYOUT);
    T_OK(open_fixture("busybox", s, -1, &err), &err);
    T_OK(open_fixture("busybox", s, -1, &err), &err);
    T_OK(open_fixture("busybox", NULL, -1, &err), &err);
    T_OK(open_fixture("other", s, -1, &err), &err);
    T_OK(cmn_file_read(in_cache("images/log"), 100, &said, NULL), NULL);
    T_EQ_STR((char *)said.data, "busybox\nother\n");
}

/* Does the process or any of its group still run? The script writes its pid, which is the group's.
 */
static bool group_runs(const char *pid_file)
{
    auto_buf struct cmn_buf text = {0};
    T_OK(cmn_file_read(pid_file, 32, &text, NULL), NULL);
    long pid = strtol((const char *)text.data, NULL, 10);

    T_TRUE(pid > 1);
    if (pid <= 1)
        return false;
    for (int i = 0; i < 200; i++) { /* killed, but its parent (init) may still have to reap it */
        if (kill((pid_t)-pid, 0) < 0)
            return false;
        (void)usleep(10000);
    }
    return true;
}

struct stopper { /* stops once the script has begun */
    char started[512];
    int fd;
};

static void *stop_when_started(void *arg)
{
    const struct stopper *s = arg;

    for (int i = 0; i < 1000 && access(s->started, F_OK) < 0; i++)
        (void)usleep(5000);
    T_EQ_INT(write(s->fd, "x", 1), 1);
    return NULL;
}

static void a_script_that_hangs_is_stopped_with_all_it_started(void)
{
    struct cmn_err err = {0};
    struct stopper s;
    pthread_t thread;
    int stop[2];

    fresh_cache("hangs");
    T_EQ_INT(pipe2(stop, O_CLOEXEC), 0);
    s.fd = stop[1];
    T_OK(cmn_mkdir_p(cache, 0700, NULL), NULL);
    (void)snprintf(s.started, sizeof(s.started), "%s/started", cache);
    T_EQ_INT(pthread_create(&thread, NULL, stop_when_started, &s), 0);
    /* a child that does not care about SIGTERM */
    int r = open_fixture("f",
                         script("base=$(dirname \"$(dirname \"$2\")\")\n"
                                "(trap '' TERM; sleep 600) &\n"
                                "echo $$ > \"$base/pid\"; mv \"$base/pid\" \"$base/started\"\n"
                                "sleep 600\n"),
                         stop[0], &err);
    (void)pthread_join(thread, NULL);
    T_ERR(r, -EINTR, &err, "making image fixture 'f': interrupted");
    T_EQ_INT(err.reason, CMN_REASON_RUN_INTERRUPTED);
    T_TRUE(!group_runs(s.started));
    T_TRUE(access(in_cache("images/f"), F_OK) < 0);
    (void)close(stop[0]);
    (void)close(stop[1]);
}

/* Another process makes it and takes long: who waits can still be stopped. */
static void waiting_for_another_process_can_be_stopped(void)
{
    struct cmn_err err = {0};
    int stop[2];

    fresh_cache("waits");
    T_OK(cmn_mkdir_p(in_cache("images"), 0700, NULL), NULL);
    auto_close int held = open(in_cache("images/f.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    T_EQ_INT(flock(held, LOCK_EX), 0);
    T_EQ_INT(pipe2(stop, O_CLOEXEC), 0);
    T_EQ_INT(write(stop[1], "x", 1), 1);
    T_ERR(open_fixture("f", script(LAYOUT), stop[0], &err), -EINTR, &err, "interrupted while");
    T_EQ_INT(err.reason, CMN_REASON_RUN_INTERRUPTED);
    (void)close(stop[0]);
    (void)close(stop[1]);
}

static void many_processes_at_once_make_one_fixture(void)
{
    enum { N = 6 };
    const char *s;
    pid_t pids[N];
    struct stat st;

    fresh_cache("at-once");
    s = script("echo x >> \"$(dirname \"$2\")/log\"\n" LAYOUT);
    for (int i = 0; i < N; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct sim_oci_store *store = NULL;
            int r = sim_fixture_open(cache, "f", s, -1, &store, NULL);
            _exit(r == 0 && store ? 0 : 1);
        }
    }
    for (int i = 0; i < N; i++) {
        int status = -1;
        T_EQ_INT(waitpid(pids[i], &status, 0), pids[i]);
        T_EQ_INT(status, 0);
    }
    T_TRUE(stat(in_cache("images/log"), &st) == 0 && st.st_size == 2); /* one of them did it */
}

/* ---- the guest's programs ---- */

static const char *const programs[] = {"api-server-rest", "attestation-agent",
                                       "cocobox-init",    "confidential-data-hub",
                                       "kata-agent",      "process-user-data"};

static void put_program(const char *name, const char *text)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/bin/%s", cache, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700); /* the same inode */
    T_TRUE(fd >= 0);
    T_OK(cmn_fd_write_all(fd, text, strlen(text)), NULL);
    (void)close(fd);
}

static int digest(const char *cache_dir, uint8_t out[32], struct cmn_err *err)
{
    static struct cmn_env *env;
    char bin[512];

    if (!env)
        T_OK(cmn_env_new_system(&env, NULL), NULL);
    (void)snprintf(bin, sizeof(bin), "%s/bin", cache);
    struct sim_run_opts opts = {.env = env, .cache_dir = cache_dir, .guest_bin_dir = bin};
    struct sim_run run = {.opts = &opts};
    cmn_err_clear(err);
    return sim_run_programs_digest(&run, out, err);
}

static void fill_programs(const char *name)
{
    fresh_cache(name);
    T_OK(cmn_mkdir_p(in_cache("bin"), 0700, NULL), NULL);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(programs); i++)
        put_program(programs[i], programs[i]);
}

static void a_missing_program_is_named(void)
{
    struct cmn_err err = {0};
    uint8_t d[32];

    fill_programs("missing");
    T_EQ_INT(unlink(in_cache("bin/kata-agent")), 0);
    T_ERR(digest(cache, d, &err), -ENOENT, &err, "bin/kata-agent");
}

/* Any program, any byte, even with size and time of change as before. */
static void a_changed_program_changes_the_digest(void)
{
    struct cmn_err err = {0};
    uint8_t first[32], again[32], now[32];

    fill_programs("changed");
    T_OK(digest(cache, first, &err), &err);
    T_OK(digest(cache, again, &err), &err);
    T_EQ_MEM(first, again, 32);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(programs); i++) {
        char path[512], text[64];
        struct stat st = {0};
        (void)snprintf(path, sizeof(path), "%s/bin/%s", cache, programs[i]);
        T_EQ_INT(stat(path, &st), 0);
        (void)snprintf(text, sizeof(text), "%s", programs[i]);
        text[0] = 'X';
        put_program(programs[i], text);
        T_EQ_INT(utimensat(AT_FDCWD, path, (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
        T_OK(digest(cache, now, &err), &err);
        T_TRUE(memcmp(first, now, 32) != 0);
        put_program(programs[i], programs[i]);
        T_OK(digest(cache, now, &err), &err);
        T_EQ_MEM(first, now, 32); /* the bytes count, not when they were written */
    }
}

static void swapped_programs_change_the_digest(void)
{
    struct cmn_err err = {0};
    uint8_t first[32], now[32];

    fill_programs("swapped");
    T_OK(digest(cache, first, &err), &err);
    put_program("kata-agent", "attestation-agent");
    put_program("attestation-agent", "kata-agent");
    T_OK(digest(cache, now, &err), &err);
    T_TRUE(memcmp(first, now, 32) != 0);
}

static void a_damaged_or_missing_cache_is_made_anew(void)
{
    static const char *const damaged[] = {"", "short", "api-server-rest 0:0 0 0.0 0.0\n"};
    struct cmn_err err = {0};
    uint8_t first[32], now[32];
    auto_buf struct cmn_buf kept = {0};

    fill_programs("damaged");
    T_OK(digest(cache, first, &err), &err);
    T_OK(cmn_file_read(in_cache("guest-programs"), 4096, &kept, NULL), NULL);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(damaged); i++) {
        T_OK(cmn_file_write(in_cache("guest-programs"), damaged[i], strlen(damaged[i]), 0600, NULL),
             NULL);
        T_OK(digest(cache, now, &err), &err);
        T_EQ_MEM(first, now, 32);
    }
    kept.data[kept.len - 1] = 'z'; /* no hex digit */
    T_OK(cmn_file_write(in_cache("guest-programs"), kept.data, kept.len, 0600, NULL), NULL);
    T_OK(digest(cache, now, &err), &err);
    T_EQ_MEM(first, now, 32);
    T_OK(digest("/proc/nowhere", now, &err), &err); /* a cache that cannot be written */
    T_EQ_MEM(first, now, 32);
}

/* ---- the console ---- */

struct heard {
    unsigned events, warns, logs;
    char last_log[64], last_warn[256];
};

static void on_event(void *ctx, const struct sim_event *e)
{
    struct heard *h = ctx;

    if (strcmp(e->name, "guest.console") == 0) {
        h->warns++;
        (void)snprintf(h->last_warn, sizeof(h->last_warn), "%s", e->message);
    } else {
        h->events++;
    }
}

static void on_log(void *ctx, const char *actor, const char *text)
{
    struct heard *h = ctx;

    h->logs++;
    (void)snprintf(h->last_log, sizeof(h->last_log), "%s|%.40s", actor, text);
}

/* What is heard of a guest that writes these bytes and ends. */
static struct heard hear(struct cmn_bytes bytes)
{
    struct cmn_env *env = NULL;
    struct heard h = {0};
    int fd[2];

    T_OK(cmn_env_new_seeded("1", 1, &env, NULL), NULL);
    T_EQ_INT(pipe2(fd, O_CLOEXEC), 0);
    struct sim_machine machine = {.console_fd = fd[0]};
    struct sim_run_opts opts = {.env = env, .on_log = on_log, .ctx = &h};
    struct sim_run run = {.opts = &opts, .machine = &machine};
    T_OK(sim_bus_new(env, &run.bus, NULL), NULL);
    T_OK(sim_bus_subscribe(run.bus, on_event, &h), NULL);
    T_OK(sim_run_console_start(&run, NULL), NULL);
    T_OK(cmn_fd_write_all(fd[1], bytes.data, bytes.len), NULL);
    (void)close(fd[1]);
    sim_run_console_join(&run);
    (void)close(fd[0]);
    sim_bus_free(run.bus);
    cmn_env_unref(env);
    return h;
}

#define SAID(text) hear(cmn_bytes(text, sizeof(text) - 1))
#define GOOD       "init: \x1e{\"name\":\"x\",\"phase\":\"boot\",\"outcome\":\"ok\"}\n"

static void bad_events_are_told_once_and_good_ones_still_heard(void)
{
    struct heard h =
        SAID("init: \x1e{\ninit: \x1e[]\n" GOOD "init: \x1e{\"name\":5}\nhello\n" GOOD);

    T_TRUE(h.events == 2 && h.warns == 1 && h.logs == 1);
    T_EQ_STR(h.last_log, "guest|hello");
    T_TRUE(strstr(h.last_warn, "guest event") != NULL);
}

static void a_line_with_a_nul_is_dropped(void)
{
    struct heard h = SAID("init: a\0b\n\0\ninit: \x1e{\"name\":\"x\0\"}\n" GOOD);

    T_TRUE(h.events == 1 && h.warns == 0 && h.logs == 0);
}

static void a_last_line_without_its_end_is_heard(void)
{
    struct heard h = SAID("\n\n\ninit: no end");

    T_EQ_INT(h.logs, 1); /* empty lines are none */
    T_EQ_STR(h.last_log, "init|no end");
}

static void a_line_that_is_too_long_is_cut_and_the_next_is_whole(void)
{
    auto_buf struct cmn_buf b = {0};

    T_OK(cmn_buf_resize(&b, 3 * SIM_GUEST_LINE_MAX), NULL);
    memset(b.data, 'a', b.len);
    T_OK(cmn_buf_puts(&b, "\n" GOOD "init: \x1e{\"name\":\""), NULL);
    size_t at = b.len;
    T_OK(cmn_buf_resize(&b, at + SIM_GUEST_LINE_MAX), NULL);
    memset(b.data + at, 'b', SIM_GUEST_LINE_MAX);
    T_OK(cmn_buf_puts(&b, "\"}\n" GOOD "init: last\n"), NULL);
    struct heard h = hear(cmn_buf_bytes(&b));
    T_TRUE(h.events == 2 && h.warns == 1 && h.logs == 2);
    T_EQ_STR(h.last_log, "init|last");
}

static void a_guest_that_floods_the_console_is_cut_off_and_told_once(void)
{
    auto_buf struct cmn_buf b = {0};
    int r = 0;

    for (int i = 0; i < SIM_GUEST_EVENTS_MAX + 500 && r == 0; i++)
        r = cmn_buf_puts(&b, i % 2 ? GOOD : "noise\n");
    T_OK(r, NULL);
    struct heard h = hear(cmn_buf_bytes(&b));
    T_EQ_INT(h.events + h.logs, SIM_GUEST_EVENTS_MAX);
    T_EQ_INT(h.warns, 1);
    T_TRUE(strstr(h.last_warn, "too many lines") != NULL);
}

TEST_MAIN("run-seams",
          {"a missing fixture without a script is named",
           a_missing_fixture_without_a_script_is_named},
          {"a script that fails leaves no fixture", a_script_that_fails_leaves_no_fixture},
          {"a script that makes nothing is an error", a_script_that_makes_nothing_is_an_error},
          {"a script that hangs is stopped with all it started",
           a_script_that_hangs_is_stopped_with_all_it_started},
          {"waiting for another process can be stopped",
           waiting_for_another_process_can_be_stopped},
          {"many processes at once make one fixture", many_processes_at_once_make_one_fixture},
          {"a fixture is made once and by its name", a_fixture_is_made_once_and_by_its_name},
          {"a missing program is named", a_missing_program_is_named},
          {"a changed program changes the digest", a_changed_program_changes_the_digest},
          {"swapped programs change the digest", swapped_programs_change_the_digest},
          {"a damaged or missing cache is made anew", a_damaged_or_missing_cache_is_made_anew},
          {"bad events are told once and good ones still heard",
           bad_events_are_told_once_and_good_ones_still_heard},
          {"a line with a NUL is dropped", a_line_with_a_nul_is_dropped},
          {"a last line without its end is heard", a_last_line_without_its_end_is_heard},
          {"a line that is too long is cut and the next is whole",
           a_line_that_is_too_long_is_cut_and_the_next_is_whole},
          {"a guest that floods the console is cut off and told once",
           a_guest_that_floods_the_console_is_cut_off_and_told_once})
