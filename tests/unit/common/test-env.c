/* test-env.c - the seeded world repeats itself, its threads do not repeat each other. */
#include "tests/testlib/testlib.h"

#include "common/env/env.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

static struct cmn_env *seeded(const char *seed)
{
    struct cmn_env *env = NULL;
    struct cmn_err err = {0};

    T_OK(cmn_env_new_seeded(seed, strlen(seed), &env, &err), &err);
    return env;
}

static void draw(struct cmn_env *env, uint8_t out[32])
{
    struct cmn_err err = {0};

    T_OK(cmn_env_random(env, out, 32, &err), &err);
}

static void same_seed_same_bytes(void)
{
    auto_env struct cmn_env *a = seeded("1"), *b = seeded("1"), *c = seeded("2");
    uint8_t x[32], y[32], z[32], next[32];

    draw(a, x);
    draw(b, y);
    draw(c, z);
    draw(a, next);
    T_EQ_MEM(x, y, 32);
    T_TRUE(memcmp(x, z, 32) != 0);
    T_TRUE(memcmp(x, next, 32) != 0);
}

static void streams_are_told_apart_by_label(void)
{
    auto_env struct cmn_env *a = seeded("1"), *b = seeded("1");
    auto_env struct cmn_env *psp = NULL, *psp2 = NULL, *kbs = NULL;
    uint8_t x[32], y[32], z[32], root[32];
    struct cmn_err err = {0};

    T_OK(cmn_env_derive(a, "psp", &psp, &err), &err);
    T_OK(cmn_env_derive(a, "kbs", &kbs, &err), &err);
    draw(b, root); /* drawing from the parent does not move its children */
    T_OK(cmn_env_derive(b, "psp", &psp2, &err), &err);
    draw(psp, x);
    draw(psp2, y);
    draw(kbs, z);
    T_EQ_MEM(x, y, 32);
    T_TRUE(memcmp(x, z, 32) != 0);
    T_TRUE(memcmp(x, root, 32) != 0);
}

static void seed_of_a_stream_differs_from_its_parents(void)
{
    auto_env struct cmn_env *a = seeded("1"), *child = NULL;
    uint8_t x[32], y[32];
    struct cmn_err err = {0};

    T_OK(cmn_env_derive(a, "aa", &child, &err), &err);
    T_OK(cmn_env_seed(a, x), NULL);
    T_OK(cmn_env_seed(child, y), NULL);
    T_TRUE(memcmp(x, y, 32) != 0);
}

static void public_and_private_bytes_differ(void)
{
    auto_env struct cmn_env *a = seeded("1");
    uint8_t x[32], y[32];

    draw(a, x);
    T_EQ_INT(RAND_priv_bytes_ex(cmn_env_libctx(a), y, sizeof(y), 0), 1);
    T_TRUE(memcmp(x, y, 32) != 0);
}

struct job {
    struct cmn_env *env;
    uint8_t out[32];
    int r;
};

static void *draw_in_thread(void *ctx)
{
    struct job *job = ctx;

    job->r = cmn_env_random(job->env, job->out, sizeof(job->out), NULL);
    return NULL;
}

static void threads_do_not_repeat_each_other(void)
{
    auto_env struct cmn_env *a = seeded("1");
    struct job jobs[8];
    pthread_t threads[8];

    for (size_t i = 0; i < 8; i++) {
        jobs[i] = (struct job){.env = a};
        T_EQ_INT(pthread_create(&threads[i], NULL, draw_in_thread, &jobs[i]), 0);
    }
    for (size_t i = 0; i < 8; i++)
        T_EQ_INT(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < 8; i++) {
        T_EQ_INT(jobs[i].r, 0);
        for (size_t k = 0; k < i; k++)
            T_TRUE(memcmp(jobs[i].out, jobs[k].out, 32) != 0);
    }
}

/* Signs 32 fixed bytes with a new P-384 key; the DER signature's length. */
static size_t key_and_signature(struct cmn_env *env, uint8_t sig[256])
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(cmn_env_libctx(env), NULL, "EC", "P-384");
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    size_t len = 256;
    uint8_t data[32] = "what is signed";

    T_TRUE(key && md);
    T_EQ_INT(EVP_DigestSignInit_ex(md, NULL, "SHA384", cmn_env_libctx(env), NULL, key, NULL), 1);
    T_EQ_INT(EVP_DigestSign(md, sig, &len, data, sizeof(data)), 1);
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    return len;
}

static void keys_and_signatures_repeat(void)
{
    auto_env struct cmn_env *a = seeded("1"), *b = seeded("1");
    uint8_t x[256] = {0}, y[256] = {0};

    T_EQ_INT(key_and_signature(a, x), key_and_signature(b, y));
    T_EQ_MEM(x, y, sizeof(x));
}

static void seeded_clock_moves_by_sleeping_only(void)
{
    auto_env struct cmn_env *a = seeded("1"), *child = NULL;
    struct timespec before, after;

    T_OK(cmn_env_derive(a, "x", &child, NULL), NULL);
    T_TRUE(cmn_env_is_seeded(child));
    T_EQ_INT(cmn_env_now(a), 1767225600);
    (void)clock_gettime(CLOCK_MONOTONIC, &before);
    cmn_env_sleep_ms(a, 3600 * 1000);
    (void)clock_gettime(CLOCK_MONOTONIC, &after);
    T_TRUE(after.tv_sec - before.tv_sec < 60);
    T_EQ_INT(cmn_env_now(a), 1767225600 + 3600);
    T_EQ_INT(cmn_env_now_ms(child), (1767225600LL + 3600) * 1000);
    T_EQ_INT(cmn_env_mono_us(child), 3600 * 1000000LL);
}

static void system_env_is_the_systems(void)
{
    auto_env struct cmn_env *env = NULL, *child = NULL;
    uint8_t x[32], y[32], seed[32];

    T_OK(cmn_env_new_system(&env, NULL), NULL);
    T_OK(cmn_env_derive(env, "x", &child, NULL), NULL);
    T_TRUE(child == env);
    T_TRUE(!cmn_env_is_seeded(env));
    T_TRUE(cmn_env_libctx(env) == NULL);
    T_EQ_INT(cmn_env_seed(env, seed), -ENODATA);
    draw(env, x);
    draw(env, y);
    T_TRUE(memcmp(x, y, 32) != 0);
    T_TRUE(cmn_env_now(env) - time(NULL) < 2 && time(NULL) - cmn_env_now(env) < 2);
    uint64_t t0 = cmn_env_mono_us(env);
    cmn_env_sleep_ms(env, 2);
    T_TRUE(cmn_env_mono_us(env) - t0 >= 2000);
    cmn_env_unref(NULL);
}

TEST_MAIN("env", {"same seed, same bytes", same_seed_same_bytes},
          {"streams are told apart by label", streams_are_told_apart_by_label},
          {"seed of a stream differs from its parent's", seed_of_a_stream_differs_from_its_parents},
          {"public and private bytes differ", public_and_private_bytes_differ},
          {"threads do not repeat each other", threads_do_not_repeat_each_other},
          {"keys and signatures repeat", keys_and_signatures_repeat},
          {"seeded clock moves by sleeping only", seeded_clock_moves_by_sleeping_only},
          {"system env is the system's", system_env_is_the_systems})
