/*
 * snp-verify.c - the table of SNP checks, in the order they run, and what a no of each means.
 *
 * Rows of kind TRUSTEE are Trustee's own, in its order and with its texts (trustee 78962cd
 * deps/verifier/src/snp/mod.rs; sev crate d487809). ADVISORY rows are what Trustee leaves out
 * though it matters; they stand where what they look at has just been found genuine.
 */
#include "snp-work.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum kind {
    TRUSTEE,  /* refuses in every mode */
    ADVISORY, /* refuses in strict mode */
    REMARK,   /* never refuses */
    CALLER,   /* asked for by the caller: refuses in every mode */
};

static const struct row {
    const char *name;
    enum kind kind;
    snp_check *check;
} rows[] = {
    {"evidence.format", TRUSTEE, snp_check_format},
    {"report.version", TRUSTEE, snp_check_version},
    {"report.product", TRUSTEE, snp_check_product},
    {"report.reserved", TRUSTEE, snp_check_reserved},
    {"certs.source", TRUSTEE, snp_check_certs_source},
    {"certs.readable", TRUSTEE, snp_check_certs_readable},
    {"certs.product", TRUSTEE, snp_check_certs_product},
    {"chain.root", TRUSTEE, snp_check_root},
    {"chain.signatures", TRUSTEE, snp_check_chain},
    {"vek.key", TRUSTEE, snp_check_vek_key},
    {"chain.algorithm", ADVISORY, snp_check_algorithm},
    {"chain.names", ADVISORY, snp_check_names},
    {"chain.ca", ADVISORY, snp_check_ca},
    {"chain.intermediate", ADVISORY, snp_check_intermediate},
    {"chain.validity", ADVISORY, snp_check_validity},
    {"crl.signature", ADVISORY, snp_check_crl_signature},
    {"crl.current", ADVISORY, snp_check_crl_current},
    {"crl.revoked", ADVISORY, snp_check_crl_revoked},
    {"report.signature", TRUSTEE, snp_check_signature},
    {"tcb.certificate", TRUSTEE, snp_check_tcb_cert},
    {"vek.extensions", ADVISORY, snp_check_vek_extensions},
    {"vek.kind", ADVISORY, snp_check_vek_kind},
    {"report.vmpl", TRUSTEE, snp_check_vmpl},
    {"report.report-data", TRUSTEE, snp_check_report_data},
    {"report.host-data", TRUSTEE, snp_check_host_data},
    {"report.signature-algo", ADVISORY, snp_check_sig_algo},
    {"key-info.format", ADVISORY, snp_check_key_info},
    {"key-info.masked", ADVISORY, snp_check_key_masked},
    {"key-info.none", ADVISORY, snp_check_key_none},
    {"key-info.kind", ADVISORY, snp_check_signing_key_kind},
    {"chip-id.masked", ADVISORY, snp_check_chip_id_masked},
    {"chip-id.certificate", ADVISORY, snp_check_chip_id},
    {"policy.format", ADVISORY, snp_check_policy_format},
    {"policy.debug", ADVISORY, snp_check_debug},
    {"policy.migration", ADVISORY, snp_check_migration},
    {"tcb.order", ADVISORY, snp_check_tcb_order},
    {"firmware.order", ADVISORY, snp_check_firmware_order},
    {"author-key.stray", ADVISORY, snp_check_author_key},
    {"tcb.provisional", REMARK, snp_check_tcb_provisional},
    {"root.test", REMARK, snp_check_test_root},
    {"expect.measurement", CALLER, snp_check_measurement},
    {"expect.family-id", CALLER, snp_check_family_id},
    {"expect.image-id", CALLER, snp_check_image_id},
    {"expect.report-id", CALLER, snp_check_report_id},
    {"expect.report-id-ma", CALLER, snp_check_report_id_ma},
    {"expect.chip-id", CALLER, snp_check_expected_chip_id},
    {"expect.id-key", CALLER, snp_check_id_keys},
    {"expect.author-key", CALLER, snp_check_author_keys},
    {"expect.guest-svn", CALLER, snp_check_guest_svn},
    {"expect.policy-forbidden", CALLER, snp_check_policy_forbidden},
    {"expect.policy-required", CALLER, snp_check_policy_required},
    {"expect.policy-abi", CALLER, snp_check_policy_abi},
    {"expect.platform", CALLER, snp_check_platform},
    {"expect.committed", CALLER, snp_check_committed},
    {"expect.tcb", CALLER, snp_check_tcb_minimum},
    {"expect.launch-tcb", CALLER, snp_check_launch_tcb_minimum},
    {"expect.firmware", CALLER, snp_check_firmware_minimum},
    {"expect.mitigations", CALLER, snp_check_mitigations},
};

_Static_assert(CMN_ARRAY_SIZE(rows) <= KBS_CHECKS_MAX, "the list of checks is too short");

/* ---- for the checks ---- */

int snp_no(struct kbs_check *c, enum cmn_reason reason, const char *fmt, ...)
{
    va_list ap;

    c->reason = reason;
    va_start(ap, fmt);
    (void)vsnprintf(c->message, sizeof(c->message), fmt, ap);
    va_end(ap);
    return SNP_NO;
}

void snp_expected(struct kbs_check *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(c->expected, sizeof(c->expected), fmt, ap);
    va_end(ap);
}

void snp_actual(struct kbs_check *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(c->actual, sizeof(c->actual), fmt, ap);
    va_end(ap);
}

void snp_hex(char out[136], const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = data;

    if (len > 64)
        len = 64;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * len] = 0;
}

void snp_tcb_text(char out[136], const struct snp_tcb *t, bool turin)
{
    char fmc[16] = "";

    if (turin)
        (void)snprintf(fmc, sizeof(fmc), "fmc %u ", t->fmc);
    (void)snprintf(out, 136, "%sbl %u tee %u snp %u ucode %u", fmc, t->bootloader, t->tee, t->snp,
                   t->microcode);
}

bool snp_tcb_above(const struct snp_tcb *a, const struct snp_tcb *b)
{
    return a->fmc > b->fmc || a->bootloader > b->bootloader || a->tee > b->tee || a->snp > b->snp ||
           a->microcode > b->microcode;
}

/* ---- the run ---- */

static bool refuses(enum kind kind, bool strict)
{
    return kind == TRUSTEE || kind == CALLER || (kind == ADVISORY && strict);
}

/* Runs the rows until one refuses. Negative: could not decide. */
static int run(struct snp_work *w, struct cmn_err *err)
{
    struct kbs_snp_result *res = w->res;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(rows); i++) {
        struct kbs_check *c = &res->checks.list[i];
        c->name = rows[i].name;
        res->checks.n = i + 1;
        if (res->reason)
            continue; /* not reached */
        int r = rows[i].check(w, c, err);
        if (r < 0)
            return cmn_err_wrap(err, r, "check %s", c->name);
        if (r != SNP_NO) {
            c->result = r == SNP_YES ? KBS_CHECK_PASS : KBS_CHECK_NOT_ASKED;
        } else if (refuses(rows[i].kind, w->strict)) {
            c->result = KBS_CHECK_FAIL;
            res->reason = c->reason;
            (void)snprintf(res->message, sizeof(res->message), "%s%s",
                           rows[i].kind == ADVISORY ? "strict: " : "", c->message);
        } else {
            c->result = KBS_CHECK_ADVISORY;
        }
    }
    res->accepted = !res->reason;
    return 0;
}

int kbs_snp_verify(struct cmn_env *env, const struct kbs_snp_input *in, struct kbs_snp_result *ret,
                   struct cmn_err *err)
{
    static const struct kbs_snp_expect nothing;
    struct snp_work w = {.env = env,
                         .in = in,
                         .expect = in->expect ? in->expect : &nothing,
                         .res = ret,
                         .report = &ret->report,
                         .strict = in->mode == KBS_SNP_STRICT};

    memset(ret, 0, sizeof(*ret));
    ret->root = "none";
    if (!in->roots || !in->evidence == !in->report.data)
        return cmn_err_set(err, EINVAL, "the verifier wants roots, and evidence or a report");
    int r = run(&w, err);
    for (size_t i = 0; i < SNP_CERTS_MAX; i++)
        kbs_cert_put(in->cache, w.read[i]);
    snp_certs_done(&w.own);
    return r;
}
