/*
 * load-pod.c - a Kubernetes Pod manifest: what the flow needs of it; what it cannot honour is
 * refused by name, and fields that change nothing here (resources, ports, probes, ...) are let
 * through. Source: Kubernetes API reference, core/v1 Pod.
 */
#include "sim/scenario/read.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CONTAINERS = 16, MAX_ENV = 1024 };

#define INIT_DATA_ANNOTATION "io.katacontainers.config.hypervisor.cc_init_data"

static int load_env(struct sim_reader *r, const json_t *obj, struct sim_container *c)
{
    const json_t *arr = NULL;
    int x = sim_read_objects(r, obj, "env", 0, MAX_ENV, &arr);

    if (x < 0 || !arr)
        return x;
    c->env = calloc(json_array_size(arr) + 1, sizeof(*c->env));
    if (!c->env)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    for (size_t i = 0; i < json_array_size(arr); i++) {
        const json_t *o = json_array_get(arr, i);
        struct sim_env_var *v = &c->env[c->n_env++];
        x = SIM_KEYS(r, o, "name", "value");
        if (x == 0)
            x = sim_read_needed(r, o, "name", &v->name);
        if (x < 0)
            return x;
        assert(v->name);
        if (strchr(v->name, '='))
            return cmn_yaml_fail(r->doc, o, "name", r->err, "a variable's name has no '='");
        const json_t *value = json_object_get(o, "value");
        if (value && !json_is_string(value))
            return cmn_yaml_fail(r->doc, o, "value", r->err,
                                 "'value' wants text, this is %s (put it in quotes)",
                                 cmn_yaml_type_name(value));
        v->value = strdup(value ? json_string_value(value) : "");
        if (!v->value)
            return cmn_err_set(r->err, ENOMEM, "no memory");
    }
    return 0;
}

/* securityContext of pod or container. */
static int load_security(struct sim_reader *r, const json_t *owner, struct sim_container *c)
{
    const json_t *obj = NULL;
    int x = sim_read_object(r, owner, "securityContext", &obj);

    if (x < 0 || !obj)
        return x;
    x = SIM_KEYS(r, obj, "runAsUser", "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem",
                 "allowPrivilegeEscalation", "capabilities", "seccompProfile");
    if (x == 0)
        x = sim_read_int(r, obj, "runAsUser", 0, 65535, &c->run_as_user);
    if (x == 0)
        x = sim_read_int(r, obj, "runAsGroup", 0, 65535, &c->run_as_group);
    if (x == 0)
        x = sim_read_bool(r, obj, "readOnlyRootFilesystem", &c->read_only_root);
    return x;
}

static int load_container(struct sim_reader *r, const json_t *spec, const json_t *obj,
                          struct sim_container *c)
{
    c->run_as_user = c->run_as_group = -1;
    int x = SIM_KEYS(r, obj, "name", "image", "command", "args", "env", "workingDir",
                     "securityContext", "imagePullPolicy", "ports", "resources", "livenessProbe",
                     "readinessProbe", "startupProbe", "terminationMessagePath",
                     "terminationMessagePolicy", "stdin", "tty");
    if (x == 0 && !json_object_get(obj, "name"))
        x = sim_read_missing(r, obj, "name");
    if (x == 0)
        x = sim_read_label(r, obj, "name", &c->name);
    if (x == 0)
        x = sim_read_needed(r, obj, "image", &c->image);
    if (x == 0)
        x = sim_read_list(r, obj, "command", &c->command);
    if (x == 0)
        x = sim_read_list(r, obj, "args", &c->args);
    if (x == 0)
        x = sim_read_text(r, obj, "workingDir", &c->working_dir);
    if (x == 0)
        x = load_env(r, obj, c);
    if (x == 0)
        x = load_security(r, spec, c);
    if (x == 0)
        x = load_security(r, obj, c);
    c->has_command = c->command.n > 0;
    c->has_args = c->args.n > 0;
    if (x == 0 && c->working_dir && c->working_dir[0] != '/')
        return cmn_yaml_fail(r->doc, obj, "workingDir", r->err, "'workingDir' is not absolute");
    return x;
}

static int load_spec(struct sim_reader *r, const json_t *spec, struct sim_pod *pod)
{
    int x = SIM_KEYS(r, spec, "containers", "runtimeClassName", "restartPolicy", "securityContext",
                     "terminationGracePeriodSeconds", "nodeSelector", "tolerations",
                     "serviceAccountName", "automountServiceAccountToken", "hostname",
                     "activeDeadlineSeconds", "enableServiceLinks");
    if (x < 0)
        return x;
    if (!json_object_get(spec, "containers"))
        return sim_read_missing(r, spec, "containers");
    const json_t *list = NULL;
    x = sim_read_objects(r, spec, "containers", 1, MAX_CONTAINERS, &list);
    if (x < 0)
        return x;
    size_t n = json_array_size(list);
    pod->containers = calloc(n, sizeof(*pod->containers));
    if (!pod->containers)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    for (size_t i = 0; i < n && x == 0; i++) {
        pod->n_containers = i + 1;
        x = load_container(r, spec, json_array_get(list, i), &pod->containers[i]);
        for (size_t j = 0; x == 0 && j < i; j++)
            if (strcmp(pod->containers[i].name, pod->containers[j].name) == 0)
                x = cmn_yaml_fail(r->doc, json_array_get(list, i), "name", r->err,
                                  "two containers are named '%.64s'", pod->containers[i].name);
    }
    return x;
}

static int load_metadata(struct sim_reader *r, const json_t *meta, struct sim_pod *pod)
{
    int x = SIM_KEYS(r, meta, "name", "namespace", "labels", "annotations");

    const json_t *annotations = NULL, *labels = NULL;
    if (x == 0 && !json_object_get(meta, "name"))
        x = sim_read_missing(r, meta, "name");
    if (x == 0)
        x = sim_read_label(r, meta, "name", &pod->name);
    if (x == 0)
        x = sim_read_label(r, meta, "namespace", &pod->ns);
    if (x == 0)
        x = sim_read_object(r, meta, "labels", &labels);
    if (x == 0)
        x = sim_read_object(r, meta, "annotations", &annotations);
    if (x == 0 && annotations)
        x = sim_read_text(r, annotations, INIT_DATA_ANNOTATION, &pod->init_data);
    if (x == 0 && !pod->ns) {
        pod->ns = strdup("default");
        x = pod->ns ? 0 : cmn_err_set(r->err, ENOMEM, "no memory");
    }
    return x;
}

static int load_manifest(struct sim_reader *r, const json_t *obj, struct sim_pod *pod)
{
    static const char *const versions[] = {"v1"};
    static const char *const kinds[] = {"Pod"};
    size_t ignored = 0;
    int x = SIM_KEYS(r, obj, "apiVersion", "kind", "metadata", "spec");

    if (x == 0)
        x = sim_read_word(r, obj, "apiVersion", versions, 1, &ignored);
    if (x == 0)
        x = sim_read_word(r, obj, "kind", kinds, 1, &ignored);
    static const char *const needed[] = {"apiVersion", "kind", "metadata", "spec"};
    for (size_t i = 0; x == 0 && i < CMN_ARRAY_SIZE(needed); i++)
        if (!json_object_get(obj, needed[i]))
            x = sim_read_missing(r, obj, needed[i]);
    const json_t *meta = NULL, *spec = NULL;
    if (x == 0)
        x = sim_read_object(r, obj, "metadata", &meta);
    if (x == 0)
        x = sim_read_object(r, obj, "spec", &spec);
    if (x == 0)
        x = load_metadata(r, meta, pod);
    if (x == 0)
        x = load_spec(r, spec, pod);
    return x;
}

int sim_load_pod(struct sim_reader *r, const json_t *root, struct sim_pod *pod)
{
    auto_yaml struct cmn_yaml *doc = NULL;
    auto_free char *path = NULL;
    const json_t *v = json_object_get(root, "pod");

    if (!v)
        return sim_read_missing(r, root, "pod");
    if (json_is_object(v))
        return load_manifest(r, v, pod);
    if (!json_is_string(v))
        return cmn_yaml_fail(r->doc, root, "pod", r->err,
                             "'pod' wants a Pod manifest or the path of one, this is %s",
                             cmn_yaml_type_name(v));
    path = sim_read_path(r, json_string_value(v));
    if (!path)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    int x = cmn_yaml_load_file(path, &doc, r->err);
    if (x < 0)
        return cmn_err_wrap(r->err, -EINVAL, "%s:%u: pod", cmn_yaml_name(r->doc),
                            cmn_yaml_line(r->doc, root, "pod"));
    struct sim_reader inner = {doc, r->dir, r->err};
    return load_manifest(&inner, cmn_yaml_root(doc), pod);
}
