/* session.c - RCAR sessions and their cookie (trustee kbs/src/attestation/session.rs). */
#include "internal.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COOKIE "kbs-session-id"

static void session_free(struct kbs_session *s)
{
    if (s->token)
        explicit_bzero(s->token, strlen(s->token));
    free(s->token);
    free(s);
}

/* The ids are random hex digits of our own making: the first ones are hash enough. */
static struct kbs_session **bucket_of(struct kbs *kbs, const char *id)
{
    unsigned hash = 0;

    for (size_t i = 0; i < 8 && id[i]; i++)
        hash = hash * 16 + (unsigned)(id[i] <= '9' ? id[i] - '0' : (id[i] | 32) - 'a' + 10);
    return &kbs->session_buckets[hash & (KBS_SESSION_BUCKETS - 1)];
}

/* Takes the oldest out of list and bucket. */
static void drop_oldest(struct kbs *kbs)
{
    struct kbs_session *s = kbs->oldest, **at = bucket_of(kbs, s->id);

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    kbs->oldest = s->younger;
    if (!kbs->oldest)
        kbs->youngest = NULL;
    session_free(s);
    kbs->n_sessions--;
}

/* Drops what is over its time. Called with the lock held. */
static void sweep(struct kbs *kbs)
{
    int64_t now = cmn_env_now_ms(kbs->env);

    while (kbs->oldest && kbs->oldest->expires_ms <= now)
        drop_oldest(kbs);
}

static void add(struct kbs *kbs, struct kbs_session *s)
{
    struct kbs_session **bucket = bucket_of(kbs, s->id);

    s->next = *bucket;
    *bucket = s;
    if (kbs->youngest)
        kbs->youngest->younger = s;
    else
        kbs->oldest = s;
    kbs->youngest = s;
    kbs->n_sessions++;
}

int kbs_session_new(struct kbs *kbs, const char *tee, struct kbs_session *ret, struct cmn_err *err)
{
    uint8_t id[16] = {0}, nonce[32];
    struct kbs_session *s = calloc(1, sizeof(*s));
    int r =
        s ? cmn_env_random(kbs->env, id, sizeof(id), err) : cmn_err_set(err, ENOMEM, "no memory");

    if (r == 0)
        r = cmn_env_random(kbs->env, nonce, sizeof(nonce), err);
    id[6] = (uint8_t)((id[6] & 0x0F) | 0x40); /* UUIDv4 */
    id[8] = (uint8_t)((id[8] & 0x3F) | 0x80);
    auto_free char *hex = r == 0 ? cmn_hex(id, sizeof(id)) : NULL;
    auto_free char *b64 = r == 0 ? cmn_b64(CMN_B64_STD, nonce, sizeof(nonce)) : NULL;
    if (r == 0 && (!hex || !b64))
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r < 0) {
        free(s);
        return r;
    }
    (void)snprintf(s->id, sizeof(s->id), "%s", hex);
    (void)snprintf(s->nonce, sizeof(s->nonce), "%s", b64);
    (void)snprintf(s->tee, sizeof(s->tee), "%s", tee);
    (void)pthread_mutex_lock(&kbs->session_lock);
    s->expires_ms = cmn_env_now_ms(kbs->env) + kbs->config.session_minutes * 60000LL;
    sweep(kbs);
    if (kbs->n_sessions >= KBS_MAX_SESSIONS) {
        (void)pthread_mutex_unlock(&kbs->session_lock);
        session_free(s);
        return cmn_err_set(err, ENOSPC, "%d sessions are open", KBS_MAX_SESSIONS);
    }
    add(kbs, s);
    *ret = *s;
    (void)pthread_mutex_unlock(&kbs->session_lock);
    return 0;
}

static struct kbs_session *find(struct kbs *kbs, const char *id)
{
    struct kbs_session *s = *bucket_of(kbs, id);

    while (s && strcmp(s->id, id) != 0)
        s = s->next;
    return s;
}

int kbs_session_find(struct kbs *kbs, const char *id, struct kbs_session *ret, char **ret_token)
{
    (void)pthread_mutex_lock(&kbs->session_lock);
    sweep(kbs);
    struct kbs_session *s = find(kbs, id);
    if (s) {
        *ret = *s;
        *ret_token = s->token ? strdup(s->token) : NULL;
        ret->token = NULL;
        ret->next = ret->younger = NULL;
    }
    (void)pthread_mutex_unlock(&kbs->session_lock);
    return s ? 0 : -ENOENT;
}

int kbs_session_attested(struct kbs *kbs, const char *id, const char *token)
{
    char *copy = strdup(token);

    (void)pthread_mutex_lock(&kbs->session_lock);
    struct kbs_session *s = copy ? find(kbs, id) : NULL;
    if (s && !s->token)
        s->token = cmn_take(copy);
    (void)pthread_mutex_unlock(&kbs->session_lock);
    free(copy);
    return s ? 0 : -ENOENT;
}

void kbs_session_free_all(struct kbs *kbs)
{
    while (kbs->oldest)
        drop_oldest(kbs);
}

bool kbs_session_cookie(const struct cmn_http_request *req, char out[64])
{
    const char *header = req->header(req, "Cookie");
    const char *p = header ? strstr(header, COOKIE "=") : NULL;

    if (!p || (p != header && p[-1] != ' ' && p[-1] != ';'))
        return false;
    p += sizeof(COOKIE "=") - 1;
    size_t n = strcspn(p, "; ");
    if (n >= 64)
        return false;
    memcpy(out, p, n);
    out[n] = 0;
    return true;
}

void kbs_session_set_cookie(struct cmn_http_response *resp, const struct kbs_session *session)
{
    char text[128], when[40];
    time_t t = (time_t)(session->expires_ms / 1000);
    struct tm tm;

    (void)gmtime_r(&t, &tm);
    (void)strftime(when, sizeof(when), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    (void)snprintf(text, sizeof(text), COOKIE "=%s; Expires=%s", session->id, when);
    CMN_IGNORE(
        cmn_http_response_header(resp, "Set-Cookie", text)); /* the first header: there is room */
}
