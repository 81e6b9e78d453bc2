/*
 * bundle.h - what a support case needs, in one folder or one .tar.zst, without its secrets.
 *
 *     struct sim_bundle *b = NULL;
 *     r = sim_bundle_new(env, &b, &err);
 *     r = sim_bundle_add_path(b, "must-gather/", &err);      // as often as wanted
 *     r = sim_bundle_write(b, "case.tar.zst", &err);         // or a folder that does not exist yet
 *     sim_bundle_free(b);
 *
 * Files are recognised by their content. Text goes in after sim_redact_text (redact.h); binary
 * files only when they are of a known public kind (report, certificate ...). What is neither is
 * left out, and named in bundle.json with the reason. Folders that hold secrets by their nature (a
 * KBS's repository, .ssh ...) are never opened.
 */
#ifndef SIM_BUNDLE_H
#define SIM_BUNDLE_H

#include "common/env/env.h"
#include "common/json/json.h"

struct sim_bundle;

int sim_bundle_new(struct cmn_env *env, struct sim_bundle **ret, struct cmn_err *err) CMN_MUST_USE;
void sim_bundle_free(struct sim_bundle *b); /* NULL ok */
int sim_bundle_add_path(struct sim_bundle *b, const char *path, struct cmn_err *err) CMN_MUST_USE;
void sim_bundle_add(struct sim_bundle *b, const char *name, struct cmn_bytes bytes);
/* -EEXIST: never writes over anything. */
int sim_bundle_write(struct sim_bundle *b, const char *path, struct cmn_err *err) CMN_MUST_USE;
/* {"cocobox-bundle", "clock", "files": [...], "skipped": [...]}; borrowed. */
const json_t *sim_bundle_info(const struct sim_bundle *b);

/* ---- archive.c: .tar, .tar.gz, .tar.zst ---- */

bool sim_archive_name(const char *path); /* by its ending */
/* Each regular file; at most max_bytes each, larger ones are left out. -EINVAL: not an archive. */
int sim_archive_read(const char *path, size_t max_bytes,
                     void (*file)(void *ctx, const char *name, struct cmn_bytes bytes), void *ctx,
                     struct cmn_err *err) CMN_MUST_USE;
/* Repeatable: files in the order given, without owner and with one time. */
int sim_archive_write(const char *path, const char *const *names, const struct cmn_buf *files,
                      size_t n, int64_t time, struct cmn_err *err) CMN_MUST_USE;

#endif
