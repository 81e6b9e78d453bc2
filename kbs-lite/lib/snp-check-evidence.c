/* snp-check-evidence.c - can the evidence be read, whose is it, and which certificates came along.
 */
#include "snp-work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_MIN 3 /* Trustee's; strict mode also judges version 2 */
#define VERSION_MAX 5

/* A message of an inner function as the sentence of a check. */
static int no_because(struct kbs_check *c, enum cmn_reason reason, const char *lead,
                      const struct cmn_err *inner)
{
    return snp_no(c, reason, "%s: %.180s", lead, inner->msg);
}

static uint32_t u32le(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Upstream reads the whole document first: report and certificates. */
static int read_json(struct snp_work *w, struct kbs_check *c)
{
    const json_t *chain = json_object_get(w->in->evidence, "cert_chain");
    struct cmn_err inner = {0};
    int r = snp_report_from_json(json_object_get(w->in->evidence, "attestation_report"), w->report,
                                 &inner);

    if (r == 0 && chain && !json_is_null(chain)) {
        r = snp_certs_from_json(chain, &w->own, &inner);
        w->certs = &w->own;
    }
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return no_because(c, CMN_REASON_SNP_EVIDENCE_MALFORMED, "Deserialize SNP Evidence failed",
                          &inner);
    w->version = w->report->version;
    w->res->has_report = true;
    /* upstream rebuilds the report from the fields, with zeroes in reserved places */
    snp_report_encode(w->report, w->raw);
    return SNP_YES;
}

static int read_raw(struct snp_work *w, struct kbs_check *c)
{
    struct cmn_bytes raw = w->in->report;

    snp_expected(c, "%d bytes", SNP_REPORT_BYTES);
    snp_actual(c, "%zu bytes", raw.len);
    if (raw.len != SNP_REPORT_BYTES)
        return snp_no(c, CMN_REASON_SNP_REPORT_MALFORMED,
                      "attestation report is %zu bytes, want 1184 (0x4A0)", raw.len);
    memcpy(w->raw, raw.data, SNP_REPORT_BYTES);
    w->version = u32le(w->raw);
    w->certs = w->in->certs;
    return SNP_YES;
}

int snp_check_format(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    int r = w->in->evidence ? read_json(w, c) : read_raw(w, c);

    return r < 0 ? cmn_err_set(err, -r, "no memory") : r;
}

int snp_check_version(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    unsigned min = w->in->min_version ? w->in->min_version : w->strict ? 2 : VERSION_MIN;
    unsigned max = w->in->max_version ? w->in->max_version : VERSION_MAX;

    (void)err;
    snp_expected(c, "%u to %u", min, max);
    snp_actual(c, "%u", w->version);
    if (w->version < min)
        return snp_no(c, CMN_REASON_SNP_VERSION_TOO_OLD,
                      "Attestation Report version is too old. Please update your firmware.");
    if (w->version > max)
        return snp_no(c, CMN_REASON_SNP_VERSION_UNKNOWN,
                      "Unexpected attestation report version. Check SNP Firmware ABI "
                      "specification");
    return SNP_YES;
}

int snp_check_product(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    bool json = w->in->evidence != NULL;
    uint8_t family = json ? w->report->cpuid_fam_id : w->raw[0x188];
    uint8_t model = json ? w->report->cpuid_mod_id : w->raw[0x189];

    (void)err;
    if (w->version < 3)
        return SNP_NOT_ASKED; /* only its certificate tells, see certs.product */
    snp_expected(c, "CPU ids of Milan, Genoa or Turin");
    if (json && !w->report->has_cpuid)
        return snp_no(c, CMN_REASON_SNP_PRODUCT_UNKNOWN,
                      "Attestation report version 3+ is missing CPU family ID");
    snp_actual(c, "family %02Xh model %02Xh", family, model);
    /* upstream's own range of Genoa models ends before AFh */
    bool odd = !w->strict && family == 0x19 && model == 0xAF;
    if (odd || snp_product_from_cpuid(family, model, &w->res->product) < 0)
        return snp_no(c, CMN_REASON_SNP_PRODUCT_UNKNOWN, "%s",
                      family == 0x19 || family == 0x1A ? "Processor model not supported"
                                                       : "Processor family not supported");
    snp_expected(c, "%s", snp_product_name(w->res->product));
    return SNP_YES;
}

int snp_check_reserved(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    struct cmn_err inner = {0};

    (void)err;
    if (w->in->evidence)
        return SNP_NOT_ASKED; /* the evidence has no place for them */
    if (snp_report_decode(w->raw, sizeof(w->raw), w->report, &inner) < 0)
        return snp_no(c, inner.reason ? inner.reason : CMN_REASON_SNP_REPORT_MALFORMED, "%.200s",
                      inner.msg);
    w->res->has_report = true;
    return SNP_YES;
}

/* No certificates: the VCEK of a store or of KDS. */
static int fetch(struct snp_work *w, struct kbs_check *c)
{
    auto_buf struct cmn_buf der = {0};
    struct cmn_err inner = {0};

    snp_expected(c, "a VCEK from a store or KDS");
    if (!w->in->fetch || w->version < 3)
        return snp_no(c, CMN_REASON_SNP_VCEK_UNAVAILABLE,
                      "Failed to fetch VCEK from any configured source");
    if (w->in->fetch(w->in->fetch_ctx, w->report, w->res->product, &der, &inner) < 0)
        return no_because(c, inner.reason ? inner.reason : CMN_REASON_SNP_VCEK_UNAVAILABLE,
                          "Failed to fetch VCEK from any configured source", &inner);
    w->fetched = true;
    w->certs = &w->own;
    return snp_certs_add(&w->own, SNP_CERT_VCEK, cmn_buf_bytes(&der), NULL);
}

int snp_check_certs_source(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    struct cmn_err inner = {0};

    if (!w->certs && w->in->cert_table.len) {
        int r = snp_certs_decode(w->in->cert_table.data, w->in->cert_table.len, &w->own, &inner);
        if (r == -ENOMEM)
            return cmn_err_set(err, ENOMEM, "no memory");
        if (r < 0)
            return snp_no(c, CMN_REASON_SNP_CERT_TABLE_MALFORMED, "%.200s", inner.msg);
        w->certs = &w->own;
    }
    int r = w->certs ? SNP_YES : fetch(w, c);
    if (r < 0)
        return cmn_err_set(err, -r, "no memory");
    if (r == SNP_YES && w->certs)
        snp_actual(c, "%zu certificates, %s", w->certs->n, w->fetched ? "fetched" : "came along");
    return r;
}

/* As upstream walks the list: the first VCEK or VLEK counts, of ARK and ASK the last. */
static int read_certs(struct snp_work *w, struct kbs_check *c)
{
    for (size_t i = 0; i < w->certs->n; i++) {
        const struct snp_cert *cert = &w->certs->list[i];
        bool vek = cert->type == SNP_CERT_VCEK || cert->type == SNP_CERT_VLEK;
        struct cmn_err inner = {0};
        if ((vek && w->vek) || (!vek && cert->type != SNP_CERT_ARK && cert->type != SNP_CERT_ASK))
            continue;
        int r = kbs_cert_get(w->env, w->in->cache, vek ? NULL : w->in->roots,
                             cmn_buf_bytes(&cert->bytes), &w->read[i], &inner);
        if (r == -ENOMEM)
            return r;
        if (r < 0 && w->fetched)
            return snp_no(c, CMN_REASON_SNP_CERT_MALFORMED,
                          "Failed to convert KDS VCEK into certificate: %.150s", inner.msg);
        if (r < 0)
            return snp_no(c, CMN_REASON_SNP_CERT_MALFORMED, "the %s cannot be read: %.180s",
                          cert->type == SNP_CERT_ARK   ? "ARK"
                          : cert->type == SNP_CERT_ASK ? "ASK"
                                                       : "VCEK/VLEK",
                          inner.msg);
        if (vek) {
            w->vek = w->read[i];
            w->res->is_vlek = cert->type == SNP_CERT_VLEK;
        } else if (cert->type == SNP_CERT_ARK) {
            w->ark = w->read[i];
        } else {
            w->ask = w->read[i];
        }
    }
    return SNP_YES;
}

int snp_check_certs_readable(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    int r = read_certs(w, c);

    snp_expected(c, "a VCEK or VLEK");
    if (r < 0)
        return cmn_err_set(err, -r, "no memory");
    if (r == SNP_YES && !w->vek)
        return snp_no(c, CMN_REASON_SNP_CERT_CHAIN_MISSING_VEK,
                      "If a cert chain is provided, it must include a VCEK/VLEK");
    if (r == SNP_YES)
        snp_actual(c, "%s%s%s", w->res->is_vlek ? "VLEK" : "VCEK",
                   w->ask ? w->res->is_vlek ? ", ASVK" : ", ASK" : "", w->ark ? ", ARK" : "");
    return r;
}

/* "SEV-Genoa" or "SEV-VLEK-Genoa". */
static int product_of_issuer(const char *issuer, enum snp_product *ret)
{
    const char *name = strncmp(issuer, "SEV-VLEK-", 9) == 0 ? issuer + 9
                       : strncmp(issuer, "SEV-", 4) == 0    ? issuer + 4
                                                            : "";

    return snp_product_by_name(name, ret);
}

/* A report of version 2 has no CPU ids: its product is the one its certificate was issued for. */
int snp_check_certs_product(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const char *issuer = w->vek->profile.issuer;

    (void)err;
    if (w->version >= 3)
        return SNP_NOT_ASKED; /* the chain of that product must fit */
    snp_expected(c, "an issuer SEV-Milan, SEV-Genoa or SEV-Turin");
    snp_actual(c, "%s", issuer);
    if (product_of_issuer(issuer, &w->res->product) < 0)
        return snp_no(c, CMN_REASON_SNP_PRODUCT_UNKNOWN,
                      "the issuer of the VCEK names no known product");
    if ((w->res->product == SNP_TURIN) != w->report->turin_tcb)
        return snp_no(c, CMN_REASON_SNP_PRODUCT_MISMATCH,
                      "the length of CHIP_ID does not fit a certificate of %s",
                      snp_product_name(w->res->product));
    return SNP_YES;
}
