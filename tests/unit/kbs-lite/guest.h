/*
 * guest.h - a guest of fake-tee and the verification of what its PSP signs: the base that tests
 * change in one place each.
 */
#ifndef GUEST_H
#define GUEST_H

#include "tests/unit/fake-tee/world.h"

#include "fake-tee/issue.h"
#include "kbs-lite/snp-verify.h"

#include <string.h>

struct guest {
    struct ftee_psp *psp;
    uint8_t raw[SNP_REPORT_BYTES];
    struct snp_report fields;
    struct snp_certs certs; /* VCEK or VLEK, ASK or ASVK, ARK */
    struct kbs_roots *roots;
};

static inline void guest_set_cert(struct guest *g, enum snp_cert_type type, struct cmn_bytes der)
{
    for (size_t i = 0; i < g->certs.n; i++)
        if (g->certs.list[i].type == type) {
            g->certs.list[i].bytes.len = 0;
            T_OK(cmn_buf_put(&g->certs.list[i].bytes, der.data, der.len), NULL);
            return;
        }
    T_OK(snp_certs_add(&g->certs, type, der, NULL), NULL);
}

/* Signs fields anew: the raw report of exactly these. */
static inline void guest_sign(struct guest *g)
{
    snp_report_encode(&g->fields, g->raw);
    T_OK(ftee_psp_sign_report(g->psp, g->raw, NULL), NULL);
}

/* A launched guest and a report of version; with a VLEK if asked for. */
static inline struct guest guest_new(enum snp_product product, uint32_t version, bool vlek)
{
    struct guest g = {0};
    struct ftee_platform *p = platform_of(product, &(struct ftee_platform_opts){0});
    auto_buf struct cmn_buf table = {0}, chains = {0};
    struct cmn_bytes pem = ftee_ca_chain_pem(ca_of(product));

    T_OK(cmn_buf_put(&chains, pem.data, pem.len), NULL);
    if (vlek) {
        T_OK(ftee_platform_load_vlek(p, NULL, NULL), NULL);
        T_OK(ftee_ca_vlek_chain_pem(ca_of(product), &pem, NULL), NULL);
        T_OK(cmn_buf_put(&chains, pem.data, pem.len), NULL);
    }
    g.psp = launched(product, &(struct ftee_launch){.report_version = version, .platform = p});
    ftee_platform_unref(p);
    g.fields = report_of(g.psp, g.raw);
    T_OK(ftee_psp_certs(g.psp, &table), NULL);
    T_OK(snp_certs_decode(table.data, table.len, &g.certs, NULL), NULL);
    T_OK(kbs_roots_new(env, false, cmn_buf_bytes(&chains), &g.roots, NULL), NULL);
    return g;
}

static inline void guest_done(struct guest *g)
{
    ftee_psp_free(g->psp);
    snp_certs_done(&g->certs);
    kbs_roots_free(g->roots);
}

/* The verdict on raw and certs, a moment after the seeded clock's start. */
static inline enum cmn_reason guest_verify(const struct guest *g, enum kbs_snp_mode mode,
                                           const struct kbs_snp_expect *expect,
                                           struct kbs_cache *cache, struct kbs_snp_result *ret)
{
    const struct kbs_snp_input in = {.mode = mode,
                                     .report = cmn_bytes(g->raw, SNP_REPORT_BYTES),
                                     .certs = &g->certs,
                                     .roots = g->roots,
                                     .cache = cache,
                                     .now = CMN_ENV_SEEDED_EPOCH + 60,
                                     .expect = expect};
    struct cmn_err err = {0};

    T_OK(kbs_snp_verify(env, &in, ret, &err), &err);
    T_EQ_INT(ret->accepted, ret->reason == CMN_REASON_NONE);
    return ret->reason;
}

/* Is there an advisory (or refusal) with this reason? */
static inline bool guest_told(const struct kbs_snp_result *res, const char *reason)
{
    for (size_t i = 0; i < res->checks.n; i++) {
        const struct kbs_check *c = &res->checks.list[i];
        if ((c->result == KBS_CHECK_ADVISORY || c->result == KBS_CHECK_FAIL) &&
            strcmp(cmn_reason_name(c->reason), reason) == 0)
            return true;
    }
    return false;
}

#endif
