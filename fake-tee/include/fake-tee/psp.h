/*
 * psp.h - the software PSP: one object per guest, from launch to the reports it signs.
 *
 *     struct ftee_psp *psp = NULL;
 *     r = ftee_psp_launch_start(env, ca, &(struct ftee_launch){.policy = 0x30000}, &psp, &err);
 *     r = ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, gpa, page, &err);   // 4096 bytes each
 *     r = ftee_psp_launch_finish(psp, host_data, &err);
 *     r = ftee_psp_report(psp, report_data, 0, raw, &status, &err);
 *
 * FAKE: what the guest's memory holds is not protected, and the signing key is a test key.
 */
#ifndef FTEE_PSP_H
#define FTEE_PSP_H

#include "fake-tee/ca.h"

enum ftee_page_type { /* AMD 56860, PAGE_TYPE */
                      FTEE_PAGE_NORMAL = 1,
                      FTEE_PAGE_VMSA = 2,
                      FTEE_PAGE_ZERO = 3,
                      FTEE_PAGE_UNMEASURED = 4,
                      FTEE_PAGE_SECRETS = 5,
                      FTEE_PAGE_CPUID = 6
};

struct ftee_launch {
    uint64_t policy;           /* 0: 0x30000 (SMT allowed); bit 17 is set in any case */
    uint32_t report_version;   /* 0: 3 */
    unsigned chip;             /* number of the emulated chip */
    const struct snp_tcb *tcb; /* NULL: the product's usual one */
    uint64_t plat_info;        /* 0: SMT enabled */
};

struct ftee_psp;

int ftee_psp_launch_start(struct cmn_env *env, struct ftee_ca *ca, const struct ftee_launch *launch,
                          struct ftee_psp **ret, struct cmn_err *err) CMN_MUST_USE;
void ftee_psp_free(struct ftee_psp *psp); /* NULL ok */

/* page: 4096 bytes for NORMAL and VMSA, else NULL. -EBUSY after launch_finish. */
int ftee_psp_launch_update(struct ftee_psp *psp, enum ftee_page_type type, uint64_t gpa,
                           const uint8_t *page, struct cmn_err *err) CMN_MUST_USE;
/* host_data: 32 bytes, NULL: zero. */
int ftee_psp_launch_finish(struct ftee_psp *psp, const uint8_t *host_data,
                           struct cmn_err *err) CMN_MUST_USE;
/* The launch digest so far, 48 bytes. */
void ftee_psp_measurement(const struct ftee_psp *psp, uint8_t out[48]);

/*
 * MSG_REPORT_REQ. *ret_status is firmware's: 0, or 0x16 when vmpl is above 3 (then no report).
 * -EBUSY before launch_finish.
 */
int ftee_psp_report(struct ftee_psp *psp, const uint8_t report_data[64], uint32_t vmpl,
                    uint8_t out[SNP_REPORT_BYTES], uint32_t *ret_status,
                    struct cmn_err *err) CMN_MUST_USE;
/*
 * Signs bytes 000..29F of a raw report anew with this guest's endorsement key: what a test needs to
 * see a changed field refused for its own sake and not for the signature. The bytes are not judged.
 */
int ftee_psp_sign_report(struct ftee_psp *psp, uint8_t report[SNP_REPORT_BYTES],
                         struct cmn_err *err) CMN_MUST_USE;
/* The certificate table the host gives to the guest: VCEK, ASK, ARK. */
int ftee_psp_certs(const struct ftee_psp *psp, struct cmn_buf *ret) CMN_MUST_USE;

/* ---- serving guests over a unix socket (common/snp/psp-msg.h) ---- */

struct ftee_psp_server_opts {
    int listen_fd; /* adopted */
    /* Sees every report on its way out and may change it (fault injection). NULL: none. */
    void (*tap)(void *ctx, uint8_t report[SNP_REPORT_BYTES]);
    /* After each request: status as answered. NULL: none. Runs on the server's thread. */
    void (*observe)(void *ctx, uint32_t vmpl, uint32_t status);
    void *ctx;
};

struct ftee_psp_server;

/*
 * One thread, one request at a time, up to 64 connections; a malformed frame ends its connection.
 * psp is borrowed and must not be launched or freed meanwhile. On failure listen_fd stays the
 * caller's.
 */
int ftee_psp_server_new(struct ftee_psp *psp, const struct ftee_psp_server_opts *opts,
                        struct ftee_psp_server **ret, struct cmn_err *err) CMN_MUST_USE;
void ftee_psp_server_free(struct ftee_psp_server *server); /* stops it; NULL ok */

#endif
