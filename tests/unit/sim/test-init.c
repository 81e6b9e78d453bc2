/*
 * test-init.c - the guest's init: what parts print becomes console lines of bounded length, however
 * it is cut up; parts that cannot start; its own events.
 */
#include "common/json/json.h"
#include "sim/event/event.h"
#include "sim/guest/init/init.h"
#include "tests/testlib/testlib.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the console is stderr: caught in a file ---- */

static int kept_stderr = -1;

static const char *console_path(void)
{
    static char path[256];

    (void)snprintf(path, sizeof(path), "%s/console", t_tmpdir());
    return path;
}

static void catch_console(void)
{
    auto_close int fd = open(console_path(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    kept_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    T_TRUE(fd >= 0 && kept_stderr >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
}

static struct cmn_buf caught(void)
{
    struct cmn_buf text = {0};

    T_TRUE(dup2(kept_stderr, STDERR_FILENO) == STDERR_FILENO);
    (void)close(kept_stderr);
    T_OK(cmn_file_read(console_path(), 64u << 20, &text, NULL), NULL);
    return text;
}

/* ---- a part whose output we write ---- */

static struct part open_part(int *ret_write)
{
    struct part p = {.name = "kata-agent", .out = -1};
    int fd[2];

    T_EQ_INT(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
    p.out = fd[0];
    *ret_write = fd[1];
    return p;
}

/* Everything `text` becomes when it arrives in chunks of n bytes. */
static struct cmn_buf drained(const char *text, size_t len, size_t n)
{
    int fd;
    struct part p = open_part(&fd);

    catch_console();
    for (size_t at = 0; at < len; at += n) {
        size_t now = len - at < n ? len - at : n;
        if (write(fd, text + at, now) != (ssize_t)now)
            abort();
        init_part_drain(&p);
    }
    (void)close(fd);
    init_part_drain(&p);
    struct cmn_buf out = caught();
    T_EQ_INT(p.out, -1); /* closed at the end */
    return out;
}

static void lines_do_not_depend_on_how_they_arrive(void)
{
    static const char text[] = "one\n\ntwo three\n\x1e{\"a\":1}\nlast";
    static const char want[] = "kata-agent: one\nkata-agent: \nkata-agent: two three\n"
                               "kata-agent: \x1e{\"a\":1}\nkata-agent: last\n";

    for (size_t n = 1; n <= sizeof(text); n++) {
        auto_buf struct cmn_buf got = drained(text, sizeof(text) - 1, n);
        T_EQ_STR((char *)got.data, want);
    }
}

/* At the limit whole, one byte more and it is cut; what follows is a line again. */
static void a_long_line_is_cut_once_and_its_rest_dropped(void)
{
    static const size_t lengths[] = {INIT_LINE_MAX - 1, INIT_LINE_MAX, INIT_LINE_MAX + 1,
                                     2 * INIT_LINE_MAX, 5 * INIT_LINE_MAX + 3};
    static const size_t chunks[] = {1000, INIT_LINE_MAX, INIT_LINE_MAX + 1, 30000};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(lengths); i++)
        for (size_t k = 0; k < CMN_ARRAY_SIZE(chunks); k++) {
            auto_buf struct cmn_buf text = {0};
            T_OK(cmn_buf_resize(&text, lengths[i]), NULL);
            memset(text.data, 'x', text.len);
            T_OK(cmn_buf_puts(&text, "\nnext\n"), NULL);
            auto_buf struct cmn_buf got = drained((char *)text.data, text.len, chunks[k]);
            size_t shown = lengths[i] < INIT_LINE_MAX ? lengths[i] : INIT_LINE_MAX;
            size_t head = strlen("kata-agent: ");
            T_EQ_INT(got.len, head + shown + 1 + head + 5);
            T_TRUE(got.len > head + shown && got.data[head + shown] == '\n');
            T_EQ_STR((char *)got.data + head + shown + 1, "kata-agent: next\n");
        }
}

static void a_part_that_never_stops_does_not_keep_init(void)
{
    int fd;
    struct part p = open_part(&fd);
    char block[4096];

    memset(block, 'y', sizeof(block));
    block[sizeof(block) - 1] = '\n';
    while (write(fd, block, sizeof(block)) > 0) /* until the pipe is full */
        continue;
    catch_console();
    init_part_drain(&p);
    auto_buf struct cmn_buf got = caught();
    T_TRUE(got.len > 0 && got.len <= 17 * 16384 && p.out >= 0); /* bounded, and still open */
    (void)close(fd);
    (void)close(p.out);
}

static void nothing_to_read_is_nothing_to_say(void)
{
    int fd;
    struct part p = open_part(&fd);

    catch_console();
    init_part_drain(&p);
    auto_buf struct cmn_buf got = caught();
    T_TRUE(got.len == 0 && p.out >= 0);
    (void)close(fd);
    catch_console();
    init_part_drain(&p);
    init_part_drain(&p); /* closed: nothing more */
    auto_buf struct cmn_buf end = caught();
    T_TRUE(end.len == 0 && p.out == -1);
}

static void bytes_are_forwarded_as_they_are(void)
{
    auto_buf struct cmn_buf got = drained("a\0b\xff\x1b[0m\n", 8, 8);

    T_EQ_MEM(got.data, "kata-agent: a\0b\xff\x1b[0m\n", 20);
}

static void who_speaks_is_cut_to_its_place(void)
{
    char who[200], want[80];

    memset(who, 'w', sizeof(who) - 1);
    who[sizeof(who) - 1] = '\0';
    catch_console();
    init_console(who, "text", 4);
    auto_buf struct cmn_buf got = caught();
    (void)snprintf(want, sizeof(want), "%.64s: text\n", who);
    T_EQ_STR((char *)got.data, want);
}

static void what_init_says_is_bounded(void)
{
    char text[2000];

    memset(text, 't', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    catch_console();
    init_say("%s", text);
    auto_buf struct cmn_buf got = caught();
    T_EQ_INT(got.len, strlen("init: ") + 511 + 1);
    T_EQ_INT(got.data[got.len - 1], '\n');
}

/* ---- its events, read by the one who reads consoles ---- */

struct heard {
    struct sim_event *last;
};

static void hear(void *ctx, const struct sim_event *e)
{
    struct heard *h = ctx;

    sim_event_free(h->last);
    h->last = sim_event_copy(e);
}

static struct sim_event *read_back(struct cmn_buf *line)
{
    struct cmn_env *env = NULL;
    struct sim_bus *bus = NULL;
    struct cmn_err err = {0};
    struct heard h = {0};
    const char *actor, *text;

    T_TRUE(line->len > 0);
    if (line->len)
        line->data[line->len - 1] = '\0';
    T_OK(cmn_env_new_system(&env, NULL), NULL);
    T_OK(sim_bus_new(env, &bus, NULL), NULL);
    T_OK(sim_bus_subscribe(bus, hear, &h), NULL);
    T_EQ_INT(sim_event_from_console(bus, (char *)line->data, &actor, &text, &err), 1);
    sim_bus_free(bus);
    cmn_env_unref(env);
    return h.last;
}

static void a_part_that_ended_is_an_event_with_how(void)
{
    static const struct {
        int wait_status;
        const char *message, *key;
        int value;
    } cases[] = {{3 << 8, "kata-agent ended with exit status 3", "exit_status", 3},
                 {SIGSEGV, "kata-agent was killed by signal 11", "signal", 11},
                 {127 << 8, "kata-agent ended with exit status 127", "exit_status", 127}};
    struct part p = {.name = "kata-agent", .out = -1};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        catch_console();
        init_event_ended(&p, cases[i].wait_status);
        auto_buf struct cmn_buf line = caught();
        struct sim_event *e = read_back(&line);
        T_TRUE(e && e->outcome == SIM_FAILED && e->code == CMN_REASON_GUEST_CRASHED &&
               e->phase == SIM_PHASE_BOOT);
        T_EQ_STR(e ? e->actor : NULL, "init");
        T_EQ_STR(e ? e->message : NULL, cases[i].message);
        T_EQ_INT(e ? cmn_json_int(e->details, cases[i].key, -1) : -1, cases[i].value);
        sim_event_free(e);
    }
}

static void a_part_that_waits_for_ever_is_a_warning(void)
{
    struct part p = {.name = "attestation-agent", .waits_for = "/run/peerpod/aa.toml", .out = -1};

    catch_console();
    init_event_waiting(&p);
    auto_buf struct cmn_buf line = caught();
    struct sim_event *e = read_back(&line);
    T_TRUE(e && e->outcome == SIM_WARN);
    T_EQ_STR(e ? e->message : NULL, "attestation-agent does not start: it waits for "
                                    "/run/peerpod/aa.toml, which nothing will make");
    sim_event_free(e);
}

/* The programs lie in the guest's own folder, so here there is none to start. */
static void a_part_whose_program_is_missing_ends_with_127(void)
{
    struct part p = {.name = "no-such-part", .argv = {(char *)"no-such-part"}, .out = -1};
    int status = 0;

    T_OK(init_part_start(&p, -1), NULL);
    T_TRUE(p.pid > 0 && p.out >= 0);
    T_EQ_INT(waitpid(p.pid, &status, 0), p.pid);
    T_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 127);
    catch_console();
    init_part_drain(&p);
    auto_buf struct cmn_buf got = caught();
    T_TRUE(got.len == 0 && p.out == -1);
}

TEST_MAIN(
    "init", {"lines do not depend on how they arrive", lines_do_not_depend_on_how_they_arrive},
    {"a long line is cut once and its rest dropped", a_long_line_is_cut_once_and_its_rest_dropped},
    {"a part that never stops does not keep init", a_part_that_never_stops_does_not_keep_init},
    {"nothing to read is nothing to say", nothing_to_read_is_nothing_to_say},
    {"bytes are forwarded as they are", bytes_are_forwarded_as_they_are},
    {"who speaks is cut to its place", who_speaks_is_cut_to_its_place},
    {"what init says is bounded", what_init_says_is_bounded},
    {"a part that ended is an event with how", a_part_that_ended_is_an_event_with_how},
    {"a part that waits for ever is a warning", a_part_that_waits_for_ever_is_a_warning},
    {"a part whose program is missing ends with 127",
     a_part_whose_program_is_missing_ends_with_127})
