/* reference-values.c - see reference-values.h. */
#include "sim/diagnose/reference-values.h"

#include "common/enc/enc.h"

#include <string.h>

bool sim_reference_record(const json_t *text, json_t **ret)
{
    static const enum cmn_b64_kind kinds[] = {CMN_B64_URL_PAD, CMN_B64_STD, CMN_B64_URL};
    const char *s = json_string_value(text);

    for (size_t i = 0; s && i < CMN_ARRAY_SIZE(kinds); i++) {
        auto_buf struct cmn_buf raw = {0};
        auto_json json_t *json = NULL;
        if (cmn_unb64(kinds[i], s, strlen(s), &raw, NULL) < 0 ||
            cmn_json_load(cmn_buf_bytes(&raw), 16, &json, NULL) < 0)
            continue;
        if (!json_is_object(json) || !json_object_get(json, "value"))
            return false;
        *ret = cmn_take(json);
        return true;
    }
    return false;
}

static void put(json_t *out, const char *name, const json_t *record)
{
    json_t *value = json_object_get(record, "value");

    if (name && value)
        CMN_IGNORE(json_object_set(out, name, value));
}

json_t *sim_reference_values_plain(const json_t *json)
{
    json_t *ours = json_object_get(json, "reference-values"), *value;
    json_t *out = json_object();
    const char *name;
    size_t i;

    if (json_is_object(ours)) {
        json_decref(out);
        return json_incref(ours);
    }
    json_array_foreach(json, i, value)
        put(out, cmn_json_str(value, "name"), value);
    json_object_foreach((json_t *)json, name, value) {
        auto_json json_t *record = NULL;
        if (sim_reference_record(value, &record))
            put(out, name, record);
        else if (json_is_object(value) && json_object_get(value, "expiration"))
            put(out, name, value);
        else
            CMN_IGNORE(json_object_set(out, name, value));
    }
    if (!json_is_object(json) && !json_is_array(json)) {
        json_decref(out);
        return NULL;
    }
    return out;
}
