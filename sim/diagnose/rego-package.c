/* rego-package.c - see rego-package.h. */
#include "sim/diagnose/rego-package.h"

#include <ctype.h>
#include <string.h>

bool sim_rego_package(struct cmn_bytes text, char *name, size_t cap)
{
    const char *p = (const char *)text.data, *end = p + text.len;

    while (p < end) {
        const char *eol = memchr(p, '\n', (size_t)(end - p));
        eol = eol ? eol : end;
        while (p < eol && isspace((unsigned char)*p))
            p++;
        if (p < eol && *p != '#') {
            size_t n = 0;
            if (eol - p < 9 || memcmp(p, "package ", 8) != 0)
                return false;
            for (p += 8;
                 p < eol && (isalnum((unsigned char)*p) || *p == '_' || *p == '.') && n + 1 < cap;)
                name[n++] = *p++;
            name[n] = '\0';
            return n > 0;
        }
        p = eol + 1;
    }
    return false;
}
