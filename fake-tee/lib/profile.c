/* profile.c - certificates in AMD's shape, signed with test keys; see profile.h. */
#include "profile.h"

#include "common/snp/vek.h"
#include "fake-tee/ca.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* fixed, so that the same seed gives the same bytes on every day */
#define NOT_BEFORE     "20250101000000Z"
#define CA_NOT_AFTER   "20500101000000Z" /* 25 years */
#define VCEK_NOT_AFTER "20320101000000Z" /* 7 years */

/* OU, C, L, ST, O, CN in this order; C is a PrintableString, the others are UTF8Strings. */
static int set_name(X509_NAME *name, const char *cn)
{
    const struct {
        const char *field, *value;
        int type;
    } parts[] = {
        {"OU", "Engineering", V_ASN1_UTF8STRING},
        {"C", "US", V_ASN1_PRINTABLESTRING},
        {"L", "Santa Clara", V_ASN1_UTF8STRING},
        {"ST", "CA", V_ASN1_UTF8STRING},
        {"O", "Advanced Micro Devices", V_ASN1_UTF8STRING},
        {"CN", cn, V_ASN1_UTF8STRING},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(parts); i++)
        if (X509_NAME_add_entry_by_txt(name, parts[i].field, parts[i].type,
                                       (const unsigned char *)parts[i].value, -1, -1, 0) != 1)
            return -EIO;
    return 0;
}

/* An extension with these content bytes. */
static int add_raw(X509 *cert, const char *oid_text, const uint8_t *content, int len)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(oid_text, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    bool ok = oid && value && ASN1_OCTET_STRING_set(value, content, len) == 1 &&
              (ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value)) &&
              X509_add_ext(cert, ext, -1) == 1;

    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return ok ? 0 : -EIO;
}

static int add_amd(X509 *cert, const char *suffix, const uint8_t *content, int len)
{
    char oid[64];

    (void)snprintf(oid, sizeof(oid), SNP_OID_ARC ".%s", suffix);
    return add_raw(cert, oid, content, len);
}

static int add_int(X509 *cert, const char *suffix, uint8_t v)
{
    const uint8_t small[] = {2, 1, v}, big[] = {2, 2, 0, v};

    return v < 0x80 ? add_amd(cert, suffix, small, sizeof(small))
                    : add_amd(cert, suffix, big, sizeof(big));
}

static int add_ia5(X509 *cert, const char *suffix, const char *text)
{
    uint8_t der[2 + 32] = {22};
    size_t n = strlen(text);

    der[1] = (uint8_t)n;
    memcpy(der + 2, text, n);
    return add_amd(cert, suffix, der, (int)(2 + n));
}

static int add_conf(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int ok = ext && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok ? 0 : -EIO;
}

/* The marker: an UTF8String nobody can take for AMD's. */
static int add_marker(X509 *cert)
{
    uint8_t der[2 + sizeof(FTEE_MARKER_TEXT) - 1] = {12, sizeof(FTEE_MARKER_TEXT) - 1};

    memcpy(der + 2, FTEE_MARKER_TEXT, sizeof(FTEE_MARKER_TEXT) - 1);
    return add_raw(cert, FTEE_MARKER_OID, der, sizeof(der));
}

static X509 *cert_new(struct cmn_env *env, uint64_t serial, const char *not_after,
                      const char *subject, const char *issuer, EVP_PKEY *key)
{
    X509 *cert = X509_new_ex(cmn_env_libctx(env), NULL);
    bool ok = cert && X509_set_version(cert, X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial) == 1 &&
              ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), NOT_BEFORE) == 1 &&
              ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), not_after) == 1 &&
              set_name(X509_get_subject_name(cert), subject) == 0 &&
              set_name(X509_get_issuer_name(cert), issuer) == 0 && X509_set_pubkey(cert, key) == 1;

    if (ok)
        return cert;
    X509_free(cert);
    return NULL;
}

/* RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt 48. */
static int sign(struct cmn_env *env, X509 *cert, EVP_PKEY *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    bool ok =
        ctx &&
        EVP_DigestSignInit_ex(ctx, &pctx, "SHA384", cmn_env_libctx(env), NULL, key, NULL) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
        EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 48) == 1 &&
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, "SHA384", NULL) == 1 &&
        X509_sign_ctx(cert, ctx) > 0;

    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -EIO;
}

static int finish(struct cmn_env *env, int r, const char *what, X509 *cert, EVP_PKEY *signer,
                  X509 **ret, struct cmn_err *err)
{
    if (r == 0)
        r = sign(env, cert, signer);
    if (r < 0) {
        X509_free(cert);
        return cmn_err_set(err, -r, "the %s certificate could not be made", what);
    }
    *ret = cert;
    return 0;
}

/* The prefix, then AMD's number: Genoa's first ASK (1) was revoked, its second is 2. */
static uint64_t serial_of(enum snp_product product, unsigned n)
{
    return (uint64_t)FTEE_SERIAL_PREFIX << 24 | (uint64_t)(product + 1) << 16 | n;
}

static void crl_url(enum snp_product product, char *out, size_t cap)
{
    (void)snprintf(out, cap, "URI:https://kdsintf.amd.com/vcek/v1/%s/crl",
                   snp_product_name(product));
}

int ftee_make_ark(struct cmn_env *env, enum snp_product product, EVP_PKEY *ark, X509 **ret,
                  struct cmn_err *err)
{
    char cn[32], crl[96];

    (void)snprintf(cn, sizeof(cn), "ARK-%s", snp_product_name(product));
    crl_url(product, crl, sizeof(crl));
    X509 *cert = cert_new(env, serial_of(product, 0), CA_NOT_AFTER, cn, cn, ark);
    int r = cert ? 0 : -EIO;
    if (r == 0)
        r = add_conf(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign");
    if (r == 0)
        r = add_conf(cert, cert, NID_subject_key_identifier, "hash");
    if (r == 0)
        r = add_conf(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
    if (r == 0)
        r = add_conf(cert, cert, NID_crl_distribution_points, crl);
    if (r == 0)
        r = add_marker(cert);
    return finish(env, r, "ARK", cert, ark, ret, err);
}

int ftee_make_ask(struct cmn_env *env, enum snp_product product, EVP_PKEY *ask, X509 *ark_cert,
                  EVP_PKEY *ark, X509 **ret, struct cmn_err *err)
{
    char cn[32], issuer[32], crl[96];

    (void)snprintf(cn, sizeof(cn), "SEV-%s", snp_product_name(product));
    (void)snprintf(issuer, sizeof(issuer), "ARK-%s", snp_product_name(product));
    crl_url(product, crl, sizeof(crl));
    X509 *cert = cert_new(env, serial_of(product, product == SNP_GENOA ? 2 : 1), CA_NOT_AFTER, cn,
                          issuer, ask);
    int r = cert ? 0 : -EIO;
    if (r == 0)
        r = add_conf(cert, ark_cert, NID_subject_key_identifier, "hash");
    if (r == 0)
        r = add_conf(cert, ark_cert, NID_authority_key_identifier, "keyid:always");
    if (r == 0)
        r = add_conf(cert, ark_cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
    if (r == 0)
        r = add_conf(cert, ark_cert, NID_key_usage, "critical,keyCertSign");
    if (r == 0)
        r = add_conf(cert, ark_cert, NID_crl_distribution_points, crl);
    if (r == 0)
        r = add_marker(cert);
    return finish(env, r, "ASK", cert, ark, ret, err);
}

/* The AMD extensions, exactly the set and order of the product. */
static int add_vcek_extensions(X509 *cert, enum snp_product product, const struct snp_tcb *tcb,
                               const uint8_t chip_id[64])
{
    static const char *const names[] = {"Milan-B0", "Genoa", "Turin"};
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
    bool is_turin = product == SNP_TURIN;
    int r = add_int(cert, "1", is_turin ? 1 : 0);

    if (r == 0)
        r = add_ia5(cert, "2", names[product]);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(old) && r == 0; i++)
        r = is_turin ? add_int(cert, turin[i].suffix, turin[i].value)
                     : add_int(cert, old[i].suffix, old[i].value);
    /* hwID: the OCTET STRING of the extension holds the bytes directly */
    return r < 0 ? r : add_amd(cert, "4", chip_id, is_turin ? 8 : 64);
}

int ftee_make_vcek(struct cmn_env *env, enum snp_product product, EVP_PKEY *vcek,
                   const struct snp_tcb *tcb, const uint8_t chip_id[64], EVP_PKEY *ask, X509 **ret,
                   struct cmn_err *err)
{
    char issuer[32];

    (void)snprintf(issuer, sizeof(issuer), "SEV-%s", snp_product_name(product));
    X509 *cert = cert_new(env, 0, VCEK_NOT_AFTER, "SEV-VCEK", issuer, vcek);
    int r = cert ? add_vcek_extensions(cert, product, tcb, chip_id) : -EIO;
    return finish(env, r, "VCEK", cert, ask, ret, err);
}
