/* verifier-sample.c - the sample TEE (trustee deps/verifier/src/sample): no protection at all. */
#include "verifier.h"

#include "common/enc/enc.h"

#include <stdlib.h>
#include <string.h>

static int verify(struct cmn_env *env, const struct kbs_verify_input *in, struct kbs_claims *ret,
                  struct cmn_err *err)
{
    const char *svn = cmn_json_str(in->evidence, "svn");
    const char *data = cmn_json_str(in->evidence, "report_data");
    auto_buf struct cmn_buf got = {0};

    (void)env;
    if (!svn)
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_SAMPLE_EVIDENCE_MALFORMED,
                              "Deserialize Quote failed.");
    if (!data)
        data = "";
    if (cmn_unb64(CMN_B64_STD, data, strlen(data), &got, NULL) < 0)
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_SAMPLE_EVIDENCE_MALFORMED,
                              "base64 decode report data for sample evidence");
    /* exactly the digest, not padded */
    if (got.len != in->report_data_len || memcmp(got.data, in->report_data, got.len) != 0)
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_SAMPLE_REPORT_DATA_MISMATCH,
                              "REPORT_DATA is different from that in Sample Quote");
    struct kbs_claims c = {.root = "none"};
    c.claims = json_pack("{s:s, s:s, s:{s:i, s:i}, s:b}", "svn", svn, "launch_digest", "abcde",
                         "platform_version", "major", 1, "minor", 4, "debug", 0);
    c.report_data = strdup(data);
    if (in->init_data)
        c.init_data = cmn_b64(CMN_B64_STD, in->init_data, in->init_data_len);
    if (!c.claims || !c.report_data || (in->init_data && !c.init_data)) {
        kbs_claims_done(&c);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    *ret = c;
    return 0;
}

const struct kbs_verifier kbs_verifier_sample = {"sample", verify};
