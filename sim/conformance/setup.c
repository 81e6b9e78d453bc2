/* setup.c - what the suite asks of a KBS as its admin. */
#include "sim/conformance/conf.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_POLICY "package policy\ndefault allow = true\n"

char *conf_policy_body(const char *id, const char *text)
{
    auto_free char *b64 = cmn_b64(CMN_B64_URL, text, strlen(text));
    auto_json json_t *body =
        id ? json_pack("{s:s, s:s, s:s}", "type", "rego", "policy_id", id, "policy", b64)
           : json_pack("{s:s}", "policy", b64);

    return body ? cmn_json_dump(body) : NULL;
}

char *conf_reference_body(const char *name, const json_t *value)
{
    auto_json json_t *values = json_pack("{s:O}", name, value);
    auto_free char *text = cmn_json_dump(values);
    auto_free char *b64 = text ? cmn_b64(CMN_B64_STD, text, strlen(text)) : NULL;
    auto_json json_t *message = json_pack("{s:s, s:s, s:s}", "version", "0.1.0", "type", "sample",
                                          "payload", b64 ? b64 : "");

    return message ? cmn_json_dump(message) : NULL;
}

static bool post(struct conf *c, const char *path, const char *body, size_t len,
                 const char *content_type)
{
    return conf_send(c, &(struct conf_req){.method = "POST",
                                           .path = path,
                                           .body = body,
                                           .len = len,
                                           .content_type = content_type,
                                           .bearer = conf_admin(c)}) >= 0 &&
           conf_status(c, 200);
}

bool conf_set_resource_policy(struct conf *c, const char *text)
{
    auto_free char *body = conf_policy_body(NULL, text);

    return post(c, "/kbs/v0/resource-policy", body, 0, NULL);
}

bool conf_set_attestation_policy(struct conf *c, const char *id, const char *text)
{
    auto_free char *body = conf_policy_body(id, text);

    return post(c, "/kbs/v0/attestation-policy", body, 0, NULL);
}

bool conf_put_resource(struct conf *c, const char *path, struct cmn_bytes bytes)
{
    char url[512];

    (void)snprintf(url, sizeof(url), "/kbs/v0/resource/%s", path);
    return post(c, url, (const char *)bytes.data, bytes.len, "application/octet-stream");
}

bool conf_put_reference(struct conf *c, const char *name, json_t *value)
{
    auto_json json_t *own = value;
    auto_free char *body = conf_reference_body(name, own);

    return post(c, "/kbs/v0/reference-value", body, 0, NULL);
}

int conf_get_resource(struct conf *c, const char *path, const char *cookie, const char *bearer)
{
    char url[512];

    (void)snprintf(url, sizeof(url), "/kbs/v0/resource/%s", path);
    return conf_send(
        c, &(struct conf_req){.method = "GET", .path = url, .cookie = cookie, .bearer = bearer});
}

/* Ours, under a policy of ours: only on a throw-away KBS, and once. */
static bool make_readable(struct conf *c)
{
    if (!c->readable_tried) {
        bool missed = c->missed;
        c->readable_tried = true;
        c->readable_ok =
            conf_set_resource_policy(c, OPEN_POLICY) &&
            conf_put_resource(c, CONF_RESOURCE, cmn_bytes(CONF_SECRET, strlen(CONF_SECRET)));
        c->missed = missed; /* a refusal here is told by the checks of policies and resources */
        c->frozen = missed;
    }
    return c->readable_ok;
}

bool conf_open_policy(struct conf *c)
{
    return c->opts->destructive && c->admin_ok && make_readable(c);
}

const char *conf_readable(struct conf *c)
{
    if (conf_open_policy(c))
        return CONF_RESOURCE;
    if (c->opts->resource)
        return c->opts->resource;
    conf_skip(c, "needs a resource that the guest may read: --resource, or --allow-destructive "
                 "with admin rights");
    return NULL;
}
