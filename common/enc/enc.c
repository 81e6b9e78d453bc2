/* enc.c - strict hex and base64; see enc.h. */
#include "common/enc/enc.h"

#include <stdlib.h>
#include <string.h>

static const char std_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *cmn_hex(const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;
    char *out = malloc(2 * len + 1);

    if (!out)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * len] = 0;
    return out;
}

char *cmn_b64(enum cmn_b64_kind kind, const void *data, size_t len)
{
    const char *alphabet = kind == CMN_B64_STD ? std_alphabet : url_alphabet;
    const uint8_t *p = data;
    char *out = malloc((len + 2) / 3 * 4 + 1);
    size_t o = 0;

    if (!out)
        return NULL;
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t v = (uint32_t)p[i] << 16;
        if (n > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (n > 2)
            v |= p[i + 2];
        out[o++] = alphabet[v >> 18];
        out[o++] = alphabet[v >> 12 & 63];
        if (n > 1)
            out[o++] = alphabet[v >> 6 & 63];
        else if (kind != CMN_B64_URL)
            out[o++] = '=';
        if (n > 2)
            out[o++] = alphabet[v & 63];
        else if (kind != CMN_B64_URL)
            out[o++] = '=';
    }
    out[o] = 0;
    return out;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int cmn_unhex(const char *s, size_t len, struct cmn_buf *ret, struct cmn_err *err)
{
    if (len % 2)
        return cmn_err_set(err, EBADMSG, "hex text has an odd length (%zu)", len);
    if (cmn_buf_reserve(ret, len / 2) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (size_t i = 0; i < len; i += 2) {
        int hi = hex_digit(s[i]), lo = hex_digit(s[i + 1]);
        if (hi < 0 || lo < 0)
            return cmn_err_set(err, EBADMSG, "not a hex digit at offset %zu", hi < 0 ? i : i + 1);
        ret->data[ret->len++] = (uint8_t)(hi << 4 | lo);
    }
    ret->data[ret->len] = 0;
    return 0;
}

static int b64_value(const char *alphabet, char c)
{
    const char *p = c ? strchr(alphabet, c) : NULL;
    return p ? (int)(p - alphabet) : -1;
}

int cmn_unb64(enum cmn_b64_kind kind, const char *s, size_t len, struct cmn_buf *ret,
              struct cmn_err *err)
{
    const char *alphabet = kind == CMN_B64_STD ? std_alphabet : url_alphabet;

    if (kind != CMN_B64_URL) {
        if (len % 4)
            return cmn_err_set(err, EBADMSG, "base64 text of %zu characters is not padded", len);
        for (int i = 0; i < 2 && len && s[len - 1] == '='; i++)
            len--;
    }
    if (len % 4 == 1)
        return cmn_err_set(err, EBADMSG, "base64 text has an impossible length (%zu)", len);
    if (cmn_buf_reserve(ret, len / 4 * 3 + 2) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (size_t i = 0; i < len; i += 4) {
        size_t n = len - i < 4 ? len - i : 4;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k < n ? b64_value(alphabet, s[i + k]) : 0;
            if (d < 0)
                return cmn_err_set(err, EBADMSG, "not a base64 character at offset %zu", i + k);
            v = v << 6 | (uint32_t)d;
        }
        if ((n == 2 && v & 0xffff) || (n == 3 && v & 0xff))
            return cmn_err_set(err, EBADMSG, "base64 text has stray bits at its end");
        for (size_t k = 0; k + 1 < n; k++)
            ret->data[ret->len++] = (uint8_t)(v >> (16 - 8 * k));
    }
    ret->data[ret->len] = 0;
    return 0;
}

int cmn_form_decode(const char *s, size_t len, struct cmn_buf *ret)
{
    int r = cmn_buf_put(ret, "", 0);

    for (size_t i = 0; i < len && r == 0; i++) {
        char c = s[i];
        if (c == '+')
            c = ' ';
        if (c == '%' && i + 2 < len && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
            c = (char)(hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2]));
            i += 2;
        }
        r = cmn_buf_put(ret, &c, 1);
    }
    return r;
}
