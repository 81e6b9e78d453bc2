/*
 * test-user-data.c - process-user-data as a program: initdata it refuses, then the files it makes.
 */
#include "tests/testlib/program.h"
#include "tests/testlib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[256];

static const char *in_folder(const char *name)
{
    static char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

/* Runs it in a fresh folder with this initdata.toml (NULL: none). */
static struct t_ran run(const char *toml, size_t len)
{
    static unsigned n;

    (void)snprintf(folder, sizeof(folder), "%s/peerpod-%u", t_tmpdir(), n++);
    T_OK(cmn_mkdir_p(folder, 0700, NULL), NULL);
    if (toml)
        T_OK(cmn_file_write(in_folder("initdata.toml"), toml, len, 0600, NULL), NULL);
    return t_program(
        (const char *[]){getenv("PROCESS_USER_DATA"), "provision-files", folder, NULL});
}

static char *content(const char *name)
{
    struct cmn_buf b = {0};

    if (cmn_file_read(in_folder(name), 1 << 20, &b, NULL) < 0)
        return NULL;
    return b.data ? (char *)b.data : strdup("");
}

#define HEAD "algorithm = \"sha256\"\nversion = \"0.1.0\"\n"

static void what_is_no_initdata_ends_with_1_and_an_event(void)
{
    static const struct {
        const char *toml, *says;
    } cases[] = {
        {"", "'version' or the table [data] is missing"},
        {"x = [", "initdata is no TOML: "},
        {"algorithm = \"sha256\"\nalgorithm = \"sha256\"\n", "initdata is no TOML: "},
        {"a = \"\xff\"\n", "initdata is no TOML: "},
        {"algorithm = \"sha256\"\n[data]\n", "'version' or the table [data] is missing"},
        {HEAD, "'version' or the table [data] is missing"},
        {HEAD "data = \"text\"\n", "'version' or the table [data] is missing"},
        {"algorithm = \"sha256\"\nversion = 1\n[data]\n", "'version' or the table"},
        {"version = \"0.1.0\"\n[data]\n", "'algorithm' is '', want sha256, sha384 or sha512"},
        {"algorithm = \"md5\"\nversion = \"0.1.0\"\n[data]\n", "'algorithm' is 'md5'"},
        {"algorithm = \"SHA256\"\nversion = \"0.1.0\"\n[data]\n", "'algorithm' is 'SHA256'"},
        {"algorithm = 256\nversion = \"0.1.0\"\n[data]\n", "'algorithm' is ''"},
        {HEAD "[data]\n\"aa.toml\" = 5\n", "'aa.toml' in [data] is no text"},
        {HEAD "[data.\"aa.toml\"]\nx = 1\n", "'aa.toml' in [data] is no text"},
        {HEAD "[data]\n\"aa.toml\" = \"a\\u0000b\"\n", ""},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct t_ran r = run(cases[i].toml, strlen(cases[i].toml));
        T_EQ_INT(r.status, 1);
        if (!strstr((char *)r.err.data, cases[i].says))
            T_EQ_STR((char *)r.err.data, cases[i].says);
        T_TRUE(strstr((char *)r.err.data, "\x1e{\"name\":\"guest.initdata\"") &&
               strstr((char *)r.err.data, "\"code\":\"initdata.invalid\""));
        T_TRUE(access(in_folder("aa.toml"), F_OK) < 0);
        t_ran_done(&r);
    }
}

static void a_number_of_nested_tables_is_bounded(void)
{
    auto_buf struct cmn_buf toml = {0};

    T_OK(cmn_buf_puts(&toml, HEAD "[data]\n[x"), NULL);
    for (int i = 0; i < 200; i++)
        T_OK(cmn_buf_puts(&toml, ".x"), NULL);
    T_OK(cmn_buf_puts(&toml, "]\ny = 1\n"), NULL);
    struct t_ran r = run((char *)toml.data, toml.len);
    T_EQ_INT(r.status, 1);
    T_TRUE(r.err.len > 0);
    t_ran_done(&r);
}

static void a_nul_in_the_file_is_refused(void)
{
    static const char toml[] = HEAD "[data]\n\0";
    struct t_ran r = run(toml, sizeof(toml) - 1);

    T_EQ_INT(r.status, 1);
    t_ran_done(&r);
}

static void wrong_use_ends_with_2(void)
{
    struct t_ran r = t_program((const char *[]){getenv("PROCESS_USER_DATA"), "a", "b", NULL});

    T_EQ_INT(r.status, 2);
    T_TRUE(strstr((char *)r.err.data, "usage: process-user-data") != NULL);
    t_ran_done(&r);
}

static void a_folder_that_is_not_there_ends_with_1(void)
{
    struct t_ran r = t_program((const char *[]){getenv("PROCESS_USER_DATA"), "/nowhere/x", NULL});

    T_EQ_INT(r.status, 1);
    T_TRUE(strstr((char *)r.err.data, "cannot write /nowhere/x/initdata.digest") != NULL);
    t_ran_done(&r);
}

static void expect_file(const char *name, const char *want)
{
    auto_free char *text = content(name);

    T_EQ_STR(text, want);
}

/* Upstream's dummy of 66 bytes, and its digest. */
static void without_initdata_the_dummy_makes_an_empty_aa_toml(void)
{
    struct t_ran r = run(NULL, 0);

    T_EQ_INT(r.status, 0);
    T_TRUE(strstr((char *)r.err.data, "a dummy is used") != NULL);
    expect_file("aa.toml", "");
    expect_file("initdata.digest",
                "adb48cc14fea9403d3d51f3b5f5068fd4d80445a14e94f1b3d5dbabaad66478d");
    T_TRUE(access(in_folder("cdh.toml"), F_OK) < 0);
    t_ran_done(&r);
}

static void the_allowed_files_are_made_and_others_told_and_skipped(void)
{
    static const char toml[] = HEAD "extra = \"harmless\"\n[data]\n"
                                    "\"aa.toml\" = '''\n[token_configs]\n'''\n"
                                    "\"cdh.toml\" = \"socket = 'x'\"\n"
                                    "\"policy.rego\" = \"package agent_policy\"\n"
                                    "\"../evil\" = \"no\"\n\"auth.json\" = \"{}\"\n"
                                    "\"initdata.digest\" = \"00\"\n";
    struct t_ran r = run(toml, sizeof(toml) - 1);

    T_EQ_INT(r.status, 0);
    expect_file("aa.toml", "[token_configs]\n");
    expect_file("cdh.toml", "socket = 'x'");
    expect_file("policy.rego", "package agent_policy");
    T_TRUE(access(in_folder("../evil"), F_OK) < 0 && access(in_folder("auth.json"), F_OK) < 0);
    auto_free char *digest = content("initdata.digest");
    T_TRUE(digest && strlen(digest) == 64);
    T_TRUE(strstr((char *)r.err.data, "'../evil' is not one of the files") != NULL);
    T_TRUE(strstr((char *)r.err.data, "'auth.json' is not one of the files") != NULL);
    T_TRUE(strstr((char *)r.err.data, "'initdata.digest' is not one of the files") != NULL);
    t_ran_done(&r);
}

/* By Python's hashlib over the same text. */
static void the_digest_is_by_the_algorithm_named_and_whole(void)
{
    static const struct {
        const char *algorithm, *digest;
    } cases[] = {
        {"sha384", "e85177e1368a4ec51b4a5cbb0ed2ad199b522f24607044674dca4cc0d7b027abdeca20aee22bb0f"
                   "37926b1eced817a8d"},
        {"sha512", "4a5df553c90e0c68a015f8d4cc4d5279aeecb98b1f86adad345b18efb8917c285ba89113824c7b0"
                   "85b5189ba9ed443e848a1770f2b7d03c5849bb156de613c15"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        char toml[128];
        (void)snprintf(toml, sizeof(toml),
                       "algorithm = \"%s\"\nversion = \"0.1.0\"\n\n[data]\n\"aa.toml\" = '''\n'''",
                       cases[i].algorithm);
        struct t_ran r = run(toml, strlen(toml));
        T_EQ_INT(r.status, 0);
        expect_file("initdata.digest", cases[i].digest);
        t_ran_done(&r);
    }
}

TEST_MAIN("user-data",
          {"what is no initdata ends with 1 and an event",
           what_is_no_initdata_ends_with_1_and_an_event},
          {"a number of nested tables is bounded", a_number_of_nested_tables_is_bounded},
          {"a NUL in the file is refused", a_nul_in_the_file_is_refused},
          {"wrong use ends with 2", wrong_use_ends_with_2},
          {"a folder that is not there ends with 1", a_folder_that_is_not_there_ends_with_1},
          {"without initdata the dummy makes an empty aa.toml",
           without_initdata_the_dummy_makes_an_empty_aa_toml},
          {"the allowed files are made and others told and skipped",
           the_allowed_files_are_made_and_others_told_and_skipped},
          {"the digest is by the algorithm named, and whole",
           the_digest_is_by_the_algorithm_named_and_whole})
