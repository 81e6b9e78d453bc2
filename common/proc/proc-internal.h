/* proc-internal.h - what owner and init of the supervisor say to each other. */
#ifndef CMN_PROC_INTERNAL_H
#define CMN_PROC_INTERNAL_H

#include "common/proc/supervisor.h"

enum sup_op { SUP_GO = 1, SUP_SPAWN, SUP_KILL };

#define SUP_CHILDREN_MAX 256
#define SUP_NONE         UINT32_MAX

/* One SEQPACKET message: this header, then text[] (argv, envp, cwd; each with its NUL). */
struct sup_request {
    uint32_t op;
    uint32_t id;    /* SUP_KILL: whom */
    int32_t signal; /* SUP_KILL */
    uint32_t multi; /* SUP_GO: more than one id is mapped, so groups can be set */
    uint32_t n_argv;
    uint32_t n_env;
    uint32_t n_fds; /* passed beside: stdin, stdout, stderr, then what becomes 3, 4, ... */
    uint32_t n_paths;
    uint32_t path[CMN_SUPERVISOR_PATHS_MAX];
    uint32_t exe_path; /* or SUP_NONE */
    uint32_t unshare_flags;
    uint32_t text_len;
};

struct sup_reply { /* SUP_SPAWN: with the socket that gets the exit status */
    int32_t r;     /* 0 or -errno */
    uint32_t id;
    char step[64]; /* what failed */
};

/* The init's life: never returns. ctl is its end of the socket. */
void cmn_sup_init_main(int ctl, const char *const *paths) __attribute__((noreturn));
/* Runs one request in a forked child; returns its pid or -errno with step filled. fds are borrowed.
 */
pid_t cmn_sup_init_exec(const struct sup_request *req, char *text, const int *fds,
                        const int *path_fds, char step[static 64]);

/* ---- id maps (idmap.c) ---- */

struct cmn_idmap {
    enum cmn_id_mode mode;
    uint32_t count; /* ids mapped from 0 on */
};

/* Writes the maps of pid's fresh user namespace; tries the modes that `want` allows, best first. */
int cmn_idmap_write(pid_t pid, enum cmn_id_mode want, struct cmn_idmap *ret,
                    struct cmn_err *err) CMN_MUST_USE;
/* First range of this user in an /etc/subuid-like file. -ENOENT. */
int cmn_subid_find(const char *file, const char *user, uid_t uid, uint32_t *ret_first,
                   uint32_t *ret_count) CMN_MUST_USE;

#endif
