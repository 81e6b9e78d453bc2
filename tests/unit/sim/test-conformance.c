/*
 * test-conformance.c - the suite's own reading of the protocol, held to vectors made elsewhere (RFC
 * 7518's KDF through a sealed resource, SHA-384 of canonical documents), and its reports.
 */
#include "sim/conformance/conf.h"

#include "common/crypto/jose.h"
#include "common/enc/enc.h"
#include "tests/testlib/testlib.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cmn_env *env;
static struct sim_conf_opts opts;
static struct sim_conf_result result;

static struct conf suite(void)
{
    if (!env)
        T_OK(cmn_env_new_system(&env, NULL), NULL);
    opts.env = env;
    result = (struct sim_conf_result){.number = 1};
    return (struct conf){.opts = &opts, .era = conf_era_newest(), .tee = "sample", .now = &result};
}

static void done(struct conf *c)
{
    for (size_t i = 0; i < CONF_KEYS; i++)
        EVP_PKEY_free(c->keys[i]);
    free(result.expected);
    free(result.sent);
    free(result.received);
    free(result.remark);
    result = (struct sim_conf_result){0};
}

/* Vectors of the protocol description, section 2.5. */
static void runtime_data_is_hashed_as_the_protocol_says(void)
{
    static const struct {
        const char *json, *sha384;
    } vectors[] = {
        {"{\"c\":{\"e\":0,\"d\":\"e\"},\"b\":1,\"a\":\"test\"}", NULL},
        {"{\"b\":1,\"c\":{\"d\":\"e\"},\"a\":\"test\"}",
         "e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca941da"
         "78870c3"},
        {"{\"tee-pubkey\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ECDH-ES+A256KW\",\"x\":"
         "\"eA\","
         "\"y\":\"eQ\"},\"nonce\":\"AAAA\",\"additional-evidence\":\"\"}",
         "aca41d792be409f882314a9899be68dfb7b5654530ff37babf4e1826d2b45dc085519e18872693c8567bce1c0"
         "10dd6cb"},
        {"{\"nonce\":\"AAAA\",\"tee-pubkey\":{\"y\":\"eQ\",\"x\":\"eA\",\"kty\":\"EC\",\"crv\":\"P-"
         "256\","
         "\"alg\":\"ECDH-ES+A256KW\"}}",
         "b747e37721c78ed7350b28d1569c245bc85078d300841be18dcd4c9e31805ff2c08cf24c5548049f2d0692fa7"
         "ea77cd7"},
    };
    struct conf c = suite();

    for (size_t i = 0; i < CMN_ARRAY_SIZE(vectors); i++) {
        auto_json json_t *doc = json_loads(vectors[i].json, 0, NULL);
        uint8_t digest[48];
        T_OK(conf_digest(&c, doc, digest), NULL);
        auto_free char *hex = cmn_hex(digest, sizeof(digest));
        if (vectors[i].sha384)
            T_EQ_STR(hex, vectors[i].sha384);
        else
            T_TRUE(strcmp(hex, vectors[1].sha384) != 0);
    }
    done(&c);
}

static void open_sealed(struct conf *c, enum conf_key kind, struct cmn_bytes plain, int spoil)
{
    auto_json json_t *jwk = conf_jwk(c, kind);
    auto_free char *text = NULL;
    struct conf_jwe jwe;

    T_OK(cmn_jwe_seal(env, jwk, plain, &text, NULL), NULL);
    static const char *const members[] = {"protected", "encrypted_key", "iv", "tag"};
    if (spoil >= 0) { /* one character in the middle of a member */
        char *at = strstr(text, members[spoil]);
        at = at ? strchr(at + strlen(members[spoil]) + 1, '"') + 8 : text;
        *at = *at == 'A' ? 'B' : 'A';
    }
    conf_jwe_open(c, kind, cmn_bytes(text, strlen(text)), &jwe);
    T_EQ_INT(jwe.opened, spoil < 0);
    T_TRUE(jwe.opened == !jwe.why);
    if (spoil < 0) {
        auto_free char *canonical = conf_jwe_canonical(kind, jwe.header);
        T_EQ_INT(jwe.plain.len, plain.len);
        T_TRUE(!plain.len || memcmp(jwe.plain.data, plain.data, plain.len) == 0);
        T_EQ_STR(jwe.protected, canonical);
    }
    conf_jwe_done(&jwe);
}

static void what_is_no_jwe_is_told(void)
{
    static const char nearly[] = "{\"protected\":\"e30\",\"encrypted_key\":\"\",\"iv\":\"\","
                                 "\"tag\":\"\",\"ciphertext\":\"\"}";
    static const char *const texts[] = {
        "",    "[]", "{}", "{\"protected\":1}", "{\"protected\":\"*\"}", "{\"protected\":\"e30\"}",
        nearly};
    struct conf c = suite();

    for (size_t i = 0; i < CMN_ARRAY_SIZE(texts); i++) {
        struct conf_jwe jwe;
        conf_jwe_open(&c, CONF_P256, cmn_bytes(texts[i], strlen(texts[i])), &jwe);
        T_TRUE(!jwe.opened && jwe.why);
        conf_jwe_done(&jwe);
    }
    done(&c);
}

static void changed_answers_do_not_open(void)
{
    struct conf c = suite();

    for (int kind = 0; kind < CONF_KEYS; kind++)
        for (int spoil = 0; spoil < 4; spoil++)
            open_sealed(&c, (enum conf_key)kind, cmn_bytes("secret", 6), spoil);
    done(&c);
}

static void answers_for_every_kind_of_key_open(void)
{
    struct conf c = suite();

    for (int kind = 0; kind < CONF_KEYS; kind++) {
        open_sealed(&c, (enum conf_key)kind, cmn_bytes("secret", 6), -1);
        open_sealed(&c, (enum conf_key)kind, cmn_bytes("", 0), -1);
    }
    done(&c);
}

static void texts_that_are_no_token_are_a_miss(void)
{
    static const char *const texts[] = {"",          "a",         "a.b",      "e30.e30",
                                        "e30.*.e30", "e30.e30.*", "W.e30.e30"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(texts); i++) {
        struct conf c = suite();
        struct conf_token token;
        T_TRUE(!conf_token_parse(&c, texts[i], &token));
        T_TRUE(c.missed);
        conf_token_done(&token);
        done(&c);
    }
}

static void only_the_first_miss_is_told(void)
{
    struct conf c = suite();

    T_TRUE(conf_expect(&c, true, "one"));
    T_TRUE(!conf_expect(&c, false, "two"));
    T_TRUE(!conf_expect(&c, false, "three"));
    conf_skip(&c, "four");
    T_TRUE(c.missed);
    T_EQ_STR(result.expected, "two");
    done(&c);
}

static void errors_are_compared_whole(void)
{
    static const struct {
        const char *body;
        bool same;
    } cases[] = {
        {"{\"type\":\"https://github.com/confidential-containers/kbs/errors/"
         "PolicyDeny\",\"detail\":\"Access "
         "denied by policy\"}",
         true},
        {"{\"detail\":\"Access denied by "
         "policy\",\"type\":\"https://github.com/confidential-containers/kbs/"
         "errors/PolicyDeny\"}",
         true},
        {"{\"type\":\"https://github.com/confidential-containers/kbs/errors/"
         "PolicyDeny\",\"detail\":\"Access "
         "denied by policy\",\"more\":1}",
         false},
        {"{\"type\":\"PolicyDeny\",\"detail\":\"Access denied by policy\"}", false},
        {"{\"type\":\"https://github.com/confidential-containers/kbs/errors/"
         "PolicyDeny\",\"detail\":\"Access\"}",
         false},
        {"{\"type\":\"https://github.com/confidential-containers/kbs/errors/PolicyDeny\"}", false},
        {"", false},
        {"[]", false},
    };

    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct conf c = suite();
        c.answer.status = 401;
        T_OK(cmn_buf_puts(&c.answer.body, cases[i].body), NULL);
        T_EQ_INT(conf_error(&c, 401, "PolicyDeny", "Access denied by policy"), cases[i].same);
        T_EQ_INT(conf_error(&c, 404, "PolicyDeny", "Access denied by policy"), false);
        cmn_http_answer_done(&c.answer);
        done(&c);
    }
}

static void every_check_is_whole_and_numbered_once(void)
{
    auto_json json_t *list = sim_conf_list();
    size_t i, j;
    json_t *a, *b;

    T_TRUE(json_array_size(list) >= 150);
    json_array_foreach(list, i, a) {
        T_TRUE(*cmn_json_str(a, "section") && *cmn_json_str(a, "rule"));
        json_array_foreach(list, j, b)
            if (i != j && cmn_json_int(a, "number", 0) == cmn_json_int(b, "number", 0))
                T_EQ_INT(cmn_json_int(a, "number", 0), -1);
    }
}

static void every_era_is_known(void)
{
    static const char *const names[] = {"0.9",  "0.10", "0.11", "0.12", "0.13", "0.14", "0.15",
                                        "0.16", "0.17", "0.18", "0.19", "0.20", "0.21"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        const struct conf_era_facts *era = conf_era_find(names[i]);
        T_TRUE(era && strcmp(conf_era_name(era->id), names[i]) == 0);
    }
    T_TRUE(!conf_era_find("0.8") && !conf_era_find(""));
}

TEST_MAIN("conformance", {"what is no JWE is told", what_is_no_jwe_is_told},
          {"changed answers do not open", changed_answers_do_not_open},
          {"texts that are no token are a miss", texts_that_are_no_token_are_a_miss},
          {"errors are compared whole", errors_are_compared_whole},
          {"only the first miss is told", only_the_first_miss_is_told},
          {"runtime data is hashed as the protocol says",
           runtime_data_is_hashed_as_the_protocol_says},
          {"answers for every kind of key open", answers_for_every_kind_of_key_open},
          {"every check is whole and numbered once", every_check_is_whole_and_numbered_once},
          {"every era is known", every_era_is_known}, )
