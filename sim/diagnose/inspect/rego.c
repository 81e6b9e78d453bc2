/* rego.c - policies: does it parse, what does it define, which reference values does it ask for. */
#include "common/rs/cmn-rs.h"
#include "sim/diagnose/inspect/inspect-internal.h"
#include "sim/diagnose/rego-package.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { REGO_MAX = 1 << 20, ASKED = 64 };

static void view_asked(json_t *doc, struct cmn_bytes text)
{
    static const char call[] = "query_reference_value(\"";
    const char *p = (const char *)text.data, *end = p + text.len;
    unsigned n = 0;

    while (n < ASKED && (p = memmem(p, (size_t)(end - p), call, strlen(call)))) {
        p += strlen(call);
        const char *stop = memchr(p, '"', (size_t)(end - p));
        if (!stop)
            break;
        (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "reference value", "%.*s",
                             (int)(stop - p < 128 ? stop - p : 128), p);
        n++;
    }
}

static bool defines(struct cmn_bytes text, const char *rule)
{
    const char *p = (const char *)text.data, *end = p + text.len;
    size_t n = strlen(rule);

    while ((p = memmem(p, (size_t)(end - p), rule, n))) {
        bool begins = p == (const char *)text.data || p[-1] == '\n' ||
                      (p - (const char *)text.data >= 8 && memcmp(p - 8, "default ", 8) == 0);
        if (begins && p + n < end && !isalnum((unsigned char)p[n]) && p[n] != '_')
            return true;
        p += n;
    }
    return false;
}

json_t *insp_rego(struct insp *in, struct cmn_bytes text)
{
    char name[128], *error = NULL;
    struct cmn_rs_rego *rego;

    (void)in;
    if (text.len > REGO_MAX || !sim_rego_package(text, name, sizeof(name)) ||
        !(rego = cmn_rs_rego_new()))
        return NULL;
    bool allow = defines(text, "allow"),
         claims = defines(text, "trust_claims") || defines(text, "executables");
    bool agent = strcmp(name, "agent_policy") == 0;
    json_t *doc = sim_view_new("policy", agent    ? "a policy of the kata agent (Rego)"
                                         : claims ? "an attestation policy (Rego)"
                                         : allow  ? "a resource policy (Rego)"
                                                  : "a Rego policy");
    json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "package", "%s", name);
    if (!agent && strcmp(name, "policy") != 0)
        sim_view_doubt(f, CMN_REASON_POLICY_RULE_MISSING,
                       "Trustee reads data.policy: the package must be 'policy'");
    if (cmn_rs_rego_add_policy(rego, "", (const char *)text.data, text.len, &error) < 0)
        sim_view_doubt(doc, CMN_REASON_POLICY_UPLOAD_INVALID, "it does not parse: %.1000s",
                       error ? error : "?");
    cmn_rs_free(error);
    cmn_rs_rego_free(rego);
    if (!agent && !allow && !claims)
        sim_view_doubt(doc, CMN_REASON_POLICY_RULE_MISSING, "neither allow nor trust_claims");
    if (!agent && allow && !claims && !memmem(text.data, text.len, "ear.", 4) &&
        !memmem(text.data, text.len, "submods", 7))
        sim_view_doubt(doc, CMN_REASON_POLICY_STATUS_IGNORED,
                       "it does not look at the token's appraisal");
    view_asked(doc, text);
    return doc;
}
