/*
 * vm.h - cocobox-vm-init, pid 1 of a guest in a virtual machine.
 *
 * It plays firmware, kernel and cloud-init for cocobox-init: mounts, modules, the TEE's devices,
 * the configuration that comes over the port cocobox.mux, lo, the sockets at which the host serves
 * the guest, then cocobox-init as a child, and power off when that has ended. libc only.
 */
#ifndef SIM_GUEST_VM_H
#define SIM_GUEST_VM_H

#include "sim/backend/machine/machine.h"

#include <stdbool.h>

#define VM_MODULES "/lib/modules/cocobox" /* made by scripts/build-guest-image */
#define VM_SNP_DIR "/sys/devices/platform/sev-guest"

/* A line on stderr, or on the kernel's console before stderr is a port. */
void vm_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void vm_power_off(void) __attribute__((noreturn));

/* early.c: /proc, /sys, /dev and a root that programs can pivot away from. */
void vm_mount_all(void);
/* Loads what VM_MODULES/<list> names, a path a line, in that order. Returns the first failure as
 * -errno, 0; a list that is not there is empty. */
int vm_modules_load(const char *list);

/* port.c: the virtio-serial port of this name; waits for the kernel to find it. */
int vm_port_open(const char *name, int flags);

/* tee.c: the devices of a SNP guest. On a processor that is none: the software fronts, over the
 * PSP's socket, if there is one. */
void vm_tee_start(bool has_psp);

#endif
