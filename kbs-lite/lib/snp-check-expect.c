/* snp-check-expect.c - what the caller asks for beyond the verifier's own rules. */
#include "snp-work.h"

#include <string.h>

static int same(struct kbs_check *c, const char *name, const uint8_t *field, const uint8_t *want,
                size_t len, enum cmn_reason reason)
{
    if (!want)
        return SNP_NOT_ASKED;
    snp_hex(c->expected, want, len);
    snp_hex(c->actual, field, len);
    return memcmp(field, want, len) == 0 ? SNP_YES
                                         : snp_no(c, reason, "%s is not the expected one", name);
}

#define SAME(fn, field, len, name, reason)                                                         \
    int fn(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)                           \
    {                                                                                              \
        (void)err;                                                                                 \
        return same(c, name, w->report->field, w->expect->field, len, reason);                     \
    }

SAME(snp_check_measurement, measurement, 48, "MEASUREMENT", CMN_REASON_SNP_MEASUREMENT_MISMATCH)
SAME(snp_check_family_id, family_id, 16, "FAMILY_ID", CMN_REASON_SNP_FAMILY_ID_MISMATCH)
SAME(snp_check_image_id, image_id, 16, "IMAGE_ID", CMN_REASON_SNP_IMAGE_ID_MISMATCH)
SAME(snp_check_report_id, report_id, 32, "REPORT_ID", CMN_REASON_SNP_REPORT_ID_MISMATCH)
SAME(snp_check_report_id_ma, report_id_ma, 32, "REPORT_ID_MA", CMN_REASON_SNP_REPORT_ID_MA_MISMATCH)
SAME(snp_check_expected_chip_id, chip_id, 64, "CHIP_ID", CMN_REASON_SNP_CHIP_ID_UNEXPECTED)

static int one_of(struct kbs_check *c, const char *name, const uint8_t *digest, const uint8_t *list,
                  size_t n, enum cmn_reason reason)
{
    if (!list || !n)
        return SNP_NOT_ASKED;
    snp_expected(c, "one of %zu trusted digests", n);
    snp_hex(c->actual, digest, 48);
    for (size_t i = 0; i < n; i++)
        if (memcmp(digest, list + 48 * i, 48) == 0)
            return SNP_YES;
    return snp_no(c, reason, "%s is not among the trusted ones", name);
}

int snp_check_id_keys(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    return one_of(c, "ID_KEY_DIGEST", w->report->id_key_digest, w->expect->id_keys,
                  w->expect->n_id_keys, CMN_REASON_SNP_ID_KEY);
}

int snp_check_author_keys(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    return one_of(c, "AUTHOR_KEY_DIGEST", w->report->author_key_digest, w->expect->author_keys,
                  w->expect->n_author_keys, CMN_REASON_SNP_AUTHOR_KEY);
}

int snp_check_guest_svn(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    if (!w->expect->min_guest_svn)
        return SNP_NOT_ASKED;
    snp_expected(c, "at least %u", w->expect->min_guest_svn);
    snp_actual(c, "%u", w->report->guest_svn);
    return w->report->guest_svn >= w->expect->min_guest_svn
               ? SNP_YES
               : snp_no(c, CMN_REASON_SNP_GUEST_SVN, "GUEST_SVN is below the minimum");
}

int snp_check_policy_forbidden(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    uint64_t bits = w->expect->policy_forbidden;

    (void)err;
    if (!bits)
        return SNP_NOT_ASKED;
    snp_expected(c, "none of 0x%llx", (unsigned long long)bits);
    snp_actual(c, "0x%llx", (unsigned long long)w->report->policy);
    return w->report->policy & bits
               ? snp_no(c, CMN_REASON_SNP_POLICY_FORBIDDEN, "POLICY allows what the caller forbids")
               : SNP_YES;
}

int snp_check_policy_required(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    uint64_t bits = w->expect->policy_required;

    (void)err;
    if (!bits)
        return SNP_NOT_ASKED;
    snp_expected(c, "all of 0x%llx", (unsigned long long)bits);
    snp_actual(c, "0x%llx", (unsigned long long)w->report->policy);
    return (w->report->policy & bits) == bits
               ? SNP_YES
               : snp_no(c, CMN_REASON_SNP_POLICY_REQUIRED,
                        "POLICY lacks a restriction the caller requires");
}

int snp_check_policy_abi(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    unsigned want = w->expect->min_policy_abi, abi = w->report->policy & 0xFFFF;

    (void)err;
    if (!want)
        return SNP_NOT_ASKED;
    snp_expected(c, "at least %u.%u", want >> 8, want & 0xFF);
    snp_actual(c, "%u.%u", abi >> 8, abi & 0xFF);
    return abi >= want ? SNP_YES
                       : snp_no(c, CMN_REASON_SNP_POLICY_ABI,
                                "the ABI version of POLICY is below the minimum");
}

int snp_check_platform(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    uint64_t must = w->expect->platform_required, must_not = w->expect->platform_forbidden;
    uint64_t info = w->report->plat_info;

    (void)err;
    if (!must && !must_not)
        return SNP_NOT_ASKED;
    snp_expected(c, "all of 0x%llx, none of 0x%llx", (unsigned long long)must,
                 (unsigned long long)must_not);
    snp_actual(c, "0x%llx", (unsigned long long)info);
    return (info & must) == must && !(info & must_not)
               ? SNP_YES
               : snp_no(c, CMN_REASON_SNP_PLATFORM_INFO,
                        "PLATFORM_INFO is not what the caller requires");
}

static int at_least(struct snp_work *w, struct kbs_check *c, const char *name,
                    const struct snp_tcb *tcb, const struct snp_tcb *min, enum cmn_reason reason)
{
    if (!min)
        return SNP_NOT_ASKED;
    snp_tcb_text(c->expected, min, w->report->turin_tcb);
    snp_tcb_text(c->actual, tcb, w->report->turin_tcb);
    return snp_tcb_above(min, tcb) ? snp_no(c, reason, "%s is below the minimum", name) : SNP_YES;
}

int snp_check_committed(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    if (!w->expect->forbid_provisional)
        return SNP_NOT_ASKED;
    return snp_provisional(w->report, c)
               ? snp_no(c, CMN_REASON_SNP_TCB_PROVISIONAL,
                        "the firmware is provisional, and the caller forbids it")
               : SNP_YES;
}

int snp_check_tcb_minimum(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    return at_least(w, c, "REPORTED_TCB", &w->report->reported_tcb, w->expect->min_tcb,
                    CMN_REASON_SNP_TCB_MINIMUM);
}

int snp_check_launch_tcb_minimum(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    return at_least(w, c, "LAUNCH_TCB", &w->report->launch_tcb, w->expect->min_launch_tcb,
                    CMN_REASON_SNP_LAUNCH_TCB_MINIMUM);
}

int snp_check_firmware_minimum(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const struct snp_version *min = w->expect->min_firmware, *v = &w->report->current;

    (void)err;
    if (!min)
        return SNP_NOT_ASKED;
    snp_expected(c, "at least %u.%u.%u", min->major, min->minor, min->build);
    snp_actual(c, "%u.%u.%u", v->major, v->minor, v->build);
    bool below = v->major != min->major   ? v->major < min->major
                 : v->minor != min->minor ? v->minor < min->minor
                                          : v->build < min->build;
    return below ? snp_no(c, CMN_REASON_SNP_FIRMWARE_MINIMUM,
                          "the current firmware version is below the minimum")
                 : SNP_YES;
}

/* Reports before version 5 have no vectors: a demand fails, it does not pass. */
int snp_check_mitigations(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    uint64_t want = w->expect->mitigations;
    uint64_t have = w->report->launch_mit_vector & w->report->current_mit_vector;

    (void)err;
    if (!want)
        return SNP_NOT_ASKED;
    snp_expected(c, "all of 0x%llx", (unsigned long long)want);
    snp_actual(c, "%slaunch 0x%llx, current 0x%llx",
               w->report->has_mit ? "" : "none: ", (unsigned long long)w->report->launch_mit_vector,
               (unsigned long long)w->report->current_mit_vector);
    return w->report->has_mit && (have & want) == want
               ? SNP_YES
               : snp_no(c, CMN_REASON_SNP_MITIGATION_MISSING,
                        "a mitigation the caller requires is not reported");
}
