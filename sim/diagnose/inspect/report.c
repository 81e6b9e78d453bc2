/*
 * report.c - every byte of an attestation report, also of one that the codec refuses. Layout: AMD
 * 56860, table ATTESTATION_REPORT.
 */
#include "common/snp/report.h"
#include "sim/diagnose/inspect/inspect-internal.h"

#include <stdio.h>
#include <string.h>

struct bit {
    unsigned bit;
    const char *name;
};

static const struct bit policy_bits[] = {
    {16, "SMT allowed"},       {18, "migration agent allowed"},
    {19, "DEBUG allowed"},     {20, "single socket"},
    {21, "CXL allowed"},       {22, "AES-256-XTS required"},
    {23, "RAPL must be off"},  {24, "ciphertext hiding required"},
    {25, "page swap refused"},
};
static const struct bit platform_bits[] = {
    {0, "SMT on"},     {1, "TSME on"},           {2, "ECC on"},
    {3, "RAPL off"},   {4, "ciphertext hiding"}, {5, "alias check complete"},
    {7, "SEV-TIO on"},
};

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
    return le32(p) | (uint64_t)le32(p + 4) << 32;
}

static void bits_text(uint64_t value, const struct bit *bits, size_t n, char *out, size_t cap)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < n; i++)
        if (value >> bits[i].bit & 1 && used < cap)
            used +=
                (size_t)snprintf(out + used, cap - used, "%s%s", used ? ", " : "", bits[i].name);
    if (!used)
        (void)snprintf(out, cap, "no bits of note");
}

static bool is_turin(const uint8_t *raw, char *product, size_t cap)
{
    enum snp_product p;

    if (le32(raw) >= 3) {
        if (snp_product_from_cpuid(raw[0x188], raw[0x189], &p) < 0) {
            (void)snprintf(product, cap, "unknown processor");
            return raw[0x188] >= 0x1A;
        }
        (void)snprintf(product, cap, "%s", snp_product_name(p));
        return p == SNP_TURIN;
    }
    (void)snprintf(product, cap, "product not told (version 2)");
    return !cmn_all_zero(raw + 0x1A0, 8) && cmn_all_zero(raw + 0x1A8, 56);
}

static void view_policy(json_t *doc, const uint8_t *raw)
{
    uint64_t v = le64(raw + 8);
    char text[256];
    json_t *f = sim_view_field(doc, 8, 8, "POLICY", "0x%llx", (unsigned long long)v);

    bits_text(v, policy_bits, CMN_ARRAY_SIZE(policy_bits), text, sizeof(text));
    sim_view_meaning(f, "%s; ABI %u.%u or newer", text, (unsigned)(v >> 8 & 0xff),
                     (unsigned)(v & 0xff));
    if (v & SNP_POLICY_DEBUG)
        sim_view_doubt(f, CMN_REASON_SNP_DEBUG_ALLOWED,
                       "DEBUG: the host can read this guest's memory");
    if (v & SNP_POLICY_MIGRATE_MA)
        sim_view_doubt(f, CMN_REASON_SNP_MIGRATION_ALLOWED, "a migration agent may move it");
    if (!(v & SNP_POLICY_ONE))
        sim_view_doubt(f, CMN_REASON_SNP_POLICY_FORMAT, "bit 17 must be 1");
    if (v >> 26)
        sim_view_doubt(f, CMN_REASON_SNP_POLICY_FORMAT, "reserved bits 26 to 63 are set");
}

static json_t *view_tcb(json_t *doc, const uint8_t *raw, long at, const char *name, bool turin)
{
    const uint8_t *t = raw + at;
    struct snp_tcb tcb;
    json_t *f = sim_view_hex(doc, at, name, t, 8);
    char fmc[16] = "";

    snp_tcb_decode(t, turin, &tcb);
    if (turin)
        (void)snprintf(fmc, sizeof(fmc), "fmc %u, ", tcb.fmc);
    sim_view_meaning(f, "%sbootloader %u, tee %u, snp %u, microcode %u", fmc, tcb.bootloader,
                     tcb.tee, tcb.snp, tcb.microcode);
    if (!cmn_all_zero(turin ? t + 4 : t + 2, turin ? 3 : 4))
        sim_view_doubt(f, CMN_REASON_SNP_TCB_RESERVED, "reserved bytes are not zero");
    return f;
}

static bool tcb_above(const struct snp_tcb *a, const struct snp_tcb *b)
{
    return a->fmc > b->fmc || a->bootloader > b->bootloader || a->tee > b->tee || a->snp > b->snp ||
           a->microcode > b->microcode;
}

static void doubt_tcbs(const uint8_t *raw, bool turin, json_t *reported, json_t *committed,
                       json_t *launch)
{
    struct snp_tcb current, r, c, l;

    snp_tcb_decode(raw + 0x38, turin, &current);
    snp_tcb_decode(raw + 0x180, turin, &r);
    snp_tcb_decode(raw + 0x1E0, turin, &c);
    snp_tcb_decode(raw + 0x1F0, turin, &l);
    if (tcb_above(&r, &c))
        sim_view_doubt(reported, CMN_REASON_SNP_TCB_ORDER,
                       "above COMMITTED_TCB in a component: hardware never says so");
    if (tcb_above(&c, &current))
        sim_view_doubt(committed, CMN_REASON_SNP_TCB_ORDER, "above CURRENT_TCB in a component");
    else if (tcb_above(&current, &c))
        sim_view_doubt(committed, CMN_REASON_SNP_TCB_PROVISIONAL,
                       "below CURRENT_TCB: the host's firmware is provisional and can go back");
    if (tcb_above(&l, &current))
        sim_view_doubt(launch, CMN_REASON_SNP_TCB_ORDER, "above CURRENT_TCB in a component");
}

static void view_key_info(json_t *doc, const uint8_t *raw)
{
    static const char *const keys[8] = {"VCEK", "VLEK", "?", "?", "?", "?", "?", "none"};
    uint32_t v = le32(raw + 0x48);
    unsigned signing = v >> 2 & 7;
    json_t *f = sim_view_field(doc, 0x48, 4, "KEY_INFO", "0x%x", v);

    sim_view_meaning(f, "signed with %s%s%s", keys[signing], v & 1 ? ", author key used" : "",
                     v & 2 ? ", chip key masked" : "");
    if (v >> 5 || (signing > 1 && signing != 7))
        sim_view_doubt(f, CMN_REASON_SNP_KEY_INFO, "reserved values");
    else if (signing == 7)
        sim_view_doubt(f, CMN_REASON_SNP_KEY_NONE, "the report is not signed");
    else if (v & 2)
        sim_view_doubt(f, CMN_REASON_SNP_KEY_MASKED, "MASK_CHIP_KEY: the signature is zero");
    if (!(v & 1) && !cmn_all_zero(raw + 0x110, 48))
        sim_view_doubt(f, CMN_REASON_SNP_AUTHOR_KEY_STRAY,
                       "AUTHOR_KEY_DIGEST is set without AUTHOR_KEY_EN");
}

static void view_head(json_t *doc, const uint8_t *raw, const char *product)
{
    uint32_t version = le32(raw), vmpl = le32(raw + 0x30), algo = le32(raw + 0x34);
    json_t *f = sim_view_field(doc, 0, 4, "VERSION", "%u", version);

    sim_view_meaning(f, "%s", product);
    if (version < 3)
        sim_view_doubt(f, CMN_REASON_SNP_VERSION_TOO_OLD,
                       "Trustee since 0.15 wants 3 or newer: update the host's firmware");
    if (version > 5)
        sim_view_doubt(f, CMN_REASON_SNP_VERSION_UNKNOWN, "Trustee knows 3 to 5");
    (void)sim_view_field(doc, 4, 4, "GUEST_SVN", "%u", le32(raw + 4));
    view_policy(doc, raw);
    (void)sim_view_hex(doc, 0x10, "FAMILY_ID", raw + 0x10, 16);
    (void)sim_view_hex(doc, 0x20, "IMAGE_ID", raw + 0x20, 16);
    f = sim_view_field(doc, 0x30, 4, "VMPL", "%u", vmpl);
    if (vmpl == 0xFFFFFFFF)
        sim_view_meaning(f, "asked for by the host");
    if (vmpl)
        sim_view_doubt(f, CMN_REASON_SNP_VMPL, "Trustee wants 0");
    f = sim_view_field(doc, 0x34, 4, "SIGNATURE_ALGO", "%u", algo);
    if (algo == 1)
        sim_view_meaning(f, "ECDSA P-384 with SHA-384");
    else
        sim_view_doubt(f, CMN_REASON_SNP_SIGNATURE_ALGO, "firmware writes 1");
}

static void view_platform(json_t *doc, const uint8_t *raw)
{
    uint64_t v = le64(raw + 0x40);
    char text[256];
    json_t *f = sim_view_field(doc, 0x40, 8, "PLATFORM_INFO", "0x%llx", (unsigned long long)v);

    bits_text(v, platform_bits, CMN_ARRAY_SIZE(platform_bits), text, sizeof(text));
    sim_view_meaning(f, "%s%s", text, v & ~0xBFull ? "; bits without a published meaning" : "");
}

static void view_middle(json_t *doc, const uint8_t *raw)
{
    json_t *f = sim_view_hex(doc, 0x50, "REPORT_DATA", raw + 0x50, 64);

    if (cmn_all_zero(raw + 0x50, 64))
        sim_view_doubt(f, CMN_REASON_SNP_REPORT_DATA_MISMATCH, "zero: bound to no session");
    else if (cmn_all_zero(raw + 0x80, 16))
        sim_view_meaning(f, cmn_all_zero(raw + 0x70, 32)
                                ? "32 bytes: a SHA-256 (Azure: of the HCL runtime data)"
                                : "48 bytes: a SHA-384 (Trustee: of the runtime data)");
    f = sim_view_hex(doc, 0x90, "MEASUREMENT", raw + 0x90, 48);
    sim_view_meaning(f, "launch digest; reference value snp_launch_measurement");
    if (cmn_all_zero(raw + 0x90, 48))
        sim_view_doubt(f, CMN_REASON_NONE, "zero: no guest was measured");
    f = sim_view_hex(doc, 0xC0, "HOST_DATA", raw + 0xC0, 32);
    sim_view_meaning(f, cmn_all_zero(raw + 0xC0, 32)
                            ? "zero: no initdata is bound to this guest"
                            : "digest of the initdata (cut or zero-padded to 32 bytes)");
    f = sim_view_hex(doc, 0xE0, "ID_KEY_DIGEST", raw + 0xE0, 48);
    if (cmn_all_zero(raw + 0xE0, 48))
        sim_view_meaning(f, "no ID block");
    (void)sim_view_hex(doc, 0x110, "AUTHOR_KEY_DIGEST", raw + 0x110, 48);
    (void)sim_view_hex(doc, 0x140, "REPORT_ID", raw + 0x140, 32);
    (void)sim_view_hex(doc, 0x160, "REPORT_ID_MA", raw + 0x160, 32);
}

static void view_chip(json_t *doc, const uint8_t *raw, bool turin)
{
    json_t *f;

    if (le32(raw) >= 3)
        (void)sim_view_field(doc, 0x188, 3, "CPUID", "family %02x, model %02x, stepping %02x",
                             raw[0x188], raw[0x189], raw[0x18A]);
    f = sim_view_hex(doc, 0x1A0, "CHIP_ID", raw + 0x1A0, 64);
    if (cmn_all_zero(raw + 0x1A0, 64))
        sim_view_doubt(f, CMN_REASON_SNP_CHIP_ID_MASKED,
                       "zero: masked by the host, or signed with a VLEK; no VCEK can be fetched");
    else if (turin && !cmn_all_zero(raw + 0x1A8, 56))
        sim_view_doubt(f, CMN_REASON_SNP_CHIP_ID_MISMATCH, "Turin has 8 bytes, the rest is zero");
}

static void view_firmware_versions(json_t *doc, const uint8_t *raw)
{
    const uint8_t *cur = raw + 0x1E8, *com = raw + 0x1EC;
    unsigned current = (unsigned)cur[2] << 16 | (unsigned)cur[1] << 8 | cur[0];
    unsigned committed = (unsigned)com[2] << 16 | (unsigned)com[1] << 8 | com[0];
    json_t *f;

    (void)sim_view_field(doc, 0x1E8, 3, "CURRENT", "%u.%u.%u", cur[2], cur[1], cur[0]);
    f = sim_view_field(doc, 0x1EC, 3, "COMMITTED", "%u.%u.%u", com[2], com[1], com[0]);
    if (committed > current)
        sim_view_doubt(f, CMN_REASON_SNP_FIRMWARE_ORDER, "newer than CURRENT");
    else if (committed < current)
        sim_view_doubt(f, CMN_REASON_SNP_TCB_PROVISIONAL, "older than CURRENT: provisional");
}

static void view_signature(json_t *doc, const uint8_t *raw)
{
    json_t *r = sim_view_hex(doc, 0x2A0, "SIGNATURE.R", raw + 0x2A0, 72);
    json_t *s = sim_view_hex(doc, 0x2E8, "SIGNATURE.S", raw + 0x2E8, 72);

    sim_view_meaning(r, "little-endian, over bytes 000 to 29f");
    if (cmn_all_zero(raw + 0x2A0, 144))
        sim_view_doubt(r, CMN_REASON_SNP_SIGNATURE_INVALID, "zero: the report is not signed");
    else if (!cmn_all_zero(raw + 0x2D0, 24) || !cmn_all_zero(raw + 0x318, 24))
        sim_view_doubt(s, CMN_REASON_SNP_SIGNATURE_INVALID,
                       "more than 48 bytes: not a P-384 signature");
}

static void doubt_reserved(json_t *doc, const uint8_t *raw)
{
    static const struct {
        long at;
        size_t len;
        uint32_t below; /* reserved in versions below this */
    } reserved[] = {
        {0x4C, 4, ~0u},  {0x18B, 21, ~0u}, {0x188, 3, 3},     {0x1EB, 1, ~0u},
        {0x1EF, 1, ~0u}, {0x1F8, 16, 5},   {0x208, 152, ~0u}, {0x330, 368, ~0u},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(reserved); i++) {
        if (le32(raw) >= reserved[i].below || cmn_all_zero(raw + reserved[i].at, reserved[i].len))
            continue;
        json_t *f =
            sim_view_hex(doc, reserved[i].at, "reserved", raw + reserved[i].at, reserved[i].len);
        sim_view_doubt(f, CMN_REASON_SNP_RESERVED_NONZERO, "must be zero in version %u", le32(raw));
    }
}

static json_t *view_report(const uint8_t *raw)
{
    json_t *doc = sim_view_new("snp-report", "SEV-SNP attestation report, 1184 bytes");
    char product[32];
    bool turin = is_turin(raw, product, sizeof(product));

    view_head(doc, raw, product);
    (void)view_tcb(doc, raw, 0x38, "CURRENT_TCB", turin);
    view_platform(doc, raw);
    view_key_info(doc, raw);
    view_middle(doc, raw);
    json_t *reported = view_tcb(doc, raw, 0x180, "REPORTED_TCB", turin);
    view_chip(doc, raw, turin);
    json_t *committed = view_tcb(doc, raw, 0x1E0, "COMMITTED_TCB", turin);
    view_firmware_versions(doc, raw);
    json_t *launch = view_tcb(doc, raw, 0x1F0, "LAUNCH_TCB", turin);
    doubt_tcbs(raw, turin, reported, committed, launch);
    if (le32(raw) >= 5) {
        (void)sim_view_field(doc, 0x1F8, 8, "LAUNCH_MIT_VECTOR", "0x%llx",
                             (unsigned long long)le64(raw + 0x1F8));
        (void)sim_view_field(doc, 0x200, 8, "CURRENT_MIT_VECTOR", "0x%llx",
                             (unsigned long long)le64(raw + 0x200));
    }
    view_signature(doc, raw);
    doubt_reserved(doc, raw);
    return doc;
}

/* A header as firmware writes it: version, GUEST_SVN small, VMPL and algorithm in their ranges. */
static bool looks_like_report(const uint8_t *p)
{
    return le32(p) >= 1 && le32(p) <= 16 && (le32(p + 0x30) < 4 || le32(p + 0x30) == ~0u) &&
           le32(p + 0x34) <= 4;
}

json_t *insp_report(struct insp *in, struct cmn_bytes data)
{
    json_t *doc;

    if (data.len == SNP_REPORT_BYTES && le32(data.data) >= 1 && le32(data.data) <= 255)
        return in->emit ? sim_view_new("snp-report", "a report") : view_report(data.data);
    /* struct snp_report_resp of linux/sev-guest.h: status, size, 24 reserved, report */
    if (data.len >= 32 + SNP_REPORT_BYTES && le32(data.data) == 0 &&
        le32(data.data + 4) == SNP_REPORT_BYTES && looks_like_report(data.data + 32)) {
        doc = view_report(data.data + 32);
        sim_view_meaning(sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "wrapped in", "32 bytes"),
                         "answer of the firmware (status 0); offsets count from the report");
        return doc;
    }
    /* report and certificate table in one file */
    if (data.len > SNP_REPORT_BYTES + 24 && data.len <= SNP_REPORT_BYTES + (64 << 10) &&
        looks_like_report(data.data)) {
        struct cmn_bytes tail =
            cmn_bytes(data.data + SNP_REPORT_BYTES, data.len - SNP_REPORT_BYTES);
        json_t *table = insp_cert_table(in, tail);
        if (!table && !cmn_all_zero(tail.data, tail.len))
            return NULL;
        doc = view_report(data.data);
        sim_view_part(doc, table);
        if (!table)
            sim_view_doubt(doc, CMN_REASON_SNP_REPORT_MALFORMED,
                           "%zu zero bytes follow the report: Trustee wants exactly 1184",
                           tail.len);
        return doc;
    }
    if (data.len >= 0x100 && data.len < SNP_REPORT_BYTES && looks_like_report(data.data) &&
        (le64(data.data + 8) & SNP_POLICY_ONE) && le64(data.data + 8) >> 26 == 0) {
        doc = sim_view_new("snp-report", "the beginning of an attestation report");
        sim_view_doubt(doc, CMN_REASON_SNP_REPORT_MALFORMED, "cut: %zu bytes of 1184", data.len);
        return doc;
    }
    return NULL;
}
