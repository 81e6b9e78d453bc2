/*
 * scan.h - finds many words in a text at once (Aho-Corasick over folded bytes).
 *
 * Folding, of words and text alike: lower case; '_', '-', tab and runs of blanks become one blank;
 * quotes, backticks and backslashes are dropped; bytes beyond ASCII become '?'.
 *
 *     struct sim_scan *s = sim_scan_new();
 *     int word = sim_scan_add(s, "report data");      // number of the word, or -errno
 *     r = sim_scan_build(s);
 *     sim_scan_run(s, text, len, hit, ctx);            // hit(ctx, word, offset of its last byte)
 */
#ifndef SIM_WHY_SCAN_H
#define SIM_WHY_SCAN_H

#include "common/buf/buf.h"

struct sim_scan;

struct sim_scan *sim_scan_new(void); /* NULL: no memory */
void sim_scan_free(struct sim_scan *scan);
/* The same word twice has the same number. -EINVAL: folds to nothing; -E2BIG; -ENOMEM. */
int sim_scan_add(struct sim_scan *scan, const char *word, size_t len) CMN_MUST_USE;
int sim_scan_build(struct sim_scan *scan) CMN_MUST_USE;
void sim_scan_run(const struct sim_scan *scan, const uint8_t *text, size_t len,
                  void (*hit)(void *ctx, unsigned word, size_t offset), void *ctx);

#endif
