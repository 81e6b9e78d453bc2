/*
 * registry.h - a read-only registry: OCI distribution API (GET and HEAD of /v2/) over content
 * stores.
 *
 *     struct sim_registry *reg = NULL;
 *     r = sim_registry_new(&reg, &err);
 *     r = sim_registry_add(reg, "registry.local/hello:1", store, "1", &err);   // store outlives
 * reg opts.handle = sim_registry_handle; opts.ctx = reg;                        //
 * common/http/server.h
 *
 * Blobs are served as the store has them, unverified: that is the client's job. Images are told
 * apart by repository; when two registries have the same one, by the Host header. Source: OCI
 * distribution spec 1.1.
 */
#ifndef SIM_REGISTRY_H
#define SIM_REGISTRY_H

#include "common/http/server.h"
#include "sim/image/oci-store.h"

struct sim_registry;

struct sim_registry_event {
    const char *method;
    const char *repository;
    const char *kind;   /* "manifest", "config", "blob" (a layer), "api" */
    const char *target; /* tag or digest as asked */
    int status;
    size_t bytes; /* of the answer's body */
};

int sim_registry_new(struct sim_registry **ret, struct cmn_err *err) CMN_MUST_USE;
void sim_registry_free(struct sim_registry *reg); /* NULL ok */
/* Adds (or replaces) an image; store is borrowed, tag NULL is its only image. Before serving. */
int sim_registry_add(struct sim_registry *reg, const char *reference, struct sim_oci_store *store,
                     const char *tag, struct cmn_err *err) CMN_MUST_USE;
/*
 * Fault seam, called on the bytes of every answer before it is sent; may change them. Points:
 * "registry.manifest", "registry.config", "registry.blob" (layers). Runs on server threads.
 */
void sim_registry_set_tap(struct sim_registry *reg,
                          void (*tap)(void *ctx, const char *point, struct cmn_buf *bytes),
                          void *ctx);
void sim_registry_set_observer(struct sim_registry *reg,
                               void (*observe)(void *ctx, const struct sim_registry_event *event),
                               void *ctx);
/* A cmn_http_handler; ctx is the registry. Thread safe. */
void sim_registry_handle(void *reg, const struct cmn_http_request *req,
                         struct cmn_http_response *resp);

#endif
