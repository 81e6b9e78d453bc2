/* snp-check-chain.c - from the root to the VEK: signatures as upstream verifies them, then names,
 * algorithms, CA bits, dates and revocation. */
#include "snp-work.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- upstream's: signatures only ---- */

/* Is cert, which stands in the place of a family's key, signed by key? */
static bool signed_by(struct snp_work *w, struct kbs_cert *cert, EVP_PKEY *key,
                      const struct kbs_root_family *f, enum kbs_root_kind place)
{
    return kbs_cert_signed_by(w->env, w->in->cache, cert, key,
                              key == f->keys[KBS_ROOT_ARK].key ? &f->keys[place] : NULL);
}

static bool root_fits(struct snp_work *w, const struct kbs_root_family *f)
{
    for (size_t i = 0; i < w->certs->n; i++)
        if (w->certs->list[i].type == SNP_CERT_ARK && w->read[i] &&
            !signed_by(w, w->read[i], f->keys[KBS_ROOT_ARK].key, f, KBS_ROOT_ARK))
            return false;
    return true;
}

/* Is the ARK that came along a trusted one of another product than the CPU ids say? */
static bool root_of_another_product(struct snp_work *w)
{
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT && w->ark; p++) {
        const struct kbs_root_family *f = NULL;
        while ((f = kbs_roots_next(w->in->roots, (enum snp_product)p, f)))
            if (root_fits(w, f))
                return true;
    }
    return false;
}

int snp_check_root(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const struct kbs_root_family *f = NULL;

    (void)err;
    while ((f = kbs_roots_next(w->in->roots, w->res->product, f)))
        if (w->n_candidates < KBS_MAX_FAMILIES && root_fits(w, f))
            w->candidates[w->n_candidates++] = f;
    snp_expected(c, "ARK-%s, trusted here", snp_product_name(w->res->product));
    if (w->ark)
        snp_actual(c, "%.63s, %s", w->ark->profile.subject,
                   w->n_candidates ? "trusted" : "another key");
    if (!w->n_candidates)
        return snp_no(c,
                      root_of_another_product(w) ? CMN_REASON_SNP_PRODUCT_MISMATCH
                                                 : CMN_REASON_SNP_ROOT_UNTRUSTED,
                      "Provided ARK has an invalid signature");
    return SNP_YES;
}

/* The key of a certificate; the known one itself where it is the same or no certificate came along:
 * it need not be decoded, and the cache remembers keys by address. */
static EVP_PKEY *key_of(struct snp_work *w, struct kbs_cert *cert, const struct kbs_root_key *known)
{
    bool same = !cert || (known->key && cert->spki_len == known->spki_len &&
                          memcmp(cert->spki, known->spki, known->spki_len) == 0);

    return same ? known->key : kbs_cert_key(w->env, w->in->cache, cert);
}

/* ARK signs itself, ARK signs ASK, ASK signs VEK. What did not come along is the family's own. */
static bool chain_fits(struct snp_work *w, const struct kbs_root_family *f)
{
    enum kbs_root_kind place = w->res->is_vlek ? KBS_ROOT_ASVK : KBS_ROOT_ASK;
    EVP_PKEY *ark = key_of(w, w->ark, &f->keys[KBS_ROOT_ARK]);
    EVP_PKEY *ask = key_of(w, w->ask, &f->keys[place]);

    return (!w->ark || signed_by(w, w->ark, ark, f, KBS_ROOT_ARK)) &&
           (!w->ask || signed_by(w, w->ask, ark, f, place)) &&
           kbs_cert_signed_by(w->env, w->in->cache, w->vek, ask, NULL);
}

/* Is it a sound chain, or at least a certificate, of another product than the CPU ids say? */
static bool of_another_product(struct snp_work *w)
{
    const char *name = snp_product_name(w->res->product);
    const char *issuer = w->vek->profile.issuer;
    size_t n = strlen(issuer), k = strlen(name);
    enum snp_product other;
    const char *dash = strrchr(issuer, '-');

    if ((n >= k && strcmp(issuer + n - k, name) == 0) || !dash ||
        snp_product_by_name(dash + 1, &other) < 0)
        return false;
    return !w->ask || kbs_cert_signed_by(w->env, w->in->cache, w->vek,
                                         kbs_cert_key(w->env, w->in->cache, w->ask), NULL);
}

int snp_check_chain(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    for (size_t i = 0; i < w->n_candidates && !w->family; i++)
        if (chain_fits(w, w->candidates[i]))
            w->family = w->candidates[i];
    snp_expected(c, "ARK-%s > SEV-%s%s > SEV-%s", snp_product_name(w->res->product),
                 w->res->is_vlek ? "VLEK-" : "", snp_product_name(w->res->product),
                 w->res->is_vlek ? "VLEK" : "VCEK");
    snp_actual(c, "%.63s, issued by %.63s", w->vek->profile.subject, w->vek->profile.issuer);
    if (w->family) {
        w->res->root = w->family->name;
        return SNP_YES;
    }
    return snp_no(
        c, of_another_product(w) ? CMN_REASON_SNP_PRODUCT_MISMATCH : CMN_REASON_SNP_CHAIN_INVALID,
        "%s",
        w->fetched ? "Certificate chain from KDS failed verification"
                   : "Certificate chain provided by user failed to verify");
}

/* ---- what upstream leaves out ---- */

enum place { ARK, ASK, VEK, PLACES };

/* The certificate in a place of the chain, NULL if it did not come along. */
static const struct snp_cert_profile *profile_of(const struct snp_work *w, enum place place)
{
    const struct kbs_cert *cert = place == ARK ? w->ark : place == ASK ? w->ask : w->vek;

    return cert ? &cert->profile : NULL;
}

static const char *place_name(const struct snp_work *w, enum place place)
{
    return place == ARK      ? "ARK"
           : place == ASK    ? w->res->is_vlek ? "ASVK" : "ASK"
           : w->res->is_vlek ? "VLEK"
                             : "VCEK";
}

static const struct kbs_root_key *root_key(const struct snp_work *w, enum place place)
{
    return &w->family->keys[place == ARK      ? KBS_ROOT_ARK
                            : w->res->is_vlek ? KBS_ROOT_ASVK
                                              : KBS_ROOT_ASK];
}

int snp_check_algorithm(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    snp_expected(c, "RSASSA-PSS, SHA-384, MGF1 SHA-384, salt 48");
    for (enum place i = ARK; i < PLACES; i++) {
        const struct snp_cert_profile *p = profile_of(w, i);
        if (p && !p->pss_sha384)
            return snp_no(c, CMN_REASON_SNP_CERT_SIGNATURE_ALGO,
                          "the %s is signed with another algorithm than AMD's", place_name(w, i));
    }
    return SNP_YES;
}

int snp_check_names(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const char *product = snp_product_name(w->res->product);
    char ark[32], ask[32], vek[16];
    const struct {
        const char *subject, *issuer;
    } want[PLACES] = {{ark, ark}, {ask, ark}, {vek, ask}};

    (void)err;
    (void)snprintf(ark, sizeof(ark), "ARK-%s", product);
    (void)snprintf(ask, sizeof(ask), "SEV-%s%s", w->res->is_vlek ? "VLEK-" : "", product);
    (void)snprintf(vek, sizeof(vek), "SEV-%s", w->res->is_vlek ? "VLEK" : "VCEK");
    for (enum place i = ARK; i < PLACES; i++) {
        const struct snp_cert_profile *p = profile_of(w, i);
        if (!p)
            continue;
        snp_expected(c, "CN=%s issued by CN=%s", want[i].subject, want[i].issuer);
        snp_actual(c, "CN=%.48s issued by CN=%.48s", p->subject, p->issuer);
        if (strcmp(p->subject, want[i].subject) != 0 || strcmp(p->issuer, want[i].issuer) != 0)
            return snp_no(c, CMN_REASON_SNP_CERT_NAME, "the %s has other names than AMD's",
                          place_name(w, i));
        if (!p->subject_amd || !p->issuer_amd)
            return snp_no(c, CMN_REASON_SNP_CERT_NAME,
                          "the %s has another organisation than AMD in its names",
                          place_name(w, i));
    }
    return SNP_YES;
}

int snp_check_ca(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    snp_expected(c, "ARK and ASK (ASVK) are CAs, the VEK is none");
    for (enum place i = ARK; i < PLACES; i++) {
        const struct snp_cert_profile *p = profile_of(w, i);
        if (!p)
            continue;
        bool good = i == VEK ? !p->is_ca
                             : p->is_ca && p->may_sign_certs && p->x509_v3 &&
                                   (i == ARK || p->path_len == 0);
        if (good && !p->unknown_critical)
            continue;
        snp_actual(c, "%s: CA %s, path length %ld, may%s sign certificates%s", place_name(w, i),
                   p->is_ca ? "yes" : "no", p->path_len, p->may_sign_certs ? "" : " not",
                   p->unknown_critical ? ", unknown critical extension" : "");
        if (good && i == VEK)
            continue; /* vek.extensions tells of it */
        return snp_no(c, CMN_REASON_SNP_CERT_CA, "the %s has not the CA bits of its place",
                      place_name(w, i));
    }
    return SNP_YES;
}

/* AMD's ASK and ASVK are known as numbers; one that AMD's ARK signed and nobody knows is odd. */
int snp_check_intermediate(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const struct kbs_root_key *known = root_key(w, ASK);

    (void)err;
    if (!w->ask || !known->key)
        return SNP_NOT_ASKED;
    snp_expected(c, "the known key of %s", place_name(w, ASK));
    if (w->ask->spki_len == known->spki_len &&
        memcmp(w->ask->spki, known->spki, known->spki_len) == 0)
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_INTERMEDIATE_UNKNOWN,
                  "the %s is signed by the ARK, but its key is not the known one",
                  place_name(w, ASK));
}

static void date(char out[24], int64_t t)
{
    time_t seconds = (time_t)t;
    struct tm tm;

    if (!gmtime_r(&seconds, &tm) || !strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm))
        (void)snprintf(out, 24, "never");
}

/* Dates of ARK and ASK are known also when the certificates did not come along. */
int snp_check_validity(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    char from[24], to[24], now[24];

    (void)err;
    for (enum place k = ARK; k < PLACES; k++) {
        enum place i = (enum place)(PLACES - 1 - k); /* the VEK first: it has the shortest life */
        const struct snp_cert_profile *p = profile_of(w, i);
        if (!p && !root_key(w, i)->key)
            continue;
        int64_t begin = p ? p->not_before : root_key(w, i)->profile.not_before;
        int64_t end = p ? p->not_after : root_key(w, i)->profile.not_after;
        if (i != VEK && w->in->now >= begin && w->in->now <= end)
            continue;
        date(from, begin);
        date(to, end);
        date(now, w->in->now);
        snp_expected(c, "%s from %s to %s", place_name(w, i), from, to);
        snp_actual(c, "%s", now);
        if (w->in->now < begin)
            return snp_no(c, CMN_REASON_SNP_CERT_NOT_YET_VALID, "the %s is valid from %s only",
                          place_name(w, i), from);
        if (w->in->now > end)
            return snp_no(c, CMN_REASON_SNP_CERT_EXPIRED, "the %s was valid until %s",
                          place_name(w, i), to);
    }
    return SNP_YES;
}

/* ---- revocation: the ARK's list speaks about the ASK and ASVK ---- */

static uint64_t ask_serial(const struct snp_work *w)
{
    return w->ask ? w->ask->profile.serial : root_key(w, ASK)->profile.serial;
}

/* A list that came along with the evidence counts when the caller has none of this issuer. */
static int ask_evidence(struct snp_work *w, const char *issuer, struct cmn_err *err)
{
    struct kbs_crls *crls = NULL;
    int r = kbs_crls_new(w->env, &crls, err);

    for (size_t i = 0; i < w->certs->n && r == 0; i++)
        if (w->certs->list[i].type == SNP_CERT_CRL)
            r = kbs_crls_add(crls, cmn_buf_bytes(&w->certs->list[i].bytes), err);
    if (r == 0)
        kbs_crls_ask(crls, issuer, root_key(w, ARK)->key, ask_serial(w), &w->crl);
    kbs_crls_free(crls);
    return r;
}

/* The caller's list; a newer one where the caller can fetch it; else one from the evidence. */
static int find_crl(struct snp_work *w, const char *issuer, struct cmn_err *err)
{
    EVP_PKEY *ark = root_key(w, ARK)->key;
    struct cmn_err inner = {0};

    kbs_crls_ask(w->in->crls, issuer, ark, ask_serial(w), &w->crl);
    if (w->in->crls && w->in->fetch_crl && (!w->crl.found || w->in->now > w->crl.next_update)) {
        auto_buf struct cmn_buf bytes = {0};
        int r = w->in->fetch_crl(w->in->fetch_ctx, w->res->product, &bytes, &inner);
        if (r == 0)
            r = kbs_crls_add(w->in->crls, cmn_buf_bytes(&bytes), &inner);
        if (r == -ENOMEM)
            return r;
        if (r == 0) /* a list that could not be fetched is one that is not there */
            kbs_crls_ask(w->in->crls, issuer, ark, ask_serial(w), &w->crl);
    }
    if (!w->crl.found && snp_certs_find(w->certs, SNP_CERT_CRL))
        return ask_evidence(w, issuer, err);
    return 0;
}

int snp_check_crl_signature(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    struct cmn_err inner = {0};
    char issuer[32];

    (void)snprintf(issuer, sizeof(issuer), "ARK-%s", snp_product_name(w->res->product));
    int r = find_crl(w, issuer, &inner);
    if (r == -ENOMEM)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (r < 0)
        return snp_no(c, CMN_REASON_SNP_CRL_INVALID, "%.200s", inner.msg);
    snp_expected(c, "a revocation list signed by %s", issuer);
    if (!w->crl.found)
        return w->expect->crl_required ? snp_no(c, CMN_REASON_SNP_CRL_MISSING,
                                                "there is no revocation list of %s", issuer)
                                       : SNP_NOT_ASKED;
    return w->crl.signed_by_it
               ? SNP_YES
               : snp_no(c, CMN_REASON_SNP_CRL_INVALID,
                        "the revocation list of %s is not signed by it with RSASSA-PSS", issuer);
}

int snp_check_crl_current(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    char from[24], to[24], now[24];

    (void)err;
    if (!w->crl.found || !w->crl.signed_by_it)
        return SNP_NOT_ASKED;
    date(from, w->crl.this_update);
    date(to, w->crl.next_update);
    date(now, w->in->now);
    snp_expected(c, "from %s to %s", from, to);
    snp_actual(c, "%s", now);
    if (w->in->now < w->crl.this_update || w->in->now > w->crl.next_update)
        return snp_no(c, CMN_REASON_SNP_CRL_STALE,
                      "the revocation list is not current: it speaks from %s to %s", from, to);
    return SNP_YES;
}

/* A stale list still tells what was revoked, never that something is not. */
int snp_check_crl_revoked(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    if (!w->crl.found || !w->crl.signed_by_it)
        return SNP_NOT_ASKED;
    snp_expected(c, "serial not in the list");
    snp_actual(c, "%s has serial 0x%06llx", place_name(w, ASK), (unsigned long long)ask_serial(w));
    if (w->crl.revoked)
        return snp_no(c, CMN_REASON_SNP_CERT_REVOKED, "the %s with serial 0x%06llx is revoked",
                      place_name(w, ASK), (unsigned long long)ask_serial(w));
    if (w->in->now < w->crl.this_update || w->in->now > w->crl.next_update)
        return SNP_NOT_ASKED;
    return SNP_YES;
}
