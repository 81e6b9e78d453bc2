/*
 * certs.h - the certificate table that hosts hand to guests (AMD 56421, extended guest request):
 * 24-byte entries {guid, offset, length}, ended by a zero GUID, then the blobs. GUIDs in RFC 4122
 * order.
 */
#ifndef SNP_CERTS_H
#define SNP_CERTS_H

#include "common/buf/buf.h"
#include "common/json/json.h"

enum snp_cert_type {
    SNP_CERT_ARK,
    SNP_CERT_VCEK,
    SNP_CERT_VLEK,
    SNP_CERT_ASK,
    SNP_CERT_CRL,
    SNP_CERT_OTHER,
    SNP_CERT_TYPE_COUNT
};

#define SNP_CERTS_MAX 16

struct snp_cert {
    enum snp_cert_type type;
    uint8_t guid[16];
    struct cmn_buf bytes; /* DER or PEM, as the host stored it */
};

struct snp_certs {
    struct snp_cert list[SNP_CERTS_MAX];
    size_t n;
};

void snp_certs_done(struct snp_certs *certs);
#define auto_certs __attribute__((cleanup(snp_certs_done)))

int snp_certs_add(struct snp_certs *certs, enum snp_cert_type type, struct cmn_bytes bytes,
                  struct cmn_err *err) CMN_MUST_USE;
/* The first of a type, NULL if there is none. */
const struct snp_cert *snp_certs_find(const struct snp_certs *certs, enum snp_cert_type type);

/* Every offset and length is checked. An empty table (0 bytes) has no certificates. -EBADMSG. */
int snp_certs_decode(const void *data, size_t len, struct snp_certs *ret,
                     struct cmn_err *err) CMN_MUST_USE;
/* Padded to pages of 4096 bytes; nothing for no certificates. */
int snp_certs_encode(const struct snp_certs *certs, struct cmn_buf *ret) CMN_MUST_USE;

/* cert_chain of the evidence: null for none, else [{cert_type, data}] sorted as the sev crate does.
 */
json_t *snp_certs_to_json(const struct snp_certs *certs);
/* Array only. -EBADMSG. */
int snp_certs_from_json(const json_t *json, struct snp_certs *ret,
                        struct cmn_err *err) CMN_MUST_USE;

#endif
