/*
 * faults.c - faults: of a scenario, each at a named seam. The code under test knows nothing of
 * them: the PSP server and the registry offer a tap, and the broker's wire is a handler put before
 * its own.
 */
#include "sim/run/run-internal.h"

#include <string.h>

static void told(struct sim_run *run, enum sim_phase phase, const struct sim_fault *f)
{
    static const char *const kinds[] = {"flip", "truncate", "replay"};

    sim_run_emit(run, phase, "fault", f->at, SIM_INFO, CMN_REASON_NONE, NULL,
                 json_pack("{s:s, s:s?, s:I}", "fault", kinds[f->kind], "what", f->what, "offset",
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

    for (size_t i = 0; i < run->plan->n_faults; i++) {
        const struct sim_fault *f = &run->plan->faults[i];
        if (strcmp(f->at, "psp.report") != 0 || f->offset >= SNP_REPORT_BYTES)
            continue;
        report[f->offset] ^= 1;
        told(run, SIM_PHASE_ATTEST, f);
    }
}

void sim_run_fault_registry(void *ctx, const char *point, struct cmn_buf *bytes)
{
    struct sim_run *run = ctx;

    for (size_t i = 0; i < run->plan->n_faults; i++) {
        const struct sim_fault *f = &run->plan->faults[i];
        if (strcmp(f->at, point) != 0 || !bytes->len)
            continue;
        if (f->kind == SIM_FAULT_FLIP)
            bytes->data[f->offset < bytes->len ? f->offset : bytes->len - 1] ^= 1;
        else if (f->length >= bytes->len || cmn_buf_resize(bytes, f->length) < 0)
            continue;
        told(run, SIM_PHASE_PULL_IMAGE, f);
    }
}

/* The request's body with the first session's evidence in it; false: nothing to change. */
static bool replay(struct sim_run *run, struct cmn_bytes body, char **ret)
{
    auto_json json_t *doc = NULL;
    bool changed = false;

    if (cmn_json_load(body, CMN_JSON_MAX_DEPTH, &doc, NULL) < 0)
        return false;
    json_t *evidence = json_object_get(doc, "tee-evidence");
    if (!evidence)
        return false;
    (void)pthread_mutex_lock(&run->lock);
    if (!run->first_evidence)
        run->first_evidence = json_incref(evidence);
    else
        changed = json_object_set(doc, "tee-evidence", run->first_evidence) == 0;
    (void)pthread_mutex_unlock(&run->lock);
    *ret = changed ? cmn_json_dump(doc) : NULL;
    return *ret != NULL;
}

void sim_run_kbs_handler(void *ctx, const struct cmn_http_request *req,
                         struct cmn_http_response *resp)
{
    struct sim_run *run = ctx;
    struct cmn_http_request other = *req;
    auto_free char *body = NULL;

    for (size_t i = 0; i < run->plan->n_faults; i++) {
        const struct sim_fault *f = &run->plan->faults[i];
        if (f->kind == SIM_FAULT_REPLAY && strcmp(req->path, "/kbs/v0/attest") == 0 &&
            replay(run, req->body, &body)) {
            other.body = cmn_bytes(body, strlen(body));
            told(run, SIM_PHASE_ATTEST, f);
            break;
        }
    }
    kbs_handle(run->kbs, &other, resp);
}
