/* config.h - kbs.toml, .json or .yaml (upstream's kbs-config keys, and test_roots of ours) into
 * plain values. */
#ifndef KBS_CMD_CONFIG_H
#define KBS_CMD_CONFIG_H

#include "config-admin.h"
#include "config-snp.h"
#include "kbs-lite/kbs.h"

struct kbs_daemon_config {
    char *address; /* of http_server.sockets[0] */
    uint16_t port;
    size_t body_limit;
    bool insecure_http;
    char *certificate, *private_key; /* paths or NULL */
    char *store_dir;
    char *policy_set;
    char *era;        /* NULL: the newest */
    char *test_roots; /* path of a PEM chain, or NULL */
    bool trust_amd;
    bool strict;
    struct kbs_daemon_admin admin;
    struct kbs_daemon_snp snp;
    unsigned session_minutes, token_minutes;
    bool resource_plugin;
    bool insecure_header_jwk;
    struct cmn_buf warnings; /* one line each: keys without effect here */
};

/* -EINVAL and -EBADMSG name the key; the toml crate's own text for what is not TOML. */
int kbs_daemon_config_load(const char *path, struct kbs_daemon_config *ret,
                           struct cmn_err *err) CMN_MUST_USE;
void kbs_daemon_config_done(struct kbs_daemon_config *config);

#endif
