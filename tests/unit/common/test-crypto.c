/*
 * test-crypto.c - crypto over EVP: what must be refused, vectors of the standards, then the seeded
 * world.
 */
#include "tests/testlib/testlib.h"

#include "common/crypto/crypto.h"
#include "common/crypto/stream.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static struct cmn_env *env;

static struct cmn_bytes text(const char *s)
{
    return cmn_bytes(s, strlen(s));
}

static void ready(void)
{
    if (!env)
        T_OK(cmn_env_new_seeded("crypto", 6, &env, NULL), NULL);
}

/* ---- refusals ---- */

static void changed_ciphertext_does_not_open(void)
{
    const uint8_t key[32] = {1}, iv[12] = {2};
    auto_buf struct cmn_buf sealed = {0}, out = {0};
    struct cmn_err err = {0};

    ready();
    T_OK(cmn_gcm_seal(env, key, iv, text("aad"), text("plain text"), &sealed, NULL), NULL);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        T_ERR(cmn_gcm_open(env, key, iv, text("aad"), cmn_buf_bytes(&sealed), &out, &err),
              -EKEYREJECTED, &err, "tag");
        T_EQ_INT(out.len, 0);
        sealed.data[i] ^= 1;
    }
    T_ERR(cmn_gcm_open(env, key, iv, text("aae"), cmn_buf_bytes(&sealed), &out, &err),
          -EKEYREJECTED, &err, "tag");
    T_ERR(cmn_gcm_open(env, key, iv, text("aad"), cmn_bytes(sealed.data, 15), &out, &err), -EBADMSG,
          &err, "15 bytes");
    T_OK(cmn_buf_puts(&out, "before:"), NULL);
    T_OK(cmn_gcm_open(env, key, iv, text("aad"), cmn_buf_bytes(&sealed), &out, &err), &err);
    T_EQ_STR((char *)out.data, "before:plain text");
}

static void keys_off_the_curve_are_refused(void)
{
    struct cmn_buf order =
        t_unhex("ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf"
                "581a0db248b0a77aecec196accc52973"); /* n of P-384 */
    const uint8_t zero[48] = {0}, one[66] = {[65] = 1};
    EVP_PKEY *key = NULL;
    struct cmn_err err = {0};

    ready();
    T_ERR(cmn_ec_from_private(env, "P-384", zero, 48, &key, &err), -EINVAL, &err, "private key");
    T_ERR(cmn_ec_from_private(env, "P-384", order.data, 48, &key, &err), -EINVAL, &err,
          "private key");
    T_ERR(cmn_ec_from_private(env, "P-111", one, 48, &key, &err), -EINVAL, &err, "unknown curve");
    T_ERR(cmn_ec_from_public(env, "P-256", cmn_bytes(one, 31), cmn_bytes(one, 32), &key, &err),
          -EINVAL, &err, "31 and 32");
    T_ERR(cmn_ec_from_public(env, "P-521", cmn_bytes(one, 66), cmn_bytes(one, 66), &key, &err),
          -EINVAL, &err, "not on P-521");
    T_ERR(cmn_ec_from_public(env, "P-256", cmn_bytes(zero, 32), cmn_bytes(zero, 32), &key, &err),
          -EINVAL, &err, "not on P-256");
    order.data[47]--; /* n - 1 is a key */
    T_OK(cmn_ec_from_private(env, "P-384", order.data, 48, &key, &err), &err);
    T_EQ_STR(cmn_ec_curve(key), "P-384");
    EVP_PKEY_free(key);
    cmn_buf_done(&order);
}

static void wrong_signatures_are_refused(void)
{
    auto_pkey EVP_PKEY *key = NULL, *rsa = NULL;
    auto_buf struct cmn_buf sig = {0};
    struct cmn_err err = {0};
    uint8_t zero[96] = {0};

    ready();
    T_OK(cmn_ec_generate(env, "P-384", &key, NULL), NULL);
    T_OK(cmn_rsa_generate(env, 2048, &rsa, NULL), NULL);
    T_OK(cmn_ecdsa_sign(env, key, "SHA384", text("data"), &sig, NULL), NULL);
    T_EQ_INT(sig.len, 96);
    T_OK(cmn_ecdsa_verify(env, key, "SHA384", text("data"), cmn_buf_bytes(&sig), &err), &err);
    T_ERR(cmn_ecdsa_verify(env, key, "SHA384", text("date"), cmn_buf_bytes(&sig), &err),
          -EKEYREJECTED, &err, NULL);
    T_ERR(cmn_ecdsa_verify(env, key, "SHA384", text("data"), cmn_bytes(sig.data, 95), &err),
          -EKEYREJECTED, &err, "95 bytes, want 96");
    T_ERR(cmn_ecdsa_verify(env, key, "SHA384", text("data"), cmn_bytes(zero, 96), &err),
          -EKEYREJECTED, &err, NULL);
    T_TRUE(cmn_ecdsa_verify(env, rsa, "SHA384", text("data"), cmn_buf_bytes(&sig), &err) < 0);
    T_TRUE(cmn_ecdsa_sign(env, rsa, "SHA384", text("data"), &sig, &err) < 0);
    for (size_t i = 0; i < 96; i++) {
        sig.data[i] ^= 0x80;
        T_TRUE(cmn_ecdsa_verify(env, key, "SHA384", text("data"), cmn_buf_bytes(&sig), &err) ==
               -EKEYREJECTED);
        sig.data[i] ^= 0x80;
    }
}

static void garbage_is_no_key_and_no_certificate(void)
{
    static const char *const bad[] = {
        "",
        "x",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "\x30\x82\xff\xff",
        "\x30\x80"};
    EVP_PKEY *key = NULL;
    X509 *cert = NULL;
    struct cmn_err err = {0};

    ready();
    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        T_ERR(cmn_pkey_from_pem(env, text(bad[i]), &key, &err), -EBADMSG, &err, "not a key");
        T_ERR(cmn_x509_load(env, text(bad[i]), &cert, &err), -EBADMSG, &err, "not a certificate");
    }
    T_TRUE(!key && !cert);
}

static void another_kek_does_not_unwrap(void)
{
    uint8_t kek[32] = {1}, key[32] = {2}, wrapped[40], out[32] = {0};
    struct cmn_err err = {0};

    ready();
    T_OK(cmn_key_wrap(env, kek, key, wrapped, &err), &err);
    kek[31] ^= 1;
    T_ERR(cmn_key_unwrap(env, kek, wrapped, out, &err), -EKEYREJECTED, &err, "unwrapped");
    T_TRUE(cmn_all_zero(out, 32));
    kek[31] ^= 1;
    for (size_t i = 0; i < 40; i++) {
        wrapped[i] ^= 1;
        T_ERR(cmn_key_unwrap(env, kek, wrapped, out, &err), -EKEYREJECTED, &err, NULL);
        wrapped[i] ^= 1;
    }
    T_OK(cmn_key_unwrap(env, kek, wrapped, out, &err), &err);
    T_EQ_MEM(out, key, 32);
}

/* ---- vectors ---- */

static void vectors_of_digests_and_kdfs(void)
{
    const uint8_t zero[32] = {0};
    uint8_t ikm[32], out[64];

    ready();
    for (uint8_t i = 0; i < 32; i++)
        ikm[i] = i;
    /* FIPS 180-4: "abc" */
    struct cmn_buf want = t_unhex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
                                  "8086072ba1e7cc2358baeca134c825a7");
    T_OK(cmn_hash(env, "SHA384", "abc", 3, out, NULL), NULL);
    T_EQ_MEM(out, want.data, 48);
    cmn_buf_done(&want);
    /* RFC 4231, test case 2 */
    want = t_unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    T_OK(cmn_hmac_sha256(env, text("Jefe"), "what do ya want for nothing?", 28, out, NULL), NULL);
    T_EQ_MEM(out, want.data, 32);
    cmn_buf_done(&want);
    /* HKDF-SHA-384, computed with Python's hmac from RFC 5869 */
    want = t_unhex("ff2821ea0cd3c7538ec9b5389296250aba05bd99732173227ad031ef26c2e009"
                   "a35a86435b8d4fdd5efadda5af50345e70004c98669233e97d467d79ce061497");
    T_OK(cmn_hkdf(env, cmn_bytes(ikm, 32), "salt", text("info"), out, 64, NULL), NULL);
    T_EQ_MEM(out, want.data, 64);
    cmn_buf_done(&want);
    /* ECDH-ES+A256KW, Z of 32 zero bytes; made with another implementation of the Concat KDF */
    want = t_unhex("4d4cc5347dd8f6a4392e7ee74995e2e07fca564634f0fdcb65be59dbe0fcb3e4");
    T_OK(cmn_concat_kdf(env, cmn_bytes(zero, 32), "ECDH-ES+A256KW", out, NULL), NULL);
    T_EQ_MEM(out, want.data, 32);
    cmn_buf_done(&want);
}

static void vectors_of_aes(void)
{
    uint8_t out[64];

    ready();
    /* RFC 3394, 4.6 */
    struct cmn_buf kek =
        t_unhex("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
    struct cmn_buf key =
        t_unhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
    struct cmn_buf want = t_unhex("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43B"
                                  "FB988B9B7A02DD21");
    T_OK(cmn_key_wrap(env, kek.data, key.data, out, NULL), NULL);
    T_EQ_MEM(out, want.data, 40);
    cmn_buf_done(&want);
    cmn_buf_done(&key);
    /* AES-256-GCM, key 00..1f, iv 00..0b; computed with Python's cryptography */
    auto_buf struct cmn_buf sealed = {0};
    want = t_unhex("376eb772abc5b67ef535519ee121298002ed4e265959884c0456");
    T_OK(cmn_gcm_seal(env, kek.data, kek.data, text("aad"), text("plain text"), &sealed, NULL),
         NULL);
    T_EQ_INT(sealed.len, want.len);
    T_EQ_MEM(sealed.data, want.data, want.len);
    cmn_buf_done(&want);
    cmn_buf_done(&kek);
    /* NIST SP 800-38A, F.5.5, in pieces that do not fit the blocks */
    key = t_unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
    struct cmn_buf iv = t_unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    struct cmn_buf plain =
        t_unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    want = t_unhex("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5");
    auto_ctr struct cmn_ctr *ctr = NULL;
    T_OK(cmn_ctr_new(env, key.data, iv.data, &ctr, NULL), NULL);
    T_OK(cmn_ctr_update(ctr, plain.data, 5, out), NULL);
    T_OK(cmn_ctr_update(ctr, plain.data, 0, out), NULL);
    T_OK(cmn_ctr_update(ctr, plain.data + 5, 27, out + 5), NULL);
    T_EQ_MEM(out, want.data, 32);
    cmn_buf_done(&want);
    cmn_buf_done(&plain);
    cmn_buf_done(&iv);
    cmn_buf_done(&key);
}

/* RFC 6979 A.2.5, SHA-256, message "sample". */
static void vector_of_ecdsa(void)
{
    struct cmn_buf x = t_unhex("60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6");
    struct cmn_buf y = t_unhex("7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299");
    struct cmn_buf d = t_unhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    struct cmn_buf sig =
        t_unhex("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8");
    auto_pkey EVP_PKEY *pub = NULL, *priv = NULL;
    auto_buf struct cmn_buf gx = {0}, gy = {0};
    struct cmn_err err = {0};

    ready();
    T_OK(cmn_ec_from_public(env, "P-256", cmn_buf_bytes(&x), cmn_buf_bytes(&y), &pub, &err), &err);
    T_OK(cmn_ecdsa_verify(env, pub, "SHA256", text("sample"), cmn_buf_bytes(&sig), &err), &err);
    T_ERR(cmn_ecdsa_verify(env, pub, "SHA384", text("sample"), cmn_buf_bytes(&sig), &err),
          -EKEYREJECTED, &err, NULL);
    T_OK(cmn_ec_from_private(env, "P-256", d.data, d.len, &priv, &err), &err);
    T_EQ_INT(EVP_PKEY_eq(pub, priv), 1);
    T_OK(cmn_ec_coordinates(priv, &gx, &gy, &err), &err);
    T_EQ_MEM(gx.data, x.data, 32);
    T_EQ_MEM(gy.data, y.data, 32);
    cmn_buf_done(&x);
    cmn_buf_done(&y);
    cmn_buf_done(&d);
    cmn_buf_done(&sig);
}

/* ---- round trips ---- */

static void streams_agree_with_one_shots(void)
{
    static const char *const mds[] = {"SHA256", "SHA384", "SHA512"};
    uint8_t data[1000], whole[64], parts[64];
    struct cmn_err err = {0};
    struct cmn_mac *none = NULL;

    ready();
    memset(data, 0x5A, sizeof(data));
    for (size_t i = 0; i < CMN_ARRAY_SIZE(mds); i++) {
        auto_mac struct cmn_mac *mac = NULL;
        memset(whole, 0, sizeof(whole));
        memset(parts, 0, sizeof(parts));
        T_OK(cmn_mac_new(env, mds[i], (struct cmn_bytes){0}, &mac, &err), &err);
        T_OK(cmn_mac_update(mac, data, 1), NULL);
        T_OK(cmn_mac_update(mac, data, 0), NULL);
        T_OK(cmn_mac_update(mac, data + 1, sizeof(data) - 1), NULL);
        T_OK(cmn_mac_final(mac, parts, &err), &err);
        T_OK(cmn_hash(env, mds[i], data, sizeof(data), whole, &err), &err);
        T_EQ_MEM(parts, whole, 64);
    }
    auto_mac struct cmn_mac *hmac = NULL;
    T_OK(cmn_mac_new(env, "SHA256", text("key"), &hmac, &err), &err);
    T_OK(cmn_mac_update(hmac, data, 500), NULL);
    T_OK(cmn_mac_update(hmac, data + 500, 500), NULL);
    T_OK(cmn_mac_final(hmac, parts, &err), &err);
    T_OK(cmn_hmac_sha256(env, text("key"), data, sizeof(data), whole, &err), &err);
    T_EQ_MEM(parts, whole, 32);
    T_ERR(cmn_mac_new(env, "MD99", (struct cmn_bytes){0}, &none, &err), -EIO, &err, "MD99");
}

static void keys_round_trip_as_pem(void)
{
    static const char *const kinds[] = {"P-256", "P-384", "P-521", "RSA"};

    ready();
    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++) {
        auto_pkey EVP_PKEY *key = NULL, *again = NULL;
        auto_buf_secret struct cmn_buf pem = {0};
        if (i == 3)
            T_OK(cmn_rsa_generate(env, 2048, &key, NULL), NULL);
        else
            T_OK(cmn_ec_generate(env, kinds[i], &key, NULL), NULL);
        T_OK(cmn_pkey_to_pem(key, &pem, NULL), NULL);
        T_TRUE(strncmp((char *)pem.data, "-----BEGIN PRIVATE KEY-----", 27) == 0);
        T_OK(cmn_pkey_from_pem(env, cmn_buf_bytes(&pem), &again, NULL), NULL);
        T_EQ_INT(EVP_PKEY_eq(key, again), 1);
    }
}

static void same_seed_same_keys_and_signatures(void)
{
    struct cmn_buf pem[3] = {{0}}, sig[3] = {{0}};

    for (int i = 0; i < 3; i++) {
        auto_env struct cmn_env *world = NULL;
        auto_pkey EVP_PKEY *key = NULL;
        T_OK(cmn_env_new_seeded(i < 2 ? "a" : "b", 1, &world, NULL), NULL);
        T_OK(cmn_ec_generate(world, "P-384", &key, NULL), NULL);
        T_OK(cmn_pkey_to_pem(key, &pem[i], NULL), NULL);
        T_OK(cmn_ecdsa_sign(world, key, "SHA384", text("x"), &sig[i], NULL), NULL);
    }
    T_EQ_STR((char *)pem[0].data, (char *)pem[1].data);
    T_EQ_MEM(sig[0].data, sig[1].data, 96);
    T_TRUE(strcmp((char *)pem[0].data, (char *)pem[2].data) != 0);
    T_TRUE(memcmp(sig[0].data, sig[2].data, 96) != 0);
    for (int i = 0; i < 3; i++) {
        cmn_buf_done_secret(&pem[i]);
        cmn_buf_done(&sig[i]);
    }
}

static void all_is_freed(void)
{
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("crypto", {"changed ciphertext does not open", changed_ciphertext_does_not_open},
          {"keys off the curve are refused", keys_off_the_curve_are_refused},
          {"wrong signatures are refused", wrong_signatures_are_refused},
          {"garbage is no key and no certificate", garbage_is_no_key_and_no_certificate},
          {"another KEK does not unwrap", another_kek_does_not_unwrap},
          {"vectors of digests and KDFs", vectors_of_digests_and_kdfs},
          {"vectors of AES", vectors_of_aes}, {"vector of ECDSA", vector_of_ecdsa},
          {"streams agree with one-shots", streams_agree_with_one_shots},
          {"keys round trip as PEM", keys_round_trip_as_pem},
          {"same seed, same keys and signatures", same_seed_same_keys_and_signatures},
          {"all is freed", all_is_freed})
