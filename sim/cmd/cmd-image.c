/*
 * cmd-image.c - cocobox image encrypt SRC-LAYOUT:TAG DST-LAYOUT:TAG --key kbs:///a/b/c ...
 *
 * Encrypts an image for guests and puts the key into the KBS in the same step.
 */
#include "sim/cmd/cmd-image.h"
#include "common/http/client.h"
#include "sim/image/encrypt.h"
#include "sim/image/ocicrypt.h"

#include <argp.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_ENVIRONMENT = 3 };
enum { OPT_KEY = 0x100, OPT_KEY_FILE, OPT_KBS_STORE, OPT_KBS, OPT_ADMIN_TOKEN, OPT_CERT, OPT_SEED };

struct args {
    const char *src, *dst;
    const char *key, *key_file, *kbs_store, *kbs, *admin_token_file, *cert_file, *seed;
};

static const struct argp_option options[] = {
    {"key", OPT_KEY, "KBS-URI", 0, "resource URI of the image key, kbs:///a/b/c", 0},
    {"key-file", OPT_KEY_FILE, "FILE", 0, "the key, 32 raw bytes; made when FILE does not exist",
     0},
    {"kbs-store", OPT_KBS_STORE, "DIR", 0, "put the key into this folder of a KBS (LocalFs)", 0},
    {"kbs", OPT_KBS, "URL", 0, "put the key into the KBS at URL", 0},
    {"admin-token-file", OPT_ADMIN_TOKEN, "FILE", 0, "bearer token of the KBS's admin", 0},
    {"kbs-cert", OPT_CERT, "FILE", 0, "additional certificate to trust for --kbs", 0},
    {"seed", OPT_SEED, "TEXT", 0, "make the same keys and bytes each time (never for real secrets)",
     0},
    {0},
};

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
    struct args *a = state->input;

    switch (key) {
    case OPT_KEY:
        a->key = arg;
        return 0;
    case OPT_KEY_FILE:
        a->key_file = arg;
        return 0;
    case OPT_KBS_STORE:
        a->kbs_store = arg;
        return 0;
    case OPT_KBS:
        a->kbs = arg;
        return 0;
    case OPT_ADMIN_TOKEN:
        a->admin_token_file = arg;
        return 0;
    case OPT_CERT:
        a->cert_file = arg;
        return 0;
    case OPT_SEED:
        a->seed = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1)
            return ARGP_ERR_UNKNOWN;
        *(state->arg_num == 0 ? &a->src : &a->dst) = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* LAYOUT[:TAG]; the tag is what follows the last ':' behind the last '/'. */
static char *split_layout(const char *text, const char **ret_tag)
{
    const char *slash = strrchr(text, '/'), *colon = strchr(slash ? slash : text, ':');

    *ret_tag = colon ? colon + 1 : NULL;
    return strndup(text, colon ? (size_t)(colon - text) : strlen(text));
}

static int load_key(struct cmn_env *env, const char *file, struct cmn_buf *ret, struct cmn_err *err)
{
    if (file) {
        int r = cmn_file_read(file, 4096, ret, err);
        if (r == 0 && ret->len != SIM_OCICRYPT_KEY_BYTES)
            return cmn_err_set(err, EINVAL, "key file '%s' has %zu bytes, expect 32", file,
                               ret->len);
        if (r != -ENOENT)
            return r;
        cmn_err_clear(err);
    }
    if (cmn_buf_resize(ret, SIM_OCICRYPT_KEY_BYTES) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_env_random(env, ret->data, ret->len, err);
    return r < 0 || !file ? r : cmn_file_write(file, ret->data, ret->len, 0600, err);
}

/* LocalFs layout of the KBS: <dir>/repository/<path with '/' as \x2F>. */
static int key_to_store(const char *dir, const char *path, const struct cmn_buf *key,
                        struct cmn_err *err)
{
    auto_buf struct cmn_buf name = {0};
    int r = cmn_buf_printf(&name, "%s/repository", dir);

    if (r == 0)
        r = cmn_mkdir_p((const char *)name.data, 0700, err);
    if (r == 0)
        r = cmn_buf_puts(&name, "/");
    for (const char *p = path; r == 0 && *p; p++)
        r = *p == '/' ? cmn_buf_puts(&name, "\\x2F") : cmn_buf_put(&name, p, 1);
    return r < 0 ? r : cmn_file_write((const char *)name.data, key->data, key->len, 0600, err);
}

static int key_to_kbs(const struct args *a, const char *path, const struct cmn_buf *key,
                      struct cmn_err *err)
{
    struct cmn_http_client *http = NULL;
    struct cmn_http_answer answer = {0};
    auto_buf_secret struct cmn_buf token = {0};
    auto_buf struct cmn_buf url = {0}, cert = {0};
    size_t base = strlen(a->kbs);
    int r = 0;

    while (base > 0 && a->kbs[base - 1] == '/')
        base--;
    if (a->admin_token_file)
        r = cmn_file_read(a->admin_token_file, 65536, &token, err);
    while (token.len > 0 &&
           (token.data[token.len - 1] == '\n' || token.data[token.len - 1] == '\r'))
        token.data[--token.len] = 0;
    if (r == 0 && a->cert_file)
        r = cmn_file_read(a->cert_file, 1u << 20, &cert, err);
    if (r == 0 && cmn_buf_printf(&url, "%.*s/kbs/v0/resource/%s", (int)base, a->kbs, path) < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0)
        r = cmn_http_client_new(&(struct cmn_http_client_opts){.ca_pem = (const char *)cert.data},
                                &http, err);
    if (r < 0)
        return r;
    const struct cmn_http_call call = {
        .method = "POST",
        .url = (const char *)url.data,
        .content_type = "application/octet-stream",
        .bearer = token.len ? (const char *)token.data : NULL,
        .body = cmn_buf_bytes(key),
        .max_body = 65536,
    };
    r = cmn_http_do(http, &call, &answer, err);
    if (r == 0 && answer.status / 100 != 2)
        r = cmn_err_set(err, EACCES, "the KBS did not take the key: %d %.300s", answer.status,
                        answer.body.data ? (const char *)answer.body.data : "");
    cmn_http_answer_done(&answer);
    cmn_http_client_free(http);
    return r;
}

static int encrypt(const struct args *a, const char *path, struct cmn_err *err)
{
    const char *src_tag, *dst_tag;
    auto_free char *src_dir = split_layout(a->src, &src_tag),
                   *dst_dir = split_layout(a->dst, &dst_tag);
    auto_oci_store struct sim_oci_store *src = NULL, *dst = NULL;
    auto_env struct cmn_env *env = NULL;
    auto_buf_secret struct cmn_buf key = {0};

    if (!src_dir || !dst_dir)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = a->seed ? cmn_env_new_seeded(a->seed, strlen(a->seed), &env, err)
                    : cmn_env_new_system(&env, err);
    if (r == 0)
        r = sim_oci_store_open(src_dir, &src, err);
    if (r == 0)
        r = sim_oci_store_create(dst_dir, &dst, err);
    if (r == 0)
        r = load_key(env, a->key_file, &key, err);
    if (r == 0)
        r = sim_image_encrypt(env, src, src_tag, dst, dst_tag ? dst_tag : "latest", a->key,
                              key.data, err);
    if (r == 0 && a->kbs_store)
        r = key_to_store(a->kbs_store, path, &key, err);
    if (r == 0 && a->kbs)
        r = key_to_kbs(a, path, &key, err);
    return r;
}

static int usage(const char *text)
{
    (void)fprintf(stderr, "cocobox image encrypt: %s\n", text);
    return EXIT_USAGE;
}

static int cmd_encrypt(int argc, char **argv)
{
    static const struct argp argp = {
        options,
        parse_opt,
        "SRC-LAYOUT:TAG DST-LAYOUT:TAG",
        "Copies an image, its layers encrypted for guests, and puts the key into a KBS.",
        NULL,
        NULL,
        NULL};
    struct args a = {0};
    struct cmn_err err = {0};
    char path[256];

    argv[0] = (char *)"cocobox image encrypt";
    argp_err_exit_status = EXIT_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0)
        return EXIT_USAGE;
    if (!a.src || !a.dst)
        return usage("needs SRC-LAYOUT:TAG and DST-LAYOUT:TAG");
    if (!a.key || sim_kbs_uri_path(a.key, path, sizeof(path), &err) < 0)
        return usage(a.key ? err.msg : "needs --key kbs:///a/b/c");
    if (!a.key_file && !a.kbs_store && !a.kbs)
        return usage("the key would be lost: give --kbs-store, --kbs or --key-file");
    int r = encrypt(&a, path, &err);
    if (r < 0) {
        (void)fprintf(stderr, "cocobox image encrypt: %s\n", err.msg);
        return r == -EACCES || r == -ECONNREFUSED ? EXIT_ENVIRONMENT : 1;
    }
    (void)printf("%s: encrypted with %s%s\n", a.dst, a.key,
                 a.kbs || a.kbs_store ? ", key stored" : "");
    return 0;
}

int sim_cmd_image(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "encrypt") == 0)
        return cmd_encrypt(argc - 1, argv + 1);
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0)) {
        (void)puts("Usage: cocobox image encrypt [OPTION...] SRC-LAYOUT:TAG DST-LAYOUT:TAG\n"
                   "'cocobox image encrypt --help' tells its options.");
        return 0;
    }
    (void)fprintf(stderr, "cocobox image: the only subcommand is 'encrypt' (see cocobox image "
                          "encrypt --help)\n");
    return EXIT_USAGE;
}
