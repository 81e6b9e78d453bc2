/*
 * oci.c - the OCI runtime configuration crun gets, from the Spec the host sent; see agent.h.
 *
 * The guest is one user, mount and network namespace already, so the container gets pid, mount, ipc
 * and uts namespaces of its own and shares the network, as the containers of a pod do.
 */
#include "sim/guest/agent/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *strings(char *const *list, size_t n)
{
    json_t *out = json_array();

    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(out, json_string(list[i])) < 0) {
            json_decref(out);
            return NULL;
        }
    return out;
}

bool agent_id_mapped(const char *map, unsigned id)
{
    unsigned inside, outside, count;

    for (const char *line = map; *line;) {
        if (sscanf(line, "%u %u %u", &inside, &outside, &count) == 3 && id >= inside &&
            id - inside < count)
            return true;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return false;
}

struct ids { /* of the container's process */
    unsigned uid, gid;
    bool nested; /* not mapped here: one more user namespace maps them to 0 */
};

static struct ids choose_ids(const Grpc__Spec *spec, const json_t *image_user, const char *uid_map,
                             const char *gid_map)
{
    const Grpc__User *u = spec->process ? spec->process->user : NULL;
    struct ids ids = {0};

    ids.uid = u ? u->uid : (unsigned)cmn_json_int(image_user, "uid", 0);
    ids.gid = u ? u->gid : (unsigned)cmn_json_int(image_user, "gid", 0);
    ids.nested = !agent_id_mapped(uid_map, ids.uid) || !agent_id_mapped(gid_map, ids.gid);
    return ids;
}

static json_t *user_json(const Grpc__Spec *spec, const struct ids *ids)
{
    const Grpc__User *u = spec->process ? spec->process->user : NULL;
    json_t *user =
        json_pack("{s:I, s:I}", "uid", (json_int_t)ids->uid, "gid", (json_int_t)ids->gid);

    if (!user || ids->nested || !u || u->n_additionalgids == 0)
        return user; /* a one-id namespace has no supplementary groups */
    json_t *gids = json_array();
    for (size_t i = 0; i < u->n_additionalgids; i++)
        if (json_array_append_new(gids, json_integer(u->additionalgids[i])) < 0)
            break;
    if (json_object_set_new(user, "additionalGids", gids) < 0) {
        json_decref(user);
        return NULL;
    }
    return user;
}

static bool env_has(const json_t *env, const char *entry)
{
    size_t len = strcspn(entry, "="), i;
    json_t *v;

    json_array_foreach((json_t *)(uintptr_t)env, i, v)
        if (strncmp(json_string_value(v), entry, len) == 0 && json_string_value(v)[len] == '=')
            return true;
    return false;
}

/* The Spec's, then those of the image that it does not set, then a PATH. */
static json_t *env_json(const Grpc__Process *p, const json_t *image_env)
{
    static const char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    json_t *env = strings(p ? p->env : NULL, p ? p->n_env : 0), *v;
    size_t i;
    int r = env ? 0 : -1;

    json_array_foreach((json_t *)(uintptr_t)image_env, i, v)
        if (r == 0 && json_is_string(v) && !env_has(env, json_string_value(v)))
            r = json_array_append(env, v);
    if (r == 0 && !env_has(env, path))
        r = json_array_append_new(env, json_string(path));
    if (r == 0)
        return env;
    json_decref(env);
    return NULL;
}

static json_t *capabilities(const Grpc__Process *p)
{
    static const char *const usual[] = {
        "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_KILL",   "CAP_AUDIT_WRITE",
    };
    const Grpc__LinuxCapabilities *c = p ? p->capabilities : NULL;

    if (c)
        return json_pack(
            "{s:o, s:o, s:o, s:o, s:o}", "bounding", strings(c->bounding, c->n_bounding),
            "effective", strings(c->effective, c->n_effective), "inheritable",
            strings(c->inheritable, c->n_inheritable), "permitted",
            strings(c->permitted, c->n_permitted), "ambient", strings(c->ambient, c->n_ambient));
    char **list = (char **)(uintptr_t)usual;
    size_t n = CMN_ARRAY_SIZE(usual);
    return json_pack("{s:o, s:o, s:o}", "bounding", strings(list, n), "effective", strings(list, n),
                     "permitted", strings(list, n));
}

static json_t *rlimits(const Grpc__Process *p)
{
    json_t *out = json_array();

    for (size_t i = 0; p && i < p->n_rlimits; i++)
        if (json_array_append_new(out, json_pack("{s:s, s:I, s:I}", "type", p->rlimits[i]->type,
                                                 "hard", (json_int_t)p->rlimits[i]->hard, "soft",
                                                 (json_int_t)p->rlimits[i]->soft)) < 0) {
            json_decref(out);
            return NULL;
        }
    return out;
}

static json_t *process_json(const Grpc__Spec *spec, const json_t *image, const struct ids *ids,
                            struct cmn_err *err)
{
    const Grpc__Process *p = spec->process;
    const json_t *from = json_object_get(image, "process");
    const char *cwd = p && *p->cwd ? p->cwd : cmn_json_str(from, "cwd");
    json_t *args = p && p->n_args > 0 ? strings(p->args, p->n_args)
                                      : json_incref(json_object_get(from, "args"));

    if (!json_is_array(args) || json_array_size(args) == 0) {
        json_decref(args);
        (void)cmn_err_set(err, EINVAL,
                          "the container has no command: neither pod nor image gives one");
        return NULL;
    }
    json_t *out = json_pack("{s:b, s:o, s:o, s:o, s:s, s:o, s:o, s:b}", "terminal", 0, "user",
                            user_json(spec, ids), "args", args, "env",
                            env_json(p, json_object_get(from, "env")), "cwd",
                            cwd && *cwd ? cwd : "/", "capabilities", capabilities(p), "rlimits",
                            rlimits(p), "noNewPrivileges", p ? (int)p->nonewprivileges : 0);
    if (!out)
        (void)cmn_err_set(err, EINVAL, "the container's process holds text that is not UTF-8");
    return out;
}

static json_t *mount_json(const char *dest, const char *type, const char *source, json_t *options)
{
    return json_pack("{s:s, s:s, s:s, s:o}", "destination", dest, "type", type, "source", source,
                     "options", options);
}

static json_t *options(const char *const *list)
{
    json_t *out = json_array();

    for (; *list; list++)
        if (json_array_append_new(out, json_string(*list)) < 0)
            break;
    return out;
}

static int default_mounts(json_t *out, bool root_mapped)
{
    static const char *const dev[] = {"nosuid", "strictatime", "mode=755", "size=65536k", NULL};
    static const char *const pts[] = {"nosuid",        "noexec",    "newinstance",
                                      "ptmxmode=0666", "mode=0620", NULL};
    static const char *const shm[] = {"nosuid",    "noexec",      "nodev",
                                      "mode=1777", "size=65536k", NULL};
    static const char *const sys[] = {"rbind", "nosuid", "noexec", "nodev", "ro", NULL};
    static const char *const none[] = {NULL};
    int r = 0;

    r |= json_array_append_new(out, mount_json("/proc", "proc", "proc", options(none)));
    r |= json_array_append_new(out, mount_json("/dev", "tmpfs", "tmpfs", options(dev)));
    if (root_mapped) /* devpts wants an id 0 to own its nodes */
        r |= json_array_append_new(out, mount_json("/dev/pts", "devpts", "devpts", options(pts)));
    r |= json_array_append_new(out, mount_json("/dev/shm", "tmpfs", "shm", options(shm)));
    if (access("/sys", F_OK) == 0) /* a fresh sysfs is refused where the guest's own is not whole */
        r |= json_array_append_new(out, mount_json("/sys", "bind", "/sys", options(sys)));
    return r;
}

static json_t *mounts_json(const Grpc__Spec *spec, bool root_mapped)
{
    json_t *out = json_array();
    int r = out ? 0 : -1;

    if (r == 0 && spec->n_mounts == 0)
        r = default_mounts(out, root_mapped);
    for (size_t i = 0; r == 0 && i < spec->n_mounts; i++) {
        const Grpc__Mount *m = spec->mounts[i];
        if (strcmp(m->type, "cgroup") ==
            0) /* the guest has none: crun runs with cgroups disabled */
            continue;
        r = json_array_append_new(
            out, mount_json(m->destination, m->type, m->source, strings(m->options, m->n_options)));
    }
    if (r == 0)
        return out;
    json_decref(out);
    return NULL;
}

static int add_user_namespace(json_t *linux_, const struct ids *ids)
{
    json_t *namespaces = json_object_get(linux_, "namespaces");
    int r = json_array_append_new(namespaces, json_pack("{s:s}", "type", "user"));

    r |= json_object_set_new(linux_, "uidMappings",
                             json_pack("[{s:I, s:i, s:i}]", "containerID", (json_int_t)ids->uid,
                                       "hostID", 0, "size", 1));
    r |= json_object_set_new(linux_, "gidMappings",
                             json_pack("[{s:I, s:i, s:i}]", "containerID", (json_int_t)ids->gid,
                                       "hostID", 0, "size", 1));
    return r;
}

static json_t *linux_json(const Grpc__Spec *spec, const struct ids *ids)
{
    static const char *const masked[] = {"/proc/kcore", "/proc/keys", "/proc/timer_list",
                                         "/proc/sched_debug", NULL};
    static const char *const readonly[] = {
        "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL};
    const Grpc__Linux *l = spec->linuxspec;
    json_t *out = json_pack("{s:[{s:s},{s:s},{s:s},{s:s}], s:o, s:o}", "namespaces", "type", "pid",
                            "type", "mount", "type", "ipc", "type", "uts", "maskedPaths",
                            l && l->n_maskedpaths ? strings(l->maskedpaths, l->n_maskedpaths)
                                                  : options(masked),
                            "readonlyPaths",
                            l && l->n_readonlypaths ? strings(l->readonlypaths, l->n_readonlypaths)
                                                    : options(readonly));

    if (out && ids->nested && add_user_namespace(out, ids) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

int agent_oci_config(const Grpc__Spec *spec, const json_t *image, const char *rootfs,
                     const char *uid_map, const char *gid_map, json_t **ret, struct cmn_err *err)
{
    struct ids ids = choose_ids(spec, json_object_get(json_object_get(image, "process"), "user"),
                                uid_map, gid_map);
    auto_json json_t *process = process_json(spec, image, &ids, err);

    if (!process)
        return -EINVAL;
    json_t *config = json_pack(
        "{s:s, s:O, s:{s:s, s:b}, s:o, s:o}", "ociVersion", "1.0.2", "process", process, "root",
        "path", rootfs, "readonly", spec->root ? (int)spec->root->readonly : 0, "mounts",
        mounts_json(spec, !ids.nested || ids.uid == 0), "linux", linux_json(spec, &ids));
    if (!config)
        return cmn_err_set(err, EINVAL, "the container's spec holds text that is not UTF-8");
    if (*spec->hostname &&
        json_object_set_new(config, "hostname", json_string(spec->hostname)) < 0) {
        json_decref(config);
        return cmn_err_set(err, EINVAL, "the container's hostname is not UTF-8");
    }
    *ret = config;
    return 0;
}
