/* kds-throttle.c - see kds-throttle.h. */
#include "kds-throttle.h"

#include "common/crypto/crypto.h"

#include <string.h>

int ftee_kds_too_soon(struct ftee_kds_throttle *t, struct cmn_env *env, const char *request,
                      unsigned within_ms, struct cmn_err *err)
{
    int64_t now = cmn_env_now_ms(env);
    uint8_t digest[32];
    size_t oldest = 0;
    int r = cmn_hash(env, "SHA256", request, strlen(request), digest, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < FTEE_KDS_REMEMBERED; i++) {
        if (t->slots[i].used && memcmp(t->slots[i].digest, digest, sizeof(digest)) == 0) {
            if (now - t->slots[i].at_ms < within_ms)
                return 1;
            oldest = i;
            break;
        }
        if (t->slots[oldest].used &&
            (!t->slots[i].used || t->slots[i].at_ms < t->slots[oldest].at_ms))
            oldest = i;
    }
    t->slots[oldest].used = true;
    t->slots[oldest].at_ms = now;
    memcpy(t->slots[oldest].digest, digest, sizeof(digest));
    return 0;
}
