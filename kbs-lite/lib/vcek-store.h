/* vcek-store.h - VCEKs in a folder, in the layout of upstream's OfflineStore. */
#ifndef KBS_VCEK_STORE_H
#define KBS_VCEK_STORE_H

#include "common/snp/report.h"

/* The VCEK for chip and reported TCB of a report, appended to ret: the file of that TCB, else
 * vcek.der. -ENOENT: there is none. */
int kbs_vcek_find(const char *dir, const struct snp_report *report, enum snp_product product,
                  struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
/* Puts it under the name of its TCB. */
int kbs_vcek_store(const char *dir, const struct snp_report *report, enum snp_product product,
                   struct cmn_bytes cert, struct cmn_err *err) CMN_MUST_USE;

#endif
