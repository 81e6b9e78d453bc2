/*
 * machine.h - cocobox-machine: the "hardware and firmware" of a guest of the process backend.
 *
 * Started by the supervisor as its root, with fds: 3 answers (SEQPACKET), 4 configuration (a file),
 * 5 the agent's stream, 6 the folder of guest programs. It builds the guest's root file system from
 * the host's programs (read-only), forks the guest into fresh namespaces, maps its ids, and then
 * only waits. libc only: it must start at once.
 */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MACHINE_ANSWER_FD = 3, MACHINE_CONFIG_FD, MACHINE_AGENT_FD, MACHINE_BIN_FD };

#define MACHINE_CONFIG_MAX    (16u << 20)
#define MACHINE_LISTENERS_MAX 16
#define MACHINE_HOSTS_MAX     64
#define MACHINE_ENV_MAX       64
#define MACHINE_BIN_DIR       "/opt/cocobox/bin"
#define MACHINE_NEW_ROOT                                                                           \
    "/tmp" /* where the root is built; any folder that is there on every host */

/* The configuration is a list of records: tag (1 byte), length (4 bytes, native order), that many
 * bytes. */
enum machine_tag {
    MACHINE_HOSTNAME = 'H', /* "podvm" */
    MACHINE_HOST = 'h',     /* "127.0.0.3 kbs.local" */
    MACHINE_INET = 'L',     /* "127.0.0.3 8080" */
    MACHINE_UNIX = 'U',     /* "/run/cocobox/psp.sock" */
    MACHINE_ENV = 'E',      /* "NAME=value" */
    MACHINE_INITDATA = 'I', /* /run/peerpod/initdata */
    MACHINE_TOML = 'T',     /* /run/peerpod/initdata.toml */
};

struct machine_answer { /* with the listeners' fds in the order of their records if r is 0 */
    int32_t r;          /* 0 or -errno */
    char step[252]; /* what failed; if nothing did, what the guest runs on: "kvm", "tcg" or "" */
};

struct machine_blob {
    const char *data;
    size_t len;
};

struct machine_listener {
    char *ip; /* NULL: a unix socket at `path` */
    uint16_t port;
    char *path;
};

struct machine_config {
    char *hostname;
    char *hosts[MACHINE_HOSTS_MAX];
    size_t n_hosts;
    struct machine_listener listeners[MACHINE_LISTENERS_MAX];
    size_t n_listeners;
    char *env[MACHINE_ENV_MAX + 8];
    size_t n_env;
    struct machine_blob initdata;
    struct machine_blob toml;
};

/* Tells the answer socket that `step` failed with errno e, and exits 1. */
void machine_die(int e, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));

void machine_config_read(struct machine_config *config);
/* data must live as long as config. */
void machine_config_parse(struct machine_config *config, const char *data, size_t len);
/* In a mount namespace of the machine's own: everything under MACHINE_NEW_ROOT. */
void machine_root_build(const struct machine_config *config, int bin_tree);
/*
 * files.c: what is the same in every machine. Paths are the guest's; machine_root, which each
 * program defines, comes before them ("" inside a guest).
 */
extern const char machine_root[];
void machine_path_in_root(char out[static PATH_MAX], const char *path);
void machine_make_dir(const char *path, mode_t mode);
void machine_make_link(const char *target, const char *path);
void machine_write_file(const char *path, const char *data, size_t len);
void machine_write_text(const char *path, const char *s);
/* /etc and /run, with the initdata. */
void machine_files_build(const struct machine_config *config);
/* Runs in the guest's namespaces: root switch, network, listeners, exec of the guest's init. */
void machine_guest_run(const struct machine_config *config) __attribute__((noreturn));
/* Brings lo up, makes the sockets and fills fds. */
void machine_net_setup(const struct machine_config *config, int *fds);
/* Becomes the guest's init, with the configured environment and its agent's stream at fd 3. */
void machine_exec_init(const struct machine_config *config) __attribute__((noreturn));

#endif
