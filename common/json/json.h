/*
 * json.h - JSON of the outside world: bounded loading, compact dumping, canonical form (RFC 8785).
 *
 *     auto_json json_t *body = NULL;
 *     int r = cmn_json_load(cmn_bytes(text, len), CMN_JSON_MAX_DEPTH, &body, &err);
 */
#ifndef CMN_JSON_H
#define CMN_JSON_H

#include "common/buf/buf.h"

#include <jansson.h>

#define CMN_JSON_MAX_DEPTH 64

void cmn_json_cleanup(json_t **json);
#define auto_json __attribute__((cleanup(cmn_json_cleanup)))

/*
 * Loads one JSON value (any kind). Duplicate members, trailing text, invalid UTF-8, \u0000 (it
 * would cut a C string short) and more nesting than max_depth are -EBADMSG; the message gives line
 * and column. Caller owns *ret.
 */
int cmn_json_load(struct cmn_bytes text, unsigned max_depth, json_t **ret,
                  struct cmn_err *err) CMN_MUST_USE;

/* Compact text, members in their order; malloc'ed, NULL without memory. */
char *cmn_json_dump(const json_t *json);

/*
 * RFC 8785: members sorted by UTF-16 code units, no white space, minimal escapes. Appends to ret.
 * Real numbers are -ENOTSUP: no document we hash has any.
 */
int cmn_json_jcs(const json_t *json, struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;

/* A JSON string of any bytes: in what is no UTF-8, all that is not ASCII becomes '?'. NULL: no
 * memory. */
json_t *cmn_json_text(const char *s);

/* Shorthands: the string (integer) member or NULL (def) when it is absent or of another type. */
const char *cmn_json_str(const json_t *obj, const char *key);
json_int_t cmn_json_int(const json_t *obj, const char *key, json_int_t def);

#endif
