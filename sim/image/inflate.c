/* inflate.c - libarchive's filters with its raw format; see inflate.h. */
#include "sim/image/inflate.h"

#include <archive.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (128u << 10)

struct sim_inflate {
    enum sim_compression kind;
    sim_read_fn *read;
    void *ctx;
    struct archive *archive; /* NULL for plain tar, and before the first read */
    struct cmn_err err;      /* of the source */
    uint8_t chunk[CHUNK];
};

static ssize_t on_read(struct archive *a, void *ctx, const void **ret)
{
    struct sim_inflate *z = ctx;
    ssize_t n = z->read(z->ctx, z->chunk, CHUNK, &z->err);

    *ret = z->chunk;
    if (n < 0)
        archive_set_error(a, (int)-n, "%s", z->err.msg);
    return n < 0 ? -1 : n;
}

static int unpack_failed(struct sim_inflate *z, const char *what, struct cmn_err *err)
{
    if (z->err.code) {
        if (err)
            *err = z->err;
        return -z->err.code;
    }
    return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_UNPACK_FAILED, "%s", what);
}

static int start(struct sim_inflate *z, struct cmn_err *err)
{
    int want = z->kind == SIM_COMPRESSION_GZIP ? ARCHIVE_FILTER_GZIP : ARCHIVE_FILTER_ZSTD;
    const char *name = z->kind == SIM_COMPRESSION_GZIP ? "gzip" : "zstd";
    struct archive_entry *entry;
    char what[256];

    z->archive = archive_read_new();
    if (!z->archive)
        return cmn_err_set(err, ENOMEM, "no memory");
    if ((want == ARCHIVE_FILTER_GZIP
             ? archive_read_support_filter_gzip(z->archive)
             : archive_read_support_filter_zstd(z->archive)) != ARCHIVE_OK ||
        archive_read_support_format_raw(z->archive) != ARCHIVE_OK ||
        archive_read_open(z->archive, z, NULL, on_read, NULL) != ARCHIVE_OK ||
        archive_read_next_header(z->archive, &entry) != ARCHIVE_OK) {
        (void)snprintf(what, sizeof(what), "%s: %.200s", name, archive_error_string(z->archive));
        return unpack_failed(z, what, err);
    }
    if (archive_filter_code(z->archive, 0) != want) { /* the raw format takes anything */
        (void)snprintf(what, sizeof(what), "the layer is no %s stream", name);
        return unpack_failed(z, what, err);
    }
    return 0;
}

int sim_inflate_new(enum sim_compression kind, sim_read_fn *read, void *ctx,
                    struct sim_inflate **ret, struct cmn_err *err)
{
    struct sim_inflate *z = calloc(1, sizeof(*z));

    if (!z)
        return cmn_err_set(err, ENOMEM, "no memory");
    z->kind = kind;
    z->read = read;
    z->ctx = ctx;
    *ret = z;
    return 0;
}

ssize_t sim_inflate_read(void *inflate, void *buf, size_t cap, struct cmn_err *err)
{
    struct sim_inflate *z = inflate;
    char what[256];

    if (z->kind == SIM_COMPRESSION_NONE)
        return z->read(z->ctx, buf, cap, err);
    if (!z->archive) {
        int r = start(z, err);
        if (r < 0)
            return r;
    }
    ssize_t n = archive_read_data(z->archive, buf, cap);
    if (n >= 0)
        return n;
    (void)snprintf(what, sizeof(what), "decompression failed: %.200s",
                   archive_error_string(z->archive));
    return unpack_failed(z, what, err);
}

void sim_inflate_free(struct sim_inflate *z)
{
    if (!z)
        return;
    if (z->archive)
        (void)archive_read_free(z->archive);
    free(z);
}
