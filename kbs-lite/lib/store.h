/*
 * store.h - kbs_store: named values in namespaces, as upstream's key-value storage.
 * Each put is atomic. Two kinds: memory, and a folder in the layout of upstream's LocalFs backend.
 */
#ifndef KBS_STORE_H
#define KBS_STORE_H

#include "common/buf/buf.h"

struct kbs_store {
    int (*get)(struct kbs_store *s, const char *ns, const char *key, struct cmn_buf *ret,
               struct cmn_err *err); /* -ENOENT */
    int (*put)(struct kbs_store *s, const char *ns, const char *key, struct cmn_bytes value,
               struct cmn_err *err);
    int (*del)(struct kbs_store *s, const char *ns, const char *key, struct cmn_err *err);
    /* Every key of a namespace, in no order; each may not call the store. */
    int (*list)(struct kbs_store *s, const char *ns, int (*each)(void *ctx, const char *key),
                void *ctx, struct cmn_err *err);
    void (*free)(struct kbs_store *s);
};

#define KBS_NS_KBS       "kbs"
#define KBS_NS_POLICY    "attestation_service_policy"
#define KBS_NS_RESOURCE  "repository"
#define KBS_NS_REFERENCE "reference_value"

int kbs_store_memory(struct kbs_store **ret, struct cmn_err *err) CMN_MUST_USE;
/* dir/<namespace>/<key with '/' as the four characters \x2F>; files 0600, folders 0700. */
int kbs_store_dir(const char *dir, struct kbs_store **ret, struct cmn_err *err) CMN_MUST_USE;

#endif
