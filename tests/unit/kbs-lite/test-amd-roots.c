/* test-amd-roots.c - AMD's keys against published SHA-256 fingerprints of their
 * SubjectPublicKeyInfo. */
#include "common/enc/enc.h"
#include "kbs-lite/lib/amd-roots.h"
#include "tests/testlib/testlib.h"

#include <openssl/sha.h>
#include <openssl/x509.h>

static const char *const spki_sha256[KBS_AMD_PRODUCTS][KBS_AMD_KEYS] = {
    [KBS_AMD_MILAN] =
        {
            [KBS_AMD_ARK] = "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9",
            [KBS_AMD_ASK] = "42491669ccb851d627ea9846cd24eccbeb7de7c2a62740120fff88001d38ebb6",
            [KBS_AMD_ASVK] = "66450a123ea5876206df67f2514a4fea224c0f63b18313423078b0edc4535e33",
        },
    [KBS_AMD_GENOA] =
        {
            [KBS_AMD_ARK] = "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831",
            [KBS_AMD_ASK] = "0324d55bcd48ba877a8fd87c0e1b4934dec8448e3807a24384a34dc6a6c9ebb8",
            [KBS_AMD_ASVK] = "7d1633252ebbadaa75f96e9b4e6f7d43a90ceb3f843937482630f8da2459264e",
        },
    [KBS_AMD_TURIN] =
        {
            [KBS_AMD_ARK] = "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08",
            [KBS_AMD_ASK] = "0000ead352025f208bf55297c4192c34cd1b878002107366d8f2065a9ae7d3a9",
            [KBS_AMD_ASVK] = "bfc441408b2f806c5dbf180bd8920e6e60dd404d82141780d85dbf962954d386",
        },
};

static void unknown_key_is_refused(void)
{
    struct cmn_err err = {0};
    EVP_PKEY *key = NULL;

    T_ERR(kbs_amd_root_key(KBS_AMD_PRODUCTS, KBS_AMD_ARK, &key, &err), -EINVAL, &err, "product 3");
    T_ERR(kbs_amd_root_key(KBS_AMD_MILAN, KBS_AMD_KEYS, &key, &err), -EINVAL, &err, "key 3");
    T_TRUE(key == NULL);
}

static void keys_have_the_published_fingerprints(void)
{
    for (unsigned p = 0; p < KBS_AMD_PRODUCTS; p++)
        for (unsigned k = 0; k < KBS_AMD_KEYS; k++) {
            struct cmn_err err = {0};
            EVP_PKEY *key = NULL;
            unsigned char *der = NULL, digest[SHA256_DIGEST_LENGTH];
            T_OK(kbs_amd_root_key((enum kbs_amd_product)p, (enum kbs_amd_key)k, &key, &err), &err);
            int len = i2d_PUBKEY(key, &der);
            T_TRUE(len > 0);
            if (len > 0) {
                SHA256(der, (size_t)len, digest);
                auto_free char *hex = cmn_hex(digest, sizeof(digest));
                T_EQ_STR(hex, spki_sha256[p][k]);
            }
            OPENSSL_free(der);
            EVP_PKEY_free(key);
        }
}

TEST_MAIN("amd-roots", {"unknown key is refused", unknown_key_is_refused},
          {"keys have the published fingerprints", keys_have_the_published_fingerprints})
