/* cert-profile.c - see cert-profile.h. */
#include "common/snp/cert-profile.h"

#include "common/snp/vek.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *suffix, *name;
} exts[SNP_EXT_COUNT] = {
    [SNP_EXT_STRUCT_VERSION] = {"1", "structVersion"},
    [SNP_EXT_PRODUCT_NAME] = {"2", "productName"},
    [SNP_EXT_BL] = {"3.1", "blSPL"},
    [SNP_EXT_TEE] = {"3.2", "teeSPL"},
    [SNP_EXT_SNP] = {"3.3", "snpSPL"},
    [SNP_EXT_SPL4] = {"3.4", "spl_4"},
    [SNP_EXT_SPL5] = {"3.5", "spl_5"},
    [SNP_EXT_SPL6] = {"3.6", "spl_6"},
    [SNP_EXT_SPL7] = {"3.7", "spl_7"},
    [SNP_EXT_UCODE] = {"3.8", "ucodeSPL"},
    [SNP_EXT_FMC] = {"3.9", "fmcSPL"},
    [SNP_EXT_HWID] = {"4", "hwID"},
    [SNP_EXT_CSPID] = {"5", "cspID"},
};

const char *snp_ext_suffix(enum snp_ext_id id)
{
    return exts[id].suffix;
}

const char *snp_ext_name(enum snp_ext_id id)
{
    return exts[id].name;
}

/* An INTEGER of 0..255 in minimal DER. */
static bool read_int(const uint8_t *p, int n, uint8_t *ret)
{
    if (n == 3 && p[0] == 2 && p[1] == 1 && p[2] < 0x80)
        *ret = p[2];
    else if (n == 4 && p[0] == 2 && p[1] == 2 && p[2] == 0 && p[3] >= 0x80)
        *ret = p[3];
    else
        return false;
    return true;
}

/* IA5String, printable, of at most cap - 1 characters. */
static bool read_ia5(const uint8_t *p, int n, char *ret, size_t cap)
{
    if (n < 3 || p[0] != 22 || p[1] != n - 2 || (size_t)n - 2 >= cap)
        return false;
    for (int i = 2; i < n; i++)
        if (p[i] < ' ' || p[i] > '~')
            return false;
    memcpy(ret, p + 2, (size_t)n - 2);
    ret[n - 2] = 0;
    return true;
}

/*
 * Raw bytes, or wrapped in an OCTET STRING as KDS did for a while in 2023. Told apart by length: a
 * raw chip id may begin with any byte.
 */
static bool read_hwid(const uint8_t *p, int n, struct snp_cert_profile *ret)
{
    if ((n == 66 || n == 10) && p[0] == 4 && p[1] == n - 2) {
        p += 2;
        n -= 2;
    }
    if (n != 64 && n != 8)
        return false;
    memcpy(ret->hwid, p, (size_t)n);
    ret->hwid_len = (size_t)n;
    return true;
}

static bool read_content(enum snp_ext_id id, const uint8_t *p, int n, struct snp_cert_profile *ret)
{
    char csp[160];

    switch (id) {
    case SNP_EXT_PRODUCT_NAME:
        return read_ia5(p, n, ret->product_name, sizeof(ret->product_name));
    case SNP_EXT_CSPID:
        return read_ia5(p, n, csp, sizeof(csp));
    case SNP_EXT_HWID:
        return read_hwid(p, n, ret);
    default:
        return read_int(p, n, &ret->ext[id].value);
    }
}

static bool is_amd(X509_EXTENSION *ext, enum snp_ext_id *ret)
{
    static const char arc[] = SNP_OID_ARC ".";
    char text[80];

    if (OBJ_obj2txt(text, sizeof(text), X509_EXTENSION_get_object(ext), 1) <= 0 ||
        strncmp(text, arc, sizeof(arc) - 1) != 0)
        return false;
    for (unsigned i = 0; i < SNP_EXT_COUNT; i++)
        if (strcmp(text + sizeof(arc) - 1, exts[i].suffix) == 0) {
            *ret = (enum snp_ext_id)i;
            return true;
        }
    return false;
}

static void read_extensions(X509 *cert, struct snp_cert_profile *ret)
{
    for (int i = 0; i < X509_get_ext_count(cert); i++) {
        X509_EXTENSION *ext = X509_get_ext(cert, i);
        enum snp_ext_id id;
        bool critical = X509_EXTENSION_get_critical(ext);
        if (!is_amd(ext, &id)) {
            ret->unknown_critical =
                ret->unknown_critical || (critical && !X509_supported_extension(ext));
            continue;
        }
        const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(ext);
        struct snp_ext *e = &ret->ext[id];
        e->critical = critical;
        if (e->state != SNP_EXT_ABSENT)
            e->state = SNP_EXT_DUPLICATE;
        else
            e->state = read_content(id, ASN1_STRING_get0_data(data), ASN1_STRING_length(data), ret)
                           ? SNP_EXT_OK
                           : SNP_EXT_MALFORMED;
    }
}

/* The common name into cn; whether the rest is OU, C, L, ST, O as AMD writes them. */
static bool read_name(X509_NAME *name, char *cn, size_t cap)
{
    static const struct {
        int nid;
        const char *value;
    } want[] = {{NID_organizationalUnitName, "Engineering"},
                {NID_countryName, "US"},
                {NID_localityName, "Santa Clara"},
                {NID_stateOrProvinceName, "CA"},
                {NID_organizationName, "Advanced Micro Devices"},
                {NID_commonName, NULL}};
    bool ok = X509_NAME_entry_count(name) == (int)CMN_ARRAY_SIZE(want);
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);

    cn[0] = 0;
    if (at >= 0 && X509_NAME_get_index_by_NID(name, NID_commonName, at) < 0) {
        const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
        size_t n = (size_t)ASN1_STRING_length(text);
        if (n < cap && !memchr(ASN1_STRING_get0_data(text), 0, n)) {
            memcpy(cn, ASN1_STRING_get0_data(text), n);
            cn[n] = 0;
        }
    }
    for (size_t i = 0; i < CMN_ARRAY_SIZE(want) && ok; i++) {
        X509_NAME_ENTRY *e = X509_NAME_get_entry(name, (int)i);
        const ASN1_STRING *text = X509_NAME_ENTRY_get_data(e);
        ok = OBJ_obj2nid(X509_NAME_ENTRY_get_object(e)) == want[i].nid &&
             (!want[i].value ||
              ((size_t)ASN1_STRING_length(text) == strlen(want[i].value) &&
               memcmp(ASN1_STRING_get0_data(text), want[i].value, strlen(want[i].value)) == 0));
    }
    return ok;
}

/* RFC 4055 section 3.1: absent members have defaults (SHA-1, salt 20), so all must be there but the
 * trailer field, whose default is the only value. */
static bool is_pss_sha384(X509 *cert)
{
    const X509_ALGOR *alg = NULL;
    const ASN1_OBJECT *oid = NULL;
    int type;
    const void *value = NULL;

    X509_get0_signature(NULL, &alg, cert);
    X509_ALGOR_get0(&oid, &type, &value, alg);
    if (OBJ_obj2nid(oid) != NID_rsassaPss || type != V_ASN1_SEQUENCE)
        return false;
    RSA_PSS_PARAMS *pss = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS),
                                                    &(ASN1_TYPE){type, {(char *)value}});
    X509_ALGOR *mgf_hash = NULL;
    bool ok = pss && pss->hashAlgorithm && pss->maskGenAlgorithm && pss->saltLength &&
              OBJ_obj2nid(pss->hashAlgorithm->algorithm) == NID_sha384 &&
              OBJ_obj2nid(pss->maskGenAlgorithm->algorithm) == NID_mgf1 &&
              ASN1_INTEGER_get(pss->saltLength) == 48 &&
              (!pss->trailerField || ASN1_INTEGER_get(pss->trailerField) == 1);
    if (ok)
        mgf_hash =
            ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), pss->maskGenAlgorithm->parameter);
    ok = ok && mgf_hash && OBJ_obj2nid(mgf_hash->algorithm) == NID_sha384;
    X509_ALGOR_free(mgf_hash);
    RSA_PSS_PARAMS_free(pss);
    return ok;
}

static bool is_p384(X509 *cert)
{
    ASN1_OBJECT *oid = NULL;
    const ASN1_OBJECT *curve = NULL;
    X509_ALGOR *alg = NULL;
    int type = 0;
    const void *value = NULL;

    if (X509_PUBKEY_get0_param(&oid, NULL, NULL, &alg, X509_get_X509_PUBKEY(cert)) != 1 ||
        OBJ_obj2nid(oid) != NID_X9_62_id_ecPublicKey)
        return false;
    X509_ALGOR_get0(NULL, &type, &value, alg);
    curve = value;
    return type == V_ASN1_OBJECT && OBJ_obj2nid(curve) == NID_secp384r1;
}

/* Without X509_get_extension_flags: that hashes the certificate as well. */
static void read_ca_bits(X509 *cert, struct snp_cert_profile *ret)
{
    int bc_state = 0, usage_state = 0; /* -1: absent */
    BASIC_CONSTRAINTS *bc = X509_get_ext_d2i(cert, NID_basic_constraints, &bc_state, NULL);
    ASN1_BIT_STRING *usage = X509_get_ext_d2i(cert, NID_key_usage, &usage_state, NULL);

    ret->is_ca = bc && bc->ca;
    ret->path_len = ret->is_ca && bc->pathlen ? ASN1_INTEGER_get(bc->pathlen) : -1;
    ret->may_sign_certs = usage_state == -1 || (usage && ASN1_BIT_STRING_get_bit(usage, 5) == 1);
    if ((!bc && bc_state != -1) || (!usage && usage_state != -1))
        ret->unknown_critical = true;
    BASIC_CONSTRAINTS_free(bc);
    ASN1_BIT_STRING_free(usage);
}

static int64_t epoch(const ASN1_TIME *t, int64_t if_bad)
{
    struct tm tm = {0};

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : if_bad;
}

void snp_cert_profile_read(X509 *cert, struct snp_cert_profile *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->subject_amd = read_name(X509_get_subject_name(cert), ret->subject, sizeof(ret->subject));
    ret->issuer_amd = read_name(X509_get_issuer_name(cert), ret->issuer, sizeof(ret->issuer));
    /* a time that cannot be read is no time at which the certificate is valid */
    ret->not_before = epoch(X509_get0_notBefore(cert), INT64_MAX);
    ret->not_after = epoch(X509_get0_notAfter(cert), INT64_MIN);
    if (ASN1_INTEGER_get_uint64(&ret->serial, X509_get0_serialNumber(cert)) != 1)
        ret->serial = UINT64_MAX;
    ret->x509_v3 = X509_get_version(cert) == X509_VERSION_3;
    ret->pss_sha384 = is_pss_sha384(cert);
    ret->p384 = is_p384(cert);
    read_extensions(cert, ret);
    read_ca_bits(cert, ret);
}
