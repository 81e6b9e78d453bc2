/* test-metrics.c - what GET /metrics tells, and that it stays bounded and well-formed. */
#include "metrics.h"

#include "tests/testlib/testlib.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static char text[1 << 20];

static const char *print(struct kbs_metrics *m)
{
    auto_buf struct cmn_buf out = {0};

    T_OK(kbs_metrics_print(m, &out), NULL);
    (void)snprintf(text, sizeof(text), "%s", (char *)out.data);
    return text;
}

static void labels_are_escaped(void)
{
    struct kbs_metrics *m = kbs_metrics_new();

    kbs_metric_add_for(m, KBS_METRIC_RESOURCE_READS, "a\"b\\c\nd");
    T_TRUE(strstr(print(m), "kbs_resource_reads_total{resource_path=\"a\\\"b\\\\c\\nd\"} 1\n"));
    kbs_metrics_free(m);
}

static void labels_are_bounded(void)
{
    struct kbs_metrics *m = kbs_metrics_new();
    size_t lines = 0;

    for (int i = 0; i < KBS_METRIC_LABELS_MAX + 100; i++) {
        char label[32];
        (void)snprintf(label, sizeof(label), "default/key/%d", i);
        kbs_metric_add_for(m, KBS_METRIC_RESOURCE_WRITES, label);
    }
    for (const char *p = print(m); (p = strstr(p, "kbs_resource_writes_total{")); p++)
        lines++;
    T_EQ_INT(lines, KBS_METRIC_LABELS_MAX + 1);
    T_TRUE(strstr(text, "resource_path=\"(others)\"} 100\n"));
    kbs_metrics_free(m);
}

static void families_without_members_are_not_told(void)
{
    struct kbs_metrics *m = kbs_metrics_new();

    T_TRUE(!strstr(print(m), "kbs_attestation_successes_total"));
    T_TRUE(strstr(text, "kbs_auth_requests_total 0\n"));
    kbs_metric_add_for(m, KBS_METRIC_ATTESTATION_SUCCESSES, "snp");
    T_TRUE(strstr(print(m), "kbs_attestation_successes_total{tee_type=\"snp\"} 1\n"));
    kbs_metrics_free(m);
}

static void buckets_are_summed_up(void)
{
    struct kbs_metrics *m = kbs_metrics_new();

    kbs_metrics_begin(m, 10);
    kbs_metrics_end(m, 2000, 9000); /* 2 ms; the answer is larger than every bound */
    (void)print(m);
    T_TRUE(strstr(text, "kbs_http_request_duration_seconds_bucket{le=\"0.001\"} 0\n"));
    T_TRUE(strstr(text, "kbs_http_request_duration_seconds_bucket{le=\"0.005\"} 1\n"));
    T_TRUE(strstr(text, "kbs_http_request_duration_seconds_bucket{le=\"+Inf\"} 1\n"));
    /* upstream counts sizes of answers among those of requests */
    T_TRUE(strstr(text, "kbs_http_request_size_bytes_bucket{le=\"32\"} 1\n"));
    T_TRUE(strstr(text, "kbs_http_request_size_bytes_bucket{le=\"8192\"} 1\n"));
    T_TRUE(strstr(text, "kbs_http_request_size_bytes_count 2\n"));
    T_TRUE(strstr(text, "kbs_http_request_size_bytes_sum 9010\n"));
    T_TRUE(strstr(text, "kbs_http_response_size_bytes_count 0\n"));
    T_TRUE(strstr(text, "kbs_http_active_connections 0\n"));
    kbs_metrics_free(m);
}

static void *add_many(void *m)
{
    for (int i = 0; i < 1000; i++) {
        kbs_metric_add(m, KBS_METRIC_AUTH_REQUESTS);
        kbs_metric_add_for(m, KBS_METRIC_RESOURCE_DELETES, "a/b/c");
    }
    return NULL;
}

static void threads_lose_no_count(void)
{
    struct kbs_metrics *m = kbs_metrics_new();
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        T_EQ_INT(pthread_create(&threads[i], NULL, add_many, m), 0);
    for (int i = 0; i < 4; i++)
        T_EQ_INT(pthread_join(threads[i], NULL), 0);
    (void)print(m);
    T_TRUE(strstr(text, "kbs_auth_requests_total 4000\n"));
    T_TRUE(strstr(text, "kbs_resource_deletes_total{resource_path=\"a/b/c\"} 4000\n"));
    kbs_metrics_free(m);
}

TEST_MAIN("kbs-metrics", {"labels are escaped", labels_are_escaped},
          {"labels are bounded", labels_are_bounded},
          {"families without members are not told", families_without_members_are_not_told},
          {"buckets are summed up", buckets_are_summed_up},
          {"threads lose no count", threads_lose_no_count}, )
