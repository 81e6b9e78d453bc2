/* check.c - lists of checks; see kbs-lite/check.h. */
#include "kbs-lite/check.h"

#include <string.h>

const char *kbs_check_result_name(enum kbs_check_result result)
{
    static const char *const names[] = {
        [KBS_CHECK_NOT_REACHED] = "not-reached",
        [KBS_CHECK_PASS] = "pass",
        [KBS_CHECK_FAIL] = "fail",
        [KBS_CHECK_ADVISORY] = "advisory",
        [KBS_CHECK_NOT_ASKED] = "not-asked",
    };

    return (unsigned)result < CMN_ARRAY_SIZE(names) ? names[result] : "unknown";
}

const struct kbs_check *kbs_checks_refusal(const struct kbs_checks *checks)
{
    for (size_t i = 0; i < checks->n; i++)
        if (checks->list[i].result == KBS_CHECK_FAIL)
            return &checks->list[i];
    return NULL;
}

const struct kbs_check *kbs_checks_find(const struct kbs_checks *checks, const char *name)
{
    for (size_t i = 0; i < checks->n; i++)
        if (strcmp(checks->list[i].name, name) == 0)
            return &checks->list[i];
    return NULL;
}

/* Texts may hold outside bytes: what is not UTF-8 is left out. */
static bool put_text(json_t *obj, const char *key, const char *text)
{
    if (!text || !*text)
        return true;
    json_t *value = json_string(text);
    return !value || json_object_set_new(obj, key, value) == 0;
}

json_t *kbs_check_details(const struct kbs_check *c)
{
    auto_json json_t *obj = json_pack("{s:s}", "check", c->name);

    return obj && put_text(obj, "expected", c->expected) && put_text(obj, "actual", c->actual)
               ? cmn_take(obj)
               : NULL;
}

static json_t *check_to_json(const struct kbs_check *c)
{
    bool told = c->result == KBS_CHECK_FAIL || c->result == KBS_CHECK_ADVISORY;
    auto_json json_t *obj =
        json_pack("{s:s, s:s}", "name", c->name, "result", kbs_check_result_name(c->result));

    if (!obj || (told && (!put_text(obj, "reason", cmn_reason_name(c->reason)) ||
                          !put_text(obj, "message", c->message))))
        return NULL;
    return put_text(obj, "expected", c->expected) && put_text(obj, "actual", c->actual)
               ? cmn_take(obj)
               : NULL;
}

json_t *kbs_checks_to_json(const struct kbs_checks *checks)
{
    auto_json json_t *list = json_array();

    for (size_t i = 0; i < checks->n && list; i++)
        if (json_array_append_new(list, check_to_json(&checks->list[i])) < 0)
            return NULL;
    return cmn_take(list);
}
