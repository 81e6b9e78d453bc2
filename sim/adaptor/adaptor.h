/*
 * adaptor.h - what the Kata shim and the cloud-api-adaptor do on a worker: initdata for the guest,
 * and the agent's calls in upstream's order over one ttrpc stream.
 *
 *     struct sim_adaptor *a = NULL;
 *     r = sim_adaptor_new(&(struct sim_adaptor_opts){.agent_fd = fd, .pod = pod, .timeout_ms =
 * 60000}, &a, &err); r = sim_adaptor_check(a, &err);                                   //
 * Health/Check r = sim_adaptor_create_sandbox(a, &err); r = sim_adaptor_create_container(a, 0,
 * image_config, &err);       // the guest pulls the image now r = sim_adaptor_start_container(a, 0,
 * &err); r = sim_adaptor_wait(a, 0, &exit_code, &err);                     // stdout and stderr to
 * opts.output r = sim_adaptor_remove_container(a, 0, &err); r = sim_adaptor_destroy_sandbox(a,
 * &err); sim_adaptor_free(a);
 *
 * Sources: kata-containers 7c6ba40 virtcontainers/kata_agent.go, sandbox.go; containerd's CRI
 * plugin for how pod and image config are merged.
 */
#ifndef SIM_ADAPTOR_H
#define SIM_ADAPTOR_H

#include "common/json/json.h"
#include "sim/scenario/plan.h"

/* ---- initdata ---- */

struct sim_initdata {
    struct cmn_buf toml;    /* what is hashed */
    struct cmn_buf encoded; /* base64(gzip(toml)): the annotation, /run/peerpod/initdata */
    uint8_t host_data[32];  /* the digest, cut or padded to HOST_DATA */
};

struct sim_initdata_opts {
    const char *kbs_url;                    /* "http://kbs.local:8080" */
    const char *const *insecure_registries; /* hosts to reach by plain HTTP */
    size_t n_insecure_registries;
    const char *tee_key_algorithm; /* of aa.toml; NULL: not said, the agent's default */
    bool attest_eager; /* the data hub fetches SIM_EAGER_RESOURCE when it starts, which attests */
};

#define SIM_EAGER_RESOURCE "default/attest/eager"

/* aa.toml and cdh.toml as a user of peer pods writes them. Free with sim_initdata_done. */
int sim_initdata_build(struct cmn_env *env, const struct sim_initdata_opts *opts,
                       struct sim_initdata *ret, struct cmn_err *err) CMN_MUST_USE;
/*
 * From a pod's annotation (line breaks allowed, as in Go's base64); `encoded` is made anew, as the
 * cloud-api-adaptor does. -EINVAL, reason initdata.invalid.
 */
int sim_initdata_decode(struct cmn_env *env, const char *annotation, struct sim_initdata *ret,
                        struct cmn_err *err) CMN_MUST_USE;
void sim_initdata_done(struct sim_initdata *initdata);

/* ---- pod and image config become a process ---- */

struct sim_process {
    struct sim_strings args;
    struct sim_strings env; /* NAME=value */
    char *cwd;
    uint32_t uid, gid;
};

/*
 * As kubelet and CRI do it: command and args over Entrypoint and Cmd; env over the image's Env over
 * HOSTNAME and a default PATH; $(VAR) expanded with the pod's variables only; runAsUser over User
 * (which must be numeric: the guest's passwd is not known here). image_config: the OCI config.
 */
int sim_process_merge(const struct sim_pod *pod, const struct sim_container *container,
                      const json_t *image_config, struct sim_process *ret,
                      struct cmn_err *err) CMN_MUST_USE;
void sim_process_done(struct sim_process *process);

/* ---- the agent ---- */

enum sim_stream { SIM_STDOUT, SIM_STDERR };

struct sim_adaptor_opts {
    int agent_fd;              /* adopted, also on failure */
    const struct sim_pod *pod; /* borrowed */
    const char *sandbox_id;    /* 64 hex digits */
    unsigned boot_timeout_ms;  /* for the agent to answer its first call */
    unsigned timeout_ms;       /* of every other call that does not wait for the workload */
    unsigned pull_timeout_ms;  /* of CreateContainer */
    /* The workload's output, from two threads at once. */
    void (*output)(void *ctx, size_t container, enum sim_stream stream, struct cmn_bytes bytes);
    void *ctx;
};

struct sim_adaptor;

/* Every failure below has a reason: agent.protocol, agent.refused, guest.timeout,
 * image.pull-failed, ... */
int sim_adaptor_new(const struct sim_adaptor_opts *opts, struct sim_adaptor **ret,
                    struct cmn_err *err) CMN_MUST_USE;
int sim_adaptor_check(struct sim_adaptor *a, struct cmn_err *err) CMN_MUST_USE;
int sim_adaptor_create_sandbox(struct sim_adaptor *a, struct cmn_err *err) CMN_MUST_USE;
int sim_adaptor_create_container(struct sim_adaptor *a, size_t i, const json_t *image_config,
                                 struct cmn_err *err) CMN_MUST_USE;
int sim_adaptor_start_container(struct sim_adaptor *a, size_t i, struct cmn_err *err) CMN_MUST_USE;
int sim_adaptor_wait(struct sim_adaptor *a, size_t i, int *ret_exit,
                     struct cmn_err *err) CMN_MUST_USE;
int sim_adaptor_remove_container(struct sim_adaptor *a, size_t i, struct cmn_err *err) CMN_MUST_USE;
int sim_adaptor_destroy_sandbox(struct sim_adaptor *a, struct cmn_err *err) CMN_MUST_USE;
void sim_adaptor_free(struct sim_adaptor *a); /* NULL ok */

#endif
