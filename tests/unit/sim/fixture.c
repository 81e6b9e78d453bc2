/* fixture.c - see fixture.h. */
#include "tests/unit/sim/fixture.h"
#include "common/enc/enc.h"
#include "common/json/json.h"
#include "tests/testlib/testlib.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static la_ssize_t on_write(struct archive *a, void *ctx, const void *data, size_t len)
{
    (void)a;
    return cmn_buf_put(ctx, data, len) < 0 ? -1 : (la_ssize_t)len;
}

static void write_entry(struct archive *a, const struct fx_entry *e)
{
    struct archive_entry *ae = archive_entry_new();
    size_t len = e->type == 'f' ? strlen(e->text) : 0;
    static const struct {
        char type;
        unsigned ae;
    } types[] = {{'f', AE_IFREG}, {'h', AE_IFREG}, {'d', AE_IFDIR},
                 {'l', AE_IFLNK}, {'c', AE_IFCHR}, {'p', AE_IFIFO}};

    archive_entry_set_pathname(ae, e->name);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(types); i++)
        if (types[i].type == e->type)
            archive_entry_set_filetype(ae, types[i].ae);
    archive_entry_set_perm(ae, e->mode ? e->mode : e->type == 'd' ? 0755 : 0644);
    archive_entry_set_mtime(ae, 1700000000, 0);
    archive_entry_set_uid(ae, e->uid);
    archive_entry_set_gid(ae, e->uid);
    archive_entry_set_size(ae, (la_int64_t)len);
    if (e->type == 'l')
        archive_entry_set_symlink(ae, e->text);
    if (e->type == 'h')
        archive_entry_set_hardlink(ae, e->text);
    T_TRUE(archive_write_header(a, ae) >= ARCHIVE_WARN); /* WARN: no text in the C locale */
    if (len)
        T_EQ_INT(archive_write_data(a, e->text, len), len);
    archive_entry_free(ae);
}

struct cmn_buf fx_tar(const struct fx_entry *entries, size_t n, const char *filter)
{
    struct cmn_buf out = {0};
    struct archive *a = archive_write_new();

    T_EQ_INT(archive_write_set_format_pax(a), ARCHIVE_OK);
    if (strcmp(filter, "none") != 0)
        T_EQ_INT(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
    (void)archive_write_set_bytes_in_last_block(a, 1);
    T_EQ_INT(archive_write_open(a, &out, NULL, on_write, NULL), ARCHIVE_OK);
    for (size_t i = 0; i < n; i++)
        write_entry(a, &entries[i]);
    T_EQ_INT(archive_write_close(a), ARCHIVE_OK);
    (void)archive_write_free(a);
    return out;
}

struct sim_oci_store *fx_image(void)
{
    static const struct fx_entry lower[] = {
        {"etc", 'd', NULL, 0, 0}, {"etc/motd", 'f', "hello", 0, 0}, {"gone", 'f', "x", 0, 0}};
    static const struct fx_entry upper[] = {{".wh.gone", 'f', "", 0, 0}};
    struct sim_oci_store *s = NULL;
    struct sim_oci_desc layer[2], config, manifest;
    auto_buf struct cmn_buf a = fx_tar(lower, CMN_ARRAY_SIZE(lower), "none");
    auto_buf struct cmn_buf b = fx_tar(upper, CMN_ARRAY_SIZE(upper), "none");
    auto_free char *text = NULL, *conf = NULL;
    const char *type = "application/vnd.oci.image.layer.v1.tar";

    T_OK(sim_oci_store_new_memory(&s, NULL), NULL);
    T_OK(sim_oci_store_put(s, type, cmn_buf_bytes(&a), &layer[0], NULL), NULL);
    T_OK(sim_oci_store_put(s, type, cmn_buf_bytes(&b), &layer[1], NULL), NULL);
    T_TRUE(asprintf(&conf, "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}",
                    layer[0].digest, layer[1].digest) > 0);
    T_OK(sim_oci_store_put(s, SIM_OCI_CONFIG_TYPE, cmn_bytes(conf, strlen(conf)), &config, NULL),
         NULL);
    T_TRUE(
        asprintf(&text,
                 "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\",\"digest\":\"%s\","
                 "\"size\":%zu},\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu},"
                 "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}",
                 config.media_type, config.digest, strlen(conf), type, layer[0].digest, a.len, type,
                 layer[1].digest, b.len) > 0);
    T_OK(
        sim_oci_store_put(s, SIM_OCI_MANIFEST_TYPE, cmn_bytes(text, strlen(text)), &manifest, NULL),
        NULL);
    T_OK(sim_oci_store_tag(s, "1", &manifest, NULL), NULL);
    return s;
}
