/*
 * verifier-snp.c - SEV-SNP evidence, checked as Trustee checks it (trustee 78962cd
 * deps/verifier/src/snp/mod.rs), in its order and with its texts. What Trustee leaves out though it
 * matters becomes an advisory.
 */
#include "roots.h"
#include "vcek-store.h"
#include "verifier.h"

#include "common/crypto/crypto.h"
#include "common/enc/enc.h"
#include "common/snp/certs.h"
#include "common/snp/vek.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct work {
    struct cmn_env *env;
    const struct kbs_verify_input *in;
    struct snp_report report;
    enum snp_product product;
    struct snp_certs certs;
    X509 *vek;
    bool is_vlek;
    const struct kbs_root_family *family;
    struct kbs_claims *claims;
};

static int refuse(struct cmn_err *err, enum cmn_reason reason, const char *text)
{
    return cmn_err_reason(err, EKEYREJECTED, reason, "%s", text);
}

static int check_version(struct work *w, struct cmn_err *err)
{
    const struct snp_report *p = &w->report;

    if (p->version < 3)
        return refuse(err, CMN_REASON_SNP_VERSION_TOO_OLD,
                      "Attestation Report version is too old. Please update your firmware.");
    if (p->version > 5)
        return refuse(
            err, CMN_REASON_SNP_VERSION_UNKNOWN,
            "Unexpected attestation report version. Check SNP Firmware ABI specification");
    if (!p->has_cpuid)
        return refuse(err, CMN_REASON_SNP_PRODUCT_UNKNOWN,
                      "Attestation report version 3+ is missing CPU family ID");
    /* upstream's own range of Genoa models ends before AF */
    if (snp_product_from_cpuid(p->cpuid_fam_id, p->cpuid_mod_id, &w->product) < 0 ||
        (p->cpuid_fam_id == 0x19 && p->cpuid_mod_id == 0xAF))
        return refuse(err, CMN_REASON_SNP_PRODUCT_UNKNOWN,
                      p->cpuid_fam_id == 0x19 || p->cpuid_fam_id == 0x1A
                          ? "Processor model not supported"
                          : "Processor family not supported");
    return 0;
}

static bool signed_by(struct work *w, enum snp_cert_type type, EVP_PKEY *key)
{
    const struct snp_cert *c = snp_certs_find(&w->certs, type);
    auto_x509 X509 *cert = NULL;

    return !c || (cmn_x509_load(w->env, cmn_buf_bytes(&c->bytes), &cert, NULL) == 0 &&
                  X509_verify(cert, key) == 1);
}

/* Public key of a certificate of the evidence, or NULL if there is none of this type. */
static EVP_PKEY *key_of(struct work *w, enum snp_cert_type type)
{
    const struct snp_cert *c = snp_certs_find(&w->certs, type);
    auto_x509 X509 *cert = NULL;

    if (!c || cmn_x509_load(w->env, cmn_buf_bytes(&c->bytes), &cert, NULL) < 0)
        return NULL;
    return X509_get_pubkey(cert);
}

/* The endorsement key's certificate under one family: signatures only, no dates, no CRL, as
 * upstream. */
static int check_family(struct work *w, const struct kbs_root_family *f, bool *root_matches)
{
    auto_pkey EVP_PKEY *own_ask = key_of(w, SNP_CERT_ASK);
    EVP_PKEY *ask = own_ask ? own_ask : w->is_vlek ? f->asvk : f->ask;

    *root_matches = signed_by(w, SNP_CERT_ARK, f->ark);
    if (!*root_matches || !ask)
        return -EKEYREJECTED;
    if (!signed_by(w, SNP_CERT_ASK, f->ark))
        return -EKEYREJECTED;
    return X509_verify(w->vek, ask) == 1 ? 0 : -EKEYREJECTED;
}

/* Evidence without a chain: the VCEK of the offline store, if there is one. */
static int fetch_vcek(struct work *w, struct cmn_err *err)
{
    auto_buf struct cmn_buf der = {0};
    struct cmn_err inner = {0};

    if (!w->in->vcek_dir)
        return refuse(err, CMN_REASON_SNP_VCEK_UNAVAILABLE,
                      "Failed to fetch VCEK from any configured source");
    if (kbs_vcek_find(w->in->vcek_dir, &w->report, w->product, &der, &inner) < 0)
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_SNP_VCEK_UNAVAILABLE,
                              "Failed to fetch VCEK from any configured source: %.400s", inner.msg);
    return snp_certs_add(&w->certs, SNP_CERT_VCEK, cmn_buf_bytes(&der), err);
}

static int check_chain(struct work *w, struct cmn_err *err)
{
    const json_t *chain = json_object_get(w->in->evidence, "cert_chain");
    const struct kbs_root_family *f = NULL;
    const struct snp_cert *vek = NULL;
    bool any_root = false, root_matches, stored = !chain || json_is_null(chain);

    int r = stored ? fetch_vcek(w, err) : snp_certs_from_json(chain, &w->certs, err);
    if (r < 0)
        return stored ? r
                      : refuse(err, CMN_REASON_SNP_EVIDENCE_MALFORMED,
                               "Deserialize SNP Evidence failed");
    for (size_t i = 0; i < w->certs.n && !vek; i++) /* the first of either kind wins */
        if (w->certs.list[i].type == SNP_CERT_VCEK || w->certs.list[i].type == SNP_CERT_VLEK)
            vek = &w->certs.list[i];
    if (!vek)
        return refuse(err, CMN_REASON_SNP_CERT_CHAIN_MISSING_VEK,
                      "If a cert chain is provided, it must include a VCEK/VLEK");
    w->is_vlek = vek->type == SNP_CERT_VLEK;
    if (cmn_x509_load(w->env, cmn_buf_bytes(&vek->bytes), &w->vek, err) < 0)
        return refuse(err, CMN_REASON_SNP_CERT_MALFORMED,
                      stored ? "Failed to convert KDS VCEK into certificate"
                             : "the VCEK/VLEK cannot be read");
    while ((f = kbs_roots_next(w->in->roots, w->product, f))) {
        if (check_family(w, f, &root_matches) == 0) {
            w->family = f;
            w->claims->root = f->name;
            return 0;
        }
        any_root = any_root || root_matches;
    }
    return any_root ? refuse(err, CMN_REASON_SNP_CHAIN_INVALID,
                             stored ? "Certificate chain from KDS failed verification"
                                    : "Certificate chain provided by user failed to verify")
                    : refuse(err, CMN_REASON_SNP_ROOT_UNTRUSTED,
                             "Provided ARK has an invalid signature");
}

static int check_tcb(struct work *w, const struct snp_vek_info *vek, struct cmn_err *err)
{
    const struct snp_tcb *t = &w->report.reported_tcb;
    bool turin = w->product == SNP_TURIN;
    const struct {
        bool present;
        uint8_t cert, report;
        const char *text;
    } parts[] = {
        {vek->has_ucode, vek->tcb.microcode, t->microcode, "Microcode version mismatch"},
        {vek->has_snp, vek->tcb.snp, t->snp, "SNP version mismatch"},
        {vek->has_tee, vek->tcb.tee, t->tee, "TEE version mismatch"},
        {vek->has_bl, vek->tcb.bootloader, t->bootloader, "Boot loader version mismatch"},
        {vek->has_fmc, vek->tcb.fmc, t->fmc, "FMC version mismatch"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(parts) - (turin ? 0 : 1); i++) {
        if (!parts[i].present)
            return refuse(err, CMN_REASON_SNP_CERT_MALFORMED,
                          "Reported TCB values do not match: Oid not found");
        if (parts[i].cert != parts[i].report)
            return cmn_err_reason(
                err, EKEYREJECTED, CMN_REASON_SNP_TCB_MISMATCH,
                "Reported TCB values do not match: %s (report %u, certificate %u)", parts[i].text,
                parts[i].report, parts[i].cert);
    }
    return 0;
}

/* A field of the report against a digest, zero-padded or truncated to the field. */
static int check_field(const uint8_t *field, size_t len, const uint8_t *want, size_t want_len,
                       enum cmn_reason reason, const char *text, struct cmn_err *err)
{
    uint8_t padded[64] = {0};

    memcpy(padded, want, want_len < len ? want_len : len);
    if (memcmp(field, padded, len) == 0)
        return 0;
    auto_free char *given = cmn_hex(field, len), *expected = cmn_hex(padded, len);
    return cmn_err_reason(err, EKEYREJECTED, reason, "%s. Given: %s, Expected: %s", text,
                          given ? given : "?", expected ? expected : "?");
}

static void advise_tcb(struct work *w)
{
    const struct snp_tcb *r = &w->report.reported_tcb, *c = &w->report.committed_tcb;

    if (r->bootloader > c->bootloader || r->tee > c->tee || r->snp > c->snp ||
        r->microcode > c->microcode || r->fmc > c->fmc)
        kbs_claims_advise(w->claims, CMN_REASON_SNP_TCB_ORDER,
                          "REPORTED_TCB is above COMMITTED_TCB");
}

/* What matters and Trustee's verifier does not look at. */
static void advise(struct work *w, const struct snp_vek_info *vek)
{
    const struct snp_report *p = &w->report;
    unsigned signing_key = p->key_info >> 2 & 7;
    time_t now = (time_t)w->in->now;

    if (p->policy & SNP_POLICY_DEBUG)
        kbs_claims_advise(w->claims, CMN_REASON_SNP_DEBUG_ALLOWED, "POLICY 0x%llx allows debugging",
                          (unsigned long long)p->policy);
    if (p->policy & SNP_POLICY_MIGRATE_MA)
        kbs_claims_advise(w->claims, CMN_REASON_SNP_MIGRATION_ALLOWED,
                          "POLICY 0x%llx allows a migration agent", (unsigned long long)p->policy);
    if (p->sig_algo != 1)
        kbs_claims_advise(w->claims, CMN_REASON_SNP_SIGNATURE_ALGO, "SIGNATURE_ALGO is %u, want 1",
                          p->sig_algo);
    if (p->key_info >> 5 || p->key_info & 2 || signing_key != (w->is_vlek ? 1u : 0u))
        kbs_claims_advise(w->claims, CMN_REASON_SNP_KEY_INFO, "KEY_INFO is 0x%x with a %s",
                          p->key_info, w->is_vlek ? "VLEK" : "VCEK");
    if (vek->has_hwid && memcmp(vek->hwid, p->chip_id, vek->hwid_len) != 0)
        kbs_claims_advise(w->claims, CMN_REASON_SNP_CHIP_ID_MISMATCH,
                          "CHIP_ID differs from the certificate's hwID");
    if (X509_cmp_time(X509_get0_notBefore(w->vek), &now) > 0 ||
        X509_cmp_time(X509_get0_notAfter(w->vek), &now) < 0)
        kbs_claims_advise(w->claims, CMN_REASON_SNP_CERT_EXPIRED, "the %s is outside its validity",
                          w->is_vlek ? "VLEK" : "VCEK");
    advise_tcb(w);
    if (strcmp(w->claims->root, "test") == 0)
        kbs_claims_remark(w->claims, CMN_REASON_SNP_TEST_ROOT,
                          "the evidence rests on a test root: it proves nothing about hardware");
}

static int make_claims(struct work *w, struct cmn_err *err)
{
    const struct snp_report *p = &w->report;
    auto_free char *measurement = cmn_hex(p->measurement, 48), *chip = cmn_hex(p->chip_id, 64);
    struct kbs_claims *c = w->claims;

    c->report_data = cmn_hex(p->report_data, 64);
    c->init_data = cmn_hex(p->host_data, 32);
    c->claims = json_pack(
        "{s:i, s:i, s:b, s:b, s:b, s:b, s:b, s:b, s:i, s:i, s:i, s:i, s:s, s:s}",
        "policy_abi_major", (int)(p->policy >> 8 & 0xFF), "policy_abi_minor",
        (int)(p->policy & 0xFF), "policy_smt_allowed", !!(p->policy & SNP_POLICY_SMT),
        "policy_migrate_ma", !!(p->policy & SNP_POLICY_MIGRATE_MA), "policy_debug_allowed",
        !!(p->policy & SNP_POLICY_DEBUG), "policy_single_socket",
        !!(p->policy & SNP_POLICY_SINGLE_SOCKET), "platform_tsme_enabled",
        !!(p->plat_info & SNP_PLAT_TSME), "platform_smt_enabled", !!(p->plat_info & SNP_PLAT_SMT),
        "reported_tcb_bootloader", p->reported_tcb.bootloader, "reported_tcb_tee",
        p->reported_tcb.tee, "reported_tcb_snp", p->reported_tcb.snp, "reported_tcb_microcode",
        p->reported_tcb.microcode, "measurement", measurement, "chip_id", chip);
    if (!c->claims || !c->report_data || !c->init_data)
        return cmn_err_set(err, ENOMEM, "no memory");
    return 0;
}

static int check_all(struct work *w, struct cmn_err *err)
{
    const struct kbs_verify_input *in = w->in;
    struct snp_vek_info vek;
    uint8_t raw[SNP_REPORT_BYTES];
    int r =
        snp_report_from_json(json_object_get(in->evidence, "attestation_report"), &w->report, err);

    if (r < 0) {
        (void)cmn_err_wrap(err, r, "Deserialize SNP Evidence failed");
        return r == -EBADMSG ? -EKEYREJECTED : r;
    }
    if ((r = check_version(w, err)) < 0 || (r = check_chain(w, err)) < 0)
        return r;
    /* upstream rebuilds the report from the fields, with zeroes in reserved places */
    snp_report_encode(&w->report, raw);
    auto_pkey EVP_PKEY *key = X509_get_pubkey(w->vek);
    if (!key)
        return refuse(err, CMN_REASON_SNP_CERT_MALFORMED, "the VCEK/VLEK has no usable key");
    if ((r = snp_report_verify(w->env, raw, key, err)) < 0)
        return cmn_err_wrap(err, r, "Report signature verification against VEK signature failed");
    if (snp_vek_info(w->vek, &vek, err) < 0)
        return -EKEYREJECTED;
    if ((r = check_tcb(w, &vek, err)) < 0)
        return r;
    if (w->report.vmpl != 0)
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_SNP_VMPL,
                              "VMPL Check Failed (report %u, want 0)", w->report.vmpl);
    r = check_field(w->report.report_data, 64, in->report_data, in->report_data_len,
                    CMN_REASON_SNP_REPORT_DATA_MISMATCH, "Report Data Mismatch", err);
    if (r == 0 && in->init_data)
        r = check_field(w->report.host_data, 32, in->init_data, in->init_data_len,
                        CMN_REASON_SNP_HOST_DATA_MISMATCH, "Host Data Mismatch", err);
    if (r < 0)
        return r;
    advise(w, &vek);
    return make_claims(w, err);
}

static int verify(struct cmn_env *env, const struct kbs_verify_input *in, struct kbs_claims *ret,
                  struct cmn_err *err)
{
    struct kbs_claims claims = {.root = "none"};
    struct work w = {.env = env, .in = in, .claims = &claims};
    int r = check_all(&w, err);

    snp_certs_done(&w.certs);
    X509_free(w.vek);
    if (r < 0) {
        kbs_claims_done(&claims);
        return r;
    }
    *ret = claims;
    return 0;
}

const struct kbs_verifier kbs_verifier_snp = {"snp", verify};
