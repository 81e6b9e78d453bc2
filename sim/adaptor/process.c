/* process.c - pod manifest and image config become one process, as a CRI merges them; see
 * adaptor.h. */
#include "sim/adaptor/adaptor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static int push(struct sim_strings *s, char *text) /* owns text */
{
    char **more = text ? realloc(s->items, (s->n + 1) * sizeof(*more)) : NULL;

    if (!more) {
        free(text);
        return -ENOMEM;
    }
    s->items = more;
    s->items[s->n++] = text;
    return 0;
}

static int push_all(struct sim_strings *s, const json_t *list)
{
    int r = 0;

    for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text)
            r = push(s, strdup(text));
    }
    return r;
}

static void strings_done(struct sim_strings *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i]);
    free(s->items);
    *s = (struct sim_strings){0};
}

/* Value of a variable among NAME=value, NULL if there is none. */
static const char *lookup(const struct sim_strings *env, const char *name, size_t len)
{
    for (size_t i = 0; i < env->n; i++)
        if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
            return env->items[i] + len + 1;
    return NULL;
}

/* Sets or replaces. */
static int set_var(struct sim_strings *env, const char *name, const char *value)
{
    char *text = NULL;
    size_t len = strlen(name);

    if (asprintf(&text, "%s=%s", name, value) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < env->n; i++)
        if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=') {
            free(env->items[i]);
            env->items[i] = text;
            return 0;
        }
    return push(env, text);
}

/* $(VAR) of Kubernetes: known variables are put in, unknown ones stay, "$$" is one "$". */
static char *expand(const struct sim_strings *env, const char *text)
{
    auto_buf struct cmn_buf out = {0};
    int r = cmn_buf_reserve(&out, strlen(text) + 1);

    for (const char *p = text; *p && r >= 0; p++) {
        const char *end = p[0] == '$' && p[1] == '(' ? strchr(p, ')') : NULL;
        const char *value = end ? lookup(env, p + 2, (size_t)(end - p - 2)) : NULL;
        if (value) {
            r = cmn_buf_puts(&out, value);
            p = end;
        } else {
            r = cmn_buf_put(&out, p, 1);
            if (p[0] == '$' && p[1] == '$')
                p++;
        }
    }
    return r < 0 ? NULL : (char *)cmn_take(out.data);
}

static int push_expanded(struct sim_strings *to, const struct sim_strings *from,
                         const struct sim_strings *env)
{
    int r = 0;

    for (size_t i = 0; i < from->n && r == 0; i++)
        r = push(to, expand(env, from->items[i]));
    return r;
}

static int merge_env(const struct sim_pod *pod, const struct sim_container *c, const json_t *config,
                     struct sim_strings *env)
{
    int r = push_all(env, json_object_get(config, "Env"));

    if (r == 0 && !lookup(env, "PATH", 4))
        r = push(env, strdup(DEFAULT_PATH));
    if (r == 0)
        r = set_var(env, "HOSTNAME", pod->name);
    for (size_t i = 0; i < c->n_env && r == 0; i++) {
        auto_free char *value = expand(env, c->env[i].value);
        r = value ? set_var(env, c->env[i].name, value) : -ENOMEM;
    }
    return r;
}

/* command replaces Entrypoint and drops Cmd; args replace Cmd. */
static int merge_args(const struct sim_container *c, const json_t *config,
                      const struct sim_strings *env, struct sim_strings *args)
{
    int r = c->has_command ? push_expanded(args, &c->command, env)
                           : push_all(args, json_object_get(config, "Entrypoint"));

    if (r < 0 || (c->has_command && !c->has_args))
        return r;
    return c->has_args ? push_expanded(args, &c->args, env)
                       : push_all(args, json_object_get(config, "Cmd"));
}

/* "uid", "uid:gid" or "root". */
static int merge_user(const struct sim_container *c, const json_t *config, struct sim_process *p,
                      struct cmn_err *err)
{
    const char *user = cmn_json_str(config, "User");
    unsigned uid = 0, gid = 0;
    char end;

    if (user && *user && strcmp(user, "root") != 0 && c->run_as_user < 0 &&
        sscanf(user, "%u:%u%c", &uid, &gid, &end) != 2 && sscanf(user, "%u%c", &uid, &end) != 1)
        return cmn_err_reason(err, EINVAL, CMN_REASON_CONTAINER_START_FAILED,
                              "the image's user '%.64s' is a name; set securityContext.runAsUser",
                              user);
    p->uid = c->run_as_user >= 0 ? (uint32_t)c->run_as_user : uid;
    p->gid = c->run_as_group >= 0 ? (uint32_t)c->run_as_group : gid;
    return 0;
}

int sim_process_merge(const struct sim_pod *pod, const struct sim_container *container,
                      const json_t *image_config, struct sim_process *ret, struct cmn_err *err)
{
    const json_t *config = json_object_get(image_config, "config");
    const char *cwd = cmn_json_str(config, "WorkingDir");
    struct sim_process p = {0};
    int r = merge_env(pod, container, config, &p.env);

    if (r == 0)
        r = merge_args(container, config, &p.env, &p.args);
    if (r == 0) {
        p.cwd = strdup(container->working_dir ? container->working_dir : cwd && *cwd ? cwd : "/");
        r = p.cwd ? 0 : -ENOMEM;
    }
    if (r < 0)
        r = cmn_err_set(err, ENOMEM, "no memory");
    else
        r = merge_user(container, config, &p, err);
    if (r == 0 && !p.args.n)
        r = cmn_err_reason(err, EINVAL, CMN_REASON_CONTAINER_START_FAILED,
                           "container '%s': neither the pod nor the image names a command",
                           container->name);
    if (r < 0) {
        sim_process_done(&p);
        return r;
    }
    *ret = p;
    return 0;
}

void sim_process_done(struct sim_process *p)
{
    strings_done(&p->args);
    strings_done(&p->env);
    free(p->cwd);
    p->cwd = NULL;
}
