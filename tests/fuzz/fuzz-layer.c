/* Aims at: sim_unpack_layer, sim_inflate_read, unpack_path_clean, sim_remove_tree_at. The first
 * byte chooses the compression, the rest is one layer; it is unpacked into a folder of its own,
 * beside which nothing may appear or change. */
#include "fuzz.h"

#include "sim/image/inflate.h"
#include "sim/image/unpack.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct source {
    const uint8_t *data;
    size_t size;
};

static char base[64];
static int base_fd = -1;

static ssize_t take(void *ctx, void *buf, size_t cap, struct cmn_err *err)
{
    struct source *s = ctx;
    size_t n = s->size < cap ? s->size : cap;

    (void)err;
    if (n)
        memcpy(buf, s->data, n);
    s->data += n;
    s->size -= n;
    return (ssize_t)n;
}

static void clean_up(void)
{
    CMN_IGNORE(sim_remove_tree_at(AT_FDCWD, base, NULL)); /* at the end of the program */
}

static void set_up(void)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    (void)snprintf(base, sizeof(base), "%s/cocobox-fuzz-XXXXXX", tmp);
    FUZZ_CHECK(mkdtemp(base) != NULL);
    base_fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = openat(base_fd, "outside", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    FUZZ_CHECK(base_fd >= 0 && fd >= 0);
    (void)atexit(clean_up);
}

/* Only the root and the file beside it, which is as it was. */
static void check_outside(void)
{
    struct stat st;
    DIR *dir = fdopendir(dup(base_fd));
    unsigned n = 0;

    FUZZ_CHECK(dir != NULL);
    rewinddir(dir);
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    FUZZ_CHECK(n == 4); /* . .. root outside */
    FUZZ_CHECK(fstatat(base_fd, "outside", &st, AT_SYMLINK_NOFOLLOW) == 0);
    FUZZ_CHECK(S_ISREG(st.st_mode) && st.st_size == 0 && st.st_nlink == 1);
    FUZZ_CHECK((st.st_mode & 07777) == 0600);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sim_unpack_opts opts = {.max_bytes = 1 << 20, .max_entries = 200};
    static const enum sim_compression kinds[] = {SIM_COMPRESSION_NONE, SIM_COMPRESSION_GZIP,
                                                 SIM_COMPRESSION_ZSTD};
    struct source source = {data, size};
    struct sim_inflate *z = NULL;
    struct sim_unpack *u = NULL;
    struct cmn_err err = {0};
    char root[80];

    if (base_fd < 0)
        set_up();
    if (!size)
        return 0;
    source.data++;
    source.size--;
    (void)snprintf(root, sizeof(root), "%s/root", base);
    FUZZ_CHECK(mkdirat(base_fd, "root", 0755) == 0);
    FUZZ_CHECK(sim_unpack_new(root, &opts, &u, &err) == 0);
    if (sim_inflate_new(kinds[data[0] % 3], take, &source, &z, &err) == 0)
        CMN_IGNORE(sim_unpack_layer(u, sim_inflate_read, z, &err));
    sim_inflate_free(z);
    sim_unpack_free(u);
    check_outside();
    FUZZ_CHECK(sim_remove_tree_at(base_fd, "root", &err) == 0);
    return 0;
}
