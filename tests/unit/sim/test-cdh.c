/* test-cdh.c - the data hub's pulls over a real socket, and the parsing of what it is given. */
#include "sim/guest/cdh/cdh.h"
#include "sim/image/encrypt.h"
#include "sim/registry/registry.h"
#include "tests/testlib/testlib.h"
#include "tests/unit/sim/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct sim_registry *reg;
static struct sim_oci_store *store;
static struct cmn_http_server *server;
static struct cdh cdh;
static char image[128], bundle[600];

static void setup(void)
{
    const struct cmn_http_server_opts opts = {
        .listen_fd = -1, .address = "127.0.0.1", .body_limit = 1024, .handle = sim_registry_handle};
    struct cmn_http_server_opts with_ctx = opts;
    struct cmn_err err = {0};
    char location[64];

    store = fx_image();
    T_OK(sim_registry_new(&reg, &err), &err);
    T_OK(sim_registry_add(reg, "registry.local/hello:1", store, "1", &err), &err);
    with_ctx.ctx = reg;
    T_OK(cmn_http_server_new(&with_ctx, &server, &err), &err);
    (void)snprintf(location, sizeof(location), "127.0.0.1:%u", cmn_http_server_port(server));
    (void)snprintf(image, sizeof(image), "%s/hello:1", location);
    (void)snprintf(bundle, sizeof(bundle), "%s/bundle", t_tmpdir());
    T_OK(cmn_env_new_system(&cdh.env, &err), &err);
    cdh.config.aa_socket = strdup("unix:///nonexistent");
    cdh.config.kbc_name = strdup("offline_fs_kbc");
    cdh.config.image = json_pack("{s:{s:[{s:s,s:b}]}}", "registry_config", "registry", "prefix",
                                 location, "insecure", 1);
}

static void teardown(void)
{
    cmn_http_server_free(server);
    sim_registry_free(reg);
    sim_oci_store_free(store);
    cdh_config_done(&cdh.config);
    cmn_env_unref(cmn_take(cdh.env));
}

static bool in_rootfs(const char *name)
{
    char path[700];

    (void)snprintf(path, sizeof(path), "%s/rootfs/%s", bundle, name);
    return access(path, F_OK) == 0;
}

static void plain_images_are_pulled(void)
{
    char digest[SIM_DIGEST_CAP];
    struct cmn_err err = {0};
    struct sim_oci_desc desc;

    setup();
    T_OK(cdh_pull_image(&cdh, image, bundle, digest, &err), &err);
    T_OK(sim_oci_store_find(store, "1", &desc, &err), &err);
    T_EQ_STR(digest, desc.digest);
    T_TRUE(in_rootfs("etc/motd") && !in_rootfs("gone"));
    T_OK(cdh_pull_image(&cdh, image, bundle, digest, &err), &err); /* the same bundle again */
    teardown();
}

static void truncate_layer(void *ctx, const char *point, struct cmn_buf *bytes)
{
    (void)ctx;
    if (strcmp(point, "registry.blob") == 0)
        bytes->len -= 600;
}

static void flip_layer(void *ctx, const char *point, struct cmn_buf *bytes)
{
    (void)ctx;
    if (strcmp(point, "registry.blob") == 0)
        bytes->data[700] ^= 1;
}

static void grow_layer(void *ctx, const char *point, struct cmn_buf *bytes)
{
    (void)ctx;
    if (strcmp(point, "registry.blob") == 0)
        T_OK(cmn_buf_put(bytes, "xyz", 3), NULL);
}

static void flip_manifest(void *ctx, const char *point, struct cmn_buf *bytes)
{
    (void)ctx;
    if (strcmp(point, "registry.manifest") == 0)
        bytes->data[bytes->len - 2] = ' ';
}

static void flip_config(void *ctx, const char *point, struct cmn_buf *bytes)
{
    (void)ctx;
    if (strcmp(point, "registry.config") == 0)
        bytes->data[5] ^= 1;
}

static void changed_images_are_refused(void)
{
    static const struct {
        void (*tap)(void *, const char *, struct cmn_buf *);
        enum cmn_reason reason;
    } cases[] = {
        {truncate_layer, CMN_REASON_IMAGE_TRUNCATED},
        {flip_layer, CMN_REASON_IMAGE_BLOB_DIGEST_MISMATCH},
        {grow_layer, CMN_REASON_IMAGE_TOO_LARGE},
        {flip_manifest, CMN_REASON_IMAGE_BLOB_DIGEST_MISMATCH},
        {flip_config, CMN_REASON_IMAGE_BLOB_DIGEST_MISMATCH},
    };
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        char digest[SIM_DIGEST_CAP];
        struct cmn_err err = {0};
        setup();
        sim_registry_set_tap(reg, cases[i].tap, NULL);
        T_TRUE(cdh_pull_image(&cdh, image, bundle, digest, &err) < 0);
        T_EQ_STR(cmn_reason_name(err.reason), cmn_reason_name(cases[i].reason));
        T_TRUE(strstr(err.msg, "from all mirror/mapping locations or original location: image: "));
        T_TRUE(!in_rootfs("etc/motd") || cases[i].tap == flip_manifest ||
               cases[i].tap == flip_config);
        teardown();
    }
}

static void missing_images_and_registries_are_named(void)
{
    char digest[SIM_DIGEST_CAP], name[160];
    struct cmn_err err = {0};

    setup();
    (void)snprintf(name, sizeof(name), "%s0", image);
    T_ERR(cdh_pull_image(&cdh, name, bundle, digest, &err), -ENOENT, &err, "404");
    T_EQ_INT(err.reason, CMN_REASON_IMAGE_NOT_FOUND);
    T_ERR(cdh_pull_image(&cdh, "127.0.0.1:1/x", bundle, digest, &err), -ECONNREFUSED, &err,
          "error sending request for url (https://127.0.0.1:1/v2/x/manifests/latest)");
    T_EQ_INT(err.reason, CMN_REASON_IMAGE_REGISTRY_UNREACHABLE);
    T_ERR(cdh_pull_image(&cdh, "Bad", bundle, digest, &err), -EINVAL, &err, "image reference");
    teardown();
}

static void keys_that_do_not_come_refuse_with_upstreams_words(void)
{
    static const uint8_t key[32] = {1};
    char digest[SIM_DIGEST_CAP];
    struct cmn_err err = {0};

    setup();
    T_OK(sim_image_encrypt(cdh.env, store, "1", store, "e", "kbs:///a/b/c", key, &err), &err);
    T_OK(sim_registry_add(reg, "registry.local/hello:1", store, "e", &err), &err);
    T_TRUE(cdh_pull_image(&cdh, image, bundle, digest, &err) < 0);
    T_EQ_INT(err.reason, CMN_REASON_IMAGE_KEY_UNAVAILABLE);
    T_TRUE(strstr(err.msg,
                  "Failed to decrypt the image layer, please ensure that the decryption key "
                  "is placed and correct"));
    teardown();
}

static void resource_uris(void)
{
    static const char *const bad[] = {
        "",           "kbs:",      "kbs://",     "kbs:///",       "http:///a",
        "kbs+://a/b", "kbs:////a", "kbs:///a b", "kbs:///a/../b", "kbs:///a\r\nX: y"};
    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        auto_buf struct cmn_buf out = {0};
        struct cmn_err err = {0};
        T_ERR(cdh_resource_path(bad[i], &out, &err), -EINVAL, &err, "illegal kbs resource uri");
    }
    auto_buf struct cmn_buf a = {0}, b = {0};
    T_OK(cdh_resource_path("kbs://host:80/a/b/c?q=1", &a, NULL), NULL);
    T_EQ_STR((const char *)a.data, "resource/a/b/c?q=1");
    T_OK(cdh_resource_path("kbs+pkcs11:///x/y", &b, NULL), NULL);
    T_EQ_STR((const char *)b.data, "pkcs11/x/y");
}

static void malformed_sealed_secrets_are_refused(void)
{
    static const char *const cases[][2] = {
        {"", "malformed input sealed secret"},
        {"sealed.a.b", "malformed input sealed secret"},
        {"sealed.a.b.c.d", "malformed input sealed secret"},
        {"sealed.x.e30=.y", "base64 (URL-safe without padding)"},
        {"sealed.x.e30.y", "json deserialization failed"},
        {"sealed.x.eyJ2ZXJzaW9uIjoiMC4yLjAifQ.y", "version not supported"},
    };
    setup();
    cdh.config.skip_sealed_secret_verification = true;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_buf struct cmn_buf out = {0};
        struct cmn_err err = {0};
        T_TRUE(cdh_unseal(&cdh, cmn_bytes(cases[i][0], strlen(cases[i][0])), &out, &err) < 0);
        T_TRUE(strstr(err.msg, cases[i][1]) != NULL);
    }
    cdh.config.skip_sealed_secret_verification = false;
    auto_buf struct cmn_buf out = {0};
    struct cmn_err err = {0};
    T_ERR(cdh_unseal(&cdh, cmn_bytes("sealed.x.e30.y", 14), &out, &err), -EBADMSG, &err,
          "Failed to parse JWS");
    teardown();
}

static void credentials_stay_in_their_folder(void)
{
    static const char *const bad[] = {"",
                                      "/etc/passwd",
                                      "/run/confidential-containers/cdh/kbs",
                                      "/run/confidential-containers/cdh/kbs/",
                                      "/run/confidential-containers/cdh/kbsx/a",
                                      "/run/confidential-containers/cdh/kbs/../a",
                                      "/run/confidential-containers/cdh/kbs/./a",
                                      "run/confidential-containers/cdh/kbs/a"};
    T_TRUE(cdh_credential_path_ok("/run/confidential-containers/cdh/kbs/a/b..c"));
    setup();
    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        struct cmn_err err = {0};
        T_TRUE(!cdh_credential_path_ok(bad[i]));
        cdh.config.credentials =
            json_pack("[{s:s, s:s}]", "resource_uri", "kbs:///a/b/c", "path", bad[i]);
        T_ERR(cdh_credentials_fetch(&cdh, &err), -EINVAL, &err, "illegal path to put credential");
        T_EQ_INT(err.reason, CMN_REASON_CDH_CONFIG_INVALID);
        json_decref(cmn_take(cdh.config.credentials));
    }
    teardown();
}

static void credentials_without_uri_or_path_are_no_configuration(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"credentials = 1\n", "expected a sequence"},
        {"[[credentials]]\npath = \"/x\"\n", "missing field `resource_uri`"},
        {"[[credentials]]\nresource_uri = \"kbs:///a/b/c\"\n", "missing field `path`"},
    };
    char path[600];

    (void)snprintf(path, sizeof(path), "%s/cdh.toml", t_tmpdir());
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        auto_buf struct cmn_buf text = {0};
        struct cdh_config config = {0};
        struct cmn_err err = {0};
        T_OK(cmn_buf_printf(&text, "%s\n[kbc]\nname = \"cc_kbc\"\n", cases[i].text), NULL);
        T_OK(cmn_file_write(path, text.data, text.len, 0600, &err), &err);
        T_ERR(cdh_config_load(path, &config, &err), -EINVAL, &err, cases[i].want);
    }
}

TEST_MAIN("cdh", {"plain images are pulled", plain_images_are_pulled},
          {"changed images are refused", changed_images_are_refused},
          {"missing images and registries are named", missing_images_and_registries_are_named},
          {"keys that do not come refuse with upstream's words",
           keys_that_do_not_come_refuse_with_upstreams_words},
          {"resource uris", resource_uris},
          {"credentials stay in their folder", credentials_stay_in_their_folder},
          {"credentials without uri or path are no configuration",
           credentials_without_uri_or_path_are_no_configuration},
          {"malformed sealed secrets are refused", malformed_sealed_secrets_are_refused})
