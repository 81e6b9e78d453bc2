/* ca.c - the kept test chain; see ca.h. */
#include "ca-internal.h"

#include "profile.h"

#include "common/enc/enc.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024)

static int path_of(const struct ftee_ca *ca, const char *name, char **ret)
{
    return asprintf(ret, "%s/%s", ca->dir, name) < 0 ? -ENOMEM : 0;
}

int ftee_ca_keep(const struct ftee_ca *ca, const char *name, struct cmn_bytes bytes,
                 struct cmn_err *err)
{
    auto_free char *path = NULL;

    if (path_of(ca, name, &path) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_file_write(path, bytes.data, bytes.len, 0600, err);
}

int ftee_ca_load(const struct ftee_ca *ca, const char *name, struct cmn_buf *ret,
                 struct cmn_err *err)
{
    auto_free char *path = NULL;

    if (path_of(ca, name, &path) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_file_read(path, FILE_MAX, ret, err);
}

int ftee_ca_to_der(X509 *cert, struct cmn_buf *ret, struct cmn_err *err)
{
    uint8_t *der = NULL;
    int len = i2d_X509(cert, &der);
    int r = len > 0 ? cmn_buf_put(ret, der, (size_t)len) : -EIO;

    OPENSSL_free(der);
    return r < 0 ? cmn_err_set(err, -r, "certificate cannot be encoded") : 0;
}

static int keep_key(const struct ftee_ca *ca, const char *name, EVP_PKEY *key, struct cmn_err *err)
{
    auto_buf_secret struct cmn_buf pem = {0};
    int r = cmn_pkey_to_pem(key, &pem, err);

    return r < 0 ? r : ftee_ca_keep(ca, name, cmn_buf_bytes(&pem), err);
}

static int load_key(const struct ftee_ca *ca, const char *name, EVP_PKEY **ret, struct cmn_err *err)
{
    auto_buf_secret struct cmn_buf pem = {0};
    int r = ftee_ca_load(ca, name, &pem, err);

    return r < 0 ? r : cmn_pkey_from_pem(ca->env, cmn_buf_bytes(&pem), ret, err);
}

static int make_cert(struct cmn_env *env, struct ftee_ca *ca, enum ftee_cert_kind kind,
                     EVP_PKEY *key, X509 *issuer, EVP_PKEY *signer, const char *name, X509 **ret,
                     struct cmn_err *err)
{
    const struct ftee_issue what = {.kind = kind};
    const struct ftee_profile_in in = {
        .product = ca->product, .what = &what, .key = key, .issuer = issuer, .signer = signer};
    auto_buf struct cmn_buf der = {0};
    int r = ftee_profile_make(env, &in, ret, err);

    if (r == 0)
        r = ftee_ca_to_der(*ret, &der, err);
    return r < 0 ? r : ftee_ca_keep(ca, name, cmn_buf_bytes(&der), err);
}

/* A stream of its own: the bytes must not depend on what was drawn before. */
static int own_stream(struct ftee_ca *ca, const char *what, struct cmn_env **ret,
                      struct cmn_err *err)
{
    char label[48];

    (void)snprintf(label, sizeof(label), "fake-tee %s %s", what, snp_product_name(ca->product));
    return cmn_env_derive(ca->env, label, ret, err);
}

/* Makes keys and certificates and keeps them; the file that is written last makes the chain whole.
 */
static int make(struct ftee_ca *ca, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    auto_pkey EVP_PKEY *ark = NULL, *ask = NULL;
    auto_x509 X509 *ark_cert = NULL, *ask_cert = NULL;
    uint8_t secret[32];

    int r = own_stream(ca, "ca", &env, err);
    if (r == 0)
        r = cmn_rsa_generate(env, 4096, &ark, err);
    if (r == 0)
        r = cmn_rsa_generate(env, 4096, &ask, err);
    if (r == 0)
        r = cmn_env_random(env, secret, sizeof(secret), err);
    if (r == 0)
        r = make_cert(env, ca, FTEE_CERT_ARK, ark, NULL, ark, "ark.der", &ark_cert, err);
    if (r == 0)
        r = make_cert(env, ca, FTEE_CERT_ASK, ask, ark_cert, ark, "ask.der", &ask_cert, err);
    if (r == 0)
        r = ftee_ca_keep(ca, "chip-secret", cmn_bytes(secret, sizeof(secret)), err);
    if (r == 0)
        r = keep_key(ca, "ark.key", ark, err);
    if (r == 0)
        r = keep_key(ca, "ask.key", ask, err);
    explicit_bzero(secret, sizeof(secret));
    return r;
}

static int read_all(struct ftee_ca *ca, struct cmn_err *err)
{
    auto_buf_secret struct cmn_buf secret = {0};
    int r = load_key(ca, "ask.key", &ca->ask, err);

    if (r == 0)
        r = ftee_ca_load(ca, "ark.der", &ca->ark_der, err);
    if (r == 0)
        r = ftee_ca_load(ca, "ask.der", &ca->ask_der, err);
    if (r == 0)
        r = ftee_ca_load(ca, "chip-secret", &secret, err);
    if (r == 0 && secret.len != sizeof(ca->secret))
        r = cmn_err_set(err, EBADMSG, "%s/chip-secret is %zu bytes, want 32", ca->dir, secret.len);
    if (r == 0)
        memcpy(ca->secret, secret.data, sizeof(ca->secret));
    if (r == 0)
        r = ftee_der_to_pem(ca->env, cmn_buf_bytes(&ca->ask_der), &ca->chain_pem, err);
    if (r == 0)
        r = ftee_der_to_pem(ca->env, cmn_buf_bytes(&ca->ark_der), &ca->chain_pem, err);
    return r;
}

/* Several processes may open the same chain at once: one makes it, the others wait. */
static int lock_dir(const char *dir, struct cmn_err *err)
{
    auto_free char *path = NULL;

    if (asprintf(&path, "%s/lock", dir) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) < 0) {
        int e = errno;
        if (fd >= 0)
            (void)close(fd);
        return cmn_err_set(err, e, "%s: %s", path, strerror(e));
    }
    return fd;
}

int ftee_ca_open(struct cmn_env *env, const char *dir, enum snp_product product,
                 struct ftee_ca **ret, struct cmn_err *err)
{
    uint8_t seed[32];
    auto_free char *name = cmn_env_seed(env, seed) == 0 ? cmn_hex(seed, 8) : strdup("unseeded");
    struct ftee_ca *ca = calloc(1, sizeof(*ca));

    if (!ca || !name || asprintf(&ca->dir, "%s/%s-%s", dir, name, snp_product_name(product)) < 0) {
        free(ca);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    ca->env = cmn_env_ref(env);
    ca->product = product;
    (void)pthread_mutex_init(&ca->lock, NULL);
    int r = cmn_mkdir_p(ca->dir, 0700, err);
    auto_close int lock = r == 0 ? lock_dir(ca->dir, err) : -1;
    auto_free char *last = NULL;
    if (r == 0)
        r = lock < 0 ? lock : path_of(ca, "ask.key", &last);
    if (r == 0 && access(last, F_OK) < 0)
        r = make(ca, err);
    if (r == 0)
        r = read_all(ca, err);
    if (r < 0) {
        ftee_ca_free(ca);
        return cmn_err_wrap(err, r, "test CA in %s", dir);
    }
    *ret = ca;
    return 0;
}

void ftee_ca_free(struct ftee_ca *ca)
{
    if (!ca)
        return;
    EVP_PKEY_free(ca->ark);
    EVP_PKEY_free(ca->ask);
    EVP_PKEY_free(ca->asvk);
    cmn_buf_done(&ca->ark_der);
    cmn_buf_done(&ca->ask_der);
    cmn_buf_done(&ca->asvk_der);
    cmn_buf_done(&ca->chain_pem);
    cmn_buf_done(&ca->vlek_chain_pem);
    (void)pthread_mutex_destroy(&ca->lock);
    cmn_env_unref(ca->env);
    free(ca->dir);
    explicit_bzero(ca->secret, sizeof(ca->secret));
    free(ca);
}

enum snp_product ftee_ca_product(const struct ftee_ca *ca)
{
    return ca->product;
}

struct cmn_bytes ftee_ca_chain_pem(const struct ftee_ca *ca)
{
    return cmn_buf_bytes(&ca->chain_pem);
}

struct cmn_bytes ftee_ca_ark_der(const struct ftee_ca *ca)
{
    return cmn_buf_bytes(&ca->ark_der);
}

struct cmn_bytes ftee_ca_ask_der(const struct ftee_ca *ca)
{
    return cmn_buf_bytes(&ca->ask_der);
}

/* ---- what is read or made on first use: few need it, and an RSA-4096 key takes seconds ---- */

static int need_ark(struct ftee_ca *ca, struct cmn_err *err)
{
    return ca->ark ? 0 : load_key(ca, "ark.key", &ca->ark, err);
}

static int make_asvk(struct ftee_ca *ca, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    auto_pkey EVP_PKEY *asvk = NULL;
    auto_x509 X509 *ark_cert = NULL, *cert = NULL;
    int r = need_ark(ca, err);

    if (r == 0)
        r = own_stream(ca, "asvk", &env, err);
    if (r == 0)
        r = cmn_rsa_generate(env, 4096, &asvk, err);
    if (r == 0)
        r = cmn_x509_load(env, cmn_buf_bytes(&ca->ark_der), &ark_cert, err);
    if (r == 0)
        r = make_cert(env, ca, FTEE_CERT_ASVK, asvk, ark_cert, ca->ark, "asvk.der", &cert, err);
    return r < 0 ? r : keep_key(ca, "asvk.key", asvk, err);
}

static int need_asvk(struct ftee_ca *ca, struct cmn_err *err)
{
    auto_free char *last = NULL;
    auto_pkey EVP_PKEY *key = NULL;

    if (ca->asvk)
        return 0;
    auto_close int lock = lock_dir(ca->dir, err);
    int r = lock < 0 ? lock : path_of(ca, "asvk.key", &last);
    if (r == 0 && access(last, F_OK) < 0)
        r = make_asvk(ca, err);
    cmn_buf_done(&ca->asvk_der); /* left by an attempt that failed */
    cmn_buf_done(&ca->vlek_chain_pem);
    if (r == 0)
        r = load_key(ca, "asvk.key", &key, err);
    if (r == 0)
        r = ftee_ca_load(ca, "asvk.der", &ca->asvk_der, err);
    if (r == 0)
        r = ftee_der_to_pem(ca->env, cmn_buf_bytes(&ca->asvk_der), &ca->vlek_chain_pem, err);
    if (r == 0)
        r = ftee_der_to_pem(ca->env, cmn_buf_bytes(&ca->ark_der), &ca->vlek_chain_pem, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "ASVK of the test CA");
    ca->asvk = cmn_take(key);
    return 0;
}

int ftee_ca_key(struct ftee_ca *ca, enum ftee_cert_kind kind, EVP_PKEY **ret, struct cmn_err *err)
{
    (void)pthread_mutex_lock(&ca->lock);
    int r = kind == FTEE_CERT_ARK    ? need_ark(ca, err)
            : kind == FTEE_CERT_ASVK ? need_asvk(ca, err)
                                     : 0;
    (void)pthread_mutex_unlock(&ca->lock);
    if (r == 0)
        *ret = kind == FTEE_CERT_ARK ? ca->ark : kind == FTEE_CERT_ASVK ? ca->asvk : ca->ask;
    return r;
}

int ftee_ca_asvk_der(struct ftee_ca *ca, struct cmn_bytes *ret, struct cmn_err *err)
{
    EVP_PKEY *key;
    int r = ftee_ca_key(ca, FTEE_CERT_ASVK, &key, err);

    if (r == 0)
        *ret = cmn_buf_bytes(&ca->asvk_der);
    return r;
}

int ftee_ca_vlek_chain_pem(struct ftee_ca *ca, struct cmn_bytes *ret, struct cmn_err *err)
{
    EVP_PKEY *key;
    int r = ftee_ca_key(ca, FTEE_CERT_ASVK, &key, err);

    if (r == 0)
        *ret = cmn_buf_bytes(&ca->vlek_chain_pem);
    return r;
}
