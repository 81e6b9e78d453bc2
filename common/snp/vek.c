/* vek.c - see vek.h. */
#include "common/snp/vek.h"

#include "common/snp/sig.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

/* Content of the extension with this OID suffix, or NULL. */
static const ASN1_OCTET_STRING *find(X509 *cert, const char *suffix)
{
    char text[64];

    (void)snprintf(text, sizeof(text), SNP_OID_ARC ".%s", suffix);
    ASN1_OBJECT *oid = OBJ_txt2obj(text, 1);
    int at = oid ? X509_get_ext_by_OBJ(cert, oid, -1) : -1;
    ASN1_OBJECT_free(oid);
    return at < 0 ? NULL : X509_EXTENSION_get_data(X509_get_ext(cert, at));
}

/* An INTEGER of 0..255 in minimal DER. */
static int get_spl(X509 *cert, const char *suffix, bool *present, uint8_t *ret, struct cmn_err *err)
{
    const ASN1_OCTET_STRING *ext = find(cert, suffix);

    *present = ext;
    if (!ext)
        return 0;
    const uint8_t *p = ASN1_STRING_get0_data(ext);
    int n = ASN1_STRING_length(ext);
    if (n == 3 && p[0] == 2 && p[1] == 1 && p[2] < 0x80)
        *ret = p[2];
    else if (n == 4 && p[0] == 2 && p[1] == 2 && p[2] == 0 && p[3] >= 0x80)
        *ret = p[3];
    else
        return cmn_err_reason(
            err, EBADMSG, CMN_REASON_SNP_CERT_MALFORMED,
            "certificate extension " SNP_OID_ARC ".%s is not an INTEGER from 0 to 255", suffix);
    return 0;
}

/* Raw bytes, or wrapped in an OCTET STRING as KDS did for a while in 2023; told apart by length. */
static int get_hwid(X509 *cert, struct snp_vek_info *info, struct cmn_err *err)
{
    const ASN1_OCTET_STRING *ext = find(cert, "4");

    info->has_hwid = ext;
    if (!ext)
        return 0;
    const uint8_t *p = ASN1_STRING_get0_data(ext);
    int n = ASN1_STRING_length(ext);
    if ((n == 66 || n == 10) && p[0] == 4 && p[1] == n - 2) {
        p += 2;
        n -= 2;
    }
    if (n != 64 && n != 8)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_CERT_MALFORMED,
                              "hwID of the certificate is %d bytes, want 64 or 8", n);
    memcpy(info->hwid, p, (size_t)n);
    info->hwid_len = (size_t)n;
    return 0;
}

int snp_vek_info(X509 *cert, struct snp_vek_info *ret, struct cmn_err *err)
{
    struct snp_vek_info v = {0};
    char cn[64] = "";
    int r;

    if ((r = get_spl(cert, "3.1", &v.has_bl, &v.tcb.bootloader, err)) < 0 ||
        (r = get_spl(cert, "3.2", &v.has_tee, &v.tcb.tee, err)) < 0 ||
        (r = get_spl(cert, "3.3", &v.has_snp, &v.tcb.snp, err)) < 0 ||
        (r = get_spl(cert, "3.8", &v.has_ucode, &v.tcb.microcode, err)) < 0 ||
        (r = get_spl(cert, "3.9", &v.has_fmc, &v.tcb.fmc, err)) < 0 ||
        (r = get_hwid(cert, &v, err)) < 0)
        return r;
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
    v.is_vlek = strcmp(cn, "SEV-VLEK") == 0;
    *ret = v;
    return 0;
}

int snp_report_verify(struct cmn_env *env, const uint8_t raw[SNP_REPORT_BYTES], EVP_PKEY *vek,
                      struct cmn_err *err)
{
    const char *curve = cmn_ec_curve(vek);
    uint8_t sig[96];

    if (!curve || strcmp(curve, "P-384") != 0)
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_SNP_CHAIN_INVALID,
                              "the endorsement key is not on P-384");
    if (snp_sig_decode(raw + SNP_SIGNED_BYTES, sig) < 0)
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_SNP_SIGNATURE_INVALID,
                              "R or S is wider than 48 bytes");
    int rc = cmn_ecdsa_verify(env, vek, "SHA384", cmn_bytes(raw, SNP_SIGNED_BYTES),
                              cmn_bytes(sig, sizeof(sig)), err);
    if (rc == -EKEYREJECTED)
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_SNP_SIGNATURE_INVALID,
                              "VEK does not sign the attestation report");
    return rc;
}

int snp_report_sign(struct cmn_env *env, uint8_t raw[SNP_REPORT_BYTES], EVP_PKEY *vek,
                    struct cmn_err *err)
{
    auto_buf struct cmn_buf sig = {0};
    int r = cmn_ecdsa_sign(env, vek, "SHA384", cmn_bytes(raw, SNP_SIGNED_BYTES), &sig, err);

    if (r < 0)
        return r;
    if (sig.len != 96)
        return cmn_err_set(err, EINVAL, "the endorsement key is not on P-384");
    snp_sig_encode(sig.data, raw + SNP_SIGNED_BYTES);
    return 0;
}
