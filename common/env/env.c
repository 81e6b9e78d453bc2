/* env.c - the system's world and the seeded one; see env.h. */
#include "common/env/env.h"

#include "common/env/rand-provider.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct clock { /* shared by an env and all that derive from it */
    atomic_int refs;
    _Atomic uint64_t slept_us;
};

struct cmn_env {
    atomic_int refs;
    struct clock *clock;  /* NULL: the system's */
    struct cmn_rand rand; /* all NULL for the system: OpenSSL's default context */
    uint8_t seed[32];
};

static int env_new(const uint8_t seed[32], struct clock *clock, struct cmn_env **ret,
                   struct cmn_err *err)
{
    struct cmn_env *env = calloc(1, sizeof(*env));

    if (!env)
        return cmn_err_set(err, ENOMEM, "no memory");
    atomic_init(&env->refs, 1);
    if (clock) {
        memcpy(env->seed, seed, sizeof(env->seed));
        if (!cmn_rand_open(&env->rand, seed)) {
            free(env);
            return cmn_err_set(err, EIO, "OpenSSL did not take the seeded random provider");
        }
        atomic_fetch_add(&clock->refs, 1);
        env->clock = clock;
    }
    *ret = env;
    return 0;
}

static void clock_unref(struct clock *clock)
{
    if (clock && atomic_fetch_sub(&clock->refs, 1) == 1)
        free(clock);
}

int cmn_env_new_system(struct cmn_env **ret, struct cmn_err *err)
{
    return env_new(NULL, NULL, ret, err);
}

int cmn_env_new_seeded(const void *seed, size_t len, struct cmn_env **ret, struct cmn_err *err)
{
    uint8_t digest[32];
    struct clock *clock = calloc(1, sizeof(*clock));

    if (!clock)
        return cmn_err_set(err, ENOMEM, "no memory");
    atomic_init(&clock->refs, 1);
    int r = EVP_Digest(seed, len, digest, NULL, EVP_sha256(), NULL) == 1
                ? env_new(digest, clock, ret, err)
                : cmn_err_set(err, EIO, "SHA-256 of the seed failed");
    clock_unref(clock);
    return r;
}

int cmn_env_derive(struct cmn_env *env, const char *label, struct cmn_env **ret,
                   struct cmn_err *err)
{
    uint8_t in[32 + 64], seed[32];
    size_t n = strnlen(label, 64);

    if (!env->clock) {
        *ret = cmn_env_ref(env);
        return 0;
    }
    memcpy(in, env->seed, 32);
    memcpy(in + 32, label, n);
    if (EVP_Digest(in, 32 + n, seed, NULL, EVP_sha256(), NULL) != 1)
        return cmn_err_set(err, EIO, "SHA-256 of the seed failed");
    return env_new(seed, env->clock, ret, err);
}

struct cmn_env *cmn_env_ref(struct cmn_env *env)
{
    atomic_fetch_add(&env->refs, 1);
    return env;
}

void cmn_env_unref(struct cmn_env *env)
{
    if (!env || atomic_fetch_sub(&env->refs, 1) != 1)
        return;
    cmn_rand_close(&env->rand);
    clock_unref(env->clock);
    OPENSSL_cleanse(env, sizeof(*env));
    free(env);
}

void cmn_env_cleanup(struct cmn_env **env)
{
    cmn_env_unref(*env);
}

bool cmn_env_is_seeded(const struct cmn_env *env)
{
    return env->clock;
}

int cmn_env_seed(const struct cmn_env *env, uint8_t out[32])
{
    if (!env->clock)
        return -ENODATA;
    memcpy(out, env->seed, 32);
    return 0;
}

OSSL_LIB_CTX *cmn_env_libctx(struct cmn_env *env)
{
    return env->rand.ctx;
}

int cmn_env_random(struct cmn_env *env, void *out, size_t len, struct cmn_err *err)
{
    if (RAND_bytes_ex(env->rand.ctx, out, len, 0) != 1)
        return cmn_err_set(err, EIO, "OpenSSL gave no random bytes");
    return 0;
}

int64_t cmn_env_now_ms(struct cmn_env *env)
{
    struct timespec ts;

    if (env->clock)
        return CMN_ENV_SEEDED_EPOCH * 1000LL + (int64_t)(atomic_load(&env->clock->slept_us) / 1000);
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t cmn_env_now(struct cmn_env *env)
{
    return cmn_env_now_ms(env) / 1000;
}

uint64_t cmn_env_mono_us(struct cmn_env *env)
{
    struct timespec ts;

    if (env->clock)
        return atomic_load(&env->clock->slept_us);
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

void cmn_env_sleep_ms(struct cmn_env *env, unsigned ms)
{
    struct timespec ts = {ms / 1000, (long)(ms % 1000) * 1000000};

    if (env->clock) {
        atomic_fetch_add(&env->clock->slept_us, (uint64_t)ms * 1000);
        return;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
        ;
}
