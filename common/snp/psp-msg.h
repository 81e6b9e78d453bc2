/*
 * psp-msg.h - guest messages between a guest and its (software) PSP over a stream socket.
 *
 * The bodies are AMD's: MSG_REPORT_REQ (96 bytes) and MSG_REPORT_RSP (status, size, 24 reserved,
 * report), MSG_KEY_REQ (32 bytes, message version 2: 40) and MSG_KEY_RSP (status, 28 reserved,
 * key), as in linux/sev-guest.h. The frame around them is ours and takes the place of the encrypted
 * channel between guest and firmware:
 *
 *     0  4  magic "PSP1"
 *     4  1  message type: 3 key request, 4 key response, 5 report request, 6 report response
 *     5  1  flags: request bit 0 = also the certificate table (extended request)
 *     6  2  reserved, zero
 *     8  4  LE: bytes of the body
 *    12  4  LE: response: bytes of the certificate table behind the body
 */
#ifndef SNP_PSP_MSG_H
#define SNP_PSP_MSG_H

#include "common/buf/buf.h"
#include "common/snp/certs.h"
#include "common/snp/report.h"

#define SNP_PSP_HEADER_BYTES 16
#define SNP_MSG_KEY_REQ      3
#define SNP_MSG_KEY_RSP      4
#define SNP_MSG_REPORT_REQ   5
#define SNP_MSG_REPORT_RSP   6
#define SNP_PSP_FLAG_CERTS   1
#define SNP_REPORT_REQ_BYTES 96
#define SNP_REPORT_RSP_BYTES (32 + SNP_REPORT_BYTES)
#define SNP_KEY_REQ_BYTES    32
#define SNP_KEY_REQ_V2_BYTES 40
#define SNP_KEY_RSP_BYTES    64
#define SNP_PSP_CERTS_MAX    0x4000 /* SEV_FW_BLOB_MAX_SIZE */
#define SNP_STATUS_OK        0
#define SNP_STATUS_INVALID   0x16
#define SNP_STATUS_KEY       0x27 /* the selected key is not there */

/* KEY_SEL of MSG_REPORT_REQ (bits 1:0 at 44h) and of MSG_KEY_REQ (bits 2:1 at 00h). */
enum snp_key_sel { SNP_KEY_SEL_AUTO, SNP_KEY_SEL_VCEK, SNP_KEY_SEL_VLEK };

/* GUEST_FIELD_SELECT of MSG_KEY_REQ: what goes into the key. */
#define SNP_KEY_FIELD_POLICY      (1u << 0)
#define SNP_KEY_FIELD_IMAGE_ID    (1u << 1)
#define SNP_KEY_FIELD_FAMILY_ID   (1u << 2)
#define SNP_KEY_FIELD_MEASUREMENT (1u << 3)
#define SNP_KEY_FIELD_GUEST_SVN   (1u << 4)
#define SNP_KEY_FIELD_TCB         (1u << 5)
#define SNP_KEY_FIELD_MIT_VECTOR  (1u << 6) /* message version 2 only */

struct snp_key_req {
    uint32_t root_key_select; /* bit 0: 0 VCEK or VLEK by bits 2:1 (key_sel), 1 VMRK */
    uint64_t fields;
    uint32_t vmpl;
    uint32_t guest_svn;
    uint8_t tcb[8];
    uint64_t mit_vector;
    bool v2; /* the 40-byte form */
};

struct snp_psp_frame {
    uint8_t type;
    uint8_t flags;
    uint32_t body_len;
    uint32_t certs_len;
};

void snp_psp_frame_encode(const struct snp_psp_frame *frame, uint8_t out[SNP_PSP_HEADER_BYTES]);
/* -EBADMSG: wrong magic, reserved bytes set, or lengths above the limits. */
int snp_psp_frame_decode(const uint8_t in[SNP_PSP_HEADER_BYTES], struct snp_psp_frame *ret,
                         struct cmn_err *err) CMN_MUST_USE;

/*
 * Asks the PSP at the unix socket path for a report over report_data (64 bytes) at vmpl. ret_report
 * gets 1184 bytes. ret_certs may be NULL; an empty one means the host has no certificates.
 * -ENOENT, -ECONNREFUSED, -ETIMEDOUT, -EPIPE (reason psp.unreachable); -EINVAL: the PSP refused
 * (psp.request-invalid); -EBADMSG: its answer is malformed.
 */
int snp_psp_get_report(const char *path, const uint8_t report_data[64], uint32_t vmpl,
                       uint8_t ret_report[SNP_REPORT_BYTES], struct snp_certs *ret_certs,
                       struct cmn_err *err) CMN_MUST_USE;

/*
 * Asks for a derived key. Errors as above; -EINVAL also when the key is not there (status 0x27).
 * The caller cleanses ret_key.
 */
int snp_psp_get_key(const char *path, const struct snp_key_req *req, uint8_t ret_key[32],
                    struct cmn_err *err) CMN_MUST_USE;

/* SNP_KEY_REQ_BYTES, or SNP_KEY_REQ_V2_BYTES when v2; returns which. */
size_t snp_key_req_encode(const struct snp_key_req *req, uint8_t out[SNP_KEY_REQ_V2_BYTES]);
/* len: one of the two. -EBADMSG: another length, or reserved bytes at 04h. */
int snp_key_req_decode(const uint8_t *in, size_t len, struct snp_key_req *ret,
                       struct cmn_err *err) CMN_MUST_USE;

/*
 * Sends one guest message (type, body) and gives back what the PSP answers, as it is: the body of
 * the answer (type + 1), whose first four bytes are firmware's status, and the bytes of the
 * certificate table (ret_table NULL: not asked for). For those who pass messages on and do not
 * judge them. Errors as of snp_psp_get_report, but for psp.request-invalid. Caller: cmn_buf_done.
 */
int snp_psp_call(const char *path, uint8_t type, struct cmn_bytes body, struct cmn_buf *ret_body,
                 struct cmn_buf *ret_table, struct cmn_err *err) CMN_MUST_USE;

/* Reads exactly len bytes; -EPIPE at end of stream. */
int snp_psp_read(int fd, void *out, size_t len) CMN_MUST_USE;

#endif
