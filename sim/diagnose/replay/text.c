/* text.c - a verdict for people. */
#include "sim/diagnose/replay/replay-internal.h"

#include <string.h>

static const char *str(const json_t *obj, const char *key)
{
    const char *s = cmn_json_str(obj, key);

    return s ? s : "";
}

/* What only a caller could have asked for, and nobody did, is noise. */
static bool is_idle(const json_t *c)
{
    return strcmp(str(c, "result"), "not-asked") == 0 && strncmp(str(c, "name"), "expect.", 7) == 0;
}

static int put_check(const json_t *c, struct cmn_buf *ret)
{
    const char *result = str(c, "result"), *expected = str(c, "expected"),
               *actual = str(c, "actual");
    bool bad = strcmp(result, "fail") == 0 || strcmp(result, "advisory") == 0;
    int r = cmn_buf_printf(ret, "  %-11s %-24s", bad && *result == 'f' ? "FAIL" : result,
                           str(c, "name"));

    if (r >= 0 && (*expected || *actual) && strcmp(result, "not-reached") != 0)
        r = cmn_buf_printf(ret, " %s%s%s%s", *actual ? actual : "",
                           *expected && *actual ? ", want " : "",
                           *expected && !*actual ? "want " : "", expected);
    if (r >= 0)
        r = cmn_buf_puts(ret, "\n");
    if (r >= 0 && bad)
        r = cmn_buf_printf(ret, "              %s [%s]\n", str(c, "message"), str(c, "reason"));
    return r;
}

static int put_lines(const char *what, const json_t *lines, struct cmn_buf *ret)
{
    size_t i;
    json_t *l;
    int r = 0;

    json_array_foreach((json_t *)lines, i, l) {
        auto_free char *actual = cmn_json_dump(json_object_get(l, "actual"));
        auto_free char *expected = cmn_json_dump(json_object_get(l, "expected"));
        const char *reference = cmn_json_str(l, "reference");
        bool missing = json_is_null(json_object_get(l, "expected")) && reference;
        if (r >= 0)
            r = cmn_buf_printf(
                ret, "  %s line %lld does not hold: %s\n      input %.200s, %s%s%s %.200s\n", what,
                (long long)cmn_json_int(l, "line", 0), str(l, "text"), actual ? actual : "?",
                reference ? "reference value " : "want", reference ? reference : "",
                missing ? " is not registered" : "",
                missing    ? ""
                : expected ? expected
                           : "?");
    }
    return r;
}

static int put_appraisal(const json_t *a, struct cmn_buf *ret)
{
    const char *name;
    json_t *value;
    int r = cmn_buf_printf(ret, "appraisal: %s (", str(a, "status"));
    bool first = true;

    json_object_foreach(json_object_get(a, "vector"), name, value) {
        if (r >= 0 && json_integer_value(value)) {
            r = cmn_buf_printf(ret, "%s%s %lld", first ? "" : ", ", name,
                               (long long)json_integer_value(value));
            first = false;
        }
    }
    if (r >= 0)
        r = cmn_buf_puts(ret, ")\n");
    return r < 0 ? r : put_lines("attestation policy", json_object_get(a, "lines"), ret);
}

static int put_end(const json_t *v, struct cmn_buf *ret)
{
    size_t i;
    json_t *each;
    int r = 0;

    json_array_foreach(json_object_get(v, "notes"), i, each)
        if (r >= 0)
            r = cmn_buf_printf(ret, "note: %s\n", json_string_value(each));
    if (r < 0)
        return r;
    if (strcmp(str(v, "verdict"), "refused") != 0)
        return cmn_buf_printf(ret, "verdict: %s\n", str(v, "verdict"));
    return cmn_buf_printf(ret, "verdict: refused, %s: %s\nhint: %s\n", str(v, "code"),
                          str(v, "message"), str(v, "hint"));
}

int sim_replay_text(const json_t *v, struct cmn_buf *ret)
{
    const json_t *appraisal = json_object_get(v, "appraisal"),
                 *resource = json_object_get(v, "resource");
    size_t i;
    json_t *each;
    int r = cmn_buf_printf(ret, "%s, Trustee %s, verifier %s, root %s, at %s\n", str(v, "tee"),
                           str(v, "era"), str(v, "verifier"), str(v, "root"), str(v, "at"));

    json_array_foreach(json_object_get(v, "checks"), i, each)
        if (r >= 0 && !is_idle(each))
            r = put_check(each, ret);
    if (r >= 0 && appraisal)
        r = put_appraisal(appraisal, ret);
    if (r >= 0 && resource) {
        r = cmn_buf_printf(ret, "resource %s: %s\n", str(resource, "path"),
                           json_is_true(json_object_get(resource, "allow")) ? "released"
                                                                            : "denied");
        if (r >= 0)
            r = put_lines("resource policy", json_object_get(resource, "lines"), ret);
    }
    return r < 0 ? r : put_end(v, ret);
}
