/* sev-guest.c - a report through /dev/sev-guest, as the sev crate v6.3.0 asks for it
 * (src/firmware/linux/guest); see aa.h. */
#include "sim/guest/aa/aa.h"

#include "common/snp/psp-msg.h"

#include <fcntl.h>
#include <linux/sev-guest.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TABLE_MAX = 1 << 20 };

static uint32_t vmm_error(const struct snp_guest_request_ioctl *io)
{
    return (uint32_t)(io->exitinfo2 >> 32);
}

static int explain(struct cmn_err *err, int e, const struct snp_guest_request_ioctl *io)
{
    switch (vmm_error(io)) {
    case 1:
        return cmn_err_reason(err, e, CMN_REASON_AA_EVIDENCE_FAILED,
                              "the certificate table does not fit the length that was asked for");
    case 2:
        return cmn_err_reason(err, e, CMN_REASON_AA_EVIDENCE_FAILED,
                              "The AMD Secure Processor detected a possible denial-of-service. "
                              "Please retry your request.");
    default:
        return cmn_err_reason(err, e, CMN_REASON_AA_EVIDENCE_FAILED,
                              "/dev/sev-guest: %s (exitinfo2 0x%llx)", strerror(e),
                              (unsigned long long)io->exitinfo2);
    }
}

static int take_report(const struct snp_report_resp *resp, uint8_t ret_report[SNP_REPORT_BYTES],
                       struct cmn_err *err)
{
    struct cmn_rd c = cmn_rd_init(resp->data, 8);
    uint32_t status = 0, size = 0;

    if (cmn_rd_u32le(&c, &status) || cmn_rd_u32le(&c, &size))
        return cmn_err_set(err, EBADMSG, "the answer is too short");
    if (status)
        return cmn_err_reason(err, EINVAL, CMN_REASON_PSP_REQUEST_INVALID,
                              "the PSP refused the request with status 0x%x", status);
    if (size != SNP_REPORT_BYTES)
        return cmn_err_set(err, EBADMSG, "PSP report of %u bytes, want %d", size, SNP_REPORT_BYTES);
    memcpy(ret_report, resp->data + 32, SNP_REPORT_BYTES);
    return 0;
}

static int plain_report(int fd, const struct snp_report_req *req,
                        uint8_t ret_report[SNP_REPORT_BYTES], struct cmn_err *err)
{
    struct snp_report_resp resp = {0};
    struct snp_guest_request_ioctl io = {
        .msg_version = 1, .req_data = (uintptr_t)req, .resp_data = (uintptr_t)&resp};

    if (ioctl(fd, SNP_GET_REPORT, &io) < 0)
        return explain(err, errno, &io);
    return take_report(&resp, ret_report, err);
}

/* "First call with certs_len 0": where there are certificates, the kernel says how long they are.
 */
static int ext_report(int fd, const struct snp_report_req *req,
                      uint8_t ret_report[SNP_REPORT_BYTES], struct snp_certs *ret_certs,
                      struct cmn_err *err)
{
    struct snp_report_resp resp = {0};
    struct snp_ext_report_req ext = {.data = *req, .certs_address = UINT64_MAX};
    struct snp_guest_request_ioctl io = {
        .msg_version = 1, .req_data = (uintptr_t)&ext, .resp_data = (uintptr_t)&resp};
    auto_buf struct cmn_buf table = {0};

    if (ioctl(fd, SNP_GET_EXT_REPORT, &io) == 0)
        return take_report(&resp, ret_report, err); /* no certificates on this host */
    if (vmm_error(&io) != 1)
        return explain(err, errno, &io);
    if (ext.certs_len == 0 || ext.certs_len > TABLE_MAX)
        return cmn_err_set(err, EBADMSG, "the kernel asks for %u bytes for certificates",
                           ext.certs_len);
    if (cmn_buf_resize(&table, ext.certs_len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    ext.certs_address = (uintptr_t)table.data;
    io.exitinfo2 = 0;
    if (ioctl(fd, SNP_GET_EXT_REPORT, &io) < 0)
        return explain(err, errno, &io);
    int r = snp_certs_decode(table.data, table.len, ret_certs, err);
    return r < 0 ? r : take_report(&resp, ret_report, err);
}

int aa_sev_guest_report(const char *device, const uint8_t report_data[64],
                        uint8_t ret_report[SNP_REPORT_BYTES], struct snp_certs *ret_certs,
                        struct cmn_err *err)
{
    struct snp_report_req req = {.vmpl = 0};
    auto_close int fd = open(device, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return cmn_err_reason(err, errno, CMN_REASON_PSP_UNREACHABLE, "%s: %s", device,
                              strerror(errno));
    memcpy(req.user_data, report_data, sizeof(req.user_data));
    return ret_certs ? ext_report(fd, &req, ret_report, ret_certs, err)
                     : plain_report(fd, &req, ret_report, err);
}
