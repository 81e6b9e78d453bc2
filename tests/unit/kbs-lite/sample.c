/* sample.c - see sample.h. */
#include "sample.h"

#include <stdio.h>
#include <string.h>

static struct cmn_env *env;
static struct kbs_roots *roots;

struct cmn_env *sample_env(void)
{
    if (!env)
        T_OK(cmn_env_new_system(&env, NULL), NULL);
    return env;
}

struct kbs_roots *sample_roots(void)
{
    if (!roots)
        T_OK(kbs_roots_new(sample_env(), true, cmn_bytes(NULL, 0), &roots, NULL), NULL);
    return roots;
}

void sample_world_done(void)
{
    kbs_roots_free(roots);
    cmn_env_unref(env);
    roots = NULL;
    env = NULL;
}

bool sample_file(const char *name, struct cmn_buf *ret)
{
    char path[256];

    (void)snprintf(path, sizeof(path), "samples/snp/%s", name);
    const char *found = t_shared(path);
    if (!found) {
        t_skip_all("no reference data");
        return false;
    }
    T_OK(cmn_file_read(found, 1 << 20, ret, NULL), NULL);
    return true;
}

bool sample_load(const char *folder, const char *cert, struct sample *s)
{
    char name[128];

    *s = (struct sample){0};
    (void)snprintf(name, sizeof(name), "%s/report.bin", folder);
    if (!sample_file(name, &s->raw))
        return false;
    (void)snprintf(name, sizeof(name), "%s/%s", folder, cert);
    if (!sample_file(name, &s->cert))
        return false;
    T_OK(snp_certs_add(&s->certs, cert[1] == 'l' ? SNP_CERT_VLEK : SNP_CERT_VCEK,
                       cmn_buf_bytes(&s->cert), NULL),
         NULL);
    T_OK(snp_report_decode(s->raw.data, s->raw.len, &s->fields, NULL), NULL);
    return true;
}

void sample_done(struct sample *s)
{
    cmn_buf_done(&s->raw);
    cmn_buf_done(&s->cert);
    snp_certs_done(&s->certs);
}

json_t *sample_evidence(const struct sample *s, bool with_certs)
{
    static const struct snp_certs none;

    return json_pack("{s:o, s:o}", "attestation_report", snp_report_to_json(&s->fields),
                     "cert_chain", snp_certs_to_json(with_certs ? &s->certs : &none));
}

enum cmn_reason sample_verify(struct kbs_snp_input *in, struct kbs_snp_result *ret)
{
    struct cmn_err err = {0};

    if (!in->roots)
        in->roots = sample_roots();
    T_OK(kbs_snp_verify(sample_env(), in, ret, &err), &err);
    T_EQ_INT(ret->accepted, ret->reason == CMN_REASON_NONE);
    return ret->reason;
}

const char *sample_advisories(const struct kbs_snp_result *res)
{
    static char text[1024];

    text[0] = 0;
    for (size_t i = 0; i < res->checks.n; i++)
        if (res->checks.list[i].result == KBS_CHECK_ADVISORY) {
            size_t n = strlen(text);
            (void)snprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "",
                           cmn_reason_name(res->checks.list[i].reason));
        }
    return text;
}
