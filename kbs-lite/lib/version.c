/* version.c - semantic versions (semver.org 2.0.0), as far as the protocol's version rule needs. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Dot-separated identifiers of letters, digits and '-'; of a pre-release, numbers have no leading
 * zero. */
static bool identifiers_ok(const char *s, size_t len, bool pre)
{
    static const char set[] = "0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *end = s + len;

    for (;;) {
        size_t n = 0, digits = 0;
        while (s + n < end && s[n] != '.') {
            if (!strchr(set, s[n]))
                return false;
            digits += s[n] >= '0' && s[n] <= '9';
            n++;
        }
        if (!n || (pre && digits == n && n > 1 && *s == '0'))
            return false;
        if (s + n == end)
            return true;
        s += n + 1;
    }
}

/* The three numbers; what follows them, NULL when they are not there. */
static const char *numbers(const char *v, unsigned long long out[3])
{
    for (int part = 0; part < 3; part++) {
        size_t n = strspn(v, "0123456789");
        if (!n || n > 18 || (n > 1 && *v == '0'))
            return NULL;
        out[part] = strtoull(v, NULL, 10);
        v += n;
        if (part < 2 && *v++ != '.')
            return NULL;
    }
    return v;
}

bool kbs_version_ok(const char *text)
{
    unsigned long long n[3];
    const char *rest = numbers(text, n);
    size_t pre;

    if (!rest)
        return false;
    if (*rest == '-') {
        pre = strcspn(rest, "+");
        if (!identifiers_ok(rest + 1, pre - 1, true))
            return false;
        rest += pre;
    }
    return !*rest || (*rest == '+' && identifiers_ok(rest + 1, strlen(rest + 1), false));
}

bool kbs_version_taken(const struct kbs_era *era, const char *text)
{
    unsigned long long got[3], want[3];
    const char *rest = numbers(text, got);

    if (!rest || *rest == '-' || !numbers(era->protocol, want))
        return false;
    for (int i = 0; i < 3; i++)
        if (got[i] != want[i])
            return era->wanted[0] == '<' && got[i] < want[i];
    return true;
}
