/* vcek-sources.h - where VCEKs come from that evidence does not bring: folders and KDS, in order.
 */
#ifndef KBS_VCEK_SOURCES_H
#define KBS_VCEK_SOURCES_H

#include "kbs-lite/kbs.h"

#include "common/snp/report.h"

struct kbs_vcek_sources;

int kbs_vcek_sources_new(struct cmn_env *env, const struct kbs_config *config,
                         struct kbs_vcek_sources **ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_vcek_sources_free(struct kbs_vcek_sources *sources); /* NULL ok */

/* Both with ctx = struct kbs_vcek_sources. The first source that has it; else the failure of the
 * last one. Thread safe. */
int kbs_vcek_sources_fetch(void *ctx, const struct snp_report *report, enum snp_product product,
                           struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
int kbs_vcek_sources_crl(void *ctx, enum snp_product product, struct cmn_buf *ret,
                         struct cmn_err *err) CMN_MUST_USE;

#endif
