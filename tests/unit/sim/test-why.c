/*
 * test-why.c - which reason codes a log speaks for: hostile and healthy texts, a set of symptoms in
 * our own words, and the failure catalogues beside the tree (whole, cut, as people tell it; in
 * noise).
 */
#include "tests/testlib/testlib.h"

#include "sim/diagnose/symptoms.h"
#include "sim/diagnose/why/why.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const noise[] = {
    "2026-11-24T10:00:00.123456Z  INFO actix_web::middleware::logger: 10.0.0.7 \"GET /healthz "
    "HTTP/1.1\" 200 2 \"-\" \"kube-probe/1.29\" 0.000112",
    "Normal  Pulled   12s  kubelet  Container image already present on machine",
    "[    1.203948] systemd[1]: Reached target multi-user.target - Multi-User System.",
    "I1124 10:00:01.000000   1 reconciler.go:41] reconciling object "
    "trustee-operator-system/cluster",
    "2026-11-24T10:00:02.5Z DEBUG h2::codec::framed_read: received frame=Settings { flags: (0x0) }",
    "{\"level\":\"info\",\"msg\":\"starting workers\",\"count\":4}",
    "level=info msg=\"StartContainer for 4f2a9b returns successfully\"",
};

/* Text with noise around it; how many of the best three, and them in out. */
static size_t ask(const char *text, struct sim_why_finding out[3])
{
    struct sim_why *w = NULL;

    T_OK(sim_why_new(&w, NULL), NULL);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(noise); i++) {
        sim_why_feed(w, noise[i], strlen(noise[i]));
        sim_why_feed(w, "\n", 1);
    }
    sim_why_feed(w, text, strlen(text));
    sim_why_feed(w, "\n", 1);
    for (size_t i = CMN_ARRAY_SIZE(noise); i-- > 0;) {
        sim_why_feed(w, noise[i], strlen(noise[i]));
        sim_why_feed(w, "\r\n", 2);
    }
    size_t n = sim_why_finish(w, out, 3);
    sim_why_free(w);
    return n;
}

/* codes: one or more names, separated by '|'. */
static bool named(const char *codes, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = codes; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == '|' || p[n] == '\0'))
            return true;
    return false;
}

static bool answers(const char *text, const char *codes)
{
    struct sim_why_finding out[3];
    size_t n = ask(text, out);

    for (size_t i = 0; i < n; i++)
        if (named(codes, cmn_reason_name(out[i].reason)))
            return true;
    return false;
}

static void healthy_logs_name_nothing(void)
{
    static const char *const lines[] = {
        "INFO verifier: Verifier/endorsement check passed. tee=Snp tee_class=\"cpu\"",
        "INFO kbs: Starting HTTP server at [0.0.0.0:8080]",
        ("INFO attestation_agent: starting ttrpc server on "
         "unix:///run/confidential-containers/aa.sock"),
        "Normal Scheduled 3s default-scheduler Successfully assigned default/hello to worker-1",
        "",
        "\x1b[32mINFO\x1b[0m ok \xc3\xa4\xff\x01",
    };
    struct sim_why_finding out[3];

    for (size_t i = 0; i < CMN_ARRAY_SIZE(lines); i++) {
        size_t n = ask(lines[i], out);
        if (n)
            (void)fprintf(stderr, "%s -> %s\n", lines[i], cmn_reason_name(out[0].reason));
        T_EQ_INT(n, 0);
    }
}

static void every_finding_points_at_its_line(void)
{
    static const char text[] =
        "one\n\ttwo: VMPL Check\x01 Failed, Bearer abcdefghijklmnop\nthree\n";
    struct sim_why_finding out[3];
    struct sim_why *w = NULL;

    T_OK(sim_why_new(&w, NULL), NULL);
    for (const char *p = text; *p; p++) /* a byte at a time is the same */
        sim_why_feed(w, p, 1);
    T_EQ_INT(sim_why_finish(w, out, 3), 1);
    sim_why_free(w);
    T_EQ_STR(cmn_reason_name(out[0].reason), "snp.vmpl");
    T_EQ_INT(out[0].line, 2);
    T_EQ_INT(out[0].lines, 1);
    T_EQ_STR(out[0].text, "two: VMPL Check? Failed, Bearer xxxxxxxxxxxxxxxx");
}

static void long_lines_and_binary_are_survived(void)
{
    struct sim_why *w = NULL;
    struct sim_why_finding out[3];
    auto_buf struct cmn_buf big = {0};

    T_OK(cmn_buf_resize(&big, 1 << 20), NULL);
    for (size_t i = 0; i < big.len; i++)
        big.data[i] = (uint8_t)(i * 2654435761u >> 13) | 0x80; /* no newline */
    memcpy(big.data + 500000, "report_data mismatch", 20);
    memcpy(big.data + 16384 - 10, "VMPL check failed", 17); /* across two pieces */
    T_OK(sim_why_new(&w, NULL), NULL);
    sim_why_feed(w, big.data, big.len);
    T_EQ_INT(sim_why_finish(w, out, 3), 2);
    sim_why_free(w);
    T_EQ_STR(cmn_reason_name(out[0].reason), "snp.vmpl");
    T_EQ_STR(cmn_reason_name(out[1].reason), "snp.report-data-mismatch");
    T_EQ_INT(out[1].line, 1);
    T_TRUE(strstr(out[1].text, "report_data mismatch") != NULL);
}

static void escaped_newlines_end_a_line(void)
{
    struct sim_why_finding out[3];
    size_t n = ask("{\"log\":\"deserialize\\nAttestation\"}", out);

    T_EQ_INT(n, 0);
    n = ask("{\"log\":\"Caused by:\\n  0: Verifier evaluate failed\\n  1: Host Data Mismatch\\n\"}",
            out);
    T_EQ_INT(n, 2);
    T_EQ_STR(cmn_reason_name(out[0].reason), "snp.host-data-mismatch");
}

static void the_cause_goes_before_its_consequence(void)
{
    struct sim_why_finding out[3];
    size_t n = ask("get resource failed: GetTokenFailed(\"token provider error\")\n"
                   "KBS attest unauthorized: RCAR handshake Attest failed\n"
                   "builder error for url (kbs.example:8080/kbs/v0/auth)",
                   out);

    T_EQ_INT(n, 3);
    T_EQ_STR(cmn_reason_name(out[0].reason), "kbs.url-invalid");
}

static void events_of_cocobox_name_their_code(void)
{
    struct sim_why_finding out[3];
    size_t n = ask("{\"t_ms\":1,\"phase\":\"release-key\",\"outcome\":\"refused\",\"code\":"
                   "\"policy.measurement-mismatch\"}",
                   out);

    T_EQ_INT(n, 1);
    T_EQ_STR(cmn_reason_name(out[0].reason), "policy.measurement-mismatch");
}

static void every_code_has_symptoms(void)
{
    for (int i = 1; i < CMN_REASON_COUNT; i++) {
        const struct sim_symptom *s = sim_symptom_of((enum cmn_reason)i);
        if (!s)
            (void)fprintf(stderr, "no row in symptoms.def: %s\n",
                          cmn_reason_name((enum cmn_reason)i));
        T_TRUE(s && s->client && s->kbs_log && s->pod_event && *s->prove);
        T_TRUE(s && *s->causes);
    }
    T_TRUE(!sim_symptom_of(CMN_REASON_NONE) && !sim_symptom_of(CMN_REASON_COUNT));
}

static void the_documented_table_is_the_code_s(void)
{
    auto_buf struct cmn_buf want = {0}, have = {0};
    struct cmn_err err = {0};

    T_OK(sim_symptom_markdown(&want, &err), &err);
    T_OK(cmn_file_read(COCOBOX_SOURCE_ROOT "/docs/reasons.md", 4 << 20, &have, &err), &err);
    T_EQ_INT(have.len, want.len);
    T_TRUE(have.len == want.len && memcmp(have.data, want.data, want.len) == 0);
    if (have.len != want.len)
        (void)fprintf(stderr, "run: cocobox reasons --markdown > docs/reasons.md\n");
}

/* What people write, in our words. */
static const struct {
    const char *text, *code;
} told[] = {
#define TOLD(text, code) {text, code},
#include "tests/unit/sim/why-told.def"
#undef TOLD
};

static void symptoms_as_people_tell_them_are_found(void)
{
    size_t good = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(told); i++) {
        bool ok = answers(told[i].text, told[i].code);
        if (!ok)
            (void)fprintf(stderr, "MISS told: %s (want %s)\n", told[i].text, told[i].code);
        good += ok;
    }
    (void)printf("own symptom texts: %zu of %zu among the first three\n", good,
                 CMN_ARRAY_SIZE(told));
    T_TRUE(CMN_ARRAY_SIZE(told) >= 60);
    T_TRUE(good * 100 >= CMN_ARRAY_SIZE(told) * 90);
}

/* ---- the catalogues ---- */

static const struct {
    const char *catalogue;
    unsigned row;
    const char *codes;
} rows[] = {
#define ROW(catalogue, row, codes) {catalogue, row, codes},
#include "tests/unit/sim/why-catalogue.def"
#undef ROW
};

/* file; heading of the table's section; columns of symptom (two) and of the trigger in words. */
static const struct catalogue {
    const char *name, *file, *heading;
    unsigned symptom, symptom2, words;
} catalogues[] = {
    {"kbs", "spec/kbs-protocol.md", "### 8.2 ", 3, 2, 1},
    {"guest", "spec/guest-components.md", "## 9. ", 2, 2, 1},
    {"pod", "spec/peer-pods.md", "## 7. ", 2, 2, 3},
    {"snp", "spec/sev-snp.md", "### 8.3 ", 2, 1, 1},
};

/* The table line that begins with "| row |" after the heading; borrowed. */
static const char *find_row(const char *text, const char *heading, unsigned row, size_t *len)
{
    char start[16];
    const char *p = strstr(text, heading);

    (void)snprintf(start, sizeof(start), "\n| %u |", row);
    p = p ? strstr(p, start) : NULL;
    if (!p)
        return NULL;
    *len = strcspn(p + 1, "\n");
    return p + 1;
}

/* Column n (row number = 0) of a table line, without backquotes. */
static void column(const char *line, size_t len, unsigned n, char *out, size_t cap)
{
    size_t o = 0;

    for (size_t i = 1; i < len && o + 1 < cap; i++) {
        if (line[i] == '|' && line[i - 1] != '\\') {
            if (!n--)
                break;
        } else if (n == 0 && line[i] != '`') {
            out[o++] = line[i];
        }
    }
    out[o] = '\0';
}

/* What the abbreviations of the key broker's catalogue stand for. */
static void put_symptom(char *out, size_t cap, const char *cell)
{
    size_t n = strlen(out);

    if (strncmp(cell, " ATT ", 5) == 0)
        cell = " Attestation error: RCAR handshake Attest failed ";
    if (strncmp(cell, " AUTH", 5) == 0) {
        n += (size_t)snprintf(out + n, cap - n, "RCAR handshake Auth failed: ");
        cell += 5;
    }
    if (n < cap)
        (void)snprintf(out + n, cap - n, "%s\n", cell);
}

enum variant { WHOLE, CUT, TOLD_BY_PEOPLE, VARIANTS };

static void make_text(const struct catalogue *c, const char *line, size_t len, enum variant v,
                      char *out, size_t cap)
{
    char cell[1024], words[1024];

    out[0] = '\0';
    column(line, len, c->symptom, cell, sizeof(cell));
    column(line, len, c->words, words, sizeof(words));
    if (strncmp(cell, " same", 5) == 0)
        column(line, len, c->symptom2, cell, sizeof(cell));
    if (v == TOLD_BY_PEOPLE) {
        (void)snprintf(out, cap, "Hi, since yesterday:%s - %s", words, cell);
        for (char *p = out; *p; p++)
            *p = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p == '_' ? ' ' : *p;
        return;
    }
    put_symptom(out, cap, cell);
    if (c->symptom2 != c->symptom) {
        column(line, len, c->symptom2, cell, sizeof(cell));
        put_symptom(out, cap, cell);
    }
    if (v == CUT && strlen(out) > 60) /* the last fifth is missing */
        out[strlen(out) * 4 / 5] = '\0';
}

static void catalogue_rows_give_the_right_code(void)
{
    size_t good[VARIANTS] = {0}, all = 0;

    for (size_t c = 0; c < CMN_ARRAY_SIZE(catalogues); c++) {
        auto_buf struct cmn_buf text = {0};
        const char *path = t_shared(catalogues[c].file);
        if (!path)
            return;
        T_OK(cmn_file_read(path, 4 << 20, &text, NULL), NULL);
        for (size_t i = 0; i < CMN_ARRAY_SIZE(rows); i++) {
            size_t len;
            char out[4096];
            if (strcmp(rows[i].catalogue, catalogues[c].name) != 0)
                continue;
            const char *line =
                find_row((const char *)text.data, catalogues[c].heading, rows[i].row, &len);
            T_TRUE(line != NULL);
            all++;
            for (enum variant v = 0; line && v < VARIANTS; v++) {
                make_text(&catalogues[c], line, len, v, out, sizeof(out));
                bool ok = answers(out, rows[i].codes);
                good[v] += ok;
                if (!ok)
                    (void)fprintf(stderr, "MISS %s %u (variant %d, want %s): %s\n",
                                  rows[i].catalogue, rows[i].row, (int)v, rows[i].codes, out);
            }
        }
    }
    (void)printf(
        "catalogue rows: %zu; right code among the first three: whole %zu, cut %zu, told by "
        "people %zu (%.1f %% of all)\n",
        all, good[WHOLE], good[CUT], good[TOLD_BY_PEOPLE],
        100.0 * (double)(good[0] + good[1] + good[2]) / (double)(VARIANTS * all));
    for (enum variant v = 0; v < VARIANTS; v++)
        T_TRUE(good[v] * 100 >= all * 90);
}

TEST_MAIN("why", {"healthy logs name nothing", healthy_logs_name_nothing},
          {"every finding points at its line", every_finding_points_at_its_line},
          {"long lines and binary are survived", long_lines_and_binary_are_survived},
          {"escaped newlines end a line", escaped_newlines_end_a_line},
          {"the cause goes before its consequence", the_cause_goes_before_its_consequence},
          {"events of cocobox name their code", events_of_cocobox_name_their_code},
          {"every code has symptoms", every_code_has_symptoms},
          {"the documented table is the code's", the_documented_table_is_the_code_s},
          {"symptoms as people tell them are found", symptoms_as_people_tell_them_are_found},
          {"catalogue rows give the right code", catalogue_rows_give_the_right_code})
