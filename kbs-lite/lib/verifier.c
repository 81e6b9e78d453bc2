/* verifier.c - the table of verifiers; see verifier.h. */
#include "verifier.h"

#include <stdlib.h>
#include <string.h>

static const struct kbs_verifier *const verifiers[] = {&kbs_verifier_snp, &kbs_verifier_sample,
                                                       &kbs_verifier_sampledevice};

const struct kbs_verifier *kbs_verifier_find(const char *tee)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(verifiers); i++)
        if (strcmp(verifiers[i]->tee, tee) == 0)
            return verifiers[i];
    return NULL;
}

bool kbs_tee_known(const char *tee)
{
    static const char *const names[] = {
        "az-snp-vtpm", "az-tdx-vtpm", "nvidia",   "sgx", "snp",    "tdx",          "cca",
        "csv",         "se",          "hygondcu", "tpm", "sample", "sampledevice", "nvidia-dpu"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++)
        if (strcmp(names[i], tee) == 0)
            return true;
    return false;
}

void kbs_claims_done(struct kbs_claims *claims)
{
    json_decref(claims->claims);
    free(claims->report_data);
    free(claims->init_data);
    *claims = (struct kbs_claims){0};
}
