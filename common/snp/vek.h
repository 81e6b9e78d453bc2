/*
 * vek.h - AMD's certificate extensions of a VCEK or VLEK, and the signature over a report.
 * Source: AMD 57230; encodings observed on real certificates.
 */
#ifndef SNP_VEK_H
#define SNP_VEK_H

#include "common/crypto/crypto.h"
#include "common/snp/report.h"

#define SNP_OID_ARC "1.3.6.1.4.1.3704.1"

struct snp_vek_info {
    bool has_bl, has_tee, has_snp, has_ucode, has_fmc, has_hwid;
    struct snp_tcb tcb;
    uint8_t hwid[64];
    size_t hwid_len; /* 64, or 8 on Turin */
    bool is_vlek;    /* subject CN is SEV-VLEK */
};

/* -EBADMSG (snp.cert-malformed): an extension that is there cannot be read. */
int snp_vek_info(X509 *cert, struct snp_vek_info *ret, struct cmn_err *err) CMN_MUST_USE;

/* Verifies the ECDSA P-384 signature of the raw report. -EKEYREJECTED, snp.signature-invalid. */
int snp_report_verify(struct cmn_env *env, const uint8_t raw[SNP_REPORT_BYTES], EVP_PKEY *vek,
                      struct cmn_err *err) CMN_MUST_USE;
/* Signs bytes 0..29F in place: writes R and S (little-endian, 48 significant bytes each). */
int snp_report_sign(struct cmn_env *env, uint8_t raw[SNP_REPORT_BYTES], EVP_PKEY *vek,
                    struct cmn_err *err) CMN_MUST_USE;

#endif
