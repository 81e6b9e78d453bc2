/* vcek-store.h - VCEKs kept in a folder, in the layout of upstream's OfflineStore. */
#ifndef KBS_VCEK_STORE_H
#define KBS_VCEK_STORE_H

#include "common/snp/report.h"

/* DER of the VCEK for chip and reported TCB of a report, appended to ret. -ENOENT: there is none.
 */
int kbs_vcek_find(const char *dir, const struct snp_report *report, enum snp_product product,
                  struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;

#endif
