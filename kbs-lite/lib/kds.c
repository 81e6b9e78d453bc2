/* kds.c - see kds.h. */
#include "kds.h"

#include "vcek-store.h"

#include "common/enc/enc.h"
#include "common/http/client.h"
#include "common/snp/cert-profile.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITE            "https://kdsintf.amd.com"
#define KEPT_MAX        1024 /* answers; as upstream's cache */
#define BODY_MAX        (64 * 1024)
#define REPEAT_MS       10000
#define BACK_OFF_MS     10000
#define BACK_OFF_MAX    300000
#define CRL_LIFE_MS     3600000
#define DEFAULT_WAIT    10000
#define DEFAULT_TIMEOUT 10000

struct kept { /* an answer, or a failure with the time before which it is not asked for again */
    char *path;
    struct cmn_buf body;
    int64_t until_ms;   /* of the answer; INT64_MAX: for good */
    int64_t retry_ms;   /* of the failure */
    struct cmn_err why; /* code 0: an answer */
    uint64_t used;
};

struct kbs_kds {
    struct cmn_env *env;
    char *base, *cache_dir;
    bool offline;
    unsigned wait_ms;
    long timeout_ms;
    pthread_mutex_t lock; /* of what is kept */
    struct kept *list[KEPT_MAX];
    size_t n;
    uint64_t clock;
    pthread_mutex_t http_lock; /* one request at a time; holds everything below */
    struct cmn_http_client *http;
    int64_t silent_until_ms;
    unsigned back_off_ms;
};

int kbs_kds_new(struct cmn_env *env, const struct kbs_kds_opts *opts, struct kbs_kds **ret,
                struct cmn_err *err)
{
    struct kbs_kds *kds = calloc(1, sizeof(*kds));
    const char *base = opts->base_url ? opts->base_url : SITE;

    if (!kds)
        return cmn_err_set(err, ENOMEM, "no memory");
    kds->env = cmn_env_ref(env);
    (void)pthread_mutex_init(&kds->lock, NULL);
    (void)pthread_mutex_init(&kds->http_lock, NULL);
    kds->offline = opts->offline;
    kds->wait_ms = opts->wait_ms ? opts->wait_ms : DEFAULT_WAIT;
    kds->timeout_ms = opts->timeout_ms ? opts->timeout_ms : DEFAULT_TIMEOUT;
    kds->base = strdup(base);
    if (opts->cache_dir)
        kds->cache_dir = strdup(opts->cache_dir);
    int r = 0;
    if (!kds->base || (opts->cache_dir && !kds->cache_dir))
        r = cmn_err_set(err, ENOMEM, "no memory");
    else if (strncmp(base, "http://", 7) != 0 && strncmp(base, "https://", 8) != 0)
        r = cmn_err_set(err, EINVAL, "KDS at '%.128s': want an http or https URL", base);
    if (r < 0) {
        kbs_kds_free(kds);
        return r;
    }
    for (size_t n = strlen(kds->base); n && kds->base[n - 1] == '/'; n--)
        kds->base[n - 1] = 0;
    *ret = kds;
    return 0;
}

static void kept_free(struct kept *k)
{
    free(k->path);
    cmn_buf_done(&k->body);
    free(k);
}

void kbs_kds_free(struct kbs_kds *kds)
{
    if (!kds)
        return;
    for (size_t i = 0; i < kds->n; i++)
        kept_free(kds->list[i]);
    cmn_http_client_free(kds->http);
    (void)pthread_mutex_destroy(&kds->lock);
    (void)pthread_mutex_destroy(&kds->http_lock);
    cmn_env_unref(kds->env);
    free(kds->base);
    free(kds->cache_dir);
    free(kds);
}

/* ---- what is kept ---- */

static struct kept *find(struct kbs_kds *kds, const char *path)
{
    for (size_t i = 0; i < kds->n; i++)
        if (strcmp(kds->list[i]->path, path) == 0)
            return kds->list[i];
    return NULL;
}

/* 1: answered, from memory, with *r (0 or the failure of a moment ago). 0: KDS must be asked. */
static int recall(struct kbs_kds *kds, const char *path, struct cmn_buf *ret, int *r,
                  struct cmn_err *err)
{
    int64_t now = cmn_env_now_ms(kds->env);
    int known = 0;

    (void)pthread_mutex_lock(&kds->lock);
    struct kept *k = find(kds, path);
    if (k && !k->why.code && now < k->until_ms) {
        k->used = ++kds->clock;
        *r = cmn_buf_put(ret, k->body.data, k->body.len);
        known = 1;
    } else if (k && k->why.code && now < k->retry_ms) {
        if (err)
            *err = k->why;
        *r = -k->why.code;
        known = 1;
    }
    (void)pthread_mutex_unlock(&kds->lock);
    return known;
}

static struct kept *place(struct kbs_kds *kds, const char *path)
{
    struct kept *k = find(kds, path);

    if (k) {
        cmn_buf_done(&k->body);
        return k;
    }
    k = calloc(1, sizeof(*k));
    if (!k || !(k->path = strdup(path))) {
        free(k);
        return NULL;
    }
    size_t at = kds->n;
    if (kds->n < KEPT_MAX) {
        kds->n++;
    } else {
        at = 0;
        for (size_t i = 1; i < KEPT_MAX; i++)
            if (kds->list[i]->used < kds->list[at]->used)
                at = i;
        kept_free(kds->list[at]);
    }
    kds->list[at] = k;
    return k;
}

/* Keeps an answer or, with r negative, the failure. Without memory nothing is kept. */
static void remember(struct kbs_kds *kds, const char *path, struct cmn_bytes body, int64_t life_ms,
                     int r, const struct cmn_err *why)
{
    int64_t now = cmn_env_now_ms(kds->env);

    (void)pthread_mutex_lock(&kds->lock);
    struct kept *k = place(kds, path);
    if (k) {
        k->used = ++kds->clock;
        k->why = r < 0 ? *why : (struct cmn_err){0};
        k->retry_ms = now + REPEAT_MS;
        k->until_ms = life_ms == INT64_MAX ? INT64_MAX : now + life_ms;
        if (r == 0 && cmn_buf_put(&k->body, body.data, body.len) < 0)
            k->until_ms = 0;
    }
    (void)pthread_mutex_unlock(&kds->lock);
}

/* ---- one request; http_lock is held ---- */

/* Seconds of Retry-After (a date in it is not read); then how long KDS is left alone. */
static int64_t back_off(struct kbs_kds *kds, const struct cmn_http_answer *answer)
{
    const char *after = cmn_http_answer_header(answer, "Retry-After");
    char *end = NULL;
    unsigned long seconds = after ? strtoul(after, &end, 10) : 0;

    kds->back_off_ms = !kds->back_off_ms                      ? BACK_OFF_MS
                       : kds->back_off_ms < BACK_OFF_MAX / 2u ? kds->back_off_ms * 2
                                                              : BACK_OFF_MAX;
    if (after && end != after && !*end && seconds >= 1)
        return seconds < BACK_OFF_MAX / 1000 ? (int64_t)seconds * 1000 : BACK_OFF_MAX;
    return kds->back_off_ms;
}

static int throttled(struct cmn_err *err, int64_t wait_ms)
{
    return cmn_err_reason(err, EAGAIN, CMN_REASON_SNP_KDS_THROTTLED,
                          "KDS asks to wait; next request in %lld s",
                          (long long)(wait_ms + 999) / 1000);
}

static int call(struct kbs_kds *kds, const char *path, struct cmn_buf *ret, struct cmn_err *err)
{
    struct cmn_http_answer answer = {0};
    struct cmn_err inner = {0};
    auto_free char *url = NULL;
    int r = 0;

    if (asprintf(&url, "%s%s", kds->base, path) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (!kds->http)
        r = cmn_http_client_new(&(struct cmn_http_client_opts){.timeout_ms = kds->timeout_ms},
                                &kds->http, &inner);
    if (r == 0)
        r = cmn_http_get(kds->http, url, NULL, BODY_MAX, &answer, &inner);
    if (r == -EFBIG)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_KDS_ANSWER, "%.300s", inner.msg);
    if (r < 0)
        return cmn_err_reason(err, ECONNREFUSED, CMN_REASON_SNP_KDS_UNREACHABLE, "%.400s",
                              inner.msg);
    if (answer.status == 200) {
        kds->back_off_ms = 0;
        r = cmn_buf_put(ret, answer.body.data, answer.body.len);
    } else if (answer.status == 429) {
        int64_t wait = back_off(kds, &answer);
        kds->silent_until_ms = cmn_env_now_ms(kds->env) + wait;
        r = throttled(err, wait);
    } else {
        bool none = answer.status == 404;
        r = cmn_err_reason(err, none ? ENOENT : ECONNREFUSED,
                           none ? CMN_REASON_SNP_KDS_NOT_FOUND : CMN_REASON_SNP_KDS_UNREACHABLE,
                           "Unable to fetch VCEK from URL: %d, %.300s", answer.status, url);
    }
    cmn_http_answer_done(&answer);
    return r;
}

/* Waits until KDS may be asked, if that is not too long. */
static int wait_turn(struct kbs_kds *kds, struct cmn_err *err)
{
    int64_t wait = kds->silent_until_ms - cmn_env_now_ms(kds->env);

    if (wait <= 0)
        return 0;
    if (wait > kds->wait_ms)
        return throttled(err, wait);
    cmn_env_sleep_ms(kds->env, (unsigned)wait);
    return 0;
}

static int ask(struct kbs_kds *kds, const char *path, struct cmn_buf *ret, struct cmn_err *err)
{
    int r = wait_turn(kds, err);

    if (r == 0)
        r = call(kds, path, ret, err);
    if (r == -EAGAIN && wait_turn(kds, err) == 0) /* once more, no oftener */
        r = call(kds, path, ret, err);
    return r;
}

/* ---- answers, by path; check says whether the body is what was asked for ---- */

struct request {
    const char *path;
    int64_t life_ms;
    int (*check)(struct kbs_kds *kds, const struct request *req, struct cmn_bytes body,
                 struct cmn_err *err);
    const struct snp_report *report; /* of a VCEK */
    enum snp_product product;
};

static int get(struct kbs_kds *kds, const struct request *req, struct cmn_buf *ret, bool *ret_new,
               struct cmn_err *err)
{
    auto_buf struct cmn_buf body = {0};
    struct cmn_err why = {0};
    int r = 0;

    *ret_new = false;
    if (recall(kds, req->path, ret, &r, err))
        return r;
    if (kds->offline)
        return cmn_err_reason(err, ECONNREFUSED, CMN_REASON_SNP_KDS_UNREACHABLE,
                              "offline: KDS is not asked");
    (void)pthread_mutex_lock(&kds->http_lock);
    /* another thread may have asked while this one waited */
    bool known = recall(kds, req->path, ret, &r, err);
    if (!known) {
        r = ask(kds, req->path, &body, &why);
        if (r == 0)
            r = req->check(kds, req, cmn_buf_bytes(&body), &why);
        if (r != -EAGAIN && r != -ENOMEM) /* the back-off remembers by itself */
            remember(kds, req->path, cmn_buf_bytes(&body), req->life_ms, r, &why);
    }
    (void)pthread_mutex_unlock(&kds->http_lock);
    if (known)
        return r;
    if (r < 0) {
        if (err)
            *err = why;
        return r;
    }
    *ret_new = true;
    return cmn_buf_put(ret, body.data, body.len) < 0 ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}

static int check_crl(struct kbs_kds *kds, const struct request *req, struct cmn_bytes body,
                     struct cmn_err *err)
{
    (void)kds;
    (void)req;
    if (body.len < 4 || body.data[0] != 0x30) /* read and judged by who asked */
        return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_KDS_ANSWER,
                              "KDS did not answer with a revocation list");
    return 0;
}

/* What is kept for good must be the certificate of this chip and TCB. Its signature is not judged
 * here. */
static int check_vcek(struct kbs_kds *kds, const struct request *req, struct cmn_bytes body,
                      struct cmn_err *err)
{
    auto_x509 X509 *cert = NULL;
    struct snp_cert_profile p;
    struct cmn_err inner = {0};
    const struct snp_tcb *t = &req->report->reported_tcb;

    if (cmn_x509_load(kds->env, body, &cert, &inner) < 0)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_KDS_ANSWER, "KDS's answer: %.200s",
                              inner.msg);
    snp_cert_profile_read(cert, &p);
    size_t n = req->product == SNP_TURIN ? 8 : 64;
    bool fits = p.ext[SNP_EXT_HWID].state == SNP_EXT_OK && p.hwid_len == n &&
                memcmp(p.hwid, req->report->chip_id, n) == 0 &&
                p.ext[SNP_EXT_BL].value == t->bootloader && p.ext[SNP_EXT_TEE].value == t->tee &&
                p.ext[SNP_EXT_SNP].value == t->snp && p.ext[SNP_EXT_UCODE].value == t->microcode &&
                (req->product != SNP_TURIN || p.ext[SNP_EXT_FMC].value == t->fmc);
    return fits ? 0
                : cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_KDS_ANSWER,
                                 "KDS's certificate is of another chip or TCB than was asked for");
}

int kbs_kds_vcek(struct kbs_kds *kds, const struct snp_report *report, enum snp_product product,
                 struct cmn_buf *ret, struct cmn_err *err)
{
    const struct snp_tcb *t = &report->reported_tcb;
    auto_free char *path = NULL, *hwid = cmn_hex(report->chip_id, product == SNP_TURIN ? 8 : 64);
    char fmc[24] = "";
    bool fresh;

    if (cmn_all_zero(report->chip_id, sizeof(report->chip_id)))
        return cmn_err_reason(err, ENOENT, CMN_REASON_SNP_CHIP_ID_MASKED,
                              "Hardware ID is 0s on attestation report. Confirm that MASK_CHIP_ID "
                              "is set to 0 to request VCEK from KDS.");
    if (kds->cache_dir && kbs_vcek_find(kds->cache_dir, report, product, ret, NULL) == 0)
        return 0;
    if (product == SNP_TURIN)
        (void)snprintf(fmc, sizeof(fmc), "fmcSPL=%02u&", t->fmc);
    if (!hwid ||
        asprintf(&path, "/vcek/v1/%s/%s?%sblSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u",
                 snp_product_name(product), hwid, fmc, t->bootloader, t->tee, t->snp,
                 t->microcode) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    size_t at = ret->len;
    int r = get(kds,
                &(struct request){.path = path,
                                  .life_ms = INT64_MAX,
                                  .check = check_vcek,
                                  .report = report,
                                  .product = product},
                ret, &fresh, err);
    if (r == 0 && fresh && kds->cache_dir)
        /* kept in memory all the same when the folder cannot be written */
        CMN_IGNORE(kbs_vcek_store(kds->cache_dir, report, product,
                                  cmn_bytes(ret->data + at, ret->len - at), NULL));
    return r;
}

int kbs_kds_crl(struct kbs_kds *kds, enum snp_product product, struct cmn_buf *ret,
                struct cmn_err *err)
{
    char path[64];
    bool fresh;

    (void)snprintf(path, sizeof(path), "/vcek/v1/%s/crl", snp_product_name(product));
    return get(kds, &(struct request){.path = path, .life_ms = CRL_LIFE_MS, .check = check_crl},
               ret, &fresh, err);
}
