/*
 * oci-store.h - content store of images: an OCI layout folder, or memory.
 *
 *     struct sim_oci_store *store = NULL;
 *     struct sim_oci_desc desc;
 *     int r = sim_oci_store_open("fixtures/hello", &store, &err);
 *     r = sim_oci_store_find(store, "1", &desc, &err);
 *     r = sim_oci_store_get(store, desc.digest, 1 << 20, &manifest, &err);
 *
 * Only sha256. One thread may write; reading is thread safe beside other readers.
 * Source: OCI image spec 1.1, image-layout.md.
 */
#ifndef SIM_OCI_STORE_H
#define SIM_OCI_STORE_H

#include "common/crypto/crypto.h"
#include "sim/image/reference.h"

#define SIM_OCI_MANIFEST_TYPE "application/vnd.oci.image.manifest.v1+json"
#define SIM_OCI_INDEX_TYPE    "application/vnd.oci.image.index.v1+json"
#define SIM_OCI_CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"

struct sim_oci_desc {
    char media_type[128];
    char digest[SIM_DIGEST_CAP];
    uint64_t size;
};

struct sim_oci_store;

/* An existing layout; -ENOENT, -EBADMSG (no layout). */
int sim_oci_store_open(const char *dir, struct sim_oci_store **ret,
                       struct cmn_err *err) CMN_MUST_USE;
/* Makes the layout if the folder is new or empty, else opens it. */
int sim_oci_store_create(const char *dir, struct sim_oci_store **ret,
                         struct cmn_err *err) CMN_MUST_USE;
int sim_oci_store_new_memory(struct sim_oci_store **ret, struct cmn_err *err) CMN_MUST_USE;
void sim_oci_store_free(struct sim_oci_store *store); /* NULL ok */
void sim_oci_store_cleanup(struct sim_oci_store **store);
#define auto_oci_store __attribute__((cleanup(sim_oci_store_cleanup)))

/* A descriptor of the index by tag (org.opencontainers.image.ref.name); NULL: the only one.
 * -ENOENT. */
int sim_oci_store_find(struct sim_oci_store *store, const char *tag, struct sim_oci_desc *ret,
                       struct cmn_err *err) CMN_MUST_USE;
/* The same, going through an image index to the manifest for linux on this processor. */
int sim_oci_store_find_manifest(struct sim_oci_store *store, const char *tag,
                                struct sim_oci_desc *ret, struct cmn_err *err) CMN_MUST_USE;
/* Sets or replaces a tag; a folder's index.json is replaced atomically. */
int sim_oci_store_tag(struct sim_oci_store *store, const char *tag, const struct sim_oci_desc *desc,
                      struct cmn_err *err) CMN_MUST_USE;

/* A blob's fd (caller closes; read it with pread or from its start) and size. -ENOENT. Not
 * verified. */
int sim_oci_store_blob(struct sim_oci_store *store, const char *digest, int *ret_fd,
                       uint64_t *ret_size, struct cmn_err *err) CMN_MUST_USE;
/* A whole blob, appended; above max -EFBIG. Not verified: what a registry would serve. */
int sim_oci_store_get_raw(struct sim_oci_store *store, const char *digest, size_t max,
                          struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
/* A whole blob that fits its digest, else -EBADMSG with reason image.blob-digest-mismatch. */
int sim_oci_store_get(struct sim_oci_store *store, const char *digest, size_t max,
                      struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
/* Stores bytes; ret_desc gets digest and size, and media_type is copied into it. */
int sim_oci_store_put(struct sim_oci_store *store, const char *media_type, struct cmn_bytes bytes,
                      struct sim_oci_desc *ret_desc, struct cmn_err *err) CMN_MUST_USE;

/* Writing a blob in pieces. */
struct sim_oci_writer;
int sim_oci_writer_new(struct sim_oci_store *store, struct sim_oci_writer **ret,
                       struct cmn_err *err) CMN_MUST_USE;
int sim_oci_writer_put(struct sim_oci_writer *w, const void *data, size_t len,
                       struct cmn_err *err) CMN_MUST_USE;
/* Makes the blob appear; the writer is gone afterwards, also on failure. */
int sim_oci_writer_commit(struct sim_oci_writer *w, const char *media_type,
                          struct sim_oci_desc *ret_desc, struct cmn_err *err) CMN_MUST_USE;
void sim_oci_writer_free(struct sim_oci_writer *w); /* gives up; NULL ok */

/* Lower-case "sha256:<hex>" of bytes. */
int sim_digest_of(const void *data, size_t len, char ret[SIM_DIGEST_CAP],
                  struct cmn_err *err) CMN_MUST_USE;
/* "amd64", "arm64", "s390x", "ppc64le": this processor in the words of image configs. */
const char *sim_oci_arch(void);

#endif
