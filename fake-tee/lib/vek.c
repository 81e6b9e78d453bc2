/* vek.c - what chips and providers have: ids, endorsement keys and their kept certificates. */
#include "ca-internal.h"

#include "common/enc/enc.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct snp_tcb ftee_default_tcb(enum snp_product product)
{
    switch (product) {
    case SNP_MILAN:
        return (struct snp_tcb){0, 4, 0, 24, 219};
    case SNP_GENOA:
        return (struct snp_tcb){0, 10, 0, 23, 84};
    default:
        return (struct snp_tcb){1, 1, 1, 4, 72};
    }
}

/* len bytes that only this owner (a chip, a provider) knows, for one purpose. */
static int derive(struct ftee_ca *ca, const char *purpose, const char *owner, struct cmn_bytes more,
                  uint8_t *out, size_t len, struct cmn_err *err)
{
    auto_buf struct cmn_buf info = {0};

    if (cmn_buf_printf(&info, "%s:%s:", purpose, owner) < 0 ||
        cmn_buf_put(&info, more.data, more.len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_hkdf(ca->env, cmn_bytes(ca->secret, sizeof(ca->secret)), "cocobox fake-tee",
                    cmn_buf_bytes(&info), out, len, err);
}

static void chip_name(unsigned chip, char out[24])
{
    (void)snprintf(out, 24, "chip %u", chip);
}

int ftee_ca_chip_id(struct ftee_ca *ca, unsigned chip, uint8_t out[64], struct cmn_err *err)
{
    char owner[24];

    chip_name(chip, owner);
    memset(out, 0, 64);
    return derive(ca, "chip id", owner, cmn_bytes("", 0), out, ca->product == SNP_TURIN ? 8 : 64,
                  err);
}

int ftee_ca_chip_secret(struct ftee_ca *ca, unsigned chip, const char *purpose, uint8_t out[32],
                        struct cmn_err *err)
{
    char owner[24];

    chip_name(chip, owner);
    return derive(ca, purpose, owner, cmn_bytes("", 0), out, 32, err);
}

int ftee_ca_csp_secret(struct ftee_ca *ca, const char *csp_id, const char *purpose, uint8_t out[32],
                       struct cmn_err *err)
{
    return derive(ca, purpose, csp_id, cmn_bytes("", 0), out, 32, err);
}

/* 48 derived bytes as the private scalar; tried again in the rare case that it is above the order.
 */
static int derive_key(struct ftee_ca *ca, const char *purpose, const char *owner,
                      const struct snp_tcb *tcb, EVP_PKEY **ret, struct cmn_err *err)
{
    for (uint8_t attempt = 0; attempt < 8; attempt++) {
        uint8_t info[9], d[48];
        snp_tcb_encode(tcb, ca->product == SNP_TURIN, info);
        info[8] = attempt;
        int r = derive(ca, purpose, owner, cmn_bytes(info, sizeof(info)), d, sizeof(d), err);
        if (r == 0)
            r = cmn_ec_from_private(ca->env, "P-384", d, sizeof(d), ret, err);
        explicit_bzero(d, sizeof(d));
        if (r != -EINVAL)
            return r;
    }
    return cmn_err_set(err, EIO, "no %s key could be derived", purpose);
}

int ftee_ca_vcek_key(struct ftee_ca *ca, unsigned chip, const struct snp_tcb *tcb, EVP_PKEY **ret,
                     struct cmn_err *err)
{
    char owner[24];

    chip_name(chip, owner);
    return derive_key(ca, "vcek", owner, tcb, ret, err);
}

int ftee_ca_vlek_key(struct ftee_ca *ca, const char *csp_id, const struct snp_tcb *tcb,
                     EVP_PKEY **ret, struct cmn_err *err)
{
    return derive_key(ca, "vlek", csp_id ? csp_id : FTEE_CSP_ID, tcb, ret, err);
}

/* The kept certificate, when there is one and it is whole, of this key and not outlived. */
static bool is_kept(struct ftee_ca *ca, const char *name, EVP_PKEY *key, struct cmn_buf *ret)
{
    auto_buf struct cmn_buf der = {0};
    auto_x509 X509 *cert = NULL;
    time_t now = (time_t)cmn_env_now(ca->env);

    if (ftee_ca_load(ca, name, &der, NULL) < 0 ||
        cmn_x509_load(ca->env, cmn_buf_bytes(&der), &cert, NULL) < 0 ||
        EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1)
        return false;
    if (X509_cmp_time(X509_get0_notAfter(cert), &now) < 0 ||
        X509_cmp_time(X509_get0_notBefore(cert), &now) > 0)
        return false;
    return cmn_buf_put(ret, der.data, der.len) == 0;
}

/* The kept one under this name, or a new one. */
static int kept_or_issued(struct ftee_ca *ca, const char *name, EVP_PKEY *key,
                          const struct ftee_issue *what, bool keep, struct cmn_buf *ret_der,
                          struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    auto_buf struct cmn_buf der = {0};
    struct ftee_issue with_key = *what;

    with_key.key = key; /* else it is derived again, which draws from the chain's stream */
    if (is_kept(ca, name, key, ret_der))
        return 0;
    int r = cmn_env_derive(ca->env, name, &env, err);
    if (r == 0)
        r = ftee_ca_issue_from(ca, env, &with_key, NULL, &der, err);
    if (r == 0 && keep)
        r = ftee_ca_keep(ca, name, cmn_buf_bytes(&der), err);
    if (r == 0 && cmn_buf_put(ret_der, der.data, der.len) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    return r;
}

static char *tcb_hex(struct ftee_ca *ca, const struct snp_tcb *tcb)
{
    uint8_t raw[8];

    snp_tcb_encode(tcb, ca->product == SNP_TURIN, raw);
    return cmn_hex(raw, sizeof(raw));
}

static int vcek(struct ftee_ca *ca, unsigned chip, const struct snp_tcb *tcb, bool keep,
                EVP_PKEY **ret_key, struct cmn_buf *ret_der, struct cmn_err *err)
{
    auto_pkey EVP_PKEY *key = NULL;
    auto_free char *hex = tcb_hex(ca, tcb);
    char name[64];

    if (!hex)
        return cmn_err_set(err, ENOMEM, "no memory");
    (void)snprintf(name, sizeof(name), "vcek-%u-%s.der", chip, hex);
    int r = ftee_ca_vcek_key(ca, chip, tcb, &key, err);
    if (r == 0)
        r = kept_or_issued(ca, name, key,
                           &(struct ftee_issue){.kind = FTEE_CERT_VCEK, .chip = chip, .tcb = tcb},
                           keep, ret_der, err);
    if (r == 0)
        *ret_key = cmn_take(key);
    return r;
}

int ftee_ca_vcek(struct ftee_ca *ca, unsigned chip, const struct snp_tcb *tcb, EVP_PKEY **ret_key,
                 struct cmn_buf *ret_der, struct cmn_err *err)
{
    return vcek(ca, chip, tcb, true, ret_key, ret_der, err);
}

int ftee_ca_vcek_cert(struct ftee_ca *ca, unsigned chip, const struct snp_tcb *tcb,
                      struct cmn_buf *ret_der, struct cmn_err *err)
{
    auto_pkey EVP_PKEY *key = NULL;

    return vcek(ca, chip, tcb, false, &key, ret_der, err);
}

/* Midnight UTC of a day, as certificates write it. */
static void day_text(int64_t seconds, int add_years, char out[16])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    (void)gmtime_r(&t, &tm);
    tm.tm_year += add_years;
    if (tm.tm_mon == 1 && tm.tm_mday == 29)
        tm.tm_mday = 28; /* there may be no 29th in that year */
    (void)strftime(out, 16, "%Y%m%d000000Z", &tm);
}

int ftee_ca_vlek(struct ftee_ca *ca, const char *csp_id, const struct snp_tcb *tcb,
                 EVP_PKEY **ret_key, struct cmn_buf *ret_der, struct cmn_err *err)
{
    auto_pkey EVP_PKEY *key = NULL;
    auto_free char *hex = tcb_hex(ca, tcb), *csp_hex = NULL;
    char name[64], from[16], to[16];
    uint8_t digest[32];
    const struct ftee_issue what = {.kind = FTEE_CERT_VLEK,
                                    .tcb = tcb,
                                    .csp_id = csp_id ? csp_id : FTEE_CSP_ID,
                                    .not_before = from,
                                    .not_after = to};

    day_text(cmn_env_now(ca->env), 0, from);
    day_text(cmn_env_now(ca->env), 1, to);
    int r = cmn_hash(ca->env, "SHA256", what.csp_id, strlen(what.csp_id), digest, err);
    if (r == 0 && (!hex || !(csp_hex = cmn_hex(digest, 8))))
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r < 0)
        return r;
    (void)snprintf(name, sizeof(name), "vlek-%s-%s.der", csp_hex, hex);
    r = ftee_ca_vlek_key(ca, csp_id, tcb, &key, err);
    if (r == 0)
        r = kept_or_issued(ca, name, key, &what, true, ret_der, err);
    if (r == 0)
        *ret_key = cmn_take(key);
    return r;
}
