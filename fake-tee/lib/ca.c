/* ca.c - the kept test chain; see ca.h. */
#include "fake-tee/ca.h"

#include "profile.h"

#include "common/enc/enc.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define FILE_MAX (64 * 1024)

struct ftee_ca {
    struct cmn_env *env;
    enum snp_product product;
    char *dir;          /* of this seed and product */
    uint8_t secret[32]; /* what chips derive from */
    EVP_PKEY *ask;
    struct cmn_buf ark_der, ask_der, chain_pem;
};

static int path_of(const struct ftee_ca *ca, const char *name, char **ret)
{
    return asprintf(ret, "%s/%s", ca->dir, name) < 0 ? -ENOMEM : 0;
}

static int keep(const struct ftee_ca *ca, const char *name, struct cmn_bytes bytes,
                struct cmn_err *err)
{
    auto_free char *path = NULL;

    if (path_of(ca, name, &path) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_file_write(path, bytes.data, bytes.len, 0600, err);
}

static int load(const struct ftee_ca *ca, const char *name, struct cmn_buf *ret,
                struct cmn_err *err)
{
    auto_free char *path = NULL;

    if (path_of(ca, name, &path) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_file_read(path, FILE_MAX, ret, err);
}

static int to_der(X509 *cert, struct cmn_buf *ret, struct cmn_err *err)
{
    uint8_t *der = NULL;
    int len = i2d_X509(cert, &der);
    int r = len > 0 ? cmn_buf_put(ret, der, (size_t)len) : -EIO;

    OPENSSL_free(der);
    return r < 0 ? cmn_err_set(err, -r, "certificate cannot be encoded") : 0;
}

static int add_pem(struct ftee_ca *ca, struct cmn_bytes der, struct cmn_err *err)
{
    auto_x509 X509 *cert = NULL;
    char *text = NULL;
    int r = cmn_x509_load(ca->env, der, &cert, err);

    if (r < 0)
        return r;
    BIO *bio = BIO_new(BIO_s_mem());
    r = bio && PEM_write_bio_X509(bio, cert) == 1 ? 0 : -EIO;
    if (r == 0) {
        long len = BIO_get_mem_data(bio, &text);
        r = cmn_buf_put(&ca->chain_pem, text, (size_t)len);
    }
    BIO_free(bio);
    return r < 0 ? cmn_err_set(err, -r, "certificate cannot be written as PEM") : 0;
}

/* Makes keys and certificates and keeps them; the file that is written last makes the chain whole.
 */
static int make(struct ftee_ca *ca, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    auto_pkey EVP_PKEY *ark = NULL, *ask = NULL;
    auto_x509 X509 *ark_cert = NULL, *ask_cert = NULL;
    auto_buf_secret struct cmn_buf pem = {0};
    char label[32];
    uint8_t secret[32];

    /* a stream of its own: the bytes must not depend on what was drawn before */
    (void)snprintf(label, sizeof(label), "fake-tee ca %s", snp_product_name(ca->product));
    int r = cmn_env_derive(ca->env, label, &env, err);
    if (r == 0)
        r = cmn_rsa_generate(env, 4096, &ark, err);
    if (r == 0)
        r = cmn_rsa_generate(env, 4096, &ask, err);
    if (r == 0)
        r = cmn_env_random(env, secret, sizeof(secret), err);
    if (r == 0)
        r = ftee_make_ark(env, ca->product, ark, &ark_cert, err);
    if (r == 0)
        r = ftee_make_ask(env, ca->product, ask, ark_cert, ark, &ask_cert, err);
    if (r == 0)
        r = to_der(ark_cert, &ca->ark_der, err);
    if (r == 0)
        r = to_der(ask_cert, &ca->ask_der, err);
    if (r == 0)
        r = keep(ca, "ark.der", cmn_buf_bytes(&ca->ark_der), err);
    if (r == 0)
        r = keep(ca, "ask.der", cmn_buf_bytes(&ca->ask_der), err);
    if (r == 0)
        r = keep(ca, "chip-secret", cmn_bytes(secret, sizeof(secret)), err);
    if (r == 0)
        r = cmn_pkey_to_pem(ark, &pem, err);
    if (r == 0)
        r = keep(ca, "ark.key", cmn_buf_bytes(&pem), err);
    cmn_buf_done_secret(&pem);
    if (r == 0)
        r = cmn_pkey_to_pem(ask, &pem, err);
    if (r == 0)
        r = keep(ca, "ask.key", cmn_buf_bytes(&pem), err);
    explicit_bzero(secret, sizeof(secret));
    cmn_buf_done(&ca->ark_der);
    cmn_buf_done(&ca->ask_der);
    return r;
}

static int read_all(struct ftee_ca *ca, struct cmn_err *err)
{
    auto_buf_secret struct cmn_buf pem = {0}, secret = {0};
    int r = load(ca, "ask.key", &pem, err);

    if (r == 0)
        r = cmn_pkey_from_pem(ca->env, cmn_buf_bytes(&pem), &ca->ask, err);
    if (r == 0)
        r = load(ca, "ark.der", &ca->ark_der, err);
    if (r == 0)
        r = load(ca, "ask.der", &ca->ask_der, err);
    if (r == 0)
        r = load(ca, "chip-secret", &secret, err);
    if (r == 0 && secret.len != sizeof(ca->secret))
        r = cmn_err_set(err, EBADMSG, "%s/chip-secret is %zu bytes, want 32", ca->dir, secret.len);
    if (r == 0)
        memcpy(ca->secret, secret.data, sizeof(ca->secret));
    if (r == 0)
        r = add_pem(ca, cmn_buf_bytes(&ca->ask_der), err);
    if (r == 0)
        r = add_pem(ca, cmn_buf_bytes(&ca->ark_der), err);
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
    EVP_PKEY_free(ca->ask);
    cmn_buf_done(&ca->ark_der);
    cmn_buf_done(&ca->ask_der);
    cmn_buf_done(&ca->chain_pem);
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

/* len bytes that only this chip knows, for one purpose. */
static int derive(struct ftee_ca *ca, unsigned chip, const char *purpose, struct cmn_bytes more,
                  uint8_t *out, size_t len, struct cmn_err *err)
{
    auto_buf struct cmn_buf info = {0};

    if (cmn_buf_printf(&info, "%s:chip %u:", purpose, chip) < 0 ||
        cmn_buf_put(&info, more.data, more.len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_hkdf(ca->env, cmn_bytes(ca->secret, sizeof(ca->secret)), "cocobox fake-tee",
                    cmn_buf_bytes(&info), out, len, err);
}

int ftee_ca_chip_id(struct ftee_ca *ca, unsigned chip, uint8_t out[64], struct cmn_err *err)
{
    memset(out, 0, 64);
    return derive(ca, chip, "chip id", cmn_bytes("", 0), out, ca->product == SNP_TURIN ? 8 : 64,
                  err);
}

/* 48 derived bytes as the private scalar; tried again in the rare case that it is above the order.
 */
static int vcek_key(struct ftee_ca *ca, unsigned chip, const uint8_t tcb[8], EVP_PKEY **ret,
                    struct cmn_err *err)
{
    for (uint8_t attempt = 0; attempt < 8; attempt++) {
        uint8_t info[9], d[48];
        memcpy(info, tcb, 8);
        info[8] = attempt;
        int r = derive(ca, chip, "vcek", cmn_bytes(info, sizeof(info)), d, sizeof(d), err);
        if (r == 0)
            r = cmn_ec_from_private(ca->env, "P-384", d, sizeof(d), ret, err);
        explicit_bzero(d, sizeof(d));
        if (r != -EINVAL)
            return r;
    }
    return cmn_err_set(err, EIO, "no VCEK key could be derived");
}

/* The kept certificate, when there is one and it is whole and of this key. */
static bool vcek_kept(struct ftee_ca *ca, const char *name, EVP_PKEY *key, struct cmn_buf *ret)
{
    auto_buf struct cmn_buf der = {0};
    auto_x509 X509 *cert = NULL;

    if (load(ca, name, &der, NULL) < 0 ||
        cmn_x509_load(ca->env, cmn_buf_bytes(&der), &cert, NULL) < 0 ||
        EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)
        return false;
    return cmn_buf_put(ret, der.data, der.len) == 0;
}

int ftee_ca_vcek(struct ftee_ca *ca, unsigned chip, const struct snp_tcb *tcb, EVP_PKEY **ret_key,
                 struct cmn_buf *ret_der, struct cmn_err *err)
{
    uint8_t raw[8], chip_id[64];
    auto_pkey EVP_PKEY *key = NULL;
    auto_x509 X509 *cert = NULL;
    auto_env struct cmn_env *env = NULL;
    char name[64];

    snp_tcb_encode(tcb, ca->product == SNP_TURIN, raw);
    auto_free char *hex = cmn_hex(raw, sizeof(raw));
    if (!hex)
        return cmn_err_set(err, ENOMEM, "no memory");
    (void)snprintf(name, sizeof(name), "vcek-%u-%s.der", chip, hex);
    int r = vcek_key(ca, chip, raw, &key, err);
    if (r == 0 && vcek_kept(ca, name, key, ret_der)) {
        *ret_key = cmn_take(key);
        return 0;
    }
    if (r == 0)
        r = cmn_env_derive(ca->env, name, &env, err);
    if (r == 0)
        r = ftee_ca_chip_id(ca, chip, chip_id, err);
    if (r == 0)
        r = ftee_make_vcek(env, ca->product, key, tcb, chip_id, ca->ask, &cert, err);
    if (r == 0)
        r = to_der(cert, ret_der, err);
    if (r == 0)
        r = keep(ca, name, cmn_buf_bytes(ret_der), err);
    if (r == 0)
        *ret_key = cmn_take(key);
    return r;
}
