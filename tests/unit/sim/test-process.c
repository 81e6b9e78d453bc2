/*
 * test-process.c - pod and image config become one process: what cannot be one, then kubelet's and
 * containerd's rules case by case.
 */
#include "sim/adaptor/adaptor.h"
#include "tests/testlib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST(...)                                                                                  \
    {                                                                                              \
        .items = (char *[]){__VA_ARGS__}, .n = sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)    \
    }
#define CONFIG(members) "{\"config\":{" members "}}"
#define RUNS            "\"Cmd\":[\"sh\"]"

static const struct sim_pod pod = {.name = (char *)"my-pod"};

static int merge(const struct sim_container *c, const char *config, struct sim_process *ret,
                 struct cmn_err *err)
{
    auto_json json_t *o = NULL;

    cmn_err_clear(err);
    T_OK(cmn_json_load(cmn_bytes(config, strlen(config)), 8, &o, NULL), NULL);
    return sim_process_merge(&pod, c, o, ret, err);
}

static struct sim_container container(void)
{
    return (struct sim_container){.name = (char *)"c", .run_as_user = -1, .run_as_group = -1};
}

/* All of them in one line, with '|' between. */
static void joined(const struct sim_strings *s, char *out, size_t cap)
{
    out[0] = '\0';
    for (size_t i = 0; i < s->n; i++)
        (void)snprintf(out + strlen(out), cap - strlen(out), "%s%s", i ? "|" : "", s->items[i]);
}

static const char *var(const struct sim_process *p, const char *name)
{
    const char *found = NULL;
    size_t n = strlen(name);

    for (size_t i = 0; i < p->env.n; i++)
        if (strncmp(p->env.items[i], name, n) == 0 && p->env.items[i][n] == '=') {
            T_TRUE(!found); /* there once */
            found = p->env.items[i] + n + 1;
        }
    return found;
}

static void what_names_no_command_is_refused(void)
{
    static const char *const configs[] = {"{}",
                                          CONFIG(""),
                                          CONFIG("\"Cmd\":[]"),
                                          CONFIG("\"Cmd\":null,\"Entrypoint\":[]"),
                                          CONFIG("\"Cmd\":\"sh\""),
                                          CONFIG("\"Cmd\":[5]"),
                                          "[]"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(configs); i++) {
        struct sim_container c = container();
        struct sim_process p = {0};
        struct cmn_err err = {0};
        T_ERR(merge(&c, configs[i], &p, &err), -EINVAL, &err,
              "container 'c': neither the pod nor the image names a command");
        T_EQ_INT(err.reason, CMN_REASON_CONTAINER_START_FAILED);
        T_TRUE(!p.args.items && !p.env.items && !p.cwd);
    }
}

/* No passwd file is known here, so a name cannot become a number. */
static void a_user_that_is_no_number_is_refused(void)
{
    static const char *const users[] = {"nobody",
                                        "1000:users",
                                        "-1",
                                        "+5",
                                        " 5",
                                        "5 ",
                                        "1000:",
                                        ":5",
                                        "4294967295",
                                        "2147483648",
                                        "1:99999999999999999999",
                                        "1:2:3",
                                        "0x10",
                                        "\\u001b[2J"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(users); i++) {
        struct sim_container c = container();
        struct sim_process p = {0};
        struct cmn_err err = {0};
        char config[128];
        (void)snprintf(config, sizeof(config), CONFIG(RUNS ",\"User\":\"%s\""), users[i]);
        T_ERR(merge(&c, config, &p, &err), -EINVAL, &err, "securityContext.runAsUser");
        c.run_as_user = 5; /* what the message says helps */
        T_OK(merge(&c, config, &p, &err), &err);
        T_TRUE(p.uid == 5 && p.gid == 0);
        sim_process_done(&p);
    }
}

static void users_come_from_the_pod_and_else_from_the_image(void)
{
    static const struct {
        const char *user;
        int64_t run_as_user, run_as_group;
        uint32_t uid, gid;
    } cases[] = {
        {"", -1, -1, 0, 0},        {"root", -1, -1, 0, 0},
        {"1000", -1, -1, 1000, 0}, {"1000:100", -1, -1, 1000, 100},
        {"1000:100", 7, -1, 7, 0}, {"1000:100", -1, 8, 1000, 8},
        {"1000:100", 0, 0, 0, 0},  {"2147483647", -1, -1, 2147483647, 0},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sim_container c = container();
        struct sim_process p = {0};
        struct cmn_err err = {0};
        char config[128];
        c.run_as_user = cases[i].run_as_user;
        c.run_as_group = cases[i].run_as_group;
        (void)snprintf(config, sizeof(config), CONFIG(RUNS ",\"User\":\"%s\""), cases[i].user);
        T_OK(merge(&c, config, &p, &err), &err);
        T_EQ_INT(p.uid, cases[i].uid);
        T_EQ_INT(p.gid, cases[i].gid);
        sim_process_done(&p);
    }
}

/* Kubernetes' table: "Define a command and arguments for a container". */
static void command_and_args_stand_over_entrypoint_and_cmd(void)
{
    static const struct {
        const char *config;
        bool command, args;
        const char *want;
    } cases[] = {
        {CONFIG("\"Entrypoint\":[\"/ep\",\"e\"],\"Cmd\":[\"foo\"]"), false, false, "/ep|e|foo"},
        {CONFIG("\"Entrypoint\":[\"/ep\",\"e\"],\"Cmd\":[\"foo\"]"), true, false, "cmd|x"},
        {CONFIG("\"Entrypoint\":[\"/ep\",\"e\"],\"Cmd\":[\"foo\"]"), false, true, "/ep|e|arg"},
        {CONFIG("\"Entrypoint\":[\"/ep\",\"e\"],\"Cmd\":[\"foo\"]"), true, true, "cmd|x|arg"},
        {CONFIG("\"Cmd\":[\"foo\"]"), false, false, "foo"},
        {CONFIG("\"Entrypoint\":[\"/ep\"]"), false, false, "/ep"},
        {CONFIG("\"Entrypoint\":[\"/ep\"]"), false, true, "/ep|arg"},
        {CONFIG("\"Cmd\":[\"foo\"]"), false, true, "arg"},
        {"{}", true, false, "cmd|x"},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sim_container c = container();
        struct sim_process p = {0};
        struct cmn_err err = {0};
        char got[256];
        c.command = (struct sim_strings)LIST((char *)"cmd", (char *)"x");
        c.args = (struct sim_strings)LIST((char *)"arg");
        c.has_command = cases[i].command;
        c.has_args = cases[i].args;
        T_OK(merge(&c, cases[i].config, &p, &err), &err);
        joined(&p.args, got, sizeof(got));
        T_EQ_STR(got, cases[i].want);
        sim_process_done(&p);
    }
}

static void references_are_expanded_as_kubernetes_does(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"$(A)", "one"},
        {"x$(A)y$(B)z", "xoneytwo words z"},
        {"$(NOT)", "$(NOT)"},
        {"$$(A)", "$(A)"},
        {"$$$(A)", "$one"},
        {"$$$$(A)", "$$(A)"},
        {"$A ${A}", "$A ${A}"},
        {"$", "$"},
        {"$$", "$"},
        {"a$", "a$"},
        {"$(", "$("},
        {"$(A", "$(A"},
        {"$()", "$()"},
        {"$(A)$", "one$"},
        {"$(NOT$(A))", "$(NOT$(A))"}, /* read up to the first ')', and not again */
        {"$(A$(B)", "$(A$(B)"},
        {"$( A)", "$( A)"},
        {"$(C)", "$(A)"},       /* a value is not expanded again */
        {"$(PATH)", "$(PATH)"}, /* the kubelet does not know the image's variables */
        {"$(IMAGE)", "$(IMAGE)"},
        {"$(HOSTNAME)", "$(HOSTNAME)"},
        {"\xc3\xbc$(A)\xc3\xbc", "\xc3\xbcone\xc3\xbc"},
        {"", ""},
    };
    struct sim_env_var env[] = {{(char *)"A", (char *)"one"},
                                {(char *)"B", (char *)"two words "},
                                {(char *)"C", (char *)"$$(A)"}};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sim_container c = container();
        struct sim_process p = {0};
        struct cmn_err err = {0};
        c.env = env;
        c.n_env = 3;
        c.command = (struct sim_strings)LIST((char *)"cmd", (char *)(uintptr_t)cases[i].text);
        c.has_command = true;
        T_OK(merge(&c, CONFIG("\"Env\":[\"IMAGE=busybox\"]"), &p, &err), &err);
        T_EQ_STR(p.args.n == 2 ? p.args.items[1] : NULL, cases[i].want);
        sim_process_done(&p);
    }
}

static void the_image_s_own_words_are_not_expanded(void)
{
    struct sim_env_var env[] = {{(char *)"A", (char *)"one"}};
    struct sim_container c = container();
    struct sim_process p = {0};
    struct cmn_err err = {0};
    char got[128];

    c.env = env;
    c.n_env = 1;
    T_OK(merge(&c, CONFIG("\"Entrypoint\":[\"$(A)\"],\"Cmd\":[\"$$\"],\"Env\":[\"X=$(A)\"]"), &p,
               &err),
         &err);
    joined(&p.args, got, sizeof(got));
    T_EQ_STR(got, "$(A)|$$");
    T_EQ_STR(var(&p, "X"), "$(A)");
    sim_process_done(&p);
}

static void variables_know_those_before_them(void)
{
    struct sim_env_var env[] = {
        {(char *)"LATE", (char *)"$(B)"}, {(char *)"A", (char *)"1"},
        {(char *)"B", (char *)"$(A)2"},   {(char *)"A", (char *)"3"},
        {(char *)"EMPTY", (char *)""},    {(char *)"D", (char *)"[$(EMPTY)]"}};
    struct sim_container c = container();
    struct sim_process p = {0};
    struct cmn_err err = {0};

    c.env = env;
    c.n_env = 6;
    T_OK(merge(&c, CONFIG(RUNS), &p, &err), &err);
    T_EQ_STR(var(&p, "LATE"), "$(B)");
    T_EQ_STR(var(&p, "B"), "12");
    T_EQ_STR(var(&p, "A"), "3");
    T_EQ_STR(var(&p, "D"), "[]");
    sim_process_done(&p);
}

/* containerd: default PATH, then HOSTNAME, then the image's Env, then the pod's env. */
static void the_environment_is_merged_in_containerd_s_order(void)
{
    struct sim_env_var env[] = {{(char *)"P", (char *)"pod"}, {(char *)"BOTH", (char *)"pod"}};
    struct sim_container c = container();
    struct sim_process p = {0};
    struct cmn_err err = {0};

    T_OK(merge(&c, CONFIG(RUNS), &p, &err), &err);
    T_EQ_STR(var(&p, "PATH"), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    T_EQ_STR(var(&p, "HOSTNAME"), "my-pod");
    T_EQ_INT(p.env.n, 2);
    sim_process_done(&p);

    c.env = env;
    c.n_env = 2;
    T_OK(merge(&c,
               CONFIG(RUNS ",\"Env\":[\"PATH=/only\",\"HOSTNAME=image\",\"BOTH=image\",\"I=a=b\","
                           "\"DOUBLE=1\",\"DOUBLE=2\",\"NOEQ\",5,\"PATHS=x\"]"),
               &p, &err),
         &err);
    T_EQ_STR(var(&p, "PATH"), "/only");
    T_EQ_STR(var(&p, "HOSTNAME"), "image");
    T_EQ_STR(var(&p, "BOTH"), "pod");
    T_EQ_STR(var(&p, "P"), "pod");
    T_EQ_STR(var(&p, "I"), "a=b");
    T_EQ_STR(var(&p, "DOUBLE"), "2");
    T_EQ_STR(var(&p, "PATHS"), "x");
    T_EQ_INT(p.env.n, 7);
    sim_process_done(&p);
}

static void the_working_folder_is_the_pod_s_the_image_s_or_the_root(void)
{
    struct sim_container c = container();
    struct sim_process p = {0};
    struct cmn_err err = {0};

    T_OK(merge(&c, CONFIG(RUNS ",\"WorkingDir\":\"\""), &p, &err), &err);
    T_EQ_STR(p.cwd, "/");
    sim_process_done(&p);
    T_OK(merge(&c, CONFIG(RUNS ",\"WorkingDir\":\"/image\""), &p, &err), &err);
    T_EQ_STR(p.cwd, "/image");
    sim_process_done(&p);
    c.working_dir = (char *)"/pod";
    T_OK(merge(&c, CONFIG(RUNS ",\"WorkingDir\":\"/image\""), &p, &err), &err);
    T_EQ_STR(p.cwd, "/pod");
    sim_process_done(&p);
    sim_process_done(&p); /* twice is fine */
}

TEST_MAIN("process", {"what names no command is refused", what_names_no_command_is_refused},
          {"a user that is no number is refused", a_user_that_is_no_number_is_refused},
          {"users come from the pod and else from the image",
           users_come_from_the_pod_and_else_from_the_image},
          {"command and args stand over Entrypoint and Cmd",
           command_and_args_stand_over_entrypoint_and_cmd},
          {"references are expanded as Kubernetes does",
           references_are_expanded_as_kubernetes_does},
          {"the image's own words are not expanded", the_image_s_own_words_are_not_expanded},
          {"variables know those before them", variables_know_those_before_them},
          {"the environment is merged in containerd's order",
           the_environment_is_merged_in_containerd_s_order},
          {"the working folder is the pod's, the image's or the root",
           the_working_folder_is_the_pod_s_the_image_s_or_the_root})
