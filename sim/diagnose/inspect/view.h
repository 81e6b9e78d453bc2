/*
 * view.h - what inspect found, as JSON that both faces (text, --json) are made of:
 *
 *     {"kind": "snp-report", "title": "...", "fields": [{"offset": 8, "size": 8, "name": "POLICY",
 *      "value": "0x30000", "meaning": "...", "doubt": "...", "code": "snp.debug-allowed"}],
 *      "doubts": [{"doubt": "...", "code": "..."}], "parts": [ ... the same ... ]}
 *
 * Outside text goes in with %s: bytes that are no printable ASCII become '?', and texts are cut at
 * 4096. All functions take NULL documents and fields, so callers check memory only at the end.
 */
#ifndef SIM_INSPECT_VIEW_H
#define SIM_INSPECT_VIEW_H

#include "common/json/json.h"

#define SIM_VIEW_NO_OFFSET (-1)

json_t *sim_view_new(const char *kind, const char *title);
/* Returns the field, borrowed. */
json_t *sim_view_field(json_t *doc, long offset, size_t size, const char *name, const char *fmt,
                       ...) __attribute__((format(printf, 5, 6)));
json_t *sim_view_hex(json_t *doc, long offset, const char *name, const void *data, size_t len);
void sim_view_meaning(json_t *field, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* On a field or on a whole document. NONE: no code. */
void sim_view_doubt(json_t *at, enum cmn_reason reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void sim_view_part(json_t *doc, json_t *part); /* takes part over; NULL ok */
/* How many doubts in the document and its parts. */
size_t sim_view_doubts(const json_t *doc);
int sim_view_text(const json_t *doc, struct cmn_buf *ret) CMN_MUST_USE; /* appends */

#endif
