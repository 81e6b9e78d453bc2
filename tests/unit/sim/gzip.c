/* gzip.c - see gzip.h. */
#include "tests/unit/sim/gzip.h"
#include "tests/testlib/testlib.h"

#include <archive.h>
#include <archive_entry.h>

static la_ssize_t on_write(struct archive *a, void *ctx, const void *data, size_t len)
{
    (void)a;
    return cmn_buf_put(ctx, data, len) < 0 ? -1 : (la_ssize_t)len;
}

struct cmn_buf fx_gzip(const void *data, size_t len)
{
    struct archive_entry *entry = archive_entry_new();
    struct archive *a = archive_write_new();
    struct cmn_buf out = {0};

    archive_entry_set_filetype(entry, AE_IFREG);
    T_EQ_INT(archive_write_set_format_raw(a), ARCHIVE_OK);
    T_EQ_INT(archive_write_add_filter_gzip(a), ARCHIVE_OK);
    (void)archive_write_set_bytes_in_last_block(a, 1);
    T_EQ_INT(archive_write_open(a, &out, NULL, on_write, NULL), ARCHIVE_OK);
    T_EQ_INT(archive_write_header(a, entry), ARCHIVE_OK);
    T_EQ_INT(archive_write_data(a, data, len), len);
    T_EQ_INT(archive_write_close(a), ARCHIVE_OK);
    archive_entry_free(entry);
    (void)archive_write_free(a);
    return out;
}
