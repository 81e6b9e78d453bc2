/*
 * spec.c - see spec.h. Messages live on the stack and borrow everything; packing copies.
 * Sources: containerd's default spec (oci/spec.go), kata-containers 7c6ba40 kata_agent.go for what
 * is taken out for a guest, handling of image_guest_pull in pkg/katautils and agent storage
 * handlers.
 */
#include "sim/adaptor/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* protobuf-c wants char *; packing never writes */
#define BORROW(text)      ((char *)(uintptr_t)(text))
#define BORROW_LIST(list) ((char **)(uintptr_t)(list))

static const char *const default_caps[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE",
};
static const char *const masked_paths[] = {
    "/proc/acpi",          "/proc/asound",     "/proc/kcore",       "/proc/keys",
    "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi",          "/sys/firmware",
};
static const char *const readonly_paths[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

static const struct {
    const char *destination, *type, *source;
    const char *options[6];
} mounts[] = {
    {"/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}},
    {"/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}},
    {"/dev/pts",
     "devpts",
     "devpts",
     {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"}},
    {"/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}},
    {"/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
    {"/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}},
};

enum { N_MOUNTS = CMN_ARRAY_SIZE(mounts), N_NAMESPACES = 4, N_ANNOTATIONS = 6 };

struct parts { /* everything a request points at */
    Grpc__Mount mount[N_MOUNTS], *mount_list[N_MOUNTS];
    Grpc__LinuxNamespace ns[N_NAMESPACES], *ns_list[N_NAMESPACES];
    Grpc__Spec__AnnotationsEntry annotation[N_ANNOTATIONS], *annotation_list[N_ANNOTATIONS];
    Grpc__LinuxCapabilities caps;
    Grpc__User user;
    Grpc__Process process;
    Grpc__Root root;
    Grpc__Linux lin;
    Grpc__Spec spec;
    Grpc__Storage storage, *storage_list[1];
    char *driver_options[1];
};

static void fill_mounts(struct parts *p)
{
    for (size_t i = 0; i < N_MOUNTS; i++) {
        Grpc__Mount *m = &p->mount[i];
        grpc__mount__init(m);
        m->destination = BORROW(mounts[i].destination);
        m->type = BORROW(mounts[i].type);
        m->source = BORROW(mounts[i].source);
        m->options = BORROW_LIST(mounts[i].options);
        while (m->n_options < 6 && mounts[i].options[m->n_options])
            m->n_options++;
        p->mount_list[i] = m;
    }
}

/* No network namespace: a guest has only one, the pod's. */
static void fill_linux(struct parts *p)
{
    static const char *const types[N_NAMESPACES] = {"pid", "ipc", "uts", "mount"};

    grpc__linux__init(&p->lin);
    for (size_t i = 0; i < N_NAMESPACES; i++) {
        grpc__linux_namespace__init(&p->ns[i]);
        p->ns[i].type = BORROW(types[i]);
        p->ns_list[i] = &p->ns[i];
    }
    p->lin.n_namespaces = N_NAMESPACES;
    p->lin.namespaces = p->ns_list;
    p->lin.n_maskedpaths = CMN_ARRAY_SIZE(masked_paths);
    p->lin.maskedpaths = BORROW_LIST(masked_paths);
    p->lin.n_readonlypaths = CMN_ARRAY_SIZE(readonly_paths);
    p->lin.readonlypaths = BORROW_LIST(readonly_paths);
}

static void fill_process(struct parts *p, const struct sim_process *process)
{
    size_t n = CMN_ARRAY_SIZE(default_caps);

    grpc__user__init(&p->user);
    p->user.uid = process->uid;
    p->user.gid = process->gid;
    grpc__linux_capabilities__init(&p->caps);
    p->caps.n_bounding = p->caps.n_effective = p->caps.n_permitted = n;
    p->caps.bounding = p->caps.effective = p->caps.permitted = BORROW_LIST(default_caps);
    grpc__process__init(&p->process);
    p->process.user = &p->user;
    p->process.capabilities = &p->caps;
    p->process.n_args = process->args.n;
    p->process.args = process->args.items;
    p->process.n_env = process->env.n;
    p->process.env = process->env.items;
    p->process.cwd = process->cwd;
    p->process.nonewprivileges = 1;
}

/* What the guest must know about pod and container, under CRI's names. */
static void fill_annotations(struct parts *p, const struct sim_pod *pod,
                             const struct sim_container *c, const char *sandbox_id)
{
    const char *const pairs[N_ANNOTATIONS][2] = {
        {"io.kubernetes.cri.container-type", "container"},
        {"io.kubernetes.cri.container-name", c->name},
        {"io.kubernetes.cri.image-name", c->image},
        {"io.kubernetes.cri.sandbox-id", sandbox_id},
        {"io.kubernetes.cri.sandbox-name", pod->name},
        {"io.kubernetes.cri.sandbox-namespace", pod->ns},
    };

    for (size_t i = 0; i < N_ANNOTATIONS; i++) {
        grpc__spec__annotations_entry__init(&p->annotation[i]);
        p->annotation[i].key = BORROW(pairs[i][0]);
        p->annotation[i].value = BORROW(pairs[i][1]);
        p->annotation_list[i] = &p->annotation[i];
    }
}

static void fill_spec(struct parts *p, const struct sim_pod *pod, const struct sim_container *c,
                      char *rootfs)
{
    grpc__root__init(&p->root);
    p->root.path = rootfs;
    p->root.readonly = c->read_only_root;
    grpc__spec__init(&p->spec);
    p->spec.version = BORROW("1.0.2");
    p->spec.process = &p->process;
    p->spec.root = &p->root;
    p->spec.hostname = pod->name;
    p->spec.n_mounts = N_MOUNTS;
    p->spec.mounts = p->mount_list;
    p->spec.n_annotations = N_ANNOTATIONS;
    p->spec.annotations = p->annotation_list;
    p->spec.linuxspec = &p->lin;
}

static void fill_storage(struct parts *p, const struct sim_container *c, char *rootfs, char *option)
{
    grpc__storage__init(&p->storage);
    p->driver_options[0] = option;
    p->storage.driver = BORROW("image_guest_pull");
    p->storage.n_driver_options = 1;
    p->storage.driver_options = p->driver_options;
    p->storage.source = c->image;
    p->storage.fstype = BORROW("overlay");
    p->storage.mount_point = rootfs;
    p->storage_list[0] = &p->storage;
}

/* image_guest_pull={"metadata":{...annotations}} */
static char *pull_option(const struct parts *p)
{
    auto_json json_t *metadata = json_object();
    auto_json json_t *doc = NULL;
    char *option = NULL;

    for (size_t i = 0; i < N_ANNOTATIONS; i++)
        if (json_object_set_new(metadata, p->annotation[i].key,
                                json_string(p->annotation[i].value)) < 0)
            return NULL;
    doc = json_pack("{s:O}", "metadata", metadata);
    auto_free char *text = doc ? cmn_json_dump(doc) : NULL;
    if (!text || asprintf(&option, "image_guest_pull=%s", text) < 0)
        return NULL;
    return option;
}

int sim_container_request_pack(const struct sim_pod *pod, const struct sim_container *container,
                               const struct sim_process *process, const char *sandbox_id,
                               const char *container_id, struct cmn_buf *ret)
{
    Grpc__CreateContainerRequest req = GRPC__CREATE_CONTAINER_REQUEST__INIT;
    char rootfs[160];
    struct parts p;

    (void)snprintf(rootfs, sizeof(rootfs), "/run/kata-containers/%s/rootfs", container_id);
    fill_mounts(&p);
    fill_linux(&p);
    fill_process(&p, process);
    fill_annotations(&p, pod, container, sandbox_id);
    fill_spec(&p, pod, container, rootfs);
    auto_free char *option = pull_option(&p);
    if (!option)
        return -ENOMEM;
    fill_storage(&p, container, rootfs, option);
    req.container_id = BORROW(container_id);
    req.exec_id = BORROW(container_id);
    req.n_storages = 1;
    req.storages = p.storage_list;
    req.oci = &p.spec;
    size_t len = grpc__create_container_request__get_packed_size(&req), at = ret->len;
    if (cmn_buf_resize(ret, at + len) < 0)
        return -ENOMEM;
    (void)grpc__create_container_request__pack(&req, ret->data + at);
    return 0;
}
