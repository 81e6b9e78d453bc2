/*
 * lint.h - mistakes in configuration that never reach a TEE: initdata, aa.toml, cdh.toml,
 * kbs-config, policies, reference values, the operators' manifests, certificates; each with file,
 * line and fix. Files are recognised by their content.
 *
 *     struct sim_lint *l = NULL;
 *     r = sim_lint_new(env, &l, &err);
 *     r = sim_lint_path(l, "deploy/", &err);            // a file or a folder, as often as wanted
 *     const json_t *found = sim_lint_finish(l);          // also what only shows across files
 *     sim_lint_free(l);
 *
 * A finding: {"file", "line" (0: unknown), "level": "error"|"warning", "code" (may be absent),
 * "message", "fix"}. Errors break something for certain, warnings may be meant so.
 */
#ifndef SIM_LINT_H
#define SIM_LINT_H

#include "common/env/env.h"
#include "common/json/json.h"

struct sim_lint;

int sim_lint_new(struct cmn_env *env, struct sim_lint **ret, struct cmn_err *err) CMN_MUST_USE;
void sim_lint_free(struct sim_lint *l);
/* -ENOENT, -EACCES ...: cannot be read. A file of an unknown kind is counted, not an error. */
int sim_lint_path(struct sim_lint *l, const char *path, struct cmn_err *err) CMN_MUST_USE;
/* The same for text that is at hand; name stands in findings. */
void sim_lint_text(struct sim_lint *l, const char *name, struct cmn_bytes text);
/* Cross checks, then all findings, borrowed, sorted by file and line. Once. */
const json_t *sim_lint_finish(struct sim_lint *l);
size_t sim_lint_files(const struct sim_lint *l);   /* recognised */
size_t sim_lint_skipped(const struct sim_lint *l); /* not recognised */

#endif
