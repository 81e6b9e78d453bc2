/* files.c - the files of a guest's root that depend on its configuration: /etc and /run. */
#include "sim/backend/machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void machine_path_in_root(char out[static PATH_MAX], const char *path)
{
    int n = snprintf(out, PATH_MAX, "%s%s", machine_root, path);

    if (n < 0 || n >= PATH_MAX)
        machine_die(ENAMETOOLONG, "path '%.64s'", path);
}

void machine_make_dir(const char *path, mode_t mode)
{
    char p[PATH_MAX];

    machine_path_in_root(p, path);
    if (mkdir(p, mode) < 0 && errno != EEXIST)
        machine_die(errno, "make %s", path);
    if (chmod(p, mode) < 0)
        machine_die(errno, "make %s", path);
}

void machine_make_link(const char *target, const char *path)
{
    char p[PATH_MAX];

    machine_path_in_root(p, path);
    if (symlink(target, p) < 0)
        machine_die(errno, "make %s", path);
}

void machine_write_file(const char *path, const char *data, size_t len)
{
    char p[PATH_MAX];

    machine_path_in_root(p, path);
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

void machine_write_text(const char *path, const char *s)
{
    machine_write_file(path, s, strlen(s));
}

static void build_etc(const struct machine_config *config)
{
    char hosts[MACHINE_HOSTS_MAX * 320 + 512], name[80];
    size_t n;

    machine_make_dir("/etc", 0755);
    machine_write_text("/etc/passwd",
                       "root:x:0:0:root:/root:/bin/sh\n"
                       "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n");
    machine_write_text("/etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n");
    machine_write_text("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
    machine_write_text("/etc/resolv.conf", "");
    (void)snprintf(name, sizeof(name), "%.64s\n", config->hostname);
    machine_write_text("/etc/hostname", name);
    n = (size_t)snprintf(hosts, sizeof(hosts), "127.0.0.1 localhost %.64s\n::1 localhost\n",
                         config->hostname);
    for (size_t i = 0; i < config->n_hosts; i++)
        n += (size_t)snprintf(hosts + n, sizeof(hosts) - n, "%.300s\n", config->hosts[i]);
    machine_write_file("/etc/hosts", hosts, n);
    machine_write_text("/etc/agent-config.toml",
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
        machine_make_dir(dirs[i], 0755);
    machine_write_text("/run/peerpod/auth.json", "{\"auths\":{}}");
    if (config->initdata.len)
        machine_write_file("/run/peerpod/initdata", config->initdata.data, config->initdata.len);
    if (config->toml.len)
        machine_write_file("/run/peerpod/initdata.toml", config->toml.data, config->toml.len);
}

void machine_files_build(const struct machine_config *config)
{
    build_etc(config);
    build_run(config);
}
