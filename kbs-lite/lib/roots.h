/* roots.h - families of SNP signing keys (ARK, ASK, ASVK of one product), each named amd or test.
 */
#ifndef KBS_ROOTS_H
#define KBS_ROOTS_H

#include "common/snp/report.h"
#include "verifier.h"

#define KBS_MAX_FAMILIES 6

struct kbs_root_family {
    const char *name; /* "amd" or "test" */
    enum snp_product product;
    EVP_PKEY *ark, *ask, *asvk; /* asvk may be NULL for test */
};

/* Families of a product, one after the other; NULL at the end. */
const struct kbs_root_family *kbs_roots_next(const struct kbs_roots *roots,
                                             enum snp_product product,
                                             const struct kbs_root_family *after);

#endif
