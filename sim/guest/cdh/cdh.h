/*
 * cdh.h - the confidential data hub: resources, image keys, sealed secrets and images of the guest.
 *
 * Behaves as guest-components 8246e5e confidential-data-hub and image-rs, error texts included. One
 * object; every call is thread safe, as each opens its own connections (upstream makes a new KBS
 * client for each call too). libcurl and libarchive are first used when a call needs them.
 */
#ifndef CDH_H
#define CDH_H

#include "common/env/env.h"
#include "common/json/json.h"
#include "sim/image/reference.h"

struct cdh_config {
    char *socket;    /* "unix://..." */
    char *aa_socket; /* "unix://..." */
    char *kbc_name;  /* "cc_kbc", "offline_fs_kbc" */
    char *kbs_url;   /* without a trailing '/' */
    char *kbs_cert;  /* PEM or NULL */
    char *log_level; /* or NULL */
    bool skip_sealed_secret_verification;
    json_t *image;       /* [image], or NULL */
    json_t *credentials; /* [[credentials]]: rows with resource_uri and path; or NULL */
};

struct cdh {
    struct cmn_env *env;
    struct cdh_config config;
};

/* path NULL: values of the environment and the kernel command line. -EINVAL, reason
 * cdh.config-invalid. */
int cdh_config_load(const char *path, struct cdh_config *ret, struct cmn_err *err) CMN_MUST_USE;
void cdh_config_done(struct cdh_config *config);

/*
 * A resource by its URI (kbs:///a/b/c, kbs+plugin://...), appended to ret (secret). err holds
 * upstream's inner text; its reason is set only when the cause is on this side (AA or KBS not
 * reachable, answer that cannot be read): what the KBS refused, the KBS reports. Emits the event
 * cdh.resource (release-key) when it went well or err has a reason.
 */
int cdh_resource_get(struct cdh *cdh, const char *uri, struct cmn_buf *ret,
                     struct cmn_err *err) CMN_MUST_USE;
/* kbs[+plugin]://[host]/a/b/c[?query] to "resource/a/b/c[?query]". -EINVAL. */
int cdh_resource_path(const char *uri, struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;

/*
 * Fetches every [[credentials]] of the configuration into its file, as the hub does before it
 * serves. -EINVAL with cdh.config-invalid for a path outside /run/confidential-containers/cdh/kbs,
 * else the error of the fetch.
 */
int cdh_credentials_fetch(struct cdh *cdh, struct cmn_err *err) CMN_MUST_USE;
/* Below /run/confidential-containers/cdh/kbs, without "." and ".." parts. */
bool cdh_credential_path_ok(const char *path);

/* Opens one annotation packet (JSON): fetches its KEK; appends the private options (secret). */
int cdh_packet_open(struct cdh *cdh, struct cmn_bytes packet, struct cmn_buf *ret,
                    struct cmn_err *err) CMN_MUST_USE;
/* The keyprovider protocol: request JSON in, answer JSON out (secret). */
int cdh_unwrap_key(struct cdh *cdh, struct cmn_bytes request, struct cmn_buf *ret,
                   struct cmn_err *err) CMN_MUST_USE;
/* A sealed secret's plaintext, appended (secret). */
int cdh_unseal(struct cdh *cdh, struct cmn_bytes text, struct cmn_buf *ret,
               struct cmn_err *err) CMN_MUST_USE;
/* Pulls an image into <bundle>/rootfs; ret_digest gets the manifest's digest. */
int cdh_pull_image(struct cdh *cdh, const char *image, const char *bundle,
                   char ret_digest[SIM_DIGEST_CAP], struct cmn_err *err) CMN_MUST_USE;

/* Serves the five services until a signal; returns an exit status. */
int cdh_serve(struct cdh *cdh, struct cmn_err *err);

#endif
