/* ttrpc-internal.h - reading and writing whole frames, shared by client and server. */
#ifndef CMN_TTRPC_INTERNAL_H
#define CMN_TTRPC_INTERNAL_H

#include "common/ttrpc/ttrpc.h"

/*
 * Reads one frame. Data above CMN_TTRPC_MAX_DATA is read and dropped: -EMSGSIZE, *ret tells the
 * stream. -ECONNRESET: end of stream or an error of the socket.
 */
int cmn_ttrpc_read_frame(int fd, struct cmn_ttrpc_frame *ret, struct cmn_buf *data) CMN_MUST_USE;
/* Header and data in one go, without SIGPIPE. The caller serialises. -EMSGSIZE, -ECONNRESET. */
int cmn_ttrpc_write_frame(int fd, uint32_t stream, enum cmn_ttrpc_type type,
                          struct cmn_bytes data) CMN_MUST_USE;
/* Skips an optional "unix://". */
const char *cmn_ttrpc_path(const char *address);

#endif
