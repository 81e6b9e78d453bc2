/* root.c - the guest's root: a tmpfs with the host's programs bound into it read-only. */
#include "sim/backend/machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's sys/mount.h and linux/mount.h cannot be had together in every version */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
          const void *data);
enum { BIND_FLAGS = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE };

/* Attaches a cloned mount tree at path; attr are MOUNT_ATTR_* for it and all below. */
static void attach(int tree, const char *path, uint64_t attr)
{
    struct mount_attr set = {.attr_set = attr};
    char p[PATH_MAX];

    machine_path_in_root(p, path);
    if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &set, sizeof(set)) < 0)
        machine_die(errno, "set the mount flags of %s", path);
    if (syscall(SYS_move_mount, tree, "", AT_FDCWD, p, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        machine_die(errno, "mount %s", path);
    (void)close(tree);
}

static int clone_tree(const char *path)
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, path, BIND_FLAGS);

    if (tree < 0)
        machine_die(errno, "bind %s", path);
    return tree;
}

/* A folder of the host, as a read-only bind; a symbolic link as one; nothing if it is absent. */
static void bring_folder(const char *path)
{
    char target[PATH_MAX];
    struct stat st;

    if (lstat(path, &st) < 0)
        return;
    if (S_ISLNK(st.st_mode)) {
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        if (n < 0)
            machine_die(errno, "read %s", path);
        target[n] = '\0';
        machine_make_link(target, path);
    } else if (S_ISDIR(st.st_mode)) {
        machine_make_dir(path, 0755);
        attach(clone_tree(path), path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    } else {
        machine_write_text(path, "");
        attach(clone_tree(path), path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    }
}

static void build_dev(void)
{
    static const char *const nodes[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                        "/dev/random", "/dev/urandom", "/dev/tty"};

    machine_make_dir("/dev", 0755);
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (access(nodes[i], F_OK) == 0) {
            machine_write_text(nodes[i], "");
            attach(clone_tree(nodes[i]), nodes[i], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        }
    machine_make_dir("/dev/shm", 01777);
    machine_make_dir("/dev/pts", 0755);
    machine_make_link("/proc/self/fd", "/dev/fd");
    machine_make_link("/proc/self/fd/0", "/dev/stdin");
    machine_make_link("/proc/self/fd/1", "/dev/stdout");
    machine_make_link("/proc/self/fd/2", "/dev/stderr");
    /* terminals are a comfort: a kernel that refuses the mount still boots the guest */
    if (mount("devpts", MACHINE_NEW_ROOT "/dev/pts", "devpts", 2 | 8 /* NOSUID, NOEXEC */,
              "newinstance,ptmxmode=0666,mode=0620") == 0)
        machine_make_link("pts/ptmx", "/dev/ptmx");
}

void machine_root_build(const struct machine_config *config, int bin_tree)
{
    static const char *const programs[] = {"/usr",   "/bin",   "/sbin",  "/lib",
                                           "/lib64", "/lib32", "/libx32"};
    static const char *const from_host[] = {"/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl",
                                            "/etc/pki"};
    static const char *const dirs[] = {
        "/proc",         "/sys", "/sys/fs",  "/sys/fs/cgroup", "/opt",  "/opt/cocobox",
        MACHINE_BIN_DIR, "/var", "/var/lib", "/var/log",       "/home", "/mnt"};

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
        bring_folder(programs[i]);
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        machine_make_dir(dirs[i], 0755);
    machine_make_dir("/root", 0700);
    machine_make_dir("/tmp", 01777);
    machine_make_dir("/var/tmp", 01777);
    machine_make_link("/run", "/var/run");
    attach(bin_tree, MACHINE_BIN_DIR, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    build_dev();
    machine_make_dir("/etc", 0755);
    for (size_t i = 0; i < sizeof(from_host) / sizeof(from_host[0]); i++)
        bring_folder(from_host[i]);
    machine_files_build(config);
}
