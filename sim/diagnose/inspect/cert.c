/* cert.c - certificates, CRLs and keys, as DER and PEM, and the host's table of certificates. */
#include "common/snp/certs.h"
#include "common/snp/vek.h"
#include "sim/diagnose/inspect/inspect-internal.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PEM_BLOCKS = 32, SANS = 32 };

static void name_text(const X509_NAME *name, char *out, size_t cap)
{
    BIO *bio = BIO_new(BIO_s_mem());
    int n = -1;

    if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        n = BIO_read(bio, out, (int)cap - 1);
    out[n < 0 ? 0 : n] = '\0';
    BIO_free(bio);
}

static void common_name(const X509_NAME *name, char *out, size_t cap)
{
    if (X509_NAME_get_text_by_NID((X509_NAME *)name, NID_commonName, out, (int)cap) < 0)
        out[0] = '\0';
}

static bool time_of(const ASN1_TIME *t, int64_t *ret)
{
    struct tm tm;

    if (!t || !ASN1_TIME_to_tm(t, &tm))
        return false;
    *ret = (int64_t)timegm(&tm);
    return true;
}

static json_t *view_time(json_t *doc, const char *name, const ASN1_TIME *t, int64_t *ret)
{
    char text[32] = "unreadable";

    *ret = 0;
    if (time_of(t, ret))
        insp_time(*ret, text);
    return sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, name, "%s", text);
}

static const char *role_of(const char *cn, bool self)
{
    if (strcmp(cn, "SEV-VCEK") == 0)
        return "VCEK: key of one chip at one TCB";
    if (strcmp(cn, "SEV-VLEK") == 0)
        return "VLEK: key AMD gave to a cloud, at one TCB";
    if (strncmp(cn, "ARK-", 4) == 0)
        return "ARK: AMD's root of this product";
    if (strncmp(cn, "SEV-VLEK-", 9) == 0)
        return "ASVK: intermediate of VLEKs";
    if (strncmp(cn, "SEV-", 4) == 0)
        return "ASK: intermediate of VCEKs";
    return self ? "self-signed certificate, not AMD's names" : "certificate";
}

static void view_serial(json_t *doc, const ASN1_INTEGER *serial)
{
    BIGNUM *bn = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = bn ? BN_bn2hex(bn) : NULL;

    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "serial", "%s", hex ? hex : "?");
    OPENSSL_free(hex);
    BN_free(bn);
}

static void view_key(json_t *doc, EVP_PKEY *key)
{
    char group[64] = "";
    size_t n;

    if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        (void)EVP_PKEY_get_utf8_string_param(key, "group", group, sizeof(group), &n);
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "public key", "%s %d bits %s",
                         !key                                        ? "unreadable"
                         : EVP_PKEY_get_base_id(key) == EVP_PKEY_EC  ? "EC"
                         : EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? "RSA"
                                                                     : "other",
                         key ? EVP_PKEY_get_bits(key) : 0, group);
}

static void view_sans(json_t *doc, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char text[1024] = "";
    size_t used = 0;

    for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < SANS && used < sizeof(text); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS)
            continue;
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s", used ? ", " : "",
                                 ASN1_STRING_length(name->d.dNSName),
                                 (const char *)ASN1_STRING_get0_data(name->d.dNSName));
    }
    if (names)
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "subjectAltName", "%s", text);
    GENERAL_NAMES_free(names);
}

static void view_vek(json_t *doc, X509 *cert)
{
    struct snp_vek_info info;
    struct cmn_err err = {0};
    json_t *f;

    if (snp_vek_info(cert, &info, &err) < 0) {
        sim_view_doubt(doc, CMN_REASON_SNP_CERT_MALFORMED, "AMD's extensions: %s", err.msg);
        return;
    }
    if (!info.has_bl && !info.has_snp)
        return;
    f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "TCB",
                       "bootloader %u, tee %u, snp %u, microcode %u", info.tcb.bootloader,
                       info.tcb.tee, info.tcb.snp, info.tcb.microcode);
    if (info.has_fmc)
        sim_view_meaning(f, "fmc %u (Turin)", info.tcb.fmc);
    if (!info.has_bl || !info.has_tee || !info.has_snp || !info.has_ucode)
        sim_view_doubt(f, CMN_REASON_SNP_CERT_MALFORMED,
                       "one of the four SPL extensions is missing");
    if (info.has_hwid) {
        f = sim_view_hex(doc, SIM_VIEW_NO_OFFSET, "hwID", info.hwid, info.hwid_len);
        sim_view_meaning(f, "must equal the report's CHIP_ID");
    } else if (!info.is_vlek) {
        sim_view_doubt(doc, CMN_REASON_SNP_CERT_MALFORMED, "no hwID although it is no VLEK");
    }
}

static json_t *view_x509(struct insp *in, X509 *cert, size_t bytes)
{
    char subject[512], issuer[512], cn[128], icn[128];
    int64_t from, until, now = cmn_env_now(in->env);
    bool self = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
    json_t *doc, *f;

    name_text(X509_get_subject_name(cert), subject, sizeof(subject));
    name_text(X509_get_issuer_name(cert), issuer, sizeof(issuer));
    common_name(X509_get_subject_name(cert), cn, sizeof(cn));
    common_name(X509_get_issuer_name(cert), icn, sizeof(icn));
    doc = sim_view_new("certificate", role_of(cn, self));
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "bytes", "%zu (DER)", bytes);
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "subject", "%s", subject);
    f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "issuer", "%s", issuer);
    if (self)
        sim_view_meaning(f, "itself");
    view_serial(doc, X509_get0_serialNumber(cert));
    f = view_time(doc, "not before", X509_get0_notBefore(cert), &from);
    if (from > now)
        sim_view_doubt(f, CMN_REASON_SNP_CERT_NOT_YET_VALID, "in the future");
    f = view_time(doc, "not after", X509_get0_notAfter(cert), &until);
    if (until < now)
        sim_view_doubt(f, CMN_REASON_SNP_CERT_EXPIRED,
                       "expired (Trustee does not look at dates of SNP chains; strict mode does)");
    f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "signature", "%s",
                       OBJ_nid2ln(X509_get_signature_nid(cert)));
    auto_pkey EVP_PKEY *key = X509_get_pubkey(cert);
    view_key(doc, key);
    view_sans(doc, cert);
    if (strncmp(cn, "SEV-V", 5) == 0 && strlen(cn) == 8) {
        view_vek(doc, cert);
        if (X509_get_signature_nid(cert) != NID_rsassaPss)
            sim_view_doubt(f, CMN_REASON_SNP_CHAIN_INVALID, "AMD signs with RSASSA-PSS");
        sim_view_meaning(json_array_get(json_object_get(doc, "fields"), 2), "of %s", icn);
    }
    return doc;
}

static json_t *view_crl(struct insp *in, X509_CRL *crl)
{
    json_t *doc = sim_view_new("crl", "certificate revocation list"), *f;
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
    int64_t at, next, now = cmn_env_now(in->env);
    char issuer[512];

    name_text(X509_CRL_get_issuer(crl), issuer, sizeof(issuer));
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "issuer", "%s", issuer);
    f = view_time(doc, "this update", X509_CRL_get0_lastUpdate(crl), &at);
    if (at > now)
        sim_view_doubt(f, CMN_REASON_SNP_CRL_STALE, "in the future");
    f = view_time(doc, "next update", X509_CRL_get0_nextUpdate(crl), &next);
    if (next < now)
        sim_view_doubt(f, CMN_REASON_SNP_CRL_STALE, "stale: it says nothing about today");
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "revoked", "%d",
                         revoked ? sk_X509_REVOKED_num(revoked) : 0);
    for (int i = 0; revoked && i < sk_X509_REVOKED_num(revoked) && i < SANS; i++)
        view_serial(doc, X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(revoked, i)));
    return doc;
}

json_t *insp_der(struct insp *in, struct cmn_bytes data)
{
    const unsigned char *p = data.data;
    json_t *doc = NULL;

    if (data.len < 64 || data.len > (1 << 20) || p[0] != 0x30 || p[1] != 0x82)
        return NULL;
    auto_x509 X509 *cert = d2i_X509(NULL, &p, (long)data.len);
    if (cert && in->emit) /* only its bytes are wanted */
        return sim_view_new("certificate", "a certificate");
    if (cert) {
        doc = view_x509(in, cert, (size_t)(p - data.data));
        if (p != data.data + data.len)
            sim_view_doubt(doc, CMN_REASON_SNP_CERT_MALFORMED, "%zu bytes follow the certificate",
                           (size_t)(data.data + data.len - p));
        return doc;
    }
    p = data.data;
    X509_CRL *crl = d2i_X509_CRL(NULL, &p, (long)data.len);
    if (crl)
        doc = view_crl(in, crl);
    X509_CRL_free(crl);
    return doc;
}

static json_t *view_pem_block(struct insp *in, const char *name, const uint8_t *der, long len)
{
    json_t *doc;

    if (strstr(name, "PRIVATE KEY")) {
        doc = sim_view_new("private-key", "a private key; its content is not shown");
        sim_view_doubt(doc, CMN_REASON_NONE, "a secret: keep it out of tickets");
        return doc;
    }
    if (strstr(name, "CERTIFICATE") || strstr(name, "CRL"))
        return insp_binary(in, cmn_bytes(der, (size_t)len));
    if (strcmp(name, "PUBLIC KEY") == 0) {
        auto_pkey EVP_PKEY *key = d2i_PUBKEY(NULL, &der, len);
        doc = sim_view_new("public-key", "a public key");
        view_key(doc, key);
        return doc;
    }
    doc = sim_view_new("pem", "a PEM block");
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "name", "%s", name);
    return doc;
}

/* An encrypted or broken private key must not be decoded at all: its name says enough. */
json_t *insp_pem(struct insp *in, struct cmn_bytes text)
{
    json_t *doc = sim_view_new("pem", "PEM blocks");
    size_t n = 0;

    if (text.len < 28 || memcmp(text.data, "-----BEGIN ", 11) != 0 || text.len > (4 << 20)) {
        json_decref(doc);
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    while (bio && n < PEM_BLOCKS) {
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long len;
        if (!PEM_read_bio(bio, &name, &header, &der, &len))
            break;
        json_t *block = view_pem_block(in, name, der, len);
        if (!block) {
            block = sim_view_new("pem", "a PEM block that cannot be read");
            sim_view_doubt(block, CMN_REASON_SNP_CERT_MALFORMED, "%.64s does not decode", name);
        }
        sim_view_part(doc, block);
        n++;
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)len);
    }
    BIO_free(bio);
    if (!n)
        sim_view_doubt(doc, CMN_REASON_SNP_CERT_MALFORMED, "the block is cut or not base64");
    if (n == 1) {
        json_t *only = json_incref(json_array_get(json_object_get(doc, "parts"), 0));
        json_decref(doc);
        return only;
    }
    return doc;
}

static const char *type_name(enum snp_cert_type type)
{
    static const char *const names[SNP_CERT_TYPE_COUNT] = {"ARK", "VCEK", "VLEK",
                                                           "ASK", "CRL",  "other"};
    return names[type];
}

json_t *insp_cert_table(struct insp *in, struct cmn_bytes data)
{
    auto_certs struct snp_certs certs = {0};
    bool known = false;
    json_t *doc;

    if (data.len < 48 || data.len > (1 << 20) ||
        snp_certs_decode(data.data, data.len, &certs, NULL) < 0)
        return NULL;
    for (size_t i = 0; i < certs.n; i++)
        known = known || certs.list[i].type != SNP_CERT_OTHER;
    if (!known)
        return NULL;
    doc = sim_view_new("certificate-table", "the host's certificate table");
    for (size_t i = 0; i < certs.n; i++) {
        const struct snp_cert *c = &certs.list[i];
        json_t *f = sim_view_hex(doc, (long)(i * 24), type_name(c->type), c->guid, 16);
        sim_view_meaning(f, "%zu bytes", c->bytes.len);
        sim_view_part(doc, insp_bytes(in, cmn_buf_bytes(&c->bytes)));
    }
    if (!snp_certs_find(&certs, SNP_CERT_VCEK) && !snp_certs_find(&certs, SNP_CERT_VLEK))
        sim_view_doubt(doc, CMN_REASON_SNP_CERT_CHAIN_MISSING_VEK,
                       "neither VCEK nor VLEK: Trustee refuses such a chain");
    return doc;
}
