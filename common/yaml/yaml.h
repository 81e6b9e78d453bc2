/*
 * yaml.h - one YAML document as a JSON tree with line marks, read strictly.
 *
 *     auto_yaml struct cmn_yaml *doc = NULL;
 *     int r = cmn_yaml_load_file("scenario.yaml", &doc, &err);
 *     json_t *root = cmn_yaml_root(doc);                       // borrowed, lives as long as doc
 *     r = cmn_yaml_check_keys(doc, root, keys, n_keys, &err);  // "scenario.yaml:3: unknown key
 * 'imges'; did you mean 'images'?" if (bad) return cmn_yaml_fail(doc, root, "timeout", &err,
 * "'timeout' is too long");
 *
 * Every message begins with file:line. Refused: duplicate keys, keys that are no strings, aliases,
 * tags, more than one document, more than CMN_YAML_MAX_BYTES, CMN_YAML_MAX_DEPTH or
 * CMN_YAML_MAX_NODES. Plain scalars follow the core schema (null, true, false, integers, decimals);
 * yes, no, on and off are refused, because one half of YAML's readers takes them for booleans and
 * the other for text.
 */
#ifndef CMN_YAML_H
#define CMN_YAML_H

#include "common/json/json.h"

#define CMN_YAML_MAX_BYTES (1u << 20)
#define CMN_YAML_MAX_DEPTH 32
#define CMN_YAML_MAX_NODES 20000

struct cmn_yaml;

/* name stands in messages. -EINVAL for a document that breaks a rule, -EFBIG, -ENOMEM. */
int cmn_yaml_load(const char *name, struct cmn_bytes text, struct cmn_yaml **ret,
                  struct cmn_err *err) CMN_MUST_USE;
int cmn_yaml_load_file(const char *path, struct cmn_yaml **ret, struct cmn_err *err) CMN_MUST_USE;
void cmn_yaml_free(struct cmn_yaml *doc); /* NULL ok */
void cmn_yaml_cleanup(struct cmn_yaml **doc);
#define auto_yaml __attribute__((cleanup(cmn_yaml_cleanup)))

/* Borrowed. An empty document is null. */
json_t *cmn_yaml_root(const struct cmn_yaml *doc);
const char *cmn_yaml_name(const struct cmn_yaml *doc);

/* Line (from 1) of member `key` of `node`, or of node itself (key NULL, or no such member); 0:
 * unknown. */
unsigned cmn_yaml_line(const struct cmn_yaml *doc, const json_t *node, const char *key);

/* Fills err with "name:line: ..." and returns -EINVAL. */
int cmn_yaml_fail(const struct cmn_yaml *doc, const json_t *node, const char *key,
                  struct cmn_err *err, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* obj is an object and has only these keys; else -EINVAL, naming the nearest known one. */
int cmn_yaml_check_keys(const struct cmn_yaml *doc, const json_t *obj, const char *const *keys,
                        size_t n_keys, struct cmn_err *err) CMN_MUST_USE;
/* The nearest of the names to `name`, NULL when none is near. */
const char *cmn_yaml_nearest(const char *name, const char *const *names, size_t n_names);
/* "an object", "a list", "text", ...: how messages name the type of a node. */
const char *cmn_yaml_type_name(const json_t *node);

#endif
