/* lint-internal.h - what the linters of the kinds of file share. */
#ifndef SIM_LINT_INTERNAL_H
#define SIM_LINT_INTERNAL_H

#include "common/crypto/crypto.h"
#include "sim/diagnose/lint/lint.h"

struct sim_lint {
    struct cmn_env *env;
    json_t *found; /* array of findings */
    json_t *facts; /* for cross checks: object of arrays of {"file","line","value", ...} */
    size_t files, skipped, budget;
    unsigned depth; /* of texts inside of texts */
};

/* A text under the linter: the file it stands in and where. */
struct lint_doc {
    struct sim_lint *l;
    const char *file;
    struct cmn_bytes text;
    unsigned first_line; /* of text in its file, from 1 */
};

enum { LINT_MAX_BYTES = 4 << 20, LINT_MAX_FILES = 2000, LINT_MAX_DEPTH = 6 };

/* Line of the first place of needle (NULL: of the beginning) in the doc. */
unsigned lint_line(const struct lint_doc *d, const char *needle);
void lint_error(const struct lint_doc *d, unsigned line, enum cmn_reason reason, const char *fix,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void lint_warn(const struct lint_doc *d, unsigned line, enum cmn_reason reason, const char *fix,
               const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Remembers a fact of this kind for the cross checks. extra may be NULL; taken over. */
void lint_fact(const struct lint_doc *d, unsigned line, const char *kind, const char *value,
               json_t *extra);
/* Unknown keys of obj: a warning that names the nearest known one. */
void lint_keys(const struct lint_doc *d, const json_t *obj, const char *where,
               const char *const *keys, size_t n);
/* TOML text to JSON; a parse error is a finding (with its line) of this reason. NULL then. */
json_t *lint_toml(const struct lint_doc *d, enum cmn_reason reason);

/* Each returns false when the text is of another kind. */
bool lint_any(const struct lint_doc *d);
bool lint_initdata(const struct lint_doc *d, const json_t *toml);
bool lint_aa(const struct lint_doc *d, const json_t *toml);
bool lint_cdh(const struct lint_doc *d, const json_t *toml);
bool lint_kbs_config(const struct lint_doc *d, const json_t *toml);
bool lint_policy(const struct lint_doc *d);
bool lint_reference_values(const struct lint_doc *d, const json_t *json);
bool lint_auth_json(const struct lint_doc *d, const json_t *json);
bool lint_manifests(const struct lint_doc *d);
bool lint_pem(const struct lint_doc *d);
/* base64(gzip(TOML)) of an annotation or of INITDATA. */
void lint_encoded_initdata(const struct lint_doc *d, unsigned line, const char *text);

/* Pieces that several kinds have. */
void lint_kbs_url(const struct lint_doc *d, const char *what, const char *given); /* NULL: "" */
void lint_cert_text(const struct lint_doc *d, const char *what, const char *pem);
void lint_resource_uri(const struct lint_doc *d, const char *what, const char *uri);

void lint_cross(struct sim_lint *l);

#endif
