/*
 * guest.h - what every program of the guest does the same way: its log and its event lines on
 * stderr, its world, its socket.
 *
 *     guest_log_setup(NULL, &err);                      // RUST_LOG, else the config's level, else
 * info cmn_log(CMN_LOG_INFO, "ttrpc_cdh", "starting");    // a line in upstream's form
 *     guest_event("cdh.resource", "release-key", "refused", CMN_REASON_TOKEN_MISSING, "text",
 *                 json_pack("{s:s}", "uri", uri));        // a line for cocobox
 *
 * The guest's init puts "<part>: " before every line and sends it to the console, where cocobox
 * reads it.
 */
#ifndef SIM_GUEST_H
#define SIM_GUEST_H

#include "common/env/env.h"
#include "common/err/err.h"
#include "common/json/json.h"
#include "common/log/log.h"

#define GUEST_AA_SOCKET    "/run/confidential-containers/attestation-agent/attestation-agent.sock"
#define GUEST_CDH_SOCKET   "/run/confidential-containers/cdh.sock"
#define GUEST_AGENT_SOCKET "/run/kata-containers/agent.sock"
#define GUEST_PSP_SOCKET   "/run/cocobox/psp.sock" /* or env COCOBOX_PSP */

/*
 * One event line: byte 1E, then {"name","phase","outcome","code","message","details"} in one line.
 * outcome: "begin", "ok", "refused", "failed" or "warn". code is the reason's name, absent for
 * NONE; message (no secret) and details (any object, the reference is taken over) may be NULL.
 */
void guest_event(const char *name, const char *phase, const char *outcome, enum cmn_reason reason,
                 const char *message, json_t *details);

/*
 * Log level: env RUST_LOG wins, else level (NULL: info).
 * -EINVAL with upstream's texts "RUST_LOG is present but invalid", "Invalid log level: X".
 */
int guest_log_setup(const char *level, struct cmn_err *err) CMN_MUST_USE;

/* Env COCOBOX_SEED (64 hex digits): the stream `label` of that seeded world; else the system's. */
int guest_env_open(const char *label, struct cmn_env **ret, struct cmn_err *err) CMN_MUST_USE;
/* Value of an environment variable that holds a number of milliseconds, def if absent or no number.
 */
unsigned guest_env_ms(const char *name, unsigned def);

/*
 * Listens at a unix socket path ("unix://" is allowed before it): makes its folder, removes a stale
 * file. The name appears only once the socket accepts, so who waits for the file can connect.
 * Returns the fd.
 */
int guest_listen(const char *address, struct cmn_err *err) CMN_MUST_USE;

/* Blocks SIGINT, SIGHUP, SIGTERM for all threads (call first), then waits for one of them. */
void guest_signals_block(void);
int guest_signals_wait(void);

#endif
