/* test-registry.c - the embedded registry, without a socket. */
#include "sim/registry/registry.h"
#include "tests/testlib/testlib.h"
#include "tests/unit/sim/fixture.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static struct sim_registry *reg;
static struct sim_oci_store *store;
static struct sim_registry_event last;
static char last_kind[32];

static void on_event(void *ctx, const struct sim_registry_event *event)
{
    (void)ctx;
    last = *event;
    (void)snprintf(last_kind, sizeof(last_kind), "%s", event->kind);
}

static void setup(void)
{
    struct cmn_err err = {0};

    store = fx_image();
    T_OK(sim_registry_new(&reg, &err), &err);
    T_OK(sim_registry_add(reg, "registry.local/hello:1", store, "1", &err), &err);
    sim_registry_set_observer(reg, on_event, NULL);
}

static void teardown(void)
{
    sim_registry_free(reg);
    sim_oci_store_free(store);
}

static int ask(const char *method, const char *path, struct cmn_http_response *resp)
{
    const struct cmn_http_request req = {.method = method, .path = path, .query = ""};

    sim_registry_handle(reg, &req, resp);
    return resp->status;
}

static const char *header(const struct cmn_http_response *resp, const char *name)
{
    for (size_t i = 0; i < resp->n_headers; i++)
        if (strcasecmp(resp->headers[i].name, name) == 0)
            return resp->headers[i].value;
    return "";
}

static void what_is_not_there_is_404(void)
{
    static const struct {
        const char *method, *path;
        int status;
    } cases[] = {
        {"POST", "/v2/hello/blobs/uploads/", 405},
        {"GET", "/", 404},
        {"GET", "/v2/hello", 404},
        {"GET", "/v2/hello/tags/list", 404},
        {"GET", "/v2/other/manifests/1", 404},
        {"GET", "/v2/hello/manifests/2", 404},
        {"GET", "/v2/hello/blobs/sha256:12", 404},
        {"GET", "/v2/hello/blobs/../../etc/passwd", 404},
        {"GET", "/v2/../../etc/passwd", 404},
        {"GET", "/v2//", 404},
    };
    setup();
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct cmn_http_response resp = {0};
        T_EQ_INT(ask(cases[i].method, cases[i].path, &resp), cases[i].status);
        T_TRUE(resp.body.data && strstr((const char *)resp.body.data, "\"errors\":[{\"code\""));
        T_EQ_INT(last.status, cases[i].status);
        cmn_http_response_done(&resp);
    }
    teardown();
}

static void manifests_and_blobs_are_served(void)
{
    struct sim_oci_desc desc;
    struct cmn_err err = {0};
    char path[256];

    setup();
    T_OK(sim_oci_store_find(store, "1", &desc, &err), &err);
    struct cmn_http_response api = {0}, by_tag = {0}, by_digest = {0}, blob = {0};
    T_EQ_INT(ask("GET", "/v2/", &api), 200);
    T_EQ_INT(ask("HEAD", "/v2/hello/manifests/1", &by_tag), 200);
    T_EQ_STR(header(&by_tag, "Docker-Content-Digest"), desc.digest);
    T_EQ_STR(header(&by_tag, "Content-Type"), SIM_OCI_MANIFEST_TYPE);
    T_EQ_STR(last_kind, "manifest");
    (void)snprintf(path, sizeof(path), "/v2/hello/manifests/%s", desc.digest);
    T_EQ_INT(ask("GET", path, &by_digest), 200);
    T_EQ_INT(by_digest.body.len, desc.size);
    T_EQ_MEM(by_digest.body.data, by_tag.body.data, desc.size);
    /* a manifest is no blob */
    (void)snprintf(path, sizeof(path), "/v2/hello/blobs/%s", desc.digest);
    T_EQ_INT(ask("GET", path, &blob), 404);
    cmn_http_response_done(&api);
    cmn_http_response_done(&by_tag);
    cmn_http_response_done(&by_digest);
    cmn_http_response_done(&blob);
    teardown();
}

static void cut(void *ctx, const char *point, struct cmn_buf *bytes)
{
    unsigned *calls = ctx;

    if (strcmp(point, "registry.blob") != 0)
        return;
    bytes->len = 100;
    ++*calls;
}

static void the_tap_changes_layers_only(void)
{
    struct cmn_http_response manifest = {0}, layer = {0};
    struct cmn_err err = {0};
    unsigned calls = 0;
    char path[256];

    setup();
    sim_registry_set_tap(reg, cut, &calls);
    T_EQ_INT(ask("GET", "/v2/hello/manifests/1", &manifest), 200);
    T_EQ_INT(calls, 0);
    const char *digest = strstr((const char *)manifest.body.data, "\"layers\"");
    digest = digest ? strstr(digest, "sha256:") : NULL;
    T_TRUE(digest != NULL);
    (void)snprintf(path, sizeof(path), "/v2/hello/blobs/%.71s", digest ? digest : "");
    T_EQ_INT(ask("GET", path, &layer), 200);
    T_EQ_INT(calls, 1);
    T_EQ_INT(layer.body.len, 100);
    T_EQ_STR(last_kind, "blob");
    T_EQ_INT(last.bytes, 100);
    T_ERR(sim_registry_add(reg, "registry.local/hello:2", store, "2", &err), -ENOENT, &err,
          "no tag '2'");
    cmn_http_response_done(&manifest);
    cmn_http_response_done(&layer);
    teardown();
}

TEST_MAIN("registry", {"what is not there is 404", what_is_not_there_is_404},
          {"manifests and blobs are served", manifests_and_blobs_are_served},
          {"the tap changes layers only", the_tap_changes_layers_only})
