/* Aims at: kbs_handle with any method, path, query, headers and body: routing, kbs_query_parse,
 * kbs_session_cookie, kbs_bearer, kbs_resource, kbs_admin. */
#include "tests/fuzz/http-input.h"

#include "kbs-lite/kbs.h"

#define SECRET "xyzzy-the-secret"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct kbs_config config = {.policy_set = "deny-all",
                                             .admin = KBS_ADMIN_ALLOW_ALL};
    static struct cmn_env *env;
    struct cmn_http_response resp = {.status = 500};
    struct http_input in;
    struct kbs *kbs = NULL; /* a fresh one: what an admin stores must not reach the next input */

    if (!env)
        FUZZ_CHECK(cmn_env_new_seeded("fuzz", 4, &env, NULL) == 0);
    FUZZ_CHECK(kbs_new(env, &config, &kbs, NULL) == 0);
    FUZZ_CHECK(kbs_resource_put(kbs, "default/demo/secret", cmn_bytes(SECRET, 16), NULL) == 0);
    http_input_read(&in, data, size);
    kbs_handle(kbs, &in.req, &resp);
    FUZZ_CHECK(!resp.body.len || !memmem(resp.body.data, resp.body.len, SECRET, 16) ||
               memmem(data, size, SECRET, 16)); /* nobody has a token */
    http_input_check(&resp);
    http_input_done(&in);
    kbs_free(kbs);
    return 0;
}
