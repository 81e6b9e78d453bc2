/* platform.c - what may move and what not; see platform.h. */
#include "fake-tee/platform.h"

#include "status.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ftee_platform {
    struct ftee_ca *ca;
    unsigned chip;
    char *csp_id;
    pthread_mutex_t lock; /* over what follows */
    unsigned refs;
    struct ftee_platform_status s;
};

bool ftee_tcb_le(const struct snp_tcb *a, const struct snp_tcb *b)
{
    return a->fmc <= b->fmc && a->bootloader <= b->bootloader && a->tee <= b->tee &&
           a->snp <= b->snp && a->microcode <= b->microcode;
}

static bool version_le(const struct snp_version *a, const struct snp_version *b)
{
    return (a->major << 16 | a->minor << 8 | a->build) <=
           (b->major << 16 | b->minor << 8 | b->build);
}

static bool version_is_zero(const struct snp_version *v)
{
    return !v->major && !v->minor && !v->build;
}

/* The first component of a that is above b's, for messages. */
static const char *above(const struct snp_tcb *a, const struct snp_tcb *b)
{
    return a->fmc > b->fmc                 ? "fmc"
           : a->bootloader > b->bootloader ? "bootloader"
           : a->tee > b->tee               ? "tee"
           : a->snp > b->snp               ? "snp"
                                           : "microcode";
}

static int check_order(const char *command, const char *low_name, const struct snp_tcb *low,
                       const char *high_name, const struct snp_tcb *high, enum ftee_status status,
                       struct cmn_err *err)
{
    if (ftee_tcb_le(low, high))
        return 0;
    return ftee_refuse(err, command, status, "%s of %s is above %s", above(low, high), low_name,
                       high_name);
}

static int check_cpuid(struct ftee_platform *p, struct cmn_err *err)
{
    enum snp_product product;
    const uint8_t *c = p->s.cpuid;

    if (snp_product_from_cpuid(c[0], c[1], &product) == 0 && product == ftee_ca_product(p->ca))
        return 0;
    return cmn_err_set(err, EINVAL, "family 0x%02X model 0x%02X is not of %s", c[0], c[1],
                       snp_product_name(ftee_ca_product(p->ca)));
}

static int check_fmc(struct ftee_platform *p, const struct snp_tcb *tcb, struct cmn_err *err)
{
    if (!tcb->fmc || ftee_ca_product(p->ca) == SNP_TURIN)
        return 0;
    return cmn_err_set(err, EINVAL, "%s has no fmc in its TCB",
                       snp_product_name(ftee_ca_product(p->ca)));
}

static void fill(struct ftee_platform *p, const struct ftee_platform_opts *opts)
{
    struct ftee_platform_status *s = &p->s;

    s->current_tcb = opts->current ? *opts->current : ftee_default_tcb(ftee_ca_product(p->ca));
    s->committed_tcb = opts->committed ? *opts->committed : s->current_tcb;
    s->reported_tcb = opts->reported ? *opts->reported : s->committed_tcb;
    s->current = version_is_zero(&opts->version) ? (struct snp_version){1, 55, 40} : opts->version;
    s->committed = version_is_zero(&opts->committed_version) ? s->current : opts->committed_version;
    s->plat_info = opts->plat_info ? *opts->plat_info : SNP_PLAT_SMT;
    s->mit_vector = opts->mit_vector;
    if (opts->cpuid)
        memcpy(s->cpuid, opts->cpuid, 3);
    else
        snp_product_cpuid(ftee_ca_product(p->ca), &s->cpuid[0], &s->cpuid[1], &s->cpuid[2]);
}

int ftee_platform_new(struct ftee_ca *ca, const struct ftee_platform_opts *opts,
                      struct ftee_platform **ret, struct cmn_err *err)
{
    struct ftee_platform *p = calloc(1, sizeof(*p));
    static const char what[] = "SNP_INIT";

    if (!p)
        return cmn_err_set(err, ENOMEM, "no memory");
    p->ca = ca;
    p->chip = opts->chip;
    p->refs = 1;
    (void)pthread_mutex_init(&p->lock, NULL);
    fill(p, opts);
    int r = check_cpuid(p, err);
    if (r == 0)
        r = check_fmc(p, &p->s.current_tcb, err);
    if (r == 0)
        r = check_order(what, "COMMITTED_TCB", &p->s.committed_tcb, "CURRENT_TCB",
                        &p->s.current_tcb, FTEE_STATUS_BAD_SVN, err);
    if (r == 0)
        r = check_order(what, "REPORTED_TCB", &p->s.reported_tcb, "COMMITTED_TCB",
                        &p->s.committed_tcb, FTEE_STATUS_INVALID_PARAM, err);
    if (r == 0 && !version_le(&p->s.committed, &p->s.current))
        r = ftee_refuse(err, what, FTEE_STATUS_BAD_VERSION,
                        "the committed version is above the current one");
    if (r < 0) {
        ftee_platform_unref(p);
        return r;
    }
    *ret = p;
    return 0;
}

struct ftee_platform *ftee_platform_ref(struct ftee_platform *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->refs++;
    (void)pthread_mutex_unlock(&p->lock);
    return p;
}

void ftee_platform_unref(struct ftee_platform *p)
{
    if (!p)
        return;
    (void)pthread_mutex_lock(&p->lock);
    unsigned left = --p->refs;
    (void)pthread_mutex_unlock(&p->lock);
    if (left)
        return;
    (void)pthread_mutex_destroy(&p->lock);
    free(p->csp_id);
    free(p);
}

int ftee_platform_config(struct ftee_platform *p, const struct snp_tcb *reported, bool mask_chip_id,
                         bool mask_chip_key, struct cmn_err *err)
{
    (void)pthread_mutex_lock(&p->lock);
    int r = reported ? check_order("SNP_CONFIG", "REPORTED_TCB", reported, "COMMITTED_TCB",
                                   &p->s.committed_tcb, FTEE_STATUS_INVALID_PARAM, err)
                     : 0;
    if (r == 0) {
        if (reported)
            p->s.reported_tcb = *reported;
        p->s.mask_chip_id = mask_chip_id;
        p->s.mask_chip_key = mask_chip_key;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return r;
}

int ftee_platform_update(struct ftee_platform *p, const struct ftee_firmware *fw,
                         struct cmn_err *err)
{
    static const char what[] = "DOWNLOAD_FIRMWARE_EX";
    int r = check_fmc(p, &fw->tcb, err);

    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&p->lock);
    if (!version_le(&p->s.committed, &fw->version))
        r = ftee_refuse(err, what, FTEE_STATUS_BAD_VERSION,
                        "version %u.%u.%u is below the committed %u.%u.%u", fw->version.major,
                        fw->version.minor, fw->version.build, p->s.committed.major,
                        p->s.committed.minor, p->s.committed.build);
    if (r == 0)
        r = check_order(what, "COMMITTED_TCB", &p->s.committed_tcb, "the new firmware's", &fw->tcb,
                        FTEE_STATUS_BAD_SVN, err);
    if (r == 0) {
        p->s.current = fw->version;
        p->s.current_tcb = fw->tcb;
        p->s.mit_vector = fw->mit_vector;
    }
    (void)pthread_mutex_unlock(&p->lock);
    return r;
}

void ftee_platform_commit(struct ftee_platform *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->s.committed = p->s.current;
    p->s.committed_tcb = p->s.reported_tcb = p->s.current_tcb;
    (void)pthread_mutex_unlock(&p->lock);
}

int ftee_platform_load_vlek(struct ftee_platform *p, const char *csp_id, struct cmn_err *err)
{
    char *copy = strdup(csp_id ? csp_id : FTEE_CSP_ID);
    int r = 0;

    if (!copy)
        return cmn_err_set(err, ENOMEM, "no memory");
    (void)pthread_mutex_lock(&p->lock);
    if (p->s.vlek_loaded) {
        r = ftee_refuse(err, "SNP_VLEK_LOAD", FTEE_STATUS_INVALID_PARAM, "a VLEK is loaded");
    } else {
        p->csp_id = cmn_take(copy);
        p->s.vlek_loaded = true;
    }
    (void)pthread_mutex_unlock(&p->lock);
    free(copy);
    return r;
}

void ftee_platform_status(struct ftee_platform *p, struct ftee_platform_status *ret)
{
    (void)pthread_mutex_lock(&p->lock);
    *ret = p->s;
    (void)pthread_mutex_unlock(&p->lock);
}

enum snp_product ftee_platform_product(const struct ftee_platform *p)
{
    return ftee_ca_product(p->ca);
}

unsigned ftee_platform_chip(const struct ftee_platform *p)
{
    return p->chip;
}

struct ftee_ca *ftee_platform_ca(struct ftee_platform *p)
{
    return p->ca;
}

const char *ftee_platform_csp_id(struct ftee_platform *p)
{
    (void)pthread_mutex_lock(&p->lock);
    const char *id = p->csp_id ? p->csp_id : "";
    (void)pthread_mutex_unlock(&p->lock);
    return id;
}
