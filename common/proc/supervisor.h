/*
 * supervisor.h - the small init under which everything a run starts lives and dies.
 *
 * It is forked early from the single-threaded caller into a user, pid and mount namespace of its
 * own and is tied to its owner by PR_SET_PDEATHSIG and a socket: owner gone (also by kill -9), all
 * gone.
 *
 *     struct cmn_supervisor *sup = NULL;               // before any thread is started
 *     const char *paths[] = {guest_bin_dir, NULL};
 *     r = cmn_supervisor_start(&(struct cmn_supervisor_opts){.paths = paths}, &sup, &err);
 *     struct cmn_process *p = NULL;                    // later, from any thread
 *     const char *argv[] = {"/bin/true", NULL};
 *     r = cmn_supervisor_spawn(sup, &(struct cmn_spawn){.argv = argv, .stdin_fd = -1,
 *                              .stdout_fd = -1, .stderr_fd = 2}, &p, &err);
 *     r = cmn_process_wait(p, 1000, &status, &err);
 *     cmn_process_free(p);
 *     r = cmn_supervisor_stop(sup, &err);              // everything in it is gone when it returns
 * 0
 *
 * Ids: the programs run as uid 0 of the user namespace. Seen from the host that is, by mode,
 *   root    0x70000000 and up, 65536 ids (owner is root; no id that means anything on the host)
 *   subuid  the caller's own id, and the ids /etc/subuid gives it (newuidmap)
 *   single  the caller's own id, nothing else
 * A path which those ids may not reach (a checkout in a home of mode 0700) must be named at the
 * start.
 *
 * The thread that starts it must live as long as the owner: PR_SET_PDEATHSIG follows the thread.
 */
#ifndef CMN_SUPERVISOR_H
#define CMN_SUPERVISOR_H

#include "common/err/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cmn_supervisor;
struct cmn_process;

enum cmn_id_mode {
    CMN_ID_AUTO, /* the best this host gives */
    CMN_ID_ROOT,
    CMN_ID_SUBUID,
    CMN_ID_SINGLE,
};

#define CMN_SUPERVISOR_ROOT_BASE 0x70000000u /* first host id of mode root */
#define CMN_SUPERVISOR_PATHS_MAX 16
#define CMN_SPAWN_FDS_MAX        32
#define CMN_SPAWN_TEXT_MAX       (96u << 10) /* argv and envp together */

struct cmn_supervisor_opts {
    const char *const *paths; /* NULL-terminated or NULL; opened with the caller's own rights */
    enum cmn_id_mode id_mode; /* one that cannot be had is an error */
};

/*
 * opts may be NULL. -EPERM with CMN_REASON_HOST_USERNS_FORBIDDEN and the name of the sysctl if the
 * host forbids user namespaces. Free with cmn_supervisor_stop.
 */
int cmn_supervisor_start(const struct cmn_supervisor_opts *opts, struct cmn_supervisor **ret,
                         struct cmn_err *err) CMN_MUST_USE;
enum cmn_id_mode cmn_supervisor_id_mode(const struct cmn_supervisor *sup);
const char *cmn_id_mode_name(enum cmn_id_mode mode); /* "root", "subuid", "single", "auto" */
uint32_t cmn_supervisor_id_count(const struct cmn_supervisor *sup); /* ids 0.. that are mapped */
pid_t cmn_supervisor_pid(const struct cmn_supervisor *sup);         /* as the owner sees it */

/*
 * Ends all and waits until the kernel has reaped every process of the namespace; frees sup in any
 * case. -ETIMEDOUT with CMN_REASON_RUN_LEFTOVER if that takes more than ten seconds. NULL is 0.
 */
int cmn_supervisor_stop(struct cmn_supervisor *sup, struct cmn_err *err);

struct cmn_spawn {
    const char *const *argv;
    const char *const *envp; /* NULL: empty environment */
    const char *exe_dir;     /* one of opts.paths: argv[0] is a file name in it; else NULL */
    int stdin_fd, stdout_fd, stderr_fd; /* -1: /dev/null */
    const int *fds;                     /* become 3, 4, ...; stay the caller's own */
    size_t n_fds;
    const char *const *paths; /* of opts.paths, NULL-terminated or NULL: O_PATH fds after fds */
    int unshare_flags;        /* CLONE_NEW{NS,NET,IPC,UTS}: namespaces beside the supervisor's */
    const char *cwd;          /* NULL: / */
};

/* Returns when the program runs, or with the errno of its exec. Thread safe. */
int cmn_supervisor_spawn(struct cmn_supervisor *sup, const struct cmn_spawn *spawn,
                         struct cmn_process **ret, struct cmn_err *err) CMN_MUST_USE;

/* Readable (or hung up) once the process ended; for poll. Owned by the process object. */
int cmn_process_fd(const struct cmn_process *p);
/* timeout_ms < 0: for ever. *ret_status as from waitpid; may be asked again. -ETIMEDOUT. */
int cmn_process_wait(struct cmn_process *p, int timeout_ms, int *ret_status,
                     struct cmn_err *err) CMN_MUST_USE;
/* A process that has ended is left alone: 0. */
int cmn_process_kill(struct cmn_process *p, int sig, struct cmn_err *err);
/* Frees the object, not the process. NULL ok. Before cmn_supervisor_stop. */
void cmn_process_free(struct cmn_process *p);

/*
 * Why user namespaces cannot be had here, as an error: called with the errno of the call that
 * failed. Always returns -EPERM with CMN_REASON_HOST_USERNS_FORBIDDEN.
 */
int cmn_userns_explain(int cause, struct cmn_err *err);

#endif
