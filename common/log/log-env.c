/* log-env.c - the log's clock from an env: a file of its own, so that log.o alone needs no env. */
#include "common/log/log.h"

static int64_t env_now_ms(void *ctx)
{
    return cmn_env_now_ms(ctx);
}

void cmn_log_setup(enum cmn_log_level level, struct cmn_env *env)
{
    cmn_log_threshold(level);
    cmn_log_clock(env ? env_now_ms : NULL, env);
}
