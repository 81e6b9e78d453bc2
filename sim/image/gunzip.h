/* gunzip.h - one gzip stream in memory, with a limit. */
#ifndef SIM_GUNZIP_H
#define SIM_GUNZIP_H

#include "common/buf/buf.h"

/* Appends to ret. -EINVAL: not gzip, or broken; -EFBIG: more than max bytes; -ENOMEM. */
int sim_gunzip(struct cmn_bytes data, size_t max, struct cmn_buf *ret,
               struct cmn_err *err) CMN_MUST_USE;

#endif
