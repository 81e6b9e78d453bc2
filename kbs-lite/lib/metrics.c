/* metrics.c - see metrics.h. */
#include "metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *help;
} plain[KBS_METRICS] = {
    {"kbs_http_requests_total", "Total HTTP requests count"},
    {"kbs_policy_evaluations_total", "Total count of KBS policy evaluations"},
    {"kbs_policy_approvals_total", "Total count of requests approved by KBS policy"},
    {"kbs_policy_violations_total", "Total count of requests denied by KBS policy"},
    {"kbs_policy_errors_total", "Total count of errors during KBS evaluation"},
    {"kbs_attestation_requests_total", "Total count of attestation requests"},
    {"kbs_attestation_errors_total", "Total count of errors during attestation processing"},
    {"kbs_auth_requests_total", "Total count of auth requests"},
    {"kbs_auth_successes_total", "Total count of successfully authenticated requests"},
    {"kbs_auth_errors_total", "Total count of errors during auth processing"},
};

static const struct {
    const char *name, *help, *label;
} labelled[KBS_LABELLED_METRICS] = {
    {"kbs_resource_reads_total", "KBS resource read count", "resource_path"},
    {"kbs_resource_writes_total", "KBS resource write count", "resource_path"},
    {"kbs_resource_deletes_total", "KBS resource delete count", "resource_path"},
    {"kbs_attestation_successes_total", "Total count of attestation successes", "tee_type"},
    {"kbs_attestation_failures_total", "Total count of attestation failures", "tee_type"},
};

enum { BOUNDS_MAX = 7 };

static const struct histogram_kind {
    const char *name, *help;
    size_t n;
    double bounds[BOUNDS_MAX];
} kinds[] = {
    {"kbs_http_request_duration_seconds",
     "Distribution of request handling duration",
     7,
     {0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 1}},
    {"kbs_http_request_size_bytes",
     "Distribution of request body sizes",
     5,
     {32, 128, 512, 2048, 8192}},
    {"kbs_http_response_size_bytes",
     "Distribution of response body sizes",
     5,
     {32, 128, 512, 2048, 8192}},
};

enum { DURATION, REQUEST_SIZE, RESPONSE_SIZE, HISTOGRAMS };

struct histogram {
    uint64_t in[BOUNDS_MAX]; /* per bucket, not yet summed up */
    uint64_t count;
    double sum;
};

struct child {
    struct child *next;
    char *label;
    uint64_t count;
};

struct kbs_metrics {
    pthread_mutex_t lock;
    uint64_t counters[KBS_METRICS];
    struct child *children[KBS_LABELLED_METRICS];
    size_t n_children[KBS_LABELLED_METRICS];
    struct histogram histograms[HISTOGRAMS];
    long active;
};

struct kbs_metrics *kbs_metrics_new(void)
{
    struct kbs_metrics *m = calloc(1, sizeof(*m));

    if (m)
        (void)pthread_mutex_init(&m->lock, NULL);
    return m;
}

void kbs_metrics_free(struct kbs_metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < KBS_LABELLED_METRICS; i++)
        while (m->children[i]) {
            struct child *child = m->children[i];
            m->children[i] = child->next;
            free(child->label);
            free(child);
        }
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

void kbs_metric_add(struct kbs_metrics *m, enum kbs_metric which)
{
    (void)pthread_mutex_lock(&m->lock);
    m->counters[which]++;
    (void)pthread_mutex_unlock(&m->lock);
}

/* The child of a label, made if there is room; NULL without memory. Called with the lock held. */
static struct child *child_of(struct kbs_metrics *m, enum kbs_labelled which, const char *label)
{
    if (m->n_children[which] >= KBS_METRIC_LABELS_MAX)
        label = "(others)";
    for (struct child *c = m->children[which]; c; c = c->next)
        if (strcmp(c->label, label) == 0)
            return c;
    struct child *c = calloc(1, sizeof(*c));
    if (!c || !(c->label = strdup(label))) {
        free(c);
        return NULL;
    }
    c->next = m->children[which];
    m->children[which] = c;
    m->n_children[which]++;
    return c;
}

void kbs_metric_add_for(struct kbs_metrics *m, enum kbs_labelled which, const char *label)
{
    (void)pthread_mutex_lock(&m->lock);
    struct child *child = child_of(m, which, label);
    if (child)
        child->count++;
    (void)pthread_mutex_unlock(&m->lock);
}

static void observe(struct kbs_metrics *m, size_t which, double value)
{
    struct histogram *h = &m->histograms[which];

    h->count++;
    h->sum += value;
    for (size_t i = 0; i < kinds[which].n; i++)
        if (value <= kinds[which].bounds[i]) {
            h->in[i]++;
            return;
        }
}

void kbs_metrics_begin(struct kbs_metrics *m, size_t request_bytes)
{
    (void)pthread_mutex_lock(&m->lock);
    m->counters[KBS_METRIC_HTTP_REQUESTS]++;
    m->active++;
    observe(m, REQUEST_SIZE, (double)request_bytes);
    (void)pthread_mutex_unlock(&m->lock);
}

void kbs_metrics_end(struct kbs_metrics *m, uint64_t took_us, size_t response_bytes)
{
    (void)pthread_mutex_lock(&m->lock);
    m->active--;
    observe(m, DURATION, (double)took_us / 1e6);
    /* upstream's slip: response sizes go to the histogram of the requests */
    observe(m, REQUEST_SIZE, (double)response_bytes);
    (void)pthread_mutex_unlock(&m->lock);
}

static int head(struct cmn_buf *out, const char *name, const char *help, const char *type)
{
    return cmn_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The value of a label with what the format escapes. */
static int put_label(struct cmn_buf *out, const char *label)
{
    int r = 0;

    for (; *label && r == 0; label++)
        r = *label == '\n'                    ? cmn_buf_puts(out, "\\n")
            : *label == '"' || *label == '\\' ? cmn_buf_printf(out, "\\%c", *label)
                                              : cmn_buf_put(out, label, 1);
    return r;
}

static int print_children(const struct kbs_metrics *m, size_t which, struct cmn_buf *out)
{
    int r = 0;

    if (!m->children[which]) /* as upstream: a family without members is not told */
        return 0;
    r |= head(out, labelled[which].name, labelled[which].help, "counter");
    for (const struct child *c = m->children[which]; c; c = c->next) {
        r |= cmn_buf_printf(out, "%s{%s=\"", labelled[which].name, labelled[which].label);
        r |= put_label(out, c->label);
        r |= cmn_buf_printf(out, "\"} %llu\n", (unsigned long long)c->count);
    }
    return r;
}

static int print_histogram(const struct kbs_metrics *m, size_t which, struct cmn_buf *out)
{
    const struct histogram_kind *kind = &kinds[which];
    const struct histogram *h = &m->histograms[which];
    uint64_t below = 0;
    int r = head(out, kind->name, kind->help, "histogram");

    for (size_t i = 0; i < kind->n; i++) {
        below += h->in[i];
        r |= cmn_buf_printf(out, "%s_bucket{le=\"%g\"} %llu\n", kind->name, kind->bounds[i],
                            (unsigned long long)below);
    }
    r |= cmn_buf_printf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.17g\n%s_count %llu\n",
                        kind->name, (unsigned long long)h->count, kind->name, h->sum, kind->name,
                        (unsigned long long)h->count);
    return r;
}

static int print_locked(const struct kbs_metrics *m, struct cmn_buf *out)
{
    int r = head(out, "kbs_build_info", "KBS binary build info", "gauge");

    r |= cmn_buf_puts(out, "kbs_build_info{build_date=\"unknown\",git_hash=\"unknown\",version="
                           "\"0.1.0\"} 1\n");
    r |= head(out, "kbs_http_active_connections",
              "Count of HTTP connections being processed at the moment", "gauge");
    r |= cmn_buf_printf(out, "kbs_http_active_connections %ld\n", m->active);
    for (size_t i = 0; i < KBS_METRICS; i++) {
        r |= head(out, plain[i].name, plain[i].help, "counter");
        r |= cmn_buf_printf(out, "%s %llu\n", plain[i].name, (unsigned long long)m->counters[i]);
    }
    for (size_t i = 0; i < KBS_LABELLED_METRICS; i++)
        r |= print_children(m, i, out);
    for (size_t i = 0; i < HISTOGRAMS; i++)
        r |= print_histogram(m, i, out);
    return r;
}

int kbs_metrics_print(struct kbs_metrics *m, struct cmn_buf *ret)
{
    (void)pthread_mutex_lock(&m->lock);
    int r = print_locked(m, ret);
    (void)pthread_mutex_unlock(&m->lock);
    return r ? -ENOMEM : 0;
}
