/*
 * agent.h - the stand-in for kata-agent: grpc.AgentService and grpc.Health over ttrpc, containers
 * by crun. Source of names and texts: kata-containers 7c6ba40 src/agent.
 */
#ifndef SIM_GUEST_AGENT_H
#define SIM_GUEST_AGENT_H

#include "common/json/json.h"
#include "common/ttrpc/proto/agent.pb-c.h"
#include "common/ttrpc/ttrpc.h"

#include <pthread.h>
#include <sys/types.h>

#define AGENT_BUNDLES         "/run/kata-containers"
#define AGENT_PULL_TIMEOUT_MS 1200000 /* agent.image_pull_timeout */
#define AGENT_MAX_CONTAINERS  64
#define AGENT_MAX_READ        (1u << 20)

enum agent_state { AGENT_CREATING, AGENT_CREATED, AGENT_RUNNING, AGENT_EXITED };

struct agent_container {
    struct agent_container *next;
    unsigned refs; /* under the agent's lock, as all that follows */
    enum agent_state state;
    char *id;
    char *bundle;       /* <bundles>/<id> */
    int out_fd, err_fd; /* read ends of the container's pipes, -1 before its start */
    pid_t crun_pid;
    pid_t first_pid; /* of the container, -1 until crun told it */
    int exit_code;
};

struct agent {
    const char *bundles; /* AGENT_BUNDLES */
    const char *cdh_address;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct agent_container *containers;
    unsigned n_containers;
};

void agent_init(struct agent *agent, const char *bundles, const char *cdh_address);

/* ---- container.c ---- */

/* kata's verify_id: letters, digits, '-', '_', '.', beginning with a letter or digit; at most 128.
 */
bool agent_id_valid(const char *id);
/* A new entry in state CREATING with a reference for the caller. -EEXIST, -EINVAL, -ENOSPC. */
int agent_container_add(struct agent *agent, const char *id, struct agent_container **ret,
                        struct cmn_err *err) CMN_MUST_USE;
/* With a reference, or NULL. */
struct agent_container *agent_container_get(struct agent *agent, const char *id);
void agent_container_put(struct agent *agent, struct agent_container *c);
/* Ready to start. */
void agent_container_created(struct agent *agent, struct agent_container *c);
/*
 * crun run: returns when the container's process runs (or ran). -ENOEXEC with crun's own text when
 * crun could not start it (reason container.start-failed).
 */
int agent_container_start(struct agent *agent, struct agent_container *c,
                          struct cmn_err *err) CMN_MUST_USE;
/* Waits for its end; -ESRCH if it never ran. */
int agent_container_wait(struct agent *agent, struct agent_container *c, int *ret_code,
                         struct cmn_err *err) CMN_MUST_USE;
int agent_container_signal(struct agent *agent, struct agent_container *c, int sig,
                           struct cmn_err *err) CMN_MUST_USE;
/* Kills it if it runs, waits at most timeout_ms, unmounts its root, takes it off the list. */
int agent_container_remove(struct agent *agent, struct agent_container *c, unsigned timeout_ms,
                           struct cmn_err *err) CMN_MUST_USE;
void agent_container_remove_all(struct agent *agent);

/* ---- crun.c ---- */

/* Starts crun for c; its stdout and stderr go to pipes. *ret_pid is not yet reaped. */
int agent_crun_spawn(const struct agent_container *c, pid_t *ret_pid, int *ret_out, int *ret_err,
                     struct cmn_err *err) CMN_MUST_USE;
/*
 * Waits until crun told the pid of the container's first process (*ret_first, else -1) or ended.
 * pid_fd is what agent_crun_pid_fifo gave. -ETIMEDOUT.
 */
int agent_crun_await(const struct agent_container *c, int pid_fd, pid_t crun, pid_t *ret_first,
                     struct cmn_err *err) CMN_MUST_USE;
/* Makes crun's pid file as a FIFO, before the spawn, and returns its reading end. */
int agent_crun_pid_fifo(const struct agent_container *c, struct cmn_err *err) CMN_MUST_USE;
/* The text of the last error crun logged; false if there is none. */
bool agent_crun_error(const struct agent_container *c, char *out, size_t size);
/* ---- oci.c ---- */

/* Which ids this user namespace has; tests give their own map texts (of /proc/self/uid_map's form).
 */
bool agent_id_mapped(const char *map, unsigned id);
/*
 * config.json for crun from the host's Spec. image (may be NULL) is the config.json that came with
 * the image: it fills in what the Spec leaves out. Caller owns *ret. -EINVAL: a text that is not
 * UTF-8, no args.
 */
int agent_oci_config(const Grpc__Spec *spec, const json_t *image, const char *rootfs,
                     const char *uid_map, const char *gid_map, json_t **ret,
                     struct cmn_err *err) CMN_MUST_USE;

/* ---- service.c ---- */

extern const struct cmn_ttrpc_method agent_methods[]; /* ctx: struct agent */
extern const size_t agent_n_methods;

#endif
