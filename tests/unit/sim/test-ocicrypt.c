/* test-ocicrypt.c - packets, options, the layer cipher. Vectors: NIST SP 800-38A, ocicrypt-rs data.
 */
#include "common/enc/enc.h"
#include "sim/image/ocicrypt.h"
#include "tests/testlib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct cmn_env *env;

static void setup(void)
{
    if (!env)
        T_OK(cmn_env_new_seeded("ocicrypt", 8, &env, NULL), NULL);
}

static struct cmn_bytes text(const char *s)
{
    return cmn_bytes(s, strlen(s));
}

static void bad_packets_are_refused(void)
{
    static const struct {
        const char *json, *part;
        int code;
    } cases[] = {
        {"", "malwared AnnotationPacket format", -EBADMSG},
        {"[]", "malwared AnnotationPacket format", -EBADMSG},
        {"{\"wrapped_data\":\"\"}", "kid", -EBADMSG},
        {"{\"kid\":\"kbs:///a/b/c\",\"wrap_type\":\"A128\"}", "Unknown WrapType: A128", -EBADMSG},
        {"{\"kid\":\"k\",\"wrap_type\":\"A256GCM\",\"wrapped_data\":\"*\",\"iv\":\"\"}",
         "wrapped_data", -EBADMSG},
        {"{\"kid\":\"k\",\"wrap_type\":\"A256GCM\",\"wrapped_data\":\"AA==\",\"iv\":\"AA==\"}",
         "expect 12 bytes", -EBADMSG},
        {"{\"kid\":\"k\",\"wrap_type\":\"A256CTR\",\"wrapped_data\":\"AA==\",\"iv\":\"AA==\"}",
         "expect 16 bytes", -EBADMSG},
        {"{\"kid\":\"k\",\"provider\":\"aliyun\",\"wrap_type\":\"A256GCM\"}",
         "Unsupported provider: aliyun", -ENOTSUP},
    };
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sim_ocicrypt_packet p = {0};
        struct cmn_err err = {0};
        T_ERR(sim_ocicrypt_packet_parse(text(cases[i].json), &p, &err), cases[i].code, &err,
              cases[i].part);
        T_EQ_INT(err.reason, CMN_REASON_IMAGE_KEY_PACKET_INVALID);
    }
}

/* The private options ocicrypt-rs' sample packet holds (spec 10), in its member order. */
static const char sample_options[] =
    "{\"symkey\":\"1jL2jJV0Oyz2nmPkLtqulW6cKcpIUN5FpILcVnP5Uqs=\",\"digest\":\"sha256:"
    "18be1897f9402f27c8c0eba7c86e0c00f5656db62961b5949d55f9565c42c6e7\",\"cipheroptions\":{"
    "\"nonce\":\"r10F9oaCu+nWFXfod3l83g==\"}}";
static const char sample_key[] = "d99b7705b0ba7a168295b3a3367270b0dd9b371bf514ca8b9ba7f0a33711daea";

static void private_options_are_printed_as_ocicrypt_does(void)
{
    struct sim_ocicrypt_private opts;
    struct cmn_err err = {0};
    auto_buf struct cmn_buf printed = {0};

    T_OK(sim_ocicrypt_private_parse(text(sample_options), &opts, &err), &err);
    T_OK(sim_ocicrypt_private_print(&opts, &printed), NULL);
    T_EQ_STR((const char *)printed.data, sample_options);
    T_ERR(sim_ocicrypt_private_parse(text("{\"symkey\":\"AA==\"}"), &opts, &err), -EBADMSG, &err,
          "expect 32 bytes");
}

static void sample_key_and_zero_iv_round_trip(void)
{
    static const uint8_t zero_iv[12];
    struct cmn_buf key = t_unhex(sample_key);
    struct sim_ocicrypt_packet p = {0};
    struct cmn_err err = {0};
    auto_buf struct cmn_buf json = {0}, plain = {0};

    setup();
    T_OK(sim_ocicrypt_packet_seal(env, "kbs:///default/test-key/1", key.data, zero_iv,
                                  text(sample_options), &json, &err),
         &err);
    T_TRUE(strstr((char *)json.data, "\"iv\":\"AAAAAAAAAAAAAAAA\",\"wrap_type\":\"A256GCM\"}"));
    const char begin[] = "{\"kid\":\"kbs:///default/test-key/1\",\"wrapped_data\":\"";
    T_TRUE(strncmp((char *)json.data, begin, strlen(begin)) == 0);
    T_OK(sim_ocicrypt_packet_parse(cmn_buf_bytes(&json), &p, &err), &err);
    T_EQ_INT(p.wrapped.len, strlen(sample_options) + 16);
    T_OK(sim_ocicrypt_packet_open(env, &p, cmn_buf_bytes(&key), &plain, &err), &err);
    T_EQ_STR((const char *)plain.data, sample_options);
    key.data[3] ^= 1;
    T_ERR(sim_ocicrypt_packet_open(env, &p, cmn_buf_bytes(&key), &plain, &err), -EKEYREJECTED, &err,
          "aes-256-gcm decrypt failed");
    T_EQ_INT(err.reason, CMN_REASON_IMAGE_KEY_WRONG);
    T_ERR(sim_ocicrypt_packet_open(env, &p, cmn_bytes(key.data, 31), &plain, &err), -EINVAL, &err,
          "31 bytes");
    key.data[3] ^= 1;
    for (size_t i = 0; i < p.wrapped.len; i++) {
        p.wrapped.data[i] ^= 0x80;
        T_ERR(sim_ocicrypt_packet_open(env, &p, cmn_buf_bytes(&key), &plain, &err), -EKEYREJECTED,
              &err, NULL);
        p.wrapped.data[i] ^= 0x80;
    }
    sim_ocicrypt_packet_done(&p);
    cmn_buf_done(&key);
}

/* NIST SP 800-38A F.5.5, CTR-AES256: also proves that the counter is the 128-bit big-endian nonce.
 */
static void layer_cipher_is_ctr_of_sp800_38a(void)
{
    struct cmn_buf key =
        t_unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
    struct cmn_buf nonce = t_unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    struct cmn_buf plain =
        t_unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    struct cmn_buf want =
        t_unhex("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5");
    struct sim_ocicrypt_private opts = {0};
    struct sim_layer_cipher *c = NULL;
    struct cmn_err err = {0};
    uint8_t out[32], hmac[32], direct[32];

    setup();
    memcpy(opts.key, key.data, 32);
    memcpy(opts.nonce, nonce.data, 16);
    T_OK(sim_layer_cipher_new(env, &opts, true, &c, &err), &err);
    for (size_t i = 0; i < 32; i++) /* in pieces of one byte: the stream keeps its place */
        T_OK(sim_layer_cipher_update(c, plain.data + i, 1, out + i, &err), &err);
    T_EQ_MEM(out, want.data, 32);
    T_OK(sim_layer_cipher_hmac(c, hmac, &err), &err);
    sim_layer_cipher_free(c);
    /* the HMAC is keyed with the cipher's key, over the ciphertext alone */
    T_OK(cmn_hmac_sha256(env, cmn_buf_bytes(&key), want.data, 32, direct, &err), &err);
    T_EQ_MEM(hmac, direct, 32);

    T_OK(sim_layer_cipher_new(env, &opts, false, &c, &err), &err);
    T_OK(sim_layer_cipher_update(c, want.data, 32, out, &err), &err);
    T_EQ_MEM(out, plain.data, 32);
    T_OK(sim_layer_cipher_verify(c, hmac, &err), &err);
    sim_layer_cipher_free(c);

    hmac[0] ^= 1;
    T_OK(sim_layer_cipher_new(env, &opts, false, &c, &err), &err);
    T_OK(sim_layer_cipher_update(c, want.data, 32, out, &err), &err);
    T_ERR(sim_layer_cipher_verify(c, hmac, &err), -EKEYREJECTED, &err, "exp hmac");
    T_EQ_INT(err.reason, CMN_REASON_IMAGE_HMAC_MISMATCH);
    sim_layer_cipher_free(c);
    cmn_buf_done(&key);
    cmn_buf_done(&nonce);
    cmn_buf_done(&plain);
    cmn_buf_done(&want);
}

static void annotations_are_read(void)
{
    uint8_t hmac[32] = {1, 2, 3}, got[32];
    auto_buf struct cmn_buf pub = {0};
    struct cmn_err err = {0};
    json_t *packets = NULL;

    T_OK(sim_ocicrypt_public_print(hmac, &pub), NULL);
    auto_free char *b64 = cmn_b64(CMN_B64_STD, pub.data, pub.len);
    auto_json json_t *notes = json_pack("{s:s,s:s}", SIM_OCICRYPT_KEYS_PREFIX "any",
                                        "QQ==,Qg==", SIM_OCICRYPT_PUBOPTS, b64);
    T_OK(sim_ocicrypt_annotations(notes, &packets, got, &err), &err);
    T_EQ_MEM(got, hmac, 32);
    T_EQ_INT(json_array_size(packets), 2);
    T_EQ_STR(json_string_value(json_array_get(packets, 1)), "Qg==");
    json_decref(packets);
    (void)json_object_del(notes, SIM_OCICRYPT_PUBOPTS);
    T_ERR(sim_ocicrypt_annotations(notes, &packets, got, &err), -EBADMSG, &err,
          "HMAC is not provided");
    T_ERR(sim_ocicrypt_annotations(NULL, &packets, got, &err), -ENODATA, &err,
          "missing private key needed for decryption");
    T_ERR(sim_ocicrypt_public_parse(text("{\"cipher\":\"AES_256_GCM\"}"), got, &err), -ENOTSUP,
          &err, "unsupported cipher type AES_256_GCM");
    cmn_env_unref(cmn_take(env));
}

TEST_MAIN("ocicrypt", {"bad packets are refused", bad_packets_are_refused},
          {"private options are printed as ocicrypt does",
           private_options_are_printed_as_ocicrypt_does},
          {"sample key and zero iv round trip", sample_key_and_zero_iv_round_trip},
          {"layer cipher is CTR of SP 800-38A", layer_cipher_is_ctr_of_sp800_38a},
          {"annotations are read", annotations_are_read})
