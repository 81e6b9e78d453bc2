/*
 * sig.h - AMD's form of an ECDSA P-384 signature (AMD 56860, "Format for an ECDSA P-384
 * signature"): R, then S, 72 bytes each, little-endian, of which 48 are significant.
 */
#ifndef SNP_SIG_H
#define SNP_SIG_H

#include "common/buf/buf.h"

#define SNP_SIG_BYTES 144

/* be: r || s, big-endian, 48 bytes each. */
void snp_sig_encode(const uint8_t be[96], uint8_t out[SNP_SIG_BYTES]);
/* -EKEYREJECTED when R or S is wider than 48 bytes. */
int snp_sig_decode(const uint8_t in[SNP_SIG_BYTES], uint8_t ret_be[96]) CMN_MUST_USE;
/* Other byte order: out[i] = in[len - 1 - i]. out and in may not overlap. */
void snp_reverse(uint8_t *out, const uint8_t *in, size_t len);

#endif
