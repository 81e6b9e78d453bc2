/*
 * test-report.c - what reaches a terminal of a hostile guest's words, what is counted and cut, the
 * workload's output line by line, and JSON: complete, in a canonical order when asked.
 */
#include "sim/report/report.h"
#include "tests/testlib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char plan_name[] = "demo", plan_summary[] = "a summary";
static const struct sim_plan plan = {
    .name = plan_name, .summary = plan_summary, .expect = {.phase = SIM_PHASE_NONE}};
static const struct sim_verdict passed = {.passed = true};

struct told { /* a report that writes into memory */
    struct sim_report *rep;
    FILE *out;
    char *text;
    size_t len;
};

static void open_told(struct told *t, struct sim_report_opts opts)
{
    struct cmn_err err = {0};

    *t = (struct told){0};
    t->out = open_memstream(&t->text, &t->len);
    opts.out = t->out;
    T_OK(sim_report_new(&opts, &t->rep, &err), &err);
    sim_report_begin(t->rep, &plan);
}

static const char *close_told(struct told *t) /* the text lives until drop() */
{
    sim_report_free(t->rep);
    (void)fclose(t->out);
    return t->text;
}

static void drop(struct told *t)
{
    free(t->text);
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, part)) != NULL; p++)
        n++;
    return n;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part))
        T_EQ_STR(text, part);
    else
        T_TRUE(true);
}

static void lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        T_EQ_STR(text, part);
    else
        T_TRUE(true);
}

static const struct sim_event refusal = {.phase = SIM_PHASE_RELEASE_KEY,
                                         .actor = "kbs",
                                         .name = "kbs.resource",
                                         .outcome = SIM_REFUSED,
                                         .code = CMN_REASON_POLICY_DENIED,
                                         .message = "no"};

static void a_refusal_that_repeats_is_told_once_and_counted(void)
{
    struct told t;

    open_told(&t, (struct sim_report_opts){0});
    for (int i = 0; i < 4; i++)
        sim_report_event(t.rep, &refusal);
    sim_report_end(t.rep, &plan, &passed);
    sim_report_begin(t.rep, &plan); /* the next run counts from the start */
    sim_report_event(t.rep, &refusal);
    sim_report_event(t.rep, &refusal);
    sim_report_end(t.rep, &plan, &passed);
    const char *text = close_told(&t);
    T_EQ_INT(count(text, "NO   release-key"), 2);
    has(text, "again:    policy.denied, 3 more times (-v shows each)");
    has(text, "again:    policy.denied, 1 more time (-v shows each)");
    drop(&t);
}

static void verbose_tells_every_one(void)
{
    struct told t;

    open_told(&t, (struct sim_report_opts){.verbose = true});
    for (int i = 0; i < 4; i++)
        sim_report_event(t.rep, &refusal);
    sim_report_end(t.rep, &plan, &passed);
    const char *text = close_told(&t);
    T_EQ_INT(count(text, "NO   release-key"), 4);
    lacks(text, "again:");
    drop(&t);
}

static void refusals_without_a_code_are_all_told(void)
{
    struct sim_event e = refusal;
    struct told t;

    e.code = CMN_REASON_NONE;
    open_told(&t, (struct sim_report_opts){0});
    sim_report_event(t.rep, &e);
    sim_report_event(t.rep, &e);
    T_EQ_INT(count(close_told(&t), "NO   release-key"), 2);
    drop(&t);
}

/* Everywhere that outside text can get to. */
static void no_control_character_of_outside_text_reaches_the_terminal(void)
{
    static const char evil[] = "\x1b[2J\x07\r\x7f\xc2\x9b[31m\x9b[32m\xff|";
    char name[sizeof(evil)], summary[sizeof(evil)];
    struct sim_plan bad = plan;
    struct sim_verdict v = {.actual = SIM_RESULT_FAILED};
    struct sim_event cause = refusal;

    memcpy(name, evil, sizeof(evil));
    memcpy(summary, evil, sizeof(evil));
    bad.name = name;
    bad.summary = summary;
    memcpy(v.why, evil, sizeof(evil));
    cause.message = evil;
    cause.details = json_pack("{s:s, s:s}", "expected",
                              "a\x7f\xc2\x9b"
                              "b",
                              "actual", "\x1b[0m");
    v.cause = &cause;
    for (int verbose = 0; verbose <= 1; verbose++) {
        struct told t;
        open_told(&t, (struct sim_report_opts){.verbose = verbose != 0});
        sim_report_begin(t.rep, &bad);
        sim_report_event(t.rep, &cause);
        sim_report_event(t.rep, &(struct sim_event){.phase = SIM_PHASE_BOOT,
                                                    .actor = "psp",
                                                    .name = "psp.launch",
                                                    .outcome = SIM_OK,
                                                    .details = cause.details});
        sim_report_log(t.rep, "guest", evil);
        sim_report_output(t.rep, evil, SIM_STDOUT, cmn_bytes(evil, sizeof(evil)));
        sim_report_end(t.rep, &bad, &v);
        sim_report_no_run(t.rep, evil, "skipped", evil);
        const char *text = close_told(&t);
        for (size_t i = 0; i < t.len; i++) {
            unsigned char c = (unsigned char)text[i];
            bool c1 = c == 0xC2 && (unsigned char)text[i + 1] < 0xA0;
            if ((c < 0x20 && c != '\n') || c == 0x7f || c1 || c == 0x9b || c == 0xff)
                T_EQ_INT(c, ' ');
        }
        T_TRUE(count(text, "[2J") >= 7); /* all of it was told, harmless */
        drop(&t);
    }
    json_decref((json_t *)(uintptr_t)cause.details);
}

static void good_letters_stay(void)
{
    struct sim_event e = refusal;
    struct told t;

    e.message = "gr\xc3\xbc\xc3\x9f, \xe2\x82\xac, \xf0\x9f\x98\x80, \xc2\xa0";
    open_told(&t, (struct sim_report_opts){0});
    sim_report_event(t.rep, &e);
    has(close_told(&t), e.message);
    drop(&t);
}

/* Overlong forms, surrogates, beyond U+10FFFF, cut ends: none is a character. */
static void bad_utf8_becomes_question_marks(void)
{
    static const struct {
        const char *message, *shown;
    } cases[] = {
        {"\xc0\x9b|", ": ??|"},           {"\xc1\xbf|", ": ??|"},
        {"\xe0\x82\x9b|", ": ???|"},      {"\xed\xa0\x80|", ": ???|"},
        {"\xf0\x80\x82\x9b|", ": ????|"}, {"\xf4\x90\x80\x80|", ": ????|"},
        {"\xf5\x80\x80\x80|", ": ????|"}, {"\xe2\x82", ": ??\n"},
        {"\xf0\x9f\x98", ": ???\n"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sim_event e = refusal;
        struct told t;
        e.message = cases[i].message;
        open_told(&t, (struct sim_report_opts){0});
        sim_report_event(t.rep, &e);
        has(close_told(&t), cases[i].shown);
        drop(&t);
    }
}

static void a_long_message_is_cut_between_characters(void)
{
    for (int shift = 0; shift < 4; shift++) {
        char message[1000] = "", shown[600] = "";
        struct sim_event e = refusal;
        struct told t;
        size_t n = (size_t)shift;
        memset(message, 'a', n);
        while (n + 3 < 900) {
            memcpy(message + n, "\xe2\x82\xac", 4);
            n += 3;
        }
        e.message = message;
        open_told(&t, (struct sim_report_opts){0});
        sim_report_event(t.rep, &e);
        const char *text = close_told(&t);
        size_t want = (size_t)shift + ((size_t)(240 - shift) / 3) * 3;
        (void)snprintf(shown, sizeof(shown), "%.*s...\n", (int)want, message);
        has(text, shown);
        lacks(text, "?");
        drop(&t);
    }
}

static void verbose_cuts_nothing(void)
{
    char message[1000];
    struct sim_event e = refusal;
    struct told t;

    memset(message, 'a', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    e.message = message;
    open_told(&t, (struct sim_report_opts){.verbose = true});
    sim_report_event(t.rep, &e);
    has(close_told(&t), message);
    drop(&t);
}

/* Only the broker may say that it was convinced. */
static void a_guest_cannot_speak_in_the_broker_s_voice(void)
{
    auto_json json_t *details = json_pack("{s:s, s:s}", "tee", "snp", "ear.status", "affirming");
    struct sim_event e = {.phase = SIM_PHASE_ATTEST,
                          .actor = "kbs",
                          .name = "kbs.attest",
                          .outcome = SIM_OK,
                          .details = details};
    struct told t;

    open_told(&t, (struct sim_report_opts){0});
    e.actor = "kata-agent";
    sim_report_event(t.rep, &e);
    (void)fflush(t.out);
    lacks(t.text, "evidence fits");
    e.actor = "kbs";
    sim_report_event(t.rep, &e);
    has(close_told(&t), "snp evidence fits nonce and TEE key; the token says affirming");
    drop(&t);
}

static void failures_end_with_cause_hint_and_the_guest_s_last_lines(void)
{
    struct sim_event cause = refusal;
    struct sim_verdict v = {.actual = SIM_RESULT_REFUSED, .cause = &cause, .why = "because"};
    struct told t;
    char line[32];

    open_told(&t, (struct sim_report_opts){0});
    for (int i = 0; i < 50; i++) {
        (void)snprintf(line, sizeof(line), "line %d.", i);
        sim_report_log(t.rep, "kata-agent", line);
    }
    sim_report_end(t.rep, &plan, &v);
    sim_report_end(t.rep, &plan, &v); /* the lines were told */
    const char *text = close_told(&t);
    has(text, "FAIL demo: expected completed; actual refused in release-key with policy.denied");
    has(text, cmn_reason_info(CMN_REASON_POLICY_DENIED)->hint);
    T_EQ_INT(count(text, "kata-agent: line "), 20);
    lacks(text, "line 29.");
    has(text, "line 30.");
    has(text, "line 49.");
    drop(&t);
}

/* ---- the workload's output ---- */

static void out(struct told *t, const char *who, enum sim_stream stream, const char *text)
{
    sim_report_output(t->rep, who, stream, cmn_bytes(text, strlen(text)));
}

static void streams_split_over_chunks_become_whole_lines(void)
{
    struct told t;

    open_told(&t, (struct sim_report_opts){0});
    out(&t, "a", SIM_STDOUT, "he");
    out(&t, "b", SIM_STDOUT, "other\n");
    out(&t, "a", SIM_STDERR, "err");
    out(&t, "a", SIM_STDOUT, "llo\nwor");
    out(&t, "a", SIM_STDERR, "or\n\n");
    out(&t, "a", SIM_STDOUT, "ld");
    (void)fflush(t.out);
    has(t.text, "  b | other\n  a | hello\n  a ! error\n  a ! \n");
    lacks(t.text, "world");
    sim_report_end(t.rep, &plan, &passed); /* a last line without its end */
    has(close_told(&t), "  a | world\n");
    drop(&t);
}

static void a_character_split_over_chunks_stays_whole(void)
{
    struct told t;

    open_told(&t, (struct sim_report_opts){0});
    out(&t, "a", SIM_STDOUT, "\xe2");
    out(&t, "a", SIM_STDOUT, "\x82");
    out(&t, "a", SIM_STDOUT, "\xac\n");
    has(close_told(&t), "  a | \xe2\x82\xac\n");
    drop(&t);
}

static void a_line_without_end_goes_on_in_the_next_between_characters(void)
{
    char text[4000];
    size_t euros = 0;
    struct told t;

    for (size_t i = 0; i + 3 < sizeof(text) - 1; i += 3, euros++)
        memcpy(text + i, "\xe2\x82\xac", 4);
    open_told(&t, (struct sim_report_opts){0});
    out(&t, "a", SIM_STDOUT, text);
    out(&t, "a", SIM_STDOUT, "\n");
    const char *shown = close_told(&t);
    T_EQ_INT(count(shown, "\xe2\x82\xac"), euros);
    T_EQ_INT(count(shown, "  a | "), 4);
    lacks(shown, "?");
    drop(&t);
}

static void nul_bytes_of_output_are_dropped(void)
{
    struct told t;

    open_told(&t, (struct sim_report_opts){0});
    sim_report_output(t.rep, "a", SIM_STDOUT, cmn_bytes("x\0y\n", 4));
    has(close_told(&t), "  a | xy\n");
    drop(&t);
}

static void many_containers_keep_their_lines_apart(void)
{
    struct told t;
    char who[8], text[16];

    open_told(&t, (struct sim_report_opts){0});
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 16; i++)
            for (int s = 0; s < 2; s++) {
                (void)snprintf(who, sizeof(who), "c%d", i);
                (void)snprintf(text, sizeof(text), half ? "-%d%d\n" : "%d%d", i, s);
                out(&t, who, (enum sim_stream)s, text);
            }
    const char *shown = close_told(&t);
    for (int i = 0; i < 16; i++)
        for (int s = 0; s < 2; s++) {
            char line[64];
            (void)snprintf(line, sizeof(line), "  c%d %c %d%d-%d%d\n", i, s ? '!' : '|', i, s, i,
                           s);
            has(shown, line);
        }
    drop(&t);
}

/* ---- JSON ---- */

static void emit(struct told *t, uint64_t seq, enum sim_phase phase, const char *actor,
                 const char *name)
{
    sim_report_event(
        t->rep, &(struct sim_event){
                    .seq = seq, .phase = phase, .actor = actor, .name = name, .outcome = SIM_INFO});
}

/* The names of all lines, in their order; every line must be a JSON object. */
static void names_of(const char *text, char *ret, size_t cap)
{
    ret[0] = '\0';
    while (*text) {
        size_t n = strcspn(text, "\n");
        auto_json json_t *o = NULL;
        struct cmn_err err = {0};
        T_OK(cmn_json_load(cmn_bytes(text, n), 8, &o, &err), &err);
        const char *name = cmn_json_str(o, "name");
        (void)snprintf(ret + strlen(ret), cap - strlen(ret), "%s ", name ? name : "verdict");
        text += n + (text[n] == '\n');
    }
}

static void ordered_json_does_not_depend_on_who_was_first(void)
{
    static const int orders[3][6] = {{0, 1, 2, 3, 4, 5}, {3, 2, 0, 5, 1, 4}, {4, 0, 3, 1, 5, 2}};
    /* each actor's own events stay in their order: (actor, its n-th) */
    static const struct {
        enum sim_phase phase;
        const char *actor;
    } actors[3] = {{SIM_PHASE_ATTEST, "psp"}, {SIM_PHASE_ATTEST, "kbs"}, {SIM_PHASE_BOOT, "zz"}};
    char first[2048] = "";

    for (size_t o = 0; o < 3; o++) {
        unsigned next[3] = {0};
        char names[256], name[32];
        struct told t;
        open_told(&t, (struct sim_report_opts){.json = true, .ordered = true});
        for (uint64_t seq = 1; seq <= 6; seq++) {
            int a = orders[o][seq - 1] % 3;
            (void)snprintf(name, sizeof(name), "%s.%u", actors[a].actor, next[a]++);
            emit(&t, seq, actors[a].phase, actors[a].actor, name);
        }
        (void)fflush(t.out);
        T_EQ_INT(t.len, 0); /* held until the end */
        sim_report_end(t.rep, &plan, &passed);
        names_of(close_told(&t), names, sizeof(names));
        T_EQ_STR(names, "zz.0 zz.1 kbs.0 kbs.1 psp.0 psp.1 verdict ");
        T_TRUE(!o || strcmp(first, t.text) == 0); /* byte for byte */
        (void)snprintf(first, sizeof(first), "%.2047s", t.text);
        drop(&t);
    }
}

static void plain_json_comes_at_once_in_its_order(void)
{
    char names[256];
    struct told t;

    open_told(&t, (struct sim_report_opts){.json = true});
    emit(&t, 1, SIM_PHASE_TEARDOWN, "z", "first");
    (void)fflush(t.out);
    has(t.text, "\"first\"");
    emit(&t, 2, SIM_PHASE_NONE, "a", "second");
    out(&t, "c", SIM_STDOUT, "not here\n");
    sim_report_end(t.rep, &plan, &passed);
    names_of(close_told(&t), names, sizeof(names));
    T_EQ_STR(names, "first second verdict ");
    lacks(t.text, "not here");
    drop(&t);
}

static void the_verdict_line_comes_whatever_it_says(void)
{
    struct sim_verdict v = {.actual = SIM_RESULT_FAILED, .why = "cut inside a letter: \xc3"};
    struct told t;

    open_told(&t, (struct sim_report_opts){.json = true});
    sim_report_end(t.rep, &plan, &v);
    T_EQ_STR(close_told(&t), "{\"scenario\":\"demo\",\"verdict\":\"failed\",\"expected\":"
                             "\"completed\",\"actual\":\"failed\",\"why\":\"cut inside a letter: "
                             "?\"}\n");
    drop(&t);
    open_told(&t, (struct sim_report_opts){.json = true, .ordered = true});
    emit(&t, 1, SIM_PHASE_BOOT, "a", "held");
    sim_report_no_run(t.rep, "demo", "error", "bad \xff");
    const char *text = close_told(&t);
    has(text, "\"held\"");
    has(text, "{\"scenario\":\"demo\",\"verdict\":\"error\",\"why\":\"bad ?\"}\n");
    drop(&t);
}

static void many_held_events_are_all_printed(void)
{
    struct told t;

    open_told(&t, (struct sim_report_opts){.json = true, .ordered = true});
    for (uint64_t i = 1; i <= 1000; i++)
        emit(&t, i, SIM_PHASE_BOOT, i % 2 ? "a" : "b", "n");
    sim_report_end(t.rep, &plan, &passed);
    T_EQ_INT(count(close_told(&t), "\n"), 1001);
    drop(&t);
}

static void a_report_that_nobody_ended_frees_what_it_holds(void)
{
    struct told t;

    open_told(&t, (struct sim_report_opts){.json = true, .ordered = true});
    emit(&t, 1, SIM_PHASE_BOOT, "a", "n");
    T_TRUE(close_told(&t) && t.len == 0);
    drop(&t);
    sim_report_free(NULL);
}

/* The spinner's own thread, its erasing of lines, and its end. */
static void a_live_report_leaves_no_spinner_behind(void)
{
    struct told t;

    open_told(&t, (struct sim_report_opts){.live = true});
    sim_report_event(t.rep, &(struct sim_event){.phase = SIM_PHASE_BOOT,
                                                .actor = "adaptor",
                                                .name = "agent.check",
                                                .outcome = SIM_BEGIN});
    sim_report_event(t.rep, &refusal);
    sim_report_end(t.rep, &plan, &passed);
    const char *text = close_told(&t);
    const char *last = strrchr(text, '\r');
    T_TRUE(!last || strncmp(last, "\r\033[K", 4) == 0);
    has(text, "PASS demo: completed, as expected");
    drop(&t);
}

TEST_MAIN("report",
          {"no control character of outside text reaches the terminal",
           no_control_character_of_outside_text_reaches_the_terminal},
          {"bad UTF-8 becomes question marks", bad_utf8_becomes_question_marks},
          {"good letters stay", good_letters_stay},
          {"a guest cannot speak in the broker's voice",
           a_guest_cannot_speak_in_the_broker_s_voice},
          {"a refusal that repeats is told once and counted",
           a_refusal_that_repeats_is_told_once_and_counted},
          {"verbose tells every one", verbose_tells_every_one},
          {"refusals without a code are all told", refusals_without_a_code_are_all_told},
          {"a long message is cut between characters", a_long_message_is_cut_between_characters},
          {"verbose cuts nothing", verbose_cuts_nothing},
          {"failures end with cause, hint and the guest's last lines",
           failures_end_with_cause_hint_and_the_guest_s_last_lines},
          {"streams split over chunks become whole lines",
           streams_split_over_chunks_become_whole_lines},
          {"a character split over chunks stays whole", a_character_split_over_chunks_stays_whole},
          {"a line without end goes on in the next, between characters",
           a_line_without_end_goes_on_in_the_next_between_characters},
          {"NUL bytes of output are dropped", nul_bytes_of_output_are_dropped},
          {"many containers keep their lines apart", many_containers_keep_their_lines_apart},
          {"ordered JSON does not depend on who was first",
           ordered_json_does_not_depend_on_who_was_first},
          {"plain JSON comes at once, in its order", plain_json_comes_at_once_in_its_order},
          {"the verdict line comes whatever it says", the_verdict_line_comes_whatever_it_says},
          {"many held events are all printed", many_held_events_are_all_printed},
          {"a report that nobody ended frees what it holds",
           a_report_that_nobody_ended_frees_what_it_holds},
          {"a live report leaves no spinner behind", a_live_report_leaves_no_spinner_behind})
