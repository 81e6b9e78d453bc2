/* fixture.h - image fixtures of the cache folder: OCI layouts made by a script when they are
 * missing. */
#ifndef SIM_RUN_FIXTURE_H
#define SIM_RUN_FIXTURE_H

#include "sim/image/oci-store.h"

/*
 * Opens cache_dir/images/<name>; when it is not there, runs `script name folder` first, with a
 * deadline. stop_fd readable stops the script (-EINTR). -ENOENT when there is no script, -ENOEXEC
 * when it fails.
 */
int sim_fixture_open(const char *cache_dir, const char *name, const char *script, int stop_fd,
                     struct sim_oci_store **ret, struct cmn_err *err) CMN_MUST_USE;

#endif
