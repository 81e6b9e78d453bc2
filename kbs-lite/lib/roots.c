/* roots.c - the keys SNP chains may rest on; see roots.h. */
#include "roots.h"

#include "amd-roots.h"
#include "common/crypto/crypto.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct kbs_roots {
    struct kbs_root_family list[KBS_MAX_FAMILIES];
    size_t n;
};

static int add_amd(struct kbs_roots *roots, struct cmn_err *err)
{
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++) {
        struct kbs_root_family *f = &roots->list[roots->n++];
        f->name = "amd";
        f->product = (enum snp_product)p;
        int r = kbs_amd_root_key((enum kbs_amd_product)p, KBS_AMD_ARK, &f->ark, err);
        if (r == 0)
            r = kbs_amd_root_key((enum kbs_amd_product)p, KBS_AMD_ASK, &f->ask, err);
        if (r == 0)
            r = kbs_amd_root_key((enum kbs_amd_product)p, KBS_AMD_ASVK, &f->asvk, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* "ARK-Genoa" or "SEV-Genoa" -> product and whether it is the root. */
static int who_is(X509 *cert, enum snp_product *product, bool *is_ark)
{
    char cn[64] = "";

    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
    *is_ark = strncmp(cn, "ARK-", 4) == 0;
    return (*is_ark || strncmp(cn, "SEV-", 4) == 0) ? snp_product_by_name(cn + 4, product)
                                                    : -EINVAL;
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

static int add_test(struct kbs_roots *roots, struct cmn_env *env, struct cmn_bytes pem,
                    struct cmn_err *err)
{
    BIO *bio = pem.len < 1 << 20 ? BIO_new_mem_buf(pem.data, (int)pem.len) : NULL;
    int r = bio ? 0 : cmn_err_set(err, EINVAL, "the test chain cannot be read");

    while (r == 0) {
        auto_x509 X509 *cert = X509_new_ex(cmn_env_libctx(env), NULL);
        enum snp_product product;
        bool is_ark;
        if (!PEM_read_bio_X509(bio, &cert, NULL, NULL))
            break;
        struct kbs_root_family *f =
            who_is(cert, &product, &is_ark) == 0 ? test_family(roots, product) : NULL;
        EVP_PKEY **slot = !f ? NULL : is_ark ? &f->ark : &f->ask;
        if (!slot || *slot)
            r = cmn_err_set(err, EINVAL,
                            "the test chain holds a certificate that is neither ARK nor ASK");
        else
            *slot = X509_get_pubkey(cert);
    }
    BIO_free(bio);
    for (size_t i = 0; i < roots->n && r == 0; i++)
        if (!roots->list[i].ark || !roots->list[i].ask)
            r = cmn_err_set(err, EINVAL, "the test chain of %s is not whole: it needs ARK and ASK",
                            snp_product_name(roots->list[i].product));
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
    for (size_t i = 0; i < roots->n; i++) {
        EVP_PKEY_free(roots->list[i].ark);
        EVP_PKEY_free(roots->list[i].ask);
        EVP_PKEY_free(roots->list[i].asvk);
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
