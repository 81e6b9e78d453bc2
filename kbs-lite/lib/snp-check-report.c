/* snp-check-report.c - the fields of a report whose signature has been verified. */
#include "snp-work.h"

#include <string.h>

#define SIG_ALGO_P384_SHA384 1

int snp_check_vmpl(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    snp_expected(c, "0");
    snp_actual(c, "%u", w->report->vmpl);
    if (w->report->vmpl == 0)
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_VMPL, "VMPL Check Failed (report %u, want 0)", w->report->vmpl);
}

/* A field against a digest, zero-padded or cut to the field, as upstream's regularize_data does. */
static int compare(struct kbs_check *c, const uint8_t *field, size_t len, const uint8_t *want,
                   size_t want_len, enum cmn_reason reason, const char *text)
{
    uint8_t padded[64] = {0};

    if (!want)
        return SNP_NOT_ASKED;
    memcpy(padded, want, want_len < len ? want_len : len);
    snp_hex(c->expected, padded, len);
    snp_hex(c->actual, field, len);
    if (memcmp(field, padded, len) == 0)
        return SNP_YES;
    return snp_no(c, reason, "%s. Given: %s, Expected: %s", text, c->actual, c->expected);
}

int snp_check_report_data(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    return compare(c, w->report->report_data, 64, w->expect->report_data,
                   w->expect->report_data_len, CMN_REASON_SNP_REPORT_DATA_MISMATCH,
                   "Report Data Mismatch");
}

int snp_check_host_data(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    return compare(c, w->report->host_data, 32, w->expect->host_data, w->expect->host_data_len,
                   CMN_REASON_SNP_HOST_DATA_MISMATCH, "Host Data Mismatch");
}

int snp_check_sig_algo(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    snp_expected(c, "1 (ECDSA P-384 with SHA-384)");
    snp_actual(c, "%u", w->report->sig_algo);
    if (w->report->sig_algo == SIG_ALGO_P384_SHA384)
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_SIGNATURE_ALGO, "SIGNATURE_ALGO is %u, want 1",
                  w->report->sig_algo);
}

int snp_check_key_info(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    uint32_t info = w->report->key_info, key = info >> SNP_KEY_INFO_SIGNING_SHIFT & 7;

    (void)err;
    snp_expected(c, "bits 31 to 5 zero, SIGNING_KEY 0, 1 or 7");
    snp_actual(c, "0x%x", info);
    if (!(info >> 5) && (key <= 1 || key == SNP_SIGNING_NONE))
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_KEY_INFO, "KEY_INFO 0x%x is not legal", info);
}

int snp_check_key_masked(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    snp_expected(c, "MASK_CHIP_KEY 0");
    snp_actual(c, "KEY_INFO 0x%x", w->report->key_info);
    if (!(w->report->key_info & SNP_KEY_INFO_MASK_CHIP_KEY))
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_KEY_MASKED,
                  "MASK_CHIP_KEY is set in a report that carries a signature");
}

int snp_check_key_none(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    unsigned key = w->report->key_info >> SNP_KEY_INFO_SIGNING_SHIFT & 7;

    (void)err;
    snp_expected(c, "SIGNING_KEY other than 7");
    snp_actual(c, "SIGNING_KEY %u", key);
    if (key != SNP_SIGNING_NONE)
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_KEY_NONE,
                  "SIGNING_KEY is 7 (none) in a report that carries a signature");
}

int snp_check_policy_format(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    uint64_t policy = w->report->policy;

    (void)err;
    snp_expected(c, "bit 17 set, bits 63 to 26 zero");
    snp_actual(c, "0x%llx", (unsigned long long)policy);
    if (policy & SNP_POLICY_ONE && !(policy & SNP_POLICY_RESERVED))
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_POLICY_FORMAT, "POLICY 0x%llx is not legal",
                  (unsigned long long)policy);
}

static int forbid(struct snp_work *w, struct kbs_check *c, uint64_t bit, const char *name,
                  enum cmn_reason reason, const char *what)
{
    snp_expected(c, "%s clear", name);
    snp_actual(c, "POLICY 0x%llx", (unsigned long long)w->report->policy);
    if (!(w->report->policy & bit))
        return SNP_YES;
    return snp_no(c, reason, "POLICY 0x%llx allows %s", (unsigned long long)w->report->policy,
                  what);
}

int snp_check_debug(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    return forbid(w, c, SNP_POLICY_DEBUG, "DEBUG", CMN_REASON_SNP_DEBUG_ALLOWED, "debugging");
}

int snp_check_migration(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    return forbid(w, c, SNP_POLICY_MIGRATE_MA, "MIGRATE_MA", CMN_REASON_SNP_MIGRATION_ALLOWED,
                  "a migration agent");
}

/* By component, never as one number: REPORTED <= COMMITTED <= CURRENT, LAUNCH <= CURRENT. */
int snp_check_tcb_order(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const struct snp_report *p = w->report;
    const struct {
        const char *low_name, *high_name;
        const struct snp_tcb *low, *high;
    } pairs[] = {
        {"COMMITTED_TCB", "CURRENT_TCB", &p->committed_tcb, &p->current_tcb},
        {"REPORTED_TCB", "COMMITTED_TCB", &p->reported_tcb, &p->committed_tcb},
        {"REPORTED_TCB", "CURRENT_TCB", &p->reported_tcb, &p->current_tcb},
        {"LAUNCH_TCB", "CURRENT_TCB", &p->launch_tcb, &p->current_tcb},
    };

    (void)err;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(pairs); i++) {
        if (!snp_tcb_above(pairs[i].low, pairs[i].high))
            continue;
        snp_tcb_text(c->expected, pairs[i].high, p->turin_tcb);
        snp_tcb_text(c->actual, pairs[i].low, p->turin_tcb);
        return snp_no(c, CMN_REASON_SNP_TCB_ORDER, "%s is above %s", pairs[i].low_name,
                      pairs[i].high_name);
    }
    return SNP_YES;
}

static unsigned version_number(const struct snp_version *v)
{
    return (unsigned)v->major << 16 | (unsigned)v->minor << 8 | v->build;
}

bool snp_provisional(const struct snp_report *p, struct kbs_check *c)
{
    snp_tcb_text(c->expected, &p->current_tcb, p->turin_tcb);
    snp_tcb_text(c->actual, &p->committed_tcb, p->turin_tcb);
    if (snp_tcb_above(&p->current_tcb, &p->committed_tcb))
        return true;
    snp_expected(c, "%u.%u.%u", p->current.major, p->current.minor, p->current.build);
    snp_actual(c, "%u.%u.%u", p->committed.major, p->committed.minor, p->committed.build);
    return version_number(&p->current) > version_number(&p->committed);
}

/* Occurs on honest hosts (AWS, Azure) while firmware is provisional. */
int snp_check_tcb_provisional(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    if (w->expect->forbid_provisional)
        return SNP_NOT_ASKED; /* expect.committed asks */
    return snp_provisional(w->report, c)
               ? snp_no(c, CMN_REASON_SNP_TCB_PROVISIONAL,
                        "the firmware is provisional: the host can still go back to the committed "
                        "one")
               : SNP_YES;
}

int snp_check_firmware_order(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const struct snp_version *current = &w->report->current, *committed = &w->report->committed;

    (void)err;
    snp_expected(c, "at most %u.%u.%u", current->major, current->minor, current->build);
    snp_actual(c, "%u.%u.%u", committed->major, committed->minor, committed->build);
    if (version_number(committed) <= version_number(current))
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_FIRMWARE_ORDER,
                  "the committed firmware version is above the current one");
}

int snp_check_author_key(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    const struct snp_report *p = w->report;

    (void)err;
    if (p->key_info & SNP_KEY_INFO_AUTHOR_KEY_EN)
        return SNP_NOT_ASKED;
    snp_expected(c, "zero without AUTHOR_KEY_EN");
    if (cmn_all_zero(p->author_key_digest, sizeof(p->author_key_digest)))
        return SNP_YES;
    snp_hex(c->actual, p->author_key_digest, sizeof(p->author_key_digest));
    return snp_no(c, CMN_REASON_SNP_AUTHOR_KEY_STRAY,
                  "AUTHOR_KEY_DIGEST is set although AUTHOR_KEY_EN is not");
}

int snp_check_test_root(struct snp_work *w, struct kbs_check *c, struct cmn_err *err)
{
    (void)err;
    snp_expected(c, "amd");
    snp_actual(c, "%s", w->family->name);
    if (strcmp(w->family->name, "test") != 0)
        return SNP_YES;
    return snp_no(c, CMN_REASON_SNP_TEST_ROOT,
                  "the evidence rests on a test root: it proves nothing about hardware");
}
