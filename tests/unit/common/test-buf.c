/* test-buf.c - buffers, the reading cursor, whole files. */
#include "tests/testlib/testlib.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void in_tmpdir(const char *name, char out[256])
{
    (void)snprintf(out, 256, "%s/%s", t_tmpdir(), name);
}

static void impossible_sizes_are_refused(void)
{
    auto_buf struct cmn_buf b = {0};

    T_OK(cmn_buf_puts(&b, "abc"), NULL);
    T_EQ_INT(cmn_buf_reserve(&b, SIZE_MAX), -ENOMEM);
    T_EQ_INT(cmn_buf_reserve(&b, SIZE_MAX - 3), -ENOMEM);
    T_EQ_STR((char *)b.data, "abc");
}

static void cursor_stops_at_the_end(void)
{
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;
    uint8_t u8, four[4];

    for (size_t len = 0; len < 8; len++) {
        struct cmn_rd c = cmn_rd_init(bytes, len);
        T_EQ_INT(cmn_rd_u64le(&c, &u64), -EBADMSG);
        T_EQ_INT(cmn_rd_u32le(&c, &u32), len < 4 ? -EBADMSG : 0);
        T_EQ_INT(cmn_rd_left(&c), len < 4 ? len : len - 4); /* unchanged by a failure */
    }
    struct cmn_rd none = cmn_rd_init(NULL, 0);
    T_EQ_INT(cmn_rd_u8(&none, &u8), -EBADMSG);
    T_EQ_INT(cmn_rd_u16le(&none, &u16), -EBADMSG);
    T_EQ_INT(cmn_rd_u32be(&none, &u32), -EBADMSG);
    T_EQ_INT(cmn_rd_bytes(&none, four, 4), -EBADMSG);
    T_EQ_INT(cmn_rd_skip(&none, 1), -EBADMSG);
    T_EQ_INT(cmn_rd_skip(&none, SIZE_MAX), -EBADMSG);
}

static void cursor_reads_what_put_wrote(void)
{
    uint8_t p[18];
    uint64_t u64;
    uint32_t le, be;
    uint16_t u16;

    cmn_put_u16le(p, 0x0201);
    cmn_put_u32le(p + 2, 0x06050403);
    cmn_put_u64le(p + 6, 0x0e0d0c0b0a090807);
    cmn_put_u32be(p + 14, 0x0f101112);
    for (size_t i = 0; i < sizeof(p); i++)
        T_EQ_INT(p[i], i + 1);
    struct cmn_rd c = cmn_rd_init(p, sizeof(p));
    T_OK(cmn_rd_u16le(&c, &u16), NULL);
    T_OK(cmn_rd_u32le(&c, &le), NULL);
    T_OK(cmn_rd_u64le(&c, &u64), NULL);
    T_OK(cmn_rd_u32be(&c, &be), NULL);
    T_EQ_INT(u16, 0x0201);
    T_EQ_INT(le, 0x06050403);
    T_TRUE(u64 == 0x0e0d0c0b0a090807);
    T_EQ_INT(be, 0x0f101112);
    T_EQ_INT(cmn_rd_left(&c), 0);
}

static void buffer_is_always_a_string(void)
{
    auto_buf struct cmn_buf b = {0};

    T_OK(cmn_buf_put(&b, NULL, 0), NULL);
    T_EQ_STR((char *)b.data, "");
    for (int i = 0; i < 1000; i++)
        T_OK(cmn_buf_printf(&b, "%d,", i % 10), NULL);
    T_EQ_INT(b.len, 2000);
    T_EQ_INT(strlen((char *)b.data), 2000);
    T_OK(cmn_buf_resize(&b, 3), NULL);
    T_EQ_STR((char *)b.data, "0,1");
    T_OK(cmn_buf_resize(&b, 5000), NULL);
    T_TRUE(cmn_all_zero(b.data + 3, 4998));
    cmn_buf_done_secret(&b);
    T_TRUE(b.data == NULL && b.len == 0);
    cmn_buf_done(NULL);
    cmn_buf_done_secret(NULL);
}

static void all_zero(void)
{
    uint8_t bytes[9] = {0};

    T_TRUE(cmn_all_zero(NULL, 0));
    T_TRUE(cmn_all_zero(bytes, 9));
    bytes[8] = 0x80;
    T_TRUE(!cmn_all_zero(bytes, 9));
}

static void missing_and_large_files_are_refused_by_name(void)
{
    auto_buf struct cmn_buf b = {0};
    struct cmn_err err = {0};
    char path[256];

    in_tmpdir("none", path);
    T_ERR(cmn_file_read(path, 10, &b, &err), -ENOENT, &err, "/none: No such file");
    T_ERR(cmn_file_read(t_tmpdir(), 10, &b, &err), -EISDIR, &err, t_tmpdir());
    in_tmpdir("large", path);
    T_OK(cmn_file_write(path, "0123456789a", 11, 0600, &err), &err);
    T_ERR(cmn_file_read(path, 10, &b, &err), -EFBIG, &err, "/large: more than 10 bytes");
    T_TRUE(b.data == NULL);
    T_OK(cmn_file_read(path, 11, &b, &err), &err);
    T_EQ_STR((char *)b.data, "0123456789a");
    T_ERR(cmn_file_read("/dev/zero", 1 << 20, &b, &err), -EFBIG, &err, "/dev/zero");
    T_EQ_INT(b.len, 11); /* written only on success */
}

static void file_is_replaced_whole_with_its_mode(void)
{
    auto_buf struct cmn_buf b = {0};
    struct cmn_err err = {0};
    struct stat st;
    char path[256];

    in_tmpdir("key", path);
    T_OK(cmn_file_write(path, "old and longer", 14, 0644, &err), &err);
    T_OK(cmn_file_write(path, "new", 3, 0600, &err), &err);
    T_OK(cmn_file_read(path, 100, &b, &err), &err);
    T_EQ_STR((char *)b.data, "new");
    T_EQ_INT(stat(path, &st), 0);
    T_EQ_INT(st.st_mode & 07777, 0600);
    in_tmpdir("no/such/folder", path);
    T_ERR(cmn_file_write(path, "x", 1, 0600, &err), -ENOENT, &err, "no/such/folder");
}

static void folders_are_made_on_the_way(void)
{
    struct cmn_err err = {0};
    struct stat st;
    char path[256];

    in_tmpdir("a/b//c/", path);
    T_OK(cmn_mkdir_p(path, 0700, &err), &err);
    T_OK(cmn_mkdir_p(path, 0700, &err), &err);
    T_EQ_INT(stat(path, &st), 0);
    T_TRUE(S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0700);
    in_tmpdir("file", path);
    T_OK(cmn_file_write(path, "", 0, 0600, &err), &err);
    in_tmpdir("file/sub", path);
    T_ERR(cmn_mkdir_p(path, 0700, &err), -ENOTDIR, &err, "file/sub");
}

static void write_to_a_full_device_fails(void)
{
    auto_close int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    if (fd >= 0)
        T_EQ_INT(cmn_fd_write_all(fd, "x", 1), -ENOSPC);
    T_EQ_INT(cmn_fd_write_all(-1, "x", 1), -EBADF);
    T_EQ_INT(cmn_fd_write_all(-1, "", 0), 0);
}

TEST_MAIN("buf", {"impossible sizes are refused", impossible_sizes_are_refused},
          {"cursor stops at the end", cursor_stops_at_the_end},
          {"cursor reads what put wrote", cursor_reads_what_put_wrote},
          {"buffer is always a string", buffer_is_always_a_string}, {"all zero", all_zero},
          {"missing and large files are refused by name",
           missing_and_large_files_are_refused_by_name},
          {"file is replaced whole, with its mode", file_is_replaced_whole_with_its_mode},
          {"folders are made on the way", folders_are_made_on_the_way},
          {"write to a full device fails", write_to_a_full_device_fails})
