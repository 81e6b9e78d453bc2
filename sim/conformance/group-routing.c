/* group-routing.c - 1xx: routes, methods and their statuses (kbs-protocol 1.1, 1.2, 1.8). */
#include "sim/conformance/conf.h"

#include <string.h>

static void run_empty_404(struct conf *c, const struct conf_check *check)
{
    if (conf_send(c, &check->send) < 0)
        return;
    (void)conf_expect(c, c->answer.status == 404 && !c->answer.body.len,
                      "status 404 with an empty body: the framework's answer, not the JSON error");
}

static void run_405(struct conf *c, const struct conf_check *check)
{
    if (conf_send(c, &check->send) < 0 || !conf_status(c, 405))
        return;
    if (!cmn_http_answer_header(&c->answer, "Allow"))
        conf_remark(c, "no Allow header (upstream's framework sends one)");
}

static void run_healthz(struct conf *c, const struct conf_check *check)
{
    if (conf_send(c, &check->send) < 0 || !conf_status(c, 200))
        return;
    if (c->answer.body.len)
        conf_remark(c, "the body is not empty as upstream's is");
}

static const char *const metric_names[] = {
    "kbs_http_requests_total",        "kbs_http_request_duration_seconds",
    "kbs_http_request_size_bytes",    "kbs_policy_evaluations_total",
    "kbs_policy_approvals_total",     "kbs_policy_violations_total",
    "kbs_attestation_requests_total", "kbs_auth_requests_total",
};

static void run_metrics(struct conf *c, const struct conf_check *check)
{
    if (conf_send(c, &check->send) < 0 || !conf_status(c, 200))
        return;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(metric_names); i++)
        (void)conf_expect(
            c, c->answer.body.data && strstr((char *)c->answer.body.data, metric_names[i]),
            "Prometheus text that has %s", metric_names[i]);
}

/* Value of a sample without labels, -1 when it is not there. */
static double metric(struct conf *c, const char *name)
{
    size_t n = strlen(name);

    if (conf_send(c, &(struct conf_req){.method = "GET", .path = "/metrics"}) < 0)
        return -1;
    for (const char *p = (const char *)c->answer.body.data; p && *p;) {
        if (strncmp(p, name, n) == 0 && p[n] == ' ')
            return strtod(p + n, NULL);
        p = strchr(p, '\n');
        p = p ? p + 1 : NULL;
    }
    return -1;
}

static void run_counting(struct conf *c, const struct conf_check *check)
{
    double before = metric(c, check->text);

    if (!conf_expect(c, before >= 0, "a sample '%s N' of /metrics", check->text) ||
        conf_send(c, &check->send) < 0)
        return;
    double after = metric(c, check->text);
    (void)conf_expect(c, after > before, "%s to grow with each such request (it was %.0f)",
                      check->text, before);
}

#define NO_PLUGIN(n, m, p, name, text)                                                             \
    {                                                                                              \
        .number = n, .section = "1.1", .rule = text, .since = CONF_ERA_0_11,                       \
        .run = conf_run_exchange, .send = {.method = m, .path = p}, .status = 404,                 \
        .type = "PluginNotFound", .detail = "Plugin " name " not found"                            \
    }

static const struct conf_check checks[] = {
    {101, "1.1", "GET /healthz answers 200 without authorisation", .since = CONF_ERA_0_21,
     .run = run_healthz, .send = {.method = "GET", .path = "/healthz"}},
    {102, "1.8", "GET /metrics answers 200 with upstream's metrics", .since = CONF_ERA_0_14,
     .run = run_metrics, .send = {.method = "GET", .path = "/metrics"}},
    {103, "1.1", "POST /metrics answers 405", .since = CONF_ERA_0_14, .run = conf_run_exchange,
     .send = {.method = "POST", .path = "/metrics"}, .status = 405},
    {104, "1.1", "an unknown path is 404 with an empty body", .run = run_empty_404,
     .send = {.method = "GET", .path = "/conformance/no/such/path"}},
    {105, "1.1", "/kbs/v0 without a slash at its end is 404 with an empty body",
     .run = run_empty_404, .send = {.method = "GET", .path = "/kbs/v0"}},
    {106, "1.1", "another version of the API is 404 with an empty body", .run = run_empty_404,
     .send = {.method = "POST", .path = "/kbs/v1/auth", .body = "{}"}},
    {107, "1.1", "/kbs/v0/ names the plugin '': 404 PluginNotFound", .since = CONF_ERA_0_17,
     .run = conf_run_exchange, .send = {.method = "GET", .path = "/kbs/v0/"}, .status = 404,
     .type = "PluginNotFound", .detail = "Plugin  not found"},
    NO_PLUGIN(108, "GET", "/kbs/v0/auth", "auth", "GET on auth goes to the plugins: 404"),
    NO_PLUGIN(109, "GET", "/kbs/v0/attest", "attest", "GET on attest goes to the plugins: 404"),
    NO_PLUGIN(110, "GET", "/kbs/v0/attestation-policy", "attestation-policy",
              "an attestation policy cannot be read: GET is 404 PluginNotFound"),
    NO_PLUGIN(111, "PUT", "/kbs/v0/auth", "auth", "PUT on auth goes to the plugins: 404"),
    NO_PLUGIN(112, "DELETE", "/kbs/v0/auth", "auth", "DELETE on auth goes to the plugins: 404"),
    NO_PLUGIN(113, "PUT", "/kbs/v0/attest", "attest", "PUT on attest goes to the plugins: 404"),
    NO_PLUGIN(114, "DELETE", "/kbs/v0/attest", "attest",
              "DELETE on attest goes to the plugins: 404"),
    NO_PLUGIN(115, "PUT", "/kbs/v0/attestation-policy", "attestation-policy",
              "PUT on attestation-policy is 404 PluginNotFound"),
    NO_PLUGIN(116, "DELETE", "/kbs/v0/attestation-policy", "attestation-policy",
              "DELETE on attestation-policy is 404 PluginNotFound"),
    NO_PLUGIN(117, "PUT", "/kbs/v0/reference-value", "reference-value",
              "PUT on reference-value is 404 PluginNotFound"),
    NO_PLUGIN(118, "PUT", "/kbs/v0/resource-policy", "resource-policy",
              "PUT on resource-policy is 404 PluginNotFound"),
    NO_PLUGIN(119, "DELETE", "/kbs/v0/resource-policy", "resource-policy",
              "DELETE on resource-policy is 404 PluginNotFound"),
    NO_PLUGIN(120, "GET", "/kbs/v0/conformance-no-plugin/a/b", "conformance-no-plugin",
              "GET of a plugin that is not there is 404 and names it"),
    NO_PLUGIN(121, "POST", "/kbs/v0/conformance-no-plugin", "conformance-no-plugin",
              "POST to a plugin that is not there is 404 and names it"),
    NO_PLUGIN(122, "GET", "/kbs/v0/Resource/a/b/c", "Resource",
              "names of plugins are case sensitive"),
    NO_PLUGIN(123, "GET", "/kbs/v0/token-certificate-chain", "token-certificate-chain",
              "the historical token-certificate-chain is gone"),
    {124, "1.1", "the path is percent-decoded before it is split", .since = CONF_ERA_0_17,
     .run = conf_run_exchange, .send = {.method = "POST", .path = "/kbs/v0/%61uth", .body = "{}"},
     .status = 401, .type = "AttestationError",
     .detail = "Attestation error: RCAR handshake Auth failed: *"},
    {125, "1.1", "an encoded slash splits the path too", .since = CONF_ERA_0_17,
     .run = conf_run_exchange,
     .send = {.method = "POST", .path = "/kbs/v0/auth%2Fmore", .body = "{}"}, .status = 401,
     .type = "AttestationError", .detail = "Attestation error: RCAR handshake Auth failed: *"},
    {126, "1.1", "segments behind auth change nothing", .since = CONF_ERA_0_17,
     .run = conf_run_exchange, .send = {.method = "POST", .path = "/kbs/v0/auth/", .body = "{}"},
     .status = 401, .type = "AttestationError",
     .detail = "Attestation error: RCAR handshake Auth failed: *"},
    {127, "1.1", "a query on auth changes nothing", .since = CONF_ERA_0_11,
     .run = conf_run_exchange, .send = {.method = "POST", .path = "/kbs/v0/auth?a=b", .body = "{}"},
     .status = 401, .type = "AttestationError",
     .detail = "Attestation error: RCAR handshake Auth failed: *"},
    {128, "1.1", "PATCH is 405", .run = run_405, .since = CONF_ERA_0_17,
     .send = {.method = "PATCH", .path = "/kbs/v0/auth"}},
    {129, "1.1", "OPTIONS is 405", .run = run_405, .since = CONF_ERA_0_17,
     .send = {.method = "OPTIONS", .path = "/kbs/v0/resource/a/b/c"}},
    {130, "1.1", "the KBS serves no JWKS", .run = run_empty_404,
     .send = {.method = "GET", .path = "/.well-known/jwks.json"}},
    {131, "1.8", "kbs_http_requests_total counts requests below /kbs", .since = CONF_ERA_0_14,
     .run = run_counting, .text = "kbs_http_requests_total",
     .send = {.method = "POST", .path = "/kbs/v0/auth", .body = "{}"}},
    {132, "1.8", "kbs_auth_requests_total counts auth", .since = CONF_ERA_0_14, .run = run_counting,
     .text = "kbs_auth_requests_total",
     .send = {.method = "POST", .path = "/kbs/v0/auth", .body = "{}"}},
    {133, "1.8", "kbs_auth_errors_total counts refused auth", .since = CONF_ERA_0_14,
     .run = run_counting, .text = "kbs_auth_errors_total",
     .send = {.method = "POST", .path = "/kbs/v0/auth", .body = "{}"}},
    {134, "1.8", "kbs_attestation_requests_total counts attest", .since = CONF_ERA_0_14,
     .run = run_counting, .text = "kbs_attestation_requests_total",
     .send = {.method = "POST", .path = "/kbs/v0/attest", .body = "{}"}},
    {135, "1.8", "kbs_attestation_errors_total counts attest requests that cannot be judged",
     .since = CONF_ERA_0_14, .run = run_counting, .text = "kbs_attestation_errors_total",
     .send = {.method = "POST", .path = "/kbs/v0/attest", .body = "{}"}},
};

const struct conf_group conf_group_routing = {"routing", checks, CMN_ARRAY_SIZE(checks)};
