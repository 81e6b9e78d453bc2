/* gzip.h - packs bytes for tests. */
#ifndef SIM_TEST_GZIP_H
#define SIM_TEST_GZIP_H

#include "common/buf/buf.h"

/* One gzip member. Caller: cmn_buf_done. */
struct cmn_buf fx_gzip(const void *data, size_t len);

#endif
