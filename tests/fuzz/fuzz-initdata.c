/* Aims at: kbs_initdata_read, guest_toml_load, sim_initdata_decode. */
#include "fuzz.h"

#include "initdata.h"
#include "sim/adaptor/adaptor.h"
#include "sim/guest/common/config.h"

static struct cmn_env *env;

/* base64(gzip(...)) as a pod's annotation carries it. */
static void as_annotation(const uint8_t *data, size_t size)
{
    auto_buf struct cmn_buf text = {0};
    struct sim_initdata initdata = {0};

    FUZZ_CHECK(cmn_buf_put(&text, data, size) == 0);
    if (text.data && sim_initdata_decode(env, (const char *)text.data, &initdata, NULL) == 0)
        FUZZ_CHECK(initdata.toml.len <= 1 << 20);
    sim_initdata_done(&initdata);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_json json_t *toml = NULL, *claims = NULL;
    uint8_t digest[64];
    size_t len = 0;

    if (!env)
        FUZZ_CHECK(cmn_env_new_seeded("fuzz", 4, &env, NULL) == 0);
    bool is_toml = guest_toml_load(cmn_bytes(data, size), &toml, NULL) == 0;
    FUZZ_CHECK(!is_toml || json_is_object(toml));
    auto_json json_t *init_data = json_pack("{s:s, s:s%}", "format", "toml", "body", data, size);
    if (init_data && kbs_initdata_read(env, init_data, digest, &len, &claims, NULL) == 0) {
        FUZZ_CHECK(is_toml && json_is_object(claims));
        FUZZ_CHECK(len == 32 || len == 48 || len == 64);
    }
    as_annotation(data, size);
    return 0;
}
