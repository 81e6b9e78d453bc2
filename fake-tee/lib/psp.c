/* psp.c - launch state and report signing; see psp.h. */
#include "fake-tee/psp.h"

#include "common/snp/psp-msg.h"
#include "common/snp/vek.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct ftee_psp {
    struct cmn_env *env;
    enum snp_product product;
    bool finished;
    uint8_t digest[48]; /* launch digest so far */
    struct snp_report base;
    EVP_PKEY *vcek;
    struct snp_certs certs;
};

/* The fields that stay the same in every report of this guest. */
static int base_report(struct ftee_psp *psp, struct ftee_ca *ca, const struct ftee_launch *launch,
                       const struct snp_tcb *tcb, struct cmn_err *err)
{
    struct snp_report *p = &psp->base;

    p->version = launch->report_version ? launch->report_version : 3;
    if (p->version < 2 || p->version > 5)
        return cmn_err_set(err, EINVAL, "report version %u, want 2 to 5", p->version);
    p->policy = (launch->policy ? launch->policy : SNP_POLICY_SMT) | SNP_POLICY_ONE;
    p->sig_algo = 1;
    p->plat_info = launch->plat_info ? launch->plat_info : SNP_PLAT_SMT;
    p->current_tcb = p->committed_tcb = p->reported_tcb = p->launch_tcb = *tcb;
    p->current = p->committed = (struct snp_version){1, 55, 40};
    memset(p->report_id_ma, 0xFF, sizeof(p->report_id_ma)); /* no migration agent */
    p->turin_tcb = psp->product == SNP_TURIN;
    p->has_cpuid = p->version >= 3;
    p->has_mit = p->version >= 5;
    if (p->has_cpuid)
        snp_product_cpuid(psp->product, &p->cpuid_fam_id, &p->cpuid_mod_id, &p->cpuid_step);
    int r = cmn_env_random(psp->env, p->report_id, sizeof(p->report_id), err);
    return r < 0 ? r : ftee_ca_chip_id(ca, launch->chip, p->chip_id, err);
}

int ftee_psp_launch_start(struct cmn_env *env, struct ftee_ca *ca, const struct ftee_launch *launch,
                          struct ftee_psp **ret, struct cmn_err *err)
{
    struct ftee_psp *psp = calloc(1, sizeof(*psp));
    auto_buf struct cmn_buf vcek = {0};

    if (!psp)
        return cmn_err_set(err, ENOMEM, "no memory");
    psp->env = cmn_env_ref(env);
    psp->product = ftee_ca_product(ca);
    struct snp_tcb tcb = launch->tcb ? *launch->tcb : ftee_default_tcb(psp->product);
    int r = base_report(psp, ca, launch, &tcb, err);
    if (r == 0)
        r = ftee_ca_vcek(ca, launch->chip, &tcb, &psp->vcek, &vcek, err);
    if (r == 0)
        r = snp_certs_add(&psp->certs, SNP_CERT_VCEK, cmn_buf_bytes(&vcek), err);
    if (r == 0)
        r = snp_certs_add(&psp->certs, SNP_CERT_ASK, ftee_ca_ask_der(ca), err);
    if (r == 0)
        r = snp_certs_add(&psp->certs, SNP_CERT_ARK, ftee_ca_ark_der(ca), err);
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
    EVP_PKEY_free(psp->vcek);
    snp_certs_done(&psp->certs);
    cmn_env_unref(psp->env);
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

int ftee_psp_launch_finish(struct ftee_psp *psp, const uint8_t *host_data, struct cmn_err *err)
{
    if (psp->finished)
        return cmn_err_set(err, EBUSY, "the guest is already launched");
    if (host_data)
        memcpy(psp->base.host_data, host_data, 32);
    memcpy(psp->base.measurement, psp->digest, 48);
    psp->finished = true;
    return 0;
}

void ftee_psp_measurement(const struct ftee_psp *psp, uint8_t out[48])
{
    memcpy(out, psp->digest, 48);
}

int ftee_psp_report(struct ftee_psp *psp, const uint8_t report_data[64], uint32_t vmpl,
                    uint8_t out[SNP_REPORT_BYTES], uint32_t *ret_status, struct cmn_err *err)
{
    struct snp_report report = psp->base;

    if (!psp->finished)
        return cmn_err_set(err, EBUSY, "the guest is not launched yet");
    if (vmpl > 3) {
        *ret_status = SNP_STATUS_INVALID;
        return 0;
    }
    report.vmpl = vmpl;
    memcpy(report.report_data, report_data, 64);
    snp_report_encode(&report, out);
    int r = snp_report_sign(psp->env, out, psp->vcek, err);
    if (r == 0)
        *ret_status = SNP_STATUS_OK;
    return r;
}

int ftee_psp_sign_report(struct ftee_psp *psp, uint8_t report[SNP_REPORT_BYTES],
                         struct cmn_err *err)
{
    return snp_report_sign(psp->env, report, psp->vcek, err);
}

int ftee_psp_certs(const struct ftee_psp *psp, struct cmn_buf *ret)
{
    return snp_certs_encode(&psp->certs, ret);
}
