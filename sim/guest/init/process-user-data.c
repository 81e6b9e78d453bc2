/*
 * process-user-data.c - splits the pod's initdata into files, as upstream's unit of this name does:
 * /run/peerpod/initdata.toml -> aa.toml, cdh.toml, policy.rego beside it, and initdata.digest.
 *
 *     process-user-data [provision-files] [FOLDER]
 *
 * Without initdata upstream's dummy is taken, so that an (empty) aa.toml is there. Exit 1 and an
 * event initdata.invalid when it cannot be read.
 */
#include "common/buf/buf.h"
#include "common/crypto/crypto.h"
#include "common/enc/enc.h"
#include "common/json/json.h"
#include "common/rs/cmn-rs.h"
#include "sim/guest/common/guest.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INITDATA_MAX = 8 << 20, JSON_DEPTH = 16 };

static const char dummy[] =
    "algorithm = \"sha256\"\nversion = \"0.1.0\"\n\n[data]\n\"aa.toml\" = '''\n'''";

static const char *folder = "/run/peerpod";

/* Plain writes: /run of a guest is fresh and ends with it. */
static int put_file(const char *name, const char *data, size_t len, struct cmn_err *err)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return cmn_err_set(err, errno, "cannot write %s: %s", path, strerror(errno));
    int r = cmn_fd_write_all(fd, data, len);
    if (r < 0)
        return cmn_err_set(err, -r, "cannot write %s: %s", path, strerror(-r));
    return 0;
}

static int read_initdata(struct cmn_buf *text, struct cmn_err *err)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/initdata.toml", folder);
    int r = cmn_file_read(path, INITDATA_MAX, text, err);
    if (r != -ENOENT)
        return r;
    cmn_err_clear(err);
    (void)fprintf(stderr, "no initdata: a dummy is used\n");
    return cmn_buf_put(text, dummy, sizeof(dummy) - 1);
}

static int parse(const struct cmn_buf *text, json_t **ret, struct cmn_err *err)
{
    char *why = NULL;

    char *json = cmn_rs_toml_to_json((const char *)text->data, text->len, &why);
    if (!json) {
        int r = cmn_err_reason(err, EBADMSG, CMN_REASON_INITDATA_INVALID,
                               "initdata is no TOML: %.600s", why ? why : "");
        cmn_rs_free(why);
        return r;
    }
    int r = cmn_json_load(cmn_bytes(json, strlen(json)), JSON_DEPTH, ret, err);
    cmn_rs_free(json);
    return r;
}

static int put_digest(const char *algorithm, const struct cmn_buf *text, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    static const struct {
        const char *name, *md;
        size_t len;
    } known[] = {{"sha256", "SHA256", 32}, {"sha384", "SHA384", 48}, {"sha512", "SHA512", 64}};
    uint8_t digest[64];
    size_t len = 0;

    for (size_t i = 0; algorithm && i < CMN_ARRAY_SIZE(known); i++)
        if (strcmp(algorithm, known[i].name) == 0) {
            int r = guest_env_open("process-user-data", &env, err);
            if (r == 0)
                r = cmn_hash(env, known[i].md, text->data, text->len, digest, err);
            if (r < 0)
                return r;
            len = known[i].len;
        }
    if (!len)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_INITDATA_INVALID,
                              "initdata: 'algorithm' is '%.32s', want sha256, sha384 or sha512",
                              algorithm ? algorithm : "");
    auto_free char *hex = cmn_hex(digest, len);
    if (!hex)
        return cmn_err_set(err, ENOMEM, "no memory");
    return put_file("initdata.digest", hex, strlen(hex), err);
}

static int put_data(const json_t *data, struct cmn_err *err)
{
    static const char *const allowed[] = {"aa.toml", "cdh.toml", "policy.rego"};
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)data, name, value) {
        bool known = false;
        for (size_t i = 0; i < CMN_ARRAY_SIZE(allowed); i++)
            known = known || strcmp(name, allowed[i]) == 0;
        if (!known) {
            (void)fprintf(stderr,
                          "initdata: '%.64s' is not one of the files it may hold: skipped\n", name);
            continue;
        }
        if (!json_is_string(value))
            return cmn_err_reason(err, EBADMSG, CMN_REASON_INITDATA_INVALID,
                                  "initdata: '%.64s' in [data] is no text", name);
        int r = put_file(name, json_string_value(value), json_string_length(value), err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int provision(struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    auto_json json_t *doc = NULL;

    int r = read_initdata(&text, err);
    if (r == 0)
        r = parse(&text, &doc, err);
    if (r < 0)
        return r;
    const json_t *data = json_object_get(doc, "data");
    if (!json_is_string(json_object_get(doc, "version")) || !json_is_object(data))
        return cmn_err_reason(err, EBADMSG, CMN_REASON_INITDATA_INVALID,
                              "initdata: 'version' or the table [data] is missing");
    r = put_digest(json_string_value(json_object_get(doc, "algorithm")), &text, err);
    return r < 0 ? r : put_data(data, err);
}

int main(int argc, char **argv)
{
    struct cmn_err err = {0};

    if (argc > 1 && strcmp(argv[1], "provision-files") == 0) {
        argc--;
        argv++;
    }
    if (argc > 2) {
        (void)fprintf(stderr, "usage: process-user-data [provision-files] [FOLDER]\n");
        return 2;
    }
    if (argc == 2)
        folder = argv[1];
    if (provision(&err) == 0)
        return 0;
    (void)fprintf(stderr, "%s\n", err.msg);
    guest_event("guest.initdata", "boot", "failed", CMN_REASON_INITDATA_INVALID, err.msg, NULL);
    return 1;
}
