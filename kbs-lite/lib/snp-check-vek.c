/* snp-check-vek.c - the VCEK or VLEK by itself and against the report. */
#include "snp-work.h"

#include "common/snp/vek.h"

#include <string.h>

static const char *kind_name(const struct snp_work *w)
{
    return w->res->is_vlek ? "VLEK" : "VCEK";
}

int snp_check_vek_key(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    EVP_PKEY *key = kbs_cert_key(w->env, w->in->cache, w->vek);
    const char *curve = key ? cmn_ec_curve(key) : NULL;

    (void)err;
    snp_expected(c, "P-384");
    snp_actual(c, "%s", curve ? curve : key ? "another kind of key" : "no usable key");
    if (key && w->vek->profile.p384)
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_CERT_KEY, "the key of the %s is not on P-384", kind_name(w));
}

int snp_check_signature(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    struct cmn_err inner = {0};
    int r = snp_report_verify(w->env, w->raw, kbs_cert_key(w->env, w->in->cache, w->vek), &inner);

    snp_expected(c, "ECDSA P-384 with SHA-384 by the %s", kind_name(w));
    if (r < 0 && r != -EKEYREJECTED)
        return cmn_err_set(err, -r, "%.400s", inner.msg);
    if (r < 0)
        return snp_no(c, CMN_REASON_SNP_SIGNATURE_INVALID,
                      "Report signature verification against VEK signature failed: %.160s",
                      inner.msg);
    return SNP_YES;
}

/*
 * Upstream compares the chip id of a certificate whose subject is exactly "VCEK". AMD's are called
 * SEV-VCEK, so on real ones it never does; chip-id.certificate does.
 */
static int check_upstreams_name(struct snp_work *w, struct kbs_check *c)
{
    const struct snp_cert_profile *p = &w->vek->profile;

    if (!*p->subject)
        return snp_no(c, CMN_REASON_SNP_CERT_NAME,
                      "Reported TCB values do not match: No common name found in certificate");
    if (strcmp(p->subject, "VCEK") != 0)
        return SNP_YES;
    if (p->ext[SNP_EXT_HWID].state != SNP_EXT_OK || p->hwid_len != 64)
        return snp_no(c, CMN_REASON_SNP_CERT_EXTENSION,
                      "Reported TCB values do not match: hwID of the VCEK cannot be read");
    return memcmp(p->hwid, w->report->chip_id, 64) == 0
               ? SNP_YES
               : snp_no(c, CMN_REASON_SNP_CHIP_ID_MISMATCH,
                        "Reported TCB values do not match: Chip ID mismatch");
}

/* Upstream reads only these, each once, and compares in this order. */
int snp_check_tcb_cert(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const struct snp_tcb *t = &w->report->reported_tcb;
    const struct snp_ext *ext = w->vek->profile.ext;
    const struct {
        enum snp_ext_id id;
        uint8_t report;
        const char *text;
    } parts[] = {
        {SNP_EXT_UCODE, t->microcode, "Microcode version mismatch"},
        {SNP_EXT_SNP, t->snp, "SNP version mismatch"},
        {SNP_EXT_TEE, t->tee, "TEE version mismatch"},
        {SNP_EXT_BL, t->bootloader, "Boot loader version mismatch"},
        {SNP_EXT_FMC, t->fmc, "FMC version mismatch"},
    };
    const struct snp_tcb cert = {ext[SNP_EXT_FMC].value, ext[SNP_EXT_BL].value,
                                 ext[SNP_EXT_TEE].value, ext[SNP_EXT_SNP].value,
                                 ext[SNP_EXT_UCODE].value};
    bool turin = w->res->product == SNP_TURIN;

    (void)err;
    snp_tcb_text(c->expected, &cert, turin);
    snp_tcb_text(c->actual, t, turin);
    if (check_upstreams_name(w, c) == SNP_NO)
        return SNP_NO;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(parts) - (turin ? 0 : 1); i++) {
        const struct snp_ext *e = &ext[parts[i].id];
        if (e->state != SNP_EXT_OK)
            return snp_no(c, CMN_REASON_SNP_CERT_EXTENSION,
                          "Reported TCB values do not match: %s (%s of the %s)",
                          e->state == SNP_EXT_ABSENT      ? "Oid not found"
                          : e->state == SNP_EXT_DUPLICATE ? "Oid found twice"
                                                          : "not an INTEGER from 0 to 255",
                          snp_ext_name(parts[i].id), kind_name(w));
        if (e->value != parts[i].report)
            return snp_no(c, CMN_REASON_SNP_TCB_MISMATCH,
                          "Reported TCB values do not match: %s (report %u, certificate %u)",
                          parts[i].text, parts[i].report, e->value);
    }
    return SNP_YES;
}

/* Which extensions this kind and product has (AMD 57230, and real certificates). */
static bool wanted(const struct snp_work *w, enum snp_ext_id id)
{
    bool turin = w->res->product == SNP_TURIN;

    switch (id) {
    case SNP_EXT_SPL4:
        return !turin;
    case SNP_EXT_FMC:
        return turin;
    case SNP_EXT_HWID:
        return !w->res->is_vlek;
    case SNP_EXT_CSPID:
        return w->res->is_vlek;
    default:
        return true;
    }
}

static const char *extension_problem(const struct snp_work *w, enum snp_ext_id id)
{
    const struct snp_cert_profile *p = &w->vek->profile;
    const struct snp_ext *e = &p->ext[id];
    bool turin = w->res->product == SNP_TURIN;

    if (e->state == SNP_EXT_DUPLICATE)
        return "is there twice";
    if (e->state == SNP_EXT_MALFORMED)
        return "cannot be read";
    if (e->state == SNP_EXT_ABSENT)
        return wanted(w, id) ? "is missing" : NULL;
    if (!wanted(w, id))
        return "does not belong there";
    if (e->critical)
        return "is critical";
    if (id >= SNP_EXT_SPL4 && id <= SNP_EXT_SPL7 && e->value)
        return "is not zero though it is reserved";
    if (id == SNP_EXT_STRUCT_VERSION && e->value != (turin ? 1 : 0))
        return "is not the one of this product";
    if (id == SNP_EXT_HWID && p->hwid_len != (turin ? 8u : 64u))
        return "has the length of another product";
    if (id == SNP_EXT_PRODUCT_NAME) { /* "Genoa", "Milan-B0": a stepping may follow */
        const char *name = snp_product_name(w->res->product);
        size_t n = strlen(name);
        if (strncmp(p->product_name, name, n) != 0 ||
            (p->product_name[n] && p->product_name[n] != '-'))
            return "names another product";
    }
    return NULL;
}

int snp_check_vek_extensions(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    snp_expected(c, "AMD's extensions of a %s of %s", kind_name(w),
                 snp_product_name(w->res->product));
    if (!w->vek->profile.x509_v3)
        return snp_no(c, CMN_REASON_SNP_CERT_EXTENSION, "the %s is no X.509 v3 certificate",
                      kind_name(w));
    for (enum snp_ext_id id = 0; id < SNP_EXT_COUNT; id++) {
        const char *problem = extension_problem(w, id);
        if (!problem)
            continue;
        snp_actual(c, "%s (" SNP_OID_ARC ".%s) %s", snp_ext_name(id), snp_ext_suffix(id), problem);
        return snp_no(c, CMN_REASON_SNP_CERT_EXTENSION, "%s of the %s %s", snp_ext_name(id),
                      kind_name(w), problem);
    }
    if (w->vek->profile.unknown_critical)
        return snp_no(c, CMN_REASON_SNP_CERT_EXTENSION,
                      "the %s has a critical extension that is not known", kind_name(w));
    return SNP_YES;
}

/* The evidence says VCEK or VLEK; the certificate must be one. */
int snp_check_vek_kind(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const struct snp_cert_profile *p = &w->vek->profile;
    bool has_hwid = p->ext[SNP_EXT_HWID].state != SNP_EXT_ABSENT;
    bool has_csp = p->ext[SNP_EXT_CSPID].state != SNP_EXT_ABSENT;

    (void)err;
    snp_expected(c, "%s", w->res->is_vlek ? "VLEK with cspID" : "VCEK with hwID");
    snp_actual(c, "%.48s with %s", p->subject,
               has_hwid  ? has_csp ? "hwID and cspID" : "hwID"
               : has_csp ? "cspID"
                         : "neither hwID nor cspID");
    if (w->res->is_vlek ? has_csp && !has_hwid : has_hwid && !has_csp)
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_KEY_KIND, "the certificate handed in as %s is of another kind",
                  kind_name(w));
}

int snp_check_signing_key_kind(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    unsigned signing_key = w->report->key_info >> SNP_KEY_INFO_SIGNING_SHIFT & 7;

    (void)err;
    if (signing_key > SNP_SIGNING_VLEK)
        return SNP_NOT_ASKED; /* no kind: key-info.format and key-info.none tell */
    snp_expected(c, "SIGNING_KEY %u with a %s", w->res->is_vlek ? 1u : 0u, kind_name(w));
    snp_actual(c, "SIGNING_KEY %u", signing_key);
    if (signing_key == (w->res->is_vlek ? 1u : 0u))
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_KEY_KIND, "SIGNING_KEY is %u, and the certificate is a %s",
                  signing_key, kind_name(w));
}

int snp_check_chip_id_masked(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    if (w->res->is_vlek || w->expect->allow_masked_chip_id)
        return SNP_NOT_ASKED;
    snp_expected(c, "CHIP_ID of the chip");
    if (!cmn_all_zero(w->report->chip_id, sizeof(w->report->chip_id)))
        return SNP_YES;
    snp_actual(c, "zero");
    return snp_no(c, CMN_REASON_SNP_CHIP_ID_MASKED,
                  "CHIP_ID is zero: the report is not bound to the chip of its VCEK");
}

/* Turin: 8 significant bytes, then zeroes. */
int snp_check_chip_id(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const struct snp_cert_profile *p = &w->vek->profile;
    const uint8_t *chip = w->report->chip_id;

    (void)err;
    if (p->ext[SNP_EXT_HWID].state != SNP_EXT_OK || cmn_all_zero(chip, 64))
        return SNP_NOT_ASKED;
    snp_hex(c->expected, p->hwid, p->hwid_len);
    snp_hex(c->actual, chip, 64);
    if (memcmp(chip, p->hwid, p->hwid_len) == 0 &&
        cmn_all_zero(chip + p->hwid_len, 64 - p->hwid_len))
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_CHIP_ID_MISMATCH,
                  "CHIP_ID differs from the certificate's hwID");
}
