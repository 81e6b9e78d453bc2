/* link-archive.c - the build links this to learn whether libarchive.a needs no more than zlib and
 * zstd for what sim/ uses of it. */
#include <archive.h>
#include <archive_entry.h>

int main(void)
{
    struct archive *r = archive_read_new(), *w = archive_write_new();
    struct archive_entry *e = NULL;
    int n = archive_read_support_format_tar(r) + archive_read_support_format_raw(r) +
            archive_read_support_filter_gzip(r) + archive_read_support_filter_zstd(r) +
            archive_write_set_format_raw(w) + archive_write_add_filter_gzip(w) +
            archive_write_set_options(w, "gzip:!timestamp");

    return n + archive_read_next_header(r, &e);
}
