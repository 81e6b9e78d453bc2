/* sources.c - registry configuration: prefixes, mirrors, insecure, blocked; see registry-client.h.
 */
#include "sim/guest/cdh/registry-client.h"
#include "sim/guest/common/config.h"

#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX_BYTES (1u << 20)

static int malwared(struct cmn_err *err, const char *why)
{
    return cmn_err_reason(err, EINVAL, CMN_REASON_CDH_CONFIG_INVALID,
                          "Malwared registry configuration: %s", why);
}

/* The configuration: the inline table wins over the URI. *ret may be NULL: none. Caller owns it. */
static int load_config(struct cdh *cdh, json_t **ret, struct cmn_err *err)
{
    const char *uri = cmn_json_str(cdh->config.image, "registry_configuration_uri");
    json_t *table = json_object_get(cdh->config.image, "registry_config");
    auto_buf_secret struct cmn_buf text = {0};
    int r;

    *ret = json_incref(table);
    if (table || !uri)
        return 0;
    if (strncmp(uri, "kbs", 3) == 0)
        r = cdh_resource_get(cdh, uri, &text, err);
    else
        r = cmn_file_read(strncmp(uri, "file://", 7) == 0 ? uri + 7 : uri, CONFIG_MAX_BYTES, &text,
                          err);
    if (r == 0)
        r = guest_toml_load(cmn_buf_bytes(&text), ret, err);
    return r < 0 ? cmn_err_wrap(err, r, "Initialize resource provider failed") : 0;
}

/* Bytes of name that the prefix covers, 0 when it does not match. */
static size_t covers(const char *prefix, const char *name)
{
    size_t n = strlen(prefix);

    if (strncmp(prefix, "*.", 2) == 0) { /* any host below a domain */
        size_t host = strcspn(name, "/:");
        return host > n - 1 && strncmp(name + host - (n - 1), prefix + 1, n - 1) == 0 ? host : 0;
    }
    if (n == 0 || strncmp(prefix, name, n) != 0)
        return 0;
    return name[n] == 0 || strchr("/:@", name[n]) ? n : 0;
}

static const json_t *best_rule(const json_t *config, const char *name, size_t *ret_covered)
{
    const json_t *rule, *best = NULL;
    size_t i, longest = 0;

    json_array_foreach(json_object_get(config, "registry"), i, rule) {
        const char *prefix = cmn_json_str(rule, "prefix");
        if (!prefix || !*prefix)
            prefix = cmn_json_str(rule, "location");
        size_t n = prefix ? covers(prefix, name) : 0;
        if (n > 0 && strlen(prefix) > longest) {
            longest = strlen(prefix);
            *ret_covered = n;
            best = rule;
        }
    }
    return best;
}

/* One source: name with its covered part replaced by location (NULL: kept). */
static int add(const struct sim_reference *ref, const char *name, size_t covered,
               const json_t *rule, struct cdh_source *ret, struct cmn_err *err)
{
    const char *location = cmn_json_str(rule, "location");
    auto_buf struct cmn_buf text = {0};
    int r = location && *location ? cmn_buf_printf(&text, "%s%s", location, name + covered)
                                  : cmn_buf_puts(&text, name);

    if (r == 0 && ref->tag[0])
        r = cmn_buf_printf(&text, ":%s", ref->tag);
    if (r == 0 && ref->digest[0])
        r = cmn_buf_printf(&text, "@%s", ref->digest);
    if (r < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    ret->insecure = json_is_true(json_object_get(rule, "insecure"));
    return sim_reference_parse((const char *)text.data, &ret->ref, err);
}

static int from_rule(const struct sim_reference *ref, const char *name, size_t covered,
                     const json_t *rule, struct cdh_source **ret, size_t *ret_n,
                     struct cmn_err *err)
{
    const json_t *mirrors = json_object_get(rule, "mirror"), *mirror;
    size_t n = 0, i;
    int r = 0;

    if (json_array_size(mirrors) > 64)
        return malwared(err, "more than 64 mirrors");
    auto_free struct cdh_source *list = calloc(json_array_size(mirrors) + 1, sizeof(*list));
    if (!list)
        return cmn_err_set(err, ENOMEM, "no memory");
    json_array_foreach(mirrors, i, mirror)
        if (r == 0)
            r = add(ref, name, covered, mirror, &list[n++], err);
    if (r == 0 && !json_is_true(json_object_get(rule, "blocked")))
        r = add(ref, name, covered, rule, &list[n++], err);
    if (r < 0)
        return malwared(err, err ? err->msg : "a location is no image name");
    if (n == 0)
        return cmn_err_reason(err, EACCES, CMN_REASON_IMAGE_PULL_FAILED,
                              "failed to compose a legal image reference with given registry "
                              "configuration: Image %.200s is blocked by registry rule.",
                              name);
    *ret = cmn_take(list);
    *ret_n = n;
    return 0;
}

int cdh_sources(struct cdh *cdh, const struct sim_reference *ref, struct cdh_source **ret,
                size_t *ret_n, struct cmn_err *err)
{
    auto_json json_t *config = NULL;
    auto_buf struct cmn_buf name = {0};
    size_t covered = 0;
    int r = load_config(cdh, &config, err);

    if (r < 0)
        return r;
    if (cmn_buf_printf(&name, "%s/%s", ref->registry, ref->repository) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    const json_t *rule = best_rule(config, (const char *)name.data, &covered);
    return from_rule(ref, (const char *)name.data, covered, rule, ret, ret_n, err);
}
