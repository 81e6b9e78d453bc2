/*
 * testlib.h - CUnit with values in its messages, and one main for every test program.
 *
 *     static void short_report_is_refused(void)
 *     {
 *         struct cmn_err err = {0};
 *         T_ERR(snp_report_decode(bytes, 12, &report, &err), -EBADMSG, &err, "12 bytes");
 *     }
 *     TEST_MAIN("snp-report", {"short report is refused", short_report_is_refused}, ...)
 *
 * The program ends with 0 when all passed, 1 when any failed or none ran, 77 when it called
 * t_skip_all(). Needs data outside the tree? t_shared("samples/snp/...") or skip with the reason.
 */
#ifndef TESTLIB_H
#define TESTLIB_H

#include "common/buf/buf.h"
#include "common/err/err.h"

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdint.h>

struct t_case {
    const char *name;
    void (*run)(void);
};

int t_main(const char *suite, const struct t_case *cases, size_t n, int argc, char **argv);
#define TEST_MAIN(suite, ...)                                                                      \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const struct t_case cases_[] = {__VA_ARGS__};                                       \
        return t_main(suite, cases_, sizeof(cases_) / sizeof(cases_[0]), argc, argv);              \
    }

void t_true(bool ok, const char *what, const char *file, unsigned line);
void t_eq_int(long long got, long long want, const char *what, const char *file, unsigned line);
void t_eq_str(const char *got, const char *want, const char *what, const char *file, unsigned line);
void t_eq_mem(const void *got, const void *want, size_t len, const char *what, const char *file,
              unsigned line);
void t_ok(long long r, const struct cmn_err *err, const char *what, const char *file,
          unsigned line);
void t_err(long long r, long long want, const struct cmn_err *err, const char *part,
           const char *what, const char *file, unsigned line);

#define T_TRUE(x)              t_true((x), #x, __FILE__, __LINE__)
#define T_EQ_INT(got, want)    t_eq_int((long long)(got), (long long)(want), #got, __FILE__, __LINE__)
#define T_EQ_STR(got, want)    t_eq_str((got), (want), #got, __FILE__, __LINE__)
#define T_EQ_MEM(got, want, n) t_eq_mem((got), (want), (n), #got, __FILE__, __LINE__)
#define T_OK(call, err)        t_ok((call), (err), #call, __FILE__, __LINE__)
/* The call fails with `want` and a message that holds `part` (NULL: any message). */
#define T_ERR(call, want, err, part) t_err((call), (want), (err), (part), #call, __FILE__, __LINE__)

/* Hex text (blanks allowed) to bytes; the test fails if it is none. Caller: cmn_buf_done. */
struct cmn_buf t_unhex(const char *hex);

/*
 * Path of a file of the shared reference data (COCOBOX_SHARED, else ../shared beside the source
 * tree), in a static buffer; NULL when it is not there, after printing "SKIP: ...".
 */
const char *t_shared(const char *name);
/* Marks the program as skipped with its reason (exit 77), if nothing failed. */
void t_skip_all(const char *reason);
/* A fresh folder, removed with all in it when the program ends. */
const char *t_tmpdir(void);

#endif
