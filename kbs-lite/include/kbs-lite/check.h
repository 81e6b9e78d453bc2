/*
 * check.h - what a verifier did, check by check: an ordered list that events, logs and offline
 * replay are made from.
 *
 * A verifier is a table of checks, each a small function. They run in the table's order until one
 * refuses; the rest is not reached.
 */
#ifndef KBS_CHECK_H
#define KBS_CHECK_H

#include "common/err/err.h"
#include "common/json/json.h"

enum kbs_check_result {
    KBS_CHECK_NOT_REACHED, /* a check before it refused */
    KBS_CHECK_PASS,
    KBS_CHECK_FAIL,      /* this is why the evidence is refused */
    KBS_CHECK_ADVISORY,  /* failed, and does not refuse: Trustee does not look at it */
    KBS_CHECK_NOT_ASKED, /* nothing to compare with: no nonce known, no CRL at hand, ... */
};

struct kbs_check {
    const char *name; /* "report.signature"; stable */
    enum kbs_check_result result;
    enum cmn_reason reason; /* of FAIL and ADVISORY */
    char expected[136];     /* text for people; "" if there is nothing to say */
    char actual[136];
    char message[256]; /* of FAIL and ADVISORY: one sentence; upstream's text where it has one */
};

#define KBS_CHECKS_MAX 64

struct kbs_checks {
    struct kbs_check list[KBS_CHECKS_MAX];
    size_t n;
};

const char *kbs_check_result_name(enum kbs_check_result result); /* "pass", "not-reached", ... */
/* The check that refused, or NULL. */
const struct kbs_check *kbs_checks_refusal(const struct kbs_checks *checks);
/* NULL: no check of this name ran or was to run. */
const struct kbs_check *kbs_checks_find(const struct kbs_checks *checks, const char *name);
/* {"check", "expected"?, "actual"?}: details of an event. NULL without memory. */
json_t *kbs_check_details(const struct kbs_check *check);
/* [{"name", "result", "reason"?, "message"?, "expected"?, "actual"?}, ...]. NULL without memory. */
json_t *kbs_checks_to_json(const struct kbs_checks *checks);

#endif
