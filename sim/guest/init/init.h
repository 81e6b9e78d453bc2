/*
 * init.h - cocobox-init, pid 1 of a guest: stands for the systemd of a peer-pod image.
 *
 *     cocobox-init [--agent-fd N]
 *
 * Runs process-user-data, then starts, each when the file it waits for is there, as upstream's path
 * units do: attestation-agent (/run/peerpod/aa.toml), confidential-data-hub (the AA's socket),
 * kata-agent and api-server-rest (the CDH's socket). Waiting is inotify, never a timer. What the
 * parts print goes to stderr as "part: line". A part that ends tells guest.crashed and powers the
 * guest off, except kata-agent with status 0: that is the orderly end. SIGTERM powers off. libc
 * only.
 */
#ifndef SIM_GUEST_INIT_H
#define SIM_GUEST_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define INIT_LINE_MAX (8u << 10) /* a longer line is cut here, the rest dropped */

struct lines { /* splits a stream into lines */
    char buf[INIT_LINE_MAX];
    size_t len;
    bool skipping; /* the line was longer */
};

struct part {
    const char *name;
    char *argv[12];
    const char *waits_for; /* starts when this path exists */
    pid_t pid;             /* 0: not started, -1: has ended */
    int out;               /* its stdout and stderr; -1 when closed */
    bool oneshot;
    struct lines lines;
};

/* Starts the part; keep_fd (or -1) stays open in it. 0 or -errno. */
int init_part_start(struct part *p, int keep_fd);
/* Forwards what the part printed, as far as it can be read now; closes `out` at the end. */
void init_part_drain(struct part *p);

/* One console line "who: text"; control characters are the reader's business. */
void init_console(const char *who, const char *text, size_t len);
void init_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* guest.crashed (or another code of the table) as an event line; detail may be NULL. */
void init_event_ended(const struct part *p, int wait_status);
void init_event_waiting(const struct part *p);

#endif
