/* testlib.c - see testlib.h. */
#include "tests/testlib/testlib.h"

#include "common/enc/enc.h"

#include <CUnit/Basic.h>
#include <ctype.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool skipped;
static char tmpdir[64];

static void report(bool ok, const char *msg, const char *file, unsigned line)
{
    /* CUnit keeps the pointer's text by copying it */
    (void)CU_assertImplementation(ok ? CU_TRUE : CU_FALSE, line, msg, file, "", CU_FALSE);
}

void t_true(bool ok, const char *what, const char *file, unsigned line)
{
    report(ok, what, file, line);
}

void t_eq_int(long long got, long long want, const char *what, const char *file, unsigned line)
{
    char msg[512];

    (void)snprintf(msg, sizeof(msg), "%.200s is %lld, want %lld", what, got, want);
    report(got == want, msg, file, line);
}

void t_eq_str(const char *got, const char *want, const char *what, const char *file, unsigned line)
{
    char msg[2048];
    bool same = got == want || (got && want && strcmp(got, want) == 0);

    (void)snprintf(msg, sizeof(msg), "%.200s is '%.800s', want '%.800s'", what,
                   got ? got : "(null)", want ? want : "(null)");
    report(same, msg, file, line);
}

void t_eq_mem(const void *got, const void *want, size_t len, const char *what, const char *file,
              unsigned line)
{
    const uint8_t *g = got, *w = want;
    char msg[512] = "same";
    size_t i = 0;

    if (!g || !w) {
        report(g == w || len == 0, "NULL where bytes are wanted", file, line);
        return;
    }
    while (i < len && g[i] == w[i])
        i++;
    if (i < len)
        (void)snprintf(msg, sizeof(msg), "%.200s differs at offset %zu of %zu: %02x, want %02x",
                       what, i, len, g[i], w[i]);
    report(i == len, msg, file, line);
}

void t_ok(long long r, const struct cmn_err *err, const char *what, const char *file, unsigned line)
{
    char msg[2048];

    (void)snprintf(msg, sizeof(msg), "%.200s gives %lld: %s", what, r, err ? err->msg : "");
    report(r >= 0, msg, file, line);
}

void t_err(long long r, long long want, const struct cmn_err *err, const char *part,
           const char *what, const char *file, unsigned line)
{
    char msg[2048];
    bool has = !part || (err && strstr(err->msg, part));

    (void)snprintf(msg, sizeof(msg), "%.200s gives %lld '%s', want %lld with '%s'", what, r,
                   err ? err->msg : "", want, part ? part : "");
    report(r == want && has, msg, file, line);
}

struct cmn_buf t_unhex(const char *hex)
{
    struct cmn_buf out = {0};
    auto_buf struct cmn_buf digits = {0};

    for (; *hex; hex++)
        if (!isspace((unsigned char)*hex))
            T_OK(cmn_buf_put(&digits, hex, 1), NULL);
    T_OK(cmn_unhex((const char *)digits.data, digits.len, &out, NULL), NULL);
    return out;
}

const char *t_shared(const char *name)
{
    static char path[4096];
    const char *root = getenv("COCOBOX_SHARED");

    (void)snprintf(path, sizeof(path), "%s/%s", root ? root : COCOBOX_SOURCE_ROOT "/../shared",
                   name);
    if (access(path, R_OK) == 0)
        return path;
    (void)printf("SKIP: %s is not there (reference data lies beside the source tree)\n", name);
    return NULL;
}

void t_skip_all(const char *reason)
{
    (void)printf("SKIP: %s\n", reason);
    skipped = true;
}

const char *t_tmpdir(void)
{
    if (!*tmpdir) {
        (void)snprintf(tmpdir, sizeof(tmpdir), "/tmp/cocobox-test-XXXXXX");
        if (!mkdtemp(tmpdir)) {
            perror("mkdtemp");
            exit(1);
        }
    }
    return tmpdir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int t_main(const char *suite, const struct t_case *cases, size_t n, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite s = CU_add_suite(suite, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        if (!s || !CU_add_test(s, cases[i].name, cases[i].run))
            return 1;
    CU_basic_set_mode(CU_BRM_VERBOSE);
    (void)CU_basic_run_tests();
    /* CU_basic_run_tests() returns 0 even when assertions fail */
    bool failed = CU_get_number_of_failures() > 0 || CU_get_number_of_suites_failed() > 0 ||
                  CU_get_number_of_tests_run() == 0;
    CU_cleanup_registry();
    if (*tmpdir)
        (void)nftw(tmpdir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return failed ? 1 : skipped ? 77 : 0;
}
