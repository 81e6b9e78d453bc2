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

static void path_in_root(char out[static PATH_MAX], const char *path)
{
    int n = snprintf(out, PATH_MAX, MACHINE_NEW_ROOT "%s", path);

    if (n < 0 || n >= PATH_MAX)
        machine_die(ENAMETOOLONG, "path '%.64s'", path);
}

static void make_dir(const char *path, mode_t mode)
{
    char p[PATH_MAX];

    path_in_root(p, path);
    if (mkdir(p, mode) < 0 && errno != EEXIST)
        machine_die(errno, "make %s", path);
    if (chmod(p, mode) < 0)
        machine_die(errno, "make %s", path);
}

static void make_link(const char *target, const char *path)
{
    char p[PATH_MAX];

    path_in_root(p, path);
    if (symlink(target, p) < 0)
        machine_die(errno, "make %s", path);
}

static void write_file(const char *path, const char *data, size_t len)
{
    char p[PATH_MAX];

    path_in_root(p, path);
    int fd = open(p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        machine_die(errno, "write %s", path);
    while (len) {
        ssize_t n = write(fd, data, len);
        if (n < 0)
            machine_die(errno, "write %s", path);
        data += n;
        len -= (size_t)n;
    }
    (void)close(fd);
}

static void write_text(const char *path, const char *s)
{
    write_file(path, s, strlen(s));
}

/* Attaches a cloned mount tree at path; attr are MOUNT_ATTR_* for it and all below. */
static void attach(int tree, const char *path, uint64_t attr)
{
    struct mount_attr set = {.attr_set = attr};
    char p[PATH_MAX];

    path_in_root(p, path);
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
        make_link(target, path);
    } else if (S_ISDIR(st.st_mode)) {
        make_dir(path, 0755);
        attach(clone_tree(path), path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    } else {
        write_text(path, "");
        attach(clone_tree(path), path, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    }
}

static void build_dev(void)
{
    static const char *const nodes[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                        "/dev/random", "/dev/urandom", "/dev/tty"};

    make_dir("/dev", 0755);
    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
        if (access(nodes[i], F_OK) == 0) {
            write_text(nodes[i], "");
            attach(clone_tree(nodes[i]), nodes[i], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        }
    make_dir("/dev/shm", 01777);
    make_dir("/dev/pts", 0755);
    make_link("/proc/self/fd", "/dev/fd");
    make_link("/proc/self/fd/0", "/dev/stdin");
    make_link("/proc/self/fd/1", "/dev/stdout");
    make_link("/proc/self/fd/2", "/dev/stderr");
    /* terminals are a comfort: a kernel that refuses the mount still boots the guest */
    if (mount("devpts", MACHINE_NEW_ROOT "/dev/pts", "devpts", 2 | 8 /* NOSUID, NOEXEC */,
              "newinstance,ptmxmode=0666,mode=0620") == 0)
        make_link("pts/ptmx", "/dev/ptmx");
}

static void build_etc(const struct machine_config *config)
{
    static const char *const from_host[] = {"/etc/ld.so.cache", "/etc/alternatives", "/etc/ssl",
                                            "/etc/pki"};
    char hosts[MACHINE_HOSTS_MAX * 320 + 512], name[80];
    size_t n;

    make_dir("/etc", 0755);
    for (size_t i = 0; i < sizeof(from_host) / sizeof(from_host[0]); i++)
        bring_folder(from_host[i]);
    write_text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"
                              "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
    write_text("/etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n");
    write_text("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
    write_text("/etc/resolv.conf", "");
    (void)snprintf(name, sizeof(name), "%.64s\n", config->hostname);
    write_text("/etc/hostname", name);
    n = (size_t)snprintf(hosts, sizeof(hosts), "127.0.0.1 localhost %.64s\n::1 localhost\n",
                         config->hostname);
    for (size_t i = 0; i < config->n_hosts; i++)
        n += (size_t)snprintf(hosts + n, sizeof(hosts) - n, "%.300s\n", config->hosts[i]);
    write_file("/etc/hosts", hosts, n);
    write_text("/etc/agent-config.toml",
               "server_addr = \"unix:///run/kata-containers/agent.sock\"\n"
               "guest_components_procs = \"none\"\n");
}

static void build_run(const struct machine_config *config)
{
    static const char *const dirs[] = {"/run",
                                       "/run/peerpod",
                                       "/run/cocobox",
                                       "/run/confidential-containers",
                                       "/run/lock",
                                       "/run/confidential-containers/attestation-agent",
                                       "/run/kata-containers"};

    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        make_dir(dirs[i], 0755);
    write_text("/run/peerpod/auth.json", "{\"auths\":{}}");
    if (config->initdata.len)
        write_file("/run/peerpod/initdata", config->initdata.data, config->initdata.len);
    if (config->toml.len)
        write_file("/run/peerpod/initdata.toml", config->toml.data, config->toml.len);
}

void machine_root_build(const struct machine_config *config, int bin_tree)
{
    static const char *const programs[] = {"/usr",   "/bin",   "/sbin",  "/lib",
                                           "/lib64", "/lib32", "/libx32"};
    static const char *const dirs[] = {
        "/proc",         "/sys", "/sys/fs",  "/sys/fs/cgroup", "/opt",  "/opt/cocobox",
        MACHINE_BIN_DIR, "/var", "/var/lib", "/var/log",       "/home", "/mnt"};

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
        bring_folder(programs[i]);
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
        make_dir(dirs[i], 0755);
    make_dir("/root", 0700);
    make_dir("/tmp", 01777);
    make_dir("/var/tmp", 01777);
    make_link("/run", "/var/run");
    attach(bin_tree, MACHINE_BIN_DIR, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    build_dev();
    build_etc(config);
    build_run(config);
}
