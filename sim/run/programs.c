/*
 * programs.c - one digest over the guest's programs. Hashing their megabytes costs more than the
 * rest of the launch, so the cache folder keeps the digest beside what the files look like (inode,
 * size, times).
 */
#include "common/enc/enc.h"
#include "sim/run/run-internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_PROGRAM_BYTES = 256 << 20, LOOKS_CAP = 2048 };

static const char *const programs[] = {
    "api-server-rest",       "attestation-agent", "cocobox-init",
    "confidential-data-hub", "kata-agent",        "process-user-data",
};

static int path_of(const struct sim_run *run, size_t i, char *out, size_t cap, struct cmn_err *err)
{
    int n = snprintf(out, cap, "%s/%s", run->opts->guest_bin_dir, programs[i]);

    return n < 0 || (size_t)n >= cap
               ? cmn_err_set(err, ENAMETOOLONG, "path of the guest's programs")
               : 0;
}

/* One digest over the bytes of every program of the guest, in the order of their names. */
static int hash(struct sim_run *run, uint8_t digest[32], struct cmn_err *err)
{
    uint8_t digests[CMN_ARRAY_SIZE(programs) * 32] = {0};
    char path[4096];

    for (size_t i = 0; i < CMN_ARRAY_SIZE(programs); i++) {
        auto_buf struct cmn_buf bytes = {0};
        int r = path_of(run, i, path, sizeof(path), err);
        if (r == 0)
            r = cmn_file_read(path, MAX_PROGRAM_BYTES, &bytes, err);
        if (r < 0)
            return cmn_err_wrap(err, r, "program of the guest");
        r = cmn_hash(run->opts->env, "SHA256", bytes.data, bytes.len, digests + 32 * i, err);
        if (r < 0)
            return r;
    }
    return cmn_hash(run->opts->env, "SHA256", digests, sizeof(digests), digest, err);
}

/* A text that changes when a program does: a new file, or other bytes in the old one. */
static int looks(const struct sim_run *run, char out[static LOOKS_CAP], struct cmn_err *err)
{
    char path[4096];
    size_t n = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(programs); i++) {
        struct stat st;
        int r = path_of(run, i, path, sizeof(path), err);
        if (r < 0)
            return r;
        if (stat(path, &st) < 0)
            return cmn_err_set(err, errno, "program of the guest: %s: %s", path, strerror(errno));
        n += (size_t)snprintf(out + n, LOOKS_CAP - n, "%s %llu:%llu %lld %lld.%09ld %lld.%09ld\n",
                              programs[i], (unsigned long long)st.st_dev,
                              (unsigned long long)st.st_ino, (long long)st.st_size,
                              (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                              (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
        if (n >= LOOKS_CAP)
            return cmn_err_set(err, ENOSPC, "too many programs");
    }
    return 0;
}

/* The kept digest, if it was taken of files that look like these. */
static bool kept(const char *file, const char *want, uint8_t digest[32])
{
    auto_buf struct cmn_buf text = {0}, bytes = {0};
    size_t n = strlen(want);

    if (cmn_file_read(file, LOOKS_CAP + 64, &text, NULL) < 0 || text.len != n + 64 ||
        memcmp(text.data, want, n) != 0 ||
        cmn_unhex((const char *)text.data + n, 64, &bytes, NULL) < 0)
        return false;
    memcpy(digest, bytes.data, 32);
    return true;
}

int sim_run_programs_digest(struct sim_run *run, uint8_t digest[32], struct cmn_err *err)
{
    char want[LOOKS_CAP], file[4096];
    auto_buf struct cmn_buf text = {0};
    int r = looks(run, want, err);

    if (r < 0)
        return r;
    if (snprintf(file, sizeof(file), "%s/guest-programs", run->opts->cache_dir) >=
        (int)sizeof(file))
        return cmn_err_set(err, ENAMETOOLONG, "path of the cache folder");
    if (kept(file, want, digest))
        return 0;
    r = hash(run, digest, err);
    if (r < 0)
        return r;
    auto_free char *hex = cmn_hex(digest, 32);
    if (!hex || cmn_buf_printf(&text, "%s%s", want, hex) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    CMN_IGNORE(cmn_file_write(file, text.data, text.len, 0600, NULL)); /* a cache: next time then */
    return 0;
}
