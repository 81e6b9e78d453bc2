/* container.c - the agent's containers and their lives; see agent.h. */
#include "sim/guest/agent/agent.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void agent_init(struct agent *agent, const char *bundles, const char *cdh_address)
{
    pthread_condattr_t attr;

    *agent = (struct agent){.bundles = bundles, .cdh_address = cdh_address};
    (void)pthread_mutex_init(&agent->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&agent->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
}

bool agent_id_valid(const char *id)
{
    size_t len = strlen(id);

    if (len == 0 || len > 128 || !isalnum((unsigned char)id[0]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)id[i]) && !strchr("-_.", id[i]))
            return false;
    return true;
}

static struct agent_container *find(struct agent *agent, const char *id)
{
    struct agent_container *c = agent->containers;

    while (c && strcmp(c->id, id) != 0)
        c = c->next;
    return c;
}

static void destroy(struct agent_container *c)
{
    if (c->out_fd >= 0)
        (void)close(c->out_fd);
    if (c->err_fd >= 0)
        (void)close(c->err_fd);
    free(c->id);
    free(c->bundle);
    free(c);
}

static struct agent_container *container_new(struct agent *agent, const char *id)
{
    struct agent_container *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->refs = 2; /* list and caller */
    c->out_fd = c->err_fd = -1;
    c->first_pid = -1;
    c->id = strdup(id);
    if (!c->id || asprintf(&c->bundle, "%s/%s", agent->bundles, id) < 0) {
        free(c->id);
        free(c);
        return NULL;
    }
    return c;
}

int agent_container_add(struct agent *agent, const char *id, struct agent_container **ret,
                        struct cmn_err *err)
{
    struct agent_container *c = NULL;
    int r = 0;

    if (!agent_id_valid(id))
        return cmn_err_set(err, EINVAL, "invalid container ID: '%.128s'", id);
    (void)pthread_mutex_lock(&agent->lock);
    if (find(agent, id))
        r = cmn_err_set(err, EEXIST, "container '%s' already exists", id);
    else if (agent->n_containers >= AGENT_MAX_CONTAINERS)
        r = cmn_err_set(err, ENOSPC, "more than %d containers", AGENT_MAX_CONTAINERS);
    else if (!(c = container_new(agent, id)))
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r == 0) {
        c->next = agent->containers;
        agent->containers = c;
        agent->n_containers++;
        *ret = c;
    }
    (void)pthread_mutex_unlock(&agent->lock);
    return r;
}

struct agent_container *agent_container_get(struct agent *agent, const char *id)
{
    (void)pthread_mutex_lock(&agent->lock);
    struct agent_container *c = find(agent, id);
    if (c)
        c->refs++;
    (void)pthread_mutex_unlock(&agent->lock);
    return c;
}

void agent_container_put(struct agent *agent, struct agent_container *c)
{
    if (!c)
        return;
    (void)pthread_mutex_lock(&agent->lock);
    bool last = --c->refs == 0;
    (void)pthread_mutex_unlock(&agent->lock);
    if (last)
        destroy(c);
}

void agent_container_created(struct agent *agent, struct agent_container *c)
{
    (void)pthread_mutex_lock(&agent->lock);
    c->state = AGENT_CREATED;
    (void)pthread_mutex_unlock(&agent->lock);
}

struct reaper {
    struct agent *agent;
    struct agent_container *c; /* with a reference */
};

static void *reap(void *arg)
{
    struct reaper own = *(struct reaper *)arg;
    int status = 0;
    pid_t r;

    free(arg);
    do
        r = waitpid(own.c->crun_pid, &status, 0);
    while (r < 0 && errno == EINTR);
    (void)pthread_mutex_lock(&own.agent->lock);
    if (WIFSIGNALED(status) && own.c->first_pid > 0)
        (void)kill(own.c->first_pid, SIGKILL); /* crun is gone: nobody else ends its container */
    own.c->state = AGENT_EXITED;
    own.c->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    (void)pthread_cond_broadcast(&own.agent->changed);
    (void)pthread_mutex_unlock(&own.agent->lock);
    agent_container_put(own.agent, own.c);
    return NULL;
}

static int start_reaper(struct agent *agent, struct agent_container *c, struct cmn_err *err)
{
    struct reaper *own = malloc(sizeof(*own));
    pthread_attr_t attr;
    pthread_t thread;

    if (!own)
        return cmn_err_set(err, ENOMEM, "no memory");
    *own = (struct reaper){agent, c};
    (void)pthread_mutex_lock(&agent->lock);
    c->refs++;
    (void)pthread_mutex_unlock(&agent->lock);
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    int r = pthread_create(&thread, &attr, reap, own);
    (void)pthread_attr_destroy(&attr);
    if (r == 0)
        return 0;
    free(own);
    agent_container_put(agent, c);
    return cmn_err_set(err, r, "cannot start a thread: %s", strerror(r));
}

/* crun's own failure, or 0 when the container ran. */
static int start_verdict(struct agent *agent, struct agent_container *c, struct cmn_err *err)
{
    char text[900];

    (void)pthread_mutex_lock(&agent->lock);
    while (c->first_pid < 0 && c->state != AGENT_EXITED)
        (void)pthread_cond_wait(&agent->changed, &agent->lock);
    (void)pthread_mutex_unlock(&agent->lock);
    if (agent_crun_error(c, text, sizeof(text)))
        return cmn_err_reason(err, ENOEXEC, CMN_REASON_CONTAINER_START_FAILED, "%s", text);
    return 0;
}

static int begin_start(struct agent *agent, struct agent_container *c, struct cmn_err *err)
{
    (void)pthread_mutex_lock(&agent->lock);
    bool ok = c->state == AGENT_CREATED;
    if (ok)
        c->state = AGENT_RUNNING;
    (void)pthread_mutex_unlock(&agent->lock);
    return ok ? 0 : cmn_err_set(err, EINVAL, "container '%s' is not ready to start", c->id);
}

/* Back to a container that never ran: no process to wait for. */
static void abort_start(struct agent *agent, struct agent_container *c)
{
    (void)pthread_mutex_lock(&agent->lock);
    c->state = AGENT_CREATED;
    (void)pthread_mutex_unlock(&agent->lock);
}

int agent_container_start(struct agent *agent, struct agent_container *c, struct cmn_err *err)
{
    int out = -1, errs = -1;
    pid_t pid = -1, first = -1;

    int r = begin_start(agent, c, err);
    if (r < 0)
        return r;
    auto_close int fifo = agent_crun_pid_fifo(c, err);
    r = fifo < 0 ? fifo : agent_crun_spawn(c, &pid, &out, &errs, err);
    if (r < 0) {
        abort_start(agent, c);
        return r;
    }
    (void)pthread_mutex_lock(&agent->lock);
    c->crun_pid = pid;
    c->out_fd = out;
    c->err_fd = errs;
    (void)pthread_mutex_unlock(&agent->lock);
    r = agent_crun_await(c, fifo, pid, &first, err);
    if (r < 0)
        (void)kill(pid, SIGKILL);
    (void)pthread_mutex_lock(&agent->lock);
    c->first_pid = first;
    (void)pthread_mutex_unlock(&agent->lock);
    int s = start_reaper(agent, c, r < 0 ? NULL : err);
    if (r < 0 || s < 0)
        return r < 0 ? r : s;
    return start_verdict(agent, c, err);
}

int agent_container_wait(struct agent *agent, struct agent_container *c, int *ret_code,
                         struct cmn_err *err)
{
    int r = 0;

    (void)pthread_mutex_lock(&agent->lock);
    if (c->state == AGENT_CREATING || c->state == AGENT_CREATED)
        r = cmn_err_set(err, ESRCH, "container '%s' was not started", c->id);
    while (r == 0 && c->state == AGENT_RUNNING)
        (void)pthread_cond_wait(&agent->changed, &agent->lock);
    if (r == 0)
        *ret_code = c->exit_code;
    (void)pthread_mutex_unlock(&agent->lock);
    return r;
}

int agent_container_signal(struct agent *agent, struct agent_container *c, int sig,
                           struct cmn_err *err)
{
    int r = 0;

    (void)pthread_mutex_lock(&agent->lock);
    pid_t pid = c->state == AGENT_RUNNING ? c->first_pid : -1;
    if (pid < 0)
        r = cmn_err_set(err, ESRCH, "container '%s' has no process", c->id);
    else if (kill(pid, sig) < 0)
        r = cmn_err_set(err, errno, "cannot signal container '%s': %s", c->id, strerror(errno));
    (void)pthread_mutex_unlock(&agent->lock);
    return r;
}

static void await_exit(struct agent *agent, struct agent_container *c, unsigned timeout_ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    (void)pthread_mutex_lock(&agent->lock);
    while (c->state == AGENT_RUNNING &&
           pthread_cond_timedwait(&agent->changed, &agent->lock, &until) != ETIMEDOUT)
        continue;
    (void)pthread_mutex_unlock(&agent->lock);
}

static void clean_bundle(const struct agent_container *c)
{
    static const char *const names[] = {"config.json", "crun.log", "pid"};
    auto_free char *rootfs = NULL;

    if (asprintf(&rootfs, "%s/rootfs", c->bundle) >= 0 && umount2(rootfs, MNT_DETACH) == 0)
        (void)rmdir(rootfs);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        auto_free char *path = NULL;
        if (asprintf(&path, "%s/%s", c->bundle, names[i]) >= 0)
            (void)unlink(path);
    }
    (void)rmdir(c->bundle); /* an image's own files go with the guest */
}

int agent_container_remove(struct agent *agent, struct agent_container *c, unsigned timeout_ms,
                           struct cmn_err *err)
{
    CMN_IGNORE(agent_container_signal(agent, c, SIGKILL, NULL)); /* not running is fine */
    await_exit(agent, c, timeout_ms);
    (void)pthread_mutex_lock(&agent->lock);
    bool running = c->state == AGENT_RUNNING, listed = false;
    for (struct agent_container **p = &agent->containers; !running && *p; p = &(*p)->next)
        if (*p == c) {
            *p = c->next;
            agent->n_containers--;
            listed = true;
            break;
        }
    (void)pthread_mutex_unlock(&agent->lock);
    if (running)
        return cmn_err_set(err, ETIMEDOUT, "container '%s' did not end within %u ms", c->id,
                           timeout_ms);
    if (listed) {
        clean_bundle(c);
        agent_container_put(agent, c);
    }
    return 0;
}

void agent_container_remove_all(struct agent *agent)
{
    for (;;) {
        (void)pthread_mutex_lock(&agent->lock);
        struct agent_container *c = agent->containers;
        if (c)
            c->refs++;
        (void)pthread_mutex_unlock(&agent->lock);
        if (!c)
            return;
        int r = agent_container_remove(agent, c, 5000, NULL);
        agent_container_put(agent, c);
        if (r < 0)
            return;
    }
}
