/* test-bundle.c - no seeded secret is left in a bundle, and what is needed still is. */
#include "tests/testlib/testlib.h"

#include "common/enc/enc.h"
#include "sim/diagnose/bundle/bundle.h"
#include "sim/diagnose/redact.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct cmn_env *env;

/* Every secret has this in it, in clear or inside of an encoding. */
#define SEED "S33d"

static const struct {
    const char *file, *text, *stays; /* stays: what must still be there (NULL: nothing) */
} seeded[] = {
    {"kbs.log", "10:00 GET /x Authorization: Bearer " SEED "abcdefghijkl\n10:01 PolicyDeny\n",
     "PolicyDeny"},
    {"auth.log", "GET /v2 authorization: Basic dXNlcjpT" SEED "M2Q=\nline two\n", "line two"},
    {"cookie.log",
     "INFO Cookie kbs-session-id=" SEED "0123456789 request\nSet-Cookie: kbs-session-id=" SEED
     "77; Path=/\n",
     "Cookie"},
    {"jwt.log", "token eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0." SEED "signature_-x end\n",
     "eyJpc3MiOiJ4In0"},
    {"sealed.log", "env SECRET=sealed.fakejws." SEED "cGF5bG9hZA.fakesig tail\n", "tail"},
    {"sealed2.log", "secret=sealed.eyJhIjoxfQ.eyJiIjoxfQ." SEED "sig tail\n", "tail"},
    {"pod.yaml",
     "apiVersion: v1\nkind: Pod\nspec:\n  env:\n  - password: " SEED "pw\n  - name: x\n",
     "name: x"},
    {"secret.yaml",
     "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  key: UzMzZA" SEED
     "\n  other: |\n    " SEED "line\n    more" SEED "\n  file: c2V\nstringData:\n  a: " SEED
     "\n  b: \"" SEED " with blank\"\ntype: Opaque\n---\napiVersion: v1\nkind: ConfigMap\n",
     "kind: ConfigMap"},
    {"secret-list.json",
     "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"kind\":\"Secret\",\"data\":{\"k\":"
     "\"" SEED "\"},\"metadata\":{\"name\":\"public\"}}]}",
     "public"},
    {"auth.json",
     "{\"auths\":{\"quay.io\":{\"auth\":\"" SEED "dXNlcg==\",\"password\":\"" SEED
     "\",\"identitytoken\":\"" SEED "\"}}}",
     "quay.io"},
    {"key.pem",
     "-----BEGIN PRIVATE KEY-----\n" SEED "MIGH\nAgEA" SEED "\n-----END PRIVATE KEY-----\n", NULL},
    {"ec.pem", "-----BEGIN EC PRIVATE KEY-----\n" SEED "MIGH", NULL},
    {"escaped.log",
     "{\"msg\":\"-----BEGIN OPENSSH PRIVATE KEY-----\\nb3Blb" SEED
     "\\n-----END OPENSSH PRIVATE KEY-----\\n\",\"lvl\":3}",
     "lvl"},
    {"jwk.json", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"xcoord\",\"d\":\"" SEED "\"}",
     "xcoord"},
    {"rsa.json",
     "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"modulus\",\"d\":\"" SEED "\",\"p\":\"" SEED
     "\",\"qi\":\"" SEED "\"}]}",
     "modulus"},
    {"kbs-config.toml",
     "[http_server]\ninsecure_http = true\n[storage_backend.backends.postgres]\nurl = "
     "\"postgres://kbs:" SEED "pw@db/x\"\npassword = '" SEED "'\n",
     "http_server"},
    {"multi.toml", "[a]\nclient_secret = \"\"\"\n" SEED "one\n" SEED "two\n\"\"\"\nb = 1\n",
     "b = 1"},
    {"peer-pods-secret.txt",
     "AZURE_CLIENT_SECRET=" SEED "~x\nAWS_SECRET_ACCESS_KEY: " SEED "/k\nAZURE_REGION=eastus\n",
     "eastus"},
    {"block.yaml", "a:\n  password: |\n    " SEED "1\n    " SEED "2\n  next: kept\n", "next: kept"},
    {"jwe.json",
     "{\"protected\":\"e30\",\"encrypted_key\":\"x\",\"iv\":\"y\",\"ciphertext\":\"" SEED
     "\",\"tag\":\"z\"}",
     "protected"},
};

/* Is `what` anywhere under the folder? */
static bool found_in(const char *dir, const char *what)
{
    struct dirent **list = NULL;
    int n = scandir(dir, &list, NULL, alphasort);
    bool found = false;

    for (int i = 0; i < n; i++) {
        auto_buf struct cmn_buf data = {0};
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
        if (list[i]->d_name[0] != '.' && cmn_file_read(path, 1 << 22, &data, NULL) == 0 &&
            memmem(data.data, data.len, what, strlen(what))) {
            (void)fprintf(stderr, "'%s' is in %s\n", what, path);
            found = true;
        }
        free(list[i]);
    }
    free(list);
    return found;
}

static void put(const char *dir, const char *name, const void *data, size_t len)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    T_OK(cmn_file_write(path, data, len, 0600, NULL), NULL);
}

static void no_seeded_secret_is_left(void)
{
    char in[256], out[256], sub[300];
    struct sim_bundle *b = NULL;
    struct cmn_err err = {0};

    (void)snprintf(in, sizeof(in), "%s/in", t_tmpdir());
    (void)snprintf(out, sizeof(out), "%s/out", t_tmpdir());
    T_OK(cmn_mkdir_p(in, 0700, NULL), NULL);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(seeded); i++)
        put(in, seeded[i].file, seeded[i].text, strlen(seeded[i].text));
    /* a text with a secret inside of base64, as a config map's binaryData or a log may have it */
    static const char inner[] =
        "user = 'x'\npassword = 'S33d-inside'\n# a comment to make it long\n";
    auto_free char *b64 = cmn_b64(CMN_B64_STD, inner, strlen(inner));
    auto_free char *line = NULL;
    T_TRUE(asprintf(&line, "before %s after\n", b64) > 0);
    put(in, "encoded.log", line, strlen(line));
    /* bare secrets: of no kind, and in places of secrets */
    put(in, "image-key", SEED "0123456789abcdef0123456789abcdef", 36);
    put(in, "binary", "\x00\x01" SEED "\x02", 7);
    (void)snprintf(sub, sizeof(sub), "%s/repository", in);
    T_OK(cmn_mkdir_p(sub, 0700, NULL), NULL);
    put(sub, "default.txt", SEED " a secret that looks like text", 30);
    T_OK(sim_bundle_new(env, &b, &err), &err);
    T_OK(sim_bundle_add_path(b, in, &err), &err);
    T_OK(sim_bundle_write(b, out, &err), &err);
    T_TRUE(!found_in(out, SEED));
    T_TRUE(!found_in(out, b64));
    for (size_t i = 0; i < CMN_ARRAY_SIZE(seeded); i++)
        if (seeded[i].stays)
            T_TRUE(found_in(out, seeded[i].stays));
    T_TRUE(found_in(out, "before"));
    T_EQ_INT(json_array_size(json_object_get(sim_bundle_info(b), "skipped")), 5);
    T_ERR(sim_bundle_write(b, out, &err), -EEXIST, &err, "already");
    sim_bundle_free(b);
}

static void redacting_twice_is_the_same(void)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(seeded); i++) {
        auto_buf struct cmn_buf once = {0}, twice = {0};
        size_t n = 0;
        T_OK(sim_redact_text(cmn_bytes(seeded[i].text, strlen(seeded[i].text)), &once, &n, NULL),
             NULL);
        T_TRUE(n > 0);
        T_OK(sim_redact_text(cmn_buf_bytes(&once), &twice, &n, NULL), NULL);
        T_EQ_STR((char *)twice.data, (char *)once.data);
    }
}

static void public_texts_stay_as_they_are(void)
{
    static const char *const texts[] = {
        "10:00 INFO Starting HTTP server at [0.0.0.0:8080]\n",
        "[http_server]\nprivate_key = \"/etc/https-key/privateKey\"\n",
        "{\"nonce\":\"AAAA\",\"extra-params\":{}}",
        "{\"svn\":\"1\",\"report_data\":\"bm90YXNlY3JldGJ1dGxvbmdlbm91Z2hmb3JiYXNlNjQ=\"}",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "package policy\ndefault allow = false\n",
        "url = 'https://kbs.example:8443/x'\n",
        ("apiVersion: v1\nkind: ConfigMap\ndata:\n  a: b\n---\nkind: SecretProviderClass\ndata:\n"
         "  c: d\n"),
        "token_configs = 1\nthe token expired\n",
    };

    auto_buf struct cmn_buf none = {0};
    T_OK(sim_redact_text(cmn_bytes(NULL, 0), &none, NULL, NULL), NULL);
    T_EQ_INT(none.len, 0);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(texts); i++) {
        auto_buf struct cmn_buf out = {0};
        size_t n = 1;
        T_OK(sim_redact_text(cmn_bytes(texts[i], strlen(texts[i])), &out, &n, NULL), NULL);
        T_EQ_STR((char *)out.data, texts[i]);
        T_EQ_INT(n, 0);
    }
}

static void hostile_texts_end(void)
{
    static const char *const fills[] = {
        "password:", "eyJ.",    "-----BEGIN ", "://a:",
        "'''",       "Bearer ", "AAAA",        "kind: Secret\ndata:\n a: |\n",
        "\n---"};
    auto_buf struct cmn_buf big = {0};

    T_OK(cmn_buf_resize(&big, 100000), NULL);
    for (size_t f = 0; f < CMN_ARRAY_SIZE(fills); f++) {
        auto_buf struct cmn_buf out = {0};
        for (size_t i = 0; i < big.len; i++)
            big.data[i] = (uint8_t)fills[f][i % strlen(fills[f])];
        T_OK(sim_redact_text(cmn_buf_bytes(&big), &out, NULL, NULL), NULL);
    }
}

static void count_file(void *ctx, const char *name, struct cmn_bytes bytes)
{
    size_t *n = ctx;

    T_TRUE(bytes.len > 0 && *name);
    (*n)++;
}

static void archives_hold_the_same(void)
{
    static const char *const names[] = {"a.tar", "a.tar.gz", "a.tar.zst"};
    char dir[256], path[512];
    struct cmn_err err = {0};

    (void)snprintf(dir, sizeof(dir), "%s/in", t_tmpdir());
    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        struct sim_bundle *b = NULL;
        size_t n = 0;
        (void)snprintf(path, sizeof(path), "%s/%s", t_tmpdir(), names[i]);
        T_OK(sim_bundle_new(env, &b, &err), &err);
        T_OK(sim_bundle_add_path(b, dir, &err), &err);
        T_OK(sim_bundle_write(b, path, &err), &err);
        size_t files = json_array_size(json_object_get(sim_bundle_info(b), "files"));
        sim_bundle_free(b);
        T_OK(sim_archive_read(path, 1 << 20, count_file, &n, &err), &err);
        T_EQ_INT(n, files + 1);
        T_OK(sim_bundle_new(env, &b, &err), &err);
        T_OK(sim_bundle_add_path(b, path, &err), &err); /* a bundle of a bundle */
        T_EQ_INT(json_array_size(json_object_get(sim_bundle_info(b), "files")), files + 1);
        sim_bundle_free(b);
    }
    put(t_tmpdir(), "broken.tar.zst", "hello", 5);
    (void)snprintf(path, sizeof(path), "%s/broken.tar.zst", t_tmpdir());
    size_t n = 0;
    T_ERR(sim_archive_read(path, 1 << 20, count_file, &n, &err), -EINVAL, &err, "archive");
}

static void the_world_begins(void)
{
    T_OK(cmn_env_new_seeded("bundle", 6, &env, NULL), NULL);
}

static void the_world_ends(void)
{
    cmn_env_unref(env);
}

TEST_MAIN("bundle", {"the world begins", the_world_begins},
          {"hostile texts end", hostile_texts_end},
          {"no seeded secret is left", no_seeded_secret_is_left},
          {"redacting twice is the same", redacting_twice_is_the_same},
          {"public texts stay as they are", public_texts_stay_as_they_are},
          {"archives hold the same", archives_hold_the_same}, {"the world ends", the_world_ends})
