/* guest-env.c - the world a guest program runs in: the seed of a repeatable run, or the system's.
 */
#include "sim/guest/common/guest.h"

#include "common/enc/enc.h"

#include <stdlib.h>
#include <string.h>

static int64_t env_now_ms(void *ctx)
{
    return cmn_env_now_ms(ctx);
}

int guest_env_open(const char *label, struct cmn_env **ret, struct cmn_err *err)
{
    const char *hex = getenv("COCOBOX_SEED");
    auto_buf struct cmn_buf seed = {0};
    auto_env struct cmn_env *base = NULL;

    if (!hex || !*hex)
        return cmn_env_new_system(ret, err);
    int r = cmn_unhex(hex, strlen(hex), &seed, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "COCOBOX_SEED");
    r = cmn_env_new_seeded(seed.data, seed.len, &base, err);
    if (r < 0)
        return r;
    r = cmn_env_derive(base, label, ret, err);
    if (r < 0)
        return r;
    cmn_log_clock(env_now_ms, *ret);
    return 0;
}
