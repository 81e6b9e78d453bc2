/* inspect.c - which kind is it; see inspect.h. */
#include "sim/diagnose/inspect/inspect-internal.h"

#include <string.h>
#include <time.h>

void insp_time(int64_t seconds, char out[32])
{
    time_t t = (time_t)seconds;
    struct tm tm;

    if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
        (void)strcpy(out, "(out of range)");
}

json_t *insp_emit(struct insp *in, json_t *found, struct cmn_bytes bytes)
{
    if (found && in->emit && !in->inside) {
        in->emitted++;
        in->emit(in->emit_ctx, cmn_json_str(found, "kind"), bytes);
    }
    return found;
}

json_t *insp_emit_json(struct insp *in, json_t *found, const json_t *json)
{
    auto_free char *text = found && in->emit && !in->inside ? cmn_json_dump(json) : NULL;

    return text ? insp_emit(in, found, cmn_bytes(text, strlen(text))) : found;
}

json_t *insp_binary(struct insp *in, struct cmn_bytes data)
{
    static json_t *(*const kinds[])(struct insp *, struct cmn_bytes) = {
        insp_hcl, insp_quote, insp_report, insp_der, insp_cert_table, insp_firmware,
    };
    json_t *found = NULL;

    in->inside++;
    for (size_t i = 0; !found && i < CMN_ARRAY_SIZE(kinds); i++)
        found = kinds[i](in, data);
    in->inside--;
    return found ? insp_emit(in, found, data) : insp_gzip(in, data);
}

json_t *insp_json(struct insp *in, const json_t *json)
{
    static json_t *(*const kinds[])(struct insp *, const json_t *) = {
        insp_json_evidence,
        insp_json_jose,
        insp_json_protocol,
        insp_json_image,
    };
    json_t *found = NULL;

    if (in->depth >= INSP_MAX_DEPTH)
        return NULL;
    in->depth++;
    in->inside++;
    for (size_t i = 0; !found && i < CMN_ARRAY_SIZE(kinds); i++)
        found = kinds[i](in, json);
    in->inside--;
    in->depth--;
    return insp_emit_json(in, found, json);
}

static bool is_text(struct cmn_bytes data)
{
    for (size_t i = 0; i < data.len; i++)
        if (data.data[i] < 0x20 && !memchr("\n\r\t\x1b", data.data[i], 4))
            return false;
    return data.len > 0;
}

static struct cmn_bytes trim(struct cmn_bytes text)
{
    while (text.len && strchr(" \t\r\n", text.data[0]) && text.data[0])
        text.data++, text.len--;
    while (text.len && text.data[text.len - 1] && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    return text;
}

json_t *insp_text(struct insp *in, struct cmn_bytes text)
{
    static json_t *(*const kinds[])(struct insp *, struct cmn_bytes) = {
        insp_jws,
        insp_rego,
        insp_toml,
    };
    json_t *found = insp_pem(in, text); /* each block is a thing of its own */
    auto_json json_t *json = NULL;

    if (!found && cmn_json_load(text, CMN_JSON_MAX_DEPTH, &json, NULL) == 0)
        found = insp_json(in, json);
    if (!found)
        found = insp_manifest(in, text);
    if (found)
        return found;
    in->inside++;
    for (size_t i = 0; !found && i < CMN_ARRAY_SIZE(kinds); i++)
        found = kinds[i](in, text);
    in->inside--;
    return insp_emit(in, found, text);
}

json_t *insp_bytes(struct insp *in, struct cmn_bytes data)
{
    json_t *found;

    if (!data.len || in->depth >= INSP_MAX_DEPTH || !in->budget)
        return NULL;
    in->depth++;
    in->budget--;
    found = insp_binary(in, data);
    if (!found && is_text(data)) {
        struct cmn_bytes text = trim(data);
        found = insp_text(in, text);
        if (!found)
            found = insp_encoded(in, text);
        if (!found)
            found = insp_log(in, text);
    }
    in->depth--;
    return found;
}

int sim_inspect(struct cmn_env *env, const char *name, struct cmn_bytes data, json_t **ret,
                struct cmn_err *err)
{
    struct insp in = {.env = env, .budget = INSP_BUDGET, .work = INSP_WORK};
    json_t *found = insp_bytes(&in, data);

    if (!found)
        return cmn_err_set(
            err, ENODATA,
            "%.256s: %zu bytes of a kind that is not known (see docs/diagnose.md for "
            "those that are)",
            name, data.len);
    *ret = found;
    return 0;
}

size_t sim_extract(struct cmn_env *env, struct cmn_bytes data, sim_extract_fn *fn, void *ctx)
{
    struct insp in = {
        .env = env, .budget = INSP_BUDGET, .work = INSP_WORK, .emit = fn, .emit_ctx = ctx};

    json_decref(insp_bytes(&in, data));
    return in.emitted;
}
