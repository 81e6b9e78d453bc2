/* scan.c - see scan.h. A state is a row of next states, one for each class of folded bytes. */
#include "sim/diagnose/why/scan.h"

#include <stdlib.h>
#include <string.h>

enum { CLASSES = 64, MAX_STATES = 60000, SKIP = 255 };

struct state {
    uint16_t next[CLASSES];
    uint16_t fail;
    uint16_t out; /* nearest suffix state (or itself) that ends a word; 0: none */
    int32_t word; /* -1: no word ends here */
};

struct sim_scan {
    struct state *states;
    size_t n, cap;
    unsigned n_words;
    uint8_t fold[256]; /* byte -> class, or SKIP */
    bool built;
};

/* Class 0 is "none of the others". */
static void init_fold(uint8_t fold[256])
{
    static const char others[] = " .,:;/()[]{}<>=*#!?$%&@~";
    uint8_t class = 1;

    memset(fold, 0, 256);
    for (int c = 'a'; c <= 'z'; c++, class ++)
        fold[c] = fold[c - 'a' + 'A'] = class;
    for (int c = '0'; c <= '9'; c++, class ++)
        fold[c] = class;
    for (const char *p = others; *p && class < CLASSES; p++, class ++)
        fold[(unsigned char)*p] = class;
    fold['_'] = fold['-'] = fold['\t'] = fold['\r'] = fold['\n'] = fold[' '];
    fold['"'] = fold['\''] = fold['`'] = fold['\\'] = SKIP;
}

static int add_state(struct sim_scan *s)
{
    if (s->n >= MAX_STATES)
        return -E2BIG;
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 1024;
        struct state *states = realloc(s->states, cap * sizeof(*states));
        if (!states)
            return -ENOMEM;
        s->states = states;
        s->cap = cap;
    }
    s->states[s->n] = (struct state){.word = -1};
    return (int)s->n++;
}

struct sim_scan *sim_scan_new(void)
{
    struct sim_scan *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    init_fold(s->fold);
    if (add_state(s) < 0) {
        sim_scan_free(s);
        return NULL;
    }
    return s;
}

void sim_scan_free(struct sim_scan *s)
{
    if (s) {
        free(s->states);
        free(s);
    }
}

int sim_scan_add(struct sim_scan *s, const char *word, size_t len)
{
    unsigned at = 0;
    uint8_t last = SKIP;

    for (size_t i = 0; i < len; i++) {
        uint8_t class = s->fold[(unsigned char)word[i]];
        if (class == SKIP || (class == s->fold[' '] && class == last))
            continue;
        last = class;
        if (!s->states[at].next[class]) {
            int fresh = add_state(s);
            if (fresh < 0)
                return fresh;
            s->states[at].next[class] = (uint16_t)fresh;
        }
        at = s->states[at].next[class];
    }
    if (!at)
        return -EINVAL;
    if (s->states[at].word < 0)
        s->states[at].word = (int32_t)s->n_words++;
    return s->states[at].word;
}

/* Breadth first: fail links, and missing transitions filled in from them. */
int sim_scan_build(struct sim_scan *s)
{
    uint16_t *queue = calloc(s->n, sizeof(*queue));
    size_t head = 0, tail = 0;

    if (!queue)
        return -ENOMEM;
    for (unsigned c = 0; c < CLASSES; c++)
        if (s->states[0].next[c])
            queue[tail++] = s->states[0].next[c];
    while (head < tail) {
        uint16_t at = queue[head++];
        struct state *state = &s->states[at];
        state->out = state->word >= 0 ? at : s->states[state->fail].out;
        for (unsigned c = 0; c < CLASSES; c++) {
            uint16_t next = state->next[c];
            if (next) {
                s->states[next].fail = s->states[state->fail].next[c];
                queue[tail++] = next;
            } else {
                state->next[c] = s->states[state->fail].next[c];
            }
        }
    }
    free(queue);
    s->built = true;
    return 0;
}

void sim_scan_run(const struct sim_scan *s, const uint8_t *text, size_t len,
                  void (*hit)(void *ctx, unsigned word, size_t offset), void *ctx)
{
    const uint8_t blank = s->fold[' '];
    unsigned at = 0;
    uint8_t last = SKIP;

    if (!s->built)
        return;
    for (size_t i = 0; i < len; i++) {
        uint8_t class = s->fold[text[i]];
        if (class == SKIP || (class == blank && last == blank))
            continue;
        last = class;
        at = s->states[at].next[class];
        for (unsigned o = s->states[at].out; o; o = s->states[s->states[o].fail].out)
            hit(ctx, (unsigned)s->states[o].word, i);
    }
}
