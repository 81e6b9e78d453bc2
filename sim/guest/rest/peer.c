/* peer.c - ttrpc clients of api-server-rest, shared by its threads; see rest.h. */
#include "sim/guest/common/guest.h"
#include "sim/guest/rest/rest.h"

#include <stdlib.h>

struct rest_conn { /* counted: a call may outlive its being replaced */
    struct cmn_ttrpc_client *client;
    unsigned refs;
};

static void conn_unref(struct rest_peer *peer, struct rest_conn *conn)
{
    (void)pthread_mutex_lock(&peer->lock);
    bool last = conn && --conn->refs == 0;
    (void)pthread_mutex_unlock(&peer->lock);
    if (last) {
        cmn_ttrpc_client_free(conn->client);
        free(conn);
    }
}

static int dial(struct rest_peer *peer, struct cmn_err *err)
{
    struct rest_conn *conn = calloc(1, sizeof(*conn));
    struct cmn_err cause = {0};

    if (!conn)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_ttrpc_client_connect(peer->address, &conn->client, &cause);
    if (r < 0) {
        free(conn);
        cmn_log(CMN_LOG_ERROR, "api_server_rest", "%s", cause.msg);
        return cmn_err_set(err, -r, "ttrpc connect to %s addr: %.512s failed", peer->name,
                           peer->address);
    }
    conn->refs = 1;
    peer->conn = conn;
    return 0;
}

/* A usable connection with a reference for the caller; stale is one that proved to be closed. */
static int conn_get(struct rest_peer *peer, struct rest_conn *stale, struct rest_conn **ret,
                    struct cmn_err *err)
{
    struct rest_conn *old = NULL;
    int r = 0;

    (void)pthread_mutex_lock(&peer->lock);
    if (peer->conn && peer->conn == stale) {
        old = peer->conn;
        peer->conn = NULL;
    }
    if (!peer->conn)
        r = dial(peer, err);
    if (r == 0) {
        peer->conn->refs++;
        *ret = peer->conn;
    }
    (void)pthread_mutex_unlock(&peer->lock);
    if (old)
        conn_unref(peer, old);
    return r;
}

int rest_call(struct rest_peer *peer, const char *service, const char *method,
              const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply_type,
              ProtobufCMessage **ret, struct cmn_err *err)
{
    const char *text = "ttrpc request error";
    struct rest_conn *conn = NULL, *again = NULL;
    struct cmn_err cause = {0};

    int r = conn_get(peer, NULL, &conn, err);
    if (r < 0)
        return r;
    r = cmn_ttrpc_call_msg(conn->client, service, method, request, reply_type, CMN_TTRPC_TIMEOUT_MS,
                           ret, NULL, &cause);
    if (r == -ECONNRESET) { /* "re-dialled once on a locally closed connection" */
        r = conn_get(peer, conn, &again, err);
        conn_unref(peer, conn);
        if (r < 0)
            return r;
        conn = again;
        text = "ttrpc request error after reconnect";
        r = cmn_ttrpc_call_msg(conn->client, service, method, request, reply_type,
                               CMN_TTRPC_TIMEOUT_MS, ret, NULL, &cause);
    }
    conn_unref(peer, conn);
    if (r == 0)
        return 0;
    cmn_log(CMN_LOG_ERROR, "api_server_rest", "%s/%s: %s: %s", service, method, text, cause.msg);
    return cmn_err_set(err, -r, "%s", text);
}

void rest_peer_done(struct rest_peer *peer)
{
    if (peer->conn)
        conn_unref(peer, peer->conn);
    peer->conn = NULL;
    (void)pthread_mutex_destroy(&peer->lock);
}
