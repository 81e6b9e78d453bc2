/* certificate.c - the tap's own server certificate; see tap.h. */
#include "sim/diagnose/tap/tap.h"

#include "common/crypto/crypto.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { DAYS = 30, DAY_S = 86400 };

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool good = e && X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
    return good;
}

/* No CA bit: Rust clients refuse a CA as a server's certificate. */
static bool fill(X509 *cert, EVP_PKEY *key, const char *name, int64_t now, uint32_t serial)
{
    char san[300];
    struct in_addr ip;
    X509_NAME *subject = X509_get_subject_name(cert);

    (void)snprintf(san, sizeof(san), "%s:%s", inet_pton(AF_INET, name, &ip) == 1 ? "IP" : "DNS",
                   name);
    return X509_set_version(cert, 2) &&
           ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)serial) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                      (const unsigned char *)"cocobox tap", -1, -1, 0) &&
           X509_set_issuer_name(cert, subject) &&
           ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(now - DAY_S)) &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(now + (int64_t)DAYS * DAY_S)) &&
           X509_set_pubkey(cert, key) &&
           add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(cert, NID_ext_key_usage, "serverAuth") &&
           add_extension(cert, NID_subject_alt_name, san) && X509_sign(cert, key, EVP_sha256());
}

int sim_tap_certificate(struct cmn_env *env, const char *name, struct cmn_buf *ret_cert,
                        struct cmn_buf *ret_key, struct cmn_err *err)
{
    auto_pkey EVP_PKEY *key = NULL;
    auto_x509 X509 *cert = X509_new();
    BIO *bio = BIO_new(BIO_s_mem());
    uint32_t serial = 1;
    char *data = NULL;
    int r = strlen(name) > 253 || strpbrk(name, ",\n: ")
                ? cmn_err_set(err, EINVAL, "'%.64s' is no host name", name)
                : cmn_ec_generate(env, "P-256", &key, err);

    if (r == 0)
        r = cmn_env_random(env, &serial, sizeof(serial), err);
    if (r == 0 && (!cert || !bio || !fill(cert, key, name, cmn_env_now(env), serial >> 1) ||
                   !PEM_write_bio_X509(bio, cert)))
        r = cmn_err_set(err, EIO, "the certificate cannot be made");
    long n = r == 0 ? BIO_get_mem_data(bio, &data) : 0;
    if (r == 0 && cmn_buf_put(ret_cert, data, (size_t)n) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    BIO_free(bio);
    return r == 0 ? cmn_pkey_to_pem(key, ret_key, err) : r;
}
