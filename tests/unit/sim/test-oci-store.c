/* test-oci-store.c - references, layouts, manifests, encryption of whole images. */
#include "common/enc/enc.h"
#include "sim/image/encrypt.h"
#include "sim/image/manifest.h"
#include "sim/image/ocicrypt.h"
#include "tests/testlib/testlib.h"
#include "tests/unit/sim/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void bad_references_are_refused(void)
{
    static const char *const bad[] = {
        "",      ":1",          "UPPER",  "a//b",          "a/",  "/a",     "a:",
        "a:b:c", "a@sha256:12", "-a.b/c", "reg.io:port/x", "a b", "x/../y", "../y",
        "a:-x",  "reg.io/"};
    struct sim_reference ref;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        struct cmn_err err = {0};
        T_ERR(sim_reference_parse(bad[i], &ref, &err), -EINVAL, &err, "image reference");
        T_EQ_INT(err.reason, CMN_REASON_IMAGE_REFERENCE_INVALID);
    }
}

static void references_are_normalised(void)
{
#define D "sha256:18be1897f9402f27c8c0eba7c86e0c00f5656db62961b5949d55f9565c42c6e7"
    static const char *const cases[][2] = {
        {"busybox", "docker.io/library/busybox:latest"},
        {"me/app:1.2", "docker.io/me/app:1.2"},
        {"docker.io/busybox", "docker.io/library/busybox:latest"},
        {"registry.local/hello:1", "registry.local/hello:1"},
        {"localhost/x", "localhost/x:latest"},
        {"r:5000/a/b_c/d-e", "r:5000/a/b_c/d-e:latest"},
        {"r.io/a@" D, "r.io/a@" D},
        {"r.io/a:t@" D, "r.io/a:t@" D},
    };
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sim_reference ref;
        struct cmn_err err = {0};
        auto_buf struct cmn_buf out = {0};
        T_OK(sim_reference_parse(cases[i][0], &ref, &err), &err);
        T_OK(sim_reference_print(&ref, &out), NULL);
        T_EQ_STR((const char *)out.data, cases[i][1]);
    }
}

/* 255 letters of repository fit, however the name came to them. */
static void what_was_printed_can_be_read_again(void)
{
    char name[256] = "";
    struct sim_reference ref, again;
    auto_buf struct cmn_buf out = {0};

    memset(name, 'a', 255 - strlen("library/"));
    T_OK(sim_reference_parse(name, &ref, NULL), NULL);
    T_OK(sim_reference_print(&ref, &out), NULL);
    T_OK(sim_reference_parse((const char *)out.data, &again, NULL), NULL);
    T_EQ_STR(again.repository, ref.repository);
    strcat(name, "a");
    T_ERR(sim_reference_parse(name, &ref, NULL), -EINVAL, NULL, NULL);
}

static void kbs_uris_have_three_parts(void)
{
    static const char *const bad[] = {"",
                                      "kbs://x/a/b/c",
                                      "kbs:///a/b",
                                      "kbs:///a/b/c/d",
                                      "kbs:///a//c",
                                      "kbs:///a/b/",
                                      "kbs:///../b/c",
                                      "kbs:///a/b/c?x",
                                      "http:///a/b/c"};
    char path[64];
    struct cmn_err err = {0};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++)
        T_ERR(sim_kbs_uri_path(bad[i], path, sizeof(path), &err), -EINVAL, &err, "key '");
    T_OK(sim_kbs_uri_path("kbs:///default/image/hello.1", path, sizeof(path), &err), &err);
    T_EQ_STR(path, "default/image/hello.1");
}

static void bad_manifests_are_refused(void)
{
#define DESC(t) "{\"mediaType\":\"" t "\",\"digest\":\"" D "\",\"size\":1}"
#define CONF    "\"config\":" DESC("x")
    static const struct {
        const char *json, *part;
        int code;
    } cases[] = {
        {"{", "image manifest", -EBADMSG},
        {"{\"schemaVersion\":1}", "schemaVersion is not 2", -EBADMSG},
        {"{\"schemaVersion\":2}", "config", -EBADMSG},
        {"{\"schemaVersion\":2," CONF "}", "has no layers", -EBADMSG},
        {"{\"schemaVersion\":2," CONF ",\"layers\":[{}]}", "digest", -EBADMSG},
        {"{\"schemaVersion\":2," CONF ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"" D
         "\",\"size\":-1}]}",
         "has no size", -EBADMSG},
        {"{\"schemaVersion\":2," CONF ",\"layers\":[{\"mediaType\":\"x\",\"digest\":\"" D
         "\",\"size\":99999999999999}]}",
         "at most", -EFBIG},
        {"{\"schemaVersion\":2," CONF
         ",\"layers\":[" DESC("application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted") "]}",
         "unhandled media type: application/vnd.docker.image.rootfs.diff.tar.gzip+encrypted",
         -ENOTSUP},
        {"{\"schemaVersion\":2," CONF
         ",\"layers\":[" DESC("application/vnd.oci.image.layer.v1.tar+zstd+encrypted") "]}",
         "unhandled media type", -ENOTSUP},
    };
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct sim_manifest m = {0};
        struct cmn_err err = {0};
        T_ERR(sim_manifest_parse(cmn_bytes(cases[i].json, strlen(cases[i].json)), &m, &err),
              cases[i].code, &err, cases[i].part);
    }
    auto_buf struct cmn_buf many = {0};
    T_OK(cmn_buf_puts(&many, "{\"schemaVersion\":2," CONF ",\"layers\":[0"), NULL);
    for (int i = 0; i < 127; i++)
        T_OK(cmn_buf_puts(&many, ",0"), NULL);
    T_OK(cmn_buf_puts(&many, "]}"), NULL);
    struct sim_manifest m = {0};
    struct cmn_err err = {0};
    T_ERR(sim_manifest_parse(cmn_buf_bytes(&many), &m, &err), -EFBIG, &err, "128 layers");
}

static void folders_that_are_no_layout_are_refused(void)
{
    struct sim_oci_store *s = NULL;
    struct cmn_err err = {0};

    T_ERR(sim_oci_store_open("/nonexistent", &s, &err), -ENOENT, &err, "no OCI layout");
    T_ERR(sim_oci_store_open(t_tmpdir(), &s, &err), -ENOENT, &err, "no OCI layout");
}

static void check_store(struct sim_oci_store *s)
{
    struct sim_oci_desc desc, found;
    struct cmn_err err = {0};
    auto_buf struct cmn_buf back = {0};

    T_OK(sim_oci_store_put(s, "text/plain", cmn_bytes("hello", 5), &desc, &err), &err);
    T_EQ_STR(desc.digest,
             "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    T_OK(sim_oci_store_get(s, desc.digest, 5, &back, &err), &err);
    T_EQ_STR((const char *)back.data, "hello");
    T_ERR(sim_oci_store_get(s, desc.digest, 4, &back, &err), -EFBIG, &err, "at most 4");
    T_ERR(sim_oci_store_get(s, D, 9, &back, &err), -ENOENT, &err, "no blob");
    T_ERR(sim_oci_store_get(s, "sha256:../../index.json", 9, &back, &err), -ENOENT, &err,
          "no blob");
    T_OK(sim_oci_store_tag(s, "t", &desc, &err), &err);
    T_OK(sim_oci_store_tag(s, "t", &desc, &err), &err);
    T_OK(sim_oci_store_find(s, NULL, &found, &err), &err); /* tagging twice left one entry */
    T_EQ_STR(found.digest, desc.digest);
    T_ERR(sim_oci_store_find(s, "u", &found, &err), -ENOENT, &err, "no tag 'u'");
}

static void stores_give_back_what_was_put(void)
{
    struct sim_oci_store *s = NULL;
    struct cmn_err err = {0};
    auto_free char *dir = NULL;

    T_OK(sim_oci_store_new_memory(&s, &err), &err);
    check_store(s);
    sim_oci_store_free(s);
    T_TRUE(asprintf(&dir, "%s/layout", t_tmpdir()) > 0);
    T_OK(sim_oci_store_create(dir, &s, &err), &err);
    check_store(s);
    sim_oci_store_free(s);
    struct sim_oci_desc found;
    T_OK(sim_oci_store_open(dir, &s, &err), &err);
    T_OK(sim_oci_store_find(s, "t", &found, &err), &err);
    sim_oci_store_free(s);
}

/* Encrypts the fixture twice with one seed, then opens a layer by hand. */
static void encrypted_images_open_with_their_key(void)
{
    uint8_t key[32] = {7}, hmac[32];
    struct sim_oci_store *src = fx_image(), *dst[2] = {NULL, NULL};
    struct sim_oci_desc desc[2], none;
    struct cmn_err err = {0};

    T_ERR(sim_image_encrypt(NULL, src, "none", src, "x", "kbs:///a/b/c", key, &err), -ENOENT, &err,
          "no tag");
    for (int i = 0; i < 2; i++) {
        struct cmn_env *env = NULL;
        T_OK(cmn_env_new_seeded("s", 1, &env, &err), &err);
        T_OK(sim_oci_store_new_memory(&dst[i], &err), &err);
        T_OK(sim_image_encrypt(env, src, "1", dst[i], "e", "kbs:///a/b/c", key, &err), &err);
        T_OK(sim_oci_store_find(dst[i], "e", &desc[i], &err), &err);
        if (i == 0) /* an encrypted image is not encrypted again */
            T_ERR(sim_image_encrypt(env, dst[0], "e", dst[0], "f", "kbs:///a/b/c", key, &err),
                  -ENOTSUP, &err, "already");
        cmn_env_unref(env);
    }
    T_EQ_STR(desc[1].digest, desc[0].digest);
    T_ERR(sim_oci_store_find(dst[1], "f", &none, &err), -ENOENT, &err, NULL);

    auto_env struct cmn_env *world = NULL;
    T_OK(cmn_env_new_system(&world, &err), &err);
    auto_buf struct cmn_buf text = {0}, packet = {0}, plain = {0}, blob = {0};
    auto_manifest struct sim_manifest m = {0};
    struct sim_ocicrypt_packet p = {0};
    struct sim_ocicrypt_private opts;
    struct sim_layer_cipher *c = NULL;
    auto_json json_t *packets = NULL;
    char digest[SIM_DIGEST_CAP];
    T_OK(sim_oci_store_get(dst[0], desc[0].digest, 1 << 20, &text, &err), &err);
    T_OK(sim_manifest_parse(cmn_buf_bytes(&text), &m, &err), &err);
    T_EQ_INT(m.n_layers, 2);
    T_EQ_STR(m.layers[0].desc.media_type, "application/vnd.oci.image.layer.v1.tar+encrypted");
    T_OK(sim_ocicrypt_annotations(m.layers[0].annotations, &packets, hmac, &err), &err);
    const char *b64 = json_string_value(json_array_get(packets, 0));
    T_OK(cmn_unb64(CMN_B64_STD, b64, strlen(b64), &packet, &err), &err);
    T_OK(sim_ocicrypt_packet_parse(cmn_buf_bytes(&packet), &p, &err), &err);
    T_EQ_STR(p.kid, "kbs:///a/b/c");
    T_OK(sim_ocicrypt_packet_open(world, &p, cmn_bytes(key, 32), &plain, &err), &err);
    T_OK(sim_ocicrypt_private_parse(cmn_buf_bytes(&plain), &opts, &err), &err);
    T_OK(sim_layer_cipher_new(world, &opts, false, &c, &err), &err);
    T_OK(sim_oci_store_get(dst[0], m.layers[0].desc.digest, 1 << 20, &blob, &err), &err);
    T_OK(sim_layer_cipher_update(c, blob.data, blob.len, blob.data, &err), &err);
    T_OK(sim_layer_cipher_verify(c, hmac, &err), &err);
    T_OK(sim_digest_of(blob.data, blob.len, digest, &err), &err);
    T_EQ_STR(digest, opts.digest);
    sim_layer_cipher_free(c);
    sim_ocicrypt_packet_done(&p);
    for (int i = 0; i < 2; i++)
        sim_oci_store_free(dst[i]);
    sim_oci_store_free(src);
}

TEST_MAIN("oci-store", {"bad references are refused", bad_references_are_refused},
          {"references are normalised", references_are_normalised},
          {"what was printed can be read again", what_was_printed_can_be_read_again},
          {"kbs uris have three parts", kbs_uris_have_three_parts},
          {"bad manifests are refused", bad_manifests_are_refused},
          {"folders that are no layout are refused", folders_that_are_no_layout_are_refused},
          {"stores give back what was put", stores_give_back_what_was_put},
          {"encrypted images open with their key", encrypted_images_open_with_their_key})
