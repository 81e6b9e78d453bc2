/* test-yaml.c - documents that are refused, each with its line; scalars; marks; nearest names. */
#include "common/yaml/yaml.h"
#include "tests/testlib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int load(const char *text, size_t len, struct cmn_yaml **ret, struct cmn_err *err)
{
    cmn_err_clear(err);
    return cmn_yaml_load("f.yaml", cmn_bytes(text, len), ret, err);
}

static void documents_that_break_a_rule_are_refused_with_their_line(void)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", "f.yaml:3: this key is there twice: 'a'"},
        {"a: &x 1\nb: *x\n", "f.yaml:2: aliases are not allowed"},
        {"a: &x {b: *x}\n", "f.yaml:1: aliases are not allowed"},
        {"&k a: 1\nb: *k\n", "aliases are not allowed"},
        {"base: &b {x: 1}\nc:\n  <<: *b\n", "aliases are not allowed"},
        {"a: 1\nb: !!int 5\n", "f.yaml:2: tags are not allowed: 'tag:yaml.org,2002:int'"},
        {"a: !secret x\n", "f.yaml:1: tags are not allowed: '!secret'"},
        {"!x a: 1\n", "f.yaml:1: tags are not allowed: '!x'"},
        {"a: !!set {x}\n", "tags are not allowed"},
        {"a: !!str 5\n", "tags are not allowed: 'tag:yaml.org,2002:str'"},
        {"a: ! 5\n", "tags are not allowed"},
        {"a: 1\n---\nb: 2\n", "f.yaml:2: only one document is allowed"},
        {"a: 1\n...\n---\n", "only one document is allowed"},
        {"? [x, y]\n: 1\n", "f.yaml:1: a key must be text"},
        {"? {x: y}\n: 1\n", "f.yaml:1: a key must be text"},
        {"a: yes\n", "f.yaml:1: write true or false, or put it in quotes: 'yes'"},
        {"a: 1\nb:\n  - off\n", "f.yaml:3: write true or false, or put it in quotes: 'off'"},
        {"a: 99999999999999999999\n", "f.yaml:1: this number is too large"},
        {"a: -99999999999999999999\n", "f.yaml:1: this number is too large"},
        {"a: 1e999\n", "f.yaml:1: this number is too large"},
        {"a: \"x\\0y\"\n", "f.yaml:1: text must not hold a NUL character"},
        {"\"x\\0y\": 1\n", "f.yaml:1: a key must not hold a NUL character"},
        {"a: 1\n\tb: 2\n", "f.yaml:2: invalid YAML"},
        {"a: 1\nb: [1, 2\n", "f.yaml:3: invalid YAML"},
        {"a: 'x\n", "invalid YAML"},
        {"a: \"\\uD800\"\n", "f.yaml:1: invalid YAML"},
        {"a: 1\nb: *nowhere\n", "f.yaml:2: aliases are not allowed"},
        {"a: \xff\xff\n", "f.yaml:1: invalid YAML"},
        {"a: \x01\n", "f.yaml:1: invalid YAML"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_yaml struct cmn_yaml *doc = NULL;
        struct cmn_err err = {0};
        T_ERR(load(cases[i].text, strlen(cases[i].text), &doc, &err), -EINVAL, &err, cases[i].says);
        T_TRUE(doc == NULL);
    }
}

static struct cmn_buf repeated(const char *unit, size_t n)
{
    struct cmn_buf b = {0};

    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = cmn_buf_puts(&b, unit);
    T_OK(r, NULL);
    return b;
}

static void size_depth_and_number_of_values_are_bounded(void)
{
    auto_yaml struct cmn_yaml *doc = NULL;
    struct cmn_err err = {0};
    auto_buf struct cmn_buf big = {0};
    auto_buf struct cmn_buf deep = repeated("[", 100000);
    auto_buf struct cmn_buf maps = repeated("{a: ", 100000);
    auto_buf struct cmn_buf many = repeated("- 1\n", CMN_YAML_MAX_NODES);
    auto_buf struct cmn_buf fits = repeated("- 1\n", CMN_YAML_MAX_NODES - 1);
    auto_buf struct cmn_buf laughs = {0};

    T_OK(cmn_buf_resize(&big, CMN_YAML_MAX_BYTES + 1), NULL);
    T_ERR(load((char *)big.data, big.len, &doc, &err), -EFBIG, &err, "at most 1048576");
    memset(big.data, ' ', big.len);
    T_OK(load((char *)big.data, CMN_YAML_MAX_BYTES, &doc, &err), &err);
    cmn_yaml_free(cmn_take(doc));
    T_ERR(load((char *)deep.data, deep.len, &doc, &err), -EINVAL, &err, "nested too deeply");
    T_ERR(load((char *)maps.data, maps.len, &doc, &err), -EINVAL, &err, "nested too deeply");
    T_ERR(load((char *)many.data, many.len, &doc, &err), -EFBIG, &err,
          "f.yaml:20000: more than 20000 values");
    T_OK(load((char *)fits.data, fits.len, &doc, &err), &err);
    T_EQ_INT(json_array_size(cmn_yaml_root(doc)), CMN_YAML_MAX_NODES - 1);
    cmn_yaml_free(cmn_take(doc));

    /* a billion laughs ends at its first alias */
    T_OK(cmn_buf_puts(&laughs, "a: &a [x, x]\n"), NULL);
    for (int c = 'b'; c <= 'z'; c++)
        T_OK(cmn_buf_printf(&laughs, "%c: &%c [*%c, *%c]\n", c, c, c - 1, c - 1), NULL);
    T_ERR(load((char *)laughs.data, laughs.len, &doc, &err), -EINVAL, &err, "aliases");
}

static void nesting_ends_at_the_limit_exactly(void)
{
    struct cmn_err err = {0};

    for (int over = 0; over <= 1; over++) {
        auto_yaml struct cmn_yaml *doc = NULL;
        char text[2 * CMN_YAML_MAX_DEPTH + 4];
        size_t n = CMN_YAML_MAX_DEPTH + (size_t)over;
        memset(text, '[', n);
        memset(text + n, ']', n);
        int r = load(text, 2 * n, &doc, &err);
        if (over)
            T_ERR(r, -EINVAL, &err, "f.yaml:1: nested too deeply");
        else
            T_OK(r, &err);
    }
}

static void plain_scalars_follow_the_core_schema(void)
{
    static const struct {
        const char *text;
        json_type type;
    } cases[] = {
        {"5", JSON_INTEGER},       {"+5", JSON_INTEGER},
        {"-5", JSON_INTEGER},      {"007", JSON_INTEGER},
        {"1.5", JSON_REAL},        {".5", JSON_REAL},
        {"1.", JSON_REAL},         {"1e3", JSON_REAL},
        {"true", JSON_TRUE},       {"False", JSON_FALSE},
        {"null", JSON_NULL},       {"~", JSON_NULL},
        {"", JSON_NULL},           {"0x10", JSON_STRING},
        {"1_000", JSON_STRING},    {"-x", JSON_STRING},
        {"1.2.3", JSON_STRING},    {"'5'", JSON_STRING},
        {"\"true\"", JSON_STRING}, {"'yes'", JSON_STRING},
        {"yess", JSON_STRING},     {"|\n  5", JSON_STRING},
        {"e5", JSON_STRING},       {"0.21", JSON_REAL},
        {"nullx", JSON_STRING},    {"9223372036854775807", JSON_INTEGER},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_yaml struct cmn_yaml *doc = NULL;
        struct cmn_err err = {0};
        char text[128];
        (void)snprintf(text, sizeof(text), "k: %s\n", cases[i].text);
        T_OK(load(text, strlen(text), &doc, &err), &err);
        const json_t *v = doc ? json_object_get(cmn_yaml_root(doc), "k") : NULL;
        T_TRUE(v != NULL);
        if (v && json_typeof(v) != cases[i].type)
            T_EQ_STR(cases[i].text, cmn_yaml_type_name(v));
    }
}

static void every_node_knows_its_line(void)
{
    static const char text[] = "# comment\n"
                               "a: 1\n"
                               "\n"
                               "b:\n"
                               "  c: true\n"
                               "  d:\n"
                               "    - x\n"
                               "    - {e: null}\n"
                               "f: |\n"
                               "  many\n"
                               "  lines\n"
                               "g: true\n";
    auto_yaml struct cmn_yaml *doc = NULL;
    struct cmn_err err = {0};

    T_OK(load(text, strlen(text), &doc, &err), &err);
    const json_t *root = cmn_yaml_root(doc), *b = json_object_get(root, "b");
    const json_t *d = json_object_get(b, "d");
    T_EQ_STR(cmn_yaml_name(doc), "f.yaml");
    T_EQ_INT(cmn_yaml_line(doc, root, "a"), 2);
    T_EQ_INT(cmn_yaml_line(doc, root, "b"), 4);
    T_EQ_INT(cmn_yaml_line(doc, b, "c"), 5);
    T_EQ_INT(cmn_yaml_line(doc, d, NULL), 7);
    T_EQ_INT(cmn_yaml_line(doc, json_array_get(d, 1), "e"), 8);
    T_EQ_INT(cmn_yaml_line(doc, root, "g"), 12);
    T_EQ_INT(cmn_yaml_line(doc, root, "not there"), 2); /* the object's own */
    T_ERR(cmn_yaml_fail(doc, b, "c", &err, "no %s", "good"), -EINVAL, &err, "f.yaml:5: no good");
}

/* true, false and null are one node each in the whole tree: no line is better than another's. */
static void a_shared_node_has_no_line_of_its_own(void)
{
    static const char text[] = "a: true\nb: x\nc: true\nd: null\n";
    auto_yaml struct cmn_yaml *doc = NULL;
    struct cmn_err err = {0};

    T_OK(load(text, strlen(text), &doc, &err), &err);
    const json_t *root = cmn_yaml_root(doc);
    T_EQ_INT(cmn_yaml_line(doc, json_object_get(root, "c"), NULL), 0);
    T_EQ_INT(cmn_yaml_line(doc, json_object_get(root, "d"), NULL), 0);
    T_EQ_INT(cmn_yaml_line(doc, root, "c"), 3);
}

static void an_unknown_key_is_told_with_the_nearest_one(void)
{
    static const char *const keys[] = {"name", "images", "expect"};
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"name: x\nimges: 1\n", "f.yaml:2: unknown key 'imges'; did you mean 'images'?"},
        {"nmae: x\n", "did you mean 'name'?"},
        {"EXPECT: x\n", "f.yaml:1: unknown key 'EXPECT'"},
        {"name: x\n\n\nzzz: 1\n", "f.yaml:4: unknown key 'zzz'"},
        {"[1]\n", "f.yaml:1: an object is wanted here, this is a list"},
        {"", "f.yaml:1: an object is wanted here, this is nothing"},
        {"# only this\n", "this is nothing"},
        {"just text\n", "this is text"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_yaml struct cmn_yaml *doc = NULL;
        struct cmn_err err = {0};
        T_OK(load(cases[i].text, strlen(cases[i].text), &doc, &err), &err);
        T_ERR(cmn_yaml_check_keys(doc, cmn_yaml_root(doc), keys, 3, &err), -EINVAL, &err,
              cases[i].says);
        T_TRUE(strstr(err.msg, "zzz") == NULL || strstr(err.msg, "mean") == NULL);
    }
}

static void nearest_wants_it_near(void)
{
    static const char *const names[] = {"truncate", "flip", "replay"};
    char longer[200];

    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    T_EQ_STR(cmn_yaml_nearest("flp", names, 3), "flip");
    T_EQ_STR(cmn_yaml_nearest("truncated", names, 3), "truncate");
    T_EQ_STR(cmn_yaml_nearest("x", names, 3), NULL);
    T_EQ_STR(cmn_yaml_nearest("", names, 3), NULL);
    T_EQ_STR(cmn_yaml_nearest(longer, names, 3), NULL);
    T_EQ_STR(cmn_yaml_nearest("flip", names, 0), NULL);
}

static void files_are_named_in_messages(void)
{
    auto_yaml struct cmn_yaml *doc = NULL;
    struct cmn_err err = {0};
    char path[256];

    (void)snprintf(path, sizeof(path), "%s/x.yaml", t_tmpdir());
    T_ERR(cmn_yaml_load_file(path, &doc, &err), -ENOENT, &err, "x.yaml");
    T_TRUE(cmn_yaml_load_file(t_tmpdir(), &doc, &err) < 0);
    T_OK(cmn_file_write(path, "a: [", 4, 0600, NULL), NULL);
    cmn_err_clear(&err);
    T_ERR(cmn_yaml_load_file(path, &doc, &err), -EINVAL, &err, "x.yaml:2: invalid YAML");
    T_TRUE(doc == NULL);
}

TEST_MAIN("yaml",
          {"documents that break a rule are refused with their line",
           documents_that_break_a_rule_are_refused_with_their_line},
          {"size, depth and number of values are bounded",
           size_depth_and_number_of_values_are_bounded},
          {"nesting ends at the limit exactly", nesting_ends_at_the_limit_exactly},
          {"plain scalars follow the core schema", plain_scalars_follow_the_core_schema},
          {"every node knows its line", every_node_knows_its_line},
          {"a shared node has no line of its own", a_shared_node_has_no_line_of_its_own},
          {"an unknown key is told with the nearest one",
           an_unknown_key_is_told_with_the_nearest_one},
          {"nearest wants it near", nearest_wants_it_near},
          {"files are named in messages", files_are_named_in_messages})
