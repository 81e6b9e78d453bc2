/* config.c - reads the machine's configuration; see machine.h. */
#include "sim/backend/machine/machine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_all(size_t *ret_len)
{
    struct stat st;

    if (fstat(MACHINE_CONFIG_FD, &st) < 0)
        machine_die(errno, "read the configuration");
    if (st.st_size <= 0 || st.st_size > (off_t)MACHINE_CONFIG_MAX)
        machine_die(EFBIG, "the configuration has %lld bytes, limit %u", (long long)st.st_size,
                    MACHINE_CONFIG_MAX);
    size_t len = (size_t)st.st_size, done = 0;
    char *data = malloc(len);
    if (!data)
        machine_die(ENOMEM, "read the configuration");
    while (done < len) {
        ssize_t n = pread(MACHINE_CONFIG_FD, data + done, len - done, (off_t)done);
        if (n <= 0)
            machine_die(n < 0 ? errno : EIO, "read the configuration");
        done += (size_t)n;
    }
    *ret_len = len;
    return data;
}

static char *text(const char *data, size_t len)
{
    char *s = strndup(data, len);

    if (!s)
        machine_die(ENOMEM, "read the configuration");
    return s;
}

static struct machine_listener *next_listener(struct machine_config *config)
{
    if (config->n_listeners == MACHINE_LISTENERS_MAX)
        machine_die(E2BIG, "more than %d listeners", MACHINE_LISTENERS_MAX);
    return &config->listeners[config->n_listeners++];
}

static void add_inet(struct machine_config *config, char *line)
{
    struct machine_listener *l = next_listener(config);
    char *blank = strchr(line, ' ');
    struct in_addr addr;

    if (blank)
        *blank = '\0';
    unsigned long port = blank ? strtoul(blank + 1, NULL, 10) : 0;
    if (port == 0 || port > UINT16_MAX || inet_pton(AF_INET, line, &addr) != 1)
        machine_die(EINVAL, "listener '%.64s' has no IPv4 address and port", line);
    l->ip = line;
    l->port = (uint16_t)port;
}

static void add(struct machine_config *config, char tag, const char *data, size_t len)
{
    switch (tag) {
    case MACHINE_HOSTNAME:
        config->hostname = text(data, len);
        break;
    case MACHINE_HOST:
        if (config->n_hosts == MACHINE_HOSTS_MAX)
            machine_die(E2BIG, "more than %d host names", MACHINE_HOSTS_MAX);
        config->hosts[config->n_hosts++] = text(data, len);
        break;
    case MACHINE_INET:
        add_inet(config, text(data, len));
        break;
    case MACHINE_UNIX:
        next_listener(config)->path = text(data, len);
        break;
    case MACHINE_ENV:
        if (config->n_env == MACHINE_ENV_MAX)
            machine_die(E2BIG, "more than %d environment variables", MACHINE_ENV_MAX);
        config->env[config->n_env++] = text(data, len);
        break;
    case MACHINE_INITDATA:
        config->initdata = (struct machine_blob){data, len};
        break;
    case MACHINE_TOML:
        config->toml = (struct machine_blob){data, len};
        break;
    default:
        machine_die(EINVAL, "unknown record 0x%02x in the configuration", (unsigned char)tag);
    }
}

void machine_config_parse(struct machine_config *config, const char *data, size_t len)
{
    const char *p = data;

    for (const char *end = p + len; p < end;) {
        uint32_t n;
        if ((size_t)(end - p) < 1 + sizeof(n))
            machine_die(EBADMSG, "the configuration ends within a record");
        char tag = *p++;
        memcpy(&n, p, sizeof(n));
        p += sizeof(n);
        if ((size_t)(end - p) < n)
            machine_die(EBADMSG, "the configuration ends within a record");
        add(config, tag, p, n);
        p += n;
    }
    if (!config->hostname)
        config->hostname = text("podvm", 5);
}

void machine_config_read(struct machine_config *config)
{
    size_t len = 0;
    const char *data = read_all(&len); /* lives as long as the program */

    machine_config_parse(config, data, len);
}
