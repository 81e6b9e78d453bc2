/* sig.c - see sig.h. */
#include "common/snp/sig.h"

#include <string.h>

void snp_reverse(uint8_t *out, const uint8_t *in, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = in[len - 1 - i];
}

void snp_sig_encode(const uint8_t be[96], uint8_t out[SNP_SIG_BYTES])
{
    memset(out, 0, SNP_SIG_BYTES);
    snp_reverse(out, be, 48);
    snp_reverse(out + 72, be + 48, 48);
}

int snp_sig_decode(const uint8_t in[SNP_SIG_BYTES], uint8_t ret_be[96])
{
    if (!cmn_all_zero(in + 48, 24) || !cmn_all_zero(in + 72 + 48, 24))
        return -EKEYREJECTED;
    snp_reverse(ret_be, in, 48);
    snp_reverse(ret_be + 48, in + 72, 48);
    return 0;
}
