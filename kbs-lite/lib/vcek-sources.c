/* vcek-sources.c - see vcek-sources.h; order and kinds as in trustee's vcek_sources. */
#include "vcek-sources.h"

#include "kds.h"
#include "vcek-store.h"

#include <stdlib.h>
#include <string.h>

#define SOURCES_MAX 8

struct kbs_vcek_sources {
    struct {
        char *dir; /* an OfflineStore, or */
        struct kbs_kds *kds;
    } list[SOURCES_MAX];
    size_t n;
};

int kbs_vcek_sources_new(struct cmn_env *env, const struct kbs_config *config,
                         struct kbs_vcek_sources **ret, struct cmn_err *err)
{
    struct kbs_vcek_sources *s = calloc(1, sizeof(*s));
    int r = s ? 0 : cmn_err_set(err, ENOMEM, "no memory");

    if (r == 0 && config->n_vcek_sources > SOURCES_MAX)
        r = cmn_err_set(err, EINVAL, "more than %d sources of VCEKs", SOURCES_MAX);
    for (size_t i = 0; r == 0 && i < config->n_vcek_sources; i++) {
        const struct kbs_vcek_source *from = &config->vcek_sources[i];
        if (from->dir) {
            s->list[i].dir = strdup(from->dir);
            r = s->list[i].dir ? 0 : cmn_err_set(err, ENOMEM, "no memory");
        } else {
            r = kbs_kds_new(env,
                            &(struct kbs_kds_opts){.base_url = from->kds_url,
                                                   .cache_dir = config->kds_cache_dir,
                                                   .offline = config->offline},
                            &s->list[i].kds, err);
        }
        s->n = i + 1;
    }
    if (r < 0) {
        kbs_vcek_sources_free(s);
        return r;
    }
    *ret = s;
    return 0;
}

void kbs_vcek_sources_free(struct kbs_vcek_sources *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        free(s->list[i].dir);
        kbs_kds_free(s->list[i].kds);
    }
    free(s);
}

int kbs_vcek_sources_fetch(void *ctx, const struct snp_report *report, enum snp_product product,
                           struct cmn_buf *ret, struct cmn_err *err)
{
    struct kbs_vcek_sources *s = ctx;
    int r = cmn_err_set(err, ENOENT, "no source of VCEKs is configured");

    for (size_t i = 0; i < s->n && r < 0; i++) {
        ret->len = 0;
        r = s->list[i].dir ? kbs_vcek_find(s->list[i].dir, report, product, ret, err)
                           : kbs_kds_vcek(s->list[i].kds, report, product, ret, err);
    }
    return r;
}

int kbs_vcek_sources_crl(void *ctx, enum snp_product product, struct cmn_buf *ret,
                         struct cmn_err *err)
{
    struct kbs_vcek_sources *s = ctx;
    int r = cmn_err_set(err, ENOENT, "no KDS is configured");

    for (size_t i = 0; i < s->n && r < 0; i++)
        if (s->list[i].kds)
            r = kbs_kds_crl(s->list[i].kds, product, ret, err);
    return r;
}
