/*
 * fault-wire.c - faults: of a scenario on the broker's wire: a handler put before its own, which
 * sees every request of the guest and may change it.
 */
#include "sim/run/remote.h"
#include "sim/run/run-internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The object that holds the last part of a path such as "runtime-data.nonce", and that part. */
static json_t *parent_of(json_t *doc, const char *path, const char **ret_last)
{
    char part[128];

    for (const char *dot; (dot = strchr(path, '.')); path = dot + 1) {
        (void)snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
        doc = json_object_get(doc, part);
    }
    *ret_last = path;
    return json_is_object(doc) ? doc : NULL;
}

/* With the run's lock: the first session's member is kept, in every later request it is put. */
static bool replay(struct sim_run *run, json_t *doc, const char *member)
{
    json_t *value = json_object_get(doc, member);
    bool changed = false;

    (void)pthread_mutex_lock(&run->lock);
    if (value && !run->first_evidence)
        run->first_evidence = json_incref(value);
    else if (value)
        changed = json_object_set(doc, member, run->first_evidence) == 0;
    (void)pthread_mutex_unlock(&run->lock);
    return changed;
}

static bool change(struct sim_run *run, const struct sim_fault *f, json_t *doc)
{
    const char *last;

    if (f->kind == SIM_FAULT_REPLAY)
        return replay(run, doc, f->what);
    json_t *parent = parent_of(doc, f->what, &last);
    if (!parent)
        return false;
    return (f->kind == SIM_FAULT_SET ? json_object_set(parent, last, f->value)
                                     : json_object_del(parent, last)) == 0;
}

static bool strikes(const struct sim_fault *f, const char *path)
{
    return (strcmp(f->at, "wire.attest") == 0 && strcmp(path, "/kbs/v0/attest") == 0) ||
           (strcmp(f->at, "wire.auth") == 0 && strcmp(path, "/kbs/v0/auth") == 0);
}

/* A request without its cookie: the rest of its headers is the first one's. */
static const char *no_cookie(const struct cmn_http_request *req, const char *name)
{
    const struct cmn_http_request *first = req->impl;

    return strcasecmp(name, "Cookie") == 0 ? NULL : first->header(first, name);
}

void sim_run_kbs_handler(void *ctx, const struct cmn_http_request *req,
                         struct cmn_http_response *resp)
{
    struct sim_run *run = ctx;
    struct cmn_http_request other = *req;
    auto_json json_t *doc = NULL;
    auto_free char *body = NULL;
    bool changed = false;

    for (size_t i = 0; i < run->plan->n_faults; i++) {
        const struct sim_fault *f = &run->plan->faults[i];
        if (!strikes(f, req->path))
            continue;
        bool struck = f->kind == SIM_FAULT_DROP && strcmp(f->what, "cookie") == 0;
        if (struck) {
            other.header = no_cookie;
            other.impl = (void *)(uintptr_t)req;
        } else if (doc || cmn_json_load(req->body, CMN_JSON_MAX_DEPTH, &doc, NULL) == 0) {
            struck = change(run, f, doc);
            changed |= struck;
        }
        if (struck)
            sim_run_fault_told(run, SIM_PHASE_ATTEST, f);
    }
    if (changed && (body = cmn_json_dump(doc)))
        other.body = cmn_bytes(body, strlen(body));
    if (run->opts->kbs_url)
        sim_remote_handle(run, &other, resp);
    else
        kbs_handle(run->kbs, &other, resp);
}
