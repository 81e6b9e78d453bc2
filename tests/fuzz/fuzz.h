/*
 * fuzz.h - what every fuzz target uses. A target is one function over outside bytes: short,
 * deterministic, no clock, no network. With any compiler replay.c feeds it the corpus; with clang
 * libFuzzer does the rest (scripts/fuzz).
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "common/buf/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input: a bug of ours if it does not. */
#define FUZZ_CHECK(x)                                                                              \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #x);           \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Takes one line (without its break) off the input, as a malloc'ed C string; the rest stays. */
static inline char *fuzz_line(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
    size_t n = end ? (size_t)(end - *data) : *size;
    char *line = malloc(n + 1);

    FUZZ_CHECK(line != NULL);
    if (n)
        memcpy(line, *data, n);
    line[n] = 0;
    *size -= end ? n + 1 : n;
    *data += end ? n + 1 : n;
    return line;
}

#endif
