/* spec.h - the OCI runtime spec a CRI hands down for a container, as the agent's message. */
#ifndef SIM_ADAPTOR_SPEC_H
#define SIM_ADAPTOR_SPEC_H

#include "common/ttrpc/proto/agent.pb-c.h"
#include "sim/adaptor/adaptor.h"

/*
 * Packs a CreateContainerRequest: spec, and the image_guest_pull storage that makes the guest pull.
 * Appends to ret. -ENOMEM.
 */
int sim_container_request_pack(const struct sim_pod *pod, const struct sim_container *container,
                               const struct sim_process *process, const char *sandbox_id,
                               const char *container_id, struct cmn_buf *ret) CMN_MUST_USE;

#endif
