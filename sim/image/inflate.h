/*
 * inflate.h - decompression as a stream between two readers: gzip (many members) or zstd by
 * libarchive's filters, nothing for plain tar.
 */
#ifndef SIM_INFLATE_H
#define SIM_INFLATE_H

#include "sim/image/manifest.h"
#include "sim/image/unpack.h"

struct sim_inflate;

int sim_inflate_new(enum sim_compression kind, sim_read_fn *read, void *ctx,
                    struct sim_inflate **ret, struct cmn_err *err) CMN_MUST_USE;
/* A sim_read_fn whose ctx is the inflate. */
ssize_t sim_inflate_read(void *inflate, void *buf, size_t cap, struct cmn_err *err);
void sim_inflate_free(struct sim_inflate *z); /* NULL ok */

#endif
