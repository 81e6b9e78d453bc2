/* main.c - cocobox-vm; see vm.h. */
#include "sim/backend/vm/vm.h"

#include "common/proc/fdpass.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    OPT_NAME = 256,
    OPT_EMULATOR,
    OPT_CMDLINE,
    OPT_MEMORY,
    OPT_VCPUS,
    OPT_LISTENERS,
    OPT_KVM,
    OPT_FIRMWARE,
    OPT_HOST_DATA,
    OPT_POLICY,
    OPT_SHELL
};
enum { BACKLOG = 128 };

struct options {
    struct vm_shape shape;
    struct vm_snp snp;
    size_t listeners;
};

static const struct argp_option rows[] = {
    {"name", OPT_NAME, "NAME", 0, "of the domain", 0},
    {"emulator", OPT_EMULATOR, "PATH", 0, "QEMU", 0},
    {"cmdline", OPT_CMDLINE, "TEXT", 0, "of the kernel", 0},
    {"memory", OPT_MEMORY, "MIB", 0, "of the guest", 0},
    {"vcpus", OPT_VCPUS, "N", 0, "processors", 0},
    {"listeners", OPT_LISTENERS, "N", 0, "sockets in the guest that are served from outside", 0},
    {"snp-firmware", OPT_FIRMWARE, "PATH", 0, "a SEV-SNP guest with this OVMF", 0},
    {"snp-host-data", OPT_HOST_DATA, "BASE64", 0, "its HOST_DATA", 0},
    {"snp-policy", OPT_POLICY, "BITS", 0, "its policy", 0},
    {"shell", OPT_SHELL, NULL, 0, "a second console, for cocobox shell", 0},
    {"kvm", OPT_KVM, NULL, 0, "use KVM: it is known to work", 0},
    {0},
};

static unsigned number(struct argp_state *state, const char *arg, unsigned max)
{
    char *end = NULL;
    unsigned long n = strtoul(arg, &end, 10);

    if (*arg < '0' || *arg > '9' || *end || n > max)
        argp_error(state, "'%.32s' is no number up to %u", arg, max);
    return (unsigned)n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case OPT_NAME:
        o->shape.name = arg;
        return 0;
    case OPT_EMULATOR:
        o->shape.emulator = arg;
        return 0;
    case OPT_CMDLINE:
        o->shape.cmdline = arg;
        return 0;
    case OPT_MEMORY:
        o->shape.memory_mib = number(state, arg, 1u << 24);
        return 0;
    case OPT_VCPUS:
        o->shape.vcpus = number(state, arg, 255);
        return 0;
    case OPT_LISTENERS:
        o->listeners = number(state, arg, MACHINE_LISTENERS_MAX);
        return 0;
    case OPT_FIRMWARE:
        o->snp.firmware = arg;
        o->shape.snp = &o->snp;
        return 0;
    case OPT_HOST_DATA:
        o->snp.host_data = arg;
        return 0;
    case OPT_POLICY:
        o->snp.policy = strtoull(arg, NULL, 0);
        return 0;
    case OPT_SHELL:
        o->shape.shell = true;
        return 0;
    case OPT_KVM:
        o->shape.kvm = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* ---- sockets ---- */

static int listen_at(const char *path, struct cmn_err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        listen(fd, BACKLOG) < 0)
        return cmn_err_set(err, errno, "cannot listen at %s: %s", path, strerror(errno));
    return fd;
}

static int connect_to(const char *path, struct cmn_err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        return cmn_err_set(err, errno, "cannot connect to the guest's port %s: %s", path,
                           strerror(errno));
    return fd;
}

static int connect_all(struct vm_link *link, struct cmn_err *err)
{
    link->serial = connect_to(VM_SERIAL, err);
    if (link->serial < 0)
        return link->serial;
    link->console = connect_to(VM_CONSOLE, err);
    if (link->console < 0)
        return link->console;
    link->mux = connect_to(VM_MUX, err);
    return link->mux < 0 ? link->mux : 0;
}

/* ---- start ---- */

static int start(struct options *o, struct vm_domain **ret, struct vm_link *link,
                 int listeners[MACHINE_LISTENERS_MAX], struct cmn_err *err)
{
    char path[64];
    int r = vm_place_make(&o->shape.kvm, o->shape.snp != NULL, err);

    for (size_t i = 0; r == 0 && i < o->listeners; i++) {
        vm_socket_path(i, path, sizeof(path));
        listeners[i] = listen_at(path, err);
        r = listeners[i] < 0 ? listeners[i] : 0;
    }
    if (r == 0)
        r = vm_caps_restore(o->shape.emulator, err);
    if (r == 0)
        r = vm_domain_start(&o->shape, ret, err);
    if (r == 0)
        r = connect_all(link, err);
    if (r == 0)
        r = vm_domain_resume(*ret, err);
    if (r == 0)
        r = vm_caps_save(o->shape.emulator, err);
    return r;
}

static int answer(const struct options *o, const struct cmn_err *err, int r, const int *listeners,
                  size_t n)
{
    struct machine_answer a = {.r = r};

    (void)snprintf(a.step, sizeof(a.step), "%s", o->shape.kvm ? "kvm" : "tcg");
    if (r < 0)
        (void)snprintf(a.step, sizeof(a.step), "%.*s", (int)sizeof(a.step) - 1, err->msg);
    r = cmn_fdpass_send(VM_ANSWER_FD, &a, sizeof(a), listeners, r < 0 ? 0 : n);
    (void)close(VM_ANSWER_FD);
    for (size_t i = 0; i < n; i++)
        (void)close(listeners[i]);
    return r;
}

static int power_signal(void)
{
    sigset_t set;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {.options = rows,
                                     .parser = parse,
                                     .doc = "The hypervisor of one guest; started by cocobox."};
    struct options o = {.shape = {.name = "cocobox",
                                  .kernel = VM_IMAGE "/vmlinuz",
                                  .initrd = VM_IMAGE "/initramfs",
                                  .cmdline = "",
                                  .memory_mib = 256,
                                  .vcpus = 1}};
    struct vm_link link = {.agent = VM_AGENT_FD};
    auto_buf struct cmn_buf config = {0};
    struct vm_domain *domain = NULL;
    int listeners[MACHINE_LISTENERS_MAX] = {0};
    struct cmn_err err = {0};

    if (argp_parse(&argp, argc, argv, 0, NULL, &o) != 0 || !o.shape.emulator)
        return 2;
    link.signals = power_signal(); /* before libvirt's threads */
    link.n_listeners = o.listeners;
    int r = lseek(VM_CONFIG_FD, 0, SEEK_SET) < 0 ? -errno : 0;
    if (r == 0)
        r = cmn_fd_read_all(VM_CONFIG_FD, MACHINE_CONFIG_MAX, &config, &err);
    link.config = cmn_buf_bytes(&config);
    if (r == 0)
        r = start(&o, &domain, &link, listeners, &err);
    if (answer(&o, &err, r, listeners, r < 0 ? 0 : o.listeners) < 0 || r < 0) {
        vm_domain_destroy(domain);
        return 1;
    }
    int status = vm_link_run(&link);
    vm_domain_destroy(domain);
    return status;
}
