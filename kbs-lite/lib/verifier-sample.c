/* verifier-sample.c - the sample TEE and the sample device (trustee deps/verifier/src/sample,
 * sample_device): no protection at all. */
#include "verifier.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT, REPORT_DATA, INIT_DATA, PROTECTION, CHECKS };

static void tell(struct kbs_check *c, enum kbs_check_result result, enum cmn_reason reason,
                 const char *message)
{
    c->result = result;
    c->reason = reason;
    (void)snprintf(c->message, sizeof(c->message), "%s", message);
}

/* svn and, decoded, report_data. */
static void check_format(const json_t *evidence, struct kbs_check *c, struct cmn_buf *got)
{
    const char *data = cmn_json_str(evidence, "report_data");

    if (!cmn_json_str(evidence, "svn"))
        tell(c, KBS_CHECK_FAIL, CMN_REASON_SAMPLE_EVIDENCE_MALFORMED, "Deserialize Quote failed.");
    else if (data && cmn_unb64(CMN_B64_STD, data, strlen(data), got, NULL) < 0)
        tell(c, KBS_CHECK_FAIL, CMN_REASON_SAMPLE_EVIDENCE_MALFORMED,
             "base64 decode report data for sample evidence");
    else
        c->result = KBS_CHECK_PASS;
}

/* Exactly the digest, not padded. */
static void check_report_data(const struct kbs_verify_input *in, const struct cmn_buf *got,
                              struct kbs_check *c)
{
    auto_free char *want = cmn_hex(in->report_data, in->report_data_len);
    auto_free char *have = cmn_hex(got->data, got->len);

    (void)snprintf(c->expected, sizeof(c->expected), "%s", want ? want : "");
    (void)snprintf(c->actual, sizeof(c->actual), "%s", have ? have : "");
    if (got->len == in->report_data_len && got->len &&
        memcmp(got->data, in->report_data, got->len) == 0)
        c->result = KBS_CHECK_PASS;
    else
        tell(c, KBS_CHECK_FAIL, CMN_REASON_SAMPLE_REPORT_DATA_MISMATCH,
             "REPORT_DATA is different from that in Sample Quote");
}

/* What upstream lets pass. */
static void advise(const struct kbs_verify_input *in, struct kbs_check *checks)
{
    enum kbs_check_result no = in->strict ? KBS_CHECK_FAIL : KBS_CHECK_ADVISORY;

    if (!in->init_data)
        checks[INIT_DATA].result = KBS_CHECK_NOT_ASKED;
    else
        tell(&checks[INIT_DATA], no, CMN_REASON_SAMPLE_INIT_DATA_UNCHECKED,
             "nothing binds the init-data to sample evidence");
    if (checks[INIT_DATA].result != KBS_CHECK_FAIL)
        tell(&checks[PROTECTION], no, CMN_REASON_SAMPLE_NO_PROTECTION,
             "sample evidence proves nothing");
}

static int make_claims(const struct kbs_verify_input *in, struct kbs_claims *ret,
                       struct cmn_err *err)
{
    const char *data = cmn_json_str(in->evidence, "report_data");
    struct kbs_claims c = {.root = "none"};

    c.claims =
        json_pack("{s:s, s:s, s:{s:i, s:i}, s:b}", "svn", cmn_json_str(in->evidence, "svn"),
                  "launch_digest", "abcde", "platform_version", "major", 1, "minor", 4, "debug", 0);
    c.report_data = strdup(data ? data : "");
    if (in->init_data)
        c.init_data = cmn_b64(CMN_B64_STD, in->init_data, in->init_data_len);
    if (!c.claims || !c.report_data || (in->init_data && !c.init_data)) {
        kbs_claims_done(&c);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    *ret = c;
    return 0;
}

/* A device tells nothing but its svn. */
static int make_device_claims(const struct kbs_verify_input *in, struct kbs_claims *ret,
                              struct cmn_err *err)
{
    const char *data = cmn_json_str(in->evidence, "report_data");
    struct kbs_claims c = {.root = "none"};

    c.claims = json_pack("{s:s}", "svn", cmn_json_str(in->evidence, "svn"));
    c.report_data = strdup(data ? data : "");
    if (!c.claims || !c.report_data) {
        kbs_claims_done(&c);
        return cmn_err_set(err, ENOMEM, "no memory");
    }
    *ret = c;
    return 0;
}

/* The checks; 0: nothing refused. */
static int check(const struct kbs_verify_input *in, struct kbs_checks *ret_checks,
                 struct cmn_err *err)
{
    static const char *const names[CHECKS] = {"evidence.format", "sample.report-data",
                                              "sample.init-data", "sample.protection"};
    struct kbs_check *checks = ret_checks->list;
    auto_buf struct cmn_buf got = {0};

    memset(ret_checks, 0, sizeof(*ret_checks));
    for (ret_checks->n = 0; ret_checks->n < CHECKS; ret_checks->n++)
        checks[ret_checks->n].name = names[ret_checks->n];
    check_format(in->evidence, &checks[FORMAT], &got);
    if (checks[FORMAT].result == KBS_CHECK_PASS)
        check_report_data(in, &got, &checks[REPORT_DATA]);
    if (checks[REPORT_DATA].result == KBS_CHECK_PASS)
        advise(in, checks);
    const struct kbs_check *refusal = kbs_checks_refusal(ret_checks);
    if (refusal)
        return cmn_err_reason(err, EKEYREJECTED, refusal->reason, "%s%s",
                              refusal >= &checks[INIT_DATA] ? "strict: " : "", refusal->message);
    return 0;
}

static int verify(struct cmn_env *env, const struct kbs_verify_input *in,
                  struct kbs_checks *ret_checks, struct kbs_claims *ret, struct cmn_err *err)
{
    int r = check(in, ret_checks, err);

    (void)env;
    return r < 0 ? r : make_claims(in, ret, err);
}

static int verify_device(struct cmn_env *env, const struct kbs_verify_input *in,
                         struct kbs_checks *ret_checks, struct kbs_claims *ret, struct cmn_err *err)
{
    int r = check(in, ret_checks, err);

    (void)env;
    return r < 0 ? r : make_device_claims(in, ret, err);
}

const struct kbs_verifier kbs_verifier_sample = {"sample", "cpu", verify};
const struct kbs_verifier kbs_verifier_sampledevice = {"sampledevice", "gpu", verify_device};
