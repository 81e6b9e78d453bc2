/*
 * ca.h - the test key chain: ARK, ASK and ASVK per product, VCEKs derived from a chip's secret and
 * a TCB, VLEKs from a provider's.
 *
 * FAKE: names, extensions and algorithms are AMD's (AMD 57230), because unmodified verifiers insist
 * on them. What tells the chain apart: the ARK and ASK carry a marker extension (FTEE_MARKER_OID)
 * and their serial numbers begin with FTEE_SERIAL_PREFIX.
 *
 * RSA-4096 keys take seconds, so a chain is made once per seed and product and kept in a folder
 * (mode 0700, files 0600), the ASVK when first asked for. Same seed, same bytes for one OpenSSL
 * version. After ftee_ca_open a chain may be used by several threads.
 */
#ifndef FTEE_CA_H
#define FTEE_CA_H

#include "common/crypto/crypto.h"
#include "common/snp/certs.h"
#include "common/snp/report.h"

#define FTEE_MARKER_OID    "1.3.6.1.4.1.61432.1.1" /* private arc of the project, not registered */
#define FTEE_MARKER_TEXT   "cocobox test chain: proves nothing"
#define FTEE_SERIAL_PREFIX 0xC0C0B0u
#define FTEE_CSP_ID        "CN=csp.cocobox.invalid" /* whom a VLEK is given to */

struct ftee_ca;

/* Opens the chain kept in dir/<name of the seed>/<product>, making it first if it is not there. */
int ftee_ca_open(struct cmn_env *env, const char *dir, enum snp_product product,
                 struct ftee_ca **ret, struct cmn_err *err) CMN_MUST_USE;
void ftee_ca_free(struct ftee_ca *ca); /* NULL ok */

enum snp_product ftee_ca_product(const struct ftee_ca *ca);
/* PEM: ASK then ARK, as KDS' cert_chain answers. Borrowed. */
struct cmn_bytes ftee_ca_chain_pem(const struct ftee_ca *ca);
/* DER, borrowed. */
struct cmn_bytes ftee_ca_ark_der(const struct ftee_ca *ca);
struct cmn_bytes ftee_ca_ask_der(const struct ftee_ca *ca);
/* The ASVK, and PEM of ASVK then ARK (KDS' vlek cert_chain). Borrowed; made on first use. */
int ftee_ca_asvk_der(struct ftee_ca *ca, struct cmn_bytes *ret, struct cmn_err *err) CMN_MUST_USE;
int ftee_ca_vlek_chain_pem(struct ftee_ca *ca, struct cmn_bytes *ret,
                           struct cmn_err *err) CMN_MUST_USE;

/* A chip: its 64-byte id (Turin: 8 significant bytes) from the CA's seed and a number. */
int ftee_ca_chip_id(struct ftee_ca *ca, unsigned chip, uint8_t out[64],
                    struct cmn_err *err) CMN_MUST_USE;
/*
 * The VCEK of chip and TCB: key derived by HKDF from the chip's secret and the TCB, so that the
 * same firmware has the same key again; certificate signed by the ASK and kept beside the chain.
 */
int ftee_ca_vcek(struct ftee_ca *ca, unsigned chip, const struct snp_tcb *tcb, EVP_PKEY **ret_key,
                 struct cmn_buf *ret_der, struct cmn_err *err) CMN_MUST_USE;
/*
 * The VLEK of a cloud provider (csp_id as in the certificate, up to 127 ASCII characters, NULL:
 * FTEE_CSP_ID) and a TCB, signed by the ASVK. It lives one year from the day it is made, by the
 * env's clock, and is made again with the same key when that is over.
 */
int ftee_ca_vlek(struct ftee_ca *ca, const char *csp_id, const struct snp_tcb *tcb,
                 EVP_PKEY **ret_key, struct cmn_buf *ret_der, struct cmn_err *err) CMN_MUST_USE;

/* The product's usual TCB. */
struct snp_tcb ftee_default_tcb(enum snp_product product);

#endif
