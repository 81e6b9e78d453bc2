/*
 * env.h - the world a module runs in: clock, randomness and OpenSSL library context.
 *
 * No module calls time(), getrandom() or the default library context by itself. The system's env is
 * the production default; a seeded one makes everything repeatable: the same seed gives the same
 * keys, signatures and times.
 *
 *     struct cmn_env *env = NULL, *psp = NULL;
 *     int r = cmn_env_new_seeded("1", 1, &env, &err);
 *     r = cmn_env_derive(env, "psp", &psp, &err);     // own random stream, same clock
 *     ...
 *     cmn_env_unref(psp); cmn_env_unref(env);
 *
 * An env may be used by several threads and none sees the bytes of another; but the order in which
 * they draw is theirs, so give each actor its own derived env where repeatability matters.
 */
#ifndef CMN_ENV_H
#define CMN_ENV_H

#include "common/err/err.h"

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cmn_env;

#define CMN_ENV_SEEDED_EPOCH 1767225600 /* 2026-01-01T00:00:00Z: where a seeded clock starts */

int cmn_env_new_system(struct cmn_env **ret, struct cmn_err *err) CMN_MUST_USE;
/* seed: any bytes; they are hashed. */
int cmn_env_new_seeded(const void *seed, size_t len, struct cmn_env **ret,
                       struct cmn_err *err) CMN_MUST_USE;
/* A child with its own random stream named by label; shares the clock. Of a system env: itself. */
int cmn_env_derive(struct cmn_env *env, const char *label, struct cmn_env **ret,
                   struct cmn_err *err) CMN_MUST_USE;
struct cmn_env *cmn_env_ref(struct cmn_env *env);
void cmn_env_unref(struct cmn_env *env); /* NULL ok */
void cmn_env_cleanup(struct cmn_env **env);
#define auto_env __attribute__((cleanup(cmn_env_cleanup)))

bool cmn_env_is_seeded(const struct cmn_env *env);
/* 32 bytes that name this stream, to hand it to another process; -ENODATA for the system's. */
int cmn_env_seed(const struct cmn_env *env, uint8_t out[32]) CMN_MUST_USE;

/* Library context for every OpenSSL call; NULL stands for OpenSSL's default one. */
OSSL_LIB_CTX *cmn_env_libctx(struct cmn_env *env);
int cmn_env_random(struct cmn_env *env, void *out, size_t len, struct cmn_err *err) CMN_MUST_USE;

int64_t cmn_env_now(struct cmn_env *env);    /* seconds since 1970, UTC */
int64_t cmn_env_now_ms(struct cmn_env *env); /* the same in milliseconds */
/* For durations; a seeded clock moves only by sleeping. */
uint64_t cmn_env_mono_us(struct cmn_env *env);
/* Seeded: moves the clock and returns at once. */
void cmn_env_sleep_ms(struct cmn_env *env, unsigned ms);

#endif
