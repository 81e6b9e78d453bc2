/*
 * test-snp-certs.c - the certificates of a chain: every byte changed as it is, every field changed
 * and signed anew by the test CA, roots, revocation lists, certificate tables. Numbers are those of
 * the project's list of negative cases.
 */
#include "guest.h"

#include "common/snp/vek.h"

#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static struct kbs_snp_result res;

static const char *strict(const struct guest *g)
{
    return cmn_reason_name(guest_verify(g, KBS_SNP_STRICT, NULL, NULL, &res));
}

static const char *trustee(const struct guest *g)
{
    return cmn_reason_name(guest_verify(g, KBS_SNP_TRUSTEE, NULL, NULL, &res));
}

/* 60: no byte of a certificate can be changed without its signature failing, or what reads it. */
static void flip_every_byte(struct guest *g, enum snp_cert_type type, const char *allowed)
{
    struct cmn_buf *der = NULL;

    for (size_t i = 0; i < g->certs.n; i++)
        if (g->certs.list[i].type == type)
            der = &g->certs.list[i].bytes;
    T_TRUE(der != NULL);
    for (size_t at = 0; der && at < der->len; at++) {
        der->data[at] ^= (uint8_t)(1u << at % 8);
        const char *got = trustee(g); /* the weaker mode */
        if (!strstr(allowed, got) || !*got) {
            (void)printf("byte %zu: ", at);
            T_EQ_STR(*got ? got : "accepted", allowed);
        }
        der->data[at] ^= (uint8_t)(1u << at % 8);
    }
    T_EQ_STR(trustee(g), "");
}

static void no_byte_of_a_certificate_can_be_changed(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);

    flip_every_byte(&g, SNP_CERT_VCEK, "snp.chain-invalid snp.cert-malformed");
    flip_every_byte(&g, SNP_CERT_ASK, "snp.chain-invalid snp.cert-malformed");
    flip_every_byte(&g, SNP_CERT_ARK, "snp.root-untrusted snp.cert-malformed");
    guest_done(&g);
}

/* ---- fields of the certificates, signed anew ---- */

#define ARC SNP_OID_ARC "."
#define EXT(oid_, change_, ...)                                                                    \
    {                                                                                              \
        oid_, change_, false,                                                                      \
        {                                                                                          \
            (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                 \
        }                                                                                          \
    }

static const uint8_t hwid_63[63] = {1}, hwid_65[65] = {1};
static const uint8_t wrapped_41[66] = {4, 65};

static const struct {
    unsigned number;
    const char *name;
    struct ftee_issue issue; /* a VCEK; its key stays the guest's */
    struct ftee_ext ext;     /* one change, if it has an oid */
    const char *strict, *trustee;
} vceks[] = {
    {0, "as it should be", {0}, {0}, "", ""},
    {61, "expired", {.not_after = "20251231000000Z"}, {0}, "snp.cert-expired", ""},
    {61, "not yet valid", {.not_before = "20260201000000Z"}, {0}, "snp.cert-not-yet-valid", ""},
    {0, "valid to the second", {.not_before = "20260101000100Z"}, {0}, "", ""},
    {65, "PKCS#1 v1.5", {.alg = FTEE_SIGN_PKCS1_SHA384}, {0}, "snp.cert-signature-algo", ""},
    {65, "PSS with SHA-256", {.alg = FTEE_SIGN_PSS_SHA256}, {0}, "snp.cert-signature-algo", ""},
    {65, "salt 32", {.alg = FTEE_SIGN_PSS_SALT32}, {0}, "snp.cert-signature-algo", ""},
    {0, "another subject", {.subject_cn = "VCEK"}, {0}, "snp.cert-name", ""},
    {0, "subject VLEK", {.subject_cn = "SEV-VLEK"}, {0}, "snp.cert-name", ""},
    {0, "another issuer", {.issuer_cn = "SEV-Milan"}, {0}, "snp.cert-name", ""},
    {0, "issuer ASVK", {.issuer_cn = "SEV-VLEK-Genoa"}, {0}, "snp.cert-name", ""},
    {0, "a serial number", {.serial = 77}, {0}, "", ""}, /* not judged: nobody relies on it */
    {67,
     "no snpSPL",
     {0},
     {ARC "3.3", FTEE_EXT_DROP, false, {0}},
     "snp.cert-extension",
     "snp.cert-extension"},
    {67,
     "two snpSPL",
     {0},
     EXT(ARC "3.3", FTEE_EXT_ADD, 2, 1, 23),
     "snp.cert-extension",
     "snp.cert-extension"},
    {67,
     "snpSPL as OCTET STRING",
     {0},
     EXT(ARC "3.3", FTEE_EXT_REPLACE, 4, 1, 23),
     "snp.cert-extension",
     "snp.cert-extension"},
    {68,
     "snpSPL 256",
     {0},
     EXT(ARC "3.3", FTEE_EXT_REPLACE, 2, 2, 1, 0),
     "snp.cert-extension",
     "snp.cert-extension"},
    {68,
     "snpSPL negative",
     {0},
     EXT(ARC "3.3", FTEE_EXT_REPLACE, 2, 1, 0xFF),
     "snp.cert-extension",
     "snp.cert-extension"},
    {68,
     "snpSPL not minimal",
     {0},
     EXT(ARC "3.3", FTEE_EXT_REPLACE, 2, 2, 0, 5),
     "snp.cert-extension",
     "snp.cert-extension"},
    {0,
     "another blSPL",
     {0},
     EXT(ARC "3.1", FTEE_EXT_REPLACE, 2, 1, 9),
     "snp.tcb-mismatch",
     "snp.tcb-mismatch"},
    {0,
     "another teeSPL",
     {0},
     EXT(ARC "3.2", FTEE_EXT_REPLACE, 2, 1, 9),
     "snp.tcb-mismatch",
     "snp.tcb-mismatch"},
    {0,
     "another snpSPL",
     {0},
     EXT(ARC "3.3", FTEE_EXT_REPLACE, 2, 1, 9),
     "snp.tcb-mismatch",
     "snp.tcb-mismatch"},
    {0,
     "another ucodeSPL",
     {0},
     EXT(ARC "3.8", FTEE_EXT_REPLACE, 2, 1, 9),
     "snp.tcb-mismatch",
     "snp.tcb-mismatch"},
    {0, "spl_4 not zero", {0}, EXT(ARC "3.4", FTEE_EXT_REPLACE, 2, 1, 1), "snp.cert-extension", ""},
    {0, "no spl_5", {0}, {ARC "3.5", FTEE_EXT_DROP, false, {0}}, "snp.cert-extension", ""},
    {0, "spl_6 twice", {0}, EXT(ARC "3.6", FTEE_EXT_ADD, 2, 1, 0), "snp.cert-extension", ""},
    {0,
     "spl_7 empty",
     {0},
     {ARC "3.7", FTEE_EXT_REPLACE, false, {(const uint8_t *)"", 0}},
     "snp.cert-extension",
     ""},
    {0, "fmcSPL on Genoa", {0}, EXT(ARC "3.9", FTEE_EXT_ADD, 2, 1, 1), "snp.cert-extension", ""},
    {0, "structVersion 1", {0}, EXT(ARC "1", FTEE_EXT_REPLACE, 2, 1, 1), "snp.cert-extension", ""},
    {0, "no structVersion", {0}, {ARC "1", FTEE_EXT_DROP, false, {0}}, "snp.cert-extension", ""},
    {0,
     "productName Milan",
     {0},
     EXT(ARC "2", FTEE_EXT_REPLACE, 22, 5, 'M', 'i', 'l', 'a', 'n'),
     "snp.cert-extension",
     ""},
    {0,
     "productName with stepping",
     {0},
     EXT(ARC "2", FTEE_EXT_REPLACE, 22, 8, 'G', 'e', 'n', 'o', 'a', '-', 'B', '1'),
     "",
     ""},
    {69,
     "hwID of 63 bytes",
     {0},
     {ARC "4", FTEE_EXT_REPLACE, false, {hwid_63, 63}},
     "snp.cert-extension",
     ""},
    {69,
     "hwID of 65 bytes",
     {0},
     {ARC "4", FTEE_EXT_REPLACE, false, {hwid_65, 65}},
     "snp.cert-extension",
     ""},
    {69,
     "hwID 04 41",
     {0},
     {ARC "4", FTEE_EXT_REPLACE, false, {wrapped_41, 66}},
     "snp.cert-extension",
     ""},
    {69,
     "hwID empty",
     {0},
     {ARC "4", FTEE_EXT_REPLACE, false, {(const uint8_t *)"", 0}},
     "snp.cert-extension",
     ""},
    {0, "no hwID", {0}, {ARC "4", FTEE_EXT_DROP, false, {0}}, "snp.cert-extension", ""},
    {72,
     "hwID and cspID",
     {0},
     EXT(ARC "5", FTEE_EXT_ADD, 22, 2, 'x', 'y'),
     "snp.cert-extension",
     ""},
    {73, "subjectKeyIdentifier", {0}, EXT("2.5.29.14", FTEE_EXT_ADD, 4, 2, 1, 2), "", ""},
    {74,
     "unknown critical",
     {0},
     {"1.2.3.4", FTEE_EXT_ADD, true, {(const uint8_t[]){5, 0}, 2}},
     "snp.cert-extension",
     ""},
    {0, "unknown, not critical", {0}, EXT("1.2.3.4", FTEE_EXT_ADD, 5, 0), "", ""},
    {0,
     "critical teeSPL",
     {0},
     {ARC "3.2", FTEE_EXT_REPLACE, true, {(const uint8_t[]){2, 1, 0}, 3}},
     "snp.cert-extension",
     ""},
    {64, "a CA", {0}, EXT("2.5.29.19", FTEE_EXT_ADD, 0x30, 3, 1, 1, 0xFF), "snp.cert-ca", ""},
};

static void put_vcek(struct guest *g, const struct ftee_issue *issue, const struct ftee_ext *ext)
{
    struct ftee_issue what = *issue;
    auto_buf struct cmn_buf der = {0};
    struct cmn_err err = {0};

    what.kind = FTEE_CERT_VCEK;
    if (ext && ext->oid) {
        what.exts = ext;
        what.n_exts = 1;
    }
    T_OK(ftee_ca_issue(ca_of(ftee_ca_product(ftee_platform_ca(ftee_psp_platform(g->psp)))), &what,
                       NULL, &der, &err),
         &err);
    guest_set_cert(g, SNP_CERT_VCEK, cmn_buf_bytes(&der));
}

static void every_field_of_a_vcek_has_its_verdict_signed_anew(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);

    for (size_t i = 0; i < CMN_ARRAY_SIZE(vceks); i++) {
        put_vcek(&g, &vceks[i].issue, &vceks[i].ext);
        const char *s = strict(&g);
        if (strcmp(s, vceks[i].strict) != 0)
            (void)printf("%u, %s: ", vceks[i].number, vceks[i].name);
        T_EQ_STR(s, vceks[i].strict);
        const char *t = trustee(&g);
        if (strcmp(t, vceks[i].trustee) != 0)
            (void)printf("%u, %s: ", vceks[i].number, vceks[i].name);
        T_EQ_STR(t, vceks[i].trustee);
        if (!*t && *s) /* what strict mode refuses shows as an advisory */
            T_TRUE(guest_told(&res, s));
    }
    guest_done(&g);
}

/* 70, 71 */
static void both_forms_of_hwid_are_read_by_length(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);
    uint8_t wrapped[66] = {4, 64}, raw[64] = {4, 0x40, 7};
    const struct ftee_ext as_octets = {ARC "4", FTEE_EXT_REPLACE, false, {wrapped, 66}},
                          begins_so = {ARC "4", FTEE_EXT_REPLACE, false, {raw, 64}};

    memcpy(wrapped + 2, g.fields.chip_id, 64);
    put_vcek(&g, &(struct ftee_issue){0}, &as_octets);
    T_EQ_STR(strict(&g), "");
    put_vcek(&g, &(struct ftee_issue){0}, &begins_so);
    T_EQ_STR(strict(&g), "snp.chip-id-mismatch");
    memcpy(g.fields.chip_id, raw, 64);
    guest_sign(&g);
    T_EQ_STR(strict(&g), "");
    guest_done(&g);
}

/* Upstream's comparison of chip ids is dead for AMD's names and alive for this one. */
static void upstream_compares_the_chip_id_of_a_certificate_named_vcek(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);

    put_vcek(&g, &(struct ftee_issue){.subject_cn = "VCEK", .chip = 0}, NULL);
    T_EQ_STR(trustee(&g), "");
    g.fields.chip_id[9] ^= 1;
    guest_sign(&g);
    T_EQ_STR(trustee(&g), "snp.chip-id-mismatch");
    put_vcek(&g, &(struct ftee_issue){0}, NULL);
    T_EQ_STR(trustee(&g), "");
    T_TRUE(guest_told(&res, "snp.chip-id-mismatch"));
    guest_done(&g);
}

/* 66: the guest signs with a key that is on another curve, or none at all. */
static void a_vcek_that_is_not_on_p384_is_refused_in_every_mode(void)
{
    static const char *const kinds[] = {"P-256", "P-521", "secp256k1", "RSA"};
    struct guest g = guest_new(SNP_GENOA, 3, false);

    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++) {
        auto_pkey EVP_PKEY *key =
            strcmp(kinds[i], "RSA") == 0
                ? EVP_PKEY_Q_keygen(cmn_env_libctx(env), NULL, "RSA", (size_t)2048)
                : EVP_PKEY_Q_keygen(cmn_env_libctx(env), NULL, "EC", kinds[i]);
        put_vcek(&g, &(struct ftee_issue){.key = key}, NULL);
        T_EQ_STR(strict(&g), "snp.cert-key");
        T_EQ_STR(trustee(&g), "snp.cert-key");
    }
    guest_done(&g);
}

/* ---- the chain above ---- */

static void issue_into(struct guest *g, enum snp_cert_type type, const struct ftee_issue *what)
{
    auto_buf struct cmn_buf der = {0};
    struct cmn_err err = {0};

    T_OK(ftee_ca_issue(ca_of(SNP_GENOA), what, NULL, &der, &err), &err);
    guest_set_cert(g, type, cmn_buf_bytes(&der));
}

static const struct ftee_ext no_ca = {"2.5.29.19", FTEE_EXT_DROP, false, {0}};
static const struct ftee_ext may_not_sign =
    EXT("2.5.29.15", FTEE_EXT_REPLACE, 3, 2, 1, 2); /* cRLSign */
static const struct ftee_ext long_path =
    EXT("2.5.29.19", FTEE_EXT_REPLACE, 0x30, 6, 1, 1, 0xFF, 2, 1, 3);

static void fields_of_ask_and_ark_have_their_verdicts(void)
{
    static const struct {
        const char *name;
        enum snp_cert_type type;
        struct ftee_issue issue;
        const char *strict;
    } cases[] = {
        {"ASK", SNP_CERT_ASK, {.kind = FTEE_CERT_ASK}, ""},
        {"ARK", SNP_CERT_ARK, {.kind = FTEE_CERT_ARK}, ""},
        {"ASK expired",
         SNP_CERT_ASK,
         {.kind = FTEE_CERT_ASK, .not_after = "20251231000000Z"},
         "snp.cert-expired"},
        {"ARK not yet",
         SNP_CERT_ARK,
         {.kind = FTEE_CERT_ARK, .not_before = "20270101000000Z"},
         "snp.cert-not-yet-valid"},
        {"ASK no CA",
         SNP_CERT_ASK,
         {.kind = FTEE_CERT_ASK, .exts = &no_ca, .n_exts = 1},
         "snp.cert-ca"},
        {"ARK no CA",
         SNP_CERT_ARK,
         {.kind = FTEE_CERT_ARK, .exts = &no_ca, .n_exts = 1},
         "snp.cert-ca"},
        {"ASK key usage",
         SNP_CERT_ASK,
         {.kind = FTEE_CERT_ASK, .exts = &may_not_sign, .n_exts = 1},
         "snp.cert-ca"},
        {"ASK path",
         SNP_CERT_ASK,
         {.kind = FTEE_CERT_ASK, .exts = &long_path, .n_exts = 1},
         "snp.cert-ca"},
        {"ASK subject",
         SNP_CERT_ASK,
         {.kind = FTEE_CERT_ASK, .subject_cn = "SEV-Milan"},
         "snp.cert-name"},
        {"ASK issuer",
         SNP_CERT_ASK,
         {.kind = FTEE_CERT_ASK, .issuer_cn = "ARK-Milan"},
         "snp.cert-name"},
        {"ARK names",
         SNP_CERT_ARK,
         {.kind = FTEE_CERT_ARK, .subject_cn = "ARK", .issuer_cn = "ARK"},
         "snp.cert-name"},
        {"ASK PKCS#1",
         SNP_CERT_ASK,
         {.kind = FTEE_CERT_ASK, .alg = FTEE_SIGN_PKCS1_SHA384},
         "snp.cert-signature-algo"},
        {"ARK PKCS#1",
         SNP_CERT_ARK,
         {.kind = FTEE_CERT_ARK, .alg = FTEE_SIGN_PKCS1_SHA384},
         "snp.cert-signature-algo"},
    };
    struct guest g = guest_new(SNP_GENOA, 3, false);

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        issue_into(&g, cases[i].type, &cases[i].issue);
        const char *s = strict(&g);
        if (strcmp(s, cases[i].strict) != 0)
            (void)printf("%s: ", cases[i].name);
        T_EQ_STR(s, cases[i].strict);
        T_EQ_STR(trustee(&g), ""); /* signatures only */
        T_TRUE(!*cases[i].strict || guest_told(&res, cases[i].strict));
        issue_into(&g, SNP_CERT_ASK, &(struct ftee_issue){.kind = FTEE_CERT_ASK});
        issue_into(&g, SNP_CERT_ARK, &(struct ftee_issue){.kind = FTEE_CERT_ARK});
    }
    guest_done(&g);
}

/* 57, 58, 59, 64, 75, and an ASK nobody knows: chains that look right. */
static void chains_of_other_keys_are_refused(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false), vlek = guest_new(SNP_MILAN, 3, true);
    auto_pkey EVP_PKEY *own = NULL, *own_ask = NULL, *leaf = NULL, *ark = NULL;
    auto_buf struct cmn_buf milan = {0}, ignored = {0};

    T_OK(cmn_rsa_generate(env, 2048, &own, NULL), NULL);
    T_OK(cmn_rsa_generate(env, 2048, &own_ask, NULL), NULL);
    T_OK(cmn_ec_generate(env, "P-384", &leaf, NULL), NULL);

    /* 57: a whole chain with AMD's names under a self-made ARK */
    issue_into(&g, SNP_CERT_ARK,
               &(struct ftee_issue){.kind = FTEE_CERT_ARK, .key = own, .signer = own});
    issue_into(&g, SNP_CERT_ASK,
               &(struct ftee_issue){.kind = FTEE_CERT_ASK, .key = own_ask, .signer = own});
    put_vcek(&g, &(struct ftee_issue){.signer = own_ask}, NULL);
    T_EQ_STR(strict(&g), "snp.root-untrusted");
    T_EQ_STR(trustee(&g), "snp.root-untrusted");

    /* 58: ASK signed by another ARK than the one beside it */
    issue_into(&g, SNP_CERT_ARK, &(struct ftee_issue){.kind = FTEE_CERT_ARK});
    T_EQ_STR(strict(&g), "snp.chain-invalid");
    T_EQ_STR(trustee(&g), "snp.chain-invalid");

    /* an ARK of another key that the trusted one signed: not self-signed */
    T_OK(ftee_ca_issue(ca_of(SNP_GENOA), &(struct ftee_issue){.kind = FTEE_CERT_ARK}, &ark,
                       &ignored, NULL),
         NULL);
    issue_into(&g, SNP_CERT_ARK,
               &(struct ftee_issue){.kind = FTEE_CERT_ARK, .key = own, .signer = ark});
    T_EQ_STR(strict(&g), "snp.chain-invalid");
    issue_into(&g, SNP_CERT_ARK, &(struct ftee_issue){.kind = FTEE_CERT_ARK});

    /* the ARK signed an ASK that is not the known one: upstream takes it */
    issue_into(&g, SNP_CERT_ASK, &(struct ftee_issue){.kind = FTEE_CERT_ASK, .key = own_ask});
    T_EQ_STR(strict(&g), "snp.intermediate-unknown");
    T_EQ_STR(trustee(&g), "");
    T_TRUE(guest_told(&res, "snp.intermediate-unknown"));
    issue_into(&g, SNP_CERT_ASK, &(struct ftee_issue){.kind = FTEE_CERT_ASK});

    /* 59: VCEK of another product beside this product's ASK */
    T_OK(ftee_ca_issue(ca_of(SNP_MILAN), &(struct ftee_issue){.kind = FTEE_CERT_VCEK}, NULL, &milan,
                       NULL),
         NULL);
    guest_set_cert(&g, SNP_CERT_VCEK, cmn_buf_bytes(&milan));
    T_EQ_STR(strict(&g), "snp.chain-invalid");

    /* 64: the ASK as VCEK, and a leaf that a VCEK signed */
    guest_set_cert(&g, SNP_CERT_VCEK, ftee_ca_ask_der(ca_of(SNP_GENOA)));
    T_EQ_STR(strict(&g), "snp.chain-invalid");
    auto_pkey EVP_PKEY *vcek = NULL;
    auto_buf struct cmn_buf vcek_der = {0};
    T_OK(ftee_ca_issue(ca_of(SNP_GENOA), &(struct ftee_issue){.kind = FTEE_CERT_VCEK}, &vcek,
                       &vcek_der, NULL),
         NULL);
    guest_set_cert(&g, SNP_CERT_ASK, cmn_buf_bytes(&vcek_der));
    put_vcek(&g, &(struct ftee_issue){.key = leaf, .signer = vcek}, NULL);
    T_EQ_STR(strict(&g), "snp.chain-invalid");

    /* 75: a VLEK under the ASK instead of the ASVK */
    T_EQ_STR(strict(&vlek), "");
    guest_set_cert(&vlek, SNP_CERT_ASK, ftee_ca_ask_der(ca_of(SNP_MILAN)));
    T_EQ_STR(strict(&vlek), "snp.chain-invalid");
    guest_done(&g);
    guest_done(&vlek);
}

/* ---- 62, 63: revocation ---- */

static const char *with_crl(const struct guest *g, enum kbs_snp_mode mode,
                            const struct ftee_crl_opts *opts)
{
    auto_buf struct cmn_buf der = {0};
    struct kbs_crls *crls = NULL;
    struct cmn_err err = {0};

    T_OK(ftee_ca_crl(ca_of(SNP_GENOA), opts, &der, &err), &err);
    T_OK(kbs_crls_new(env, &crls, NULL), NULL);
    T_OK(kbs_crls_add(crls, cmn_buf_bytes(&der), NULL), NULL);
    const struct kbs_snp_input in = {.mode = mode,
                                     .report = cmn_bytes(g->raw, SNP_REPORT_BYTES),
                                     .certs = &g->certs,
                                     .roots = g->roots,
                                     .crls = crls,
                                     .now = CMN_ENV_SEEDED_EPOCH + 60};
    T_OK(kbs_snp_verify(env, &in, &res, &err), &err);
    kbs_crls_free(crls);
    return cmn_reason_name(res.reason);
}

static void revocation_lists_are_believed_only_when_signed_and_current(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);
    const uint64_t ask = ftee_ca_serial(ca_of(SNP_GENOA), FTEE_CERT_ASK), other = ask + 1;
    auto_pkey EVP_PKEY *own = NULL;
    const struct ftee_crl_opts revokes = {.revoked = &ask, .n_revoked = 1},
                               revokes_other = {.revoked = &other, .n_revoked = 1},
                               stale = {.this_update = 1700000000, .next_update = 1704000000},
                               stale_revokes = {.revoked = &ask,
                                                .n_revoked = 1,
                                                .this_update = 1700000000,
                                                .next_update = 1704000000},
                               early = {.this_update = CMN_ENV_SEEDED_EPOCH + 3600};

    T_OK(cmn_rsa_generate(env, 2048, &own, NULL), NULL);
    const struct ftee_crl_opts forged = {.signer = own};
    T_EQ_STR(with_crl(&g, KBS_SNP_STRICT, NULL), "");
    T_EQ_INT(kbs_checks_find(&res.checks, "crl.revoked")->result, KBS_CHECK_PASS);
    T_EQ_STR(with_crl(&g, KBS_SNP_STRICT, &revokes_other), "");
    T_EQ_STR(with_crl(&g, KBS_SNP_STRICT, &revokes), "snp.cert-revoked");
    T_EQ_STR(with_crl(&g, KBS_SNP_TRUSTEE, &revokes), "");
    T_TRUE(guest_told(&res, "snp.cert-revoked"));
    T_EQ_STR(with_crl(&g, KBS_SNP_STRICT, &stale), "snp.crl-stale");
    T_EQ_STR(with_crl(&g, KBS_SNP_STRICT, &early), "snp.crl-stale");
    T_EQ_STR(with_crl(&g, KBS_SNP_STRICT, &forged), "snp.crl-invalid");
    /* never "not revoked": a list that is not believed passes no check */
    T_EQ_STR(with_crl(&g, KBS_SNP_TRUSTEE, &forged), "");
    T_EQ_INT(kbs_checks_find(&res.checks, "crl.revoked")->result, KBS_CHECK_NOT_ASKED);
    T_EQ_STR(with_crl(&g, KBS_SNP_TRUSTEE, &stale), "");
    T_EQ_INT(kbs_checks_find(&res.checks, "crl.revoked")->result, KBS_CHECK_NOT_ASKED);
    /* but what a stale one revokes stays revoked */
    T_EQ_STR(with_crl(&g, KBS_SNP_TRUSTEE, &stale_revokes), "");
    T_TRUE(guest_told(&res, "snp.cert-revoked"));
    guest_done(&g);
}

/* A list beside the certificates counts as well, and the ASK's serial is known without the ASK. */
static void a_list_of_the_evidence_counts(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);
    auto_buf struct cmn_buf der = {0};
    const uint64_t ask = ftee_ca_serial(ca_of(SNP_GENOA), FTEE_CERT_ASK);

    T_OK(ftee_ca_crl(ca_of(SNP_GENOA), &(struct ftee_crl_opts){.revoked = &ask, .n_revoked = 1},
                     &der, NULL),
         NULL);
    guest_set_cert(&g, SNP_CERT_CRL, cmn_buf_bytes(&der));
    T_EQ_STR(strict(&g), "snp.cert-revoked");
    for (size_t i = 0; i < g.certs.n; i++) /* ASK and ARK do not come along */
        if (g.certs.list[i].type == SNP_CERT_ASK || g.certs.list[i].type == SNP_CERT_ARK)
            g.certs.list[i].type = SNP_CERT_OTHER;
    T_EQ_STR(strict(&g), "snp.cert-revoked");
    guest_set_cert(&g, SNP_CERT_CRL, cmn_bytes("nonsense", 8));
    T_EQ_STR(strict(&g), "snp.crl-invalid");
    T_EQ_STR(trustee(&g), "");
    guest_done(&g);
}

/* ---- 76: both encodings of PSS parameters occur; OpenSSL writes the one, real ones the other ----
 */

static void certificates_without_trailer_field_are_read(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);
    auto_x509 X509 *cert = NULL;
    const X509_ALGOR *alg = NULL;
    const ASN1_STRING *params = NULL;

    T_OK(cmn_x509_load(env, cmn_buf_bytes(&snp_certs_find(&g.certs, SNP_CERT_VCEK)->bytes), &cert,
                       NULL),
         NULL);
    X509_get0_signature(NULL, &alg, cert);
    int type;
    X509_ALGOR_get0(NULL, &type, (const void **)&params, alg);
    /* [3] would be the trailer field: explicit tag A3 (test-snp-samples.c has it) */
    T_TRUE(!memchr(ASN1_STRING_get0_data(params), 0xA3, (size_t)ASN1_STRING_length(params)));
    T_EQ_STR(strict(&g), "");
    guest_done(&g);
}

/* ---- 77, 78: the host's table ---- */

static const char *with_table(const struct guest *g, struct cmn_bytes table)
{
    const struct kbs_snp_input in = {.mode = KBS_SNP_STRICT,
                                     .report = cmn_bytes(g->raw, SNP_REPORT_BYTES),
                                     .cert_table = table,
                                     .roots = g->roots,
                                     .now = CMN_ENV_SEEDED_EPOCH + 60};
    struct cmn_err err = {0};

    T_OK(kbs_snp_verify(env, &in, &res, &err), &err);
    return cmn_reason_name(res.reason);
}

static void broken_certificate_tables_are_refused(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);
    auto_buf struct cmn_buf table = {0}, work = {0};
    static const struct {
        size_t at;
        uint32_t value;
    } entries[] = {
        {16, 8},          /* offset inside the header */
        {16, UINT32_MAX}, /* offset and length overflow */
        {20, UINT32_MAX},
        {20, 0},
    };

    T_OK(ftee_psp_certs(g.psp, &table), NULL);
    T_EQ_STR(with_table(&g, cmn_buf_bytes(&table)), "");
    for (size_t i = 0; i < CMN_ARRAY_SIZE(entries); i++) {
        work.len = 0;
        T_OK(cmn_buf_put(&work, table.data, table.len), NULL);
        cmn_put_u32le(work.data + entries[i].at, entries[i].value);
        T_EQ_STR(with_table(&g, cmn_buf_bytes(&work)), "snp.cert-table-malformed");
    }
    T_EQ_STR(with_table(&g, cmn_bytes(table.data, 72)), "snp.cert-table-malformed"); /* no end */
    T_EQ_STR(with_table(&g, cmn_bytes(table.data, 0)), "snp.vcek-unavailable");
    /* 78: GUIDs in mixed-endian order are other GUIDs */
    for (size_t i = 0; i < 3; i++) {
        uint8_t *p = table.data + 24 * i, t;
        t = p[0], p[0] = p[3], p[3] = t;
        t = p[1], p[1] = p[2], p[2] = t;
        t = p[4], p[4] = p[5], p[5] = t;
        t = p[6], p[6] = p[7], p[7] = t;
    }
    T_EQ_STR(with_table(&g, cmn_buf_bytes(&table)), "snp.vek-missing");
    guest_done(&g);
}

/* The cache answers the same as reading anew, also after a certificate was refused. */
static void the_cache_changes_no_verdict(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false), turin = guest_new(SNP_TURIN, 5, false);
    struct kbs_cache *cache = NULL;

    T_OK(kbs_cache_new(&cache, NULL), NULL);
    for (int round = 0; round < 3; round++) {
        T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, cache, &res)), "");
        T_EQ_STR(cmn_reason_name(guest_verify(&turin, KBS_SNP_STRICT, NULL, cache, &res)), "");
        struct kbs_roots *own = g.roots;
        g.roots = turin.roots; /* the same certificates under other roots */
        T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, cache, &res)),
                 "snp.root-untrusted");
        g.roots = own;
        g.raw[0x90] ^= 1;
        T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, cache, &res)),
                 "snp.signature-invalid");
        g.raw[0x90] ^= 1;
    }
    for (unsigned i = 0; i < 300; i++) { /* more certificates than places */
        uint8_t *last = &g.certs.list[0].bytes.data[g.certs.list[0].bytes.len - 1];
        const struct ftee_issue numbered = {.serial = i + 1};
        if (i < 150) {
            *last = (uint8_t)(*last + 1);
            T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, cache, &res)),
                     "snp.chain-invalid");
        } else if (i < 160) {
            put_vcek(&g, &numbered, NULL);
            T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, cache, &res)), "");
        }
    }
    kbs_cache_free(cache);
    guest_done(&g);
    guest_done(&turin);
}

/* ---- one cache, many threads ---- */

struct load {
    const struct guest *guests;
    struct kbs_cache *cache;
    unsigned accepted;
};

static void *verify_often(void *ctx)
{
    struct load *l = ctx;
    struct kbs_snp_result *own = malloc(sizeof(*own));

    for (unsigned i = 0; i < 40 && own; i++) {
        const struct guest *g = &l->guests[i % 2];
        const struct kbs_snp_input in = {.mode = KBS_SNP_STRICT,
                                         .report = cmn_bytes(g->raw, SNP_REPORT_BYTES),
                                         .certs = &g->certs,
                                         .roots = g->roots,
                                         .cache = l->cache,
                                         .now = CMN_ENV_SEEDED_EPOCH + 60};
        if (kbs_snp_verify(env, &in, own, NULL) == 0 && own->accepted)
            l->accepted++;
    }
    free(own);
    return NULL;
}

static void threads_share_a_cache(void)
{
    struct guest guests[2] = {guest_new(SNP_GENOA, 3, false), guest_new(SNP_TURIN, 5, false)};
    struct kbs_cache *cache = NULL;
    struct load loads[4];
    pthread_t threads[4];

    T_OK(kbs_cache_new(&cache, NULL), NULL);
    for (size_t i = 0; i < 4; i++) {
        loads[i] = (struct load){guests, cache, 0};
        T_EQ_INT(pthread_create(&threads[i], NULL, verify_often, &loads[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
        T_EQ_INT(loads[i].accepted, 40);
    }
    kbs_cache_free(cache);
    guest_done(&guests[0]);
    guest_done(&guests[1]);
}

static void all_is_freed(void)
{
    world_end();
}

TEST_MAIN("snp-certs",
          {"no byte of a certificate can be changed", no_byte_of_a_certificate_can_be_changed},
          {"every field of a VCEK has its verdict, signed anew",
           every_field_of_a_vcek_has_its_verdict_signed_anew},
          {"both forms of hwID are read by length", both_forms_of_hwid_are_read_by_length},
          {"upstream compares the chip id of a certificate named VCEK",
           upstream_compares_the_chip_id_of_a_certificate_named_vcek},
          {"a VCEK that is not on P-384 is refused in every mode",
           a_vcek_that_is_not_on_p384_is_refused_in_every_mode},
          {"fields of ASK and ARK have their verdicts", fields_of_ask_and_ark_have_their_verdicts},
          {"chains of other keys are refused", chains_of_other_keys_are_refused},
          {"revocation lists are believed only when signed and current",
           revocation_lists_are_believed_only_when_signed_and_current},
          {"a list of the evidence counts", a_list_of_the_evidence_counts},
          {"certificates without trailer field are read",
           certificates_without_trailer_field_are_read},
          {"broken certificate tables are refused", broken_certificate_tables_are_refused},
          {"the cache changes no verdict", the_cache_changes_no_verdict},
          {"threads share a cache", threads_share_a_cache}, {"all is freed", all_is_freed})
