/* test-rs.c - the Rust library's C face: TOML and Rego, hostile input first. */
#include "common/rs/cmn-rs.h"
#include "tests/testlib/testlib.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* head, n times part, tail; caller frees. */
static char *repeat(const char *head, const char *part, size_t n, const char *tail)
{
    struct cmn_buf b = {0};
    int r = cmn_buf_puts(&b, head);

    for (size_t i = 0; i < n && r == 0; i++)
        r = cmn_buf_puts(&b, part);
    if (r == 0)
        r = cmn_buf_puts(&b, tail);
    if (r < 0)
        abort();
    return (char *)b.data;
}

/* ---------------------------------------------------------------- TOML */

static void toml_is(const char *toml, size_t len, const char *want)
{
    char *error = NULL;
    char *json = cmn_rs_toml_to_json(toml, len, &error);

    T_EQ_STR(json, want);
    T_EQ_STR(error, NULL);
    cmn_rs_free(json);
    cmn_rs_free(error);
}

static void toml_fails(const char *toml, size_t len, const char *part)
{
    char *error = NULL;
    char *json = cmn_rs_toml_to_json(toml, len, &error);

    T_EQ_STR(json, NULL);
    T_TRUE(error && strstr(error, part));
    if (error && !strstr(error, part))
        T_EQ_STR(error, part);
    cmn_rs_free(json);
    cmn_rs_free(error);
}

static void toml_not_utf8_is_refused(void)
{
    toml_fails("a = \"\xff\"", 8, "not UTF-8 at byte 5");
}

static void toml_error_has_line_and_picture(void)
{
    const char bad[] = "a = 1\nb = \nc = 2\n";

    toml_fails(bad, sizeof(bad) - 1, "TOML parse error at line 2, column 5");
    toml_fails(bad, sizeof(bad) - 1, "2 | b = ");
    toml_fails("a = 1\na = 2\n", 12, "duplicate key");
    toml_fails("a", 1, "line 1, column 2");
    T_TRUE(cmn_rs_toml_to_json("a", 1, NULL) == NULL); /* no text wanted */
}

static void toml_deep_or_huge_is_refused(void)
{
    static const struct {
        const char *head, *part, *tail;
        size_t n;
    } cases[] = {
        {"a = ", "[", "\n", 1000000},   {"a = ", "{b=", "1\n", 1000000},
        {"a", ".a", " = 1\n", 1000000}, {"[a", ".a", "]\n", 1000000},
        {"# ", "x", "\n", 9000000},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        char *text = repeat(cases[i].head, cases[i].part, cases[i].n, cases[i].tail);
        toml_fails(text, strlen(text), "");
        free(text);
    }
}

static void toml_becomes_json(void)
{
    const char *text = "i = -1\nf = 1.5\nb = true\ns = 'x\"y'\nd = 2026-01-02T03:04:05Z\nn = nan\n"
                       "a = [1, [2]]\n[t.u]\nk = \"\"\n[[l]]\nx = 1\n[[l]]\n";

    toml_is(text, strlen(text),
            "{\"a\":[1,[2]],\"b\":true,\"d\":\"2026-01-02T03:04:05Z\",\"f\":1.5,\"i\":-1,"
            "\"l\":[{\"x\":1},{}],\"n\":null,\"s\":\"x\\\"y\",\"t\":{\"u\":{\"k\":\"\"}}}");
    toml_is("", 0, "{}");
    toml_is(NULL, 0, "{}");
    toml_is("a = 1 and not read", 5, "{\"a\":1}");
}

static void toml_unicode_survives(void)
{
    const char *text = "\"ключ\" = \"\\u00e9 \xf0\x9f\x94\x91\"\n";

    toml_is(text, strlen(text), "{\"ключ\":\"\xc3\xa9 \xf0\x9f\x94\x91\"}");
}

/* ---------------------------------------------------------------- Rego */

static void add_fails(const char *text, size_t len, const char *part)
{
    char *error = NULL;
    struct cmn_rs_rego *rego = cmn_rs_rego_new();

    T_EQ_INT(cmn_rs_rego_add_policy(rego, "p.rego", text, len, &error), -1);
    T_TRUE(error && strstr(error, part));
    if (error && !strstr(error, part))
        T_EQ_STR(error, part);
    cmn_rs_free(error);
    cmn_rs_rego_free(rego);
}

/* Adds, sets the input, evaluates; value and error as the call left them. */
static enum cmn_rs_rego_result eval(const char *policy, const char *input, const char *rule,
                                    cmn_rs_rego_lookup lookup, char **value, char **error)
{
    struct cmn_rs_rego *rego = cmn_rs_rego_new();
    enum cmn_rs_rego_result r = CMN_RS_REGO_ERROR;

    *value = *error = NULL;
    if (cmn_rs_rego_add_policy(rego, "", policy, strlen(policy), error) == 0 &&
        (!input || cmn_rs_rego_set_input(rego, input, strlen(input), error) == 0) &&
        (!lookup || cmn_rs_rego_set_lookup(rego, lookup, NULL, error) == 0))
        r = cmn_rs_rego_eval_rule(rego, rule, value, error);
    cmn_rs_rego_free(rego);
    return r;
}

static void rule_is(const char *policy, const char *input, const char *rule,
                    enum cmn_rs_rego_result want, const char *want_value)
{
    char *value, *error;

    T_EQ_INT(eval(policy, input, rule, NULL, &value, &error), want);
    T_EQ_STR(value, want_value);
    T_EQ_STR(error, NULL);
    cmn_rs_free(value);
    cmn_rs_free(error);
}

static void rego_not_utf8_is_refused(void)
{
    add_fails("package p\nx := \"\xc3\"\n", 18, "not UTF-8 at byte 16");
}

static void rego_syntax_error_has_line_and_column(void)
{
    const char *v1 = "package policy\n\nallow if {\n    1 == \n}\n";
    const char *v0 = "package policy\nallow { true }\n";

    add_fails(v1, strlen(v1), "--> p.rego:5:1");
    add_fails(v0, strlen(v0), "--> p.rego:2:7");
    add_fails("", 0, "package");
}

static void rego_deep_policy_is_refused(void)
{
    static const struct {
        const char *head, *part, *tail;
        size_t n;
    } cases[] = {
        {"package p\nx := 0 ", "+ 1 ", "\n", 100000},
        {"package p\nx := 0 ", "+\n1", "\n", 19000},
        {"package p\nx := ", "-\n", "1\n", 19000},
        {"package p\nx := input", "[\n0]", "\n", 19000},
        {"package p\nx if { ", "every y in [] {\n", "\n", 9000},
        {"package p\nx := ", "[", "\n", 500000},
        {"package p\nx := \"", "a", "\"\n", 2000000},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        char *text = repeat(cases[i].head, cases[i].part, cases[i].n, cases[i].tail);
        add_fails(text, strlen(text), "");
        free(text);
    }
}

static void rego_flat_policy_may_be_long(void)
{
    char *list = repeat("package policy\nx := [", "\n\"[[((-+\", ", 5000, "1]\ny := count(x)\n");
    char *rules = repeat("package policy\n", "z[a] if { a := 1 + 1; a == 2 } # ((\n", 5000, "\n");

    rule_is(list, "{}", "data.policy.y", CMN_RS_REGO_VALUE, "5001");
    rule_is(rules, "{}", "data.policy.z", CMN_RS_REGO_VALUE, "{\"2\":true}");
    free(list);
    free(rules);
}

static void rego_bad_documents_are_refused(void)
{
    struct cmn_rs_rego *rego = cmn_rs_rego_new();
    char *deep = repeat("", "[", 100000, "");
    char *error = NULL;

    T_EQ_INT(cmn_rs_rego_set_input(rego, "{", 1, &error), -1);
    T_TRUE(error && strstr(error, "EOF while parsing"));
    cmn_rs_free(error);
    error = NULL;
    T_EQ_INT(cmn_rs_rego_set_input(rego, "\"\xff\"", 3, &error), -1);
    T_TRUE(error && strstr(error, "not UTF-8"));
    cmn_rs_free(error);
    error = NULL;
    T_EQ_INT(cmn_rs_rego_set_input(rego, deep, strlen(deep), &error), -1);
    T_TRUE(error && strstr(error, "recursion limit"));
    cmn_rs_free(error);
    T_EQ_INT(cmn_rs_rego_set_data(rego, "[]", 2, NULL), -1);
    free(deep);
    cmn_rs_rego_free(rego);
    cmn_rs_rego_free(NULL);
    cmn_rs_free(NULL);
}

static const char allow_policy[] = "package policy\n"
                                   "default allow := false\n"
                                   "allow if input.user == \"root\"\n"
                                   "maybe if input.user == \"root\"\n";

static void rego_v1_allows_and_denies(void)
{
    rule_is(allow_policy, "{\"user\":\"root\"}", "data.policy.allow", CMN_RS_REGO_VALUE, "true");
    rule_is(allow_policy, "{\"user\":\"guest\"}", "data.policy.allow", CMN_RS_REGO_VALUE, "false");
    rule_is(allow_policy, NULL, "data.policy.allow", CMN_RS_REGO_VALUE, "false");
}

static void rego_absent_is_not_undefined(void)
{
    rule_is(allow_policy, "{}", "data.policy.maybe", CMN_RS_REGO_UNDEFINED, NULL);
    rule_is(allow_policy, "{}", "data.policy.nothing", CMN_RS_REGO_ABSENT, NULL);
    rule_is(allow_policy, "{}", "data.other.allow", CMN_RS_REGO_ABSENT, NULL);
    rule_is(allow_policy, "{}", "data.policy", CMN_RS_REGO_ABSENT, NULL);
}

static void rego_data_document_is_replaced(void)
{
    const char *policy = "package policy\nx := data.list[1]\n";
    struct cmn_rs_rego *rego = cmn_rs_rego_new();
    char *value = NULL;

    T_EQ_INT(cmn_rs_rego_add_policy(rego, "", policy, strlen(policy), NULL), 0);
    T_EQ_INT(cmn_rs_rego_set_data(rego, "{\"list\":[1,2]}", 14, NULL), 0);
    T_EQ_INT(cmn_rs_rego_eval_rule(rego, "data.policy.x", &value, NULL), CMN_RS_REGO_VALUE);
    T_EQ_STR(value, "2");
    cmn_rs_free(value);
    T_EQ_INT(cmn_rs_rego_set_data(rego, "{\"list\":[3,4]}", 14, NULL), 0);
    T_EQ_INT(cmn_rs_rego_eval_rule(rego, "data.policy.x", &value, NULL), CMN_RS_REGO_VALUE);
    T_EQ_STR(value, "4");
    cmn_rs_free(value);
    cmn_rs_rego_free(rego);
}

static void rego_unicode_survives(void)
{
    rule_is("package policy\nx := sprintf(\"%s-é\", [input.n])\n",
            "{\"n\":\"ключ\xf0\x9f\x94\x91\"}", "data.policy.x", CMN_RS_REGO_VALUE,
            "\"ключ\xf0\x9f\x94\x91-é\"");
}

static int find(void *ctx, const char *name, size_t name_len, char **ret_json)
{
    (void)ctx;
    T_EQ_INT(strlen(name), name_len);
    if (strcmp(name, "broken") == 0)
        return -1;
    if (strcmp(name, "garbage") == 0)
        *ret_json = strdup("{");
    if (strcmp(name, "list") == 0)
        *ret_json = strdup("[\"a\",\"b\"]");
    if (strcmp(name, "ключ") == 0)
        *ret_json = strdup("7");
    return 0;
}

static void lookup_is(const char *body, enum cmn_rs_rego_result want, const char *want_text)
{
    char *policy = repeat("package policy\nx := ", body, 1, "\n");
    char *value, *error;

    T_EQ_INT(eval(policy, "{\"v\":\"b\"}", "data.policy.x", find, &value, &error), want);
    if (want == CMN_RS_REGO_ERROR)
        T_TRUE(error && strstr(error, want_text));
    else
        T_EQ_STR(value, want_text);
    cmn_rs_free(value);
    cmn_rs_free(error);
    free(policy);
}

static void rego_asks_for_reference_values(void)
{
    lookup_is("query_reference_value(\"list\")", CMN_RS_REGO_VALUE, "[\"a\",\"b\"]");
    lookup_is("query_reference_value(\"ключ\")", CMN_RS_REGO_VALUE, "7");
    lookup_is("query_reference_value(\"missing\")", CMN_RS_REGO_VALUE, "null");
    lookup_is("true if input.v in query_reference_value(\"list\")", CMN_RS_REGO_VALUE, "true");
    lookup_is("true if input.v in query_reference_value(\"missing\")", CMN_RS_REGO_UNDEFINED, NULL);
    lookup_is("query_reference_value(\"broken\")", CMN_RS_REGO_ERROR, "the lookup failed");
    lookup_is("query_reference_value(\"garbage\")", CMN_RS_REGO_ERROR, "EOF");
    lookup_is("query_reference_value(1)", CMN_RS_REGO_ERROR, "must be a string");
    lookup_is("query_reference_value(\"a\\u0000b\")", CMN_RS_REGO_ERROR, "NUL");
}

static void rego_without_lookup_does_not_know_the_builtin(void)
{
    char *value, *error;

    T_EQ_INT(eval("package policy\nx := query_reference_value(\"a\")\n", "{}", "data.policy.x",
                  NULL, &value, &error),
             CMN_RS_REGO_ERROR);
    T_TRUE(error && strstr(error, "query_reference_value"));
    cmn_rs_free(error);
}

static void rego_endless_evaluation_is_ended(void)
{
    const char *policy = "package policy\nn := numbers.range(1, 2000)\n"
                         "x := count([1 | n[_] == n[_]; n[_] == n[_]])\n";
    struct cmn_rs_rego *rego = cmn_rs_rego_new();
    char *value = NULL, *error = NULL;

    cmn_rs_rego_set_deadline(rego, 50);
    T_EQ_INT(cmn_rs_rego_add_policy(rego, "", policy, strlen(policy), NULL), 0);
    T_EQ_INT(cmn_rs_rego_eval_rule(rego, "data.policy.x", &value, &error), CMN_RS_REGO_ERROR);
    T_TRUE(error && strstr(error, "time limit"));
    if (error && !strstr(error, "time limit"))
        T_EQ_STR(error, "time limit");
    cmn_rs_free(error);
    cmn_rs_rego_free(rego);
}

static void *evaluate_often(void *arg)
{
    int *bad = arg;

    for (int i = 0; i < 200; i++) {
        char *value, *error;
        if (eval(allow_policy, "{\"user\":\"root\"}", "data.policy.allow", find, &value, &error) !=
                CMN_RS_REGO_VALUE ||
            strcmp(value, "true") != 0)
            ++*bad;
        cmn_rs_free(value);
        cmn_rs_free(error);
    }
    return NULL;
}

static void engines_of_two_threads_are_independent(void)
{
    pthread_t threads[4];
    int bad[4] = {0};

    for (size_t i = 0; i < 4; i++)
        T_EQ_INT(pthread_create(&threads[i], NULL, evaluate_often, &bad[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        T_EQ_INT(pthread_join(threads[i], NULL), 0);
        T_EQ_INT(bad[i], 0);
    }
}

TEST_MAIN("rs", {"toml: not UTF-8 is refused", toml_not_utf8_is_refused},
          {"toml: error has line and picture", toml_error_has_line_and_picture},
          {"toml: deep or huge is refused", toml_deep_or_huge_is_refused},
          {"toml: becomes JSON", toml_becomes_json},
          {"toml: Unicode survives", toml_unicode_survives},
          {"rego: not UTF-8 is refused", rego_not_utf8_is_refused},
          {"rego: syntax error has line and column", rego_syntax_error_has_line_and_column},
          {"rego: deep policy is refused", rego_deep_policy_is_refused},
          {"rego: flat policy may be long", rego_flat_policy_may_be_long},
          {"rego: bad documents are refused", rego_bad_documents_are_refused},
          {"rego: v1 allows and denies", rego_v1_allows_and_denies},
          {"rego: absent is not undefined", rego_absent_is_not_undefined},
          {"rego: data document is replaced", rego_data_document_is_replaced},
          {"rego: Unicode survives", rego_unicode_survives},
          {"rego: asks for reference values", rego_asks_for_reference_values},
          {"rego: no lookup, no builtin", rego_without_lookup_does_not_know_the_builtin},
          {"rego: endless evaluation is ended", rego_endless_evaluation_is_ended},
          {"rego: engines of threads are independent", engines_of_two_threads_are_independent})
