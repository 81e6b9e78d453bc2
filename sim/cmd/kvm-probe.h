/* kvm-probe.h - does KVM really run a guest here? Opening /dev/kvm says little. */
#ifndef SIM_KVM_PROBE_H
#define SIM_KVM_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A child runs a guest of one instruction (hlt) and is given up after timeout_ms. found (of size
 * cap) says what happened.
 */
bool sim_kvm_works(unsigned timeout_ms, char *found, size_t cap);

/*
 * The same with QEMU, which asks more of KVM (here and there a nested KVM runs the one instruction
 * and makes QEMU abort): a boot sector that ends the machine. emulator: absolute path.
 */
bool sim_kvm_works_in_qemu(const char *emulator, unsigned timeout_ms, char *found, size_t cap);

#endif
