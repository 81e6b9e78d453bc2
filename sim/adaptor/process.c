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

/*
 * $(VAR) of Kubernetes: a variable of `vars` is put in, another reference stays as it is, as a
 * whole;
 * "$$" is one "$". Source: kubernetes third_party/forked/golang/expansion/expand.go.
 */
static char *expand(const struct sim_strings *vars, const char *text)
{
    auto_buf struct cmn_buf out = {0};
    int r = cmn_buf_reserve(&out, strlen(text) + 1);

    for (const char *p = text; *p && r >= 0; p++) {
        const char *end = p[0] == '$' && p[1] == '(' ? strchr(p, ')') : NULL;
        const char *value = end ? lookup(vars, p + 2, (size_t)(end - p - 2)) : NULL;
        if (value) {
            r = cmn_buf_puts(&out, value);
        } else {
            r = cmn_buf_put(&out, p, end ? (size_t)(end - p + 1) : 1);
            if (p[0] == '$' && p[1] == '$')
                p++;
        }
        if (end)
            p = end;
    }
    return r < 0 ? NULL : (char *)cmn_take(out.data);
}

static int push_expanded(struct sim_strings *to, const struct sim_strings *from,
                         const struct sim_strings *vars)
{
    int r = 0;

    for (size_t i = 0; i < from->n && r == 0; i++)
        r = push(to, expand(vars, from->items[i]));
    return r;
}

/*
 * The pod's variables, each expanded with those before it. The kubelet knows no others when it
 * expands: the image's are merged below it, by the runtime.
 */
static int pod_vars(const struct sim_container *c, struct sim_strings *vars)
{
    int r = 0;

    for (size_t i = 0; i < c->n_env && r == 0; i++) {
        auto_free char *value = expand(vars, c->env[i].value);
        r = value ? set_var(vars, c->env[i].name, value) : -ENOMEM;
    }
    return r;
}

/* NAME=value, sets or replaces; one without '=' is dropped. */
static int set_text(struct sim_strings *env, const char *text)
{
    const char *eq = text ? strchr(text, '=') : NULL;
    auto_free char *name = eq ? strndup(text, (size_t)(eq - text)) : NULL;

    if (!eq)
        return 0;
    return name ? set_var(env, name, eq + 1) : -ENOMEM;
}

/* Each over the one before: PATH, HOSTNAME, the image's, the pod's. */
static int merge_env(const struct sim_pod *pod, const struct sim_strings *vars,
                     const json_t *config, struct sim_strings *env)
{
    const json_t *list = json_object_get(config, "Env");
    int r = push(env, strdup(DEFAULT_PATH));

    if (r == 0)
        r = set_var(env, "HOSTNAME", pod->name);
    for (size_t i = 0; i < json_array_size(list) && r == 0; i++)
        r = set_text(env, json_string_value(json_array_get(list, i)));
    for (size_t i = 0; i < vars->n && r == 0; i++)
        r = set_text(env, vars->items[i]);
    return r;
}

/* command replaces Entrypoint and drops Cmd; args replace Cmd. */
static int merge_args(const struct sim_container *c, const json_t *config,
                      const struct sim_strings *vars, struct sim_strings *args)
{
    int r = c->has_command ? push_expanded(args, &c->command, vars)
                           : push_all(args, json_object_get(config, "Entrypoint"));

    if (r < 0 || (c->has_command && !c->has_args))
        return r;
    return c->has_args ? push_expanded(args, &c->args, vars)
                       : push_all(args, json_object_get(config, "Cmd"));
}

/* A decimal id and what follows it; NULL when there is none. */
static const char *read_id(const char *text, uint32_t *ret)
{
    uint64_t v = 0;
    size_t n = strspn(text, "0123456789");

    for (size_t i = 0; i < n && v <= UINT32_MAX; i++)
        v = v * 10 + (uint64_t)(text[i] - '0');
    if (!n || v > INT32_MAX)
        return NULL;
    *ret = (uint32_t)v;
    return text + n;
}

/* "uid", "uid:gid" or "root". */
static int merge_user(const struct sim_container *c, const json_t *config, struct sim_process *p,
                      struct cmn_err *err)
{
    const char *user = cmn_json_str(config, "User");
    uint32_t uid = 0, gid = 0;

    if (user && *user && strcmp(user, "root") != 0 && c->run_as_user < 0) {
        const char *end = read_id(user, &uid);
        if (end && *end == ':')
            end = read_id(end + 1, &gid);
        if (!end || *end)
            return cmn_err_reason(err, EINVAL, CMN_REASON_CONTAINER_START_FAILED,
                                  "the image's user '%.64s' is no number; set "
                                  "securityContext.runAsUser",
                                  user);
    }
    p->uid = c->run_as_user >= 0 ? (uint32_t)c->run_as_user : uid;
    p->gid = c->run_as_group >= 0 ? (uint32_t)c->run_as_group : gid;
    return 0;
}

int sim_process_merge(const struct sim_pod *pod, const struct sim_container *container,
                      const json_t *image_config, struct sim_process *ret, struct cmn_err *err)
{
    const json_t *config = json_object_get(image_config, "config");
    const char *cwd = cmn_json_str(config, "WorkingDir");
    struct sim_strings vars = {0};
    struct sim_process p = {0};
    int r = pod_vars(container, &vars);

    if (r == 0)
        r = merge_env(pod, &vars, config, &p.env);
    if (r == 0)
        r = merge_args(container, config, &vars, &p.args);
    sim_strings_done(&vars);
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
    sim_strings_done(&p->args);
    sim_strings_done(&p->env);
    free(p->cwd);
    p->cwd = NULL;
}
