/*
 * rand-provider.c - see rand-provider.h. OpenSSL asks its library context for a RAND algorithm; a
 * provider may bring one (provider-rand(7)). Ours returns SHA-256(seed || counter) blocks. It is
 * meant for repeatable simulations and for nothing else.
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

/*
 * One stream per library context, drawn from under a lock. OpenSSL makes a primary and, per thread,
 * a public and a private generator, and gives them nothing to tell them apart: with a stream each
 * they would all repeat the same bytes.
 */
struct stream {
    uint8_t seed[32];
    uint64_t counter;
    uint8_t block[32];
    size_t used; /* bytes of block already given */
    pthread_mutex_t lock;
};

struct rand_ctx {
    struct stream *stream;
    int state;
};

/*
 * The provider's init function gets no argument of ours, so the seed of the context that is being
 * made travels in a variable of this thread.
 */
static __thread const uint8_t *init_seed;

static void *rand_new(void *provctx, void *parent, const OSSL_DISPATCH *calls)
{
    struct rand_ctx *c = calloc(1, sizeof(*c));

    (void)parent;
    (void)calls;
    if (!c)
        return NULL;
    c->stream = provctx;
    c->state = EVP_RAND_STATE_UNINITIALISED;
    return c;
}

static void rand_free(void *vctx)
{
    free(vctx);
}

static int rand_instantiate(void *vctx, unsigned strength, int prediction,
                            const unsigned char *pstr, size_t pstr_len, const OSSL_PARAM params[])
{
    (void)strength;
    (void)prediction;
    (void)pstr;
    (void)pstr_len;
    (void)params;
    ((struct rand_ctx *)vctx)->state = EVP_RAND_STATE_READY;
    return 1;
}

static int rand_uninstantiate(void *vctx)
{
    ((struct rand_ctx *)vctx)->state = EVP_RAND_STATE_UNINITIALISED;
    return 1;
}

static int next_block(struct stream *s)
{
    uint8_t in[40];

    memcpy(in, s->seed, 32);
    for (int i = 0; i < 8; i++)
        in[32 + i] = (uint8_t)(s->counter >> (8 * i));
    s->counter++;
    s->used = 0;
    int ok = EVP_Digest(in, sizeof(in), s->block, NULL, EVP_sha256(), NULL);
    OPENSSL_cleanse(in, sizeof(in));
    return ok;
}

static int rand_generate(void *vctx, unsigned char *out, size_t len, unsigned strength,
                         int prediction, const unsigned char *addin, size_t addin_len)
{
    struct stream *s = ((struct rand_ctx *)vctx)->stream;
    int ok = 1;

    (void)strength;
    (void)prediction;
    (void)addin; /* additional input (time, pid) must not change the stream */
    (void)addin_len;
    (void)pthread_mutex_lock(&s->lock);
    while (ok && len) {
        if (s->used == sizeof(s->block) && !(ok = next_block(s)))
            break;
        size_t n = sizeof(s->block) - s->used;
        if (n > len)
            n = len;
        memcpy(out, s->block + s->used, n);
        s->used += n;
        out += n;
        len -= n;
    }
    (void)pthread_mutex_unlock(&s->lock);
    return ok;
}

static int rand_enable_locking(void *vctx)
{
    (void)vctx;
    return 1; /* the stream has its lock from the start */
}

static int rand_get_params(void *vctx, OSSL_PARAM params[])
{
    struct rand_ctx *c = vctx;
    OSSL_PARAM *p;

    if ((p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE)) && !OSSL_PARAM_set_int(p, c->state))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH)) && !OSSL_PARAM_set_uint(p, 256))
        return 0;
    if ((p = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST)) &&
        !OSSL_PARAM_set_size_t(p, 1 << 20))
        return 0;
    return 1;
}

#define FN(id, f)                                                                                  \
    {                                                                                              \
        id, (void (*)(void))(f)                                                                    \
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
    struct stream *s = provctx;

    (void)pthread_mutex_destroy(&s->lock);
    OPENSSL_cleanse(s, sizeof(*s));
    free(s);
}

static const OSSL_DISPATCH provider_functions[] = {
    FN(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
    FN(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
    {0, NULL},
};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                         const OSSL_DISPATCH **out, void **provctx)
{
    struct stream *s = calloc(1, sizeof(*s));

    (void)handle;
    (void)in;
    if (!s || !init_seed) {
        free(s);
        return 0;
    }
    memcpy(s->seed, init_seed, sizeof(s->seed));
    s->used = sizeof(s->block);
    (void)pthread_mutex_init(&s->lock, NULL);
    *provctx = s;
    *out = provider_functions;
    return 1;
}

bool cmn_rand_open(struct cmn_rand *ret, const uint8_t seed[32])
{
    struct cmn_rand r = {.ctx = OSSL_LIB_CTX_new()};

    if (!r.ctx)
        return false;
    init_seed = seed;
    bool ok = OSSL_PROVIDER_add_builtin(r.ctx, "cocobox-seeded", provider_init) &&
              (r.seeded = OSSL_PROVIDER_load(r.ctx, "cocobox-seeded")) &&
              (r.base = OSSL_PROVIDER_load(r.ctx, "default")) &&
              RAND_set_DRBG_type(r.ctx, "COCOBOX-SEEDED", "provider=cocobox-seeded", NULL, NULL);
    init_seed = NULL;
    if (!ok) {
        cmn_rand_close(&r);
        return false;
    }
    *ret = r;
    return true;
}

void cmn_rand_close(struct cmn_rand *r)
{
    /* OSSL_PROVIDER_unload(3): what was loaded by hand stays until it is unloaded by hand */
    if (r->base)
        (void)OSSL_PROVIDER_unload(r->base);
    if (r->seeded)
        (void)OSSL_PROVIDER_unload(r->seeded);
    OSSL_LIB_CTX_free(r->ctx);
    *r = (struct cmn_rand){0};
}
