/* read.c - typed members with file:line in every refusal; see read.h. */
#include "sim/scenario/read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sim_read_missing(struct sim_reader *r, const json_t *obj, const char *key)
{
    return cmn_yaml_fail(r->doc, obj, NULL, r->err, "'%s' is missing", key);
}

static int wrong(struct sim_reader *r, const json_t *obj, const char *key, const char *want)
{
    return cmn_yaml_fail(r->doc, obj, key, r->err, "'%s' wants %s, this is %s", key, want,
                         cmn_yaml_type_name(json_object_get(obj, key)));
}

int sim_read_text(struct sim_reader *r, const json_t *obj, const char *key, char **ret)
{
    const json_t *v = json_object_get(obj, key);

    if (!v)
        return 0;
    if (!json_is_string(v))
        return wrong(r, obj, key, "text");
    if (!json_string_length(v))
        return cmn_yaml_fail(r->doc, obj, key, r->err, "'%s' is empty", key);
    char *copy = strdup(json_string_value(v));
    if (!copy)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    free(*ret);
    *ret = copy;
    return 0;
}

int sim_read_needed(struct sim_reader *r, const json_t *obj, const char *key, char **ret)
{
    if (!json_object_get(obj, key))
        return sim_read_missing(r, obj, key);
    return sim_read_text(r, obj, key, ret);
}

int sim_read_bool(struct sim_reader *r, const json_t *obj, const char *key, bool *ret)
{
    const json_t *v = json_object_get(obj, key);

    if (!v)
        return 0;
    if (!json_is_boolean(v))
        return wrong(r, obj, key, "true or false");
    *ret = json_is_true(v);
    return 0;
}

int sim_read_int(struct sim_reader *r, const json_t *obj, const char *key, int64_t min, int64_t max,
                 int64_t *ret)
{
    const json_t *v = json_object_get(obj, key);

    if (!v)
        return 0;
    if (!json_is_integer(v))
        return wrong(r, obj, key, "a number");
    json_int_t n = json_integer_value(v);
    if (n < min || n > max)
        return cmn_yaml_fail(r->doc, obj, key, r->err, "'%s' is %lld, allowed is %lld to %lld", key,
                             (long long)n, (long long)min, (long long)max);
    *ret = n;
    return 0;
}

int sim_read_uint(struct sim_reader *r, const json_t *obj, const char *key, unsigned min,
                  unsigned max, unsigned *ret)
{
    int64_t v = *ret;
    int x = sim_read_int(r, obj, key, min, max, &v);

    if (x == 0)
        *ret = (unsigned)v;
    return x;
}

int sim_read_word(struct sim_reader *r, const json_t *obj, const char *key,
                  const char *const *names, size_t n, size_t *ret)
{
    const json_t *v = json_object_get(obj, key);
    auto_buf struct cmn_buf list = {0};

    if (!v)
        return 0;
    if (!json_is_string(v))
        return wrong(r, obj, key, "text");
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], json_string_value(v)) == 0) {
            *ret = i;
            return 0;
        }
    for (size_t i = 0; i < n; i++)
        if (cmn_buf_printf(&list, "%s%s", i ? ", " : "", names[i]) < 0)
            return cmn_err_set(r->err, ENOMEM, "no memory");
    return cmn_yaml_fail(r->doc, obj, key, r->err, "'%s' is '%.64s', known are: %s", key,
                         json_string_value(v), (const char *)list.data);
}

int sim_read_list(struct sim_reader *r, const json_t *obj, const char *key, struct sim_strings *ret)
{
    const json_t *v = json_object_get(obj, key);

    if (!v)
        return 0;
    if (!json_is_array(v))
        return wrong(r, obj, key, "a list of texts");
    ret->items = calloc(json_array_size(v) + 1, sizeof(*ret->items));
    if (!ret->items)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *item = json_array_get(v, i);
        if (!json_is_string(item))
            return cmn_yaml_fail(r->doc, obj, key, r->err,
                                 "item %zu of '%s' is %s, text is wanted (put it in quotes)", i + 1,
                                 key, cmn_yaml_type_name(item));
        ret->items[i] = strdup(json_string_value(item));
        if (!ret->items[i])
            return cmn_err_set(r->err, ENOMEM, "no memory");
        ret->n++;
    }
    return 0;
}

int sim_read_object(struct sim_reader *r, const json_t *obj, const char *key, const json_t **ret)
{
    const json_t *v = json_object_get(obj, key);

    if (v && !json_is_object(v))
        return wrong(r, obj, key, "an object");
    *ret = v;
    return 0;
}

int sim_read_objects(struct sim_reader *r, const json_t *obj, const char *key, size_t min,
                     size_t max, const json_t **ret)
{
    const json_t *v = json_object_get(obj, key);
    size_t n = json_array_size(v);

    if (v && (!json_is_array(v) || n < min || n > max))
        return cmn_yaml_fail(r->doc, obj, key, r->err, "'%s' wants a list of %zu to %zu", key, min,
                             max);
    for (size_t i = 0; i < n; i++)
        if (!json_is_object(json_array_get(v, i)))
            return cmn_yaml_fail(r->doc, obj, key, r->err,
                                 "item %zu of '%s' is %s, an object is wanted", i + 1, key,
                                 cmn_yaml_type_name(json_array_get(v, i)));
    *ret = v;
    return 0;
}

int sim_read_label(struct sim_reader *r, const json_t *obj, const char *key, char **ret)
{
    const char *s = cmn_json_str(obj, key);
    size_t n = s ? strlen(s) : 0;

    if (n && (n > 63 || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") != n || s[0] == '-' ||
              s[n - 1] == '-'))
        return cmn_yaml_fail(r->doc, obj, key, r->err,
                             "'%s' wants up to 63 of a-z, 0-9 and '-', this is '%.64s'", key, s);
    return sim_read_text(r, obj, key, ret);
}

/* A number and its unit: 0 when text is exactly that, above 0 and fits. */
static int with_unit(const char *text, const char *const *units, const uint64_t *factors, size_t n,
                     uint64_t max, uint64_t *ret)
{
    char *end;

    if (*text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (strcmp(end, units[i]) == 0) {
            if (!v || v > max / factors[i])
                return -ERANGE;
            *ret = v * factors[i];
            return 0;
        }
    return -EINVAL;
}

int sim_read_size(struct sim_reader *r, const json_t *obj, const char *key, uint64_t *ret)
{
    static const char *const units[] = {"", "Ki", "Mi", "Gi"};
    static const uint64_t factors[] = {1, 1 << 10, 1 << 20, 1 << 30};
    const json_t *v = json_object_get(obj, key);
    uint64_t max = 1ull << 42;

    if (!v)
        return 0;
    if (json_is_integer(v) && json_integer_value(v) > 0 && (uint64_t)json_integer_value(v) <= max) {
        *ret = (uint64_t)json_integer_value(v);
        return 0;
    }
    if (!json_is_string(v) || with_unit(json_string_value(v), units, factors, 4, max, ret) < 0)
        return cmn_yaml_fail(r->doc, obj, key, r->err, "'%s' is no size such as 256Mi or 1Gi", key);
    return 0;
}

int sim_read_duration_ms(struct sim_reader *r, const json_t *obj, const char *key, unsigned *ret)
{
    static const char *const units[] = {"s", "ms", "m"};
    static const uint64_t factors[] = {1000, 1, 60000};
    const json_t *v = json_object_get(obj, key);
    uint64_t ms = 0, max = 24ull * 3600 * 1000;
    int x = -EINVAL;

    if (!v)
        return 0;
    if (json_is_string(v)) {
        x = with_unit(json_string_value(v), units, factors, 3, max, &ms);
    } else if (json_is_integer(v) && json_integer_value(v) > 0 &&
               (uint64_t)json_integer_value(v) <= max / 1000) {
        ms = (uint64_t)json_integer_value(v) * 1000;
        x = 0;
    }
    if (x < 0)
        return cmn_yaml_fail(r->doc, obj, key, r->err,
                             "'%s' is no duration such as 500ms, 30s or 2m (at most 24 hours)",
                             key);
    *ret = (unsigned)ms;
    return 0;
}

char *sim_read_path(const struct sim_reader *r, const char *path)
{
    char *out = NULL;

    if (path[0] == '/' || !r->dir[0])
        return strdup(path);
    return asprintf(&out, "%s/%s", r->dir, path) < 0 ? NULL : out;
}

int sim_read_bits(struct sim_reader *r, const json_t *obj, const struct sim_bit *bits, size_t n,
                  uint64_t *value)
{
    for (size_t i = 0; i < n; i++) {
        bool on = *value & bits[i].bit;
        int x = sim_read_bool(r, obj, bits[i].key, &on);
        if (x < 0)
            return x;
        *value = on ? *value | bits[i].bit : *value & ~bits[i].bit;
    }
    return 0;
}
