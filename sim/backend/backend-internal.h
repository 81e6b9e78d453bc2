/* backend-internal.h - the backends there are. */
#ifndef SIM_BACKEND_INTERNAL_H
#define SIM_BACKEND_INTERNAL_H

#include "sim/backend/backend.h"

extern const struct sim_backend sim_backend_process; /* namespaces of this host */

#endif
