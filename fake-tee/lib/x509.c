/* x509.c - names, extensions and signatures of the test chain; see x509.h. */
#include "x509.h"

#include "common/snp/vek.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

int ftee_x509_set_name(X509_NAME *name, const char *cn)
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

X509 *ftee_x509_new(struct cmn_env *env, const struct ftee_x509_head *head, EVP_PKEY *key)
{
    X509 *cert = X509_new_ex(cmn_env_libctx(env), NULL);
    bool ok = cert && X509_set_version(cert, X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), head->serial) == 1 &&
              ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), head->not_before) == 1 &&
              ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), head->not_after) == 1 &&
              ftee_x509_set_name(X509_get_subject_name(cert), head->subject) == 0 &&
              ftee_x509_set_name(X509_get_issuer_name(cert), head->issuer) == 0 &&
              X509_set_pubkey(cert, key) == 1;

    if (ok)
        return cert;
    X509_free(cert);
    return NULL;
}

/* at: position, -1 is the end. */
static int insert_raw(X509 *cert, const char *oid_text, bool critical, struct cmn_bytes content,
                      int at)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(oid_text, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;
    bool ok = oid && value &&
              ASN1_OCTET_STRING_set(value, content.len ? content.data : (const uint8_t *)"",
                                    (int)content.len) == 1 &&
              (ext = X509_EXTENSION_create_by_OBJ(NULL, oid, critical, value)) &&
              X509_add_ext(cert, ext, at) == 1;

    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(oid);
    return ok ? 0 : -EIO;
}

int ftee_x509_add_raw(X509 *cert, const char *oid, bool critical, struct cmn_bytes content)
{
    return insert_raw(cert, oid, critical, content, -1);
}

static int add_amd(X509 *cert, const char *suffix, const uint8_t *content, size_t len)
{
    char oid[64];

    (void)snprintf(oid, sizeof(oid), SNP_OID_ARC ".%s", suffix);
    return insert_raw(cert, oid, false, cmn_bytes(content, len), -1);
}

int ftee_x509_add_int(X509 *cert, const char *suffix, uint8_t v)
{
    const uint8_t small[] = {2, 1, v}, big[] = {2, 2, 0, v};

    return v < 0x80 ? add_amd(cert, suffix, small, sizeof(small))
                    : add_amd(cert, suffix, big, sizeof(big));
}

int ftee_x509_add_ia5(X509 *cert, const char *suffix, const char *text)
{
    uint8_t der[2 + 127] = {22};
    size_t n = strlen(text);

    if (n > 127)
        return -EINVAL;
    der[1] = (uint8_t)n;
    memcpy(der + 2, text, n);
    return add_amd(cert, suffix, der, 2 + n);
}

int ftee_x509_add_conf(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int ok = ext && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok ? 0 : -EIO;
}

int ftee_x509_change(X509 *cert, const struct ftee_ext *ext, struct cmn_err *err)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(ext->oid, 1);
    int at = oid ? X509_get_ext_by_OBJ(cert, oid, -1) : -1;
    int r = oid ? 0 : cmn_err_set(err, EINVAL, "'%.64s' is not an OID", ext->oid);

    ASN1_OBJECT_free(oid);
    if (r == 0 && ext->change != FTEE_EXT_ADD && at < 0)
        r = cmn_err_set(err, EINVAL, "the certificate has no extension %.64s", ext->oid);
    if (r < 0)
        return r;
    if (ext->change != FTEE_EXT_ADD)
        X509_EXTENSION_free(X509_delete_ext(cert, at));
    if (ext->change == FTEE_EXT_DROP)
        return 0;
    if (insert_raw(cert, ext->oid, ext->critical, ext->content,
                   ext->change == FTEE_EXT_ADD ? -1 : at) < 0)
        return cmn_err_set(err, EINVAL, "extension %.64s cannot be put in", ext->oid);
    return 0;
}

/* The padding and digests of an RSA signature. */
static bool set_rsa(EVP_PKEY_CTX *pctx, enum ftee_sign_alg alg)
{
    const char *md = alg == FTEE_SIGN_PSS_SHA256 ? "SHA256" : "SHA384";
    int salt = alg == FTEE_SIGN_AMD ? 48 : 32;

    if (alg == FTEE_SIGN_PKCS1_SHA384)
        return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PADDING) == 1;
    return EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(pctx, md, NULL) == 1;
}

int ftee_x509_sign(struct cmn_env *env, X509 *cert, X509_CRL *crl, EVP_PKEY *key,
                   enum ftee_sign_alg alg)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    const char *md = alg == FTEE_SIGN_PSS_SHA256 ? "SHA256" : "SHA384";
    bool ok =
        ctx && EVP_DigestSignInit_ex(ctx, &pctx, md, cmn_env_libctx(env), NULL, key, NULL) == 1;

    if (ok && EVP_PKEY_is_a(key, "RSA"))
        ok = set_rsa(pctx, alg);
    ok = ok && (cert ? X509_sign_ctx(cert, ctx) : X509_CRL_sign_ctx(crl, ctx)) > 0;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -EIO;
}

int ftee_der_to_pem(struct cmn_env *env, struct cmn_bytes der, struct cmn_buf *ret,
                    struct cmn_err *err)
{
    auto_x509 X509 *cert = NULL;
    char *text = NULL;
    int r = cmn_x509_load(env, der, &cert, err);

    if (r < 0)
        return r;
    BIO *bio = BIO_new(BIO_s_mem());
    r = bio && PEM_write_bio_X509(bio, cert) == 1 ? 0 : -EIO;
    if (r == 0) {
        long len = BIO_get_mem_data(bio, &text);
        r = cmn_buf_put(ret, text, (size_t)len);
    }
    BIO_free(bio);
    return r < 0 ? cmn_err_set(err, -r, "certificate cannot be written as PEM") : 0;
}
