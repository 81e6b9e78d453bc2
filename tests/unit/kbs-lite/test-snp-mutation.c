/*
 * test-snp-mutation.c - every byte of a report changed in turn, twice: as it is, which ends at the
 * signature (or before it, where the bytes cannot be read), and signed anew by the PSP, where the
 * changed field's own reason must come. The base has every field pinned by the caller, so what is
 * accepted in strict mode is accepted for a reason that stands in the table.
 */
#include "guest.h"

#include <stdio.h>

/* Reasons the field's change may end with, signed anew; "=why" explains an acceptance. */
static const struct field {
    size_t at, len;
    const char *name, *reasons;
} fields[] = {
    {0x000, 4, "VERSION", "snp.version-unknown snp.version-too-old snp.reserved-nonzero"},
    {0x004, 4, "GUEST_SVN", "snp.guest-svn"},
    {0x008, 8, "POLICY",
     "snp.policy-format snp.policy-forbidden snp.policy-required snp.debug-allowed "
     "snp.migration-allowed"},
    {0x010, 16, "FAMILY_ID", "snp.family-id-mismatch"},
    {0x020, 16, "IMAGE_ID", "snp.image-id-mismatch"},
    {0x030, 4, "VMPL", "snp.vmpl"},
    {0x034, 4, "SIGNATURE_ALGO", "snp.signature-algo"},
    {0x038, 8, "CURRENT_TCB", "snp.tcb-reserved snp.tcb-order snp.tcb-provisional"},
    {0x040, 8, "PLATFORM_INFO", "snp.platform-info"},
    {0x048, 4, "KEY_INFO",
     "snp.key-info snp.chip-key-masked snp.signing-key-none snp.key-kind snp.author-key-stray"},
    {0x04C, 4, "reserved", "snp.reserved-nonzero"},
    {0x050, 64, "REPORT_DATA", "snp.report-data-mismatch"},
    {0x090, 48, "MEASUREMENT", "snp.measurement-mismatch"},
    {0x0C0, 32, "HOST_DATA", "snp.host-data-mismatch"},
    {0x0E0, 48, "ID_KEY_DIGEST", "snp.id-key-unknown"},
    {0x110, 48, "AUTHOR_KEY_DIGEST", "snp.author-key-unknown"},
    {0x140, 32, "REPORT_ID", "snp.report-id-mismatch"},
    {0x160, 32, "REPORT_ID_MA", "snp.report-id-ma-mismatch"},
    {0x180, 8, "REPORTED_TCB", "snp.tcb-reserved snp.tcb-mismatch"},
    /* another family may be one with another order of the TCB bytes */
    {0x188, 1, "CPUID_FAM_ID", "snp.product-unknown snp.product-mismatch snp.tcb-reserved"},
    {0x189, 1, "CPUID_MOD_ID",
     "snp.product-unknown snp.product-mismatch =another model of the same line"},
    {0x18A, 1, "CPUID_STEP", "=AMD's certificates are for all steppings of a line"},
    {0x18B, 21, "reserved", "snp.reserved-nonzero"},
    {0x1A0, 64, "CHIP_ID", "snp.chip-id-mismatch"},
    {0x1E0, 8, "COMMITTED_TCB", "snp.tcb-reserved snp.tcb-order"},
    {0x1E8, 3, "CURRENT version", "snp.firmware-order"},
    {0x1EB, 1, "reserved", "snp.reserved-nonzero"},
    {0x1EC, 3, "COMMITTED version", "snp.tcb-provisional"},
    {0x1EF, 1, "reserved", "snp.reserved-nonzero"},
    {0x1F0, 8, "LAUNCH_TCB", "snp.tcb-reserved snp.tcb-order snp.launch-tcb-minimum"},
    {0x1F8, 8, "LAUNCH_MIT_VECTOR", "snp.mitigation-missing"},
    {0x200, 8, "CURRENT_MIT_VECTOR", "snp.mitigation-missing"},
    {0x208, 152, "reserved", "snp.reserved-nonzero"},
};

static struct guest g;
static struct kbs_cache *cache;
static struct kbs_snp_expect expect;
static uint8_t base[SNP_REPORT_BYTES];

/* A guest whose every field is set and asked for. */
static void pin(enum snp_product product, uint32_t version)
{
    g = guest_new(product, version, false);
    struct snp_report *f = &g.fields;

    T_OK(kbs_cache_new(&cache, NULL), NULL);
    f->guest_svn = UINT32_MAX;
    memset(f->family_id, 0xFA, 16);
    memset(f->image_id, 0x1A, 16);
    memset(f->measurement, 0x3E, 48);
    memset(f->host_data, 0x05, 32);
    memset(f->id_key_digest, 0x1D, 48);
    memset(f->author_key_digest, 0xA0, 48);
    f->key_info |= SNP_KEY_INFO_AUTHOR_KEY_EN;
    f->current = f->committed = (struct snp_version){255, 255, 255};
    if (f->has_mit)
        f->launch_mit_vector = f->current_mit_vector = UINT64_MAX;
    guest_sign(&g);
    memcpy(base, g.raw, sizeof(base));
    expect = (struct kbs_snp_expect){.report_data = f->report_data,
                                     .report_data_len = 64,
                                     .host_data = f->host_data,
                                     .host_data_len = 32,
                                     .measurement = f->measurement,
                                     .family_id = f->family_id,
                                     .image_id = f->image_id,
                                     .report_id = f->report_id,
                                     .report_id_ma = f->report_id_ma,
                                     .chip_id = f->chip_id,
                                     .id_keys = f->id_key_digest,
                                     .n_id_keys = 1,
                                     .author_keys = f->author_key_digest,
                                     .n_author_keys = 1,
                                     .min_guest_svn = f->guest_svn,
                                     .policy_forbidden = ~f->policy,
                                     .policy_required = f->policy,
                                     .platform_forbidden = ~f->plat_info,
                                     .platform_required = f->plat_info,
                                     .min_tcb = &f->reported_tcb,
                                     .min_launch_tcb = &f->launch_tcb,
                                     .min_firmware = &f->current,
                                     .mitigations = f->has_mit ? UINT64_MAX : 0,
                                     .forbid_provisional = true};
}

static void unpin(void)
{
    kbs_cache_free(cache);
    guest_done(&g);
}

static bool stands_in(const char *reasons, const char *reason)
{
    const char *found = *reason ? strstr(reasons, reason) : strchr(reasons, '=');
    size_t n = strlen(reason);

    return found && (!n || !found[n] || found[n] == ' ');
}

/* Bit of byte at: changed, verified as it is and signed anew. */
static void change(const struct field *f, size_t at, unsigned bit)
{
    static struct kbs_snp_result res;
    char where[128];

    memcpy(g.raw, base, sizeof(base));
    g.raw[at] ^= (uint8_t)(1u << bit);
    (void)snprintf(where, sizeof(where), "%s at 0x%zX bit %u", f->name, at, bit);
    const char *as_is = cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, &expect, cache, &res));
    bool unreadable = stands_in("snp.version-unknown snp.version-too-old snp.reserved-nonzero "
                                "snp.tcb-reserved snp.product-unknown snp.product-mismatch",
                                as_is);
    if (strcmp(as_is, "snp.signature-invalid") != 0 &&
        !(unreadable && stands_in(f->reasons, as_is))) {
        (void)printf("as it is, %s: ", where);
        T_EQ_STR(as_is, "snp.signature-invalid");
    }
    T_OK(ftee_psp_sign_report(g.psp, g.raw, NULL), NULL);
    const char *anew = cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, &expect, cache, &res));
    if (!stands_in(f->reasons, anew)) {
        (void)printf("signed anew, %s: ", where);
        T_EQ_STR(*anew ? anew : "accepted", f->reasons);
    }
}

/* All bits of numbers and flags, one bit of each byte of long fields. */
static void change_all(const struct field *list, size_t n)
{
    static struct kbs_snp_result res;
    size_t covered = 0;

    T_EQ_STR(cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, &expect, cache, &res)), "");
    for (size_t i = 0; i < n; i++) {
        T_EQ_INT(list[i].at, covered); /* no byte is left out */
        covered += list[i].len;
        for (size_t at = list[i].at; at < covered; at++)
            for (unsigned bit = 0; bit < 8; bit++)
                if (list[i].len <= 8 || bit == at % 8)
                    change(&list[i], at, bit);
    }
    T_EQ_INT(covered, SNP_SIGNED_BYTES);
}

static void every_field_of_a_version_5_report_has_its_own_reason(void)
{
    pin(SNP_GENOA, 5);
    change_all(fields, CMN_ARRAY_SIZE(fields));
    unpin();
}

/* Fields that other products and versions have in other places. */
static void change_some(const char *const *names, size_t n)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(fields); i++)
        for (size_t k = 0; k < n; k++)
            if (strcmp(fields[i].name, names[k]) == 0)
                for (size_t at = fields[i].at; at < fields[i].at + fields[i].len; at++)
                    change(&fields[i], at, at % 8);
}

static void turins_tcb_bytes_are_told_apart(void)
{
    static const char *const names[] = {"CURRENT_TCB", "REPORTED_TCB", "COMMITTED_TCB",
                                        "LAUNCH_TCB", "CHIP_ID"};

    pin(SNP_TURIN, 5);
    change_some(names, CMN_ARRAY_SIZE(names));
    unpin();
}

static void mitigation_vectors_are_reserved_before_version_5(void)
{
    static const struct field reserved = {0x1F8, 16, "reserved", "snp.reserved-nonzero"};

    for (uint32_t version = 3; version <= 4; version++) {
        pin(SNP_MILAN, version);
        for (size_t at = reserved.at; at < reserved.at + reserved.len; at++)
            change(&reserved, at, at % 8);
        unpin();
    }
}

static void ids_of_the_processor_are_reserved_in_version_2(void)
{
    static const struct field reserved = {0x188, 24, "reserved", "snp.reserved-nonzero"};

    pin(SNP_MILAN, 2);
    for (size_t at = reserved.at; at < reserved.at + reserved.len; at++)
        change(&reserved, at, at % 8);
    unpin();
}

/* R, S and what lies around them cannot be signed anew. */
static void every_byte_of_the_signature_counts(void)
{
    static struct kbs_snp_result res;

    pin(SNP_GENOA, 3);
    for (size_t at = SNP_SIGNED_BYTES; at < SNP_REPORT_BYTES; at++) {
        memcpy(g.raw, base, sizeof(base));
        g.raw[at] ^= (uint8_t)(1u << at % 8);
        const char *got = cmn_reason_name(guest_verify(&g, KBS_SNP_STRICT, &expect, cache, &res));
        T_EQ_STR(got, at < 0x330 ? "snp.signature-invalid" : "snp.reserved-nonzero");
    }
    unpin();
}

static void all_is_freed(void)
{
    world_end();
}

TEST_MAIN("snp-mutation",
          {"every field of a version 5 report has its own reason",
           every_field_of_a_version_5_report_has_its_own_reason},
          {"Turin's TCB bytes are told apart", turins_tcb_bytes_are_told_apart},
          {"mitigation vectors are reserved before version 5",
           mitigation_vectors_are_reserved_before_version_5},
          {"ids of the processor are reserved in version 2",
           ids_of_the_processor_are_reserved_in_version_2},
          {"every byte of the signature counts", every_byte_of_the_signature_counts},
          {"all is freed", all_is_freed})
