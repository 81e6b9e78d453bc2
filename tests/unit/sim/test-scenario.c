/*
 * test-scenario.c - scenario files and Pod manifests: what is refused, with file, line and the
 * nearest known word; what becomes of every key; which files a folder stands for.
 */
#include "sim/scenario/scenario.h"
#include "tests/testlib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD "name: x\nsummary: s\n"
#define POD                                                                                        \
    "pod:\n"                                                                                       \
    "  apiVersion: v1\n"                                                                           \
    "  kind: Pod\n"                                                                                \
    "  metadata: {name: p}\n"                                                                      \
    "  spec: {containers: [{name: c, image: r.local/i:1}]}\n"
#define IMAGES "images: {r.local/i:1: {from: busybox}}\n"
#define EXPECT "expect: {outcome: completed}\n"
#define GOOD   HEAD POD IMAGES EXPECT
/* with `lines` before what is needed: they start at line 1 */
#define WITH(lines)        lines HEAD POD IMAGES EXPECT
#define WITH_EXPECT(lines) lines HEAD POD IMAGES
#define WITH_IMAGES(lines) lines HEAD POD EXPECT

static int parse(const char *text, struct sim_plan **ret, struct cmn_err *err)
{
    cmn_err_clear(err);
    return sim_scenario_parse("s.yaml", t_tmpdir(), cmn_bytes(text, strlen(text)), ret, err);
}

struct refused {
    const char *text, *says;
};

static void expect_refused(const struct refused *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        auto_plan struct sim_plan *plan = NULL;
        struct cmn_err err = {0};
        T_ERR(parse(cases[i].text, &plan, &err), -EINVAL, &err, cases[i].says);
        T_TRUE(plan == NULL);
        T_TRUE(strncmp(err.msg, "s.yaml:", 7) == 0);
    }
}
#define REFUSED(...)                                                                               \
    do {                                                                                           \
        static const struct refused cases_[] = {__VA_ARGS__};                                      \
        expect_refused(cases_, CMN_ARRAY_SIZE(cases_));                                            \
    } while (0)

static struct sim_plan *accepted(const char *text)
{
    struct sim_plan *plan = NULL;
    struct cmn_err err = {0};

    T_OK(parse(text, &plan, &err), &err);
    return plan;
}

static void an_unknown_key_is_refused_everywhere(void)
{
    REFUSED({WITH("imges: {}\n"), "s.yaml:1: unknown key 'imges'; did you mean 'images'?"},
            {WITH("guest:\n  vcpu: 1\n"), "s.yaml:2: unknown key 'vcpu'; did you mean 'vcpus'?"},
            {WITH("guest:\n  policy:\n    debugg: true\n"), "s.yaml:3: unknown key 'debugg'"},
            {WITH("kbs:\n  policyset: x\n"), "s.yaml:2: unknown key 'policyset'"},
            {WITH("kbs:\n  resources:\n    a/b/c: {txt: x}\n"), "s.yaml:3: unknown key 'txt'"},
            {WITH("kbs:\n  reference_values: {from-guets: {}}\n"), "did you mean 'from-guest'?"},
            {WITH("kbs:\n  reference_values:\n    from-guest: {cmdlin: x}\n"), "s.yaml:3:"},
            {WITH("faults:\n  - {at: psp.report, flp: 0}\n"), "s.yaml:2: unknown key 'flp'"},
            {WITH_EXPECT("expect: {outcome: completed, exitcode: 0}\n"),
             "s.yaml:1: unknown key 'exitcode'; did you mean 'exit_code'?"},
            {WITH_IMAGES("images:\n  r.local/i:1: {form: busybox}\n"), "did you mean 'from'?"},
            {WITH_IMAGES("images:\n  r.local/i:1: {from: b, encrypt: {kye: x}}\n"),
             "s.yaml:2: unknown key 'kye'; did you mean 'key'?"});
}

static void what_is_missing_is_named(void)
{
    REFUSED({"", "an object is wanted here, this is nothing"},
            {"summary: s\n" POD IMAGES EXPECT, "s.yaml:1: 'name' is missing"},
            {"name: x\n" POD IMAGES EXPECT, "'summary' is missing"},
            {HEAD IMAGES EXPECT, "'pod' is missing"}, {HEAD POD EXPECT, "'images' is missing"},
            {HEAD POD IMAGES, "'expect' is missing"},
            {WITH_EXPECT("expect: {exit_code: 0}\n"), "'outcome' is missing"},
            {WITH_IMAGES("images: {r.local/i:1: {encrypt: {key: kbs:///a/b/c}}}\n"),
             "'from' is missing"},
            {WITH_IMAGES("images: {r.local/i:1: {from: b, encrypt: {}}}\n"), "'key' is missing"},
            {WITH("faults: [{flip: 0}]\n"), "'at' is missing"});
}

static void a_wrong_type_is_told_with_its_own_line(void)
{
    REFUSED({"name: 5\n", "s.yaml:1: 'name' wants text, this is a number"},
            {"name: ''\n", "s.yaml:1: 'name' is empty"},
            {"name: x\nsummary: [s]\n", "s.yaml:2: 'summary' wants text, this is a list"},
            {WITH("tags: a\n"), "s.yaml:1: 'tags' wants a list of texts, this is text"},
            {WITH("tags: [a, 5]\n"), "item 2 of 'tags' is a number, text is wanted"},
            {WITH("\nattest: true\n"), "s.yaml:2: 'attest' wants text, this is true or false"},
            {WITH("guest: snp\n"), "s.yaml:1: 'guest' wants an object, this is text"},
            {WITH("guest: {vcpus: '1'}\n"), "'vcpus' wants a number, this is text"},
            {WITH("guest: {vcpus: 1.5}\n"), "'vcpus' wants a number, this is a decimal number"},
            {WITH("guest: {cmdline: 5}\n"), "'cmdline' wants text"},
            {WITH("guest: {policy: {debug: 1}}\n"), "'debug' wants true or false"},
            {WITH("kbs: {strict: 'true'}\n"), "'strict' wants true or false, this is text"},
            {WITH("kbs: {era: 0.21}\n"), "'era' wants text, this is a decimal number"},
            {WITH("kbs: {era: 0.21}\n"), "s.yaml:1"},
            {WITH("kbs: {resources: []}\n"), "'resources' wants an object"},
            {WITH("kbs: {resources: {a/b/c: text}}\n"), "'a/b/c' wants an object, this is text"},
            {WITH("faults: {}\n"), "'faults' wants a list"},
            {WITH("faults: [flip]\n"), "item 1 of 'faults' is text, an object is wanted"},
            {WITH_EXPECT("expect: completed\n"), "'expect' wants an object, this is text"},
            {WITH_EXPECT("expect: {outcome: completed, stdout_contains: x}\n"), "a list of texts"},
            {WITH_EXPECT("expect: {outcome: refused, code: 5}\n"), "'code' wants text"},
            {WITH_IMAGES("images: []\n"), "'images' wants an object"},
            {WITH_IMAGES("images: {}\n"), "'images' wants an object of 1 to 32"},
            {HEAD "pod: 5\n" IMAGES EXPECT, "s.yaml:3: 'pod' wants a Pod manifest or the path"});
}

/* null, true and false have no line of their own: the block's key has. */
static void an_empty_block_is_told_with_its_own_line(void)
{
    REFUSED({"stands-for: x\n" GOOD "guest:\n", "s.yaml:11: 'guest' wants an object"},
            {GOOD "kbs:\n  strict: true\n  resources: true\n", "s.yaml:12: 'resources' wants"},
            {GOOD "kbs: null\n", "s.yaml:10: 'kbs' wants an object, this is nothing"},
            {GOOD "kbs: {strict: true}\nguest:\n  policy: true\n", "s.yaml:12: 'policy' wants"},
            {GOOD "faults:\n", "s.yaml:10: 'faults' wants a list"},
            {HEAD POD IMAGES "kbs: {strict: true}\nexpect: true\n", "s.yaml:10: 'expect' wants"},
            {HEAD POD "kbs: {strict: true}\nimages: true\n" EXPECT, "s.yaml:9: 'images' wants"},
            {WITH("kbs: {strict: false}\nfaults:\n  - false\n"), "s.yaml:2: item 1 of 'faults'"},
            {WITH_IMAGES("kbs: {strict: false}\nimages:\n  r.local/i:1:\n"),
             "s.yaml:3: 'r.local/i:1' wants an object, this is nothing"},
            {WITH_IMAGES("kbs: {strict: true}\nimages:\n  r.local/i:1:\n    from: b\n"
                         "    encrypt: true\n"),
             "s.yaml:5: 'encrypt' wants an object"},
            {WITH("kbs:\n  strict: false\n  resources:\n    a/b/c:\n"), "s.yaml:4: 'a/b/c' wants"},
            {WITH("kbs:\n  strict: false\n  reference_values:\n    from-guest:\n"),
             "s.yaml:4: 'from-guest' wants"});
}

static void values_out_of_their_range_are_refused(void)
{
    REFUSED({WITH("guest: {tee: tdx}\n"), "'tee' is 'tdx', known are: snp, sample"},
            {WITH("guest: {product: naples}\n"), "known are: milan, genoa, turin"},
            {WITH("guest: {vcpus: 0}\n"), "'vcpus' is 0, allowed is 1 to 255"},
            {WITH("guest: {vcpus: 256}\n"), "allowed is 1 to 255"},
            {WITH("guest: {vcpus: -1}\n"), "'vcpus' is -1"},
            {WITH("guest: {chip: 65536}\n"), "allowed is 0 to 65535"},
            {WITH("guest: {report_version: 1}\n"), "allowed is 2 to 5"},
            {WITH("guest: {report_version: 6}\n"), "allowed is 2 to 5"},
            {WITH("guest: {retry_delay_ms: 60001}\n"), "allowed is 0 to 60000"},
            {WITH("guest: {memory: 0}\n"), "'memory' is no size"},
            {WITH("guest: {memory: 0Mi}\n"), "'memory' is no size"},
            {WITH("guest: {memory: -5}\n"), "'memory' is no size"},
            {WITH("guest: {memory: 5MB}\n"), "'memory' is no size such as 256Mi or 1Gi"},
            {WITH("guest: {memory: ' 5Mi'}\n"), "'memory' is no size"},
            {WITH("guest: {memory: 99999999Gi}\n"), "'memory' is no size"},
            {WITH("guest: {memory: 99999999999999999999Ki}\n"), "'memory' is no size"},
            {WITH("timeout: 0\n"), "'timeout' is no duration"},
            {WITH("timeout: 0s\n"), "'timeout' is no duration"},
            {WITH("timeout: 25h\n"), "'timeout' is no duration"},
            {WITH("timeout: 86401\n"), "'timeout' is no duration"},
            {WITH("timeout: 1441m\n"), "'timeout' is no duration"},
            {WITH("timeout: -5\n"), "'timeout' is no duration"},
            {WITH("attest: sometimes\n"), "'attest' is 'sometimes', known are: lazy, eager"},
            {WITH("needs: [kvmm]\n"), "unknown need 'kvmm'; did you mean 'kvm'?"},
            {WITH("needs: [quantum]\n"), "unknown need 'quantum'"});
}

static void a_command_line_is_bounded(void)
{
    char text[4096];

    for (int over = 0; over <= 1; over++) {
        auto_plan struct sim_plan *plan = NULL;
        struct cmn_err err = {0};
        (void)snprintf(text, sizeof(text), "guest: {cmdline: \"%0*d\"}\n" GOOD, 2047 + over, 0);
        int r = parse(text, &plan, &err);
        if (over)
            T_ERR(r, -EINVAL, &err, "s.yaml:1: 'cmdline' is longer than 2047 bytes");
        else
            T_OK(r, &err);
    }
}

static void what_the_key_broker_holds_is_checked(void)
{
    REFUSED({WITH("kbs: {era: '0.5'}\n"), "'era' is '0.5', known are: 0.21"},
            {WITH("kbs: {policy_set: strict}\n"), "'policy_set' is 'strict', known are: "},
            {WITH("kbs: {resources: {a/b: {text: x}}}\n"), "'a/b' is no resource path"},
            {WITH("kbs: {resources: {../b/c: {text: x}}}\n"), "is no resource path"},
            {WITH("kbs: {resources: {a/b/c: {}}}\n"), "exactly one of text, file, base64"},
            {WITH("kbs: {resources: {a/b/c: {text: x, random: 5}}}\n"), "exactly one of"},
            {WITH("kbs: {resources: {a/b/c: {text: 5}}}\n"), "'text' wants text"},
            {WITH("kbs: {resources: {a/b/c: {base64: 'x='}}}\n"), "'base64' is no base64 text"},
            {WITH("kbs: {resources: {a/b/c: {random: 0}}}\n"), "allowed is 1 to 1048576"},
            {WITH("kbs: {resources: {a/b/c: {random: 1048577}}}\n"), "allowed is 1 to"},
            {WITH("kbs: {resources: {a/b/c: {file: nowhere.bin}}}\n"), "nowhere.bin"},
            {WITH("kbs: {reference_values: guess}\n"), "wants auto or an object"},
            {WITH("kbs: {reference_values: {}}\n"), "exactly one of from-guest, file and inline"},
            {WITH("kbs: {reference_values: {inline: {}, file: x}}\n"), "exactly one of"},
            {WITH("kbs: {reference_values: {inline: []}}\n"), "'inline' wants an object"},
            {WITH("kbs: {reference_values: {file: 5}}\n"), "'file' wants a path"},
            {WITH("kbs: {reference_values: {file: nowhere.json}}\n"), "nowhere.json"},
            {WITH("kbs: {reference_values: {from-guest: {tee: tdx}}}\n"), "known are: snp"});
}

/* Neither the secret nor its file's content is in the message. */
static void a_refused_secret_is_not_repeated(void)
{
    static const char *const cases[] = {
        WITH("kbs: {resources: {a/b/c: {base64: 'hunter2!'}}}\n"),
        WITH("kbs: {resources: {a/b/c: {text: hunter2, random: 1}}}\n"),
        WITH_IMAGES("images: {r.local/i:1: {from: b, encrypt: {key: 'kbs:///a/b/c', secret: "
                    "hunter2}}}\n"),
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_plan struct sim_plan *plan = NULL;
        struct cmn_err err = {0};
        T_ERR(parse(cases[i], &plan, &err), -EINVAL, &err, "s.yaml:1: ");
        T_TRUE(strstr(err.msg, "hunter2") == NULL);
    }
}

static void images_are_checked(void)
{
    REFUSED({WITH_IMAGES("images: {'UPPER/i:1': {from: b}}\n"), "s.yaml:1: "},
            {WITH_IMAGES("images: {r.local/other:1: {from: b}}\n"),
             "the pod's image 'r.local/i:1' is not among 'images'"},
            {WITH_IMAGES("images: {r.local/ii:1: {from: b}}\n"), "did you mean 'r.local/ii:1'?"},
            {WITH_IMAGES("images: {r.local/i:1: {from: 'b b'}}\n"), "is no name of a fixture"},
            {WITH_IMAGES("images: {r.local/i:1: {from: '..'}}\n"), "is no name of a fixture"},
            {WITH_IMAGES("images: {r.local/i:1: {from: '.hidden'}}\n"), "is no name of a fixture"},
            {WITH_IMAGES("images: {r.local/i:1: {from: ./nowhere}}\n"), "is no folder"},
            {WITH_IMAGES("images: {r.local/i:1: {from: b, encrypt: {key: 'http://x'}}}\n"),
             "s.yaml:1: 'key': "},
            {WITH_IMAGES("images: {r.local/i:1: {from: b, encrypt: {key: 'kbs:///a/b'}}}\n"),
             "'key': "},
            {WITH_IMAGES(
                 "images: {r.local/i:1: {from: b, encrypt: {key: 'kbs:///a/b/c', secret: aa}}}\n"),
             "the 32 bytes of the key as 64 hex digits"});
}

static void faults_are_checked(void)
{
    REFUSED(
        {WITH("faults: [{at: psp.repot, flip: 0}]\n"), "'at' is 'psp.repot', known are: "},
        {WITH("faults: [{at: psp.report}]\n"),
         "exactly one of flip, set, truncate, replay, drop and reissue"},
        {WITH("faults: [{at: psp.report, flip: 0, truncate: 1}]\n"), "exactly one of"},
        {WITH("faults: [{at: psp.report, flip: mesurement}]\n"),
         "no field 'mesurement'; did you mean 'measurement'?"},
        {WITH("faults: [{at: psp.report, flip: 1184}]\n"), "allowed is 0 to 1183"},
        {WITH("faults: [{at: psp.report, flip: -1}]\n"), "allowed is 0 to 1183"},
        {WITH("faults: [{at: psp.report, flip: true}]\n"), "'flip' wants text"},
        {WITH("faults: [{at: registry.blob, flip: measurement}]\n"), "the offset of a byte"},
        {WITH("faults: [{at: psp.report, truncate: 5}]\n"),
         "'truncate' is nothing that 'psp.report' can do"},
        {WITH("faults: [{at: registry.blob, replay: tee-evidence}]\n"),
         "nothing that 'registry.blob'"},
        {WITH("faults: [{at: wire.attest, flip: 0}]\n"),
         "'flip' is nothing that 'wire.attest' can do"},
        {WITH("faults: [{at: wire.attest, replay: nonce}]\n"), "known are: tee-evidence"},
        {WITH("faults: [{at: registry.blob, truncate: -1}]\n"), "allowed is 0 to"},
        {WITH("faults: [{at: psp.report, set: policy}]\n"), "'to' is missing"},
        {WITH("faults: [{at: psp.report, set: policy, to: \"00\"}]\n"), "has 8 bytes, 'to' has 1"},
        {WITH("faults: [{at: psp.report, set: vmpl, to: \"xx\"}]\n"), "bytes as hex digits"},
        {WITH("faults: [{at: psp.report, set: vmpl, to: 4294967296}]\n"), "allowed is 0 to"},
        {WITH("faults: [{at: psp.report, set: measurement, to: 1}]\n"), "48 bytes as hex digits"},
        {WITH("faults: [{at: psp.report, set: 1183, to: \"0000\"}]\n"), "beyond the report"},
        {WITH("faults: [{at: psp.report, reissue: vcek}]\n"), "nothing that 'psp.report'"},
        {WITH("faults: [{at: psp.certs, reissue: vcak}]\n"), "'reissue' is 'vcak'"},
        {WITH("faults: [{at: psp.certs, reissue: vcek, not_after: \"2025\"}]\n"), "YYYYMMDD"},
        {WITH("faults: [{at: psp.certs, reissue: vcek, resign: true}]\n"), "unknown key 'resign'"},
        {WITH("faults: [{at: wire.auth, replay: tee-evidence}]\n"), "nothing that 'wire.auth'"},
        {WITH("faults: [{at: wire.attest, set: a, to: 1, resign: true}]\n"), "unknown key"});
}

static void expectations_are_checked(void)
{
    REFUSED({WITH_EXPECT("expect: {outcome: done}\n"), "known are: completed, refused, failed"},
            {WITH_EXPECT("expect: {outcome: completed, phase: attest}\n"),
             "'phase' goes with outcome refused or failed"},
            {WITH_EXPECT("expect: {outcome: completed, status: 401}\n"), "'status' goes with"},
            {WITH_EXPECT("expect: {outcome: refused, phase: attestation}\n"), "known are: create"},
            {WITH_EXPECT("expect: {outcome: refused, code: snp.report-data-mismach}\n"),
             "did you mean 'snp.report-data-mismatch'?"},
            {WITH_EXPECT("expect: {outcome: refused, code: ''}\n"), "no reason code ''"},
            {WITH_EXPECT("expect: {outcome: refused, status: 99}\n"), "allowed is 100 to 599"},
            {WITH_EXPECT("expect: {outcome: completed, exit_code: 256}\n"), "allowed is 0 to 255"},
            {WITH_EXPECT("expect: {outcome: completed, warns: [nothing.like-it]}\n"),
             "there is no reason code 'nothing.like-it'"});
}

static void every_key_arrives_in_the_plan(void)
{
    static const char text[] =
        "name: full\nsummary: all of it\nstands-for: somewhere#1\ntags: [a, b]\nneeds: [kvm]\n"
        "timeout: 2m\nattest: eager\n"
        "guest:\n  tee: snp\n  product: turin\n  vcpus: 4\n  memory: 1Gi\n  cmdline: \"a b\"\n"
        "  policy: {debug: true, smt: false, migrate_ma: true, single_socket: true}\n"
        "  chip: 7\n  report_version: 5\n  retry_delay_ms: 0\n" POD "images:\n"
        "  r.local/i:1:\n    from: busybox\n    encrypt:\n      key: kbs:///a/b/c\n      secret: "
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
        "kbs:\n  era: '0.21'\n  policy_set: affirming\n  strict: true\n"
        "  reference_values: {from-guest: {cmdline: other}}\n"
        "  resources:\n    a/b/text: {text: tt}\n    a/b/base64: {base64: aGk=}\n"
        "    a/b/random: {random: 16}\n    a/b/empty: {text: ''}\n"
        "faults:\n  - {at: psp.report, flip: measurement}\n  - {at: registry.blob, truncate: 100}\n"
        "  - {at: wire.attest, replay: tee-evidence}\n  - {at: registry.manifest, flip: 3}\n"
        "expect:\n  outcome: refused\n  phase: release-key\n  code: policy.status-ignored\n"
        "  status: 401\n  exit_code: 3\n  stdout_contains: [one]\n  warns: "
        "[policy.status-ignored]\n";
    auto_plan struct sim_plan *p = accepted(text);

    if (!p)
        return;
    T_EQ_STR(p->file, "s.yaml");
    T_EQ_STR(p->name, "full");
    T_EQ_STR(p->summary, "all of it");
    T_EQ_STR(p->stands_for, "somewhere#1");
    T_TRUE(p->tags.n == 2 && p->needs.n == 1 && p->attest_eager && p->strict);
    T_EQ_INT(p->timeout_ms, 120000);
    T_TRUE(p->guest.tee == SIM_TEE_SNP && p->guest.product == SNP_TURIN && p->guest.vcpus == 4);
    T_EQ_INT(p->guest.memory_bytes, 1ll << 30);
    T_EQ_INT(p->guest.policy,
             SNP_POLICY_ONE | SNP_POLICY_DEBUG | SNP_POLICY_MIGRATE_MA | SNP_POLICY_SINGLE_SOCKET);
    T_TRUE(p->guest.chip == 7 && p->guest.report_version == 5 && p->guest.retry_delay_ms == 0);
    T_EQ_STR(p->guest.cmdline, "a b");
    T_EQ_STR(p->images[0].key_uri, "kbs:///a/b/c");
    T_TRUE(p->images[0].has_key && p->images[0].key[31] == 0x1f && !p->images[0].from_dir);
    T_EQ_STR(p->policy_set, "affirming");
    T_EQ_INT(p->reference_mode, SIM_REFERENCE_GUEST);
    T_EQ_STR(p->reference_guest.cmdline, "other"); /* and the rest as this guest */
    T_TRUE(p->reference_guest.vcpus == 4 && p->reference_guest.product == SNP_TURIN);
    T_EQ_INT(p->n_resources, 4);
    T_EQ_STR((char *)p->resources[0].bytes.data, "tt");
    T_EQ_STR((char *)p->resources[1].bytes.data, "hi");
    T_TRUE(p->resources[2].random == 16 && p->resources[3].bytes.len == 0);
    T_EQ_INT(p->n_faults, 4);
    T_TRUE(p->faults[0].kind == SIM_FAULT_FLIP && p->faults[0].offset == 0x90);
    T_TRUE(p->faults[1].kind == SIM_FAULT_TRUNCATE && p->faults[1].length == 100);
    T_TRUE(p->faults[2].kind == SIM_FAULT_REPLAY && p->faults[3].offset == 3);
    T_EQ_STR(sim_result_name(p->expect.outcome), "refused");
    T_EQ_INT(p->expect.phase, SIM_PHASE_RELEASE_KEY);
    T_EQ_INT(p->expect.code, CMN_REASON_POLICY_STATUS_IGNORED);
    T_TRUE(p->expect.status == 401 && p->expect.exit_code == 3 && p->expect.n_warns == 1);
    T_EQ_STR(p->expect.stdout_contains.items[0], "one");
}

static void defaults_are_those_of_the_manual(void)
{
    auto_plan struct sim_plan *p = accepted(GOOD);

    if (!p)
        return;
    T_EQ_INT(p->timeout_ms, 60000);
    T_TRUE(!p->attest_eager && !p->strict && p->guest.tee == SIM_TEE_SNP);
    T_TRUE(p->guest.product == SNP_GENOA && p->guest.vcpus == 1 && p->guest.report_version == 3);
    T_EQ_INT(p->guest.memory_bytes, 256ll << 20);
    T_EQ_STR(p->guest.cmdline, "quiet");
    T_EQ_STR(p->policy_set, "upstream");
    T_EQ_INT(p->reference_mode, SIM_REFERENCE_NONE);
    T_TRUE(p->expect.phase == SIM_PHASE_NONE && p->expect.code == CMN_REASON_NONE);
    T_EQ_STR(p->pod.ns, "default");
    T_TRUE(p->pod.containers[0].run_as_user == -1 && !p->pod.containers[0].has_command);
}

static void sizes_and_durations_have_units(void)
{
    static const struct {
        const char *text;
        long long memory;
        unsigned timeout;
    } cases[] = {
        {"guest: {memory: 1024}\ntimeout: 5\n" GOOD, 1024, 5000},
        {"guest: {memory: '1024'}\ntimeout: 500ms\n" GOOD, 1024, 500},
        {"guest: {memory: 3Ki}\ntimeout: 1440m\n" GOOD, 3072, 86400000},
        {"guest: {memory: 4096Gi}\ntimeout: 90s\n" GOOD, 4096ll << 30, 90000},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_plan struct sim_plan *p = accepted(cases[i].text);
        T_EQ_INT(p ? p->guest.memory_bytes : 0, cases[i].memory);
        T_EQ_INT(p ? p->timeout_ms : 0, cases[i].timeout);
    }
}

/* ---- Pod manifests ---- */

#define MANIFEST(meta, spec)                                                                       \
    HEAD IMAGES EXPECT "pod:\n  apiVersion: v1\n  kind: Pod\n  metadata: " meta "\n  spec: " spec  \
                       "\n"
#define CONTAINER(more)                                                                            \
    MANIFEST("{name: p}", "{containers: [{name: c, image: 'r.local/i:1'" more "}]}")

static void what_a_pod_cannot_have_is_refused_by_name(void)
{
    REFUSED({CONTAINER(", envFrom: []"), "unknown key 'envFrom'"},
            {CONTAINER(", volumeMounts: []"), "unknown key 'volumeMounts'"},
            {CONTAINER(", lifecycle: {}"), "unknown key 'lifecycle'"},
            {CONTAINER(", env: [{name: A, valueFrom: {}}]"), "unknown key 'valueFrom'"},
            {CONTAINER(", securityContext: {privileged: true}"), "unknown key 'privileged'"},
            {MANIFEST("{name: p}", "{containers: [{name: c, image: 'r.local/i:1'}], volumes: []}"),
             "unknown key 'volumes'"},
            {MANIFEST("{name: p}", "{initContainers: [], containers: []}"),
             "unknown key 'initContainers'"},
            {MANIFEST("{name: p}", "{hostNetwork: true, containers: []}"), "'hostNetwork'"},
            {MANIFEST("{name: p, finalizers: []}", "{}"), "unknown key 'finalizers'"});
}

static void a_pod_without_sense_is_refused(void)
{
    REFUSED(
        {HEAD IMAGES EXPECT "pod: {kind: Pod, metadata: {name: p}, spec: {}}\n",
         "'apiVersion' is missing"},
        {HEAD IMAGES EXPECT "pod: {apiVersion: v1, kind: Pod, metadata: {name: p}}\n",
         "'spec' is missing"},
        {HEAD IMAGES EXPECT "pod: {apiVersion: apps/v1, kind: Pod}\n", "known are: v1"},
        {HEAD IMAGES EXPECT "pod: {apiVersion: v1, kind: Deployment}\n", "known are: Pod"},
        {MANIFEST("{}", "{}"), "'name' is missing"}, {MANIFEST("{name: UP}", "{}"), "'UP'"},
        {MANIFEST("{name: -a}", "{}"), "wants up to 63 of a-z"},
        {MANIFEST("{name: a.b}", "{}"), "wants up to 63 of a-z"},
        {MANIFEST("{name: p, namespace: ../x}", "{}"), "'namespace' wants up to 63"},
        {MANIFEST("{name: p, annotations: text}", "{}"), "'annotations' wants an object"},
        {MANIFEST("{name: p, annotations: {io.katacontainers.config.hypervisor.cc_init_data: 5}}",
                  "{}"),
         "cc_init_data' wants text"},
        {MANIFEST("{name: p, labels: [a]}", "{}"), "'labels' wants an object"},
        {MANIFEST("{name: p}", "{}"), "'containers' is missing"},
        {MANIFEST("{name: p}", "{containers: []}"), "'containers' wants a list of 1 to 16"},
        {MANIFEST("{name: p}", "{containers: {name: c}}"), "'containers' wants a list"},
        {MANIFEST("{name: p}", "{containers: [{image: i}]}"), "'name' is missing"},
        {MANIFEST("{name: p}", "{containers: [{name: c}]}"), "'image' is missing"},
        {MANIFEST("{name: p}", "{containers: [{name: '../c', image: 'r.local/i:1'}]}"),
         "'name' wants up to 63 of a-z, 0-9 and '-', this is '../c'"},
        {MANIFEST("{name: p}", "{containers: [{name: c, image: 'r.local/i:1'}, {name: c, image: "
                               "'r.local/i:1'}]}"),
         "two containers are named 'c'"},
        {CONTAINER(", command: sh"), "'command' wants a list of texts"},
        {CONTAINER(", args: [5]"), "item 1 of 'args' is a number"},
        {CONTAINER(", workingDir: tmp"), "'workingDir' is not absolute"},
        {CONTAINER(", env: {A: b}"), "'env' wants a list"},
        {CONTAINER(", env: [{name: A, value: 5}]"), "this is a number (put it in quotes)"},
        {CONTAINER(", env: [{name: 'A=B'}]"), "a variable's name has no '='"},
        {CONTAINER(", env: [{value: x}]"), "'name' is missing"},
        {CONTAINER(", securityContext: {runAsUser: -1}"), "allowed is 0 to 65535"},
        {CONTAINER(", securityContext: {runAsUser: 65536}"), "allowed is 0 to 65535"},
        {CONTAINER(", securityContext: {runAsGroup: x}"), "'runAsGroup' wants a number"},
        {CONTAINER(", securityContext: {readOnlyRootFilesystem: 1}"), "wants true or false"});
}

static void what_changes_nothing_here_is_let_through(void)
{
    auto_plan struct sim_plan *p = accepted(MANIFEST(
        "{name: p, namespace: demo, labels: {a: b}, annotations: {other: x}}",
        "{runtimeClassName: kata-remote, restartPolicy: Never, nodeSelector: {a: b}, "
        "tolerations: [], terminationGracePeriodSeconds: 5, hostname: h, serviceAccountName: s, "
        "containers: [{name: c, image: 'r.local/i:1', imagePullPolicy: Always, ports: "
        "[{containerPort: 80}], resources: {limits: {cpu: 1}}, livenessProbe: {}, "
        "securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, "
        "seccompProfile: {type: RuntimeDefault}}}]}"));

    T_EQ_STR(p ? p->pod.ns : NULL, "demo");
    T_TRUE(p && !p->pod.init_data);
}

static void what_a_pod_says_of_its_process_is_kept(void)
{
    auto_plan struct sim_plan *p = accepted(MANIFEST(
        "{name: p, annotations: {io.katacontainers.config.hypervisor.cc_init_data: H4s}}",
        "{securityContext: {runAsUser: 5, runAsGroup: 6}, containers: [{name: one, image: "
        "'r.local/i:1', command: [a, b], args: [c], env: [{name: A, value: 1 2}, {name: B}], "
        "workingDir: /w, securityContext: {runAsUser: 7, readOnlyRootFilesystem: true}}, "
        "{name: two, image: 'r.local/i:1'}]}"));

    if (!p)
        return;
    const struct sim_container *c = p->pod.containers;
    T_EQ_STR(p->pod.init_data, "H4s");
    T_TRUE(c[0].has_command && c[0].command.n == 2 && c[0].has_args && c[0].args.n == 1);
    T_TRUE(c[0].n_env == 2 && strcmp(c[0].env[0].value, "1 2") == 0);
    T_EQ_STR(c[0].env[1].value, "");
    T_EQ_STR(c[0].working_dir, "/w");
    T_TRUE(c[0].run_as_user == 7 && c[0].run_as_group == 6 && c[0].read_only_root);
    T_TRUE(c[1].run_as_user == 5 && c[1].run_as_group == 6 && !c[1].read_only_root);
}

/* ---- files ---- */

static void put(const char *name, const char *text)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", t_tmpdir(), name);
    T_OK(cmn_file_write(path, text, strlen(text), 0600, NULL), NULL);
}

static void paths_start_at_the_scenario_s_folder(void)
{
    auto_plan struct sim_plan *p = NULL;
    struct cmn_err err = {0};
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/d/layout", t_tmpdir());
    T_OK(cmn_mkdir_p(path, 0700, NULL), NULL);
    put("d/p.pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n"
                        "    - {name: c, image: 'r.local/i:1'}\n");
    put("d/secret.bin", "from a file");
    put("d/ref.json", "{\"snp_launch_measurement\": [\"00\"]}");
    put("d/s.yaml", HEAD EXPECT "pod: p.pod.yaml\nimages: {r.local/i:1: {from: ./layout}}\n"
                                "kbs: {reference_values: {file: ref.json}, resources: "
                                "{a/b/c: {file: secret.bin}}}\n");
    (void)snprintf(path, sizeof(path), "%s/d/s.yaml", t_tmpdir());
    T_OK(sim_scenario_load(path, &p, &err), &err);
    if (!p)
        return;
    T_EQ_STR((char *)p->resources[0].bytes.data, "from a file");
    T_TRUE(json_is_array(json_object_get(p->reference_values, "snp_launch_measurement")));
    T_TRUE(p->images[0].from_dir && access(p->images[0].from_dir, F_OK) == 0);
    T_EQ_STR(p->pod.name, "p");
}

static void a_bad_pod_file_is_told_with_both_files(void)
{
    auto_plan struct sim_plan *p = NULL;
    struct cmn_err err = {0};

    T_ERR(parse(HEAD IMAGES EXPECT "pod: nowhere.pod.yaml\n", &p, &err), -EINVAL, &err,
          "s.yaml:5: pod: ");
    T_TRUE(strstr(err.msg, "nowhere.pod.yaml") != NULL);
    put("bad.pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  volumes: []\n");
    T_ERR(parse(HEAD IMAGES EXPECT "pod: bad.pod.yaml\n", &p, &err), -EINVAL, &err,
          "bad.pod.yaml:5: unknown key 'volumes'");
    put("ref.txt", "[]");
    T_ERR(parse(WITH("kbs: {reference_values: {file: ref.txt}}\n"), &p, &err), -EINVAL, &err,
          "no JSON object");
}

static void a_file_that_is_not_there_is_named(void)
{
    auto_plan struct sim_plan *p = NULL;
    struct cmn_err err = {0};

    T_ERR(sim_scenario_load("/nowhere/s.yaml", &p, &err), -ENOENT, &err, "/nowhere/s.yaml");
    T_TRUE(p == NULL);
}

static void a_folder_stands_for_its_scenarios(void)
{
    struct sim_strings list = {0};
    struct cmn_err err = {0};
    char path[512], want[600];

    (void)snprintf(path, sizeof(path), "%s/folder", t_tmpdir());
    T_OK(cmn_mkdir_p(path, 0700, NULL), NULL);
    T_ERR(sim_scenario_files(path, &list, &err), -ENOENT, &err, "holds no scenario");
    put("folder/b.yaml", "");
    put("folder/a.yaml", "");
    put("folder/a.pod.yaml", "");
    put("folder/readme.md", "");
    put("folder/.yaml", "");
    T_OK(sim_scenario_files(path, &list, &err), &err);
    T_OK(sim_scenario_files("x/any.file", &list, &err), &err); /* judged when it is read */
    T_EQ_INT(list.n, 3);
    (void)snprintf(want, sizeof(want), "%s/a.yaml", path);
    T_EQ_STR(list.n > 0 ? list.items[0] : NULL, want);
    T_EQ_STR(list.n > 2 ? list.items[2] : NULL, "x/any.file");
    sim_strings_done(&list);
}

/* Offsets from AMD 56860, table "ATTESTATION_REPORT Structure". */
static void fields_of_the_report_have_their_offsets(void)
{
    static const struct {
        const char *name;
        size_t offset;
    } cases[] = {{"version", 0},        {"policy", 8},       {"report_data", 0x50},
                 {"measurement", 0x90}, {"host_data", 0xC0}, {"reported_tcb", 0x180},
                 {"chip_id", 0x1A0},    {"signature", 0x2A0}};
    size_t offset = 0, length = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        T_OK(sim_fault_field(cases[i].name, &offset, &length), NULL);
        T_EQ_INT(offset, cases[i].offset);
    }
    T_EQ_INT(sim_fault_field("nonsense", &offset, &length), -ENOENT);
}

static void cut_and_changed_scenarios_never_crash(void)
{
    static const char text[] = GOOD;

    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        struct sim_plan *plan = NULL;
        struct cmn_err err = {0};
        char changed[sizeof(text)];
        int r = sim_scenario_parse("s", "", cmn_bytes(text, i), &plan, &err);
        T_TRUE(r < 0 ? err.msg[0] && !plan : plan != NULL);
        sim_plan_free(cmn_take(plan));
        memcpy(changed, text, sizeof(text));
        changed[i] = i % 3 ? '[' : (char)(changed[i] ^ 0x80);
        r = sim_scenario_parse("s", "", cmn_bytes(changed, sizeof(text) - 1), &plan, &err);
        T_TRUE(r < 0 ? err.msg[0] && !plan : plan != NULL);
        sim_plan_free(cmn_take(plan));
    }
}

TEST_MAIN("scenario",
          {"an unknown key is refused everywhere", an_unknown_key_is_refused_everywhere},
          {"what is missing is named", what_is_missing_is_named},
          {"a wrong type is told with its own line", a_wrong_type_is_told_with_its_own_line},
          {"an empty block is told with its own line", an_empty_block_is_told_with_its_own_line},
          {"values out of their range are refused", values_out_of_their_range_are_refused},
          {"a command line is bounded", a_command_line_is_bounded},
          {"what the key broker holds is checked", what_the_key_broker_holds_is_checked},
          {"a refused secret is not repeated", a_refused_secret_is_not_repeated},
          {"images are checked", images_are_checked}, {"faults are checked", faults_are_checked},
          {"expectations are checked", expectations_are_checked},
          {"every key arrives in the plan", every_key_arrives_in_the_plan},
          {"defaults are those of the manual", defaults_are_those_of_the_manual},
          {"sizes and durations have units", sizes_and_durations_have_units},
          {"what a pod cannot have is refused by name", what_a_pod_cannot_have_is_refused_by_name},
          {"a pod without sense is refused", a_pod_without_sense_is_refused},
          {"what changes nothing here is let through", what_changes_nothing_here_is_let_through},
          {"what a pod says of its process is kept", what_a_pod_says_of_its_process_is_kept},
          {"paths start at the scenario's folder", paths_start_at_the_scenario_s_folder},
          {"a bad pod file is told with both files", a_bad_pod_file_is_told_with_both_files},
          {"a file that is not there is named", a_file_that_is_not_there_is_named},
          {"a folder stands for its scenarios", a_folder_stands_for_its_scenarios},
          {"fields of the report have their offsets", fields_of_the_report_have_their_offsets},
          {"cut and changed scenarios never crash", cut_and_changed_scenarios_never_crash})
