/*
 * rand-provider.c - see rand-provider.h. OpenSSL asks its library context for a RAND algorithm; a
 * provider may bring one (provider-rand(7)). Ours returns SHA-256(seed || stream || counter) blocks. It
 * is meant for repeatable simulations and for nothing else.
 */
#include "common/env/rand-provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct rand_ctx {
    uint8_t seed[32];
    uint64_t counter;
    uint8_t block[32];
    size_t used; /* bytes of block already given */
    int state;
    pthread_mutex_t lock;
};

/*
 * The provider's init function gets no argument of ours, so the seed of the context that is being made
 * travels in a variable of this thread.
 */
static __thread const uint8_t *init_seed;

struct provider_ctx {
    uint8_t seed[32];
    uint32_t streams; /* OpenSSL makes a primary, a public and a private generator per thread */
};

static void *rand_new(void *provctx, void *parent, const OSSL_DISPATCH *calls)
{
    struct provider_ctx *p = provctx;
    struct rand_ctx *c = calloc(1, sizeof(*c));

    (void)parent;
    (void)calls;
    if (!c)
        return NULL;
    memcpy(c->seed, p->seed, sizeof(c->seed));
    c->used = sizeof(c->block);
    c->state = EVP_RAND_STATE_UNINITIALISED;
    (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void rand_free(void *vctx)
{
    struct rand_ctx *c = vctx;

    if (!c)
        return;
    (void)pthread_mutex_destroy(&c->lock);
    OPENSSL_cleanse(c, sizeof(*c));
    free(c);
}

static int rand_instantiate(void *vctx, unsigned strength, int prediction, const unsigned char *pstr,
                            size_t pstr_len, const OSSL_PARAM params[])
{
    struct rand_ctx *c = vctx;

    (void)strength;
    (void)prediction;
    (void)params;
    /* primary, public and private generators are told apart by their personalisation string */
    if (pstr_len) {
        uint8_t in[32 + 64];
        size_t n = pstr_len < 64 ? pstr_len : 64;
        memcpy(in, c->seed, 32);
        memcpy(in + 32, pstr, n);
        if (!EVP_Digest(in, 32 + n, c->seed, NULL, EVP_sha256(), NULL))
            return 0;
    }
    c->state = EVP_RAND_STATE_READY;
    return 1;
}

static int rand_uninstantiate(void *vctx)
{
    ((struct rand_ctx *)vctx)->state = EVP_RAND_STATE_UNINITIALISED;
    return 1;
}

static int next_block(struct rand_ctx *c)
{
    uint8_t in[40];

    memcpy(in, c->seed, 32);
    for (int i = 0; i < 8; i++)
        in[32 + i] = (uint8_t)(c->counter >> (8 * i));
    c->counter++;
    c->used = 0;
    return EVP_Digest(in, sizeof(in), c->block, NULL, EVP_sha256(), NULL);
}

static int rand_generate(void *vctx, unsigned char *out, size_t len, unsigned strength,
                         int prediction, const unsigned char *addin, size_t addin_len)
{
    struct rand_ctx *c = vctx;
    int ok = 1;

    (void)strength;
    (void)prediction;
    (void)addin; /* additional input (time, pid) must not change the stream */
    (void)addin_len;
    (void)pthread_mutex_lock(&c->lock);
    while (ok && len) {
        if (c->used == sizeof(c->block))
            ok = next_block(c);
        size_t n = sizeof(c->block) - c->used;
        if (n > len)
            n = len;
        memcpy(out, c->block + c->used, n);
        c->used += n;
        out += n;
        len -= n;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return ok;
}

static int rand_enable_locking(void *vctx)
{
    (void)vctx;
    return 1; /* each generator has its lock from the start */
}

static int rand_get_params(void *vctx, OSSL_PARAM params[])
{
    struct rand_ctx *c = vctx;
    OSSL_PARAM *p;

    if ((p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE)) && !OSSL_PARAM_set_int(p, c->state))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH)) &&
        !OSSL_PARAM_set_uint(p, 256))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST)) &&
        !OSSL_PARAM_set_size_t(p, 1 << 20))
        return 0;
    return 1;
}

#define FN(id, f)                                                                                  \
    {                                                                                              \
        id, (void (*)(void))f                                                                      \
    }

static const OSSL_DISPATCH rand_functions[] = {
    FN(OSSL_FUNC_RAND_NEWCTX, rand_new),
    FN(OSSL_FUNC_RAND_FREECTX, rand_free),
    FN(OSSL_FUNC_RAND_INSTANTIATE, rand_instantiate),
    FN(OSSL_FUNC_RAND_UNINSTANTIATE, rand_uninstantiate),
    FN(OSSL_FUNC_RAND_GENERATE, rand_generate),
    FN(OSSL_FUNC_RAND_ENABLE_LOCKING, rand_enable_locking),
    FN(OSSL_FUNC_RAND_GET_CTX_PARAMS, rand_get_params),
    {0, NULL},
};

static const OSSL_ALGORITHM rand_algorithms[] = {
    {"COCOBOX-SEEDED", "provider=cocobox-seeded", rand_functions, "seeded random numbers"},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    (void)provctx;
    *no_cache = 0;
    return operation == OSSL_OP_RAND ? rand_algorithms : NULL;
}

static void teardown(void *provctx)
{
    OPENSSL_cleanse(provctx, sizeof(struct provider_ctx));
    free(provctx);
}

static const OSSL_DISPATCH provider_functions[] = {
    FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
    FN(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
    {0, NULL},
};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **provctx)
{
    struct provider_ctx *p = calloc(1, sizeof(*p));

    (void)handle;
    (void)in;
    if (!p || !init_seed) {
        free(p);
        return 0;
    }
    memcpy(p->seed, init_seed, sizeof(p->seed));
    *provctx = p;
    *out = provider_functions;
    return 1;
}

OSSL_LIB_CTX *cmn_rand_libctx_new(const uint8_t seed[32])
{
    OSSL_LIB_CTX *ctx = OSSL_LIB_CTX_new();

    if (!ctx)
        return NULL;
    init_seed = seed;
    int ok = OSSL_PROVIDER_add_builtin(ctx, "cocobox-seeded", provider_init) &&
             OSSL_PROVIDER_load(ctx, "cocobox-seeded") && OSSL_PROVIDER_load(ctx, "default") &&
             RAND_set_DRBG_type(ctx, "COCOBOX-SEEDED", "provider=cocobox-seeded", NULL, NULL);
    init_seed = NULL;
    if (!ok) {
        OSSL_LIB_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}
