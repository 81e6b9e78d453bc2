/* Aims at: kbs_crls_add, kbs_crls_ask: revocation lists as a KDS or the evidence brings them. */
#include "fuzz.h"

#include "common/crypto/crypto.h"
#include "crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const issuers[] = {"ARK-Milan", "ARK-Genoa", "ARK-Turin", "SEV-Genoa"};
    static struct cmn_env *env;
    static EVP_PKEY *key; /* nobody signed a list with it */
    struct kbs_crls *crls = NULL;

    if (!env) {
        FUZZ_CHECK(cmn_env_new_seeded("fuzz", 4, &env, NULL) == 0);
        FUZZ_CHECK(cmn_rsa_generate(env, 2048, &key, NULL) == 0);
    }
    FUZZ_CHECK(kbs_crls_new(env, &crls, NULL) == 0);
    if (kbs_crls_add(crls, cmn_bytes(data, size), NULL) == 0)
        for (size_t i = 0; i < CMN_ARRAY_SIZE(issuers); i++) {
            struct kbs_crl_facts facts = {0};
            kbs_crls_ask(crls, issuers[i], key, 1, &facts);
            FUZZ_CHECK(!facts.signed_by_it);
        }
    kbs_crls_free(crls);
    return 0;
}
