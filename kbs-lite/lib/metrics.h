/*
 * metrics.h - what GET /metrics tells, under upstream's names (trustee v0.21.0
 * kbs/src/prometheus/mod.rs), in Prometheus' text format 0.0.4.
 *
 *     kbs_metric_add(kbs->metrics, KBS_METRIC_AUTH_REQUESTS);
 *     kbs_metric_add_for(kbs->metrics, KBS_METRIC_RESOURCE_READS, "default/key/1");
 *
 * Thread safe. Nothing here is secret: paths of resources are told, as upstream tells them.
 */
#ifndef KBS_METRICS_H
#define KBS_METRICS_H

#include "common/buf/buf.h"

enum kbs_metric { /* plain counters */
                  KBS_METRIC_HTTP_REQUESTS,
                  KBS_METRIC_POLICY_EVALUATIONS,
                  KBS_METRIC_POLICY_APPROVALS,
                  KBS_METRIC_POLICY_VIOLATIONS,
                  KBS_METRIC_POLICY_ERRORS,
                  KBS_METRIC_ATTESTATION_REQUESTS,
                  KBS_METRIC_ATTESTATION_ERRORS,
                  KBS_METRIC_AUTH_REQUESTS,
                  KBS_METRIC_AUTH_SUCCESSES,
                  KBS_METRIC_AUTH_ERRORS,
                  KBS_METRICS
};

enum kbs_labelled { /* counters by one label: resource_path or tee_type */
                    KBS_METRIC_RESOURCE_READS,
                    KBS_METRIC_RESOURCE_WRITES,
                    KBS_METRIC_RESOURCE_DELETES,
                    KBS_METRIC_ATTESTATION_SUCCESSES,
                    KBS_METRIC_ATTESTATION_FAILURES,
                    KBS_LABELLED_METRICS
};

enum { KBS_METRIC_LABELS_MAX = 1024 }; /* values of a label; further ones count as "(others)" */

struct kbs_metrics;

struct kbs_metrics *kbs_metrics_new(void);    /* NULL: no memory */
void kbs_metrics_free(struct kbs_metrics *m); /* NULL ok */
void kbs_metric_add(struct kbs_metrics *m, enum kbs_metric which);
void kbs_metric_add_for(struct kbs_metrics *m, enum kbs_labelled which, const char *label);
/* A request below /kbs begins, and ends. */
void kbs_metrics_begin(struct kbs_metrics *m, size_t request_bytes);
void kbs_metrics_end(struct kbs_metrics *m, uint64_t took_us, size_t response_bytes);
/* The whole text, appended to ret. -ENOMEM. */
int kbs_metrics_print(struct kbs_metrics *m, struct cmn_buf *ret) CMN_MUST_USE;

#endif
