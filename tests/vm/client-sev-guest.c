/*
 * client-sev-guest.c - an independent client of /dev/sev-guest, made from the kernel's UAPI header
 * alone. It runs inside a guest of the vm backend (the software device) or on real hardware, and
 * tells as one event line what it got: test-vm.py judges.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sev-guest.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static int fd;
static char details[12000];
static size_t used;

static void tell(const char *key, long long value)
{
    used += (size_t)snprintf(details + used, sizeof(details) - used, "%s\"%s\":%lld",
                             used ? "," : "", key, value);
}

static void tell_hex(const char *key, const uint8_t *data, size_t len)
{
    used += (size_t)snprintf(details + used, sizeof(details) - used, ",\"%s\":\"", key);
    for (size_t i = 0; i < len; i++)
        used += (size_t)snprintf(details + used, sizeof(details) - used, "%02x", data[i]);
    used += (size_t)snprintf(details + used, sizeof(details) - used, "\"");
}

/* errno of the call, 0 on success */
static int call(unsigned long cmd, struct snp_guest_request_ioctl *io)
{
    return ioctl(fd, cmd, io) < 0 ? errno : 0;
}

static struct snp_guest_request_ioctl request(void *req, void *resp)
{
    return (struct snp_guest_request_ioctl){
        .msg_version = 1, .req_data = (uintptr_t)req, .resp_data = (uintptr_t)resp};
}

static void bad_calls(void)
{
    struct snp_report_req req = {0};
    struct snp_report_resp resp;
    struct snp_guest_request_ioctl io = request(&req, &resp);

    io.msg_version = 0;
    tell("version0", call(SNP_GET_REPORT, &io));
    io = request(&req, &resp);
    tell("unknown_ioctl", call(_IOWR('S', 0x33, struct snp_guest_request_ioctl), &io));
    tell("unknown_exitinfo2", (long long)io.exitinfo2);
    io = request(NULL, &resp);
    tell("null_request", call(SNP_GET_REPORT, &io));
    tell("null_exitinfo2", (long long)io.exitinfo2);
    io = request((void *)16, &resp);
    tell("bad_request", call(SNP_GET_REPORT, &io));
    io = request(&req, (void *)16);
    tell("bad_response", call(SNP_GET_REPORT, &io));
    tell("bad_struct", ioctl(fd, SNP_GET_REPORT, (void *)16) < 0 ? errno : 0);
}

static void reports(void)
{
    struct snp_report_req req = {.vmpl = 0};
    struct snp_report_resp resp;
    struct snp_guest_request_ioctl io = request(&req, &resp);
    uint32_t head[2];

    for (size_t i = 0; i < sizeof(req.user_data); i++)
        req.user_data[i] = (uint8_t)(0xA0 + i);
    memset(&resp, 0xEE, sizeof(resp));
    tell("report", call(SNP_GET_REPORT, &io));
    tell("report_exitinfo2", (long long)io.exitinfo2);
    memcpy(head, resp.data, sizeof(head));
    tell("report_status", head[0]);
    tell("report_size", head[1]);
    tell("padding", resp.data[3999]);
    tell_hex("report_bytes", resp.data + 32, 1184);

    req.vmpl = 3;
    io = request(&req, &resp);
    tell("vmpl3", call(SNP_GET_REPORT, &io));
    tell("vmpl3_in_report", resp.data[32 + 0x30]);
    req.vmpl = 4;
    io = request(&req, &resp);
    tell("vmpl4", call(SNP_GET_REPORT, &io));
    memcpy(head, resp.data, sizeof(head));
    tell("vmpl4_status", head[0]);
}

/* The dance of the sev crate: no room and an address of all ones, then as much as was asked for. */
static void ext_reports(void)
{
    struct snp_report_resp resp;
    struct snp_ext_report_req req = {.certs_address = UINT64_MAX};
    struct snp_guest_request_ioctl io = request(&req, &resp);

    tell("ext_no_room", call(SNP_GET_EXT_REPORT, &io));
    tell("ext_exitinfo2", (long long)io.exitinfo2);
    tell("ext_need", req.certs_len);
    uint32_t need = req.certs_len;
    uint8_t *certs = need && need <= 1 << 20 ? aligned_alloc(4096, need) : NULL;
    if (!certs)
        return;
    memset(certs, 0xEE, need);
    req.certs_address = (uintptr_t)certs;
    io = request(&req, &resp);
    tell("ext", call(SNP_GET_EXT_REPORT, &io));
    tell("ext_len_after", req.certs_len);
    tell_hex("ext_first_guid", certs, 16);
    tell_hex("ext_report_head", resp.data, 8);
    req.certs_len = 100;
    io = request(&req, &resp);
    tell("ext_odd_len", call(SNP_GET_EXT_REPORT, &io));
    req.certs_len = 0x5000;
    io = request(&req, &resp);
    tell("ext_long_len", call(SNP_GET_EXT_REPORT, &io));
    req.certs_len = need;
    req.certs_address = 4096;
    io = request(&req, &resp);
    tell("ext_bad_address", call(SNP_GET_EXT_REPORT, &io));
    free(certs);
}

/* status of a derived key over the fields; the key itself goes to out */
static long long key(uint64_t fields, uint32_t vmpl, uint8_t out[32])
{
    struct snp_derived_key_req req = {.guest_field_select = fields, .vmpl = vmpl};
    struct snp_derived_key_resp resp;
    struct snp_guest_request_ioctl io = request(&req, &resp);
    uint32_t status;

    int e = call(SNP_GET_DERIVED_KEY, &io);
    if (e)
        return -e;
    memcpy(&status, resp.data, sizeof(status));
    memcpy(out, resp.data + 32, 32);
    return status;
}

static void derived_keys(void)
{
    uint8_t a[32] = {0}, b[32] = {0}, c[32] = {0}, none[32] = {0};

    tell("key", key(8, 0, a)); /* bound to the measurement */
    tell("key_again", key(8, 0, b));
    tell("key_other", key(0, 0, c));
    tell("key_is_some", memcmp(a, none, 32) != 0);
    tell("key_same", memcmp(a, b, 32) == 0);
    tell("key_differs", memcmp(a, c, 32) != 0);
    tell("key_vmpl4", key(8, 4, c));
    tell("key_reserved_field", key(1 << 7, 0, c));
}

int main(void)
{
    fd = open("/dev/sev-guest", O_RDONLY);
    tell("open", fd < 0 ? errno : 0);
    if (fd >= 0) {
        bad_calls();
        reports();
        ext_reports();
        derived_keys();
    }
    (void)fprintf(stderr,
                  "\x1e{\"name\":\"client.sev-guest\",\"phase\":\"boot\",\"outcome\":\"info\","
                  "\"details\":{%s}}\n",
                  details);
    return 0;
}
