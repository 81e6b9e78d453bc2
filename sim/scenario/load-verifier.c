/* load-verifier.c - what kbs: says of the verifier: roots, KDS, revocation, time. */
#include "sim/scenario/read.h"

#include <string.h>
#include <time.h>

static int load_trust(struct sim_reader *r, const json_t *kbs, struct sim_verifier_spec *v)
{
    struct sim_strings names = {0};
    int x = sim_read_list(r, kbs, "trust", &names);

    if (x == 0 && json_object_get(kbs, "trust")) {
        v->trust_test = v->trust_amd = false;
        for (size_t i = 0; x == 0 && i < names.n; i++) {
            if (strcmp(names.items[i], "test") == 0)
                v->trust_test = true;
            else if (strcmp(names.items[i], "amd") == 0)
                v->trust_amd = true;
            else
                x = cmn_yaml_fail(r->doc, kbs, "trust", r->err,
                                  "'trust' has '%.32s', known are: test, amd", names.items[i]);
        }
    }
    sim_strings_done(&names);
    return x;
}

static int load_time(struct sim_reader *r, const json_t *kbs, struct sim_verifier_spec *v)
{
    struct tm tm = {0};
    char *text = NULL;
    int x = sim_read_text(r, kbs, "verify_at", &text);

    if (x == 0 && text) {
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
        if (!end || *end)
            x = cmn_yaml_fail(r->doc, kbs, "verify_at", r->err,
                              "'verify_at' wants a time such as 2026-01-01T00:00:00Z");
        v->at = timegm(&tm);
    }
    cmn_auto_free(&text);
    return x;
}

int sim_load_verifier(struct sim_reader *r, const json_t *kbs, struct sim_verifier_spec *v)
{
    static const char *const kds[] = {"none", "served", "empty", "unreachable"};
    static const char *const crls[] = {"none", "clean", "revoked", "stale"};
    size_t source = SIM_KDS_NONE, crl = SIM_CRL_NONE;

    v->trust_test = true;
    int x = load_trust(r, kbs, v);
    if (x == 0)
        x = sim_read_word(r, kbs, "kds", kds, CMN_ARRAY_SIZE(kds), &source);
    if (x == 0)
        x = sim_read_word(r, kbs, "crl", crls, CMN_ARRAY_SIZE(crls), &crl);
    if (x == 0)
        x = sim_read_bool(r, kbs, "crl_required", &v->crl_required);
    if (x == 0)
        x = load_time(r, kbs, v);
    v->kds = (enum sim_kds)source;
    v->crl = (enum sim_crl)crl;
    return x;
}
