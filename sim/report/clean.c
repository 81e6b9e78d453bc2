/* clean.c - outside text on its way to a terminal; see report-internal.h. */
#include "sim/report/report-internal.h"

#include <string.h>

/* Bytes of the character at p if it is whole and valid UTF-8 (RFC 3629), else 0. */
static size_t char_len(const unsigned char *p)
{
    size_t n = p[0] < 0x80                    ? 1
               : p[0] >= 0xC2 && p[0] <= 0xDF ? 2
               : p[0] >= 0xE0 && p[0] <= 0xEF ? 3
               : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4
                                              : 0;

    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80) /* the NUL at the end, too */
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return n;
}

/* Control characters C0, DEL and C1 (U+0080 to U+009F: some terminals obey them, too). */
static bool is_control(const unsigned char *p, size_t n)
{
    return p[0] < 0x20 || p[0] == 0x7F || (n == 2 && p[0] == 0xC2 && p[1] < 0xA0);
}

void sim_text_put(FILE *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p) {
        size_t n = char_len(p);
        if (!n)
            (void)fputc('?', out);
        else if (is_control(p, n))
            (void)fputc(' ', out);
        else
            (void)fwrite(p, 1, n, out);
        p += n ? n : 1;
    }
}

size_t sim_text_cut(const char *text, size_t max)
{
    size_t n = strnlen(text, max + 1), back = 0;

    if (n <= max)
        return n;
    while (back < 3 && back < max && ((unsigned char)text[max - back] & 0xC0) == 0x80)
        back++;
    return ((unsigned char)text[max - back] & 0xC0) == 0x80 ? max : max - back;
}
