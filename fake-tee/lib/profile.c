/* profile.c - certificates in AMD's shape, signed with test keys; see profile.h. */
#include "profile.h"

#include "common/snp/vek.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_names[] = {"ARK", "ASK", "ASVK", "VCEK", "VLEK"};

/* Common name of a certificate of this kind. */
static void name_of(enum ftee_cert_kind kind, enum snp_product product, char *out, size_t cap)
{
    static const char *const formats[] = {"ARK-", "SEV-", "SEV-VLEK-", "SEV-VCEK", "SEV-VLEK"};

    (void)snprintf(out, cap, "%s%s", formats[kind],
                   kind < FTEE_CERT_VCEK ? snp_product_name(product) : "");
}

static enum ftee_cert_kind issuer_of(enum ftee_cert_kind kind)
{
    return kind == FTEE_CERT_VCEK   ? FTEE_CERT_ASK
           : kind == FTEE_CERT_VLEK ? FTEE_CERT_ASVK
                                    : FTEE_CERT_ARK;
}

static const char *default_not_after(enum ftee_cert_kind kind)
{
    return kind < FTEE_CERT_VCEK    ? "20500101000000Z"  /* 25 years */
           : kind == FTEE_CERT_VCEK ? "20320101000000Z"  /* 7 years */
                                    : "20260101000000Z"; /* 1 year */
}

uint64_t ftee_profile_serial(enum snp_product product, enum ftee_cert_kind kind)
{
    /* the prefix, then AMD's number: Genoa's first ASK (1) was revoked, its second is 2 */
    unsigned n = kind == FTEE_CERT_ARK    ? 0
                 : kind == FTEE_CERT_ASVK ? 0x101
                 : product == SNP_GENOA   ? 2
                                          : 1;

    return kind >= FTEE_CERT_VCEK
               ? 0
               : (uint64_t)FTEE_SERIAL_PREFIX << 24 | (uint64_t)(product + 1) << 16 | n;
}

/* The marker: an UTF8String nobody can take for AMD's. */
static int add_marker(X509 *cert)
{
    uint8_t der[2 + sizeof(FTEE_MARKER_TEXT) - 1] = {12, sizeof(FTEE_MARKER_TEXT) - 1};

    memcpy(der + 2, FTEE_MARKER_TEXT, sizeof(FTEE_MARKER_TEXT) - 1);
    return ftee_x509_add_raw(cert, FTEE_MARKER_OID, false, cmn_bytes(der, sizeof(der)));
}

/* ARK, ASK and ASVK. */
static int add_ca_extensions(X509 *cert, const struct ftee_profile_in *in)
{
    enum ftee_cert_kind kind = in->what->kind;
    char crl[96];
    const struct {
        int nid;
        const char *value;
    } ark[] = {{NID_key_usage, "critical,keyCertSign,cRLSign"},
               {NID_subject_key_identifier, "hash"},
               {NID_basic_constraints, "critical,CA:TRUE"},
               {NID_crl_distribution_points, crl}},
      below[] = {{NID_subject_key_identifier, "hash"},
                 {NID_authority_key_identifier, "keyid:always"},
                 {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                 {NID_key_usage, "critical,keyCertSign"},
                 {NID_crl_distribution_points, crl}};
    bool root = kind == FTEE_CERT_ARK;
    size_t n = root ? CMN_ARRAY_SIZE(ark) : CMN_ARRAY_SIZE(below);
    int r = 0;

    (void)snprintf(crl, sizeof(crl), "URI:https://kdsintf.amd.com/%s/v1/%s/crl",
                   kind == FTEE_CERT_ASVK ? "vlek" : "vcek", snp_product_name(in->product));
    for (size_t i = 0; i < n && r == 0; i++)
        r = ftee_x509_add_conf(cert, in->issuer ? in->issuer : cert,
                               root ? ark[i].nid : below[i].nid,
                               root ? ark[i].value : below[i].value);
    return r < 0 ? r : add_marker(cert);
}

/* structVersion, productName and the SPLs: exactly the set and order of the product. */
static int add_tcb(X509 *cert, const struct ftee_profile_in *in)
{
    static const char *const vcek_names[] = {"Milan-B0", "Genoa", "Turin"};
    const struct snp_tcb *tcb = in->tcb;
    const struct {
        const char *suffix;
        uint8_t value;
    } old[] = {{"3.1", tcb->bootloader},
               {"3.2", tcb->tee},
               {"3.4", 0},
               {"3.5", 0},
               {"3.6", 0},
               {"3.7", 0},
               {"3.3", tcb->snp},
               {"3.8", tcb->microcode}},
      turin[] = {{"3.9", tcb->fmc}, {"3.1", tcb->bootloader},
                 {"3.2", tcb->tee}, {"3.3", tcb->snp},
                 {"3.5", 0},        {"3.6", 0},
                 {"3.7", 0},        {"3.8", tcb->microcode}};
    bool is_turin = in->product == SNP_TURIN;
    int r = ftee_x509_add_int(cert, "1", is_turin ? 1 : 0);

    /* a VLEK names the product without a stepping */
    if (r == 0)
        r = ftee_x509_add_ia5(cert, "2",
                              in->what->kind == FTEE_CERT_VLEK ? snp_product_name(in->product)
                                                               : vcek_names[in->product]);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(old) && r == 0; i++)
        r = is_turin ? ftee_x509_add_int(cert, turin[i].suffix, turin[i].value)
                     : ftee_x509_add_int(cert, old[i].suffix, old[i].value);
    return r;
}

static int add_extensions(X509 *cert, const struct ftee_profile_in *in)
{
    const struct ftee_issue *what = in->what;
    int r = what->kind < FTEE_CERT_VCEK ? add_ca_extensions(cert, in) : add_tcb(cert, in);

    /* hwID: the OCTET STRING of the extension holds the bytes directly */
    if (r == 0 && what->kind == FTEE_CERT_VCEK)
        r = ftee_x509_add_raw(cert, SNP_OID_ARC ".4", false,
                              cmn_bytes(in->chip_id, in->product == SNP_TURIN ? 8 : 64));
    if (r == 0 && what->kind == FTEE_CERT_VLEK)
        r = ftee_x509_add_ia5(cert, "5", what->csp_id ? what->csp_id : FTEE_CSP_ID);
    return r;
}

int ftee_profile_make(struct cmn_env *env, const struct ftee_profile_in *in, X509 **ret,
                      struct cmn_err *err)
{
    const struct ftee_issue *what = in->what;
    char subject[32], issuer[32];
    const struct ftee_x509_head head = {
        .serial = what->serial ? what->serial : ftee_profile_serial(in->product, what->kind),
        .not_before = what->not_before ? what->not_before : FTEE_NOT_BEFORE,
        .not_after = what->not_after ? what->not_after : default_not_after(what->kind),
        .subject = what->subject_cn ? what->subject_cn : subject,
        .issuer = what->issuer_cn ? what->issuer_cn : issuer};

    name_of(what->kind, in->product, subject, sizeof(subject));
    name_of(issuer_of(what->kind), in->product, issuer, sizeof(issuer));
    auto_x509 X509 *cert = ftee_x509_new(env, &head, in->key);
    if (!cert)
        return cmn_err_set(err, EINVAL, "the %s certificate cannot have these names and dates",
                           kind_names[what->kind]);
    int r = add_extensions(cert, in);
    if (r < 0)
        return cmn_err_set(err, -r, "the %s certificate could not be made", kind_names[what->kind]);
    for (size_t i = 0; i < what->n_exts && r == 0; i++)
        r = ftee_x509_change(cert, &what->exts[i], err);
    if (r < 0)
        return r;
    r = ftee_x509_sign(env, cert, NULL, in->signer, what->alg);
    if (r < 0)
        return cmn_err_set(err, -r, "the %s certificate could not be signed",
                           kind_names[what->kind]);
    *ret = cmn_take(cert);
    return 0;
}
