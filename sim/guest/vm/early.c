/* early.c - mounts and modules; see vm.h. */
#include "sim/guest/vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void must_mount(const char *what, const char *where, const char *type, unsigned long flags,
                       const char *data)
{
    (void)mkdir(where, 0755);
    if (mount(what, where, type, flags, data) < 0)
        machine_die(errno, "mount %s", where);
}

/*
 * The initramfs is the kernel's first root and cannot be pivoted away from, which crun does. A bind
 * mount of it moved onto it is an ordinary mount, and nothing need be copied.
 */
static void ordinary_root(void)
{
    if (mount("/", "/mnt", NULL, MS_BIND, NULL) < 0 || chdir("/mnt") < 0 ||
        mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
        machine_die(errno, "make a root");
}

void vm_mount_all(void)
{
    (void)umask(022);
    ordinary_root();
    /* images are unpacked here; half of the memory, which is usual for a tmpfs, would be too little
     */
    if (mount(NULL, "/", NULL, MS_REMOUNT, "size=90%") < 0)
        vm_say("the root stays small: %s", strerror(errno));
    must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    must_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    must_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
    must_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
               "newinstance,ptmxmode=0666,mode=0620");
    must_mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
    must_mount("tmpfs", "/sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
               "size=64k,mode=0755");
    (void)symlink("/proc/self/fd", "/dev/fd");
    (void)symlink("/proc/self/fd/0", "/dev/stdin");
    (void)symlink("/proc/self/fd/1", "/dev/stdout");
    (void)symlink("/proc/self/fd/2", "/dev/stderr");
}

static int load(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    int r = syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST ? -errno : 0;
    (void)close(fd);
    return r;
}

int vm_modules_load(const char *list)
{
    char path[256], line[256];
    int first = 0;

    (void)snprintf(path, sizeof(path), VM_MODULES "/%s", list);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        int r = load(line);
        if (r < 0 && first == 0)
            first = r;
        if (r < 0 && r != -ENODEV)
            vm_say("module %s: %s", line, strerror(-r));
    }
    if (f)
        (void)fclose(f);
    return first;
}
