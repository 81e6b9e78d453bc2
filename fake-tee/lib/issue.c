/* issue.c - certificates and CRLs made to order; see issue.h. */
#include "fake-tee/issue.h"

#include "ca-internal.h"
#include "profile.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define CRL_DAYS 46

uint64_t ftee_ca_serial(const struct ftee_ca *ca, enum ftee_cert_kind kind)
{
    return ftee_profile_serial(ca->product, kind);
}

/* The chain's own key of the kind; a new reference. */
static int own_key(struct ftee_ca *ca, const struct ftee_issue *what, const struct snp_tcb *tcb,
                   EVP_PKEY **ret, struct cmn_err *err)
{
    EVP_PKEY *key = NULL;
    int r;

    if (what->kind == FTEE_CERT_VCEK)
        return ftee_ca_vcek_key(ca, what->chip, tcb, ret, err);
    if (what->kind == FTEE_CERT_VLEK)
        return ftee_ca_vlek_key(ca, what->csp_id, tcb, ret, err);
    r = ftee_ca_key(ca, what->kind, &key, err);
    if (r == 0 && EVP_PKEY_up_ref(key) != 1)
        r = cmn_err_set(err, EIO, "key cannot be shared");
    if (r == 0)
        *ret = key;
    return r;
}

/* Who signs this kind; borrowed. */
static int issuer_key(struct ftee_ca *ca, const struct ftee_issue *what, EVP_PKEY **ret,
                      struct cmn_err *err)
{
    if (what->signer) {
        *ret = what->signer;
        return 0;
    }
    if (what->kind == FTEE_CERT_ARK && what->key) { /* self-signed */
        *ret = what->key;
        return 0;
    }
    return ftee_ca_key(ca,
                       what->kind == FTEE_CERT_VCEK   ? FTEE_CERT_ASK
                       : what->kind == FTEE_CERT_VLEK ? FTEE_CERT_ASVK
                                                      : FTEE_CERT_ARK,
                       ret, err);
}

int ftee_ca_issue_from(struct ftee_ca *ca, struct cmn_env *env, const struct ftee_issue *what,
                       EVP_PKEY **ret_key, struct cmn_buf *ret_der, struct cmn_err *err)
{
    const struct snp_tcb tcb = what->tcb ? *what->tcb : ftee_default_tcb(ca->product);
    auto_pkey EVP_PKEY *key = NULL;
    auto_x509 X509 *ark = NULL, *cert = NULL;
    EVP_PKEY *signer = NULL;
    uint8_t chip_id[64];
    int r = what->key ? (EVP_PKEY_up_ref(what->key) == 1 ? 0 : -EIO)
                      : own_key(ca, what, &tcb, &key, err);

    if (what->key && r == 0)
        key = what->key;
    if (r == 0)
        r = issuer_key(ca, what, &signer, err);
    if (r == 0)
        r = ftee_ca_chip_id(ca, what->chip, chip_id, err);
    if (r == 0 && (what->kind == FTEE_CERT_ASK || what->kind == FTEE_CERT_ASVK))
        r = cmn_x509_load(env, cmn_buf_bytes(&ca->ark_der), &ark, err);
    const struct ftee_profile_in in = {.product = ca->product,
                                       .what = what,
                                       .tcb = &tcb,
                                       .chip_id = chip_id,
                                       .key = key,
                                       .issuer = ark,
                                       .signer = signer};
    if (r == 0)
        r = ftee_profile_make(env, &in, &cert, err);
    if (r == 0)
        r = ftee_ca_to_der(cert, ret_der, err);
    if (r == 0 && ret_key)
        *ret_key = cmn_take(key);
    return r;
}

int ftee_ca_issue(struct ftee_ca *ca, const struct ftee_issue *what, EVP_PKEY **ret_key,
                  struct cmn_buf *ret_der, struct cmn_err *err)
{
    return ftee_ca_issue_from(ca, ca->env, what, ret_key, ret_der, err);
}

/* ---- CRL: v2, authorityKeyIdentifier and cRLNumber, signed as the certificates are ---- */

static int add_revoked(X509_CRL *crl, uint64_t serial, const ASN1_TIME *when)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    bool ok = entry && number && ASN1_INTEGER_set_uint64(number, serial) == 1 &&
              X509_REVOKED_set_serialNumber(entry, number) == 1 &&
              X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)when) == 1 &&
              X509_CRL_add0_revoked(crl, entry) == 1;

    if (!ok)
        X509_REVOKED_free(entry);
    ASN1_INTEGER_free(number);
    return ok ? 0 : -EIO;
}

static int add_crl_extensions(X509_CRL *crl, X509 *ark, unsigned number)
{
    X509V3_CTX ctx;
    ASN1_INTEGER *n = ASN1_INTEGER_new();

    X509V3_set_ctx(&ctx, ark, NULL, NULL, crl, 0);
    X509_EXTENSION *aki =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    bool ok = aki && X509_CRL_add_ext(crl, aki, -1) == 1 && n &&
              ASN1_INTEGER_set_uint64(n, number) == 1 &&
              X509_CRL_add1_ext_i2d(crl, NID_crl_number, n, 0, 0) == 1;
    X509_EXTENSION_free(aki);
    ASN1_INTEGER_free(n);
    return ok ? 0 : -EIO;
}

static int fill_crl(X509_CRL *crl, X509 *ark, const struct ftee_crl_opts *opts, int64_t from)
{
    ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)from);
    ASN1_TIME *next = ASN1_TIME_set(
        NULL, (time_t)(opts->next_update ? opts->next_update : from + CRL_DAYS * INT64_C(86400)));
    bool ok = last && next && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(ark)) == 1 &&
              X509_CRL_set1_lastUpdate(crl, last) == 1 && X509_CRL_set1_nextUpdate(crl, next) == 1;
    int r = ok ? add_crl_extensions(crl, ark, opts->number ? opts->number : 1) : -EIO;

    for (size_t i = 0; i < opts->n_revoked && r == 0; i++)
        r = add_revoked(crl, opts->revoked[i], last);
    if (r == 0)
        r = X509_CRL_sort(crl) == 1 ? 0 : -EIO;
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    return r;
}

int ftee_ca_crl(struct ftee_ca *ca, const struct ftee_crl_opts *opts, struct cmn_buf *ret_der,
                struct cmn_err *err)
{
    static const struct ftee_crl_opts nothing;
    auto_x509 X509 *ark = NULL;
    EVP_PKEY *signer = NULL;
    uint8_t *der = NULL;
    int r = cmn_x509_load(ca->env, cmn_buf_bytes(&ca->ark_der), &ark, err);

    opts = opts ? opts : &nothing;
    if (r == 0)
        r = opts->signer ? 0 : ftee_ca_key(ca, FTEE_CERT_ARK, &signer, err);
    if (r < 0)
        return r;
    X509_CRL *crl = X509_CRL_new_ex(cmn_env_libctx(ca->env), NULL);
    r = crl ? fill_crl(crl, ark, opts, opts->this_update ? opts->this_update : cmn_env_now(ca->env))
            : -ENOMEM;
    if (r == 0)
        r = ftee_x509_sign(ca->env, NULL, crl, opts->signer ? opts->signer : signer, FTEE_SIGN_AMD);
    int len = r == 0 ? i2d_X509_CRL(crl, &der) : 0;
    if (r == 0)
        r = len > 0 ? cmn_buf_put(ret_der, der, (size_t)len) : -EIO;
    OPENSSL_free(der);
    X509_CRL_free(crl);
    return r < 0 ? cmn_err_set(err, -r, "the CRL could not be made") : 0;
}
