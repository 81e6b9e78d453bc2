/*
 * kds.h - a client of AMD's Key Distribution Service (AMD 57230): VCEKs and revocation lists.
 *
 * An answer is kept: a VCEK for good (its bytes depend on chip and TCB alone), a list for an hour.
 * The same request goes out at most once per ten seconds, as AMD asks; after status 429 nothing
 * goes out before the time KDS names (Retry-After, else ten seconds, doubled each time up to five
 * minutes). A short wait is waited for, once; a longer one refuses at once. What fails, fails:
 * there is no fallback to less.
 */
#ifndef KBS_KDS_H
#define KBS_KDS_H

#include "common/env/env.h"
#include "common/snp/report.h"

struct kbs_kds_opts {
    const char *base_url; /* NULL: https://kdsintf.amd.com */
    const char
        *cache_dir;   /* VCEKs are also kept there, in the layout of an OfflineStore; NULL: no */
    bool offline;     /* nothing goes out: only what is kept is answered */
    unsigned wait_ms; /* longest wait for KDS within one request; 0: 10 s */
    long timeout_ms;  /* of one HTTP request; 0: 10 s */
};

struct kbs_kds;

int kbs_kds_new(struct cmn_env *env, const struct kbs_kds_opts *opts, struct kbs_kds **ret,
                struct cmn_err *err) CMN_MUST_USE;
void kbs_kds_free(struct kbs_kds *kds); /* NULL ok */

/*
 * The VCEK of a report's chip and reported TCB, appended to ret: DER or PEM, as KDS sent it. Thread
 * safe. -ENOENT (snp.kds-not-found, or snp.chip-id-masked: a zero CHIP_ID names no chip), -EAGAIN
 * (snp.kds-throttled), -ECONNREFUSED (snp.kds-unreachable; also when offline), -EBADMSG
 * (snp.kds-answer: not a certificate, or one of another chip or TCB).
 */
int kbs_kds_vcek(struct kbs_kds *kds, const struct snp_report *report, enum snp_product product,
                 struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
/* The revocation list of a product's ARK, DER. Same errors. */
int kbs_kds_crl(struct kbs_kds *kds, enum snp_product product, struct cmn_buf *ret,
                struct cmn_err *err) CMN_MUST_USE;

#endif
