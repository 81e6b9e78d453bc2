/* backend.c - what all backends share; see backend.h. */
#include "sim/backend/backend.h"

#include "sim/backend/backend-internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct sim_backend *sim_backend_find(const char *name)
{
    static const struct sim_backend *const all[] = {&sim_backend_process, &sim_backend_vm,
                                                    &sim_backend_snp};

    for (size_t i = 0; name && i < CMN_ARRAY_SIZE(all); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}

int sim_machine_take_listener(struct sim_machine *m, const char *name)
{
    for (size_t i = 0; i < m->n_listeners; i++)
        if (m->listeners[i].fd >= 0 && strcmp(m->listeners[i].name, name) == 0) {
            int fd = m->listeners[i].fd;
            m->listeners[i].fd = -1;
            return fd;
        }
    return -1;
}

int sim_machine_fd(const struct sim_machine *m)
{
    return cmn_process_fd(m->process);
}

int sim_machine_stop(struct sim_machine *m, unsigned timeout_ms, int *ret_status,
                     struct cmn_err *err)
{
    return m->backend->stop(m, timeout_ms, ret_status, err);
}

void sim_machine_free(struct sim_machine *m)
{
    if (!m)
        return;
    if (m->process) {
        struct cmn_err err = {0};
        /* a failure leaves it to the supervisor, which ends everything when it is stopped */
        CMN_IGNORE(m->backend->stop(m, 0, NULL, &err));
        cmn_process_free(m->process);
    }
    cmn_auto_close(&m->agent_fd);
    cmn_auto_close(&m->console_fd);
    for (size_t i = 0; i < m->n_listeners; i++)
        cmn_auto_close(&m->listeners[i].fd);
    free(m);
}
