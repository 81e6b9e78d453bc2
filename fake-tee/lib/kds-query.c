/* kds-query.c - the SPL parameters of a VCEK request; see kds.h. */
#include "fake-tee/kds.h"

#include <string.h>

enum { BL, TEE, SNP, UCODE, FMC, PARTS };

static const char *const names[PARTS] = {"blSPL", "teeSPL", "snpSPL", "ucodeSPL", "fmcSPL"};

/* 1 to 3 decimal digits, up to 255; clients send %d or %02d. */
static int number(const char *text, size_t len, uint8_t *ret)
{
    unsigned v = 0;

    if (len < 1 || len > 3)
        return -EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        v = v * 10 + (unsigned)(text[i] - '0');
    }
    if (v > 255)
        return -EINVAL;
    *ret = (uint8_t)v;
    return 0;
}

static int one(const char *text, size_t len, uint8_t values[PARTS], unsigned *seen,
               struct cmn_err *err)
{
    const char *eq = memchr(text, '=', len);
    size_t name_len = eq ? (size_t)(eq - text) : len;
    unsigned i = 0;

    while (i < PARTS && (strlen(names[i]) != name_len || memcmp(names[i], text, name_len) != 0))
        i++;
    if (i == PARTS)
        return cmn_err_set(err, EINVAL, "parameter '%.*s' is not known", (int)(len < 32 ? len : 32),
                           text);
    if (*seen & 1u << i)
        return cmn_err_set(err, EINVAL, "parameter %s is given twice", names[i]);
    *seen |= 1u << i;
    if (!eq || number(eq + 1, len - name_len - 1, &values[i]) < 0)
        return cmn_err_set(err, EINVAL, "parameter %s is not a number from 0 to 255", names[i]);
    return 0;
}

int ftee_kds_tcb_parse(const char *query, enum snp_product product, struct snp_tcb *ret,
                       struct cmn_err *err)
{
    uint8_t values[PARTS] = {0};
    unsigned seen = 0, want = product == SNP_TURIN ? 0x1F : 0x0F;

    for (const char *p = query; *p;) {
        size_t len = strcspn(p, "&");
        int r = one(p, len, values, &seen, err);
        if (r < 0)
            return r;
        p += len + (p[len] == '&');
    }
    if (seen & ~want)
        return cmn_err_set(err, EINVAL, "fmcSPL is for Turin only");
    for (unsigned i = 0; i < PARTS; i++)
        if (want & ~seen & 1u << i)
            return cmn_err_set(err, EINVAL, "parameter %s is missing", names[i]);
    *ret = (struct snp_tcb){.fmc = values[FMC],
                            .bootloader = values[BL],
                            .tee = values[TEE],
                            .snp = values[SNP],
                            .microcode = values[UCODE]};
    return 0;
}
