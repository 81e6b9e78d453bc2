/* yaml-docs.c - splits at lines that begin with "---"; see yaml-docs.h. */
#include "sim/diagnose/yaml-docs.h"

#include <string.h>

struct sim_yaml_docs sim_yaml_docs(struct cmn_bytes text)
{
    return (struct sim_yaml_docs){.rest = text, .next_line = 1};
}

/* Does a line "---" begin at i (not "-----BEGIN")? */
static bool separates(struct cmn_bytes s, size_t i)
{
    if (s.len - i < 3 || memcmp(s.data + i, "---", 3) != 0)
        return false;
    return s.len - i == 3 || memchr(" \r\n", s.data[i + 3], 3) != NULL;
}

static size_t line_bytes(struct cmn_bytes s, size_t i)
{
    const uint8_t *nl = memchr(s.data + i, '\n', s.len - i);

    return nl ? (size_t)(nl - s.data) + 1 - i : s.len - i;
}

bool sim_yaml_docs_next(struct sim_yaml_docs *d)
{
    size_t i = 0;

    if (!d->rest.len)
        return false;
    if (separates(d->rest, 0)) {
        size_t n = line_bytes(d->rest, 0);
        d->rest = cmn_bytes(d->rest.data + n, d->rest.len - n);
        d->next_line++;
    }
    d->line = d->next_line;
    while (i < d->rest.len && !separates(d->rest, i)) {
        i += line_bytes(d->rest, i);
        d->next_line++;
    }
    d->doc = cmn_bytes(d->rest.data, i);
    d->rest = cmn_bytes(d->rest.data + i, d->rest.len - i);
    return true;
}
