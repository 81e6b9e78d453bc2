/* Aims at: sim_manifest_parse, sim_index_pick, sim_image_config_parse, sim_ocicrypt_annotations,
 * sim_ocicrypt_packet_parse, sim_ocicrypt_private_parse, sim_ocicrypt_public_parse. */
#include "fuzz.h"

#include "sim/image/manifest.h"
#include "sim/image/ocicrypt.h"

static void check_layers(const struct sim_manifest *m)
{
    FUZZ_CHECK(m->n_layers <= SIM_LAYERS_MAX && sim_digest_valid(m->config.digest));
    for (size_t i = 0; i < m->n_layers; i++) {
        auto_json json_t *packets = NULL;
        uint8_t hmac[32];
        FUZZ_CHECK(sim_digest_valid(m->layers[i].desc.digest));
        if (sim_ocicrypt_annotations(m->layers[i].annotations, &packets, hmac, NULL) == 0)
            FUZZ_CHECK(json_is_array(packets));
    }
}

static void check_ocicrypt(struct cmn_bytes text)
{
    struct sim_ocicrypt_packet packet = {0};
    struct sim_ocicrypt_private options, again;
    auto_buf struct cmn_buf printed = {0}, public = {0};
    uint8_t hmac[32], twice[32];

    if (sim_ocicrypt_packet_parse(text, &packet, NULL) == 0)
        FUZZ_CHECK(packet.kid && packet.iv.len == (packet.wrap_type == SIM_WRAP_A256GCM ? 12 : 16));
    sim_ocicrypt_packet_done(&packet);
    if (sim_ocicrypt_private_parse(text, &options, NULL) == 0) {
        FUZZ_CHECK(sim_ocicrypt_private_print(&options, &printed) == 0);
        FUZZ_CHECK(sim_ocicrypt_private_parse(cmn_buf_bytes(&printed), &again, NULL) == 0);
        FUZZ_CHECK(memcmp(options.key, again.key, sizeof(again.key)) == 0);
        FUZZ_CHECK(memcmp(options.nonce, again.nonce, sizeof(again.nonce)) == 0);
        FUZZ_CHECK(strcmp(options.digest, again.digest) == 0);
    }
    if (sim_ocicrypt_public_parse(text, hmac, NULL) == 0) {
        FUZZ_CHECK(sim_ocicrypt_public_print(hmac, &public) == 0);
        FUZZ_CHECK(sim_ocicrypt_public_parse(cmn_buf_bytes(&public), twice, NULL) == 0);
        FUZZ_CHECK(memcmp(hmac, twice, sizeof(hmac)) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_manifest struct sim_manifest manifest = {0};
    struct cmn_bytes text = cmn_bytes(data, size);
    auto_json json_t *config = NULL;
    const json_t *diff_ids = NULL;
    struct sim_oci_desc desc;

    if (sim_manifest_parse(text, &manifest, NULL) == 0)
        check_layers(&manifest);
    if (sim_index_pick(text, &desc, NULL) == 0)
        FUZZ_CHECK(sim_digest_valid(desc.digest));
    if (sim_image_config_parse(text, &config, &diff_ids, NULL) == 0)
        FUZZ_CHECK(json_is_array(diff_ids));
    check_ocicrypt(text);
    return 0;
}
