/*
 * tee.h - cocobox-tee: what a guest sees of a software SEV-SNP processor.
 *
 *   /dev/sev-guest                  as Linux drivers/virt/coco/sev-guest (CUSE)
 *   /sys/kernel/config/tsm/report   as Linux drivers/virt/coco/tsm.c over it (FUSE)
 *
 * Both are fronts: a request becomes one guest message to the PSP (common/snp/psp-msg.h), which is
 * on the host. No key and no launch state is here.
 *
 * device.c and tsm.c are the behaviour, without a kernel; cuse.c and fuse.c the glue. What they are
 * given is of the guest, so nothing of it is believed.
 */
#ifndef SIM_GUEST_TEE_H
#define SIM_GUEST_TEE_H

#include "common/buf/buf.h"
#include "common/snp/psp-msg.h"

#include <linux/sev-guest.h>

#define TEE_PAGE         4096u
#define TEE_CERTS_MAX    0x4000u /* SEV_FW_BLOB_MAX_SIZE */
#define TEE_VMPL_FLOOR   0       /* the guest's kernel runs at VMPL 0 and has VMPCK 0 */
#define TEE_EXIT_PRESET  0xFFu
#define TEE_EXIT_BAD_LEN (1ull << 32) /* vmm_error INVALID_LEN */

/* snp_psp_call with the PSP's socket; tests have another. */
typedef int tee_call(void *ctx, uint8_t type, struct cmn_bytes body, struct cmn_buf *ret_body,
                     struct cmn_buf *ret_table, struct cmn_err *err);

/* ---- device.c ---- */

struct tee_device {
    tee_call *call;
    void *ctx;
    size_t table_len; /* of the certificates, as far as is known */
    bool vmpck_gone;  /* after a failure that may have spent a sequence number: -ENOTTY */
};

/*
 * SNP_GET_REPORT (body: 96 bytes) and SNP_GET_DERIVED_KEY (32 bytes). resp of resp_len bytes (4000,
 * 64) is filled on success. Returns 0 or -errno; *exitinfo2 as the kernel sets it.
 */
int tee_device_request(struct tee_device *d, uint8_t type, struct cmn_bytes body, uint8_t *resp,
                       size_t resp_len, uint64_t *exitinfo2);

/*
 * SNP_GET_EXT_REPORT. certs_len: what the caller offers, 0 when no certificates are wanted; a
 * multiple of a page up to 16 KiB, else -EINVAL. When it is too small: -EIO, *exitinfo2 is
 * TEE_EXIT_BAD_LEN and *ret_need the bytes that are wanted. certs (of certs_len bytes) is filled
 * with the table and zeros.
 */
int tee_device_ext_report(struct tee_device *d, const uint8_t req[SNP_REPORT_REQ_BYTES],
                          uint8_t resp[4000], uint8_t *certs, uint32_t certs_len,
                          uint32_t *ret_need, uint64_t *exitinfo2);

/* ---- tsm.c ---- */

#define TSM_ENTRIES_MAX 64
#define TSM_NAME_MAX    64
#define TSM_INBLOB_MAX  64

enum tsm_attr {
    TSM_DIR, /* the entry itself */
    TSM_INBLOB,
    TSM_OUTBLOB,
    TSM_AUXBLOB,
    TSM_PROVIDER,
    TSM_GENERATION,
    TSM_PRIVLEVEL,
    TSM_PRIVLEVEL_FLOOR,
    TSM_ATTRS,
};

struct tsm_entry {
    uint32_t serial; /* 0: free; never used twice */
    char name[TSM_NAME_MAX + 1];
    uint64_t write_generation, read_generation;
    uint32_t privlevel;
    uint8_t inblob[TSM_INBLOB_MAX];
    size_t inblob_len;
    bool have_report;
    struct cmn_buf outblob, auxblob;
};

struct tsm {
    struct tee_device *device;
    uint32_t last_serial;
    struct tsm_entry entries[TSM_ENTRIES_MAX];
};

const char *tsm_attr_name(enum tsm_attr attr); /* TSM_DIR: NULL */
unsigned tsm_attr_mode(enum tsm_attr attr);    /* permission bits, as the kernel has them */

/* -EEXIST, -ENAMETOOLONG, -ENOSPC. */
int tsm_make(struct tsm *t, const char *name, struct tsm_entry **ret);
struct tsm_entry *tsm_by_name(struct tsm *t, const char *name);
struct tsm_entry *tsm_by_serial(struct tsm *t, uint32_t serial); /* NULL: gone */
void tsm_remove(struct tsm_entry *e);
/* What a read of the attribute gives; outblob and auxblob make the report. -EINVAL, -ENXIO, -EIO.
 */
int tsm_read(struct tsm *t, struct tsm_entry *e, enum tsm_attr attr, struct cmn_buf *ret);
/* A whole write of the attribute: inblob as of its close, privlevel as of the write. */
int tsm_write(struct tsm_entry *e, enum tsm_attr attr, struct cmn_bytes data);

/* ---- glue ---- */

/* Each makes its device and serves until it is gone; ready() is called once it can be used. */
int tee_cuse_run(struct tee_device *d, void (*ready)(void));
int tee_fuse_run(struct tsm *t, const char *mountpoint, void (*ready)(void));

#endif
