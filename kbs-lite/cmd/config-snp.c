/* config-snp.c - see config-snp.h; vcek_sources as trustee 78962cd deps/verifier/src/snp reads it.
 */
#include "config-snp.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SOURCES "attestation_service.verifier_config.snp_verifier.vcek_sources"
#define STORE   "/opt/confidential-containers/attestation-service/kds-store"
#define CRL_MAX (1 << 20)

static int read_source(const json_t *source, struct kbs_vcek_source *ret, struct cmn_err *err)
{
    const char *type = cmn_json_str(source, "type");

    if (type && strcmp(type, "OfflineStore") == 0)
        ret->dir = cmn_json_str(source, "path") ? cmn_json_str(source, "path") : STORE;
    else if (type && strcmp(type, "KDS") == 0)
        ret->kds_url = cmn_json_str(source, "base_url");
    else
        return cmn_err_set(err, EINVAL,
                           "'" SOURCES "': unknown variant `%.32s`, expected `OfflineStore` or "
                           "`KDS`",
                           type ? type : "");
    return 0;
}

/* Without the key it is KDS, as upstream; an empty list is none. */
static int read_sources(const json_t *list, struct kbs_daemon_snp *c, struct cmn_err *err)
{
    size_t n = list ? json_array_size(list) : 1;
    int r = 0;

    if (list && !json_is_array(list))
        return cmn_err_set(err, EINVAL, "'" SOURCES "' is not an array");
    c->sources = calloc(n + 1, sizeof(*c->sources));
    if (!c->sources)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (size_t i = 0; list && i < n && r == 0; i++)
        r = read_source(json_array_get(list, i), &c->sources[i], err);
    c->n = n;
    return r;
}

static int read_crls(const json_t *files, struct kbs_daemon_snp *c, struct cmn_err *err)
{
    size_t n = json_array_size(files);

    if (files && !json_is_array(files))
        return cmn_err_set(err, EINVAL, "'cocobox.crls' is not an array of file names");
    c->crl_files = calloc(n + 1, sizeof(*c->crl_files));
    c->crls = calloc(n + 1, sizeof(*c->crls));
    if (!c->crl_files || !c->crls)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (size_t i = 0; i < n; i++) {
        const char *path = json_string_value(json_array_get(files, i));
        if (!path)
            return cmn_err_set(err, EINVAL, "'cocobox.crls' is not an array of file names");
        c->n_crls = i + 1;
        int r = cmn_file_read(path, CRL_MAX, &c->crl_files[i], err);
        if (r < 0)
            return cmn_err_wrap(err, r, "cocobox.crls");
        c->crls[i] = cmn_buf_bytes(&c->crl_files[i]);
    }
    return 0;
}

static int read_bool(const json_t *section, const char *key, bool *ret, struct cmn_err *err)
{
    const json_t *v = json_object_get(section, key);

    if (v && !json_is_boolean(v))
        return cmn_err_set(err, EINVAL, "'cocobox.%s' is neither true nor false", key);
    *ret = json_is_true(v);
    return 0;
}

/* 2025-06-01T00:00:00Z */
static int read_time(const json_t *v, int64_t *ret, struct cmn_err *err)
{
    struct tm tm = {0};
    const char *end =
        json_is_string(v) ? strptime(json_string_value(v), "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;

    if (!v)
        return 0;
    if (!end || *end)
        return cmn_err_set(err, EINVAL,
                           "'cocobox.verify_at' is not a time such as \"2025-06-01T00:00:00Z\"");
    *ret = (int64_t)timegm(&tm);
    return 0;
}

int kbs_daemon_snp_read(json_t *root, struct kbs_daemon_snp *ret, struct cmn_err *err)
{
    struct kbs_daemon_snp c = {.doc = json_incref(root)};
    const json_t *own = json_object_get(root, "cocobox");
    const json_t *cache = json_object_get(own, "kds_cache");
    const json_t *verifier = json_object_get(
        json_object_get(json_object_get(root, "attestation_service"), "verifier_config"),
        "snp_verifier");
    int r = read_sources(json_object_get(verifier, "vcek_sources"), &c, err);

    if (r == 0)
        r = read_crls(json_object_get(own, "crls"), &c, err);
    if (r == 0)
        r = read_bool(own, "offline", &c.offline, err);
    if (r == 0)
        r = read_bool(own, "crl_from_kds", &c.crl_from_kds, err);
    if (r == 0)
        r = read_bool(own, "crl_required", &c.crl_required, err);
    if (r == 0)
        r = read_time(json_object_get(own, "verify_at"), &c.verify_at, err);
    if (r == 0 && cache && !json_is_string(cache))
        r = cmn_err_set(err, EINVAL, "'cocobox.kds_cache' is not a string");
    c.kds_cache_dir = json_string_value(cache);
    if (r < 0) {
        kbs_daemon_snp_done(&c);
        return r;
    }
    *ret = c;
    return 0;
}

void kbs_daemon_snp_done(struct kbs_daemon_snp *c)
{
    for (size_t i = 0; i < c->n_crls; i++)
        cmn_buf_done(&c->crl_files[i]);
    free(c->crl_files);
    free(c->crls);
    free(c->sources);
    json_decref(c->doc);
    *c = (struct kbs_daemon_snp){0};
}
