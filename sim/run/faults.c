/*
 * faults.c - faults: of a scenario at the PSP and the registry, which offer taps. The code under
 * test knows nothing of them. Those on the broker's wire are in fault-wire.c.
 */
#include "sim/run/run-internal.h"

#include <string.h>

void sim_run_fault_told(struct sim_run *run, enum sim_phase phase, const struct sim_fault *f)
{
    sim_run_emit(run, phase, "fault", f->at, SIM_INFO, CMN_REASON_NONE, NULL,
                 json_pack("{s:s, s:s?, s:I}", "fault", sim_fault_kind_name(f->kind), "what",
                           f->what, "offset",
                           (json_int_t)(f->kind == SIM_FAULT_TRUNCATE ? f->length : f->offset)));
}

bool sim_run_has_fault(const struct sim_run *run, const char *at)
{
    for (size_t i = 0; i < run->plan->n_faults; i++)
        if (strncmp(run->plan->faults[i].at, at, strlen(at)) == 0)
            return true;
    return false;
}

void sim_run_fault_report(void *ctx, uint8_t report[SNP_REPORT_BYTES])
{
    struct sim_run *run = ctx;
    bool resign = false;

    for (size_t i = 0; i < run->plan->n_faults; i++) {
        const struct sim_fault *f = &run->plan->faults[i];
        if (strcmp(f->at, "psp.report") != 0)
            continue;
        if (f->kind == SIM_FAULT_FLIP)
            report[f->offset] ^= 1;
        else
            memcpy(report + f->offset, f->bytes.data,
                   f->bytes.len); /* the loader checked the end */
        resign |= f->resign;
        sim_run_fault_told(run, SIM_PHASE_ATTEST, f);
    }
    struct cmn_err err = {0};
    if (resign && ftee_psp_sign_report(run->psp, report, &err) < 0)
        sim_run_emit_err(run, SIM_PHASE_ATTEST, "fault", "psp.report", &err);
}

static void change_bytes(const struct sim_fault *f, struct cmn_buf *bytes)
{
    if (f->kind == SIM_FAULT_FLIP)
        bytes->data[f->offset < bytes->len ? f->offset : bytes->len - 1] ^= 1;
    else if (f->length < bytes->len)
        CMN_IGNORE(cmn_buf_resize(bytes, f->length)); /* it only gets shorter */
}

static int reissue(struct sim_run *run, const struct sim_fault *f, struct cmn_buf *ret,
                   struct cmn_err *err)
{
    const struct sim_reissue *n = &f->reissue;
    struct snp_tcb tcb = run->plan->guest.platform.reported;
    const struct ftee_ext drop = {n->drop, FTEE_EXT_DROP, false, {0}};

    if (n->other_tcb)
        tcb.snp--;
    return ftee_ca_issue(run->ca,
                         &(struct ftee_issue){.kind = n->kind,
                                              .chip = n->has_chip ? n->chip : run->plan->guest.chip,
                                              .tcb = &tcb,
                                              .not_before = n->not_before,
                                              .not_after = n->not_after,
                                              .subject_cn = n->subject,
                                              .alg = n->alg,
                                              .exts = n->drop ? &drop : NULL,
                                              .n_exts = n->drop ? 1 : 0},
                         NULL, ret, err);
}

/* The host's table with this certificate instead of the one of its kind. */
static int replace_cert(struct sim_run *run, const struct sim_fault *f, struct cmn_buf *table,
                        struct cmn_err *err)
{
    static const enum snp_cert_type types[] = {
        [FTEE_CERT_ARK] = SNP_CERT_ARK,   [FTEE_CERT_ASK] = SNP_CERT_ASK,
        [FTEE_CERT_ASVK] = SNP_CERT_ASK,  [FTEE_CERT_VCEK] = SNP_CERT_VCEK,
        [FTEE_CERT_VLEK] = SNP_CERT_VLEK,
    };
    auto_certs struct snp_certs old = {0}, fresh = {0};
    auto_buf struct cmn_buf der = {0}, out = {0};
    int r = snp_certs_decode(table->data, table->len, &old, err);

    if (r == 0)
        r = reissue(run, f, &der, err);
    for (size_t i = 0; r == 0 && i < old.n; i++) {
        bool it = old.list[i].type == types[f->reissue.kind];
        r = snp_certs_add(&fresh, old.list[i].type, cmn_buf_bytes(it ? &der : &old.list[i].bytes),
                          err);
    }
    if (r == 0 && (r = snp_certs_encode(&fresh, &out)) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0) {
        cmn_buf_done(table);
        *table = out;
        out = (struct cmn_buf){0};
    }
    return r;
}

void sim_run_fault_certs(void *ctx, struct cmn_buf *table)
{
    struct sim_run *run = ctx;

    for (size_t i = 0; i < run->plan->n_faults; i++) {
        const struct sim_fault *f = &run->plan->faults[i];
        struct cmn_err err = {0};
        if (strcmp(f->at, "psp.certs") != 0 || !table->len)
            continue;
        sim_run_fault_told(run, SIM_PHASE_ATTEST, f);
        if (f->kind != SIM_FAULT_REISSUE)
            change_bytes(f, table);
        else if (replace_cert(run, f, table, &err) < 0)
            sim_run_emit_err(run, SIM_PHASE_ATTEST, "fault", f->at, &err);
    }
}

void sim_run_fault_registry(void *ctx, const char *point, struct cmn_buf *bytes)
{
    struct sim_run *run = ctx;

    for (size_t i = 0; i < run->plan->n_faults; i++) {
        const struct sim_fault *f = &run->plan->faults[i];
        if (strcmp(f->at, point) != 0 || !bytes->len)
            continue;
        change_bytes(f, bytes);
        sim_run_fault_told(run, SIM_PHASE_PULL_IMAGE, f);
    }
}
