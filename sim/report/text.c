/* text.c - a run in lines: what each phase did, how long it took, and why it did not. */
#include "sim/report/report-internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TICK_MS = 100, MESSAGE_SHOWN = 240, DETAIL_SHOWN = 400 };

int64_t sim_report_now_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- the spinner: the last line of a terminal ---- */

static void hide(struct sim_report *rep)
{
    if (rep->spinner_shown)
        (void)fputs("\r\033[K", rep->opts.out);
    rep->spinner_shown = false;
}

static void show(struct sim_report *rep)
{
    static const char *const frames[] = {"|", "/", "-", "\\"};

    if (!rep->opts.live || rep->open == SIM_PHASE_NONE)
        return;
    hide(rep);
    (void)fprintf(rep->opts.out, "  %s    %-16s", frames[rep->frame++ % 4],
                  sim_phase_name(rep->open));
    (void)fflush(rep->opts.out);
    rep->spinner_shown = true;
}

static void *spin(void *arg)
{
    struct sim_report *rep = arg;

    (void)pthread_mutex_lock(&rep->lock);
    while (!rep->spinner_stop) {
        struct timespec until;
        show(rep);
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        (void)pthread_cond_timedwait(&rep->wake, &rep->lock, &until);
    }
    hide(rep);
    (void)pthread_mutex_unlock(&rep->lock);
    return NULL;
}

/* Started by the first event of a run: before it the engine must be single-threaded. */
static void spinner_start(struct sim_report *rep)
{
    if (!rep->opts.live || rep->spinner_runs)
        return;
    rep->spinner_stop = false;
    rep->spinner_runs = pthread_create(&rep->spinner, NULL, spin, rep) == 0;
}

void sim_text_spinner_stop(struct sim_report *rep)
{
    if (!rep->spinner_runs)
        return;
    (void)pthread_mutex_lock(&rep->lock);
    rep->spinner_stop = true;
    (void)pthread_cond_signal(&rep->wake);
    (void)pthread_mutex_unlock(&rep->lock);
    (void)pthread_join(rep->spinner, NULL);
    rep->spinner_runs = false;
    rep->open = SIM_PHASE_NONE;
}

/* ---- lines ---- */

void sim_text_begin(struct sim_report *rep, const struct sim_plan *plan)
{
    (void)fputs("== ", rep->opts.out);
    sim_text_put(rep->opts.out, plan->name);
    (void)fputs(": ", rep->opts.out);
    sim_text_put(rep->opts.out, plan->summary);
    (void)fputc('\n', rep->opts.out);
    (void)fflush(rep->opts.out);
    rep->start_ms = sim_report_now_ms();
    for (int i = 0; i < SIM_PHASE_COUNT; i++)
        rep->phase_start_ms[i] = rep->start_ms;
    rep->open = SIM_PHASE_NONE;
    memset(rep->told, 0, sizeof(rep->told));
}

static const char *mark(enum sim_outcome outcome)
{
    switch (outcome) {
    case SIM_BEGIN:
        return "..";
    case SIM_OK:
        return "ok";
    case SIM_REFUSED:
        return "NO";
    case SIM_FAILED:
        return "FAIL";
    case SIM_WARN:
        return "warn";
    default:
        return "--";
    }
}

/* A refusal or warning that repeats (clients try again) is counted and told at the end. */
static bool repeats(struct sim_report *rep, const struct sim_event *e)
{
    if (rep->opts.verbose || e->code == CMN_REASON_NONE)
        return false;
    return rep->told[e->code]++ > 0;
}

static bool worth_a_line(struct sim_report *rep, const struct sim_event *e, bool milestone)
{
    if (e->outcome == SIM_REFUSED || e->outcome == SIM_FAILED || e->outcome == SIM_WARN)
        return !repeats(rep, e);
    return rep->opts.verbose || milestone;
}

static void put_message(const struct sim_report *rep, const char *text)
{
    char cut[MESSAGE_SHOWN + 1];

    if (rep->opts.verbose || strlen(text) <= MESSAGE_SHOWN) {
        sim_text_put(rep->opts.out, text);
        return;
    }
    size_t n = sim_text_cut(text, MESSAGE_SHOWN);
    memcpy(cut, text, n);
    cut[n] = '\0';
    sim_text_put(rep->opts.out, cut);
    (void)fputs("...", rep->opts.out);
}

static void line(struct sim_report *rep, const struct sim_event *e, int64_t ms)
{
    FILE *out = rep->opts.out;
    char phrase[512];

    hide(rep);
    (void)fprintf(out, "  %-4s %-16s %5lld ms  ", mark(e->outcome),
                  e->phase == SIM_PHASE_NONE ? "" : sim_phase_name(e->phase), (long long)ms);
    if (sim_text_phrase(rep, e, phrase, sizeof(phrase))) {
        sim_text_put(out, phrase);
    } else {
        (void)fprintf(out, "%s ", e->actor);
        sim_text_put(out, e->name);
        if (e->code != CMN_REASON_NONE)
            (void)fprintf(out, " [%s]", cmn_reason_name(e->code));
        if (e->message) {
            (void)fputs(": ", out);
            put_message(rep, e->message);
        }
    }
    (void)fputc('\n', out);
    (void)fflush(out);
}

static void count_layers(struct sim_report *rep, const struct sim_event *e)
{
    if (strcmp(e->name, "cdh.pull-image") == 0 && e->outcome == SIM_BEGIN)
        rep->layers = rep->layers_encrypted = 0;
    if (strcmp(e->name, "cdh.layer") == 0 && e->outcome == SIM_OK) {
        rep->layers++;
        rep->layers_encrypted += json_is_true(json_object_get(e->details, "encrypted"));
    }
}

void sim_text_event(struct sim_report *rep, const struct sim_event *e)
{
    int64_t now = sim_report_now_ms();
    bool nested = e->phase == SIM_PHASE_ATTEST || e->phase == SIM_PHASE_RELEASE_KEY;
    char phrase[512];

    spinner_start(rep);
    if (e->phase == SIM_PHASE_NONE)
        return;
    count_layers(rep, e);
    if (strcmp(e->name, "kbs.auth") == 0 || strcmp(e->name, "aa.attest") == 0)
        rep->phase_start_ms[SIM_PHASE_ATTEST] =
            e->outcome == SIM_BEGIN || rep->phase_start_ms[SIM_PHASE_ATTEST] == rep->start_ms
                ? now
                : rep->phase_start_ms[SIM_PHASE_ATTEST];
    if (strcmp(e->name, "kbs.attest") == 0)
        rep->phase_start_ms[SIM_PHASE_RELEASE_KEY] = now;
    if (e->outcome == SIM_BEGIN && !nested && strcmp(e->actor, "adaptor") == 0) {
        rep->open = e->phase;
        rep->phase_start_ms[e->phase] = now;
    }
    if (worth_a_line(rep, e, sim_text_phrase(rep, e, phrase, sizeof(phrase))))
        line(rep, e, now - rep->phase_start_ms[e->phase]);
}

/* ---- the container's output and the guest's log ---- */

/* The first n bytes of a stream's unfinished line; the rest stays. */
static void output_line(struct sim_report *rep, size_t i, size_t n)
{
    char *text = rep->partial[i].line, shown[OUTPUT_LINE];
    size_t rest = rep->partial[i].len - n;

    hide(rep);
    memcpy(shown, text, n);
    shown[n] = '\0';
    (void)fputs("  ", rep->opts.out);
    sim_text_put(rep->opts.out, rep->partial[i].who);
    (void)fputs(rep->partial[i].stream == SIM_STDOUT ? " | " : " ! ", rep->opts.out);
    sim_text_put(rep->opts.out, shown);
    (void)fputc('\n', rep->opts.out);
    (void)fflush(rep->opts.out);
    memmove(text, text + n, rest);
    rep->partial[i].len = rest;
}

/* A line that is too long goes on in the next one, not inside a character. */
static void output_full(struct sim_report *rep, size_t i)
{
    char *text = rep->partial[i].line;

    text[rep->partial[i].len] = '\0';
    output_line(rep, i, sim_text_cut(text, rep->partial[i].len - 1));
}

static size_t stream_slot(struct sim_report *rep, const char *who, enum sim_stream stream)
{
    size_t i = 0;

    for (; i < OUTPUT_STREAMS - 1 && rep->partial[i].who[0]; i++)
        if (rep->partial[i].stream == stream && strcmp(rep->partial[i].who, who) == 0)
            return i;
    (void)snprintf(rep->partial[i].who, sizeof(rep->partial[i].who), "%s", who);
    rep->partial[i].stream = stream;
    return i;
}

void sim_text_output(struct sim_report *rep, const char *container, enum sim_stream stream,
                     struct cmn_bytes bytes)
{
    size_t slot = stream_slot(rep, container, stream);

    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.data[i] == '\n') {
            output_line(rep, slot, rep->partial[slot].len);
            continue;
        }
        if (rep->partial[slot].len == OUTPUT_LINE - 1)
            output_full(rep, slot);
        if (bytes.data[i])
            rep->partial[slot].line[rep->partial[slot].len++] = (char)bytes.data[i];
    }
}

static void flush_output(struct sim_report *rep)
{
    for (size_t i = 0; i < OUTPUT_STREAMS; i++) {
        if (rep->partial[i].len)
            output_line(rep, i, rep->partial[i].len);
        rep->partial[i].who[0] = '\0';
    }
}

void sim_text_log(struct sim_report *rep, const char *actor, const char *text)
{
    char *kept = NULL;

    if (rep->opts.verbose) {
        FILE *out = rep->opts.json ? stderr : rep->opts.out;
        hide(rep);
        (void)fprintf(out, "  %s> ", actor);
        sim_text_put(out, text);
        (void)fputc('\n', out);
        return;
    }
    if (asprintf(&kept, "%s: %s", actor, text) < 0)
        return;
    free(rep->log[rep->log_at % LOG_KEPT]);
    rep->log[rep->log_at++ % LOG_KEPT] = kept;
}

/* ---- the verdict ---- */

static void cause_details(FILE *out, const struct sim_event *cause)
{
    static const char *const names[] = {"expected", "actual"};
    const struct cmn_reason_info *info = cmn_reason_info(cause->code);

    (void)fprintf(out, "     cause:    %s %s: ", cause->actor, cause->name);
    sim_text_put(out, cause->message ? cause->message : info->meaning);
    (void)fputc('\n', out);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        const json_t *v = json_object_get(cause->details, names[i]);
        auto_free char *text = v ? cmn_json_dump(v) : NULL;
        if (!text)
            continue;
        text[sim_text_cut(text, DETAIL_SHOWN)] = '\0';
        (void)fprintf(out, "     %-9s ", i ? "actual:" : "expected:");
        sim_text_put(out, text);
        (void)fputc('\n', out);
    }
    if (cause->code != CMN_REASON_NONE)
        (void)fprintf(out, "     meaning:  %s\n     hint:     %s\n", info->meaning, info->hint);
}

static void print_repeats(const struct sim_report *rep)
{
    for (int i = CMN_REASON_NONE + 1; i < CMN_REASON_COUNT; i++)
        if (rep->told[i] > 1)
            (void)fprintf(rep->opts.out, "     again:    %s, %u more time%s (-v shows each)\n",
                          cmn_reason_name((enum cmn_reason)i), rep->told[i] - 1,
                          rep->told[i] == 2 ? "" : "s");
}

static void print_log(struct sim_report *rep)
{
    size_t n = rep->log_at < LOG_KEPT ? rep->log_at : LOG_KEPT;

    if (n)
        (void)fprintf(rep->opts.out, "     the guest's last lines:\n");
    for (size_t i = 0; i < n; i++) {
        (void)fputs("       ", rep->opts.out);
        sim_text_put(rep->opts.out, rep->log[(rep->log_at - n + i) % LOG_KEPT]);
        (void)fputc('\n', rep->opts.out);
    }
}

void sim_text_end(struct sim_report *rep, const struct sim_plan *plan, const struct sim_verdict *v)
{
    char expected[512], actual[512];
    FILE *out = rep->opts.out;

    sim_text_spinner_stop(rep);
    flush_output(rep);
    sim_verdict_expected(plan, expected, sizeof(expected));
    sim_verdict_actual(v, actual, sizeof(actual));
    long long ms = (long long)(sim_report_now_ms() - rep->start_ms);
    (void)fputs(v->passed ? "PASS " : "FAIL ", out);
    sim_text_put(out, plan->name);
    if (v->passed) {
        (void)fprintf(out, ": %s, as expected (%lld ms)\n", actual, ms);
    } else {
        (void)fprintf(out, ": expected %s; actual %s: ", expected, actual);
        sim_text_put(out, v->why);
        (void)fprintf(out, " (%lld ms)\n", ms);
    }
    if (v->cause)
        cause_details(out, v->cause);
    print_repeats(rep);
    if (!v->passed)
        print_log(rep);
    for (size_t i = 0; i < LOG_KEPT; i++) {
        free(rep->log[i]);
        rep->log[i] = NULL;
    }
    rep->log_at = 0;
    (void)fflush(out);
}
