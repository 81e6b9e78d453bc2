/*
 * rest.h - api-server-rest: the HTTP face workloads use, in front of the data hub's and the
 * attestation agent's ttrpc sockets. As guest-components 8246e5e api-server-rest/src/router.rs.
 */
#ifndef SIM_GUEST_REST_H
#define SIM_GUEST_REST_H

#include "common/http/server.h"
#include "common/ttrpc/ttrpc.h"

#include <pthread.h>

struct rest_peer { /* a ttrpc client that is dialled lazily and once more when its connection is
                      closed */
    const char *address;
    const char *name; /* "CDH", "Attestation Agent": in error texts */
    pthread_mutex_t lock;
    struct rest_conn *conn;
};

struct rest {
    const char *feature; /* "resource", "attestation", "all" */
    struct rest_peer cdh, aa;
};

void rest_init(struct rest *rest, const char *feature, const char *cdh_address,
               const char *aa_address);
void rest_done(struct rest *rest);
bool rest_feature_known(const char *feature);
/* The handler; ctx is a struct rest. */
void rest_handle(void *ctx, const struct cmn_http_request *req, struct cmn_http_response *resp);

/* peer.c: one call; on failure err holds the outermost text only, which is what goes into the 500's
 * body. */
int rest_call(struct rest_peer *peer, const char *service, const char *method,
              const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply_type,
              ProtobufCMessage **ret, struct cmn_err *err) CMN_MUST_USE;
void rest_peer_done(struct rest_peer *peer);

/*
 * query.c: the decoded value of a query parameter (percent escapes, '+'); malformed escapes stay as
 * they are. False when absent; -ENOMEM counts as absent.
 */
bool rest_query(const char *query, const char *name, struct cmn_buf *ret);

#endif
