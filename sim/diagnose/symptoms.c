/* symptoms.c - the symptom table and its Markdown; see symptoms.h. */
#include "sim/diagnose/symptoms.h"

#include <string.h>

static const struct sim_symptom table[CMN_REASON_COUNT] = {
#define SYMPTOM(id, client, log, event, causes, prove)                                             \
    [CMN_REASON_##id] = {client, log, event, causes, prove},
#include "sim/diagnose/symptoms.def"
#undef SYMPTOM
};

const struct sim_symptom *sim_symptom_of(enum cmn_reason reason)
{
    if ((unsigned)reason >= CMN_REASON_COUNT || !table[reason].prove)
        return NULL;
    return &table[reason];
}

static int put_line(struct cmn_buf *b, const char *what, const char *text)
{
    return text && *text ? cmn_buf_printf(b, "* %s: %s\n", what, text) : 0;
}

static int put_reason(struct cmn_buf *b, enum cmn_reason reason)
{
    const struct cmn_reason_info *info = cmn_reason_info(reason);
    const struct sim_symptom *s = sim_symptom_of(reason);
    int r = cmn_buf_printf(b, "\n### %s\n\n%s (%s)\n\n", info->name, info->meaning, info->phase);

    if (r >= 0 && s) {
        if ((r = put_line(b, "Client sees", s->client)) < 0 ||
            (r = put_line(b, "KBS log", s->kbs_log)) < 0 ||
            (r = put_line(b, "Pod event", s->pod_event)) < 0 ||
            (r = put_line(b, "Usual causes", s->causes)) < 0)
            return r;
    }
    if (r >= 0)
        r = put_line(b, "Change", info->hint);
    return r >= 0 && s ? cmn_buf_printf(b, "* Prove it: `%s`\n", s->prove) : r;
}

int sim_symptom_markdown(struct cmn_buf *ret, struct cmn_err *err)
{
    int r = cmn_buf_puts(
        ret,
        "# Reason codes\n\nMade by `cocobox reasons --markdown`; a test compares. Every refusal "
        "and advisory carries one of these codes.\nCapital words in commands stand for your "
        "files and names.\n");

    for (int i = 1; r >= 0 && i < CMN_REASON_COUNT; i++)
        r = put_reason(ret, (enum cmn_reason)i);
    return r < 0 ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}
