/* bus.c - one order for everything that happens; see event.h. */
#include "sim/event/event.h"

#include <pthread.h>
#include <stdlib.h>

enum { MAX_SUBSCRIBERS = 8 };

struct sim_bus {
    pthread_mutex_t lock;
    struct cmn_env *env;
    uint64_t start_us;
    uint64_t seq;
    struct {
        sim_bus_subscriber *call;
        void *ctx;
    } subscribers[MAX_SUBSCRIBERS];
    size_t n_subscribers;
};

int sim_bus_new(struct cmn_env *env, struct sim_bus **ret, struct cmn_err *err)
{
    struct sim_bus *bus = calloc(1, sizeof(*bus));

    if (!bus)
        return cmn_err_set(err, ENOMEM, "no memory");
    (void)pthread_mutex_init(&bus->lock, NULL);
    bus->env = cmn_env_ref(env);
    bus->start_us = cmn_env_mono_us(env);
    *ret = bus;
    return 0;
}

void sim_bus_free(struct sim_bus *bus)
{
    if (!bus)
        return;
    (void)pthread_mutex_destroy(&bus->lock);
    cmn_env_unref(bus->env);
    free(bus);
}

int sim_bus_subscribe(struct sim_bus *bus, sim_bus_subscriber *call, void *ctx)
{
    if (bus->n_subscribers == MAX_SUBSCRIBERS)
        return -ENOSPC;
    bus->subscribers[bus->n_subscribers].call = call;
    bus->subscribers[bus->n_subscribers++].ctx = ctx;
    return 0;
}

void sim_bus_emit(struct sim_bus *bus, const struct sim_event *event)
{
    struct sim_event e = *event;

    (void)pthread_mutex_lock(&bus->lock);
    e.seq = ++bus->seq;
    e.t_ms = (cmn_env_mono_us(bus->env) - bus->start_us) / 1000;
    for (size_t i = 0; i < bus->n_subscribers; i++)
        bus->subscribers[i].call(bus->subscribers[i].ctx, &e);
    (void)pthread_mutex_unlock(&bus->lock);
}
