/* pem.c - certificates in configuration: readable, in date, with names. */
#include "sim/diagnose/lint/lint-internal.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CERTS = 16, NAMES = 64 };

static json_t *names_of(X509 *cert)
{
    GENERAL_NAMES *list = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    json_t *names = json_array();

    for (int i = 0; i < sk_GENERAL_NAME_num(list) && i < NAMES; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(list, i);
        if (name->type == GEN_DNS)
            (void)json_array_append_new(
                names, json_stringn((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                                    (size_t)ASN1_STRING_length(name->d.dNSName)));
        if (name->type == GEN_IPADD && ASN1_STRING_length(name->d.iPAddress) == 4) {
            const uint8_t *a = ASN1_STRING_get0_data(name->d.iPAddress);
            (void)json_array_append_new(names, json_sprintf("%u.%u.%u.%u", a[0], a[1], a[2], a[3]));
        }
    }
    GENERAL_NAMES_free(list);
    return names;
}

static void check_cert(const struct lint_doc *d, unsigned line, const char *what, X509 *cert)
{
    time_t now = (time_t)cmn_env_now(d->l->env);
    char cn[128] = "";
    bool ca = X509_check_ca(cert) == 1;
    bool self = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;

    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
    if (X509_cmp_time(X509_get0_notAfter(cert), &now) < 0)
        lint_error(d, line, CMN_REASON_KBS_TLS_UNTRUSTED, "issue it again",
                   "%s: '%.64s' has expired", what, cn);
    if (X509_cmp_time(X509_get0_notBefore(cert), &now) > 0)
        lint_error(d, line, CMN_REASON_KBS_TLS_UNTRUSTED, "check the clock",
                   "%s: '%.64s' is not valid yet", what, cn);
    json_t *names = names_of(cert);
    if (!ca && json_array_size(names) == 0 && strncmp(cn, "SEV-", 4) != 0)
        lint_warn(d, line, CMN_REASON_KBS_TLS_NAME, "issue it with the route in its SAN",
                  "%s: '%.64s' has no subjectAltName; TLS clients do not look at the CN", what, cn);
    lint_fact(
        d, line, "certificate", cn,
        json_pack("{s:o, s:b, s:b, s:s}", "names", names, "ca", ca, "self", self, "what", what));
}

static bool check_text(const struct lint_doc *d, const char *what, struct cmn_bytes pem,
                       unsigned line)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    unsigned n = 0;

    while (bio && n < CERTS) {
        auto_x509 X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (!cert)
            break;
        n++;
        check_cert(d, line, what, cert);
    }
    BIO_free(bio);
    return n > 0;
}

void lint_cert_text(const struct lint_doc *d, const char *what, const char *pem)
{
    char first[64];
    size_t skip = strspn(pem, "\r\n "), n = strcspn(pem + skip, "\r\n");

    (void)snprintf(first, sizeof(first), "%.*s", (int)(n < 60 ? n : 60), pem + skip);
    unsigned line = lint_line(d, first);
    if (pem[skip] == '/') { /* a path, where text is wanted */
        lint_error(d, line, CMN_REASON_KBS_TLS_UNTRUSTED, "put the PEM text in",
                   "%s: the guest wants the PEM text, not a path", what);
        return;
    }
    if (!check_text(d, what, cmn_bytes(pem, strlen(pem)), line))
        lint_error(d, line, CMN_REASON_KBS_TLS_UNTRUSTED, "put the whole PEM block in, unindented",
                   "%s is not a PEM certificate", what);
}

bool lint_pem(const struct lint_doc *d)
{
    bool certs = memmem(d->text.data, d->text.len, "-----BEGIN CERTIFICATE", 22) != NULL;

    if (!certs)
        return memmem(d->text.data, d->text.len, "KEY-----", 8) != NULL;
    if (!check_text(d, "certificate", d->text, d->first_line))
        lint_error(d, d->first_line, CMN_REASON_KBS_TLS_UNTRUSTED, "export it again",
                   "the certificate cannot be read");
    return true;
}
