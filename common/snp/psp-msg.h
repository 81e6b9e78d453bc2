/*
 * psp-msg.h - guest messages between a guest and its (software) PSP over a stream socket.
 *
 * The bodies are AMD's: MSG_REPORT_REQ (96 bytes) and MSG_REPORT_RSP (status, size, 24 reserved,
 * report), as in struct snp_report_req / snp_report_resp of linux/sev-guest.h. The frame around
 * them is ours and takes the place of the encrypted channel between guest and firmware:
 *
 *     0  4  magic "PSP1"
 *     4  1  message type: 5 report request, 6 report response
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
#define SNP_MSG_REPORT_REQ   5
#define SNP_MSG_REPORT_RSP   6
#define SNP_PSP_FLAG_CERTS   1
#define SNP_REPORT_REQ_BYTES 96
#define SNP_REPORT_RSP_BYTES (32 + SNP_REPORT_BYTES)
#define SNP_PSP_CERTS_MAX    0x4000 /* SEV_FW_BLOB_MAX_SIZE */
#define SNP_STATUS_OK        0
#define SNP_STATUS_INVALID   0x16

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

/* Reads exactly len bytes; -EPIPE at end of stream. */
int snp_psp_read(int fd, void *out, size_t len) CMN_MUST_USE;

#endif
