/* initdata.c - see initdata.h. */
#include "initdata.h"

#include "common/crypto/crypto.h"
#include "common/rs/cmn-rs.h"

#include <string.h>
#include <strings.h>

/* TOML text to JSON; NULL when it is not TOML. */
static json_t *toml(const char *text, size_t len)
{
    char *json = cmn_rs_toml_to_json(text, len, NULL);
    json_t *out = NULL;

    if (json)
        CMN_IGNORE(cmn_json_load(cmn_bytes(json, strlen(json)), CMN_JSON_MAX_DEPTH, &out, NULL));
    cmn_rs_free(json);
    return out;
}

static int invalid(struct cmn_err *err, const char *text)
{
    return cmn_err_reason(err, EBADMSG, CMN_REASON_RCAR_INITDATA_INVALID, "%s", text);
}

/* "policy_data := {...}" at the end of policy.rego becomes agent_policy_claims, if it is JSON. */
static void move_policy_data(json_t *claims)
{
    static const char mark[] = "policy_data := {";
    const char *rego = cmn_json_str(claims, "policy.rego");
    const char *at = rego ? strstr(rego, mark) : NULL;
    json_t *data = NULL;

    if (!at)
        return;
    at += sizeof(mark) - 2; /* at the brace */
    if (cmn_json_load(cmn_bytes(at, strlen(at)), CMN_JSON_MAX_DEPTH, &data, NULL) < 0)
        return;
    (void)json_object_set_new(claims, "agent_policy_claims", data);
    (void)json_object_del(claims, "policy.rego");
}

static json_t *claims_of(const json_t *data)
{
    static const char *const parsed[] = {"aa.toml", "cdh.toml"};
    json_t *claims = json_copy((json_t *)data);

    for (size_t i = 0; i < CMN_ARRAY_SIZE(parsed); i++) {
        const json_t *v = json_object_get(data, parsed[i]);
        json_t *value = v ? toml(json_string_value(v), json_string_length(v)) : NULL;
        if (value)
            (void)json_object_set_new(claims, parsed[i], value);
    }
    move_policy_data(claims);
    return claims;
}

int kbs_initdata_read(struct cmn_env *env, const json_t *init_data, uint8_t digest[64],
                      size_t *ret_len, json_t **ret_claims, struct cmn_err *err)
{
    static const struct {
        const char *name, *md;
        size_t len;
    } algorithms[] = {{"sha256", "SHA256", 32}, {"sha384", "SHA384", 48}, {"sha512", "SHA512", 64}};
    const char *format = cmn_json_str(init_data, "format");
    const json_t *body = json_object_get(init_data, "body");
    const char *key;
    json_t *value;

    if (!format || !json_is_string(body))
        return invalid(err, "deserialize Attestation");
    if (strcmp(format, "toml") != 0)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_RCAR_INITDATA_INVALID,
                              "Unsupported initdata format: %.32s", format);
    auto_json json_t *doc = toml(json_string_value(body), json_string_length(body));
    const char *algorithm = cmn_json_str(doc, "algorithm");
    json_t *data = json_object_get(doc, "data");
    if (!doc || !algorithm || !cmn_json_str(doc, "version") || !json_is_object(data))
        return invalid(err, "parse init data: parse TOML structured data");
    json_object_foreach(data, key, value)
        if (!json_is_string(value))
            return invalid(err, "parse init data: parse TOML structured data");
    for (size_t i = 0; i < CMN_ARRAY_SIZE(algorithms); i++) {
        if (strcasecmp(algorithm, algorithms[i].name) != 0)
            continue;
        int r = cmn_hash(env, algorithms[i].md, json_string_value(body), json_string_length(body),
                         digest, err);
        if (r < 0)
            return r;
        *ret_len = algorithms[i].len;
        *ret_claims = claims_of(data);
        return *ret_claims ? 0 : cmn_err_set(err, ENOMEM, "no memory");
    }
    return invalid(err, "parse init data: unknown algorithm");
}
