/*
 * explain.c - why a policy did not say yes: the lines that compare a value of the input with a
 * reference value or a literal, and did not hold. It reads the policy's text line by line and does
 * not evaluate it: the verdict is the engine's, this says where to look.
 */
#include "sim/diagnose/replay/replay-internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_SHOWN = 64, KEY_MAX = 128 };

/* One step of a path at *p: .name, ["name"]. false: the path ends. */
static bool step(const char **p, char key[KEY_MAX])
{
    const char *s = *p;
    size_t n;

    if (*s == '.') {
        for (n = 0, s++; isalnum((unsigned char)s[n]) || s[n] == '_'; n++)
            continue;
    } else if (s[0] == '[' && s[1] == '"') {
        s += 2;
        n = strcspn(s, "\"\n");
        if (s[n] != '"' || s[n + 1] != ']')
            return false;
    } else {
        return false;
    }
    if (!n || n >= KEY_MAX)
        return false;
    memcpy(key, s, n);
    key[n] = '\0';
    *p = s + n + (**p == '[' ? 2 : 0);
    return true;
}

/* The first input path of the line: its value (NULL: absent) and where its text ends. false: none.
 */
static bool input_path(const char *line, const char *end, const json_t *input, json_t **ret,
                       const char **ret_end)
{
    const char *p = line;
    char key[KEY_MAX];

    for (; (p = memmem(p, (size_t)(end - p), "input", 5)); p += 5) {
        if ((p > line && (isalnum((unsigned char)p[-1]) || p[-1] == '_')) ||
            (p[5] != '.' && p[5] != '['))
            continue;
        const json_t *at = input;
        p += 5;
        while (step(&p, key))
            at = json_object_get(at, key);
        *ret = (json_t *)at;
        *ret_end = p;
        return true;
    }
    return false;
}

/* The reference value this line names, out of those the policy asked for. */
static const char *reference_of(const char *line, const char *end, const json_t *queried)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)queried, name, value) {
        char quoted[KEY_MAX + 3];
        int n = snprintf(quoted, sizeof(quoted), "\"%.120s\"", name);
        if (memmem(line, (size_t)(end - line), quoted, (size_t)n))
            return name;
    }
    return NULL;
}

static bool contains(const json_t *list, const json_t *value)
{
    size_t i;
    json_t *each;

    json_array_foreach((json_t *)list, i, each)
        if (json_equal(each, value))
            return true;
    return false;
}

/* The literal behind the first comparison of the line. A new reference or NULL. */
static json_t *literal_of(const char *line, const char *end)
{
    const char *p = memmem(line, (size_t)(end - line), "==", 2);

    if (!p)
        return NULL;
    for (p += 2; p < end && *p == ' '; p++)
        continue;
    size_t n = 0;
    if (*p == '"')
        for (n = 1; p + n < end && p[n] != '"'; n++)
            continue;
    while (p + n < end && !strchr(" \t,})#", p[n]))
        n++;
    json_t *json = NULL;
    CMN_IGNORE(cmn_json_load(cmn_bytes(p, n), 4, &json, NULL));
    return json;
}

static json_t *line_json(unsigned number, const char *line, const char *end, const json_t *actual,
                         const char *reference, const json_t *expected)
{
    while (line < end && isspace((unsigned char)*line))
        line++;
    json_t *out =
        json_pack("{s:i, s:o}", "line", (int)number, "text",
                  json_stringn(line, (size_t)(end - line) < 200 ? (size_t)(end - line) : 200));
    if (out)
        CMN_IGNORE(json_object_set_new(out, "actual",
                                       actual ? json_incref((json_t *)actual) : json_null()));
    if (out && reference)
        CMN_IGNORE(json_object_set_new(out, "reference", json_string(reference)));
    if (out)
        CMN_IGNORE(json_object_set_new(out, "expected",
                                       expected ? json_incref((json_t *)expected) : json_null()));
    return out;
}

/* Is this line about the TEE at hand, and did its comparison fail? Then its JSON. */
static json_t *failed_line(unsigned number, const char *line, const char *end, const json_t *input,
                           const json_t *queried)
{
    const char *path_end, *reference;
    json_t *actual;

    if (!input_path(line, end, input, &actual, &path_end))
        return NULL;
    reference = reference_of(line, end, queried);
    if (!actual)
        return NULL; /* of another TEE */
    if (!reference) {
        auto_json json_t *literal = literal_of(line, end);
        bool holds = !literal || json_equal(literal, actual);
        return holds ? NULL : line_json(number, line, end, actual, NULL, literal);
    }
    const json_t *expected = json_object_get(queried, reference);
    bool more = memmem(line, (size_t)(end - line), ">=", 2) && json_is_number(actual) &&
                json_is_number(expected) &&
                json_number_value(actual) >= json_number_value(expected);
    bool holds = json_equal(actual, expected) || contains(expected, actual) || more;
    return holds ? NULL : line_json(number, line, end, actual, reference, expected);
}

json_t *sim_explain(const char *policy, const json_t *input, const json_t *queried)
{
    json_t *lines = json_array();
    unsigned number = 0;

    for (const char *p = policy; *p && json_array_size(lines) < LINES_SHOWN;) {
        const char *end = p + strcspn(p, "\n");
        const char *text = p;
        number++;
        while (text < end && isspace((unsigned char)*text))
            text++;
        json_t *line = *text == '#' ? NULL : failed_line(number, p, end, input, queried);
        if (line)
            CMN_IGNORE(json_array_append_new(lines, line));
        p = *end ? end + 1 : end;
    }
    return lines;
}
