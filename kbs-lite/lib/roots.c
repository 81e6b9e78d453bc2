/* roots.c - the keys SNP chains may rest on; see roots.h. */
#include "roots.h"

#include "amd-roots.h"
#include "common/crypto/crypto.h"
#include "common/enc/enc.h"
#include "common/snp/cert-profile.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kbs_roots {
    struct kbs_root_family list[KBS_MAX_FAMILIES];
    size_t n;
};

/* Serial and validity of the certificates that hold AMD's keys, as KDS serves them; dates in
 * seconds since 1970. Each is valid for 25 years. */
static const struct {
    uint64_t serial;
    int64_t not_before, not_after;
    const char *sha256; /* of the certificate's DER */
} amd_certs[KBS_AMD_PRODUCTS][KBS_AMD_KEYS] = {
    [KBS_AMD_MILAN] =
        {[KBS_AMD_ARK] = {0x010000, 1603387385, 2392305785,
                          "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd"},
         [KBS_AMD_ASK] = {0x010001, 1603391060, 2392309460,
                          "67d303bd3905fd38db8b20e0793699870e7fa612eaad5dec358293fd8c0bac1b"},
         [KBS_AMD_ASVK] = {0x010101, 1668638724, 2457557124,
                           "c5e081f59b7efab1fe2f8b505e159704e72f29cab7ef7cf628a05a42439082f5"}},
    [KBS_AMD_GENOA] =
        {[KBS_AMD_ARK] = {0x020000, 1643211277, 2432129677,
                          "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1"},
         [KBS_AMD_ASK] = {0x020002, 1667223228, 2456141628,
                          "5464738c1546aed5f2cecf1dc98c5c960a92e8913238a61711bc90ec6e828521"},
         [KBS_AMD_ASVK] = {0x020101, 1668804514, 2457722914,
                           "197e610743a917d6b9bb982a5a9226ccc0a15b611be0619e626aca9151457372"}},
    [KBS_AMD_TURIN] =
        {[KBS_AMD_ARK] = {0x030000, 1684180992, 2473185792,
                          "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a"},
         [KBS_AMD_ASK] = {0x030001, 1684182321, 2473187121,
                          "5b77ef5fe7a7a004fd9032668fba9d0fda22f88c4442069a479636a6ae3b3185"},
         [KBS_AMD_ASVK] = {0x030101, 1684184981, 2473189781,
                           "104e10a8bd060a3c20a434261a57d0588fd65a88915b4f65b08bdecaf8df1a3c"}},
};

static int set_spki(struct kbs_root_key *key, struct cmn_err *err)
{
    int n = i2d_PUBKEY(key->key, &key->spki);

    if (n <= 0)
        return cmn_err_set(err, EIO, "a root key cannot be encoded");
    key->spki_len = (size_t)n;
    return 0;
}

static int set_fingerprint(struct kbs_root_key *key, const char *hex, struct cmn_err *err)
{
    auto_buf struct cmn_buf bytes = {0};
    int r = cmn_unhex(hex, strlen(hex), &bytes, err);

    if (r == 0 && bytes.len == sizeof(key->cert_sha256)) {
        memcpy(key->cert_sha256, bytes.data, bytes.len);
        key->cert_known = true;
    }
    return r;
}

const struct kbs_root_key *kbs_roots_by_cert(const struct kbs_roots *roots,
                                             const uint8_t sha256[32])
{
    for (size_t i = 0; i < roots->n; i++)
        for (unsigned k = 0; k < KBS_ROOT_KINDS; k++) {
            const struct kbs_root_key *key = &roots->list[i].keys[k];
            if (key->cert_known && memcmp(key->cert_sha256, sha256, 32) == 0)
                return key;
        }
    return NULL;
}

/* What AMD's certificate around a key says: names by place and product, the rest as all of them. */
static void amd_profile(enum snp_product product, enum kbs_root_kind kind,
                        struct snp_cert_profile *ret)
{
    static const char *const prefix[KBS_ROOT_KINDS] = {
        [KBS_ROOT_ARK] = "ARK-", [KBS_ROOT_ASK] = "SEV-", [KBS_ROOT_ASVK] = "SEV-VLEK-"};
    const char *name = snp_product_name(product);

    (void)snprintf(ret->subject, sizeof(ret->subject), "%s%s", prefix[kind], name);
    (void)snprintf(ret->issuer, sizeof(ret->issuer), "ARK-%s", name);
    ret->subject_amd = ret->issuer_amd = ret->x509_v3 = ret->pss_sha384 = true;
    ret->is_ca = ret->may_sign_certs = true;
    ret->path_len = kind == KBS_ROOT_ARK ? -1 : 0;
}

static int add_amd(struct kbs_roots *roots, struct cmn_err *err)
{
    static const enum kbs_amd_key which[KBS_ROOT_KINDS] = {
        [KBS_ROOT_ARK] = KBS_AMD_ARK, [KBS_ROOT_ASK] = KBS_AMD_ASK, [KBS_ROOT_ASVK] = KBS_AMD_ASVK};

    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++) {
        struct kbs_root_family *f = &roots->list[roots->n++];
        f->name = "amd";
        f->product = (enum snp_product)p;
        for (unsigned k = 0; k < KBS_ROOT_KINDS; k++) {
            struct kbs_root_key *key = &f->keys[k];
            amd_profile(f->product, (enum kbs_root_kind)k, &key->profile);
            key->profile.serial = amd_certs[p][which[k]].serial;
            key->profile.not_before = amd_certs[p][which[k]].not_before;
            key->profile.not_after = amd_certs[p][which[k]].not_after;
            int r = kbs_amd_root_key((enum kbs_amd_product)p, which[k], &key->key, err);
            if (r == 0)
                r = set_spki(key, err);
            if (r == 0)
                r = set_fingerprint(key, amd_certs[p][which[k]].sha256, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* "ARK-Genoa", "SEV-Genoa", "SEV-VLEK-Genoa" -> product and place in the chain. */
static int who_is(const char *cn, enum snp_product *product, enum kbs_root_kind *kind)
{
    static const struct {
        const char *prefix;
        enum kbs_root_kind kind;
    } kinds[] = {{"ARK-", KBS_ROOT_ARK}, {"SEV-VLEK-", KBS_ROOT_ASVK}, {"SEV-", KBS_ROOT_ASK}};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++) {
        size_t n = strlen(kinds[i].prefix);
        if (strncmp(cn, kinds[i].prefix, n) == 0) {
            *kind = kinds[i].kind;
            return snp_product_by_name(cn + n, product);
        }
    }
    return -EINVAL;
}

static struct kbs_root_family *test_family(struct kbs_roots *roots, enum snp_product product)
{
    for (size_t i = 0; i < roots->n; i++)
        if (roots->list[i].product == product && strcmp(roots->list[i].name, "test") == 0)
            return &roots->list[i];
    if (roots->n == KBS_MAX_FAMILIES)
        return NULL;
    struct kbs_root_family *f = &roots->list[roots->n++];
    f->name = "test";
    f->product = product;
    return f;
}

/* The certificates of a test chain while it is read. */
struct loading {
    X509 *certs[KBS_MAX_FAMILIES][KBS_ROOT_KINDS];
};

static int add_test_cert(struct cmn_env *env, struct kbs_root_key *slot, X509 *cert,
                         const struct snp_cert_profile *profile, struct cmn_err *err)
{
    uint8_t *der = NULL;
    int n = i2d_X509(cert, &der);

    *slot = (struct kbs_root_key){.key = X509_get_pubkey(cert), .profile = *profile};
    int r = slot->key && n > 0 ? set_spki(slot, err)
                               : cmn_err_set(err, EINVAL, "a key of the test chain is not usable");
    if (r == 0)
        r = cmn_hash(env, "SHA256", der, (size_t)n, slot->cert_sha256, err);
    OPENSSL_free(der);
    return r;
}

static int read_test(struct kbs_roots *roots, struct cmn_env *env, BIO *bio, struct loading *l,
                     struct cmn_err *err)
{
    int r = 0;

    while (r == 0) {
        auto_x509 X509 *cert = X509_new_ex(cmn_env_libctx(env), NULL);
        struct snp_cert_profile profile;
        enum snp_product product;
        enum kbs_root_kind kind;
        if (!PEM_read_bio_X509(bio, &cert, NULL, NULL))
            break;
        snp_cert_profile_read(cert, &profile);
        struct kbs_root_family *f =
            who_is(profile.subject, &product, &kind) == 0 ? test_family(roots, product) : NULL;
        struct kbs_root_key *slot = f ? &f->keys[kind] : NULL;
        if (!slot || (slot->key && EVP_PKEY_eq(slot->key, X509_get0_pubkey(cert)) != 1)) {
            r = cmn_err_set(err, EINVAL,
                            "the test chain holds a certificate that is neither ARK nor ASK");
        } else if (!slot->key) { /* the ARK stands in the chain of the VCEKs and of the VLEKs */
            r = add_test_cert(env, slot, cert, &profile, err);
            l->certs[f - roots->list][kind] = cmn_take(cert);
        }
    }
    return r;
}

static int add_test(struct kbs_roots *roots, struct cmn_env *env, struct cmn_bytes pem,
                    struct cmn_err *err)
{
    BIO *bio = pem.len < 1 << 20 ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
    struct loading l = {0};
    int r = bio ? read_test(roots, env, bio, &l, err)
                : cmn_err_set(err, EINVAL, "the test chain cannot be read");

    BIO_free(bio);
    for (size_t i = 0; i < roots->n; i++) {
        struct kbs_root_key *keys = roots->list[i].keys;
        if (r == 0 && (!keys[KBS_ROOT_ARK].key || !keys[KBS_ROOT_ASK].key))
            r = cmn_err_set(err, EINVAL, "the test chain of %s is not whole: it needs ARK and ASK",
                            snp_product_name(roots->list[i].product));
        for (unsigned k = 0; k < KBS_ROOT_KINDS; k++) {
            if (r == 0 && l.certs[i][k])
                keys[k].cert_known = X509_verify(l.certs[i][k], keys[KBS_ROOT_ARK].key) == 1;
            X509_free(l.certs[i][k]);
        }
    }
    return r;
}

int kbs_roots_new(struct cmn_env *env, bool amd, struct cmn_bytes test_chain_pem,
                  struct kbs_roots **ret, struct cmn_err *err)
{
    struct kbs_roots *roots = calloc(1, sizeof(*roots));
    int r = roots ? 0 : cmn_err_set(err, ENOMEM, "no memory");

    if (r == 0 && amd)
        r = add_amd(roots, err);
    if (r == 0 && test_chain_pem.len)
        r = add_test(roots, env, test_chain_pem, err);
    if (r < 0) {
        kbs_roots_free(roots);
        return r;
    }
    *ret = roots;
    return 0;
}

void kbs_roots_free(struct kbs_roots *roots)
{
    if (!roots)
        return;
    for (size_t i = 0; i < roots->n; i++)
        for (unsigned k = 0; k < KBS_ROOT_KINDS; k++) {
            EVP_PKEY_free(roots->list[i].keys[k].key);
            OPENSSL_free(roots->list[i].keys[k].spki);
        }
    free(roots);
}

bool kbs_roots_test(const struct kbs_roots *roots)
{
    for (size_t i = 0; i < roots->n; i++)
        if (strcmp(roots->list[i].name, "test") == 0)
            return true;
    return false;
}

const struct kbs_root_family *kbs_roots_next(const struct kbs_roots *roots,
                                             enum snp_product product,
                                             const struct kbs_root_family *after)
{
    for (size_t i = after ? (size_t)(after - roots->list) + 1 : 0; i < roots->n; i++)
        if (roots->list[i].product == product)
            return &roots->list[i];
    return NULL;
}
