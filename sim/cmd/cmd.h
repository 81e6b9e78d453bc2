/* cmd.h - cocobox's subcommands: one file each, one table row each in cocobox.c. */
#ifndef SIM_CMD_H
#define SIM_CMD_H

#include "common/json/json.h"
#include "sim/scenario/plan.h"

/* Exit statuses of every subcommand. */
enum {
    SIM_EXIT_OK = 0,
    SIM_EXIT_FAILED = 1,
    SIM_EXIT_USAGE = 2,
    SIM_EXIT_HOST = 3,
    SIM_EXIT_SKIPPED = 77
};

/* argv[0] is the subcommand's name. */
int sim_cmd_run(int argc, char **argv);
int sim_cmd_list(int argc, char **argv);
int sim_cmd_host(int argc, char **argv);
int sim_cmd_reasons(int argc, char **argv);
int sim_cmd_why(int argc, char **argv);
int sim_cmd_inspect(int argc, char **argv);
int sim_cmd_lint(int argc, char **argv);
int sim_cmd_replay(int argc, char **argv);
int sim_cmd_bundle(int argc, char **argv);
int sim_cmd_shell(int argc, char **argv);
int sim_cmd_conformance(int argc, char **argv);

/* args.c: --json, --help and a list of things. Anything but SIM_EXIT_OK: it has told why. */
struct sim_cmd_args {
    bool json;
    char **items;
    int n;
};
int sim_cmd_args(int argc, char **argv, const char *items_doc, const char *doc,
                 struct sim_cmd_args *ret);

/* argp's program name for messages: "cocobox run". */
int sim_cmd_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- paths.c: where things are, from environment, build tree or installation. Malloc'ed. ---- */

/* COCOBOX_CACHE, else $XDG_CACHE_HOME/cocobox, else $HOME/.cache/cocobox; made with mode 0700. */
int sim_path_cache(char **ret, struct cmn_err *err) CMN_MUST_USE;
/* COCOBOX_GUEST_DIR, else beside this program. -ENOENT. */
int sim_path_guest(char **ret, struct cmn_err *err) CMN_MUST_USE;
/* COCOBOX_FIXTURE_SCRIPT, else the source tree's or the installed one; NULL when there is none. */
char *sim_path_fixture_script(void);
/* Folder of the scenarios that come with cocobox; NULL when there is none. */
char *sim_path_scenarios(void);

/* ---- vm-machine.c: what a run in the vm backend needs from this host ---- */

struct sim_vm_opts {
    const char *kernel;    /* of --kernel; NULL: the distribution's */
    const char *guest_dir; /* of --guest-dir; NULL: none */
    bool snp;              /* for a SEV-SNP processor: the host must have all it needs */
};

struct sim_vm_machine {
    char *image_dir, *emulator;
    char *firmware; /* of SEV-SNP guests, else NULL */
    bool kvm;
};

/*
 * Finds QEMU, makes the guest image if there is none of these programs yet (its progress goes to
 * stderr), and tries KVM. host.tool-missing, host.guest-image,
 * host.snp-missing.
 */
int sim_vm_machine_find(const char *cache_dir, const char *guest_bin_dir,
                        const struct sim_vm_opts *opts, struct sim_vm_machine *ret,
                        struct cmn_err *err) CMN_MUST_USE;
void sim_vm_machine_done(struct sim_vm_machine *vm);

/* The script of paths.c's kind that makes the image; NULL when there is none. */
char *sim_path_image_script(void);

/* ---- host-check.c ---- */

/* A program in PATH, or where system programs are. */
bool sim_host_find_program(const char *name, char *out, size_t cap);

struct sim_host_check {
    const char *name; /* "user-namespaces", "kvm", ... */
    bool ok;
    bool warn;   /* works, but see the hint */
    bool needed; /* nothing runs without it */
    const char *for_what;
    char found[256];
    char hint[384]; /* what to do when not ok */
};

enum { SIM_HOST_CHECKS = 24 };

/* Probes all; the caller is single-threaded. Returns how many. */
size_t sim_host_check_all(struct sim_host_check out[SIM_HOST_CHECKS]);
/* Is a scenario's need met? why (of size cap) says why not. */
bool sim_host_has(const char *need, char *why, size_t cap);

#endif
