/* Aims at: cmn_x509_load, snp_vek_info, snp_cert_profile_read, snp_report_verify. */
#include "fuzz.h"

#include "common/snp/cert-profile.h"
#include "common/snp/vek.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t report[SNP_REPORT_BYTES]; /* no key signed it */
    static struct cmn_env *env;
    auto_x509 X509 *cert = NULL;
    struct snp_vek_info info = {0};
    struct snp_cert_profile profile;

    if (!env)
        FUZZ_CHECK(cmn_env_new_system(&env, NULL) == 0);
    if (cmn_x509_load(env, cmn_bytes(data, size), &cert, NULL) < 0)
        return 0;
    snp_cert_profile_read(cert, &profile);
    FUZZ_CHECK(profile.hwid_len <= sizeof(profile.hwid));
    if (snp_vek_info(cert, &info, NULL) == 0)
        FUZZ_CHECK(info.hwid_len <= sizeof(info.hwid));
    auto_pkey EVP_PKEY *key = X509_get_pubkey(cert);
    if (key)
        FUZZ_CHECK(snp_report_verify(env, report, key, NULL) < 0);
    return 0;
}
