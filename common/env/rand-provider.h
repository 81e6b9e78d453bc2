/* rand-provider.h - a built-in OpenSSL provider that offers only OSSL_OP_RAND, fed by a seed. */
#ifndef CMN_RAND_PROVIDER_H
#define CMN_RAND_PROVIDER_H

#include <openssl/types.h>
#include <stdint.h>

/*
 * A library context whose random numbers are the SHA-256 counter stream of the seed; everything else is
 * the default provider's. NULL on failure; free with OSSL_LIB_CTX_free.
 */
OSSL_LIB_CTX *cmn_rand_libctx_new(const uint8_t seed[32]);

#endif
