/* era-claims.c - claims, attest bodies and built-in policies of earlier releases; see era.h. */
#include "kbs-lite/era.h"

#include "common/enc/enc.h"
#include "verifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lower-case hex to standard base64. Malloc'ed; NULL: it is no hex. */
static char *hex_to_base64(const char *hex)
{
    auto_buf struct cmn_buf bytes = {0};

    if (!hex || cmn_unhex(hex, strlen(hex), &bytes, NULL) < 0)
        return NULL;
    return cmn_b64(CMN_B64_STD, bytes.data, bytes.len);
}

/* Numbers and booleans as Rust's format!("{}") prints them. */
static int to_text(json_t *claims)
{
    const char *name;
    json_t *value;
    void *next;
    int r = 0;

    json_object_foreach_safe(claims, next, name, value) {
        char text[32];
        if (json_is_integer(value))
            (void)snprintf(text, sizeof(text), "%lld", (long long)json_integer_value(value));
        else if (json_is_boolean(value))
            (void)snprintf(text, sizeof(text), "%s", json_is_true(value) ? "true" : "false");
        else
            continue;
        r |= json_object_set_new(claims, name, json_string(text));
    }
    return r;
}

static int snp_claims(const struct kbs_era *era, struct kbs_claims *c)
{
    int r = 0;

    if (era->id < KBS_ERA_0_21) /* the claim came with a later release than the others */
        r |= json_object_get(c->claims, "chip_id") ? json_object_del(c->claims, "chip_id") : 0;
    if (!era->hex_claims) {
        auto_free char *measurement = hex_to_base64(cmn_json_str(c->claims, "measurement"));
        char *data = hex_to_base64(c->report_data), *init = hex_to_base64(c->init_data);
        if (measurement)
            r |= json_object_set_new(c->claims, "measurement", json_string(measurement));
        if (data) {
            free(c->report_data);
            c->report_data = data;
        }
        if (init) {
            free(c->init_data);
            c->init_data = init;
        }
    }
    if (era->claims_are_text)
        r |= to_text(c->claims);
    if (era->id < KBS_ERA_0_11 && c->init_data) { /* neither was told */
        free(cmn_take(c->init_data));
        free(cmn_take(c->report_data));
    }
    return r;
}

/* The sample TEE told more from release to release. */
static int sample_claims(const struct kbs_era *era, struct kbs_claims *c)
{
    static const struct {
        const char *name;
        enum kbs_era_id since;
    } members[] = {{"launch_digest", KBS_ERA_0_12},
                   {"platform_version", KBS_ERA_0_14},
                   {"debug", KBS_ERA_0_16}};
    int r = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(members); i++)
        if (era->id < members[i].since && json_object_get(c->claims, members[i].name))
            r |= json_object_del(c->claims, members[i].name);
    if (era->id < KBS_ERA_0_16)
        free(cmn_take(c->init_data));
    return r;
}

int kbs_era_claims(const struct kbs_era *era, const char *tee, struct kbs_claims *claims,
                   struct cmn_err *err)
{
    int r = strcmp(tee, "snp") == 0      ? snp_claims(era, claims)
            : strcmp(tee, "sample") == 0 ? sample_claims(era, claims)
                                         : 0;

    return r ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}

json_t *kbs_era_attest_body(const struct kbs_era *era, const json_t *body)
{
    json_t *key = json_object_get(body, "tee-pubkey");
    json_t *evidence = json_object_get(body, "tee-evidence");
    auto_json json_t *parsed = NULL;

    if (!key || !evidence)
        return NULL;
    if (era->evidence_is_text) {
        const char *text = json_string_value(evidence);
        if (!text ||
            cmn_json_load(cmn_bytes(text, strlen(text)), CMN_JSON_MAX_DEPTH, &parsed, NULL) < 0)
            return NULL;
        evidence = parsed;
    }
    return json_pack("{s:{s:s, s:O}, s:{s:O, s:s}}", "runtime-data", "nonce", "", "tee-pubkey", key,
                     "tee-evidence", "primary_evidence", evidence, "additional_evidence", "");
}

/* text with every from replaced by to. Malloc'ed; NULL: no memory. */
static char *replace(char *text, const char *from, const char *to)
{
    auto_buf struct cmn_buf out = {0};
    auto_free char *own = text;
    const char *p = own, *at;
    int r = text ? cmn_buf_puts(&out, "") : -ENOMEM;

    while (r == 0 && (at = strstr(p, from))) {
        r = cmn_buf_put(&out, p, (size_t)(at - p));
        if (r == 0)
            r = cmn_buf_puts(&out, to);
        p = at + strlen(from);
    }
    if (r == 0)
        r = cmn_buf_puts(&out, p);
    return r == 0 ? (char *)cmn_take(out.data) : NULL;
}

/* query_reference_value(x) -> data.reference[x]; no argument of ours holds a parenthesis. */
static char *lookup_as_data(char *text)
{
    static const char call[] = "query_reference_value(";

    for (char *at = text; at && (at = strstr(at, call));) {
        char *close = strchr(at, ')');
        if (!close)
            break;
        *close = ']';
        at = close;
    }
    return replace(text, call, "data.reference[");
}

/* 0.9 and 0.10: "sample" was told at the top of the token. */
static const char oldest_resource[] = "package policy\n"
                                      "import rego.v1\n"
                                      "default allow := false\n"
                                      "allow if input.tee != \"sample\"\n";

/*
 * 0.9 and 0.10: the evidence passes unless a claim differs from reference values that are
 * registered under its very name.
 */
static const char oldest_attestation[] = "package policy\n"
                                         "import rego.v1\n"
                                         "default allow := false\n"
                                         "differs contains name if {\n"
                                         "\tsome name, value in input\n"
                                         "\twanted := data.reference[name]\n"
                                         "\tis_array(wanted)\n"
                                         "\tcount(wanted) > 0\n"
                                         "\tnot value in wanted\n"
                                         "}\n"
                                         "differs contains name if {\n"
                                         "\tsome name, value in input\n"
                                         "\twanted := data.reference[name]\n"
                                         "\tnot is_array(wanted)\n"
                                         "\twanted != value\n"
                                         "}\n"
                                         "allow if count(differs) == 0\n";

char *kbs_era_policy(const struct kbs_era *era, const char *key, const char *text)
{
    bool resource = strcmp(key, "resource-policy.rego") == 0;
    bool denies_sample = resource && strstr(text, "sample_evidence") != NULL;

    if (era->simple_token)
        return strdup(!resource ? oldest_attestation : denies_sample ? oldest_resource : text);
    char *out = strdup(text);
    if (era->reference_data)
        out = lookup_as_data(out);
    if (era->id == KBS_ERA_0_11 || era->id == KBS_ERA_0_12) /* the name was wrong there */
        out = replace(out, "input.snp.measurement", "input.snp.launch_measurement");
    if (resource && strcmp(era->submod, "cpu0") != 0)
        out = replace(out, "submods.cpu0[", "submods.cpu[");
    if (resource && !era->policy_data)
        out = replace(out, "data.plugin == \"resource\"", "true");
    return out;
}
