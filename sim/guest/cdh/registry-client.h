/*
 * registry-client.h - the guest's side of the OCI distribution API, and which registry an image
 * comes from.
 *
 * Source: guest-components 8246e5e image-rs/src/pull.rs, registry/ (containers-registries like
 * configuration), OCI distribution spec 1.1.
 */
#ifndef CDH_REGISTRY_CLIENT_H
#define CDH_REGISTRY_CLIENT_H

#include "common/http/client.h"
#include "sim/guest/cdh/cdh.h"
#include "sim/image/manifest.h"

struct cdh_source { /* where a pull looks */
    struct sim_reference ref;
    bool insecure; /* plain HTTP */
};

/*
 * Sources of an image in the order to try: mirrors, then its location, by [image.registry_config]
 * or registry_configuration_uri. *ret is malloc'ed. -EACCES when a rule blocks all.
 */
int cdh_sources(struct cdh *cdh, const struct sim_reference *ref, struct cdh_source **ret,
                size_t *ret_n, struct cmn_err *err) CMN_MUST_USE;

/* kind "manifests" or "blobs". Appends the URL. */
int cdh_source_url(const struct cdh_source *source, const char *kind, const char *target,
                   struct cmn_buf *ret) CMN_MUST_USE;

/*
 * The manifest of the source's reference, going through an index; digests checked. ret_desc is of
 * the manifest itself. Reasons image.registry-unreachable, image.not-found,
 * image.blob-digest-mismatch, ...
 */
int cdh_fetch_manifest(struct cmn_http_client *http, const struct cdh_source *source,
                       struct sim_oci_desc *ret_desc, struct cmn_buf *ret,
                       struct cmn_err *err) CMN_MUST_USE;
/* A small blob, whole, digest and size checked. */
int cdh_fetch_blob(struct cmn_http_client *http, const struct cdh_source *source,
                   const struct sim_oci_desc *desc, size_t max, struct cmn_buf *ret,
                   struct cmn_err *err) CMN_MUST_USE;

/* Turns a status that is not 200, or a failed transfer, into an error with its reason. */
int cdh_fetch_judge(int r, const struct cmn_http_answer *answer, const char *what, const char *url,
                    struct cmn_err *err) CMN_MUST_USE;

#endif
