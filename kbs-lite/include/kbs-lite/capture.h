/*
 * capture.h - one exchange with a key broker as JSON that may leave the machine. Only what is
 * listed in capture.c gets in: never a resource, an admin request, a cookie or a usable token.
 */
#ifndef KBS_CAPTURE_H
#define KBS_CAPTURE_H

#include "common/json/json.h"

struct kbs_exchange {
    const char *path; /* "auth" or "attest" */
    int status;
    struct cmn_bytes request, answer; /* bodies; what is not JSON becomes null */
    int64_t time;
    bool cookie;               /* a session cookie came with it */
    bool session;              /* and the session was known */
    const char *tee;           /* of the session, "" if not known */
    const char *session_nonce; /* of its challenge, "" if not known */
};

bool kbs_exchange_wanted(const char *path); /* is it one of the two? */
/* {"cocobox-exchange": 1, ...}. NULL without memory. */
json_t *kbs_exchange_json(const struct kbs_exchange *exchange);

#endif
