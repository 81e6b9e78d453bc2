/* Aims at: the protobuf of CreateContainerRequest, agent_oci_config, agent_id_valid. */
#include "fuzz.h"

#include "sim/guest/agent/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char map[] = "         0       1000          1\n";
    auto_json json_t *config = NULL;
    struct cmn_ttrpc_status status = {0};
    auto_msg ProtobufCMessage *msg = cmn_ttrpc_unpack(&grpc__create_container_request__descriptor,
                                                      cmn_bytes(data, size), &status);

    if (!msg)
        return 0;
    Grpc__CreateContainerRequest *req = (void *)msg;
    if (agent_id_valid(req->container_id))
        FUZZ_CHECK(!strchr(req->container_id, '/') && strcmp(req->container_id, "..") != 0);
    if (req->oci && agent_oci_config(req->oci, NULL, "rootfs", map, map, &config, NULL) == 0) {
        auto_free char *text = cmn_json_dump(config);
        FUZZ_CHECK(text && json_is_object(json_object_get(config, "process")));
    }
    return 0;
}
