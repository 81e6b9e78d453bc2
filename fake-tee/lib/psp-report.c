/* psp-report.c - reports and the certificates that belong to them; see psp.h. */
#include "psp-internal.h"
#include "status.h"

#include "common/snp/vek.h"
#include "fake-tee/issue.h"
#include "x509.h"

#include <openssl/evp.h>
#include <string.h>

/* Makes psp->vek the key of this kind and TCB. Under psp->lock. */
static int need_vek(struct ftee_psp *psp, bool vlek, const struct snp_tcb *tcb, struct cmn_err *err)
{
    struct ftee_ca *ca = ftee_platform_ca(psp->platform);
    auto_pkey EVP_PKEY *key = NULL;
    auto_buf struct cmn_buf der = {0};

    if (psp->vek.key && psp->vek.is_vlek == vlek && memcmp(&psp->vek.tcb, tcb, sizeof(*tcb)) == 0)
        return 0;
    int r = vlek ? ftee_ca_vlek(ca, ftee_platform_csp_id(psp->platform), tcb, &key, &der, err)
                 : ftee_ca_vcek(ca, ftee_platform_chip(psp->platform), tcb, &key, &der, err);
    if (r < 0)
        return r;
    EVP_PKEY_free(psp->vek.key);
    cmn_buf_done(&psp->vek.der);
    psp->vek = (struct ftee_vek){cmn_take(key), der, vlek, *tcb};
    der = (struct cmn_buf){0};
    return 0;
}

static int sign(struct ftee_psp *psp, bool vlek, const struct snp_tcb *tcb,
                uint8_t raw[SNP_REPORT_BYTES], struct cmn_err *err)
{
    (void)pthread_mutex_lock(&psp->lock);
    int r = need_vek(psp, vlek, tcb, err);
    if (r == 0)
        r = snp_report_sign(psp->env, raw, psp->vek.key, err);
    (void)pthread_mutex_unlock(&psp->lock);
    return r;
}

/* What the platform says about itself at this moment. */
static int fill(struct ftee_psp *psp, const struct ftee_platform_status *s, bool vlek,
                struct snp_report *report, struct cmn_err *err)
{
    unsigned signer = s->mask_chip_key ? SNP_SIGNING_NONE
                      : vlek           ? SNP_SIGNING_VLEK
                                       : SNP_SIGNING_VCEK;

    report->current_tcb = s->current_tcb;
    report->committed_tcb = s->committed_tcb;
    report->reported_tcb = s->reported_tcb;
    report->current = s->current;
    report->committed = s->committed;
    report->plat_info = s->plat_info;
    report->key_info |=
        (s->mask_chip_key ? SNP_KEY_INFO_MASK_CHIP_KEY : 0) | signer << SNP_KEY_INFO_SIGNING_SHIFT;
    if (report->has_mit)
        report->current_mit_vector = s->mit_vector;
    if (s->mask_chip_id)
        return 0;
    return ftee_ca_chip_id(ftee_platform_ca(psp->platform), ftee_platform_chip(psp->platform),
                           report->chip_id, err);
}

int ftee_psp_report_with(struct ftee_psp *psp, const uint8_t report_data[64], uint32_t vmpl,
                         enum snp_key_sel key_sel, uint8_t out[SNP_REPORT_BYTES],
                         uint32_t *ret_status, struct cmn_err *err)
{
    struct snp_report report = psp->base;
    struct ftee_platform_status s;
    uint8_t raw[SNP_REPORT_BYTES];

    if (!psp->finished)
        return cmn_err_set(err, EBUSY, "the guest is not launched yet");
    ftee_platform_status(psp->platform, &s);
    bool vlek = key_sel == SNP_KEY_SEL_AUTO ? s.vlek_loaded : key_sel == SNP_KEY_SEL_VLEK;
    if (vmpl > 3 || (unsigned)key_sel > SNP_KEY_SEL_VLEK) {
        *ret_status = FTEE_STATUS_INVALID_PARAM;
        return 0;
    }
    if (vlek && !s.vlek_loaded) {
        *ret_status = FTEE_STATUS_INVALID_KEY;
        return 0;
    }
    report.vmpl = vmpl;
    memcpy(report.report_data, report_data, 64);
    int r = fill(psp, &s, vlek, &report, err);
    if (r < 0)
        return r;
    snp_report_encode(&report, raw);
    if (!s.mask_chip_key && (r = sign(psp, vlek, &s.reported_tcb, raw, err)) < 0)
        return r;
    memcpy(out, raw, sizeof(raw));
    *ret_status = FTEE_STATUS_OK;
    return 0;
}

int ftee_psp_report(struct ftee_psp *psp, const uint8_t report_data[64], uint32_t vmpl,
                    uint8_t out[SNP_REPORT_BYTES], uint32_t *ret_status, struct cmn_err *err)
{
    return ftee_psp_report_with(psp, report_data, vmpl, SNP_KEY_SEL_AUTO, out, ret_status, err);
}

int ftee_psp_sign_report(struct ftee_psp *psp, uint8_t report[SNP_REPORT_BYTES],
                         struct cmn_err *err)
{
    struct ftee_platform_status s;

    ftee_platform_status(psp->platform, &s);
    return sign(psp, s.vlek_loaded, &s.reported_tcb, report, err);
}

/* ---- the host's certificate table ---- */

static int add(struct ftee_psp *psp, struct snp_certs *certs, enum snp_cert_type type,
               struct cmn_bytes der)
{
    auto_buf struct cmn_buf pem = {0};

    if (!psp->certs.pem || type == SNP_CERT_CRL) /* the sev crate reads CRLs as DER */
        return snp_certs_add(certs, type, der, NULL);
    int r = ftee_der_to_pem(psp->env, der, &pem, NULL);
    return r < 0 ? r : snp_certs_add(certs, type, cmn_buf_bytes(&pem), NULL);
}

static int add_vek(struct ftee_psp *psp, struct snp_certs *certs,
                   const struct ftee_platform_status *s)
{
    (void)pthread_mutex_lock(&psp->lock);
    int r = need_vek(psp, s->vlek_loaded, &s->reported_tcb, NULL);
    if (r == 0)
        r = add(psp, certs, s->vlek_loaded ? SNP_CERT_VLEK : SNP_CERT_VCEK,
                cmn_buf_bytes(&psp->vek.der));
    (void)pthread_mutex_unlock(&psp->lock);
    return r;
}

int ftee_psp_certs(struct ftee_psp *psp, struct cmn_buf *ret)
{
    struct ftee_ca *ca = ftee_platform_ca(psp->platform);
    auto_certs struct snp_certs certs = {0};
    auto_buf struct cmn_buf crl = {0};
    struct ftee_platform_status s;
    struct cmn_bytes ask = ftee_ca_ask_der(ca);
    unsigned omit = psp->certs.omit;
    int r = 0;

    ftee_platform_status(psp->platform, &s);
    if (!(omit & FTEE_OMIT_VEK))
        r = add_vek(psp, &certs, &s);
    if (r == 0 && !(omit & FTEE_OMIT_ASK) && s.vlek_loaded) /* the ASVK has the ASK's GUID */
        r = ftee_ca_asvk_der(ca, &ask, NULL);
    if (r == 0 && !(omit & FTEE_OMIT_ASK))
        r = add(psp, &certs, SNP_CERT_ASK, ask);
    if (r == 0 && !(omit & FTEE_OMIT_ARK))
        r = add(psp, &certs, SNP_CERT_ARK, ftee_ca_ark_der(ca));
    if (r == 0 && psp->certs.crl)
        r = ftee_ca_crl(ca, NULL, &crl, NULL);
    if (r == 0 && psp->certs.crl)
        r = add(psp, &certs, SNP_CERT_CRL, cmn_buf_bytes(&crl));
    return r < 0 ? r : snp_certs_encode(&certs, ret);
}
