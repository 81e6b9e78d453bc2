/* cross.c - what only shows when several files are seen together. */
#include "sim/diagnose/lint/lint-internal.h"

#include <stdio.h>
#include <string.h>

/* A place to report at, from a fact. */
static struct lint_doc at(struct sim_lint *l, const json_t *fact)
{
    return (struct lint_doc){.l = l, .file = cmn_json_str(fact, "file"), .first_line = 1};
}

static unsigned line(const json_t *fact)
{
    return (unsigned)cmn_json_int(fact, "line", 0);
}

static const char *value(const json_t *fact)
{
    return cmn_json_str(fact, "value") ? cmn_json_str(fact, "value") : "";
}

static json_t *facts(struct sim_lint *l, const char *kind)
{
    return json_object_get(l->facts, kind);
}

static bool any_has(const json_t *list, const char *wanted)
{
    size_t i;
    json_t *each;

    json_array_foreach((json_t *)list, i, each)
        if (strcmp(value(each), wanted) == 0)
            return true;
    return false;
}

static void host_of(const char *url, char *out, size_t cap)
{
    const char *p = strstr(url, "://");
    p = p ? p + 3 : url;
    (void)snprintf(out, cap, "%.*s", (int)strcspn(p, ":/"), p);
}

/* aa.toml and cdh.toml must name the same KBS; https needs its certificate in both. */
static void check_urls(struct sim_lint *l)
{
    json_t *urls = facts(l, "kbs-url"), *each, *other;
    size_t i, j;

    json_array_foreach(urls, i, each) {
        struct lint_doc d = at(l, each);
        for (j = 0; j < i; j++) {
            other = json_array_get(urls, j);
            if (strcmp(cmn_json_str(each, "file"), cmn_json_str(other, "file")) == 0 &&
                strcmp(cmn_json_str(each, "what"), cmn_json_str(other, "what")) != 0 &&
                strcmp(value(each), value(other)) != 0)
                lint_warn(&d, line(each), CMN_REASON_KBS_UNREACHABLE, "use one URL",
                          "%s names %.100s, %s names %.100s", cmn_json_str(other, "what"),
                          value(other), cmn_json_str(each, "what"), value(each));
        }
    }
}

/* The facts of one kind in the file of another fact. */
static const json_t *same_file(const json_t *list, const json_t *fact)
{
    size_t i;
    json_t *each;

    json_array_foreach((json_t *)list, i, each)
        if (strcmp(cmn_json_str(each, "file"), cmn_json_str(fact, "file")) == 0)
            return each;
    return NULL;
}

static void check_one_sided(struct sim_lint *l)
{
    size_t i;
    json_t *aa;

    json_array_foreach(facts(l, "aa-cert"), i, aa) {
        const json_t *cdh = same_file(facts(l, "cdh-cert"), aa);
        struct lint_doc d = at(l, aa);
        if (cdh && !*value(aa) != !*value(cdh))
            lint_error(&d, line(*value(aa) ? cdh : aa), CMN_REASON_KBS_TLS_CERT_ONE_SIDED,
                       "put it into both: aa.toml token_configs.kbs.cert, cdh.toml kbc.kbs_cert",
                       "only %s has the certificate of the KBS",
                       *value(aa) ? "aa.toml" : "cdh.toml");
    }
}

static bool name_fits(const char *pattern, const char *host)
{
    const char *dot = strchr(host, '.');

    if (strncmp(pattern, "*.", 2) == 0)
        return dot && strcasecmp(pattern + 1, dot) == 0;
    return strcasecmp(pattern, host) == 0;
}

static bool cert_names(const json_t *cert, const char *host)
{
    size_t i;
    json_t *name;

    json_array_foreach(json_object_get(cert, "names"), i, name)
        if (name_fits(json_string_value(name), host))
            return true;
    return false;
}

/* Every https URL (and route) must be named by one of the server certificates at hand. */
static void check_host(struct sim_lint *l, const json_t *fact, const char *host)
{
    json_t *certs = facts(l, "certificate"), *cert;
    size_t i, servers = 0;
    char seen[256] = "";

    json_array_foreach(certs, i, cert) {
        if (!json_array_size(json_object_get(cert, "names")))
            continue;
        servers++;
        if (cert_names(cert, host))
            return;
        const char *first = json_string_value(json_array_get(json_object_get(cert, "names"), 0));
        (void)snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s%.60s",
                       *seen ? ", " : "", first ? first : "?");
    }
    struct lint_doc d = at(l, fact);
    if (servers)
        lint_error(&d, line(fact), CMN_REASON_KBS_TLS_NAME,
                   "issue the certificate with this host in its SAN",
                   "no certificate names the host %.100s; they name %s", host, seen);
}

static void check_names(struct sim_lint *l)
{
    size_t i;
    json_t *each;
    char host[256];

    json_array_foreach(facts(l, "kbs-url"), i, each) {
        if (strncmp(value(each), "https://", 8) != 0)
            continue;
        host_of(value(each), host, sizeof(host));
        check_host(l, each, host);
        if (json_array_size(facts(l, "route")) && !any_has(facts(l, "route"), host)) {
            struct lint_doc d = at(l, each);
            lint_warn(&d, line(each), CMN_REASON_KBS_UNREACHABLE, "use the route's host",
                      "no route has the host %.100s", host);
        }
    }
    json_array_foreach(facts(l, "kbs-http"), i, each) {
        json_t *url;
        size_t j;
        json_array_foreach(facts(l, "kbs-url"), j, url) {
            struct lint_doc d = at(l, url);
            if (strcmp(value(each), "http") == 0 && strncmp(value(url), "https://", 8) == 0)
                lint_warn(&d, line(url), CMN_REASON_KBS_UNREACHABLE,
                          "use http://, or give the KBS a certificate (or a route that ends TLS)",
                          "the URL is https, but the KBS of %.100s speaks plain HTTP",
                          cmn_json_str(each, "file"));
            if (strcmp(value(each), "https") == 0 && strncmp(value(url), "http://", 7) == 0)
                lint_error(&d, line(url), CMN_REASON_KBS_UNREACHABLE, "use https://",
                           "the URL is http, but the KBS of %.100s speaks HTTPS",
                           cmn_json_str(each, "file"));
        }
    }
}

static void check_wanted(struct sim_lint *l, const char *wants, const char *has, const char *what)
{
    size_t i;
    json_t *each;

    json_array_foreach(facts(l, wants), i, each) {
        struct lint_doc d = at(l, each);
        if (json_array_size(facts(l, has)) && !any_has(facts(l, has), value(each)))
            lint_warn(&d, line(each), CMN_REASON_KBS_CONFIG_INVALID,
                      "create it, or correct the name", "%s '%.100s' is not among the manifests",
                      what, value(each));
    }
}

/* kbs:///default/SECRET/KEY of the guest against the secrets that Trustee serves. */
static void check_resources(struct sim_lint *l)
{
    size_t i, j;
    json_t *each, *key;

    json_array_foreach(facts(l, "resource"), i, each) {
        char repo[128], secret[128], tag[128];
        struct lint_doc d = at(l, each);
        bool found = false;
        if (sscanf(value(each), "%127[^/]/%127[^/]/%127[^/]", repo, secret, tag) != 3 ||
            strcmp(repo, "default") != 0)
            continue;
        if (json_array_size(facts(l, "kbs-cr")) && !any_has(facts(l, "secret-resource"), secret))
            lint_error(&d, line(each), CMN_REASON_RESOURCE_NOT_FOUND,
                       "add the secret's name to spec.kbsSecretResources of the KbsConfig",
                       "secret '%.64s' is not among kbsSecretResources", secret);
        json_array_foreach(facts(l, "secret-key"), j, key)
            found = found || (strcmp(cmn_json_str(key, "secret"), secret) == 0 &&
                              strcmp(value(key), tag) == 0);
        if (any_has(facts(l, "secret"), secret) && !found)
            lint_error(&d, line(each), CMN_REASON_RESOURCE_NOT_FOUND,
                       "add the key, or correct the URI", "secret '%.64s' has no key '%.64s'",
                       secret, tag);
    }
}

static void check_values(struct sim_lint *l)
{
    size_t i;
    json_t *each;
    unsigned missing = 0;

    if (!json_array_size(facts(l, "reference-value")))
        return;
    json_array_foreach(facts(l, "asked-value"), i, each) {
        struct lint_doc d = at(l, each);
        if (!any_has(facts(l, "reference-value"), value(each)) && missing++ < 32)
            lint_warn(&d, line(each), CMN_REASON_POLICY_REFERENCE_VALUE_MISSING,
                      "register it, or leave it if no guest of this TEE attests",
                      "the policy asks for '%.64s', which is not registered", value(each));
    }
    json_array_foreach(facts(l, "reference-value"), i, each) {
        struct lint_doc d = at(l, each);
        if (json_array_size(facts(l, "asked-value")) &&
            !any_has(facts(l, "asked-value"), value(each)))
            lint_warn(&d, line(each), CMN_REASON_RVPS_VALUE_UNKNOWN, "correct the name",
                      "no policy asks for '%.64s'", value(each));
    }
}

void lint_cross(struct sim_lint *l)
{
    check_urls(l);
    check_one_sided(l);
    check_names(l);
    check_wanted(l, "wants-config-map", "config-map", "ConfigMap");
    check_wanted(l, "wants-secret", "secret", "Secret");
    check_wanted(l, "secret-resource", "secret", "Secret");
    check_resources(l);
    check_values(l);
}
