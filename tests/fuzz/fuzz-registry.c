/* Aims at: sim_registry_handle with any method, path and Host; sim_registry_add over a manifest of
 * the outside world. */
#include "tests/fuzz/http-input.h"

#include "sim/registry/registry.h"

#define DIGEST "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static struct sim_registry *reg;

static void add(struct sim_registry *to, struct cmn_bytes manifest)
{
    struct sim_oci_store *store = NULL; /* lives as long as the registry */
    struct sim_oci_desc desc;

    FUZZ_CHECK(sim_oci_store_new_memory(&store, NULL) == 0);
    FUZZ_CHECK(sim_oci_store_put(store, SIM_OCI_MANIFEST_TYPE, manifest, &desc, NULL) == 0);
    FUZZ_CHECK(sim_oci_store_tag(store, "1", &desc, NULL) == 0);
    FUZZ_CHECK(sim_registry_add(to, "registry.local/a/b:1", store, "1", NULL) == 0);
    if (to != reg) {
        sim_registry_free(to);
        sim_oci_store_free(store);
    }
}

static void set_up(void)
{
    static const char manifest[] =
        "{\"config\":{\"mediaType\":\"a/b\",\"digest\":\"" DIGEST "\"},\"layers\":[]}";

    FUZZ_CHECK(sim_registry_new(&reg, NULL) == 0);
    add(reg, cmn_bytes(manifest, sizeof(manifest) - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cmn_http_response resp = {.status = 500};
    struct sim_registry *other = NULL;
    struct http_input in;

    if (!reg)
        set_up();
    http_input_read(&in, data, size);
    sim_registry_handle(reg, &in.req, &resp);
    struct cmn_bytes body = in.req.body;
    http_input_check(&resp);
    if (body.len) {
        FUZZ_CHECK(sim_registry_new(&other, NULL) == 0);
        add(other, body);
    }
    http_input_done(&in);
    return 0;
}
