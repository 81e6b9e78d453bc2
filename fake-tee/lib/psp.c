/* psp.c - a guest's launch; see psp.h. */
#include "psp-internal.h"
#include "status.h"

#include "common/enc/enc.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fields that stay the same in every report of this guest. */
static int base_report(struct ftee_psp *psp, const struct ftee_launch *launch,
                       const struct ftee_platform_status *platform, struct cmn_err *err)
{
    struct snp_report *p = &psp->base;

    p->version = launch->report_version ? launch->report_version : 3;
    if (p->version < 2 || p->version > 5)
        return cmn_err_set(err, EINVAL, "report version %u, want 2 to 5", p->version);
    p->policy = (launch->policy ? launch->policy : SNP_POLICY_SMT) | SNP_POLICY_ONE;
    p->sig_algo = 1;
    p->launch_tcb = platform->current_tcb;
    memset(p->report_id_ma, 0xFF, sizeof(p->report_id_ma)); /* no migration agent */
    p->turin_tcb = ftee_platform_product(psp->platform) == SNP_TURIN;
    p->has_cpuid = p->version >= 3;
    p->has_mit = p->version >= 5;
    if (p->has_cpuid) {
        p->cpuid_fam_id = platform->cpuid[0];
        p->cpuid_mod_id = platform->cpuid[1];
        p->cpuid_step = platform->cpuid[2];
    }
    if (p->has_mit)
        p->launch_mit_vector = platform->mit_vector;
    return ftee_check_policy(p->policy, ftee_platform_product(psp->platform), platform, err);
}

/* Random per guest; the root key from a stream of its own, so that reports do not depend on it. */
static int draw(struct ftee_psp *psp, struct cmn_err *err)
{
    auto_env struct cmn_env *own = NULL;
    char label[48];
    int r = cmn_env_random(psp->env, psp->base.report_id, sizeof(psp->base.report_id), err);
    auto_free char *hex = cmn_hex(psp->base.report_id, 16);

    if (r == 0 && !hex)
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r < 0)
        return r;
    (void)snprintf(label, sizeof(label), "vmrk %s", hex);
    r = cmn_env_derive(psp->env, label, &own, err);
    return r < 0 ? r : cmn_env_random(own, psp->vmrk, sizeof(psp->vmrk), err);
}

static int own_platform(struct ftee_ca *ca, const struct ftee_launch *launch,
                        struct ftee_platform **ret, struct cmn_err *err)
{
    const struct ftee_platform_opts opts = {.chip = launch->chip,
                                            .current = launch->tcb,
                                            .plat_info =
                                                launch->plat_info ? &launch->plat_info : NULL};

    return ftee_platform_new(ca, &opts, ret, err);
}

int ftee_psp_launch_start(struct cmn_env *env, struct ftee_ca *ca, const struct ftee_launch *launch,
                          struct ftee_psp **ret, struct cmn_err *err)
{
    struct ftee_psp *psp = calloc(1, sizeof(*psp));
    struct ftee_platform_status platform;
    int r = 0;

    if (!psp)
        return cmn_err_set(err, ENOMEM, "no memory");
    psp->env = cmn_env_ref(env);
    psp->certs = launch->certs;
    (void)pthread_mutex_init(&psp->lock, NULL);
    if (launch->platform && ftee_platform_ca(launch->platform) != ca)
        r = cmn_err_set(err, EINVAL, "the platform is of another chain");
    else if (launch->platform)
        psp->platform = ftee_platform_ref(launch->platform);
    else
        r = own_platform(ca, launch, &psp->platform, err);
    if (r == 0) {
        ftee_platform_status(psp->platform, &platform);
        r = base_report(psp, launch, &platform, err);
    }
    if (r == 0)
        r = draw(psp, err);
    if (r < 0) {
        ftee_psp_free(psp);
        return r;
    }
    *ret = psp;
    return 0;
}

void ftee_psp_free(struct ftee_psp *psp)
{
    if (!psp)
        return;
    EVP_PKEY_free(psp->vek.key);
    cmn_buf_done(&psp->vek.der);
    (void)pthread_mutex_destroy(&psp->lock);
    ftee_platform_unref(psp->platform);
    cmn_env_unref(psp->env);
    explicit_bzero(psp->vmrk, sizeof(psp->vmrk));
    free(psp);
}

int ftee_psp_launch_update(struct ftee_psp *psp, enum ftee_page_type type, uint64_t gpa,
                           const uint8_t *page, struct cmn_err *err)
{
    /* PAGE_INFO: DIGEST_CUR, CONTENTS, LENGTH, PAGE_TYPE, flags and VMPL permissions (0), GPA */
    uint8_t info[0x70] = {0};
    bool hashed = type == FTEE_PAGE_NORMAL || type == FTEE_PAGE_VMSA;
    int r = 0;

    if (psp->finished)
        return cmn_err_set(err, EBUSY, "the guest is already launched");
    if (type < FTEE_PAGE_NORMAL || type > FTEE_PAGE_CPUID || hashed != (page != NULL))
        return cmn_err_set(err, EINVAL, "page type %d and its contents do not fit", (int)type);
    memcpy(info, psp->digest, 48);
    if (hashed)
        r = cmn_hash(psp->env, "SHA384", page, 4096, info + 0x30, err);
    cmn_put_u16le(info + 0x60, 0x70);
    info[0x62] = (uint8_t)type;
    cmn_put_u64le(info + 0x68, gpa);
    return r < 0 ? r : cmn_hash(psp->env, "SHA384", info, sizeof(info), psp->digest, err);
}

static void finish(struct ftee_psp *psp, const uint8_t *host_data)
{
    if (host_data)
        memcpy(psp->base.host_data, host_data, 32);
    memcpy(psp->base.measurement, psp->digest, 48);
    psp->finished = true;
}

int ftee_psp_launch_finish(struct ftee_psp *psp, const uint8_t *host_data, struct cmn_err *err)
{
    if (psp->finished)
        return cmn_err_set(err, EBUSY, "the guest is already launched");
    finish(psp, host_data);
    return 0;
}

/* What the block says against what was launched. */
static int check_id_block(const struct ftee_psp *psp, const struct snp_id_block *id,
                          struct cmn_err *err)
{
    static const char what[] = "SNP_LAUNCH_FINISH";

    if (id->version != 1)
        return ftee_refuse(err, what, FTEE_STATUS_INVALID_PARAM,
                           "version of the ID block is %u, want 1", id->version);
    if (memcmp(id->digest, psp->digest, 48) != 0)
        return ftee_refuse(err, what, FTEE_STATUS_BAD_MEASUREMENT,
                           "the ID block is for another launch digest");
    if (id->policy != psp->base.policy)
        return ftee_refuse(err, what, FTEE_STATUS_POLICY_FAILURE,
                           "the ID block is for policy 0x%llx, the guest has 0x%llx",
                           (unsigned long long)id->policy, (unsigned long long)psp->base.policy);
    return 0;
}

int ftee_psp_launch_finish_id(struct ftee_psp *psp, const uint8_t *host_data,
                              const uint8_t block[SNP_ID_BLOCK_BYTES],
                              const uint8_t auth[SNP_ID_AUTH_BYTES], bool author,
                              struct cmn_err *err)
{
    struct snp_id_block id;
    struct snp_id_digests digests;
    struct cmn_err inner = {0};

    if (psp->finished)
        return cmn_err_set(err, EBUSY, "the guest is already launched");
    snp_id_block_decode(block, &id);
    int r = snp_id_auth_check(psp->env, block, auth, author, &digests, &inner);
    if (r == -EBADMSG || r == -EKEYREJECTED)
        return ftee_refuse(err, "SNP_LAUNCH_FINISH",
                           r == -EBADMSG ? FTEE_STATUS_INVALID_PARAM : FTEE_STATUS_BAD_SIGNATURE,
                           "%.300s", inner.msg);
    if (r < 0)
        return cmn_err_set(err, -r, "%s", inner.msg);
    r = check_id_block(psp, &id, err);
    if (r < 0)
        return r;
    psp->base.guest_svn = id.guest_svn;
    memcpy(psp->base.family_id, id.family_id, 16);
    memcpy(psp->base.image_id, id.image_id, 16);
    memcpy(psp->base.id_key_digest, digests.id_key, 48);
    memcpy(psp->base.author_key_digest, digests.author_key, 48);
    psp->base.key_info = author ? SNP_KEY_INFO_AUTHOR_KEY_EN : 0;
    finish(psp, host_data);
    return 0;
}

void ftee_psp_measurement(const struct ftee_psp *psp, uint8_t out[48])
{
    memcpy(out, psp->digest, 48);
}

struct ftee_platform *ftee_psp_platform(struct ftee_psp *psp)
{
    return psp->platform;
}
