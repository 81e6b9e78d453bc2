/* fdpass.c - SCM_RIGHTS; see fdpass.h. */
#include "common/proc/fdpass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * CMN_FDPASS_MAX)];
};

int cmn_fdpass_send(int sock, const void *data, size_t len, const int *fds, size_t n_fds)
{
    union control control = {0};
    struct iovec iov = {(void *)data, len}; /* sendmsg does not write */
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (n_fds > CMN_FDPASS_MAX)
        return -EINVAL;
    if (n_fds) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    do
        n = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return (size_t)n == len ? 0 : -EMSGSIZE;
}

static size_t collect(struct msghdr *msg, int *fds, size_t cap, int *ret_over)
{
    size_t n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t k = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < k; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
            if (n < cap) {
                fds[n++] = fd;
            } else {
                (void)close(fd);
                *ret_over = 1;
            }
        }
    }
    return n;
}

ssize_t cmn_fdpass_recv(int sock, void *data, size_t cap, int *fds, size_t cap_fds, size_t *ret_n)
{
    union control control = {0};
    struct iovec iov = {data, cap};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    int over = 0;
    ssize_t n;

    do
        n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    size_t got = collect(&msg, fds, cap_fds, &over);
    if (over || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        while (got)
            (void)close(fds[--got]);
        return -EMSGSIZE;
    }
    *ret_n = got;
    return n;
}
