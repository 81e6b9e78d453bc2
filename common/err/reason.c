/* reason.c - lookups in the reason table; see reason.h. */
#include "common/err/reason.h"

#include <string.h>

static const struct cmn_reason_info table[CMN_REASON_COUNT] = {
    [CMN_REASON_NONE] = {"", "", "", ""},
#define REASON(id, name, phase, meaning, hint) [CMN_REASON_##id] = {name, phase, meaning, hint},
#include "common/err/reasons.def"
#undef REASON
};

const struct cmn_reason_info *cmn_reason_info(enum cmn_reason reason)
{
    if ((unsigned)reason >= CMN_REASON_COUNT)
        reason = CMN_REASON_NONE;
    return &table[reason];
}

const char *cmn_reason_name(enum cmn_reason reason)
{
    return cmn_reason_info(reason)->name;
}

enum cmn_reason cmn_reason_by_name(const char *name)
{
    if (!name || !*name)
        return CMN_REASON_NONE;
    for (unsigned i = 1; i < CMN_REASON_COUNT; i++)
        if (strcmp(table[i].name, name) == 0)
            return (enum cmn_reason)i;
    return CMN_REASON_NONE;
}
