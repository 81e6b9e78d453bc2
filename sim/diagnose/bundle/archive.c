/* archive.c - tar archives by libarchive; see bundle.h. */
#include "sim/diagnose/bundle/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <string.h>

enum { ENTRIES = 4000, BLOCK = 65536 };

bool sim_archive_name(const char *path)
{
    static const char *const endings[] = {".tar", ".tar.gz", ".tgz", ".tar.zst"};
    size_t n = strlen(path);

    for (size_t i = 0; i < CMN_ARRAY_SIZE(endings); i++) {
        size_t e = strlen(endings[i]);
        if (n > e && strcmp(path + n - e, endings[i]) == 0)
            return true;
    }
    return false;
}

/* One entry whole; more than max is left out (ret stays empty). */
static int read_entry(struct archive *a, size_t max, struct cmn_buf *ret)
{
    char block[8192];
    la_ssize_t n;

    while ((n = archive_read_data(a, block, sizeof(block))) > 0) {
        if (ret->len + (size_t)n > max) {
            ret->len = 0;
            return 0;
        }
        if (cmn_buf_put(ret, block, (size_t)n) < 0)
            return -ENOMEM;
    }
    return n < 0 ? -EINVAL : 0;
}

static int read_entries(struct archive *a, size_t max,
                        void (*file)(void *ctx, const char *name, struct cmn_bytes bytes),
                        void *ctx)
{
    struct archive_entry *entry;
    int r = 0;

    for (unsigned i = 0; i < ENTRIES && r == 0; i++) {
        auto_buf struct cmn_buf data = {0};
        int next = archive_read_next_header(a, &entry);
        if (next == ARCHIVE_EOF)
            return 0;
        if (next != ARCHIVE_OK && next != ARCHIVE_WARN)
            return -EINVAL;
        if (archive_entry_filetype(entry) != AE_IFREG)
            continue;
        const char *name = archive_entry_pathname(entry);
        r = read_entry(a, max, &data);
        if (r == 0 && data.len && name)
            file(ctx, name, cmn_buf_bytes(&data));
    }
    return r;
}

int sim_archive_read(const char *path, size_t max_bytes,
                     void (*file)(void *ctx, const char *name, struct cmn_bytes bytes), void *ctx,
                     struct cmn_err *err)
{
    struct archive *a = archive_read_new();
    int r;

    if (!a)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (archive_read_support_filter_gzip(a) < ARCHIVE_WARN ||
        archive_read_support_filter_zstd(a) < ARCHIVE_WARN ||
        archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_open_filename(a, path, BLOCK) != ARCHIVE_OK)
        r = -EINVAL;
    else
        r = read_entries(a, max_bytes, file, ctx);
    if (r < 0)
        r = cmn_err_set(err, -r, "%.256s: it is no archive that can be read: %s", path,
                        archive_error_string(a) ? archive_error_string(a) : "too large or cut");
    (void)archive_read_free(a);
    return r;
}

static int write_entry(struct archive *a, const char *name, const struct cmn_buf *data,
                       int64_t time)
{
    struct archive_entry *e = archive_entry_new();
    int r = -EIO;

    if (!e)
        return -ENOMEM;
    archive_entry_set_pathname(e, name);
    archive_entry_set_size(e, (la_int64_t)data->len);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0600);
    archive_entry_set_mtime(e, (time_t)time, 0);
    if (archive_write_header(a, e) == ARCHIVE_OK &&
        archive_write_data(a, data->data, data->len) == (la_ssize_t)data->len)
        r = 0;
    archive_entry_free(e);
    return r;
}

int sim_archive_write(const char *path, const char *const *names, const struct cmn_buf *files,
                      size_t n, int64_t time, struct cmn_err *err)
{
    struct archive *a = archive_write_new();
    size_t len = strlen(path);
    bool zstd = len > 4 && strcmp(path + len - 4, ".zst") == 0;
    bool gzip = len > 2 && strcmp(path + len - 2, "gz") == 0;
    int r = 0;

    if (!a)
        return cmn_err_set(err, ENOMEM, "no memory");
    if ((zstd && archive_write_add_filter_zstd(a) < ARCHIVE_WARN) ||
        (gzip && (archive_write_add_filter_gzip(a) < ARCHIVE_WARN ||
                  archive_write_set_options(a, "gzip:!timestamp") != ARCHIVE_OK)) ||
        archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
        archive_write_open_filename(a, path) != ARCHIVE_OK)
        r = -EIO;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = write_entry(a, names[i], &files[i], time);
    if (r == 0 && archive_write_close(a) != ARCHIVE_OK)
        r = -EIO;
    if (r < 0)
        r = cmn_err_set(err, -r, "%.256s: %s", path,
                        archive_error_string(a) ? archive_error_string(a) : "cannot be written");
    (void)archive_write_free(a);
    return r;
}
