/* initdata.c - what a pod hands to its guest before boot; see adaptor.h. */
#include "common/crypto/crypto.h"
#include "common/enc/enc.h"
#include "common/rs/cmn-rs.h"
#include "sim/adaptor/adaptor.h"
#include "sim/image/gunzip.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

enum { INITDATA_MAX = 1 << 20 };

#define EAGER                                                                                      \
    "[[credentials]]\n"                                                                            \
    "resource_uri = \"kbs:///" SIM_EAGER_RESOURCE "\"\n"                                           \
    "path = \"/run/confidential-containers/cdh/kbs/eager\"\n"

void sim_initdata_done(struct sim_initdata *d)
{
    cmn_buf_done(&d->toml);
    cmn_buf_done(&d->encoded);
}

/* Appends `data` as one gzip member without a time stamp, so the same text gives the same bytes. */
static int gzip(struct cmn_bytes data, struct cmn_buf *ret, struct cmn_err *err)
{
    size_t cap = data.len + data.len / 100 + 65536, used = 0;
    struct archive_entry *entry = archive_entry_new();
    struct archive *a = archive_write_new();
    int r = 0;

    if (!a || !entry || cmn_buf_resize(ret, cap) < 0) {
        r = cmn_err_set(err, ENOMEM, "no memory");
    } else {
        archive_entry_set_filetype(entry, AE_IFREG);
        if (archive_write_set_format_raw(a) != ARCHIVE_OK ||
            archive_write_add_filter_gzip(a) != ARCHIVE_OK ||
            archive_write_set_options(a, "gzip:!timestamp") != ARCHIVE_OK ||
            archive_write_open_memory(a, ret->data, cap, &used) != ARCHIVE_OK ||
            archive_write_header(a, entry) != ARCHIVE_OK ||
            archive_write_data(a, data.data, data.len) != (la_ssize_t)data.len ||
            archive_write_close(a) != ARCHIVE_OK)
            r = cmn_err_set(err, EIO, "initdata cannot be compressed: %s", archive_error_string(a));
        else if (cmn_buf_resize(ret, used) < 0)
            r = cmn_err_set(err, ENOMEM, "no memory");
    }
    archive_entry_free(entry);
    (void)archive_write_free(a);
    return r;
}

/* The digest of the exact text, by its own `algorithm`, cut or zero-padded to 32 bytes. */
static int host_data(struct cmn_env *env, struct cmn_bytes toml, uint8_t out[32],
                     struct cmn_err *err)
{
    static const struct {
        const char *name, *md;
    } known[] = {{"sha256", "SHA256"}, {"sha384", "SHA384"}, {"sha512", "SHA512"}};
    auto_json json_t *doc = NULL;
    uint8_t digest[64] = {0};
    char *problem = NULL;

    char *json = cmn_rs_toml_to_json((const char *)toml.data, toml.len, &problem);
    if (!json) {
        int r = cmn_err_reason(err, EINVAL, CMN_REASON_INITDATA_INVALID, "initdata: %.400s",
                               problem ? problem : "invalid TOML");
        cmn_rs_free(problem);
        return r;
    }
    int r = cmn_json_load(cmn_bytes(json, strlen(json)), CMN_JSON_MAX_DEPTH, &doc, err);
    cmn_rs_free(json);
    if (r < 0)
        return r;
    const char *algorithm = cmn_json_str(doc, "algorithm");
    for (size_t i = 0; algorithm && i < CMN_ARRAY_SIZE(known); i++)
        if (strcmp(algorithm, known[i].name) == 0) {
            r = cmn_hash(env, known[i].md, toml.data, toml.len, digest, err);
            memcpy(out, digest, 32);
            return r;
        }
    return cmn_err_reason(err, EINVAL, CMN_REASON_INITDATA_INVALID,
                          "initdata: 'algorithm' is '%.32s', known are sha256, sha384, sha512",
                          algorithm ? algorithm : "");
}

static int encode(struct sim_initdata *d, struct cmn_err *err)
{
    auto_buf struct cmn_buf packed = {0};
    auto_free char *text = NULL;
    int r = gzip(cmn_buf_bytes(&d->toml), &packed, err);

    if (r < 0)
        return r;
    text = cmn_b64(CMN_B64_STD, packed.data, packed.len);
    if (!text || cmn_buf_puts(&d->encoded, text) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return 0;
}

static int print_toml(const struct sim_initdata_opts *opts, struct cmn_buf *t)
{
    const char *key = opts->tee_key_algorithm;
    int r = cmn_buf_printf(t,
                           "algorithm = \"sha256\"\n"
                           "version = \"0.1.0\"\n\n"
                           "[data]\n"
                           "\"aa.toml\" = '''\n"
                           "[token_configs]\n"
                           "[token_configs.kbs]\n"
                           "url = \"%s\"\n"
                           "%s%s%s"
                           "'''\n\n"
                           "\"cdh.toml\" = '''\n"
                           "socket = \"unix:///run/confidential-containers/cdh.sock\"\n"
                           "%s\n"
                           "[kbc]\n"
                           "name = \"cc_kbc\"\n"
                           "url = \"%s\"\n\n"
                           "[image]\n"
                           "max_concurrent_layer_downloads_per_image = 1\n\n"
                           "[image.registry_config]\n"
                           "unqualified-search-registries = [\"docker.io\"]\n",
                           opts->kbs_url, key ? "tee_key_algorithm = \"" : "", key ? key : "",
                           key ? "\"\n" : "", opts->attest_eager ? EAGER : "credentials = []\n",
                           opts->kbs_url);

    for (size_t i = 0; r >= 0 && i < opts->n_insecure_registries; i++)
        r = cmn_buf_printf(t,
                           "\n[[image.registry_config.registry]]\n"
                           "prefix = \"%s\"\nlocation = \"%s\"\ninsecure = true\n",
                           opts->insecure_registries[i], opts->insecure_registries[i]);
    return r < 0 ? r : cmn_buf_puts(t, "'''\n");
}

int sim_initdata_build(struct cmn_env *env, const struct sim_initdata_opts *opts,
                       struct sim_initdata *ret, struct cmn_err *err)
{
    struct sim_initdata d = {0};
    int r = print_toml(opts, &d.toml) < 0 ? cmn_err_set(err, ENOMEM, "no memory") : 0;

    if (r == 0)
        r = host_data(env, cmn_buf_bytes(&d.toml), d.host_data, err);
    if (r == 0)
        r = encode(&d, err);
    if (r < 0) {
        sim_initdata_done(&d);
        return r;
    }
    *ret = d;
    return 0;
}

/* Base64 with line breaks, which Go's decoder passes over. */
static int unb64_lines(const char *text, struct cmn_buf *ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf one = {0};

    for (const char *p = text; *p; p += *p ? 1 : 0) {
        size_t n = strcspn(p, "\r\n");
        if (cmn_buf_put(&one, p, n) < 0)
            return cmn_err_set(err, ENOMEM, "no memory");
        p += n;
    }
    return cmn_unb64(CMN_B64_STD, (const char *)one.data, one.len, ret, err);
}

int sim_initdata_decode(struct cmn_env *env, const char *annotation, struct sim_initdata *ret,
                        struct cmn_err *err)
{
    auto_buf struct cmn_buf packed = {0};
    struct sim_initdata d = {0};
    struct cmn_err inner = {0};
    int r = unb64_lines(annotation, &packed, &inner);

    if (r == 0)
        r = sim_gunzip(cmn_buf_bytes(&packed), INITDATA_MAX, &d.toml, &inner);
    if (r < 0)
        r = cmn_err_reason(err, EINVAL, CMN_REASON_INITDATA_INVALID,
                           "the pod's initdata annotation: %s", inner.msg);
    if (r == 0)
        r = host_data(env, cmn_buf_bytes(&d.toml), d.host_data, err);
    if (r == 0)
        r = encode(&d, err);
    if (r < 0) {
        sim_initdata_done(&d);
        return r;
    }
    *ret = d;
    return 0;
}
