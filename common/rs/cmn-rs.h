/*
 * cmn-rs.h - Rego and TOML, by the very parsers Trustee and the guest components use (the Rust
 * crates regorus and toml), behind a C face. A library of its own: link dep_cmn_rs.
 *
 *     char *error = NULL;
 *     struct cmn_rs_rego *rego = cmn_rs_rego_new();
 *     if (cmn_rs_rego_add_policy(rego, "", text, len, &error) < 0 ||
 *         cmn_rs_rego_set_input(rego, input, input_len, &error) < 0)
 *         ...                                          // error says what and where
 *     char *value = NULL;
 *     switch (cmn_rs_rego_eval_rule(rego, "data.policy.allow", &value, &error)) {
 *     case CMN_RS_REGO_VALUE:                          // value is JSON text
 *     case CMN_RS_REGO_ABSENT:                         // no such rule
 *     case CMN_RS_REGO_UNDEFINED:                      // a rule, but no value
 *     case CMN_RS_REGO_ERROR:                          // error
 *     }
 *     cmn_rs_free(value);
 *     cmn_rs_free(error);
 *     cmn_rs_rego_free(rego);
 *
 * Ownership: every returned char * is freed with cmn_rs_free (not free). ret_error may be NULL; it
 * is written only on failure. Texts need not be NUL terminated and may hold any bytes: what is not
 * UTF-8 is refused. No call unwinds into C: a panic of a parser becomes an error text. Input larger
 * than CMN_RS_MAX_TEXT (a policy: 1 MiB, 20000 lines of 1024 columns) or nested too deep is
 * refused. Calls on one engine must not run at the same time; different engines are independent.
 */
#ifndef CMN_RS_H
#define CMN_RS_H

#include <stddef.h>

#define CMN_RS_MAX_TEXT (8u << 20) /* bytes of one TOML or JSON text */

/* Frees a text made here; NULL ok. */
void cmn_rs_free(char *text);

/*
 * TOML -> compact JSON. Dates become strings, inf and nan null. NULL on failure: *ret_error is the
 * toml crate's own text, with line, column and a picture of the line.
 */
char *cmn_rs_toml_to_json(const char *text, size_t len, char **ret_error)
    __attribute__((warn_unused_result));

struct cmn_rs_rego; /* one engine: policies, data, input */

enum cmn_rs_rego_result {
    CMN_RS_REGO_ERROR = -1,
    CMN_RS_REGO_ABSENT = 0,    /* no policy has a rule of this path */
    CMN_RS_REGO_VALUE = 1,     /* JSON */
    CMN_RS_REGO_UNDEFINED = 2, /* there is a rule, but it has no value for this input */
};

/*
 * Answers the builtin query_reference_value(name). name is NUL terminated, and name_len bytes long.
 * Returns 0 with *ret_json = malloc'ed JSON text, or left NULL for Rego's null; negative if it
 * cannot tell, which makes the evaluation fail.
 */
typedef int (*cmn_rs_rego_lookup)(void *ctx, const char *name, size_t name_len, char **ret_json);

/* Rego v1, no policy, empty data, no input. NULL: no memory. */
struct cmn_rs_rego *cmn_rs_rego_new(void) __attribute__((warn_unused_result));
void cmn_rs_rego_free(struct cmn_rs_rego *rego); /* NULL ok */

/* 0 or -1. path names the policy in error texts ("" as Trustee does). */
int cmn_rs_rego_add_policy(struct cmn_rs_rego *rego, const char *path, const char *text, size_t len,
                           char **ret_error) __attribute__((warn_unused_result));
int cmn_rs_rego_set_data(struct cmn_rs_rego *rego, const char *json, size_t len, char **ret_error)
    __attribute__((warn_unused_result)); /* replaces the data document; an object */
int cmn_rs_rego_set_input(struct cmn_rs_rego *rego, const char *json, size_t len, char **ret_error)
    __attribute__((warn_unused_result));

/* Registers the builtin, once per engine. ctx must outlive the engine. 0 or -1. */
int cmn_rs_rego_set_lookup(struct cmn_rs_rego *rego, cmn_rs_rego_lookup lookup, void *ctx,
                           char **ret_error) __attribute__((warn_unused_result));

/* Ends an evaluation that takes longer (default 10000 ms; 0 = no limit). */
void cmn_rs_rego_set_deadline(struct cmn_rs_rego *rego, unsigned timeout_ms);

/*
 * Evaluates a full rule path, "data.policy.allow". *ret_json is written for VALUE only; sets come
 * as arrays.
 */
enum cmn_rs_rego_result cmn_rs_rego_eval_rule(struct cmn_rs_rego *rego, const char *rule,
                                              char **ret_json, char **ret_error)
    __attribute__((warn_unused_result));

#endif
