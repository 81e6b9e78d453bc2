/*
 * vm.h - cocobox-vm: the hypervisor of one guest: libvirt's QEMU driver, the guest's ports, and
 * nothing else.
 *
 * Started by the supervisor as its root, with fds: 3 answers (SEQPACKET), 4 the guest's
 * configuration (records of machine.h, passed on as they are), 5 the agent's stream, 6 libvirt's
 * knowledge of QEMU from an earlier start (read, and written anew when it has changed), 7 the
 * folder of kernel and initramfs. Options say what the machine is like. Its console is stdout.
 *
 * libvirt runs inside this process (qemu:///embed), as an ordinary user of a further user
 * namespace: as root it would change users, owners and cgroups. All it writes is on a tmpfs of this
 * mount namespace, so that nothing is left when it is killed.
 */
#ifndef SIM_VM_H
#define SIM_VM_H

#include "common/buf/buf.h"
#include "sim/backend/backend.h"
#include "sim/backend/machine/machine.h"

enum { VM_ANSWER_FD = 3, VM_CONFIG_FD, VM_AGENT_FD, VM_CAPS_FD, VM_IMAGE_FD };

#define VM_DIR      "/tmp" /* our tmpfs; any folder that is there on every host */
#define VM_ROOT     VM_DIR "/libvirt"
#define VM_IMAGE    VM_DIR "/image" /* kernel and initramfs, read-only */
#define VM_SERIAL   VM_DIR "/serial.sock"
#define VM_CONSOLE  VM_DIR "/console.sock"
#define VM_MUX      VM_DIR "/mux.sock"
#define VM_SHELL    SIM_VM_SHELL_SOCKET
#define VM_EMULATOR "qemu-system-x86_64"
#define VM_CAPS_MAX (4u << 20)

struct vm_snp { /* a guest on a real SEV-SNP processor; texts may be NULL */
    uint64_t policy;
    const char
        *firmware; /* absolute path of an AmdSev OVMF, loaded as ROM: nothing of it is kept */
    const char *host_data; /* base64 of 32 bytes */
    const char *id_block;  /* base64 of 96 bytes; only with id_auth */
    const char *id_auth;   /* base64 of 4096 bytes */
};

struct vm_shape {
    const char *name;
    const char *emulator; /* absolute path */
    const char *kernel;
    const char *initrd;
    const char *cmdline;
    uint64_t memory_mib;
    unsigned vcpus;
    bool kvm;
    bool shell;               /* a second console, for cocobox shell */
    const struct vm_snp *snp; /* NULL: a plain guest */
};

/* place.c: namespaces, the tmpfs, /dev without a KVM that is not wanted; ids. */
/* *kvm becomes false when the user of this place may not open /dev/kvm. snp: /dev/sev is wanted. */
int vm_place_make(bool *kvm, bool snp, struct cmn_err *err) CMN_MUST_USE;

/* domain-xml.c: the domain as libvirt's XML, text owned by ret. -EINVAL: not sayable in XML, or
 * half an ID block. Source of the SNP form: libvirt 10.5 docs/formatdomain, launchSecurity. */
int vm_domain_xml(const struct vm_shape *shape, struct cmn_buf *ret,
                  struct cmn_err *err) CMN_MUST_USE;

/* domain.c */
struct vm_domain;
/* Defines the guest, paused: its ports can be connected. */
int vm_domain_start(const struct vm_shape *shape, struct vm_domain **ret,
                    struct cmn_err *err) CMN_MUST_USE;
int vm_domain_resume(struct vm_domain *d, struct cmn_err *err) CMN_MUST_USE;
void vm_domain_destroy(struct vm_domain *d);
/* libvirt's cache of what the emulator can: in before the start, out after it. */
int vm_caps_restore(const char *emulator, struct cmn_err *err) CMN_MUST_USE;
int vm_caps_save(const char *emulator, struct cmn_err *err) CMN_MUST_USE;

/* link.c: everything between the running guest and our fds, until one of them ends. */
struct vm_link {
    int serial, console, mux; /* connected */
    int agent;                /* stream of the agent's calls */
    struct cmn_bytes config;
    size_t n_listeners;
    int signals; /* signalfd: SIGTERM is the power button */
};

/* Returns the guest's exit status (0 to 255), or 128 when it ended without a word. */
int vm_link_run(struct vm_link *link);

void vm_socket_path(size_t listener, char *out, size_t cap); /* where the host serves listener i */

#endif
