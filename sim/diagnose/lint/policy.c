/* policy.c - Rego: attestation, resource and agent policies. */
#include "common/rs/cmn-rs.h"
#include "sim/diagnose/lint/lint-internal.h"
#include "sim/diagnose/rego-package.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REGO_MAX = 1 << 20, NAMES = 128 };

static bool has(const struct lint_doc *d, const char *needle)
{
    return memmem(d->text.data, d->text.len, needle, strlen(needle)) != NULL;
}

/* Does a line begin with this rule (or its default)? */
static bool defines(const struct lint_doc *d, const char *rule)
{
    const char *p = (const char *)d->text.data, *end = p + d->text.len;
    size_t n = strlen(rule);

    while (p < end) {
        const char *line = p, *eol = memchr(p, '\n', (size_t)(end - p));
        eol = eol ? eol : end;
        if (eol - line > 8 && memcmp(line, "default ", 8) == 0)
            line += 8;
        if ((size_t)(eol - line) >= n && memcmp(line, rule, n) == 0 &&
            (line + n == eol || (!isalnum((unsigned char)line[n]) && line[n] != '_')))
            return true;
        p = eol + 1;
    }
    return false;
}

static void lint_parse(const struct lint_doc *d)
{
    struct cmn_rs_rego *rego = cmn_rs_rego_new();
    char *error = NULL;

    if (rego &&
        cmn_rs_rego_add_policy(rego, "", (const char *)d->text.data, d->text.len, &error) < 0) {
        const char *at = error ? strstr(error, "--> ") : NULL;
        const char *colon = at ? strchr(at, ':') : NULL;
        unsigned line = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 1;
        lint_error(d, d->first_line + (line ? line - 1 : 0), CMN_REASON_POLICY_UPLOAD_INVALID,
                   "write Rego v1: 'allow if { ... }', 'x contains y if { ... }'",
                   "it does not parse: %.400s", error ? error : "?");
    }
    cmn_rs_free(error);
    cmn_rs_rego_free(rego);
}

static void note_asked(const struct lint_doc *d)
{
    static const char call[] = "query_reference_value(\"";
    const char *p = (const char *)d->text.data, *end = p + d->text.len;

    for (unsigned n = 0; n < NAMES && (p = memmem(p, (size_t)(end - p), call, strlen(call))); n++) {
        char name[128];
        p += strlen(call);
        const char *stop = memchr(p, '"', (size_t)(end - p));
        if (!stop || (size_t)(stop - p) >= sizeof(name))
            return;
        memcpy(name, p, (size_t)(stop - p));
        name[stop - p] = '\0';
        lint_fact(d, lint_line(d, name), "asked-value", name, NULL);
    }
}

static void lint_resource_policy(const struct lint_doc *d)
{
    if (has(d, "default allow = true") || has(d, "default allow := true"))
        lint_warn(d, lint_line(d, "default allow"), CMN_REASON_POLICY_STATUS_IGNORED,
                  "write default allow = false", "everything that is not denied is released");
    if (!has(d, "ear.status") && !has(d, "trustworthiness") && !has(d, "executables"))
        lint_warn(d, lint_line(d, "allow"), CMN_REASON_POLICY_STATUS_IGNORED,
                  "demand ear.status == \"affirming\" of every submod",
                  "it does not look at the appraisal: any guest that attests gets every secret");
    if (has(d, "input[\"submods\"][\"cpu\"]") || has(d, "submods.cpu[") || has(d, "submods.cpu."))
        lint_error(d, lint_line(d, "cpu"), CMN_REASON_POLICY_DENIED, "write cpu0",
                   "submod 'cpu' is of releases before 0.14: it is called cpu0");
    if (has(d, "query_reference_value"))
        lint_error(d, lint_line(d, "query_reference_value"), CMN_REASON_POLICY_ERROR,
                   "use it in the attestation policy only",
                   "a resource policy cannot ask for reference values");
}

static void lint_attestation_policy(const struct lint_doc *d)
{
    static const char *const names[] = {"instance-identity", "configuration", "executables",
                                        "file-system",       "hardware",      "runtime-opaque",
                                        "storage-opaque",    "sourced-data"};
    bool any = false;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++)
        any = any || has(d, names[i]);
    if (!any)
        lint_warn(d, lint_line(d, "trust_claims"), CMN_REASON_POLICY_CLAIMS_INVALID,
                  "use the names of the trustworthiness vector",
                  "none of the eight vector names is in it");
    if (has(d, "data.reference"))
        lint_error(d, lint_line(d, "data.reference"), CMN_REASON_POLICY_REFERENCE_VALUE_MISSING,
                   "write query_reference_value(\"name\")",
                   "data.reference is of releases before 0.16: it is always undefined");
    if (has(d, "input.azsnpvtpm") || has(d, "input.az_snp_vtpm"))
        lint_error(d, lint_line(d, "input.az"), CMN_REASON_POLICY_MEASUREMENT_MISMATCH,
                   "write input[\"az-snp-vtpm\"]", "this member does not exist (since 0.20)");
    note_asked(d);
}

static void lint_agent_policy(const struct lint_doc *d)
{
    static const char *const silent[] = {"ReadStreamRequest", "ExecProcessRequest"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(silent); i++) {
        char off[64];
        (void)snprintf(off, sizeof(off), "default %s := false", silent[i]);
        if (has(d, off))
            lint_warn(d, lint_line(d, off), CMN_REASON_AGENT_POLICY_DENIED,
                      "set it to true if logs or exec are wanted", "%s is off: %s", silent[i],
                      i ? "exec does not work" : "logs stay empty");
    }
    if (!has(d, "CreateContainerRequest"))
        lint_warn(d, d->first_line, CMN_REASON_AGENT_POLICY_DENIED, "add its default",
                  "CreateContainerRequest is not in it: no container can be made");
}

bool lint_policy(const struct lint_doc *d)
{
    char name[128];

    if (d->text.len > REGO_MAX || !sim_rego_package(d->text, name, sizeof(name)))
        return false;
    lint_parse(d);
    if (strcmp(name, "agent_policy") == 0) {
        lint_agent_policy(d);
        return true;
    }
    if (strcmp(name, "policy") != 0)
        lint_error(d, lint_line(d, "package"), CMN_REASON_POLICY_RULE_MISSING,
                   "write package policy", "Trustee reads data.policy; this is package %.64s",
                   name);
    if (defines(d, "trust_claims") || defines(d, "executables") || defines(d, "hardware"))
        lint_attestation_policy(d);
    else if (defines(d, "allow"))
        lint_resource_policy(d);
    else
        lint_error(
            d, d->first_line, CMN_REASON_POLICY_RULE_MISSING, "define allow, or trust_claims",
            "it defines neither allow (resource policy) nor trust_claims (attestation policy)");
    return true;
}
