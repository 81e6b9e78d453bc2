/*
 * test-cocobox.c - cocobox as a program: wrong use, its reason codes, what it says of the host.
 */
#include "common/json/json.h"
#include "tests/testlib/program.h"
#include "tests/testlib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct t_ran cocobox(const char *a, const char *b, const char *c, const char *d)
{
    return t_program((const char *[]){getenv("COCOBOX"), a, b, c, d, NULL});
}

static const char *text(const struct cmn_buf *b)
{
    return b->data ? (const char *)b->data : "";
}

static void has(const char *all, const char *part)
{
    if (!strstr(all, part))
        T_EQ_STR(all, part);
    else
        T_TRUE(true);
}

static json_t *json_of(const struct t_ran *r)
{
    json_t *o = NULL;
    struct cmn_err err = {0};

    T_OK(cmn_json_load(cmn_buf_bytes(&r->out), 8, &o, &err), &err);
    return o;
}

/* One specific line, and no page of options. */
static void wrong_use_ends_with_2_and_says_why(void)
{
    static const struct {
        const char *words[4], *says;
    } cases[] = {
        {{NULL}, "Usage: cocobox COMMAND"},
        {{"hots"}, "unknown command 'hots'; did you mean 'host'?"},
        {{"frobnicate"}, "unknown command 'frobnicate' (see cocobox --help)"},
        {{""}, "unknown command ''"},
        {{"reasons", "policy.denie"},
         "no reason code 'policy.denie'; did you mean 'policy.denied'?"},
        {{"reasons", "policy.denied", "x.y"}, "there is no reason code 'x.y'"},
        {{"reasons", ""}, "there is no reason code ''"},
        {{"reasons", "--jsn"}, "unrecognized option '--jsn'"},
        {{"host"}, "say what to do: check"},
        {{"host", "chek"}, "say what to do: check"},
        {{"host", "check", "check"}, "say what to do: check"},
        {{"host", "check", "--jason"}, "unrecognized option"},
        {{"image"}, "the only subcommand is 'encrypt'"},
        {{"image", "decrypt"}, "the only subcommand is 'encrypt'"},
        {{"image", "encrypt"}, "needs SRC-LAYOUT:TAG and DST-LAYOUT:TAG"},
        {{"image", "encrypt", "a:1", "b:1"}, "needs --key kbs:///a/b/c"},
        {{"image", "encrypt", "--key-fil=x"}, ""}, /* an abbreviation: argp takes it */
        {{"image", "encrypt", "--keyy=x"}, "unrecognized option"},
        {{"run", "--jobs=0"}, "wants a number from 1"},
        {{"run", "--repeat=x"}, "wants a number from 1"},
        {{"run"}, ""},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        const char *const *w = cases[i].words;
        struct t_ran r = cocobox(w[0], w[1], w[2], w[3]);
        T_EQ_INT(r.status, 2);
        T_EQ_INT(r.out.len, 0);
        has(text(&r.err), cases[i].says);
        t_ran_done(&r);
    }
}

static void help_is_there_for_everything(void)
{
    static const char *const words[][2] = {{"--help"},
                                           {"-h"},
                                           {"-?"},
                                           {"run", "--help"},
                                           {"list", "--help"},
                                           {"host", "--help"},
                                           {"image", "--help"},
                                           {"image", "-?"},
                                           {"reasons", "--help"}};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(words); i++) {
        struct t_ran r = cocobox(words[i][0], words[i][1], NULL, NULL);
        T_EQ_INT(r.status, 0);
        T_EQ_INT(r.err.len, 0);
        has(text(&r.out), "Usage: cocobox ");
        t_ran_done(&r);
    }
    static const char *const encrypt[] = {"--help", "-?", "--usage"};
    for (size_t i = 0; i < CMN_ARRAY_SIZE(encrypt); i++) {
        struct t_ran r = cocobox("image", "encrypt", encrypt[i], NULL);
        T_EQ_INT(r.status, 0);
        T_EQ_INT(r.err.len, 0);
        has(text(&r.out), "cocobox image encrypt");
        t_ran_done(&r);
    }
    struct t_ran r = cocobox("--version", NULL, NULL, NULL);
    T_EQ_INT(r.status, 0);
    T_TRUE(strncmp(text(&r.out), "cocobox ", 8) == 0);
    t_ran_done(&r);
}

static void reasons_tells_every_code_of_the_table_once(void)
{
    struct t_ran r = cocobox("reasons", "--json", NULL, NULL),
                 plain = cocobox("reasons", NULL, NULL, NULL);
    auto_json json_t *list = json_of(&r);

    T_TRUE(r.status == 0 && plain.status == 0);
    T_EQ_INT(json_array_size(list), CMN_REASON_COUNT - 1);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *o = json_array_get(list, i);
        const char *code = cmn_json_str(o, "code");
        enum cmn_reason reason = cmn_reason_by_name(code);
        char head[160];
        T_EQ_INT(reason, i + 1); /* in the table's order, so each once */
        T_EQ_STR(cmn_json_str(o, "meaning"), cmn_reason_info(reason)->meaning);
        T_EQ_STR(cmn_json_str(o, "hint"), cmn_reason_info(reason)->hint);
        (void)snprintf(head, sizeof(head), "%s (%s)\n    ", code ? code : "?",
                       cmn_reason_info(reason)->phase);
        has(text(&plain.out), head);
    }
    t_ran_done(&r);
    t_ran_done(&plain);
}

static void reasons_tells_only_the_codes_asked_for(void)
{
    struct t_ran r = cocobox("reasons", "policy.denied", "guest.crashed", NULL);
    struct t_ran json = cocobox("reasons", "-j", "policy.denied", NULL);
    auto_json json_t *list = json_of(&json);

    T_EQ_INT(r.status, 0);
    T_TRUE(strncmp(text(&r.out), "policy.denied (release-key)\n", 28) == 0);
    has(text(&r.out), cmn_reason_info(CMN_REASON_GUEST_CRASHED)->hint);
    T_TRUE(!strstr(text(&r.out), "snp."));
    T_EQ_INT(json_array_size(list), 1);
    T_EQ_STR(cmn_json_str(json_array_get(list, 0), "code"), "policy.denied");
    t_ran_done(&r);
    t_ran_done(&json);
}

/* Both forms say the same of the same things, and the exit status is what the needed ones say. */
static void host_check_says_what_the_host_can_run(void)
{
    static const char *const names[] = {"user-namespaces", "many-ids", "newuidmap", "crun",
                                        "umoci",           "fuse",     "kvm",       "qemu",
                                        "libvirt",         "tpm"};
    struct t_ran json = cocobox("host", "check", "--json", NULL);
    struct t_ran plain = cocobox("host", "check", NULL, NULL);
    auto_json json_t *list = json_of(&json);
    bool all_needed = true;

    /* what SEV-SNP needs follows, requirement by requirement: test-snp-host */
    T_TRUE(json_array_size(list) > CMN_ARRAY_SIZE(names));
    for (size_t i = CMN_ARRAY_SIZE(names); i < json_array_size(list); i++)
        T_TRUE(strncmp(cmn_json_str(json_array_get(list, i), "name"), "snp", 3) == 0);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        const json_t *o = json_array_get(list, i);
        bool ok = json_is_true(json_object_get(o, "ok"));
        bool needed = json_is_true(json_object_get(o, "needed"));
        const char *hint = cmn_json_str(o, "hint"), *found = cmn_json_str(o, "found");
        char line[512];
        T_EQ_STR(cmn_json_str(o, "name"), names[i]);
        T_TRUE(found && *found);
        T_TRUE(ok || (hint && *hint) ||
               strcmp(names[i], "many-ids") == 0); /* what to do about it */
        T_EQ_INT(needed, strcmp(names[i], "user-namespaces") == 0 || strcmp(names[i], "crun") == 0);
        all_needed = all_needed && (ok || !needed);
        (void)snprintf(line, sizeof(line), "%-5s %-16s ",
                       ok       ? "ok"
                       : needed ? "NO"
                                : "-",
                       names[i]);
        has(text(&plain.out), line);
    }
    T_EQ_INT(json.status, all_needed ? 0 : 3);
    T_EQ_INT(plain.status, json.status);
    t_ran_done(&json);
    t_ran_done(&plain);
}

static void a_host_without_crun_ends_with_3_and_the_way_out(void)
{
    static const char command[] = "exec env -i PATH=/nonexistent \"$COCOBOX\" host check";
    bool elsewhere = false;
    static const char *const system[] = {"/usr/sbin/crun", "/sbin/crun", "/usr/libexec/crun"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(system); i++)
        elsewhere = elsewhere || access(system[i], X_OK) == 0;
    struct t_ran r = t_program((const char *[]){"sh", "-c", command, NULL});
    if (elsewhere) {
        T_TRUE(strstr(text(&r.out), "crun") != NULL);
    } else {
        T_EQ_INT(r.status, 3);
        has(text(&r.out), "NO    crun             not found\n");
        has(text(&r.out), "for starting containers; run ./scripts/setup");
    }
    t_ran_done(&r);
}

TEST_MAIN("cocobox", {"wrong use ends with 2 and says why", wrong_use_ends_with_2_and_says_why},
          {"help is there for everything", help_is_there_for_everything},
          {"reasons tells every code of the table once",
           reasons_tells_every_code_of_the_table_once},
          {"reasons tells only the codes asked for", reasons_tells_only_the_codes_asked_for},
          {"host check says what the host can run", host_check_says_what_the_host_can_run},
          {"a host without crun ends with 3 and the way out",
           a_host_without_crun_ends_with_3_and_the_way_out})
