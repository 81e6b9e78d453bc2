/* kds.c - requests to answers; see kds.h. */
#include "fake-tee/kds.h"

#include "ca-internal.h"
#include "kds-throttle.h"

#include "common/enc/enc.h"
#include "fake-tee/issue.h"
#include "fake-tee/platform.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CRL_MS         (24 * 3600 * INT64_C(1000)) /* a new one after a day */
#define PATH_MAX_BYTES 512

struct product {
    struct ftee_ca *ca;
    struct ftee_ca *own; /* opened here */
    struct snp_tcb newest;
    bool has_newest;
    uint8_t (*hwids)[64]; /* of all chips, made on first use */
    struct cmn_buf crl;
    unsigned crl_number;
    int64_t crl_at_ms;
};

struct ftee_kds {
    struct cmn_env *env;
    char *dir;
    unsigned chips;
    unsigned throttle_ms;
    uint64_t *revoked;
    size_t n_revoked;
    pthread_mutex_t lock; /* over what follows */
    struct product products[SNP_PRODUCT_COUNT];
    struct ftee_kds_throttle throttle;
};

int ftee_kds_new(const struct ftee_kds_opts *opts, struct ftee_kds **ret, struct cmn_err *err)
{
    if (opts->chips > FTEE_KDS_CHIPS_MAX)
        return cmn_err_set(err, EINVAL, "%u chips, at most %d", opts->chips, FTEE_KDS_CHIPS_MAX);
    struct ftee_kds *kds = calloc(1, sizeof(*kds));
    uint64_t *revoked = calloc(opts->n_revoked + 1, sizeof(*revoked));
    char *dir = opts->dir ? strdup(opts->dir) : NULL;

    if (!kds || !revoked || (opts->dir && !dir)) {
        free(kds);
        free(revoked);
        free(dir);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    kds->env = cmn_env_ref(opts->env);
    kds->dir = dir;
    kds->chips = opts->chips;
    kds->throttle_ms = opts->throttle_ms;
    kds->revoked = revoked;
    kds->n_revoked = opts->n_revoked;
    if (opts->n_revoked)
        memcpy(revoked, opts->revoked, opts->n_revoked * sizeof(*revoked));
    (void)pthread_mutex_init(&kds->lock, NULL);
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++) {
        kds->products[p].ca = opts->cas[p];
        kds->products[p].has_newest = opts->newest[p];
        if (opts->newest[p])
            kds->products[p].newest = *opts->newest[p];
    }
    *ret = kds;
    return 0;
}

void ftee_kds_free(struct ftee_kds *kds)
{
    if (!kds)
        return;
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++) {
        ftee_ca_free(kds->products[p].own);
        free(kds->products[p].hwids);
        cmn_buf_done(&kds->products[p].crl);
    }
    (void)pthread_mutex_destroy(&kds->lock);
    cmn_env_unref(kds->env);
    free(kds->revoked);
    free(kds->dir);
    free(kds);
}

/* ---- answers ---- */

static void say(struct ftee_kds_answer *a, int status, const char *text)
{
    a->status = status;
    a->content_type = "text/plain";
    cmn_buf_done(&a->body);
    CMN_IGNORE(cmn_buf_puts(&a->body, text)); /* without memory the status speaks */
}

static void give(struct ftee_kds_answer *a, const char *type)
{
    a->status = 200;
    a->content_type = type;
}

/* The chain of a product, -ENOENT when there is none. Under the lock, as all that follows. */
static int open_product(struct ftee_kds *kds, enum snp_product product, struct cmn_err *err)
{
    struct product *p = &kds->products[product];

    if (p->ca)
        return 0;
    if (!kds->dir)
        return -ENOENT;
    int r = ftee_ca_open(kds->env, kds->dir, product, &p->own, err);
    if (r == 0)
        p->ca = p->own;
    return r;
}

/* Turin's chain comes with CRLF. */
static int put_pem(struct cmn_buf *body, struct cmn_bytes pem, bool crlf)
{
    int r = 0;

    if (!crlf)
        return cmn_buf_put(body, pem.data, pem.len);
    for (size_t i = 0; i < pem.len && r == 0; i++) {
        if (pem.data[i] == '\n')
            r = cmn_buf_put(body, "\r", 1);
        if (r == 0)
            r = cmn_buf_put(body, pem.data + i, 1);
    }
    return r;
}

static int answer_chain(struct ftee_kds *kds, enum snp_product product, bool vlek,
                        struct ftee_kds_answer *a, struct cmn_err *err)
{
    struct ftee_ca *ca = kds->products[product].ca;
    struct cmn_bytes pem = ftee_ca_chain_pem(ca);
    int r = vlek ? ftee_ca_vlek_chain_pem(ca, &pem, err) : 0;

    if (r == 0 && put_pem(&a->body, pem, product == SNP_TURIN) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        give(a, "application/x-pem-file");
    return r;
}

static int answer_crl(struct ftee_kds *kds, enum snp_product product, struct ftee_kds_answer *a,
                      struct cmn_err *err)
{
    struct product *p = &kds->products[product];
    int64_t now = cmn_env_now_ms(kds->env);
    const struct ftee_crl_opts opts = {
        .revoked = kds->revoked, .n_revoked = kds->n_revoked, .number = p->crl_number + 1};
    int r = 0;

    if (!p->crl.len || now - p->crl_at_ms >= CRL_MS || now < p->crl_at_ms) {
        cmn_buf_done(&p->crl);
        r = ftee_ca_crl(p->ca, &opts, &p->crl, err);
        p->crl_number++;
        p->crl_at_ms = now;
    }
    if (r == 0 && cmn_buf_put(&a->body, p->crl.data, p->crl.len) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        give(a, "application/pkix-crl");
    return r;
}

static int make_hwids(struct ftee_kds *kds, struct product *p, struct cmn_err *err)
{
    int r = 0;

    if (p->hwids)
        return 0;
    p->hwids = calloc(kds->chips + 1, sizeof(*p->hwids));
    if (!p->hwids)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (unsigned i = 0; i < kds->chips && r == 0; i++)
        r = ftee_ca_chip_id(p->ca, i, p->hwids[i], err);
    if (r < 0)
        free(cmn_take(p->hwids));
    return r;
}

/* Number of the chip with this id in lower-case hex; -ENOENT. */
static int find_chip(struct ftee_kds *kds, enum snp_product product, const char *hwid,
                     unsigned *ret, struct cmn_err *err)
{
    struct product *p = &kds->products[product];
    size_t len = product == SNP_TURIN ? 8 : 64;
    auto_buf struct cmn_buf id = {0};

    if (strlen(hwid) != 2 * len || strspn(hwid, "0123456789abcdef") != 2 * len ||
        cmn_unhex(hwid, 2 * len, &id, NULL) < 0)
        return -ENOENT;
    int r = make_hwids(kds, p, err);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < kds->chips; i++)
        if (memcmp(p->hwids[i], id.data, len) == 0) {
            *ret = i;
            return 0;
        }
    return -ENOENT;
}

static int answer_vcek(struct ftee_kds *kds, enum snp_product product, const char *hwid,
                       const char *query, struct ftee_kds_answer *a, struct cmn_err *err)
{
    const struct product *p = &kds->products[product];
    auto_free char *request = NULL;
    struct snp_tcb tcb;
    unsigned chip = 0;
    int r = find_chip(kds, product, hwid, &chip, err);

    if (r < 0)
        return r;
    if (ftee_kds_tcb_parse(query, product, &tcb, err) < 0) {
        say(a, 400, err->msg);
        return 0;
    }
    if (p->has_newest && !ftee_tcb_le(&tcb, &p->newest))
        return -ENOENT;
    if (asprintf(&request, "%s/%s?%s", snp_product_name(product), hwid, query) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    r = kds->throttle_ms
            ? ftee_kds_too_soon(&kds->throttle, kds->env, request, kds->throttle_ms, err)
            : 0;
    if (r > 0) {
        say(a, 429, "too many requests");
        return 0;
    }
    if (r == 0)
        r = ftee_ca_vcek_cert(p->ca, chip, &tcb, &a->body, err);
    if (r == 0)
        give(a, "application/pkix-cert");
    return r;
}

/* "/vcek/v1/Genoa/rest" in its parts; -ENOENT when it is not of this form. */
static int split(const char *path, bool *vlek, enum snp_product *product, const char **rest)
{
    if (strlen(path) > PATH_MAX_BYTES)
        return -ENOENT;
    *vlek = strncmp(path, "/vlek/v1/", 9) == 0;
    if (!*vlek && strncmp(path, "/vcek/v1/", 9) != 0)
        return -ENOENT;
    path += 9;
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++) { /* as written: Milan, not milan */
        const char *name = snp_product_name((enum snp_product)p);
        size_t n = strlen(name);
        if (strncmp(path, name, n) == 0 && path[n] == '/') {
            *product = (enum snp_product)p;
            *rest = path + n + 1;
            return 0;
        }
    }
    return -ENOENT;
}

static int answer(struct ftee_kds *kds, const char *path, const char *query,
                  struct ftee_kds_answer *a, struct cmn_err *err)
{
    enum snp_product product;
    const char *rest;
    bool vlek;
    int r = split(path, &vlek, &product, &rest);

    if (r == 0)
        r = open_product(kds, product, err);
    if (r < 0)
        return r;
    if (strcmp(rest, "cert_chain") == 0)
        return answer_chain(kds, product, vlek, a, err);
    if (strcmp(rest, "crl") == 0)
        return answer_crl(kds, product, a, err);
    if (!vlek)
        return answer_vcek(kds, product, rest, query, a, err);
    if (strcmp(rest, "cert") != 0)
        return -ENOENT;
    say(a, 403, "a VLEK is given to its cloud provider only");
    return 0;
}

void ftee_kds_ask(struct ftee_kds *kds, const char *method, const char *path, const char *query,
                  struct ftee_kds_answer *ret)
{
    struct ftee_kds_answer a = {0};
    struct cmn_err err = {0};

    if (strcmp(method, "GET") != 0) {
        say(&a, 405, "only GET");
    } else {
        (void)pthread_mutex_lock(&kds->lock);
        int r = answer(kds, path, query, &a, &err);
        (void)pthread_mutex_unlock(&kds->lock);
        if (r < 0)
            say(&a, r == -ENOENT ? 404 : 500, r == -ENOENT ? "not found" : err.msg);
    }
    *ret = a;
}
