/* tsm.c - what /sys/kernel/config/tsm/report does (Linux 6.12, drivers/virt/coco/tsm.c and
 * sev-guest's report_new); see tee.h. */
#include "sim/guest/tee/tee.h"

#include <stdlib.h>
#include <string.h>

enum { PRIVLEVEL_MAX = 3, STATUS_BAD_PARAM = 0x16, STATUS_BAD_KEY = 0x27 };

static const struct {
    const char *name;
    unsigned mode;
} attrs[TSM_ATTRS] = {
    [TSM_DIR] = {NULL, 0755},
    [TSM_INBLOB] = {"inblob", 0200},
    [TSM_OUTBLOB] = {"outblob", 0400},
    [TSM_AUXBLOB] = {"auxblob", 0400},
    [TSM_PROVIDER] = {"provider", 0444},
    [TSM_GENERATION] = {"generation", 0444},
    [TSM_PRIVLEVEL] = {"privlevel", 0200},
    [TSM_PRIVLEVEL_FLOOR] = {"privlevel_floor", 0444},
};

const char *tsm_attr_name(enum tsm_attr attr)
{
    return attrs[attr].name;
}

unsigned tsm_attr_mode(enum tsm_attr attr)
{
    return attrs[attr].mode;
}

/* ---- entries ---- */

struct tsm_entry *tsm_by_name(struct tsm *t, const char *name)
{
    for (size_t i = 0; i < TSM_ENTRIES_MAX; i++)
        if (t->entries[i].serial && strcmp(t->entries[i].name, name) == 0)
            return &t->entries[i];
    return NULL;
}

struct tsm_entry *tsm_by_serial(struct tsm *t, uint32_t serial)
{
    for (size_t i = 0; serial && i < TSM_ENTRIES_MAX; i++)
        if (t->entries[i].serial == serial)
            return &t->entries[i];
    return NULL;
}

int tsm_make(struct tsm *t, const char *name, struct tsm_entry **ret)
{
    size_t len = strlen(name);

    if (len > TSM_NAME_MAX)
        return -ENAMETOOLONG;
    if (tsm_by_name(t, name))
        return -EEXIST;
    for (size_t i = 0; i < TSM_ENTRIES_MAX; i++) {
        struct tsm_entry *e = &t->entries[i];
        if (e->serial)
            continue;
        *e = (struct tsm_entry){.serial = ++t->last_serial, .privlevel = TEE_VMPL_FLOOR};
        memcpy(e->name, name, len + 1);
        *ret = e;
        return 0;
    }
    return -ENOSPC;
}

void tsm_remove(struct tsm_entry *e)
{
    cmn_buf_done(&e->outblob);
    cmn_buf_done(&e->auxblob);
    *e = (struct tsm_entry){0};
}

/* ---- the report ---- */

/* The table ends with its last certificate; what is behind it is padding. */
static size_t table_len(const uint8_t *table, size_t len)
{
    size_t end = 0;

    for (size_t at = 0; at + 24 <= len && !cmn_all_zero(table + at, 16); at += 24) {
        struct cmn_rd c = cmn_rd_init(table + at + 16, 8);
        uint32_t offset = 0, size = 0;
        if (cmn_rd_u32le(&c, &offset) || cmn_rd_u32le(&c, &size) || offset > len ||
            size > len - offset)
            return 0; /* the kernel drops a table that lies */
        if (offset + size > end)
            end = offset + size;
    }
    return end;
}

static int take_report(struct tsm_entry *e, const uint8_t *resp, const uint8_t *certs,
                       size_t certs_len)
{
    struct cmn_rd c = cmn_rd_init(resp, 8);
    uint32_t status = 0, size = 0;

    if (cmn_rd_u32le(&c, &status) || cmn_rd_u32le(&c, &size))
        return -EINVAL;
    if (status)
        return status == STATUS_BAD_PARAM || status == STATUS_BAD_KEY ? -EINVAL : -ENXIO;
    if (size > 4000 - 32)
        return -ENOSPC;
    if (cmn_buf_put(&e->outblob, resp + 32, size) < 0 ||
        cmn_buf_put(&e->auxblob, certs, table_len(certs, certs_len)) < 0)
        return -ENOMEM;
    return 0;
}

static int make_report(struct tsm *t, struct tsm_entry *e)
{
    uint8_t req[SNP_REPORT_REQ_BYTES] = {0}, resp[4000], certs[TEE_CERTS_MAX];
    uint64_t exitinfo2 = 0;
    uint32_t need = 0;

    if (e->inblob_len != 64)
        return -EINVAL;
    memcpy(req, e->inblob, 64);
    cmn_put_u32le(req + 64, e->privlevel);
    int r = tee_device_ext_report(t->device, req, resp, certs, sizeof(certs), &need, &exitinfo2);
    return r < 0 ? r : take_report(e, resp, certs, sizeof(certs));
}

static int fresh_report(struct tsm *t, struct tsm_entry *e)
{
    if (!e->inblob_len)
        return -EINVAL;
    if (e->have_report && e->read_generation == e->write_generation)
        return 0;
    cmn_buf_done(&e->outblob);
    cmn_buf_done(&e->auxblob);
    e->have_report = false;
    int r = make_report(t, e);
    if (r == 0) {
        e->read_generation = e->write_generation;
        e->have_report = true;
    }
    return r;
}

/* ---- attributes ---- */

int tsm_read(struct tsm *t, struct tsm_entry *e, enum tsm_attr attr, struct cmn_buf *ret)
{
    int r;

    switch (attr) {
    case TSM_OUTBLOB:
    case TSM_AUXBLOB:
        r = fresh_report(t, e);
        if (r < 0)
            return r;
        const struct cmn_buf *b = attr == TSM_OUTBLOB ? &e->outblob : &e->auxblob;
        return cmn_buf_put(ret, b->data, b->len);
    case TSM_PROVIDER:
        return cmn_buf_puts(ret, "sev_guest\n");
    case TSM_GENERATION:
        return cmn_buf_printf(ret, "%llu\n", (unsigned long long)e->write_generation);
    case TSM_PRIVLEVEL_FLOOR:
        return cmn_buf_printf(ret, "%d\n", TEE_VMPL_FLOOR);
    default:
        return -EACCES;
    }
}

/* A write that would make the generations equal without a new report is refused. */
static int advance(struct tsm_entry *e)
{
    if (e->have_report && e->write_generation + 1 == e->read_generation)
        return -EBUSY;
    e->write_generation++;
    return 0;
}

static int write_privlevel(struct tsm_entry *e, struct cmn_bytes data)
{
    char text[16], *end = NULL;

    if (data.len == 0 || data.len >= sizeof(text))
        return -EINVAL;
    memcpy(text, data.data, data.len);
    text[data.len] = '\0';
    unsigned long v = strtoul(text, &end, 0); /* kstrtouint, base auto, one newline allowed */
    if (*text < '0' || *text > '9' || (*end == '\n' ? end[1] : *end) != '\0' || v > PRIVLEVEL_MAX)
        return -EINVAL;
    int r = advance(e);
    if (r == 0)
        e->privlevel = (uint32_t)v;
    return r;
}

int tsm_write(struct tsm_entry *e, enum tsm_attr attr, struct cmn_bytes data)
{
    if (attr == TSM_PRIVLEVEL)
        return write_privlevel(e, data);
    if (attr != TSM_INBLOB)
        return -EACCES;
    if (data.len > TSM_INBLOB_MAX)
        return -EFBIG;
    int r = advance(e);
    if (r < 0)
        return r;
    if (data.len)
        memcpy(e->inblob, data.data, data.len);
    e->inblob_len = data.len;
    return 0;
}
