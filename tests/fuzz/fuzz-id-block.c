/* Aims at: snp_id_block_decode, snp_id_block_encode, snp_id_auth_check. */
#include "fuzz.h"

#include "common/snp/id-block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cmn_env *env;
    uint8_t block[SNP_ID_BLOCK_BYTES] = {0}, auth[SNP_ID_AUTH_BYTES] = {0};
    uint8_t again[SNP_ID_BLOCK_BYTES];
    struct snp_id_digests digests;
    struct snp_id_block id;
    size_t rest = size > sizeof(block) ? size - sizeof(block) : 0;

    if (!env)
        FUZZ_CHECK(cmn_env_new_system(&env, NULL) == 0);
    if (size)
        memcpy(block, data, size - rest);
    if (rest)
        memcpy(auth, data + sizeof(block), rest < sizeof(auth) ? rest : sizeof(auth));
    snp_id_block_decode(block, &id);
    snp_id_block_encode(&id, again);
    FUZZ_CHECK(memcmp(block, again, sizeof(block)) == 0);
    CMN_IGNORE(
        snp_id_auth_check(env, block, auth, true, &digests, NULL)); /* the corpus has good ones */
    CMN_IGNORE(snp_id_auth_check(env, block, auth, false, &digests, NULL)); /* the same */
    return 0;
}
