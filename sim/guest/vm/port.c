/* port.c - virtio-serial ports by name; see vm.h. */
#include "sim/guest/vm/vm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORTS_DIR "/sys/class/virtio-ports"

enum { PORT_TIMEOUT_MS = 10000 };

static bool has_name(const char *port, const char *name)
{
    char path[300], text[128];

    (void)snprintf(path, sizeof(path), PORTS_DIR "/%.32s/name", port);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return strcmp(text, name) == 0;
}

static int find(const char *name, int flags)
{
    char path[300];
    struct dirent *e;
    int fd = -1;

    DIR *d = opendir(PORTS_DIR);
    while (fd < 0 && d && (e = readdir(d))) {
        if (!has_name(e->d_name, name))
            continue;
        (void)snprintf(path, sizeof(path), "/dev/%.32s", e->d_name);
        fd = open(path, flags | O_CLOEXEC);
    }
    if (d)
        (void)closedir(d);
    return fd;
}

/* The names of the ports come in messages of the device, after the driver is there. */
int vm_port_open(const char *name, int flags)
{
    struct sockaddr_nl addr = {.nl_family = AF_NETLINK, .nl_groups = 1};
    char event[8192];

    int s = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    if (s < 0 || bind(s, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
        machine_die(errno, "listen to the kernel's events");
    for (;;) {
        struct pollfd p = {s, POLLIN, 0};
        int fd = find(name, flags);
        if (fd >= 0) {
            (void)close(s);
            return fd;
        }
        if (poll(&p, 1, PORT_TIMEOUT_MS) <= 0)
            machine_die(ENODEV, "port %s", name);
        (void)recv(s, event, sizeof(event), 0); /* whatever it is: look again */
    }
}
