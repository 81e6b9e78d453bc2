/*
 * reference.h - image references, normalised as container tools do it.
 *
 *     struct sim_reference ref;
 *     int r = sim_reference_parse("busybox", &ref, &err);    // docker.io, library/busybox, latest
 *
 * Grammar: [host[:port]/]path[:tag][@sha256:hex]; the first part is a host when it holds '.' or ':'
 * or is "localhost". Source: distribution/reference; the OCI distribution spec for names and tags.
 */
#ifndef SIM_REFERENCE_H
#define SIM_REFERENCE_H

#include "common/buf/buf.h"

#define SIM_DIGEST_CAP (7 + 64 + 1) /* "sha256:" + hex + NUL */

struct sim_reference {
    char registry[256];          /* "docker.io", "registry.local:5000" */
    char repository[256];        /* "library/busybox" */
    char tag[129];               /* "" when only a digest was given; "latest" when neither was */
    char digest[SIM_DIGEST_CAP]; /* "" when absent */
};

/* -EINVAL with reason image.reference-invalid. */
int sim_reference_parse(const char *text, struct sim_reference *ret,
                        struct cmn_err *err) CMN_MUST_USE;
/* Appends registry/repository[:tag][@digest]. */
int sim_reference_print(const struct sim_reference *ref, struct cmn_buf *ret) CMN_MUST_USE;
/* What /v2/<name>/manifests/<here> takes: the digest when there is one, else the tag. */
const char *sim_reference_target(const struct sim_reference *ref);

/* "sha256:" and 64 lower-case hex digits. */
bool sim_digest_valid(const char *digest);

#endif
