/* kbs.c - the broker as an object, and the routing of section 1.1 of the protocol. */
#include "internal.h"

#include "kbs-lite/policy-set.h"

#include "common/crypto/crypto.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kbs_notify(struct kbs *kbs, const char *phase, const char *name, const char *outcome,
                enum cmn_reason reason, int status, const char *message, const json_t *details)
{
    if (kbs->observe)
        kbs->observe(kbs->observe_ctx,
                     &(struct kbs_event){phase, name, outcome, reason, status, message, details});
}

void kbs_set_observer(struct kbs *kbs, void (*observe)(void *, const struct kbs_event *), void *ctx)
{
    kbs->observe = observe;
    kbs->observe_ctx = ctx;
}

void kbs_answer_json(struct cmn_http_response *resp, const json_t *body)
{
    auto_free char *text = body ? cmn_json_dump(body) : NULL;

    resp->status = 200;
    if (!text || cmn_buf_puts(&resp->body, text) < 0 ||
        cmn_http_response_header(resp, "Content-Type", "application/json") < 0)
        resp->status = 503; /* no memory */
}

void kbs_answer_error(struct cmn_http_response *resp, const char *variant, const char *fmt, ...)
{
    char type[128], detail[2048];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    (void)snprintf(type, sizeof(type), "https://github.com/confidential-containers/kbs/errors/%s",
                   variant);
    auto_json json_t *body = json_pack("{s:s, s:s}", "type", type, "detail", detail);
    if (!body) /* outside text that was cut inside a character */
        body = json_pack("{s:s, s:s}", "type", type, "detail", "");
    kbs_answer_json(resp, body);
    bool not_found =
        strcmp(variant, "PluginNotFound") == 0 || strcmp(variant, "InvalidRequestPath") == 0;
    if (resp->status == 200)
        resp->status = not_found ? 404 : 401;
}

int kbs_store_get(struct kbs *kbs, const char *ns, const char *key, struct cmn_buf *ret,
                  struct cmn_err *err)
{
    (void)pthread_mutex_lock(&kbs->store_lock);
    int r = kbs->store->get(kbs->store, ns, key, ret, err);
    (void)pthread_mutex_unlock(&kbs->store_lock);
    return r;
}

int kbs_store_put(struct kbs *kbs, const char *ns, const char *key, struct cmn_bytes value,
                  struct cmn_err *err)
{
    (void)pthread_mutex_lock(&kbs->store_lock);
    int r = kbs->store->put(kbs->store, ns, key, value, err);
    (void)pthread_mutex_unlock(&kbs->store_lock);
    return r;
}

int kbs_store_list(struct kbs *kbs, const char *ns, int (*each)(void *, const char *), void *ctx,
                   struct cmn_err *err)
{
    (void)pthread_mutex_lock(&kbs->store_lock);
    int r = kbs->store->list(kbs->store, ns, each, ctx, err);
    (void)pthread_mutex_unlock(&kbs->store_lock);
    return r;
}

int kbs_store_del(struct kbs *kbs, const char *ns, const char *key, struct cmn_err *err)
{
    (void)pthread_mutex_lock(&kbs->store_lock);
    int r = kbs->store->del(kbs->store, ns, key, err);
    (void)pthread_mutex_unlock(&kbs->store_lock);
    return r;
}

/* Installs the texts of a set; with keep, only where none is stored (as upstream at start). */
static int install(struct kbs *kbs, const char *name, bool keep, struct cmn_err *err)
{
    const struct kbs_policy_set *set = kbs_policy_set_find(name);

    if (!set)
        return cmn_err_set(err, EINVAL, "policy set '%.64s' is not known", name);
    const struct {
        const char *ns, *key, *text;
    } texts[] = {{KBS_NS_POLICY, "default_cpu.rego", set->attestation_cpu},
                 {KBS_NS_POLICY, "default_gpu.rego", set->attestation_gpu},
                 {KBS_NS_KBS, "resource-policy.rego", set->resource}};
    for (size_t i = 0; i < CMN_ARRAY_SIZE(texts); i++) {
        auto_buf struct cmn_buf there = {0};
        int r = keep ? kbs_store_get(kbs, texts[i].ns, texts[i].key, &there, err) : -ENOENT;
        if (r == 0)
            continue;
        if (r != -ENOENT) /* it is there and cannot be read: never overwrite it */
            return r;
        auto_free char *text = kbs_era_policy(kbs->era, texts[i].key, texts[i].text);
        r = text ? kbs_store_put(kbs, texts[i].ns, texts[i].key, cmn_bytes(text, strlen(text)), err)
                 : cmn_err_set(err, ENOMEM, "no memory");
        if (r < 0)
            return r;
    }
    return 0;
}

int kbs_policy_set_use(struct kbs *kbs, const char *name, struct cmn_err *err)
{
    return install(kbs, name, false, err);
}

/* What SNP evidence is verified with. */
static int open_snp(struct kbs *kbs, const struct kbs_config *config, struct cmn_err *err)
{
    int r = kbs_roots_new(kbs->env, config->trust_amd, config->test_chain_pem, &kbs->roots, err);

    if (r == 0)
        r = kbs_cache_new(&kbs->cache, err);
    if (r == 0)
        r = kbs_vcek_sources_new(kbs->env, config, &kbs->vcek_sources, err);
    if (r == 0)
        r = kbs_crls_new(kbs->env, &kbs->crls, err);
    for (size_t i = 0; r == 0 && i < config->n_crls; i++)
        r = kbs_crls_add(kbs->crls, config->crls[i], err);
    kbs->snp_expect.crl_required = config->crl_required;
    return r;
}

int kbs_new(struct cmn_env *env, const struct kbs_config *config, struct kbs **ret,
            struct cmn_err *err)
{
    struct kbs *kbs = calloc(1, sizeof(*kbs));

    if (!kbs)
        return cmn_err_set(err, ENOMEM, "no memory");
    kbs->env = cmn_env_ref(env);
    kbs->config = *config;
    if (!kbs->config.session_minutes)
        kbs->config.session_minutes = 5;
    if (!kbs->config.token_minutes)
        kbs->config.token_minutes = 5;
    kbs->era = kbs_era_find(config->era);
    kbs->metrics = kbs_metrics_new();
    (void)pthread_mutex_init(&kbs->store_lock, NULL);
    (void)pthread_mutex_init(&kbs->session_lock, NULL);
    int r = !kbs->era
                ? cmn_err_set(err, EINVAL, "era '%.32s' is not known: 0.9 to 0.21", config->era)
            : !kbs->metrics     ? cmn_err_set(err, ENOMEM, "no memory")
            : config->store_dir ? kbs_store_dir(config->store_dir, &kbs->store, err)
                                : kbs_store_memory(&kbs->store, err);
    if (r == 0)
        r = kbs->era->simple_token ? cmn_rsa_generate(env, 2048, &kbs->token_key, err)
                                   : cmn_ec_generate(env, "P-256", &kbs->token_key, err);
    if (r == 0 && config->admin == KBS_ADMIN_AUTHENTICATED)
        r = kbs_admin_auth_new(env, config, &kbs->admin_auth, err);
    if (r == 0)
        r = open_snp(kbs, config, err);
    if (r == 0)
        r = install(kbs, config->policy_set ? config->policy_set : "upstream", true, err);
    if (r < 0) {
        kbs_free(kbs);
        return r;
    }
    *ret = kbs;
    return 0;
}

void kbs_free(struct kbs *kbs)
{
    if (!kbs)
        return;
    kbs_session_free_all(kbs);
    if (kbs->store)
        kbs->store->free(kbs->store);
    kbs_roots_free(kbs->roots);
    kbs_admin_auth_free(kbs->admin_auth);
    kbs_cache_free(kbs->cache);
    kbs_crls_free(kbs->crls);
    kbs_vcek_sources_free(kbs->vcek_sources);
    EVP_PKEY_free(kbs->token_key);
    kbs_metrics_free(kbs->metrics);
    (void)pthread_mutex_destroy(&kbs->store_lock);
    (void)pthread_mutex_destroy(&kbs->session_lock);
    cmn_env_unref(kbs->env);
    free(kbs);
}

bool kbs_trusts_test_roots(const struct kbs *kbs)
{
    return kbs_roots_test(kbs->roots);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* Percent-decodes in place; a bad escape stays as it is, as upstream's URI library leaves it. */
static void percent_decode(char *s)
{
    char *out = s;

    while (*s) {
        int hi = *s == '%' ? hex_value(s[1]) : -1, lo = hi >= 0 ? hex_value(s[2]) : -1;
        if (lo >= 0 && (hi || lo)) {
            *out++ = (char)(hi << 4 | lo);
            s += 3;
        } else {
            *out++ = *s++;
        }
    }
    *out = 0;
}

/* Everything below /kbs/v0/: the first segment chooses, first match wins. */
static void dispatch(struct kbs *kbs, char *path, const struct cmn_http_request *req,
                     struct cmn_http_response *resp)
{
    bool get = strcmp(req->method, "GET") == 0, post = strcmp(req->method, "POST") == 0;
    char *slash = strchr(path, '/');
    const char *rest = slash ? slash + 1 : "";

    if (slash)
        *slash = 0;
    if (strcmp(path, "auth") == 0 && post)
        kbs_auth(kbs, req, resp);
    else if (strcmp(path, "attest") == 0 && post)
        kbs_attest(kbs, req, resp);
    else if ((strcmp(path, "attestation-policy") == 0 && post) ||
             (strcmp(path, "reference-value") == 0 && (get || post) &&
              kbs->era->id >= KBS_ERA_0_14) ||
             (strcmp(path, "resource-policy") == 0 && (get || post)))
        kbs_admin(kbs, path, rest, req, resp);
    else if (strcmp(path, "resource") == 0 && !kbs->config.no_resource_plugin)
        kbs_resource(kbs, rest, req, resp);
    else {
        kbs_answer_error(resp, "PluginNotFound", "Plugin %.256s not found", path);
        kbs_notify(kbs, "release-key", "kbs.resource", "refused", CMN_REASON_PLUGIN_NOT_FOUND,
                   resp->status, "no such plugin", NULL);
    }
}

static void health(struct kbs *kbs, struct cmn_http_response *resp)
{
    resp->status = 200;
    if (kbs_trusts_test_roots(kbs)) /* upstream's body is empty; a broker with test roots says so */
        CMN_IGNORE(
            cmn_buf_puts(&resp->body, "test roots are trusted: this broker protects nothing\n"));
}

static void metrics(struct kbs *kbs, bool get, struct cmn_http_response *resp)
{
    resp->status = get ? 200 : 405;
    if (!get)
        CMN_IGNORE(cmn_http_response_header(resp, "Allow", "GET")); /* there is room */
    else if (kbs_metrics_print(kbs->metrics, &resp->body) < 0)
        resp->status = 503;
}

/* /kbs/v0/...: what the framework refuses, then the broker's own routes. */
static void handle_api(struct kbs *kbs, const char *rest, const struct cmn_http_request *req,
                       struct cmn_http_response *resp)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    auto_json json_t *query = NULL;
    bool known = false;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(methods); i++)
        known = known || strcmp(req->method, methods[i]) == 0;
    if (!*rest && kbs->era->id < KBS_ERA_0_17) { /* the route wanted a first segment */
        resp->status = 404;
    } else if (!known) {
        resp->status = 405;
        CMN_IGNORE(
            cmn_http_response_header(resp, "Allow", "GET, POST, PUT, DELETE")); /* there is room */
    } else if (kbs_query_parse(req->query, &query, NULL) < 0) {
        resp->status = 400; /* the framework's answer, not the JSON error */
    } else {
        auto_free char *path = strdup(rest);
        resp->status = 503;
        if (!path)
            return;
        percent_decode(path);
        dispatch(kbs, path, req, resp);
        kbs_capture(kbs, path, req, resp); /* dispatch cut path behind its first segment */
        kbs_era_answer(kbs->era, resp);
    }
}

/* Every route; the framework's own 404 has an empty body. */
static void route(struct kbs *kbs, const struct cmn_http_request *req,
                  struct cmn_http_response *resp)
{
    static const char prefix[] = "/kbs/v0/";
    bool get = strcmp(req->method, "GET") == 0;

    if (strcmp(req->path, "/healthz") == 0 && get && kbs->era->id >= KBS_ERA_0_21)
        health(kbs, resp);
    else if (strcmp(req->path, "/metrics") == 0 && kbs->era->id >= KBS_ERA_0_14)
        metrics(kbs, get, resp);
    else if (strncmp(req->path, prefix, sizeof(prefix) - 1) == 0)
        handle_api(kbs, req->path + sizeof(prefix) - 1, req, resp);
    else
        resp->status = 404;
}

void kbs_handle(struct kbs *kbs, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    bool counted = strncmp(req->path, "/kbs", 4) == 0; /* as upstream */
    uint64_t start = cmn_env_mono_us(kbs->env);

    if (counted)
        kbs_metrics_begin(kbs->metrics, req->body.len);
    route(kbs, req, resp);
    if (counted)
        kbs_metrics_end(kbs->metrics, cmn_env_mono_us(kbs->env) - start, resp->body.len);
}

void kbs_http_handler(void *ctx, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    kbs_handle(ctx, req, resp);
}
