/*
 * backend.h - the seam between a run and the machine its guest lives in.
 *
 *     const struct sim_backend *b = sim_backend_find("process");
 *     struct sim_machine *m = NULL;
 *     r = b->start(b, sup, &config, &m, &err);
 *     int fd = sim_machine_take_listener(m, "kbs");   // serve the guest on it
 *     ... m->agent_fd, m->console_fd ...
 *     r = sim_machine_stop(m, 1000, &status, &err);
 *     sim_machine_free(m);
 *
 * Ownership: everything in sim_machine_config is borrowed for the call; a machine owns its fds.
 */
#ifndef SIM_BACKEND_H
#define SIM_BACKEND_H

#include "common/buf/buf.h"
#include "common/proc/supervisor.h"

#include <stdbool.h>

struct sim_listener { /* a socket inside the guest, handed out listening */
    const char *name;
    const char *ip; /* IPv4; one beyond 127/8 is added to the guest's lo */
    uint16_t port;
    const char *unix_path; /* instead of ip and port: absolute, in the guest */
};

struct sim_host { /* a line of the guest's /etc/hosts */
    const char *ip;
    const char *name;
};

struct sim_vm_config {     /* of backends "vm" and "snp" */
    const char *image_dir; /* vmlinuz and initramfs; must be one of the supervisor's paths */
    const char *emulator;  /* absolute path of QEMU */
    const char *cmdline;   /* of the kernel, whole */
    uint64_t memory_bytes;
    unsigned vcpus;
    bool kvm;                  /* it is known to work */
    bool shell;                /* the guest gets a console with a shell at SIM_VM_SHELL_SOCKET */
    const char *snp_firmware;  /* NULL: no SEV-SNP; else an AmdSev OVMF */
    const char *snp_host_data; /* base64 of 32 bytes */
    uint64_t snp_policy;
    const char *caps_file; /* where libvirt's knowledge of the emulator is kept between runs */
};

#define SIM_VM_SHELL_SOCKET "/tmp/shell.sock" /* in the mount namespace of cocobox-vm */

#define SIM_LISTENERS_MAX 16
#define SIM_HOSTS_MAX     64

struct sim_machine_config {
    const char *hostname;           /* of the guest; NULL: podvm */
    struct cmn_bytes initdata;      /* base64(gzip(TOML)) for /run/peerpod/initdata; may be empty */
    struct cmn_bytes initdata_toml; /* the same as text, for /run/peerpod/initdata.toml */
    const char *seed; /* 64 hex digits for COCOBOX_SEED of the guest's programs, or NULL */
    const struct sim_host *hosts;
    size_t n_hosts;
    const struct sim_listener *listeners;
    size_t n_listeners;
    const char *guest_bin_dir;      /* must be one of the supervisor's paths */
    const char *const *env;         /* "NAME=value" for all programs; NULL-terminated or NULL */
    const struct sim_vm_config *vm; /* NULL: none is wanted */
    unsigned start_timeout_ms;      /* until the listeners are there; 0: 10000 */
};

struct sim_machine {
    const struct sim_backend *backend;
    struct cmn_process *process;
    int agent_fd;        /* connected stream to the agent; -1 when taken */
    int console_fd;      /* lines "actor: text" or "actor: \x1e{json}"; ends with the machine */
    char accelerator[8]; /* of a virtual machine: "kvm" or "tcg"; else "" */
    size_t n_listeners;
    struct {
        char name[64];
        int fd; /* -1 when taken */
    } listeners[SIM_LISTENERS_MAX];
};

struct sim_backend {
    const char *name;
    /* Returns once the listeners exist; the guest's init is booting then. */
    int (*start)(const struct sim_backend *backend, struct cmn_supervisor *sup,
                 const struct sim_machine_config *config, struct sim_machine **ret,
                 struct cmn_err *err);
    /* Power off; *ret_status (may be NULL) as from waitpid. After timeout_ms it is killed. */
    int (*stop)(struct sim_machine *machine, unsigned timeout_ms, int *ret_status,
                struct cmn_err *err);
};

/* "process", "vm" or "snp"; NULL if there is no such backend. */
const struct sim_backend *sim_backend_find(const char *name);

/* The fd of a listener, now the caller's; -1 if there is none of this name (any more). */
int sim_machine_take_listener(struct sim_machine *m, const char *name);
/* Readable once the machine has ended. */
int sim_machine_fd(const struct sim_machine *m);
int sim_machine_stop(struct sim_machine *m, unsigned timeout_ms, int *ret_status,
                     struct cmn_err *err);
void sim_machine_free(struct sim_machine *m); /* kills it if it still runs; NULL ok */

#endif
