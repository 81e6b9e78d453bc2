/* why.c - pieces of lines against the patterns; see why.h. */
#include "sim/diagnose/why/why.h"

#include "sim/diagnose/redact.h"
#include "sim/diagnose/why/scan.h"

#include <stdlib.h>
#include <string.h>

static const struct pattern {
    enum cmn_reason reason;
    unsigned weight;
    const char *text;
} patterns[] = {
#define PATTERN(id, weight, text) {CMN_REASON_##id, weight, text},
#include "sim/diagnose/why/patterns.def"
#undef PATTERN
};

enum {
    MAX_RULES = 2048, /* the names of the codes are rules, too */
    PIECE = 16384,    /* a longer line is looked at in pieces ... */
    OVERLAP = 512,    /* ... that overlap */
    NAME_WEIGHT = 92,
    MAX_PARTS = 8,
};

struct use { /* a word is part `part` of rule `rule` */
    uint16_t rule;
    uint8_t part;
    int next; /* of the same word, -1: none */
};

struct rule {
    enum cmn_reason reason;
    unsigned weight;
    unsigned long long piece; /* the mask is of this piece */
    uint8_t mask, full;
};

struct sim_why {
    struct sim_scan *scan;
    struct use *uses;
    size_t n_uses, cap_uses;
    int *first_use; /* by word */
    size_t n_words;
    struct rule rules[MAX_RULES];
    unsigned n_rules;
    struct sim_why_finding found[CMN_REASON_COUNT];
    unsigned long long last_line[CMN_REASON_COUNT]; /* counted last */
    unsigned long long line, piece;
    uint8_t buf[PIECE];
    size_t len;
};

static int add_use(struct sim_why *w, int word, unsigned rule, unsigned part)
{
    if ((size_t)word >= w->n_words) {
        int *first = realloc(w->first_use, ((size_t)word + 1) * sizeof(*first));
        if (!first)
            return -ENOMEM;
        w->first_use = first;
        while (w->n_words <= (size_t)word)
            w->first_use[w->n_words++] = -1;
    }
    if (w->n_uses == w->cap_uses) {
        size_t cap = w->cap_uses ? 2 * w->cap_uses : 2048;
        struct use *uses = realloc(w->uses, cap * sizeof(*uses));
        if (!uses)
            return -ENOMEM;
        w->uses = uses;
        w->cap_uses = cap;
    }
    w->uses[w->n_uses] = (struct use){(uint16_t)rule, (uint8_t)part, w->first_use[word]};
    w->first_use[word] = (int)w->n_uses++;
    return 0;
}

/* part|other+part, up to ';'. */
static int add_rule(struct sim_why *w, enum cmn_reason reason, unsigned weight, const char *text,
                    size_t len)
{
    unsigned part = 0, rule = w->n_rules;

    if (rule == MAX_RULES)
        return -E2BIG;
    for (size_t at = 0; at < len; at++) {
        size_t n = strcspn(text + at, "+|;");
        int word = sim_scan_add(w->scan, text + at, n);
        int r = word < 0 ? word : add_use(w, word, rule, part);
        if (r < 0)
            return r;
        at += n;
        if (at < len && text[at] == '+' && ++part == MAX_PARTS)
            return -E2BIG;
    }
    w->rules[rule] = (struct rule){
        .reason = reason, .weight = weight, .full = (uint8_t)((1u << (part + 1)) - 1)};
    w->n_rules++;
    return 0;
}

static int add_pattern(struct sim_why *w, const struct pattern *p)
{
    for (const char *text = p->text; *text;) {
        size_t n = strcspn(text, ";");
        int r = add_rule(w, p->reason, p->weight, text, n);
        if (r < 0)
            return r;
        text += n + (text[n] == ';');
    }
    return 0;
}

static int add_rules(struct sim_why *w)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < CMN_ARRAY_SIZE(patterns); i++)
        r = add_pattern(w, &patterns[i]);
    for (unsigned i = 1; r >= 0 && i < CMN_REASON_COUNT; i++) {
        const char *name = cmn_reason_name((enum cmn_reason)i);
        r = add_rule(w, (enum cmn_reason)i, NAME_WEIGHT, name, strlen(name));
    }
    return r < 0 ? r : sim_scan_build(w->scan);
}

int sim_why_new(struct sim_why **ret, struct cmn_err *err)
{
    struct sim_why *w = calloc(1, sizeof(*w));
    int r = -ENOMEM;

    if (w && (w->scan = sim_scan_new()))
        r = add_rules(w);
    if (r < 0) {
        sim_why_free(w);
        return cmn_err_set(err, -r, "cannot build the table of symptoms: %s", strerror(-r));
    }
    w->line = 1;
    *ret = w;
    return 0;
}

void sim_why_free(struct sim_why *w)
{
    if (w) {
        sim_scan_free(w->scan);
        free(w->uses);
        free(w->first_use);
        free(w);
    }
}

/* The text around `at`, at most SIM_WHY_TEXT - 1 bytes, printable and without secrets. */
static void excerpt(const struct sim_why *w, size_t at, char out[SIM_WHY_TEXT])
{
    size_t start = 0, len = w->len, n = 0;

    while (start < len && (w->buf[start] == ' ' || w->buf[start] == '\t'))
        start++;
    if (len - start >= SIM_WHY_TEXT && at - start > SIM_WHY_TEXT / 2)
        start = at - SIM_WHY_TEXT / 2;
    for (size_t i = start; i < len && n + 1 < SIM_WHY_TEXT; i++) {
        uint8_t c = w->buf[i];
        if (c == '\r' || c == '\n')
            continue;
        out[n++] = c == '\t' ? ' ' : (c < 0x20 || c > 0x7e) ? '?' : (char)c;
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = '\0';
    sim_redact_in_place(out);
}

static void found(struct sim_why *w, const struct rule *rule, size_t offset)
{
    enum cmn_reason reason = rule->reason;
    struct sim_why_finding *f = &w->found[reason];

    if (w->last_line[reason] != w->line) {
        w->last_line[reason] = w->line;
        f->lines++;
    }
    if (rule->weight <= f->weight)
        return;
    f->reason = reason;
    f->weight = rule->weight;
    f->line = w->line;
    excerpt(w, offset, f->text);
}

static void hit(void *ctx, unsigned word, size_t offset)
{
    struct sim_why *w = ctx;

    for (int u = w->first_use[word]; u >= 0; u = w->uses[u].next) {
        struct rule *rule = &w->rules[w->uses[u].rule];
        if (rule->piece != w->piece) {
            rule->piece = w->piece;
            rule->mask = 0;
        }
        if (rule->mask == rule->full)
            continue;
        rule->mask |= (uint8_t)(1u << w->uses[u].part);
        if (rule->mask == rule->full)
            found(w, rule, offset);
    }
}

static void scan_piece(struct sim_why *w)
{
    w->piece++;
    sim_scan_run(w->scan, w->buf, w->len, hit, w);
}

/* A line's end in the text itself: a newline, or one that was escaped on its way into a log. */
static bool escaped_newline(const struct sim_why *w, uint8_t c)
{
    return c == 'n' && w->len && w->buf[w->len - 1] == '\\';
}

void sim_why_feed(struct sim_why *w, const void *data, size_t len)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < len; i++) {
        if (p[i] == '\n' || escaped_newline(w, p[i])) {
            scan_piece(w);
            w->len = 0;
            w->line += p[i] == '\n';
            continue;
        }
        if (w->len == PIECE) {
            scan_piece(w);
            memmove(w->buf, w->buf + PIECE - OVERLAP, OVERLAP);
            w->len = OVERLAP;
        }
        w->buf[w->len++] = p[i];
    }
}

static int by_rank(const void *va, const void *vb)
{
    const struct sim_why_finding *a = va, *b = vb;

    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->reason < b->reason ? -1 : a->reason > b->reason;
}

size_t sim_why_finish(struct sim_why *w, struct sim_why_finding *out, size_t cap)
{
    size_t n = 0;

    scan_piece(w);
    w->len = 0;
    for (size_t i = 0; i < CMN_REASON_COUNT; i++)
        if (w->found[i].weight)
            w->found[n++] = w->found[i];
    qsort(w->found, n, sizeof(w->found[0]), by_rank);
    n = n < cap ? n : cap;
    memcpy(out, w->found, n * sizeof(*out));
    return n;
}
