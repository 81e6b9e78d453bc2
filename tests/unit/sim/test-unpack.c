/* test-unpack.c - layers onto a root: hostile archives first, then whiteouts and what stays. */
#include "sim/image/inflate.h"
#include "tests/testlib/testlib.h"
#include "tests/unit/sim/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct source {
    struct cmn_rd rd;
};

static ssize_t read_source(void *ctx, void *buf, size_t cap, struct cmn_err *err)
{
    struct source *s = ctx;
    size_t n = cmn_rd_left(&s->rd) < cap ? cmn_rd_left(&s->rd) : cap;

    (void)err;
    return cmn_rd_bytes(&s->rd, buf, n) < 0 ? -EIO : (ssize_t)n;
}

static char base[600], root[700];
static unsigned n_warnings;

static void on_warning(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
    n_warnings++;
}

/* A fresh base with base/root to unpack into and base/outside that nothing may change. */
static struct sim_unpack *fresh(void)
{
    static unsigned n;
    const struct sim_unpack_opts opts = {
        .max_bytes = 1 << 20, .max_entries = 100, .warn = on_warning};
    struct sim_unpack *u = NULL;
    struct cmn_err err = {0};
    char outside[700];

    (void)snprintf(base, sizeof(base), "%s/u%u", t_tmpdir(), n++);
    (void)snprintf(root, sizeof(root), "%s/root", base);
    (void)snprintf(outside, sizeof(outside), "%s/outside", base);
    T_OK(cmn_mkdir_p(root, 0755, &err), &err);
    T_OK(cmn_mkdir_p(outside, 0755, &err), &err);
    T_OK(sim_unpack_new(root, &opts, &u, &err), &err);
    return u;
}

static int apply(struct sim_unpack *u, const struct fx_entry *e, size_t n, struct cmn_err *err)
{
    auto_buf struct cmn_buf tar = fx_tar(e, n, "none");
    struct source s = {cmn_rd_init(tar.data, tar.len)};

    return sim_unpack_layer(u, read_source, &s, err);
}
#define APPLY(u, err, ...)                                                                         \
    apply(u, (const struct fx_entry[]){__VA_ARGS__},                                               \
          sizeof((const struct fx_entry[]){__VA_ARGS__}) / sizeof(struct fx_entry), err)

static bool there(const char *name)
{
    char path[1400];
    struct stat st;

    (void)snprintf(path, sizeof(path), "%s/%s", base, name);
    return lstat(path, &st) == 0;
}

static const char *content(const char *name)
{
    static char text[256];
    char path[1400];

    (void)snprintf(path, sizeof(path), "%s/%s", base, name);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = 0;
    if (f)
        (void)fclose(f);
    return f ? text : "(none)";
}

static void dot_dot_is_refused(void)
{
    static const char *const names[] = {"../outside/x", "a/../../outside/x", "a/..", ".."};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        struct sim_unpack *u = fresh();
        struct cmn_err err = {0};
        T_ERR(APPLY(u, &err, {names[i], 'f', "x", 0, 0}), -EBADMSG, &err, "'..'");
        T_EQ_INT(err.reason, CMN_REASON_IMAGE_UNPACK_FAILED);
        T_TRUE(!there("outside/x"));
        sim_unpack_free(u);
    }
}

static void absolute_names_stay_inside(void)
{
    struct sim_unpack *u = fresh();
    struct cmn_err err = {0};

    T_OK(APPLY(u, &err, {"/tmp/cocobox-escape", 'f', "x", 0, 0}), &err);
    T_TRUE(access("/tmp/cocobox-escape", F_OK) != 0);
    T_EQ_STR(content("root/tmp/cocobox-escape"), "x");
    sim_unpack_free(u);
}

static void symlinked_folders_do_not_lead_out(void)
{
    struct sim_unpack *u = fresh();
    struct cmn_err err = {0};
    char absolute[700];

    (void)snprintf(absolute, sizeof(absolute), "%s/outside", base);
    /* "../../outside" ends at the root; an absolute target is taken from the root: both folders are
     * absent */
    T_TRUE(APPLY(u, &err, {"up", 'l', "../../../outside", 0, 0}, {"up/x", 'f', "x", 0, 0}) < 0);
    T_TRUE(APPLY(u, &err, {"abs", 'l', absolute, 0, 0}, {"abs/x", 'f', "x", 0, 0}) < 0);
    T_TRUE(!there("outside/x"));
    /* where the folder is inside, it is followed as the guest would */
    T_OK(APPLY(u, &err, {"usr/lib", 'd', NULL, 0, 0}, {"lib", 'l', "/usr/lib", 0, 0},
               {"lib/y", 'f', "y", 0, 0}),
         &err);
    T_EQ_STR(content("root/usr/lib/y"), "y");
    sim_unpack_free(u);
}

static void files_do_not_go_through_symlinks(void)
{
    struct sim_unpack *u = fresh();
    struct cmn_err err = {0};
    char target[700];

    (void)snprintf(target, sizeof(target), "%s/outside/t", base);
    T_OK(APPLY(u, &err, {"f", 'l', target, 0, 0}, {"f", 'f', "x", 0, 0}), &err);
    T_TRUE(!there("outside/t"));
    T_EQ_STR(content("root/f"), "x");
    sim_unpack_free(u);
}

static void hard_links_do_not_lead_out(void)
{
    struct sim_unpack *u = fresh();
    struct cmn_err err = {0};

    T_ERR(APPLY(u, &err, {"h", 'h', "../outside", 0, 0}), -EBADMSG, &err, "'..'");
    T_ERR(APPLY(u, &err, {"h", 'h', "/etc/passwd", 0, 0}), -ENOENT, &err, "hard link");
    T_ERR(APPLY(u, &err, {"s", 'l', "../../..", 0, 0}, {"h", 'h', "s/etc/passwd", 0, 0}), -ENOENT,
          &err, "hard link");
    T_TRUE(!there("root/h"));
    /* a link to a symlink links the symlink itself */
    T_OK(APPLY(u, &err, {"s", 'l', "/etc/passwd", 0, 0}, {"h", 'h', "s", 0, 0}), &err);
    sim_unpack_free(u);
}

static void limits_hold(void)
{
    struct sim_unpack *u = fresh();
    struct cmn_err err = {0};
    struct fx_entry many[101];
    char names[101][8];
    auto_free char *big = malloc((1 << 20) + 2);

    memset(big, 'x', (1 << 20) + 1);
    big[(1 << 20) + 1] = 0;
    T_ERR(APPLY(u, &err, {"big", 'f', big, 0, 0}), -EFBIG, &err, "bytes");
    T_EQ_INT(err.reason, CMN_REASON_IMAGE_TOO_LARGE);
    sim_unpack_free(u);
    u = fresh();
    for (int i = 0; i < 101; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%d", i);
        many[i] = (struct fx_entry){names[i], 'f', "", 0, 0};
    }
    T_ERR(apply(u, many, 101, &err), -EFBIG, &err, "more than 100 files");
    sim_unpack_free(u);
}

static void garbage_is_refused(void)
{
    struct sim_unpack *u = fresh();
    struct cmn_err err = {0};
    uint8_t junk[2048];

    memset(junk, 0xa5, sizeof(junk));
    struct source s = {cmn_rd_init(junk, sizeof(junk))};
    T_ERR(sim_unpack_layer(u, read_source, &s, &err), -EBADMSG, &err, "no tar archive");
    auto_buf struct cmn_buf tar =
        fx_tar((const struct fx_entry[]){{"f", 'f', "hello", 0, 0}}, 1, "none");
    s.rd = cmn_rd_init(tar.data, 514); /* in the middle of the file */
    T_ERR(sim_unpack_layer(u, read_source, &s, &err), -EBADMSG, &err, NULL);
    sim_unpack_free(u);
}

static void whiteouts_delete_lower_layers_only(void)
{
    struct sim_unpack *u = fresh();
    struct cmn_err err = {0};

    T_OK(APPLY(u, &err, {"d/one", 'f', "1", 0, 0}, {"d/sub/two", 'f', "2", 0, 0},
               {"f", 'f', "f", 0, 0}, {"e/old", 'f', "o", 0, 0}),
         &err);
    /* an opaque mark comes last here: what this layer brings stays */
    T_OK(APPLY(u, &err, {".wh.f", 'f', "", 0, 0}, {"e/new", 'f', "n", 0, 0},
               {"e/.wh..wh..opq", 'f', "", 0, 0}, {"d/.wh.sub", 'f', "", 0, 0},
               {".wh.absent", 'f', "", 0, 0}),
         &err);
    T_TRUE(!there("root/f") && !there("root/e/old") && !there("root/d/sub"));
    T_TRUE(there("root/e/new") && there("root/d/one"));
    T_TRUE(!there("root/.wh.f") && !there("root/e/.wh..wh..opq"));
    T_TRUE(APPLY(u, &err, {"d/.wh...", 'f', "", 0, 0}) < 0); /* "..": not a name */
    T_TRUE(APPLY(u, &err, {"d/.wh.", 'f', "", 0, 0}) < 0);
    T_TRUE(there("outside") && there("root/d/one"));
    /* a symlink that is deleted is not followed */
    T_OK(APPLY(u, &err, {"s", 'l', "d", 0, 0}), &err);
    T_OK(APPLY(u, &err, {".wh.s", 'f', "", 0, 0}), &err);
    T_TRUE(!there("root/s") && there("root/d/one"));
    sim_unpack_free(u);
}

static void kinds_replace_each_other(void)
{
    struct sim_unpack *u = fresh();
    struct cmn_err err = {0};

    T_OK(APPLY(u, &err, {"a/x", 'f', "x", 0, 0}, {"b", 'f', "b", 0, 0}, {"c", 'l', "a", 0, 0}),
         &err);
    T_OK(APPLY(u, &err, {"a", 'f', "file", 0, 0}, {"b", 'd', NULL, 0, 0}, {"b/y", 'f', "y", 0, 0},
               {"c", 'd', NULL, 0, 0}),
         &err);
    T_EQ_STR(content("root/a"), "file");
    T_EQ_STR(content("root/b/y"), "y");
    sim_unpack_free(u);
}

static void modes_times_and_links_are_kept(void)
{
    struct sim_unpack *u = fresh();
    struct cmn_err err = {0};
    struct stat a, b;
    char path[1400];

    T_OK(APPLY(u, &err, {"d", 'd', NULL, 0555, 0}, {"d/f", 'f', "abc", 0750, 0},
               {"d/g", 'h', "d/f", 0, 0}, {"d/p", 'p', NULL, 0600, 0},
               {"d/\xc3\xa4", 'f', "umlaut", 0, 0}),
         &err);
    (void)snprintf(path, sizeof(path), "%s/d", root);
    T_TRUE(stat(path, &a) == 0);
    T_EQ_INT(a.st_mode & 07777, 0555);
    T_EQ_INT(a.st_mtime, 1700000000);
    (void)snprintf(path, sizeof(path), "%s/d/f", root);
    T_TRUE(stat(path, &a) == 0);
    T_EQ_INT(a.st_mode & 07777, 0750);
    T_EQ_INT(a.st_mtime, 1700000000);
    (void)snprintf(path, sizeof(path), "%s/d/g", root);
    T_TRUE(stat(path, &b) == 0 && a.st_ino == b.st_ino);
    T_EQ_STR(content("root/d/\xc3\xa4"), "umlaut");
    (void)snprintf(path, sizeof(path), "%s/d", root);
    T_TRUE(chmod(path, 0755) == 0); /* so that anybody can delete it */
    sim_unpack_free(u);
}

static void compressed_streams_are_read(void)
{
    static const char *const names[] = {"none", "gzip", "zstd"};
    static const struct fx_entry e[] = {{"f", 'f', "hello", 0, 0}};

    for (int kind = SIM_COMPRESSION_NONE; kind <= SIM_COMPRESSION_ZSTD; kind++) {
        struct sim_unpack *u = fresh();
        struct sim_inflate *z = NULL;
        struct cmn_err err = {0};
        auto_buf struct cmn_buf tar = fx_tar(e, 1, names[kind]);
        struct source s = {cmn_rd_init(tar.data, tar.len)};
        T_OK(sim_inflate_new((enum sim_compression)kind, read_source, &s, &z, &err), &err);
        T_OK(sim_unpack_layer(u, sim_inflate_read, z, &err), &err);
        T_EQ_STR(content("root/f"), "hello");
        sim_inflate_free(z);
        sim_unpack_free(u);
    }
    struct sim_unpack *u = fresh();
    struct sim_inflate *z = NULL;
    struct cmn_err err = {0};
    auto_buf struct cmn_buf plain = fx_tar(e, 1, "none");
    struct source s = {cmn_rd_init(plain.data, plain.len)}; /* says gzip, is not */
    T_OK(sim_inflate_new(SIM_COMPRESSION_GZIP, read_source, &s, &z, &err), &err);
    T_ERR(sim_unpack_layer(u, sim_inflate_read, z, &err), -EBADMSG, &err, NULL);
    sim_inflate_free(z);
    sim_unpack_free(u);
}

TEST_MAIN("unpack", {"dot dot is refused", dot_dot_is_refused},
          {"absolute names stay inside", absolute_names_stay_inside},
          {"symlinked folders do not lead out", symlinked_folders_do_not_lead_out},
          {"files do not go through symlinks", files_do_not_go_through_symlinks},
          {"hard links do not lead out", hard_links_do_not_lead_out}, {"limits hold", limits_hold},
          {"garbage is refused", garbage_is_refused},
          {"whiteouts delete lower layers only", whiteouts_delete_lower_layers_only},
          {"kinds replace each other", kinds_replace_each_other},
          {"modes, times and links are kept", modes_times_and_links_are_kept},
          {"compressed streams are read", compressed_streams_are_read})
