/*
 * test-snp-cases.c - the cases a verifier of SNP reports must get right, accepting ones included:
 * one change each to a valid report of a software PSP, signed anew unless the signature is what is
 * changed. Certificates and revocation are in test-snp-certs.c. Numbers are those of the
 * project's list of negative cases.
 */
#include "guest.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <stdio.h>

static struct kbs_snp_result res;

static void put_u32(struct guest *g, size_t at, uint32_t v)
{
    cmn_put_u32le(g->raw + at, v);
}

/* ---- 1 to 9: the signature itself; nothing is signed anew ---- */

static void reverse(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        uint8_t t = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = t;
    }
}

static void flip_measurement(struct guest *g)
{
    g->raw[0x90] ^= 1;
}
static void flip_report_data(struct guest *g)
{
    g->raw[0x50] ^= 1;
}
static void flip_r(struct guest *g)
{
    g->raw[0x2A0] ^= 1;
}
static void flip_s(struct guest *g)
{
    g->raw[0x2E8] ^= 1;
}
static void zero_signature(struct guest *g)
{
    memset(g->raw + 0x2A0, 0, 144);
}
static void big_endian_r(struct guest *g)
{
    reverse(g->raw + 0x2A0, 48);
}
static void big_endian_s(struct guest *g)
{
    reverse(g->raw + 0x2E8, 48);
}
static void top_of_r(struct guest *g)
{
    g->raw[0x2D0] = 1;
}
static void behind_signature(struct guest *g)
{
    g->raw[0x330] = 1;
}

/* The order n of P-384, little-endian. */
static void order(uint8_t out[48])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_secp384r1);

    T_EQ_INT(BN_bn2lebinpad(EC_GROUP_get0_order(group), out, 48), 48);
    EC_GROUP_free(group);
}

/* R + n if it fits into the field's 72 bytes: congruent, and out of range. */
static void r_plus_n(struct guest *g)
{
    uint8_t n[48];
    unsigned carry = 0;

    order(n);
    for (size_t i = 0; i < 48; i++) {
        carry += (unsigned)g->raw[0x2A0 + i] + n[i];
        g->raw[0x2A0 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    g->raw[0x2A0 + 48] = (uint8_t)carry;
}

/* n - S verifies mathematically: the signature is no identifier, so it is accepted. */
static void n_minus_s(struct guest *g)
{
    uint8_t n[48];
    int borrow = 0;

    order(n);
    for (size_t i = 0; i < 48; i++) {
        int d = n[i] - g->raw[0x2E8 + i] - borrow;
        borrow = d < 0;
        g->raw[0x2E8 + i] = (uint8_t)d;
    }
}

/* ---- 10 to 26, 28 to 45: fields, signed anew ---- */

static void algo_0(struct guest *g)
{
    put_u32(g, 0x34, 0);
}
static void algo_2(struct guest *g)
{
    put_u32(g, 0x34, 2);
}
static void algo_max(struct guest *g)
{
    put_u32(g, 0x34, UINT32_MAX);
}
static void version_0(struct guest *g)
{
    put_u32(g, 0, 0);
}
static void version_1(struct guest *g)
{
    put_u32(g, 0, 1);
}
static void version_6(struct guest *g)
{
    put_u32(g, 0, 6);
}
static void version_2_with_ids(struct guest *g)
{
    put_u32(g, 0, 2); /* 188..18A stay */
}
static void reserved_18b(struct guest *g)
{
    g->raw[0x18B] = 1;
}
static void reserved_208(struct guest *g)
{
    put_u32(g, 0, 5);
    g->raw[0x208] = 1;
}
static void reserved_1f8(struct guest *g)
{
    g->raw[0x1F8] = 1;
}
static void reserved_4c(struct guest *g)
{
    g->raw[0x4C] = 1;
}
static void reserved_1eb(struct guest *g)
{
    g->raw[0x1EB] = 1;
}
static void reserved_1ef(struct guest *g)
{
    g->raw[0x1EF] = 1;
}
static void policy_bit_17(struct guest *g)
{
    g->raw[0x0A] &= (uint8_t)~2u;
}
static void policy_bit_26(struct guest *g)
{
    g->raw[0x0B] |= 4;
}
static void key_info_bit_5(struct guest *g)
{
    put_u32(g, 0x48, 1u << 5);
}
static void signing_key_2(struct guest *g)
{
    put_u32(g, 0x48, 2u << 2);
}
static void signing_key_7(struct guest *g)
{
    put_u32(g, 0x48, 7u << 2);
}
static void mask_chip_key(struct guest *g)
{
    put_u32(g, 0x48, 2);
}
static void signing_key_vlek(struct guest *g)
{
    put_u32(g, 0x48, 1u << 2);
}
static void vmpl_1(struct guest *g)
{
    put_u32(g, 0x30, 1);
}
static void vmpl_4(struct guest *g)
{
    put_u32(g, 0x30, 4);
}
static void vmpl_7(struct guest *g)
{
    put_u32(g, 0x30, 7);
}
static void vmpl_max(struct guest *g)
{
    put_u32(g, 0x30, UINT32_MAX);
}
static void put_fms(struct guest *g, uint8_t f, uint8_t m, uint8_t s)
{
    g->raw[0x188] = f;
    g->raw[0x189] = m;
    g->raw[0x18A] = s;
}
static void fms_milan(struct guest *g)
{
    put_fms(g, 0x19, 0x01, 0x01);
}
static void fms_naples(struct guest *g)
{
    put_fms(g, 0x17, 0x31, 0x00);
}
static void fms_unknown(struct guest *g)
{
    put_fms(g, 0x1B, 0x00, 0x00);
}
static void fms_bergamo(struct guest *g)
{
    put_fms(g, 0x19, 0xA0, 0x02);
}
static void fms_siena_af(struct guest *g)
{
    put_fms(g, 0x19, 0xAF, 0x00);
}
static void other_chip(struct guest *g)
{
    g->raw[0x1A0] ^= 1;
}
static void zero_chip(struct guest *g)
{
    memset(g->raw + 0x1A0, 0, 64);
}
static void reported_lower(struct guest *g)
{
    g->raw[0x180]--; /* bootloader */
}
static void reported_higher(struct guest *g)
{
    g->raw[0x180]++;
}
static void reserved_tcb(struct guest *g)
{
    g->raw[0x182] = 1;
}
static void committed_above_current(struct guest *g)
{
    g->raw[0x1E6]++; /* snp */
}
static void committed_below_current(struct guest *g)
{
    g->raw[0x3F]++; /* microcode of CURRENT */
}
/* One component above CURRENT while another is far below: the TCB as one number would be lower. */
static void reported_in_mixed_order(struct guest *g)
{
    g->raw[0x38]--;    /* CURRENT: bootloader below REPORTED, */
    g->raw[0x3F] = 99; /* microcode far above */
    g->raw[0x1E0]--;   /* COMMITTED follows */
    g->raw[0x1E7] = 99;
    g->raw[0x1F0]--; /* and LAUNCH */
}
static void debug(struct guest *g)
{
    g->raw[0x0A] |= 8;
}
static void migrate(struct guest *g)
{
    g->raw[0x0A] |= 4;
}
static void stray_author(struct guest *g)
{
    g->raw[0x110] = 1;
}
static void platform_bit_6(struct guest *g)
{
    g->raw[0x40] |= 0x40; /* a real Turin sets it */
}

static const struct {
    unsigned number;
    const char *name;
    void (*change)(struct guest *g);
    bool sign;
    const char *strict, *trustee; /* "": accepted */
    const char *advisory;         /* told in Trustee's mode, NULL: none beside the test root */
} cases[] = {
    {0, "nothing", NULL, true, "", "", NULL},
    {1, "measurement", flip_measurement, false, "snp.signature-invalid", "snp.signature-invalid",
     NULL},
    {2, "report data", flip_report_data, false, "snp.signature-invalid", "snp.signature-invalid",
     NULL},
    {3, "R", flip_r, false, "snp.signature-invalid", "snp.signature-invalid", NULL},
    {4, "S", flip_s, false, "snp.signature-invalid", "snp.signature-invalid", NULL},
    {5, "zero", zero_signature, false, "snp.signature-invalid", "snp.signature-invalid", NULL},
    {6, "R big-endian", big_endian_r, false, "snp.signature-invalid", "snp.signature-invalid",
     NULL},
    {6, "S big-endian", big_endian_s, false, "snp.signature-invalid", "snp.signature-invalid",
     NULL},
    {7, "R + n", r_plus_n, false, "snp.signature-invalid", "snp.signature-invalid", NULL},
    {7, "n - S", n_minus_s, false, "", "", NULL},
    {8, "behind the signature", behind_signature, false, "snp.reserved-nonzero",
     "snp.reserved-nonzero", NULL},
    {9, "top of R", top_of_r, false, "snp.signature-invalid", "snp.signature-invalid", NULL},
    {10, "algo 0", algo_0, true, "snp.signature-algo", "", "snp.signature-algo"},
    {10, "algo 2", algo_2, true, "snp.signature-algo", "", "snp.signature-algo"},
    {10, "algo max", algo_max, true, "snp.signature-algo", "", "snp.signature-algo"},
    {11, "version 0", version_0, true, "snp.version-too-old", "snp.version-too-old", NULL},
    {11, "version 1", version_1, true, "snp.version-too-old", "snp.version-too-old", NULL},
    {12, "version 6", version_6, true, "snp.version-unknown", "snp.version-unknown", NULL},
    {13, "version 2 with CPU ids", version_2_with_ids, true, "snp.reserved-nonzero",
     "snp.version-too-old", NULL},
    {14, "18B", reserved_18b, true, "snp.reserved-nonzero", "snp.reserved-nonzero", NULL},
    {15, "208", reserved_208, true, "snp.reserved-nonzero", "snp.reserved-nonzero", NULL},
    {16, "1F8", reserved_1f8, true, "snp.reserved-nonzero", "snp.reserved-nonzero", NULL},
    {17, "04C", reserved_4c, true, "snp.reserved-nonzero", "snp.reserved-nonzero", NULL},
    {17, "1EB", reserved_1eb, true, "snp.reserved-nonzero", "snp.reserved-nonzero", NULL},
    {17, "1EF", reserved_1ef, true, "snp.reserved-nonzero", "snp.reserved-nonzero", NULL},
    {18, "policy bit 17", policy_bit_17, true, "snp.policy-format", "", "snp.policy-format"},
    {19, "policy bit 26", policy_bit_26, true, "snp.policy-format", "", "snp.policy-format"},
    {20, "KEY_INFO bit 5", key_info_bit_5, true, "snp.key-info", "", "snp.key-info"},
    {21, "SIGNING_KEY 2", signing_key_2, true, "snp.key-info", "", "snp.key-info"},
    {22, "SIGNING_KEY 7", signing_key_7, true, "snp.signing-key-none", "", "snp.signing-key-none"},
    {23, "MASK_CHIP_KEY", mask_chip_key, true, "snp.chip-key-masked", "", "snp.chip-key-masked"},
    {24, "SIGNING_KEY 1 with VCEK", signing_key_vlek, true, "snp.key-kind", "", "snp.key-kind"},
    {26, "VMPL 1", vmpl_1, true, "snp.vmpl", "snp.vmpl", NULL},
    {26, "VMPL 4", vmpl_4, true, "snp.vmpl", "snp.vmpl", NULL},
    {26, "VMPL 7", vmpl_7, true, "snp.vmpl", "snp.vmpl", NULL},
    {26, "VMPL max", vmpl_max, true, "snp.vmpl", "snp.vmpl", NULL},
    {28, "CPU ids of Milan", fms_milan, true, "snp.product-mismatch", "snp.product-mismatch", NULL},
    {29, "CPU ids 17 31", fms_naples, true, "snp.product-unknown", "snp.product-unknown", NULL},
    {29, "CPU ids 1B 00", fms_unknown, true, "snp.product-unknown", "snp.product-unknown", NULL},
    {30, "CPU ids of Bergamo", fms_bergamo, true, "", "", NULL},
    {30, "model AF", fms_siena_af, true, "", "snp.product-unknown", NULL}, /* upstream's range */
    {31, "CHIP_ID", other_chip, true, "snp.chip-id-mismatch", "", "snp.chip-id-mismatch"},
    {32, "CHIP_ID zero", zero_chip, true, "snp.chip-id-masked", "", "snp.chip-id-masked"},
    {34, "REPORTED lower", reported_lower, true, "snp.tcb-mismatch", "snp.tcb-mismatch", NULL},
    {35, "REPORTED higher", reported_higher, true, "snp.tcb-mismatch", "snp.tcb-mismatch", NULL},
    {36, "TCB reserved", reserved_tcb, true, "snp.tcb-reserved", "snp.tcb-reserved", NULL},
    {37, "COMMITTED > CURRENT", committed_above_current, true, "snp.tcb-order", "",
     "snp.tcb-order"},
    {38, "COMMITTED < CURRENT", committed_below_current, true, "", "", "snp.tcb-provisional"},
    {39, "mixed order", reported_in_mixed_order, true, "snp.tcb-order", "", "snp.tcb-order"},
    {43, "DEBUG", debug, true, "snp.debug-allowed", "", "snp.debug-allowed"},
    {44, "MIGRATE_MA", migrate, true, "snp.migration-allowed", "", "snp.migration-allowed"},
    {49, "PLATFORM_INFO bit 6", platform_bit_6, true, "", "", NULL},
    {53, "stray author key", stray_author, true, "snp.author-key-stray", "",
     "snp.author-key-stray"},
};

static void only_expected_advisories(size_t i)
{
    for (size_t k = 0; k < res.checks.n; k++) {
        const struct kbs_check *c = &res.checks.list[k];
        const char *reason = cmn_reason_name(c->reason);
        if (c->result != KBS_CHECK_ADVISORY || strcmp(reason, "snp.test-root") == 0)
            continue;
        T_EQ_STR(reason, cases[i].advisory);
    }
    T_TRUE(!cases[i].advisory || guest_told(&res, cases[i].advisory));
}

static void one_change_to_a_report_has_its_verdict_in_both_modes(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);
    uint8_t base[SNP_REPORT_BYTES];

    memcpy(base, g.raw, sizeof(base));
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        memcpy(g.raw, base, sizeof(base));
        if (cases[i].change)
            cases[i].change(&g);
        if (cases[i].change && cases[i].sign)
            T_OK(ftee_psp_sign_report(g.psp, g.raw, NULL), NULL);
        const char *strict = cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, NULL, &res));
        if (strcmp(strict, cases[i].strict) != 0)
            (void)printf("case %u, %s: ", cases[i].number, cases[i].name);
        T_EQ_STR(strict, cases[i].strict);
        const char *trustee = cmn_reason_name(guest_verify(&g, KBS_SNP_TRUSTEE, NULL, NULL, &res));
        if (strcmp(trustee, cases[i].trustee) != 0)
            (void)printf("case %u, %s: ", cases[i].number, cases[i].name);
        T_EQ_STR(trustee, cases[i].trustee);
        only_expected_advisories(i);
    }
    guest_done(&g);
}

/* 27 */
static void another_length_is_no_report(void)
{
    static const size_t lengths[] = {1183, 1185, 1, 4000};
    static uint8_t big[8192];
    struct guest g = guest_new(SNP_GENOA, 3, false);
    struct cmn_err err = {0};

    memcpy(big, g.raw, sizeof(g.raw));
    for (size_t i = 0; i < CMN_ARRAY_SIZE(lengths); i++) {
        const struct kbs_snp_input in = {
            .report = cmn_bytes(big, lengths[i]), .certs = &g.certs, .roots = g.roots};
        T_OK(kbs_snp_verify(env, &in, &res, &err), &err);
        T_EQ_STR(cmn_reason_name(res.reason), "snp.report-malformed");
        T_EQ_STR(res.checks.list[0].expected, "1184 bytes");
    }
    const struct kbs_snp_input none = {.roots = g.roots};
    T_ERR(kbs_snp_verify(env, &none, &res, &err), -EINVAL, &err, "evidence or a report");
    guest_done(&g);
}

/* 25, 32 with a VLEK */
static void a_vlek_report_needs_its_vlek_and_no_chip_id(void)
{
    struct guest g = guest_new(SNP_MILAN, 3, true);

    memset(g.fields.chip_id, 0, 64);
    guest_sign(&g);
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, NULL, &res)), "");
    T_TRUE(res.is_vlek);
    g.fields.key_info = 0; /* as if signed by the VCEK */
    guest_sign(&g);
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, NULL, &res)), "snp.key-kind");
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_TRUSTEE, NULL, NULL, &res)), "");
    T_TRUE(guest_told(&res, "snp.key-kind"));
    g.certs.list[0].type = SNP_CERT_VCEK; /* and handed in as one: another issuer is looked for */
    g.fields.key_info = 1u << 2;
    guest_sign(&g);
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, NULL, &res)), "snp.cert-name");
    guest_done(&g);
}

/* 33, 41 */
static void turin_has_8_bytes_of_chip_id_and_another_order_of_tcb_bytes(void)
{
    struct guest g = guest_new(SNP_TURIN, 5, false);
    const struct snp_tcb t = g.fields.reported_tcb;

    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, NULL, &res)), "");
    g.raw[0x1A8] = 1;
    T_OK(ftee_psp_sign_report(g.psp, g.raw, NULL), NULL);
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, NULL, NULL, &res)),
             "snp.chip-id-mismatch");
    g.raw[0x1A8] = 0;
    snp_tcb_encode(&t, false, g.raw + 0x180); /* the order of Milan and Genoa */
    T_OK(ftee_psp_sign_report(g.psp, g.raw, NULL), NULL);
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_TRUSTEE, NULL, NULL, &res)),
             "snp.tcb-reserved");
    guest_done(&g);
}

/* 32, 38, 40, 42, 45 to 48, 50 to 56: what the caller asks for refuses in every mode. */
static void what_the_caller_asks_for_refuses_in_every_mode(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);
    const struct snp_report *f = &g.fields;
    struct snp_tcb higher = f->reported_tcb;
    const struct snp_version newer = {1, 55, 41};
    static const uint8_t other[64] = {0xEE};
    uint8_t nonce[64];

    higher.snp++;
    memcpy(nonce, f->report_data, 64);
    nonce[63] = 1;
    const struct {
        unsigned number;
        struct kbs_snp_expect expect;
        const char *reason;
    } asked[] = {
        {40, {.min_tcb = &higher}, "snp.tcb-minimum"},
        {40, {.min_tcb = &f->reported_tcb}, ""},
        {42, {.min_launch_tcb = &higher}, "snp.launch-tcb-minimum"},
        {45, {.policy_forbidden = SNP_POLICY_SMT}, "snp.policy-forbidden"},
        {46, {.policy_required = SNP_POLICY_SINGLE_SOCKET}, "snp.policy-required"},
        {47, {.min_policy_abi = 1}, "snp.policy-abi"},
        {48, {.platform_required = SNP_PLAT_ALIAS_CHECK}, "snp.platform-info"},
        {48, {.platform_required = SNP_PLAT_SMT}, ""},
        {48, {.platform_forbidden = SNP_PLAT_SMT}, "snp.platform-info"},
        {50, {.mitigations = 1}, "snp.mitigation-missing"},
        {51, {.measurement = other}, "snp.measurement-mismatch"},
        {51, {.measurement = f->measurement}, ""},
        {52, {.host_data = other, .host_data_len = 32}, "snp.host-data-mismatch"},
        {53, {.id_keys = other, .n_id_keys = 1}, "snp.id-key-unknown"},
        {53, {.author_keys = other, .n_author_keys = 1}, "snp.author-key-unknown"},
        {54, {.min_guest_svn = 1}, "snp.guest-svn"},
        {55, {.report_data = other, .report_data_len = 48}, "snp.report-data-mismatch"},
        {56, {.report_data = nonce, .report_data_len = 64}, "snp.report-data-mismatch"},
        {0, {.report_data = f->report_data, .report_data_len = 48}, ""},
        {0, {.min_firmware = &newer}, "snp.firmware-minimum"},
        {0, {.family_id = other}, "snp.family-id-mismatch"},
        {0, {.image_id = other}, "snp.image-id-mismatch"},
        {0, {.report_id = other}, "snp.report-id-mismatch"},
        {0, {.report_id_ma = other}, "snp.report-id-ma-mismatch"},
        {0, {.chip_id = other}, "snp.chip-id-unexpected"},
    };
    for (size_t i = 0; i < CMN_ARRAY_SIZE(asked); i++)
        for (int mode = KBS_SNP_TRUSTEE; mode <= KBS_SNP_STRICT; mode++)
            T_EQ_STR(cmn_reason_name(
                         guest_verify(&g, (enum kbs_snp_mode)mode, &asked[i].expect, NULL, &res)),
                     asked[i].reason);
    guest_done(&g);
}

/* 56: a report that binds the nonce's beginning and something behind it. */
static void a_longer_report_data_than_the_nonce_is_refused(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);
    uint8_t nonce[48];

    memset(g.fields.report_data, 0xAB, 49);
    guest_sign(&g);
    memset(nonce, 0xAB, sizeof(nonce));
    const struct kbs_snp_expect expect = {.report_data = nonce, .report_data_len = sizeof(nonce)};
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_TRUSTEE, &expect, NULL, &res)),
             "snp.report-data-mismatch");
    guest_done(&g);
}

/* 32, 38 the other way round */
static void what_is_odd_but_honest_can_be_allowed_or_forbidden(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);
    const struct kbs_snp_expect masked = {.allow_masked_chip_id = true},
                                committed = {.forbid_provisional = true};

    g.fields.current_tcb.microcode++;
    guest_sign(&g);
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_TRUSTEE, &committed, NULL, &res)),
             "snp.tcb-provisional");
    g.fields.current_tcb.microcode--;
    memset(g.fields.chip_id, 0, 64);
    guest_sign(&g);
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, &masked, NULL, &res)), "");
    guest_done(&g);
}

/* 50 with vectors */
static void mitigations_are_wanted_at_launch_and_now(void)
{
    struct guest g = guest_new(SNP_GENOA, 5, false);
    const struct kbs_snp_expect expect = {.mitigations = 3};

    g.fields.launch_mit_vector = 3;
    g.fields.current_mit_vector = 11;
    guest_sign(&g);
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, &expect, NULL, &res)), "");
    g.fields.launch_mit_vector = 1; /* launched before the firmware had it */
    guest_sign(&g);
    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, &expect, NULL, &res)),
             "snp.mitigation-missing");
    guest_done(&g);
}

static void the_list_of_checks_is_whole_in_json(void)
{
    struct guest g = guest_new(SNP_GENOA, 3, false);

    g.raw[0x50] ^= 1;
    (void)guest_verify(&g, KBS_SNP_TRUSTEE, NULL, NULL, &res);
    auto_json json_t *list = kbs_checks_to_json(&res.checks);
    size_t i, failed = 0, later = 0;
    json_t *c;
    json_array_foreach(list, i, c) {
        const char *result = cmn_json_str(c, "result");
        if (strcmp(result, "fail") == 0) {
            failed++;
            T_EQ_STR(cmn_json_str(c, "name"), "report.signature");
            T_EQ_STR(cmn_json_str(c, "reason"), "snp.signature-invalid");
        } else if (failed) {
            T_EQ_STR(result, "not-reached");
            later++;
        }
    }
    T_EQ_INT(json_array_size(list), res.checks.n);
    T_EQ_INT(failed, 1);
    T_TRUE(later > 20);
    guest_done(&g);
}

static void all_is_freed(void)
{
    world_end();
}

TEST_MAIN("snp-cases",
          {"one change to a report has its verdict in both modes",
           one_change_to_a_report_has_its_verdict_in_both_modes},
          {"another length is no report", another_length_is_no_report},
          {"a VLEK report needs its VLEK and no chip id",
           a_vlek_report_needs_its_vlek_and_no_chip_id},
          {"Turin has 8 bytes of chip id and another order of TCB bytes",
           turin_has_8_bytes_of_chip_id_and_another_order_of_tcb_bytes},
          {"what the caller asks for refuses in every mode",
           what_the_caller_asks_for_refuses_in_every_mode},
          {"a longer report data than the nonce is refused",
           a_longer_report_data_than_the_nonce_is_refused},
          {"what is odd but honest can be allowed or forbidden",
           what_is_odd_but_honest_can_be_allowed_or_forbidden},
          {"mitigations are wanted at launch and now", mitigations_are_wanted_at_launch_and_now},
          {"the list of checks is whole in JSON", the_list_of_checks_is_whole_in_json},
          {"all is freed", all_is_freed})
