/*
 * test-id-block.c - ID_BLOCK and ID_AUTH: every byte that must be refused, the digests of two keys
 * that anybody can make, and the offsets of AMD's table.
 */
#include "tests/testlib/testlib.h"

#include "common/snp/id-block.h"
#include "common/snp/sig.h"

#include <openssl/evp.h>
#include <string.h>

static struct cmn_env *env;
static EVP_PKEY *id_key, *author_key;
static uint8_t block[SNP_ID_BLOCK_BYTES], auth[SNP_ID_AUTH_BYTES];

static void prepare(void)
{
    uint8_t d[48] = {0};
    struct snp_id_block b = {.version = 1, .guest_svn = 0x01020304, .policy = 0x0807060504030201};

    T_OK(cmn_env_new_seeded("id", 2, &env, NULL), NULL);
    d[47] = 1;
    T_OK(cmn_ec_from_private(env, "P-384", d, sizeof(d), &id_key, NULL), NULL);
    d[47] = 2;
    T_OK(cmn_ec_from_private(env, "P-384", d, sizeof(d), &author_key, NULL), NULL);
    memset(b.digest, 0xD1, 48);
    memset(b.family_id, 0xFA, 16);
    memset(b.image_id, 0x1A, 16);
    snp_id_block_encode(&b, block);
    T_OK(snp_id_auth_make(env, block, id_key, author_key, auth, NULL), NULL);
}

static void changed_bytes_are_refused(void)
{
    static const struct {
        size_t at;
        int want;
        const char *part;
    } cases[] = {
        {0x000, -EBADMSG, "algorithms"},        {0x004, -EBADMSG, "algorithms"},
        {0x008, -EBADMSG, "reserved bytes"},    {0x03F, -EBADMSG, "reserved bytes"},
        {0x040, -EKEYREJECTED, "ID key"},       {0x088, -EKEYREJECTED, "ID key"},
        {0x070, -EKEYREJECTED, "ID key"},       {0x0D0, -EBADMSG, "ID key's signature"},
        {0x240, -EBADMSG, "curve of the ID"},   {0x244, -EBADMSG, "ID key is not on"},
        {0x274, -EBADMSG, "of the ID key"},     {0x2D4, -EBADMSG, "of the ID key"},
        {0x643, -EBADMSG, "of the ID key"},     {0x644, -EBADMSG, "reserved bytes"},
        {0x67F, -EBADMSG, "reserved bytes"},    {0x680, -EKEYREJECTED, "author key"},
        {0x710, -EBADMSG, "author key's sig"},  {0x880, -EBADMSG, "curve of the author"},
        {0x884, -EBADMSG, "author key is not"}, {0xC83, -EBADMSG, "of the author key"},
        {0xC84, -EBADMSG, "reserved bytes"},    {0xFFF, -EBADMSG, "reserved bytes"},
    };
    struct snp_id_digests d;
    struct cmn_err err = {0};

    prepare();
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auth[cases[i].at] ^= 1;
        T_ERR(snp_id_auth_check(env, block, auth, true, &d, &err), cases[i].want, &err,
              cases[i].part);
        auth[cases[i].at] ^= 1;
    }
    for (size_t i = 0; i < sizeof(block); i++) {
        block[i] ^= 0x80;
        T_ERR(snp_id_auth_check(env, block, auth, true, &d, &err), -EKEYREJECTED, &err, "ID key");
        block[i] ^= 0x80;
    }
    T_OK(snp_id_auth_check(env, block, auth, true, &d, &err), &err);
}

static void keys_of_other_curves_are_refused(void)
{
    auto_pkey EVP_PKEY *p256 = NULL;
    uint8_t out[SNP_ID_AUTH_BYTES];
    struct cmn_err err = {0};

    T_OK(cmn_ec_generate(env, "P-256", &p256, NULL), NULL);
    T_ERR(snp_id_auth_make(env, block, p256, NULL, out, &err), -EINVAL, &err, "P-256");
    T_ERR(snp_id_auth_make(env, block, id_key, p256, out, &err), -EINVAL, &err, "P-256");
}

static void digests_are_those_of_the_vectors(void)
{
    /* SHA-384 of the 1028 bytes for the private scalars 1 and 2 */
    struct cmn_buf one = t_unhex("01ce77b697886b46c6e363a9d02bbee2506e4b21ca4b3085f35f20e4cf66ac78"
                                 "0e01e38aad53f973cbcea56e59a7b382"),
                   two = t_unhex("0fa1181994e8fe9a2411a51bf9ef0c2f7a9680bd1601a913bfd32b095bc0ce0d"
                                 "3a18a18aee8e7e4acca9040f9d3269a8");
    struct snp_id_digests d;

    T_OK(snp_id_auth_check(env, block, auth, true, &d, NULL), NULL);
    T_EQ_MEM(d.id_key, one.data, 48);
    T_EQ_MEM(d.author_key, two.data, 48);
    T_OK(snp_id_auth_check(env, block, auth, false, &d, NULL), NULL);
    T_EQ_MEM(d.id_key, one.data, 48);
    T_TRUE(cmn_all_zero(d.author_key, 48));
    cmn_buf_done(&one);
    cmn_buf_done(&two);
}

static void without_author_key_its_part_is_zero_and_unread(void)
{
    uint8_t plain[SNP_ID_AUTH_BYTES];
    struct snp_id_digests d;
    struct cmn_err err = {0};

    T_OK(snp_id_auth_make(env, block, id_key, NULL, plain, &err), &err);
    T_TRUE(cmn_all_zero(plain + 0x680, SNP_ID_AUTH_BYTES - 0x680));
    T_OK(snp_id_auth_check(env, block, plain, false, &d, &err), &err);
    T_ERR(snp_id_auth_check(env, block, plain, true, &d, &err), -EBADMSG, &err, "author");
    plain[0x680] = plain[0x880] = 7;
    T_OK(snp_id_auth_check(env, block, plain, false, &d, &err), &err);
}

static void block_has_amds_offsets(void)
{
    static const uint8_t tail[] = {1, 0, 0, 0, 4, 3, 2, 1, 1, 2, 3, 4, 5, 6, 7, 8};
    struct snp_id_block b;

    T_EQ_INT(block[0x2F], 0xD1);
    T_EQ_INT(block[0x30], 0xFA);
    T_EQ_INT(block[0x3F], 0xFA);
    T_EQ_INT(block[0x40], 0x1A);
    T_EQ_MEM(block + 0x50, tail, sizeof(tail));
    snp_id_block_decode(block, &b);
    T_EQ_INT(b.guest_svn, 0x01020304);
    T_TRUE(b.policy == 0x0807060504030201);
    T_EQ_INT(b.version, 1);
    T_EQ_INT(b.image_id[15], 0x1A);
}

static void signature_is_little_endian_and_bounded(void)
{
    uint8_t be[96], le[SNP_SIG_BYTES], back[96];

    for (unsigned i = 0; i < 96; i++)
        be[i] = (uint8_t)i;
    snp_sig_encode(be, le);
    T_EQ_INT(le[0], 47);
    T_EQ_INT(le[47], 0);
    T_EQ_INT(le[72], 95);
    T_TRUE(cmn_all_zero(le + 48, 24) && cmn_all_zero(le + 120, 24));
    T_OK(snp_sig_decode(le, back), NULL);
    T_EQ_MEM(back, be, 96);
    le[71] = 1;
    T_EQ_INT(snp_sig_decode(le, back), -EKEYREJECTED);
    le[71] = 0;
    le[120] = 1;
    T_EQ_INT(snp_sig_decode(le, back), -EKEYREJECTED);
}

static void all_is_freed(void)
{
    EVP_PKEY_free(id_key);
    EVP_PKEY_free(author_key);
    cmn_env_unref(env);
    T_TRUE(true);
}

TEST_MAIN("id-block", {"changed bytes are refused", changed_bytes_are_refused},
          {"keys of other curves are refused", keys_of_other_curves_are_refused},
          {"digests are those of the vectors", digests_are_those_of_the_vectors},
          {"without author key its part is zero and unread",
           without_author_key_its_part_is_zero_and_unread},
          {"block has AMD's offsets", block_has_amds_offsets},
          {"signature is little-endian and bounded", signature_is_little_endian_and_bounded},
          {"all is freed", all_is_freed})
