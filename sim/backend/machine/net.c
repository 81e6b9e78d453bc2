/* net.c - the guest's network: lo, and the sockets that are served from outside. */
#include "sim/backend/machine/machine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static struct sockaddr_in inet_address(const char *ip, uint16_t port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (inet_pton(AF_INET, ip, &sa.sin_addr) != 1)
        machine_die(EINVAL, "'%.64s' is no IPv4 address", ip);
    return sa;
}

static void lo_up(int s)
{
    struct ifreq req = {.ifr_name = "lo"};

    if (ioctl(s, SIOCGIFFLAGS, &req) < 0)
        machine_die(errno, "read the flags of lo");
    req.ifr_flags = (short)(req.ifr_flags | IFF_UP | IFF_RUNNING);
    if (ioctl(s, SIOCSIFFLAGS, &req) < 0)
        machine_die(errno, "bring lo up");
}

/* One more address on lo, as alias lo:<n> with a host mask. */
static void lo_add(int s, const char *ip, unsigned n)
{
    struct sockaddr_in addr = inet_address(ip, 0), mask = inet_address("255.255.255.255", 0);
    struct ifreq req = {0};

    (void)snprintf(req.ifr_name, sizeof(req.ifr_name), "lo:%u", n);
    memcpy(&req.ifr_addr, &addr, sizeof(addr));
    if (ioctl(s, SIOCSIFADDR, &req) < 0)
        machine_die(errno, "give lo the address %s", ip);
    memcpy(&req.ifr_netmask, &mask, sizeof(mask));
    if (ioctl(s, SIOCSIFNETMASK, &req) < 0)
        machine_die(errno, "give lo the address %s", ip);
}

static int listen_inet(const struct machine_listener *l)
{
    struct sockaddr_in sa = inet_address(l->ip, l->port);
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (s < 0 || bind(s, (const struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(s, BACKLOG) < 0)
        machine_die(errno, "listen on %s:%u", l->ip, l->port);
    return s;
}

static int listen_unix(const struct machine_listener *l)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t n = strlen(l->path);

    if (n >= sizeof(sa.sun_path))
        machine_die(ENAMETOOLONG, "listen on %.128s", l->path);
    memcpy(sa.sun_path, l->path, n + 1);
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0 || bind(s, (const struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(s, BACKLOG) < 0)
        machine_die(errno, "listen on %s", l->path);
    return s;
}

static int seen_before(const struct machine_config *config, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (config->listeners[k].ip &&
            strcmp(config->listeners[k].ip, config->listeners[i].ip) == 0)
            return 1;
    return 0;
}

void machine_net_setup(const struct machine_config *config, int *fds)
{
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unsigned aliases = 0;

    if (s < 0)
        machine_die(errno, "make a socket");
    lo_up(s);
    for (size_t i = 0; i < config->n_listeners; i++) {
        const struct machine_listener *l = &config->listeners[i];
        if (l->ip && strncmp(l->ip, "127.", 4) != 0 && !seen_before(config, i))
            lo_add(s, l->ip, aliases++);
        fds[i] = l->ip ? listen_inet(l) : listen_unix(l);
    }
    (void)close(s);
}
