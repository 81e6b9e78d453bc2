/*
 * inspect-internal.h - one function for each kind: NULL when the bytes are not of this kind (then
 * nothing was done), else a document of view.h, owned by the caller.
 */
#ifndef SIM_INSPECT_INTERNAL_H
#define SIM_INSPECT_INTERNAL_H

#include "sim/diagnose/inspect/inspect.h"

struct insp {
    struct cmn_env *env;
    unsigned depth;  /* of encodings and documents in each other */
    unsigned budget; /* how many more documents are looked at */
    size_t work;     /* how many more bytes are searched for the end of something */
    unsigned inside; /* of a known thing that has parts: parts are not told to emit */
    sim_extract_fn *emit;
    void *emit_ctx;
    size_t emitted;
};

enum { INSP_MAX_DEPTH = 8, INSP_BUDGET = 64, INSP_WORK = 256 << 20 };

/* Tells emit of a thing that was found, unless it is inside of another. Returns found. */
json_t *insp_emit(struct insp *in, json_t *found, struct cmn_bytes bytes);
json_t *insp_emit_json(struct insp *in, json_t *found, const json_t *json);

/* Any kind, in any encoding (inspect.c). */
json_t *insp_bytes(struct insp *in, struct cmn_bytes data);
/* Not encoded any more, binary. */
json_t *insp_binary(struct insp *in, struct cmn_bytes data);
/* Text that is one thing as a whole (TOML, Rego, token ...), not a log. */
json_t *insp_text(struct insp *in, struct cmn_bytes text);
json_t *insp_json(struct insp *in, const json_t *json);
/* Encodings (unwrap.c): hex, base64, gzip, PEM, arrays of numbers, log text. */
json_t *insp_encoded(struct insp *in, struct cmn_bytes text);
json_t *insp_gzip(struct insp *in, struct cmn_bytes data);
json_t *insp_log(struct insp *in, struct cmn_bytes text);

json_t *insp_report(struct insp *in, struct cmn_bytes data);
json_t *insp_quote(struct insp *in, struct cmn_bytes data);
json_t *insp_hcl(struct insp *in, struct cmn_bytes data);
json_t *insp_der(struct insp *in, struct cmn_bytes data);
json_t *insp_pem(struct insp *in, struct cmn_bytes text);
json_t *insp_cert_table(struct insp *in, struct cmn_bytes data);
json_t *insp_firmware(struct insp *in, struct cmn_bytes data);
json_t *insp_jws(struct insp *in, struct cmn_bytes text);
json_t *insp_toml(struct insp *in, struct cmn_bytes text);
json_t *insp_manifest(struct insp *in, struct cmn_bytes text);
json_t *insp_rego(struct insp *in, struct cmn_bytes text);

json_t *insp_json_evidence(struct insp *in, const json_t *json);
json_t *insp_json_jose(struct insp *in, const json_t *json);
json_t *insp_json_image(struct insp *in, const json_t *json);
json_t *insp_json_protocol(struct insp *in, const json_t *json);

/* 2026-01-01T00:00:00Z */
void insp_time(int64_t seconds, char out[32]);

#endif
