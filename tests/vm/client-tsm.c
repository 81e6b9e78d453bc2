/*
 * client-tsm.c - an independent client of configfs-tsm, as the kernel's Documentation/ABI describes
 * it. It runs inside a guest and tells as one event line what it got: test-vm.py judges.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR "/sys/kernel/config/tsm/report/client"

static char details[12000];
static size_t used;

static void tell(const char *key, long long value)
{
    used += (size_t)snprintf(details + used, sizeof(details) - used, "%s\"%s\":%lld",
                             used ? "," : "", key, value);
}

static void tell_bytes(const char *key, const uint8_t *data, size_t len)
{
    used += (size_t)snprintf(details + used, sizeof(details) - used, ",\"%s\":\"", key);
    for (size_t i = 0; i < len; i++)
        used += (size_t)snprintf(details + used, sizeof(details) - used, "%02x", data[i]);
    used += (size_t)snprintf(details + used, sizeof(details) - used, "\"");
}

/* errno, 0 on success */
static int put(const char *attr, const void *data, size_t len)
{
    char path[128];

    (void)snprintf(path, sizeof(path), DIR "/%s", attr);
    int fd = open(path, O_WRONLY | O_TRUNC);
    if (fd < 0)
        return errno;
    int e = write(fd, data, len) == (ssize_t)len ? 0 : errno;
    return close(fd) < 0 && e == 0 ? errno : e;
}

/* In reads of 100 bytes. Length, or -errno. */
static long get(const char *attr, uint8_t *out, size_t cap)
{
    char path[128];
    size_t len = 0;
    ssize_t n;

    (void)snprintf(path, sizeof(path), DIR "/%s", attr);
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return -errno;
    while (len < cap && (n = read(fd, out + len, cap - len < 100 ? cap - len : 100)) != 0) {
        if (n < 0) {
            long e = -errno;
            (void)close(fd);
            return e;
        }
        len += (size_t)n;
    }
    (void)close(fd);
    return (long)len;
}

static void run(void)
{
    static uint8_t blob[65], out[32768], again[32768];

    for (size_t i = 0; i < sizeof(blob); i++)
        blob[i] = (uint8_t)(0x30 + i);
    tell("mkdir", mkdir(DIR, 0755) < 0 ? errno : 0);
    tell("mkdir_again", mkdir(DIR, 0755) < 0 ? errno : 0);
    tell("mkdir_inside", mkdir(DIR "/x", 0755) < 0 ? errno : 0);
    tell("generation_0", get("generation", out, 10) == 2 ? out[0] - '0' : -1);
    tell("outblob_first", get("outblob", out, sizeof(out)));
    tell("inblob_65", put("inblob", blob, 65));
    tell("inblob_63", put("inblob", blob, 63));
    tell("outblob_63", get("outblob", out, sizeof(out)));
    tell("inblob", put("inblob", blob, 64));
    tell("generation", get("generation", out, 10) == 2 ? out[0] - '0' : -1);
    long n = get("outblob", out, sizeof(out)), m = get("outblob", again, sizeof(again));
    tell("outblob", n);
    tell("outblob_same", n == m && n > 0 && memcmp(out, again, (size_t)n) == 0);
    if (n > 0)
        tell_bytes("report_bytes", out, (size_t)n < 1184 ? (size_t)n : 1184);
    tell("auxblob", get("auxblob", out, sizeof(out)));
    tell_bytes("aux_first_guid", out, 16);
    n = get("provider", out, 64);
    if (n > 0)
        tell_bytes("provider", out, (size_t)n);
    tell("floor", get("privlevel_floor", out, 10) == 2 ? out[0] - '0' : -1);
    tell("privlevel_4", put("privlevel", "4", 1));
    tell("privlevel_2", put("privlevel", "2\n", 2));
    tell("outblob_vmpl", get("outblob", out, sizeof(out)) > 0x30 ? out[0x30] : -1);
    tell("read_inblob", get("inblob", out, 10));
    tell("rmdir", rmdir(DIR) < 0 ? errno : 0);
    tell("gone", access(DIR, F_OK) < 0 ? errno : 0);
}

int main(void)
{
    run();
    (void)fprintf(stderr,
                  "\x1e{\"name\":\"client.tsm\",\"phase\":\"boot\",\"outcome\":\"info\","
                  "\"details\":{%s}}\n",
                  details);
    return 0;
}
