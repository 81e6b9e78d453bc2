/* toml.c - initdata and the guest's and the key broker's configuration, as TOML. */
#include "common/enc/enc.h"
#include "common/rs/cmn-rs.h"
#include "sim/diagnose/inspect/inspect-internal.h"

#include <stdio.h>
#include <string.h>

enum { TOML_MAX = 4 << 20 };

/* What each kind of file has at its top. */
static const struct {
    const char *kind, *title, *key;
} configs[] = {
    {"aa-config", "configuration of the attestation agent (aa.toml)", "token_configs"},
    {"cdh-config", "configuration of the confidential data hub (cdh.toml)", "kbc"},
    {"kbs-config", "configuration of the key broker (kbs-config.toml)", "http_server"},
};

static void view_digest(struct insp *in, json_t *doc, struct cmn_bytes text, const char *md,
                        size_t len, bool used)
{
    uint8_t digest[64], pcr[64] = {0};
    json_t *f;

    if (cmn_hash(in->env, md, text.data, text.len, digest, NULL) < 0)
        return;
    f = sim_view_hex(doc, SIM_VIEW_NO_OFFSET, md, digest, len);
    if (used)
        sim_view_meaning(f, "the digest of this initdata: HOST_DATA (first 32 bytes)");
    if (used && len == 32) {
        memcpy(pcr + 32, digest, 32);
        if (cmn_hash(in->env, "SHA256", pcr, 64, digest, NULL) == 0)
            sim_view_meaning(sim_view_hex(doc, SIM_VIEW_NO_OFFSET, "PCR8", digest, 32),
                             "on a vTPM: reference value snp_pcr08");
    }
}

static json_t *view_initdata(struct insp *in, struct cmn_bytes text, const json_t *json)
{
    json_t *doc = sim_view_new("initdata", "initdata of a pod"), *f, *value;
    const char *algorithm = cmn_json_str(json, "algorithm"),
               *version = cmn_json_str(json, "version");
    static const struct {
        const char *name, *md;
        size_t len;
    } mds[] = {{"sha256", "SHA256", 32}, {"sha384", "SHA384", 48}, {"sha512", "SHA512", 64}};
    bool known = false;
    const char *key;

    f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "version", "%s",
                       version ? version : "(missing)");
    if (!version || strcmp(version, "0.1.0") != 0)
        sim_view_doubt(f, CMN_REASON_INITDATA_INVALID, "the guest wants 0.1.0");
    f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "algorithm", "%s",
                       algorithm ? algorithm : "(missing)");
    for (size_t i = 0; i < CMN_ARRAY_SIZE(mds); i++) {
        bool used = algorithm && strcmp(algorithm, mds[i].name) == 0;
        known = known || used;
        view_digest(in, doc, text, mds[i].md, mds[i].len, used);
    }
    if (!known)
        sim_view_doubt(f, CMN_REASON_INITDATA_INVALID, "want sha256, sha384 or sha512");
    else if (strcmp(algorithm, "sha256") != 0)
        sim_view_doubt(f, CMN_REASON_KBS_WORKER_PANIC,
                       "on Azure (vTPM) only sha256 works: others end Trustee's worker");
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "bytes", "%zu, last one 0x%02x", text.len,
                         text.len ? text.data[text.len - 1] : 0);
    json_object_foreach(json_object_get(json, "data"), key, value) {
        const char *s = json_string_value(value);
        f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "data", "\"%s\", %zu bytes", key,
                           s ? strlen(s) : 0);
        if (!s)
            sim_view_doubt(f, CMN_REASON_INITDATA_INVALID, "not a text");
        else
            sim_view_part(doc, insp_text(in, cmn_bytes(s, strlen(s))));
    }
    return doc;
}

static json_t *view_config(struct insp *in, size_t which, const json_t *json)
{
    json_t *doc = sim_view_new(configs[which].kind, configs[which].title), *value, *kbs;
    const char *key;

    (void)in;
    json_object_foreach((json_t *)json, key, value) {
        json_t *f = sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "section", "%s", key);
        const char *url = cmn_json_str(value, "url");
        kbs = json_object_get(value, "kbs");
        if (kbs && cmn_json_str(kbs, "url"))
            url = cmn_json_str(kbs, "url");
        if (url)
            sim_view_meaning(f, "url %s", url);
        if (url && strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
            sim_view_doubt(f, CMN_REASON_KBS_URL_INVALID, "the URL has no scheme");
    }
    (void)sim_view_field(doc, SIM_VIEW_NO_OFFSET, 0, "next",
                         "cocobox lint FILE looks for mistakes");
    return doc;
}

json_t *insp_toml(struct insp *in, struct cmn_bytes text)
{
    char *error = NULL, *dump = NULL;
    auto_json json_t *json = NULL;
    json_t *doc = NULL;

    /* a cheap look before a whole log goes to the parser */
    if (text.len > TOML_MAX || !memchr(text.data, '=', text.len) || text.data[0] == '{' ||
        text.data[0] == '-')
        return NULL;
    dump = cmn_rs_toml_to_json((const char *)text.data, text.len, &error);
    if (dump)
        CMN_IGNORE(cmn_json_load(cmn_bytes(dump, strlen(dump)), CMN_JSON_MAX_DEPTH, &json, NULL));
    if (json_is_object(json_object_get(json, "data")))
        doc = view_initdata(in, text, json);
    for (size_t i = 0; !doc && i < CMN_ARRAY_SIZE(configs); i++)
        if (json_object_get(json, configs[i].key))
            doc = view_config(in, i, json);
    if (!json && memmem(text.data, text.len, "[data]", 6) &&
        memmem(text.data, text.len, "algorithm", 9)) {
        doc = sim_view_new("initdata", "initdata of a pod");
        sim_view_doubt(doc, CMN_REASON_INITDATA_INVALID, "it is not TOML: %.500s",
                       error ? error : "?");
    }
    cmn_rs_free(dump);
    cmn_rs_free(error);
    return doc;
}
