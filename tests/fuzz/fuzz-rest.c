/* Aims at: rest_handle and rest_query: what a container may send to 127.0.0.1:8006. Nobody listens
 * behind it. */
#include "tests/fuzz/http-input.h"

#include "sim/guest/rest/rest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cmn_http_response resp = {.status = 500};
    auto_buf struct cmn_buf value = {0};
    struct http_input in;
    struct rest rest;

    rest_init(&rest, "all", "/nonexistent/cdh.sock", "/nonexistent/aa.sock");
    http_input_read(&in, data, size);
    rest_handle(&rest, &in.req, &resp);
    if (rest_query(in.req.query, "runtime_data", &value))
        FUZZ_CHECK(value.len <= strlen(in.req.query));
    http_input_check(&resp);
    http_input_done(&in);
    rest_done(&rest);
    return 0;
}
