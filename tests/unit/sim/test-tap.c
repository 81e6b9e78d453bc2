/* test-tap.c - a client, the tap with its own certificate, and a real key broker behind it. */
#include "tests/testlib/testlib.h"
#include "tests/unit/kbs-lite/face.h"

#include "common/crypto/jose.h"
#include "common/http/client.h"
#include "common/http/server.h"
#include "sim/diagnose/replay/replay.h"
#include "sim/diagnose/tap/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cmn_env *env;
static struct kbs *kbs;
static struct cmn_http_server *upstream;
static struct sim_tap *tap;
static struct cmn_http_client *client;
static char dir[256], url[128];

static void start(void)
{
    struct kbs_config config = {.policy_set = "allow-all", .admin = KBS_ADMIN_ALLOW_ALL};
    auto_buf struct cmn_buf cert = {0}, key = {0};
    char target[64];
    struct cmn_err err = {0};

    T_OK(cmn_env_new_system(&env, &err), &err);
    T_OK(kbs_new(env, &config, &kbs, &err), &err);
    T_OK(kbs_resource_put(kbs, "default/key/1", cmn_bytes("S33d-resource", 13), &err), &err);
    T_OK(cmn_http_server_new(&(struct cmn_http_server_opts){.listen_fd = -1,
                                                            .address = "127.0.0.1",
                                                            .body_limit = 1 << 20,
                                                            .handle = kbs_http_handler,
                                                            .ctx = kbs},
                             &upstream, &err),
         &err);
    (void)snprintf(target, sizeof(target), "http://127.0.0.1:%u", cmn_http_server_port(upstream));
    (void)snprintf(dir, sizeof(dir), "%s/case", t_tmpdir());
    T_OK(cmn_mkdir_p(dir, 0700, &err), &err);
    T_OK(sim_tap_certificate(env, "127.0.0.1", &cert, &key, &err), &err);
    T_OK(sim_tap_new(&(struct sim_tap_opts){.env = env,
                                            .upstream = target,
                                            .dir = dir,
                                            .address = "127.0.0.1",
                                            .cert_pem = (char *)cert.data,
                                            .key_pem = (char *)key.data},
                     &tap, &err),
         &err);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", sim_tap_port(tap));
    T_OK(cmn_http_client_new(
             &(struct cmn_http_client_opts){.ca_pem = (char *)cert.data, .cookies = true}, &client,
             &err),
         &err);
}

static void stop(void)
{
    cmn_http_client_free(client);
    sim_tap_free(tap);
    cmn_http_server_free(upstream);
    kbs_free(kbs);
    cmn_env_unref(env);
}

static int call(const char *path, const char *body, struct cmn_http_answer *a)
{
    struct cmn_err err = {0};
    char full[256];

    (void)snprintf(full, sizeof(full), "%s%s", url, path);
    int r = body ? cmn_http_post_json(client, full, body, 1 << 20, a, &err)
                 : cmn_http_get(client, full, NULL, 1 << 20, a, &err);
    T_OK(r, &err);
    if (a->status >= 500)
        (void)fprintf(stderr, "%s\n", (char *)a->body.data);
    return r < 0 ? r : a->status;
}

static void names_that_are_none_get_no_certificate(void)
{
    auto_buf struct cmn_buf cert = {0}, key = {0};
    struct cmn_err err = {0};

    T_ERR(sim_tap_certificate(env, "a,DNS:b", &cert, &key, &err), -EINVAL, &err, "host name");
    T_ERR(sim_tap_certificate(env, "a\nb", &cert, &key, &err), -EINVAL, &err, "host name");
}

static void a_session_goes_through_unchanged_and_is_kept(void)
{
    struct cmn_http_answer a = {0};
    auto_pkey EVP_PKEY *key = NULL;
    auto_json json_t *challenge = NULL;

    T_OK(cmn_ec_generate(env, "P-256", &key, NULL), NULL);
    T_EQ_INT(call("/kbs/v0/auth",
                  "{\"version\":\"0.4.0\",\"tee\":\"sample\",\"extra-params\":\"\"}", &a),
             200);
    T_OK(cmn_json_load(cmn_buf_bytes(&a.body), 8, &challenge, NULL), NULL);
    CU_ASSERT_FATAL(cmn_json_str(challenge, "nonce") != NULL);
    auto_free char *body = face_sample(env, key, cmn_json_str(challenge, "nonce"), "", NULL);
    T_EQ_INT(call("/kbs/v0/attest", body, &a), 200);
    T_TRUE(strstr((char *)a.body.data, "\"token\"") != NULL);
    T_EQ_INT(call("/kbs/v0/resource/default/key/1", NULL, &a), 200); /* by the cookie */
    auto_buf struct cmn_buf plain = {0};
    T_OK(cmn_jwe_open(env, key, cmn_buf_bytes(&a.body), &plain, NULL), NULL);
    T_EQ_STR((char *)plain.data, "S33d-resource");
    T_EQ_INT(call("/kbs/v0/nothing", NULL, &a), 404);
    T_EQ_INT(sim_tap_exchanges(tap), 2);
    cmn_http_answer_done(&a);
}

static void what_is_kept_replays_and_holds_no_secret(void)
{
    struct sim_case *c = NULL;
    auto_json json_t *v = NULL;
    auto_buf struct cmn_buf text = {0};
    struct cmn_err err = {0};
    char path[300];

    T_OK(sim_case_new(env, &c, &err), &err);
    T_OK(sim_case_path(c, dir, &err), &err);
    T_OK(sim_replay(c, &(struct sim_replay_opts){.policy_set = "allow-all"}, &v, &err), &err);
    T_EQ_STR(cmn_json_str(v, "verdict"), "accepted");
    T_TRUE(json_object_get(v, "session") != NULL);
    sim_case_free(c);
    (void)snprintf(path, sizeof(path), "%s/0002-attest.json", dir);
    T_OK(cmn_file_read(path, 1 << 20, &text, &err), &err);
    T_TRUE(strstr((char *)text.data, ".removed\"") != NULL);
    T_TRUE(!strstr((char *)text.data, "kbs-session-id"));
}

static void an_upstream_that_is_gone_is_said(void)
{
    struct cmn_http_answer a = {0};

    cmn_http_server_free(upstream);
    upstream = NULL;
    T_EQ_INT(call("/kbs/v0/auth", "{}", &a), 502);
    T_TRUE(strstr((char *)a.body.data, "error sending request") != NULL);
    cmn_http_answer_done(&a);
}

TEST_MAIN("tap", {"start", start},
          {"names that are none get no certificate", names_that_are_none_get_no_certificate},
          {"a session goes through unchanged and is kept",
           a_session_goes_through_unchanged_and_is_kept},
          {"what is kept replays and holds no secret", what_is_kept_replays_and_holds_no_secret},
          {"an upstream that is gone is said", an_upstream_that_is_gone_is_said}, {"stop", stop})
