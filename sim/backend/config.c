/* config.c - a machine's configuration as the records of machine.h; see backend-internal.h. */
#include "sim/backend/backend-internal.h"
#include "sim/backend/machine/machine.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int put(struct cmn_buf *b, char tag, const void *data, size_t len)
{
    uint32_t n = (uint32_t)len;

    if (len > MACHINE_CONFIG_MAX)
        return -EFBIG;
    int r = cmn_buf_put(b, &tag, 1);
    if (r == 0)
        r = cmn_buf_put(b, &n, sizeof(n));
    return r == 0 && len ? cmn_buf_put(b, data, len) : r;
}

static bool is_host_name(const char *s)
{
    size_t n = s ? strlen(s) : 0;

    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && !strchr("-._", s[i]))
            return false;
    return n > 0 && n <= 253;
}

static bool is_ip(const char *s)
{
    struct in_addr addr;

    return s && inet_pton(AF_INET, s, &addr) == 1;
}

static int put_hosts(struct cmn_buf *b, const struct sim_machine_config *config,
                     struct cmn_err *err)
{
    char line[300];
    int r = 0;

    if (config->n_hosts > SIM_HOSTS_MAX)
        return cmn_err_set(err, E2BIG, "%zu host names, limit %d", config->n_hosts, SIM_HOSTS_MAX);
    for (size_t i = 0; r == 0 && i < config->n_hosts; i++) {
        const struct sim_host *h = &config->hosts[i];
        if (!is_ip(h->ip) || !is_host_name(h->name))
            return cmn_err_set(err, EINVAL, "'%.64s %.64s' is no IPv4 address and host name",
                               h->ip ? h->ip : "", h->name ? h->name : "");
        int n = snprintf(line, sizeof(line), "%s %s", h->ip, h->name);
        r = put(b, MACHINE_HOST, line, (size_t)n);
    }
    return r < 0 ? cmn_err_set(err, -r, "no memory") : 0;
}

static int put_listeners(struct cmn_buf *b, const struct sim_machine_config *config,
                         struct cmn_err *err)
{
    char line[64];
    int r = 0;

    if (config->n_listeners > SIM_LISTENERS_MAX)
        return cmn_err_set(err, E2BIG, "%zu listeners, limit %d", config->n_listeners,
                           SIM_LISTENERS_MAX);
    for (size_t i = 0; r == 0 && i < config->n_listeners; i++) {
        const struct sim_listener *l = &config->listeners[i];
        if (!l->name || strlen(l->name) >= sizeof(((struct sim_machine *)NULL)->listeners[0].name))
            return cmn_err_set(err, EINVAL, "a listener has no name, or one of 64 letters or more");
        if (l->unix_path && l->unix_path[0] == '/') {
            r = put(b, MACHINE_UNIX, l->unix_path, strlen(l->unix_path));
        } else if (is_ip(l->ip) && l->port) {
            int n = snprintf(line, sizeof(line), "%s %u", l->ip, (unsigned)l->port);
            r = put(b, MACHINE_INET, line, (size_t)n);
        } else {
            return cmn_err_set(err, EINVAL,
                               "listener '%.64s' has neither IPv4 address and port nor an "
                               "absolute path",
                               l->name);
        }
    }
    return r < 0 ? cmn_err_set(err, -r, "no memory") : 0;
}

static int put_env(struct cmn_buf *b, const struct sim_machine_config *config)
{
    char seed[128];
    int r = 0;

    if (config->seed) {
        int n = snprintf(seed, sizeof(seed), "COCOBOX_SEED=%.100s", config->seed);
        r = put(b, MACHINE_ENV, seed, (size_t)n);
    }
    for (size_t i = 0; r == 0 && config->env && config->env[i]; i++)
        r = put(b, MACHINE_ENV, config->env[i], strlen(config->env[i]));
    return r;
}

static int pack(const struct sim_machine_config *config, struct cmn_buf *b, struct cmn_err *err)
{
    const char *hostname = config->hostname ? config->hostname : "podvm";

    if (!is_host_name(hostname) || strlen(hostname) > 63)
        return cmn_err_set(err, EINVAL, "'%.80s' is no host name of up to 63 letters", hostname);
    int r = put_hosts(b, config, err);
    if (r == 0)
        r = put_listeners(b, config, err);
    if (r < 0)
        return r;
    if (put(b, MACHINE_HOSTNAME, hostname, strlen(hostname)) < 0 || put_env(b, config) < 0 ||
        put(b, MACHINE_INITDATA, config->initdata.data, config->initdata.len) < 0 ||
        put(b, MACHINE_TOML, config->initdata_toml.data, config->initdata_toml.len) < 0 ||
        b->len > MACHINE_CONFIG_MAX)
        return cmn_err_set(err, EFBIG, "the machine's configuration is larger than %u bytes",
                           MACHINE_CONFIG_MAX);
    return 0;
}

int sim_machine_config_file(const struct sim_machine_config *config, struct cmn_err *err)
{
    auto_buf struct cmn_buf b = {0};

    int r = pack(config, &b, err);
    if (r < 0)
        return r;
    int fd = memfd_create("machine", MFD_CLOEXEC);
    if (fd < 0)
        return cmn_err_set(err, errno, "cannot make a memfd: %s", strerror(errno));
    r = cmn_fd_write_all(fd, b.data, b.len);
    if (r < 0) {
        (void)close(fd);
        return cmn_err_set(err, -r, "cannot write a memfd: %s", strerror(-r));
    }
    return fd;
}
