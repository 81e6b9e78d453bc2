/* api-server-rest: every row of its table, in front of a scripted data hub and the real AA service.
 */
#include "common/ttrpc/proto/api.pb-c.h"
#include "sim/guest/aa/aa.h"
#include "sim/guest/common/guest.h"
#include "sim/guest/rest/rest.h"

#include "tests/testlib/testlib.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int get_resource(void *ctx, struct cmn_bytes request, struct cmn_buf *reply,
                        struct cmn_ttrpc_status *status)
{
    Api__GetResourceResponse resp = API__GET_RESOURCE_RESPONSE__INIT;
    auto_msg ProtobufCMessage *msg =
        cmn_ttrpc_unpack(&api__get_resource_request__descriptor, request, status);

    (void)ctx;
    if (!msg)
        return -EBADMSG;
    char *uri = ((Api__GetResourceRequest *)msg)->resourcepath;
    if (strcmp(uri, "kbs:///default/demo/secret") != 0)
        return cmn_ttrpc_fail(status, CMN_TTRPC_INTERNAL, "[CDH] [ERROR]: Get Resource failed");
    resp.resource = (ProtobufCBinaryData){strlen(uri), (uint8_t *)uri};
    return cmn_ttrpc_pack(&resp.base, reply);
}

static const struct cmn_ttrpc_method cdh_methods[] = {
    {"api.GetResourceService", "GetResource", get_resource},
};

static char cdh_path[128], aa_path[128];

static struct cmn_ttrpc_server *listen_at(const char *path, const struct cmn_ttrpc_method *methods,
                                          size_t n, void *ctx)
{
    struct cmn_ttrpc_server *server = NULL;
    struct cmn_err err = {0};

    int fd = guest_listen(path, &err);
    T_OK(fd, &err);
    T_OK(cmn_ttrpc_server_new(
             &(struct cmn_ttrpc_server_opts){
                 .listen_fd = fd, .conn_fd = -1, .methods = methods, .n_methods = n, .ctx = ctx},
             &server, &err),
         &err);
    return server;
}

static int ask(struct rest *rest, const char *method, const char *path, const char *query,
               const char *body, char *out, size_t size)
{
    struct cmn_http_request req = {.method = method,
                                   .path = path,
                                   .query = query,
                                   .body = cmn_bytes(body, strlen(body)),
                                   .peer_is_loopback = strcmp(query, "far") != 0};
    struct cmn_http_response resp = {0};

    rest_handle(rest, &req, &resp);
    (void)snprintf(out, size, "%s", resp.body.data ? (const char *)resp.body.data : "");
    int status = resp.drop ? -1 : resp.status;
    cmn_http_response_done(&resp);
    return status;
}

static void every_row_is_answered(void)
{
    static const struct {
        const char *feature, *method, *path, *query, *body;
        int status;
        const char *text;
    } cases[] = {
        {"all", "GET", "/info", "far", "", 403, "Forbidden"},
        {"all", "POST", "/info", "", "", 405, "Method Not Allowed"},
        {"all", "GET", "/nothing", "", "", 404, "URL NOT FOUND"},
        {"all", "GET", "/cdh/resourcex", "", "", 404, "URL NOT FOUND"},
        {"all", "POST", "/aa/token", "", "", 404, "URL NOT FOUND"},
        {"all", "GET", "/aa/token", "", "", 400, "BAD REQUEST"},
        {"all", "GET", "/aa/token", "token_type=odd", "", 500, "ttrpc request error"},
        {"all", "GET", "/aa/evidence", "", "", 400, "BAD REQUEST"},
        {"all", "GET", "/aa/evidence", "runtime_data=YQ&encoding=hex", "", 400, "BAD REQUEST"},
        {"all", "GET", "/aa/evidence", "runtime_data=YQ==&encoding=base64", "", 400, "BAD REQUEST"},
        {"all", "GET", "/cdh/resource/default/demo/none", "", "", 500, "ttrpc request error"},
        {"all", "POST", "/aa/aael", "", "{}", 500,
         "Illegal AAEL eventry format: want domain, operation, content"},
        {"resource", "GET", "/aa/token", "token_type=kbs", "", 404,
         "Attestation Feature Not Enabled"},
        {"attestation", "GET", "/cdh/resource/a/b/c", "", "", 404, "Resource Feature Not Enabled"},
        {"all", "GET", "/cdh/resource/default/demo/secret", "x=y", "", 200,
         "kbs:///default/demo/secret"},
        {"all", "PUT", "/cdh/resource/default/demo/secret", "", "", 200,
         "kbs:///default/demo/secret"},
        {"all", "GET", "/aa/evidence", "runtime_data=YWI&encoding=base64", "", 200,
         "{\"svn\":\"1\",\"report_data\":\"YWI=\"}"},
        {"all", "GET", "/aa/evidence", "runtime_data=a%62", "", 200,
         "{\"svn\":\"1\",\"report_data\":\"YWI=\"}"},
        {"all", "GET", "/aa/additional-evidence", "runtime_data=ab", "", 200, ""},
        {"all", "POST", "/aa/aael", "", "{\"domain\":\"d\",\"operation\":\"o\",\"content\":\"c\"}",
         200,
         "{\"success\":\"false\",\"message\": \"Attestation Agent does not enable eventlog "
         "recording\"}"},
        {"all", "GET", "/info", "", "", 200,
         "{\"version\":\"0.1.0\",\"tee\":\"sample\",\"feature\":\"all\"}"},
        {"resource", "GET", "/info", "", "", 200,
         "{\"version\":\"0.1.0\",\"feature\":\"resource\"}"},
    };
    struct aa aa = {.attester = {.tee = "sample"}};
    struct cmn_ttrpc_server *cdh_server = listen_at(cdh_path, cdh_methods, 1, NULL);
    struct cmn_ttrpc_server *aa_server = listen_at(aa_path, aa_methods, aa_n_methods, &aa);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct rest rest;
        char text[512];
        rest_init(&rest, cases[i].feature, cdh_path, aa_path);
        T_EQ_INT(ask(&rest, cases[i].method, cases[i].path, cases[i].query, cases[i].body, text,
                     sizeof(text)),
                 cases[i].status);
        T_EQ_STR(text, cases[i].text);
        rest_done(&rest);
    }
    cmn_ttrpc_server_free(cdh_server);
    cmn_ttrpc_server_free(aa_server);
}

static void dead_peers_are_named_and_redialled(void)
{
    struct rest rest;
    char text[512], want[256];

    (void)unlink(cdh_path);
    (void)unlink(aa_path);
    rest_init(&rest, "all", cdh_path, aa_path);
    (void)snprintf(want, sizeof(want), "ttrpc connect to CDH addr: %s failed", cdh_path);
    T_EQ_INT(ask(&rest, "GET", "/cdh/resource/default/demo/secret", "", "", text, sizeof(text)),
             500);
    T_EQ_STR(text, want);
    T_EQ_INT(ask(&rest, "GET", "/info", "", "", text, sizeof(text)), -1);
    for (int i = 0; i < 3; i++) { /* a hub that is started again each time */
        struct cmn_ttrpc_server *cdh_server = listen_at(cdh_path, cdh_methods, 1, NULL);
        T_EQ_INT(ask(&rest, "GET", "/cdh/resource/default/demo/secret", "", "", text, sizeof(text)),
                 200);
        cmn_ttrpc_server_free(cdh_server);
    }
    rest_done(&rest);
}

static void setup_paths(void)
{
    (void)snprintf(cdh_path, sizeof(cdh_path), "unix://%.80s/cdh.sock", t_tmpdir());
    (void)snprintf(aa_path, sizeof(aa_path), "unix://%.80s/aa.sock", t_tmpdir());
    T_TRUE(!rest_feature_known("odd"));
    T_TRUE(rest_feature_known("all"));
}

TEST_MAIN("rest", {"features are known by name", setup_paths},
          {"every row is answered", every_row_is_answered},
          {"dead peers are named and dialled again", dead_peers_are_named_and_redialled})
