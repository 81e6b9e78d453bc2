/*
 * cert-profile.h - what the certificates of an SNP chain (ARK, ASK, ASVK, VCEK, VLEK) say, read
 * without judging: names, validity, signature algorithm, AMD's extensions each with its own state.
 *
 *     struct snp_cert_profile p;
 *     snp_cert_profile_read(cert, &p);
 *     if (p.ext[SNP_EXT_SNP].state != SNP_EXT_OK) ...
 *
 * Source: AMD 57230; encodings as seen on real certificates (both hwID forms, both PSS encodings).
 */
#ifndef SNP_CERT_PROFILE_H
#define SNP_CERT_PROFILE_H

#include "common/crypto/crypto.h"
#include "common/snp/report.h"

enum snp_ext_id { /* 1.3.6.1.4.1.3704.1.<n> */
                  SNP_EXT_STRUCT_VERSION,
                  SNP_EXT_PRODUCT_NAME,
                  SNP_EXT_BL,
                  SNP_EXT_TEE,
                  SNP_EXT_SNP,
                  SNP_EXT_SPL4,
                  SNP_EXT_SPL5,
                  SNP_EXT_SPL6,
                  SNP_EXT_SPL7,
                  SNP_EXT_UCODE,
                  SNP_EXT_FMC,
                  SNP_EXT_HWID,
                  SNP_EXT_CSPID,
                  SNP_EXT_COUNT
};

enum snp_ext_state { SNP_EXT_ABSENT, SNP_EXT_OK, SNP_EXT_MALFORMED, SNP_EXT_DUPLICATE };

struct snp_ext {
    enum snp_ext_state state;
    bool critical;
    uint8_t value; /* of an INTEGER from 0 to 255 */
};

struct snp_cert_profile {
    char subject[64], issuer[64]; /* common names, "" if there is not exactly one */
    bool subject_amd, issuer_amd; /* the other attributes are AMD's, in AMD's order */
    int64_t not_before, not_after;
    uint64_t serial; /* UINT64_MAX if larger */
    bool x509_v3;
    bool pss_sha384;       /* RSASSA-PSS, SHA-384, MGF1 with SHA-384, salt 48 */
    bool p384;             /* id-ecPublicKey on the named curve secp384r1 */
    bool is_ca;            /* basicConstraints says so */
    long path_len;         /* -1: not limited */
    bool may_sign_certs;   /* no keyUsage, or keyCertSign in it */
    bool unknown_critical; /* a critical extension that is neither AMD's nor OpenSSL's, or a
                              basicConstraints or keyUsage that cannot be read */
    struct snp_ext ext[SNP_EXT_COUNT];
    char product_name[32];
    uint8_t hwid[64];
    size_t hwid_len; /* 64, or 8 on Turin */
};

/* "3.3" of AMD's arc, and its name ("snpSPL"). */
const char *snp_ext_suffix(enum snp_ext_id id);
const char *snp_ext_name(enum snp_ext_id id);

/* Looks at no key and verifies nothing, so it also serves certificates read without their keys. */
void snp_cert_profile_read(X509 *cert, struct snp_cert_profile *ret);

#endif
