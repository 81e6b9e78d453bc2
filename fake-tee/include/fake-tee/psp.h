/*
 * psp.h - the software PSP: one object per guest, from launch to the reports it signs.
 *
 *     struct ftee_psp *psp = NULL;
 *     r = ftee_psp_launch_start(env, ca, &(struct ftee_launch){.policy = 0x30000}, &psp, &err);
 *     r = ftee_psp_launch_update(psp, FTEE_PAGE_NORMAL, gpa, page, &err);   // 4096 bytes each
 *     r = ftee_psp_launch_finish(psp, host_data, &err);
 *     r = ftee_psp_report(psp, report_data, 0, raw, &status, &err);
 *
 * What firmware and host may change while the guest runs is the platform's (platform.h).
 *
 * FAKE: what the guest's memory holds is not protected, and the signing key is a test key.
 */
#ifndef FTEE_PSP_H
#define FTEE_PSP_H

#include "fake-tee/platform.h"

#include "common/snp/id-block.h"
#include "common/snp/psp-msg.h"

enum ftee_page_type { /* AMD 56860, PAGE_TYPE */
                      FTEE_PAGE_NORMAL = 1,
                      FTEE_PAGE_VMSA = 2,
                      FTEE_PAGE_ZERO = 3,
                      FTEE_PAGE_UNMEASURED = 4,
                      FTEE_PAGE_SECRETS = 5,
                      FTEE_PAGE_CPUID = 6
};

/* What the host's certificate table leaves out. */
#define FTEE_OMIT_VEK 1u
#define FTEE_OMIT_ASK 2u /* or the ASVK */
#define FTEE_OMIT_ARK 4u
#define FTEE_OMIT_ALL 7u

struct ftee_certs_opts { /* all 0: VCEK or VLEK, ASK or ASVK, and ARK as DER */
    bool pem;
    bool crl; /* also the ARK's CRL (the sev crate's GUID) */
    unsigned omit;
};

struct ftee_launch {
    uint64_t policy;         /* 0: 0x30000 (SMT allowed); bit 17 is set in any case */
    uint32_t report_version; /* 0: 3 */
    struct ftee_certs_opts certs;
    struct ftee_platform *platform; /* NULL: one of its own, made from what follows */
    unsigned chip;                  /* number of the emulated chip */
    const struct snp_tcb *tcb;      /* NULL: the product's usual one */
    uint64_t plat_info;             /* 0: SMT enabled */
};

struct ftee_psp;

/*
 * SNP_LAUNCH_START; LAUNCH_TCB is the platform's CURRENT_TCB. The platform is referenced; ca must
 * be its. -EPERM (psp.command-refused): the policy does not fit the platform, status 0x7, or has
 * reserved bits, status 0x16.
 */
int ftee_psp_launch_start(struct cmn_env *env, struct ftee_ca *ca, const struct ftee_launch *launch,
                          struct ftee_psp **ret, struct cmn_err *err) CMN_MUST_USE;
void ftee_psp_free(struct ftee_psp *psp); /* NULL ok */

/* page: 4096 bytes for NORMAL and VMSA, else NULL. -EBUSY after launch_finish. */
int ftee_psp_launch_update(struct ftee_psp *psp, enum ftee_page_type type, uint64_t gpa,
                           const uint8_t *page, struct cmn_err *err) CMN_MUST_USE;
/* host_data: 32 bytes, NULL: zero. */
int ftee_psp_launch_finish(struct ftee_psp *psp, const uint8_t *host_data,
                           struct cmn_err *err) CMN_MUST_USE;
/*
 * The same with an ID block (common/snp/id-block.h): block 96 bytes, auth 4096 bytes; author: the
 * author key counts (AUTHOR_KEY_EN). -EPERM (psp.command-refused), and the guest stays unfinished:
 * status 0xB the launch digest differs, 0xA a signature does not verify, 0x7 the block's policy is
 * not the guest's, 0x16 malformed.
 */
int ftee_psp_launch_finish_id(struct ftee_psp *psp, const uint8_t *host_data,
                              const uint8_t block[SNP_ID_BLOCK_BYTES],
                              const uint8_t auth[SNP_ID_AUTH_BYTES], bool author,
                              struct cmn_err *err) CMN_MUST_USE;
/* The launch digest so far, 48 bytes. */
void ftee_psp_measurement(const struct ftee_psp *psp, uint8_t out[48]);
/* The platform it runs on, borrowed. */
struct ftee_platform *ftee_psp_platform(struct ftee_psp *psp);

/*
 * MSG_REPORT_REQ. *ret_status is firmware's: 0; without report 0x16 when vmpl is above 3 or key_sel
 * is none, 0x27 when the key is not there. MASK_CHIP_KEY leaves the signature zero and SIGNING_KEY
 * 7. -EBUSY before launch_finish. ftee_psp_report leaves the key to the firmware.
 */
int ftee_psp_report(struct ftee_psp *psp, const uint8_t report_data[64], uint32_t vmpl,
                    uint8_t out[SNP_REPORT_BYTES], uint32_t *ret_status,
                    struct cmn_err *err) CMN_MUST_USE;
int ftee_psp_report_with(struct ftee_psp *psp, const uint8_t report_data[64], uint32_t vmpl,
                         enum snp_key_sel key_sel, uint8_t out[SNP_REPORT_BYTES],
                         uint32_t *ret_status, struct cmn_err *err) CMN_MUST_USE;
/*
 * Signs bytes 000..29F of a raw report anew with the key that signs this guest's reports (VLEK if
 * one is loaded, else VCEK, of the reported TCB): what a test needs to see a changed field refused
 * for its own sake and not for the signature. The bytes are not judged; masks do not count.
 */
int ftee_psp_sign_report(struct ftee_psp *psp, uint8_t report[SNP_REPORT_BYTES],
                         struct cmn_err *err) CMN_MUST_USE;
/*
 * The certificate table the host gives to the guest, for the TCB reported now. Padded to pages;
 * nothing when all is left out.
 */
int ftee_psp_certs(struct ftee_psp *psp, struct cmn_buf *ret) CMN_MUST_USE;

/*
 * MSG_KEY_REQ (AMD 56860, "Key Derivation"): req as in common/snp/psp-msg.h. *ret_status: 0; 0x16
 * for reserved bits, a VMPL above 3, an SVN above the ID block's, a TCB above COMMITTED_TCB or
 * mitigation bits the launch did not have; 0x27 when the root key is masked or not loaded. Then out
 * is zero. Same chip, guest and request: same key. -EBUSY before launch_finish.
 *
 * FAKE: the KDF of real firmware is not public; this is HKDF-SHA-384 over the selected fields.
 */
int ftee_psp_derive_key(struct ftee_psp *psp, const struct snp_key_req *req, uint8_t out[32],
                        uint32_t *ret_status, struct cmn_err *err) CMN_MUST_USE;

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
 * psp is borrowed and must not be launched or freed meanwhile; its platform may move. On failure
 * listen_fd stays the caller's.
 */
int ftee_psp_server_new(struct ftee_psp *psp, const struct ftee_psp_server_opts *opts,
                        struct ftee_psp_server **ret, struct cmn_err *err) CMN_MUST_USE;
void ftee_psp_server_free(struct ftee_psp_server *server); /* stops it; NULL ok */

#endif
