/* report.c - what came of a run, as JSON and as JUnit's XML; see conformance.h. */
#include "sim/conformance/conformance.h"

#include <libxml/xmlwriter.h>
#include <stdio.h>
#include <string.h>

json_t *sim_conf_report_json(const struct sim_conf_report *report)
{
    json_t *rows = json_array();

    for (size_t i = 0; rows && i < report->n; i++) {
        const struct sim_conf_result *r = &report->results[i];
        CMN_IGNORE(json_array_append_new(
            rows,
            json_pack("{s:i, s:s, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:i}", "number",
                      (int)r->number, "group", r->group, "section", r->section, "rule", r->rule,
                      "outcome", sim_conf_outcome_name(r->outcome), "sent", r->sent, "received",
                      r->received, r->outcome == SIM_CONF_SKIP ? "reason" : "expected", r->expected,
                      "remark", r->remark, "ms", (int)r->ms)));
    }
    return json_pack("{s:s, s:s, s:s, s:b, s:b, s:i, s:i, s:i, s:i, s:o}", "url", report->url,
                     "era", report->era, "tee", report->tee, "admin", report->admin, "destructive",
                     report->destructive, "passed", (int)report->n_passed, "failed",
                     (int)report->n_failed, "skipped", (int)report->n_skipped, "remarks",
                     (int)report->n_remarks, "checks", rows);
}

#define X(text) ((const xmlChar *)(text))

/* XML 1.0 has no control characters, and the suite's texts are ASCII. */
static void put_text(xmlTextWriter *w, const char *text)
{
    char clean[4096];
    size_t n = 0;

    for (; text && *text && n < sizeof(clean) - 1; text++)
        clean[n++] = (*text >= 0x20 && *text < 0x7F) || *text == '\n' ? *text : '?';
    clean[n] = '\0';
    (void)xmlTextWriterWriteString(w, X(clean));
}

static void put_attribute(xmlTextWriter *w, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void put_attribute(xmlTextWriter *w, const char *name, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    (void)xmlTextWriterWriteAttribute(w, X(name), X(text));
}

static void put_case(xmlTextWriter *w, const struct sim_conf_result *r)
{
    (void)xmlTextWriterStartElement(w, X("testcase"));
    put_attribute(w, "classname", "kbs.%s", r->group);
    put_attribute(w, "name", "%u %s (%s)", r->number, r->rule, r->section);
    put_attribute(w, "time", "%u.%03u", r->ms / 1000, r->ms % 1000);
    if (r->outcome == SIM_CONF_SKIP) {
        (void)xmlTextWriterStartElement(w, X("skipped"));
        put_attribute(w, "message", "%s", r->expected ? r->expected : "");
        (void)xmlTextWriterEndElement(w);
    } else if (r->outcome == SIM_CONF_FAIL) {
        (void)xmlTextWriterStartElement(w, X("failure"));
        put_attribute(w, "message", "expected %s", r->expected ? r->expected : "?");
        put_text(w, "sent: ");
        put_text(w, r->sent);
        put_text(w, "\nreceived: ");
        put_text(w, r->received);
        (void)xmlTextWriterEndElement(w);
    }
    if (r->remark) {
        (void)xmlTextWriterStartElement(w, X("system-out"));
        put_text(w, "remark: ");
        put_text(w, r->remark);
        (void)xmlTextWriterEndElement(w);
    }
    (void)xmlTextWriterEndElement(w);
}

static void put_suite(xmlTextWriter *w, const struct sim_conf_result *first, size_t n)
{
    size_t failed = 0, skipped = 0;

    for (size_t i = 0; i < n; i++) {
        failed += first[i].outcome == SIM_CONF_FAIL;
        skipped += first[i].outcome == SIM_CONF_SKIP;
    }
    (void)xmlTextWriterStartElement(w, X("testsuite"));
    put_attribute(w, "name", "kbs.%s", first->group);
    put_attribute(w, "tests", "%zu", n);
    put_attribute(w, "failures", "%zu", failed);
    put_attribute(w, "skipped", "%zu", skipped);
    for (size_t i = 0; i < n; i++)
        put_case(w, &first[i]);
    (void)xmlTextWriterEndElement(w);
}

int sim_conf_report_junit(const struct sim_conf_report *report, const char *path,
                          struct cmn_err *err)
{
    xmlTextWriter *w = xmlNewTextWriterFilename(path, 0);

    if (!w)
        return cmn_err_set(err, errno ? errno : EIO, "%s: cannot be written", path);
    (void)xmlTextWriterSetIndent(w, 1);
    int bad = xmlTextWriterStartDocument(w, NULL, "UTF-8", NULL) < 0;
    bad |= xmlTextWriterStartElement(w, X("testsuites")) < 0;
    put_attribute(w, "name", "kbs conformance, era %s", report->era);
    put_attribute(w, "tests", "%zu", report->n);
    put_attribute(w, "failures", "%zu", report->n_failed);
    put_attribute(w, "skipped", "%zu", report->n_skipped);
    for (size_t i = 0, n; i < report->n; i += n) {
        for (n = 1; i + n < report->n && report->results[i + n].group == report->results[i].group;)
            n++;
        put_suite(w, &report->results[i], n);
    }
    bad |= xmlTextWriterEndDocument(w) < 0;
    bad |= xmlTextWriterFlush(w) < 0;
    xmlFreeTextWriter(w);
    return bad ? cmn_err_set(err, EIO, "%s: cannot be written whole", path) : 0;
}
