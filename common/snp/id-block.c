/* id-block.c - see id-block.h. */
#include "common/snp/id-block.h"

#include "common/snp/sig.h"

#include <openssl/evp.h>
#include <string.h>

/* offsets in ID_AUTH */
enum {
    AT_AUTHOR_ALGO = 0x004,
    AT_RESERVED_1 = 0x008,
    AT_BLOCK_SIG = 0x040,
    AT_ID_KEY = 0x240,
    AT_RESERVED_2 = 0x644,
    AT_KEY_SIG = 0x680,
    AT_AUTHOR_KEY = 0x880,
    AT_RESERVED_3 = 0xC84,
};

#define ALGO_ECDSA_P384 1
#define CURVE_P384      2
#define SIG_FIELD_BYTES 512

void snp_id_block_encode(const struct snp_id_block *b, uint8_t out[SNP_ID_BLOCK_BYTES])
{
    memcpy(out, b->digest, 48);
    memcpy(out + 0x30, b->family_id, 16);
    memcpy(out + 0x40, b->image_id, 16);
    cmn_put_u32le(out + 0x50, b->version);
    cmn_put_u32le(out + 0x54, b->guest_svn);
    cmn_put_u64le(out + 0x58, b->policy);
}

void snp_id_block_decode(const uint8_t in[SNP_ID_BLOCK_BYTES], struct snp_id_block *ret)
{
    struct cmn_rd c = cmn_rd_init(in, SNP_ID_BLOCK_BYTES);
    int r = cmn_rd_bytes(&c, ret->digest, 48) | cmn_rd_bytes(&c, ret->family_id, 16) |
            cmn_rd_bytes(&c, ret->image_id, 16) | cmn_rd_u32le(&c, &ret->version) |
            cmn_rd_u32le(&c, &ret->guest_svn) | cmn_rd_u64le(&c, &ret->policy);

    (void)r; /* the sizes add up to 96 */
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int snp_id_key_encode(EVP_PKEY *key, uint8_t out[SNP_ID_KEY_BYTES], struct cmn_err *err)
{
    auto_buf struct cmn_buf x = {0}, y = {0};
    const char *curve = cmn_ec_curve(key);

    if (!curve || strcmp(curve, "P-384") != 0)
        return cmn_err_set(err, EINVAL, "ID and author keys are on P-384, this one is on %s",
                           curve ? curve : "no curve");
    int r = cmn_ec_coordinates(key, &x, &y, err);
    if (r < 0)
        return r;
    memset(out, 0, SNP_ID_KEY_BYTES);
    cmn_put_u32le(out, CURVE_P384);
    snp_reverse(out + 4, x.data, 48);
    snp_reverse(out + 4 + 72, y.data, 48);
    return 0;
}

static int decode_key(struct cmn_env *env, const uint8_t *in, const char *what, EVP_PKEY **ret,
                      struct cmn_err *err)
{
    uint8_t xy[96];

    if (get_u32(in) != CURVE_P384)
        return cmn_err_set(err, EBADMSG, "curve of the %s key is %u, want 2 (P-384)", what,
                           get_u32(in));
    if (snp_sig_decode(in + 4, xy) < 0 || !cmn_all_zero(in + 0x94, SNP_ID_KEY_BYTES - 0x94))
        return cmn_err_set(err, EBADMSG, "reserved bytes of the %s key are not zero", what);
    int r = cmn_ec_from_public(env, "P-384", cmn_bytes(xy, 48), cmn_bytes(xy + 48, 48), ret, err);
    return r == -EINVAL ? cmn_err_set(err, EBADMSG, "the %s key is not on P-384", what) : r;
}

static int sign(struct cmn_env *env, EVP_PKEY *key, struct cmn_bytes data, uint8_t *field,
                struct cmn_err *err)
{
    auto_buf struct cmn_buf sig = {0};
    int r = cmn_ecdsa_sign(env, key, "SHA384", data, &sig, err);

    if (r == 0 && sig.len != 96)
        r = cmn_err_set(err, EINVAL, "signature of %zu bytes, want 96", sig.len);
    if (r == 0)
        snp_sig_encode(sig.data, field);
    return r;
}

int snp_id_auth_make(struct cmn_env *env, const uint8_t block[SNP_ID_BLOCK_BYTES], EVP_PKEY *id_key,
                     EVP_PKEY *author_key, uint8_t ret_auth[SNP_ID_AUTH_BYTES], struct cmn_err *err)
{
    uint8_t auth[SNP_ID_AUTH_BYTES] = {0};
    int r = snp_id_key_encode(id_key, auth + AT_ID_KEY, err);

    cmn_put_u32le(auth, ALGO_ECDSA_P384);
    cmn_put_u32le(auth + AT_AUTHOR_ALGO, ALGO_ECDSA_P384);
    if (r == 0)
        r = sign(env, id_key, cmn_bytes(block, SNP_ID_BLOCK_BYTES), auth + AT_BLOCK_SIG, err);
    if (r == 0 && author_key)
        r = snp_id_key_encode(author_key, auth + AT_AUTHOR_KEY, err);
    if (r == 0 && author_key)
        r = sign(env, author_key, cmn_bytes(auth + AT_ID_KEY, SNP_ID_KEY_BYTES), auth + AT_KEY_SIG,
                 err);
    if (r == 0)
        memcpy(ret_auth, auth, sizeof(auth));
    return r;
}

/* A signature field over data by the key at `key`; the key's digest goes to ret_digest. */
static int check(struct cmn_env *env, const uint8_t *key, const char *what, struct cmn_bytes data,
                 const uint8_t *field, uint8_t ret_digest[48], struct cmn_err *err)
{
    auto_pkey EVP_PKEY *pkey = NULL;
    uint8_t sig[96];
    int r = decode_key(env, key, what, &pkey, err);

    if (r < 0)
        return r;
    if (!cmn_all_zero(field + SNP_SIG_BYTES, SIG_FIELD_BYTES - SNP_SIG_BYTES))
        return cmn_err_set(err, EBADMSG, "reserved bytes of the %s key's signature are not zero",
                           what);
    r = snp_sig_decode(field, sig);
    if (r == 0)
        r = cmn_ecdsa_verify(env, pkey, "SHA384", data, cmn_bytes(sig, sizeof(sig)), err);
    if (r == -EKEYREJECTED)
        return cmn_err_set(err, EKEYREJECTED, "the %s key's signature does not verify", what);
    return r < 0 ? r : cmn_hash(env, "SHA384", key, SNP_ID_KEY_BYTES, ret_digest, err);
}

int snp_id_auth_check(struct cmn_env *env, const uint8_t block[SNP_ID_BLOCK_BYTES],
                      const uint8_t auth[SNP_ID_AUTH_BYTES], bool author,
                      struct snp_id_digests *ret, struct cmn_err *err)
{
    struct snp_id_digests digests = {0};

    if (get_u32(auth) != ALGO_ECDSA_P384 ||
        (author && get_u32(auth + AT_AUTHOR_ALGO) != ALGO_ECDSA_P384))
        return cmn_err_set(err, EBADMSG, "algorithms of ID_AUTH are %u and %u, want 1",
                           get_u32(auth), get_u32(auth + AT_AUTHOR_ALGO));
    if (!cmn_all_zero(auth + AT_RESERVED_1, AT_BLOCK_SIG - AT_RESERVED_1) ||
        !cmn_all_zero(auth + AT_RESERVED_2, AT_KEY_SIG - AT_RESERVED_2) ||
        !cmn_all_zero(auth + AT_RESERVED_3, SNP_ID_AUTH_BYTES - AT_RESERVED_3))
        return cmn_err_set(err, EBADMSG, "reserved bytes of ID_AUTH are not zero");
    int r = check(env, auth + AT_ID_KEY, "ID", cmn_bytes(block, SNP_ID_BLOCK_BYTES),
                  auth + AT_BLOCK_SIG, digests.id_key, err);
    if (r == 0 && author)
        r = check(env, auth + AT_AUTHOR_KEY, "author",
                  cmn_bytes(auth + AT_ID_KEY, SNP_ID_KEY_BYTES), auth + AT_KEY_SIG,
                  digests.author_key, err);
    if (r == 0)
        *ret = digests;
    return r;
}
