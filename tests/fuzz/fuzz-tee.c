/* Aims at: tsm_* and tee_device_* (sim/guest/tee): a program of the guest may call them in any
 * order with any bytes. An input is a list of operations: kind (low 3 bits), entry, length, bytes.
 */
#include "fuzz.h"

#include "sim/guest/tee/tee.h"

struct psp {
    const uint8_t *data; /* answers are made of what is left of the input */
    size_t size;
    unsigned calls;
};

static int call(void *ctx, uint8_t type, struct cmn_bytes body, struct cmn_buf *ret_body,
                struct cmn_buf *ret_table, struct cmn_err *err)
{
    struct psp *p = ctx;
    size_t n = p->size < 64 ? p->size : 64;

    (void)err;
    FUZZ_CHECK(type == SNP_MSG_REPORT_REQ || type == SNP_MSG_KEY_REQ);
    FUZZ_CHECK(body.len <= SNP_REPORT_REQ_BYTES);
    if (++p->calls % 16 == 0)
        return -EPIPE;
    FUZZ_CHECK(cmn_buf_resize(ret_body, type == SNP_MSG_REPORT_REQ ? SNP_REPORT_RSP_BYTES
                                                                   : SNP_KEY_RSP_BYTES) == 0);
    memcpy(ret_body->data, p->data, n);
    if (ret_table)
        FUZZ_CHECK(cmn_buf_put(ret_table, p->data, p->size) == 0);
    return 0;
}

static void device_op(struct tee_device *d, uint32_t certs_len)
{
    static uint8_t certs[TEE_CERTS_MAX];
    uint8_t req[SNP_REPORT_REQ_BYTES] = {0}, resp[4000];
    uint64_t exitinfo2 = 0;
    uint32_t need = 0;
    bool gone = d->vmpck_gone;

    int r = tee_device_ext_report(d, req, resp, certs, certs_len, &need, &exitinfo2);
    FUZZ_CHECK(r == 0 ? exitinfo2 == 0
                      : exitinfo2 == TEE_EXIT_PRESET || exitinfo2 == TEE_EXIT_BAD_LEN);
    FUZZ_CHECK(exitinfo2 != TEE_EXIT_BAD_LEN || (need > certs_len && need <= TEE_CERTS_MAX));
    FUZZ_CHECK(!gone || r == -ENOTTY);
}

static void entry_op(struct tsm *t, unsigned kind, char *name, struct cmn_bytes data)
{
    auto_buf struct cmn_buf out = {0};
    struct tsm_entry *e = tsm_by_name(t, name);
    uint64_t before = e ? e->write_generation : 0;

    if (kind == 0 && tsm_make(t, name, &e) == 0)
        return;
    if (!e)
        return;
    if (kind == 1)
        tsm_remove(e);
    else if (kind <= 3) {
        int r = tsm_write(e, kind == 2 ? TSM_INBLOB : TSM_PRIVLEVEL, data);
        FUZZ_CHECK(e->write_generation == before + (r == 0));
    } else {
        (void)!tsm_read(t, e, (enum tsm_attr)(TSM_INBLOB + kind % (TSM_ATTRS - 1)), &out);
        FUZZ_CHECK(out.len <= TEE_CERTS_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tsm t;
    struct psp psp = {0};
    struct tee_device device = {.call = call, .ctx = &psp};

    t = (struct tsm){.device = &device};
    while (size >= 3) {
        char name[2] = {(char)('a' + data[1] % 3), '\0'};
        size_t len = data[2] < size - 3 ? data[2] : size - 3;
        psp.data = data + 3;
        psp.size = size - 3;
        if ((data[0] & 7) == 7)
            device_op(&device, (uint32_t)data[2] << 6);
        else
            entry_op(&t, data[0] & 7, name, cmn_bytes(data + 3, len));
        data += 3 + len;
        size -= 3 + len;
    }
    for (size_t i = 0; i < TSM_ENTRIES_MAX; i++)
        if (t.entries[i].serial)
            tsm_remove(&t.entries[i]);
    return 0;
}
