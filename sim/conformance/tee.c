/* tee.c - evidence of the suite's TEE. */
#include "sim/conformance/conf.h"

#include "common/enc/enc.h"

#include <string.h>

/* {"svn":"1","report_data": base64 of the digest, unpadded} (protocol 4.1) */
static json_t *sample(struct conf *c, const struct conf_evidence *how, const uint8_t digest[48])
{
    uint8_t data[64] = {0};

    memcpy(data, digest, 48);
    if (how->sha256 && cmn_hash(c->opts->env, "SHA256", digest, 48, data, NULL) < 0)
        return NULL;
    auto_free char *b64 = cmn_b64(CMN_B64_STD, data, how->pad_64 ? 64 : how->sha256 ? 32 : 48);
    if (how->no_report_data)
        return json_pack("{s:s}", "svn", "1");
    if (how->no_svn)
        return json_pack("{s:s}", "report_data", b64);
    return json_pack("{s:s, s:s}", "svn", "1", "report_data", b64);
}

json_t *conf_tee_evidence(struct conf *c, const struct conf_evidence *how, const uint8_t digest[48])
{
    uint8_t report_data[64] = {0};

    if (strcmp(how->tee ? how->tee : c->tee, "sample") == 0)
        return sample(c, how, digest);
    memcpy(report_data, digest, 48);
    return conf_snp_evidence(c, how, report_data);
}
