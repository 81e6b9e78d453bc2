/* place.c - where libvirt and QEMU run; see vm.h. */
#include "sim/backend/vm/vm.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's sys/mount.h and linux/mount.h cannot be had together in every version */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);

enum { NODES_MAX = 8, USER = 1000 };

static int open_tree(int dir, const char *path)
{
    return (int)syscall(SYS_open_tree, dir, path,
                        AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

static int attach(int tree, const char *path)
{
    int r =
        syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;

    (void)close(tree);
    return r;
}

/* libvirt asks a QEMU with KVM again and again what it can; where KVM opens and then hangs that
 * takes a minute. So /dev/kvm is there only if it works. */
static int make_dev(bool kvm, bool snp, struct cmn_err *err)
{
    const char *const nodes[NODES_MAX] = {"/dev/null",
                                          "/dev/zero",
                                          "/dev/full",
                                          "/dev/random",
                                          "/dev/urandom",
                                          "/dev/tty",
                                          kvm ? "/dev/kvm" : NULL,
                                          snp ? "/dev/sev" : NULL};
    int trees[NODES_MAX] = {0};

    for (size_t i = 0; i < NODES_MAX; i++)
        trees[i] = nodes[i] ? open_tree(AT_FDCWD, nodes[i]) : -1;
    if (mount("tmpfs", "/dev", "tmpfs", 2 | 8 /* NOSUID, NOEXEC */, "size=1m,mode=0755") < 0)
        return cmn_err_set(err, errno, "cannot mount /dev: %s", strerror(errno));
    for (size_t i = 0; i < NODES_MAX; i++) {
        if (trees[i] < 0)
            continue;
        int fd = open(nodes[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return cmn_err_set(err, errno, "cannot make %s: %s", nodes[i], strerror(errno));
        (void)close(fd);
        int r = attach(trees[i], nodes[i]);
        if (r < 0)
            return cmn_err_set(err, -r, "cannot mount %s: %s", nodes[i], strerror(-r));
    }
    if (mkdir("/dev/shm", 01777) < 0 || chmod("/dev/shm", 01777) < 0)
        return cmn_err_set(err, errno, "cannot make /dev/shm: %s", strerror(errno));
    return 0;
}

static int make_tmp(int image, struct cmn_err *err)
{
    static const char *const dirs[] = {VM_DIR "/home", VM_ROOT, VM_ROOT "/etc", VM_IMAGE};
    static const char conf[] = "stdio_handler = \"file\"\n"; /* else libvirt starts virtlogd */
    struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};

    if (mount("tmpfs", VM_DIR, "tmpfs", 2 | 4 /* NOSUID, NODEV */, "size=64m,mode=0755") < 0)
        return cmn_err_set(err, errno, "cannot mount a tmpfs: %s", strerror(errno));
    for (size_t i = 0; i < CMN_ARRAY_SIZE(dirs); i++)
        if (mkdir(dirs[i], 0755) < 0)
            return cmn_err_set(err, errno, "cannot make %s: %s", dirs[i], strerror(errno));
    int fd = open(VM_ROOT "/etc/qemu.conf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, conf, sizeof(conf) - 1) != (ssize_t)sizeof(conf) - 1)
        return cmn_err_set(err, EIO, "cannot write libvirt's configuration");
    (void)close(fd);
    if (syscall(SYS_mount_setattr, image, "", AT_EMPTY_PATH | AT_RECURSIVE, &ro, sizeof(ro)) < 0)
        return cmn_err_set(err, errno, "cannot make the guest image read-only: %s",
                           strerror(errno));
    int r = attach(image, VM_IMAGE);
    return r < 0 ? cmn_err_set(err, -r, "cannot mount the guest image: %s", strerror(-r)) : 0;
}

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    int r = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}

/* Ordinary user 1000, who is our root outside. */
static int take_user(struct cmn_err *err)
{
    char map[32];

    (void)snprintf(map, sizeof(map), "%d 0 1", USER);
    if (unshare(CLONE_NEWUSER) < 0)
        return cmn_err_set(err, errno, "cannot make a user namespace: %s", strerror(errno));
    int r = write_text("/proc/self/setgroups", "deny");
    if (r == 0)
        r = write_text("/proc/self/uid_map", map);
    if (r == 0)
        r = write_text("/proc/self/gid_map", map);
    return r < 0 ? cmn_err_set(err, -r, "cannot map an ordinary user: %s", strerror(-r)) : 0;
}

/* Its mode is for users of the host; the ids here are others (those of a group are lost). */
static bool may_open_kvm(void)
{
    int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

int vm_place_make(bool *kvm, bool snp, struct cmn_err *err)
{
    int image = open_tree(VM_IMAGE_FD, "");

    if (image < 0)
        return cmn_err_set(err, errno, "cannot bind the guest image: %s", strerror(errno));
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0)
        return cmn_err_set(err, errno, "cannot make namespaces: %s", strerror(errno));
    *kvm = *kvm && may_open_kvm();
    int r = make_dev(*kvm, snp, err);
    if (r == 0)
        r = make_tmp(image, err);
    return r < 0 ? r : take_user(err);
}
