/* rand-provider.h - a built-in OpenSSL provider that offers only OSSL_OP_RAND, fed by a seed. */
#ifndef CMN_RAND_PROVIDER_H
#define CMN_RAND_PROVIDER_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

struct cmn_rand {
    OSSL_LIB_CTX *ctx; /* its random numbers are the SHA-256 counter stream of the seed, the rest is
                          the default provider's */
    OSSL_PROVIDER *seeded;
    OSSL_PROVIDER *base;
};

/* False when OpenSSL refuses; *ret is written only on success. */
bool cmn_rand_open(struct cmn_rand *ret, const uint8_t seed[32]);
void cmn_rand_close(struct cmn_rand *r); /* all zero is ok */

#endif
