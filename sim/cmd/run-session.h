/*
 * run-session.h - what all scenarios of one `cocobox run` share, and one scenario in it.
 *
 *     struct run_session s;
 *     r = run_session_open(&opts, &s, &err);            // blocks SIGINT, SIGTERM, SIGHUP: they
 * become s.stop_fd enum run_result got = run_session_file(&s, path); // loads, checks needs, runs,
 * reports run_session_close(&s);
 */
#ifndef SIM_CMD_RUN_SESSION_H
#define SIM_CMD_RUN_SESSION_H

#include "sim/cmd/cmd.h"
#include "sim/report/report.h"

enum run_result { RUN_PASSED, RUN_FAILED, RUN_ERROR, RUN_SKIPPED, RUN_INTERRUPTED, RUN_RESULTS };

struct run_opts {
    bool json, verbose;
    const char *backend; /* NULL: process */
    bool keep;           /* the guest stays after its flow, until a signal */
    struct sim_vm_opts vm;
    const char *seed;   /* NULL: the system's randomness and clock */
    const char *bundle; /* folder for one bundle for each scenario; NULL: none */
    const char *kbs_url, *kbs_ca_pem, *kbs_admin_bearer; /* somebody else's KBS, see run.h */
};

struct run_session {
    struct run_opts opts;
    char *cache_dir, *guest_dir, *script;
    struct sim_vm_machine vm; /* of backend vm */
    int stop_fd;              /* readable after a signal; never read */
};

int run_session_open(const struct run_opts *opts, struct run_session *ret,
                     struct cmn_err *err) CMN_MUST_USE;
void run_session_close(struct run_session *s);
/* The caller is single-threaded. Reports on out, what could not be run on errs. */
enum run_result run_session_file(const struct run_session *s, const char *path, FILE *out,
                                 FILE *errs);

/*
 * run-jobs.c: every file in a process of its own, up to n_jobs at once; each one's report is
 * printed whole when it ends. Counts results into counts. Stops early after a result other than
 * passed or skipped unless keep_going.
 */
int run_jobs(const struct run_session *s, const struct sim_strings *files, unsigned n_jobs,
             bool keep_going, unsigned counts[RUN_RESULTS], struct cmn_err *err) CMN_MUST_USE;

#endif
