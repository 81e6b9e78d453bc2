/* gunzip.c - see gunzip.h. */
#include "sim/image/gunzip.h"

#include <archive.h>
#include <archive_entry.h>

static int inflate_all(struct archive *a, size_t max, struct cmn_buf *ret, struct cmn_err *err)
{
    char block[8192];
    la_ssize_t n;

    while ((n = archive_read_data(a, block, sizeof(block))) > 0) {
        if (ret->len + (size_t)n > max)
            return cmn_err_set(err, EFBIG, "it is more than %zu bytes", max);
        if (cmn_buf_put(ret, block, (size_t)n) < 0)
            return cmn_err_set(err, ENOMEM, "no memory");
    }
    return n < 0 ? cmn_err_set(err, EINVAL, "the gzip stream is broken") : 0;
}

int sim_gunzip(struct cmn_bytes data, size_t max, struct cmn_buf *ret, struct cmn_err *err)
{
    struct archive *a = archive_read_new();
    struct archive_entry *entry;
    int r;

    if (!a)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
        archive_read_support_format_raw(a) != ARCHIVE_OK ||
        archive_read_open_memory(a, data.data, data.len) != ARCHIVE_OK ||
        archive_read_next_header(a, &entry) != ARCHIVE_OK ||
        archive_filter_code(a, 0) != ARCHIVE_FILTER_GZIP)
        r = cmn_err_set(err, EINVAL, "it is not gzip");
    else
        r = inflate_all(a, max, ret, err);
    (void)archive_read_free(a);
    return r;
}
