/* device.c - what /dev/sev-guest does (Linux 6.12, drivers/virt/coco/sev-guest); see tee.h. */
#include "sim/guest/tee/tee.h"

#include <string.h>

/* The kernel cannot tell whether the message was seen by the PSP, and a sequence number must never
 * be used twice: it throws the key away. */
static int fail_for_good(struct tee_device *d)
{
    d->vmpck_gone = true;
    return -EIO;
}

static int begin(const struct tee_device *d, uint64_t *exitinfo2)
{
    *exitinfo2 = TEE_EXIT_PRESET;
    return d->vmpck_gone ? -ENOTTY : 0;
}

static int copy_answer(struct tee_device *d, const struct cmn_buf *body, uint8_t *resp,
                       size_t resp_len)
{
    if (body->len > resp_len)
        return fail_for_good(d);
    memset(resp, 0, resp_len);
    memcpy(resp, body->data, body->len);
    return 0;
}

int tee_device_request(struct tee_device *d, uint8_t type, struct cmn_bytes body, uint8_t *resp,
                       size_t resp_len, uint64_t *exitinfo2)
{
    auto_buf struct cmn_buf answer = {0};
    int r = begin(d, exitinfo2);

    if (r < 0)
        return r;
    if (d->call(d->ctx, type, body, &answer, NULL, NULL) < 0)
        return fail_for_good(d);
    r = copy_answer(d, &answer, resp, resp_len);
    if (r == 0)
        *exitinfo2 = 0;
    return r;
}

/* A hypervisor says so before the PSP is asked; so do we, once the length is known. */
static int too_small(const struct tee_device *d, uint32_t *ret_need, uint64_t *exitinfo2)
{
    *ret_need = (uint32_t)(d->table_len + TEE_PAGE - 1) / TEE_PAGE * TEE_PAGE;
    *exitinfo2 = TEE_EXIT_BAD_LEN;
    return -EIO;
}

int tee_device_ext_report(struct tee_device *d, const uint8_t req[SNP_REPORT_REQ_BYTES],
                          uint8_t resp[4000], uint8_t *certs, uint32_t certs_len,
                          uint32_t *ret_need, uint64_t *exitinfo2)
{
    auto_buf struct cmn_buf answer = {0}, table = {0};
    int r = begin(d, exitinfo2);

    if (r < 0)
        return r;
    if (certs_len % TEE_PAGE || certs_len > TEE_CERTS_MAX)
        return -EINVAL;
    if (certs_len < d->table_len)
        return too_small(d, ret_need, exitinfo2);
    if (d->call(d->ctx, SNP_MSG_REPORT_REQ, cmn_bytes(req, SNP_REPORT_REQ_BYTES), &answer, &table,
                NULL) < 0 ||
        table.len > TEE_CERTS_MAX)
        return fail_for_good(d);
    d->table_len = table.len;
    if (table.len > certs_len)
        return too_small(d, ret_need, exitinfo2);
    r = copy_answer(d, &answer, resp, 4000);
    if (r < 0)
        return r;
    if (certs_len)
        memset(certs, 0, certs_len);
    if (table.len)
        memcpy(certs, table.data, table.len);
    *exitinfo2 = 0;
    return 0;
}
