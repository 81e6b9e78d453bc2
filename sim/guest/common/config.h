/*
 * config.h - reads a guest component's configuration file, TOML or JSON by its extension, as the
 * config crate does; and the values the kernel command line or AA_KBC_PARAMS give instead.
 */
#ifndef SIM_GUEST_CONFIG_H
#define SIM_GUEST_CONFIG_H

#include "common/json/json.h"

/* Caller owns *ret, an object. -EBADMSG with the toml crate's text; -ENOENT; above 8 MiB -EFBIG. */
int guest_config_load(const char *path, json_t **ret, struct cmn_err *err) CMN_MUST_USE;
/* TOML text to JSON. */
int guest_toml_load(struct cmn_bytes text, json_t **ret, struct cmn_err *err) CMN_MUST_USE;

/*
 * <kbc>::<uri> of env AA_KBC_PARAMS, else of agent.aa_kbc_params in /proc/cmdline, else
 * "offline_fs_kbc" and "". Both are malloc'ed. -EINVAL: "illegal aa_kbc_params format: ...".
 */
int guest_kbc_params(char **ret_kbc, char **ret_uri, struct cmn_err *err) CMN_MUST_USE;

#endif
