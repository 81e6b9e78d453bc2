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

#endif
