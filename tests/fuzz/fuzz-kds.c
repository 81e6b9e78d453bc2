/* Aims at: ftee_kds_ask with any method, path and query; ftee_kds_tcb_parse. First line: method and
 * target. */
#include "chain.h"
#include "tests/fuzz/http-input.h"

#include "fake-tee/kds.h"

static struct ftee_kds *kds;

static void set_up(void)
{
    static struct ftee_ca *ca;
    static struct cmn_env *env;

    ca = fuzz_chain(&env);
    FUZZ_CHECK(
        ftee_kds_new(&(struct ftee_kds_opts){.env = env, .cas = {[SNP_GENOA] = ca}, .chips = 2},
                     &kds, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ftee_kds_answer answer = {0};
    struct http_input in;
    struct snp_tcb tcb;

    if (!kds)
        set_up();
    http_input_read(&in, data, size);
    for (unsigned p = 0; p < SNP_PRODUCT_COUNT; p++)
        CMN_IGNORE(ftee_kds_tcb_parse(in.req.query, p, &tcb, NULL)); /* some are right */
    ftee_kds_ask(kds, in.req.method, in.req.path, in.req.query, &answer);
    FUZZ_CHECK(answer.status >= 200 && answer.status < 600 && answer.status != 500);
    FUZZ_CHECK(answer.status != 200 || (answer.body.len && answer.content_type));
    cmn_buf_done(&answer.body);
    http_input_done(&in);
    return 0;
}
