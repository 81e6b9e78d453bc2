/* config-admin.h - the [admin] section of kbs.toml as plain values. */
#ifndef KBS_CMD_CONFIG_ADMIN_H
#define KBS_CMD_CONFIG_ADMIN_H

#include "kbs-lite/kbs.h"

struct kbs_daemon_admin {
    enum kbs_admin_mode mode;
    struct kbs_admin_issuer *issuers; /* n of them, with their keys in pems */
    struct cmn_buf *pems;
    size_t n;
    struct kbs_admin_acl *acls;
    size_t n_acls;
    json_t *doc; /* the texts above lie in it */
};

/* Reads the section and the key files it names. -EINVAL names the member. */
int kbs_daemon_admin_read(const json_t *admin, struct kbs_daemon_admin *ret,
                          struct cmn_err *err) CMN_MUST_USE;
void kbs_daemon_admin_done(struct kbs_daemon_admin *admin);

#endif
