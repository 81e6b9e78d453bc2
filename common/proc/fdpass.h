/*
 * fdpass.h - one message with file descriptors over a unix socket. libc only: small programs link
 * just this file.
 */
#ifndef CMN_FDPASS_H
#define CMN_FDPASS_H

#include <stddef.h>
#include <sys/types.h>

#define CMN_FDPASS_MAX 64 /* fds of one message */

/* Sends all of it as one message (restarts on EINTR, never raises SIGPIPE). 0 or -errno. */
int cmn_fdpass_send(int sock, const void *data, size_t len, const int *fds, size_t n_fds);

/*
 * Receives one message: returns its length, 0 at the end, -errno; -EMSGSIZE when it or its fds do
 * not fit (nothing is kept then). *ret_n fds, close-on-exec, are the caller's.
 */
ssize_t cmn_fdpass_recv(int sock, void *data, size_t cap, int *fds, size_t cap_fds, size_t *ret_n);

#endif
