/* oci-store.c - blobs and index of a layout folder or of memory; see oci-store.h. */
#include "sim/image/oci-store.h"
#include "common/enc/enc.h"
#include "common/json/json.h"
#include "sim/image/manifest.h"

#include <dirent.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define INDEX_MAX_BYTES (4u << 20)
#define REF_NAME        "org.opencontainers.image.ref.name"

struct memory_blob {
    char digest[SIM_DIGEST_CAP];
    int fd; /* memfd */
};

struct sim_oci_store {
    char *dir; /* NULL: memory */
    json_t *index;
    struct memory_blob *blobs;
    size_t n_blobs;
};

struct sim_oci_writer {
    struct sim_oci_store *store;
    EVP_MD_CTX *md;
    int fd;
    char *temp; /* path of the folder store's temp file */
    uint64_t size;
};

const char *sim_oci_arch(void)
{
    static const char *const names[][2] = {
        {"x86_64", "amd64"}, {"aarch64", "arm64"}, {"s390x", "s390x"}, {"ppc64le", "ppc64le"}};
    struct utsname u;

    if (uname(&u) == 0)
        for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++)
            if (strcmp(u.machine, names[i][0]) == 0)
                return names[i][1];
    return "unknown";
}

int sim_digest_of(const void *data, size_t len, char ret[SIM_DIGEST_CAP], struct cmn_err *err)
{
    uint8_t md[32];

    if (EVP_Digest(data, len, md, NULL, EVP_sha256(), NULL) != 1)
        return cmn_err_set(err, EIO, "SHA-256 failed");
    auto_free char *hex = cmn_hex(md, sizeof(md));
    if (!hex)
        return cmn_err_set(err, ENOMEM, "no memory");
    (void)snprintf(ret, SIM_DIGEST_CAP, "sha256:%s", hex);
    return 0;
}

static char *path_of(const struct sim_oci_store *store, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", store->dir, name) < 0 ? NULL : path;
}

static int index_load(struct sim_oci_store *store, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    auto_free char *path = path_of(store, "index.json");
    int r = path ? cmn_file_read(path, INDEX_MAX_BYTES, &text, err)
                 : cmn_err_set(err, ENOMEM, "no memory");

    if (r == 0)
        r = cmn_json_load(cmn_buf_bytes(&text), CMN_JSON_MAX_DEPTH, &store->index, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "OCI layout '%.200s': index.json", store->dir);
    if (!json_is_array(json_object_get(store->index, "manifests")))
        return cmn_err_set(err, EBADMSG, "OCI layout '%.200s': index.json has no manifests",
                           store->dir);
    return 0;
}

static int store_new(const char *dir, struct sim_oci_store **ret, struct cmn_err *err)
{
    struct sim_oci_store *s = calloc(1, sizeof(*s));

    if (s && dir && !(s->dir = strdup(dir)))
        free(cmn_take(s));
    if (!s)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret = s;
    return 0;
}

int sim_oci_store_open(const char *dir, struct sim_oci_store **ret, struct cmn_err *err)
{
    auto_oci_store struct sim_oci_store *s = NULL;
    auto_buf struct cmn_buf marker = {0};
    int r = store_new(dir, &s, err);

    if (r < 0)
        return r;
    auto_free char *path = path_of(s, "oci-layout");
    if (!path)
        return cmn_err_set(err, ENOMEM, "no memory");
    r = cmn_file_read(path, 4096, &marker, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "'%.200s' is no OCI layout", dir);
    r = index_load(s, err);
    if (r < 0)
        return r;
    *ret = cmn_take(s);
    return 0;
}

static json_t *empty_index(void)
{
    return json_pack("{s:i,s:s,s:[]}", "schemaVersion", 2, "mediaType", SIM_OCI_INDEX_TYPE,
                     "manifests");
}

static int write_index(struct sim_oci_store *s, struct cmn_err *err)
{
    auto_free char *path = path_of(s, "index.json");
    auto_free char *text = cmn_json_dump(s->index);

    if (!path || !text)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_file_write(path, text, strlen(text), 0644, err);
}

int sim_oci_store_create(const char *dir, struct sim_oci_store **ret, struct cmn_err *err)
{
    static const char marker[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    auto_oci_store struct sim_oci_store *s = NULL;
    int r = store_new(dir, &s, err);

    if (r < 0)
        return r;
    auto_free char *layout = path_of(s, "oci-layout");
    auto_free char *blobs = path_of(s, "blobs/sha256");
    if (!layout || !blobs)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (access(layout, F_OK) == 0)
        return sim_oci_store_open(dir, ret, err);
    r = cmn_mkdir_p(blobs, 0755, err);
    if (r == 0 && !(s->index = empty_index()))
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        r = write_index(s, err);
    if (r == 0)
        r = cmn_file_write(layout, marker, sizeof(marker) - 1, 0644, err);
    if (r < 0)
        return r;
    *ret = cmn_take(s);
    return 0;
}

int sim_oci_store_new_memory(struct sim_oci_store **ret, struct cmn_err *err)
{
    auto_oci_store struct sim_oci_store *s = NULL;
    int r = store_new(NULL, &s, err);

    if (r < 0)
        return r;
    s->index = empty_index();
    if (!s->index)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret = cmn_take(s);
    return 0;
}

void sim_oci_store_free(struct sim_oci_store *store)
{
    if (!store)
        return;
    for (size_t i = 0; i < store->n_blobs; i++)
        (void)close(store->blobs[i].fd);
    free(store->blobs);
    json_decref(store->index);
    free(store->dir);
    free(store);
}

void sim_oci_store_cleanup(struct sim_oci_store **store)
{
    sim_oci_store_free(*store);
}

static const char *tag_of(const json_t *entry)
{
    return cmn_json_str(json_object_get(entry, "annotations"), REF_NAME);
}

static int desc_of(const json_t *entry, struct sim_oci_desc *ret, struct cmn_err *err)
{
    const char *type = cmn_json_str(entry, "mediaType"), *digest = cmn_json_str(entry, "digest");
    json_int_t size = cmn_json_int(entry, "size", -1);

    if (!type || !digest || !sim_digest_valid(digest) || size < 0 ||
        strlen(type) >= sizeof(ret->media_type))
        return cmn_err_set(err, EBADMSG, "index.json: an entry has no media type, digest or size");
    strcpy(ret->media_type, type);
    strcpy(ret->digest, digest);
    ret->size = (uint64_t)size;
    return 0;
}

int sim_oci_store_find(struct sim_oci_store *store, const char *tag, struct sim_oci_desc *ret,
                       struct cmn_err *err)
{
    const json_t *manifests = json_object_get(store->index, "manifests"), *entry;
    const char *where = store->dir ? store->dir : "memory";
    size_t i;

    if (!tag && json_array_size(manifests) == 1)
        return desc_of(json_array_get(manifests, 0), ret, err);
    if (!tag)
        return cmn_err_set(err, ENOENT, "'%.200s' has %zu images: name a tag", where,
                           json_array_size(manifests));
    json_array_foreach(manifests, i, entry) {
        const char *name = tag_of(entry);
        if (name && strcmp(name, tag) == 0)
            return desc_of(entry, ret, err);
    }
    return cmn_err_reason(err, ENOENT, CMN_REASON_IMAGE_NOT_FOUND, "'%.200s' has no tag '%.128s'",
                          where, tag);
}

int sim_oci_store_find_manifest(struct sim_oci_store *store, const char *tag,
                                struct sim_oci_desc *ret, struct cmn_err *err)
{
    struct sim_oci_desc desc;
    int r = sim_oci_store_find(store, tag, &desc, err);

    if (r == 0 && sim_is_index_type(desc.media_type)) {
        auto_buf struct cmn_buf text = {0};
        r = sim_oci_store_get(store, desc.digest, SIM_MANIFEST_MAX_BYTES, &text, err);
        if (r == 0)
            r = sim_index_pick(cmn_buf_bytes(&text), &desc, err);
    }
    if (r == 0)
        *ret = desc;
    return r;
}

int sim_oci_store_tag(struct sim_oci_store *store, const char *tag, const struct sim_oci_desc *desc,
                      struct cmn_err *err)
{
    json_t *manifests = json_object_get(store->index, "manifests");

    for (size_t i = json_array_size(manifests); i-- > 0;) {
        const char *name = tag_of(json_array_get(manifests, i));
        if (name && strcmp(name, tag) == 0)
            (void)json_array_remove(manifests, i);
    }
    json_t *entry =
        json_pack("{s:s,s:s,s:I,s:{s:s}}", "mediaType", desc->media_type, "digest", desc->digest,
                  "size", (json_int_t)desc->size, "annotations", REF_NAME, tag);
    if (!entry || json_array_append_new(manifests, entry) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return store->dir ? write_index(store, err) : 0;
}

static const struct memory_blob *memory_find(const struct sim_oci_store *s, const char *digest)
{
    for (size_t i = 0; i < s->n_blobs; i++)
        if (strcmp(s->blobs[i].digest, digest) == 0)
            return &s->blobs[i];
    return NULL;
}

/* A new open file description, so that each reader has its own offset. */
static int blob_fd(const struct sim_oci_store *s, const char *digest)
{
    auto_free char *path = NULL;
    const struct memory_blob *blob = s->dir ? NULL : memory_find(s, digest);

    if (!sim_digest_valid(digest) || (!s->dir && !blob))
        return -ENOENT;
    int n = s->dir ? asprintf(&path, "%s/blobs/sha256/%s", s->dir, digest + 7)
                   : asprintf(&path, "/proc/self/fd/%d", blob->fd);
    if (n < 0) {
        path = NULL;
        return -ENOMEM;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int sim_oci_store_blob(struct sim_oci_store *store, const char *digest, int *ret_fd,
                       uint64_t *ret_size, struct cmn_err *err)
{
    struct stat st;
    auto_close int fd = blob_fd(store, digest);

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        int e = fd < 0 ? -fd : ENOENT;
        return cmn_err_reason(err, e, CMN_REASON_IMAGE_NOT_FOUND, "no blob %.80s: %s", digest,
                              strerror(e));
    }
    *ret_size = (uint64_t)st.st_size;
    *ret_fd = fd;
    fd = -1;
    return 0;
}

int sim_oci_store_get_raw(struct sim_oci_store *store, const char *digest, size_t max,
                          struct cmn_buf *ret, struct cmn_err *err)
{
    auto_close int fd = -1;
    uint64_t size = 0;
    int r = sim_oci_store_blob(store, digest, &fd, &size, err);

    if (r < 0)
        return r;
    if (size > max)
        return cmn_err_reason(err, EFBIG, CMN_REASON_IMAGE_TOO_LARGE,
                              "blob %.80s has %llu bytes, at most %zu are read", digest,
                              (unsigned long long)size, max);
    if (cmn_buf_reserve(ret, (size_t)size) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_fd_read_all(fd, max, ret, err);
}

int sim_oci_store_get(struct sim_oci_store *store, const char *digest, size_t max,
                      struct cmn_buf *ret, struct cmn_err *err)
{
    char got[SIM_DIGEST_CAP];
    size_t before = ret->len;
    int r = sim_oci_store_get_raw(store, digest, max, ret, err);

    if (r == 0)
        r = sim_digest_of(ret->data + before, ret->len - before, got, err);
    if (r == 0 && strcmp(got, digest) != 0)
        r = cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_BLOB_DIGEST_MISMATCH,
                           "blob %.80s has digest %s", digest, got);
    return r;
}

int sim_oci_writer_new(struct sim_oci_store *store, struct sim_oci_writer **ret,
                       struct cmn_err *err)
{
    struct sim_oci_writer *w = calloc(1, sizeof(*w));

    if (!w)
        return cmn_err_set(err, ENOMEM, "no memory");
    w->store = store;
    w->fd = -1;
    w->md = EVP_MD_CTX_new();
    if (!w->md || EVP_DigestInit_ex(w->md, EVP_sha256(), NULL) != 1) {
        sim_oci_writer_free(w);
        return cmn_err_set(err, EIO, "SHA-256 failed");
    }
    if (!store->dir) {
        w->fd = memfd_create("oci-blob", MFD_CLOEXEC);
    } else if (asprintf(&w->temp, "%s/blobs/sha256/.new-XXXXXX", store->dir) >= 0) {
        w->fd = mkostemp(w->temp, O_CLOEXEC);
    } else {
        w->temp = NULL;
    }
    if (w->fd < 0) {
        int e = errno;
        free(cmn_take(w->temp)); /* no file of that name was made */
        sim_oci_writer_free(w);
        return cmn_err_set(err, e, "a new blob: %s", strerror(e));
    }
    *ret = w;
    return 0;
}

int sim_oci_writer_put(struct sim_oci_writer *w, const void *data, size_t len, struct cmn_err *err)
{
    int r = cmn_fd_write_all(w->fd, data, len);

    if (r < 0)
        return cmn_err_set(err, -r, "writing a blob: %s", strerror(-r));
    w->size += len;
    if (EVP_DigestUpdate(w->md, data, len) != 1)
        return cmn_err_set(err, EIO, "SHA-256 failed");
    return 0;
}

static int memory_add(struct sim_oci_writer *w, const char *digest, struct cmn_err *err)
{
    struct sim_oci_store *s = w->store;

    if (memory_find(s, digest))
        return 0;
    struct memory_blob *blobs = reallocarray(s->blobs, s->n_blobs + 1, sizeof(*blobs));
    if (!blobs)
        return cmn_err_set(err, ENOMEM, "no memory");
    s->blobs = blobs;
    strcpy(blobs[s->n_blobs].digest, digest);
    blobs[s->n_blobs++].fd = w->fd;
    w->fd = -1;
    return 0;
}

static int dir_add(struct sim_oci_writer *w, const char *digest, struct cmn_err *err)
{
    auto_free char *path = NULL;

    if (asprintf(&path, "%s/blobs/sha256/%s", w->store->dir, digest + 7) < 0) {
        path = NULL;
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    if (fchmod(w->fd, 0644) < 0 || rename(w->temp, path) < 0)
        return cmn_err_set(err, errno, "'%.300s': %s", path, strerror(errno));
    free(cmn_take(w->temp));
    return 0;
}

int sim_oci_writer_commit(struct sim_oci_writer *w, const char *media_type,
                          struct sim_oci_desc *ret_desc, struct cmn_err *err)
{
    uint8_t md[32];
    struct sim_oci_desc desc = {.size = w->size};
    int r = EVP_DigestFinal_ex(w->md, md, NULL) == 1 ? 0 : cmn_err_set(err, EIO, "SHA-256 failed");
    auto_free char *hex = cmn_hex(md, sizeof(md));

    if (r == 0 && (!hex || strlen(media_type) >= sizeof(desc.media_type)))
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0) {
        strcpy(desc.media_type, media_type);
        (void)snprintf(desc.digest, sizeof(desc.digest), "sha256:%s", hex);
        r = w->store->dir ? dir_add(w, desc.digest, err) : memory_add(w, desc.digest, err);
    }
    if (r == 0)
        *ret_desc = desc;
    sim_oci_writer_free(w);
    return r;
}

void sim_oci_writer_free(struct sim_oci_writer *w)
{
    if (!w)
        return;
    if (w->temp)
        (void)unlink(w->temp);
    if (w->fd >= 0)
        (void)close(w->fd);
    free(w->temp);
    EVP_MD_CTX_free(w->md);
    free(w);
}

int sim_oci_store_put(struct sim_oci_store *store, const char *media_type, struct cmn_bytes bytes,
                      struct sim_oci_desc *ret_desc, struct cmn_err *err)
{
    struct sim_oci_writer *w = NULL;
    int r = sim_oci_writer_new(store, &w, err);

    if (r < 0)
        return r;
    r = sim_oci_writer_put(w, bytes.data, bytes.len, err);
    if (r < 0) {
        sim_oci_writer_free(w);
        return r;
    }
    return sim_oci_writer_commit(w, media_type, ret_desc, err);
}
